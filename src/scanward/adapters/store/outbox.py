"""The ledger's section that senders drain.

A sender leases a recipient, so that one alone serves it, and within it the items that it took; both leases end together
with the last of these items. The row of the recipient is locked before anything else of the outbox.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import BindParameter, Connection, bindparam, or_, select, update

from scanward.adapters.store import tables
from scanward.adapters.store.database import Database, Writing, to_micros
from scanward.adapters.store.rows import Row, chunks, to_outbox_item, to_release
from scanward.adapters.store.section import Section, What
from scanward.errors import StateError, UnknownError
from scanward.flow.states import ITEM_MOVES
from scanward.model.release import Claim, ClaimedItem, ItemOutcome, ItemState, ReleaseState
from scanward.ports.stores import Sealing

_items, _lanes, _releases, _instances = tables.items, tables.lanes, tables.releases, tables.instances
_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_SEQS: BindParameter[int] = bindparam("seqs", expanding=True)
_FREE = or_(_lanes.c.owner == "", _lanes.c.until <= bindparam("now"), _lanes.c.owner == bindparam("mine"))

_DUE = select(
    _lanes.c.recipient,
    select(_items.c.next_attempt)
    .where(_items.c.recipient == _lanes.c.recipient, tables.QUEUED)
    .order_by(_items.c.next_attempt)
    .limit(1)
    .scalar_subquery()
    .label("due"),
).where(_FREE)
_LOCK_FREE = (
    select(_lanes.c.recipient).where(_lanes.c.recipient == bindparam("to"), _FREE).with_for_update(skip_locked=True)
)
_LEASE_LANE = (
    update(_lanes).where(_lanes.c.recipient == bindparam("to")).values(owner=bindparam("mine"), until=bindparam("till"))
)
_OLDEST = (
    select(_items.c.release_id, _items.c.package)
    .where(_items.c.recipient == bindparam("to"), tables.QUEUED, _items.c.next_attempt <= bindparam("now"))
    .order_by(_items.c.next_attempt, _items.c.seq)
    .limit(1)
)
_FIRST = (
    select(_items.c.seq)
    .where(_items.c.release_id == bindparam("id"), tables.QUEUED, _items.c.next_attempt <= bindparam("now"))
    .where(_items.c.package == "")
    .order_by(_items.c.next_attempt, _items.c.seq)
    .limit(bindparam("n"))
)
# Due or not: a package is sent again as a whole, or some of it would take the place of all of it.
_PACKAGED = select(_items.c.seq).where(
    _items.c.release_id == bindparam("id"), tables.QUEUED, _items.c.package == bindparam("of")
)
_LEASE = (
    update(_items)
    .where(_items.c.seq.in_(_SEQS), tables.QUEUED)
    .values(lease_owner=bindparam("mine"))
    .returning(_items.c.seq)
)
_CLAIMED = (
    select(_items, _instances.c.blob, tables.disclosures.c.delete_by)
    .join(_instances, _instances.c.instance_id == _items.c.instance_id)
    .outerjoin(tables.disclosures, tables.disclosures.c.disclosure_id == _items.c.disclosure_id)
    .where(_items.c.seq.in_(_SEQS))
    .order_by(_items.c.next_attempt, _items.c.seq)
)
_ATTEMPT = (
    update(_items)
    .where(
        _items.c.release_id == bindparam("id"),
        _items.c.instance_id.in_(_IDS),
        tables.QUEUED,
        _items.c.lease_owner == bindparam("mine"),
    )
    .values(attempts=_items.c.attempts + 1, may_have_arrived=True, package=bindparam("into"))
)
_SOME_RELEASES = select(_releases.c.release_id, _releases.c.recipient).where(_releases.c.release_id.in_(_IDS))
_SOME_ITEMS = select(_items.c.seq, _items.c.instance_id, _items.c.state, _items.c.lease_owner).where(
    _items.c.release_id == bindparam("id"), _items.c.instance_id.in_(_IDS)
)
_SETTLE = (
    update(_items)
    .where(_items.c.seq.in_(_SEQS), _items.c.state == bindparam("old"))
    .values(
        state=bindparam("new"),
        detail=bindparam("why"),
        next_attempt=bindparam("next"),
        may_have_arrived=bindparam("perhaps"),
        lease_owner="",
        changed=bindparam("at"),
    )
)
_SETTLE_OUTSIDE = _SETTLE.values(package="")
_FETCH = (
    update(_items)
    .where(_items.c.seq.in_(_SEQS))
    .values(state=ItemState.SENT.value, may_have_arrived=True, changed=bindparam("at"))
)
_FAILED = select(_items.c.seq, _items.c.state).where(
    _items.c.release_id == bindparam("id"),
    _items.c.state.in_([ItemState.FAILED.value, ItemState.UNKNOWN.value]),
)
_RETRY = (
    update(_items)
    .where(_items.c.seq.in_(_SEQS))
    .values(
        state=ItemState.QUEUED.value,
        attempts=0,
        next_attempt=bindparam("at"),
        lease_owner="",
        changed=bindparam("at"),
    )
)

_OUTSIDE = frozenset({ItemState.QUEUED, ItemState.FAILED})
"""States of an instance that is in no package, unless it may have arrived."""

_REACHABLE = frozenset().union(*(moves for state, moves in ITEM_MOVES.items() if state is not ItemState.EXCLUDED))
"""States that an instance can come into by what its sender says."""


class _LostError(Exception):
    """The lease is lost."""


class OutboxSection(Section):
    """Claims, attempts and how they ended."""

    def __init__(self, database: Database, sealing: Sealing) -> None:
        super().__init__(database, sealing)
        self._add_lane = database.statements.insert_new(_lanes)

    def claim(self, owner: str, now: datetime, until: datetime, limit: int) -> Claim | None:
        """Lease up to `limit` due QUEUED items of one release to `owner`; None where nothing is due.

        Items that went into a package together are leased together, all that wait of it and no others.
        Due: next attempt not after `now`, and not leased beyond `now` by another. Oldest first: by when they were due,
        which is when they were disclosed, or when a failed attempt is to be repeated. A recipient of which another
        sender holds a lease beyond `now` is passed over. PERMITTED and ACCOUNTED releases are drained.
        """
        at = to_micros(now)
        with self._database.reading() as connection:
            found = _due_recipients(connection, owner, at)
        for recipient in found:
            with self._database.writing() as writing:
                claim = _claim_of(writing, recipient, owner, at, until, limit)
            if claim is not None:
                return claim
        return None

    def begin_attempt(self, owner: str, claim: Claim) -> bool:
        """Count an attempt for each item before a byte leaves, and note that it may arrive, and in which package.

        False, and nothing counted, where the lease is lost or the release STOPPED. `settle` says what came of it: after
        a kill in between, the items count as having arrived, perhaps.
        """
        release_id, recipient = claim.release.release_id, claim.release.recipient
        try:
            with self._database.writing() as writing:
                lanes = self._lock_lanes(writing, [recipient])
                self._lock_release(writing, release_id)
                counted = 0
                for ids in chunks([one.item.instance_id for one in claim.items]):
                    which = {"id": release_id, "ids": ids, "mine": owner, "into": claim.package}
                    counted += writing.execute(_ATTEMPT, which).rowcount
                if lanes.get(recipient) != owner or counted != len(claim.items):
                    raise _LostError
        except _LostError:
            return False
        return True

    def settle(self, owner: str, outcomes: Sequence[ItemOutcome], at: datetime) -> None:
        """Note how items ended and end their lease; a release whose items are all final becomes DONE once ACCOUNTED.

        What :data:`scanward.flow.states.ITEM_MOVES` does not allow from where an item is by now (its release was
        stopped, its lease lost and another sender done with it) changes nothing but the history. That a recipient
        confirmed an item is noted whoever says it; the rest only from who holds the lease.

        Raises
        ------
        StateError
            An outcome is a state that no instance comes into this way.
        UnknownError
            There is no such release, or an instance is not one of it.
        """
        if any(one.state not in _REACHABLE for one in outcomes):
            raise StateError("expected how sending ended, got a state that no sending ends in")
        by_release: dict[str, dict[str, ItemOutcome]] = {}
        for one in outcomes:
            by_release.setdefault(one.release_id, {})[one.instance_id] = one
        with self._database.writing() as writing:
            recipients: dict[str, str] = {}
            for ids in chunks(sorted(by_release)):
                recipients |= {row.release_id: row.recipient for row in writing.execute(_SOME_RELEASES, {"ids": ids})}
            lanes = self._lock_lanes(writing, set(recipients.values()))
            for release_id in sorted(by_release):
                release = self._lock_release(writing, release_id)
                is_holder = lanes.get(release.recipient) == owner
                self._settle_release(writing, release, by_release[release_id], at, owner if is_holder else None, owner)
                if release.state == ReleaseState.ACCOUNTED:
                    self._finish_release(writing, release, at)
            self._free_lanes(writing, {to: holder for to, holder in lanes.items() if holder == owner})

    def _settle_release(
        self,
        writing: Writing,
        release: Row,
        outcomes: dict[str, ItemOutcome],
        at: datetime,
        holder: str | None,
        by: str,
    ) -> None:
        """Settle items of a locked release; `holder` is `by` where it still has the recipient's lease."""
        rows: list[Row] = []
        for ids in chunks(sorted(outcomes)):
            rows.extend(writing.execute(_SOME_ITEMS, {"id": release.release_id, "ids": ids}))
        if len(rows) != len(outcomes):
            raise UnknownError("expected instances of the release, got one that it does not have")
        groups: dict[tuple[ItemState, ItemState, str, int, bool], list[int]] = {}
        late: Counter[str] = Counter()
        for row in rows:
            outcome, old = outcomes[row.instance_id], ItemState(row.state)
            is_leased = holder is not None and row.lease_owner == holder
            if _is_allowed(outcome, old, is_leased=is_leased):
                due = to_micros(outcome.next_attempt or at)
                key = (old, outcome.state, outcome.detail, due, outcome.may_have_arrived)
                groups.setdefault(key, []).append(row.seq)
            elif outcome.state is not old:
                late[f"{outcome.state} of {old}"] += 1
        for (old, new, detail, due, perhaps), seqs in groups.items():
            values = {"old": old.value, "new": new.value, "why": detail, "next": due, "perhaps": perhaps}
            statement = _SETTLE_OUTSIDE if new in _OUTSIDE and not perhaps else _SETTLE
            for some in chunks(seqs):
                writing.execute(statement, {**values, "at": to_micros(at), "seqs": some})
            self._count_items(writing, old, -len(seqs))
            self._count_items(writing, new, len(seqs))
            said = f"{len(seqs)} instances {new}: {detail}" if detail else f"{len(seqs)} instances {new}"
            writing.note(release.release_id, What.DELIVERY, at, by=by, detail=said)
        for moves, count in sorted(late.items()):
            writing.note(release.release_id, What.LATE, at, by=by, detail=f"{count} instances {moves}")

    def retry_items(self, release_id: str, by: str, at: datetime) -> int:
        """Queue the FAILED and UNKNOWN items of a release again, with their attempts forgotten; return how many.

        A DONE release moves to ACCOUNTED; one that is STOPPED raises `StateError`.
        """
        with self._database.writing() as writing:
            found = writing.execute(_SOME_RELEASES, {"ids": [release_id]}).one_or_none()
            if found is not None:
                writing.execute(self._add_lane, {"recipient": found.recipient, "owner": "", "until": 0})
                self._lock_lanes(writing, [found.recipient])
            release = self._lock_release(writing, release_id)
            if release.state == ReleaseState.STOPPED:
                raise StateError("a release that was stopped cannot be sent again")
            rows = writing.execute(_FAILED, {"id": release_id}).all()
            for some in chunks([row.seq for row in rows]):
                writing.execute(_RETRY, {"seqs": some, "at": to_micros(at)})
            for row in rows:
                self._count_items(writing, ItemState(row.state), -1)
                self._count_items(writing, ItemState.QUEUED, 1)
            if rows:
                if release.state == ReleaseState.DONE:
                    self._move_release(writing, release, ReleaseState.ACCOUNTED, at)
                writing.note(release_id, What.RETRIED, at, by=by, detail=f"{len(rows)} instances")
        return len(rows)

    def note_fetched(self, release_id: str, instance_id: str, at: datetime) -> None:
        """Note that a recipient fetched an AVAILABLE item, before it gets a byte: SENT from then on.

        Raises `StateError` where the item is neither AVAILABLE nor SENT any more, `UnknownError` where there is none.
        """
        which = {"id": release_id, "ids": [instance_id]}
        with self._database.reading() as connection:
            if _fetched_before(connection.execute(_SOME_ITEMS, which).one_or_none()):
                return
        with self._database.writing() as writing:
            self._lock_release(writing, release_id)  # nobody stops it meanwhile
            row = writing.execute(_SOME_ITEMS, which).one()
            if _fetched_before(row):
                return
            writing.execute(_FETCH, {"seqs": [row.seq], "at": to_micros(at)})
            self._count_items(writing, ItemState.AVAILABLE, -1)
            self._count_items(writing, ItemState.SENT, 1)
            writing.note(release_id, What.DELIVERY, at, detail="1 instance sent: fetched by the recipient")


