"""The outbox: who sends what when, and what came of it."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from scanward.adapters.store.engine import make_engine
from scanward.adapters.store.ledger import SqlLedger
from scanward.errors import StateError, UnknownError
from scanward.model.release import Claim, ItemState, Release, ReleaseState
from tests.common.ledgers import (
    DENY,
    NOW,
    SEALING,
    account_release,
    add_study,
    after,
    outcome,
    parse_recipient,
    permit,
    queue_study,
    recount,
)


def claim(ledger: SqlLedger, owner: str = "w", seconds: float = 10, *, limit: int = 500) -> Claim:
    found = ledger.claim(owner, after(seconds), after(seconds + 60), limit)
    assert found is not None
    return found


def states(ledger: SqlLedger, release: Release) -> Counter[str]:
    return Counter(one.state for one in ledger.release_items(release.release_id))


def settle(
    ledger: SqlLedger, taken: Claim, state: ItemState, owner: str = "w", seconds: float = 20, **fields: object
) -> None:
    said = [outcome(taken.release, one.item.instance_id, state, **fields) for one in taken.items]
    ledger.settle(owner, said, after(seconds))


def test_the_oldest_goes_first(ledger: SqlLedger):
    queue_study(ledger, "2", at=after(2))
    first = queue_study(ledger, "1", at=after(1))
    taken = claim(ledger)
    assert taken.release == first
    assert taken.until == after(70)
    assert {one.attempts for one in taken.items} == {0}
    assert {one.may_have_arrived for one in taken.items} == {False}


def test_one_sender_serves_a_recipient(ledger: SqlLedger):
    queue_study(ledger, "1", "a", at=after(1))
    queue_study(ledger, "2", "a", at=after(2))
    third = queue_study(ledger, "3", "b", at=after(3))
    mine = claim(ledger, "w1")
    assert claim(ledger, "w2").release == third
    assert ledger.claim("w3", after(20), after(80), 10) is None
    # Until its lease ends.
    again = claim(ledger, "w3", 70)
    assert again.release == mine.release
    assert not ledger.begin_attempt("w1", mine)
    assert ledger.begin_attempt("w3", again)


def test_a_sender_that_asks_again_gets_what_it_has(ledger: SqlLedger):
    queue_study(ledger)
    first = claim(ledger, limit=2)
    assert claim(ledger, seconds=11, limit=2).items == first.items
    settle(ledger, first, ItemState.SENT)
    assert ledger.begin_attempt("w", claim(ledger, "w", 30))


def test_a_lease_ends_with_its_last_item(ledger: SqlLedger):
    release = queue_study(ledger)
    mine = claim(ledger, limit=2)
    ledger.settle("w", [outcome(release, mine.items[0].item.instance_id)], after(11))
    assert ledger.claim("other", after(12), after(60), 10) is None
    ledger.settle("w", [outcome(release, mine.items[1].item.instance_id)], after(13))
    assert len(claim(ledger, "other", 14).items) == 1


def test_attempts_are_counted_before_anything_leaves(ledger: SqlLedger):
    release = queue_study(ledger)
    for attempts in range(3):
        taken = claim(ledger, seconds=10 + 10 * attempts)
        assert {one.attempts for one in taken.items} == {attempts}
        assert {one.may_have_arrived for one in taken.items} == {attempts == 2}
        assert ledger.begin_attempt("w", taken)
        if attempts == 0:
            due = after(20)
            settle(ledger, taken, ItemState.QUEUED, seconds=12, next_attempt=due, detail="no answer")
            assert ledger.claim("w", after(19), after(60), 10) is None
            assert {one.detail for one in ledger.release_items(release.release_id)} == {"no answer"}
        # The second was cut off: nobody said what came of it.
    assert {one.attempts for one in ledger.release_items(release.release_id)} == {3}


def test_a_failing_recipient_blocks_nobody(ledger: SqlLedger):
    bad = queue_study(ledger, "1", "bad", at=after(1))
    good = queue_study(ledger, "2", "good", at=after(2))
    taken = claim(ledger)
    assert taken.release == bad
    settle(ledger, taken, ItemState.QUEUED, next_attempt=after(1000))
    assert claim(ledger).release == good


def test_an_instance_that_failed_does_not_hold_up_its_release(ledger: SqlLedger):
    release = queue_study(ledger)
    taken = claim(ledger)
    ends = [ItemState.SENT, ItemState.FAILED, ItemState.UNKNOWN]
    said = [outcome(release, one.item.instance_id, end) for one, end in zip(taken.items, ends, strict=True)]
    ledger.settle("w", said, after(12))
    assert states(ledger, release) == {"sent": 1, "failed": 1, "unknown": 1}
    assert ledger.get_release(release.release_id).state is ReleaseState.DONE
    assert ledger.disclosures(limit=1)[0].states == dict.fromkeys(ends, 1)
    assert {name: count for name, count in ledger.counts().items() if count} == recount(ledger)


def test_saying_it_again_changes_nothing(ledger: SqlLedger):
    release = queue_study(ledger)
    taken = claim(ledger)
    settle(ledger, taken, ItemState.SENT)
    history = ledger.history(release.release_id)
    settle(ledger, taken, ItemState.SENT, seconds=99)
    assert ledger.history(release.release_id) == history
    settle(ledger, taken, ItemState.FAILED, seconds=99)  # too late to be so
    assert states(ledger, release) == {"sent": 3}
    assert ledger.history(release.release_id)[-1].what == "outcome too late"


def test_who_lost_the_lease_can_only_confirm(ledger: SqlLedger):
    release = queue_study(ledger)
    late = claim(ledger, "w1", 10)
    claim(ledger, "w2", 100)
    for state in (ItemState.FAILED, ItemState.UNKNOWN, ItemState.QUEUED):
        settle(ledger, late, state, "w1", 101, next_attempt=after(5000))
        assert states(ledger, release) == {"queued": 3}
    assert ledger.claim("w3", after(102), after(160), 10) is None  # still the lease of w2
    settle(ledger, late, ItemState.SENT, "w1", 103)
    assert states(ledger, release) == {"sent": 3}


def test_what_sending_cannot_end_in(ledger: SqlLedger):
    release = queue_study(ledger)
    taken = claim(ledger)
    for state in (ItemState.EXCLUDED, ItemState.QUARANTINED, ItemState.AVAILABLE):
        with pytest.raises(StateError):
            settle(ledger, taken, state)
    with pytest.raises(UnknownError):
        ledger.settle("w", [outcome(release, taken.items[0].item.instance_id), outcome(release, "none")], NOW)
    with pytest.raises(UnknownError):
        ledger.settle("w", [replace(outcome(release, "none"), release_id="none")], NOW)
    assert states(ledger, release) == {"queued": 3}
    ledger.settle("w", [], NOW)


def test_stopping_keeps_what_has_not_left(ledger: SqlLedger):
    release = queue_study(ledger)
    first = claim(ledger, limit=1)
    assert ledger.begin_attempt("w", first)
    settle(ledger, first, ItemState.SENT)
    second = claim(ledger, limit=1)
    assert ledger.begin_attempt("w", second)
    ledger.record_decision(release.release_id, DENY, ReleaseState.STOPPED, after(30))
    assert states(ledger, release) == {"sent": 1, "unknown": 1, "stopped": 1}
    assert not ledger.begin_attempt("w", second)
    assert ledger.claim("w", after(31), after(90), 10) is None
    settle(ledger, second, ItemState.FAILED)
    assert states(ledger, release) == {"sent": 1, "unknown": 1, "stopped": 1}
    settle(ledger, second, ItemState.SENT)  # confirmed after all
    assert states(ledger, release) == {"sent": 2, "stopped": 1}
    assert ledger.get_release(release.release_id).state is ReleaseState.STOPPED
    with pytest.raises(StateError):
        ledger.retry_items(release.release_id, "me", NOW)
    assert {name: count for name, count in ledger.counts().items() if count} == recount(ledger)


def test_stopping_frees_the_recipient(ledger: SqlLedger):
    release = queue_study(ledger, "1", at=after(1))
    other = queue_study(ledger, "2", at=after(2))
    claim(ledger, "w1")
    ledger.record_decision(release.release_id, DENY, ReleaseState.STOPPED, after(11))
    assert claim(ledger, "w2", 12).release == other


def test_stopping_leaves_a_sender_the_recipient_while_it_sends(ledger: SqlLedger):
    release = queue_study(ledger, "1", at=after(1))
    other = queue_study(ledger, "2", at=after(2))
    taken = claim(ledger, "w1")
    assert ledger.begin_attempt("w1", taken)
    ledger.record_decision(release.release_id, DENY, ReleaseState.STOPPED, after(11))
    assert ledger.claim("w2", after(12), after(72), 10) is None
    settle(ledger, taken, ItemState.SENT, "w1", 13)
    assert states(ledger, release) == {"sent": 3}
    assert claim(ledger, "w2", 14).release == other


def test_deciding_again_without_a_move_keeps_the_outbox(ledger: SqlLedger):
    release = queue_study(ledger)
    taken = claim(ledger)
    ledger.record_decision(release.release_id, permit(), ReleaseState.ACCOUNTED, after(11))
    assert ledger.begin_attempt("w", taken)


def test_what_the_recipient_fetched_is_sent(ledger: SqlLedger):
    release = account_release(ledger, add_study(ledger), pull=True)
    one = ledger.release_items(release.release_id)[0]
    for _ in range(2):
        ledger.settle("whoever", [outcome(release, one.instance_id)], after(5))
    assert states(ledger, release) == {"sent": 1, "available": 2}


def test_fetching_is_noted_before_a_byte_leaves(ledger: SqlLedger):
    release = account_release(ledger, add_study(ledger), pull=True)
    one, other, _ = ledger.release_items(release.release_id)
    for _ in range(2):
        ledger.note_fetched(release.release_id, one.instance_id, after(5))
    assert states(ledger, release) == {"sent": 1, "available": 2}
    ledger.record_decision(release.release_id, DENY, ReleaseState.STOPPED, after(6))
    with pytest.raises(StateError):
        ledger.note_fetched(release.release_id, other.instance_id, after(7))
    ledger.note_fetched(release.release_id, one.instance_id, after(7))  # has it already
    with pytest.raises(UnknownError):
        ledger.note_fetched(release.release_id, "none", after(7))
    assert states(ledger, release) == {"sent": 1, "stopped": 2}
    assert [line.detail for line in ledger.history(release.release_id) if "fetched" in line.detail] == [
        "1 instance sent: fetched by the recipient"
    ]
    assert {name: count for name, count in ledger.counts().items() if count} == recount(ledger)


def test_a_person_has_it_tried_again(ledger: SqlLedger):
    release = queue_study(ledger)
    taken = claim(ledger)
    assert ledger.begin_attempt("w", taken)
    ends = [ItemState.SENT, ItemState.FAILED, ItemState.UNKNOWN]
    said = [
        outcome(release, one.item.instance_id, end, may_have_arrived=end is ItemState.UNKNOWN)
        for one, end in zip(taken.items, ends, strict=True)
    ]
    ledger.settle("w", said, after(12))
    assert ledger.retry_items(release.release_id, "me", after(20)) == 2
    assert ledger.retry_items(release.release_id, "me", after(20)) == 0
    assert ledger.get_release(release.release_id).state is ReleaseState.ACCOUNTED
    again = claim(ledger, "w", 21)
    assert {one.attempts for one in again.items} == {0}
    assert sorted(one.may_have_arrived for one in again.items) == [False, True]
    settle(ledger, again, ItemState.SENT, seconds=22)
    assert ledger.get_release(release.release_id).state is ReleaseState.DONE
    event = next(one for one in ledger.history(release.release_id) if one.what == "queued again")
    assert (event.by, event.detail) == ("me", "2 instances")
    with pytest.raises(UnknownError):
        ledger.retry_items("none", "me", NOW)


def test_many_senders_take_each_instance_once(ledger: SqlLedger, url: str):
    releases = [queue_study(ledger, str(study), f"r{study % 3}", count=8, at=after(study)) for study in range(9)]
    taken: Counter[str] = Counter()

    def drain(name: str) -> list[str]:
        engine: Engine = make_engine(url)  # as another process would
        mine = SqlLedger(engine, SEALING, parse_recipient)
        got: list[str] = []
        try:
            while (found := mine.claim(name, after(100), after(160), 3)) is not None:
                assert mine.begin_attempt(name, found)
                got += [one.item.sop_instance_uid + found.release.recipient for one in found.items]
                mine.settle(name, [outcome(found.release, one.item.instance_id) for one in found.items], after(101))
        finally:
            engine.dispose()
        return got

    with ThreadPoolExecutor() as pool:
        for got in pool.map(drain, [f"w{number}" for number in range(4)]):
            taken.update(got)
    # A sender stops where others have all that is due; the last one leaves nothing.
    drain("last")
    assert set(taken.values()) <= {1}
    assert {ledger.get_release(one.release_id).state for one in releases} == {ReleaseState.DONE}
    assert {
        attempts for one in releases for attempts in (line.attempts for line in ledger.release_items(one.release_id))
    } == {1}
    assert {name: count for name, count in ledger.counts().items() if count} == recount(ledger)


def test_stopping_while_a_sender_begins(ledger: SqlLedger, engine: Engine):
    """Either the attempt was counted, and the instances may have arrived; or it was not, and nothing left."""
    other = SqlLedger(engine, SEALING, parse_recipient)
    for study in range(12):
        release = queue_study(ledger, str(study))
        taken = claim(ledger)
        with ThreadPoolExecutor() as pool:
            began = pool.submit(ledger.begin_attempt, "w", taken)
            stopped = pool.submit(other.record_decision, release.release_id, DENY, ReleaseState.STOPPED, after(30))
            stopped.result()
            expected = "unknown" if began.result() else "stopped"
        assert states(ledger, release) == {expected: 3}
