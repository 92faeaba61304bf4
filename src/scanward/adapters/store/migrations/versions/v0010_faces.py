"""What was found of the head scans of a release: an encrypted blob of it, for staff."""

from alembic import op
from sqlalchemy import text

revision = "0010"
down_revision = "0009"

_STATEMENT = """
CREATE TABLE face_findings (
    release_id TEXT NOT NULL, blob TEXT NOT NULL, noted BIGINT NOT NULL,
    CONSTRAINT pk_face_findings PRIMARY KEY (release_id),
    CONSTRAINT fk_face_findings_release_id FOREIGN KEY(release_id) REFERENCES releases (release_id)
)
"""


def upgrade() -> None:
    """Add the table."""
    op.execute(text(_STATEMENT))
