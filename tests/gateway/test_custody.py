"""What the gateway seals and states: every instance, every copy before it leaves, and all of it in the log."""

import io
import json
from collections import Counter
from datetime import datetime

import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless

from scanward.bootstrap.audit import check_custody
from scanward.bootstrap.chains import Custody
from scanward.bootstrap.custody import log_folder, make_notary, open_log
from scanward.bootstrap.verify import Verifying, VerifyRequest
from scanward.errors import EvidenceError, StoreError
from scanward.model.custody import CustodyEvent
from scanward.model.instance import BytesSource
from scanward.model.study import Origin, OriginKind
from scanward.model.verdict import Outcome
from scanward.seal.statement import opens_link
from tests.common.gateway import START, TestGateway, bytes_of
from tests.common.studies import make_ct_series


@pytest.fixture
def gateway(tmp_path):
    gateway = TestGateway(tmp_path / "home")
    gateway.add_recipient()
    yield gateway
    gateway.close()


@pytest.fixture
def notary(gateway):
    notary = make_notary(gateway.stores, gateway.clock)
    yield notary
    notary.close()


@pytest.fixture(autouse=True)
def _time_of_the_test(monkeypatch, gateway):
    """Keys are made at the time of the test's clock; whoever looks later looks by it too."""
    for module in ("chains", "verify", "audit"):
        monkeypatch.setattr(f"scanward.bootstrap.{module}.now", gateway.clock)


def work(notary):
    while notary.step():
        pass


def events(report, kind):
    return [[one.statement.event for one in chain.statements] for chain in report.chains if chain.kind == kind]


def test_an_instance_is_sealed_and_what_happens_to_it_is_in_the_log(gateway, notary):
    (ds, *_) = gateway.take_ct()
    gateway.settle()
    work(notary)
    report = Custody(gateway.stores).report(ds.StudyInstanceUID)
    assert report.is_sound
    assert events(report, "instance") == [[CustodyEvent.SEALED]] * 3
    assert events(report, "copy") == [[CustodyEvent.DEIDENTIFIED]] * 3
    (study,) = events(report, "study")
    assert study[:2] == [CustodyEvent.RECEIVED, CustodyEvent.COMPLETED]
    (release,) = events(report, "release")
    assert Counter(release) == {CustodyEvent.DISCLOSED: 1, CustodyEvent.DELIVERED: 1}
    places = [one.index for chain in report.chains for one in chain.statements]
    assert None not in places
    assert len(set(places)) == len(places) == report.log_size
    assert list(check_custody(gateway.stores)) == []


def test_copies_are_sealed_before_they_are_accounted_for(gateway, monkeypatch):
    gateway.take_ct()
    account, there = gateway.stores.ledger.account, []

    def look_first(release_id, disclosure, items, setbacks, **options):
        (study,) = gateway.stores.ledger.studies(limit=2)
        there.extend((one, len(gateway.stores.custody.seals_of(study.study_id))) for one in items)
        return account(release_id, disclosure, items, setbacks, **options)

    monkeypatch.setattr(gateway.stores.ledger, "account", look_first)
    gateway.settle()
    assert [count for _, count in there] == [6, 6, 6]


def test_nothing_leaves_that_could_not_be_sealed(gateway, monkeypatch):
    gateway.take_ct()

    def fail(*_, **__):
        raise StoreError("no")

    monkeypatch.setattr(gateway.stores.custody, "record", fail)
    with pytest.raises(StoreError):
        gateway.settle()
    assert gateway.inbox.arrived == {}
    assert gateway.stores.ledger.disclosures(limit=10) == []


def test_a_copy_is_bound_to_its_original_for_the_holder_alone(gateway, notary):
    gateway.take_ct(slices=1)
    gateway.settle()
    work(notary)
    book = gateway.stores.custody
    seals = book.seals_of(gateway.stores.ledger.studies(limit=1)[0].study_id)
    (original,) = (one for one in seals if not one.source_id)
    (copy,) = (one for one in seals if one.source_id)
    facts = json.loads(book.statements_of(copy.object_id)[0].signed.body)["facts"]
    commitment = bytes.fromhex(facts["derived_from"])
    roots = bytes.fromhex(original.root), bytes.fromhex(copy.root)
    assert opens_link(commitment, *roots, copy.opening)
    assert not opens_link(commitment, *roots, bytes(32))
    assert not opens_link(commitment, roots[1], roots[0], copy.opening)


