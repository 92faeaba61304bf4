"""What was de-identified otherwise than it would be now, and is replaced; and packages, which are sent as a whole."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest

from scanward.adapters.store.ledger import SqlLedger
from scanward.adapters.store.renewal import OTHER_UIDS
from scanward.errors import StateError
from scanward.model.release import Claim, ItemState, OutboxItem, Release, ReleaseState, Setback
from tests.common.ledgers import (
    DENY,
    NOW,
    account_release,
    add_study,
    after,
    outcome,
    queue_study,
    recount,
)

FORM = "f" * 32


def items_of(ledger: SqlLedger, release: Release) -> list[OutboxItem]:
    return [line.item for line in ledger.release_items(release.release_id) if line.item is not None]


def anew(items: Sequence[OutboxItem], *, recipe: str = "anew", form: str = FORM, uid: str = "") -> list[OutboxItem]:
    return [
        replace(
            one,
            recipe=recipe,
            form=form,
            index=index,
            size_bytes=7,
            sop_instance_uid=f"{one.sop_instance_uid}{uid}",
            study_uid=f"{one.study_uid}{uid}",
        )
        for index, one in enumerate(items)
    ]


def states(ledger: SqlLedger, release: Release) -> Counter[str]:
    return Counter(one.state for one in ledger.release_items(release.release_id))


def claim(ledger: SqlLedger, seconds: float = 10, *, limit: int = 500, owner: str = "w") -> Claim:
    found = ledger.claim(owner, after(seconds), after(seconds + 60), limit)
    assert found is not None
    return found


def settle(ledger: SqlLedger, taken: Claim, state: ItemState, seconds: float = 20, **fields: object) -> None:
    said = [outcome(taken.release, one.item.instance_id, state, **fields) for one in taken.items]
    ledger.settle("w", said, after(seconds))


def assert_counted(ledger: SqlLedger) -> None:
    assert {name: count for name, count in ledger.counts().items() if count} == recount(ledger)


def test_a_note_of_it_is_kept_once_until_it_is_cleared(ledger: SqlLedger):
    first, second = queue_study(ledger, "1"), queue_study(ledger, "2")
    for release, seconds in ((second, 1), (first, 2), (second, 3)):
        ledger.note_outdated(release.release_id, after(seconds))
    assert ledger.find_outdated(10) == [second.release_id, first.release_id]
    assert ledger.find_outdated(1) == [second.release_id]
    ledger.clear_outdated(second.release_id)
    assert ledger.find_outdated(10) == [first.release_id]


def test_what_waits_is_replaced_and_due_at_once(ledger: SqlLedger):
    release = queue_study(ledger)
    settle(ledger, claim(ledger), ItemState.QUEUED, next_attempt=after(500))
    former = items_of(ledger, release)
    ids = frozenset(one.instance_id for one in former)
    assert ledger.outdated_items(release.release_id, FORM, pull=False) == ids
    unused = ledger.replace_items(release.release_id, FORM, anew(former[:2]), [], pull=False, at=after(30))
    assert unused == []  # the third one is in the former recipe
    assert ledger.outdated_items(release.release_id, FORM, pull=False) == {former[2].instance_id}
    taken = claim(ledger, 31)
    assert [(one.item.form, one.item.recipe, one.item.size_bytes) for one in taken.items] == [(FORM, "anew", 7)] * 2
    settle(ledger, taken, ItemState.SENT, 32)
    unused = ledger.replace_items(release.release_id, FORM, anew(former[2:]), [], pull=False, at=after(40))
    assert unused == ["recipe"]
    assert "prepared again" in {one.what for one in ledger.history(release.release_id)}
    assert_counted(ledger)


def test_what_a_sender_holds_stays_as_it_is(ledger: SqlLedger):
    release = queue_study(ledger)
    taken = claim(ledger, limit=2)
    former = items_of(ledger, release)
    assert ledger.replace_items(release.release_id, FORM, anew(former), [], pull=False, at=after(12)) == []
    held = {one.item.instance_id for one in taken.items}
    assert {one.instance_id for one in items_of(ledger, release) if one.form != FORM} == held


@pytest.mark.parametrize("end", [ReleaseState.STOPPED, "sent"])
def test_what_left_or_was_stopped_is_not_replaced(ledger: SqlLedger, end: object):
    release = queue_study(ledger)
    former = items_of(ledger, release)
    if end == "sent":
        settle(ledger, claim(ledger), ItemState.SENT)
    else:
        ledger.record_decision(release.release_id, DENY, ReleaseState.STOPPED, NOW)
    assert ledger.outdated_items(release.release_id, FORM, pull=False) == frozenset()
    assert ledger.replace_items(release.release_id, FORM, anew(former), [], pull=False, at=NOW) == ["anew"]
    assert items_of(ledger, release) == former


def test_what_was_fetched_can_be_fetched_anew(ledger: SqlLedger):
    release = account_release(ledger, add_study(ledger), pull=True)
    former = items_of(ledger, release)
    ledger.note_fetched(release.release_id, former[0].instance_id, NOW)
    assert len(ledger.outdated_items(release.release_id, FORM, pull=True)) == 3
    assert ledger.replace_items(release.release_id, FORM, anew(former), [], pull=True, at=NOW) == ["recipe"]
    assert states(ledger, release) == {ItemState.SENT: 1, ItemState.AVAILABLE: 2}
    assert {item.recipe for _, item, _ in ledger.available(release.recipient)} == {"anew"}


def test_under_other_uids_only_what_nobody_has(ledger: SqlLedger):
    release = account_release(ledger, add_study(ledger), pull=True)
    former = items_of(ledger, release)
    ledger.note_fetched(release.release_id, former[0].instance_id, NOW)
    renewed = anew(former, uid=".1")
    assert ledger.replace_items(release.release_id, FORM, renewed, [], pull=True, at=NOW) == []
    assert {item.sop_instance_uid for _, item, _ in ledger.available(release.recipient) if item.form == FORM} == {
        one.sop_instance_uid for one in renewed[1:]
    }
    # The one that was fetched is what it was, in no form that leaves, and is not tried again.
    (kept,) = [one for one in items_of(ledger, release) if one.form != FORM]
    assert (kept.sop_instance_uid, kept.form) == (former[0].sop_instance_uid, f"-{FORM}")
    assert ledger.outdated_items(release.release_id, FORM, pull=True) == frozenset()
    assert len(ledger.find_disclosed(release.recipient, [renewed[1].study_uid])) == 1


def test_what_may_have_arrived_under_other_uids_is_of_unknown_outcome(ledger: SqlLedger):
    release = queue_study(ledger)
    taken = claim(ledger, limit=1)
    assert ledger.begin_attempt("w", taken)
    settle(ledger, taken, ItemState.QUEUED, may_have_arrived=True, next_attempt=after(500))
    renewed = anew(items_of(ledger, release), uid=".1")
    ledger.replace_items(release.release_id, FORM, renewed, [], pull=False, at=after(30))
    assert states(ledger, release) == {ItemState.UNKNOWN: 1, ItemState.QUEUED: 2}
    assert {line.detail for line in ledger.release_items(release.release_id)} == {"", OTHER_UIDS}
    assert_counted(ledger)


def test_uids_that_another_release_disclosed_are_not_disclosed_again(ledger: SqlLedger):
    first, second = queue_study(ledger, "1", count=1), queue_study(ledger, "2", count=1)
    (theirs,) = items_of(ledger, first)
    (ours,) = items_of(ledger, second)
    renewed = [replace(ours, form=FORM, recipe="anew", sop_instance_uid=theirs.sop_instance_uid)]
    assert ledger.replace_items(second.release_id, FORM, renewed, [], pull=False, at=NOW) == ["anew"]
    assert states(ledger, second) == {ItemState.STOPPED: 1}
    assert ledger.get_release(second.release_id).state is ReleaseState.DONE


def test_what_cannot_be_deidentified_any_more_stays(ledger: SqlLedger):
    release = queue_study(ledger)
    setbacks = [
        Setback(instance_id=one.instance_id, state=ItemState.QUARANTINED, reason="a name is left")
        for one in items_of(ledger, release)
    ]
    ledger.replace_items(release.release_id, FORM, [], setbacks, pull=False, at=NOW)
    assert states(ledger, release) == {ItemState.STOPPED: 3}
    assert {line.detail for line in ledger.release_items(release.release_id)} == {"a name is left"}
    assert ledger.get_release(release.release_id).state is ReleaseState.DONE
    assert_counted(ledger)


def test_items_are_of_the_form_they_are_said_to_be_of(ledger: SqlLedger):
    release = queue_study(ledger)
    with pytest.raises(StateError):
        ledger.replace_items(release.release_id, "e" * 32, anew(items_of(ledger, release)), [], pull=False, at=NOW)


# Packages


def pack(ledger: SqlLedger, taken: Claim, package: str) -> Claim:
    packed = replace(taken, package=package)
    assert ledger.begin_attempt("w", packed)
    return packed


def test_a_package_is_claimed_as_a_whole_and_alone(ledger: SqlLedger):
    release = queue_study(ledger, count=5)
    first = claim(ledger, limit=2)
    assert first.package == ""
    settle(ledger, pack(ledger, first, "p"), ItemState.QUEUED, may_have_arrived=True, next_attempt=after(30))
    # What is in no package goes first, as it is due first; then the package, however few are asked for.
    rest = claim(ledger, 40, limit=2)
    assert {one.item.instance_id for one in rest.items}.isdisjoint(one.item.instance_id for one in first.items)
    assert rest.package == ""
    settle(ledger, rest, ItemState.SENT, 41)
    settle(ledger, claim(ledger, 42), ItemState.SENT, 43)
    again = claim(ledger, 50, limit=1)
    assert again.package == "p"
    assert {one.item.instance_id for one in again.items} == {one.item.instance_id for one in first.items}
    settle(ledger, pack(ledger, again, "p"), ItemState.SENT, 51)
    assert ledger.get_release(release.release_id).state is ReleaseState.DONE


def test_a_package_is_claimed_whole_though_some_of_it_is_due_later(ledger: SqlLedger):
    release = queue_study(ledger, count=2)
    packed = pack(ledger, claim(ledger), "p")
    said = [
        outcome(release, one.item.instance_id, ItemState.QUEUED, may_have_arrived=True, next_attempt=after(30 + 60 * n))
        for n, one in enumerate(packed.items)
    ]
    ledger.settle("w", said, after(20))
    assert len(claim(ledger, 40).items) == 2


def test_what_was_killed_in_the_midst_is_in_its_package(ledger: SqlLedger):
    queue_study(ledger, count=3)
    pack(ledger, claim(ledger), "p")
    again = claim(ledger, 200, owner="other")
    assert (again.package, len(again.items)) == ("p", 3)


@pytest.mark.parametrize("end", [ItemState.QUEUED, ItemState.FAILED])
def test_what_did_not_arrive_is_in_no_package(ledger: SqlLedger, end: ItemState):
    release = queue_study(ledger)
    settle(ledger, pack(ledger, claim(ledger), "p"), end)
    ledger.retry_items(release.release_id, "me", after(30))
    assert claim(ledger, 40).package == ""


def test_what_may_have_arrived_stays_in_its_package_when_a_person_tries_again(ledger: SqlLedger):
    release = queue_study(ledger)
    settle(ledger, pack(ledger, claim(ledger), "p"), ItemState.UNKNOWN, may_have_arrived=True)
    ledger.retry_items(release.release_id, "me", after(30))
    assert claim(ledger, 40).package == "p"


def test_a_claim_says_by_when_its_disclosure_has_it_deleted(ledger: SqlLedger):
    queue_study(ledger)
    assert {one.delete_by for one in claim(ledger).items} == {date(2027, 1, 1)}
