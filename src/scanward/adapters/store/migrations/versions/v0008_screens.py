"""Where text was found on screens of devices of late, and what people decided to have filled on them."""

from alembic import op
from sqlalchemy import text

revision = "0008"
down_revision = "0007"

_TABLES = """
CREATE TABLE screens (
    screen_id TEXT NOT NULL, manufacturer TEXT NOT NULL, model TEXT NOT NULL, sop_class_uid TEXT NOT NULL,
    height INTEGER NOT NULL, width INTEGER NOT NULL, seen BIGINT NOT NULL, decision TEXT NOT NULL, boxes TEXT NOT NULL,
    decided BIGINT, decided_by TEXT NOT NULL, CONSTRAINT pk_screens PRIMARY KEY (screen_id)
);
CREATE INDEX ix_screens_decision_seen ON screens (decision, seen);
CREATE TABLE screen_images (
    screen_id TEXT NOT NULL, instance_id TEXT NOT NULL, seen BIGINT NOT NULL, boxes TEXT NOT NULL,
    CONSTRAINT pk_screen_images PRIMARY KEY (screen_id, instance_id),
    CONSTRAINT fk_screen_images_screen_id FOREIGN KEY(screen_id) REFERENCES screens (screen_id)
);
CREATE INDEX ix_screen_images_screen_id_seen ON screen_images (screen_id, seen)
"""


def upgrade() -> None:
    """Make the tables."""
    for statement in _TABLES.split(";"):
        op.execute(text(statement))
