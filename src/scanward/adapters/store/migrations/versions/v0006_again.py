"""Who stopped a release; how each instance was de-identified, in which package it went, what has to be made again."""

from alembic import op
from sqlalchemy import text

revision = "0006"
down_revision = "0005"

_STATEMENTS = """
ALTER TABLE releases ADD COLUMN stopped_by TEXT NOT NULL DEFAULT '';
ALTER TABLE items ADD COLUMN form TEXT NOT NULL DEFAULT '';
ALTER TABLE items ADD COLUMN package TEXT NOT NULL DEFAULT '';
CREATE TABLE outdated (
    release_id TEXT NOT NULL, noted BIGINT NOT NULL, CONSTRAINT pk_outdated PRIMARY KEY (release_id),
    CONSTRAINT fk_outdated_release_id FOREIGN KEY(release_id) REFERENCES releases (release_id)
);
CREATE INDEX ix_outdated_noted ON outdated (noted)
"""


def upgrade() -> None:
    """Add the columns, the table and its index."""
    for statement in _STATEMENTS.split(";"):
        op.execute(text(statement))
