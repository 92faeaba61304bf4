"""All of the staff page: an application of its own, whose errors are pages."""

from typing import Annotated

from fastapi import Depends, FastAPI, Form, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import AwareDatetime
from starlette.exceptions import HTTPException

from scanward.errors import AccessError, AgreementError, NetworkError, ScanwardError
from scanward.web.access import Gate
from scanward.web.accounting import View, account_for
from scanward.web.pictures import Which, picture_of
from scanward.web.problems import Problem, describe_validation, log_unexpected, problem_of
from scanward.web.roles import Operation
from scanward.web.services import WebServices
from scanward.web.staff import actions, consents, custody, held, screens, verify
from scanward.web.staff.pages import Pages
from scanward.web.staff.patients import forget
from scanward.web.staff.rendering import STATIC, render, static
from scanward.web.staff.sessions import Session, Sessions, SignInError, is_secure, session_of, sessions_of

_ID = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
_RECIPIENT = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
_TEXT = Annotated[str, Form(max_length=256)]


def _pages(request: Request) -> Pages:
    pages: Pages = request.app.state.pages
    return pages


_SignedIn = Annotated[Session, Depends(session_of)]
_Shown = Annotated[Pages, Depends(_pages)]


def install(app: FastAPI, services: WebServices) -> None:
    """Add the staff page to `app`, below ``/staff``."""
    gate: Gate = app.state.gate
    staff = FastAPI(title="Scanward staff page", version=services.version, openapi_url=None, redirect_slashes=False)
    staff.state.services = services
    staff.state.pages = Pages(services)
    staff.state.sessions = Sessions(services, gate)
    staff.state.counter = app.state.counter
    _add_errors(staff)
    _add_entrance(staff)
    _add_pages(staff)
    _add_accounting(staff)
    actions.install(staff)
    consents.install(staff)
    held.install(staff)
    screens.install(staff)
    verify.install(staff)
    custody.install(staff)
    app.mount("/staff", staff)

    @app.get("/", include_in_schema=False)
    def front() -> Response:
        return RedirectResponse("/staff/", 303)


def _add_errors(staff: FastAPI) -> None:
    def page(request: Request, problem: Problem) -> Response:
        try:
            session = session_of(request)
        except (SignInError, ScanwardError):
            session = None
        return render(request, "problem.html", session, {"problem": problem}, status=problem.status)

    @staff.exception_handler(SignInError)
    def sign_in(request: Request, _error: SignInError) -> Response:
        if "hx-request" in request.headers:
            # A list that renews itself: the whole page has to go, not the list alone.
            return Response(status_code=204, headers={"HX-Redirect": "/staff/sign-in"})
        return RedirectResponse("/staff/sign-in", 303)

    @staff.exception_handler(Problem)
    def refused(request: Request, error: Problem) -> Response:
        return page(request, error)

    @staff.exception_handler(ScanwardError)
    def ours(request: Request, error: ScanwardError) -> Response:
        problem = problem_of(error)
        if problem.status >= 500:
            log_unexpected(error)
        return page(request, problem)

    @staff.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        # What stands in the address and is no id is nothing that there is.
        status = 404 if all(one["loc"][0] == "path" for one in error.errors()) else 422
        return page(request, Problem(status, describe_validation(error) if status == 422 else ""))

    @staff.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> Response:
        return page(request, Problem(error.status_code))


def _add_entrance(staff: FastAPI) -> None:
    @staff.get("/static/{name}")
    def file(name: str) -> Response:
        if name not in STATIC:
            raise Problem(404)
        return static(name)

    @staff.get("/sign-in")
    def sign_in(request: Request) -> HTMLResponse:
        return render(request, "sign_in.html", None, {"token": "", "wrong": ""})

    @staff.get("/enter")
    def enter(request: Request, token: Annotated[str, Query(max_length=16384)] = "") -> HTMLResponse:
        # A link is used up by the button on the page it opens, not by whatever looks at links.
        return render(request, "sign_in.html", None, {"token": token, "wrong": ""})

    @staff.post("/enter")
    def begin(request: Request, token: Annotated[str, Form(max_length=16384)]) -> Response:
        sessions = sessions_of(request)
        sessions.check_origin(request)
        response = RedirectResponse("/staff/", 303)
        try:
            sessions.begin(token.strip(), response, secure=is_secure(request))
        except (AccessError, NetworkError) as error:
            wrong = f"This did not work: {error}."
            return render(request, "sign_in.html", None, {"token": "", "wrong": wrong}, status=403)
        return response

    @staff.post("/sign-out")
    def end(request: Request, session: _SignedIn, csrf: _TEXT = "") -> Response:
        sessions = sessions_of(request)
        sessions.check_form(request, session, csrf)
        response = RedirectResponse("/staff/sign-in", 303)
        sessions.end(session, response)
        forget(response)
        return response


