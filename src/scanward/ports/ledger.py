"""The ledger: what came, what was decided, what was disclosed, what is still to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from scanward.model.agreement import Recipient
from scanward.model.consent import Provision, RecordedProvision
from scanward.model.decision import Decision, Grounds
from scanward.model.release import (
    Claim,
    Disclosure,
    ItemOutcome,
    ItemState,
    OutboxItem,
    RecordedDisclosure,
    Release,
    ReleaseState,
    Result,
    ResultState,
    Setback,
)
from scanward.model.screens import Box, Layout, RecordedScreen, ScreenDecision, SeenImage
from scanward.model.study import Arrived, Batch, Completion, Origin, PriorStudy, ReceivedInstance, StoredInstance, Study
from scanward.ports.holds import Holds
from scanward.ports.priors import Priors


class Registry(Protocol):
    """Recipients with their agreements, and consents. Trusted: what it says permits."""

    def save_recipient(self, recipient: Recipient, document: str, by: str, at: datetime) -> None:
        """Make `recipient` (read from the TOML `document`) the version in force; earlier versions stay on record."""
        ...

    def end_recipient(self, recipient_id: str, by: str, at: datetime) -> None:
        """Take a recipient out of force; raises `UnknownError` when there is none."""
        ...

    def find_recipient(self, recipient_id: str) -> Recipient | None:
        """Return the version in force, or None."""
        ...

    def recipients(self) -> Sequence[Recipient]:
        """Every version in force, by id."""
        ...

    def add_provision(self, patient_id: str, provision: Provision, by: str, at: datetime) -> int:
        """Record a provision of a patient (blind index), known to the ledger or not; return its id."""
        ...

    def revoke_provision(self, provision_id: int, by: str, at: datetime) -> None:
        """Take a provision back from now on; raises `UnknownError` when there is none in force."""
        ...

    def provisions(self, patient_id: str) -> Sequence[RecordedProvision]:
        """All of a patient's, revoked ones too, in the order they were recorded."""
        ...

    def decide_screen(
        self, screen_id: str, decision: ScreenDecision, boxes: Sequence[Box], by: str, at: datetime
    ) -> None:
        """Record what a person decided on a screen: what is always filled on it; raises `UnknownError`."""
        ...

    def layouts(self) -> Sequence[Layout]:
        """Return what is always filled on screens as people decided, in a fixed order."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Quarantined:
    """An instance that is not understood, as the ledger knows it.

    Attributes
    ----------
    quarantine_id
        32 hexadecimal digits; names its data key too.
    digest
        Keyed digest of its bytes, so that the same one sent again is known; 32 hexadecimal digits.
    reason
        Why, in words without identifiers.
    blob, size_bytes, origin, received
        As for a received instance.
    """

    quarantine_id: str
    digest: str
    reason: str
    blob: str
    size_bytes: int
    origin: Origin
    received: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class DisclosedStudy:
    """What a recipient was sent of a study, by its new UIDs.

    Attributes
    ----------
    study_uid
        The study's.
    release_id
        Of the last release.
    first
        When the first of it was disclosed, aware UTC.
    instances, series
        SOP Instance and Series Instance UIDs.
    """

    study_uid: str
    release_id: str
    first: datetime
    instances: frozenset[str]
    series: frozenset[str]


class Ledger(Priors, Holds, Protocol):
    """Studies, decisions, disclosures and work items. If stolen: who was sent where, under encryption.

    Each method is one transaction: durable on return, nothing on a raise (`StoreError`; `StoreFullError` when the disk
    is full). All times are aware UTC.
    """

    # Received

    def add_received(self, received: Sequence[ReceivedInstance]) -> Sequence[Arrived]:
        """Note instances; those that are known or belong to another patient's study change nothing."""
        ...

    def add_quarantined(self, quarantined: Quarantined) -> bool:
        """Note an instance that is not understood; False where one with its digest is waiting already."""
        ...

    def find_instance(self, instance_id: str) -> StoredInstance | None:
        """Return an instance, or None."""
        ...

    def studies_of(self, instance_ids: Sequence[str]) -> frozenset[str]:
        """Return the studies of those instances that are known."""
        ...

    def find_mark(self, instance_id: str) -> str:
        """Return the mark of an instance, empty where there is none; raises `UnknownError`."""
        ...

    def replace_blob(self, instance_id: str, lost: str, blob: str, size_bytes: int, by: str, at: datetime) -> bool:
        """Note that an instance is stored anew as `blob`; False, and nothing noted, where `lost` is not its blob."""
        ...

    def find_quarantined_blob(self, quarantine_id: str) -> str:
        """Return the blob of an instance that is not understood, empty where there is none."""
        ...

    def replace_quarantined_blob(self, quarantine_id: str, lost: str, blob: str, by: str, at: datetime) -> bool:
        """As :meth:`replace_blob`, for an instance that is not understood."""
        ...

    # Complete

    def close_study(self, study_id: str, how: Completion, at: datetime) -> Batch | None:
        """Make the study's instances that are in no batch a batch; None where there are none."""
        ...

    def find_quiet(self, before: datetime, limit: int) -> Sequence[str]:
        """Return studies with instances in no batch whose last one came before `before`."""
        ...

    def find_unrouted(self, limit: int) -> Sequence[Batch]:
        """Return batches that are not marked as routed, oldest first."""
        ...

    def mark_routed(self, batch: Batch, at: datetime, *, as_prior: bool = False) -> None:
        """Note that every recipient's release of the batch is open; with `as_prior`, of those who asked for a prior.

        Nothing is noted of a prior that came by itself meanwhile: it is for every recipient now.
        """
        ...

    def get_study(self, study_id: str) -> Study:
        """Return a study with all its instances; raises `UnknownError`."""
        ...

    def other_studies(self, study: Study, limit: int) -> Sequence[PriorStudy]:
        """Return what is known of the other studies of its patient, the latest first."""
        ...

    def instances_of(self, batch: Batch) -> Sequence[StoredInstance]:
        """Return the instances of one batch, in the order of series and instance id."""
        ...

    # Decide

    def open_release(self, batch: Batch, recipient: str, purpose: str, release_id: str, at: datetime) -> Release:
        """Return the release with this id; made in state OPEN where there is none."""
        ...

    def get_release(self, release_id: str) -> Release:
        """Return a release; raises `UnknownError`."""
        ...

    def find_releases(self, state: ReleaseState, limit: int) -> Sequence[Release]:
        """Return releases in a state, the longest unchanged first."""
        ...

    def record_decision(
        self,
        release_id: str,
        decision: Decision,
        state: ReleaseState,
        at: datetime,
        *,
        grounds: Grounds | None = None,
    ) -> None:
        """Append a decision to the release's history and move it to `state`.

        Raises `StateError` where :data:`scanward.flow.states.RELEASE_MOVES` has no such move, or where `grounds` are
        given and are not those in force any more: then it has to be decided again. With
        STOPPED, its QUEUED items become ItemState.STOPPED in the same transaction, but for those that may have
        arrived, which become UNKNOWN; AVAILABLE ones become STOPPED, since what was fetched is SENT.
        """
        ...

    def stop(self, release_id: str, *, by: str, reason: str, at: datetime) -> None:
        """Move a release to STOPPED as a person wants it; as :meth:`record_decision`, and notes who that was."""
        ...

    def approve(self, release_id: str, by: str, at: datetime) -> None:
        """Note who approved a release that awaits approval, and move it to OPEN, to be decided on again."""
        ...

    def refuse(self, release_id: str, by: str, reason: str, at: datetime) -> None:
        """Note who refused a release that awaits approval, and move it to DENIED."""
        ...

    def reopen_denied(self, *, patient_id: str = "", recipient: str = "", at: datetime) -> int:
        """Move DENIED releases of a patient, a recipient or both to OPEN, as what denied them changed; return how many.

        Those that a person refused stay denied. Waits for decisions that are being recorded. The registry does it with
        every change, in one transaction; done once more afterwards, it finds releases that were opened meanwhile.
        """
        ...

    # Account

    def account(
        self,
        release_id: str,
        disclosure: Disclosure | None,
        items: Sequence[OutboxItem],
        setbacks: Sequence[Setback],
        *,
        pull: bool,
    ) -> Sequence[str]:
        """Record the disclosure and its outbox items in one transaction, and what goes no further.

        Items of instances that the release has already are left as they are, and so are items whose (recipient,
        SOP Instance UID, purpose) another release disclosed: those become EXCLUDED here. With `pull` items are
        AVAILABLE, otherwise QUEUED. No disclosure is recorded where no item is left; None where there are no items.
        All calls for one release share one disclosure per calendar day of `disclosed`, whose count grows. Returns the
        recipe blobs of the call that nothing refers to, for the caller to delete.
        """
        ...

    def mark_accounted(self, release_id: str, at: datetime) -> None:
        """Move a permitted release to ACCOUNTED, or to DONE where nothing waits in the outbox."""
        ...

    def settled_instances(self, release_id: str) -> frozenset[str]:
        """Return ids of instances that the release has items or setbacks of."""
        ...

    def note_screens(self, seen: Sequence[SeenImage], at: datetime) -> None:
        """Keep where text was found, for the latest images of each screen, and for so many screens."""
        ...

    def note_faces(self, release_id: str, blob: str, at: datetime) -> str:
        """Note which blob says what was found of faces in the study of a release; none where `blob` is empty.

        Returns the former one for the caller to delete, empty where there was none; raises `UnknownError`.
        """
        ...

    def find_faces(self, release_id: str) -> str:
        """Return the blob that says what was found of faces in the study of a release, empty where there is none."""
        ...

    # Prepare again

    def note_outdated(self, release_id: str, at: datetime) -> None:
        """Note that a release has instances that were de-identified otherwise than they would be now."""
        ...

    def find_outdated(self, limit: int) -> Sequence[str]:
        """Return releases that this is noted of, the longest first."""
        ...

    def outdated_items(self, release_id: str, form: str, *, pull: bool) -> frozenset[str]:
        """Return ids of a release's instances that could still leave in another form than `form`.

        QUEUED and AVAILABLE ones; with `pull` SENT ones too, which may be fetched again. Not those that are noted as
        not to be had in `form`.
        """
        ...

    def replace_items(
        self,
        release_id: str,
        form: str,
        items: Sequence[OutboxItem],
        setbacks: Sequence[Setback],
        *,
        pull: bool,
        at: datetime,
    ) -> Sequence[str]:
        """Put instances that were de-identified again in the place of what `outdated_items` told, in one transaction.

        What a sender holds at the moment stays as it is. Where the recipient may have an instance already and its new
        UIDs differ, or it cannot be de-identified any more (`setbacks`), it leaves no more: QUEUED and AVAILABLE ones
        become STOPPED, or UNKNOWN where they may have arrived, and SENT ones are noted as not to be had in `form`.
        Returns recipe blobs, old and new, that nothing refers to, for the caller to delete.
        """
        ...

    def clear_outdated(self, release_id: str) -> None:
        """Take back what `note_outdated` noted."""
        ...

    # Outbox

    def claim(self, owner: str, now: datetime, until: datetime, limit: int) -> Claim | None:
        """Lease up to `limit` due QUEUED items of one release to `owner`; None where nothing is due.

        Items that went into a package together are leased together, all that wait of it and no others.

        Due: next attempt not after `now`, and not leased beyond `now` by another. Oldest first. A recipient of which
        another sender holds a lease beyond `now` is passed over. PERMITTED and ACCOUNTED releases are drained.
        """
        ...

    def begin_attempt(self, owner: str, claim: Claim) -> bool:
        """Count an attempt for each item before a byte leaves, and note that it may arrive, and in which package.

        False, and nothing counted, where the lease is lost or the release STOPPED. `settle` says what came of it: after
        a kill in between, the items count as having arrived, perhaps.
        """
        ...

    def settle(self, owner: str, outcomes: Sequence[ItemOutcome], at: datetime) -> None:
        """Note how items ended and end their lease; a release whose items are all final becomes DONE once ACCOUNTED."""
        ...

    def retry_items(self, release_id: str, by: str, at: datetime) -> int:
        """Queue the FAILED and UNKNOWN items of a release again, with their attempts forgotten; return how many.

        A DONE release moves to ACCOUNTED; one that is STOPPED raises `StateError`.
        """
        ...

    def note_fetched(self, release_id: str, instance_id: str, at: datetime) -> None:
        """Note that a recipient fetched an AVAILABLE item, before it gets a byte: SENT from then on.

        Raises `StateError` where the item is neither AVAILABLE nor SENT any more.
        """
        ...

    # Results

    def add_result(self, result: Result) -> bool:
        """Note a result; False where one with its id is there."""
        ...

    def keep_result_mark(self, result_id: str, mark: str) -> None:
        """Keep by what the content of a result is told again; the first one stays."""
        ...

    def find_result_mark(self, result_id: str) -> str:
        """Return what was kept, empty where there is nothing."""
        ...

    def replace_result_blob(self, result_id: str, lost: str, blob: str, by: str, at: datetime) -> bool:
        """As :meth:`replace_blob`, for a result."""
        ...

    def get_result(self, result_id: str) -> Result:
        """Return a result; raises `UnknownError`."""
        ...

    def find_results(self, state: ResultState, limit: int, due: datetime | None = None) -> Sequence[Result]:
        """Return results in a state, oldest first; with `due`, those whose next attempt is not after it."""
        ...

    def move_result(
        self,
        result_id: str,
        state: ResultState,
        *,
        reason: str = "",
        release_id: str = "",
        outgoing: str = "",
        next_attempt: datetime | None = None,
        by: str = "",
        at: datetime,
    ) -> None:
        """Move a result to `state`; empty values leave what is there; ACCEPTED again counts an attempt."""
        ...

    def find_disclosed(self, recipient: str, uids: Sequence[str]) -> Sequence[DisclosedStudy]:
        """Return each study disclosed to `recipient` that has any of the new Study, Series or SOP Instance UIDs given.

        Disclosed: in whatever state but EXCLUDED, QUARANTINED and STOPPED.
        """
        ...

    def find_disclosed_by(self, release_id: str) -> Sequence[DisclosedStudy]:
        """Return the studies that a release disclosed instances of, each with all that its recipient has of it."""
        ...

    def find_known(self, ids: Sequence[str]) -> frozenset[str]:
        """Return which of these blind indexes are of instances, series or studies of the archive."""
        ...

    # Workers

    def beat(self, worker: str, at: datetime) -> None:
        """Note that a worker is alive."""
        ...

    def take_over(self, before: datetime, at: datetime) -> Sequence[str]:
        """Return workers whose last beat is before `before`, each to one caller only, who takes over their work.

        To the next one they seem to have beaten `at`: should the caller die before it forgets them, they are found
        again.
        """
        ...

    def forget(self, workers: Sequence[str]) -> None:
        """Forget workers whose work was taken over."""
        ...

    # Tokens

    def use_up_token(self, token_id: str, *, until: datetime, at: datetime) -> bool:
        """Let a token be used no more; False where it was used up before. Forgets those whose `until` is over.

        Of several callers, in whatever process, one alone is told True.
        """
        ...

    def is_used_up(self, token_id: str) -> bool:
        """Return whether a token is used up."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyLine:
    """A study in a list for staff.

    Attributes
    ----------
    study_id, patient_id
        Blind indexes.
    modalities, instances, first_received, last_received
        What it is and when it came.
    waiting
        Instances that are in no batch yet.
    releases
        Its releases.
    """

    study_id: str
    patient_id: str
    modalities: Sequence[str]
    instances: int
    waiting: int
    first_received: datetime
    last_received: datetime
    releases: Sequence[Release]


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One entry of a history: when, what (a term of ours), who did it, why; no identifiers."""

    at: datetime
    what: str
    by: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemLine:
    """An instance of a release, for lists: its state and why; `item` is None where nothing of it may leave."""

    instance_id: str
    state: str
    detail: str
    attempts: int
    item: OutboxItem | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PatientRelease:
    """A release with what a change of its patient's consent meets; `refused` says whether a person refused it."""

    release: Release
    refused: bool
    items: Mapping[ItemState, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a recipient asks for of what it may fetch, by its new values; an empty set takes any."""

    studies: frozenset[str] = frozenset()
    series: frozenset[str] = frozenset()
    instances: frozenset[str] = frozenset()
    sop_classes: frozenset[str] = frozenset()
    modalities: frozenset[str] = frozenset()
    patients: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Monitored:
    """How work goes along.

    Attributes
    ----------
    waiting_since
        Since when the release waits that has been accounted for and not sent whole the longest; None where none is.
    workers
        How many workers are alive.
    decisions
        How many decisions were made so far, by outcome (permit, hold, deny) and kind of reason, empty for a permit.
    """

    waiting_since: datetime | None
    workers: int
    decisions: Mapping[tuple[str, str], int]


class Desk(Protocol):
    """What people ask the ledger: lists, newest first, a page at a time. Reads only; identities stay encrypted."""

    def studies(self, *, limit: int, before: datetime | None = None, patient_id: str = "") -> Sequence[StudyLine]:
        """Return studies by last arrival, of one patient where `patient_id` is given."""
        ...

    def releases(
        self, *, limit: int, state: ReleaseState | None = None, recipient: str = "", before: datetime | None = None
    ) -> Sequence[Release]:
        """Return releases by last change."""
        ...

    def release_items(self, release_id: str) -> Sequence[ItemLine]:
        """Return what became of each instance of a release."""
        ...

    def item_states(self, release_ids: Sequence[str]) -> Mapping[str, Mapping[ItemState, int]]:
        """Return how many instances of each release are in which state; nothing of one that has none."""
        ...

    def patient_releases(self, patient_id: str) -> Sequence[PatientRelease]:
        """Return all releases of a patient, by last change, with how many instances are in which state."""
        ...

    def history(self, subject: str) -> Sequence[Event]:
        """Return the history of a study, release, result, recipient or quarantined instance, oldest first."""
        ...

    def disclosures(
        self,
        *,
        limit: int,
        patient_id: str = "",
        recipient: str = "",
        before: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Sequence[RecordedDisclosure]:
        """Return disclosures, newest first; `before` is the id to go on from, `UnknownError` where it is none."""
        ...

    def results(self, *, limit: int, state: ResultState | None = None) -> Sequence[Result]:
        """Return results by arrival."""
        ...

    def quarantined(self, *, limit: int) -> Sequence[Quarantined]:
        """Return instances that are not understood by arrival."""
        ...

    def screens(self, decision: ScreenDecision, *, limit: int) -> Sequence[RecordedScreen]:
        """Return screens of devices on which that was decided, by when an image of them was looked at."""
        ...

    def get_screen(self, screen_id: str) -> RecordedScreen:
        """Return one screen; raises `UnknownError`."""
        ...

    def recipient_versions(self, recipient_id: str) -> Sequence[tuple[str, str, datetime, str]]:
        """Return each version's digest, document, time and who saved it, newest first."""
        ...

    def available(
        self,
        recipient: str,
        *,
        study_uid: str = "",
        series_uid: str = "",
        sop_instance_uid: str = "",
        modality: str = "",
        limit: int = 1000,
        offset: int = 0,
    ) -> Sequence[tuple[Release, OutboxItem, str]]:
        """Return items that `recipient` may fetch (AVAILABLE or SENT, of releases not STOPPED) by new UIDs.

        Each comes with its release and the blob of the instance it was made of.
        """
        ...

    def offered(
        self, recipient: str, wanted: Wanted, *, series: bool = False, after: str = "", limit: int
    ) -> Sequence[str]:
        """Return new Study, or with `series` Series Instance UIDs that `recipient` may fetch instances of.

        In the order of UIDs, those behind `after`. Of a release that has an instance with each of the values wanted.
        """
        ...

    def monitored(self, alive_since: datetime) -> Monitored:
        """Return how work goes along; workers that were heard of since `alive_since` are alive."""
        ...

    def counts(self) -> dict[str, int]:
        """Return how many studies, instances, releases by state, items by state, results by state there are."""
        ...
