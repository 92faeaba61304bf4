"""Each test runs on SQLite and on PostgreSQL, on a database of its own."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from scanward.adapters.store.engine import make_engine
from scanward.adapters.store.ledger import SqlLedger
from scanward.adapters.store.migrations import upgrade
from tests.common.ledgers import SEALING, parse_recipient
from tests.common.postgres import Postgres, find_postgres, run_postgres

NAMES = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    if find_postgres() is None:
        pytest.skip("PostgreSQL is missing (Debian package postgresql)")
    with run_postgres() as server:
        # Tests copy this database, which is quicker than making the tables each time.
        engine = make_engine(server.create_database("template"))
        try:
            upgrade(engine)
        finally:
            engine.dispose()
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    engine = make_engine(f"sqlite:///{path}")
    try:
        upgrade(engine)
    finally:
        engine.dispose()
    return path.read_bytes()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database with the ledger's tables and nothing in them."""
    if request.param == "sqlite":
        path = tmp_path / "ledger.db"
        path.write_bytes(request.getfixturevalue("sqlite_template"))
        yield f"sqlite:///{path}"
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    name = f"test{next(NAMES)}"
    server.execute(f"CREATE DATABASE {name} TEMPLATE template STRATEGY file_copy")
    try:
        yield server.url(name)
    finally:
        server.drop_database(name)


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = make_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def ledger(engine: Engine) -> SqlLedger:
    return SqlLedger(engine, SEALING, parse_recipient)