def test_what_left_verifies_as_the_copy_that_was_sealed(gateway, notary):
    data_sets = gateway.take_ct()
    gateway.settle()
    work(notary)
    verifying = Verifying(VerifyRequest(), gateway.stores, gateway.stores.spool)
    try:
        for (sent,) in gateway.inbox.arrived.values():
            verdict = verifying.verify(BytesSource(sent))
            assert verdict.outcome is Outcome.UNCHANGED
            assert verdict.seal.is_copy
            assert verdict.seal.is_logged
        original = verifying.verify(BytesSource(bytes_of(data_sets[0])))
        assert (original.outcome, original.seal.is_copy) == (Outcome.UNCHANGED, False)
        data_sets[0].PixelData = data_sets[1].PixelData
        altered = verifying.verify(BytesSource(bytes_of(data_sets[0])))
        assert altered.outcome is Outcome.ALTERED
        assert altered.heat_maps[0].startswith(b"\x89PNG")
        data_sets[2].PatientName = "Put^Right"
        coerced = verifying.verify(BytesSource(bytes_of(data_sets[2])))
        assert coerced.outcome is Outcome.COERCED
        assert [one.name for one in coerced.comparison.coerced] == ["Patient's Name"]
    finally:
        verifying.close()


def test_an_exchanged_statement_is_no_evidence(gateway, notary):
    (ds, other, *_) = gateway.take_ct()
    gateway.settle()
    work(notary)
    book, blind = gateway.stores.custody, gateway.stores.sealing.blind
    verifying = Verifying(VerifyRequest(), gateway.stores, gateway.stores.spool)
    kept = {uid: book.statements_of(blind("instance", uid)) for uid in (ds.SOPInstanceUID, other.SOPInstanceUID)}
    book.statements_of = lambda _: kept[other.SOPInstanceUID]
    try:
        with pytest.raises(EvidenceError) as caught:
            verifying.verify(BytesSource(bytes_of(ds)))
        assert caught.value.fault == "verify.statement.other-seal"
    finally:
        verifying.close()


def test_a_kill_between_log_and_ledger_appends_nothing_twice(gateway, notary, monkeypatch):
    gateway.take_ct()
    gateway.settle()
    book = gateway.stores.custody
    noted = book.note_logged

    def killed(*_, **__):
        raise StoreError("killed")

    monkeypatch.setattr(book, "note_logged", killed)
    while notary.state():
        pass
    with pytest.raises(StoreError):
        notary.log()
    monkeypatch.setattr(book, "note_logged", noted)
    again = make_notary(gateway.stores, gateway.clock)
    work(again)
    again.close()
    (study,) = gateway.stores.ledger.studies(limit=2)
    with open_log(gateway.stores, _ring(gateway), book.log_head(_origin(gateway))) as log:
        entries = log.entries(0, log.size)
    assert len(set(entries)) == len(entries)
    assert study is not None
    assert list(check_custody(gateway.stores)) == []


def test_a_rolled_back_log_is_refused(gateway, notary, tmp_path):
    gateway.take_ct(slices=1)
    gateway.settle()
    work(notary)
    notary.close()
    folder = log_folder(gateway.stores)
    folder.rename(tmp_path / "newer")
    gateway.take_ct(slices=2, seed=9)
    gateway.settle()
    with pytest.raises(EvidenceError):
        work(notary)
    assert [one.what for one in check_custody(gateway.stores)] != []


def test_a_study_without_recipient_is_sealed_as_well(tmp_path, gateway, notary):
    gateway.staff.end_recipient("lung-ai", "test")
    (ds, *_) = gateway.take_ct()
    gateway.settle()
    work(notary)
    report = Custody(gateway.stores).report(ds.SOPInstanceUID)
    assert events(report, "instance") == [[CustodyEvent.SEALED]]


