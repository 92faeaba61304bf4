"""Results that come back, what they belong to, and who is alive."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product

import pytest
from sqlalchemy import Engine, text

from scanward.adapters.store.ledger import SqlLedger
from scanward.errors import StateError, UnknownError
from scanward.flow.states import RESULT_MOVES
from scanward.model.release import ItemState, ReleaseState, Result, ResultState
from scanward.model.study import Completion
from tests.common.ledgers import (
    DENY,
    NOW,
    account_release,
    add_study,
    after,
    make_disclosure,
    make_items,
    make_received,
    permit_release,
    queue_study,
    recount,
)


def make_result(number: int = 1, **fields: object) -> Result:
    result = Result(
        result_id=f"result-{number}",
        recipient="vendor",
        release_id="",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.88.22",
        size_bytes=4000,
        blob=f"blob-{number}",
        outgoing="",
        state=ResultState.RECEIVED,
        reason="",
        received=after(number),
        attempts=0,
    )
    return replace(result, **fields)  # type: ignore[arg-type]


def test_a_result_is_noted_once(ledger: SqlLedger):
    assert ledger.add_result(make_result())
    assert ledger.add_result(make_result())  # repeated: its own blob is there
    assert not ledger.add_result(make_result(blob="another"))
    assert ledger.get_result("result-1") == make_result()
    with pytest.raises(UnknownError):
        ledger.get_result("none")
    assert ledger.counts()["results:received"] == 1


def test_a_result_goes_to_the_archive(ledger: SqlLedger):
    for number in (2, 1, 3):
        ledger.add_result(make_result(number))
    assert ledger.find_results(ResultState.RECEIVED, 2) == [make_result(1), make_result(2)]
    ledger.move_result("result-1", ResultState.ACCEPTED, release_id="r", outgoing="out", at=after(5))
    assert ledger.find_results(ResultState.ACCEPTED, 10, due=after(5)) == [
        make_result(1, state=ResultState.ACCEPTED, release_id="r", outgoing="out")
    ]
    ledger.move_result("result-1", ResultState.ACCEPTED, reason="no answer", next_attempt=after(60), at=after(6))
    assert ledger.find_results(ResultState.ACCEPTED, 10, due=after(59)) == []
    (due,) = ledger.find_results(ResultState.ACCEPTED, 10, due=after(60))
    assert (due.attempts, due.reason, due.release_id, due.outgoing) == (1, "no answer", "r", "out")
    ledger.move_result("result-1", ResultState.DELIVERED, at=after(61))
    ledger.move_result("result-1", ResultState.DELIVERED, at=after(61))
    assert ledger.get_result("result-1").state is ResultState.DELIVERED
    assert ledger.counts()["results:delivered"] == 1
    assert {name: count for name, count in ledger.counts().items() if count} == recount(ledger)


def test_only_moves_of_the_table_are_made(ledger: SqlLedger, engine: Engine):
    for number, (old, new) in enumerate(product(ResultState, ResultState)):
        ledger.add_result(make_result(number))
        name = f"result-{number}"
        with engine.begin() as connection:
            connection.execute(text("UPDATE results SET state = :s WHERE result_id = :r"), {"s": old.value, "r": name})
        before = ledger.history(name)
        if old is new or new in RESULT_MOVES[old]:
            ledger.move_result(name, new, reason="why", by="me", at=after(9))
            assert ledger.get_result(name).state is new
            assert [one.by for one in ledger.history(name)] == ["", "me"]
        else:
            with pytest.raises(StateError):
                ledger.move_result(name, new, at=NOW)
            assert ledger.get_result(name).state is old
            assert ledger.history(name) == before
    with pytest.raises(UnknownError):
        ledger.move_result("none", ResultState.HELD, at=NOW)


def test_what_a_result_belongs_to(ledger: SqlLedger):
    release = queue_study(ledger, "1", at=after(1))
    queue_study(ledger, "2", at=after(2))
    items = [one.item for one in ledger.release_items(release.release_id) if one.item is not None]
    for uid in (items[0].study_uid, items[0].series_uid, items[0].sop_instance_uid):
        (found,) = ledger.find_disclosed("vendor", [uid, "1.2.3", *(str(number) for number in range(1200))])
        assert found.study_uid == items[0].study_uid
        assert found.release_id == release.release_id
        assert found.first == after(1)
        assert found.instances == {one.sop_instance_uid for one in items}
        assert found.series == {items[0].series_uid}
        assert ledger.find_disclosed("other", [uid]) == []
    assert ledger.find_disclosed("vendor", []) == []
    assert ledger.find_disclosed("vendor", [""]) == []
    assert ledger.find_disclosed_by(release.release_id) == [found]
    assert ledger.find_disclosed_by("none") == []


def test_a_study_in_several_releases(ledger: SqlLedger):
    batch = add_study(ledger, "1", 2)
    first = account_release(ledger, batch, at=after(1))
    ledger.add_received([make_received("1", 9)])
    late = ledger.close_study(batch.study_id, Completion.QUIET, after(2))
    assert late is not None
    second = permit_release(ledger, late, at=after(3))
    ids = [one.instance_id for one in ledger.instances_of(late)]
    ledger.account(second.release_id, make_disclosure(second, after(4)), make_items(second, ids), [], pull=False)
    uid = next(one.item.study_uid for one in ledger.release_items(first.release_id) if one.item is not None)
    (found,) = ledger.find_disclosed("vendor", [uid])
    assert (found.release_id, found.first, len(found.instances)) == (second.release_id, after(1), 3)
    assert ledger.find_disclosed_by(first.release_id) == [found]


def test_what_was_stopped_was_not_disclosed(ledger: SqlLedger):
    release = queue_study(ledger)
    item = next(one.item for one in ledger.release_items(release.release_id) if one.item is not None)
    ledger.record_decision(release.release_id, DENY, ReleaseState.STOPPED, NOW)
    assert {one.state for one in ledger.release_items(release.release_id)} == {ItemState.STOPPED}
    assert ledger.find_disclosed("vendor", [item.study_uid, item.series_uid, item.sop_instance_uid]) == []
    assert ledger.find_disclosed_by(release.release_id) == []


def test_a_dead_worker_is_taken_over_once(ledger: SqlLedger):
    for number in range(6):
        ledger.beat(f"w{number}", after(number))
    ledger.beat("w0", after(100))
    with ThreadPoolExecutor() as pool:
        taken = list(pool.map(lambda _: ledger.take_over(after(4), after(100)), range(4)))
    assert sorted(worker for some in taken for worker in some) == ["w1", "w2", "w3"]
    ledger.forget(["w1", "w2"])
    # Whoever took over w3 died before it had: found again.
    assert ledger.take_over(after(200), after(200)) == ["w0", "w3", "w4", "w5"]
    assert ledger.take_over(after(200), after(200)) == []
    ledger.forget(["w0", "w3", "w4", "w5"])
    assert ledger.take_over(after(300), after(300)) == []
