"""What is decided again when it is taken from the outbox: all that the agreement says by then."""

import io
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from scanward.deidentify.profile import profile_text
from scanward.errors import ProfileError, StoreError
from scanward.flow.outbox import OUTDATED, PUT_OFF
from scanward.model.decision import Deny, Permit
from scanward.model.release import Delivery, ItemState, ReleaseState
from scanward.model.study import Batch
from tests.common.gateway import LUNG_AI, TestGateway
from tests.common.studies import make_samples

ANY = LUNG_AI.replace('["CT", "MR"]', '["*"]')


@pytest.fixture
def gateway(tmp_path):
    gateway = TestGateway(tmp_path / "home")
    yield gateway
    gateway.close()


def queue_chest(gateway: TestGateway) -> str:
    """Bring CT slices and documents of one study into the outbox; return the id of the release."""
    gateway.add_recipient(ANY)
    for sample in make_samples(seed=5):
        if sample.name in {"ct/1", "ct/2", "sr/basic text"}:
            assert gateway.take(sample.ds).accepted
    gateway.clock.move(seconds=61)
    while gateway.engine.router.sweep():
        pass
    gateway.queue.work()
    (release,) = gateway.stores.ledger.releases(limit=10)
    assert {line.state for line in gateway.stores.ledger.release_items(release.release_id)} == {ItemState.QUEUED}
    return release.release_id


def stations(gateway: TestGateway, release_id: str) -> dict[str, str]:
    """Return the state of each instance by modality."""
    ledger = gateway.stores.ledger
    release = ledger.get_release(release_id)
    batch = ledger.instances_of(Batch(study_id=release.study_id, number=release.batch))
    modalities = {one.instance_id: one.modality for one in batch}
    return {modalities[line.instance_id]: line.state for line in ledger.release_items(release_id)}


def test_what_was_agreed_away_since_it_was_queued_stays(gateway):
    release_id = queue_chest(gateway)
    gateway.add_recipient(ANY.replace('["*"]', '["SR"]'))
    gateway.turn()
    assert stations(gateway, release_id) == {"CT": ItemState.STOPPED, "SR": ItemState.SENT}
    assert len(gateway.inbox.arrived) == 1
    assert gateway.stores.ledger.get_release(release_id).state is ReleaseState.DONE
    (disclosure,) = gateway.stores.ledger.disclosures(limit=10)
    assert disclosure.states == {ItemState.STOPPED: 2, ItemState.SENT: 1}


def test_what_was_agreed_away_after_it_may_have_arrived_counts_as_that(gateway):
    release_id = queue_chest(gateway)
    gateway.inbox.answers = [Delivery.UNKNOWN] * 3
    gateway.turn(1)
    gateway.add_recipient(ANY.replace('["*"]', '["SR"]'))
    gateway.clock.move(minutes=5)
    gateway.turn()
    assert stations(gateway, release_id) == {"CT": ItemState.UNKNOWN, "SR": ItemState.SENT}


def test_what_a_person_has_to_approve_by_now_stays(gateway):
    release_id = queue_chest(gateway)
    gateway.add_recipient(ANY.replace("[agreement]\n", "[agreement]\nhuman_approval = true\n"))
    gateway.turn()
    assert gateway.stores.ledger.get_release(release_id).state is ReleaseState.STOPPED
    assert not gateway.inbox.arrived


SCOPES = {
    "modality": 'modalities = ["SR"]',
    "body part": 'modalities = ["*"]\nbody_parts = ["KNEE"]',
    "SOP Class": 'modalities = ["*"]\nsop_classes = ["BasicTextSRStorage"]',
}


@pytest.mark.parametrize("scope", sorted(SCOPES))
def test_each_instance_is_decided_on_again_before_it_is_sent(gateway, scope):
    release_id = queue_chest(gateway)
    gateway.add_recipient(ANY.replace('modalities = ["*"]', SCOPES[scope]))
    gateway.turn()
    found = stations(gateway, release_id)
    if scope == "body part":
        # Nothing of the study is of that body part: the release as a whole is not permitted any more.
        assert set(found.values()) == {ItemState.STOPPED}
    else:
        assert found == {"CT": ItemState.STOPPED, "SR": ItemState.SENT}
    assert len(gateway.inbox.arrived) == list(found.values()).count(ItemState.SENT)


# The form in which it leaves


def arrived(gateway: TestGateway) -> list[Dataset]:
    return [dcmread(io.BytesIO(files[-1])) for files in gateway.inbox.arrived.values()]


def of_own_profile(path: Path) -> str:
    return ANY.replace('profile = "ai-inference"', f'profile = "{path}"')


def write_profile(path: Path, shipped: str) -> Path:
    path.write_text(profile_text(shipped), "utf-8")
    return path


