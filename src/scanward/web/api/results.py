"""Results that recipients sent, and instances that are not understood."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from scanward.model.release import ResultState
from scanward.web.access import Services, allow
from scanward.web.api.schemas import Assignment, Identifier, Limit, QuarantinedOut, Reason, ResultOut
from scanward.web.auth import Principal
from scanward.web.roles import Operation

router = APIRouter(tags=["Results"])

_Decider = Annotated[Principal, Depends(allow(Operation.DECIDE_RESULTS))]


@router.get("/results", summary="List results by arrival, newest first")
def list_results(
    services: Services,
    _: Annotated[Principal, Depends(allow(Operation.READ_RESULTS))],
    limit: Limit = 100,
    state: ResultState | None = None,
) -> list[ResultOut]:
    """Results in one state, or all; those held wait for a person."""
    return [ResultOut.of(one) for one in services.desk.results(limit=limit, state=state)]


@router.post("/results/{result_id}/assign", status_code=204, summary="Assign a held result to a release")
def assign(services: Services, result_id: Identifier, wanted: Assignment, principal: _Decider) -> Response:
    """Say to which release it belongs; it is looked at again."""
    services.staff.assign_result(result_id, wanted.release_id, principal.subject)
    return Response(status_code=204)


@router.post("/results/{result_id}/reject", status_code=204, summary="Reject a held result")
def reject(services: Services, result_id: Identifier, reason: Reason, principal: _Decider) -> Response:
    """It goes no further."""
    services.staff.reject_result(result_id, principal.subject, reason.reason)
    return Response(status_code=204)


@router.post("/results/{result_id}/retry", status_code=204, summary="Look at a held result again")
def retry(
    services: Services,
    result_id: Identifier,
    principal: Annotated[Principal, Depends(allow(Operation.RETRY_RESULTS))],
) -> Response:
    """For when what it lacked is there now."""
    services.staff.retry_result(result_id, principal.subject)
    return Response(status_code=204)


@router.get("/quarantine", summary="List instances that are not understood", tags=["Quarantine"])
def list_quarantine(
    services: Services, _: Annotated[Principal, Depends(allow(Operation.READ_QUARANTINE))], limit: Limit = 100
) -> list[QuarantinedOut]:
    """They are kept, with the reason, for a person to look at; nothing of them leaves."""
    return [QuarantinedOut.of(one) for one in services.desk.quarantined(limit=limit)]
