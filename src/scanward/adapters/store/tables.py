"""Tables of the ledger; nothing outside of this package names them.

Times are microseconds since 1970 (UTC), days are ISO dates, states are the values of their enums. What tells who a
patient is stands in sealed columns only. ``batch`` 0 means in no batch yet.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.sql.elements import TextClause

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_SERIAL = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself for this type only

QUEUED = text("state = 'queued'")
LEASED = text("lease_owner <> ''")
DISCLOSED = text("state NOT IN ('excluded', 'quarantined')")
FETCHABLE = text("state IN ('available', 'sent')")
WAITING = text("waiting > 0")
UNROUTED = text("routed IS NULL")
SOUGHT = text("state = 'waiting'")
HELD = text("state = 'open'")
UNLOGGED = text("log_index IS NULL")
# Conditions of the partial indexes. Queries repeat them as they stand: neither database takes a partial index for a
# condition with a parameter in it.


def _where(name: str, *columns: str, condition: TextClause, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


studies = Table(
    "studies",
    metadata,
    Column("study_id", Text, primary_key=True),
    Column("patient_id", Text, nullable=False),
    Column("identity", LargeBinary, nullable=False),
    Column("first_received", BigInteger, nullable=False),
    Column("last_received", BigInteger, nullable=False),
    Column("instances", Integer, nullable=False),
    Column("waiting", Integer, nullable=False),
    Column("batches", Integer, nullable=False),
    Index(None, "patient_id", "last_received"),
    Index(None, "last_received"),
    _where("ix_studies_waiting", "last_received", condition=WAITING),
)

instances = Table(
    "instances",
    metadata,
    Column("seq", _SERIAL, primary_key=True),
    Column("instance_id", Text, nullable=False),
    Column("study_id", Text, ForeignKey("studies.study_id"), nullable=False),
    Column("series_id", Text, nullable=False),
    Column("batch", Integer, nullable=False),
    Column("identity", LargeBinary, nullable=False),
    Column("sop_class_uid", Text, nullable=False),
    Column("transfer_syntax_uid", Text, nullable=False),
    Column("modality", Text, nullable=False),
    Column("body_part", Text, nullable=False),
    Column("burned_in_annotation", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("blob", Text, nullable=False),
    Column("origin_kind", Text, nullable=False),
    Column("origin_peer", Text, nullable=False),
    Column("received", BigInteger, nullable=False),
    UniqueConstraint("instance_id"),
    Index(None, "study_id", "batch"),
)

series = Table(
    "series",
    metadata,
    Column("series_id", Text, primary_key=True),
    Column("study_id", Text, ForeignKey("studies.study_id"), nullable=False),
)
"""One row a series: so that it can be told which are known, without an index over all instances."""

prior_requests = Table(
    "prior_requests",
    metadata,
    Column("study_id", Text, primary_key=True),
    Column("recipient", Text, primary_key=True),
    Column("requested", BigInteger, nullable=False),
)
"""Which studies are fetched as priors, for whom."""

prior_studies = Table(
    "prior_studies",
    metadata,
    Column("study_id", Text, primary_key=True),
    Column("peer", Text, nullable=False),
    Column("requested", BigInteger, nullable=False),
    Column("asking_until", BigInteger, nullable=False),
    Column("expected", Integer, nullable=False),
    Column("complete", BigInteger),
    Column("own", BigInteger),
)
"""Studies that are fetched: from whom, how long it may be sending, and since when all of it is here (`complete`).

