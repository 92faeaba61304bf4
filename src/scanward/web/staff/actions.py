"""What the forms of the staff page do. Each is checked for where it comes from and for the role behind it."""

from typing import Annotated

from fastapi import Depends, FastAPI, Form, Path, Request
from fastapi.responses import RedirectResponse, Response

from scanward.flow.staff import Staff
from scanward.web.roles import Operation
from scanward.web.services import WebServices
from scanward.web.staff.sessions import Session, posted

_ID = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
_TEXT = Annotated[str, Form(max_length=500)]


def install(staff: FastAPI) -> None:
    """Add the forms to the staff page."""
    decider = Depends(posted(Operation.DECIDE_RELEASES))
    judge = Depends(posted(Operation.DECIDE_RESULTS))

    def done(place: str, said: str) -> Response:
        return RedirectResponse(f"/staff/{place}?said={said}", 303)

    @staff.post("/releases/{release_id}/approve")
    def approve(request: Request, release_id: _ID, session: Annotated[Session, decider]) -> Response:
        _staff(request).approve_release(release_id, session.principal.subject)
        return done(f"releases/{release_id}", "approved")

    @staff.post("/releases/{release_id}/refuse")
    def refuse(request: Request, release_id: _ID, session: Annotated[Session, decider], reason: _TEXT = "") -> Response:
        _staff(request).refuse_release(release_id, session.principal.subject, reason.strip())
        return done(f"releases/{release_id}", "refused")

    @staff.post("/releases/{release_id}/stop")
    def stop(request: Request, release_id: _ID, session: Annotated[Session, decider], reason: _TEXT = "") -> Response:
        _staff(request).stop_release(release_id, session.principal.subject, reason.strip())
        return done(f"releases/{release_id}", "stopped")

    @staff.post("/releases/{release_id}/retry")
    def retry(
        request: Request,
        release_id: _ID,
        session: Annotated[Session, Depends(posted(Operation.RETRY_RELEASES))],
    ) -> Response:
        _staff(request).retry_release(release_id, session.principal.subject)
        return done(f"releases/{release_id}", "retried")

    @staff.post("/results/{result_id}/assign")
    def assign(
        request: Request,
        result_id: _ID,
        session: Annotated[Session, judge],
        release_id: Annotated[str, Form(pattern=r"^[0-9a-f]{32}$")],
    ) -> Response:
        _staff(request).assign_result(result_id, release_id, session.principal.subject)
        return done("waiting", "assigned")

    @staff.post("/results/{result_id}/reject")
    def reject(request: Request, result_id: _ID, session: Annotated[Session, judge], reason: _TEXT = "") -> Response:
        _staff(request).reject_result(result_id, session.principal.subject, reason.strip())
        return done("waiting", "rejected")

    @staff.post("/results/{result_id}/retry")
    def look_again(
        request: Request,
        result_id: _ID,
        session: Annotated[Session, Depends(posted(Operation.RETRY_RESULTS))],
    ) -> Response:
        _staff(request).retry_result(result_id, session.principal.subject)
        return done("waiting", "looking")


def _staff(request: Request) -> Staff:
    services: WebServices = request.app.state.services
    return services.staff
