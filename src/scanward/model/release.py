"""A release: what of one batch of a study goes to one recipient for one purpose, and how far each instance is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from scanward.model.agreement import Basis
from scanward.model.holds import LetGoRecord, PixelHold
from scanward.model.pixels import UNSEEN, PixelOutcome


class ReleaseState(StrEnum):
    """How far a release is; the table of moves is :data:`scanward.flow.states.RELEASE_MOVES`."""

    OPEN = "open"
    """Not decided yet."""
    DENIED = "denied"
    AWAITING_APPROVAL = "awaiting approval"
    PERMITTED = "permitted"
    """Being prepared: de-identified, checked, accounted for."""
    ACCOUNTED = "accounted"
    """Every instance is excluded, quarantined or in the outbox."""
    STOPPED = "stopped"
    """Permitted once, but not when it was taken from the queue; what had not left stays."""
    DONE = "done"
    """Every instance is in a final state."""


class ItemState(StrEnum):
    """How far an instance of a release is."""

    EXCLUDED = "excluded"
    """Not needed for the purpose, disclosed before, or held for its pixels; final but for the last of these."""
    QUARANTINED = "quarantined"
    """Cannot be de-identified safely; final."""
    QUEUED = "queued"
    """Disclosed on record, waiting in the outbox."""
    AVAILABLE = "available"
    """Disclosed on record, for the recipient to fetch; final."""
    SENT = "sent"
    """The recipient confirmed it; final."""
    UNKNOWN = "unknown"
    """Sending was given up and it may have arrived; counts as disclosed; final."""
    FAILED = "failed"
    """The recipient refused it or could not be reached for good; final."""
    STOPPED = "stopped"
    """Not permitted any more when it was taken from the queue; final."""


FINAL_ITEM_STATES = frozenset(ItemState) - {ItemState.QUEUED}


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """One release as the ledger knows it.

    Attributes
    ----------
    release_id
        32 hexadecimal digits, the same for the same study, batch, recipient and purpose.
    study_id, patient_id, batch
        Of what.
    recipient, purpose
        For whom and what.
    state
        How far.
    reasons
        Of the last decision.
    approved_by
        Who approved it, empty while nobody did.
    changed
        When the state last changed, aware UTC.
    stopped_by
        Who of the staff stopped it; empty where nobody did, or a decision did.
    """

    release_id: str
    study_id: str
    patient_id: str
    batch: int
    recipient: str
    purpose: str
    state: ReleaseState
    reasons: Sequence[str]
    approved_by: str
    changed: datetime
    stopped_by: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setback:
    """An instance of a release that goes no further, and why; `state` is EXCLUDED or QUARANTINED.

    `hold` says more where it is held for its pixels, so that a person can decide on it.
    """

    instance_id: str
    state: ItemState
    reason: str
    hold: PixelHold | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboxItem:
    """A de-identified, checked instance to be disclosed.

    Attributes
    ----------
    instance_id
        Of which it was made.
    sop_instance_uid, series_uid, study_uid, patient
        Its new ones, and the patient's pseudonym.
    sop_class_uid, transfer_syntax_uid, modality
        What it is.
    size_bytes
        Length of the file that leaves.
    recipe, index
        Blob that holds how it is put together, and its place in there (:mod:`scanward.release.recipe`).
    form
        Digest of how it was de-identified (:mod:`scanward.flow.forms`); in another form it does not leave.
    pixels
        What looking at its pixels came to; without new pixels, which are in the recipe.
    """

    instance_id: str
    sop_instance_uid: str
    series_uid: str
    study_uid: str
    patient: str
    sop_class_uid: str
    transfer_syntax_uid: str
    modality: str
    size_bytes: int
    recipe: str
    index: int
    form: str = ""
    pixels: PixelOutcome = UNSEEN


@dataclass(frozen=True, kw_only=True, slots=True)
class Disclosure:
    """What the accounting says of a disclosure (45 CFR 164.528(b)(2)); recorded before anything leaves.

    Attributes
    ----------
    disclosed
        When it was recorded, aware UTC.
    recipient, recipient_name, recipient_address
        Who received it.
    purpose, basis
        What for, and on what ground.
    description
        Brief description of what was disclosed; pseudonyms and kinds only.
    agreement_version
        What was agreed.
    region
        Where the data may be.
    delete_by
        Last day on which the recipient may hold a copy.
    """

    disclosed: datetime
    recipient: str
    recipient_name: str
    recipient_address: str
    purpose: str
    basis: Basis
    description: str
    agreement_version: str
    region: str
    delete_by: date


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedDisclosure:
    """A disclosure in the ledger, with what became of its instances since, and what of them a person let go."""

    disclosure_id: int
    release_id: str
    study_id: str
    patient_id: str
    disclosure: Disclosure
    instances: int
    states: dict[ItemState, int]
    let_go: Sequence[LetGoRecord] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimedItem:
    """An outbox item taken by one sender for a while.

    Attributes
    ----------
    release_id, item
        What.
    attempts
        How often sending was tried before.
    may_have_arrived
        Whether an attempt ended so, or was cut off, that the recipient may have it.
    source_blob
        Blob of the instance it was made of.
    delete_by
        Last day on which the recipient may hold it, as its disclosure says; None where that says nothing.
    """

    release_id: str
    item: OutboxItem
    attempts: int
    may_have_arrived: bool
    source_blob: str
    delete_by: date | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """Outbox items of one release, leased by one sender until `until`.

    `package` is the name of the package that they went into before, all that wait of it and no others; empty where they
    are in none.
    """

    release: Release
    items: Sequence[ClaimedItem]
    until: datetime
    package: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Consignment:
    """What is sent at once, as far as a package of it says.

    Attributes
    ----------
    package
        Its name: 32 hexadecimal digits, the same whenever these instances are sent again.
    is_repeated
        Whether it may be at the recipient already: then all of it is sent again, or none.
    delete_by
        Last day on which the recipient may hold any of it; the earliest that was promised.
    """

    package: str
    is_repeated: bool
    delete_by: date


class Delivery(StrEnum):
    """How sending one instance ended."""

    CONFIRMED = "confirmed"
    REFUSED = "refused"
    """The recipient said no for good: sending it again would end the same way."""
    NOT_SENT = "not sent"
    """Nothing of it left, or the recipient said that it did not take it; worth another try."""
    UNKNOWN = "unknown"
    """It may have arrived."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryReport:
    """How sending one instance ended, and why, in words without identifiers."""

    sop_instance_uid: str
    delivery: Delivery
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemOutcome:
    """What the outbox shall note: the new state, or QUEUED with the time of the next try.

    `may_have_arrived` says whether the recipient may have it after all attempts so far.
    """

    release_id: str
    instance_id: str
    state: ItemState
    may_have_arrived: bool
    detail: str = ""
    next_attempt: datetime | None = None


class ResultState(StrEnum):
    """How far a result of a recipient is."""

    RECEIVED = "received"
    HELD = "held"
    """Matches nothing, or is not what was agreed; waits for a person."""
    ACCEPTED = "accepted"
    """Matched, re-identified and labelled; waits to be delivered to the archive."""
    DELIVERED = "delivered"
    REJECTED = "rejected"
    """A person decided so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """A result as the ledger knows it.

    Attributes
    ----------
    result_id
        32 hexadecimal digits, the same for the same recipient and SOP Instance UID.
    recipient
        Whose.
    release_id
        To which release it belongs; empty while nothing matches.
    sop_class_uid, size_bytes
        What it is.
    blob
        As it came, under the data key named by `result_id`.
    outgoing
        Re-identified and labelled, under the same key; empty before.
    state, reason
        How far, and why not further.
    received
        When, aware UTC.
    attempts
        How often delivery to the archive was tried.
    """

    result_id: str
    recipient: str
    release_id: str
    sop_class_uid: str
    size_bytes: int
    blob: str
    outgoing: str
    state: ResultState
    reason: str
    received: datetime
    attempts: int
