"""Lets requests of the API and of DICOMweb through by their bearer token, or tells them why not."""

import time
from collections.abc import Awaitable, Callable
from typing import Annotated

import structlog
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from scanward.errors import AccessError, NetworkError
from scanward.web.auth import Principal, TokenReader
from scanward.web.metrics import Metrics
from scanward.web.problems import Problem
from scanward.web.roles import Operation, is_allowed
from scanward.web.services import WebServices

log = structlog.get_logger("scanward.web")

_bearer = HTTPBearer(auto_error=False, description="A token of the configured issuer, or of `scanward token`.")

REALM = 'Bearer realm="scanward"'


class Gate:
    """Checks who asks.

    Parameters
    ----------
    services
        With the key of local tokens and the issuer of others.
    metrics
        Counts what is refused.
    """

    def __init__(self, services: WebServices, metrics: Metrics) -> None:
        self.tokens = TokenReader(services.token_key, services.http.oidc, services.clock, time.monotonic)
        self._metrics = metrics

    async def enter(self, token: str | None) -> Principal:
        """Return whom a bearer token is about; raises `Problem` 401, or 503 where the issuer cannot be asked."""
        if token is None:
            self.refuse("no token")
            raise Problem(401, "expected a bearer token, got none", headers={"WWW-Authenticate": REALM})
        try:
            if self.tokens.is_local(token):
                return self.tokens.read(token)
            return await run_in_threadpool(self.tokens.read, token)
        except AccessError as error:
            self.refuse(str(error))
            header = f'{REALM}, error="invalid_token"'
            raise Problem(
                401, "the bearer token is not valid (any more)", headers={"WWW-Authenticate": header}
            ) from None
        except NetworkError as error:
            log.error("token_issuer_unreachable", why=str(error))  # noqa: TRY400 - a traceback shows values
            raise Problem(503, "the issuer of the token cannot be asked") from None

    def permit(self, principal: Principal, *operations: Operation) -> None:
        """Raise `Problem` 403 unless `principal` may do one of `operations`."""
        if not any(is_allowed(principal.roles, operation) for operation in operations):
            self.refuse("role", operations[0])
            header = f'{REALM}, error="insufficient_scope"'
            raise Problem(403, f"this needs a role that may {operations[0]}", headers={"WWW-Authenticate": header})

    def refuse(self, why: str, operation: Operation | None = None) -> None:
        """Count and log that somebody was refused."""
        self._metrics.refused.labels(why=why.partition(":")[0]).inc()
        log.warning("access_refused", why=why, operation=operation or "")


def gate_of(request: Request) -> Gate:
    """Return the gate of the application."""
    gate: Gate = request.app.state.gate
    return gate


def services_of(request: Request) -> WebServices:
    """Return the services of the application."""
    services: WebServices = request.app.state.services
    return services


def allow(*operations: Operation) -> Callable[..., Awaitable[Principal]]:
    """Return a dependency that lets through who may do one of `operations`."""

    async def enter(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Principal:
        gate = gate_of(request)
        principal = await gate.enter(credentials.credentials if credentials else None)
        gate.permit(principal, *operations)
        return principal

    return enter


Services = Annotated[WebServices, Depends(services_of)]
