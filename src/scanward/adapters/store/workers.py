"""The ledger's section on which workers are alive."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete

from scanward.adapters.store import tables
from scanward.adapters.store.database import Database, to_micros
from scanward.adapters.store.section import Section
from scanward.ports.stores import Sealing

_FORGET = (
    delete(tables.workers).where(tables.workers.c.beat < bindparam("before")).returning(tables.workers.c.worker)
)  # fmt: skip


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
        """Forget workers whose last beat is before `before` and return them; each is returned to one caller only."""
        with self._database.writing() as writing:
            return sorted(writing.execute(_FORGET, {"before": to_micros(before)}).scalars())
