"""Reports owed and steps under way (implements :class:`scanward.ports.peers.PeerBook`), in the ledger's database.

Trust: reports and steps name instances and studies, so both are sealed, each bound to its id.
"""

import json
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update

from scanward.adapters.store import tables
from scanward.adapters.store.database import Database, to_micros
from scanward.adapters.store.packing import pack, unpack
from scanward.adapters.store.section import Section
from scanward.ports.peers import OwedReport, ProcedureStep
from scanward.ports.stores import Sealing

_reports, _steps = tables.owed_reports, tables.procedure_steps
_OF_PEERS = _reports.c.peer.in_(bindparam("peers", expanding=True))
_REPORT = _reports.c.report_id == bindparam("id")
_STEP = _steps.c.step_id == bindparam("id")

_OWE = insert(_reports)
_DUE = (
    select(_reports)
    .where(_OF_PEERS, _reports.c.next_attempt <= bindparam("now"))
    .order_by(_reports.c.next_attempt)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_CLAIM = (
    update(_reports).where(_REPORT).values(next_attempt=bindparam("until"), attempts=_reports.c.attempts + 1)
)  # fmt: skip
_POSTPONE = update(_reports).where(_REPORT).values(next_attempt=bindparam("until"))
_SETTLE = delete(_reports).where(_REPORT)
_HASTEN = update(_reports).where(_OF_PEERS).values(next_attempt=bindparam("now"))
_FIND_STEP = select(_steps.c.content, _steps.c.ended).where(_STEP)
_END_STEP = update(_steps).where(_STEP, _steps.c.ended.is_(None)).values(ended=bindparam("at"))
_FORGET_REPORTS = delete(_reports).where(_reports.c.owed < bindparam("before"))
_FORGET_STEPS = delete(_steps).where(_steps.c.begun < bindparam("before"))


class SqlPeerBook(Section):
    """What is owed to peers, and what they have under way.

    Parameters
    ----------
    database
        The ledger's.
    sealing
        Seals what it is about.
    """

    def __init__(self, database: Database, sealing: Sealing) -> None:
        super().__init__(database, sealing)
        self._insert_step = database.statements.insert_new(_steps, "step_id")

    # Reports

    def owe_report(self, report_id: str, peer: str, content: str, at: datetime) -> None:
        """Note a report that a peer waits for, due at once."""
        row = {
            "report_id": report_id,
            "peer": peer,
            "content": pack(self._sealing, f"report:{report_id}", content),
            "owed": to_micros(at),
            "attempts": 0,
            "next_attempt": to_micros(at),
        }
        with self._database.writing() as writing:
            writing.execute(_OWE, row)

    def claim_report(self, peers: Collection[str], now: datetime, until: datetime) -> OwedReport | None:
        """Take the report of one of `peers` that is due the longest; nobody else gets it before `until`."""
        due = {"peers": sorted(peers), "now": to_micros(now)}
        with self._database.reading() as connection:
            # Mostly there is none: that is told without holding up who writes.
            if connection.execute(_DUE, due).one_or_none() is None:
                return None
        with self._database.writing() as writing:
            row = writing.execute(_DUE, due).one_or_none()
            if row is None:
                return None
            writing.execute(_CLAIM, {"id": row.report_id, "until": to_micros(until)})
        return OwedReport(
            report_id=row.report_id,
            peer=row.peer,
            content=unpack(self._sealing, f"report:{row.report_id}", row.content),
            attempts=row.attempts + 1,
        )

    def postpone_report(self, report_id: str, until: datetime) -> None:
        """Note that a report could not be sent, and when it is due again."""
        with self._database.writing() as writing:
            writing.execute(_POSTPONE, {"id": report_id, "until": to_micros(until)})

    def settle_report(self, report_id: str) -> None:
        """Forget a report that its peer has."""
        with self._database.writing() as writing:
            writing.execute(_SETTLE, {"id": report_id})

    def hasten_reports(self, peers: Collection[str], now: datetime) -> int:
        """Make the reports of `peers` due at once, whoever had claimed them; return how many there are."""
        with self._database.writing() as writing:
            return writing.execute(_HASTEN, {"peers": sorted(peers), "now": to_micros(now)}).rowcount

    # Steps

    def begin_step(self, step_uid: str, study_uids: Collection[str], at: datetime) -> bool:
        """Note a performed procedure step that begins; False, and nothing noted, where it is known."""
        step_id = self._sealing.blind("step", step_uid)
        row = {
            "step_id": step_id,
            "content": self._sealing.seal(f"step:{step_id}", json.dumps(sorted(study_uids))),
            "begun": to_micros(at),
            "ended": None,
        }
        with self._database.writing() as writing:
            return writing.execute(self._insert_step, row).one_or_none() is not None

    def find_step(self, step_uid: str) -> ProcedureStep | None:
        """Return a step, or None where it is not known (any more)."""
        step_id = self._sealing.blind("step", step_uid)
        with self._database.reading() as connection:
            row = connection.execute(_FIND_STEP, {"id": step_id}).one_or_none()
        if row is None:
            return None
        study_uids: list[str] = json.loads(self._sealing.open(f"step:{step_id}", row.content))
        return ProcedureStep(study_uids=frozenset(study_uids), has_ended=row.ended is not None)

    def end_step(self, step_uid: str, at: datetime) -> None:
        """Note that a step has ended."""
        with self._database.writing() as writing:
            writing.execute(_END_STEP, {"id": self._sealing.blind("step", step_uid), "at": to_micros(at)})

    def forget(self, before: datetime) -> int:
        """Forget reports owed and steps begun before `before`; return how many reports were never delivered."""
        with self._database.writing() as writing:
            writing.execute(_FORGET_STEPS, {"before": to_micros(before)})
            return writing.execute(_FORGET_REPORTS, {"before": to_micros(before)}).rowcount
