"""What a check of all stores asks the ledger; reads only."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class BlobUse:
    """A blob that the ledger names, whose data key opens it, and what it is; `needed` says whether it must be there."""

    blob: str
    owner: str
    what: str
    needed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Disagreement:
    """Something that two stores, or two tables of one, say differently.

    Attributes
    ----------
    what
        What is not as it has to be, in words without identifiers.
    subject
        Opaque id of what it is about.
    remedy
        What a person can do.
    """

    what: str
    subject: str
    remedy: str


class Audit(Protocol):
    """The ledger as a check reads it."""

    def blob_uses(self) -> Iterator[BlobUse]:
        """Yield every blob that the ledger names."""
        ...

    def released_studies(self) -> Iterator[tuple[str, str, str]]:
        """Yield recipient, new Study Instance UID and a release of every study that was disclosed."""
        ...

    def disagreements(self) -> Iterator[Disagreement]:
        """Yield what the ledger says differently in two places."""
        ...
