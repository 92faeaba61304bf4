"""The vault, on each database: data keys that are made once and destroyed for good, and the way back."""

import itertools
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import event, text

import scanward
from scanward.adapters import vault as module
from scanward.adapters.store.engine import make_engine
from scanward.adapters.vault import CACHE_SECONDS, SqlVault
from scanward.errors import StoreError, StoreFullError
from tests.common.postgres import find_postgres, run_postgres

KEY = bytes(range(32))
NAMES = itertools.count()

RACER = """
import sys
sys.path.insert(0, {src!r})
from scanward.adapters.store.engine import make_engine
from scanward.adapters.vault import SqlVault
engine = make_engine({url!r})
vault = SqlVault(engine, bytes(range(32)))
sys.stdin.readline()
vault.prepare()
print([vault.data_key(f"study{{n}}").hex() for n in range(10)])
engine.dispose()
"""


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture(scope="module")
def postgres():
    if find_postgres() is None:
        pytest.skip("PostgreSQL is missing (Debian package postgresql)")
    with run_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'vault.db'}"
        return
    server = request.getfixturevalue("postgres")
    name = f"vault{next(NAMES)}"
    try:
        yield server.create_database(name)
    finally:
        server.drop_database(name)


@pytest.fixture
def engine(url):
    engine = make_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def vault(engine):
    vault = SqlVault(engine, KEY)
    vault.prepare()
    return vault


