"""All of the API."""

from fastapi import APIRouter

from scanward.web.api import (
    consents,
    custody,
    disclosures,
    faces,
    held,
    recipients,
    releases,
    results,
    screens,
    studies,
    upload,
    verify,
)
from scanward.web.problems import RESPONSES

router = APIRouter(prefix="/api/v1", responses=RESPONSES)
for _part in (studies, releases, faces, held, recipients, consents, disclosures, results, screens, upload):
    router.include_router(_part.router)
for _part in (verify, custody):
    router.include_router(_part.router)
