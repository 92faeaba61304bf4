"""Errors as Problem Details (RFC 9457): what was expected and what to do; no identifiers, no tracebacks."""

import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from scanward.errors import (
    AccessError,
    AgreementError,
    EvidenceError,
    NetworkError,
    ResultError,
    ScanwardError,
    StateError,
    StoreError,
    StoreFullError,
    UnknownError,
)

MEDIA_TYPE = "application/problem+json"

log = structlog.get_logger("scanward.web")

_STATUS: tuple[tuple[type[ScanwardError], int], ...] = (
    # The first that fits: subclasses before what they derive from.
    (UnknownError, 404),
    (StateError, 409),
    (ResultError, 409),
    (EvidenceError, 409),
    (AgreementError, 422),
    (AccessError, 403),
    (StoreFullError, 507),
    (StoreError, 503),
    (NetworkError, 502),
)


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it so
    """An answer that is an error.

    Parameters
    ----------
    status
        HTTP status.
    detail
        What was expected and found, without values.
    remedy
        What a person can do.
    headers
        Further headers.
    fault
        How evidence fails, where it does: a dotted name.
    """

    def __init__(
        self,
        status: int,
        detail: str = "",
        *,
        remedy: str = "",
        headers: Mapping[str, str] | None = None,
        fault: str = "",
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.remedy = remedy
        self.headers = dict(headers or {})
        self.fault = fault


class BrokenOffError(Exception):
    """An answer that had begun cannot be ended: the connection is closed, so that nobody takes it for whole."""


class ProblemDocument(BaseModel):
    """A problem (RFC 9457)."""

    title: str = Field(description="What the status means.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(default="", description="What was expected and found; names kinds, never values.")
    remedy: str = Field(default="", description="What a person can do about it.")
    fault: str = Field(default="", description="How evidence fails, where it does: a dotted name.")


_PROBLEM: dict[str, Any] = {"model": ProblemDocument, "content": {MEDIA_TYPE: {}}}

RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {**_PROBLEM, "description": "The request is malformed."},
    401: {**_PROBLEM, "description": "No valid token."},
    403: {**_PROBLEM, "description": "The token's roles do not allow this."},
    404: {**_PROBLEM, "description": "There is no such thing."},
    409: {**_PROBLEM, "description": "Its state does not allow this."},
    413: {**_PROBLEM, "description": "The body is too large."},
    415: {**_PROBLEM, "description": "Another media type was expected."},
    422: {**_PROBLEM, "description": "A value is not what was expected."},
    502: {**_PROBLEM, "description": "The archive does not answer as it should."},
    503: {**_PROBLEM, "description": "A store cannot be reached."},
    507: {**_PROBLEM, "description": "There is no room; nothing was deleted."},
}
"""The problems of the API, for its description."""


def answer(problem: Problem) -> JSONResponse:
    """Return a problem as a response."""
    content = {"title": HTTPStatus(problem.status).phrase, "status": problem.status}
    if problem.detail:
        content["detail"] = problem.detail
    if problem.remedy:
        content["remedy"] = problem.remedy
    if problem.fault:
        content["fault"] = problem.fault
    return JSONResponse(content, problem.status, problem.headers, MEDIA_TYPE)


def problem_of(error: ScanwardError) -> Problem:
    """Return one of our errors as a problem; errors that nobody outside can help say no more than that."""
    for kind, status in _STATUS:
        if isinstance(error, kind):
            fault = error.fault.value if isinstance(error, EvidenceError) else ""
            return Problem(status, str(error), remedy=error.remedy, fault=fault)
    return Problem(500)


def log_unexpected(error: BaseException) -> None:
    """Log type and place of an error only: its message and the variables around it may hold what identifies."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "scanward" in frame.filename] or list(frames)
    places = [f"{frame.filename.rpartition('scanward/')[2]}:{frame.lineno}" for frame in reversed(ours[-4:])]
    log.error("unexpected_error", kind=type(error).__name__, places=places)


def describe_validation(error: RequestValidationError) -> str:
    """Say which fields of a request are not as expected, without what was in them."""
    said = []
    for one in error.errors()[:10]:
        # What is unknown names itself, and so might be anything.
        where = [str(part) for part in one["loc"] if isinstance(part, str | int)]
        if one["type"] == "extra_forbidden":
            where = [*where[:-1], "an unknown key"]
        said.append(f"{'.'.join(where)}: {one['msg']}")
    return "; ".join(said)


def install(app: FastAPI) -> None:
    """Answer errors of `app` as problems."""

    @app.exception_handler(Problem)
    async def _problem(_: Request, error: Problem) -> JSONResponse:
        return answer(error)

    @app.exception_handler(ScanwardError)
    async def _ours(_: Request, error: ScanwardError) -> JSONResponse:
        problem = problem_of(error)
        if problem.status >= 500:
            log.error("request_failed", kind=type(error).__name__, why=str(error))
        return answer(problem)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return answer(Problem(422, describe_validation(error)))

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> JSONResponse:
        return answer(Problem(error.status_code, headers=error.headers))
