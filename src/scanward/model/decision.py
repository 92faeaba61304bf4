"""The decision on whether data may leave."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from scanward.model.agreement import Obligation, Recipient
from scanward.model.consent import Provision


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesFacts:
    """What a decision needs to know of the instances of a series that share these values."""

    series_id: str
    modality: str
    body_part: str
    sop_class_uid: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionFacts:
    """All that a decision is made of.

    Attributes
    ----------
    now
        Aware UTC.
    recipient
        Who would receive; None when it is not known (any more).
    purpose
        ActReason code.
    provisions
        The patient's, those in force and others; None when they could not be looked up.
    series
        What would leave.
    restrictions
        Why this study must not be disclosed now, in words a patient reads (a legal hold, an erasure that waits); None
        when that could not be looked up.
    """

    now: datetime
    recipient: Recipient | None
    purpose: str
    provisions: Sequence[Provision] | None
    series: Sequence[SeriesFacts]
    restrictions: Sequence[str] | None = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Grounds:
    """By which documents a decision was made, so that it can be told whether they changed since.

    Attributes
    ----------
    agreement_version
        :attr:`scanward.model.agreement.Recipient.version` of the one in force; empty where there was none.
    provisions
        Ids of the patient's provisions in force; None where they could not be looked up, which is no decision to last.
    """

    agreement_version: str
    provisions: frozenset[int] | None


@dataclass(frozen=True, kw_only=True)
class Permit:
    """It may leave, de-identified as the profile says, for one recipient.

    Attributes
    ----------
    recipient
        For whom; pseudonyms are the recipient's own.
    profile
        Name of the profile to apply.
    purpose
        ActReason code; empty in the file command, where whoever runs it permits.
    agreement_version
        :attr:`scanward.model.agreement.Recipient.version` of what was agreed.
    series
        What of it may leave; None in the file command: all.
    attributes
        Keywords of the optional Attributes that the purpose needs; ``*`` alone leaves it to the profile.
    unchecked_pixels
        Whether instances may leave whose pixels nobody has looked at.
    needs_approval
        Whether a person has to approve first.
    delete_by
        Last day on which the recipient may hold a copy.
    obligations
        What the recipient promised.
    reasons
        Why, in words a patient reads.
    """

    recipient: str
    profile: str
    purpose: str = ""
    agreement_version: str = ""
    series: frozenset[SeriesFacts] | None = None
    attributes: frozenset[str] = frozenset({"*"})
    unchecked_pixels: bool = False
    needs_approval: bool = False
    delete_by: date | None = None
    obligations: frozenset[Obligation] = frozenset()
    reasons: Sequence[str] = field(default=())


class DenyCode(StrEnum):
    """Of what kind a reason to deny is; coarse enough to be counted and to tell nothing of anybody."""

    RESTRICTED = "restricted"
    """A legal hold or the like."""
    UNKNOWN = "unknown"
    """Something could not be looked up, or does not fit together."""
    AGREEMENT = "agreement"
    CONSENT = "consent"
    DATA = "data"
    """Nothing of it is needed for the purpose."""
    OTHER = "other"
    """A person stopped or refused it, or it was decided elsewhere."""


@dataclass(frozen=True, kw_only=True)
class Deny:
    """It stays.

    Attributes
    ----------
    reasons
        Why, in words a patient reads.
    codes
        Of which kinds they are, in the same order; for counting only.
    """

    reasons: Sequence[str]
    codes: Sequence[DenyCode] = field(default=(), compare=False)


Decision = Permit | Deny
