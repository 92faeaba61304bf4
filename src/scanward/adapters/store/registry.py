"""Recipients and consents (implements :class:`scanward.ports.ledger.Registry`)."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update

from scanward.adapters.store import tables
from scanward.adapters.store.database import Database, from_micros, to_micros
from scanward.adapters.store.reopening import reopen_denied
from scanward.adapters.store.rows import Row, encode_provision, to_provision
from scanward.adapters.store.section import Section, What
from scanward.errors import UnknownError
from scanward.model.agreement import Recipient
from scanward.model.consent import Provision, RecordedProvision
from scanward.ports.stores import Sealing

MAX_PARSED = 1000
"""So many documents are remembered as parsed."""

_versions, _recipients, _provisions = tables.recipient_versions, tables.recipients, tables.provisions

_IN_FORCE = select(_versions.c.digest, _versions.c.document).join(_recipients, _recipients.c.version == _versions.c.seq)
_ONE_IN_FORCE = _IN_FORCE.where(_recipients.c.recipient_id == bindparam("id"))
_INSERT_VERSION = insert(_versions).returning(_versions.c.seq)
_END = delete(_recipients).where(_recipients.c.recipient_id == bindparam("id"))
_PROVISIONS = (
    select(_provisions)
    .where(_provisions.c.patient_id == bindparam("id"))
    .order_by(_provisions.c.provision_id)
)  # fmt: skip
_SAME_PROVISION = (
    select(_provisions.c.provision_id)
    .where(_provisions.c.patient_id == bindparam("id"), _provisions.c.recorded == bindparam("at"))
    .where(_provisions.c.provision == bindparam("said"), _provisions.c.recorded_by == bindparam("who"))
)
_INSERT_PROVISION = insert(_provisions).returning(_provisions.c.provision_id)
_REVOKE = (
    update(_provisions)
    .where(_provisions.c.provision_id == bindparam("id"), _provisions.c.revoked.is_(None))
    .values(revoked=bindparam("at"), revoked_by=bindparam("who"))
    .returning(_provisions.c.patient_id)
)


class RegistrySection(Section):
    """Recipients and consents."""

    _parse: Callable[[str], Recipient]
    """Reads a recipient's document; gives the same recipient for the same text."""

    def __init__(self, database: Database, sealing: Sealing) -> None:
        super().__init__(database, sealing)
        self._parsed: dict[str, Recipient] = {}
        self._put_recipient = database.statements.put(_recipients, ["recipient_id"], "version")

    def save_recipient(self, recipient: Recipient, document: str, by: str, at: datetime) -> None:
        """Make `recipient` (read from the TOML `document`) the version in force; earlier versions stay on record."""
        recipient_id = recipient.recipient_id
        with self._database.writing() as writing:
            found = writing.execute(_ONE_IN_FORCE, {"id": recipient_id}).one_or_none()
            if found is not None and found.document == document:
                return  # a call that was repeated
            version = {
                "recipient_id": recipient_id,
                "digest": recipient.version,
                "document": document,
                "saved": to_micros(at),
                "saved_by": by,
            }
            seq = writing.execute(_INSERT_VERSION, version).scalar_one()
            writing.execute(self._put_recipient, {"recipient_id": recipient_id, "version": seq})
            writing.note(recipient_id, What.SAVED, at, by=by, detail=f"version {recipient.version}")
            reopen_denied(writing, at, recipient=recipient_id)

    def end_recipient(self, recipient_id: str, by: str, at: datetime) -> None:
        """Take a recipient out of force; raises `UnknownError` when there is none."""
        with self._database.writing() as writing:
            if not writing.execute(_END, {"id": recipient_id}).rowcount:
                raise UnknownError("expected a recipient in force, got an id of none")
            writing.note(recipient_id, What.ENDED, at, by=by)

    def find_recipient(self, recipient_id: str) -> Recipient | None:
        """Return the version in force, or None."""
        with self._database.reading() as connection:
            row = connection.execute(_ONE_IN_FORCE, {"id": recipient_id}).one_or_none()
        return None if row is None else self._to_recipient(row)

    def recipients(self) -> Sequence[Recipient]:
        """Every version in force, by id."""
        with self._database.reading() as connection:
            rows = connection.execute(_IN_FORCE).all()
        return sorted((self._to_recipient(row) for row in rows), key=lambda one: one.recipient_id)

    def _to_recipient(self, row: Row) -> Recipient:
        known = self._parsed.get(row.document)
        if known is None:
            known = self._parse(row.document)
            if len(self._parsed) >= MAX_PARSED:
                self._parsed = {}
            self._parsed[row.document] = known
        return known

    # Consents

    def add_provision(self, patient_id: str, provision: Provision, by: str, at: datetime) -> int:
        """Record a provision of a patient (blind index), known to the ledger or not; return its id."""
        said = encode_provision(provision)
        with self._database.writing() as writing:
            which = {"id": patient_id, "at": to_micros(at), "said": said, "who": by}
            same = writing.execute(_SAME_PROVISION, which).scalars().first()
            if same is not None:
                return int(same)  # a call that was repeated: two of them would both have to be revoked
            row = {
                "patient_id": patient_id,
                "provision": said,
                "recorded": to_micros(at),
                "recorded_by": by,
                "revoked": None,
                "revoked_by": "",
            }
            provision_id = int(writing.execute(_INSERT_PROVISION, row).scalar_one())
            detail = f"{provision.effect} {provision_id}"
            writing.note(patient_id, What.PROVISION_RECORDED, at, by=by, detail=detail)
            reopen_denied(writing, at, patient_id=patient_id)
        return provision_id

    def revoke_provision(self, provision_id: int, by: str, at: datetime) -> None:
        """Take a provision back from now on; raises `UnknownError` when there is none in force."""
        with self._database.writing() as writing:
            which = {"id": provision_id, "at": to_micros(at), "who": by}
            patient_id = writing.execute(_REVOKE, which).scalar_one_or_none()
            if patient_id is None:
                raise UnknownError("expected a provision in force, got an id of none")
            writing.note(patient_id, What.PROVISION_REVOKED, at, by=by, detail=str(provision_id))
            reopen_denied(writing, at, patient_id=patient_id)

    def provisions(self, patient_id: str) -> Sequence[RecordedProvision]:
        """All of a patient's, revoked ones too, in the order they were recorded."""
        with self._database.reading() as connection:
            rows = connection.execute(_PROVISIONS, {"id": patient_id}).all()
        return [
            RecordedProvision(
                provision_id=row.provision_id,
                provision=to_provision(row.provision),
                recorded=from_micros(row.recorded),
                recorded_by=row.recorded_by,
                revoked=None if row.revoked is None else from_micros(row.revoked),
            )
            for row in rows
        ]
