"""The gateway has a witness see its log, over HTTP, and what the witness saw vouches for statements."""

import base64
import contextlib
from dataclasses import replace
from datetime import timedelta

import pytest

from scanward.bootstrap import bundle
from scanward.bootstrap.attesting import Attester
from scanward.bootstrap.chains import Custody
from scanward.bootstrap.custody import log_folder, make_notary, make_policy, make_ring
from scanward.bootstrap.verify import Verifying, VerifyRequest
from scanward.config import GatewaySettings, LogSettings, WitnessSettings
from scanward.model.instance import BytesSource
from scanward.model.signing import KeyUse
from scanward.model.verdict import Outcome
from scanward.tlog.checkpoint import Policy
from scanward.tlog.merkle import EMPTY_ROOT, verify_consistency
from scanward.tlog.note import parse_note, sign_text
from scanward.tlog.proof import parse_proof
from tests.common.gateway import TestGateway, bytes_of
from tests.common.logs import WITNESS, WITNESS_KEY
from tests.common.timestamp_authority import serve


class Watcher:
    """A witness as C2SP tlog-witness says; it knows the keys of the log that it watches."""

    def __init__(self) -> None:
        self.policy: Policy | None = None
        self.clock = None
        self.size, self.root = 0, EMPTY_ROOT
        self.asked = 0

    def __call__(self, request: bytes) -> bytes:
        self.asked += 1
        head, _, note = request.partition(b"\n\n")
        first, *proof = head.decode().split("\n")
        new = self.policy.verify(note).checkpoint
        assert int(first.removeprefix("old ")) == self.size
        verify_consistency(self.size, self.root, new.size, new.root, [base64.b64decode(one) for one in proof])
        self.size, self.root = new.size, new.root
        return sign_text(parse_note(note).text, WITNESS_KEY, WITNESS.sign, self.clock()).line().encode()


@pytest.fixture
def watcher():
    return Watcher()


@pytest.fixture
def gateway(tmp_path, watcher, monkeypatch):
    with serve(watcher) as url:
        log = LogSettings(witnesses=(WitnessSettings(url=url.rstrip("/"), key=WITNESS_KEY.text()),))
        settings = GatewaySettings(dimse=None, http=None, quiet_seconds=60, min_free_bytes=0, log=log)
        gateway = TestGateway(tmp_path / "home", settings)
        for module in ("chains", "verify", "audit"):
            monkeypatch.setattr(f"scanward.bootstrap.{module}.now", gateway.clock)
        yield gateway
        gateway.close()


@pytest.fixture
def closing():
    with contextlib.ExitStack() as stack:
        yield stack


def log_all(gateway, watcher) -> None:
    notary = make_notary(gateway.stores, gateway.clock)
    while notary.step():
        pass
    notary.close()
    policy = make_policy(gateway.stores, make_ring(gateway.stores, gateway.clock))
    watcher.policy, watcher.clock = replace(policy, witnesses=()), gateway.clock


def test_what_a_witness_saw_is_told_and_it_follows_the_log(gateway, watcher, closing):
    (ds, *_) = gateway.take_ct(slices=2)
    gateway.settle()
    log_all(gateway, watcher)
    attester = Attester(gateway.stores, gateway.clock)
    closing.callback(attester.close)
    assert attester.step() == 1
    assert attester.step() == 0  # nothing new to be seen
    checkpoint = (log_folder(gateway.stores) / "checkpoint").read_bytes()
    assert len(parse_note(checkpoint).signatures) == 2
    report = Custody(gateway.stores).report(ds.StudyInstanceUID)
    assert report.is_sound
    assert {one.attested for chain in report.chains for one in chain.statements} == {gateway.clock.now}
    gateway.take_ct(slices=1, seed=11)
    gateway.settle()
    log_all(gateway, watcher)
    assert attester.step() == 1
    assert watcher.asked == 2
    assert watcher.size == gateway.stores.custody.log_head(watcher.policy.origin)[0]


def test_a_witness_that_lies_is_not_heard(gateway, watcher, closing):
    gateway.take_ct(slices=1)
    gateway.settle()
    log_all(gateway, watcher)
    other = type(WITNESS)(77)
    watcher.clock = gateway.clock

    def forged(_request: bytes) -> bytes:
        text = parse_note((log_folder(gateway.stores) / "checkpoint").read_bytes()).text
        return (
            sign_text(text, replace(other.witness_key(WITNESS_KEY.name)), other.sign, gateway.clock()).line().encode()
        )

    before = (log_folder(gateway.stores) / "checkpoint").read_bytes()
    with serve(forged) as url:
        settings = replace(gateway.stores.settings.log, witnesses=(WitnessSettings(url=url, key=WITNESS_KEY.text()),))
        stores = replace(gateway.stores, settings=replace(gateway.stores.settings, log=settings))
        attester = Attester(stores, gateway.clock)
        closing.callback(attester.close)
        assert attester.step() == 1
    assert (log_folder(gateway.stores) / "checkpoint").read_bytes() == before


def test_a_witness_that_looks_only_later_makes_nothing_backdated(gateway, watcher, closing):
    (ds, *_) = gateway.take_ct(slices=1)
    gateway.settle()
    log_all(gateway, watcher)
    gateway.clock.move(days=30)
    attester = Attester(gateway.stores, gateway.clock)
    closing.callback(attester.close)
    assert attester.step() == 1
    report = Custody(gateway.stores).report(ds.StudyInstanceUID)
    assert report.is_sound
    verifying = Verifying(VerifyRequest(), gateway.stores, gateway.stores.spool)
    closing.callback(verifying.close)
    assert verifying.verify(BytesSource(bytes_of(ds))).outcome is Outcome.UNCHANGED


def test_what_a_witness_saw_first_is_remembered_as_the_log_goes_on(gateway, watcher, closing):
    (ds, *_) = gateway.take_ct(slices=1)
    gateway.settle()
    log_all(gateway, watcher)
    attester = Attester(gateway.stores, gateway.clock)
    closing.callback(attester.close)
    assert attester.step() == 1
    first = gateway.clock.now
    gateway.clock.move(days=30)
    gateway.take_ct(slices=1, seed=11)
    gateway.settle()
    log_all(gateway, watcher)
    assert attester.step() == 1
    ring = make_ring(gateway.stores, gateway.clock)
    (key_id,) = (one.key_id for one in ring.records() if one.use is KeyUse.STATEMENTS)
    # The key gets known after the witness saw the first ones, and before it saw the others.
    ring.compromise(key_id, first + timedelta(days=1), gateway.clock())
    report = Custody(gateway.stores).report(ds.SOPInstanceUID)
    (chain,) = (one for one in report.chains if one.kind == "instance")
    assert [one.attested for one in chain.statements] == [first]
    assert not chain.fault


@pytest.mark.parametrize(("days", "signatures"), [(0, 2), (30, 1)])
def test_a_bundle_gives_the_word_of_a_witness_that_looked_in_time(
    gateway, watcher, closing, monkeypatch, days, signatures
):
    monkeypatch.setattr("scanward.bootstrap.bundle.now", gateway.clock)
    (ds, *_) = gateway.take_ct(slices=1)
    gateway.settle()
    log_all(gateway, watcher)
    gateway.clock.move(days=days)
    attester = Attester(gateway.stores, gateway.clock)
    closing.callback(attester.close)
    assert attester.step() == 1
    _, statements = Custody(gateway.stores).find(ds.SOPInstanceUID)
    (proven,) = bundle._with_proofs(gateway.stores, statements)
    assert len(parse_note(parse_proof(proven.proof).checkpoint).signatures) == signatures
