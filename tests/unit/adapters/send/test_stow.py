"""STOW-RS as a door out: each instance is reported as the service said, and no better."""

import base64
import json

import pytest

from scanward.adapters.send.stow import StowSender
from scanward.adapters.send.stow_answer import XML, parse_answer
from scanward.errors import ConfigError, KeyStoreError, NetworkError
from scanward.model.agreement import StowEndpoint
from scanward.model.release import Delivery
from tests.common.outgoing import make_outgoing, make_several
from tests.common.stow_service import JSON, Reply, listing, run_stow_service, store_all

CONFIRMED, REFUSED, NOT_SENT, UNKNOWN = Delivery.CONFIRMED, Delivery.REFUSED, Delivery.NOT_SENT, Delivery.UNKNOWN


def send(service, files, **options):
    reports = list(StowSender(service.endpoint(), timeout_seconds=10, **options).send(files))
    assert sorted(each.sop_instance_uid for each in reports) == sorted(file.sop_instance_uid for file in files)
    found = {each.sop_instance_uid: each for each in reports}
    return [found[file.sop_instance_uid].delivery for file in files]


def test_instances_arrive_as_they_are_in_one_request():
    files = make_several(5)
    with run_stow_service() as service:
        assert send(service, files) == [CONFIRMED] * 5
    (request,) = service.requests
    assert request.path == "/dicom-web/studies"
    assert request.parts == {file.sop_instance_uid: file.content for file in files}
    assert request.headers["content-type"].startswith('multipart/related; type="application/dicom"; boundary=')
    assert request.headers["accept"].startswith(JSON)
    assert "transfer-encoding" not in request.headers


@pytest.mark.parametrize(("option", "value"), [("request_instances", 2), ("request_bytes", 20_000)])
def test_requests_are_bounded(option, value):
    files = make_several(5)
    with run_stow_service() as service:
        assert send(service, files, **{option: value}) == [CONFIRMED] * 5
    assert [len(request.parts) for request in service.requests] == [2, 2, 1]


def test_a_large_instance_goes_alone():
    files = make_several(3)
    with run_stow_service() as service:
        assert send(service, files, request_bytes=100) == [CONFIRMED] * 3
    assert [len(request.parts) for request in service.requests] == [1, 1, 1]


def test_an_empty_sequence_of_failures_is_none():
    with run_stow_service(lambda request: Reply(content=listing(request.parts, empty_failed=True))) as service:
        assert send(service, make_several(2)) == [CONFIRMED] * 2


@pytest.mark.parametrize("status", [200, 202, 409])
def test_partial_success_is_told_of_each_instance(status):
    files = make_several(6)
    stored, full, duplicate, mismatch, processing, silent = (file.sop_instance_uid for file in files)
    failed = {full: 0xA700, duplicate: 0x0111, mismatch: 0xA900, processing: 0x0110}
    with run_stow_service(lambda _: Reply(status=status, content=listing([stored], failed))) as service:
        assert send(service, files) == [CONFIRMED, NOT_SENT, CONFIRMED, REFUSED, NOT_SENT, UNKNOWN]
    assert silent


def test_an_instance_both_stored_and_failed_is_unknown():
    def both(request):
        return Reply(status=202, content=listing(request.parts, dict.fromkeys(request.parts, 0xA900)))

    with run_stow_service(both) as service:
        assert send(service, make_several(1)) == [UNKNOWN]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (201, UNKNOWN),
        (204, UNKNOWN),
        (301, REFUSED),
        (302, UNKNOWN),
        (303, UNKNOWN),
        (307, REFUSED),
        (308, REFUSED),
        (400, REFUSED),
        (401, NOT_SENT),
        (403, NOT_SENT),
        (404, REFUSED),
        (408, NOT_SENT),
        (413, REFUSED),
        (415, REFUSED),
        (429, NOT_SENT),
        (500, UNKNOWN),
        (502, UNKNOWN),
        (503, NOT_SENT),
        (507, NOT_SENT),
        (504, UNKNOWN),
    ],
)
def test_a_status_without_a_listing(status, expected):
    headers = {"Location": "http://127.0.0.1:1/elsewhere"} if status < 400 else {}
    with run_stow_service(lambda _: Reply(status=status, headers=headers)) as service:
        assert send(service, [make_outgoing()]) == [expected]
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (JSON, b""),
        (JSON, b"{"),
        (JSON, b"[" * 100_000),
        (JSON, b'{"00081199": {"Value": 7}}'),
        (JSON, b'[null, 3, {"00081199": [1]}]'),
        (JSON, b'{"00081199": {"Value": [{"00081155": {"Value": [null]}}]}}'),
        (XML, b"<NativeDicomModel>"),
        ("text/html", b"<html>Please log in</html>"),
        ("text/html", b""),
    ],
)
def test_success_that_cannot_be_read_is_unknown(kind, content):
    with run_stow_service(lambda _: Reply(kind=kind, content=content)) as service:
        assert send(service, make_several(2)) == [UNKNOWN] * 2