def queue_ct(gateway: TestGateway, document: str) -> str:
    gateway.add_recipient(document)
    gateway.take_ct(slices=3)
    gateway.clock.move(seconds=61)
    while gateway.engine.router.sweep():
        pass
    gateway.queue.work()
    (release,) = gateway.stores.ledger.releases(limit=10)
    lines = gateway.stores.ledger.release_items(release.release_id)
    assert {line.state for line in lines} == {ItemState.QUEUED}
    return release.release_id


def states_of(gateway: TestGateway, release_id: str) -> list[str]:
    return [line.state for line in gateway.stores.ledger.release_items(release_id)]


def test_what_was_prepared_under_a_laxer_profile_leaves_under_the_one_agreed_now(gateway):
    release_id = queue_ct(gateway, ANY)
    gateway.add_recipient(ANY.replace("ai-inference", "basic"))
    assert gateway.drainer.drain_once() == 3
    assert not gateway.inbox.arrived
    lines = gateway.stores.ledger.release_items(release_id)
    assert {(line.state, line.detail, line.attempts) for line in lines} == {(ItemState.QUEUED, OUTDATED, 0)}
    gateway.turn()
    assert states_of(gateway, release_id) == [ItemState.SENT] * 3
    assert len(arrived(gateway)) == 3
    assert all("PatientSex" not in ds or not ds.PatientSex for ds in arrived(gateway))
    assert gateway.stores.ledger.find_outdated(10) == []
    # The former recipes are gone, and all that is there is in use.
    named = {line.item.recipe for line in gateway.stores.ledger.release_items(release_id)}
    assert len(named) == 1
    assert [one.disclosure.purpose for one in gateway.stores.ledger.disclosures(limit=10)] == ["TREAT"]


def test_a_profile_that_is_changed_where_it_lies_counts_from_then_on(gateway, tmp_path):
    own = write_profile(tmp_path / "own.toml", "ai-inference")
    release_id = queue_ct(gateway, of_own_profile(own))
    write_profile(own, "basic")
    gateway.turn()
    assert states_of(gateway, release_id) == [ItemState.SENT] * 3
    assert all("PatientSex" not in ds or not ds.PatientSex for ds in arrived(gateway))


def test_fewer_attributes_agreed_on_since_do_not_leave(gateway):
    release_id = queue_ct(gateway, ANY)
    gateway.add_recipient(ANY.replace("[agreement.data]\n", '[agreement.data]\nattributes = ["KVP"]\n'))
    gateway.turn()
    assert states_of(gateway, release_id) == [ItemState.SENT] * 3
    assert not any("PatientSex" in ds and ds.PatientSex for ds in arrived(gateway))


def test_what_may_have_arrived_is_sent_again_in_the_form_of_now_under_the_same_uids(gateway):
    queue_ct(gateway, ANY)
    gateway.inbox.answers = [Delivery.UNKNOWN] * 3
    assert gateway.drainer.drain_once() == 3
    gateway.add_recipient(ANY.replace("ai-inference", "basic"))
    gateway.clock.move(minutes=5)
    gateway.turn()
    assert {len(files) for files in gateway.inbox.arrived.values()} == {2}
    assert len(gateway.inbox.arrived) == 3
    assert all("PatientSex" not in ds or not ds.PatientSex for ds in arrived(gateway))


def test_nothing_leaves_while_the_profile_cannot_be_read(gateway, tmp_path):
    own = write_profile(tmp_path / "own.toml", "ai-inference")
    release_id = queue_ct(gateway, of_own_profile(own))
    own.unlink()
    while gateway.drainer.drain_once():
        pass
    gateway.engine.router.sweep()
    with pytest.raises(ProfileError):
        gateway.queue.work()
    assert states_of(gateway, release_id) == [ItemState.QUEUED] * 3
    write_profile(own, "ai-inference")
    gateway.clock.move(seconds=PUT_OFF.total_seconds() + 1)
    gateway.turn()
    assert states_of(gateway, release_id) == [ItemState.SENT] * 3


def test_what_was_queued_before_forms_were_on_record_is_prepared_again(gateway):
    release_id = queue_ct(gateway, ANY)
    with gateway.stores.ledger._database.writing() as writing:
        writing.connection.exec_driver_sql("UPDATE items SET form = ''")
    gateway.turn()
    assert states_of(gateway, release_id) == [ItemState.SENT] * 3
    forms = {line.item.form for line in gateway.stores.ledger.release_items(release_id)}
    assert len(forms) == 1
    assert "" not in forms


def test_a_withdrawal_while_it_waits_to_be_prepared_again_stops_it(gateway):
    release_id = queue_ct(gateway, ANY)
    gateway.add_recipient(ANY.replace("ai-inference", "basic"))
    gateway.drainer.drain_once()
    release = gateway.stores.ledger.get_release(release_id)
    gateway.staff.add_provision(release.patient_id, {"effect": "deny", "purposes": ["*"]}, "test")
    gateway.clock.move(minutes=5)
    gateway.turn()
    assert gateway.stores.ledger.get_release(release_id).state is ReleaseState.STOPPED
    assert states_of(gateway, release_id) == [ItemState.STOPPED] * 3
    assert not gateway.inbox.arrived
    assert gateway.stores.ledger.find_outdated(10) == []


