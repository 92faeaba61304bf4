"""From a permitted release to its outbox: de-identify, check, account; nothing leaves here.

The unit of work is a part of a batch, a few hundred instances. It is done over from the beginning when its process
dies: the same instances give the same bytes, and the ledger leaves alone what is accounted for already.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from scanward.account.record import record_disclosure
from scanward.decide.necessary import find_setback
from scanward.deidentify.header.scan import MODALITY, SOP_CLASS_UID, InstanceFacts, Scanner
from scanward.deidentify.profile import load_profile, restrict
from scanward.deidentify.pseudonym import Pseudonyms
from scanward.dicomstream.opening import open_dicom
from scanward.dicomstream.texts import read_texts
from scanward.errors import DeidentificationError, OutputError, ScanwardError, StateError, StoreError, UnknownError
from scanward.flow.decisions import Decider, series_of
from scanward.flow.study import StudyDeidentifier
from scanward.flow.survey import Surveyor
from scanward.model.agreement import PullEndpoint, Recipient
from scanward.model.decision import Decision, Deny, Permit
from scanward.model.instance import BytesSource, CheckedInstance
from scanward.model.profile import Option
from scanward.model.release import ItemState, OutboxItem, Release, ReleaseState, Setback
from scanward.model.study import Batch, StoredInstance, Study
from scanward.ports.files import Keys
from scanward.ports.ledger import Ledger, Registry
from scanward.ports.stores import Blobs, Vault
from scanward.ports.work import WorkQueue
from scanward.release.originals import Originals
from scanward.release.recipe import encode_recipes, length_bytes

SHARD = "shard"
"""Kind of work: prepare one unit of a release; its key is ``release id:number``."""

STUDY_TIME = 0x00080030
REFERRING_PHYSICIAN_NAME = 0x00080090
PATIENT_SEX = 0x00100040
STUDY_ID = 0x00200010
_TEXTS = (STUDY_TIME, REFERRING_PHYSICIAN_NAME, PATIENT_SEX, STUDY_ID)
"""What is put back into results and the ledger does not keep."""

NOT_APPROVED = "A person has to approve this first, and nobody did."
NO_RECIPIENT = "The recipient is not known any more."


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A checked instance, of which it was made, and the length of its file."""

    instance: StoredInstance
    checked: CheckedInstance
    size_bytes: int


@dataclass(slots=True)
class _Shard:
    """What became of the instances of a unit so far."""

    prepared: list[_Prepared] = field(default_factory=list)
    setbacks: list[Setback] = field(default_factory=list)


