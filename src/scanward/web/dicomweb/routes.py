"""All of DICOMweb."""

from fastapi import APIRouter

from scanward.web.dicomweb import stow

router = APIRouter(prefix="/dicom-web")
router.include_router(stow.router)
