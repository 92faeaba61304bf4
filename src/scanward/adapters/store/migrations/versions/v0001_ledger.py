"""The ledger's first tables, and what makes them append-only.

A copy of what :mod:`scanward.adapters.store.tables` said then: later versions change that module, and never this one.
"""

from alembic import op
from sqlalchemy import text

revision = "0001"
down_revision = None

_TABLES = """
CREATE TABLE events (
    seq {serial}, subject TEXT NOT NULL, at BIGINT NOT NULL, what TEXT NOT NULL, by TEXT NOT NULL,
    detail TEXT NOT NULL, CONSTRAINT pk_events PRIMARY KEY (seq)
);
CREATE INDEX ix_events_subject_seq ON events (subject, seq);
CREATE TABLE lanes (
    recipient TEXT NOT NULL, owner TEXT NOT NULL, until BIGINT NOT NULL,
    CONSTRAINT pk_lanes PRIMARY KEY (recipient)
);
CREATE TABLE prior_requests (
    study_id TEXT NOT NULL, recipient TEXT NOT NULL, requested BIGINT NOT NULL,
    CONSTRAINT pk_prior_requests PRIMARY KEY (study_id, recipient)
);
CREATE TABLE provisions (
    provision_id {serial}, patient_id TEXT NOT NULL, provision TEXT NOT NULL, recorded BIGINT NOT NULL,
    recorded_by TEXT NOT NULL, revoked BIGINT, revoked_by TEXT NOT NULL,
    CONSTRAINT pk_provisions PRIMARY KEY (provision_id)
);
CREATE INDEX ix_provisions_patient_id_provision_id ON provisions (patient_id, provision_id);
CREATE TABLE quarantined (
    quarantine_id TEXT NOT NULL, digest TEXT NOT NULL, reason TEXT NOT NULL, blob TEXT NOT NULL,
    size_bytes BIGINT NOT NULL, origin_kind TEXT NOT NULL, origin_peer TEXT NOT NULL,
    origin_recipient TEXT NOT NULL, received BIGINT NOT NULL,
    CONSTRAINT pk_quarantined PRIMARY KEY (quarantine_id), CONSTRAINT uq_quarantined_digest UNIQUE (digest)
);
CREATE INDEX ix_quarantined_received ON quarantined (received);
CREATE TABLE recipient_versions (
    seq {serial}, recipient_id TEXT NOT NULL, digest TEXT NOT NULL, document TEXT NOT NULL,
    saved BIGINT NOT NULL, saved_by TEXT NOT NULL, CONSTRAINT pk_recipient_versions PRIMARY KEY (seq)
);
CREATE INDEX ix_recipient_versions_recipient_id_seq ON recipient_versions (recipient_id, seq);
CREATE TABLE results (
    seq {serial}, result_id TEXT NOT NULL, recipient TEXT NOT NULL, release_id TEXT NOT NULL,
    sop_class_uid TEXT NOT NULL, size_bytes BIGINT NOT NULL, blob TEXT NOT NULL, outgoing TEXT NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL, received BIGINT NOT NULL, attempts INTEGER NOT NULL,
    next_attempt BIGINT NOT NULL, CONSTRAINT pk_results PRIMARY KEY (seq),
    CONSTRAINT uq_results_result_id UNIQUE (result_id)
);
CREATE INDEX ix_results_received ON results (received);
CREATE INDEX ix_results_state_next_attempt ON results (state, next_attempt);
CREATE INDEX ix_results_state_received ON results (state, received);
CREATE TABLE studies (
    study_id TEXT NOT NULL, patient_id TEXT NOT NULL, identity {bytes} NOT NULL,
    first_received BIGINT NOT NULL, last_received BIGINT NOT NULL, instances INTEGER NOT NULL,
    waiting INTEGER NOT NULL, batches INTEGER NOT NULL, CONSTRAINT pk_studies PRIMARY KEY (study_id)
);
CREATE INDEX ix_studies_last_received ON studies (last_received);
CREATE INDEX ix_studies_patient_id_last_received ON studies (patient_id, last_received);
CREATE INDEX ix_studies_waiting ON studies (last_received) WHERE waiting > 0;
CREATE TABLE tallies (
    name TEXT NOT NULL, shard INTEGER NOT NULL, count BIGINT NOT NULL,
    CONSTRAINT pk_tallies PRIMARY KEY (name, shard)
);
CREATE TABLE workers (
    worker TEXT NOT NULL, beat BIGINT NOT NULL, CONSTRAINT pk_workers PRIMARY KEY (worker)
);
CREATE TABLE batches (
    seq {serial}, study_id TEXT NOT NULL, number INTEGER NOT NULL, how TEXT NOT NULL, closed BIGINT NOT NULL,
    routed BIGINT, CONSTRAINT pk_batches PRIMARY KEY (seq),
    CONSTRAINT uq_batches_study_id_number UNIQUE (study_id, number),
    CONSTRAINT fk_batches_study_id FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE INDEX ix_batches_unrouted ON batches (seq) WHERE routed IS NULL;
CREATE TABLE instances (
    seq {serial}, instance_id TEXT NOT NULL, study_id TEXT NOT NULL, series_id TEXT NOT NULL,
    batch INTEGER NOT NULL, identity {bytes} NOT NULL, sop_class_uid TEXT NOT NULL,
    transfer_syntax_uid TEXT NOT NULL, modality TEXT NOT NULL, body_part TEXT NOT NULL,
    burned_in_annotation TEXT NOT NULL, size_bytes BIGINT NOT NULL, blob TEXT NOT NULL,
    origin_kind TEXT NOT NULL, origin_peer TEXT NOT NULL, received BIGINT NOT NULL,
    CONSTRAINT pk_instances PRIMARY KEY (seq), CONSTRAINT uq_instances_instance_id UNIQUE (instance_id),
    CONSTRAINT fk_instances_study_id FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE INDEX ix_instances_study_id_batch ON instances (study_id, batch);
CREATE TABLE recipients (
    recipient_id TEXT NOT NULL, version BIGINT NOT NULL, CONSTRAINT pk_recipients PRIMARY KEY (recipient_id),
    CONSTRAINT fk_recipients_version FOREIGN KEY(version) REFERENCES recipient_versions (seq)
);
CREATE TABLE releases (
    release_id TEXT NOT NULL, study_id TEXT NOT NULL, patient_id TEXT NOT NULL, batch INTEGER NOT NULL,
    recipient TEXT NOT NULL, purpose TEXT NOT NULL, state TEXT NOT NULL, reasons TEXT NOT NULL,
    approved_by TEXT NOT NULL, refused_by TEXT NOT NULL, changed BIGINT NOT NULL,
    CONSTRAINT pk_releases PRIMARY KEY (release_id),
    CONSTRAINT uq_releases_study_id_batch_recipient_purpose UNIQUE (study_id, batch, recipient, purpose),
    CONSTRAINT fk_releases_study_id FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE INDEX ix_releases_changed ON releases (changed);
CREATE INDEX ix_releases_patient_id_state_recipient ON releases (patient_id, state, recipient);
CREATE INDEX ix_releases_recipient_changed ON releases (recipient, changed);
CREATE INDEX ix_releases_recipient_state_changed ON releases (recipient, state, changed);
CREATE INDEX ix_releases_state_changed ON releases (state, changed);
CREATE TABLE series (
    series_id TEXT NOT NULL, study_id TEXT NOT NULL, CONSTRAINT pk_series PRIMARY KEY (series_id),
    CONSTRAINT fk_series_study_id FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE decisions (
    seq {serial}, release_id TEXT NOT NULL, at BIGINT NOT NULL, state TEXT NOT NULL, decision TEXT NOT NULL,
    CONSTRAINT pk_decisions PRIMARY KEY (seq),
    CONSTRAINT fk_decisions_release_id FOREIGN KEY(release_id) REFERENCES releases (release_id)
);
CREATE INDEX ix_decisions_release_id_seq ON decisions (release_id, seq);
CREATE TABLE disclosures (
    disclosure_id {serial}, release_id TEXT NOT NULL, day TEXT NOT NULL, study_id TEXT NOT NULL,
    patient_id TEXT NOT NULL, disclosed BIGINT NOT NULL, recipient TEXT NOT NULL,
    recipient_name TEXT NOT NULL, recipient_address TEXT NOT NULL, purpose TEXT NOT NULL, basis TEXT NOT NULL,
    description TEXT NOT NULL, agreement_version TEXT NOT NULL, region TEXT NOT NULL, delete_by TEXT NOT NULL,
    instances INTEGER NOT NULL, CONSTRAINT pk_disclosures PRIMARY KEY (disclosure_id),
    CONSTRAINT uq_disclosures_release_id_day UNIQUE (release_id, day),
    CONSTRAINT fk_disclosures_release_id FOREIGN KEY(release_id) REFERENCES releases (release_id)
);
CREATE INDEX ix_disclosures_disclosed ON disclosures (disclosed);
CREATE INDEX ix_disclosures_patient_id_disclosure_id ON disclosures (patient_id, disclosure_id);
CREATE INDEX ix_disclosures_recipient_disclosure_id ON disclosures (recipient, disclosure_id);
CREATE TABLE release_uids (
    recipient TEXT NOT NULL, uid TEXT NOT NULL, release_id TEXT NOT NULL, study_uid TEXT NOT NULL,
    CONSTRAINT pk_release_uids PRIMARY KEY (recipient, uid, release_id),
    CONSTRAINT fk_release_uids_release_id FOREIGN KEY(release_id) REFERENCES releases (release_id)
) {without_rowid};
CREATE TABLE items (
    seq {serial}, release_id TEXT NOT NULL, instance_id TEXT NOT NULL, recipient TEXT NOT NULL,
    purpose TEXT NOT NULL, state TEXT NOT NULL, detail TEXT NOT NULL, attempts INTEGER NOT NULL,
    may_have_arrived BOOLEAN NOT NULL, next_attempt BIGINT NOT NULL, lease_owner TEXT NOT NULL,
    changed BIGINT NOT NULL, disclosure_id BIGINT, sop_instance_uid TEXT NOT NULL, series_uid TEXT NOT NULL,
    study_uid TEXT NOT NULL, patient TEXT NOT NULL, sop_class_uid TEXT NOT NULL,
    transfer_syntax_uid TEXT NOT NULL, modality TEXT NOT NULL, size_bytes BIGINT NOT NULL,
    recipe TEXT NOT NULL, recipe_index INTEGER NOT NULL, CONSTRAINT pk_items PRIMARY KEY (seq),
    CONSTRAINT uq_items_release_id_instance_id UNIQUE (release_id, instance_id),
    CONSTRAINT fk_items_release_id FOREIGN KEY(release_id) REFERENCES releases (release_id),
    CONSTRAINT fk_items_disclosure_id FOREIGN KEY(disclosure_id) REFERENCES disclosures (disclosure_id)
);
CREATE INDEX ix_items_fetchable ON items (recipient, seq) WHERE state IN ('available', 'sent');
CREATE INDEX ix_items_leased ON items (lease_owner, recipient) WHERE lease_owner <> '';
CREATE INDEX ix_items_queued_recipient ON items (recipient, next_attempt, seq) WHERE state = 'queued';
CREATE INDEX ix_items_queued_release ON items (release_id, next_attempt, seq) WHERE state = 'queued';
CREATE UNIQUE INDEX uq_items_disclosed ON items (recipient, sop_instance_uid, purpose)
    WHERE state NOT IN ('excluded', 'quarantined');
"""

