"""What was lost or damaged is stored anew when it is sent again, and only then."""

import copy
import io
from datetime import UTC, datetime, timedelta

import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from scanward.adapters.store.audit import SqlAudit
from scanward.adapters.store.database import Database
from scanward.errors import StoreError
from scanward.flow.fsck import YOUNG, check_stores
from scanward.flow.intake import LOST_CONTENT, OTHER_CONTENT
from scanward.model.instance import BytesSource
from scanward.model.release import Delivery
from scanward.model.study import Origin, OriginKind
from tests.common.gateway import ARCHIVE, TestGateway, bytes_of
from tests.common.studies import make_ct_series


@pytest.fixture
def gateway(tmp_path):
    gateway = TestGateway(tmp_path / "home")
    gateway.add_recipient()
    yield gateway
    gateway.close()


def check(gateway):
    stores = gateway.stores
    now = datetime.now(UTC) + YOUNG + timedelta(minutes=1)
    audit = SqlAudit(Database(stores.engines[0]))
    return [one.what for one in check_stores(audit, stores.blobs, stores.vault, now=now, reads=True)]


def path_of(gateway, blob):
    return gateway.stores.home / "blobs" / blob[:2] / blob[2:]


def lose(gateway, blob):
    path_of(gateway, blob).unlink()


def damage_the_end(gateway, blob):
    path = path_of(gateway, blob)
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)


def damage_the_front(gateway, blob):
    path_of(gateway, blob).write_bytes(b"\0" * 1000)


def stored(gateway, ds):
    found = gateway.stores.ledger.find_instance(gateway.stores.sealing.blind("instance", ds.SOPInstanceUID))
    assert found is not None
    return found


def content_of(gateway, ds):
    stores = gateway.stores
    key = stores.vault.find_data_key(stores.sealing.blind("study", ds.StudyInstanceUID))
    with stores.blobs.open(key, stored(gateway, ds).blob) as source:
        return source.read(0, source.size)


def make_ds(seed=7):
    (sample,) = make_ct_series(slices=1, size=256, seed=seed)
    return sample.ds


def with_other_meta(ds):
    """Return the file as another sender writes it: the same data set behind a longer File Meta Information."""
    again = copy.deepcopy(ds)
    again.file_meta.SourceApplicationEntityTitle = "ANOTHER_SENDER"
    data = bytes_of(again)
    assert len(data) != len(bytes_of(ds))
    return data


@pytest.mark.parametrize("harm", [lose, damage_the_end, damage_the_front])
def test_what_was_lost_is_stored_anew_when_it_is_sent_again(gateway, harm):
    ds = make_ds()
    assert gateway.take(ds).accepted
    before = stored(gateway, ds).blob
    harm(gateway, before)
    assert len(check(gateway)) == 1
    assert gateway.take(ds).accepted
    assert stored(gateway, ds).blob != before
    assert content_of(gateway, ds) == bytes_of(ds)
    assert check(gateway) == []
    assert not path_of(gateway, before).exists()
    study_id = gateway.stores.sealing.blind("study", ds.StudyInstanceUID)
    events = [one for one in gateway.stores.ledger.history(study_id) if one.what == "stored anew"]
    assert [one.by for one in events] == ["archive"]
    assert ds.SOPInstanceUID not in str(events)
    gateway.settle()
    assert len(gateway.inbox.arrived) == 1


def test_what_is_whole_is_not_stored_anew(gateway):
    ds = make_ds()
    gateway.take(ds)
    before = stored(gateway, ds).blob
    assert gateway.take(ds).accepted
    assert stored(gateway, ds).blob == before
    assert len(dict(gateway.stores.blobs.names())) == 1


@pytest.mark.parametrize("harm", [lose, damage_the_end])
def test_another_instance_with_the_uid_does_not_take_the_place(gateway, harm):
    ds = make_ds()
    gateway.take(ds)
    before = stored(gateway, ds).blob
    harm(gateway, before)
    other = copy.deepcopy(ds)
    pixels = bytearray(other.PixelData)
    pixels[0] ^= 1
    other.PixelData = bytes(pixels)
    receipt = gateway.take(other)
    assert (receipt.accepted, receipt.reason) == (False, OTHER_CONTENT)
    assert stored(gateway, ds).blob == before
    assert len(check(gateway)) == 1
    assert gateway.take(ds).accepted
    assert check(gateway) == []


