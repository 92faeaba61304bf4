"""Reads the whole ledger for `scanward fsck` (implements :class:`scanward.ports.audit.Audit`)."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Integer, Select, and_, cast, func, select

from scanward.adapters.store.database import Database
from scanward.adapters.store.tables import (
    batches,
    disclosures,
    face_findings,
    instances,
    items,
    quarantined,
    releases,
    results,
    seals,
    studies,
)
from scanward.model.release import ItemState, ReleaseState, ResultState
from scanward.ports.audit import BlobUse, Disagreement

ROWS_AT_ONCE = 1000

REPORT = "This must not happen: keep the databases as they are and report it."

_UNDISCLOSED = (ItemState.EXCLUDED, ItemState.QUARANTINED)
_AT_REST = (ReleaseState.DENIED, ReleaseState.DONE, ReleaseState.STOPPED)
_SETTLED = (ReleaseState.ACCOUNTED, ReleaseState.DONE)


class SqlAudit:
    """The ledger as a check reads it.

    Parameters
    ----------
    database
        Of the ledger.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def blob_uses(self) -> Iterator[BlobUse]:
        """Yield every blob that the ledger names."""
        for blob, owner in self._rows(select(instances.c.blob, instances.c.study_id)):
            yield BlobUse(blob=blob, owner=owner, what="an instance", needed=True)
        for blob, owner in self._rows(select(quarantined.c.blob, quarantined.c.quarantine_id)):
            yield BlobUse(blob=blob, owner=owner, what="a quarantined instance", needed=True)
        for blob, outgoing, owner, state in self._rows(
            select(results.c.blob, results.c.outgoing, results.c.result_id, results.c.state)
        ):
            yield BlobUse(blob=blob, owner=owner, what="a result", needed=True)
            if outgoing:
                needed = state == ResultState.ACCEPTED
                yield BlobUse(blob=outgoing, owner=owner, what="a result to deliver", needed=needed)
        waiting = func.max(cast(items.c.state.in_((ItemState.QUEUED, ItemState.AVAILABLE)), Integer))
        recipes = (
            select(items.c.recipe, releases.c.study_id, waiting)
            .join(releases, releases.c.release_id == items.c.release_id)
            .where(items.c.recipe != "")
            .group_by(items.c.recipe, releases.c.study_id)
        )
        for blob, owner, is_waiting in self._rows(recipes):
            yield BlobUse(blob=blob, owner=owner, what="the recipes of a release", needed=bool(is_waiting))
        for blob, owner in self._rows(select(seals.c.blob, seals.c.study_id).distinct()):
            yield BlobUse(blob=blob, owner=owner, what="a seal", needed=True)
        found = select(face_findings.c.blob, releases.c.study_id).join(
            releases, releases.c.release_id == face_findings.c.release_id
        )
        for blob, owner in self._rows(found):
            yield BlobUse(blob=blob, owner=owner, what="what was found of the faces of a release", needed=False)

    def released_studies(self) -> Iterator[tuple[str, str, str]]:
        """Yield recipient, new Study Instance UID and a release of every study that was disclosed."""
        yield from self._rows(
            select(items.c.recipient, items.c.study_uid, func.min(items.c.release_id))
            .where(items.c.state.not_in(_UNDISCLOSED))
            .group_by(items.c.recipient, items.c.study_uid)
        )

    def disagreements(self) -> Iterator[Disagreement]:
        """Yield what the ledger says differently in two places."""
        for what, statement in _CHECKS:
            for (subject,) in self._rows(statement):
                yield Disagreement(what=what, subject=str(subject), remedy=REPORT)

    def _rows(self, statement: Select[Any]) -> Iterator[tuple[Any, ...]]:
        with self._database.reading() as connection:
            for row in connection.execution_options(yield_per=ROWS_AT_ONCE).execute(statement):
                yield tuple(row)


_items_of_release = (
    select(func.count()).select_from(items).where(items.c.release_id == releases.c.release_id).scalar_subquery()
)
_instances_of_batch = (
    select(func.count())
    .select_from(instances)
    .where(and_(instances.c.study_id == releases.c.study_id, instances.c.batch == releases.c.batch))
    .scalar_subquery()
)
_items_of_disclosure = (
    select(func.count())
    .select_from(items)
    .where(items.c.disclosure_id == disclosures.c.disclosure_id)
    .scalar_subquery()
)
_instances_of_study = (
    select(func.count()).select_from(instances).where(instances.c.study_id == studies.c.study_id).scalar_subquery()
)

_CHECKS: tuple[tuple[str, Select[Any]], ...] = (
    (
        "an instance that was or may be sent has no disclosure",
        select(items.c.release_id)
        .where(and_(items.c.state.not_in(_UNDISCLOSED), items.c.disclosure_id.is_(None)))
        .distinct(),
    ),
    (
        "a disclosure counts other instances than it has",
        select(disclosures.c.disclosure_id).where(disclosures.c.instances != _items_of_disclosure),
    ),
    (
        "a release is at rest and has instances in the outbox",
        select(releases.c.release_id)
        .join(items, items.c.release_id == releases.c.release_id)
        .where(and_(releases.c.state.in_(_AT_REST), items.c.state == ItemState.QUEUED))
        .distinct(),
    ),
    (
        "a release was denied and has disclosed instances",
        select(releases.c.release_id)
        .join(items, items.c.release_id == releases.c.release_id)
        .where(and_(releases.c.state == ReleaseState.DENIED, items.c.state.not_in(_UNDISCLOSED)))
        .distinct(),
    ),
    (
        "a release is accounted for and not each instance of its batch is in one station",
        select(releases.c.release_id).where(
            and_(releases.c.state.in_(_SETTLED), _items_of_release != _instances_of_batch)
        ),
    ),
    (
        "a study counts other instances than it has",
        select(studies.c.study_id).where(studies.c.instances != _instances_of_study),
    ),
    (
        "an instance is in a batch that is not known",
        select(instances.c.instance_id)
        .outerjoin(batches, and_(batches.c.study_id == instances.c.study_id, batches.c.number == instances.c.batch))
        .where(and_(instances.c.batch > 0, batches.c.seq.is_(None))),
    ),
)
"""What has to hold, and the query that finds where it does not."""
