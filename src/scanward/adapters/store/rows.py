"""From rows to the values of the model, and back."""

import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import Row as SqlRow

from scanward.adapters.store import tables
from scanward.adapters.store.database import from_micros, to_micros
from scanward.flow.pixel_texts import decode_outcome, encode_finding, encode_outcome
from scanward.model.agreement import Basis
from scanward.model.consent import Effect, Provision
from scanward.model.decision import Decision, Permit
from scanward.model.holds import HoldState, PixelHold
from scanward.model.release import Disclosure, OutboxItem, Release, ReleaseState, Result, ResultState
from scanward.model.study import Origin, OriginKind, PatientIdentity, ReceivedInstance, StoredInstance
from scanward.ports.ledger import Quarantined

Row = SqlRow[*tuple[Any, ...]]
T = TypeVar("T")

AT_ONCE = 500
"""So many values are looked up in one statement; both databases have a limit."""

STORED_INSTANCE = (
    tables.instances.c.instance_id,
    tables.instances.c.series_id,
    tables.instances.c.sop_class_uid,
    tables.instances.c.transfer_syntax_uid,
    tables.instances.c.modality,
    tables.instances.c.body_part,
    tables.instances.c.burned_in_annotation,
    tables.instances.c.size_bytes,
    tables.instances.c.blob,
)
"""Columns that `to_stored` takes, in this order."""


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield `values` in parts that a statement takes."""
    for start in range(0, len(values), AT_ONCE):
        yield values[start : start + AT_ONCE]


# Studies


def study_identity(received: ReceivedInstance) -> str:
    """Return what of a study's identity is kept, for sealing."""
    patient = received.patient
    return json.dumps(
        {
            "study_uid": received.study_uid,
            "key": patient.key,
            "patient_id": patient.patient_id,
            "issuer": patient.issuer,
            "name": patient.name,
            "birth_date": patient.birth_date,
            "study_date": received.study_date,
            "study_description": received.study_description,
            "accession_number": received.accession_number,
        }
    )


def to_patient(identity: dict[str, str]) -> PatientIdentity:
    """Return the patient of what `study_identity` made."""
    return PatientIdentity(
        key=identity["key"],
        patient_id=identity["patient_id"],
        issuer=identity["issuer"],
        name=identity["name"],
        birth_date=identity["birth_date"],
    )


def instance_values(received: ReceivedInstance, identity: bytes) -> dict[str, object]:
    """Return the row of an instance; `identity` is its sealed one."""
    return {
        "instance_id": received.instance_id,
        "study_id": received.study_id,
        "series_id": received.series_id,
        "batch": 0,
        "identity": identity,
        "sop_class_uid": received.sop_class_uid,
        "transfer_syntax_uid": received.transfer_syntax_uid,
        "modality": received.modality,
        "body_part": received.body_part,
        "burned_in_annotation": received.burned_in_annotation,
        "size_bytes": received.size_bytes,
        "blob": received.blob,
        "origin_kind": received.origin.kind.value,
        "origin_peer": received.origin.peer,
        "received": to_micros(received.received),
    }


def to_stored(row: Row) -> StoredInstance:
    """Return an instance from its `STORED_INSTANCE` columns."""
    return StoredInstance(
        instance_id=row[0],
        series_id=row[1],
        sop_class_uid=row[2],
        transfer_syntax_uid=row[3],
        modality=row[4],
        body_part=row[5],
        burned_in_annotation=row[6],
        size_bytes=row[7],
        blob=row[8],
    )


def quarantined_values(one: Quarantined) -> dict[str, object]:
    """Return the row of a quarantined instance."""
    return {
        "quarantine_id": one.quarantine_id,
        "digest": one.digest,
        "reason": one.reason,
        "blob": one.blob,
        "size_bytes": one.size_bytes,
        "origin_kind": one.origin.kind.value,
        "origin_peer": one.origin.peer,
        "origin_recipient": one.origin.recipient,
        "received": to_micros(one.received),
    }


def to_quarantined(row: Row) -> Quarantined:
    """Return a quarantined instance."""
    return Quarantined(
        quarantine_id=row.quarantine_id,
        digest=row.digest,
        reason=row.reason,
        blob=row.blob,
        size_bytes=row.size_bytes,
        origin=Origin(kind=OriginKind(row.origin_kind), peer=row.origin_peer, recipient=row.origin_recipient),
        received=from_micros(row.received),
    )


# Releases


def to_release(row: Row) -> Release:
    """Return a release from a row with the columns of `tables.releases`."""
    return Release(
        release_id=row.release_id,
        study_id=row.study_id,
        patient_id=row.patient_id,
        batch=row.batch,
        recipient=row.recipient,
        purpose=row.purpose,
        state=ReleaseState(row.state),
        reasons=tuple(json.loads(row.reasons)),
        approved_by=row.approved_by,
        changed=from_micros(row.changed),
        stopped_by=row.stopped_by,
    )


