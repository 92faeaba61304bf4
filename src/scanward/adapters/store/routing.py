"""The ledger's section on releases and the decisions on them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, insert, select, update

from scanward.adapters.store import tables
from scanward.adapters.store.database import Database, Writing, to_micros
from scanward.adapters.store.ending import end_holds
from scanward.adapters.store.reopening import reopen_denied
from scanward.adapters.store.rows import Row, encode_decision, to_release
from scanward.adapters.store.section import DECISIONS, Section, What
from scanward.errors import StateError, UnknownError
from scanward.flow.states import ITEM_MOVES
from scanward.model.decision import Decision, Deny, DenyCode, Grounds
from scanward.model.release import ItemState, Release, ReleaseState
from scanward.model.study import Batch
from scanward.ports.stores import Sealing

STOPPED_BY_A_PERSON = "A person stopped it."

_releases, _items = tables.releases, tables.items

_RELEASE = select(_releases).where(_releases.c.release_id == bindparam("id"))
_PATIENT = select(tables.studies.c.patient_id).where(tables.studies.c.study_id == bindparam("id"))
_IN_STATE = (
    select(_releases).where(_releases.c.state == bindparam("of")).order_by(_releases.c.changed).limit(bindparam("n"))
)
_INSERT_DECISION = insert(tables.decisions)
_UNSENT = (
    select(_items.c.seq, _items.c.state, _items.c.may_have_arrived)
    .where(_items.c.release_id == bindparam("id"))
    .where(_items.c.state.in_([ItemState.QUEUED.value, ItemState.AVAILABLE.value]))
)
_STOP = (
    update(_items)
    .where(_items.c.seq == bindparam("which"))
    .values(state=bindparam("new"), lease_owner="", changed=bindparam("at"))
)
_VERSION_IN_FORCE = (
    select(tables.recipient_versions.c.digest)
    .join(tables.recipients, tables.recipients.c.version == tables.recipient_versions.c.seq)
    .where(tables.recipients.c.recipient_id == bindparam("name"))
)
_PROVISIONS_IN_FORCE = select(tables.provisions.c.provision_id).where(
    tables.provisions.c.patient_id == bindparam("patient"), tables.provisions.c.revoked.is_(None)
)

_BY_DEEDS = frozenset({ReleaseState.ACCOUNTED, ReleaseState.DONE})
"""States that a release comes into by what was done, never by a decision."""
_NEVER_AFTER_DENY = frozenset({ReleaseState.AWAITING_APPROVAL, ReleaseState.PERMITTED})


class RoutingSection(Section):
    """Releases and decisions."""

    def __init__(self, database: Database, sealing: Sealing) -> None:
        super().__init__(database, sealing)
        self._insert_release = database.statements.insert_new(_releases, "release_id")

    def open_release(self, batch: Batch, recipient: str, purpose: str, release_id: str, at: datetime) -> Release:
        """Return the release with this id; made in state OPEN where there is none."""
        with self._database.writing() as writing:
            patient_id = writing.execute(_PATIENT, {"id": batch.study_id}).scalar_one_or_none()
            if patient_id is None:
                raise UnknownError("expected a study of the ledger, got an id that it does not know")
            new = {
                "release_id": release_id,
                "study_id": batch.study_id,
                "patient_id": patient_id,
                "batch": batch.number,
                "recipient": recipient,
                "purpose": purpose,
                "state": ReleaseState.OPEN.value,
                "reasons": "[]",
                "approved_by": "",
                "refused_by": "",
                "stopped_by": "",
                "changed": to_micros(at),
            }
            if writing.execute(self._insert_release, new).one_or_none() is not None:
                writing.note(release_id, What.OPENED, at, detail=f"for {recipient}, {purpose}")
                writing.count(f"releases:{ReleaseState.OPEN}")
            row = writing.execute(_RELEASE, {"id": release_id}).one_or_none()
        if row is None:
            raise StateError("expected one release for a batch, recipient and purpose, got a second id for it")
        return to_release(row)

    def get_release(self, release_id: str) -> Release:
        """Return a release; raises `UnknownError`."""
        with self._database.reading() as connection:
            row = connection.execute(_RELEASE, {"id": release_id}).one_or_none()
        if row is None:
            raise UnknownError("expected a release of the ledger, got an id that it does not know")
        return to_release(row)

    def find_releases(self, state: ReleaseState, limit: int) -> Sequence[Release]:
        """Return releases in a state, the longest unchanged first."""
        with self._database.reading() as connection:
            rows = connection.execute(_IN_STATE, {"of": state.value, "n": limit}).all()
        return [to_release(row) for row in rows]

    def record_decision(
        self,
        release_id: str,
        decision: Decision,
        state: ReleaseState,
        at: datetime,
        *,
        grounds: Grounds | None = None,
    ) -> None:
        """Append a decision to the release's history and move it to `state`.

        Raises `StateError` where :data:`scanward.flow.states.RELEASE_MOVES` has no such move, the decision does not
        allow it, or `grounds` are given and are not those in force any more. With STOPPED, its QUEUED items become
        ItemState.STOPPED in the same transaction, but for those that may have arrived, which become UNKNOWN; AVAILABLE
        ones become STOPPED, since what was fetched is SENT.
        """
        with self._database.writing() as writing:
            self._record(writing, release_id, decision, state, at, grounds=grounds)

    def stop(self, release_id: str, *, by: str, reason: str, at: datetime) -> None:
        """Move a release to STOPPED as a person wants it; as `record_decision`, and notes who that was."""
        deny = Deny(reasons=(reason or STOPPED_BY_A_PERSON,))
        with self._database.writing() as writing:
            self._record(writing, release_id, deny, ReleaseState.STOPPED, at, stopped_by=by)

    def _record(
        self,
        writing: Writing,
        release_id: str,
        decision: Decision,
        state: ReleaseState,
        at: datetime,
        *,
        grounds: Grounds | None = None,
        stopped_by: str = "",
    ) -> None:
        stops = state is ReleaseState.STOPPED
        lanes = self._lock_lanes(writing, _recipients(writing, release_id)) if stops else {}
        release = self._lock_release(writing, release_id)
        if grounds is not None:
            _require_in_force(writing, release, grounds)
        if release.state != state:
            _require_allowed(decision, state, release.approved_by)
        record = {"release_id": release_id, "at": to_micros(at), "state": state.value}
        writing.execute(_INSERT_DECISION, {**record, "decision": encode_decision(decision)})
        writing.count(f"{DECISIONS}:{_kind_of(decision, state)}")
        who = {"stopped_by": stopped_by} if stopped_by else {}
        self._move_release(writing, release, state, at, reasons=decision.reasons, **who)
        verdict = "denied" if isinstance(decision, Deny) else "permitted"
        why = " ".join(decision.reasons)
        writing.note(release_id, What.DECIDED, at, by=stopped_by, detail=f"{verdict}, {state}: {why}")
        # A sender in the midst of it has the recipient until it says how that ended.
        if stops and not self._stop_items(writing, release, at):
            self._free_lanes(writing, lanes)
        if stops:
            end_holds(writing, release_id)

    def _stop_items(self, writing: Writing, release: Row, at: datetime) -> int:
        """Stop what has not left; return how many instances may have arrived."""
        stopped = []
        for row in writing.execute(_UNSENT, {"id": release.release_id}).all():
            old = ItemState(row.state)
            unknown = old is ItemState.QUEUED and row.may_have_arrived
            new = ItemState.UNKNOWN if unknown else ItemState.STOPPED
            if new not in ITEM_MOVES[old]:
                raise StateError(f"an instance of a release that is {old} cannot become {new}")
            stopped.append({"which": row.seq, "new": new.value, "at": to_micros(at)})
            self._count_items(writing, old, -1)
            self._count_items(writing, new, 1)
        arrived = sum(1 for one in stopped if one["new"] == ItemState.UNKNOWN)
        if stopped:
            writing.execute(_STOP, stopped)
            detail = f"{len(stopped) - arrived} instances stay, {arrived} may have arrived"
            writing.note(release.release_id, What.DELIVERY, at, detail=detail)
        return arrived

    def approve(self, release_id: str, by: str, at: datetime) -> None:
        """Note who approved a release that awaits approval, and move it to OPEN, to be decided on again."""
        with self._database.writing() as writing:
            release = self._lock_release(writing, release_id)
            if release.state == ReleaseState.OPEN and by and release.approved_by == by:
                return  # a call that was repeated
            _require_awaiting(release)
            self._move_release(writing, release, ReleaseState.OPEN, at, approved_by=by)
            writing.note(release_id, What.APPROVED, at, by=by)

    def refuse(self, release_id: str, by: str, reason: str, at: datetime) -> None:
        """Note who refused a release that awaits approval, and move it to DENIED."""
        with self._database.writing() as writing:
            release = self._lock_release(writing, release_id)
            if release.state == ReleaseState.DENIED and by and release.refused_by == by:
                return  # a call that was repeated
            _require_awaiting(release)
            self._move_release(writing, release, ReleaseState.DENIED, at, reasons=(reason,), refused_by=by)
            writing.note(release_id, What.REFUSED, at, by=by, detail=reason)

    def reopen_denied(self, *, patient_id: str = "", recipient: str = "", at: datetime) -> int:
        """Move DENIED releases of a patient, a recipient or both to OPEN, as what denied them changed; return how many.

        Those that a person refused stay denied.
        """
        if not patient_id and not recipient:
            raise ValueError("expected a patient, a recipient or both")
        with self._database.writing() as writing:
            return reopen_denied(writing, at, patient_id=patient_id, recipient=recipient)


def _recipients(writing: Writing, release_id: str) -> list[str]:
    row = writing.execute(_RELEASE, {"id": release_id}).one_or_none()
    return [] if row is None else [row.recipient]


def _require_in_force(writing: Writing, release: Row, grounds: Grounds) -> None:
    """Refuse a decision on documents that changed while it was made.

    The release is locked: who changes them from here on waits for it, and then finds how it was decided.
    """
    version = writing.execute(_VERSION_IN_FORCE, {"name": release.recipient}).scalar_one_or_none() or ""
    provisions = frozenset(writing.execute(_PROVISIONS_IN_FORCE, {"patient": release.patient_id}).scalars())
    if Grounds(agreement_version=version, provisions=provisions) != grounds:
        raise StateError("expected a decision on the consent and agreement in force, got one on others")


def _require_awaiting(release: Row) -> None:
    if release.state != ReleaseState.AWAITING_APPROVAL:
        raise StateError(f"expected a release that awaits approval, got one that is {release.state}")


def _require_allowed(decision: Decision, state: ReleaseState, approved_by: str) -> None:
    """Refuse a move that the decision itself does not allow."""
    if state in _BY_DEEDS:
        raise StateError(f"a release becomes {state} by what was done, got a decision")
    if isinstance(decision, Deny):
        if state in _NEVER_AFTER_DENY:
            raise StateError(f"a release that is denied cannot become {state}")
    elif state is ReleaseState.PERMITTED and decision.needs_approval and not approved_by:
        raise StateError("a release that needs approval cannot be permitted before a person approved it")


def _kind_of(decision: Decision, state: ReleaseState) -> str:
    """Return as what a decision is counted: the outcome, and the kind of the first reason where it is a denial."""
    if isinstance(decision, Deny):
        return f"deny:{decision.codes[0] if decision.codes else DenyCode.OTHER}"
    return "hold:approval" if state is ReleaseState.AWAITING_APPROVAL else "permit:"