_KINDS = {
    "sqlite": {"serial": "INTEGER NOT NULL", "bytes": "BLOB", "without_rowid": "WITHOUT ROWID"},
    "postgresql": {"serial": "BIGSERIAL NOT NULL", "bytes": "BYTEA", "without_rowid": ""},
}

_APPEND_ONLY = ("events", "decisions", "recipient_versions")
_KEPT = "disclosures"
_KEPT_COLUMNS = (
    "disclosure_id, release_id, day, study_id, patient_id, disclosed, recipient, recipient_name, recipient_address, "
    "purpose, basis, description, agreement_version, region, delete_by"
)
"""All but the count, which may grow."""

_SQLITE_TRIGGER = """
CREATE TRIGGER {name} BEFORE {what} ON {table} {when}
BEGIN SELECT RAISE(ABORT, 'append-only'); END
"""

_PG_FUNCTION = """
CREATE FUNCTION scanward_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$
"""

_PG_TRIGGER = """
CREATE TRIGGER {name} BEFORE {what} ON {table} FOR EACH {each} {when} EXECUTE FUNCTION scanward_refuse()
"""


def upgrade() -> None:
    """Make the tables and the triggers."""
    dialect = op.get_bind().dialect.name
    for statement in _TABLES.format(**_KINDS[dialect]).split(";"):
        if statement.strip():
            op.execute(text(statement))
    if dialect == "sqlite":
        _guard_sqlite()
    else:
        _guard_postgresql()


