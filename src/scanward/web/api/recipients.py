"""Recipients and what was agreed with each."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from scanward.web.access import Services, allow
from scanward.web.api.schemas import RecipientId, RecipientOut, VersionOut
from scanward.web.auth import Principal
from scanward.web.problems import Problem
from scanward.web.roles import Operation

router = APIRouter(prefix="/recipients", tags=["Recipients"])

_Reader = Annotated[Principal, Depends(allow(Operation.READ_RECIPIENTS))]
_Manager = Annotated[Principal, Depends(allow(Operation.MANAGE_RECIPIENTS))]


@router.get("", summary="List recipients in force")
def list_recipients(services: Services, _: _Reader) -> list[RecipientOut]:
    """Every recipient in force, by id."""
    return [RecipientOut.of(one) for one in services.registry.recipients()]


@router.get("/{recipient_id}", summary="Show a recipient")
def get_recipient(services: Services, recipient_id: RecipientId, _: _Reader) -> RecipientOut:
    """The version in force."""
    recipient = services.registry.find_recipient(recipient_id)
    if recipient is None:
        raise Problem(404)
    return RecipientOut.of(recipient)


@router.put(
    "/{recipient_id}",
    summary="Put a recipient's document into force",
    openapi_extra={"requestBody": {"required": True, "content": {"application/toml": {"schema": {"type": "string"}}}}},
)
async def put_recipient(
    request: Request,
    services: Services,
    recipient_id: RecipientId,
    principal: _Manager,
) -> RecipientOut:
    """The body is the TOML document, in UTF-8. Earlier versions stay on record."""
    try:
        document = (await request.body()).decode()
    except UnicodeDecodeError:
        raise Problem(422, "expected a document in UTF-8") from None
    return RecipientOut.of(
        await run_in_threadpool(services.staff.save_recipient, recipient_id, document, principal.subject)
    )


@router.post("/{recipient_id}/end", status_code=204, summary="Take a recipient out of force")
def end_recipient(services: Services, recipient_id: RecipientId, principal: _Manager) -> Response:
    """Nothing more leaves for it, what is queued included."""
    services.staff.end_recipient(recipient_id, principal.subject)
    return Response(status_code=204)


@router.get("/{recipient_id}/versions", summary="List the versions of a recipient's document")
def list_versions(services: Services, recipient_id: RecipientId, _: _Reader) -> list[VersionOut]:
    """Newest first."""
    versions = services.desk.recipient_versions(recipient_id)
    if not versions:
        raise Problem(404)
    return [VersionOut.of(one) for one in versions]