def test_damaged_pixels_are_sealed_as_they_are(gateway, notary):
    (sample, *_) = make_ct_series(slices=1, size=16, seed=3)
    ds = sample.ds
    ds.PixelData = encapsulate([b"\xff\x4f\xff\x51 no codestream"])
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = JPEG2000Lossless
    assert gateway.take(ds).accepted
    gateway.settle()
    work(notary)
    verifying = Verifying(VerifyRequest(), gateway.stores, gateway.stores.spool)
    try:
        whole = bytes_of(ds)
        assert verifying.verify(BytesSource(whole)).outcome is Outcome.UNCHANGED
        ds.PixelData = encapsulate([b"\xff\x4f\xff\x51 no codestreaM"])
        assert verifying.verify(BytesSource(bytes_of(ds))).outcome is Outcome.ALTERED
    finally:
        verifying.close()


def test_no_identifier_is_stated(gateway, notary):
    data_sets = gateway.take_ct()
    gateway.settle()
    work(notary)
    book = gateway.stores.custody
    (study,) = gateway.stores.ledger.studies(limit=2)
    seals = book.seals_of(study.study_id)
    objects = {study.study_id} | {one.object_id for one in seals} | {one.release_id for one in seals} - {""}
    said = b"".join(one.signed.body for name in objects for one in book.statements_of(name))
    ds = data_sets[0]
    for value in (ds.PatientID, str(ds.PatientName), ds.StudyInstanceUID, ds.SOPInstanceUID, ds.AccessionNumber):
        assert value
        assert str(value).encode() not in said
    log = b"".join(path.read_bytes() for path in log_folder(gateway.stores).rglob("*") if path.is_file())
    for value in (ds.PatientID, str(ds.PatientName), ds.StudyInstanceUID, ds.SOPInstanceUID):
        assert str(value).encode() not in log


def test_times_do_not_go_back_with_a_clock_that_does(gateway, notary):
    (ds, *_) = gateway.take_ct(slices=1)
    gateway.settle()
    work(notary)
    gateway.clock.move(seconds=-30)
    gateway.take_ct(slices=2)
    gateway.settle()
    work(notary)
    report = Custody(gateway.stores).report(ds.StudyInstanceUID)
    assert report.is_sound
    for chain in report.chains:
        times = [one.statement.at for one in chain.statements]
        assert times == sorted(times)
        assert all(isinstance(one, datetime) and one >= START for one in times)


def _ring(gateway):
    from scanward.bootstrap.custody import make_ring

    return make_ring(gateway.stores, gateway.clock)


def _origin(gateway):
    from scanward.bootstrap.custody import origin_of

    return origin_of(gateway.stores)


def test_a_result_is_sealed_as_it_came_and_told_with_the_study(gateway, notary):
    (ds, *_) = gateway.take_ct()
    gateway.settle()
    ((uid, (sent,)), *_) = gateway.inbox.arrived.items()
    result = pydicom.dcmread(io.BytesIO(sent))
    result.SOPInstanceUID = result.file_meta.MediaStorageSOPInstanceUID = "2.25.4711"
    result.SeriesInstanceUID = "2.25.4712"
    assert result.SOPInstanceUID != uid
    assert gateway.take(result, Origin(kind=OriginKind.DIMSE, peer="lung-ai", recipient="lung-ai")).accepted
    while gateway.engine.returner.step():
        pass
    work(notary)
    verifying = Verifying(VerifyRequest(), gateway.stores, gateway.stores.spool)
    try:
        assert verifying.verify(BytesSource(bytes_of(result))).outcome is Outcome.UNCHANGED
        result.PixelData = bytes(len(result.PixelData))
        assert verifying.verify(BytesSource(bytes_of(result))).outcome is Outcome.ALTERED
    finally:
        verifying.close()
    assert list(check_custody(gateway.stores)) == []
    assert Custody(gateway.stores).report("2.25.4711").is_sound
    assert Custody(gateway.stores).report(ds.StudyInstanceUID).is_sound


def test_what_is_not_understood_is_stated_too(gateway, notary):
    (ds, *_) = gateway.take_ct(slices=1)
    ds.PatientID = "ANOTHER"
    assert not gateway.take(ds).accepted
    work(notary)
    (quarantined,) = gateway.stores.ledger.quarantined(limit=2)
    (kept,) = gateway.stores.custody.statements_of(quarantined.quarantine_id)
    assert b'"event":"quarantined"' in kept.signed.body
    assert b"ANOTHER" not in kept.signed.body
