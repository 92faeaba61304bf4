"""The ledger's section that records disclosures, before anything leaves."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import BindParameter, bindparam, select

from scanward.adapters.store import tables
from scanward.adapters.store.database import Database, Writing, to_micros
from scanward.adapters.store.rows import NOTHING_LEAVES, Row, chunks, hold_values, outbox_values
from scanward.adapters.store.section import OPEN_HOLDS, Section, What
from scanward.errors import StateError, StoreError, UnknownError
from scanward.model.release import Disclosure, ItemState, OutboxItem, ReleaseState, Setback
from scanward.ports.stores import Sealing

DISCLOSED_BEFORE = "This instance was disclosed to the recipient for this purpose before."

_TRIES = 5
_SETBACK_STATES = frozenset({ItemState.EXCLUDED, ItemState.QUARANTINED})

_items, _instances = tables.items, tables.instances
_IDS: BindParameter[str] = bindparam("ids", expanding=True)

_SETTLED = select(_items.c.instance_id).where(_items.c.release_id == bindparam("id"))
_RECIPES = select(_items.c.instance_id, _items.c.recipe).where(
    _items.c.release_id == bindparam("id"), _items.c.instance_id.in_(_IDS)
)
_OF_BATCH = select(_instances.c.instance_id).where(
    _instances.c.instance_id.in_(_IDS),
    _instances.c.study_id == bindparam("study"),
    _instances.c.batch == bindparam("number"),
)
_DISCLOSED = select(_items.c.sop_instance_uid).where(
    _items.c.recipient == bindparam("to"),
    _items.c.purpose == bindparam("for"),
    _items.c.sop_instance_uid.in_(_IDS),
    tables.DISCLOSED,
)


class _RacedError(Exception):
    """Another transaction disclosed one of the same instances in between."""


class AccountingSection(Section):
    """Disclosures and the outbox items that they are about."""

    def __init__(self, database: Database, sealing: Sealing) -> None:
        super().__init__(database, sealing)
        statements = database.statements
        # Counted, not returned: many rows in one statement take psycopg long to put together.
        self._insert_items = statements.insert_new(_items).execution_options(preserve_rowcount=True)
        self._insert_uids = statements.insert_new(tables.release_uids)
        self._insert_lane = statements.insert_new(tables.lanes)
        self._insert_holds = statements.insert_new(tables.holds)
        self._add_disclosure = statements.add_up(
            tables.disclosures, ["release_id", "day"], "instances", "disclosure_id"
        )

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

        Raises
        ------
        StateError
            The release is not PERMITTED (any more) and there is something to record, or what is given does not fit
            together.
        UnknownError
            There is no such release, or an instance is not one of its batch.
        """
        if items and disclosure is None:
            raise StateError("expected a disclosure with the instances that leave, got none")
        if any(one.state not in _SETBACK_STATES for one in setbacks):
            raise StateError("expected setbacks that are excluded or quarantined, got another state")
        for _ in range(_TRIES):
            try:
                return self._account(release_id, disclosure, items, setbacks, pull=pull)
            except _RacedError:
                continue
        raise StoreError("expected to record a disclosure, but others recorded the same all the time")

    def _account(
        self,
        release_id: str,
        disclosure: Disclosure | None,
        items: Sequence[OutboxItem],
        setbacks: Sequence[Setback],
        *,
        pull: bool,
    ) -> Sequence[str]:
        with self._database.writing() as writing:
            if disclosure is not None and not pull:
                writing.execute(self._insert_lane, {"recipient": disclosure.recipient, "owner": "", "until": 0})
            release = self._lock_release(writing, release_id)
            if disclosure is not None and (disclosure.recipient, disclosure.purpose) != (
                release.recipient,
                release.purpose,
            ):
                raise StateError("expected a disclosure to the release's recipient for its purpose, got another")
            # 1. What is new here.
            settled = _recipes_of(writing, release_id, [*items, *setbacks])
            new = list({one.instance_id: one for one in items if one.instance_id not in settled}.values())
            set_back = {one.instance_id: one for one in setbacks if one.instance_id not in settled}
            if not new and not set_back:
                return _unused(items, settled)
            if release.state != ReleaseState.PERMITTED:
                raise StateError(f"expected a release that is permitted, got one that is {release.state}")
            _require_of_batch(writing, release, [*(one.instance_id for one in new), *set_back])
            # 2. What another release disclosed goes no further here.
            before = disclosed_before(writing, release, new)
            for one in new:
                if one.sop_instance_uid in before:
                    set_back[one.instance_id] = Setback(
                        instance_id=one.instance_id, state=ItemState.EXCLUDED, reason=DISCLOSED_BEFORE
                    )
            new = _first_of_each([one for one in new if one.sop_instance_uid not in before], set_back)
            # 3. The disclosure, then what leaves by it, then what does not.
            if new and disclosure is not None:
                self._disclose(writing, release, disclosure, new, pull=pull)
                settled |= {one.instance_id: one.recipe for one in new}
            if set_back:
                at = disclosure.disclosed if disclosure is not None else datetime.now(UTC)
                self._set_back(writing, release, list(set_back.values()), at)
        return _unused(items, settled)

    def _disclose(
        self, writing: Writing, release: Row, disclosure: Disclosure, items: Sequence[OutboxItem], *, pull: bool
    ) -> None:
        at = to_micros(disclosure.disclosed)
        disclosure_id = self._record_disclosure(writing, release, disclosure, items, pull=pull)
        state = ItemState.AVAILABLE if pull else ItemState.QUEUED
        row = _item_row(release, state, "", at, disclosure_id)
        ordered = sorted(items, key=lambda one: one.sop_instance_uid)  # so that no two transactions wait for each other
        rows = [{**row, "instance_id": one.instance_id, **outbox_values(one)} for one in ordered]
        if writing.execute(self._insert_items, rows).rowcount != len(rows):
            raise _RacedError

    def _record_disclosure(
        self, writing: Writing, release: Row, disclosure: Disclosure, items: Sequence[OutboxItem], *, pull: bool
    ) -> int:
        """Record a disclosure of items that are about to be added; return its id."""
        disclosure_id: int = writing.execute(
            self._add_disclosure,
            {
                "release_id": release.release_id,
                "day": disclosure.disclosed.astimezone(UTC).date().isoformat(),
                "study_id": release.study_id,
                "patient_id": release.patient_id,
                "disclosed": to_micros(disclosure.disclosed),
                "recipient": disclosure.recipient,
                "recipient_name": disclosure.recipient_name,
                "recipient_address": disclosure.recipient_address,
                "purpose": disclosure.purpose,
                "basis": disclosure.basis.value,
                "description": disclosure.description,
                "agreement_version": disclosure.agreement_version,
                "region": disclosure.region,
                "delete_by": disclosure.delete_by.isoformat(),
                "instances": len(items),
            },
        ).scalar_one()
        pairs = {(one.series_uid, one.study_uid) for one in items} | {(one.study_uid, one.study_uid) for one in items}
        of = {"recipient": release.recipient, "release_id": release.release_id}
        writing.execute(self._insert_uids, [{**of, "uid": uid, "study_uid": study} for uid, study in sorted(pairs)])
        state = ItemState.AVAILABLE if pull else ItemState.QUEUED
        self._count_items(writing, state, len(items))
        detail = f"{len(items)} instances to {release.recipient}, {state}"
        writing.note(release.release_id, What.DISCLOSED, disclosure.disclosed, detail=detail)
        return disclosure_id

    def _set_back(self, writing: Writing, release: Row, setbacks: Sequence[Setback], at: datetime) -> None:
        rows = [
            {
                **_item_row(release, one.state, one.reason, to_micros(at), None),
                "instance_id": one.instance_id,
                **NOTHING_LEAVES,
            }
            for one in setbacks
        ]
        writing.execute(self._insert_items, rows)
        self._hold(writing, release, setbacks, at)
        for state, count in Counter(one.state for one in setbacks).items():
            self._count_items(writing, state, count)
            writing.note(release.release_id, What.SET_BACK, at, detail=f"{count} instances {state}")

    def _hold(self, writing: Writing, release: Row, setbacks: Sequence[Setback], at: datetime) -> None:
        """Note what is held for its pixels, so that a person can decide on it."""
        rows = [
            {
                "release_id": release.release_id,
                "instance_id": one.instance_id,
                "recipient": release.recipient,
                "decided_by": "",
                "decided": None,
                "why": "",
                "as_it_is": False,
                **hold_values(one.hold, at),
            }
            for one in setbacks
            if one.hold is not None
        ]
        if rows:
            writing.execute(self._insert_holds, rows)
            writing.count(OPEN_HOLDS, len(rows))

    def mark_accounted(self, release_id: str, at: datetime) -> None:
        """Move a permitted release to ACCOUNTED, or to DONE where nothing waits in the outbox."""
        with self._database.writing() as writing:
            release = self._lock_release(writing, release_id)
            if release.state == ReleaseState.DONE:
                return  # staying is no move
            queued = self._has_queued(writing, release_id)
            state = ReleaseState.ACCOUNTED if queued else ReleaseState.DONE
            if release.state == state:
                return
            self._move_release(writing, release, state, at)
            writing.note(release_id, What.MOVED, at, detail=state)

    def settled_instances(self, release_id: str) -> frozenset[str]:
        """Return ids of instances that the release has items or setbacks of."""
        with self._database.reading() as connection:
            return frozenset(connection.execute(_SETTLED, {"id": release_id}).scalars())


