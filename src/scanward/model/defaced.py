"""What `scanward deface` did to each file; kept by the sender, as it says which output came of which input."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from scanward.model.faces import FaceFigures, FaceFinding


class FileOutcome(StrEnum):
    """Where a file ended; each has exactly one."""

    RELEASED = "released"
    HELD = "held"
    QUARANTINED = "quarantined"
    NOT_NIFTI = "not NIfTI"


@dataclass(frozen=True, kw_only=True, slots=True)
class DefacedFile:
    """What became of one file.

    Attributes
    ----------
    source
        Its path, which may name a patient.
    outcome
        Where it ended.
    output
        Name of what was written; empty where nothing was.
    finding
        What it is; None where it could not be looked at.
    reasons
        Why it was not released; empty where it was.
    remedy
        What a person can do about it; empty where there is nothing to do.
    figures
        What was measured.
    volumes
        Points in time, or other volumes on one grid.
    cleared
        Fields of its header that said something and do not any more.
    """

    source: str
    outcome: FileOutcome
    output: str = ""
    finding: FaceFinding | None = None
    reasons: tuple[str, ...] = ()
    remedy: str = ""
    figures: FaceFigures = field(default_factory=FaceFigures)
    volumes: int = 0
    cleared: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Show no name."""
        return f"DefacedFile({self.outcome.value})"


@dataclass(kw_only=True)
class DefaceReport:
    """What a run did.

    Attributes
    ----------
    version
        Of Scanward.
    policy
        What was done about faces, in words.
    recipient
        For whom; names of outputs are one set for each.
    looked_by
        What looked, by names and versions.
    started, finished
        ISO 8601, UTC.
    files
        Each file that was found, in the order in which it was.
    """

    version: str
    policy: str
    recipient: str
    started: str
    finished: str = ""
    looked_by: str = ""
    files: list[DefacedFile] = field(default_factory=list)

    @property
    def outcomes(self) -> dict[FileOutcome, int]:
        """How many files ended where."""
        counts = Counter(one.outcome for one in self.files)
        return {outcome: counts[outcome] for outcome in FileOutcome}
