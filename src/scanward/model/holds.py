"""Instances of a release that are held for their pixels: why, what was seen in them, and what a person decides."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from scanward.errors import TextFoundError
from scanward.model.pixels import PixelBox

MAX_BOXES = 200
"""So many boxes of a held instance are kept, for a person to see where text was found."""


class HoldKind(StrEnum):
    """Why an instance is held for its pixels."""

    TEXT = "text"
    """Text or a barcode was found, and it stays there, or the profile says that it is not taken out."""
    PHOTOGRAPH = "photograph"
    """It may show a person from outside."""
    FACE = "face"
    """A face can be rebuilt from it, or may be, and stays there."""
    UNREADABLE = "unreadable"
    """Nobody can look: there is no decoder, or it is of a kind or size that is not looked at."""
    ENGINE = "engine"
    """What looks failed its own test, so that its word means nothing."""
    UNSEEN = "unseen"
    """Nobody looked: the profile says so, what would look is not installed, or it is a document."""
    EARLIER = "earlier"
    """Held before it was kept why."""


class HoldState(StrEnum):
    """How far a hold is."""

    OPEN = "open"
    """Waits for a person, or for what it was held for to change."""
    KEPT = "kept"
    """A person decided that it stays."""
    LET_GO = "let go"
    """A person decided that it leaves; it is being prepared."""
    LEFT = "left"
    """It was disclosed, as a person decided."""
    PASSED = "passed"
    """It was looked at again, and nothing holds it back any more."""
    ENDED = "ended"
    """It goes no further for another reason: its release was stopped, or it cannot be de-identified."""


UNDECIDED = frozenset({HoldState.OPEN, HoldState.KEPT})
"""States in which a person can decide."""

CLEANED = frozenset({HoldKind.TEXT, HoldKind.PHOTOGRAPH, HoldKind.FACE})
"""Kinds of which a form can be had that the machine took text out of: these never leave as they are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What was seen in the pixels of an instance; no words.

    Attributes
    ----------
    rows, columns, frames
        Size of a frame, and how many there are; 0 where that is not known.
    count
        How many regions were found.
    boxes
        Where; at most `MAX_BOXES` of them.
    """

    rows: int = 0
    columns: int = 0
    frames: int = 0
    count: int = 0
    boxes: tuple[PixelBox, ...] = ()


class TextStaysError(TextFoundError):
    """Text stays in the pixels; says where.

    Parameters
    ----------
    message, remedy
        As for any error of ours.
    finding
        Where.
    """

    def __init__(self, message: str, *, remedy: str = "", finding: Finding) -> None:
        super().__init__(message, remedy=remedy)
        self.finding = finding


@dataclass(frozen=True, kw_only=True, slots=True)
class PixelHold:
    """Why an instance is held for its pixels, as far as a person decides on it.

    Attributes
    ----------
    kind
        Why.
    digest
        Of its file, under the study's data key: what a decision is bound to. Empty where it was not kept.
    finding
        What was seen.
    form
        Digest of how it would have been de-identified (:mod:`scanward.flow.forms`).
    sight
        What would have looked, by names and versions; empty where nothing would.
    """

    kind: HoldKind
    digest: str
    finding: Finding
    form: str
    sight: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LetGo:
    """A person lets an instance leave of which the machine cannot say that it shows no text.

    Attributes
    ----------
    digest
        Of the file that the person decided on.
    as_it_is
        Whether its pixels may leave as they are, where the machine cannot look at them.
    decided
        When, aware UTC.
    kind
        What it was held for: who lets an instance go for its text has not been asked about a face.
    """

    digest: str
    as_it_is: bool
    decided: datetime
    kind: HoldKind


@dataclass(frozen=True, kw_only=True, slots=True)
class LetGoRecord:
    """What a person let go with a disclosure, for the accounting.

    Attributes
    ----------
    by, at, reason
        Who, when (aware UTC), and why.
    instances
        How many.
    as_it_is
        How many of these with pixels at which no machine has looked.
    """

    by: str
    at: datetime
    reason: str
    instances: int
    as_it_is: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """An instance of a release that is or was held for its pixels, as the ledger knows it.

    Attributes
    ----------
    release_id, instance_id, series_id, modality, sop_class_uid, size_bytes
        Which, and what it is.
    hold
        Why.
    reason
        The same in words.
    state
        How far.
    noted
        When it was last held, aware UTC.
    by, decided, why
        Who decided, when, and for which reason; empty and None while nobody did.
    as_it_is
        Whether that person said that its pixels may leave as they are.
    series_uid, sop_instance_uid
        As received; for who may read identities only.
    """

    release_id: str
    instance_id: str
    series_id: str
    modality: str
    sop_class_uid: str
    size_bytes: int
    hold: PixelHold
    reason: str
    state: HoldState
    noted: datetime
    by: str = ""
    decided: datetime | None = None
    why: str = ""
    as_it_is: bool = False
    series_uid: str = field(default="", repr=False)
    sop_instance_uid: str = field(default="", repr=False)

    @property
    def seen(self) -> str:
        """What a decision names, so that it is about what the person saw.

        Another content, reason or decision in between has another one.
        """
        hold, found = self.hold, self.hold.finding.boxes
        boxes = [(one.first_frame, one.last_frame, one.x, one.y, one.width, one.height) for one in found]
        what = (hold.kind.value, hold.digest, hold.form, hold.sight, self.reason, self.noted.isoformat(), boxes)
        decided = (self.state.value, self.by, self.decided.isoformat() if self.decided else "")
        return hashlib.sha256(repr((self.release_id, self.instance_id, what, decided)).encode()).hexdigest()[:16]
