"""What recognises identifiers that nobody told it of. Trusted to find more, never to clear what others found."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from scanward.model.identifier import IdentifierKind


class Recognised(NamedTuple):
    """A part of a text that looks like an identifier.

    Attributes
    ----------
    start, end
        Where, as indices of characters.
    kind
        What it looks like.
    certainty
        How sure that is, 0 to 1.
    """

    start: int
    end: int
    kind: IdentifierKind
    certainty: float


class Recogniser(Protocol):
    """Recognises identifiers in text by how they are written and by what stands around them."""

    @property
    def name(self) -> str:
        """Model and version, for the report."""
        ...

    def recognise(self, text: str) -> list[Recognised]:
        """Return what looks like an identifier in `text`, in order; may overlap.

        Raises
        ------
        EngineError
            It cannot work here.
        """
        ...


@runtime_checkable
class SparingRecogniser(Recogniser, Protocol):
    """A recogniser that can leave out what others have found already."""

    def recognise_beside(self, text: str, taken: Sequence[tuple[int, int]]) -> list[Recognised]:
        """Return what looks like an identifier in `text`, in order; words within `taken` need not be looked at.

        Parameters
        ----------
        text
            The whole text; what is taken counts as what stands beside the rest.
        taken
            Where identifiers are already, in order and not overlapping.

        Raises
        ------
        EngineError
            It cannot work here.
        """
        ...