def _guard_sqlite() -> None:
    for table in (*_APPEND_ONLY, _KEPT):
        op.execute(text(_SQLITE_TRIGGER.format(name=f"{table}_no_delete", what="DELETE", table=table, when="")))
    for table in _APPEND_ONLY:
        op.execute(text(_SQLITE_TRIGGER.format(name=f"{table}_no_update", what="UPDATE", table=table, when="")))
    updates = {"disclosures_no_update": (f"UPDATE OF {_KEPT_COLUMNS}", "")}
    updates["disclosures_no_fewer"] = ("UPDATE OF instances", "WHEN NEW.instances < OLD.instances")
    for name, (what, when) in updates.items():
        op.execute(text(_SQLITE_TRIGGER.format(name=name, what=what, table=_KEPT, when=when)))


def _guard_postgresql() -> None:
    op.execute(text(_PG_FUNCTION))
    for table in (*_APPEND_ONLY, _KEPT):
        for what, each in (("DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
            name = f"{table}_no_{what.lower()}"
            op.execute(text(_PG_TRIGGER.format(name=name, what=what, table=table, each=each, when="")))
    for table in _APPEND_ONLY:
        op.execute(text(_PG_TRIGGER.format(name=f"{table}_no_update", what="UPDATE", table=table, each="ROW", when="")))
    when = (
        "WHEN ((to_jsonb(OLD) - 'instances') IS DISTINCT FROM (to_jsonb(NEW) - 'instances') "
        "OR NEW.instances < OLD.instances)"
    )
    op.execute(
        text(_PG_TRIGGER.format(name="disclosures_no_update", what="UPDATE", table=_KEPT, each="ROW", when=when))
    )