@pytest.mark.parametrize("status", [400, 413, 415])
def test_a_request_that_is_too_much_is_made_smaller_until_each_has_its_own_answer(status):
    files = make_several(7)
    bad = files[4].sop_instance_uid

    def picky(request):
        return store_all(request) if len(request.parts) < 3 and bad not in request.parts else Reply(status=status)

    with run_stow_service(picky) as service:
        assert send(service, files) == [REFUSED if file.sop_instance_uid == bad else CONFIRMED for file in files]


def test_a_busy_service_is_left_alone():
    def busy(request):
        return store_all(request) if len(service.requests) < 2 else Reply(status=503)

    with run_stow_service(busy) as service:
        assert send(service, make_several(5), request_instances=1) == [CONFIRMED] + [NOT_SENT] * 4
        assert len(service.requests) == 2


def test_a_service_that_is_not_there():
    with run_stow_service() as service:
        pass
    files = make_several(3)
    assert send(service, files, request_instances=1) == [NOT_SENT] * 3
    assert sum(file.reads for file in files) == 0


def test_xml_is_read_too():
    files = make_several(3)
    one, two, three = (file.sop_instance_uid for file in files)
    answer = f"""<?xml version="1.0" encoding="utf-8"?>
    <NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">
     <DicomAttribute tag="00081190" vr="UR" keyword="RetrieveURL"><Value number="1">http://x/</Value></DicomAttribute>
     <DicomAttribute tag="00081199" vr="SQ" keyword="ReferencedSOPSequence"><Item number="1">
      <DicomAttribute tag="00081155" vr="UI"><Value number="1">{one}</Value></DicomAttribute></Item></DicomAttribute>
     <DicomAttribute tag="00081198" vr="SQ" keyword="FailedSOPSequence">
      <Item number="1"><DicomAttribute tag="00081155" vr="UI"><Value number="1">{two}</Value></DicomAttribute>
       <DicomAttribute tag="00081197" vr="US"><Value number="1">42752</Value></DicomAttribute></Item>
      <Item number="2"><DicomAttribute tag="00081155" vr="UI"><Value number="1">{three}</Value></DicomAttribute>
       <DicomAttribute tag="00081197" vr="US"><Value number="1">290</Value></DicomAttribute></Item>
     </DicomAttribute></NativeDicomModel>""".encode()
    with run_stow_service(lambda _: Reply(status=202, kind=XML, content=answer)) as service:
        assert send(service, files) == [CONFIRMED, NOT_SENT, REFUSED]


@pytest.mark.parametrize(
    "answer",
    [
        b'<!DOCTYPE a [<!ENTITY b "ccc">]><NativeDicomModel>&b;</NativeDicomModel>',
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1/x"><NativeDicomModel/>',
        b"<a>" * 1000,
        b"\xff\xfe",
    ],
)
def test_hostile_xml_is_refused(answer):
    with pytest.raises(NetworkError):
        parse_answer(XML, answer)


@pytest.mark.parametrize("breaks_after", [0, 5000])
def test_a_file_that_cannot_be_read_does_not_hold_up_the_others(breaks_after):
    files = make_several(4)
    files[1].breaks_after = breaks_after
    with run_stow_service() as service:
        expected = [UNKNOWN, NOT_SENT if breaks_after == 0 else UNKNOWN, CONFIRMED, CONFIRMED]
        assert send(service, files) == expected
    assert set(service.stored) == {file.sop_instance_uid for file in files[2:]}


# Tokens


def token(text="secret-token", **more):

    return Reply(
        kind="application/json", content=json.dumps({"access_token": text, "token_type": "Bearer"} | more).encode()
    )


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_text("s3cret/:\n")
    path.chmod(0o600)
    return path


def with_tokens(service, secret, **more):
    return service.endpoint(
        token_url=service.url + "/token", client_id="scanward", client_secret_file=str(secret), **more
    )


