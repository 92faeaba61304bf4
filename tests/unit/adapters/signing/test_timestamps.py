"""Tokens of RFC 3161 by a real authority on this machine, and each way in which one can be wrong."""

import datetime as dt
import hashlib
import re
import shutil

import httpx
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from scanward.adapters.signing import der
from scanward.adapters.signing.timestamps import HttpTimestampAuthority, make_request, verify_token
from scanward.errors import EvidenceError, NetworkError
from scanward.seal.signature_faults import SignatureFault
from tests.common.signing import refused
from tests.common.timestamp_authority import TimestampMachine, serve

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is missing (Debian package openssl)")

DIGEST = hashlib.sha256(b"a checkpoint").digest()
OTHER = hashlib.sha256(b"another").digest()


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    return TimestampMachine(tmp_path_factory.mktemp("time"))


@pytest.fixture(scope="module")
def token(machine):
    return token_of(machine.reply(make_request(DIGEST, 7)))


@pytest.fixture
def client():
    with httpx.Client(trust_env=False) as client:
        yield client


def token_of(reply: bytes) -> bytes:
    return der.parse(reply).children()[1].raw


def test_a_token_is_asked_for_checked_and_says_now(machine, client):
    with serve(machine.reply) as url:
        token = HttpTimestampAuthority(url, [machine.root], now, client=client).stamp(DIGEST)

    said = verify_token(token, DIGEST, [machine.root], not_after=now())
    assert abs(said - now()) < dt.timedelta(minutes=1)


