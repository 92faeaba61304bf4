"""What is on record of a patient."""

from scanward.adapters.store.ledger import SqlLedger
from scanward.model.release import ItemState, ReleaseState
from scanward.ports.ledger import PatientRelease
from tests.common.ledgers import (
    DENY,
    add_study,
    after,
    permit,
    queue_study,
    release_id_of,
)


def test_all_releases_of_a_patient(ledger: SqlLedger):
    sent = queue_study(ledger, "1", at=after(1))
    ledger.record_decision(sent.release_id, DENY, ReleaseState.STOPPED, after(5))
    queued = queue_study(ledger, "2", at=after(2))
    batch = add_study(ledger, "3", at=after(3))
    refused = ledger.open_release(batch, "vendor", "HRESCH", release_id_of(batch), after(3))
    ledger.record_decision(refused.release_id, permit(needs_approval=True), ReleaseState.AWAITING_APPROVAL, after(3))
    ledger.refuse(refused.release_id, "me", "no", after(4))
    other = add_study(ledger, "4", patient="b")
    ledger.open_release(other, "vendor", "HRESCH", release_id_of(other), after(9))
    found = ledger.patient_releases(sent.patient_id)
    assert found == [
        PatientRelease(release=ledger.get_release(sent.release_id), refused=False, items={ItemState.STOPPED: 3}),
        PatientRelease(release=ledger.get_release(refused.release_id), refused=True, items={}),
        PatientRelease(release=queued, refused=False, items={ItemState.QUEUED: 3}),
    ]
    assert ledger.patient_releases("none") == []
