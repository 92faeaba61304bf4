"""The ledger's section on what comes in, and on when a study is complete."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import BindParameter, bindparam, case, insert, select, union_all, update

from scanward.adapters.store import tables
from scanward.adapters.store.database import Database, Values, Writing, from_micros, to_micros
from scanward.adapters.store.priors import is_own, note_batch, note_repeated
from scanward.adapters.store.rows import (
    STORED_INSTANCE,
    chunks,
    instance_values,
    quarantined_values,
    study_identity,
    to_patient,
    to_stored,
)
from scanward.adapters.store.section import Section, What
from scanward.errors import ScanwardError, UnknownError
from scanward.model.study import (
    Arrival,
    Arrived,
    Batch,
    Completion,
    PriorStudy,
    ReceivedInstance,
    StoredInstance,
    Study,
)
from scanward.ports.ledger import Quarantined
from scanward.ports.stores import Sealing

MAX_KNOWN = 100_000
"""So many studies and as many series are remembered as known, about 20 MB."""

_studies, _instances, _batches = tables.studies, tables.instances, tables.batches

_IDS: BindParameter[str] = bindparam("ids", expanding=True)

_STUDY = select(_studies).where(_studies.c.study_id == bindparam("id"))
_OTHER_STUDIES = (
    select(_studies.c.study_id, _studies.c.identity)
    .where(_studies.c.patient_id == bindparam("patient"), _studies.c.study_id != bindparam("id"))
    .order_by(_studies.c.last_received.desc())
    .limit(bindparam("limit"))
)
_STUDY_LOCKED = _STUDY.with_for_update(key_share=True)
_OWNERS = select(_studies.c.study_id, _studies.c.patient_id).where(
    _studies.c.study_id.in_(bindparam("ids", expanding=True))
)
_BLOBS = select(_instances.c.instance_id, _instances.c.blob, _instances.c.study_id).where(
    _instances.c.instance_id.in_(bindparam("ids", expanding=True))
)
_STUDIES_OF = select(_instances.c.study_id).where(_instances.c.instance_id.in_(_IDS)).distinct()
_FIRST, _LAST = _studies.c.first_received, _studies.c.last_received
_ARRIVE = (
    update(_studies)
    .where(_studies.c.study_id == bindparam("id"))
    .values(
        first_received=case((bindparam("first") < _FIRST, bindparam("first")), else_=_FIRST),
        last_received=case((bindparam("last") > _LAST, bindparam("last")), else_=_LAST),
        instances=_studies.c.instances + bindparam("n"),
        waiting=_studies.c.waiting + bindparam("n"),
    )
)
_QUARANTINED_BLOB = select(tables.quarantined.c.blob).where(tables.quarantined.c.digest == bindparam("digest"))
_INSTANCE = select(*STORED_INSTANCE).where(_instances.c.instance_id == bindparam("id"))
_INSTANCES = (
    select(*STORED_INSTANCE)
    .where(_instances.c.study_id == bindparam("id"))
    .order_by(_instances.c.series_id, _instances.c.instance_id)
)
_INSTANCES_OF = _INSTANCES.where(_instances.c.batch == bindparam("number"))
_CLOSE = (
    update(_instances)
    .where(_instances.c.study_id == bindparam("id"), _instances.c.batch == 0)
    .values(batch=bindparam("number"))
)
_CLOSED = (
    update(_studies)
    .where(_studies.c.study_id == bindparam("id"))
    .values(batches=bindparam("number"), waiting=_studies.c.waiting - bindparam("n"))
)
_INSERT_BATCH = insert(_batches)
_QUIET = (
    select(_studies.c.study_id)
    .where(tables.WAITING, _studies.c.last_received < bindparam("before"))
    .order_by(_studies.c.last_received)
    .limit(bindparam("n"))
)
_UNROUTED = (
    select(_batches.c.study_id, _batches.c.number).where(tables.UNROUTED).order_by(_batches.c.seq).limit(bindparam("n"))
)
_BATCH = select(_batches.c.seq).where(_batches.c.study_id == bindparam("id"), _batches.c.number == bindparam("n"))
_ROUTED = (
    update(_batches)
    .where(_batches.c.study_id == bindparam("id"), _batches.c.number == bindparam("n"), tables.UNROUTED)
    .values(routed=bindparam("at"))
)
_KNOWN = union_all(
    select(_instances.c.instance_id).where(_instances.c.instance_id.in_(_IDS)),
    select(tables.series.c.series_id).where(tables.series.c.series_id.in_(_IDS)),
    select(_studies.c.study_id).where(_studies.c.study_id.in_(_IDS)),
)


class IntakeSection(Section):
    """Received instances, quarantined ones, and batches."""

    def __init__(self, database: Database, sealing: Sealing) -> None:
        super().__init__(database, sealing)
        self._owners: dict[str, str] = {}
        self._series: set[str] = set()
        new = database.statements.insert_new
        self._insert_studies = new(_studies, "study_id")
        self._insert_series = new(tables.series)
        self._insert_instances = new(_instances, "instance_id")
        self._insert_quarantined = new(tables.quarantined, "quarantine_id")

    def add_received(self, received: Sequence[ReceivedInstance]) -> Sequence[Arrived]:
        """Note instances; those that are known or belong to another patient's study change nothing."""
        known, known_series = self._owners, self._series
        # Sealing takes its time: before the transaction, and a study's identity only where it may be new.
        studies = self._new_studies(received, known)
        seal = self._sealing.seal
        values = [instance_values(one, seal(one.instance_id, _instance_identity(one))) for one in received]
        try:
            with self._database.writing() as writing:
                owners = self._add_studies(writing, received, studies, known)
                firsts: dict[str, int] = {}
                for index, one in enumerate(received):
                    if owners[one.study_id] == one.patient_id:
                        firsts.setdefault(one.instance_id, index)
                fitting = {instance_id: received[index] for instance_id, index in firsts.items()}
                series = {one.series_id: one.study_id for one in fitting.values() if one.series_id not in known_series}
                self._add_series(writing, series)
                # In one order, so that no two transactions wait for each other.
                added = self._add_instances(writing, [values[firsts[one]] for one in sorted(fitting)])
                there = self._find_there(writing, [one for one in fitting if one not in added])
                self._note_arrivals(writing, [fitting[one] for one in added])
                if there:
                    note_repeated(writing, [fitting[one] for one in there], there)
        except ScanwardError:
            # What was remembered may be what is wrong.
            self._owners = {}
            self._series = set()
            raise
        self._remember(owners, series)
        return [_arrived(one, owners, there, fitting, added) for one in received]

    def _new_studies(self, received: Sequence[ReceivedInstance], known: Mapping[str, str]) -> dict[str, Values]:
        """Return rows of studies that are not remembered as known."""
        rows: dict[str, Values] = {}
        for one in received:
            if one.study_id not in known and one.study_id not in rows:
                at = to_micros(one.received)
                rows[one.study_id] = {
                    "study_id": one.study_id,
                    "patient_id": one.patient_id,
                    "identity": self._sealing.seal(one.study_id, study_identity(one)),
                    "first_received": at,
                    "last_received": at,
                    "instances": 0,
                    "waiting": 0,
                    "batches": 0,
                }
        return rows

    def _add_studies(
        self, writing: Writing, received: Sequence[ReceivedInstance], rows: dict[str, Values], known: Mapping[str, str]
    ) -> dict[str, str]:
        """Insert studies that are new; return whose each study is."""
        owners = {one.study_id: known[one.study_id] for one in received if one.study_id not in rows}
        if rows:
            ordered = [rows[study_id] for study_id in sorted(rows)]
            new = set(writing.execute(self._insert_studies, ordered).scalars())
            for one in received:
                if one.study_id in new and one.study_id not in owners:
                    owners[one.study_id] = one.patient_id
                    writing.note(one.study_id, What.RECEIVED, one.received, by=one.origin.peer)
            writing.count("studies", len(new))
            for ids in chunks([study_id for study_id in rows if study_id not in new]):
                owners |= {row.study_id: row.patient_id for row in writing.execute(_OWNERS, {"ids": ids})}
        return owners

    def _add_series(self, writing: Writing, series: Mapping[str, str]) -> None:
        if series:
            rows = [{"series_id": series_id, "study_id": series[series_id]} for series_id in sorted(series)]
            writing.execute(self._insert_series, rows)

    def _add_instances(self, writing: Writing, rows: Sequence[Values]) -> set[str]:
        if not rows:
            return set()
        # One alone as such: SQLAlchemy takes as long to put several rows together as to run the statement.
        added = set(writing.execute(self._insert_instances, rows if len(rows) > 1 else rows[0]).scalars())
        writing.count("instances", len(added))
        return added

    @staticmethod
    def _find_there(writing: Writing, ids: Sequence[str]) -> dict[str, Arrived]:
        there: dict[str, Arrived] = {}
        for some in chunks(ids):
            for row in writing.execute(_BLOBS, {"ids": some}):
                there[row.instance_id] = Arrived(arrival=Arrival.KNOWN, blob=row.blob, study_id=row.study_id)
        return there

    @staticmethod
    def _note_arrivals(writing: Writing, added: Sequence[ReceivedInstance]) -> None:
        times: dict[str, list[int]] = {}
        for one in added:
            times.setdefault(one.study_id, []).append(to_micros(one.received))
        for study_id, at in sorted(times.items()):
            writing.execute(_ARRIVE, {"id": study_id, "first": min(at), "last": max(at), "n": len(at)})

    def _remember(self, owners: Mapping[str, str], series: Iterable[str]) -> None:
        # Other threads read them meanwhile: they grow, and are replaced where they grew too large.
        if len(self._owners) > MAX_KNOWN:
            self._owners = {}
        if len(self._series) > MAX_KNOWN:
            self._series = set()
        self._owners.update(owners)
        self._series.update(series)

    def add_quarantined(self, quarantined: Quarantined) -> bool:
        """Note an instance that is not understood; False where one with its digest is waiting already."""
        with self._database.writing() as writing:
            if writing.execute(self._insert_quarantined, quarantined_values(quarantined)).one_or_none() is not None:
                by = quarantined.origin.peer
                at = quarantined.received
                writing.note(quarantined.quarantine_id, What.QUARANTINED, at, by=by, detail=quarantined.reason)
                writing.count("quarantined")
                return True
            # Its own, from a call that was repeated?
            there = writing.execute(_QUARANTINED_BLOB, {"digest": quarantined.digest}).scalar_one_or_none()
            return bool(there == quarantined.blob)

    def find_instance(self, instance_id: str) -> StoredInstance | None:
        """Return an instance, or None."""
        with self._database.reading() as connection:
            row = connection.execute(_INSTANCE, {"id": instance_id}).one_or_none()
        return None if row is None else to_stored(row)

    def find_known(self, ids: Sequence[str]) -> frozenset[str]:
        """Return which of these blind indexes are of instances, series or studies of the archive."""
        known: set[str] = set()
        with self._database.reading() as connection:
            for some in chunks(ids):
                known.update(connection.execute(_KNOWN, {"ids": some}).scalars())
        return frozenset(known)

    def studies_of(self, instance_ids: Sequence[str]) -> frozenset[str]:
        """Return the studies of those instances that are known."""
        studies: set[str] = set()
        with self._database.reading() as connection:
            for some in chunks(instance_ids):
                studies.update(connection.execute(_STUDIES_OF, {"ids": some}).scalars())
        return frozenset(studies)

    # Complete

    def close_study(self, study_id: str, how: Completion, at: datetime) -> Batch | None:
        """Make the study's instances that are in no batch a batch; None where there are none."""
        with self._database.writing() as writing:
            study = writing.execute(_STUDY_LOCKED, {"id": study_id}).one_or_none()
            if study is None or not study.waiting:
                return None
            number = study.batches + 1
            count = writing.execute(_CLOSE, {"id": study_id, "number": number}).rowcount
            writing.execute(_CLOSED, {"id": study_id, "number": number, "n": count})
            batch = {"study_id": study_id, "number": number, "how": how.value, "closed": to_micros(at), "routed": None}
            writing.execute(_INSERT_BATCH, batch)
            writing.note(study_id, What.COMPLETED, at, detail=f"batch {number}: {count} instances, by {how.value}")
            note_batch(writing, study_id, number, at)
        return Batch(study_id=study_id, number=number)

    def find_quiet(self, before: datetime, limit: int) -> Sequence[str]:
        """Return studies with instances in no batch whose last one came before `before`."""
        with self._database.reading() as connection:
            return connection.execute(_QUIET, {"before": to_micros(before), "n": limit}).scalars().all()

    def find_unrouted(self, limit: int) -> Sequence[Batch]:
        """Return batches that are not marked as routed, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(_UNROUTED, {"n": limit}).all()
        return [Batch(study_id=row.study_id, number=row.number) for row in rows]

    def mark_routed(self, batch: Batch, at: datetime, *, as_prior: bool = False) -> None:
        """Note that every recipient's release of the batch is open; with `as_prior`, of those who asked for a prior.

        Nothing is noted of a prior that came by itself meanwhile: it is for every recipient now.
        """
        which = {"id": batch.study_id, "n": batch.number}
        with self._database.writing() as writing:
            if as_prior and is_own(writing, batch.study_id):
                return
            if writing.execute(_ROUTED, {**which, "at": to_micros(at)}).rowcount:
                writing.note(batch.study_id, What.ROUTED, at, detail=f"batch {batch.number}")
            elif writing.execute(_BATCH, which).one_or_none() is None:
                raise UnknownError("expected a batch of the ledger, got one that it does not know")

    def get_study(self, study_id: str) -> Study:
        """Return a study with all its instances; raises `UnknownError`."""
        with self._database.reading() as connection:
            row = connection.execute(_STUDY, {"id": study_id}).one_or_none()
            if row is None:
                raise UnknownError("expected a study of the ledger, got an id that it does not know")
            instances = connection.execute(_INSTANCES, {"id": study_id}).all()
        identity: dict[str, str] = json.loads(self._sealing.open(study_id, row.identity))
        return Study(
            study_id=study_id,
            patient_id=row.patient_id,
            study_uid=identity["study_uid"],
            patient=to_patient(identity),
            study_date=identity["study_date"],
            study_description=identity["study_description"],
            accession_number=identity["accession_number"],
            first_received=from_micros(row.first_received),
            last_received=from_micros(row.last_received),
            instances=tuple(to_stored(one) for one in instances),
        )

    def other_studies(self, study: Study, limit: int) -> Sequence[PriorStudy]:
        """Return what is known of the other studies of its patient, the latest first."""
        values = {"patient": study.patient_id, "id": study.study_id, "limit": limit}
        with self._database.reading() as connection:
            rows = connection.execute(_OTHER_STUDIES, values).all()
        found = [json.loads(self._sealing.open(row.study_id, row.identity)) for row in rows]
        return [
            PriorStudy(
                patient=to_patient(identity),
                study_uid=identity["study_uid"],
                accession_number=identity["accession_number"],
            )
            for identity in found
        ]

    def instances_of(self, batch: Batch) -> Sequence[StoredInstance]:
        """Return the instances of one batch, in the order of series and instance id."""
        with self._database.reading() as connection:
            rows = connection.execute(_INSTANCES_OF, {"id": batch.study_id, "number": batch.number}).all()
        return [to_stored(row) for row in rows]


def _instance_identity(received: ReceivedInstance) -> str:
    identity = {"series_uid": received.series_uid, "sop_instance_uid": received.sop_instance_uid}
    if received.mark:
        identity["mark"] = received.mark
    return json.dumps(identity)


def _arrived(
    one: ReceivedInstance,
    owners: dict[str, str],
    there: dict[str, Arrived],
    fitting: dict[str, ReceivedInstance],
    added: set[str],
) -> Arrived:
    if owners[one.study_id] != one.patient_id:
        return Arrived(arrival=Arrival.OTHER_PATIENT)
    first = fitting[one.instance_id]
    if one.instance_id in added:
        if first.blob == one.blob:
            return Arrived(arrival=Arrival.ADDED)
        return Arrived(arrival=Arrival.KNOWN, blob=first.blob, study_id=first.study_id)
    known = there[one.instance_id]
    # Its own blob is there: a call that was repeated.
    return Arrived(arrival=Arrival.ADDED) if known.blob == one.blob else known
