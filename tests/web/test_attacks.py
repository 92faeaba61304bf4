"""Oversize, slow and broken requests; and whatever a machine makes up from the API's description."""

import contextlib
import socket
import time

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from structlog.testing import capture_logs

from scanward.config import HttpSettings
from scanward.web import guard
from scanward.web.roles import Role
from tests.web.conftest import Client, make_world
from tests.web.serving import serve
from tests.web.test_stow import DICM, TYPE, body_of

EXAMPLES = 4
"""Of requests made up for each operation, role and kind of data."""


@pytest.fixture
def tight(tmp_path):
    """An application that takes 100 kB."""
    world = make_world(tmp_path, HttpSettings(max_body_bytes=100_000))
    world.client = Client(world.app)
    yield world
    world.client.close()


def chunked(content: bytes, size: int = 10_000):
    async def pieces():
        for start in range(0, len(content), size):
            yield content[start : start + size]

    return pieces()


@pytest.mark.parametrize("path", ["/dicom-web/studies", "/api/v1/upload"])
def test_a_body_that_is_too_large_is_refused_whatever_it_says_of_itself(tight, tmp_path, path):
    kind = TYPE if "dicom" in path else "multipart/form-data; boundary=B"
    large = body_of(DICM + b"x" * 200_000)
    if "upload" in path:
        large = large.replace(
            b"Content-Type: application/dicom", b'Content-Disposition: form-data; name="f"; filename="f"'
        )
    for content in (large, chunked(large)):
        answer = tight.client.post(path, content=content, headers={**tight.it, "Content-Type": kind})
        assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert tight.intake.taken == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["whole", "chunked"])
def test_where_no_instances_come_a_body_is_small(world, client, content):
    large = b'{"patient_id": "' + b"x" * guard.SMALL_BODY_BYTES + b'"}'
    for path in ("/api/v1/consents", "/api/v1/disclosures/accounting", "/staff/enter"):
        sent = large if content == "whole" else chunked(large)
        kind = "application/x-www-form-urlencoded" if "staff" in path else "application/json"
        headers = {**world.officer, "Content-Type": kind}
        assert client.post(path, content=sent, headers=headers).status_code == 413


def answer_of(connection: socket.socket) -> bytes:
    """Return what comes until the other side closes."""
    connection.settimeout(10)
    came = b""
    while chunk := connection.recv(65536):
        came += chunk
    return came


def connect(url: str) -> socket.socket:
    host, _, port = url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)))


def head_of(world, length: int, path="/dicom-web/studies") -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {world.it['Authorization']}\r\n"
        f"Content-Type: {TYPE}\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def test_a_body_that_does_not_come_is_not_waited_for(world, monkeypatch):
    monkeypatch.setattr(guard, "PATIENCE_SECONDS", 0.2)
    with serve(world.app) as url, connect(url) as connection:
        connection.sendall(head_of(world, 1000) + b"--B\r\n")
        answer = answer_of(connection)
    assert answer.startswith(b"HTTP/1.1 408")
    assert world.intake.taken == []


def test_a_body_that_drips_is_not_waited_for_either(world, monkeypatch):
    monkeypatch.setattr(guard, "PATIENCE_SECONDS", 0.2)
    with serve(world.app) as url, connect(url) as connection:
        connection.sendall(head_of(world, 100_000))
        deadline = time.monotonic() + 10
        with pytest.raises(OSError, match=r"reset|pipe"):
            while time.monotonic() < deadline:
                connection.sendall(b"x")
                time.sleep(0.02)


@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_does_not_come_is_not_waited_for(world, start):
    with serve(world.app) as url, connect(url) as connection:
        connection.sendall(start)
        assert answer_of(connection) == b""


def test_a_second_request_is_not_waited_for_either(world):
    with serve(world.app) as url, connect(url) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        first = connection.recv(65536)
        connection.sendall(b"GET /health")
        answer_of(connection)
    assert first.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /api/v1/consents HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
    ],
    ids=range(5),
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_malformed_heads_are_refused(world, head):
    with serve(world.app) as url, connect(url) as connection:
        connection.sendall(head)
        assert answer_of(connection)[:12] in {b"HTTP/1.1 400", b"HTTP/1.1 431", b"HTTP/1.1 404", b"HTTP/1.1 405"}
        with connect(url) as second:  # and the server goes on
            second.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert answer_of(second).startswith(b"HTTP/1.1 200")


def test_a_sender_that_leaves_leaves_nothing_behind(world, tmp_path):
    with serve(world.app) as url:
        with connect(url) as connection, capture_logs():
            connection.sendall(head_of(world, 5_000_000) + body_of(DICM + b"x" * 3_000_000)[:2_000_000])
        deadline = time.monotonic() + 10
        while (
            world.app.state.metrics.registry.get_sample_value(
                "scanward_http_requests_total", {"method": "POST", "route": "/dicom-web/studies", "status": "0"}
            )
            is None
        ):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert world.intake.taken == []
    assert list(tmp_path.iterdir()) == []


# What a machine makes up

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@schemathesis.serializer("application/toml", 'multipart/related; type="application/dicom"', "multipart/related")
def as_text(_context, value):
    return str(value).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.name)
@pytest.mark.parametrize("role", [Role.PRIVACY_OFFICER, Role.RECIPIENT])
def test_whatever_is_made_up_from_the_description_is_answered_as_described(world, client, role, mode):
    world.offer(1, "acme-ai")
    world.desk.put_result("r", "acme-ai")
    headers = world.bearer(role, recipient="acme-ai" if role is Role.RECIPIENT else "")
    schema = schemathesis.openapi.from_dict(client.get("/api/v1/openapi.json").json())
    asked = set()
    with serve(world.app) as url:
        for found in schema.get_all_operations():
            operation = found.ok()

            @settings(max_examples=EXAMPLES, database=None, deadline=None, suppress_health_check=list(HealthCheck))
            @given(operation.as_strategy(generation_mode=mode))
            def ask(case):
                answer = case.call(base_url=url, headers=headers)
                asked.add(case.operation.label)
                case.validate_response(answer, checks=CHECKS)

            with contextlib.suppress(Unsatisfiable):
                ask()
    assert len(asked) > (25 if mode is GenerationMode.POSITIVE else 15)
