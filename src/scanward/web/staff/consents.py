"""The pages on what a patient allows and refuses.

A patient is looked up by a form that is posted, and is named in no address after that. Whatever changes is shown with
what it would stop and let go first, and done by a second form, once.
"""

import secrets
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi import Form as Field
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from scanward.errors import AgreementError
from scanward.web.problems import Problem
from scanward.web.roles import Operation
from scanward.web.services import WebServices
from scanward.web.staff.patients import MAX_REFERENCE, Named, recall, refer, remember, resolve
from scanward.web.staff.provisions import Form, purposes_to_choose, row_of, tell
from scanward.web.staff.rendering import render
from scanward.web.staff.sessions import Session, posted, session_of, sessions_of

STUDIES_COUNTED = 50
SENT_FORM = timedelta(hours=9)
"""So long it is known that a form was sent: longer than the session it is of."""

_PATIENT_PAGE = "/staff/consents/patient"

_Reader = Annotated[Session, Depends(session_of)]
_Looker = Annotated[Session, Depends(posted(Operation.READ_CONSENTS))]
_Manager = Annotated[Session, Depends(posted(Operation.MANAGE_CONSENTS))]
_Text = Annotated[str, Field(max_length=256)]
_Reference = Annotated[str, Field(max_length=MAX_REFERENCE)]
_Once = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
_Number = Annotated[int, Field(ge=0, le=2**53)]


def _form(
    effect: Annotated[str, Field(max_length=8)] = "",
    purposes: Annotated[list[str] | None, Field(max_length=100)] = None,
    whom: Annotated[str, Field(pattern="^(every|some)$")] = "every",
    recipients: Annotated[list[str] | None, Field(max_length=1000)] = None,
    first: Annotated[str, Field(max_length=32)] = "",
    last: Annotated[str, Field(max_length=32)] = "",
) -> Form:
    return Form(
        effect=effect,
        purposes=tuple(purposes or ()),
        whom=whom,
        recipients=tuple(recipients or ()),
        first=first.strip(),
        last=last.strip(),
    )


_Filled = Annotated[Form, Depends(_form)]


def install(staff: FastAPI) -> None:
    """Add the pages to the staff page."""
    _add_lookup(staff)
    _add_recording(staff)
    _add_withdrawal(staff)


def _add_lookup(staff: FastAPI) -> None:
    @staff.get("/consents")
    def ask(request: Request, session: _Reader) -> HTMLResponse:
        sessions_of(request).require(session, Operation.READ_CONSENTS)
        return render(request, "consents.html", session, {"wrong": ""})

    @staff.post("/consents")
    def look_up(request: Request, session: _Looker, patient_id: _Text = "", issuer: _Text = "") -> Response:
        try:
            index = _services(request).staff.patient(patient_id.strip(), issuer.strip())
        except AgreementError:
            return render(request, "consents.html", session, {"wrong": "Give a Patient ID."}, status=422)
        return _show(request, session, Named(index=index, patient_id=patient_id.strip(), issuer=issuer.strip()))

    @staff.post("/consents/of-study")
    def look_up_by_study(
        request: Request, session: _Looker, study_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    ) -> Response:
        study = _services(request).ledger.get_study(study_id)
        known = study.patient if session.may("READ_IDENTITIES") else None
        named = Named(
            index=study.patient_id,
            patient_id=known.patient_id if known else "",
            issuer=known.issuer if known else "",
            study_id=study_id,
        )
        return _show(request, session, named)

    @staff.get("/consents/patient")
    def patient(request: Request, session: _Reader) -> Response:
        sessions_of(request).require(session, Operation.READ_CONSENTS)
        named = recall(request, session)
        if named is None:
            return RedirectResponse("/staff/consents", 303)
        return _patient_page(request, session, named, Form(), {})


def _add_recording(staff: FastAPI) -> None:
    @staff.post("/consents/check")
    def check(request: Request, session: _Manager, patient: _Reference, form: _Filled) -> Response:
        services = _services(request)
        named = resolve(services, session, patient)
        errors = form.errors()
        if errors:
            return _patient_page(request, session, named, form, errors)
        try:
            foresight = services.staff.foresee_provision(named.index, form.content())
        except AgreementError as error:
            return _patient_page(request, session, named, form, {"form": f"{error}."})
        content = {
            "action": "/staff/consents/record",
            "provision": services.staff.read_provision(form.content()),
            "withdraws": None,
            "fields": _fields(form),
            "told": tell(foresight),
        }
        return _check_page(request, session, named, content)

    @staff.post("/consents/record")
    def record(request: Request, session: _Manager, patient: _Reference, once: _Once, form: _Filled) -> Response:
        services = _services(request)
        named = resolve(services, session, patient)
        if form.errors():
            raise Problem(422, "expected a form that was looked at before")
        if not _use(services, session, once):
            return _show(request, session, named, said="before")
        services.staff.add_provision(named.index, form.content(), session.principal.subject)
        return _show(request, session, named, said="recorded")


