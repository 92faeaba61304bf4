"""What the verifier found, in words that identify nobody."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding weighs."""

    LEAK = "leak"
    """An identifying value of an input is in an output."""
    FAULT = "fault"
    """An output is not as a de-identified instance has to be, or carries what nobody can vouch for."""
    REVIEW = "review"
    """A word came through that the verifier does not know to be clinical or technical: a person should look."""


class Kind(StrEnum):
    """What a finding is about."""

    NAME = "name of a person"
    ID = "identifier"
    BIRTH_DATE = "birth date"
    DATE = "date"
    TIME = "time"
    UID = "unique identifier"
    INSTITUTION = "institution"
    DEVICE = "device identifier"
    ADDRESS = "address"
    PHONE = "phone number or e-mail address"
    WORD = "word that is not known to be clinical"
    PRIVATE = "private element that is not said to be retained"
    UNKNOWN = "Attribute that the standard does not have"
    STRUCTURE = "bytes outside the Data Set, or a value that does not fit"
    MISFIT = "code that is no Code String"
    CODESTREAM = "comment, application segment or bytes behind the end in a codestream"
    MARKS = "marks of de-identification"
    BURNED_IN = "claim about burned-in annotation"
    UID_MAP = "replacement of UIDs"
    DATE_SHIFT = "shift of dates"
    AGE = "age above 90"
    PIXELS = "pixel data"
    FILE = "file that came through unchanged"
    UNREADABLE = "file that cannot be read"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing found. It names kind and place, never the value.

    Attributes
    ----------
    severity, kind
        What it is.
    file
        Path of the output, relative to the folder of outputs; its number instead where the path itself identifies.
    place
        Where in the output: keywords joined by dots, "preamble", "file name", "bytes" ...
    source
        Where in the inputs the value stood, by keyword; empty where that does not apply.
    """

    severity: Severity
    kind: Kind
    file: str
    place: str
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class CrosscheckReport:
    """The outcome of a comparison of outputs with their inputs.

    Attributes
    ----------
    inputs, outputs
        Number of DICOM files read on each side.
    other_outputs
        Number of other files among the outputs, searched byte by byte.
    matched
        Number of outputs whose input was told by pixels or content.
    searched
        Number of distinct identifying values searched for, by kind.
    findings
        Sorted, each once.
    not_examined
        What could not be looked at, in words: a library that is not installed, for instance.
    """

    inputs: int
    outputs: int
    other_outputs: int
    matched: int
    searched: Mapping[str, int]
    findings: tuple[Finding, ...]
    not_examined: tuple[str, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether there is no leak and no fault, and there was something to compare."""
        return bool(self.inputs and self.outputs) and not any(
            finding.severity is not Severity.REVIEW for finding in self.findings
        )

    def counts(self) -> dict[str, int]:
        """Return the number of findings by severity."""
        found = Counter(finding.severity.value for finding in self.findings)
        return {severity.value: found[severity.value] for severity in Severity}

    def to_json(self) -> dict[str, object]:
        """Return what `json.dumps` takes."""
        return {
            "inputs": self.inputs,
            "outputs": self.outputs,
            "other_outputs": self.other_outputs,
            "matched": self.matched,
            "searched": dict(self.searched),
            "passed": self.passed,
            "counts": self.counts(),
            "findings": [asdict(finding) for finding in self.findings],
            "not_examined": list(self.not_examined),
        }
