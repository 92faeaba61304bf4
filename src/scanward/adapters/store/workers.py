"""The ledger's section on which workers are alive."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select, update

from scanward.adapters.store import tables
from scanward.adapters.store.database import Database, to_micros
from scanward.adapters.store.section import Section
from scanward.ports.stores import Sealing

_FORGET = (
    delete(tables.workers).where(tables.workers.c.beat < bindparam("before")).returning(tables.workers.c.worker)
)  # fmt: skip
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

    def take_over(self, before: datetime) -> Sequence[str]:
        """Forget workers whose last beat is before `before` and return them; each is returned to one caller only.

        The leases of their senders, named as the worker and a number, end too: the next sender goes on with them.
        """
        with self._database.writing() as writing:
            dead = sorted(writing.execute(_FORGET, {"before": to_micros(before)}).scalars())
            if dead:
                served = writing.execute(_SERVED).all()
                ended = [row for row in served if row.owner.rpartition("-")[0] in dead]
                for row in sorted(ended, key=lambda row: row.recipient):
                    writing.execute(_END_LEASE, {"to": row.recipient, "dead": row.owner})
        return dead
