"""What people ask the ledger (implements :class:`scanward.ports.ledger.Desk`)."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import BindParameter, Connection, Select, and_, bindparam, func, select, text, tuple_

from scanward.adapters.store import tables
from scanward.adapters.store.database import from_micros, to_micros
from scanward.adapters.store.priors import PRIOR_SEARCHES
from scanward.adapters.store.rows import (
    Row,
    chunks,
    to_disclosure,
    to_outbox_item,
    to_quarantined,
    to_release,
    to_result,
)
from scanward.adapters.store.section import DECISIONS, OPEN_HOLDS, Section
from scanward.errors import UnknownError
from scanward.model.holds import HoldState, LetGoRecord
from scanward.model.prior import SearchState
from scanward.model.release import ItemState, OutboxItem, RecordedDisclosure, Release, ReleaseState, Result, ResultState
from scanward.ports.ledger import Event, ItemLine, Quarantined, StudyLine

_studies, _instances, _releases = tables.studies, tables.instances, tables.releases
_items, _disclosures, _results = tables.items, tables.disclosures, tables.results
_IDS: BindParameter[str] = bindparam("ids", expanding=True)

_MODALITIES = (
    select(_instances.c.study_id, _instances.c.modality).where(_instances.c.study_id.in_(_IDS)).distinct()
)  # fmt: skip
_RELEASES_OF = (
    select(_releases)
    .where(_releases.c.study_id.in_(_IDS))
    .order_by(_releases.c.study_id, _releases.c.batch, _releases.c.recipient, _releases.c.purpose)
)
_ITEMS = select(_items).where(_items.c.release_id == bindparam("id")).order_by(_items.c.seq)
_EVENTS = select(tables.events).where(tables.events.c.subject == bindparam("of")).order_by(tables.events.c.seq)
_STATES = (
    select(_items.c.disclosure_id, _items.c.state, func.count().label("n"))
    .where(_items.c.release_id.in_(_IDS), _items.c.disclosure_id.is_not(None))
    .group_by(_items.c.disclosure_id, _items.c.state)
)
_LET_GO = (
    select(
        _items.c.disclosure_id,
        tables.holds.c.decided_by,
        tables.holds.c.decided,
        tables.holds.c.why,
        tables.holds.c.as_it_is,
        func.count().label("n"),
    )
    .join(
        _items,
        and_(_items.c.release_id == tables.holds.c.release_id, _items.c.instance_id == tables.holds.c.instance_id),
    )
    .where(tables.holds.c.release_id.in_(_IDS), tables.holds.c.state == HoldState.LEFT.value)
    .group_by(
        _items.c.disclosure_id,
        tables.holds.c.decided,
        tables.holds.c.decided_by,
        tables.holds.c.why,
        tables.holds.c.as_it_is,
    )
    .order_by(tables.holds.c.decided)
)
_STATES_BY_RELEASE = (
    select(_items.c.release_id, _items.c.state, func.count().label("n"))
    .where(_items.c.release_id.in_(_IDS))
    .group_by(_items.c.release_id, _items.c.state)
)
_DISCLOSED = select(_disclosures.c.disclosed).where(_disclosures.c.disclosure_id == bindparam("id"))
_QUARANTINED = (
    select(tables.quarantined).order_by(tables.quarantined.c.received.desc()).limit(bindparam("n"))
)  # fmt: skip
_VERSIONS = (
    select(tables.recipient_versions)
    .where(tables.recipient_versions.c.recipient_id == bindparam("of"))
    .order_by(tables.recipient_versions.c.seq.desc())
)
_FETCHABLE = (
    select(_items, _instances.c.blob)
    .join(_releases, _releases.c.release_id == _items.c.release_id)
    .join(_instances, _instances.c.instance_id == _items.c.instance_id)
    .where(_items.c.recipient == bindparam("to"), _releases.c.state != ReleaseState.STOPPED.value)
    .order_by(_items.c.seq)
    .limit(bindparam("n"))
    .offset(bindparam("skip"))
)
# Each names its states in the words of the one index that it is to go by.
_ALL_FETCHABLE = _FETCHABLE.where(text("items.state IN ('available', 'sent')"))
_FETCHABLE_BY_SOP = _FETCHABLE.where(
    _items.c.sop_instance_uid == bindparam("uid"),
    text("items.state NOT IN ('excluded', 'quarantined')"),
    _items.c.state.in_([ItemState.AVAILABLE.value, ItemState.SENT.value]),
)
_FETCHABLE_OF = _FETCHABLE.where(
    _items.c.release_id.in_(_IDS), _items.c.state.in_([ItemState.AVAILABLE.value, ItemState.SENT.value])
)
_RELEASES_BY_UID = select(tables.release_uids.c.release_id).where(
    tables.release_uids.c.recipient == bindparam("to"), tables.release_uids.c.uid == bindparam("uid")
)
_SOME_RELEASES = select(_releases).where(_releases.c.release_id.in_(_IDS))
_TALLIES = (
    select(tables.tallies.c.name, func.sum(tables.tallies.c.count).label("n"))
    .where(tables.tallies.c.name.not_like(f"{DECISIONS}:%"))
    .group_by(tables.tallies.c.name)
)

_COUNTED = (
    "studies",
    "instances",
    "quarantined",
    *(f"releases:{state}" for state in ReleaseState),
    *(f"items:{state}" for state in ItemState),
    *(f"results:{state}" for state in ResultState),
    OPEN_HOLDS,
    *(f"{PRIOR_SEARCHES}:{state}" for state in SearchState),
)


class DeskSection(Section):
    """Lists for people."""

    def studies(self, *, limit: int, before: datetime | None = None, patient_id: str = "") -> Sequence[StudyLine]:
        """Return studies by last arrival, of one patient where `patient_id` is given."""
        query = select(_studies).order_by(_studies.c.last_received.desc()).limit(limit)
        if patient_id:
            query = query.where(_studies.c.patient_id == patient_id)
        if before is not None:
            query = query.where(_studies.c.last_received < to_micros(before))
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
            modalities: dict[str, list[str]] = {}
            releases: dict[str, list[Release]] = {}
            for ids in chunks([row.study_id for row in rows]):
                for row in connection.execute(_MODALITIES, {"ids": ids}):
                    modalities.setdefault(row.study_id, []).append(row.modality)
                for row in connection.execute(_RELEASES_OF, {"ids": ids}):
                    releases.setdefault(row.study_id, []).append(to_release(row))
        return [
            StudyLine(
                study_id=row.study_id,
                patient_id=row.patient_id,
                modalities=tuple(sorted(modalities.get(row.study_id, ()))),
                instances=row.instances,
                waiting=row.waiting,
                first_received=from_micros(row.first_received),
                last_received=from_micros(row.last_received),
                releases=tuple(releases.get(row.study_id, ())),
            )
            for row in rows
        ]

    def releases(
        self, *, limit: int, state: ReleaseState | None = None, recipient: str = "", before: datetime | None = None
    ) -> Sequence[Release]:
        """Return releases by last change."""
        query = select(_releases).order_by(_releases.c.changed.desc()).limit(limit)
        if state is not None:
            query = query.where(_releases.c.state == state.value)
        if recipient:
            query = query.where(_releases.c.recipient == recipient)
        if before is not None:
            query = query.where(_releases.c.changed < to_micros(before))
        with self._database.reading() as connection:
            return [to_release(row) for row in connection.execute(query)]

    def release_items(self, release_id: str) -> Sequence[ItemLine]:
        """Return what became of each instance of a release."""
        with self._database.reading() as connection:
            rows = connection.execute(_ITEMS, {"id": release_id}).all()
        return [
            ItemLine(
                instance_id=row.instance_id,
                state=row.state,
                detail=row.detail,
                attempts=row.attempts,
                item=to_outbox_item(row) if row.recipe else None,
            )
            for row in rows
        ]

    def item_states(self, release_ids: Sequence[str]) -> Mapping[str, Mapping[ItemState, int]]:
        """Return how many instances of each release are in which state; nothing of one that has none."""
        states: dict[str, dict[ItemState, int]] = {}
        with self._database.reading() as connection:
            for ids in chunks(sorted(release_ids)):
                for row in connection.execute(_STATES_BY_RELEASE, {"ids": ids}):
                    states.setdefault(row.release_id, {})[ItemState(row.state)] = row.n
        return states

    def history(self, subject: str) -> Sequence[Event]:
        """Return the history of a study, release, result, recipient or quarantined instance, oldest first.

        A patient's blind index gives what became of their consents.
        """
        with self._database.reading() as connection:
            rows = connection.execute(_EVENTS, {"of": subject}).all()
        return [Event(at=from_micros(row.at), what=row.what, by=row.by, detail=row.detail) for row in rows]

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
        """Return disclosures, newest first; `before` is the id to go on from.

        Those disclosed from `since` on and before `until`. Each question goes by an index on when they were disclosed,
        from where the last page ended. Raises `UnknownError` where `before` is none of them.
        """
        when = (_disclosures.c.disclosed, _disclosures.c.disclosure_id)
        query = select(_disclosures).order_by(*(one.desc() for one in when)).limit(limit)
        if patient_id:
            query = query.where(_disclosures.c.patient_id == patient_id)
        if recipient:
            query = query.where(_disclosures.c.recipient == recipient)
        if since is not None:
            query = query.where(_disclosures.c.disclosed >= to_micros(since))
        if until is not None:
            query = query.where(_disclosures.c.disclosed < to_micros(until))
        with self._database.reading() as connection:
            if before is not None:
                last = connection.execute(_DISCLOSED, {"id": before}).scalar_one_or_none()
                if last is None:
                    raise UnknownError("expected the id of a disclosure to go on from, got one of none")
                query = query.where(tuple_(*when) < tuple_(last, before))
            rows = connection.execute(query).all()
            states = _states_of(connection, sorted({row.release_id for row in rows}))
            let_go = _let_go_of(connection, sorted({row.release_id for row in rows}))
        return [
            RecordedDisclosure(
                disclosure_id=row.disclosure_id,
                release_id=row.release_id,
                study_id=row.study_id,
                patient_id=row.patient_id,
                disclosure=to_disclosure(row),
                instances=row.instances,
                states=states.get(row.disclosure_id, {}),
                let_go=tuple(let_go.get(row.disclosure_id, ())),
            )
            for row in rows
        ]

    def results(self, *, limit: int, state: ResultState | None = None) -> Sequence[Result]:
        """Return results by arrival."""
        query = select(_results).order_by(_results.c.received.desc()).limit(limit)
        if state is not None:
            query = query.where(_results.c.state == state.value)
        with self._database.reading() as connection:
            return [to_result(row) for row in connection.execute(query)]

    def quarantined(self, *, limit: int) -> Sequence[Quarantined]:
        """Return instances that are not understood by arrival."""
        with self._database.reading() as connection:
            return [to_quarantined(row) for row in connection.execute(_QUARANTINED, {"n": limit})]

    def recipient_versions(self, recipient_id: str) -> Sequence[tuple[str, str, datetime, str]]:
        """Return each version's digest, document, time and who saved it, newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(_VERSIONS, {"of": recipient_id}).all()
        return [(row.digest, row.document, from_micros(row.saved), row.saved_by) for row in rows]

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
        values: dict[str, object] = {"to": recipient, "n": limit, "skip": offset}
        with self._database.reading() as connection:
            query: Select[*tuple[object, ...]] = _ALL_FETCHABLE
            if sop_instance_uid:
                query = _FETCHABLE_BY_SOP
                values["uid"] = sop_instance_uid
            elif series_uid or study_uid:
                query = _FETCHABLE_OF
                which = {"to": recipient, "uid": series_uid or study_uid}
                values["ids"] = connection.execute(_RELEASES_BY_UID, which).scalars().all()
            if series_uid:
                query = query.where(_items.c.series_uid == series_uid)
            if study_uid:
                query = query.where(_items.c.study_uid == study_uid)
            if modality:
                query = query.where(_items.c.modality == modality)
            rows: list[Row] = list(connection.execute(query, values))
            releases: dict[str, Release] = {}
            for ids in chunks(sorted({row.release_id for row in rows})):
                found = connection.execute(_SOME_RELEASES, {"ids": ids})
                releases |= {row.release_id: to_release(row) for row in found}
        return [(releases[row.release_id], to_outbox_item(row), row.blob) for row in rows]

    def counts(self) -> dict[str, int]:
        """Return how many studies, instances, releases by state, items by state, results by state there are.

        Named ``studies``, ``instances``, ``quarantined``, ``releases:<state>``, ``items:<state>``,
        ``results:<state>``. Kept along with every change, so that asking costs the same however many there are.
        """
        with self._database.reading() as connection:
            counted = {row.name: int(row.n) for row in connection.execute(_TALLIES)}
        return dict.fromkeys(_COUNTED, 0) | counted


def _states_of(connection: Connection, release_ids: Sequence[str]) -> dict[int, dict[ItemState, int]]:
    """Return how many instances of each disclosure are in which state."""
    states: dict[int, dict[ItemState, int]] = {}
    for ids in chunks(release_ids):
        for row in connection.execute(_STATES, {"ids": ids}):
            states.setdefault(row.disclosure_id, {})[ItemState(row.state)] = row.n
    return states


def _let_go_of(connection: Connection, release_ids: Sequence[str]) -> dict[int, list[LetGoRecord]]:
    """Return what of each disclosure a person let go."""
    found: dict[int, list[LetGoRecord]] = {}
    for ids in chunks(release_ids):
        for row in connection.execute(_LET_GO, {"ids": ids}):
            record = LetGoRecord(
                by=row.decided_by,
                at=from_micros(row.decided),
                reason=row.why,
                instances=row.n,
                as_it_is=row.n if row.as_it_is else 0,
            )
            found.setdefault(row.disclosure_id, []).append(record)
    return found
