"""All of the API."""

from fastapi import APIRouter

from scanward.web.api import consents, disclosures, faces, held, recipients, releases, results, screens, studies, upload
from scanward.web.problems import RESPONSES

router = APIRouter(prefix="/api/v1", responses=RESPONSES)
for _part in (studies, releases, faces, held, recipients, consents, disclosures, results, screens, upload):
    router.include_router(_part.router)
