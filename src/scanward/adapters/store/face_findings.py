"""The ledger's section on what was found of faces: which blob says so of a release (see `scanward.flow.face_notes`)."""

from datetime import datetime

from sqlalchemy import bindparam, delete, select

from scanward.adapters.store import tables
from scanward.adapters.store.database import Database, to_micros
from scanward.adapters.store.section import Section
from scanward.ports.stores import Sealing

_findings = tables.face_findings
_OF = select(_findings.c.blob).where(_findings.c.release_id == bindparam("of"))
_FORGET = delete(_findings).where(_findings.c.release_id == bindparam("of"))


class FaceFindingsSection(Section):
    """What was found of faces."""

    def __init__(self, database: Database, sealing: Sealing) -> None:
        super().__init__(database, sealing)
        self._put_finding = database.statements.put(_findings, ["release_id"], "blob", "noted")

    def find_faces(self, release_id: str) -> str:
        """Return the blob that says what was found of faces in the study of a release, empty where there is none."""
        with self._database.reading() as connection:
            return connection.execute(_OF, {"of": release_id}).scalar_one_or_none() or ""

    def note_faces(self, release_id: str, blob: str, at: datetime) -> str:
        """Note which blob says it, none where `blob` is empty; return the former one; raises `UnknownError`."""
        with self._database.writing() as writing:
            self._lock_release(writing, release_id)
            former = writing.execute(_OF, {"of": release_id}).scalar_one_or_none() or ""
            if blob:
                values = {"release_id": release_id, "blob": blob, "noted": to_micros(at)}
                writing.execute(self._put_finding, values)
            else:
                writing.execute(_FORGET, {"of": release_id})
        return "" if former == blob else former
