"""The commands of the page on backups, run as they stand there, on a gateway's home folder with studies in it."""

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from scanward.adapters.settings import write_template
from scanward.bootstrap.audit import check_custody
from scanward.bootstrap.custody import make_notary, make_ring, origin_of
from scanward.config import GatewaySettings
from tests.common.gateway import TestGateway
from tests.common.postgres import find_postgres, run_postgres

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "guides" / "backup-and-restore.md"


def blocks(heading: str) -> list[str]:
    """Return the blocks of commands under a heading, without prompts."""
    (section,) = re.findall(rf"(?ms)^## {heading}$(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"))
    found = re.findall(r"(?ms)^ *```console\n(.*?)^ *```$", section)
    return [re.sub(r"(?m)^ *(?:\$ )?", "", block) for block in found]


@pytest.fixture
def run(tmp_path):
    """Run a block of the page with its example paths moved below the test's folder."""
    if shutil.which("sqlite3") is None:
        pytest.skip("sqlite3 is missing (Debian package sqlite3)")
    backup = tmp_path / "backup"
    backup.mkdir()

    def run(block: str, home: Path) -> subprocess.CompletedProcess[str]:
        script = block.replace("/backup", str(backup)).replace("/var/lib/scanward", str(home))
        script = re.sub(r"\bFILE\b", str(tmp_path / "apart.key"), script)
        environment = {"PATH": f"{Path(sys.executable).parent}:{os.defpath}", "SCANWARD_HOME": str(home)}
        return subprocess.run(
            ["sh", "-euc", script], env=environment, capture_output=True, text=True, check=False, cwd=tmp_path
        )

    return run


@pytest.fixture
def lived_in(tmp_path):
    """A home folder with a study that was sent and one that waits; it stays open, as in a gateway that runs."""
    home = tmp_path / "home"
    gateway = TestGateway(home)
    write_template(home)
    gateway.add_recipient()
    gateway.take_ct(slices=3, seed=1)
    gateway.settle()
    state_and_log(gateway)
    gateway.take_ct(slices=2, seed=2)
    yield home, gateway
    gateway.close()


def state_and_log(gateway: TestGateway) -> None:
    """Make statements of what happened, and bring them into the log."""
    notary = make_notary(gateway.stores, gateway.clock)
    try:
        while notary.step():
            pass
    finally:
        notary.close()


@pytest.fixture
def restored(tmp_path, lived_in, run):
    """A home folder that was made of a backup of that one."""
    home, gateway = lived_in
    save, export = blocks("On SQLite")
    for block in (save, export):
        done = run(block, home)
        assert done.returncode == 0, done.stderr
    gateway.take_ct(slices=1, seed=3)  # what came after the backup
    again = tmp_path / "again"
    prepare, copy, *_ = blocks("Restore")
    for block in (prepare, copy):
        done = run(block, again)
        assert done.returncode == 0, done.stderr
    return again


def test_backup_can_be_restored_and_work_goes_on(lived_in, restored):
    _, first = lived_in
    second = TestGateway(restored)
    try:
        assert second.stores.keys.key_id() == first.stores.keys.key_id()
        assert second.stores.ledger.disclosures(limit=10) == first.stores.ledger.disclosures(limit=10)
        assert len(second.stores.ledger.studies(limit=10)) == 2
        second.clock.move(seconds=600)
        second.turn()
        # The log goes on from where the restored ledger knows it was, by the same keys.
        logged = second.stores.custody.log_head(origin_of(second.stores))
        state_and_log(second)
        assert second.stores.custody.log_head(origin_of(second.stores))[0] > logged[0]
        assert list(check_custody(second.stores)) == []
        assert len(make_ring(second.stores, second.clock).records()) == 2
        # The study that waited when the backup was made leaves from the restored one.
        assert len(second.inbox.arrived) == 2
        # The same patient has the same pseudonym, and the way back is there.
        for item in second.stores.ledger.disclosures(limit=1):
            found = second.stores.ledger.find_disclosed_by(item.release_id)
            assert all(second.stores.vault.find_originals("lung-ai", one.study_uid) for one in found)
    finally:
        second.close()


def test_stores_of_a_restored_home_agree(restored, run):
    (check,) = [block for block in blocks("Restore") if "fsck" in block]
    done = run(check, restored)
    assert done.returncode == 0, done.stdout + done.stderr
    # With an instance missing they do not; what those were made of that were sent, and what was found, nobody misses.
    with contextlib.closing(sqlite3.connect(restored / "ledger.db")) as connection:
        ((name,),) = connection.execute("SELECT blob FROM instances LIMIT 1").fetchall()
    (restored / "blobs" / name[:2] / name[2:]).unlink()
    done = run(check, restored)
    assert done.returncode not in {0, 2}, done.stdout + done.stderr


@pytest.fixture(scope="module")
def server():
    if find_postgres() is None or shutil.which("pg_dump") is None:
        pytest.skip("PostgreSQL is missing (Debian package postgresql)")
    with run_postgres() as running:
        yield running


def test_backup_of_postgresql_can_be_restored(tmp_path, server, monkeypatch):
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.defpath}")
    for name, value in {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": "postgres"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SCANWARD_SECRETS", str(tmp_path))
    for store in ("ledger", "vault"):
        (tmp_path / f"{store}_password").write_text("of the test", encoding="utf-8")
    (tmp_path / "today").mkdir()
    settings = GatewaySettings(
        dimse=None,
        http=None,
        min_free_bytes=0,
        ledger_url=f"postgresql://scanward_ledger@127.0.0.1:{server.port}/scanward_ledger",
        vault_url=f"postgresql://scanward_vault@127.0.0.1:{server.port}/scanward_vault",
    )

    def do(script: str) -> None:
        done = subprocess.run(
            ["sh", "-euc", script.replace("/backup", str(tmp_path))], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    create = str(ROOT / "deploy" / "postgresql" / "create-databases.sh")
    do(create)
    first = TestGateway(tmp_path / "home", settings)
    try:
        first.engine.queue.start()  # makes the engine's tables
        first.engine.queue.stop()
        first.add_recipient()
        first.take_ct(slices=3, seed=1)
        first.settle()
        first.take_ct(slices=2, seed=2)
        do(blocks("On PostgreSQL")[0])
        recorded = first.stores.ledger.disclosures(limit=10)
    finally:
        first.close()
    for store in ("ledger", "vault"):
        server.drop_database(f"scanward_{store}")
        server.execute(f"DROP ROLE scanward_{store}")
    do(create)
    (restore,) = [block for block in blocks("Restore") if "pg_restore" in block]
    do(restore)
    second = TestGateway(tmp_path / "home", settings)
    try:
        assert second.stores.ledger.disclosures(limit=10) == recorded
        second.engine.queue.start()
        second.engine.queue.stop()
        second.clock.move(seconds=600)
        second.turn()
        assert len(second.inbox.arrived) == 2
    finally:
        second.close()


def test_backup_is_closed_to_others(tmp_path, restored):
    made = [path for path in [*(tmp_path / "backup" / "today").rglob("*"), *restored.rglob("*")] if path.is_file()]
    assert made
    assert {path.stat().st_mode & 0o077 for path in made} == {0}
