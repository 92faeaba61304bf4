"""What became of the inputs of a run, in counts and words that identify nobody."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from scanward.model.attribute import Action, Reason
from scanward.model.faces import FaceVolume
from scanward.model.pixels import PixelBox
from scanward.model.risks import ResidualRisk, Shown
from scanward.model.screens import Screen
from scanward.model.text import DocumentTally


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


@dataclass(kw_only=True, slots=True)
class PixelTally:
    """What looking at the pixels of released instances came to.

    Attributes
    ----------
    looked_at
        Instances that were looked at and show no text as they left.
    unseen
        Instances with pixels at which nobody looked.
    unseen_likely
        Those among them that are of a kind which often shows text.
    kept_words
        Words that were read and left, since the profile keeps their kind.
    redactions
        What was filled, by new SOP Instance UID; never what stood there.
    looked_by
        Models and versions that looked.
    screens
        Of how many instances that were looked at the screen is known, by screen.
    screen_of
        The screen, as far as it is known, of what `redactions` has.
    """

    looked_at: int = 0
    unseen: int = 0
    unseen_likely: int = 0
    kept_words: int = 0
    redactions: dict[str, tuple[PixelBox, ...]] = field(default_factory=dict)
    looked_by: frozenset[str] = frozenset()
    screens: Counter[Screen] = field(default_factory=Counter)
    screen_of: dict[str, Screen] = field(default_factory=dict)

    @property
    def regions(self) -> int:
        """How many regions were filled."""
        return sum(len(boxes) for boxes in self.redactions.values())

    def add(self, other: "PixelTally") -> None:
        """Add what came of other instances."""
        self.looked_at += other.looked_at
        self.unseen += other.unseen
        self.unseen_likely += other.unseen_likely
        self.kept_words += other.kept_words
        self.redactions |= other.redactions
        self.looked_by |= other.looked_by
        self.screens.update(other.screens)
        self.screen_of |= other.screen_of


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
        What could remain.
    shown
        What the released instances show: their number by kind.
    identifiers
        Number of distinct identifying values found in the input, by kind.
    pixels
        What looking at the pixels came to.
    faces
        What was found of each volume that may show a head.
    documents
        What became of reports and encapsulated documents that were released.
    """

    patient: str
    study_uid: str
    modalities: Sequence[str] = ()
    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    changes: Mapping[Change, int] = field(default_factory=dict)
    stopped: Mapping[str, int] = field(default_factory=dict)
    residual: Sequence[ResidualRisk] = ()
    shown: Mapping[Shown, int] = field(default_factory=dict)
    identifiers: Mapping[str, int] = field(default_factory=dict)
    pixels: PixelTally = field(default_factory=PixelTally)
    faces: Sequence[FaceVolume] = ()
    documents: DocumentTally = field(default_factory=DocumentTally)


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
    pixels
        What was to be done about text in pixels, in words.
    faces
        What was to be done about faces in head scans, in words.
    body
        What was to stay of the body that scans show, in words.
    text
        What was to be done about text and documents, in words.
    looked_by
        Models and versions that looked at pixels.
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
    pixels: str = ""
    faces: str = ""
    body: str = ""
    text: str = ""
    looked_by: Sequence[str] = ()
