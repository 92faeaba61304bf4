"""Screens of devices, and what is always filled on them."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from scanward.flow.screens import ScreenCase, find_cases
from scanward.model.screens import Box, ScreenDecision
from scanward.web.access import Services, allow
from scanward.web.api.schemas import Identifier, Taken
from scanward.web.auth import Principal
from scanward.web.roles import Operation

router = APIRouter(tags=["Screens"])

_Decider = Annotated[Principal, Depends(allow(Operation.DECIDE_SCREENS))]


_Boxes = Annotated[
    list[Box], Field(min_length=1, max_length=100, description="Column, row, width and height of each, in pixels.")
]


class WhatToFill(Taken):
    """What is filled in every image of a screen."""

    boxes: _Boxes


class ScreenOut(BaseModel):
    """A screen of a device."""

    screen_id: str
    manufacturer: str = Field(description="Manufacturer (0008,0070) in lower case.")
    model: str = Field(description="Manufacturer's Model Name (0008,1090) in lower case.")
    sop_class_uid: str
    rows: int
    columns: int
    images: int = Field(description="How many of the latest images are known.")
    seen: datetime = Field(description="When the last of them was looked at.")
    decision: ScreenDecision
    filled: list[Box] = Field(description="What people had filled: column, row, width and height of each.")
    proposed: list[Box] = Field(description="Where text stands in nearly all of them, beyond what is filled.")
    shipped: list[Box] = Field(description="What is filled anyway, since Scanward knows the device.")
    decided: datetime | None
    decided_by: str

    @classmethod
    def of(cls, case: ScreenCase) -> Self:
        """Return a screen as the API shows it."""
        recorded, screen = case.recorded, case.recorded.screen
        return cls(
            screen_id=screen.screen_id,
            manufacturer=screen.manufacturer,
            model=screen.model,
            sop_class_uid=screen.sop_class_uid,
            rows=screen.rows,
            columns=screen.columns,
            images=len(recorded.images),
            seen=recorded.seen,
            decision=recorded.decision,
            filled=list(recorded.boxes),
            proposed=list(case.proposed),
            shipped=list(case.shipped),
            decided=recorded.decided,
            decided_by=recorded.decided_by,
        )


@router.get("/screens", summary="List screens of devices, seen last first")
def list_screens(
    services: Services,
    _: Annotated[Principal, Depends(allow(Operation.READ_SCREENS))],
    decision: ScreenDecision = ScreenDecision.OPEN,
) -> list[ScreenOut]:
    """Those on which nobody decided, with what is proposed; or those that are filled, or left as they are."""
    return [ScreenOut.of(one) for one in find_cases(services.desk, decision)]


@router.post("/screens/{screen_id}/fill", status_code=204, summary="Fill boxes in every image of a screen")
def fill(services: Services, screen_id: Identifier, wanted: WhatToFill, principal: _Decider) -> Response:
    """Besides what is found in each; in place of what was filled before. What waits is prepared again."""
    services.staff.fill_screen(screen_id, wanted.boxes, principal.subject)
    return Response(status_code=204)


@router.post("/screens/{screen_id}/leave", status_code=204, summary="Leave a screen as it is for now")
def leave(services: Services, screen_id: Identifier, principal: _Decider) -> Response:
    """Nothing is filled but what is found, and it is not proposed again."""
    services.staff.leave_screen(screen_id, principal.subject)
    return Response(status_code=204)


@router.post("/screens/{screen_id}/stop", status_code=204, summary="Fill a screen no more")
def stop(services: Services, screen_id: Identifier, principal: _Decider) -> Response:
    """But what is found in each image. What waits is prepared again."""
    services.staff.stop_filling(screen_id, principal.subject)
    return Response(status_code=204)
