"""From arrival to the recipient: what leaves, what stays, and what is on record."""

import io

import pytest
from pydicom import dcmread

from scanward.bootstrap import pixels
from scanward.errors import EngineError
from scanward.model.release import Delivery, ItemState, ReleaseState
from tests.common.gateway import LUNG_AI, TestGateway
from tests.common.studies import make_ct_series, make_samples


@pytest.fixture
def gateway(tmp_path):
    gateway = TestGateway(tmp_path / "home")
    yield gateway
    gateway.close()


def only_release(gateway):
    (release,) = gateway.stores.ledger.releases(limit=10)
    return release


def states_of(gateway, release):
    return [line.state for line in gateway.stores.ledger.release_items(release.release_id)]


def permit_training(gateway, ds, recipient="lung-ai", purpose="MLTRAINING"):
    patient = gateway.staff.patient(ds.PatientID, ds.get("IssuerOfPatientID", ""))
    return patient, gateway.staff.add_provision(
        patient, {"effect": "permit", "purposes": [purpose], "recipients": [recipient]}, "test"
    )


TRAINING = LUNG_AI.replace('"TREAT"', '"MLTRAINING"').replace('basis = "treatment"', 'basis = "research"')


def test_a_study_reaches_its_recipient_de_identified_and_on_record(gateway):
    gateway.add_recipient()
    sent = gateway.take_ct(slices=3)
    gateway.settle()
    release = only_release(gateway)
    assert release.state is ReleaseState.DONE
    assert states_of(gateway, release) == [ItemState.SENT] * 3
    assert len(gateway.inbox.arrived) == 3
    for (data,), ds in zip(
        sorted(gateway.inbox.arrived.values(), key=lambda files: dcmread(io.BytesIO(files[0])).InstanceNumber),
        sent,
        strict=True,
    ):
        out = dcmread(io.BytesIO(data))
        assert out.PixelData == ds.PixelData
        assert out.PatientID.startswith("SW-")
        assert ds.PatientID.encode() not in data
        assert ds.StudyInstanceUID.encode() not in data
    (disclosure,) = gateway.stores.ledger.disclosures(limit=10)
    assert disclosure.instances == 3
    assert disclosure.states == {ItemState.SENT: 3}
    assert disclosure.disclosure.recipient_name == "Lung AI Ltd"
    assert sent[0].PatientID not in disclosure.disclosure.description


def test_before_it_is_quiet_nothing_leaves(gateway):
    gateway.add_recipient()
    gateway.take_ct()
    gateway.turn()
    assert gateway.stores.ledger.releases(limit=10) == []
    assert not gateway.inbox.arrived


def test_without_consent_nothing_is_used_for_training_and_nothing_is_left(gateway):
    gateway.add_recipient(TRAINING)
    sent = gateway.take_ct()
    gateway.settle()
    release = only_release(gateway)
    assert release.state is ReleaseState.DENIED
    assert release.reasons
    assert gateway.stores.ledger.disclosures(limit=10) == []
    assert states_of(gateway, release) == []
    assert not gateway.inbox.arrived
    # With consent it is decided again.
    permit_training(gateway, sent[0])
    gateway.turn()
    assert only_release(gateway).state is ReleaseState.DONE
    assert len(gateway.inbox.arrived) == 3


def test_a_withdrawal_between_queueing_and_sending_stops_the_sending(gateway):
    gateway.add_recipient(TRAINING)
    (ds, *_) = gateway.take_ct()
    patient, number = permit_training(gateway, ds)
    gateway.clock.move(seconds=61)
    while gateway.engine.router.sweep():
        pass
    gateway.queue.work()
    release = only_release(gateway)
    assert states_of(gateway, release) == [ItemState.QUEUED] * 3
    gateway.staff.revoke_provision(patient, number, "test")
    gateway.turn()
    release = only_release(gateway)
    assert release.state is ReleaseState.STOPPED
    assert states_of(gateway, release) == [ItemState.STOPPED] * 3
    assert not gateway.inbox.arrived
    # What was on record before it could leave stays on record, as stopped.
    (disclosure,) = gateway.stores.ledger.disclosures(limit=10)
    assert disclosure.states == {ItemState.STOPPED: 3}


def test_a_withdrawal_before_preparing_stops_that(gateway):
    gateway.add_recipient(TRAINING)
    (ds, *_) = gateway.take_ct()
    patient, number = permit_training(gateway, ds)
    gateway.clock.move(seconds=61)
    while gateway.engine.router.sweep():
        pass
    gateway.staff.revoke_provision(patient, number, "test")
    gateway.queue.work()
    assert only_release(gateway).state is ReleaseState.STOPPED
    assert gateway.stores.ledger.disclosures(limit=10) == []


