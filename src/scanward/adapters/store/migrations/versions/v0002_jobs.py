"""Batches of files, in shards."""

from alembic import op
from sqlalchemy import text

revision = "0002"
down_revision = "0001"

_TABLES = """
CREATE TABLE jobs (
    job_id TEXT NOT NULL, spec {bytes} NOT NULL, CONSTRAINT pk_jobs PRIMARY KEY (job_id)
);
CREATE TABLE shards (
    shard_id TEXT NOT NULL, job_id TEXT NOT NULL, digest TEXT NOT NULL, state TEXT NOT NULL,
    tries INTEGER NOT NULL, content {bytes} NOT NULL, CONSTRAINT pk_shards PRIMARY KEY (shard_id),
    CONSTRAINT uq_shards_job_id_digest UNIQUE (job_id, digest),
    CONSTRAINT fk_shards_job_id FOREIGN KEY(job_id) REFERENCES jobs (job_id)
)
"""

_BYTES = {"sqlite": "BLOB", "postgresql": "BYTEA"}


def upgrade() -> None:
    """Make the tables."""
    for statement in _TABLES.format(bytes=_BYTES[op.get_bind().dialect.name]).split(";"):
        op.execute(text(statement))
