"""Tokens that are used up, in every process; indexes by which lists go on where the last page ended."""

from alembic import op
from sqlalchemy import text

revision = "0004"
down_revision = "0003"

_STATEMENTS = """
CREATE TABLE used_tokens (
    token_id TEXT NOT NULL, until BIGINT NOT NULL, CONSTRAINT pk_used_tokens PRIMARY KEY (token_id)
);
CREATE INDEX ix_used_tokens_until ON used_tokens (until);
DROP INDEX ix_disclosures_disclosed;
DROP INDEX ix_disclosures_patient_id_disclosure_id;
DROP INDEX ix_disclosures_recipient_disclosure_id;
CREATE INDEX ix_disclosures_disclosed_disclosure_id ON disclosures (disclosed, disclosure_id);
CREATE INDEX ix_disclosures_patient_id_disclosed_disclosure_id ON disclosures (patient_id, disclosed, disclosure_id);
CREATE INDEX ix_disclosures_recipient_disclosed_disclosure_id ON disclosures (recipient, disclosed, disclosure_id);
CREATE INDEX ix_release_uids_recipient_study_uid_uid ON release_uids (recipient, study_uid, uid)
"""


def upgrade() -> None:
    """Make the table and the indexes."""
    for statement in _STATEMENTS.split(";"):
        op.execute(text(statement))
