"""Releases, the decisions on them, and the accounting."""

import json
from datetime import timedelta
from itertools import product

import pytest
from sqlalchemy import Engine, text

from scanward.adapters.store.ledger import SqlLedger
from scanward.errors import StateError, UnknownError
from scanward.flow.states import RELEASE_MOVES
from scanward.model.release import ItemState, Release, ReleaseState, Setback
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
    permit,
    permit_release,
    queue_study,
    recount,
    release_id_of,
)

AFTER_PERMIT = {ReleaseState.PERMITTED, ReleaseState.AWAITING_APPROVAL}


def reopened(ledger: SqlLedger, release: Release) -> Release:
    return ledger.get_release(release.release_id)


def make_open(ledger: SqlLedger, study: str = "1", recipient: str = "vendor") -> Release:
    batch = add_study(ledger, study)
    return ledger.open_release(batch, recipient, "HRESCH", release_id_of(batch, recipient), NOW)


def force(engine: Engine, release: Release, state: ReleaseState) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE releases SET state = :s WHERE release_id = :r"), {"s": state.value, "r": release.release_id}
        )


def test_a_release_is_opened_once(ledger: SqlLedger):
    batch = add_study(ledger)
    first = ledger.open_release(batch, "vendor", "HRESCH", "r1", NOW)
    assert (first.state, first.reasons, first.approved_by, first.changed) == (ReleaseState.OPEN, (), "", NOW)
    assert first.patient_id == make_received().patient_id
    ledger.record_decision("r1", DENY, ReleaseState.DENIED, after(1))
    assert ledger.open_release(batch, "vendor", "HRESCH", "r1", after(2)).state is ReleaseState.DENIED
    with pytest.raises(StateError):
        ledger.open_release(batch, "vendor", "HRESCH", "r2", NOW)
    with pytest.raises(UnknownError):
        ledger.get_release("r2")
    assert [one.what for one in ledger.history("r1")] == ["opened", "decided"]


def test_only_moves_of_the_table_are_made(ledger: SqlLedger, engine: Engine):
    for number, (old, new) in enumerate(product(ReleaseState, ReleaseState)):
        release = make_open(ledger, str(number))
        force(engine, release, old)
        before = ledger.history(release.release_id)
        decision = permit() if new in AFTER_PERMIT else DENY
        # A decision does not say that something was done.
        by_deeds = {ReleaseState.ACCOUNTED, ReleaseState.DONE}
        if old is new or new in RELEASE_MOVES[old] - by_deeds:
            ledger.record_decision(release.release_id, decision, new, after(5))
            found = reopened(ledger, release)
            assert (found.state, found.reasons) == (new, tuple(decision.reasons))
            assert found.changed == (NOW if old is new else after(5))
            assert len(ledger.history(release.release_id)) == len(before) + 1
        else:
            with pytest.raises(StateError):
                ledger.record_decision(release.release_id, decision, new, after(5))
            assert reopened(ledger, release).state is old
            assert ledger.history(release.release_id) == before


def test_a_denial_permits_nothing(ledger: SqlLedger):
    release = make_open(ledger)
    for state in (ReleaseState.PERMITTED, ReleaseState.AWAITING_APPROVAL):
        with pytest.raises(StateError):
            ledger.record_decision(release.release_id, DENY, state, NOW)
    with pytest.raises(StateError):
        ledger.record_decision(release.release_id, permit(needs_approval=True), ReleaseState.PERMITTED, NOW)
    with pytest.raises(UnknownError):
        ledger.record_decision("none", DENY, ReleaseState.DENIED, NOW)
    assert reopened(ledger, release).state is ReleaseState.OPEN


def test_decisions_are_on_record(ledger: SqlLedger, engine: Engine):
    release = make_open(ledger)
    ledger.record_decision(release.release_id, DENY, ReleaseState.DENIED, after(1))
    ledger.record_decision(release.release_id, DENY, ReleaseState.OPEN, after(2))
    ledger.record_decision(release.release_id, permit(), ReleaseState.PERMITTED, after(3))
    with engine.connect() as connection:
        said = [
            json.loads(one) for one in connection.execute(text("SELECT decision FROM decisions ORDER BY seq")).scalars()
        ]
    assert [one["decision"] for one in said] == ["deny", "deny", "permit"]
    assert said[2]["profile"] == "ai-inference"


def test_a_person_approves(ledger: SqlLedger):
    release = make_open(ledger)
    with pytest.raises(StateError):
        ledger.approve(release.release_id, "officer", NOW)
    ledger.record_decision(release.release_id, permit(needs_approval=True), ReleaseState.AWAITING_APPROVAL, NOW)
    ledger.approve(release.release_id, "officer", after(1))
    ledger.approve(release.release_id, "officer", after(2))  # repeated
    with pytest.raises(StateError):
        ledger.approve(release.release_id, "another", after(2))
    found = reopened(ledger, release)
    assert (found.state, found.approved_by) == (ReleaseState.OPEN, "officer")
    ledger.record_decision(release.release_id, permit(needs_approval=True), ReleaseState.PERMITTED, after(3))
    assert [(one.what, one.by) for one in ledger.history(release.release_id)] == [
        ("opened", ""),
        ("decided", ""),
        ("approved", "officer"),
        ("decided", ""),
    ]


