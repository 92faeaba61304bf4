"""The ledger's section on how work goes along, for those who watch it."""

from datetime import datetime

from sqlalchemy import bindparam, func, select

from scanward.adapters.store import tables
from scanward.adapters.store.database import from_micros, to_micros
from scanward.adapters.store.section import DECISIONS, Section
from scanward.model.release import ReleaseState
from scanward.ports.ledger import Monitored

_OLDEST = (
    select(tables.releases.c.changed)
    .where(tables.releases.c.state == ReleaseState.ACCOUNTED.value)
    .order_by(tables.releases.c.changed)
    .limit(1)
)
_WORKERS = select(func.count()).select_from(tables.workers).where(tables.workers.c.beat >= bindparam("since"))
_DECISIONS = (
    select(tables.tallies.c.name, func.sum(tables.tallies.c.count).label("n"))
    .where(tables.tallies.c.name.like(f"{DECISIONS}:%"))
    .group_by(tables.tallies.c.name)
)


class MonitorSection(Section):
    """What waits, who works, what was decided."""

    def monitored(self, alive_since: datetime) -> Monitored:
        """Return how work goes along; workers that were heard of since `alive_since` are alive."""
        with self._database.reading() as connection:
            oldest = connection.execute(_OLDEST).scalar_one_or_none()
            workers = connection.execute(_WORKERS, {"since": to_micros(alive_since)}).scalar_one()
            rows = connection.execute(_DECISIONS).all()
        decisions: dict[tuple[str, str], int] = {}
        for row in rows:
            _, outcome, reason = row.name.split(":")
            decisions[outcome, reason] = int(row.n)
        waiting_since = None if oldest is None else from_micros(oldest)
        return Monitored(waiting_since=waiting_since, workers=int(workers), decisions=decisions)
