"""What the sections of the ledger share: the database, and finding and moving a release."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import bindparam, func, select, update

from scanward.adapters.store import tables
from scanward.adapters.store.database import Database, Writing, to_micros
from scanward.adapters.store.rows import Row
from scanward.errors import StateError, UnknownError
from scanward.flow.states import RELEASE_MOVES
from scanward.model.holds import HoldState
from scanward.model.release import ItemState, ReleaseState
from scanward.ports.stores import Sealing

_RELEASE = select(tables.releases).where(tables.releases.c.release_id == bindparam("id"))
# Locks of rows that foreign keys point at leave those who add such keys alone ("key share").
_RELEASE_LOCKED = _RELEASE.with_for_update(key_share=True)
_MOVE_RELEASE = update(tables.releases).where(
    tables.releases.c.release_id == bindparam("id"), tables.releases.c.state == bindparam("old")
)
_LANES_LOCKED = (
    select(tables.lanes.c.recipient, tables.lanes.c.owner)
    .where(tables.lanes.c.recipient.in_(bindparam("recipients", expanding=True)))
    .order_by(tables.lanes.c.recipient)
    .with_for_update()
)
_HAS_QUEUED = select(
    select(tables.items.c.seq).where(tables.items.c.release_id == bindparam("id"), tables.QUEUED).exists()
)
_LEASED = (
    select(func.count())
    .select_from(tables.items)
    .where(
        tables.items.c.lease_owner == bindparam("owner"), tables.items.c.recipient == bindparam("name"), tables.LEASED
    )
)
_FREE_LANE = (
    update(tables.lanes)
    .where(tables.lanes.c.recipient == bindparam("name"), tables.lanes.c.owner == bindparam("of"))
    .values(owner="", until=0)
)

OPEN_HOLDS = f"holds:{HoldState.OPEN}"
"""Tally of the instances that are held for their pixels and wait for a person."""

DECISIONS = "decisions"
"""Tallies of this kind count what happened, not what there is: each decision, by outcome and kind of reason."""


class What(StrEnum):
    """What happened, in a history."""

    RECEIVED = "received"
    COMPLETED = "completed"
    ROUTED = "routed"
    PRIOR_REQUESTED = "fetched as a prior"
    PRIOR_WHOLE = "prior complete"
    PRIOR_CAME = "came by itself"
    PRIORS_LATE = "priors not fetched yet"
    PRIORS_FAILED = "priors given up"
    QUARANTINED = "quarantined"
    STORED_ANEW = "stored anew"
    OPENED = "opened"
    DECIDED = "decided"
    APPROVED = "approved"
    REFUSED = "refused"
    REOPENED = "opened again"
    DISCLOSED = "disclosed"
    SET_BACK = "set back"
    MOVED = "moved"
    DELIVERY = "delivery"
    LATE = "outcome too late"
    RETRIED = "queued again"
    PREPARED_AGAIN = "prepared again"
    KEPT_HELD = "kept held"
    LET_GO = "let go"
    LOOKED_AGAIN = "to be looked at again"
    HELD_AGAIN = "held again"
    SAVED = "saved"
    ENDED = "ended"
    PROVISION_RECORDED = "provision recorded"
    PROVISION_REVOKED = "provision revoked"
    SCREEN_FILLED = "always filled"
    SCREEN_LEFT = "not now"
    SCREEN_STOPPED = "filled no more"


class Section:
    """A part of the ledger.

    Parameters
    ----------
    database
        Where it is.
    sealing
        Seals what tells who a patient is.
    """

    def __init__(self, database: Database, sealing: Sealing) -> None:
        self._database = database
        self._sealing = sealing

    @staticmethod
    def _lock_release(writing: Writing, release_id: str) -> Row:
        """Return a release's row, which nobody else changes until the transaction ends."""
        row = writing.execute(_RELEASE_LOCKED, {"id": release_id}).one_or_none()
        if row is None:
            raise UnknownError("expected a release of the ledger, got an id that it does not know")
        return row

    @staticmethod
    def _lock_lanes(writing: Writing, recipients: Iterable[str]) -> dict[str, str]:
        """Return who serves which recipient, which nobody else changes until the transaction ends.

        Always before a release is locked, so that no two transactions wait for each other.
        """
        rows = writing.execute(_LANES_LOCKED, {"recipients": sorted(recipients)})
        return {row.recipient: row.owner for row in rows}

    @staticmethod
    def _free_lanes(writing: Writing, lanes: dict[str, str]) -> None:
        """End the lease of recipients of which their senders hold no item any more."""
        for recipient, owner in lanes.items():
            if owner and not writing.execute(_LEASED, {"owner": owner, "name": recipient}).scalar_one():
                writing.execute(_FREE_LANE, {"name": recipient, "of": owner})

    @staticmethod
    def _move_release(
        writing: Writing,
        release: Row,
        state: ReleaseState,
        at: datetime,
        *,
        reasons: Sequence[str] | None = None,
        **values: object,
    ) -> None:
        """Move a release that this transaction locked; staying where it is is no move."""
        old = ReleaseState(release.state)
        if state is not old:
            if state not in RELEASE_MOVES[old]:
                raise StateError(f"a release that is {old} cannot become {state}")
            values |= {"state": state.value, "changed": to_micros(at)}
            writing.count(f"releases:{old}", -1)
            writing.count(f"releases:{state}")
        if reasons is not None:
            values["reasons"] = json.dumps(list(reasons))
        if not values:
            return
        moved = writing.execute(_MOVE_RELEASE.values(**values), {"id": release.release_id, "old": old.value})
        if moved.rowcount != 1:
            raise StateError(f"a release that was {old} moved meanwhile")

    def _finish_release(self, writing: Writing, release: Row, at: datetime) -> None:
        """Move a locked release to DONE where nothing of it waits in the outbox."""
        if not self._has_queued(writing, release.release_id):
            self._move_release(writing, release, ReleaseState.DONE, at)
            writing.note(release.release_id, What.MOVED, at, detail=ReleaseState.DONE)

    @staticmethod
    def _has_queued(writing: Writing, release_id: str) -> bool:
        return bool(writing.execute(_HAS_QUEUED, {"id": release_id}).scalar_one())

    @staticmethod
    def _count_items(writing: Writing, state: ItemState, by: int) -> None:
        writing.count(f"items:{state}", by)
