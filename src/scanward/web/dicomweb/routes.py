"""All of DICOMweb."""

from fastapi import APIRouter

from scanward.web.dicomweb import qido, stow, wado

router = APIRouter(prefix="/dicom-web")
for _part in (stow, qido, wado):
    router.include_router(_part.router)
