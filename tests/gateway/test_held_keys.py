"""Checkpoints that take several keys: the gateway's own, and one that a program holds."""

import stat
import sys
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from scanward.adapters.settings import parse_settings
from scanward.bootstrap.audit import check_custody
from scanward.bootstrap.custody import log_folder, make_notary, make_policy, make_ring
from scanward.config import GatewaySettings, LogSettings, LogSignerSettings
from scanward.errors import ConfigError, EvidenceError, SigningError
from scanward.tlog.note import parse_note
from tests.common.gateway import TestGateway

PROGRAM = """#!{python}
import sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex("{key}"))
sys.stdout.buffer.write(key.sign(sys.stdin.buffer.read()))
"""


@pytest.fixture
def held(tmp_path):
    """A program that holds a key."""
    key = Ed25519PrivateKey.generate()
    program = tmp_path / "hsm"
    raw = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()).hex()
    program.write_text(PROGRAM.format(python=sys.executable, key=raw))
    program.chmod(stat.S_IRWXU)
    public = tmp_path / "public.pem"
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return LogSignerSettings(command=(str(program),), public_key=str(public))


@pytest.fixture
def make_gateway(tmp_path, monkeypatch):
    gateways = []

    def make(log: LogSettings) -> TestGateway:
        settings = GatewaySettings(dimse=None, http=None, quiet_seconds=60, min_free_bytes=0, log=log)
        gateway = TestGateway(tmp_path / "home", settings)
        monkeypatch.setattr("scanward.bootstrap.audit.now", gateway.clock)
        gateways.append(gateway)
        return gateway

    yield make
    for one in gateways:
        one.close()


def log_all(gateway: TestGateway) -> None:
    notary = make_notary(gateway.stores, gateway.clock)
    try:
        while notary.step():
            pass
    finally:
        notary.close()


def test_a_checkpoint_is_signed_by_both(make_gateway, held):
    gateway = make_gateway(LogSettings(signers=(held,), threshold=2))
    gateway.take_ct(slices=1)
    gateway.settle()
    log_all(gateway)
    checkpoint = (log_folder(gateway.stores) / "checkpoint").read_bytes()
    assert len(parse_note(checkpoint).signatures) == 2
    assert list(check_custody(gateway.stores)) == []
    lines = checkpoint.splitlines(keepends=True)
    policy = make_policy(gateway.stores, make_ring(gateway.stores, gateway.clock))
    for spared in (lines[:-1], lines[:-2] + lines[-1:]):
        with pytest.raises(EvidenceError) as caught:
            policy.verify(b"".join(spared))
        assert caught.value.fault == "log.signature.threshold"


def test_nothing_is_published_without_the_program(make_gateway, held, tmp_path):
    gateway = make_gateway(LogSettings(signers=(held,), threshold=2))
    gateway.take_ct(slices=1)
    gateway.settle()
    (tmp_path / "hsm").write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(SigningError):
        log_all(gateway)
    assert gateway.stores.custody.unlogged(1)


def test_another_key_of_the_program_is_refused(make_gateway, held, tmp_path):
    gateway = make_gateway(LogSettings(signers=(held,), threshold=2))
    gateway.take_ct(slices=1)
    gateway.settle()
    program = tmp_path / "hsm"
    said = program.read_text()
    place = said.index('fromhex("') + len('fromhex("')
    program.write_text(said[:place] + "11" * 32 + said[place + 64 :])
    with pytest.raises(SigningError):
        log_all(gateway)


def test_a_public_half_of_another_kind_is_refused(make_gateway, held, tmp_path):
    (tmp_path / "public.pem").write_text("no key")
    with pytest.raises(ConfigError):
        make_notary(make_gateway(LogSettings(signers=(replace(held),))).stores, lambda: None)


@pytest.mark.parametrize(
    "text",
    [
        "[log]\nthreshold = 0",
        "[log]\nthreshold = 2",
        '[[log.signers]]\ncommand = []\npublic_key = "x"',
        '[log]\ntimestamp_url = "http://127.0.0.1/"',
        '[log]\norigin = "two words"',
    ],
)
def test_settings_that_make_no_sense_are_refused(text):
    with pytest.raises(ConfigError):
        parse_settings(text)
