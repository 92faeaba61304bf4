"""The ledger's section on blobs that were lost and are stored anew."""

import json
from datetime import datetime
from typing import Final

from sqlalchemy import BindParameter, Executable, bindparam, select, update

from scanward.adapters.store import tables
from scanward.adapters.store.database import Database, Values
from scanward.adapters.store.section import Section, What
from scanward.errors import UnknownError
from scanward.ports.stores import Sealing

DETAIL: Final = "its blob was lost or damaged, and the same content was sent again"

_instances, _quarantined, _results, _marks = tables.instances, tables.quarantined, tables.results, tables.result_marks
_LOST: BindParameter[str] = bindparam("lost")

_IDENTITY = select(_instances.c.identity).where(_instances.c.instance_id == bindparam("id"))
_REPLACE = (
    update(_instances)
    .where(_instances.c.instance_id == bindparam("id"), _instances.c.blob == _LOST)
    .values(blob=bindparam("new_blob"), size_bytes=bindparam("new_size_bytes"))
    .returning(_instances.c.study_id)
)
_QUARANTINED_BLOB = select(_quarantined.c.blob).where(_quarantined.c.quarantine_id == bindparam("id"))
_REPLACE_QUARANTINED = (
    update(_quarantined)
    .where(_quarantined.c.quarantine_id == bindparam("id"), _quarantined.c.blob == _LOST)
    .values(blob=bindparam("new_blob"))
    .returning(_quarantined.c.quarantine_id)
)
_RESULT_MARK = select(_marks.c.mark).where(_marks.c.result_id == bindparam("id"))
_REPLACE_RESULT = (
    update(_results)
    .where(_results.c.result_id == bindparam("id"), _results.c.blob == _LOST)
    .values(blob=bindparam("new_blob"))
    .returning(_results.c.result_id)
)


class HealingSection(Section):
    """By what contents are told again, and where they are now."""

    def __init__(self, database: Database, sealing: Sealing) -> None:
        super().__init__(database, sealing)
        self._insert_mark = database.statements.insert_new(_marks)

    def find_mark(self, instance_id: str) -> str:
        """Return the mark of an instance, empty where there is none; raises `UnknownError`."""
        with self._database.reading() as connection:
            sealed = connection.execute(_IDENTITY, {"id": instance_id}).scalar_one_or_none()
        if sealed is None:
            raise UnknownError("expected an instance of the ledger, got an id that it does not know")
        identity: dict[str, str] = json.loads(self._sealing.open(instance_id, sealed))
        return identity.get("mark", "")

    def replace_blob(self, instance_id: str, lost: str, blob: str, size_bytes: int, by: str, at: datetime) -> bool:
        """Note that an instance is stored anew as `blob`; False, and nothing noted, where `lost` is not its blob."""
        values: Values = {"id": instance_id, "lost": lost, "new_blob": blob, "new_size_bytes": size_bytes}
        return self._replace(_REPLACE, values, by, at)

    def find_quarantined_blob(self, quarantine_id: str) -> str:
        """Return the blob of an instance that is not understood, empty where there is none."""
        with self._database.reading() as connection:
            return connection.execute(_QUARANTINED_BLOB, {"id": quarantine_id}).scalar_one_or_none() or ""

    def replace_quarantined_blob(self, quarantine_id: str, lost: str, blob: str, by: str, at: datetime) -> bool:
        """As :meth:`replace_blob`, for an instance that is not understood."""
        return self._replace(_REPLACE_QUARANTINED, {"id": quarantine_id, "lost": lost, "new_blob": blob}, by, at)

    def keep_result_mark(self, result_id: str, mark: str) -> None:
        """Keep by what the content of a result is told again; the first one stays."""
        sealed = self._sealing.seal(f"mark:{result_id}", mark)
        with self._database.writing() as writing:
            writing.execute(self._insert_mark, {"result_id": result_id, "mark": sealed})

    def find_result_mark(self, result_id: str) -> str:
        """Return what was kept, empty where there is nothing."""
        with self._database.reading() as connection:
            sealed = connection.execute(_RESULT_MARK, {"id": result_id}).scalar_one_or_none()
        return "" if sealed is None else self._sealing.open(f"mark:{result_id}", sealed)

    def replace_result_blob(self, result_id: str, lost: str, blob: str, by: str, at: datetime) -> bool:
        """As :meth:`replace_blob`, for a result."""
        return self._replace(_REPLACE_RESULT, {"id": result_id, "lost": lost, "new_blob": blob}, by, at)

    def _replace(self, statement: Executable, values: Values, by: str, at: datetime) -> bool:
        with self._database.writing() as writing:
            subject = writing.execute(statement, values).scalar_one_or_none()
            if subject is None:
                return False
            writing.note(subject, What.STORED_ANEW, at, by=by, detail=DETAIL)
        return True