def test_each_instance_ends_by_itself(gateway):
    gateway.add_recipient()
    gateway.take_ct(slices=3)
    gateway.inbox.answers = [Delivery.CONFIRMED, Delivery.REFUSED, Delivery.NOT_SENT]
    gateway.settle()
    release = only_release(gateway)
    assert release.state is ReleaseState.ACCOUNTED
    assert sorted(states_of(gateway, release)) == [ItemState.FAILED, ItemState.QUEUED, ItemState.SENT]
    gateway.turn()  # not due yet
    assert len(gateway.inbox.arrived) == 1
    gateway.clock.move(seconds=6)
    gateway.turn()
    assert only_release(gateway).state is ReleaseState.DONE
    assert sorted(states_of(gateway, release)) == [ItemState.FAILED, ItemState.SENT, ItemState.SENT]


def test_what_may_have_arrived_counts_as_that_when_it_is_given_up(gateway):
    gateway.add_recipient()
    gateway.take_ct(slices=1)
    gateway.inbox.answers = [Delivery.UNKNOWN] + [Delivery.NOT_SENT] * 11
    gateway.settle()
    for _ in range(12):
        gateway.clock.move(hours=2)
        gateway.turn()
    release = only_release(gateway)
    assert states_of(gateway, release) == [ItemState.UNKNOWN]
    assert release.state is ReleaseState.DONE
    # A person tries again, and it arrives: the same file once more.
    gateway.staff.retry_release(release.release_id, "test")
    gateway.turn()
    assert states_of(gateway, release) == [ItemState.SENT]
    (files,) = gateway.inbox.arrived.values()
    assert len(set(files)) == 1


def test_late_instances_join_their_study(gateway):
    gateway.add_recipient()
    data_sets = [sample.ds for sample in make_ct_series(slices=4, size=16)]
    for ds in data_sets[:3]:
        gateway.take(ds)
    gateway.settle()
    gateway.take(data_sets[3])
    gateway.settle()
    releases = gateway.stores.ledger.releases(limit=10)
    assert [one.state for one in releases] == [ReleaseState.DONE] * 2
    assert sorted(one.batch for one in releases) == [1, 2]
    assert len(gateway.inbox.arrived) == 4
    studies = {dcmread(io.BytesIO(files[0])).StudyInstanceUID for files in gateway.inbox.arrived.values()}
    assert len(studies) == 1


def test_the_same_instance_again_changes_nothing(gateway):
    gateway.add_recipient()
    (ds, *_) = gateway.take_ct()
    before = sorted(name for name, _ in gateway.stores.blobs.names())
    assert gateway.take(ds).accepted
    assert sorted(name for name, _ in gateway.stores.blobs.names()) == before
    gateway.settle()
    assert gateway.take(ds).accepted
    gateway.settle()
    assert len(gateway.inbox.arrived) == 3
    assert all(len(files) == 1 for files in gateway.inbox.arrived.values())


def test_another_content_under_the_same_uid_is_quarantined(gateway):
    (ds, *_) = gateway.take_ct()
    ds.ImageComments = "altered"
    receipt = gateway.take(ds)
    assert not receipt.accepted
    assert len(gateway.stores.ledger.quarantined(limit=10)) == 1
    assert not gateway.take(ds).accepted  # and known when it comes again
    assert len(gateway.stores.ledger.quarantined(limit=10)) == 1


def test_another_patient_in_the_same_study_is_quarantined(gateway):
    (ds, *_) = gateway.take_ct()
    ds.PatientID = "SOMEBODY-ELSE"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5"
    receipt = gateway.take(ds)
    assert not receipt.accepted
    assert "SOMEBODY" not in receipt.reason


def test_only_what_was_agreed_leaves(gateway):
    gateway.add_recipient(LUNG_AI.replace('modalities = ["CT", "MR"]', 'modalities = ["SR"]'))
    gateway.take_ct()
    gateway.settle()
    assert only_release(gateway).state is ReleaseState.DENIED
    assert not gateway.inbox.arrived


def test_pixels_that_nobody_looked_at_stay_and_say_why(gateway, monkeypatch):
    def load():
        raise EngineError("expected the package openvino, found none", remedy="pip install 'scanward[pixels]'")

    monkeypatch.setattr(pixels, "load_engines", load)
    gateway.add_recipient(LUNG_AI.replace('["CT", "MR"]', '["*"]'))
    for sample in make_samples(seed=5):
        assert gateway.take(sample.ds).accepted
    gateway.settle()
    lines = [
        line
        for release in gateway.stores.ledger.releases(limit=100)
        for line in gateway.stores.ledger.release_items(release.release_id)
    ]
    held = [line for line in lines if line.state == ItemState.EXCLUDED]
    assert held
    assert all(line.detail for line in held)
    assert any("pip install 'scanward[pixels]'" in line.detail for line in held)
    assert not any(line.item.pixels.is_proven for line in lines if line.item is not None)
    assert {line.state for line in lines} == {ItemState.SENT, ItemState.EXCLUDED}
    arrived = {dcmread(io.BytesIO(files[0])).Modality for files in gateway.inbox.arrived.values()}
    assert "US" not in arrived


