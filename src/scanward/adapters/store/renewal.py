"""The ledger's section on what was de-identified otherwise than it would be now, and is made again before it leaves."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import BindParameter, bindparam, delete, or_, select, update

from scanward.adapters.store import tables
from scanward.adapters.store.accounting import DISCLOSED_BEFORE
from scanward.adapters.store.database import Database, Writing, to_micros
from scanward.adapters.store.rows import Row, chunks, outbox_values
from scanward.adapters.store.section import Section, What
from scanward.errors import StateError
from scanward.flow.forms import withheld
from scanward.flow.states import ITEM_MOVES
from scanward.model.release import ItemState, OutboxItem, ReleaseState, Setback
from scanward.ports.stores import Sealing

OTHER_UIDS = "It was de-identified anew and has other UIDs now, and the recipient may have it under the former ones."

_items, _outdated = tables.items, tables.outdated
_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_STATES: BindParameter[str] = bindparam("states", expanding=True)
_LIVE = frozenset({ReleaseState.PERMITTED, ReleaseState.ACCOUNTED, ReleaseState.DONE})

_IS_NOTED = select(_outdated.c.release_id).where(_outdated.c.release_id == bindparam("id"))
_NOTED = select(_outdated.c.release_id).order_by(_outdated.c.noted).limit(bindparam("n"))
_CLEAR = delete(_outdated).where(_outdated.c.release_id == bindparam("id"))
_OTHER_FORM = select(_items.c.instance_id).where(
    _items.c.release_id == bindparam("id"),
    _items.c.state.in_(_STATES),
    _items.c.form.not_in(bindparam("forms", expanding=True)),
)
_FORMER = select(_items).where(
    _items.c.release_id == bindparam("id"),
    _items.c.instance_id.in_(_IDS),
    _items.c.state.in_(_STATES),
    _items.c.lease_owner == "",
)
_OTHERS = select(_items.c.seq).where(
    _items.c.recipient == bindparam("to"),
    _items.c.purpose == bindparam("for"),
    _items.c.sop_instance_uid == bindparam("uid"),
    tables.DISCLOSED,
    or_(_items.c.release_id != bindparam("id"), _items.c.instance_id != bindparam("instance")),
)
_REPLACE = update(_items).where(_items.c.seq == bindparam("which"))
_MOVE = _REPLACE.values(
    state=bindparam("new"), detail=bindparam("why"), form=bindparam("as"), changed=bindparam("at"), lease_owner=""
)
_STILL_USED = select(_items.c.recipe).where(_items.c.release_id == bindparam("id"), _items.c.recipe.in_(_IDS))


class RenewalSection(Section):
    """What has to be made again."""

    def __init__(self, database: Database, sealing: Sealing) -> None:
        super().__init__(database, sealing)
        self._note_outdated = database.statements.insert_new(_outdated)
        self._add_uids = database.statements.insert_new(tables.release_uids)

    def note_outdated(self, release_id: str, at: datetime) -> None:
        """Note that a release has instances that were de-identified otherwise than they would be now."""
        with self._database.reading() as connection:
            if connection.execute(_IS_NOTED, {"id": release_id}).one_or_none() is not None:
                return
        with self._database.writing() as writing:
            writing.execute(self._note_outdated, {"release_id": release_id, "noted": to_micros(at)})

    def find_outdated(self, limit: int) -> Sequence[str]:
        """Return releases that this is noted of, the longest first."""
        with self._database.reading() as connection:
            return connection.execute(_NOTED, {"n": limit}).scalars().all()

    def clear_outdated(self, release_id: str) -> None:
        """Take back what `note_outdated` noted."""
        with self._database.writing() as writing:
            writing.execute(_CLEAR, {"id": release_id})

    def outdated_items(self, release_id: str, form: str, *, pull: bool) -> frozenset[str]:
        """Return ids of a release's instances that could still leave in another form than `form`.

        QUEUED and AVAILABLE ones; with `pull` SENT ones too, which may be fetched again. Not those that are noted as
        not to be had in `form`.
        """
        values = {"id": release_id, "states": _replaceable(pull=pull), "forms": [form, withheld(form)]}
        with self._database.reading() as connection:
            return frozenset(connection.execute(_OTHER_FORM, values).scalars())

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
        if any(one.form != form for one in items):
            raise StateError("expected instances in the form given, got one in another")
        recipes = {one.recipe for one in items}
        with self._database.writing() as writing:
            self._lock_lanes(writing, _recipient_of(writing, release_id))
            release = self._lock_release(writing, release_id)
            former: dict[str, Row] = {}
            if release.state in _LIVE:
                former = _former(writing, release_id, [*items, *setbacks], _replaceable(pull=pull))
            recipes |= {row.recipe for row in former.values()}
            kept = [one for one in items if one.instance_id in former]
            given_up = {one.instance_id: one.reason for one in setbacks if one.instance_id in former}
            given_up |= _not_replaceable(writing, former, kept)
            kept = [one for one in kept if one.instance_id not in given_up]
            self._renew_items(writing, release, former, kept, at)
            for instance_id, why in given_up.items():
                self._give_up(writing, former[instance_id], why, form, at)
            if kept or given_up:
                detail = f"{len(kept)} instances, {len(given_up)} leave no more"
                writing.note(release_id, What.PREPARED_AGAIN, at, detail=detail)
            if given_up and release.state == ReleaseState.ACCOUNTED:
                self._finish_release(writing, release, at)
            return _unused(writing, release_id, recipes)

    def _renew_items(
        self, writing: Writing, release: Row, former: dict[str, Row], items: Sequence[OutboxItem], at: datetime
    ) -> None:
        rows = [
            {
                "which": former[one.instance_id].seq,
                **outbox_values(one),
                "changed": to_micros(at),
                "next_attempt": to_micros(at),
            }
            for one in items
        ]
        if not rows:
            return
        columns: dict[str, BindParameter[object]] = {name: bindparam(name) for name in rows[0] if name != "which"}
        writing.execute(_REPLACE.values(**columns), rows)
        pairs = {(one.series_uid, one.study_uid) for one in items} | {(one.study_uid, one.study_uid) for one in items}
        of = {"recipient": release.recipient, "release_id": release.release_id}
        writing.execute(self._add_uids, [{**of, "uid": uid, "study_uid": study} for uid, study in sorted(pairs)])

    def _give_up(self, writing: Writing, row: Row, why: str, form: str, at: datetime) -> None:
        old = ItemState(row.state)
        new = ItemState.STOPPED
        if old is ItemState.SENT:
            new = old  # it was fetched, and is not to be had again
        elif row.may_have_arrived:
            new = ItemState.UNKNOWN
        if new is not old and new not in ITEM_MOVES[old]:
            raise StateError(f"an instance of a release that is {old} cannot become {new}")
        values = {"which": row.seq, "new": new.value, "why": why, "as": withheld(form), "at": to_micros(at)}
        writing.execute(_MOVE, values)
        self._count_items(writing, old, -1)
        self._count_items(writing, new, 1)


def _replaceable(*, pull: bool) -> list[str]:
    states = [ItemState.QUEUED.value, ItemState.AVAILABLE.value]
    return [*states, ItemState.SENT.value] if pull else states


def _recipient_of(writing: Writing, release_id: str) -> Sequence[str]:
    found = select(tables.releases.c.recipient).where(tables.releases.c.release_id == bindparam("id"))
    return writing.execute(found, {"id": release_id}).scalars().all()


def _former(
    writing: Writing, release_id: str, parts: Sequence[OutboxItem | Setback], states: Sequence[str]
) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for ids in chunks([one.instance_id for one in parts]):
        rows = writing.execute(_FORMER, {"id": release_id, "ids": ids, "states": states})
        found |= {row.instance_id: row for row in rows}
    return found


def _not_replaceable(writing: Writing, former: dict[str, Row], items: Iterable[OutboxItem]) -> dict[str, str]:
    """Return why an instance cannot take the place of its former self, by id; nothing of those that can."""
    found: dict[str, str] = {}
    for one in items:
        row = former[one.instance_id]
        uids = (one.sop_instance_uid, one.series_uid, one.study_uid, one.patient)
        if uids == (row.sop_instance_uid, row.series_uid, row.study_uid, row.patient):
            continue
        if row.may_have_arrived:
            found[one.instance_id] = OTHER_UIDS
            continue
        which = {"to": row.recipient, "for": row.purpose, "uid": one.sop_instance_uid}
        others = {**which, "id": row.release_id, "instance": one.instance_id}
        if writing.execute(_OTHERS, others).first() is not None:
            found[one.instance_id] = DISCLOSED_BEFORE
    return found


def _unused(writing: Writing, release_id: str, recipes: set[str]) -> list[str]:
    used: set[str] = set()
    for some in chunks(sorted(recipes)):
        used.update(writing.execute(_STILL_USED, {"id": release_id, "ids": some}).scalars())
    return sorted(recipes - used - {""})
