"""Whom a page is about: kept encrypted in the page's forms and in a cookie, never in an address."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

from fastapi import Request, Response

from scanward.errors import StoreError
from scanward.web.problems import Problem
from scanward.web.services import WebServices
from scanward.web.staff.sessions import SESSION, Session, is_secure

COOKIE = "scanward_patient"
PLACE = "/staff/consents"
"""The cookie is sent to pages below this only."""

MAX_REFERENCE = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A patient whom somebody looked up.

    Attributes
    ----------
    index
        Blind index.
    patient_id, issuer
        As they were typed in, or as the study has them where who looks may know; else empty.
    study_id
        By which of the patient's studies they were found; empty where by Patient ID.
    """

    index: str
    patient_id: str = ""
    issuer: str = ""
    study_id: str = ""

    def __repr__(self) -> str:
        """Show nothing of it."""
        return "Named()"


def refer(services: WebServices, session: Session, named: Named) -> str:
    """Return a reference to a patient that is of use in this session only, and tells nobody anything."""
    content = json.dumps([named.index, named.patient_id, named.issuer, named.study_id], ensure_ascii=False)
    return urlsafe_b64encode(services.sealing.seal(_owner(session), content)).decode("ascii")


def resolve(services: WebServices, session: Session, reference: str) -> Named:
    """Return whom a reference is to; raises `Problem` 403 where it is not of this session."""
    try:
        sealed = urlsafe_b64decode(reference.encode("ascii"))
        index, patient_id, issuer, study_id = json.loads(services.sealing.open(_owner(session), sealed))
    except (StoreError, ValueError):
        raise Problem(403, "the form is not of this session", remedy="Look the patient up again.") from None
    return Named(index=index, patient_id=patient_id, issuer=issuer, study_id=study_id)


def remember(request: Request, response: Response, reference: str) -> None:
    """Have the browser show this patient on the page that it is led to."""
    response.set_cookie(
        COOKIE,
        reference,
        max_age=int(SESSION.total_seconds()),
        path=PLACE,
        secure=is_secure(request),
        httponly=True,
        samesite="strict",
    )


def recall(request: Request, session: Session) -> Named | None:
    """Return whom the browser is to show; None where nobody was looked up in this session."""
    services: WebServices = request.app.state.services
    try:
        return resolve(services, session, request.cookies.get(COOKIE, ""))
    except Problem:
        return None


def forget(response: Response) -> None:
    """Have the browser forget whom it was to show."""
    response.delete_cookie(COOKIE, path=PLACE, httponly=True, samesite="strict")


def _owner(session: Session) -> str:
    return f"staff session {session.principal.token_id}"