class Preparer:
    """Prepares releases; for any number of threads.

    Parameters
    ----------
    ledger, registry, blobs, vault, keys
        The stores.
    decider
        Decides once more, when the work is taken from the queue.
    queue
        Takes the units of a release.
    shard_instances
        Size of a unit.
    spool
        Folder for inflated data sets, as secret as the instances.
    clock
        Tells the time, aware UTC.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        registry: Registry,
        blobs: Blobs,
        vault: Vault,
        keys: Keys,
        decider: Decider,
        queue: WorkQueue,
        shard_instances: int,
        spool: Path,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._registry = registry
        self._blobs = blobs
        self._vault = vault
        self._keys = keys
        self._decider = decider
        self._queue = queue
        self._shard_instances = shard_instances
        self._spool = spool
        self._clock = clock
        self._surveyor = Surveyor(spool)

    # The work

    def prepare(self, key: str) -> None:
        """Part a release into units, queue all but the first, and do that one at once."""
        release_id = key.partition(":")[0]
        release = self._ledger.get_release(release_id)
        if release.state is not ReleaseState.PERMITTED:
            return
        count = len(self._ledger.instances_of(_batch_of(release)))
        suffix = key[len(release_id) :]
        for number in range(1, -(-count // self._shard_instances)):
            self._queue.submit(SHARD, f"{release_id}:{number}{suffix}")
        self.prepare_shard(f"{release_id}:0{suffix}")

    def prepare_shard(self, key: str) -> None:
        """De-identify, check and account for one unit of a release.

        Raises
        ------
        StoreError
            A store could not be read or written; the unit is done over later.
        """
        release_id, number = key.split(":")[:2]
        release = self._ledger.get_release(release_id)
        if release.state is not ReleaseState.PERMITTED:
            return
        batch = self._ledger.instances_of(_batch_of(release))
        # 1. Decide on the whole batch again: a withdrawal since stops what has not left.
        decision = self._decider.decide(release, series_of(batch))
        recipient = self._registry.find_recipient(release.recipient)
        if isinstance(decision, Deny) or recipient is None:
            self._stop(release, decision)
            return
        if decision.needs_approval and not release.approved_by:
            self._stop(release, Deny(reasons=("A person has to approve this first, and nobody did.",)))
            return
        # 2. De-identify and check what is not accounted for yet.
        start = int(number) * self._shard_instances
        settled = self._ledger.settled_instances(release_id)
        waiting = [one for one in batch[start : start + self._shard_instances] if one.instance_id not in settled]
        if waiting:
            self._prepare(release, recipient, decision, waiting)
        # 3. The last unit ends the release.
        if len(self._ledger.settled_instances(release_id)) >= len(batch):
            self._mark_accounted(release_id)

    def _stop(self, release: Release, decision: Decision) -> None:
        deny = decision if isinstance(decision, Deny) else Deny(reasons=(NO_RECIPIENT,))
        try:
            self._ledger.record_decision(release.release_id, deny, ReleaseState.STOPPED, self._clock())
        except StateError:
            return  # another worker stopped or finished it

    def _mark_accounted(self, release_id: str) -> None:
        try:
            self._ledger.mark_accounted(release_id, self._clock())
        except StateError:
            return  # another unit ended at the same moment, or it was stopped

    def _prepare(
        self, release: Release, recipient: Recipient, permit: Permit, instances: Sequence[StoredInstance]
    ) -> None:
        study = self._ledger.get_study(release.study_id)
        key = self._vault.find_data_key(release.study_id)
        if key is None:
            raise UnknownError("the study's data key was destroyed: nothing of it can leave")
        pseudonyms = Pseudonyms(self._keys.recipient_key(recipient.recipient_id))
        deidentifier = StudyDeidentifier(
            profile=restrict(load_profile(permit.profile), permit.attributes),
            pseudonyms=pseudonyms,
            identifiers=self._surveyor.survey(study, lambda one: self._blobs.open(key, one.blob)),
            patient_key=study.patient.key,
        )
        shard = self._deidentify(instances, key, permit, deidentifier)
        items: Sequence[OutboxItem] = ()
        disclosure = None
        if shard.prepared:
            items = self._make_items(shard, key)
            # The way back is there before anything can leave.
            self._record_originals(release, study, deidentifier, pseudonyms.made(), shard, key)
            disclosure = record_disclosure(
                permit,
                recipient,
                pseudonym=deidentifier.patient,
                modalities=Counter(one.instance.modality for one in shard.prepared),
                now=self._clock(),
            )
        is_pull = isinstance(recipient.endpoint, PullEndpoint)
        try:
            unused = self._ledger.account(release.release_id, disclosure, items, shard.setbacks, pull=is_pull)
        except StateError:
            # Stopped meanwhile: nothing is on record, so nothing leaves and nothing of it stays.
            unused = sorted({item.recipe for item in items})
        for recipe in unused:
            self._blobs.delete(recipe)

    def _deidentify(
        self, instances: Sequence[StoredInstance], key: bytes, permit: Permit, deidentifier: StudyDeidentifier
    ) -> _Shard:
        shard = _Shard()
        scanner = Scanner()
        for instance in instances:
            why_not = find_setback(permit, instance)
            if why_not is not None:
                shard.setbacks.append(_setback(instance, ItemState.EXCLUDED, why_not))
                continue
            try:
                with self._blobs.open(key, instance.blob) as source:
                    start = open_dicom(source, self._spool)
                    facts = scanner.scan(start)
                    _require_same(facts, instance)
                    checked, _ = deidentifier.deidentify(start, facts, permit)
                    made = checked.instance
                    size_bytes = length_bytes(made.pieces, made.deflate_from, made.source)
                    shard.prepared.append(_Prepared(instance, checked, size_bytes))
            except (StoreError, OutputError):
                raise  # no fault of the instance: the unit is done over
            except ScanwardError as error:
                shard.setbacks.append(_setback(instance, ItemState.QUARANTINED, str(error)))
        return shard

    def _make_items(self, shard: _Shard, key: bytes) -> list[OutboxItem]:
        """Store the recipes of a unit in one blob; return what the outbox shall hold."""
        recipe = self._blobs.put(key, BytesSource(encode_recipes([one.checked for one in shard.prepared])))
        return [
            OutboxItem(
                instance_id=one.instance.instance_id,
                sop_instance_uid=one.checked.instance.placement.sop_instance_uid,
                series_uid=one.checked.instance.placement.series_uid,
                study_uid=one.checked.instance.placement.study_uid,
                patient=one.checked.instance.placement.patient,
                sop_class_uid=one.instance.sop_class_uid,
                transfer_syntax_uid=one.instance.transfer_syntax_uid,
                modality=one.instance.modality,
                size_bytes=one.size_bytes,
                recipe=recipe,
                index=index,
            )
            for index, one in enumerate(shard.prepared)
        ]

    def _record_originals(
        self, release: Release, study: Study, made: StudyDeidentifier, uids: dict[str, str], shard: _Shard, key: bytes
    ) -> None:
        """Record what the recipient's results will be put back to, under each new Study Instance UID (mostly one)."""
        with self._blobs.open(key, shard.prepared[0].instance.blob) as source:
            texts = read_texts(open_dicom(source, self._spool), _TEXTS)
        shifts = Option.RETAIN_MODIFIED_DATES in made.profile.options
        originals = Originals(
            uids=uids,
            study_uid=study.study_uid,
            pseudonym=made.patient,
            offset_days=made.offset_days if shifts else 0,
            patient_id=study.patient.patient_id,
            issuer=study.patient.issuer,
            patient_name=study.patient.name,
            birth_date=study.patient.birth_date,
            sex=texts[PATIENT_SEX],
            study_date=study.study_date,
            study_time=texts[STUDY_TIME],
            study_id=texts[STUDY_ID],
            study_description=study.study_description,
            accession_number=study.accession_number,
            referring_physician=texts[REFERRING_PHYSICIAN_NAME],
        ).to_mapping()
        for study_uid in sorted({one.checked.instance.placement.study_uid for one in shard.prepared}):
            self._vault.record_originals(release.recipient, study_uid, release.release_id, originals)


def _batch_of(release: Release) -> Batch:
    return Batch(study_id=release.study_id, number=release.batch)


def _setback(instance: StoredInstance, state: ItemState, reason: str) -> Setback:
    return Setback(instance_id=instance.instance_id, state=state, reason=reason)


def _require_same(facts: InstanceFacts, instance: StoredInstance) -> None:
    """Refuse where what is read is not what was decided on."""
    if facts.text(SOP_CLASS_UID) != instance.sop_class_uid or facts.text(MODALITY).upper() != instance.modality:
        raise DeidentificationError("expected the SOP Class and Modality that were decided on, got others")
