"""Ledgers on both databases, and values to put into them."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from scanward.adapters.sealing import MasterSealing
from scanward.adapters.store.ledger import SqlLedger
from scanward.errors import AgreementError
from scanward.model.agreement import Basis, PullEndpoint, Recipient
from scanward.model.decision import Deny, Permit
from scanward.model.release import Disclosure, ItemOutcome, ItemState, OutboxItem, Release, ReleaseState
from scanward.model.study import Arrival, Batch, Completion, Origin, OriginKind, PatientIdentity, ReceivedInstance
from scanward.ports.ledger import Ledger

NOW = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
SEALING = MasterSealing(bytes(range(32)))
CT = "1.2.840.10008.5.1.4.1.1.2"
IDENTITIES = (
    "PLANTED^PATIENT",
    "PLANTED-ID",
    "PLANTED-ISSUER",
    "19610203",
    "PLANTED-DESCRIPTION",
    "PLANTED-ACCESSION",
    "1.2.3.999",
)
"""What tells who a patient is in what `make_received` makes."""


def after(seconds: float) -> datetime:
    """Return the time so long after `NOW`."""
    return NOW + timedelta(seconds=seconds)


def parse_recipient(document: str) -> Recipient:
    """Read documents that are a recipient's id alone; a stand-in for TOML."""
    recipient_id, _, name = document.partition("|")
    if not recipient_id:
        raise AgreementError("expected an id, got none")
    return Recipient(
        recipient_id=recipient_id,
        name=name or recipient_id,
        address="1 Street",
        purpose="HRESCH",
        endpoint=PullEndpoint(),
        agreement=None,
        allowed_regions=frozenset(),
        basis=Basis.RESEARCH,
        version=hashlib.sha256(document.encode()).hexdigest(),
    )


def make_received(
    study: str = "1", number: int = 1, *, patient: str = "a", series: str = "1", at: datetime = NOW, blob: str = ""
) -> ReceivedInstance:
    """Return an instance of a study, with identities planted that must not be found anywhere."""
    study_uid, series_uid = f"1.2.3.999.{study}", f"1.2.3.999.{study}.{series}"
    uid = f"{series_uid}.{number}"
    blind = SEALING.blind
    return ReceivedInstance(
        study_id=blind("study", study_uid),
        patient_id=blind("patient", patient),
        series_id=blind("series", series_uid),
        instance_id=blind("instance", uid),
        study_uid=study_uid,
        series_uid=series_uid,
        sop_instance_uid=uid,
        patient=PatientIdentity(
            key=f"2:id|12:PLANTED-ID-{patient}",
            patient_id=f"PLANTED-ID-{patient}",
            issuer="PLANTED-ISSUER",
            name="PLANTED^PATIENT",
            birth_date="19610203",
        ),
        study_date="20260102",
        study_description="PLANTED-DESCRIPTION",
        accession_number="PLANTED-ACCESSION",
        sop_class_uid=CT,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        modality="CT",
        body_part="CHEST",
        burned_in_annotation="NO",
        size_bytes=526_000,
        blob=blob or f"blob-{study}-{series}-{number}",
        origin=Origin(kind=OriginKind.DIMSE, peer="ct-1"),
        received=at,
    )


def make_items(
    release: Release, instance_ids: Sequence[str], *, recipe: str = "recipe", study: str = ""
) -> list[OutboxItem]:
    """Return outbox items for instances, with new UIDs that are the same for the same instance and recipient."""
    new = f"2.25.{int(hashlib.sha256((release.recipient + (study or release.study_id)).encode()).hexdigest()[:20], 16)}"
    return [
        OutboxItem(
            instance_id=instance_id,
            sop_instance_uid=f"2.25.{int(hashlib.sha256((release.recipient + instance_id).encode()).hexdigest()[:24], 16)}",
            series_uid=f"{new}.1",
            study_uid=new,
            patient="PSEUDONYM",
            sop_class_uid=CT,
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            modality="CT",
            size_bytes=525_000,
            recipe=recipe,
            index=index,
        )
        for index, instance_id in enumerate(instance_ids)
    ]


