"""Seals, custody statements, the events that wait for one, and how far the log was."""

from alembic import op
from sqlalchemy import text

revision = "0011"
down_revision = "0010"

_SEALS = """
CREATE TABLE seals (
    object_id TEXT NOT NULL, uid_id TEXT NOT NULL, study_id TEXT NOT NULL, source_id TEXT NOT NULL,
    release_id TEXT NOT NULL, blob TEXT NOT NULL, start BIGINT NOT NULL, length BIGINT NOT NULL, root TEXT NOT NULL,
    opening {binary} NOT NULL, sealed BIGINT NOT NULL,
    CONSTRAINT pk_seals PRIMARY KEY (object_id)
)
"""
_FILMS = """
CREATE TABLE films (
    seq {serial}, object_id TEXT NOT NULL, study_id TEXT NOT NULL, blob TEXT NOT NULL, start BIGINT NOT NULL,
    length BIGINT NOT NULL,
    CONSTRAINT pk_films PRIMARY KEY (seq),
    CONSTRAINT uq_films_object_id UNIQUE (object_id)
)
"""
_CUSTODY = """
CREATE TABLE custody (
    seq {serial}, object_id TEXT NOT NULL, number INTEGER NOT NULL, at BIGINT NOT NULL, statement {binary} NOT NULL,
    digest TEXT NOT NULL, entry {binary} NOT NULL, log_index BIGINT,
    CONSTRAINT pk_custody PRIMARY KEY (seq),
    CONSTRAINT uq_custody_object_id_number UNIQUE (object_id, number)
)
"""
_DUE = """
CREATE TABLE custody_due (
    seq {serial}, subject TEXT NOT NULL, what TEXT NOT NULL, at BIGINT NOT NULL, by TEXT NOT NULL, detail TEXT NOT NULL,
    CONSTRAINT pk_custody_due PRIMARY KEY (seq)
)
"""
_HEADS = """
CREATE TABLE log_heads (
    origin TEXT NOT NULL, size BIGINT NOT NULL, root TEXT NOT NULL,
    CONSTRAINT pk_log_heads PRIMARY KEY (origin)
)
"""
_INDEXES = (
    "CREATE INDEX ix_seals_uid_id ON seals (uid_id)",
    "CREATE INDEX ix_seals_study_id ON seals (study_id)",
    "CREATE INDEX ix_results_release_id ON results (release_id)",
    "CREATE INDEX ix_custody_unlogged ON custody (seq) WHERE log_index IS NULL",
)

_SQLITE_TRIGGERS = """
CREATE TRIGGER custody_no_delete BEFORE DELETE ON custody BEGIN SELECT RAISE(ABORT, 'append-only'); END
CREATE TRIGGER custody_no_update BEFORE UPDATE OF seq, object_id, number, at, statement, digest, entry ON custody
BEGIN SELECT RAISE(ABORT, 'append-only'); END
CREATE TRIGGER custody_one_place BEFORE UPDATE OF log_index ON custody WHEN OLD.log_index IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'append-only'); END
"""
_PG_TRIGGERS = """
CREATE TRIGGER custody_no_delete BEFORE DELETE ON custody FOR EACH ROW EXECUTE FUNCTION scanward_refuse()
CREATE TRIGGER custody_no_truncate BEFORE TRUNCATE ON custody FOR EACH STATEMENT EXECUTE FUNCTION scanward_refuse()
CREATE TRIGGER custody_no_update BEFORE UPDATE ON custody FOR EACH ROW
WHEN ((to_jsonb(OLD) - 'log_index') IS DISTINCT FROM (to_jsonb(NEW) - 'log_index') OR OLD.log_index IS NOT NULL)
EXECUTE FUNCTION scanward_refuse()
"""


def upgrade() -> None:
    """Add the tables, and have what is there already sealed too."""
    names, triggers = {"serial": "INTEGER NOT NULL", "binary": "BLOB"}, _SQLITE_TRIGGERS
    if op.get_bind().dialect.name == "postgresql":
        names, triggers = {"serial": "BIGSERIAL NOT NULL", "binary": "BYTEA"}, _PG_TRIGGERS
    for statement in (_SEALS, _FILMS, _CUSTODY, _DUE, _HEADS):
        op.execute(text(statement.format(**names)))
    for index in _INDEXES:
        op.execute(text(index))
    for trigger in triggers.split("CREATE TRIGGER")[1:]:
        op.execute(text("CREATE TRIGGER" + trigger))
    op.execute(
        text(
            "INSERT INTO custody_due (subject, what, at, by, detail) "
            "SELECT study_id, 'completed', closed, '', 'batch ' || number FROM batches ORDER BY seq"
        )
    )