def _fetched_before(row: Row | None) -> bool:
    """Whether an item is SENT; refuses one that is not AVAILABLE either."""
    if row is None:
        raise UnknownError("expected an instance of the release, got one that it does not have")
    if row.state not in {ItemState.AVAILABLE, ItemState.SENT}:
        raise StateError(f"expected an instance that is available, got one that is {row.state}")
    return bool(row.state == ItemState.SENT)


def _due_recipients(connection: Connection, owner: str, now: int) -> list[str]:
    """Return recipients with due items that `owner` may serve, the longest due first."""
    rows = connection.execute(_DUE, {"now": now, "mine": owner}).all()
    return [to for _, to in sorted((row.due, row.recipient) for row in rows if row.due is not None and row.due <= now)]


def _claim_of(writing: Writing, recipient: str, owner: str, now: int, until: datetime, limit: int) -> Claim | None:
    """Lease a recipient and items of its oldest due release; None where another was quicker."""
    of = {"to": recipient, "now": now, "mine": owner}
    if writing.execute(_LOCK_FREE, of).one_or_none() is None:
        return None
    oldest = writing.execute(_OLDEST, {"to": recipient, "now": now}).one_or_none()
    if oldest is None:
        return None
    release_id = oldest.release_id
    if oldest.package:
        first = writing.execute(_PACKAGED, {"id": release_id, "of": oldest.package}).scalars().all()
    else:
        first = writing.execute(_FIRST, {"id": release_id, "now": now, "n": limit}).scalars().all()
    seqs: list[int] = []
    for some in chunks(first):
        seqs.extend(writing.execute(_LEASE, {"seqs": some, "mine": owner}).scalars())
    release = writing.execute(select(_releases).where(_releases.c.release_id == release_id)).one()
    if not seqs or release.state not in {ReleaseState.PERMITTED, ReleaseState.ACCOUNTED}:
        return None
    writing.execute(_LEASE_LANE, {"to": recipient, "mine": owner, "till": to_micros(until)})
    rows: list[Row] = []
    for some in chunks(seqs):
        rows.extend(writing.execute(_CLAIMED, {"seqs": some}))
    rows.sort(key=lambda row: (row.next_attempt, row.seq))
    items = tuple(_to_claimed(row) for row in rows)
    return Claim(release=to_release(release), items=items, until=until, package=oldest.package)


def _to_claimed(row: Row) -> ClaimedItem:
    return ClaimedItem(
        release_id=row.release_id,
        item=to_outbox_item(row),
        attempts=row.attempts,
        may_have_arrived=row.may_have_arrived,
        source_blob=row.blob,
        delete_by=None if row.delete_by is None else date.fromisoformat(row.delete_by),
    )


def _is_allowed(outcome: ItemOutcome, old: ItemState, *, is_leased: bool) -> bool:
    """Whether an outcome applies to an item that is `old` by now."""
    if old is outcome.state:
        return old is ItemState.QUEUED and is_leased  # to be tried again later
    if outcome.state is ItemState.QUEUED or outcome.state not in ITEM_MOVES[old]:
        return False  # a person queues it again, by `retry_items`
    return is_leased or outcome.state is ItemState.SENT
