"""What is known of a file: whether it is what was sealed, what differs, and what points to where it comes from.

Evidence is told, never a verdict on truth: the word *authentic* is for seals alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from scanward.model.comparison import Comparison


class Outcome(StrEnum):
    """What a file is, as far as can be told."""

    UNCHANGED = "sealed and unchanged"
    """It is authentic: all that was sealed of it is as it was."""

    COERCED = "sealed, header coerced"
    """Pixels, and what says how they are to be seen, are as sealed; names or descriptions were put right since."""

    ALTERED = "altered"
    """It says it is a scan that was sealed, and differs from it."""

    KNOWN = "known picture in another form"
    """It has no seal, and shows what a sealed scan shows."""

    UNKNOWN = "unknown"
    """Nothing that is known here is like it. That says nothing about whether it is real."""


class VerifyFault(StrEnum):
    """How what vouches for a seal can fail, beside what statements and logs have of their own."""

    NOT_OF_SEALING = "verify.statement.not-of-sealing"
    OTHER_SEAL = "verify.statement.other-seal"
    SEAL_FILE = "verify.seal-file.malformed"
    NOT_LOGGED = "verify.log.not-there"
    LOG_KEY_COMPROMISED = "verify.log.key-compromised"


class StepName(StrEnum):
    """What is looked at, in this order."""

    DECLARATION = "declaration"
    SIGNATURE = "signature"
    SEAL = "seal"
    LOG = "log"
    LOOK_UP = "look-up"
    DIFFERENCE = "difference"
    COPY_MOVE = "copy-move"
    NOISE = "noise"
    SYNTHETIC = "synthetic"


class Found(StrEnum):
    """What a step came to."""

    YES = "found"
    NO = "nothing found"
    CANNOT_TELL = "cannot tell"
    NOT_DONE = "not done"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A step of looking.

    Attributes
    ----------
    name
        Which.
    found
        What it came to.
    says
        That in words, without identifiers.
    sees, misses
        What it can see and what it can't.
    figures
        Numbers and texts behind it.
    """

    name: StepName
    found: Found
    says: str
    sees: str = ""
    misses: str = ""
    figures: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class SealFacts:
    """What is known of the seal that a file was compared with.

    Attributes
    ----------
    source
        Where the seal came from: this gateway, an original, a proof.
    sealed
        When it was sealed, as stated; None where nobody stated it.
    is_copy
        Whether it is the seal of a copy that left.
    is_vouched
        Whether somebody whom the reader knows vouches for the seal: the gateway, by its keys, or the reader, who named
        the original. Anybody can make a seal file with keys of their own.
    is_stated, is_logged
        Whether a signed statement names it, and whether the log has that, both checked.
    log_index, log_size
        Its place in the log, of so many entries; None where it is not there.
    attested
        When somebody else saw it, by a timestamp or a witness; None where nobody did.
    """

    source: str
    sealed: datetime | None = None
    is_copy: bool = False
    is_vouched: bool = False
    is_stated: bool = False
    is_logged: bool = False
    log_index: int | None = None
    log_size: int | None = None
    attested: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What is known of a file.

    Attributes
    ----------
    outcome
        What it is, as far as can be told.
    steps
        What was looked at, in order.
    seal
        What it was compared with; None where it has no seal.
    comparison
        In what it differs from what was sealed; None where it has no seal.
    heat_maps
        PNG pictures of frames, by number from 0, with what was altered drawn over them.
    """

    outcome: Outcome
    steps: tuple[Step, ...]
    seal: SealFacts | None = None
    comparison: Comparison | None = None
    heat_maps: Mapping[int, bytes] = field(default_factory=dict, repr=False)