def encode_decision(decision: Decision) -> str:
    """Return a decision as JSON, for the record."""
    said: dict[str, object] = {"decision": "deny", "reasons": list(decision.reasons)}
    if isinstance(decision, Permit):
        series = None
        if decision.series is not None:
            kinds = [(one.series_id, one.modality, one.body_part, one.sop_class_uid) for one in decision.series]
            series = [dict(zip(_SERIES_FACTS, kind, strict=True)) for kind in sorted(kinds)]
        said |= {
            "decision": "permit",
            "recipient": decision.recipient,
            "profile": decision.profile,
            "purpose": decision.purpose,
            "agreement_version": decision.agreement_version,
            "series": series,
            "attributes": sorted(decision.attributes),
            "unchecked_pixels": decision.unchecked_pixels,
            "needs_approval": decision.needs_approval,
            "delete_by": decision.delete_by.isoformat() if decision.delete_by else None,
            "obligations": sorted(decision.obligations),
        }
    return json.dumps(said)


_SERIES_FACTS = ("series_id", "modality", "body_part", "sop_class_uid")


def outbox_values(item: OutboxItem) -> dict[str, object]:
    """Return the columns of an outbox item that describe what leaves."""
    return {
        "sop_instance_uid": item.sop_instance_uid,
        "series_uid": item.series_uid,
        "study_uid": item.study_uid,
        "patient": item.patient,
        "sop_class_uid": item.sop_class_uid,
        "transfer_syntax_uid": item.transfer_syntax_uid,
        "modality": item.modality,
        "size_bytes": item.size_bytes,
        "recipe": item.recipe,
        "recipe_index": item.index,
        "form": item.form,
        "pixels": encode_outcome(item.pixels),
    }


NOTHING_LEAVES: dict[str, object] = {
    "sop_instance_uid": "",
    "series_uid": "",
    "study_uid": "",
    "patient": "",
    "sop_class_uid": "",
    "transfer_syntax_uid": "",
    "modality": "",
    "size_bytes": 0,
    "recipe": "",
    "recipe_index": 0,
    "form": "",
    "pixels": "",
}
"""The same columns where nothing of the instance may leave."""


def to_outbox_item(row: Row) -> OutboxItem:
    """Return what leaves from a row with the columns of `tables.items`."""
    return OutboxItem(
        instance_id=row.instance_id,
        sop_instance_uid=row.sop_instance_uid,
        series_uid=row.series_uid,
        study_uid=row.study_uid,
        patient=row.patient,
        sop_class_uid=row.sop_class_uid,
        transfer_syntax_uid=row.transfer_syntax_uid,
        modality=row.modality,
        size_bytes=row.size_bytes,
        recipe=row.recipe,
        index=row.recipe_index,
        form=row.form,
        pixels=decode_outcome(row.pixels),
    )


def hold_values(hold: PixelHold, at: datetime) -> dict[str, object]:
    """Return the columns of a hold that say why and as what an instance is held, and waits for a person."""
    return {
        "state": HoldState.OPEN.value,
        "kind": hold.kind.value,
        "digest": hold.digest,
        "finding": encode_finding(hold.finding),
        "form": hold.form,
        "sight": hold.sight,
        "noted": to_micros(at),
    }


def to_disclosure(row: Row) -> Disclosure:
    """Return a disclosure from a row with the columns of `tables.disclosures`."""
    return Disclosure(
        disclosed=from_micros(row.disclosed),
        recipient=row.recipient,
        recipient_name=row.recipient_name,
        recipient_address=row.recipient_address,
        purpose=row.purpose,
        basis=Basis(row.basis),
        description=row.description,
        agreement_version=row.agreement_version,
        region=row.region,
        delete_by=date.fromisoformat(row.delete_by),
    )


# Results


def to_result(row: Row) -> Result:
    """Return a result from a row with the columns of `tables.results`."""
    return Result(
        result_id=row.result_id,
        recipient=row.recipient,
        release_id=row.release_id,
        sop_class_uid=row.sop_class_uid,
        size_bytes=row.size_bytes,
        blob=row.blob,
        outgoing=row.outgoing,
        state=ResultState(row.state),
        reason=row.reason,
        received=from_micros(row.received),
        attempts=row.attempts,
    )


# Consents


def encode_provision(provision: Provision) -> str:
    """Return a provision as JSON."""
    return json.dumps(
        {
            "effect": provision.effect.value,
            "purposes": sorted(provision.purposes),
            "recipients": sorted(provision.recipients),
            "starts": to_micros(provision.starts) if provision.starts else None,
            "ends": to_micros(provision.ends) if provision.ends else None,
        }
    )


def to_provision(text: str) -> Provision:
    """Return the provision that `encode_provision` wrote."""
    said = json.loads(text)
    return Provision(
        effect=Effect(said["effect"]),
        purposes=frozenset(said["purposes"]),
        recipients=frozenset(said["recipients"]),
        starts=None if said["starts"] is None else from_micros(said["starts"]),
        ends=None if said["ends"] is None else from_micros(said["ends"]),
    )
