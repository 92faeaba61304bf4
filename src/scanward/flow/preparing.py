"""From a permitted release to its outbox: de-identify, check, account; nothing leaves here.

The unit of work is a part of a batch, a few hundred instances. It is done over from the beginning when its process
dies: the same instances give the same bytes, and the ledger leaves alone what is accounted for already.

What was prepared under another profile than the one in force does not leave. It is prepared again, in its place.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from scanward.account.record import record_disclosure
from scanward.decide.necessary import find_setback
from scanward.deidentify.header.scan import MODALITY, SOP_CLASS_UID, InstanceFacts, Scanner
from scanward.deidentify.pseudonym import Pseudonyms
from scanward.dicomstream.opening import open_dicom
from scanward.dicomstream.texts import read_texts
from scanward.errors import DeidentificationError, OutputError, ScanwardError, StateError, StoreError, UnknownError
from scanward.flow.decisions import Decider, stand_or_stop
from scanward.flow.forms import read_form
from scanward.flow.study import StudyDeidentifier
from scanward.flow.survey import Surveyor
from scanward.model.agreement import PullEndpoint, Recipient
from scanward.model.decision import Permit
from scanward.model.instance import BytesSource, CheckedInstance
from scanward.model.profile import Option
from scanward.model.release import ItemState, OutboxItem, Release, ReleaseState, Setback
from scanward.model.study import Batch, StoredInstance, Study
from scanward.ports.files import Keys
from scanward.ports.ledger import Ledger
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
RENEWED = frozenset({ReleaseState.PERMITTED, ReleaseState.ACCOUNTED, ReleaseState.DONE})
"""States of a release in which something of it could still leave."""

_TEXTS = (STUDY_TIME, REFERRING_PHYSICIAN_NAME, PATIENT_SEX, STUDY_ID)
"""What is put back into results and the ledger does not keep."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A checked instance, of which it was made, and the length of its file."""

    instance: StoredInstance
    checked: CheckedInstance
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is prepared, for whom, and as what."""

    release: Release
    recipient: Recipient
    permit: Permit
    instances: Sequence[StoredInstance]

    @property
    def is_pull(self) -> bool:
        """Whether its recipient fetches."""
        return isinstance(self.recipient.endpoint, PullEndpoint)


@dataclass(slots=True)
class _Shard:
    """What became of the instances of a unit so far."""

    prepared: list[_Prepared] = field(default_factory=list)
    setbacks: list[Setback] = field(default_factory=list)
    items: Sequence[OutboxItem] = ()
    pseudonym: str = ""


class Preparer:
    """Prepares releases; for any number of threads.

    Parameters
    ----------
    ledger, blobs, vault, keys
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
        standing = stand_or_stop(self._decider, self._ledger, release, batch, self._clock)
        if standing is None or standing.recipient is None or not isinstance(standing.decision, Permit):
            return
        # 2. De-identify and check what is not accounted for yet.
        start = int(number) * self._shard_instances
        settled = self._ledger.settled_instances(release_id)
        waiting = [one for one in batch[start : start + self._shard_instances] if one.instance_id not in settled]
        if waiting:
            self._prepare(_Unit(release, standing.recipient, standing.decision, waiting))
        # 3. The last unit ends the release.
        if len(self._ledger.settled_instances(release_id)) >= len(batch):
            self._mark_accounted(release_id)

    def renew(self, key: str) -> None:
        """De-identify again, as of now, what of a release was de-identified otherwise and could still leave.

        Raises
        ------
        ProfileError
            The profile cannot be read: nothing leaves until it can.
        StoreError
            A store could not be read or written; the work is done over later.
        """
        release_id = key.partition(":")[0]
        release = self._ledger.get_release(release_id)
        batch = self._ledger.instances_of(_batch_of(release))
        standing = self._decider.look_again(release, batch)
        permit, recipient = standing.decision, standing.recipient
        if release.state in RENEWED and isinstance(permit, Permit) and recipient is not None:
            unit = _Unit(release, recipient, permit, ())
            _, form = read_form(permit)
            outdated = self._ledger.outdated_items(release_id, form, pull=unit.is_pull)
            waiting = [one for one in batch if one.instance_id in outdated and find_setback(permit, one) is None]
            for start in range(0, len(waiting), self._shard_instances):
                self._renew(replace(unit, instances=waiting[start : start + self._shard_instances]))
        self._ledger.clear_outdated(release_id)

    def _renew(self, unit: _Unit) -> None:
        shard, form = self._make(unit)
        unused = self._ledger.replace_items(
            unit.release.release_id, form, shard.items, shard.setbacks, pull=unit.is_pull, at=self._clock()
        )
        for recipe in unused:
            self._blobs.delete(recipe)

    def _mark_accounted(self, release_id: str) -> None:
        try:
            self._ledger.mark_accounted(release_id, self._clock())
        except StateError:
            return  # another unit ended at the same moment, or it was stopped

    def _prepare(self, unit: _Unit) -> None:
        shard, _ = self._make(unit)
        disclosure = None
        if shard.items:
            disclosure = record_disclosure(
                unit.permit,
                unit.recipient,
                pseudonym=shard.pseudonym,
                modalities=Counter(one.instance.modality for one in shard.prepared),
                now=self._clock(),
            )
        try:
            unused = self._ledger.account(
                unit.release.release_id, disclosure, shard.items, shard.setbacks, pull=unit.is_pull
            )
        except StateError:
            # Stopped meanwhile: nothing is on record, so nothing leaves and nothing of it stays.
            unused = sorted({item.recipe for item in shard.items})
        for recipe in unused:
            self._blobs.delete(recipe)

    def _make(self, unit: _Unit) -> tuple[_Shard, str]:
        """De-identify, check, and store recipes and the way back; return what came of it, and in which form."""
        release = unit.release
        study = self._ledger.get_study(release.study_id)
        key = self._vault.find_data_key(release.study_id)
        if key is None:
            raise UnknownError("the study's data key was destroyed: nothing of it can leave")
        profile, form = read_form(unit.permit)
        pseudonyms = Pseudonyms(self._keys.recipient_key(unit.recipient.recipient_id))
        deidentifier = StudyDeidentifier(
            profile=profile,
            pseudonyms=pseudonyms,
            identifiers=self._surveyor.survey(study, lambda one: self._blobs.open(key, one.blob)),
            patient_key=study.patient.key,
        )
        # The permit names a profile of one's own by its path; whoever applies it compares the names.
        permit = replace(unit.permit, profile=profile.name)
        shard = self._deidentify(unit.instances, key, permit, deidentifier)
        shard.pseudonym = deidentifier.patient
        if shard.prepared:
            shard.items = self._make_items(shard, key, form)
            # The way back is there before anything can leave.
            self._record_originals(release, study, deidentifier, pseudonyms.made(), shard, key)
        return shard, form

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

    def _make_items(self, shard: _Shard, key: bytes, form: str) -> list[OutboxItem]:
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
                form=form,
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
