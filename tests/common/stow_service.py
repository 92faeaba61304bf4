"""A STOW-RS service and a token service on loopback, for what real ones do rarely: partial failures, refusals, tokens."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from pydicom import dcmread

from scanward.model.agreement import StowEndpoint

JSON = "application/dicom+json"


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    parts: dict[str, bytes]
    """The instances by SOP Instance UID."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What to answer."""

    status: int = 200
    content: bytes = b""
    kind: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class StowService:
    """What it was sent, and how it answers."""

    url: str
    reply: Callable[[Request], Reply]
    requests: list[Request] = field(default_factory=list)
    stored: dict[str, bytes] = field(default_factory=dict)
    tokens: list[dict[str, str]] = field(default_factory=list)
    token_reply: Callable[[int], Reply] = lambda _: Reply(status=404)

    def endpoint(self, **more: str) -> StowEndpoint:
        """Return where it is."""
        return StowEndpoint(url=self.url + "/dicom-web", **more)


def listing(stored=(), failed=None, *, empty_failed: bool = False) -> bytes:
    """Return an answer in DICOM JSON; `failed` is reason by UID."""
    ds: dict[str, object] = {}
    if stored:
        ds["00081199"] = {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": [uid]}} for uid in stored]}
    if failed or empty_failed:
        ds["00081198"] = {
            "vr": "SQ",
            "Value": [
                {"00081155": {"vr": "UI", "Value": [uid]}, "00081197": {"vr": "US", "Value": [reason]}}
                for uid, reason in (failed or {}).items()
            ],
        }
    return json.dumps(ds).encode()


def store_all(request: Request) -> Reply:
    """Answer as a service that takes everything."""
    return Reply(content=listing(request.parts))


@contextmanager
def run_stow_service(reply: Callable[[Request], Reply] = store_all, *, tls=None) -> Iterator[StowService]:
    """Run a service that answers with `reply`; it keeps what `reply` says it stored."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 20

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if len(body) < int(self.headers["Content-Length"]):
                self.close_connection = True  # the client went away
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            if self.path == "/token":
                form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
                service.tokens.append(form | {"authorization": headers.get("authorization", "")})
                self._answer(service.token_reply(len(service.tokens)))
                return
            request = Request(path=self.path, headers=headers, parts=read_parts(headers["content-type"], body))
            service.requests.append(request)
            answer = service.reply(request)
            for uid, content in request.parts.items():
                if uid.encode() in answer.content.partition(b"00081198")[0]:
                    service.stored[uid] = content
            self._answer(answer)

        def _answer(self, answer: Reply) -> None:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.content)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = False
        scheme = "http"
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
            scheme = "https"
        service = StowService(url=f"{scheme}://127.0.0.1:{server.server_address[1]}", reply=reply)
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()


def read_parts(content_type: str, body: bytes) -> dict[str, bytes]:
    """Return the instances of a multipart body by SOP Instance UID."""
    boundary = content_type.partition("boundary=")[2].strip('"').encode()
    parts = {}
    for part in body.split(b"\r\n--" + boundary)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        assert b"application/dicom" in head
        ds = dcmread(io.BytesIO(content), stop_before_pixels=True)
        parts[str(ds.SOPInstanceUID)] = content
    assert body.endswith(b"--" + boundary + b"--\r\n")
    return parts