def test_a_token_is_asked_for_once_and_shown(secret):
    with run_stow_service() as service:
        service.token_reply = lambda number: token(f"token-{number}", expires_in=3600)
        sender = StowSender(with_tokens(service, secret, scope="dicom.write"), request_instances=1)
        for _ in range(2):
            assert [each.delivery for each in sender.send(make_several(2))] == [CONFIRMED] * 2
    assert [request.headers["authorization"] for request in service.requests] == ["Bearer token-1"] * 4
    (asked,) = service.tokens
    assert asked["grant_type"] == "client_credentials"
    assert asked["scope"] == "dicom.write"

    assert base64.b64decode(asked["authorization"].removeprefix("Basic ")) == b"scanward:s3cret%2F%3A"


def test_a_token_that_expires_is_renewed(secret):
    with run_stow_service() as service:
        service.token_reply = lambda number: token(f"token-{number}", expires_in=1)
        sender = StowSender(with_tokens(service, secret), request_instances=1)
        assert [each.delivery for each in sender.send(make_several(2))] == [CONFIRMED] * 2
    assert [request.headers["authorization"] for request in service.requests] == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_not_taken_is_renewed_once(secret, status):
    def strict(request):
        taken = request.headers["authorization"] == "Bearer token-2"
        return store_all(request) if taken else Reply(status=status)

    with run_stow_service(strict) as service:
        service.token_reply = lambda number: token(f"token-{number}")
        sender = StowSender(with_tokens(service, secret), request_instances=2)
        assert [each.delivery for each in sender.send(make_several(4))] == [CONFIRMED] * 4
        assert len(service.tokens) == 2

    with run_stow_service(lambda _: Reply(status=status)) as service:
        service.token_reply = lambda number: token(f"token-{number}")
        sender = StowSender(with_tokens(service, secret), request_instances=2)
        assert [each.delivery for each in sender.send(make_several(4))] == [NOT_SENT] * 4
        assert (len(service.tokens), len(service.requests)) == (2, 2)


@pytest.mark.parametrize(
    "answer",
    [
        Reply(status=401),
        Reply(status=307, headers={"Location": "http://127.0.0.1:1/"}),
        Reply(content=b"no json", kind="application/json"),
        Reply(content=b"[]", kind="application/json"),
        Reply(content=b'{"token_type": "Bearer"}', kind="application/json"),
        token("two\r\nX-Injected: lines"),
        token(token_type="mac"),
        Reply(content=b" " * (2 << 20), kind="application/json"),
    ],
    ids=range(8),
)
def test_without_a_token_nothing_leaves(secret, answer):
    files = make_several(3)
    with run_stow_service() as service:
        service.token_reply = lambda _: answer
        reports = list(StowSender(with_tokens(service, secret), request_instances=1).send(files))
    assert [each.delivery for each in reports] == [NOT_SENT] * 3
    assert service.requests == []
    assert sum(file.reads for file in files) == 0
    assert not any("s3cret" in each.detail for each in reports)


def test_a_secret_that_others_can_read_is_refused(secret):
    secret.chmod(0o640)
    with run_stow_service() as service, pytest.raises(KeyStoreError):
        StowSender(with_tokens(service, secret))


@pytest.mark.parametrize(
    "endpoint",
    [
        {"url": "ftp://127.0.0.1/"},
        {"url": "https://"},
        {"url": "https://user:pass@127.0.0.1/"},
        {"url": "https://127.0.0.1/?a=b"},
        {"url": "https://127.0.0.1/", "token_url": "http://idp.example/"},
        {"url": "http://pacs.example/", "token_url": "https://idp.example/"},
        {"url": "https://127.0.0.1/", "token_url": "https://idp.example/"},
        {"url": "https://127.0.0.1/", "authority": "/nowhere.pem"},
    ],
)
def test_an_endpoint_that_cannot_be_right_is_refused_at_once(endpoint):
    with pytest.raises(ConfigError):
        StowSender(StowEndpoint(**endpoint))


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with run_stow_service() as service:
        assert send(service, [make_outgoing()]) == [CONFIRMED]


def test_a_renewed_secret_is_used_and_one_laid_open_is_not(secret):
    with run_stow_service() as service:
        service.token_reply = lambda number: token(f"token-{number}", expires_in=1)
        sender = StowSender(with_tokens(service, secret))
        secret.write_text("renewed")
        assert [each.delivery for each in sender.send([make_outgoing()])] == [CONFIRMED]
        assert base64.b64decode(service.tokens[0]["authorization"].removeprefix("Basic ")) == b"scanward:renewed"
        secret.chmod(0o644)
        assert [each.delivery for each in sender.send([make_outgoing()])] == [NOT_SENT]
        assert len(service.tokens) == 1
