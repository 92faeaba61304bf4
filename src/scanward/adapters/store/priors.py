"""The ledger's section on priors (implements :class:`scanward.ports.priors.Priors`)."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, bindparam, exists, not_, or_, select, update

from scanward.adapters.store import tables
from scanward.adapters.store.database import Database, Writing, to_micros
from scanward.adapters.store.rows import Row
from scanward.adapters.store.section import Section, What
from scanward.model.prior import PriorSearch, SearchState
from scanward.model.study import Arrived, Batch, OriginKind, ReceivedInstance
from scanward.ports.stores import Sealing

PRIOR_SEARCHES = "prior searches"
"""Name of their tally."""

_searches, _priors, _requests = tables.prior_searches, tables.prior_studies, tables.prior_requests
_instances, _batches = tables.instances, tables.batches

_SEARCH = select(_searches).where(_searches.c.study_id == bindparam("id")).with_for_update()
_CHANGE = update(_searches).where(_searches.c.study_id == bindparam("id"))
_SEEK = _CHANGE.values(
    recipients=bindparam("who"), state=bindparam("new"), attempts=0, next_attempt=bindparam("at"), runner=0
)
_JOIN = _CHANGE.values(recipients=bindparam("who"))
_DUE = (
    select(_searches.c.study_id, _searches.c.attempts, _searches.c.recipients)
    .where(tables.SOUGHT, _searches.c.next_attempt <= bindparam("now"))
    .order_by(_searches.c.next_attempt)
    .limit(bindparam("n"))
)
_QUEUE = _CHANGE.where(tables.SOUGHT, _searches.c.next_attempt <= bindparam("now")).values(
    next_attempt=bindparam("again"), runner=0
)
_BEGIN = (
    _CHANGE.where(
        tables.SOUGHT, _searches.c.attempts == bindparam("tries"), _searches.c.runner.in_([0, bindparam("by")])
    )
    .values(runner=bindparam("by"), next_attempt=bindparam("until"))
    .returning(_searches.c.recipients)
)
_END = _CHANGE.values(state=bindparam("new"), attempts=bindparam("tries"), next_attempt=bindparam("next"), runner=0)

_PRIOR = select(_priors).where(_priors.c.study_id == bindparam("id")).with_for_update()
_KNOWN = select(tables.studies.c.instances).where(tables.studies.c.study_id == bindparam("id"))
_CHANGE_PRIOR = update(_priors).where(_priors.c.study_id == bindparam("id"))
_ASK = _CHANGE_PRIOR.values(peer=bindparam("from"), asking_until=bindparam("until"))
_SETTLE = _CHANGE_PRIOR.values(asking_until=bindparam("until"))
_WHOLE = _CHANGE_PRIOR.values(asking_until=bindparam("until"), expected=bindparam("count"), complete=bindparam("at"))
_REQUESTS = (
    select(_requests.c.recipient)
    .outerjoin(_priors, _priors.c.study_id == _requests.c.study_id)
    .where(_requests.c.study_id == bindparam("id"), _priors.c.own.is_(None))
)
_BATCHES = select(_batches.c.number).where(_batches.c.study_id == bindparam("id")).order_by(_batches.c.number)

# Whoever does not say that it sends because it was asked (the Move Originator is optional, PS3.7 Section 9.1.1.1) is
# believed to do so while it is being asked. One that did say so of any instance of the study needs no such belief.
_SAYS_SO = exists().where(_instances.c.study_id == bindparam("id"), _instances.c.origin_kind == OriginKind.FETCH.value)


def _by_itself(peer: ColumnElement[str], received: ColumnElement[int]) -> ColumnElement[bool]:
    asked = and_(peer == _priors.c.peer, _priors.c.requested <= received, received <= _priors.c.asking_until)
    return or_(not_(asked), _SAYS_SO)


_OWN = _CHANGE_PRIOR.where(_priors.c.own.is_(None)).values(own=bindparam("at"))
_OWN_BATCH = _OWN.where(
    exists().where(
        _instances.c.study_id == bindparam("id"),
        _instances.c.batch == bindparam("number"),
        _instances.c.origin_kind != OriginKind.FETCH.value,
        _by_itself(_instances.c.origin_peer, _instances.c.received),
    )
)
_OWN_ARRIVAL = _OWN.where(_by_itself(bindparam("from"), bindparam("at")))
_ROUTE_AGAIN = update(_batches).where(_batches.c.study_id == bindparam("id")).values(routed=None)


class PriorsSection(Section):
    """Priors that are looked for and fetched."""

    def __init__(self, database: Database, sealing: Sealing) -> None:
        super().__init__(database, sealing)
        self._insert_search = database.statements.insert_new(_searches, "study_id")
        self._insert_prior = database.statements.insert_new(_priors)
        self._insert_request = database.statements.insert_new(_requests, "recipient")

    def seek_priors(self, study_id: str, recipients: Sequence[str], at: datetime) -> None:
        """Note that the priors of a study are to be looked for, for these recipients."""
        new = {
            "study_id": study_id,
            "recipients": _encode(recipients),
            "state": SearchState.WAITING.value,
            "attempts": 0,
            "next_attempt": to_micros(at),
            "runner": 0,
        }
        with self._database.writing() as writing:
            if writing.execute(self._insert_search, new).one_or_none() is not None:
                writing.count(f"{PRIOR_SEARCHES}:{SearchState.WAITING}")
                return
            row = writing.execute(_SEARCH, {"id": study_id}).one()
            known = _decode(row.recipients)
            who = _encode({*known, *recipients})
            if row.state == SearchState.WAITING:
                writing.execute(_JOIN, {"id": study_id, "who": who})
            elif row.state == SearchState.FAILED or not set(recipients) <= set(known):
                values = {"id": study_id, "who": who, "new": SearchState.WAITING.value, "at": to_micros(at)}
                writing.execute(_SEEK, values)
                _count_move(writing, row.state, SearchState.WAITING)

    def queue_searches(self, now: datetime, again: datetime, limit: int) -> Sequence[PriorSearch]:
        """Return searches that are due at `now`, each to one caller only; due again at `again`."""
        values = {"now": to_micros(now), "again": to_micros(again)}
        with self._database.reading() as connection:
            due = connection.execute(_DUE, {"now": values["now"], "n": limit}).all()
        if not due:
            return ()
        with self._database.writing() as writing:
            ordered = sorted(due, key=lambda row: str(row.study_id))  # so that no two transactions wait for each other
            return [
                PriorSearch(study_id=row.study_id, attempts=row.attempts, recipients=_decode(row.recipients))
                for row in ordered
                if writing.execute(_QUEUE, {"id": row.study_id, **values}).rowcount == 1
            ]

    def begin_search(self, study_id: str, attempts: int, runner: int, until: datetime) -> PriorSearch | None:
        """Note that the piece of work `runner` does a search; None where it is not to."""
        values = {"id": study_id, "tries": attempts, "by": runner, "until": to_micros(until)}
        with self._database.writing() as writing:
            recipients = writing.execute(_BEGIN, values).scalar_one_or_none()
        if recipients is None:
            return None
        return PriorSearch(study_id=study_id, attempts=attempts, recipients=_decode(recipients))

    def end_search(self, search: PriorSearch, runner: int, at: datetime) -> None:
        """Note that a search is done, but for recipients that came meanwhile."""
        with self._database.writing() as writing:
            row = _find_run(writing, search, runner)
            if row is None:
                return
            joined = set(_decode(row.recipients)) - set(search.recipients)
            state = SearchState.WAITING if joined else SearchState.DONE
            writing.execute(_END, _ending(search.study_id, state, 0, at))
            _count_move(writing, SearchState.WAITING, state)

    def fail_search(
        self, search: PriorSearch, runner: int, problem: str, next_attempt: datetime | None, at: datetime
    ) -> None:
        """Note that a try failed and when the next one is due; None gives up."""
        tries = search.attempts + 1
        state = SearchState.WAITING if next_attempt else SearchState.FAILED
        with self._database.writing() as writing:
            if _find_run(writing, search, runner) is None:
                return
            writing.execute(_END, _ending(search.study_id, state, tries, next_attempt or at))
            _count_move(writing, SearchState.WAITING, state)
            what = What.PRIORS_LATE if next_attempt else What.PRIORS_FAILED
            writing.note(search.study_id, what, at, detail=f"try {tries}: {problem}")

    def request_prior(self, study_id: str, recipients: Sequence[str], peer: str, until: datetime, at: datetime) -> bool:
        """Note that a study is a prior for these recipients; return whether it has to be fetched."""
        with self._database.writing() as writing:
            prior = writing.execute(_PRIOR, {"id": study_id}).one_or_none()
            if prior is None:
                if writing.execute(_KNOWN, {"id": study_id}).one_or_none() is not None:
                    return False
                writing.execute(self._insert_prior, _new_prior(study_id, peer, until, at))
            for recipient in sorted(recipients):
                row = {"study_id": study_id, "recipient": recipient, "requested": to_micros(at)}
                if writing.execute(self._insert_request, row).one_or_none() is not None:
                    writing.note(study_id, What.PRIOR_REQUESTED, at, detail=f"for {recipient}")
            if prior is not None and prior.complete is not None:
                return False
            writing.execute(_ASK, {"id": study_id, "from": peer, "until": to_micros(until)})
        return True

    def settle_prior(self, study_id: str, expected: int | None, until: datetime, at: datetime) -> bool:
        """Note that fetching ended; return whether the study is whole."""
        with self._database.writing() as writing:
            prior = writing.execute(_PRIOR, {"id": study_id}).one_or_none()
            if prior is None or prior.complete is not None:
                return prior is not None
            values = {"id": study_id, "until": to_micros(until)}
            here = writing.execute(_KNOWN, {"id": study_id}).scalar_one_or_none() or 0
            if expected is None or here < max(expected, 1):
                writing.execute(_SETTLE, values)
                return False
            writing.execute(_WHOLE, {**values, "count": expected, "at": to_micros(at)})
            writing.note(study_id, What.PRIOR_WHOLE, at, detail=f"{here} instances")
        return True

    def find_prior_requests(self, study_id: str) -> frozenset[str]:
        """Return the recipients for whom a study was fetched as a prior; empty where it came by itself, too."""
        with self._database.reading() as connection:
            return frozenset(connection.execute(_REQUESTS, {"id": study_id}).scalars())

    def batches_of(self, study_id: str) -> Sequence[Batch]:
        """Return the batches of a study in their order."""
        with self._database.reading() as connection:
            numbers = connection.execute(_BATCHES, {"id": study_id}).scalars().all()
        return [Batch(study_id=study_id, number=number) for number in numbers]


def is_own(writing: Writing, study_id: str) -> bool:
    """Whether a study fetched as a prior came by itself, too; that does not change until the transaction ends."""
    prior = writing.execute(_PRIOR, {"id": study_id}).one_or_none()
    return prior is not None and prior.own is not None


def note_batch(writing: Writing, study_id: str, number: int, at: datetime) -> None:
    """Note that a study fetched as a prior came by itself, too, where something in its new batch did."""
    if writing.execute(_OWN_BATCH, {"id": study_id, "number": number, "at": to_micros(at)}).rowcount:
        _route_again(writing, study_id, at)


def note_repeated(writing: Writing, received: Sequence[ReceivedInstance], there: Mapping[str, Arrived]) -> None:
    """Note that a study fetched as a prior came by itself, too, where instances that are there were sent again."""
    again = {
        (one.study_id, one.origin.peer): one
        for one in received
        if there[one.instance_id].study_id == one.study_id and one.origin.kind is not OriginKind.FETCH
    }
    for (study_id, peer), one in sorted(again.items(), key=lambda item: item[0]):
        at = to_micros(one.received)
        if writing.execute(_OWN_ARRIVAL, {"id": study_id, "from": peer, "at": at}).rowcount:
            _route_again(writing, study_id, one.received)


def _route_again(writing: Writing, study_id: str, at: datetime) -> None:
    """What is here of the study goes to every recipient now."""
    writing.execute(_ROUTE_AGAIN, {"id": study_id})
    writing.note(study_id, What.PRIOR_CAME, at)


def _find_run(writing: Writing, search: PriorSearch, runner: int) -> Row | None:
    """Return the row of a search that this piece of work does, which nobody else changes meanwhile."""
    row = writing.execute(_SEARCH, {"id": search.study_id}).one_or_none()
    if row is None or row.state != SearchState.WAITING or (row.runner, row.attempts) != (runner, search.attempts):
        return None
    return row


def _ending(study_id: str, state: SearchState, tries: int, due: datetime) -> dict[str, object]:
    return {"id": study_id, "new": state.value, "tries": tries, "next": to_micros(due)}


def _new_prior(study_id: str, peer: str, until: datetime, at: datetime) -> dict[str, object]:
    return {
        "study_id": study_id,
        "peer": peer,
        "requested": to_micros(at),
        "asking_until": to_micros(until),
        "expected": 0,
        "complete": None,
        "own": None,
    }


def _count_move(writing: Writing, old: str, new: str) -> None:
    writing.count(f"{PRIOR_SEARCHES}:{old}", -1)
    writing.count(f"{PRIOR_SEARCHES}:{new}")


def _encode(recipients: Sequence[str] | set[str]) -> str:
    return json.dumps(sorted(recipients))


def _decode(recipients: str) -> tuple[str, ...]:
    return tuple(json.loads(recipients))
