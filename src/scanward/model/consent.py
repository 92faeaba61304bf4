"""What a patient allowed and refused, in our own normalised form."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Effect(StrEnum):
    """What a provision does."""

    PERMIT = "permit"
    DENY = "deny"


@dataclass(frozen=True, kw_only=True, slots=True)
class Provision:
    """One rule of a patient's consent.

    Attributes
    ----------
    effect
        Permit or deny.
    purposes
        ActReason codes it is about, each with what is below it (a permit reaches ``MLTRAINING``, and secondary use
        below care, only by name); ``*`` alone means every purpose, in a denial only.
    recipients
        Ids of recipients it is about; ``*`` alone means every one.
    starts, ends
        From when until when it holds, aware UTC, `ends` not included; None is open.
    """

    effect: Effect
    purposes: frozenset[str]
    recipients: frozenset[str] = frozenset({"*"})
    starts: datetime | None = None
    ends: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedProvision:
    """A provision in the ledger; `revoked` is when it was taken back, or None."""

    provision_id: int
    provision: Provision
    recorded: datetime
    recorded_by: str
    revoked: datetime | None = None
