"""The tables: made once, checked, and append-only where they have to be."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from scanward.adapters.store.engine import make_engine
from scanward.adapters.store.ledger import SqlLedger
from scanward.adapters.store.migrations import check_schema, upgrade
from scanward.adapters.store.tables import metadata
from scanward.errors import ConfigError, StoreError
from tests.common.ledgers import NOW, parse_recipient, queue_study
from tests.common.postgres import Postgres


def test_the_migrations_make_the_tables_that_the_code_names(engine: Engine):
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    check_schema(engine)
    upgrade(engine)
    check_schema(engine)


def test_a_newer_schema_is_refused(engine: Engine):
    with engine.execution_options(scanward_writes=True).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for use in (upgrade, check_schema):
        with pytest.raises(StoreError, match="newer version"):
            use(engine)


def test_an_older_schema_is_refused(tmp_path: Path):
    engine = make_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    try:
        with pytest.raises(StoreError, match="older version"):
            check_schema(engine)
    finally:
        engine.dispose()


def test_workers_that_start_together_make_the_tables_once(postgres_server: Postgres):
    url = postgres_server.create_database("together")
    engines = [make_engine(url) for _ in range(4)]

    def run(engine: Engine) -> None:
        upgrade(engine)
        check_schema(engine)

    with ThreadPoolExecutor() as pool:
        list(pool.map(run, engines))
    for engine in engines:
        engine.dispose()
    postgres_server.drop_database("together")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM events",
        "UPDATE events SET detail = ''",
        "DELETE FROM decisions",
        "UPDATE decisions SET decision = ''",
        "DELETE FROM recipient_versions",
        "UPDATE recipient_versions SET document = ''",
        "DELETE FROM disclosures",
        "UPDATE disclosures SET recipient = 'another'",
        "UPDATE disclosures SET patient_id = ''",
        "UPDATE disclosures SET disclosed = 0",
        "UPDATE disclosures SET instances = instances - 1",
    ],
)
def test_what_was_recorded_stays(ledger: SqlLedger, engine: Engine, statement: str):
    queue_study(ledger)
    ledger.save_recipient(parse_recipient("vendor"), "vendor", "me", NOW)
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))


def test_each_column_of_a_disclosure_but_its_count_is_guarded(ledger: SqlLedger, engine: Engine):
    queue_study(ledger)
    for column in sorted({*metadata.tables["disclosures"].columns.keys()} - {"instances"}):
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(text(f"UPDATE disclosures SET {column} = '7'"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE disclosures SET instances = instances + 1"))


def test_nobody_else_reads_the_database(tmp_path: Path):
    path = tmp_path / "ledger.db"
    engine = make_engine(f"sqlite:///{path}")
    try:
        upgrade(engine)
        modes = {stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
        assert len(list(tmp_path.iterdir())) == 3
        assert modes == {0o600}
        with engine.connect() as connection:
            pragmas = [
                connection.execute(text(f"PRAGMA {name}")).scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys")
            ]
        assert pragmas == ["wal", 2, 1]
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "mysql://host/db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:////a.db?mode=ro",
        "postgresql+asyncpg://host/db",
    ],
)
def test_urls_of_other_databases_are_refused(url: str):
    with pytest.raises(ConfigError) as refused:
        make_engine(url)
    assert "mysql" not in str(refused.value)


def test_a_folder_that_is_not_there(tmp_path: Path):
    engine = make_engine(f"sqlite:///{tmp_path / 'nowhere' / 'ledger.db'}")
    with pytest.raises(StoreError):
        upgrade(engine)
    engine.dispose()


def test_a_server_that_is_not_there(postgres_server: Postgres):
    engine = make_engine(f"postgresql://nobody@127.0.0.1:{postgres_server.port}/nothing-here")
    with pytest.raises(StoreError) as refused:
        upgrade(engine)
    engine.dispose()
    assert "nothing-here" not in str(refused.value)
