"""Releases: what was decided, what left, and what a person decides."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from scanward.model.release import ReleaseState
from scanward.web.access import Services, allow
from scanward.web.api.moments import aware
from scanward.web.api.schemas import (
    Before,
    Changed,
    EventOut,
    Identifier,
    ItemOut,
    Limit,
    Reason,
    ReleaseDetail,
    ReleaseOut,
    releases_out,
)
from scanward.web.auth import Principal
from scanward.web.roles import Operation

router = APIRouter(prefix="/releases", tags=["Releases"])

_Reader = Annotated[Principal, Depends(allow(Operation.READ_RELEASES))]
_Decider = Annotated[Principal, Depends(allow(Operation.DECIDE_RELEASES))]


@router.get("", summary="List releases by last change, newest first")
def list_releases(
    services: Services,
    _: _Reader,
    limit: Limit = 100,
    state: ReleaseState | None = None,
    recipient: Annotated[str, Query(max_length=63)] = "",
    before: Before = None,
) -> list[ReleaseOut]:
    """Releases in one state or of one recipient, or all."""
    return releases_out(services.desk.releases(limit=limit, state=state, recipient=recipient, before=aware(before)))


@router.get("/{release_id}", summary="Show a release")
def get_release(services: Services, release_id: Identifier, _: _Reader) -> ReleaseDetail:
    """A release with what became of each instance, and its history."""
    release = ReleaseOut.of(services.ledger.get_release(release_id))
    return ReleaseDetail(
        **release.model_dump(),
        items=[ItemOut.of(line) for line in services.desk.release_items(release_id)],
        history=[EventOut.of(event) for event in services.desk.history(release_id)],
    )


@router.post("/{release_id}/approve", status_code=204, summary="Approve a release")
def approve(services: Services, release_id: Identifier, principal: _Decider) -> Response:
    """Approve a release that awaits approval; it is decided on again."""
    services.staff.approve_release(release_id, principal.subject)
    return Response(status_code=204)


@router.post("/{release_id}/refuse", status_code=204, summary="Refuse a release")
def refuse(services: Services, release_id: Identifier, reason: Reason, principal: _Decider) -> Response:
    """Refuse a release that awaits approval."""
    services.staff.refuse_release(release_id, principal.subject, reason.reason)
    return Response(status_code=204)


@router.post("/{release_id}/stop", status_code=204, summary="Stop a release")
def stop(services: Services, release_id: Identifier, reason: Reason, principal: _Decider) -> Response:
    """Let nothing more of it leave; what has left stays on record."""
    services.staff.stop_release(release_id, principal.subject, reason.reason)
    return Response(status_code=204)


@router.post("/{release_id}/retry", summary="Send again what failed")
def retry(
    services: Services,
    release_id: Identifier,
    principal: Annotated[Principal, Depends(allow(Operation.RETRY_RELEASES))],
) -> Changed:
    """Queue failed instances again, and those of which it is not known whether they arrived."""
    return Changed(instances=services.staff.retry_release(release_id, principal.subject))