`own`: since when it is also a study that somebody sent by itself.
"""

prior_searches = Table(
    "prior_searches",
    metadata,
    Column("study_id", Text, primary_key=True),
    Column("recipients", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt", BigInteger, nullable=False),
    Column("runner", BigInteger, nullable=False),
    _where("ix_prior_searches_waiting", "next_attempt", condition=SOUGHT),
)
"""Studies whose priors are looked for, for whom; `runner` is the piece of work that does it, 0 none."""

quarantined = Table(
    "quarantined",
    metadata,
    Column("quarantine_id", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("blob", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("origin_kind", Text, nullable=False),
    Column("origin_peer", Text, nullable=False),
    Column("origin_recipient", Text, nullable=False),
    Column("received", BigInteger, nullable=False),
    UniqueConstraint("digest"),
    Index(None, "received"),
)

batches = Table(
    "batches",
    metadata,
    Column("seq", _SERIAL, primary_key=True),
    Column("study_id", Text, ForeignKey("studies.study_id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("how", Text, nullable=False),
    Column("closed", BigInteger, nullable=False),
    Column("routed", BigInteger),
    UniqueConstraint("study_id", "number"),
    _where("ix_batches_unrouted", "seq", condition=UNROUTED),
)

releases = Table(
    "releases",
    metadata,
    Column("release_id", Text, primary_key=True),
    Column("study_id", Text, ForeignKey("studies.study_id"), nullable=False),
    Column("patient_id", Text, nullable=False),
    Column("batch", Integer, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("refused_by", Text, nullable=False),
    Column("stopped_by", Text, nullable=False, server_default=""),
    Column("changed", BigInteger, nullable=False),
    UniqueConstraint("study_id", "batch", "recipient", "purpose"),
    Index(None, "changed"),
    Index(None, "state", "changed"),
    Index(None, "recipient", "changed"),
    Index(None, "recipient", "state", "changed"),
    Index(None, "patient_id", "state", "recipient"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("seq", _SERIAL, primary_key=True),
    Column("release_id", Text, ForeignKey("releases.release_id"), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Index(None, "release_id", "seq"),
)

disclosures = Table(
    "disclosures",
    metadata,
    Column("disclosure_id", _SERIAL, primary_key=True),
    Column("release_id", Text, ForeignKey("releases.release_id"), nullable=False),
    Column("day", Text, nullable=False),
    Column("study_id", Text, nullable=False),
    Column("patient_id", Text, nullable=False),
    Column("disclosed", BigInteger, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("recipient_name", Text, nullable=False),
    Column("recipient_address", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("basis", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("agreement_version", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("delete_by", Text, nullable=False),
    Column("instances", Integer, nullable=False),
    UniqueConstraint("release_id", "day"),
    Index(None, "disclosed", "disclosure_id"),
    Index(None, "patient_id", "disclosed", "disclosure_id"),
    Index(None, "recipient", "disclosed", "disclosure_id"),
)

items = Table(
    "items",
    metadata,
    Column("seq", _SERIAL, primary_key=True),
    Column("release_id", Text, ForeignKey("releases.release_id"), nullable=False),
    Column("instance_id", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("may_have_arrived", Boolean, nullable=False),
    Column("next_attempt", BigInteger, nullable=False),
    Column("lease_owner", Text, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("disclosure_id", BigInteger, ForeignKey("disclosures.disclosure_id")),
    Column("sop_instance_uid", Text, nullable=False),
    Column("series_uid", Text, nullable=False),
    Column("study_uid", Text, nullable=False),
    Column("patient", Text, nullable=False),
    Column("sop_class_uid", Text, nullable=False),
    Column("transfer_syntax_uid", Text, nullable=False),
    Column("modality", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("recipe", Text, nullable=False),
    Column("recipe_index", Integer, nullable=False),
    Column("form", Text, nullable=False, server_default=""),
    Column("package", Text, nullable=False, server_default=""),
    Column("pixels", Text, nullable=False, server_default=""),
    UniqueConstraint("release_id", "instance_id"),
    _where("uq_items_disclosed", "recipient", "sop_instance_uid", "purpose", condition=DISCLOSED, unique=True),
    _where("ix_items_queued_recipient", "recipient", "next_attempt", "seq", condition=QUEUED),
    _where("ix_items_queued_release", "release_id", "next_attempt", "seq", condition=QUEUED),
    _where("ix_items_leased", "lease_owner", "recipient", condition=LEASED),
    _where("ix_items_fetchable", "recipient", "seq", condition=FETCHABLE),
)

holds = Table(
    "holds",
    metadata,
    Column("release_id", Text, ForeignKey("releases.release_id"), primary_key=True),
    Column("instance_id", Text, primary_key=True),
    Column("recipient", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("finding", Text, nullable=False),
    Column("form", Text, nullable=False),
    Column("sight", Text, nullable=False),
    Column("noted", BigInteger, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("decided", BigInteger),
    Column("why", Text, nullable=False),
    Column("as_it_is", Boolean, nullable=False),
    _where("ix_holds_open", "recipient", "form", "sight", "release_id", condition=HELD),
    _where("ix_holds_waiting", "release_id", "noted", condition=HELD),
)
"""Instances of releases that are or were held for their pixels, and who decided what on them."""

face_findings = Table(
    "face_findings",
    metadata,
    Column("release_id", Text, ForeignKey("releases.release_id"), primary_key=True),
    Column("blob", Text, nullable=False),
    Column("noted", BigInteger, nullable=False),
)
"""What was found of the head scans of a release: a blob under the data key of its study, with pictures."""

outdated = Table(
    "outdated",
    metadata,
    Column("release_id", Text, ForeignKey("releases.release_id"), primary_key=True),
    Column("noted", BigInteger, nullable=False),
    Index(None, "noted"),
)
"""Releases of which something was de-identified otherwise than it would be now, and has to be made again."""

release_uids = Table(
    "release_uids",
    metadata,
    Column("recipient", Text, primary_key=True),
    Column("uid", Text, primary_key=True),
    Column("release_id", Text, ForeignKey("releases.release_id"), primary_key=True),
    Column("study_uid", Text, nullable=False),
    Index(None, "recipient", "study_uid", "uid"),
    sqlite_with_rowid=False,
)
"""New Study and Series Instance UIDs that a release disclosed, with the study's."""

