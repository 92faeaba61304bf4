"""Consent and agreement that change while a decision is made: no release stays denied or stopped by what is over."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from scanward.adapters.store.ledger import SqlLedger
from scanward.errors import StateError
from scanward.model.consent import Effect, Provision
from scanward.model.decision import Grounds
from scanward.model.release import Release, ReleaseState
from tests.common.ledgers import (
    DENY,
    NOW,
    add_study,
    after,
    parse_recipient,
    permit,
    permit_release,
    recount,
    release_id_of,
)

ALLOWED = Provision(effect=Effect.PERMIT, purposes=frozenset({"HRESCH"}))
NOTHING = Grounds(agreement_version="", provisions=frozenset())

Change = Callable[[SqlLedger, Release], object]


def make_open(ledger: SqlLedger, study: str = "1") -> Release:
    batch = add_study(ledger, study)
    return ledger.open_release(batch, "vendor", "HRESCH", release_id_of(batch), NOW)


def state(ledger: SqlLedger, release: Release) -> ReleaseState:
    return ledger.get_release(release.release_id).state


def assert_counted(ledger: SqlLedger) -> None:
    counted = {name: count for name, count in ledger.counts().items() if count}
    assert counted == {name: count for name, count in recount(ledger).items() if count}


def save(ledger: SqlLedger, _: Release) -> None:
    ledger.save_recipient(parse_recipient("vendor"), "vendor", "me", after(1))


def allow(ledger: SqlLedger, release: Release) -> None:
    ledger.add_provision(release.patient_id, ALLOWED, "me", after(1))


def revoke(ledger: SqlLedger, release: Release) -> None:
    (one,) = ledger.provisions(release.patient_id)
    ledger.revoke_provision(one.provision_id, "me", after(1))


def grounds(ledger: SqlLedger, release: Release) -> Grounds:
    recipient = ledger.find_recipient(release.recipient)
    provisions = [one.provision_id for one in ledger.provisions(release.patient_id) if one.revoked is None]
    return Grounds(agreement_version="" if recipient is None else recipient.version, provisions=frozenset(provisions))


@pytest.mark.parametrize("change", [save, allow, revoke])
@pytest.mark.parametrize("new", [ReleaseState.DENIED, ReleaseState.PERMITTED])
def test_a_decision_on_what_has_changed_is_not_recorded(ledger: SqlLedger, change: Change, new: ReleaseState):
    release = make_open(ledger)
    if change is revoke:
        ledger.add_provision(release.patient_id, ALLOWED, "me", NOW)
    before = grounds(ledger, release)
    change(ledger, release)
    decision = DENY if new is ReleaseState.DENIED else permit()
    with pytest.raises(StateError):
        ledger.record_decision(release.release_id, decision, new, after(2), grounds=before)
    assert state(ledger, release) is ReleaseState.OPEN
    assert [one.what for one in ledger.history(release.release_id)] == ["opened"]
    ledger.record_decision(release.release_id, decision, new, after(2), grounds=grounds(ledger, release))
    assert state(ledger, release) is new
    assert_counted(ledger)


def test_what_could_not_be_looked_up_is_no_ground(ledger: SqlLedger):
    release = make_open(ledger)
    unknown = Grounds(agreement_version="", provisions=None)
    with pytest.raises(StateError):
        ledger.record_decision(release.release_id, DENY, ReleaseState.DENIED, NOW, grounds=unknown)


def test_nothing_is_stopped_for_what_is_over(ledger: SqlLedger):
    release = permit_release(ledger, add_study(ledger))
    allow(ledger, release)
    with pytest.raises(StateError):
        ledger.record_decision(release.release_id, DENY, ReleaseState.STOPPED, after(2), grounds=NOTHING)
    assert state(ledger, release) is ReleaseState.PERMITTED


@pytest.mark.parametrize("change", [save, allow, revoke])
def test_each_change_opens_what_was_denied_in_its_own_transaction(ledger: SqlLedger, change: Change):
    release = make_open(ledger)
    ledger.add_provision(release.patient_id, ALLOWED, "me", NOW)
    ledger.record_decision(release.release_id, DENY, ReleaseState.DENIED, NOW)
    if change is allow:
        later = Provision(effect=Effect.DENY, purposes=frozenset({"*"}))
        ledger.add_provision(release.patient_id, later, "me", after(1))
    else:
        change(ledger, release)
    assert state(ledger, release) is ReleaseState.OPEN
    assert_counted(ledger)


@pytest.mark.parametrize("change", [save, allow])
def test_a_change_waits_for_the_decision_that_is_being_recorded(
    ledger: SqlLedger, change: Change, monkeypatch: pytest.MonkeyPatch
):
    """The denial commits after the change began, so that the change did not see a denied release when it looked."""
    release = make_open(ledger)
    recording, go_on = threading.Event(), threading.Event()
    move = ledger._move_release

    def slowly(*args: object, **values: object) -> None:
        move(*args, **values)  # type: ignore[arg-type]
        recording.set()
        assert go_on.wait(10)

    monkeypatch.setattr(ledger, "_move_release", slowly)
    deciding = threading.Thread(
        target=ledger.record_decision,
        args=(release.release_id, DENY, ReleaseState.DENIED, after(1)),
        kwargs={"grounds": NOTHING},
    )
    changing = threading.Thread(target=change, args=(ledger, release))
    deciding.start()
    assert recording.wait(10)
    changing.start()
    changing.join(0.2)
    assert changing.is_alive(), "the change did not wait"
    go_on.set()
    for thread in (deciding, changing):
        thread.join(10)
        assert not thread.is_alive()
    assert state(ledger, release) is ReleaseState.OPEN


def test_who_stopped_a_release_is_on_record(ledger: SqlLedger):
    by_person = permit_release(ledger, add_study(ledger, "1"))
    by_decision = permit_release(ledger, add_study(ledger, "2"))
    ledger.stop(by_person.release_id, by="officer", reason="wrong cohort", at=after(5))
    ledger.record_decision(by_decision.release_id, DENY, ReleaseState.STOPPED, after(5))
    found = ledger.get_release(by_person.release_id)
    assert (found.state, found.stopped_by, found.reasons) == (ReleaseState.STOPPED, "officer", ("wrong cohort",))
    assert found.changed == NOW + timedelta(seconds=5)
    last = ledger.history(by_person.release_id)[-1]
    assert (last.by, last.detail) == ("officer", "denied, stopped: wrong cohort")
    assert ledger.get_release(by_decision.release_id).stopped_by == ""
    assert {one.stopped_by for one in ledger.releases(limit=10)} == {"officer", ""}


def test_a_person_need_not_say_why_and_cannot_stop_what_never_went(ledger: SqlLedger):
    release = permit_release(ledger, add_study(ledger, "1"))
    ledger.stop(release.release_id, by="officer", reason="", at=NOW)
    assert ledger.get_release(release.release_id).reasons == ("A person stopped it.",)
    opened = make_open(ledger, "2")
    with pytest.raises(StateError):
        ledger.stop(opened.release_id, by="officer", reason="", at=NOW)
    assert ledger.get_release(opened.release_id).stopped_by == ""