def test_a_person_refuses_for_good(ledger: SqlLedger):
    release = make_open(ledger)
    ledger.record_decision(release.release_id, permit(needs_approval=True), ReleaseState.AWAITING_APPROVAL, NOW)
    ledger.refuse(release.release_id, "officer", "too much", after(1))
    ledger.refuse(release.release_id, "officer", "too much", after(1))  # repeated
    with pytest.raises(StateError):
        ledger.refuse(release.release_id, "another", "", after(1))
    assert reopened(ledger, release).reasons == ("too much",)
    assert ledger.reopen_denied(patient_id=release.patient_id, at=after(2)) == 0
    assert reopened(ledger, release).state is ReleaseState.DENIED
    assert [one.what for one in ledger.history(release.release_id)][-1] == "refused"


def test_denied_releases_are_opened_again(ledger: SqlLedger):
    releases = [make_open(ledger, study, recipient) for study, recipient in (("1", "a"), ("2", "a"), ("3", "b"))]
    for one in releases[:2]:
        ledger.record_decision(one.release_id, DENY, ReleaseState.DENIED, NOW)
    assert ledger.reopen_denied(recipient="b", at=after(1)) == 0
    assert ledger.reopen_denied(patient_id="none", recipient="a", at=after(1)) == 0
    assert ledger.reopen_denied(recipient="a", at=after(1)) == 2
    assert ledger.reopen_denied(recipient="a", at=after(1)) == 0
    assert [reopened(ledger, one).state for one in releases] == [ReleaseState.OPEN] * 3
    assert reopened(ledger, releases[0]).changed == after(1)
    with pytest.raises(ValueError):
        ledger.reopen_denied(at=NOW)
    assert {name: count for name, count in ledger.counts().items() if count} == recount(ledger)


def test_the_longest_unchanged_come_first(ledger: SqlLedger):
    releases = [make_open(ledger, str(number)) for number in range(3)]
    for index, seconds in ((0, 30), (1, 10), (2, 20)):
        ledger.record_decision(releases[index].release_id, DENY, ReleaseState.DENIED, after(seconds))
    found = [one.release_id for one in ledger.find_releases(ReleaseState.DENIED, 2)]
    assert found == [releases[1].release_id, releases[2].release_id]


# Account


def test_nothing_is_disclosed_before_it_is_permitted(ledger: SqlLedger):
    release = make_open(ledger)
    items = make_items(release, [make_received().instance_id])
    with pytest.raises(StateError):
        ledger.account(release.release_id, make_disclosure(release), items, [], pull=False)
    with pytest.raises(StateError):
        ledger.mark_accounted(release.release_id, NOW)
    assert ledger.disclosures(limit=10) == []
    assert ledger.release_items(release.release_id) == []


def test_one_disclosure_for_a_day(ledger: SqlLedger):
    batch = add_study(ledger, count=5)
    release = permit_release(ledger, batch)
    ids = [one.instance_id for one in ledger.instances_of(batch)]
    for number, (start, days) in enumerate(((0, 0), (2, 0), (4, 1))):
        at = NOW + timedelta(days=days, minutes=start)
        items = make_items(release, ids[start : start + 2], recipe=f"recipe-{number}")
        assert ledger.account(release.release_id, make_disclosure(release, at), items, [], pull=False) == []
    second, first = ledger.disclosures(limit=10)
    assert (first.instances, second.instances) == (4, 1)
    assert first.disclosure == make_disclosure(release, NOW)
    assert first.states == {ItemState.QUEUED: 4}


def test_accounting_again_changes_nothing(ledger: SqlLedger):
    batch = add_study(ledger)
    release = permit_release(ledger, batch)
    ids = [one.instance_id for one in ledger.instances_of(batch)]
    held = [Setback(instance_id=ids[2], state=ItemState.QUARANTINED, reason="no pixels")]
    first = make_items(release, ids[:2], recipe="first")
    assert ledger.account(release.release_id, make_disclosure(release), first, held, pull=False) == []
    again = make_items(release, ids[:2], recipe="again")
    assert ledger.account(release.release_id, make_disclosure(release), again, held, pull=False) == ["again"]
    ledger.mark_accounted(release.release_id, NOW)
    ledger.mark_accounted(release.release_id, NOW)
    # Also once there is nothing left to add to it.
    assert ledger.account(release.release_id, make_disclosure(release), again, held, pull=False) == ["again"]
    assert ledger.disclosures(limit=10)[0].instances == 2
    lines = ledger.release_items(release.release_id)
    assert {(one.state, one.detail) for one in lines} == {("queued", ""), ("quarantined", "no pixels")}
    assert {one.item.recipe for one in lines if one.item is not None} == {"first"}
    assert {name: count for name, count in ledger.counts().items() if count} == recount(ledger)


