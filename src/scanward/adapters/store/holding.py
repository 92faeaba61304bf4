"""The ledger's section on instances held for their pixels (implements :class:`scanward.ports.holds.Holds`)."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import BindParameter, Select, and_, bindparam, func, or_, select, update

from scanward.adapters.store import tables
from scanward.adapters.store.accounting import DISCLOSED_BEFORE, AccountingSection, disclosed_before
from scanward.adapters.store.database import Database, Writing, from_micros, to_micros
from scanward.adapters.store.rows import Row, chunks, hold_values, outbox_values, to_release
from scanward.adapters.store.section import OPEN_HOLDS, What
from scanward.errors import StateError, UnknownError
from scanward.flow.pixel_texts import decode_finding
from scanward.flow.states import ITEM_MOVES
from scanward.model.holds import CLEANED, UNDECIDED, Held, HoldKind, HoldState, LetGo, PixelHold
from scanward.model.release import Disclosure, ItemState, OutboxItem, Release, ReleaseState, Setback
from scanward.ports.holds import HeldRelease, HoldGround
from scanward.ports.stores import Sealing

CHANGED = "expected a decision on what is held now, got one on what it was before"

_holds, _items, _instances, _releases = tables.holds, tables.items, tables.instances, tables.releases
_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_LIVE = frozenset({ReleaseState.PERMITTED, ReleaseState.ACCOUNTED, ReleaseState.DONE})
_OF = and_(_holds.c.release_id == bindparam("of"), _holds.c.instance_id.in_(_IDS))
_TO_ITEM = and_(_items.c.release_id == _holds.c.release_id, _items.c.instance_id == _holds.c.instance_id)
_FORMER_STATES = (HoldState.OPEN.value, HoldState.KEPT.value, HoldState.LET_GO.value)

_WHAT: Select[*tuple[object, ...]] = (
    select(
        *_holds.c,
        _items.c.seq,
        _items.c.detail,
        _instances.c.series_id,
        _instances.c.modality,
        _instances.c.sop_class_uid,
        _instances.c.size_bytes,
        _instances.c.identity,
    )
    .join(_items, _TO_ITEM)
    .join(_instances, _instances.c.instance_id == _holds.c.instance_id)
    .order_by(_instances.c.series_id, _holds.c.instance_id)
)
_HELD = _WHAT.where(_holds.c.release_id == bindparam("of"))
_SOME = _WHAT.where(_OF)
_WAITING = (
    select(_holds.c.release_id, func.count().label("n"), func.min(_holds.c.noted).label("since"))
    .where(tables.HELD)
    .group_by(_holds.c.release_id)
)
_RELEASES = select(_releases).where(_releases.c.release_id.in_(_IDS))
_GROUNDS = select(_holds.c.recipient, _holds.c.form, _holds.c.sight).where(tables.HELD).distinct()
_ON_GROUND = (
    select(_holds.c.release_id)
    .where(
        tables.HELD,
        _holds.c.recipient == bindparam("to"),
        _holds.c.form == bindparam("as"),
        _holds.c.sight == bindparam("by"),
    )
    .distinct()
    .limit(bindparam("most"))
)
_TO_LOOK_AT = select(_holds.c.instance_id).where(
    _holds.c.release_id == bindparam("of"),
    or_(
        _holds.c.state == HoldState.LET_GO.value,
        and_(
            _holds.c.state == HoldState.OPEN.value,
            or_(_holds.c.form != bindparam("as"), _holds.c.sight != bindparam("by")),
        ),
    ),
)
_LET_GO = select(_holds.c.instance_id, _holds.c.digest, _holds.c.as_it_is, _holds.c.decided, _holds.c.kind).where(
    _holds.c.release_id == bindparam("of"), _holds.c.state.in_([HoldState.LET_GO.value, HoldState.LEFT.value])
)
_DECIDE = (
    update(_holds)
    .where(_OF)
    .values(
        state=bindparam("new"),
        decided_by=bindparam("who"),
        decided=bindparam("at"),
        why=bindparam("because"),
        as_it_is=bindparam("raw"),
    )
)
_MOVE = update(_holds).where(_OF).values(state=bindparam("new"))
_REOPEN = _MOVE.values(decided_by="", decided=None, why="", as_it_is=False)
_FORGET = (
    update(_holds)
    .where(_holds.c.release_id == bindparam("of"), tables.HELD)
    .values(form=bindparam("as"), sight=bindparam("by"))
)
_PENDING = select(_holds.c.instance_id).where(
    _holds.c.release_id == bindparam("of"), _holds.c.state == HoldState.LET_GO.value
)
_HOLD_AGAIN = update(_holds).where(
    _holds.c.release_id == bindparam("which"), _holds.c.instance_id == bindparam("instance")
)
_LEAVE = update(_items).where(_items.c.seq == bindparam("which"))


class HoldsSection(AccountingSection):
    """Holds for pixels, and what becomes of them."""

    def __init__(self, database: Database, sealing: Sealing) -> None:
        super().__init__(database, sealing)
        self._note_release = database.statements.insert_new(tables.outdated)

    # Asked

    def held(self, release_id: str) -> Sequence[Held]:
        """Return what of a release is or was held for its pixels, by series and instance."""
        with self._database.reading() as connection:
            rows = connection.execute(_HELD, {"of": release_id}).all()
        return [self._to_held(row) for row in rows]

    def held_releases(self, *, limit: int) -> Sequence[HeldRelease]:
        """Return releases with instances that wait for a person, the longest first."""
        with self._database.reading() as connection:
            # As many as people have left undecided, whatever else is in the ledger.
            found = connection.execute(_WAITING).all()
            waiting = sorted(found, key=lambda row: (row.since, row.release_id))[:limit]
            releases: dict[str, Release] = {}
            for ids in chunks([row.release_id for row in waiting]):
                releases |= {row.release_id: to_release(row) for row in connection.execute(_RELEASES, {"ids": ids})}
        return [
            HeldRelease(release=releases[row.release_id], instances=row.n, since=from_micros(row.since))
            for row in waiting
        ]

    def hold_grounds(self) -> Sequence[HoldGround]:
        """Return as what instances are held that wait, each once."""
        with self._database.reading() as connection:
            rows = connection.execute(_GROUNDS).all()
        return sorted(HoldGround(recipient=row.recipient, form=row.form, sight=row.sight) for row in rows)

    def note_holds_outdated(self, ground: HoldGround, at: datetime, limit: int) -> int:
        """Note that releases with holds on this ground have to be looked at again; return how many this is noted of."""
        which = {"to": ground.recipient, "as": ground.form, "by": ground.sight, "most": limit}
        with self._database.reading() as connection:
            found = connection.execute(_ON_GROUND, which).scalars().all()
        with self._database.writing() as writing:
            for release_id in found:
                writing.execute(self._note_release, {"release_id": release_id, "noted": to_micros(at)})
        return len(found)

    def holds_to_look_at(self, release_id: str, form: str, sight: str) -> frozenset[str]:
        """Return instances that wait and were held in another form or by another sight, and those that are let go."""
        with self._database.reading() as connection:
            found = connection.execute(_TO_LOOK_AT, {"of": release_id, "as": form, "by": sight}).scalars()
            return frozenset(found)

    def let_go_of(self, release_id: str) -> Mapping[str, LetGo]:
        """Return what of a release a person lets go or let go, by instance."""
        with self._database.reading() as connection:
            rows = connection.execute(_LET_GO, {"of": release_id}).all()
        return {
            row.instance_id: LetGo(
                digest=row.digest, as_it_is=row.as_it_is, decided=from_micros(row.decided), kind=HoldKind(row.kind)
            )
            for row in rows
        }

    # Decided by a person

    def keep_held(self, release_id: str, held: Mapping[str, str], *, by: str, reason: str, at: datetime) -> None:
        """Note that a person keeps instances held: these wait no more; raises `StateError`, `UnknownError`."""
        with self._database.writing() as writing:
            self._decide(writing, release_id, held, HoldState.KEPT, by=by, reason=reason, as_it_is=False, at=at)
            writing.note(release_id, What.KEPT_HELD, at, by=by, detail=_said(len(held), reason))

    def let_go(
        self, release_id: str, held: Mapping[str, str], *, by: str, reason: str, as_it_is: bool, at: datetime
    ) -> None:
        """Note that a person lets instances go, which is prepared again; raises as `keep_held`, and `StateError`."""
        with self._database.writing() as writing:
            rows = self._decide(
                writing, release_id, held, HoldState.LET_GO, by=by, reason=reason, as_it_is=as_it_is, at=at
            )
            if not all(row.digest for row in rows):
                raise StateError(
                    "expected instances of which it is on record what they hold, got one of an earlier version",
                    remedy="Have it looked at again first.",
                )
            if as_it_is and any(HoldKind(row.kind) in CLEANED for row in rows):
                raise StateError("expected instances that no machine can clean, got one that it can")
            writing.execute(self._note_release, {"release_id": release_id, "noted": to_micros(at)})
            form = (
                "pixels as they are where no machine can clean them" if as_it_is else "as far as the machine cleans it"
            )
            digests = ", ".join(sorted(row.digest[:16] for row in rows)[:_DIGESTS_NOTED])
            detail = f"{_said(len(held), reason)} ({form}; content {digests})"
            writing.note(release_id, What.LET_GO, at, by=by, detail=detail)

    def look_again(self, release_id: str, *, by: str, at: datetime) -> int:
        """Note that what waits of a release is to be looked at again; return how many instances."""
        with self._database.writing() as writing:
            _require_live(self._lock_release(writing, release_id))
            count = writing.execute(_FORGET, {"of": release_id, "as": "", "by": ""}).rowcount
            if count:
                writing.execute(self._note_release, {"release_id": release_id, "noted": to_micros(at)})
                writing.note(
                    release_id, What.LOOKED_AGAIN, at, by=by, detail=f"{count} instances held for their pixels"
                )
        return count

    def _decide(
        self,
        writing: Writing,
        release_id: str,
        held: Mapping[str, str],
        state: HoldState,
        *,
        by: str,
        reason: str,
        as_it_is: bool,
        at: datetime,
    ) -> list[Row]:
        """Note a decision on all of `held`, or raise; return what they were."""
        _require_live(self._lock_release(writing, release_id))
        rows = _rows_of(writing, release_id, held)
        if len(rows) != len(held):
            raise UnknownError("expected instances of the release that are held, got one that is not")
        for row in rows:
            if HoldState(row.state) not in UNDECIDED:
                raise StateError("expected instances that a person can decide on, got one that is decided or gone")
            if self._to_held(row).seen != held[row.instance_id]:
                raise StateError(CHANGED, remedy="Load the page again: it was looked at again meanwhile.")
        values = {
            "of": release_id,
            "new": state.value,
            "who": by,
            "at": to_micros(at),
            "because": reason,
            "raw": as_it_is,
        }
        for ids in chunks(sorted(held)):
            writing.execute(_DECIDE, {**values, "ids": ids})
        writing.count(OPEN_HOLDS, -sum(row.state == HoldState.OPEN for row in rows))
        return rows

    # Settled by looking again

    def settle_holds(
        self,
        release_id: str,
        disclosure: Disclosure | None,
        items: Sequence[OutboxItem],
        setbacks: Sequence[Setback],
        *,
        let_go: Mapping[str, LetGo],
        pull: bool,
        at: datetime,
    ) -> Sequence[str]:
        """Record what became of instances that were looked at again, in one transaction, before anything leaves.

        As :meth:`scanward.ports.holds.Holds.settle_holds` says.
        """
        if items and disclosure is None:
            raise StateError("expected a disclosure with the instances that leave, got none")
        with self._database.writing() as writing:
            if disclosure is not None and not pull:
                writing.execute(self._insert_lane, {"recipient": disclosure.recipient, "owner": "", "until": 0})
            release = self._lock_release(writing, release_id)
            rows: dict[str, Row] = {}
            if release.state in _LIVE:
                ids = [*(one.instance_id for one in items), *(one.instance_id for one in setbacks)]
                rows = {
                    row.instance_id: row for row in _rows_of(writing, release_id, ids) if row.state in _FORMER_STATES
                }
            # 1. What may leave: what waits, and what is let go by the decision that it was made on.
            standing = [one for one in items if _stands(rows.get(one.instance_id), one, let_go)]
            before = disclosed_before(writing, release, standing)
            new = [one for one in standing if one.sop_instance_uid not in before]
            if new and disclosure is not None:
                self._let_leave(writing, release, disclosure, new, rows, pull=pull)
            # 2. What stays.
            gone = [one for one in standing if one.sop_instance_uid in before]
            self._end(writing, release, [(rows[one.instance_id], DISCLOSED_BEFORE) for one in gone])
            self._set_back_again(writing, release, [one for one in setbacks if one.instance_id in rows], rows, at)
            used = {one.recipe for one in new}
        return sorted({one.recipe for one in items} - used)

    def put_off_holds(self, release_id: str, form: str, sight: str, *, why: str, at: datetime) -> None:
        """Note that nothing of a release may leave now: what a person let go waits for a person again."""
        with self._database.writing() as writing:
            self._lock_release(writing, release_id)
            pending = writing.execute(_PENDING, {"of": release_id}).scalars().all()
            for ids in chunks(pending):
                writing.execute(_REOPEN, {"of": release_id, "ids": ids, "new": HoldState.OPEN.value})
            writing.execute(_FORGET, {"of": release_id, "as": form, "by": sight})
            if pending:
                writing.count(OPEN_HOLDS, len(pending))
                writing.note(release_id, What.HELD_AGAIN, at, detail=_said(len(pending), why))

    def _let_leave(
        self,
        writing: Writing,
        release: Row,
        disclosure: Disclosure,
        items: Sequence[OutboxItem],
        rows: Mapping[str, Row],
        *,
        pull: bool,
    ) -> None:
        state = ItemState.AVAILABLE if pull else ItemState.QUEUED
        _require_move(state)
        disclosure_id = self._record_disclosure(writing, release, disclosure, items, pull=pull)
        micros = to_micros(disclosure.disclosed)
        ordered = sorted(items, key=lambda one: one.sop_instance_uid)  # so that no two transactions wait for each other
        left = [
            {
                "which": rows[one.instance_id].seq,
                **outbox_values(one),
                "state": state.value,
                "detail": "",
                "disclosure_id": disclosure_id,
                "next_attempt": micros,
                "changed": micros,
            }
            for one in ordered
        ]
        columns: dict[str, BindParameter[object]] = {name: bindparam(name) for name in left[0] if name != "which"}
        writing.execute(_LEAVE.values(**columns), left)
        self._count_items(writing, ItemState.EXCLUDED, -len(items))
        for how in (HoldState.LEFT, HoldState.PASSED):
            ids = [one.instance_id for one in items if one.pixels.is_let_go == (how is HoldState.LEFT)]
            self._close(writing, release.release_id, [rows[one] for one in ids], how)
        if state is ItemState.QUEUED and release.state == ReleaseState.DONE:
            self._move_release(writing, release, ReleaseState.ACCOUNTED, disclosure.disclosed)
            writing.note(release.release_id, What.MOVED, disclosure.disclosed, detail=ReleaseState.ACCOUNTED)

    def _set_back_again(
        self, writing: Writing, release: Row, setbacks: Iterable[Setback], rows: Mapping[str, Row], at: datetime
    ) -> None:
        ended: list[tuple[Row, str]] = []
        lapsed = 0
        for one in setbacks:
            row = rows[one.instance_id]
            if one.hold is None:
                ended.append((row, one.reason))
                if one.state is not ItemState.EXCLUDED:
                    _require_move(one.state)
                    self._move_item(writing, row, at, state=one.state.value)
                    self._count_items(writing, ItemState.EXCLUDED, -1)
                    self._count_items(writing, one.state, 1)
                continue
            values = hold_values(one.hold, at)
            if row.state == HoldState.KEPT:
                values["state"] = HoldState.KEPT.value
            else:
                values |= {"decided_by": "", "decided": None, "why": "", "as_it_is": False}
            which = {"which": release.release_id, "instance": one.instance_id}
            writing.execute(_HOLD_AGAIN.values(**values), which)
            self._move_item(writing, row, at, detail=one.reason)
            lapsed += row.state == HoldState.LET_GO
        self._end(writing, release, ended)
        if lapsed:
            writing.count(OPEN_HOLDS, lapsed)
            writing.note(release.release_id, What.HELD_AGAIN, at, detail=f"{lapsed} instances that were let go")

    def _end(self, writing: Writing, release: Row, ended: Sequence[tuple[Row, str]]) -> None:
        for row, why in ended:
            writing.execute(_LEAVE.values(detail=why), {"which": row.seq})
        self._close(writing, release.release_id, [row for row, _ in ended], HoldState.ENDED)

    @staticmethod
    def _move_item(writing: Writing, row: Row, at: datetime, **values: object) -> None:
        writing.execute(_LEAVE.values(**values, changed=to_micros(at)), {"which": row.seq})

    @staticmethod
    def _close(writing: Writing, release_id: str, rows: Sequence[Row], state: HoldState) -> None:
        for some in chunks(rows):
            which = {"of": release_id, "ids": [row.instance_id for row in some], "new": state.value}
            writing.execute(_MOVE, which)
        writing.count(OPEN_HOLDS, -sum(row.state == HoldState.OPEN for row in rows))

    def _to_held(self, row: Row) -> Held:
        uids = json.loads(self._sealing.open(row.instance_id, row.identity))
        hold = PixelHold(
            kind=HoldKind(row.kind),
            digest=row.digest,
            finding=decode_finding(row.finding),
            form=row.form,
            sight=row.sight,
        )
        return Held(
            release_id=row.release_id,
            instance_id=row.instance_id,
            series_id=row.series_id,
            modality=row.modality,
            sop_class_uid=row.sop_class_uid,
            size_bytes=row.size_bytes,
            hold=hold,
            reason=row.detail,
            state=HoldState(row.state),
            noted=from_micros(row.noted),
            by=row.decided_by,
            decided=None if row.decided is None else from_micros(row.decided),
            why=row.why,
            as_it_is=row.as_it_is,
            series_uid=uids.get("series_uid", ""),
            sop_instance_uid=uids.get("sop_instance_uid", ""),
        )


_DIGESTS_NOTED = 20


def _said(count: int, reason: str) -> str:
    return f"{count} instances: {reason}" if reason else f"{count} instances"


def _rows_of(writing: Writing, release_id: str, ids: Iterable[str]) -> list[Row]:
    found: list[Row] = []
    for some in chunks(sorted(ids)):
        found.extend(writing.execute(_SOME, {"of": release_id, "ids": some}))
    return found


def _stands(row: Row | None, item: OutboxItem, let_go: Mapping[str, LetGo]) -> bool:
    """Whether an instance may leave that was made: it waits, or the decision by which it was made is the one now."""
    if row is None or row.state == HoldState.KEPT:
        return False
    if not item.pixels.is_let_go:
        return True
    given = let_go.get(item.instance_id)
    is_same = given is not None and (row.decided, row.digest) == (to_micros(given.decided), given.digest)
    return row.state == HoldState.LET_GO and is_same


def _require_live(release: Row) -> None:
    if release.state not in _LIVE:
        raise StateError(
            f"expected a release of which something can still leave, got one that is {release.state}",
        )


def _require_move(state: ItemState) -> None:
    if state not in ITEM_MOVES[ItemState.EXCLUDED]:
        raise StateError(f"an instance that is held cannot become {state}")
