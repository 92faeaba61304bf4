"""Which priors are looked for, and which of them are whole."""

from alembic import op
from sqlalchemy import text

revision = "0005"
down_revision = "0004"

_TABLES = """
CREATE TABLE prior_searches (
    study_id TEXT NOT NULL, recipients TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL,
    next_attempt BIGINT NOT NULL, runner BIGINT NOT NULL, CONSTRAINT pk_prior_searches PRIMARY KEY (study_id)
);
CREATE INDEX ix_prior_searches_waiting ON prior_searches (next_attempt) WHERE state = 'waiting';
CREATE TABLE prior_studies (
    study_id TEXT NOT NULL, peer TEXT NOT NULL, requested BIGINT NOT NULL, asking_until BIGINT NOT NULL,
    expected INTEGER NOT NULL, complete BIGINT, own BIGINT, CONSTRAINT pk_prior_studies PRIMARY KEY (study_id)
)
"""


def upgrade() -> None:
    """Make the tables."""
    for statement in _TABLES.split(";"):
        op.execute(text(statement))