def test_it_needs_no_client_of_its_owner(machine, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serve(machine.reply) as url:
        assert HttpTimestampAuthority(url, [machine.root], now).stamp(DIGEST)


def test_the_token_of_another_digest_is_refused(machine, token):
    with refused(SignatureFault.TOKEN_IMPRINT):
        verify_token(token, OTHER, [machine.root])


def test_another_nonce_is_refused(machine, token):
    assert verify_token(token, DIGEST, [machine.root], nonce=7)
    with refused(SignatureFault.TOKEN_NONCE):
        verify_token(token, DIGEST, [machine.root], nonce=8)


def test_an_old_answer_sent_again_is_refused(machine, client):
    old = machine.reply(make_request(DIGEST, 7))
    with serve(lambda _: old) as url, refused(SignatureFault.TOKEN_NONCE):
        HttpTimestampAuthority(url, [machine.root], now, client=client).stamp(DIGEST)


def test_another_policy_is_refused(machine, token):
    assert verify_token(token, DIGEST, [machine.root], policy="1.3.6.1.4.1.99999.1")
    with refused(SignatureFault.TOKEN_POLICY):
        verify_token(token, DIGEST, [machine.root], policy="1.3.6.1.4.1.99999.2")


def test_an_unknown_authority_is_refused(token, tmp_path):
    with refused(SignatureFault.TOKEN_AUTHORITY):
        verify_token(token, DIGEST, [TimestampMachine(tmp_path).root])


@pytest.mark.parametrize("days", [(-60, -30), (30, 60)])
def test_a_token_outside_the_validity_of_its_authority_is_refused(tmp_path, days):
    machine = TimestampMachine(tmp_path, days=days)
    with refused(SignatureFault.TOKEN_VALIDITY):
        verify_token(token_of(machine.reply(make_request(DIGEST, 7))), DIGEST, [machine.root])


@pytest.mark.parametrize(("usages", "critical"), [
    ([ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING], True),
    ([ExtendedKeyUsageOID.TIME_STAMPING], False),
    ([ExtendedKeyUsageOID.EMAIL_PROTECTION], True),
])  # fmt: skip
def test_a_certificate_that_is_not_for_timestamps_alone_is_refused(machine, token, usages, critical):
    kind, wrapped = der.parse(token).children()
    parts = [part.raw for part in wrapped.children()[0].children()]
    parts[3] = der.encode(der.CONTEXT_0, machine.other_certificate(usages, critical=critical))
    changed = der.encode(der.SEQUENCE, kind.raw, der.encode(der.CONTEXT_0, der.encode(der.SEQUENCE, *parts)))
    with refused(SignatureFault.TOKEN_USE):
        verify_token(changed, DIGEST, [machine.root])


def test_a_changed_time_is_refused(machine, token):
    said = re.search(rb"\x18\x0f(\d{14})Z", token)
    assert said is not None
    last = said.end(1) - 1
    changed = token[:last] + bytes([token[last] ^ 1]) + token[last + 1 :]
    with refused(SignatureFault.TOKEN_SIGNATURE):
        verify_token(changed, DIGEST, [machine.root])


def test_a_changed_signature_is_refused(machine, token):
    with refused(SignatureFault.TOKEN_SIGNATURE):
        verify_token(token[:-1] + bytes([token[-1] ^ 1]), DIGEST, [machine.root])


def test_a_clock_that_is_back_a_year_is_said(machine, client):
    for days in (-365, 365):
        clock = lambda days=days: now() + dt.timedelta(days=days)  # noqa: E731
        with serve(machine.reply) as url, refused(SignatureFault.TOKEN_CLOCK):
            HttpTimestampAuthority(url, [machine.root], clock, client=client).stamp(DIGEST)


def test_a_token_of_a_time_to_come_is_refused(machine, token):
    with refused(SignatureFault.TOKEN_CLOCK):
        verify_token(token, DIGEST, [machine.root], not_after=now() - dt.timedelta(days=1))


def test_a_token_over_another_hash_is_refused(machine):
    sha512 = der.encode(der.SEQUENCE, der.oid("2.16.840.1.101.3.4.2.3"), der.encode(der.NULL))
    imprint = der.encode(der.SEQUENCE, sha512, der.encode(der.OCTETS, bytes(64)))
    request = der.encode(der.SEQUENCE, der.integer(1), imprint, b"\x01\x01\xff")
    with refused(SignatureFault.TOKEN_HASH):
        verify_token(token_of(machine.reply(request)), bytes(64), [machine.root])


def test_a_token_without_its_certificate_is_refused(machine):
    request = make_request(DIGEST, 7).replace(b"\x01\x01\xff", b"\x01\x01\x00")
    with refused(SignatureFault.CERTIFICATE_MISSING):
        verify_token(token_of(machine.reply(request)), DIGEST, [machine.root])


@pytest.mark.parametrize("change", [
    lambda token: b"",
    lambda token: b"junk",
    lambda token: token[:-1],
    lambda token: token + b"\0",
    lambda token: der.encode(der.SEQUENCE, token),
    lambda token: token.replace(der.oid("1.2.840.113549.1.9.16.1.4"), der.oid("1.2.840.113549.1.9.16.1.5")),
])  # fmt: skip
def test_what_is_no_token_is_refused(machine, token, change):
    with refused(SignatureFault.TOKEN_FORM):
        verify_token(change(token), DIGEST, [machine.root])


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_no_change_of_a_byte_makes_another_time_or_raises_anything_else(machine, token):
    said = verify_token(token, DIGEST, [machine.root])
    for place in range(0, len(token), 5):
        changed = token[:place] + bytes([token[place] ^ 0x41]) + token[place + 1 :]
        try:
            assert verify_token(changed, DIGEST, [machine.root]) == said  # a version, or the name of the algorithm
        except EvidenceError:
            continue


def test_a_refusal_of_the_authority_is_said(machine, client):
    bad = make_request(DIGEST, 7).replace(der.oid("2.16.840.1.101.3.4.2.1"), der.oid("2.16.840.1.101.3.4.2.4"))
    with serve(lambda _: machine.reply(bad)) as url, refused(SignatureFault.TOKEN_REFUSED):
        HttpTimestampAuthority(url, [machine.root], now, client=client).stamp(DIGEST)


def test_what_is_no_answer_is_said(machine, client):
    with serve(lambda _: b"<html>") as url, refused(SignatureFault.TOKEN_FORM):
        HttpTimestampAuthority(url, [machine.root], now, client=client).stamp(DIGEST)


@pytest.mark.parametrize(("answer", "status"), [(b"x", 500), (b"x" * 100_000, 200), (b"", 404)])
def test_a_peer_that_does_not_answer_as_one_is_said(machine, client, answer, status):
    with serve(lambda _: answer, status) as url, pytest.raises(NetworkError):
        HttpTimestampAuthority(url, [machine.root], now, client=client).stamp(DIGEST)


def test_a_peer_that_is_not_there_is_said(machine, client):
    with serve(machine.reply) as url:
        pass
    with pytest.raises(NetworkError, match="cannot be reached"):
        HttpTimestampAuthority(url, [machine.root], now, client=client).stamp(DIGEST)


def test_a_digest_of_another_size_is_not_asked_for():
    with pytest.raises(ValueError, match="32"):
        make_request(b"short", 1)