def _add_withdrawal(staff: FastAPI) -> None:
    @staff.post("/consents/check-withdrawal")
    def check(request: Request, session: _Manager, patient: _Reference, provision_id: _Number) -> Response:
        services = _services(request)
        named = resolve(services, session, patient)
        foresight = services.staff.foresee_revocation(named.index, provision_id)
        recorded = services.registry.provisions(named.index)
        provision = next(one.provision for one in recorded if one.provision_id == provision_id)
        content = {
            "action": "/staff/consents/withdraw",
            "provision": provision,
            "withdraws": provision_id,
            "fields": [("provision_id", str(provision_id))],
            "told": tell(foresight),
        }
        return _check_page(request, session, named, content)

    @staff.post("/consents/withdraw")
    def withdraw(
        request: Request, session: _Manager, patient: _Reference, once: _Once, provision_id: _Number
    ) -> Response:
        services = _services(request)
        named = resolve(services, session, patient)
        if not _use(services, session, once):
            return _show(request, session, named, said="before")
        services.staff.revoke_provision(named.index, provision_id, session.principal.subject)
        return _show(request, session, named, said="withdrawn")


def _services(request: Request) -> WebServices:
    services: WebServices = request.app.state.services
    return services


def _use(services: WebServices, session: Session, once: str) -> bool:
    """Note that a form is sent; False where it was before, as by a button that was pressed twice."""
    now = services.clock()
    return services.ledger.use_up_token(f"form {session.principal.token_id} {once}", until=now + SENT_FORM, at=now)


def _show(request: Request, session: Session, named: Named, *, said: str = "") -> Response:
    """Lead the browser to the page of a patient."""
    response = RedirectResponse(_PATIENT_PAGE + (f"?said={said}" if said else ""), 303)
    remember(request, response, refer(_services(request), session, named))
    return response


def _patient_page(
    request: Request, session: Session, named: Named, form: Form, errors: Mapping[str, str]
) -> HTMLResponse:
    services = _services(request)
    now = services.clock()
    rows = [row_of(one, now) for one in services.registry.provisions(named.index)]
    recipients = services.registry.recipients()
    usual, others = purposes_to_choose(recipients)
    content = {
        **_who(services, session, named),
        "rows": [one for one in rows if not one.is_over],
        "over": [one for one in rows if one.is_over],
        "consented": services.staff.consented(named.index),
        "history": services.desk.history(named.index),
        "names": {one.recipient_id: one.name for one in recipients},
        "recipients": recipients,
        "usual": usual,
        "others": others,
        "form": form,
        "errors": errors,
    }
    return render(request, "consent.html", session, content, status=422 if errors else 200)


def _check_page(request: Request, session: Session, named: Named, content: dict[str, object]) -> HTMLResponse:
    services = _services(request)
    names = {one.recipient_id: one.name for one in services.registry.recipients()}
    who = _who(services, session, named)
    return render(
        request, "consent_check.html", session, {**who, **content, "names": names, "once": secrets.token_hex(16)}
    )


def _who(services: WebServices, session: Session, named: Named) -> dict[str, object]:
    """Return whom a page is about, as far as who looks may know, and how many of their studies there are."""
    lines = services.desk.studies(limit=STUDIES_COUNTED + 1, patient_id=named.index)
    identity = None
    if lines and session.may("READ_IDENTITIES"):
        identity = services.ledger.get_study(lines[0].study_id).patient
    return {
        "named": named,
        "patient": refer(services, session, named),
        "identity": identity,
        "studies": lines[:STUDIES_COUNTED],
        "more_studies": len(lines) > STUDIES_COUNTED,
    }


def _fields(form: Form) -> list[tuple[str, str]]:
    """Return a form as hidden fields."""
    fields: list[tuple[str, str]] = []
    for name, value in asdict(form).items():
        fields += [(name, one) for one in ((value,) if isinstance(value, str) else value)]
    return fields
