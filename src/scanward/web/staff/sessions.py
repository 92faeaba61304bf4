"""Who is signed in to the staff page: a cookie that holds a token of ours, and a word in each form (CSRF)."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Form, Request, Response

from scanward.errors import AccessError
from scanward.web.access import Gate
from scanward.web.auth import AUDIENCE_BEARER, AUDIENCE_LOGIN, AUDIENCE_SESSION, Principal, issue_token
from scanward.web.problems import Problem
from scanward.web.roles import STAFF, Operation, is_allowed
from scanward.web.services import WebServices

COOKIE = "scanward_session"
SECURE_COOKIE = "__Host-scanward_session"
"""A browser takes this one over TLS only, and from this host only."""

SESSION = timedelta(hours=8)


MARGIN = timedelta(hours=1)
"""So long beyond its end a token stays known as used up: clocks of processes differ, and tokens are given leeway."""


class SignInError(Exception):
    """Nobody is signed in (any more)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """Somebody who is signed in; `csrf` is the word that each form of theirs has to bring along."""

    principal: Principal
    csrf: str

    def may(self, operation: str) -> bool:
        """Whether they may do an operation, by the name of its member in `Operation`."""
        return is_allowed(self.principal.roles, Operation[operation])


class Sessions:
    """Begins, finds and ends sessions. The ledger keeps which are over, so that they are in every process.

    Parameters
    ----------
    services
        With the key of tokens and sessions.
    gate
        Checks tokens.
    """

    def __init__(self, services: WebServices, gate: Gate) -> None:
        self._services = services
        self._gate = gate
        self._csrf_key = hmac.digest(services.token_key, b"scanward staff forms", "sha256")

    def begin(self, token: str, response: Response, *, secure: bool) -> None:
        """Sign in by a token: a link's, once, or one for the API. Raises `AccessError`, `NetworkError`."""
        reader = self._gate.tokens
        try:
            principal = reader.read(token, AUDIENCE_LOGIN)
        except AccessError:
            principal = reader.read(token, AUDIENCE_BEARER)
        else:
            if not self._use_up(principal):
                raise AccessError("this link was used before")
        roles = principal.roles & STAFF
        if not roles:
            raise AccessError("the staff page is for privacy officers, imaging IT and auditors")
        now = self._services.clock()
        session = issue_token(
            self._services.token_key, principal.subject, roles, "", SESSION, audience=AUDIENCE_SESSION, now=now
        )
        response.set_cookie(
            SECURE_COOKIE if secure else COOKIE,
            session,
            max_age=int(SESSION.total_seconds()),
            path="/",
            secure=secure,
            httponly=True,
            samesite="strict",
        )

    def _use_up(self, principal: Principal) -> bool:
        """Let a token be used no more, here and in every other process; False where it was used up before."""
        until = principal.expires + MARGIN
        return self._services.ledger.use_up_token(principal.token_id, until=until, at=self._services.clock())

    def get(self, request: Request) -> Session:
        """Return who is signed in; raises `SignInError`, or `StoreError` where that cannot be told."""
        token = request.cookies.get(SECURE_COOKIE) or request.cookies.get(COOKIE)
        if not token:
            raise SignInError
        try:
            principal = self._gate.tokens.read(token, AUDIENCE_SESSION)
        except AccessError as error:
            self._gate.refuse(str(error))
            raise SignInError from None
        if self._services.ledger.is_used_up(principal.token_id):
            raise SignInError
        csrf = hmac.new(self._csrf_key, principal.token_id.encode(), hashlib.sha256).hexdigest()
        return Session(principal=principal, csrf=csrf)

    def check_form(self, request: Request, session: Session, csrf: str) -> None:
        """Raise `Problem` 403 unless a form comes from a page of ours that was shown in this session."""
        self.check_origin(request)
        if not hmac.compare_digest(csrf.encode(), session.csrf.encode()):
            self._gate.refuse("form of another session")
            raise Problem(403, "the form is not of this session", remedy="Go back, load the page again, and repeat it.")

    def check_origin(self, request: Request) -> None:
        """Raise `Problem` 403 where a browser says that a form comes from elsewhere."""
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            self._gate.refuse("form from elsewhere")
            raise Problem(403, "the form comes from another site")
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            self._gate.refuse("form from elsewhere")
            raise Problem(403, "the form comes from another site")

    def end(self, session: Session, response: Response) -> None:
        """Sign out: the session is of no use any more, wherever its cookie got to."""
        self._use_up(session.principal)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        response.delete_cookie(SECURE_COOKIE, path="/", secure=True, httponly=True, samesite="strict")

    def require(self, session: Session, operation: Operation) -> None:
        """Raise `Problem` 403 unless who is signed in may do `operation`."""
        if not is_allowed(session.principal.roles, operation):
            self._gate.refuse("role", operation)
            raise Problem(403, f"this needs a role that may {operation}")


def sessions_of(request: Request) -> Sessions:
    """Return the sessions of the staff page."""
    sessions: Sessions = request.app.state.sessions
    return sessions


def session_of(request: Request) -> Session:
    """Return who is signed in; raises `SignInError`."""
    return sessions_of(request).get(request)


def posted(operation: Operation) -> Callable[..., Session]:
    """Return a dependency that lets through a form of a page of ours, from who may do `operation`."""

    def check(request: Request, csrf: Annotated[str, Form(max_length=256)] = "") -> Session:
        sessions = sessions_of(request)
        session = sessions.get(request)
        sessions.check_form(request, session, csrf)
        sessions.require(session, operation)
        return session

    return check


def is_secure(request: Request) -> bool:
    """Whether the browser came over TLS, to us or to a proxy before us."""
    services: WebServices = request.app.state.services
    return bool(services.http.certificate) or request.headers.get("x-forwarded-proto") == "https"