def _add_pages(staff: FastAPI) -> None:
    def show(request: Request, session: Session, operation: Operation) -> None:
        sessions_of(request).require(session, operation)

    @staff.get("/")
    def overview(request: Request, session: _SignedIn, pages: _Shown) -> HTMLResponse:
        show(request, session, Operation.READ_STUDIES)
        return render(request, "overview.html", session, pages.overview())

    @staff.get("/studies")
    def studies(
        request: Request, session: _SignedIn, pages: _Shown, before: AwareDatetime | None = None
    ) -> HTMLResponse:
        show(request, session, Operation.READ_STUDIES)
        return render(request, "studies.html", session, pages.studies(before))

    @staff.get("/studies/{study_id}")
    def study(request: Request, session: _SignedIn, pages: _Shown, study_id: _ID) -> HTMLResponse:
        show(request, session, Operation.READ_STUDIES)
        return render(request, "study.html", session, pages.study(study_id))

    @staff.get("/releases/{release_id}")
    def release(request: Request, session: _SignedIn, pages: _Shown, release_id: _ID) -> HTMLResponse:
        show(request, session, Operation.READ_RELEASES)
        return render(request, "release.html", session, pages.release(release_id))

    @staff.get("/releases/{release_id}/faces/{number}/{which}")
    def face(
        request: Request,
        session: _SignedIn,
        release_id: _ID,
        number: Annotated[int, Path(ge=1, le=100_000)],
        which: Which,
    ) -> Response:
        show(request, session, Operation.READ_IDENTITIES)
        services: WebServices = request.app.state.services
        return picture_of(services.find_volumes(release_id), number, which)

    @staff.get("/waiting")
    def waiting(request: Request, session: _SignedIn, pages: _Shown) -> HTMLResponse:
        show(request, session, Operation.READ_RELEASES)
        return render(request, "waiting.html", session, pages.waiting())

    @staff.get("/recipients")
    def recipients(request: Request, session: _SignedIn, pages: _Shown) -> HTMLResponse:
        show(request, session, Operation.READ_RECIPIENTS)
        return render(request, "recipients.html", session, {**pages.recipients(), **_today(request)})

    @staff.get("/recipients/{recipient_id}")
    def recipient(request: Request, session: _SignedIn, pages: _Shown, recipient_id: _RECIPIENT) -> HTMLResponse:
        show(request, session, Operation.READ_RECIPIENTS)
        return render(request, "recipient.html", session, {**pages.recipient(recipient_id), **_today(request)})

    @staff.get("/disclosures")
    def disclosures(request: Request, session: _SignedIn, pages: _Shown) -> HTMLResponse:
        show(request, session, Operation.READ_DISCLOSURES)
        return render(request, "disclosures.html", session, pages.disclosures())


def _today(request: Request) -> dict[str, object]:
    services: WebServices = request.app.state.services
    return {"today": services.clock().date()}


def _add_accounting(staff: FastAPI) -> None:
    # A form that is posted, though it changes nothing: addresses are kept by browsers and logged by proxies.
    @staff.post("/disclosures")
    def accounting(
        request: Request,
        session: _SignedIn,
        patient_id: _TEXT = "",
        issuer: _TEXT = "",
        view: Annotated[View, Form()] = "statutory",
        csrf: _TEXT = "",
    ) -> HTMLResponse:
        services: WebServices = request.app.state.services
        sessions = sessions_of(request)
        sessions.check_form(request, session, csrf)
        sessions.require(session, Operation.READ_DISCLOSURES)
        try:
            index = services.staff.patient(patient_id.strip(), issuer.strip())
        except AgreementError as error:
            raise Problem(422, str(error), remedy="Go back and give a Patient ID.") from None
        found = account_for(services, index, view)
        content = {"account": found, "view": view, "patient_id": patient_id.strip(), "issuer": issuer.strip()}
        return render(request, f"accounting_{view}.html", session, content)