def test_a_person_approves_or_refuses(gateway):
    gateway.add_recipient(LUNG_AI.replace("[agreement]\n", "[agreement]\nhuman_approval = true\n"))
    gateway.take_ct(slices=1, seed=1)
    gateway.take_ct(slices=1, seed=2)
    gateway.settle()
    first, second = gateway.stores.ledger.releases(limit=10)
    assert {first.state, second.state} == {ReleaseState.AWAITING_APPROVAL}
    assert not gateway.inbox.arrived
    gateway.staff.approve_release(first.release_id, "officer")
    gateway.staff.refuse_release(second.release_id, "officer", "not this one")
    gateway.turn()
    ledger = gateway.stores.ledger
    assert ledger.get_release(first.release_id).state is ReleaseState.DONE
    assert ledger.get_release(second.release_id).state is ReleaseState.DENIED
    assert len(gateway.inbox.arrived) == 1
    assert any(event.by == "officer" for event in ledger.history(first.release_id))


def test_ending_a_recipient_stops_what_is_queued(gateway):
    gateway.add_recipient()
    gateway.take_ct()
    gateway.inbox.answers = [Delivery.CONFIRMED, Delivery.NOT_SENT, Delivery.NOT_SENT]
    gateway.settle()
    gateway.staff.end_recipient("lung-ai", "test")
    gateway.clock.move(minutes=5)
    gateway.turn()
    release = only_release(gateway)
    assert release.state is ReleaseState.STOPPED
    assert sorted(states_of(gateway, release)) == [ItemState.SENT, ItemState.STOPPED, ItemState.STOPPED]
    assert len(gateway.inbox.arrived) == 1


def test_two_recipients_cannot_join_what_they_get(gateway):
    gateway.add_recipient()
    gateway.add_recipient(LUNG_AI.replace("lung-ai", "other-ai"))
    gateway.take_ct()
    gateway.settle()
    uids = [dcmread(io.BytesIO(files[0])) for files in gateway.inbox.arrived.values()]
    assert len(uids) == 6
    assert len({ds.StudyInstanceUID for ds in uids}) == 2
    assert len({ds.PatientID for ds in uids}) == 2


def test_large_studies_go_in_units(tmp_path):
    from scanward.config import GatewaySettings

    settings = GatewaySettings(dimse=None, http=None, quiet_seconds=60, min_free_bytes=0, shard_instances=2)
    gateway = TestGateway(tmp_path / "home", settings)
    try:
        gateway.add_recipient()
        gateway.take_ct(slices=7)
        gateway.settle()
        assert only_release(gateway).state is ReleaseState.DONE
        assert len(gateway.inbox.arrived) == 7
        (disclosure,) = gateway.stores.ledger.disclosures(limit=10)
        assert disclosure.instances == 7
    finally:
        gateway.close()


def test_the_same_data_set_by_another_door_is_the_same_instance(gateway):
    (ds, *_) = gateway.take_ct(slices=1)
    ds.file_meta.ImplementationVersionName = "ANOTHER SENDER 2"
    assert gateway.take(ds).accepted
    assert gateway.stores.ledger.quarantined(limit=10) == []


def test_a_release_stopped_while_it_is_prepared_leaves_nothing(gateway, monkeypatch):
    gateway.add_recipient()
    gateway.take_ct()
    gateway.clock.move(seconds=61)
    while gateway.engine.router.sweep():
        pass
    before = sorted(name for name, _ in gateway.stores.blobs.names())
    account = gateway.stores.ledger.account

    def stop_first(release_id, *arguments, **options):
        gateway.staff.stop_release(release_id, "officer", "just now")
        return account(release_id, *arguments, **options)

    monkeypatch.setattr(gateway.stores.ledger, "account", stop_first)
    gateway.queue.work()
    assert only_release(gateway).state is ReleaseState.STOPPED
    assert gateway.stores.ledger.disclosures(limit=10) == []
    (study,) = gateway.stores.ledger.studies(limit=2)
    seals = {one.blob for one in gateway.stores.custody.seals_of(study.study_id)}
    assert sorted(name for name, _ in gateway.stores.blobs.names() if name not in seals) == before
