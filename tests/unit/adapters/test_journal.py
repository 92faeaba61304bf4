"""The journal of a run."""

import os
import sqlite3

import pytest

from scanward.adapters.store.journal import SqliteJournal, run_id
from scanward.errors import JournalError, KeyStoreError
from scanward.model.source import SourceFile
from scanward.ports.files import JournalEntry

ODD_NAME = os.fsdecode(b"/in/\xff\xfe name")


def entry(number: int, path: str = "/in/a") -> JournalEntry:
    file = SourceFile(path=path, member="m\udcff" * (number % 2), size=number, modified_ns=number * 10**12)
    return JournalEntry(file=file, outcome="released", detail="", study=number, output="P/1/2/3.dcm")


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def test_what_was_recorded_is_there_after_a_kill(home):
    first = SqliteJournal(home, "run")
    first.record([entry(1), entry(2, ODD_NAME)], "{1}")
    first.record([entry(3)], "{2}")
    first._database.close()
    with SqliteJournal(home, "run") as second:
        assert list(second.find_done()) == [entry(1), entry(2, ODD_NAME), entry(3)]
        assert list(second.partial_reports()) == ["{1}", "{2}"]


def test_a_unit_is_recorded_whole_or_not_at_all(home):
    bad = JournalEntry(file=entry(1).file, outcome=None, detail="", study=1, output="")
    with SqliteJournal(home, "run") as journal:
        with pytest.raises(JournalError):
            journal.record([entry(1), bad], "{}")
        assert list(journal.find_done()) == []
        journal.record([entry(1)], "{}")
        assert len(list(journal.find_done())) == 1


def test_files_are_for_the_owner_only(home):
    with SqliteJournal(home, "run") as journal:
        journal.record([entry(1)], "{}")
        for path in home.rglob("*"):
            assert path.stat().st_mode & 0o077 == 0, path.name
    home.chmod(0o755)
    with pytest.raises(KeyStoreError, match="closed to others"):
        SqliteJournal(home, "run")


def test_one_process_at_a_time(home):
    with SqliteJournal(home, "run"):
        with pytest.raises(JournalError, match="another process"):
            SqliteJournal(home, "run")
        SqliteJournal(home, "other").close()
    SqliteJournal(home, "run").close()


def test_a_finished_run_leaves_no_names(home):
    journal = SqliteJournal(home, "run")
    journal.record([entry(1, "/in/Doe^Jane")], "{}")
    journal.finish()
    assert list((home / "runs").iterdir()) == []
    with SqliteJournal(home, "run") as again:
        assert list(again.find_done()) == []


def spoil_bytes(path):
    path.write_bytes(b"not a database at all" * 500)


def spoil_page(path):
    content = bytearray(path.read_bytes())
    content[4096:8192] = os.urandom(4096)
    path.write_bytes(content)


def spoil_version(path):
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version=99")
    database.close()


@pytest.mark.parametrize("spoil", [spoil_bytes, spoil_page, spoil_version])
def test_a_damaged_journal_is_told_with_a_remedy(home, spoil):
    with SqliteJournal(home, "run") as journal:
        journal.record([entry(number) for number in range(500)], "{}")
    spoil(journal.path)
    with pytest.raises(JournalError) as caught, SqliteJournal(home, "run") as journal:
        list(journal.find_done())
    assert "start from the beginning" in caught.value.remedy
    assert "/in" not in str(caught.value)


def test_run_id_parts_do_not_run_together():
    assert run_id(["ab", "c"]) != run_id(["a", "bc"])
    assert run_id(["a", "b"]) == run_id(["a", "b"])
    assert len(run_id([ODD_NAME])) == 16
