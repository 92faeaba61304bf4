"""Holds that end because their release was stopped."""

from sqlalchemy import bindparam, update

from scanward.adapters.store import tables
from scanward.adapters.store.database import Writing
from scanward.adapters.store.section import OPEN_HOLDS
from scanward.model.holds import HoldState

_holds = tables.holds

_END = (
    update(_holds)
    .where(_holds.c.release_id == bindparam("of"), _holds.c.state == bindparam("old"))
    .values(state=HoldState.ENDED.value)
)


def end_holds(writing: Writing, release_id: str) -> None:
    """Let nothing that is held of a release wait for anything any more."""
    ended = writing.execute(_END, {"of": release_id, "old": HoldState.OPEN.value}).rowcount
    writing.execute(_END, {"of": release_id, "old": HoldState.LET_GO.value})
    writing.count(OPEN_HOLDS, -ended)
