"""What every request passes: limits of size and patience, security headers, counting, logs without identifiers."""

import asyncio
import time
from html import escape

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scanward.config import HttpSettings
from scanward.web.metrics import Metrics
from scanward.web.problems import BrokenOffError, Problem, answer, log_unexpected

SMALL_BODY_BYTES = 1024 * 1024
"""Largest body of a request that brings no instances."""

PATIENCE_SECONDS = 20.0
"""So long a sender may keep us waiting, in sum over a request, besides what `LEAST_BYTES_A_SECOND` grants it."""

LEAST_BYTES_A_SECOND = 4096

LARGE_BODIES = ("/dicom-web/studies", "/api/v1/upload")
"""Paths below which instances come in."""

VERIFIED = frozenset({"/api/v1/verify", "/staff/verify"})
"""Paths to which one file comes, to be verified."""

VERIFIED_BYTES = 512 * 1024 * 1024
"""Largest body of such a request."""

POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

PAGE = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} - Scanward</title><link rel="stylesheet" href="/staff/static/staff.css"></head>
<body><main><section class="narrow"><h1>{title}</h1><p>{detail}</p>
<p><a href="/staff/">To the overview</a> <span class="soft">({status})</span></p></section></main></body>
</html>
"""
"""What a person sees of a request that did not get to a page."""

TITLES = {408: "It came too slowly", 413: "That is too large"}

PAGE_POLICY = POLICY.replace("default-src 'none'", "default-src 'none'; style-src 'self'")

METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
"""Others are counted together: a sender may make them up."""

log = structlog.get_logger("scanward.web")


class _Body:
    """Receives the body of one request within its limits."""

    def __init__(self, receive: Receive, most_bytes: int) -> None:
        self._receive = receive
        self.most_bytes = most_bytes
        self._read_bytes = 0
        self._waited_seconds = 0.0
        self._ended = False
        self.problem: Problem | None = None

    async def __call__(self) -> Message:
        if self._ended:
            return await self._receive()  # waits for the end of the connection, for as long as answering takes
        patience = PATIENCE_SECONDS + self._read_bytes / LEAST_BYTES_A_SECOND - self._waited_seconds
        began = time.monotonic()
        try:
            async with asyncio.timeout(patience):
                message = await self._receive()
        except TimeoutError:
            raise self.refuse(408, "the body came too slowly") from None
        self._waited_seconds += time.monotonic() - began
        self._read_bytes += len(message.get("body", b""))
        self._ended = message["type"] == "http.disconnect" or not message.get("more_body", False)
        if self._read_bytes > self.most_bytes:
            raise self.refuse(413, f"expected a body of at most {self.most_bytes} bytes")
        return message

    def refuse(self, status: int, detail: str) -> Problem:
        """Return why the body is not taken; whoever sends hears of it."""
        self.problem = Problem(status, detail, headers={"Connection": "close"})
        return self.problem


class Guard:
    """The outermost layer of the application.

    Parameters
    ----------
    app
        What is inside.
    http
        Settings.
    metrics
        Counts.
    """

    def __init__(self, app: ASGIApp, http: HttpSettings, metrics: Metrics) -> None:
        self._app = app
        self._max_body_bytes = http.max_body_bytes
        self._metrics = metrics
        self._headers = dict(HEADERS)
        if http.certificate:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0
        body = _Body(receive, self._most_bytes(scope["path"]))

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        async def guarded(message: Message) -> None:
            if body.problem is None or status:
                await sending(message)

        if _declared_bytes(scope) > body.most_bytes:
            body.refuse(413, f"expected a body of at most {body.most_bytes} bytes")
        else:
            unexpected = await self._pass_on(scope, body, guarded)
            if unexpected and not status and body.problem is None:
                await _answer(scope, Problem(500))(scope, receive, sending)
        # Whatever was made of the limit inside, the sender hears of the limit.
        if body.problem is not None and not status:
            await _answer(scope, body.problem)(scope, receive, sending)
        self._note(scope, status, time.perf_counter() - began)

    def _most_bytes(self, path: str) -> int:
        if path in VERIFIED:
            return min(self._max_body_bytes, VERIFIED_BYTES)
        return self._max_body_bytes if path.startswith(LARGE_BODIES) else SMALL_BODY_BYTES

    async def _pass_on(self, scope: Scope, body: _Body, send: Send) -> bool:
        """Pass a request on; return whether something happened that should not have."""
        try:
            await self._app(scope, body, send)
        except ClientDisconnect:
            log.info("sender_left")
        except BrokenOffError:
            log.warning("answer_broken_off")
        except Exception as error:  # noqa: BLE001 - whatever it is, its message must reach neither logs nor sender
            if isinstance(error, Problem):
                return body.problem is None
            log_unexpected(error)
            return True
        return False

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route_of(scope)
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.requests.labels(method=method, route=route, status=str(status)).inc()
        self._metrics.seconds.labels(route=route).observe(seconds)
        log.info("http_request", method=method, route=route, status=status, ms=round(seconds * 1000))


def _answer(scope: Scope, problem: Problem) -> Response:
    """Return a problem as whoever asks can read it: a program, or a person with a browser."""
    if not scope["path"].startswith("/staff/"):
        return answer(problem)
    detail = f"{problem.detail[:1].upper()}{problem.detail[1:]}." if problem.detail else ""
    title = TITLES.get(problem.status, "This did not work")
    page = PAGE.format(title=title, detail=escape(detail), status=problem.status)
    return HTMLResponse(page, problem.status, {**problem.headers, "Content-Security-Policy": PAGE_POLICY})


def _route_of(scope: Scope) -> str:
    """Return the path with the names of its parameters for their values: the values name studies."""
    names = {value: f"{{{name}}}" for name, value in scope.get("path_params", {}).items()}
    parts = scope["path"].split("/")
    if "route" not in scope or not names.keys() <= set(parts):
        return "unknown"
    return "/".join(names.get(part, part) for part in parts)


def _declared_bytes(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0
