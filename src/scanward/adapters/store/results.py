"""The ledger's section on results that come back, and on what they can belong to."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BindParameter, Connection, bindparam, select, union, update

from scanward.adapters.store import tables
from scanward.adapters.store.database import Database, from_micros, to_micros
from scanward.adapters.store.rows import Row, chunks, to_result
from scanward.adapters.store.section import Section, What
from scanward.errors import StateError, UnknownError
from scanward.flow.states import RESULT_MOVES
from scanward.model.release import Result, ResultState
from scanward.ports.ledger import DisclosedStudy
from scanward.ports.stores import Sealing

_results, _items, _uids, _disclosures = tables.results, tables.items, tables.release_uids, tables.disclosures
_IDS: BindParameter[str] = bindparam("ids", expanding=True)

_RESULT = select(_results).where(_results.c.result_id == bindparam("id"))
_RESULT_LOCKED = _RESULT.with_for_update()
_IN_STATE = (
    select(_results)
    .where(_results.c.state == bindparam("of"))
    .order_by(_results.c.received, _results.c.seq)
    .limit(bindparam("n"))
)
_DUE = (
    select(_results)
    .where(_results.c.state == bindparam("of"), _results.c.next_attempt <= bindparam("due"))
    .order_by(_results.c.next_attempt, _results.c.seq)
    .limit(bindparam("n"))
)
_MOVE = update(_results).where(_results.c.result_id == bindparam("id"), _results.c.state == bindparam("old"))
_STUDY_UIDS = union(
    select(_uids.c.study_uid).where(_uids.c.recipient == bindparam("to"), _uids.c.uid.in_(_IDS)),
    select(_items.c.study_uid).where(
        _items.c.recipient == bindparam("to"), _items.c.sop_instance_uid.in_(_IDS), tables.DISCLOSED
    ),
)
_RECIPIENT_OF = select(tables.releases.c.recipient).where(tables.releases.c.release_id == bindparam("id"))
_STUDIES_OF = (
    select(_items.c.study_uid)
    .where(_items.c.release_id == bindparam("id"), tables.DISCLOSED, _items.c.state != "stopped")
    .distinct()
)
_OF_STUDIES = (
    select(
        _items.c.seq,
        _items.c.release_id,
        _items.c.study_uid,
        _items.c.series_uid,
        _items.c.sop_instance_uid,
        _disclosures.c.disclosed,
    )
    .join(_uids, _uids.c.release_id == _items.c.release_id)
    .join(_disclosures, _disclosures.c.disclosure_id == _items.c.disclosure_id)
    .where(_uids.c.recipient == bindparam("to"), _uids.c.uid.in_(_IDS), _items.c.study_uid == _uids.c.uid)
    .where(tables.DISCLOSED, _items.c.state != "stopped")
)


class ResultsSection(Section):
    """Results and the studies that they can be of."""

    def __init__(self, database: Database, sealing: Sealing) -> None:
        super().__init__(database, sealing)
        self._insert_result = database.statements.insert_new(_results, "result_id")

    def add_result(self, result: Result) -> bool:
        """Note a result; False where one with its id is there."""
        with self._database.writing() as writing:
            at = to_micros(result.received)
            row = {
                "result_id": result.result_id,
                "recipient": result.recipient,
                "release_id": result.release_id,
                "sop_class_uid": result.sop_class_uid,
                "size_bytes": result.size_bytes,
                "blob": result.blob,
                "outgoing": result.outgoing,
                "state": result.state.value,
                "reason": result.reason,
                "received": at,
                "attempts": result.attempts,
                "next_attempt": at,
            }
            if writing.execute(self._insert_result, row).one_or_none() is not None:
                writing.note(result.result_id, What.RECEIVED, result.received, detail=f"of {result.recipient}")
                writing.count(f"results:{result.state}")
                return True
            # Its own, from a call that was repeated?
            return bool(writing.execute(_RESULT, {"id": result.result_id}).one().blob == result.blob)

    def get_result(self, result_id: str) -> Result:
        """Return a result; raises `UnknownError`."""
        with self._database.reading() as connection:
            row = connection.execute(_RESULT, {"id": result_id}).one_or_none()
        if row is None:
            raise UnknownError("expected a result of the ledger, got an id that it does not know")
        return to_result(row)

    def find_results(self, state: ResultState, limit: int, due: datetime | None = None) -> Sequence[Result]:
        """Return results in a state, oldest first; with `due`, those whose next attempt is not after it."""
        with self._database.reading() as connection:
            if due is None:
                rows = connection.execute(_IN_STATE, {"of": state.value, "n": limit}).all()
            else:
                rows = connection.execute(_DUE, {"of": state.value, "due": to_micros(due), "n": limit}).all()
        return [to_result(row) for row in rows]

    def move_result(
        self,
        result_id: str,
        state: ResultState,
        *,
        reason: str = "",
        release_id: str = "",
        outgoing: str = "",
        next_attempt: datetime | None = None,
        by: str = "",
        at: datetime,
    ) -> None:
        """Move a result to `state`; empty values leave what is there; ACCEPTED again counts an attempt.

        Raises
        ------
        UnknownError
            There is no such result.
        StateError
            :data:`scanward.flow.states.RESULT_MOVES` has no such move.
        """
        given: dict[str, object] = {"reason": reason, "release_id": release_id, "outgoing": outgoing}
        values = {name: value for name, value in given.items() if value}
        if next_attempt is not None:
            values["next_attempt"] = to_micros(next_attempt)
        with self._database.writing() as writing:
            row = writing.execute(_RESULT_LOCKED, {"id": result_id}).one_or_none()
            if row is None:
                raise UnknownError("expected a result of the ledger, got an id that it does not know")
            old = ResultState(row.state)
            if state is not old:
                if state not in RESULT_MOVES[old]:
                    raise StateError(f"a result that is {old} cannot become {state}")
                values["state"] = state.value
                writing.count(f"results:{old}", -1)
                writing.count(f"results:{state}")
            elif state is ResultState.ACCEPTED:
                values["attempts"] = row.attempts + 1
            if values:
                writing.execute(_MOVE.values(**values), {"id": result_id, "old": old.value})
            writing.note(result_id, What.MOVED, at, by=by, detail=f"{state}: {reason}" if reason else state.value)

    # What they belong to

    def find_disclosed(self, recipient: str, uids: Sequence[str]) -> Sequence[DisclosedStudy]:
        """Return each study disclosed to `recipient` that has any of the new Study, Series or SOP Instance UIDs given.

        Disclosed: in whatever state but EXCLUDED, QUARANTINED and STOPPED.
        """
        wanted = frozenset(uids)
        with self._database.reading() as connection:
            found: set[str] = set()
            for ids in chunks(sorted(wanted)):
                found.update(connection.execute(_STUDY_UIDS, {"to": recipient, "ids": ids}).scalars())
            studies = _disclosed_studies(connection, recipient, found)
        return [one for one in studies if not wanted.isdisjoint({one.study_uid} | one.series | one.instances)]

    def find_disclosed_by(self, release_id: str) -> Sequence[DisclosedStudy]:
        """Return the studies that a release disclosed instances of, each with all that its recipient has of it."""
        with self._database.reading() as connection:
            recipient = connection.execute(_RECIPIENT_OF, {"id": release_id}).scalar_one_or_none()
            if recipient is None:
                return []
            found = set(connection.execute(_STUDIES_OF, {"id": release_id}).scalars())
            return _disclosed_studies(connection, recipient, found)


def _disclosed_studies(connection: Connection, recipient: str, study_uids: set[str]) -> list[DisclosedStudy]:
    """Return what `recipient` has of studies with these new UIDs, in the order of the UIDs."""
    by_study: dict[str, list[Row]] = {}
    for ids in chunks(sorted(study_uids)):
        for row in connection.execute(_OF_STUDIES, {"to": recipient, "ids": ids}):
            by_study.setdefault(row.study_uid, []).append(row)
    return [
        DisclosedStudy(
            study_uid=study_uid,
            release_id=max(rows, key=lambda row: (row.disclosed, row.seq)).release_id,
            first=from_micros(min(row.disclosed for row in rows)),
            instances=frozenset(row.sop_instance_uid for row in rows),
            series=frozenset(row.series_uid for row in rows),
        )
        for study_uid, rows in sorted(by_study.items())
    ]
