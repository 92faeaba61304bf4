"""Who looks at a file for evidence; trusted to look, never to decide."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from scanward.model.comparison import Comparison
from scanward.model.instance import ByteSource
from scanward.model.verdict import Step
from scanward.ports.engines import FrameSource


class Opened(Protocol):
    """An opened scan: what :class:`scanward.seal.scan.Scan` has."""

    @property
    def frames(self) -> FrameSource | None:
        """Its frames; None where it has none that can be decoded."""
        ...


class Picture(Protocol):
    """Samples of a picture, as the examiner that made it knows them."""


class Examiner(Protocol):
    """Looks at pictures."""

    def open(self, content: ByteSource, scan: Opened | None) -> Picture | None:
        """Return the picture that a file shows, its first frame; None where it shows none that can be decoded."""
        ...

    def declare(self, content: ByteSource) -> Step:
        """Look for what the file says of its own origin (C2PA)."""
        ...

    def look_up(self, picture: Picture) -> tuple[Step, str]:
        """Look for a sealed film that shows the same; return its id too, empty where there is none."""
        ...

    def differ(self, picture: Picture, original: Picture) -> tuple[Step, bytes]:
        """Look where a picture differs from its original; return that as a PNG too, empty where nobody can say."""
        ...

    def look_for_edits(self, picture: Picture) -> Sequence[Step]:
        """Look for copies within it, for noise that does not fit, for what a generator leaves."""
        ...

    def draw(self, scan: Opened, comparison: Comparison, frame: int) -> bytes:
        """Return a PNG of a frame with what was altered drawn over it."""
        ...


class SignatureReader(Protocol):
    """Checks digital signatures inside of DICOM files (PS3.15 Annex C)."""

    def __call__(self, content: ByteSource) -> Step:
        """Tell whether a file carries any, and whether they hold."""
        ...


class LogEvidence(Protocol):
    """A log that statements are looked for in: this gateway's own, a mirror, or what a proof holds of it."""

    def check(self, index: int | None, entry: bytes) -> tuple[int, int, datetime | None]:
        """Return the place of an entry, the size of the log, and when somebody else saw it there, None for never.

        Raises
        ------
        EvidenceError
            The entry is not there, or the log is not what it has to be.
        StoreError
            The log cannot be read.
        """
        ...
