"""The way of a study through the ledger, on both databases."""

from datetime import timedelta

from scanward.adapters.store.ledger import SqlLedger
from scanward.model.release import ItemState, ReleaseState
from scanward.model.study import Completion
from tests.common.ledgers import (
    NOW,
    account_release,
    add_study,
    after,
    make_received,
    outcome,
    permit_release,
    recount,
    release_id_of,
)


def test_a_study_goes_all_the_way(ledger: SqlLedger):
    received = [make_received("1", number) for number in (1, 2, 3)]
    ledger.add_received(received)
    study_id = received[0].study_id
    assert ledger.find_quiet(NOW, 10) == []
    assert ledger.find_quiet(after(1), 10) == [study_id]
    batch = ledger.close_study(study_id, Completion.QUIET, after(2))
    assert batch is not None
    assert batch.number == 1
    assert ledger.find_quiet(after(9), 10) == []
    assert ledger.close_study(study_id, Completion.QUIET, after(2)) is None
    assert ledger.find_unrouted(10) == [batch]
    opened = ledger.open_release(batch, "vendor", "HRESCH", release_id_of(batch), after(3))
    assert opened.state is ReleaseState.OPEN
    ledger.mark_routed(batch, after(3))
    assert ledger.find_unrouted(10) == []
    assert ledger.find_releases(ReleaseState.OPEN, 10) == [opened]
    assert permit_release(ledger, batch).state is ReleaseState.PERMITTED

    release = account_release(ledger, batch, at=after(4))
    assert release.state is ReleaseState.ACCOUNTED
    assert ledger.settled_instances(release.release_id) == {one.instance_id for one in received}
    assert ledger.claim("w", after(3), after(60), 10) is None  # not due yet
    claim = ledger.claim("w", after(5), after(60), 2)
    assert claim is not None
    assert [one.item.sop_instance_uid for one in claim.items] == sorted(
        one.item.sop_instance_uid for one in claim.items
    )
    assert len(claim.items) == 2
    assert ledger.claim("other", after(6), after(60), 10) is None
    assert ledger.begin_attempt("w", claim)
    ledger.settle("w", [outcome(release, one.item.instance_id) for one in claim.items], after(7))
    assert ledger.get_release(release.release_id).state is ReleaseState.ACCOUNTED
    claim = ledger.claim("other", after(8), after(60), 10)
    assert claim is not None
    assert len(claim.items) == 1
    assert claim.items[0].source_blob.startswith("blob-1-1-")
    assert ledger.begin_attempt("other", claim)
    ledger.settle("other", [outcome(release, one.item.instance_id) for one in claim.items], after(9))
    assert ledger.get_release(release.release_id).state is ReleaseState.DONE
    assert ledger.claim("w", after(100), after(160), 10) is None

    (disclosure,) = ledger.disclosures(limit=10, patient_id=received[0].patient_id)
    assert disclosure.instances == 3
    assert disclosure.states == {ItemState.SENT: 3}
    assert disclosure.disclosure.disclosed == after(4)
    assert {name: count for name, count in ledger.counts().items() if count} == recount(ledger)
    study = ledger.get_study(study_id)
    assert study.patient == received[0].patient
    assert study.study_uid == received[0].study_uid
    assert study.first_received == NOW
    assert [one.blob for one in sorted(study.instances, key=lambda one: one.blob)] == [
        f"blob-1-1-{n}" for n in (1, 2, 3)
    ]


def test_late_instances_make_a_further_batch(ledger: SqlLedger):
    first = add_study(ledger, "1", 2)
    ledger.add_received([make_received("1", 3, at=NOW + timedelta(hours=1))])
    second = ledger.close_study(first.study_id, Completion.MPPS, after(7200))
    assert second is not None
    assert second.number == 2
    assert len(ledger.instances_of(first)) == 2
    assert len(ledger.instances_of(second)) == 1
    assert ledger.find_unrouted(10) == [first, second]