lanes = Table(
    "lanes",
    metadata,
    Column("recipient", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
)
"""One row a recipient: which sender serves it, until when."""

results = Table(
    "results",
    metadata,
    Column("seq", _SERIAL, primary_key=True),
    Column("result_id", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("release_id", Text, nullable=False),
    Column("sop_class_uid", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("blob", Text, nullable=False),
    Column("outgoing", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt", BigInteger, nullable=False),
    UniqueConstraint("result_id"),
    Index(None, "release_id"),
    Index(None, "received"),
    Index(None, "state", "received"),
    Index(None, "state", "next_attempt"),
)

events = Table(
    "events",
    metadata,
    Column("seq", _SERIAL, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("what", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index(None, "subject", "seq"),
)

tallies = Table(
    "tallies",
    metadata,
    Column("name", Text, primary_key=True),
    Column("shard", Integer, primary_key=True),
    Column("count", BigInteger, nullable=False),
)
"""How many there are of what; spread over shards, so that writers do not wait for each other."""

recipient_versions = Table(
    "recipient_versions",
    metadata,
    Column("seq", _SERIAL, primary_key=True),
    Column("recipient_id", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("saved", BigInteger, nullable=False),
    Column("saved_by", Text, nullable=False),
    Index(None, "recipient_id", "seq"),
)

recipients = Table(
    "recipients",
    metadata,
    Column("recipient_id", Text, primary_key=True),
    Column("version", BigInteger, ForeignKey("recipient_versions.seq"), nullable=False),
)
"""Which version is in force; no row, none."""

provisions = Table(
    "provisions",
    metadata,
    Column("provision_id", _SERIAL, primary_key=True),
    Column("patient_id", Text, nullable=False),
    Column("provision", Text, nullable=False),
    Column("recorded", BigInteger, nullable=False),
    Column("recorded_by", Text, nullable=False),
    Column("revoked", BigInteger),
    Column("revoked_by", Text, nullable=False),
    Index(None, "patient_id", "provision_id"),
)

workers = Table(
    "workers",
    metadata,
    Column("worker", Text, primary_key=True),
    Column("beat", BigInteger, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("spec", LargeBinary, nullable=False),
)
"""Batches of files under way."""

shards = Table(
    "shards",
    metadata,
    Column("shard_id", Text, primary_key=True),
    Column("job_id", Text, ForeignKey("jobs.job_id"), nullable=False),
    Column("digest", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
    UniqueConstraint("job_id", "digest"),
)
"""What is to be done (waiting, returned) or came of it (done)."""

owed_reports = Table(
    "owed_reports",
    metadata,
    Column("report_id", Text, primary_key=True),
    Column("peer", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("owed", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt", BigInteger, nullable=False),
    Index(None, "peer", "next_attempt"),
)
"""Answers to storage commitment requests that their peers have not confirmed."""

procedure_steps = Table(
    "procedure_steps",
    metadata,
    Column("step_id", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("begun", BigInteger, nullable=False),
    Column("ended", BigInteger),
    Index(None, "begun"),
)
"""Performed procedure steps, with the studies they belong to; no `ended`, still under way."""

result_marks = Table(
    "result_marks",
    metadata,
    Column("result_id", Text, primary_key=True),
    Column("mark", LargeBinary, nullable=False),
)
"""By what the content of a result is told again where its blob is lost."""

used_tokens = Table(
    "used_tokens",
    metadata,
    Column("token_id", Text, primary_key=True),
    Column("until", BigInteger, nullable=False),
    Index(None, "until"),
)
"""Tokens that nobody gets in by any more, each until it would be over anyway."""

screens = Table(
    "screens",
    metadata,
    Column("screen_id", Text, primary_key=True),
    Column("manufacturer", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("sop_class_uid", Text, nullable=False),
    Column("height", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("decision", Text, nullable=False),
    Column("boxes", Text, nullable=False),
    Column("decided", BigInteger),
    Column("decided_by", Text, nullable=False),
    Index(None, "decision", "seen"),
)
"""Screens of devices, and what people decided to have filled on them."""

screen_images = Table(
    "screen_images",
    metadata,
    Column("screen_id", Text, ForeignKey("screens.screen_id"), primary_key=True),
    Column("instance_id", Text, primary_key=True),
    Column("seen", BigInteger, nullable=False),
    Column("boxes", Text, nullable=False),
    Index(None, "screen_id", "seen"),
)
"""Where text was found in the latest images of each screen, and never what it was."""

seals = Table(
    "seals",
    metadata,
    Column("object_id", Text, primary_key=True),
    Column("uid_id", Text, nullable=False),
    Column("study_id", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("release_id", Text, nullable=False),
    Column("blob", Text, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("length", BigInteger, nullable=False),
    Column("root", Text, nullable=False),
    Column("opening", LargeBinary, nullable=False),
    Column("sealed", BigInteger, nullable=False),
    Index(None, "uid_id"),
    Index(None, "study_id"),
)
"""Seals of instances as they came, and of copies as they left: where in which blob, and by which ids they are found."""

films = Table(
    "films",
    metadata,
    Column("seq", _SERIAL, primary_key=True),
    Column("object_id", Text, nullable=False),
    Column("study_id", Text, nullable=False),
    Column("blob", Text, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("length", BigInteger, nullable=False),
    UniqueConstraint("object_id"),
)
"""By what sealed films are told again in another form: where in which blob."""

custody = Table(
    "custody",
    metadata,
    Column("seq", _SERIAL, primary_key=True),
    Column("object_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("statement", LargeBinary, nullable=False),
    Column("digest", Text, nullable=False),
    Column("entry", LargeBinary, nullable=False),
    Column("log_index", BigInteger),
    UniqueConstraint("object_id", "number"),
    _where("ix_custody_unlogged", "seq", condition=UNLOGGED),
)
"""Custody statements, sealed, each with its entry of the log and, once it is there, its place in it."""

custody_due = Table(
    "custody_due",
    metadata,
    Column("seq", _SERIAL, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("detail", Text, nullable=False),
)
"""Events of which a custody statement has to be made; written in the transaction of the event itself."""

log_heads = Table(
    "log_heads",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("root", Text, nullable=False),
)
"""How far each log of this gateway was when its entries were last noted: an older log is a rolled-back one."""
