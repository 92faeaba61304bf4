"""All of the API."""

from typing import Any

from fastapi import APIRouter

from scanward.web.api import consents, disclosures, recipients, releases, results, studies, upload
from scanward.web.problems import MEDIA_TYPE, ProblemDocument

_PROBLEM: dict[str, Any] = {"model": ProblemDocument, "content": {MEDIA_TYPE: {}}}

_RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {**_PROBLEM, "description": "The request is malformed."},
    401: {**_PROBLEM, "description": "No valid token."},
    403: {**_PROBLEM, "description": "The token's roles do not allow this."},
    404: {**_PROBLEM, "description": "There is no such thing."},
    409: {**_PROBLEM, "description": "Its state does not allow this."},
    413: {**_PROBLEM, "description": "The body is too large."},
    415: {**_PROBLEM, "description": "Another media type was expected."},
    422: {**_PROBLEM, "description": "A value is not what was expected."},
    502: {**_PROBLEM, "description": "The archive does not answer as it should."},
    503: {**_PROBLEM, "description": "A store cannot be reached."},
    507: {**_PROBLEM, "description": "There is no room; nothing was deleted."},
}

router = APIRouter(prefix="/api/v1", responses=_RESPONSES)
for _part in (studies, releases, recipients, consents, disclosures, results, upload):
    router.include_router(_part.router)
