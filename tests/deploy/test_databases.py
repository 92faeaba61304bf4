"""The script that makes the databases, run on a real PostgreSQL."""

import os
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest

from tests.common.postgres import find_postgres, run_postgres

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "postgresql" / "create-databases.sh"


@pytest.fixture(scope="module")
def server():
    if find_postgres() is None or shutil.which("psql") is None:
        pytest.skip("PostgreSQL is missing (Debian package postgresql)")
    with run_postgres() as running:
        yield running


def run(server, secrets):
    environment = {
        "PATH": os.defpath,
        "PGHOST": "127.0.0.1",
        "PGPORT": str(server.port),
        "PGUSER": "postgres",
        "SCANWARD_SECRETS": str(secrets),
    }
    return subprocess.run([str(SCRIPT)], env=environment, capture_output=True, text=True, check=False)


def connect(server, store, database):
    return psycopg.connect(
        host="127.0.0.1", port=server.port, user=f"scanward_{store}", dbname=f"scanward_{database}", connect_timeout=5
    )


def test_each_store_has_a_database_that_only_its_role_enters(server, tmp_path):
    (tmp_path / "ledger_password").write_text("a'b\\c\n", encoding="utf-8")
    missing = run(server, tmp_path)
    assert missing.returncode == 1
    assert "vault_password" in missing.stderr
    server.execute("DROP DATABASE scanward_ledger")
    server.execute("DROP ROLE scanward_ledger")
    (tmp_path / "vault_password").write_text("other", encoding="utf-8")
    done = run(server, tmp_path)
    assert done.returncode == 0, done.stderr
    for store, other in (("ledger", "vault"), ("vault", "ledger")):
        with connect(server, store, store) as connection:
            connection.execute("CREATE SCHEMA dbos")  # as the engine does
            connection.execute("CREATE TABLE made (number integer)")
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            connect(server, store, other)
    log = (server.folder / "log").read_text(encoding="utf-8")
    assert "a'b" not in log
