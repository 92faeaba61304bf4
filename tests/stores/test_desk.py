"""Lists for people."""

from dataclasses import replace

from scanward.adapters.store.ledger import SqlLedger
from scanward.model.release import ItemState, ReleaseState, Result, ResultState
from tests.common.ledgers import (
    DENY,
    account_release,
    add_study,
    after,
    make_received,
    outcome,
    queue_study,
    recount,
)


def test_studies_by_last_arrival(ledger: SqlLedger):
    first = queue_study(ledger, "1", at=after(1))
    ledger.add_received([make_received("2", number, patient="b", at=after(number)) for number in (3, 5)])
    ledger.add_received([replace(make_received("2", 9, patient="b", at=after(4)), modality="SR")])
    second, older = ledger.studies(limit=10)
    assert (second.modalities, second.instances, second.waiting, second.releases) == (("CT", "SR"), 3, 3, ())
    assert (second.first_received, second.last_received) == (after(3), after(5))
    assert (older.instances, older.waiting, older.releases) == (3, 0, (first,))
    assert ledger.studies(limit=1) == [second]
    assert ledger.studies(limit=10, before=after(5)) == [older]
    assert ledger.studies(limit=10, patient_id=first.patient_id) == [older]
    assert ledger.studies(limit=10, patient_id="none") == []


def test_releases_by_last_change(ledger: SqlLedger):
    one = queue_study(ledger, "1", "a", at=after(1))
    two = queue_study(ledger, "2", "b", at=after(2))
    three = queue_study(ledger, "3", "a", at=after(3))
    ledger.record_decision(three.release_id, DENY, ReleaseState.STOPPED, after(4))
    three = ledger.get_release(three.release_id)
    assert ledger.releases(limit=10) == [three, two, one]
    assert ledger.releases(limit=2, before=after(4)) == [two, one]
    assert ledger.releases(limit=10, recipient="a") == [three, one]
    assert ledger.releases(limit=10, state=ReleaseState.ACCOUNTED) == [two, one]
    assert ledger.releases(limit=10, state=ReleaseState.ACCOUNTED, recipient="a", before=after(2)) == [one]


def test_disclosures_a_page_at_a_time(ledger: SqlLedger):
    for number in range(1, 6):
        queue_study(ledger, str(number), "ab"[number % 2], at=after(number))
    found = ledger.disclosures(limit=10)
    assert [one.disclosure.disclosed for one in found] == [after(number) for number in (5, 4, 3, 2, 1)]
    assert ledger.disclosures(limit=2) == found[:2]
    assert ledger.disclosures(limit=2, before=found[1].disclosure_id) == found[2:4]
    assert ledger.disclosures(limit=10, recipient="a") == found[1::2]
    assert ledger.disclosures(limit=10, patient_id=found[0].patient_id, since=after(2), until=after(4)) == found[2:4]
    assert ledger.disclosures(limit=10, since=after(2), until=after(4)) == found[2:4]
    assert ledger.disclosures(limit=10, since=after(2), until=after(5), recipient="a") == found[1:4:2]
    assert ledger.disclosures(limit=10, since=after(2)) == found[:4]
    assert ledger.disclosures(limit=10, until=after(2)) == found[4:]
    assert ledger.disclosures(limit=10, since=after(50), until=after(60)) == []
    assert ledger.disclosures(limit=10, patient_id="none") == []
    assert {state for one in found for state in one.states} == {ItemState.QUEUED}


def test_what_a_recipient_may_fetch(ledger: SqlLedger):
    fetched = account_release(ledger, add_study(ledger, "1"), pull=True, at=after(1))
    other = account_release(ledger, add_study(ledger, "2"), pull=True, at=after(2))
    queue_study(ledger, "3", at=after(3))
    everything = ledger.available("vendor")
    assert [release for release, _, _ in everything] == [fetched] * 3 + [other] * 3
    assert {blob for _, _, blob in everything[:3]} == {f"blob-1-1-{number}" for number in (1, 2, 3)}
    one = everything[0][1]
    assert ledger.available("vendor", study_uid=one.study_uid) == everything[:3]
    assert ledger.available("vendor", study_uid=one.study_uid, series_uid=one.series_uid) == everything[:3]
    assert ledger.available("vendor", series_uid=one.series_uid) == everything[:3]
    assert ledger.available("vendor", sop_instance_uid=one.sop_instance_uid) == everything[:1]
    assert ledger.available("vendor", study_uid="1.2", sop_instance_uid=one.sop_instance_uid) == []
    assert ledger.available("vendor", modality="CT", limit=2, offset=1) == everything[1:3]
    assert ledger.available("vendor", modality="MR") == []
    assert ledger.available("other") == []
    ledger.settle("pull", [outcome(fetched, one.instance_id)], after(4))
    assert len(ledger.available("vendor", study_uid=one.study_uid)) == 3
    ledger.record_decision(fetched.release_id, DENY, ReleaseState.STOPPED, after(5))
    assert ledger.available("vendor", study_uid=one.study_uid) == []
    assert ledger.available("vendor") == everything[3:]


def test_results_by_arrival(ledger: SqlLedger):
    results = [
        Result(
            result_id=f"r{number}",
            recipient="vendor",
            release_id="",
            sop_class_uid="1.2",
            size_bytes=1,
            blob=f"b{number}",
            outgoing="",
            state=ResultState.RECEIVED,
            reason="",
            received=after(number),
            attempts=0,
        )
        for number in range(3)
    ]
    for one in results:
        ledger.add_result(one)
    assert ledger.results(limit=2) == results[:0:-1]
    assert ledger.results(limit=5, state=ResultState.HELD) == []
    assert ledger.results(limit=5, state=ResultState.RECEIVED) == results[::-1]


def test_counts_name_every_state(ledger: SqlLedger):
    empty = ledger.counts()
    assert set(empty.values()) == {0}
    assert {f"releases:{one}" for one in ReleaseState} | {f"items:{one}" for one in ItemState} < set(empty)
    queue_study(ledger)
    counted = ledger.counts()
    assert set(counted) == set(empty)
    assert {name: count for name, count in counted.items() if count} == recount(ledger)
    assert counted["items:queued"] == 3


def test_states_of_the_instances_of_releases(ledger: SqlLedger):
    one, two = queue_study(ledger, "1", "a"), queue_study(ledger, "2", "b")
    ledger.record_decision(two.release_id, DENY, ReleaseState.STOPPED, after(1))
    found = ledger.item_states([one.release_id, two.release_id, "none"])
    assert found == {one.release_id: {ItemState.QUEUED: 3}, two.release_id: {ItemState.STOPPED: 3}}
    assert ledger.item_states([]) == {}
