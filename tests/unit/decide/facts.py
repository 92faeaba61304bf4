"""Facts that permit, to be changed one at a time."""

from dataclasses import replace
from datetime import UTC, date, datetime

from scanward.model.agreement import Agreement, Basis, DataScope, FolderEndpoint, Recipient
from scanward.model.consent import Effect, Provision
from scanward.model.decision import DecisionFacts, SeriesFacts

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
SEG_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4"

CT = SeriesFacts(series_id="a" * 32, modality="CT", body_part="CHEST", sop_class_uid=CT_IMAGE)
SEG = SeriesFacts(series_id="b" * 32, modality="SEG", body_part="", sop_class_uid=SEG_STORAGE)


def agreement(**changes) -> Agreement:
    values = {
        "purposes": frozenset({"MLTRAINING", "TREATDS", "HRESCH", "HOPERAT", "HMARKT"}),
        "data": DataScope(modalities=frozenset({"CT"})),
        "region": "GB",
        "starts": date(2026, 1, 1),
        "ends": date(2026, 12, 31),
        "retention_days": 30,
    }
    return Agreement(**{**values, **changes})


def recipient(agreed: Agreement | None = None, **changes) -> Recipient:
    values = {
        "recipient_id": "acme",
        "name": "Acme AI",
        "address": "1 Main Street",
        "purpose": "MLTRAINING",
        "endpoint": FolderEndpoint(path="/out"),
        "agreement": agreed or agreement(),
        "allowed_regions": frozenset({"GB"}),
        "basis": Basis.AUTHORISATION,
        "version": "f" * 64,
    }
    return Recipient(**{**values, **changes})


def permit(*purposes: str, **changes) -> Provision:
    return Provision(effect=Effect.PERMIT, purposes=frozenset(purposes), **changes)


def deny(*purposes: str, **changes) -> Provision:
    return Provision(effect=Effect.DENY, purposes=frozenset(purposes), **changes)


def facts(purpose: str = "MLTRAINING", provisions=None, agreed: Agreement | None = None, **changes) -> DecisionFacts:
    base = DecisionFacts(
        now=NOW,
        recipient=recipient(agreed),
        purpose=purpose,
        provisions=(permit("MLTRAINING"),) if provisions is None else tuple(provisions),
        series=(CT, SEG),
    )
    return replace(base, **changes)