def _item_row(release: Row, state: ItemState, detail: str, at: int, disclosure_id: int | None) -> dict[str, object]:
    return {
        "release_id": release.release_id,
        "recipient": release.recipient,
        "purpose": release.purpose,
        "state": state.value,
        "detail": detail,
        "attempts": 0,
        "may_have_arrived": False,
        "next_attempt": at,
        "lease_owner": "",
        "changed": at,
        "disclosure_id": disclosure_id,
        "package": "",
    }


def _recipes_of(writing: Writing, release_id: str, parts: Sequence[OutboxItem | Setback]) -> dict[str, str]:
    """Return the recipes of instances that the release has already."""
    found: dict[str, str] = {}
    for ids in chunks([one.instance_id for one in parts]):
        rows = writing.execute(_RECIPES, {"id": release_id, "ids": ids})
        found |= {row.instance_id: row.recipe for row in rows}
    return found


def _require_of_batch(writing: Writing, release: Row, ids: Sequence[str]) -> None:
    """Refuse instances that are not of the release's own batch: they may be another patient's."""
    found: set[str] = set()
    for some in chunks(ids):
        which = {"ids": some, "study": release.study_id, "number": release.batch}
        found.update(writing.execute(_OF_BATCH, which).scalars())
    if found != set(ids):
        raise UnknownError("expected instances of the release's own batch, got others")


def disclosed_before(writing: Writing, release: Row, items: Sequence[OutboxItem]) -> set[str]:
    """Return new SOP Instance UIDs of items that the recipient was disclosed for this purpose before."""
    found: set[str] = set()
    for uids in chunks([one.sop_instance_uid for one in items]):
        which = {"to": release.recipient, "for": release.purpose, "ids": uids}
        found.update(writing.execute(_DISCLOSED, which).scalars())
    return found


def _first_of_each(items: Sequence[OutboxItem], set_back: dict[str, Setback]) -> list[OutboxItem]:
    """Return the first item for each SOP Instance UID; further ones are set back."""
    firsts: dict[str, OutboxItem] = {}
    for one in items:
        if firsts.setdefault(one.sop_instance_uid, one) is not one:
            set_back[one.instance_id] = Setback(
                instance_id=one.instance_id, state=ItemState.EXCLUDED, reason=DISCLOSED_BEFORE
            )
    return list(firsts.values())


def _unused(items: Sequence[OutboxItem], recipes: dict[str, str]) -> list[str]:
    return sorted({one.recipe for one in items} - set(recipes.values()))