@pytest.fixture
def sqlite_engine(tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path / 'vault.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite_vault(sqlite_engine):
    vault = SqlVault(sqlite_engine, KEY)
    vault.prepare()
    return vault


def another(engine, **how):
    """The vault as another process sees it."""
    return SqlVault(engine, KEY, **how)


def execute(engine, statement, **values):
    with engine.begin() as connection:
        return connection.execute(text(statement), values)


def rows_of(engine, statement):
    with engine.connect() as connection:
        return connection.execute(text(statement)).all()


# --- data keys


def test_a_data_key_is_made_once(vault, engine):
    assert vault.find_data_key("study") is None
    key = vault.data_key("study")
    assert len(key) == 32
    assert vault.data_key("study") == key
    assert vault.find_data_key("study") == key
    assert another(engine).data_key("study") == key
    assert another(engine).find_data_key("study") == key
    assert vault.data_key("other") != key


def test_processes_that_race_agree(url, engine):
    engine.connect().close()  # the file is there with its log: what races here is the vault
    src = str(Path(scanward.__file__).parents[1])
    code = RACER.format(src=src, url=url)
    racers = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    keys = {racer.communicate()[0].strip() for racer in racers}
    vault = another(engine)
    assert keys == {str([vault.data_key(f"study{n}").hex() for n in range(10)])}


def test_threads_that_race_agree(vault):
    found = []
    barrier = threading.Barrier(6)

    def make():
        barrier.wait()
        found.extend((f"study{n}", vault.data_key(f"study{n}")) for n in range(10))

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 60
    assert len(set(found)) == 10


def test_no_key_lies_in_clear(vault, engine):
    key = vault.data_key("study")
    [(wrapped,)] = rows_of(engine, "SELECT wrapped FROM vault_data_keys")
    assert key not in bytes(wrapped)


def test_a_key_moved_to_another_owner_does_not_open(vault, engine):
    vault.data_key("study")
    vault.data_key("other")
    execute(
        engine,
        "UPDATE vault_data_keys SET wrapped = (SELECT wrapped FROM vault_data_keys WHERE owner = 'study')"
        " WHERE owner = 'other'",
    )
    with pytest.raises(StoreError, match="another owner"):
        another(engine).data_key("other")
    with pytest.raises(StoreError, match="another owner"):
        another(engine).find_data_key("other")


def test_memory_answers_without_the_database(vault, engine):
    key = vault.data_key("study")
    execute(engine, "DELETE FROM vault_data_keys")
    assert vault.data_key("study") == key


def test_memory_is_bounded(vault, engine, monkeypatch):
    monkeypatch.setattr(module, "CACHED_KEYS", 3)
    keys = {owner: vault.data_key(owner) for owner in "abcd"}
    vault.data_key("b")
    vault.data_key("e")
    execute(engine, "DELETE FROM vault_data_keys")
    assert [owner for owner in "abcde" if vault.find_data_key(owner) is not None] == ["b", "d", "e"]
    assert vault.data_key("b") == keys["b"]


# --- destroyed


def test_a_destroyed_key_stays_destroyed(vault, engine):
    vault.data_key("study")
    kept = vault.data_key("other")
    vault.destroy_data_key("study")
    for one in (vault, another(engine)):
        assert one.find_data_key("study") is None
        with pytest.raises(StoreError, match="destroyed"):
            one.data_key("study")
        assert one.data_key("other") == kept
    vault.destroy_data_key("study")
    assert vault.find_data_key("study") is None


def test_a_key_destroyed_before_it_was_made_is_not_made(vault):
    vault.destroy_data_key("study")
    with pytest.raises(StoreError, match="destroyed"):
        vault.data_key("study")


def test_another_process_forgets_a_destroyed_key_soon(vault, engine):
    clock = Clock()
    elsewhere = another(engine, clock=clock)
    elsewhere.data_key("study")
    vault.destroy_data_key("study")
    clock.now = CACHE_SECONDS
    assert elsewhere.find_data_key("study") is None


def test_a_key_destroyed_while_it_is_looked_up_is_not_kept(vault, engine, monkeypatch):
    vault.data_key("study")
    slow = another(engine)
    read = module._read_wrapped

    def read_then_destroy(connection, owner):
        wrapped = read(connection, owner)
        connection.rollback()
        monkeypatch.undo()
        slow.destroy_data_key(owner)
        return wrapped

    monkeypatch.setattr(module, "_read_wrapped", read_then_destroy)
    slow.find_data_key("study")
    assert slow.find_data_key("study") is None


# --- originals

WAY = {"2.25.1": "1.2.840.1", "2.25.2": "1.2.840.2", "patient_name": "Doe^Jané \ud800"}


def test_the_way_back_is_found(vault, engine):
    assert vault.find_originals("ai", "2.25.1") is None
    vault.record_originals("ai", "2.25.1", "release", WAY)
    assert another(engine).find_originals("ai", "2.25.1") == WAY
    assert vault.find_originals("other", "2.25.1") is None
    assert vault.find_originals("ai", "2.25.2") is None


def test_later_releases_add_to_earlier_ones(vault):
    vault.record_originals("ai", "2.25.1", "first", {"a": "1", "b": "1"})
    vault.record_originals("ai", "2.25.1", "second", {"b": "2"})
    vault.record_originals("ai", "2.25.1", "second", {"c": "3"})
    vault.record_originals("other", "2.25.1", "third", {"a": "9"})
    assert vault.find_originals("ai", "2.25.1") == {"a": "1", "b": "2", "c": "3"}


def test_the_same_recorded_twice_is_there_once(vault, engine):
    for originals in (WAY, dict(reversed(WAY.items()))):
        vault.record_originals("ai", "2.25.1", "release", originals)
    vault.record_originals("ai", "2.25.9", "release", WAY)
    assert len(rows_of(engine, "SELECT id FROM vault_originals")) == 2
    assert vault.find_originals("ai", "2.25.9") == WAY


def test_nothing_recorded_is_still_a_record(vault):
    vault.record_originals("ai", "2.25.1", "release", {})
    assert vault.find_originals("ai", "2.25.1") == {}


def test_no_original_lies_in_clear(vault, engine):
    vault.record_originals("ai", "2.25.1", "release", {"patient_name": "Doe^Jane" * 20})
    [row] = rows_of(engine, "SELECT * FROM vault_originals")
    stored = b"|".join(bytes(value) if isinstance(value, bytes) else str(value).encode() for value in row)
    assert b"Doe" not in stored
    assert len(row.sealed) < 160, "compressed before it is encrypted"


@pytest.mark.parametrize("column", ["study_uid", "recipient", "release_id"])
def test_a_way_back_moved_elsewhere_does_not_open(vault, engine, column):
    vault.record_originals("ai", "2.25.1", "release", WAY)
    execute(engine, f"UPDATE vault_originals SET {column} = 'moved'")
    where = {"recipient": "ai", "study_uid": "2.25.1"} | ({column: "moved"} if column != "release_id" else {})
    with pytest.raises(StoreError, match="another owner"):
        vault.find_originals(**where)


# --- tables


def test_preparing_twice_changes_nothing(vault, engine):
    key = vault.data_key("study")
    another(engine).prepare()
    assert another(engine).data_key("study") == key


def test_another_master_key_is_refused(vault, engine):
    with pytest.raises(StoreError, match="another master key"):
        SqlVault(engine, bytes(32)).prepare()


@pytest.mark.parametrize("change", ["UPDATE vault_schema SET version = 2", "DELETE FROM vault_schema"])
def test_another_version_is_refused(vault, engine, change):
    execute(engine, change)
    with pytest.raises(StoreError, match="expected a vault of version 1"):
        another(engine).prepare()


def test_tables_of_unknown_origin_are_not_taken_over(engine):
    execute(engine, "CREATE TABLE vault_originals (id INTEGER PRIMARY KEY)")
    with pytest.raises(StoreError):
        another(engine).prepare()
    assert rows_of(engine, "SELECT id FROM vault_originals") == []


def test_a_vault_that_was_not_prepared_is_a_store_error(engine):
    vault = another(engine)
    for act in (
        lambda: vault.data_key("study"),
        lambda: vault.find_data_key("study"),
        lambda: vault.destroy_data_key("study"),
        lambda: vault.record_originals("ai", "2.25.1", "release", WAY),
        lambda: vault.find_originals("ai", "2.25.1"),
    ):
        with pytest.raises(StoreError) as caught:
            act()
        assert "study" not in str(caught.value)
        assert json.dumps(WAY)[:20] not in str(caught.value)


# --- SQLite's files


def files_of(tmp_path):
    return b"".join(path.read_bytes() for path in sorted(tmp_path.glob("vault.db*")))


def test_nothing_of_a_destroyed_key_is_in_the_files(sqlite_vault, sqlite_engine, tmp_path):
    owners = [f"{n * 2_654_435_761 % 2**32:032x}" for n in range(1500)]
    for owner in owners[:1000]:
        sqlite_vault.data_key(owner)
    wrapped = {
        row.owner: bytes(row.wrapped) for row in rows_of(sqlite_engine, "SELECT owner, wrapped FROM vault_data_keys")
    }
    destroyed = owners[:1000:37]
    assert all(wrapped[owner] in files_of(tmp_path) for owner in destroyed)
    for owner in destroyed:
        sqlite_vault.destroy_data_key(owner)
    left = files_of(tmp_path)
    assert not any(wrapped[owner][at : at + 16] in left for owner in destroyed for at in (1, 25, 57))
    assert all(wrapped[owner] in left for owner in wrapped if owner not in destroyed)
    # What is written later does not bring up copies of keys destroyed after it.
    for owner in owners[1000:]:
        sqlite_vault.data_key(owner)
    later = owners[1:1000:41]
    for owner in later:
        sqlite_vault.destroy_data_key(owner)
    left = files_of(tmp_path)
    assert not any(wrapped[owner][at : at + 16] in left for owner in later for at in (1, 25, 57))


def test_a_reader_that_keeps_the_log_from_being_emptied_is_told_of(sqlite_vault, sqlite_engine):
    sqlite_vault.data_key("study")
    sqlite_vault.data_key("other")
    with sqlite_engine.connect() as reader:
        reader.execute(text("SELECT owner FROM vault_data_keys")).all()
        with sqlite_engine.connect() as impatient:
            impatient.exec_driver_sql("PRAGMA busy_timeout=10")
        with pytest.raises(StoreError, match="may still be in the vault's log"):
            sqlite_vault.destroy_data_key("study")
    assert sqlite_vault.find_data_key("study") is None
    sqlite_vault.destroy_data_key("study")


def test_a_full_disk_changes_nothing(sqlite_vault, sqlite_engine):
    key = sqlite_vault.data_key("study")

    @event.listens_for(sqlite_engine, "checkout")
    def _fill(connection, *_):
        connection.execute("PRAGMA max_page_count=1")  # no page more than there is

    with pytest.raises(StoreFullError):
        for number in range(1000):
            sqlite_vault.record_originals("ai", f"2.25.{number}", "release", WAY)
    assert sqlite_vault.data_key("study") == key
    assert sqlite_vault.find_originals("ai", f"2.25.{number}") is None
    assert sqlite_vault.find_originals("ai", "2.25.0") == WAY


def test_the_files_are_closed_to_others(sqlite_vault, tmp_path):
    sqlite_vault.data_key("study")
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("vault.db*")} == {0o600}
