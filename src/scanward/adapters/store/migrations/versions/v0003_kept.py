"""What outlives a restart: reports owed to peers, procedure steps under way, and by what a result is told again."""

from alembic import op
from sqlalchemy import text

revision = "0003"
down_revision = "0002"

_TABLES = """
CREATE TABLE owed_reports (
    report_id TEXT NOT NULL, peer TEXT NOT NULL, content {bytes} NOT NULL, owed BIGINT NOT NULL,
    attempts INTEGER NOT NULL, next_attempt BIGINT NOT NULL, CONSTRAINT pk_owed_reports PRIMARY KEY (report_id)
);
CREATE INDEX ix_owed_reports_peer_next_attempt ON owed_reports (peer, next_attempt);
CREATE TABLE procedure_steps (
    step_id TEXT NOT NULL, content {bytes} NOT NULL, begun BIGINT NOT NULL, ended BIGINT,
    CONSTRAINT pk_procedure_steps PRIMARY KEY (step_id)
);
CREATE INDEX ix_procedure_steps_begun ON procedure_steps (begun);
CREATE TABLE result_marks (
    result_id TEXT NOT NULL, mark {bytes} NOT NULL, CONSTRAINT pk_result_marks PRIMARY KEY (result_id)
)
"""

_BYTES = {"sqlite": "BLOB", "postgresql": "BYTEA"}


def upgrade() -> None:
    """Make the tables."""
    for statement in _TABLES.format(bytes=_BYTES[op.get_bind().dialect.name]).split(";"):
        op.execute(text(statement))
