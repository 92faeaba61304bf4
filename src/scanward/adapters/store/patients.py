"""The ledger's section that tells what is on record of one patient."""

from collections.abc import Sequence

from sqlalchemy import BindParameter, bindparam, func, select

from scanward.adapters.store import tables
from scanward.adapters.store.rows import chunks, to_release
from scanward.adapters.store.section import Section
from scanward.model.release import ItemState
from scanward.ports.ledger import PatientRelease

_items = tables.items
_IDS: BindParameter[str] = bindparam("ids", expanding=True)

_RELEASES = select(tables.releases).where(tables.releases.c.patient_id == bindparam("of"))
_STATES = (
    select(_items.c.release_id, _items.c.state, func.count().label("n"))
    .where(_items.c.release_id.in_(_IDS))
    .group_by(_items.c.release_id, _items.c.state)
)


class PatientsSection(Section):
    """What is on record of a patient, named by their blind index."""

    def patient_releases(self, patient_id: str) -> Sequence[PatientRelease]:
        """Return all releases of a patient, by last change, with how many instances are in which state."""
        states: dict[str, dict[ItemState, int]] = {}
        with self._database.reading() as connection:
            rows = connection.execute(_RELEASES, {"of": patient_id}).all()
            for ids in chunks([row.release_id for row in rows]):
                for row in connection.execute(_STATES, {"ids": ids}):
                    states.setdefault(row.release_id, {})[ItemState(row.state)] = row.n
        rows = sorted(rows, key=lambda row: (-row.changed, row.release_id))
        return [
            PatientRelease(release=to_release(row), refused=bool(row.refused_by), items=states.get(row.release_id, {}))
            for row in rows
        ]
