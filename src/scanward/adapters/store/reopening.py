"""Denied releases that have to be decided on again, as what denied them changed."""

from datetime import datetime

from sqlalchemy import BindParameter, ColumnElement, Select, Update, bindparam, select, update

from scanward.adapters.store import tables
from scanward.adapters.store.database import Writing, to_micros
from scanward.adapters.store.rows import chunks
from scanward.adapters.store.section import What
from scanward.model.release import ReleaseState

CONDITIONS_CHANGED = "consent or agreement changed"

_releases = tables.releases
_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_PATIENT = _releases.c.patient_id == bindparam("patient")
_RECIPIENT = _releases.c.recipient == bindparam("name")


def _locking(*which: ColumnElement[bool]) -> Select[tuple[str]]:
    # Those being decided on too: their lock is had once the decision is recorded, and the state is then that.
    return (
        select(_releases.c.release_id)
        .where(*which, _releases.c.refused_by == "")
        .where(_releases.c.state.in_([ReleaseState.OPEN.value, ReleaseState.DENIED.value]))
        .order_by(_releases.c.release_id)
        .with_for_update(key_share=True)
    )


_LOCK_PATIENT = _locking(_PATIENT)
_LOCK_RECIPIENT = _locking(_RECIPIENT)
_LOCK_BOTH = _locking(_PATIENT, _RECIPIENT)
_REOPEN: Update = (
    update(_releases)
    .where(_releases.c.release_id.in_(_IDS), _releases.c.state == ReleaseState.DENIED.value)
    .values(state=ReleaseState.OPEN.value, changed=bindparam("at"))
)
_REOPENED = _REOPEN.returning(_releases.c.release_id)


def reopen_denied(writing: Writing, at: datetime, *, patient_id: str = "", recipient: str = "") -> int:
    """Move DENIED releases of a patient, a recipient or both to OPEN; return how many."""
    values = {"patient": patient_id} if patient_id else {}
    if recipient:
        values["name"] = recipient
    statement = _LOCK_BOTH if len(values) == 2 else _LOCK_PATIENT if patient_id else _LOCK_RECIPIENT
    reopened: list[str] = []
    for ids in chunks(writing.execute(statement, values).scalars().all()):
        reopened += writing.execute(_REOPENED, {"ids": ids, "at": to_micros(at)}).scalars()
    for release_id in reopened:
        writing.note(release_id, What.REOPENED, at, detail=CONDITIONS_CHANGED)
    writing.count(f"releases:{ReleaseState.DENIED}", -len(reopened))
    writing.count(f"releases:{ReleaseState.OPEN}", len(reopened))
    return len(reopened)
