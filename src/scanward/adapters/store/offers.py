"""The ledger's section that lists what recipients may fetch, from where the last page ended."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, bindparam, exists, select

from scanward.adapters.store import tables
from scanward.adapters.store.section import Section
from scanward.model.release import ItemState, ReleaseState
from scanward.ports.ledger import Wanted

_uids, _items, _releases = tables.release_uids, tables.items, tables.releases

_OF_RELEASE = and_(
    _items.c.release_id == _uids.c.release_id,
    _items.c.state.in_([ItemState.AVAILABLE.value, ItemState.SENT.value]),
)
_PATIENT = select(_items.c.patient).where(_OF_RELEASE).limit(1).correlate(_uids).scalar_subquery()
"""The pseudonym of a release, which all of its instances share: one of them tells."""

_OFFERED = (
    select(_uids.c.uid)
    .join(_releases, _releases.c.release_id == _uids.c.release_id)
    .where(
        _uids.c.recipient == bindparam("to"),
        _uids.c.uid > bindparam("after"),
        _releases.c.state != ReleaseState.STOPPED.value,
    )
    .group_by(_uids.c.uid)
    .order_by(_uids.c.uid)
    .limit(bindparam("n"))
)


class OffersSection(Section):
    """Studies and series that recipients may fetch, by their new UIDs."""

    def offered(
        self, recipient: str, wanted: Wanted, *, series: bool = False, after: str = "", limit: int
    ) -> Sequence[str]:
        """Return new Study, or with `series` Series Instance UIDs that `recipient` may fetch instances of.

        By UID, those behind `after`: what comes or goes meanwhile moves none of the others from one page to another.
        """
        query = _OFFERED.where(_uids.c.uid != _uids.c.study_uid if series else _uids.c.uid == _uids.c.study_uid)
        for condition in _conditions(wanted, series=series):
            query = query.where(condition)
        with self._database.reading() as connection:
            return connection.execute(query, {"to": recipient, "after": after, "n": limit}).scalars().all()


def _conditions(wanted: Wanted, *, series: bool) -> Sequence[ColumnElement[bool]]:
    """Return what narrows a list down; each goes by an index on UIDs, or looks at instances of one release."""
    found: list[ColumnElement[bool]] = []
    if wanted.studies:
        found.append(_uids.c.study_uid.in_(wanted.studies))
    if wanted.series and series:
        found.append(_uids.c.uid.in_(wanted.series))
    elif wanted.series:
        known = _uids.alias()
        of_series = select(known.c.study_uid).where(
            known.c.recipient == bindparam("to"), known.c.uid.in_(wanted.series)
        )
        found.append(_uids.c.uid.in_(of_series))
    if wanted.instances:
        of_instances = select(_items.c.release_id).where(
            _items.c.recipient == bindparam("to"),
            _items.c.sop_instance_uid.in_(wanted.instances),
            tables.DISCLOSED,
        )
        found.append(_uids.c.release_id.in_(of_instances))
    if wanted.patients:
        found.append(_PATIENT.in_(wanted.patients))
    of_release = [_OF_RELEASE]
    if series:
        of_release.append(_items.c.series_uid == _uids.c.uid)
    if wanted.modalities:
        of_release.append(_items.c.modality.in_(wanted.modalities))
    if wanted.sop_classes:
        of_release.append(_items.c.sop_class_uid.in_(wanted.sop_classes))
    return [*found, exists().where(and_(*of_release)).correlate(_uids)]
