"""A new SQLite database that several open at the same moment."""

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

import scanward
from scanward.adapters.engines.dbos import make_work_engine
from scanward.adapters.store import engine as module
from scanward.adapters.store.engine import make_engine

PROCESSES = 6
ROUNDS = 4

OPENER = """
import sys
sys.path.insert(0, {src!r})
from pathlib import Path
from sqlalchemy import text
from scanward.adapters.engines.dbos import make_work_engine
from scanward.adapters.store.engine import make_engine
from scanward.adapters.store.migrations import upgrade
for line in sys.stdin:
    folder = Path(line.strip())
    ledger, work = make_engine(f"sqlite:///{{folder / 'ledger.db'}}"), make_work_engine(folder / "engine.db")
    upgrade(ledger)
    with work.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS seen (n INTEGER)"))
    ledger.dispose()
    work.dispose()
    print("done", flush=True)
"""


def engines(path: Path) -> list[Engine]:
    return [make_engine(f"sqlite:///{path}"), make_work_engine(path)]


@pytest.mark.parametrize("which", [0, 1])
def test_a_writer_that_is_there_first_is_waited_for(tmp_path: Path, which: int):
    """SQLite says at once that the database is busy, however long it was told to wait."""
    path = tmp_path / "new.db"
    first = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    first.execute("CREATE TABLE there (n INTEGER)")
    first.execute("BEGIN IMMEDIATE")
    second = sqlite3.connect(path, timeout=30)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        second.execute("PRAGMA journal_mode=WAL")
    second.close()
    engine = engines(path)[which]
    ends = threading.Timer(0.2, first.execute, ("COMMIT",))
    ends.start()
    try:
        with engine.connect() as connection:
            assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
    finally:
        ends.join()
        first.close()
        engine.dispose()


def test_a_writer_that_stays_is_not_waited_for_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "new.db"
    first = sqlite3.connect(path, isolation_level=None)
    first.execute("CREATE TABLE there (n INTEGER)")
    first.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.1)
    second = sqlite3.connect(path)
    try:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            module.use_wal(second)
    finally:
        second.close()
        first.close()


def test_processes_that_make_the_databases_together(tmp_path: Path):
    code = OPENER.format(src=str(Path(scanward.__file__).parents[1]))
    openers = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    try:
        for number in range(ROUNDS):
            folder = tmp_path / str(number)
            folder.mkdir()
            for opener in openers:
                assert opener.stdin is not None
                opener.stdin.write(f"{folder}\n")
                opener.stdin.flush()
            for opener in openers:
                assert opener.stdout is not None
                assert opener.stdout.readline() == "done\n"
    finally:
        for opener in openers:
            opener.communicate()
