"""Data keys and the way back from pseudonyms (implements :class:`scanward.ports.stores.Vault`).

Trust: the one that must not be stolen. Both are encrypted here under a key that lies with the master key, so a thief
of the database alone has neither; a thief of both undoes the pseudonyms and opens the blobs.

A destroyed key is overwritten where it lies. SQLite does so in place where the length stays, and rows of keys are never
deleted, so that no page is rebuilt and no copy of a live key stays behind in one; then the write-ahead log, which has
the old page, is emptied. PostgreSQL keeps the old row until its space is used again, and its own log and backups of
either database keep what they have: what is there opens with the vault's key only.
"""

import hmac
import json
import secrets
import sqlite3
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Identity,
    Insert,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from scanward.adapters.keys import KEY_BYTES, derive
from scanward.adapters.sealing import OwnedCipher
from scanward.adapters.store.engine import WRITES, translate
from scanward.errors import StoreError

VERSION = 1
"""Version of the tables."""

CACHED_KEYS = 4096
"""So many data keys are kept in memory."""

CACHE_SECONDS = 60.0
"""A data key is kept in memory for so long: then a key that another process destroyed is gone here too."""

_METADATA = MetaData()

_SCHEMA = Table(
    "vault_schema",
    _METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    Column("key_check", String(16), nullable=False),
)

# A key of its own for each row, counted up: rows are only ever appended, see above.
_DATA_KEYS = Table(
    "vault_data_keys",
    _METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), Identity(), primary_key=True),
    Column("owner", Text, nullable=False, unique=True),
    Column("wrapped", LargeBinary, nullable=False),
)

