"""What became of the inputs of a run, in counts and words that identify nobody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from scanward.model.attribute import Action, Reason


class Outcome(StrEnum):
    """Where an input ended; each input has exactly one."""

    RELEASED = "released"
    HELD = "held"
    QUARANTINED = "quarantined"
    NOT_DICOM = "not DICOM"


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One thing done to one Attribute (or kind of private element), the same in `count` instances.

    Attributes
    ----------
    attribute
        Keyword of the Attribute, or for private elements the group and creator as far as the creator is a known
        one; enclosing sequences are joined by a dot.
    tag
        The tag, or the tags of the path, as ``(gggg,eeee)`` joined by a dot.
    action
        What was done (PS3.15 Table E.1-1a).
    reason
        Why.
    """

    attribute: str
    tag: str
    action: Action
    reason: Reason


@dataclass(kw_only=True)
class StudyReport:
    """What became of one study.

    Attributes
    ----------
    patient
        The patient's pseudonym.
    study_uid
        The study's new UID; empty where nothing of it could be read.
    modalities
        Modalities met.
    outcomes
        Number of inputs by outcome.
    changes
        Number of instances by change.
    stopped
        Number of held or quarantined inputs by reason, in words.
    residual
        What could remain, in words.
    identifiers
        Number of distinct identifying values found in the input, by kind.
    """

    patient: str
    study_uid: str
    modalities: Sequence[str] = ()
    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    changes: Mapping[Change, int] = field(default_factory=dict)
    stopped: Mapping[str, int] = field(default_factory=dict)
    residual: Sequence[str] = ()
    identifiers: Mapping[str, int] = field(default_factory=dict)


@dataclass(kw_only=True)
class RunReport:
    """What became of a whole run.

    Attributes
    ----------
    version, profile, profile_description, recipient, standard_edition
        With what and for whom it ran.
    started, finished
        Aware UTC times, ISO 8601.
    outcomes
        Number of inputs by outcome; their sum is `found`.
    found
        Number of inputs.
    resumed
        How many of them an earlier, interrupted run had already finished.
    skipped
        Number of inputs that are not DICOM or could not be read, by reason in words.
    studies
        One report for each study, ordered by pseudonym and UID.
    run_id
        The id of the run's journal; names the folder of the report.
    """

    version: str
    profile: str
    profile_description: str
    recipient: str
    standard_edition: str
    started: str
    finished: str = ""
    found: int = 0
    resumed: int = 0
    bytes_released: int = 0
    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    studies: Sequence[StudyReport] = ()
    run_id: str = ""
