"""The journal of a run on SQLite (implements :class:`scanward.ports.files.Journal`).

Trust: it holds the names of inputs, which often carry the names of patients, so it is as secret as the keys and lies
beside them. If it is lost, the run starts from the beginning. It exists only while a run is not finished.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from scanward.adapters.home import flush_folder, make_private_folder
from scanward.errors import JournalError
from scanward.model.source import SourceFile
from scanward.ports.files import JournalEntry

SCHEMA_VERSION = 1
"""Version of the tables; a journal of another version is refused."""

_APPLICATION_ID = 0x53434E57  # "SCNW", so that `file` and a mix-up show
_ROWS_AT_ONCE = 1000

_TABLES = """
CREATE TABLE entry (
    path BLOB NOT NULL, member BLOB NOT NULL, size INTEGER NOT NULL, modified_ns INTEGER NOT NULL,
    outcome TEXT NOT NULL, detail TEXT NOT NULL, study INTEGER NOT NULL, output TEXT NOT NULL
);
CREATE TABLE partial_report (number INTEGER PRIMARY KEY, report TEXT NOT NULL);
CREATE TABLE state (state TEXT NOT NULL);
"""


def run_id(parts: Sequence[str]) -> str:
    """Return 16 hexadecimal digits for a run, the same for the same `parts`: sources, settings, key, version."""
    digest = hashlib.sha256()
    for part in parts:
        data = os.fsencode(part)
        digest.update(b"%d:" % len(data) + data)
    return digest.hexdigest()[:16]


class SqliteJournal:
    """What one run has done so far, in ``runs/<run id>.sqlite`` of the home folder.

    Only one process at a time has it open; it must not be carried across a fork. As a context manager it closes
    itself at the end and leaves the journal for the next run.

    Parameters
    ----------
    home
        The home folder.
    run
        The run's id, as `run_id` makes it.

    Raises
    ------
    JournalError
        When another process has it open, or it is damaged; by each method when it cannot be read or written.
    """

    def __init__(self, home: Path, run: str) -> None:
        folder = home / "runs"
        make_private_folder(home)
        make_private_folder(folder)
        self.path = folder / f"{run}.sqlite"
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        except OSError as error:
            raise JournalError(f"the journal of the run cannot be opened: {os.strerror(error.errno or 0)}") from None
        self._database = sqlite3.connect(self.path, timeout=0, isolation_level=None)
        try:
            self._prepare()
        except BaseException as error:
            self._database.close()
            if isinstance(error, sqlite3.Error):
                raise self._error(error) from None
            raise

    def __enter__(self) -> Self:
        """Return itself; the journal is open already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the journal."""
        self.close()

    def _prepare(self) -> None:
        run = self._database.execute
        # The lock is held until the connection closes, and falls with the process.
        run("PRAGMA locking_mode=EXCLUSIVE")
        run("PRAGMA journal_mode=WAL")
        run("PRAGMA synchronous=FULL")
        run("BEGIN EXCLUSIVE")
        version = run("PRAGMA user_version").fetchone()[0]
        if version == 0:
            for statement in _TABLES.split(";")[:-1]:
                run(statement)
            run(f"PRAGMA application_id={_APPLICATION_ID}")
            run(f"PRAGMA user_version={SCHEMA_VERSION}")
        elif version != SCHEMA_VERSION or run("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
            raise self._damaged("it is of another version")
        run("COMMIT")
        if version and run("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise self._damaged("it is damaged")

    def record(self, entries: Sequence[JournalEntry], partial_report: str) -> None:
        """Store all `entries` and the `partial_report` of their unit of work, durable on return, or nothing."""
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._database.executemany("INSERT INTO entry VALUES (?,?,?,?,?,?,?,?)", map(_row, entries))
                self._database.execute("INSERT INTO partial_report (report) VALUES (?)", (partial_report,))
                self._database.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._database.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self._error(error) from None

    def begin(self, state: str) -> None:
        """Go on with what an earlier process did in the same `state` of the world, or else forget it.

        It names the start of the machine, and the inputs. Outputs are flushed to the disk at the end of a run only:
        they outlive the process, but those of a run that a power cut ended may be missing or empty, and are made
        again. With other inputs, more may be known of a patient than when the outputs were made.
        """
        try:
            run = self._database.execute
            run("BEGIN IMMEDIATE")
            row = run("SELECT state FROM state").fetchone()
            if row is None or row[0] != state:
                self._clear()
                run("DELETE FROM state")
                run("INSERT INTO state VALUES (?)", (state,))
            run("COMMIT")
        except sqlite3.Error as error:
            raise self._error(error) from None

    def forget(self) -> None:
        """Forget everything that was done."""
        try:
            self._database.execute("BEGIN IMMEDIATE")
            self._clear()
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._error(error) from None

    def _clear(self) -> None:
        for table in ("entry", "partial_report"):
            self._database.execute(f"DELETE FROM {table}")  # noqa: S608 - the names stand one line above

    def find_done(self) -> Iterator[JournalEntry]:
        """Yield everything recorded so far, in the order it was recorded."""
        for row in self._rows("SELECT * FROM entry ORDER BY rowid"):
            path, member, size, modified_ns, outcome, detail, study, output = row
            file = SourceFile(
                path=os.fsdecode(path),
                member=member.decode("utf-8", "surrogatepass"),
                size=size,
                modified_ns=modified_ns,
            )
            yield JournalEntry(file=file, outcome=outcome, detail=detail, study=study, output=output)

    def partial_reports(self) -> Iterator[str]:
        """Yield the partial reports recorded so far, in the order they were recorded."""
        for row in self._rows("SELECT report FROM partial_report ORDER BY number"):
            yield row[0]

    def _rows(self, query: str) -> Iterator[tuple]:  # type: ignore[type-arg]  # columns differ by query
        try:
            cursor = self._database.execute(query)
            while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                yield from rows
        except sqlite3.Error as error:
            raise self._error(error) from None

    def close(self) -> None:
        """Close the journal, for the same command to go on with."""
        self._database.close()

    def finish(self) -> None:
        """Mark the run as complete: the journal is removed, so that the same command starts a new run.

        Call it last, once the report of the run is written: what it was made from is gone afterwards.
        """
        self.close()
        try:
            for suffix in ("-wal", "-shm", ""):
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)
            flush_folder(self.path.parent)
        except OSError as error:
            raise JournalError(
                f"the journal of the finished run cannot be removed: {os.strerror(error.errno or 0)}",
                remedy=f"It holds names of inputs; remove {self.path} by hand.",
            ) from None

    def _error(self, error: sqlite3.Error) -> JournalError:
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode in {
            sqlite3.SQLITE_BUSY,
            sqlite3.SQLITE_LOCKED,
        }:
            return JournalError(
                "the same run is going on in another process", remedy="Wait until it is done, or stop it first."
            )
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            return JournalError(
                "no room left on the disk of the home folder",
                remedy="Free some space and run the same command again: it goes on where it stopped.",
            )
        return self._damaged(f"it cannot be read or written ({error.sqlite_errorname})")

    def _damaged(self, why: str) -> JournalError:
        return JournalError(
            f"expected the journal of an interrupted run, but {why}",
            remedy=f"Remove {self.path} to start from the beginning.",
        )


def _row(entry: JournalEntry) -> tuple[bytes, bytes, int, int, str, str, int, str]:
    """Return the row for `entry`; names go in as bytes, since those of files need not be valid Unicode."""
    file = entry.file
    return (
        os.fsencode(file.path),
        file.member.encode("utf-8", "surrogatepass"),
        file.size,
        file.modified_ns,
        entry.outcome,
        entry.detail,
        entry.study,
        entry.output,
    )
