"""The ledger's section on which workers are alive."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select, update

from scanward.adapters.store import tables
from scanward.adapters.store.database import Database, to_micros
from scanward.adapters.store.section import Section
from scanward.ports.stores import Sealing

_TAKE_OVER = (
    update(tables.workers)
    .where(tables.workers.c.beat < bindparam("before"))
    .values(beat=bindparam("at"))
    .returning(tables.workers.c.worker)
)
_FORGET = delete(tables.workers).where(tables.workers.c.worker == bindparam("dead"))
_SERVED = select(tables.lanes.c.recipient, tables.lanes.c.owner).where(tables.lanes.c.owner != "")
_END_LEASE = (
    update(tables.lanes)
    .where(tables.lanes.c.recipient == bindparam("to"), tables.lanes.c.owner == bindparam("dead"))
    .values(until=0)
)


class WorkersSection(Section):
    """Signs of life."""

    def __init__(self, database: Database, sealing: Sealing) -> None:
        super().__init__(database, sealing)
        self._put_beat = database.statements.put(tables.workers, ["worker"], "beat")

    def beat(self, worker: str, at: datetime) -> None:
        """Note that a worker is alive."""
        with self._database.writing() as writing:
            writing.execute(self._put_beat, {"worker": worker, "beat": to_micros(at)})

    def take_over(self, before: datetime, at: datetime) -> Sequence[str]:
        """Return workers whose last beat is before `before`, each to one caller only, who takes over their work.

        The leases of their senders, named as the worker and a number, end too: the next sender goes on with them.
        """
        with self._database.writing() as writing:
            silent = writing.execute(_TAKE_OVER, {"before": to_micros(before), "at": to_micros(at)})
            dead = sorted(silent.scalars())
            if dead:
                served = writing.execute(_SERVED).all()
                ended = [row for row in served if row.owner.rpartition("-")[0] in dead]
                for row in sorted(ended, key=lambda row: row.recipient):
                    writing.execute(_END_LEASE, {"to": row.recipient, "dead": row.owner})
        return dead

    def forget(self, workers: Sequence[str]) -> None:
        """Forget workers whose work was taken over."""
        if not workers:
            return
        with self._database.writing() as writing:
            writing.execute(_FORGET, [{"dead": worker} for worker in sorted(workers)])
