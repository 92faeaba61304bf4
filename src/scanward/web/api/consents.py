"""Consents. Patients are named in bodies, as addresses are logged by proxies."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from scanward.web.access import Services, allow
from scanward.web.api.schemas import Patient, ProvisionAdded, ProvisionOut, ProvisionToAdd, ProvisionToRevoke
from scanward.web.auth import Principal
from scanward.web.roles import Operation

router = APIRouter(prefix="/consents", tags=["Consents"])

_Manager = Annotated[Principal, Depends(allow(Operation.MANAGE_CONSENTS))]


@router.post("/list", summary="List a patient's provisions")
def list_provisions(
    services: Services, patient: Patient, _: Annotated[Principal, Depends(allow(Operation.READ_CONSENTS))]
) -> list[ProvisionOut]:
    """All of them, revoked ones too, in the order they were recorded. An empty list permits nothing."""
    index = services.staff.patient(patient.patient_id, patient.issuer)
    return [ProvisionOut.of(one) for one in services.registry.provisions(index)]


@router.post("", status_code=201, summary="Record a provision")
def add_provision(services: Services, wanted: ProvisionToAdd, principal: _Manager) -> ProvisionAdded:
    """A patient allows or refuses. What was denied is decided again; what is queued is, when it is taken from there."""
    index = services.staff.patient(wanted.patient_id, wanted.issuer)
    content: dict[str, object] = {
        "effect": wanted.effect.value,
        "purposes": wanted.purposes,
        "recipients": wanted.recipients,
        "starts": wanted.starts and wanted.starts.isoformat(),
        "ends": wanted.ends and wanted.ends.isoformat(),
    }
    return ProvisionAdded(provision_id=services.staff.add_provision(index, content, principal.subject))


@router.post("/revoke", status_code=204, summary="Take a provision back")
def revoke_provision(services: Services, wanted: ProvisionToRevoke, principal: _Manager) -> Response:
    """From now on it neither permits nor denies."""
    index = services.staff.patient(wanted.patient_id, wanted.issuer)
    services.staff.revoke_provision(index, wanted.provision_id, principal.subject)
    return Response(status_code=204)