_ORIGINALS = Table(
    "vault_originals",
    _METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), Identity(), primary_key=True),
    Column("study_uid", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("release_id", Text, nullable=False),
    Column("digest", String(32), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    UniqueConstraint("study_uid", "recipient", "release_id", "digest"),
)

_PREPARE_LOCK = 0x5343414E56415554
_FOREIGN = (SQLAlchemyError, sqlite3.Error, UnicodeError)


class SqlVault:
    """The vault in a database of its own; any number of threads and processes may use it at once.

    Parameters
    ----------
    engine
        Of :func:`scanward.adapters.store.engine.make_engine`.
    key
        ``KeyFolder.derived_key("vault")``.
    clock
        Seconds that only go up.

    Raises
    ------
    StoreFullError, StoreError
        By each method; nothing has changed then.
    """

    def __init__(self, engine: Engine, key: bytes, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._writers = engine.execution_options(**{WRITES: True})
        self._wrapping = OwnedCipher(derive(key, b"scanward vault data keys v1"))
        self._originals = OwnedCipher(derive(key, b"scanward vault originals v1"))
        self._digest_key = derive(key, b"scanward vault digests v1")
        self._key_check = derive(key, b"scanward vault check v1", length=8).hex()
        self._cache = _KeyCache(clock)

    def prepare(self) -> None:
        """Make the tables where there are none.

        Raises
        ------
        StoreError
            The tables are of another version, or were made under another master key.
        """
        with self._writing() as connection:
            if self._engine.dialect.name == "postgresql":  # SQLite lets one write at a time as it is
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _PREPARE_LOCK})
            if not inspect(connection).has_table(_SCHEMA.name):
                _METADATA.create_all(connection, checkfirst=False)
                connection.execute(_SCHEMA.insert(), {"id": 1, "version": VERSION, "key_check": self._key_check})
            found = connection.execute(select(_SCHEMA.c.version, _SCHEMA.c.key_check)).one_or_none()
        if found is None or found.version != VERSION:
            raise StoreError(
                f"expected a vault of version {VERSION}, got {found.version if found else 'none'}",
                remedy="Use the version of Scanward that made it.",
            )
        if not hmac.compare_digest(found.key_check, self._key_check):
            raise StoreError(
                "the vault was made under another master key",
                remedy="Restore the master key that belongs to it: scanward keys import BACKUP.",
            )

    def data_key(self, owner: str) -> bytes:
        """Return the 32 byte data key of `owner` (a study, quarantined instance or result); durable on first use.

        Raises
        ------
        StoreError
            Also when the key was destroyed: it is never made again.
        """
        key, wrapped, ticket = self._look_up(owner)
        if key is not None:
            return key
        if wrapped is None:
            new = self._wrapping.seal(_key_owner(owner), secrets.token_bytes(KEY_BYTES))
            with self._writing() as connection:
                connection.execute(self._insert_new(_DATA_KEYS), {"owner": owner, "wrapped": new})
                wrapped = _read_wrapped(connection, owner)  # that of whoever came first
        if wrapped is None or _is_destroyed(wrapped):
            raise StoreError(
                "the data key was destroyed, and what it belongs to is not taken in again",
                remedy="What was deleted stays deleted; if that was a mistake, ask whoever had it deleted.",
            )
        return self._unwrap(owner, wrapped, ticket)

    def find_data_key(self, owner: str) -> bytes | None:
        """Return the data key of `owner`, or None where there is none (any more)."""
        key, wrapped, ticket = self._look_up(owner)
        if key is not None:
            return key
        if wrapped is None or _is_destroyed(wrapped):
            return None
        return self._unwrap(owner, wrapped, ticket)

    def destroy_data_key(self, owner: str) -> None:
        """Make what is encrypted under the key of `owner` unreadable for good; durable on return.

        Also where there is no key yet: none is made any more. Other processes may know the key for `CACHE_SECONDS`. On
        a raise call it again, as the key may still be somewhere in the files.
        """
        try:
            with self._writing() as connection:
                if self._engine.dialect.name == "sqlite":
                    connection.exec_driver_sql("PRAGMA secure_delete=ON")
                connection.execute(self._insert_new(_DATA_KEYS), {"owner": owner, "wrapped": _DESTROYED})
                connection.execute(update(_DATA_KEYS).where(_DATA_KEYS.c.owner == owner).values(wrapped=_DESTROYED))
        finally:
            self._cache.drop(owner)  # also where it is unknown whether it was committed
        if self._engine.dialect.name == "sqlite":
            self._empty_log()

    def record_originals(self, recipient: str, study_uid: str, release_id: str, originals: Mapping[str, str]) -> None:
        """Store what the new UIDs that `recipient` gets stand for, by new UID; durable on return; adds to earlier ones.

        The same once more changes nothing.
        """
        content = json.dumps(dict(originals), sort_keys=True, separators=(",", ":")).encode()
        owner = _originals_owner(recipient, study_uid, release_id)
        row = {
            "study_uid": study_uid,
            "recipient": recipient,
            "release_id": release_id,
            # Keyed: a plain digest would let a thief try out whom it could be.
            "digest": hmac.digest(self._digest_key, content, "sha256")[:16].hex(),
            "sealed": self._originals.seal(owner, zlib.compress(content)),
        }
        with self._writing() as connection:
            connection.execute(self._insert_new(_ORIGINALS), row)

    def find_originals(self, recipient: str, study_uid: str) -> Mapping[str, str] | None:
        """Return what was recorded for a new Study Instance UID, joined over its releases, or None."""
        table = _ORIGINALS
        query = (
            select(table.c.release_id, table.c.sealed)
            .where(table.c.study_uid == study_uid, table.c.recipient == recipient)
            .order_by(table.c.id)
        )
        with self._reading() as connection:
            rows = connection.execute(query).all()
        joined: dict[str, str] = {}
        for row in rows:
            content = self._originals.open(_originals_owner(recipient, study_uid, row.release_id), row.sealed)
            joined.update(json.loads(zlib.decompress(content)))
        return joined if rows else None

    def _look_up(self, owner: str) -> tuple[bytes | None, bytes | None, int]:
        """Return the key from memory, or else what the database has, and a ticket to keep it in memory by."""
        key, ticket = self._cache.find(owner)
        if key is not None:
            return key, None, ticket
        with self._reading() as connection:
            return None, _read_wrapped(connection, owner), ticket

    def _unwrap(self, owner: str, wrapped: bytes, ticket: int) -> bytes:
        key = self._wrapping.open(_key_owner(owner), wrapped)
        self._cache.keep(owner, key, ticket)
        return key

    def _empty_log(self) -> None:
        """Carry the write-ahead log over into the database and cut it to nothing."""
        try:
            with closing(self._engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                row = cursor.fetchone()
        except _FOREIGN as error:
            raise translate(error) from None
        if row is None or row[0] != 0:
            raise StoreError(
                "a destroyed key may still be in the vault's log, as someone is reading the vault",
                remedy="End what reads the vault from outside, and delete again.",
            )

    def _insert_new(self, table: Table) -> Insert:
        """Return an insert that leaves alone what is there."""
        insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        return insert(table).on_conflict_do_nothing()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except _FOREIGN as error:
            raise translate(error) from None

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        try:
            with self._writers.begin() as connection:
                yield connection
        except _FOREIGN as error:
            raise translate(error) from None


class _KeyCache:
    """Data keys in memory: the latest used, each for a limited time, none that was destroyed meanwhile."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._keys: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._lock = threading.Lock()
        self._drops = 0

    def find(self, owner: str) -> tuple[bytes | None, int]:
        """Return the key, or None, and a ticket for `keep`."""
        with self._lock:
            kept = self._keys.get(owner)
            if kept is None or kept[1] <= self._clock():
                return None, self._drops
            self._keys.move_to_end(owner)
            return kept[0], self._drops

    def keep(self, owner: str, key: bytes, ticket: int) -> None:
        """Keep a key, unless one was dropped since it was looked for: it could be this one."""
        with self._lock:
            if ticket != self._drops:
                return
            self._keys[owner] = key, self._clock() + CACHE_SECONDS
            self._keys.move_to_end(owner)
            if len(self._keys) > CACHED_KEYS:
                self._keys.popitem(last=False)

    def drop(self, owner: str) -> None:
        """Forget a key."""
        with self._lock:
            self._drops += 1
            self._keys.pop(owner, None)


_DESTROYED = bytes(KEY_BYTES + OwnedCipher.OVERHEAD_BYTES)
"""What stands in the place of a destroyed key: of the same length, so that it is written over it."""


def _is_destroyed(wrapped: bytes) -> bool:
    return wrapped == _DESTROYED


def _read_wrapped(connection: Connection, owner: str) -> bytes | None:
    return connection.execute(select(_DATA_KEYS.c.wrapped).where(_DATA_KEYS.c.owner == owner)).scalar_one_or_none()


def _key_owner(owner: str) -> str:
    return f"data key|{owner}"


def _originals_owner(recipient: str, study_uid: str, release_id: str) -> str:
    return json.dumps(["originals", recipient, study_uid, release_id])