def test_the_recipes_of_a_release_still_fit_what_another_sender_brings(gateway):
    """Recipes name ranges of the file as it came first: behind another File Meta Information they would be wrong."""
    ds = make_ds()
    gateway.take(ds)
    first = content_of(gateway, ds)
    gateway.inbox.answers = [Delivery.NOT_SENT]
    gateway.settle()
    assert gateway.inbox.arrived == {}
    lose(gateway, stored(gateway, ds).blob)
    receipt = gateway.engine.intake.take(BytesSource(with_other_meta(ds)), ARCHIVE)
    assert receipt.accepted
    assert content_of(gateway, ds) == first
    gateway.clock.move(hours=1)
    gateway.turn()
    ((sent,),) = gateway.inbox.arrived.values()
    assert ds.PixelData in sent
    assert ds.PatientID.encode() not in sent
    assert check(gateway) == []


def test_a_deflated_one(gateway):
    ds = make_ds()
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    gateway.take(ds)
    lose(gateway, stored(gateway, ds).blob)
    assert gateway.take(ds).accepted
    assert check(gateway) == []
    gateway.settle()
    assert len(gateway.inbox.arrived) == 1


def test_one_that_came_before_marks_were_kept(gateway, monkeypatch):
    ds = make_ds()
    monkeypatch.setattr("scanward.flow.intake.make_mark", lambda *_: "")
    gateway.take(ds)
    monkeypatch.undo()
    assert gateway.take(ds).accepted
    lose(gateway, stored(gateway, ds).blob)
    receipt = gateway.take(ds)
    assert (receipt.accepted, receipt.reason) == (False, LOST_CONTENT)


def test_a_store_that_fails_meanwhile_changes_nothing(gateway, monkeypatch):
    ds = make_ds()
    gateway.take(ds)
    before = stored(gateway, ds).blob
    lose(gateway, before)

    def fail(*_args, **_more):
        raise StoreError("the ledger does not answer")

    monkeypatch.setattr(gateway.stores.ledger, "replace_blob", fail)
    with pytest.raises(StoreError):
        gateway.take(ds)
    monkeypatch.undo()
    assert stored(gateway, ds).blob == before
    assert gateway.take(ds).accepted
    assert [what for what in check(gateway) if "nothing names" not in what] == []


def test_what_is_quarantined(gateway):
    broken = BytesSource(b"\0" * 128 + b"DICM" + b"no data set")
    intake = gateway.engine.intake
    assert not intake.take(broken, ARCHIVE).accepted
    (waiting,) = gateway.stores.ledger.quarantined(limit=10)
    lose(gateway, waiting.blob)
    assert len(check(gateway)) == 1
    assert not intake.take(broken, ARCHIVE).accepted
    assert check(gateway) == []
    (again,) = gateway.stores.ledger.quarantined(limit=10)
    assert again.blob != waiting.blob
    assert "stored anew" in [one.what for one in gateway.stores.ledger.history(again.quarantine_id)]
    assert not intake.take(broken, ARCHIVE).accepted
    assert len(dict(gateway.stores.blobs.names())) == 1


@pytest.mark.parametrize("harm", [lose, damage_the_end])
def test_a_result(gateway, harm):
    origin = Origin(kind=OriginKind.STOW, peer="lung-ai", recipient="lung-ai")
    ds, other = make_ds(seed=8), make_ds(seed=8)
    other.SeriesDescription = "another"
    assert gateway.take(ds, origin).accepted
    (result,) = gateway.stores.ledger.results(limit=10)
    harm(gateway, result.blob)
    assert len(check(gateway)) == 1
    assert not gateway.take(other, origin).accepted
    assert gateway.take(ds, origin).accepted
    assert check(gateway) == []
    assert "stored anew" in [one.what for one in gateway.stores.ledger.history(result.result_id)]
    assert io.BytesIO(bytes_of(ds)).getbuffer().nbytes == gateway.stores.ledger.get_result(result.result_id).size_bytes