def make_disclosure(release: Release, at: datetime = NOW) -> Disclosure:
    """Return a disclosure for a release."""
    return Disclosure(
        disclosed=at,
        recipient=release.recipient,
        recipient_name="A vendor",
        recipient_address="1 Street",
        purpose=release.purpose,
        basis=Basis.RESEARCH,
        description="2 CT images",
        agreement_version="v1",
        region="DE",
        delete_by=date(2027, 1, 1),
    )


def permit(recipient: str = "vendor", *, needs_approval: bool = False) -> Permit:
    """Return a permit."""
    return Permit(
        recipient=recipient,
        profile="ai-inference",
        purpose="HRESCH",
        needs_approval=needs_approval,
        reasons=("You agreed.",),
    )


DENY = Deny(reasons=("You did not agree.",))


def add_study(ledger: Ledger, study: str = "1", count: int = 3, *, at: datetime = NOW, patient: str = "a") -> Batch:
    """Receive a study and close it."""
    received = [make_received(study, number, at=at, patient=patient) for number in range(1, count + 1)]
    assert {one.arrival for one in ledger.add_received(received)} == {Arrival.ADDED}
    batch = ledger.close_study(received[0].study_id, Completion.QUIET, at)
    assert batch is not None
    return batch


def release_id_of(batch: Batch, recipient: str = "vendor") -> str:
    """Return the id of a release."""
    return SEALING.blind("release", f"{batch.study_id}|{batch.number}|{recipient}")


def permit_release(ledger: Ledger, batch: Batch, recipient: str = "vendor", *, at: datetime = NOW) -> Release:
    """Open a release and permit it."""
    release = ledger.open_release(batch, recipient, "HRESCH", release_id_of(batch, recipient), at)
    ledger.record_decision(release.release_id, permit(recipient), ReleaseState.PERMITTED, at)
    return ledger.get_release(release.release_id)


def account_release(
    ledger: Ledger, batch: Batch, recipient: str = "vendor", *, at: datetime = NOW, pull: bool = False
) -> Release:
    """Open a release, permit it, and account for all of its instances."""
    release = permit_release(ledger, batch, recipient, at=at)
    items = make_items(release, [one.instance_id for one in ledger.instances_of(batch)])
    assert ledger.account(release.release_id, make_disclosure(release, at), items, [], pull=pull) == []
    ledger.mark_accounted(release.release_id, at)
    return ledger.get_release(release.release_id)


def queue_study(
    ledger: Ledger, study: str = "1", recipient: str = "vendor", count: int = 3, *, at: datetime = NOW
) -> Release:
    """Bring a study from receiving to the outbox."""
    return account_release(ledger, add_study(ledger, study, count, at=at), recipient, at=at)


def outcome(release: Release, instance_id: str, state: ItemState = ItemState.SENT, **fields: object) -> ItemOutcome:
    """Return how sending an instance ended."""
    said = ItemOutcome(release_id=release.release_id, instance_id=instance_id, state=state, may_have_arrived=False)
    return replace(said, **fields)  # type: ignore[arg-type]


def recount(ledger: SqlLedger) -> dict[str, int]:
    """Count all there is by looking at every row, as `Desk.counts` must say it."""
    from sqlalchemy import text

    counts: dict[str, int] = {}
    with ledger._database.reading() as connection:
        for table in ("studies", "instances", "quarantined"):
            counts[table] = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
        for table in ("releases", "items", "results"):
            for state, count in connection.execute(text(f"SELECT state, count(*) FROM {table} GROUP BY state")):
                counts[f"{table}:{state}"] = count
        found = connection.execute(text("SELECT count(*) FROM holds WHERE state = 'open'")).scalar_one()
        counts["holds:open"] = found
        for state, count in connection.execute(text("SELECT state, count(*) FROM prior_searches GROUP BY state")):
            counts[f"prior searches:{state}"] = count
    return {name: count for name, count in counts.items() if count}
