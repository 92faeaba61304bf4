"""Transactions on the ledger's database, with the history and the tallies that go with each."""

import secrets
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, CursorResult, Engine, Executable, Insert, Table, insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from scanward.adapters.store import tables
from scanward.adapters.store.engine import WRITES, translate

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SHARDS = 64
_FOREIGN = (SQLAlchemyError, sqlite3.Error, UnicodeError, OverflowError)

_INSERT_EVENTS = insert(tables.events)
_INSERT_DUE = insert(tables.custody_due)

STATED = frozenset(
    (
        "received",
        "quarantined",
        "completed",
        "disclosed",
        "delivery",
        "stored anew",
        "approved",
        "refused",
        "opened again",
        "let go",
    )
)
"""Events of a history of which a custody statement is made as well; by value, as `What` builds on this module."""


def to_micros(time: datetime) -> int:
    """Return an aware time as microseconds since 1970."""
    return (time - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the aware UTC time for microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=micros)


Values = Mapping[str, Any]
"""Parameters of a statement, by name."""


class Statements:
    """What the two databases say differently; made once a table."""

    def __init__(self, engine: Engine) -> None:
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    def insert_new(self, table: Table, *returning: str) -> Insert:
        """Return an insert that leaves out rows that are there, and returns columns of those that were not."""
        statement = self._insert(table).on_conflict_do_nothing()
        return statement.returning(*(table.c[name] for name in returning)) if returning else statement

    def add_up(self, table: Table, keys: Sequence[str], count: str, *returning: str) -> Insert:
        """Return an insert that adds to column `count` of the row with the same `keys` where there is one."""
        statement = self._insert(table)
        total = {count: table.c[count] + statement.excluded[count]}
        statement = statement.on_conflict_do_update(index_elements=[table.c[key] for key in keys], set_=total)
        return statement.returning(*(table.c[name] for name in returning)) if returning else statement

    def put(self, table: Table, keys: Sequence[str], *columns: str) -> Insert:
        """Return an insert that sets `columns` of the row with the same `keys` where there is one."""
        statement = self._insert(table)
        new = {name: statement.excluded[name] for name in columns}
        return statement.on_conflict_do_update(index_elements=[table.c[key] for key in keys], set_=new)


class Writing:
    """A transaction that writes."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.events: list[Values] = []
        self.tallies: Counter[str] = Counter()

    def execute(self, statement: Executable, parameters: Values | Sequence[Values] | None = None) -> CursorResult[Any]:
        """Run a statement."""
        return self.connection.execute(statement, parameters)

    def note(self, subject: str, what: str, at: datetime, *, by: str = "", detail: str = "") -> None:
        """Append to the history of `subject`."""
        self.events.append({"subject": subject, "at": to_micros(at), "what": what, "by": by, "detail": detail})

    def count(self, name: str, by: int = 1) -> None:
        """Count `by` more of `name`."""
        self.tallies[name] += by


_locks: WeakKeyDictionary[Engine, threading.Lock] = WeakKeyDictionary()
_locks_guard = threading.Lock()


class Database:
    """The ledger's database."""

    def __init__(self, engine: Engine) -> None:
        self._readers = engine
        self._writers = engine.execution_options(**{WRITES: True})
        self.statements = Statements(engine)
        self._tally = self.statements.add_up(tables.tallies, ["name", "shard"], "count")
        self._shard = secrets.randbelow(_SHARDS)
        with _locks_guard:
            lock = _locks.setdefault(engine, threading.Lock())
        # SQLite takes one writer at a time and lets others poll with sleeps; threads of ours rather queue up.
        self._turn: threading.Lock | nullcontext[None] = lock if engine.dialect.name == "sqlite" else nullcontext()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that reads only."""
        try:
            with self._readers.connect() as connection:
                yield connection
        except _FOREIGN as error:
            raise translate(error) from None

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """Open a transaction that writes: durable when the block ends, nothing of it there when it raises."""
        try:
            with self._turn, self._writers.begin() as connection:
                transaction = Writing(connection)
                yield transaction
                if transaction.events:
                    connection.execute(_INSERT_EVENTS, transaction.events)
                    due = [one for one in transaction.events if one["what"] in STATED]
                    if due:
                        connection.execute(_INSERT_DUE, due)
                # Last, and in one order: other writers wait for these rows.
                tallies = [
                    {"name": name, "shard": self._shard, "count": by}
                    for name, by in sorted(transaction.tallies.items())
                    if by
                ]
                if tallies:
                    connection.execute(self._tally, tallies if len(tallies) > 1 else tallies[0])
        except _FOREIGN as error:
            raise translate(error) from None
