"""The page on screens of devices: where text was found on them of late, drawn without an image, and what is filled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, Path, Request
from fastapi import Form as Field
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from scanward.deidentify.pixels.layouts import FEWEST_INSTANCES
from scanward.flow.screens import ScreenCase, find_cases
from scanward.flow.staff import Staff
from scanward.model.screens import Box, ScreenDecision
from scanward.web.problems import Problem
from scanward.web.roles import Operation
from scanward.web.services import WebServices
from scanward.web.staff.rendering import render
from scanward.web.staff.sessions import Session, posted, session_of, sessions_of

MAX_BOXES = 100
"""So many boxes of a screen a person can choose."""

_ID = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
_Decider = Annotated[Session, Depends(posted(Operation.DECIDE_SCREENS))]
_Chosen = Annotated[
    list[Annotated[str, Field(pattern=r"^[0-9]{1,5}(,[0-9]{1,5}){3}$")]] | None, Field(max_length=MAX_BOXES)
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """A box on a drawing of a screen.

    Attributes
    ----------
    number
        What it goes by beside the drawing.
    box
        Where it is.
    kind
        "filled" or "proposed", or "shipped" for what is filled anyway.
    """

    number: int
    box: Box
    kind: str

    @property
    def value(self) -> str:
        """How a form names it."""
        return ",".join(map(str, self.box))


@dataclass(frozen=True, kw_only=True, slots=True)
class ScreenRow:
    """A screen and what is drawn on it."""

    case: ScreenCase
    drawn: Sequence[Drawn]


def row_of(case: ScreenCase) -> ScreenRow:
    """Return a screen with its boxes numbered."""
    kinds = (("filled", case.recorded.boxes), ("proposed", case.proposed), ("shipped", case.shipped))
    boxes = [(kind, box) for kind, found in kinds for box in found]
    return ScreenRow(
        case=case, drawn=[Drawn(number=number, box=box, kind=kind) for number, (kind, box) in enumerate(boxes, 1)]
    )


def install(staff: FastAPI) -> None:
    """Add the page and its forms to the staff page."""

    @staff.get("/screens")
    def screens(request: Request, session: Annotated[Session, Depends(session_of)]) -> HTMLResponse:
        sessions_of(request).require(session, Operation.READ_SCREENS)
        services: WebServices = request.app.state.services
        cases = {one: find_cases(services.desk, one) for one in ScreenDecision}
        waiting = [one for one in cases[ScreenDecision.OPEN] if one.proposed]
        content = {
            "waiting": [row_of(one) for one in waiting],
            "filled": [row_of(one) for one in cases[ScreenDecision.FILLED]],
            "left": [row_of(one) for one in cases[ScreenDecision.LEFT]],
            "others": [one for one in cases[ScreenDecision.OPEN] if not one.proposed],
            "fewest": FEWEST_INSTANCES,
        }
        return render(request, "screens.html", session, content)

    @staff.post("/screens/{screen_id}/fill")
    def fill(request: Request, screen_id: _ID, session: _Decider, box: _Chosen = None) -> Response:
        if not box:
            raise Problem(422, "expected a box at least, got none", remedy="Go back and choose what is filled.")
        _staff(request).fill_screen(screen_id, [_to_box(one) for one in box], session.principal.subject)
        return _done("filled")

    @staff.post("/screens/{screen_id}/leave")
    def leave(request: Request, screen_id: _ID, session: _Decider) -> Response:
        _staff(request).leave_screen(screen_id, session.principal.subject)
        return _done("left")

    @staff.post("/screens/{screen_id}/stop")
    def stop(request: Request, screen_id: _ID, session: _Decider) -> Response:
        _staff(request).stop_filling(screen_id, session.principal.subject)
        return _done("unfilled")


def _to_box(text: str) -> Box:
    x, y, width, height = map(int, text.split(","))
    return x, y, width, height


def _done(said: str) -> Response:
    return RedirectResponse(f"/staff/screens?said={said}", 303)


def _staff(request: Request) -> Staff:
    services: WebServices = request.app.state.services
    return services.staff
