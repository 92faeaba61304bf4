"""What is decided again when it is taken from the outbox: all that the agreement says by then."""

import pytest

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
