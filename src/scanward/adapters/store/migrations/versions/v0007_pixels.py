"""What looking at the pixels of each instance came to."""

from alembic import op
from sqlalchemy import text

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the column."""
    op.execute(text("ALTER TABLE items ADD COLUMN pixels TEXT NOT NULL DEFAULT ''"))
