"""Versions of the ledger's tables (Alembic): bringing a database up to date, and refusing one that is not."""

import logging

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from scanward.adapters.store.engine import WRITES, translate
from scanward.errors import StoreError

_ONE_AT_A_TIME = 0x53434E5741524431  # names the advisory lock under which workers that start together take turns


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "scanward.adapters.store:migrations")
    return config


def upgrade(engine: Engine) -> None:
    """Make the tables, or bring them up to date; in one transaction, and harmless when they are.

    Raises
    ------
    StoreError
        The database cannot be written, or a newer Scanward made its tables.
    """
    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = _config()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    try:
        with engine.execution_options(**{WRITES: True}).begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SET LOCAL lock_timeout = 0"))
                connection.execute(text("SET LOCAL statement_timeout = 0"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
            _require_known(MigrationContext.configure(connection).get_current_heads(), known)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError(f"the tables of the ledger cannot be brought up to date: {type(error).__name__}") from None
    except SQLAlchemyError as error:
        raise translate(error) from None


def check_schema(engine: Engine) -> None:
    """Refuse a database whose tables are not those of this version of Scanward.

    Raises
    ------
    StoreError
        They are older, newer or not there, or the database cannot be read.
    """
    scripts = ScriptDirectory.from_config(_config())
    known = {script.revision for script in scripts.walk_revisions()}
    try:
        with engine.connect() as connection:
            heads = MigrationContext.configure(connection).get_current_heads()
    except SQLAlchemyError as error:
        raise translate(error) from None
    _require_known(heads, known)
    if heads != tuple(scripts.get_heads()):
        raise StoreError(
            "the tables of the ledger are of an older version of Scanward, or not there",
            remedy="Run `scanward init` to bring them up to date.",
        )


def _require_known(heads: tuple[str, ...], known: set[str]) -> None:
    if not known.issuperset(heads):
        raise StoreError(
            "the tables of the ledger are of a newer version of Scanward", remedy="Use that version, or a newer one."
        )
