"""What was found of the head scans of a release, and pictures of what a stranger could see."""

from dataclasses import asdict
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, Field

from scanward.model.faces import FaceFinding, FaceVolume
from scanward.web.access import Services, allow
from scanward.web.api.schemas import Identifier
from scanward.web.auth import Principal
from scanward.web.pictures import Which, picture_of
from scanward.web.roles import Operation, is_allowed

router = APIRouter(prefix="/releases/{release_id}/faces", tags=["Releases"])


class FaceVolumeOut(BaseModel):
    """What was found of one volume of the study. Null: it was not measured."""

    number: int = Field(description="By which its pictures are asked for, 1 the first.")
    modality: str
    instances: int = Field(description="How many instances have slices of it.")
    slices: int
    finding: str = Field(description=f"One of {', '.join(one.name.lower() for one in FaceFinding)}.")
    finding_in_words: str
    reasons: list[str] = Field(description="Why it is held; none where it is not.")
    metric: float | None = Field(description="Mutual information with the template; the lower the better.")
    overlap: float | None = Field(description="Dice overlap of head and template, 0 to 1.")
    vault_mm: float | None = Field(description="Median distance of the skull vault from the template's.")
    rotation_degrees: float | None
    scales: tuple[float, float] | None = Field(description="By how much the template was scaled, least and largest.")
    changed_share: float | None = Field(description="Share of voxels that were changed.")
    face_kept: float | None = Field(description="Share of the surface of the face within 1.5 mm of what it was.")
    ears_kept: float | None = Field(description="The same of the ears.")
    hits_before: int | None = Field(description="In how many renders a detector found a face.")
    hits_after: int | None = Field(description="The same of the result.")
    renders: int | None = Field(description="How many renders there are of each.")
    before: str = Field(default="", description="Address of a picture of what came; for who may read identities.")
    after: str = Field(default="", description="The same of the result.")

    @classmethod
    def of(cls, release_id: str, number: int, one: FaceVolume, *, with_pictures: bool) -> Self:
        """Return a volume as the API shows it."""
        address = f"/api/v1/releases/{release_id}/faces/{number}"
        return cls(
            number=number,
            modality=one.modality,
            instances=one.instances,
            slices=one.slices,
            finding=one.finding.name.lower(),
            finding_in_words=one.finding.value,
            reasons=list(one.reasons),
            **asdict(one.figures),
            before=f"{address}/before" if with_pictures and one.before else "",
            after=f"{address}/after" if with_pictures and one.after else "",
        )


@router.get("", summary="Show what was found of the head scans of a release")
def list_volumes(
    services: Services, release_id: Identifier, principal: Annotated[Principal, Depends(allow(Operation.READ_RELEASES))]
) -> list[FaceVolumeOut]:
    """Each volume of its study that may show a head: what it is, why it is held, and what was measured."""
    with_pictures = is_allowed(principal.roles, Operation.READ_IDENTITIES)
    return [
        FaceVolumeOut.of(release_id, number, one, with_pictures=with_pictures)
        for number, one in enumerate(services.find_volumes(release_id), 1)
    ]


@router.get(
    "/{number}/{which}",
    summary="Show what a stranger could see of a head scan",
    response_class=Response,
    responses={
        200: {"content": {"image/png": {}}, "description": "From the front, half from the side, from the side."}
    },
)
def show_picture(
    services: Services,
    release_id: Identifier,
    number: Annotated[int, Path(ge=1, le=100_000)],
    which: Which,
    _: Annotated[Principal, Depends(allow(Operation.READ_IDENTITIES))],
) -> Response:
    """A PNG. That of before may show who the patient is."""
    return picture_of(services.find_volumes(release_id), number, which)