def test_what_was_disclosed_before_goes_no_further(ledger: SqlLedger):
    batch = add_study(ledger)
    first = account_release(ledger, batch)
    ledger.add_received([make_received("1", 9)])
    late = ledger.close_study(batch.study_id, Completion.QUIET, NOW)
    assert late is not None
    second = permit_release(ledger, late)
    (item,) = make_items(second, [ledger.instances_of(late)[0].instance_id], recipe="second")
    there = ledger.release_items(first.release_id)[0].item
    assert there is not None
    same = type(item)(
        **{**{name: getattr(item, name) for name in item.__slots__}, "sop_instance_uid": there.sop_instance_uid}
    )
    assert ledger.account(second.release_id, make_disclosure(second), [same], [], pull=False) == ["second"]
    (line,) = ledger.release_items(second.release_id)
    assert (line.state, line.item) == ("excluded", None)
    assert len(ledger.disclosures(limit=10)) == 1
    ledger.mark_accounted(second.release_id, NOW)
    assert reopened(ledger, second).state is ReleaseState.DONE


def test_the_same_new_uid_twice_in_a_call(ledger: SqlLedger):
    batch = add_study(ledger)
    release = permit_release(ledger, batch)
    ids = [one.instance_id for one in ledger.instances_of(batch)]
    items = make_items(release, [ids[0], ids[0]], recipe="one") + make_items(release, [ids[1]], recipe="two")
    twin = {name: getattr(items[0], name) for name in items[0].__slots__} | {"instance_id": ids[2], "recipe": "three"}
    items.append(type(items[0])(**twin))
    assert ledger.account(release.release_id, make_disclosure(release), items, [], pull=False) == ["three"]
    assert sorted(one.state for one in ledger.release_items(release.release_id)) == ["excluded", "queued", "queued"]
    assert ledger.disclosures(limit=1)[0].instances == 2


def test_instances_of_another_batch_are_not_accounted_for(ledger: SqlLedger):
    release = permit_release(ledger, add_study(ledger, "1"))
    add_study(ledger, "2", patient="b")
    for instance_id in (make_received("2", 1).instance_id, "0" * 32):
        with pytest.raises(UnknownError):
            ledger.account(
                release.release_id, make_disclosure(release), make_items(release, [instance_id]), [], pull=False
            )
    assert ledger.settled_instances(release.release_id) == frozenset()
    assert ledger.disclosures(limit=1) == []


def test_what_does_not_fit_together_is_refused(ledger: SqlLedger):
    batch = add_study(ledger)
    release = permit_release(ledger, batch)
    other = permit_release(ledger, batch, "other")
    items = make_items(release, [ledger.instances_of(batch)[0].instance_id])
    with pytest.raises(StateError):
        ledger.account(release.release_id, None, items, [], pull=False)
    with pytest.raises(StateError):
        ledger.account(release.release_id, make_disclosure(other), items, [], pull=False)
    sent = [Setback(instance_id=items[0].instance_id, state=ItemState.SENT, reason="")]
    with pytest.raises(StateError):
        ledger.account(release.release_id, None, [], sent, pull=False)
    with pytest.raises(UnknownError):
        ledger.account("none", make_disclosure(release), items, [], pull=False)
    assert ledger.settled_instances(release.release_id) == frozenset()


def test_a_release_of_which_nothing_leaves_is_done(ledger: SqlLedger):
    batch = add_study(ledger)
    release = permit_release(ledger, batch)
    held = [
        Setback(instance_id=one.instance_id, state=ItemState.EXCLUDED, reason="not needed")
        for one in ledger.instances_of(batch)
    ]
    assert ledger.account(release.release_id, None, [], held, pull=False) == []
    assert ledger.settled_instances(release.release_id) == {one.instance_id for one in held}
    ledger.mark_accounted(release.release_id, after(1))
    assert reopened(ledger, release).state is ReleaseState.DONE
    assert ledger.disclosures(limit=1) == []


def test_what_is_to_be_fetched_is_available(ledger: SqlLedger):
    release = account_release(ledger, add_study(ledger), pull=True)
    assert release.state is ReleaseState.DONE
    assert ledger.claim("w", after(9), after(60), 10) is None
    assert {one.state for one in ledger.release_items(release.release_id)} == {"available"}
    ledger.record_decision(release.release_id, DENY, ReleaseState.STOPPED, after(1))
    assert {one.state for one in ledger.release_items(release.release_id)} == {"stopped"}


def test_histories_tell_it_all(ledger: SqlLedger):
    release = queue_study(ledger)
    assert [(one.what, one.detail) for one in ledger.history(release.release_id)] == [
        ("opened", "for vendor, HRESCH"),
        ("decided", "permitted, permitted: You agreed."),
        ("disclosed", "3 instances to vendor, queued"),
        ("moved", "accounted"),
    ]
