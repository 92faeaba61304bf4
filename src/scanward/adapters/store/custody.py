"""Seals and custody statements (implements :class:`scanward.ports.custody.CustodyBook`), in the ledger's database.

Trust: statements and openings are sealed, each bound to its object. Whoever has the database without the key learns
how many statements there are of which opaque object, and when.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from sqlalchemy import BindParameter, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from scanward.adapters.store import tables
from scanward.adapters.store.database import Database, from_micros, to_micros
from scanward.adapters.store.rows import Row, chunks
from scanward.adapters.store.section import Section
from scanward.errors import StateError, StoreError, UnknownError
from scanward.model.custody import SignedStatement
from scanward.ports.custody import Due, Head, KeptFilm, KeptSeal, KeptStatement, NewDue, NewStatement
from scanward.ports.stores import Sealing

_seals, _films, _custody = tables.seals, tables.films, tables.custody
_due, _heads = tables.custody_due, tables.log_heads
_IDS: BindParameter[str] = bindparam("ids", expanding=True)

_DUE = select(_due).order_by(_due.c.seq).limit(bindparam("n"))
_DONE = delete(_due).where(_due.c.seq.in_(_IDS))
_LAST = (
    select(_custody.c.object_id, func.max(_custody.c.number).label("number"))
    .where(_custody.c.object_id.in_(_IDS))
    .group_by(_custody.c.object_id)
    .subquery()
)
_HEADS = select(_custody.c.object_id, _custody.c.number, _custody.c.digest, _custody.c.at).join(
    _LAST, (_LAST.c.object_id == _custody.c.object_id) & (_LAST.c.number == _custody.c.number)
)
_SEALED = select(_seals.c.object_id).where(_seals.c.object_id.in_(_IDS))
_SEAL = select(_seals).where(_seals.c.object_id == bindparam("id"))
_BY_UID = select(_seals).where(_seals.c.uid_id == bindparam("id")).order_by(_seals.c.sealed, _seals.c.object_id)
_OF_STUDY = select(_seals).where(_seals.c.study_id == bindparam("id")).order_by(_seals.c.sealed, _seals.c.object_id)
_UNLOGGED = (
    select(_custody.c.seq, _custody.c.entry).where(tables.UNLOGGED).order_by(_custody.c.seq).limit(bindparam("n"))
)
_LOGGED = (
    select(_custody.c.seq, _custody.c.log_index, _custody.c.entry)
    .where(_custody.c.seq > bindparam("after"), _custody.c.log_index.is_not(None))
    .order_by(_custody.c.seq)
    .limit(bindparam("n"))
)
_PLACE = (
    update(_custody)
    .where(_custody.c.seq == bindparam("id"), tables.UNLOGGED)
    .values(log_index=bindparam("place"))
    .execution_options(synchronize_session=None)
)
_HEAD = select(_heads.c.size, _heads.c.root).where(_heads.c.origin == bindparam("name"))
_STATEMENTS = select(_custody).where(_custody.c.object_id == bindparam("id")).order_by(_custody.c.number)
_FILMS_AFTER = select(_films).where(_films.c.seq > bindparam("after")).order_by(_films.c.seq).limit(bindparam("n"))
_RESULTS = (
    select(tables.results.c.result_id).where(tables.results.c.release_id.in_(_IDS)).order_by(tables.results.c.seq)
)
_ADD_FILMS = insert(_films)
_ADD_SEALS, _ADD_STATEMENTS, _ADD_DUE = insert(_seals), insert(_custody), insert(_due)


class SqlCustody(Section):
    """Seals and statements.

    Parameters
    ----------
    database
        The ledger's.
    sealing
        Seals what is kept of them.
    """

    def __init__(self, database: Database, sealing: Sealing) -> None:
        super().__init__(database, sealing)
        self._put_head = database.statements.put(_heads, ["origin"], "size", "root")

    def due(self, limit: int) -> Sequence[Due]:
        """Return events that wait for a statement, the oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(_DUE, {"n": limit}).all()
        return [
            Due(seq=row.seq, subject=row.subject, what=row.what, at=from_micros(row.at), by=row.by, detail=row.detail)
            for row in rows
        ]

    def heads(self, object_ids: Sequence[str]) -> Mapping[str, Head]:
        """Return how far the statements of objects are; without those that have none."""
        found: dict[str, Head] = {}
        with self._database.reading() as connection:
            for some in chunks(object_ids):
                for row in connection.execute(_HEADS, {"ids": some}):
                    found[row.object_id] = Head(count=row.number + 1, digest=row.digest, at=from_micros(row.at))
        return found

    def record(
        self,
        seals: Sequence[KeptSeal] = (),
        statements: Sequence[NewStatement] = (),
        done: Sequence[int] = (),
        *,
        due: Sequence[NewDue] = (),
        films: Sequence[KeptFilm] = (),
    ) -> None:
        """Keep seals, films and statements, and change the list of what waits.

        Raises `StateError`, and keeps nothing, where another process was quicker with one of them.
        """
        seal_rows = [self._seal_values(one) for one in sorted(seals, key=lambda one: one.object_id)]
        # In one order, so that no two transactions wait for each other.
        ordered = sorted(statements, key=lambda one: (one.object_id, one.number))
        rows = [self._statement_values(one) for one in ordered]
        with self._database.writing() as writing:
            try:
                if seal_rows:
                    writing.execute(_ADD_SEALS, seal_rows)
                if films:
                    writing.execute(_ADD_FILMS, [asdict(one) for one in sorted(films, key=lambda one: one.object_id)])
                if rows:
                    writing.execute(_ADD_STATEMENTS, rows)
            except IntegrityError:
                raise StateError("another process sealed, or stated, the same at the same moment") from None
            for some in chunks(done):
                writing.execute(_DONE, {"ids": some})
            if due:
                writing.execute(_ADD_DUE, [_due_values(one) for one in due])

    def sealed(self, object_ids: Sequence[str]) -> frozenset[str]:
        """Return which of these objects have a seal."""
        found: set[str] = set()
        with self._database.reading() as connection:
            for some in chunks(object_ids):
                found.update(connection.execute(_SEALED, {"ids": some}).scalars())
        return frozenset(found)

    def find_seals(self, uid_id: str) -> Sequence[KeptSeal]:
        """Return the seals of a SOP Instance UID (blind index)."""
        with self._database.reading() as connection:
            rows = connection.execute(_BY_UID, {"id": uid_id}).all()
        return [self._to_seal(row) for row in rows]

    def get_seal(self, object_id: str) -> KeptSeal:
        """Return the seal of an object; raises `UnknownError`."""
        with self._database.reading() as connection:
            row = connection.execute(_SEAL, {"id": object_id}).one_or_none()
        if row is None:
            raise UnknownError("expected an object that was sealed, got one that was not")
        return self._to_seal(row)

    def seals_of(self, study_id: str) -> Sequence[KeptSeal]:
        """Return all seals of a study, of originals and of copies."""
        with self._database.reading() as connection:
            rows = connection.execute(_OF_STUDY, {"id": study_id}).all()
        return [self._to_seal(row) for row in rows]

    def films(self, after: int, limit: int) -> Sequence[tuple[int, KeptFilm]]:
        """Return films that were kept after the one numbered `after`, each with its number, in order."""
        with self._database.reading() as connection:
            rows = connection.execute(_FILMS_AFTER, {"after": after, "n": limit}).all()
        return [
            (
                row.seq,
                KeptFilm(
                    object_id=row.object_id, study_id=row.study_id, blob=row.blob, start=row.start, length=row.length
                ),
            )
            for row in rows
        ]

    def results_of(self, release_ids: Sequence[str]) -> Sequence[str]:
        """Return ids of the results that came back on releases."""
        found: list[str] = []
        with self._database.reading() as connection:
            for some in chunks(release_ids):
                found += connection.execute(_RESULTS, {"ids": some}).scalars()
        return found

    def unlogged(self, limit: int) -> Sequence[tuple[int, bytes]]:
        """Return `seq` and entry of statements that have no place in the log yet, the oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(_UNLOGGED, {"n": limit}).all()
        return [(row.seq, bytes(row.entry)) for row in rows]

    def logged(self, after: int, limit: int) -> Sequence[tuple[int, int, bytes]]:
        """Return `seq`, place and entry of statements that are in the log, after the one numbered `after`, in order."""
        with self._database.reading() as connection:
            rows = connection.execute(_LOGGED, {"after": after, "n": limit}).all()
        return [(row.seq, row.log_index, bytes(row.entry)) for row in rows]

    def note_logged(self, places: Mapping[int, int], origin: str, size: int, root: str) -> None:
        """Note where in the log statements are, and how far the log is with them."""
        with self._database.writing() as writing:
            if places:
                writing.execute(_PLACE, [{"id": seq, "place": places[seq]} for seq in sorted(places)])
            writing.execute(self._put_head, {"origin": origin, "size": size, "root": root})

    def log_head(self, origin: str) -> tuple[int, str] | None:
        """Return size and root (hexadecimal) of the log when that was noted last, or None."""
        with self._database.reading() as connection:
            row = connection.execute(_HEAD, {"name": origin}).one_or_none()
        return None if row is None else (row.size, row.root)

    def statements_of(self, object_id: str) -> Sequence[KeptStatement]:
        """Return the statements of an object, in order."""
        with self._database.reading() as connection:
            rows = connection.execute(_STATEMENTS, {"id": object_id}).all()
        return [self._to_statement(row) for row in rows]

    # Rows

    def _seal_values(self, seal: KeptSeal) -> dict[str, object]:
        opening = self._sealing.seal(seal.object_id, seal.opening.hex()) if seal.opening else b""
        return {
            "object_id": seal.object_id,
            "uid_id": seal.uid_id,
            "study_id": seal.study_id,
            "source_id": seal.source_id,
            "release_id": seal.release_id,
            "blob": seal.blob,
            "start": seal.start,
            "length": seal.length,
            "root": seal.root,
            "opening": opening,
            "sealed": to_micros(seal.sealed),
        }

    def _to_seal(self, row: Row) -> KeptSeal:
        return KeptSeal(
            object_id=row.object_id,
            uid_id=row.uid_id,
            study_id=row.study_id,
            source_id=row.source_id,
            release_id=row.release_id,
            blob=row.blob,
            start=row.start,
            length=row.length,
            root=row.root,
            opening=bytes.fromhex(self._sealing.open(row.object_id, row.opening)) if row.opening else b"",
            sealed=from_micros(row.sealed),
        )

    def _statement_values(self, one: NewStatement) -> dict[str, object]:
        signed = one.signed
        text = json.dumps(
            {
                "body": signed.body.decode("utf-8"),
                "key_id": signed.key_id,
                "signature": base64.b64encode(signed.signature).decode("ascii"),
                "blinding": signed.blinding.hex(),
            }
        )
        return {
            "object_id": one.object_id,
            "number": one.number,
            "at": to_micros(one.at),
            "statement": self._sealing.seal(one.object_id, text),
            "digest": one.digest,
            "entry": one.entry,
            "log_index": None,
        }

    def _to_statement(self, row: Row) -> KeptStatement:
        try:
            kept = json.loads(self._sealing.open(row.object_id, row.statement))
            signed = SignedStatement(
                body=kept["body"].encode("utf-8"),
                key_id=kept["key_id"],
                signature=base64.b64decode(kept["signature"], validate=True),
                blinding=bytes.fromhex(kept["blinding"]),
            )
        except (ValueError, LookupError, TypeError, AttributeError):
            raise StoreError("a custody statement is not what this version writes") from None
        return KeptStatement(
            seq=row.seq,
            object_id=row.object_id,
            number=row.number,
            signed=signed,
            entry=bytes(row.entry),
            index=row.log_index,
        )


def _due_values(one: NewDue) -> dict[str, object]:
    return {"subject": one.subject, "what": one.what, "at": to_micros(one.at), "by": "", "detail": one.detail}
