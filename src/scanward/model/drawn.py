"""What `scanward inspect --faces` found of each volume."""

from dataclasses import dataclass, field
from pathlib import Path

from scanward.model.faces import FACELESS, FaceFigures, FaceFinding


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnVolume:
    """One volume, and where it was drawn.

    Attributes
    ----------
    kind
        Modality, or NIfTI.
    slices
        How many there are.
    finding
        What it is.
    reasons
        Why nobody could tell for sure; empty where it is told.
    figures
        What was measured; detector hits among them.
    false_hits
        In how many pictures of the back a face was found; None where it was not drawn.
    is_upright
        Whether it was turned as a head stands.
    sheet
        Where it was drawn to; None where it could not be.
    """

    kind: str
    slices: int
    finding: FaceFinding
    reasons: tuple[str, ...] = ()
    figures: FaceFigures = field(default_factory=FaceFigures)
    false_hits: int | None = None
    is_upright: bool = False
    sheet: Path | None = None

    @property
    def is_faceless(self) -> bool:
        """Whether no face can be rebuilt from it."""
        return self.finding in FACELESS and not self.reasons


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """What a file or folder shows of faces.

    Attributes
    ----------
    volumes
        Each volume of it.
    others
        Instances that make no volume and may show a face all the same, by what they are.
    left_aside
        How many files are neither DICOM nor NIfTI.
    """

    volumes: tuple[DrawnVolume, ...]
    others: dict[str, int]
    left_aside: int

    @property
    def is_faceless(self) -> bool:
        """Whether nothing of it shows a face; what is no volume shows none beside volumes without a head."""
        heads = not self.volumes or any(one.finding is not FaceFinding.NO_HEAD for one in self.volumes)
        return all(one.is_faceless for one in self.volumes) and not (self.others and heads)
