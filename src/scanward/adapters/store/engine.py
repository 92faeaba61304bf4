"""Engines for SQLite and PostgreSQL, and what their errors are to the rest of the program."""

import os
import sqlite3
import time
from contextlib import closing, suppress
from sqlite3 import Connection as SqliteConnection

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from scanward.errors import ConfigError, StoreError, StoreFullError

BUSY_SECONDS = 30
"""How long a writer waits for another process's transaction."""
WRITES = "scanward_writes"
"""Execution option of connections whose transactions write."""
_PRAGMAS = (
    "PRAGMA synchronous=FULL",  # durable on return, not only consistent
    "PRAGMA foreign_keys=ON",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-32768",  # 32 MiB a connection
    "PRAGMA journal_size_limit=67108864",  # gives the room of a long burst back
)
_PG_OPTIONS = (
    "-c synchronous_commit=on -c lock_timeout=30s -c statement_timeout=120s -c timezone=UTC"
    # A worker that stopped within a transaction, or whose machine is gone, lets go before others give up waiting.
    " -c idle_in_transaction_session_timeout=15s"
    " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=2"
)
_PG_FULL = "53100"  # disk_full, PostgreSQL's appendix A
_POOL_SIZE = 10
_POOL_OVERFLOW = 30


def make_engine(url: str) -> Engine:
    """Return an engine for a SQLAlchemy URL; nothing is connected yet.

    Raises
    ------
    ConfigError
        The URL is not one of SQLite's (a file) or PostgreSQL's.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    match parsed.get_backend_name() if parsed else "":
        case "sqlite" if parsed is not None:
            return _make_sqlite(parsed)
        case "postgresql" if parsed is not None:
            return _make_postgresql(parsed)
    raise ConfigError("expected a SQLAlchemy URL of sqlite or postgresql", remedy="Correct ledger_url or vault_url.")


def _make_sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:" or url.query:
        raise ConfigError("expected a SQLite URL that names a file", remedy="Give sqlite:////path/of/ledger.db.")
    path = url.database
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        hide_parameters=True,
        pool_size=_POOL_SIZE,
        max_overflow=_POOL_OVERFLOW,
        connect_args={
            "timeout": BUSY_SECONDS,
            "isolation_level": None,  # transactions begin where we say, see below
            "check_same_thread": False,  # the pool hands a connection to one thread at a time
            "cached_statements": 512,
        },
    )

    @event.listens_for(engine, "do_connect")
    def _make_file(*_: object) -> None:
        try:
            make_file(path)
        except OSError as error:
            raise sqlite3.OperationalError(error.strerror) from None

    @event.listens_for(engine, "connect")
    def _prepare(connection: SqliteConnection, _entry: ConnectionPoolEntry) -> None:
        use_wal(connection)
        for pragma in _PRAGMAS:
            connection.execute(pragma).close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads first and writes then would fail where another wrote in between.
        writes = connection.get_execution_options().get(WRITES, False)
        # At the driver: through SQLAlchemy it costs as much as any other statement.
        with closing(connection.connection.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def use_wal(connection: SqliteConnection) -> None:
    """Let a database keep a write-ahead log, if it does not yet.

    To change that, SQLite wants the database for itself, and where processes open a new one at the same moment it says
    busy at once, without the wait that it is told: two of them might wait for each other.

    Raises
    ------
    sqlite3.OperationalError
        Others held on to it for :data:`BUSY_SECONDS`, or it cannot be changed.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return


def make_file(path: str | os.PathLike[str]) -> None:
    """Make the file of a SQLite database where there is none, so that nobody else can read it, nor what lies beside it.

    A file that is there is not opened: when a process closes any descriptor of a file, its locks on it are gone
    (POSIX, fcntl), those of SQLite too. Then the next process that closes the database takes itself for the last one,
    and removes the write-ahead log under this one's hands, and with it what is committed from then on.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _make_postgresql(url: URL) -> Engine:
    if url.drivername not in {"postgresql", "postgresql+psycopg"}:
        raise ConfigError("expected a PostgreSQL URL without a driver", remedy="Begin it with postgresql://.")
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        pool_pre_ping=True,  # a restart of the server costs one failed call at most
        pool_size=_POOL_SIZE,
        max_overflow=_POOL_OVERFLOW,
        connect_args={
            "connect_timeout": 10,
            "tcp_user_timeout": BUSY_SECONDS * 1000,
            "application_name": "scanward",
            "options": _PG_OPTIONS,
        },
    )


def translate(error: Exception) -> StoreError:
    """Return what a database's error is to the rest of the program; it carries no value and no statement."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the rest tells details
        if code == sqlite3.SQLITE_FULL:
            return _full()
        return StoreError(f"the database did not do what was asked: {getattr(cause, 'sqlite_errorname', 'error')}")
    state = getattr(cause, "sqlstate", None)
    if state == _PG_FULL:
        return _full()
    if isinstance(cause, UnicodeError):
        return StoreError("expected text that can be stored, got broken characters")
    kind = f"SQLSTATE {state}" if state else type(cause).__name__
    return StoreError(f"the database did not do what was asked: {kind}", remedy="See the database's own log.")


def _full() -> StoreFullError:
    return StoreFullError("the disk of the database is full", remedy="Make room; nothing was written.")