# What changes while it is decided


class Meddling:
    """A registry in which something changes right after the patient's consents were read."""

    def __init__(self, registry, change) -> None:
        self._registry = registry
        self._change = change

    def __getattr__(self, name):
        return getattr(self._registry, name)

    def provisions(self, patient_id):
        found = self._registry.provisions(patient_id)
        change, self._change = self._change, None
        if change is not None:
            change(patient_id)
        return found


TRAINING = ANY.replace('"TREAT"', '"MLTRAINING"').replace('basis = "treatment"', 'basis = "research"')


def test_a_permit_recorded_while_the_router_denies_is_heeded(gateway):
    gateway.add_recipient(TRAINING)
    gateway.take_ct(slices=1)
    decider = gateway.engine.decider

    def allow(patient_id: str) -> None:
        gateway.staff.add_provision(patient_id, {"effect": "permit", "purposes": ["MLTRAINING"]}, "test")

    decider._registry = Meddling(decider._registry, allow)
    gateway.settle()
    (release,) = gateway.stores.ledger.releases(limit=10)
    assert release.state is ReleaseState.DONE
    assert len(gateway.inbox.arrived) == 1


def test_a_denial_taken_back_while_a_sender_stops_for_it_stops_nothing(gateway):
    release_id = queue_chest(gateway)
    release = gateway.stores.ledger.get_release(release_id)
    denial = gateway.staff.add_provision(release.patient_id, {"effect": "deny", "purposes": ["*"]}, "test")
    decider = gateway.engine.decider
    decider._registry = Meddling(
        decider._registry, lambda patient: gateway.staff.revoke_provision(patient, denial, "test")
    )
    gateway.turn()
    assert gateway.stores.ledger.get_release(release_id).state is ReleaseState.DONE
    assert len(gateway.inbox.arrived) == 3


def test_consents_that_cannot_be_looked_up_deny_for_as_long_and_no_longer(gateway):
    gateway.add_recipient(ANY)
    gateway.take_ct(slices=1)
    gateway.clock.move(seconds=61)
    decider = gateway.engine.decider
    registry = decider._registry

    class Broken:
        def __getattr__(self, name):
            return getattr(registry, name)

        def provisions(self, patient_id):
            raise StoreError("the database is away")

    decider._registry = Broken()
    for _ in range(3):
        gateway.engine.router.sweep()
    (release,) = gateway.stores.ledger.releases(limit=10)
    assert release.state is ReleaseState.OPEN
    batch = gateway.stores.ledger.instances_of(Batch(study_id=release.study_id, number=1))
    assert isinstance(decider.look_again(release, batch).decision, Deny)
    decider._registry = registry
    assert isinstance(decider.look_again(release, batch).decision, Permit)
    gateway.turn()
    assert len(gateway.inbox.arrived) == 1


def test_work_that_could_not_be_queued_is_queued_with_the_next_sweep(gateway):
    gateway.add_recipient(ANY)
    gateway.take_ct(slices=1)
    gateway.clock.move(seconds=61)
    queue = gateway.queue
    tried: list[str] = []

    class Full:
        def submit(self, kind: str, key: str) -> None:
            tried.append(key)
            raise StoreError("no room")

    gateway.engine.router._queue = Full()
    with pytest.raises(StoreError):
        while gateway.engine.router.sweep():
            pass
    (release,) = gateway.stores.ledger.releases(limit=10)
    assert release.state is ReleaseState.PERMITTED
    assert set(tried) == {release.release_id}
    gateway.engine.router._queue = queue
    gateway.turn()
    assert gateway.stores.ledger.get_release(release.release_id).state is ReleaseState.DONE


def test_what_another_worker_permitted_and_did_not_queue_is_queued_after_seconds(gateway):
    gateway.add_recipient(ANY)
    gateway.take_ct(slices=1)
    gateway.clock.move(seconds=61)
    router = gateway.engine.router
    router._route()
    router._close_quiet()
    router._route()
    (release,) = gateway.stores.ledger.releases(limit=10)
    batch = gateway.stores.ledger.instances_of(Batch(study_id=release.study_id, number=1))
    permit = gateway.engine.decider.look_again(release, batch).decision
    gateway.stores.ledger.record_decision(release.release_id, permit, ReleaseState.PERMITTED, gateway.clock())
    gateway.turn()
    assert gateway.stores.ledger.get_release(release.release_id).state is ReleaseState.PERMITTED
    gateway.clock.move(seconds=11)
    gateway.turn()
    assert gateway.stores.ledger.get_release(release.release_id).state is ReleaseState.DONE
