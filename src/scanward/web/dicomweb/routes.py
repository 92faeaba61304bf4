"""All of DICOMweb."""

from fastapi import APIRouter

from scanward.web.dicomweb import qido, stow, wado
from scanward.web.problems import RESPONSES

router = APIRouter(prefix="/dicom-web", responses=RESPONSES)
for _part in (stow, qido, wado):
    router.include_router(_part.router)
