"""What is known of a file: whether it is as it was sealed, where it differs, and what else points to its origin."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from scanward.web.access import Services, allow
from scanward.web.auth import Principal
from scanward.web.roles import Operation, is_allowed
from scanward.web.verdicts import VerdictOut
from scanward.web.verifying import RAW_TYPES, counter_of, may_show_pictures, received

router = APIRouter(tags=["Verify"])

_FILE = {"type": "string", "format": "binary"}
_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {"type": "object", "properties": {"file": _FILE}, "required": ["file"]},
        },
        **{kind: {"schema": _FILE} for kind in sorted(RAW_TYPES)},
    },
}


@router.post("/verify", summary="Tell what is known of a file", openapi_extra={"requestBody": _BODY})
async def verify(
    request: Request,
    services: Services,
    principal: Annotated[Principal, Depends(allow(Operation.VERIFY_SCANS))],
    *,
    pictures: Annotated[bool, Query(description="With pictures of what was altered.")] = False,
) -> VerdictOut:
    """A DICOM file, PNG, JPEG, TIFF or WebP of at most 512 MB: in a form, or as the body itself. Nothing of it is kept.

    409: what vouches for its seal does not hold, and `fault` says how. 422: the file cannot be read.
    """
    counter = counter_of(request)
    with counter.enter():
        async with received(request, services) as file:
            verdict = await counter.verify(file.content)
    reads = is_allowed(principal.roles, Operation.READ_IDENTITIES)
    return VerdictOut.of(verdict, with_pictures=pictures and may_show_pictures(verdict, reads_identities=reads))
