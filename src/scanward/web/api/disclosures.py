"""Disclosures, and the accounting that a patient may ask for (45 CFR 164.528)."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse
from pydantic import Field

from scanward.web.access import Services, allow
from scanward.web.accounting import View, account_for
from scanward.web.api.moments import aware
from scanward.web.api.schemas import DisclosureOut, Limit, Patient
from scanward.web.auth import Principal
from scanward.web.roles import Operation

router = APIRouter(prefix="/disclosures", tags=["Disclosures"])

_Reader = Annotated[Principal, Depends(allow(Operation.READ_DISCLOSURES))]


class AccountingWanted(Patient):
    """Whose disclosures, and which of them."""

    view: Annotated[View, Field(description="statutory: as 45 CFR 164.528 asks; full: all that is on record.")] = (
        "statutory"
    )


@router.get("", summary="List disclosures, newest first")
def list_disclosures(
    services: Services,
    _: _Reader,
    limit: Limit = 100,
    recipient: Annotated[str, Query(max_length=63)] = "",
    before: Annotated[int | None, Query(ge=0, le=2**53, description="Go on before this disclosure.")] = None,
    since: Annotated[datetime | None, Query(description="Recorded at this time or later.")] = None,
    until: Annotated[datetime | None, Query(description="Recorded before this time.")] = None,
) -> list[DisclosureOut]:
    """Every disclosure was recorded before anything left."""
    found = services.desk.disclosures(
        limit=limit, recipient=recipient, before=before, since=aware(since), until=aware(until)
    )
    return [DisclosureOut.of(one) for one in found]


@router.post("/accounting", summary="Account for a patient's disclosures", response_class=JSONResponse)
def accounting(services: Services, wanted: AccountingWanted, _: _Reader) -> dict[str, Any]:
    """What was disclosed of the patient with this ID and issuer, to whom, when, and what for."""
    index = services.staff.patient(wanted.patient_id, wanted.issuer)
    return account_for(services, index, wanted.view).as_json()
