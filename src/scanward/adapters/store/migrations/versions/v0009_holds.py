"""Instances that are held for their pixels: why, what was seen in them, and what people decide on them."""

from alembic import op
from sqlalchemy import text

revision = "0009"
down_revision = "0008"

_STATEMENTS = """
CREATE TABLE holds (
    release_id TEXT NOT NULL, instance_id TEXT NOT NULL, recipient TEXT NOT NULL, state TEXT NOT NULL,
    kind TEXT NOT NULL, digest TEXT NOT NULL, finding TEXT NOT NULL, form TEXT NOT NULL, sight TEXT NOT NULL,
    noted BIGINT NOT NULL, decided_by TEXT NOT NULL, decided BIGINT, why TEXT NOT NULL, as_it_is BOOLEAN NOT NULL,
    CONSTRAINT pk_holds PRIMARY KEY (release_id, instance_id),
    CONSTRAINT fk_holds_release_id FOREIGN KEY(release_id) REFERENCES releases (release_id)
);
CREATE INDEX ix_holds_open ON holds (recipient, form, sight, release_id) WHERE state = 'open';
CREATE INDEX ix_holds_waiting ON holds (release_id, noted) WHERE state = 'open';
INSERT INTO holds
SELECT items.release_id, items.instance_id, items.recipient, 'open', 'earlier', '', '', '', '',
    items.changed, '', NULL, '', FALSE
FROM items JOIN releases ON releases.release_id = items.release_id
WHERE items.state = 'excluded' AND releases.state <> 'stopped' AND items.detail NOT IN (
    'It is not needed for the purpose.',
    'This instance was disclosed to the recipient for this purpose before.'
);
INSERT INTO tallies (name, shard, count)
SELECT 'holds:open', 0, count(*) FROM holds HAVING count(*) > 0
"""


def upgrade() -> None:
    """Add the table, with what is held already: it is looked at again."""
    for statement in _STATEMENTS.split(";"):
        op.execute(text(statement))
