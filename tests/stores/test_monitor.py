"""How work goes along, as the ledger tells it."""

from sqlalchemy import Engine

from scanward.adapters.store.ledger import SqlLedger
from scanward.model.decision import Deny, DenyCode
from scanward.model.release import ReleaseState
from tests.common.ledgers import NOW, add_study, after, outcome, permit, queue_study, release_id_of


def test_workers_are_alive_while_they_are_heard_of(ledger: SqlLedger):
    assert ledger.monitored(NOW).workers == 0
    ledger.beat("one", NOW)
    ledger.beat("two", after(10))
    assert ledger.monitored(NOW).workers == 2
    assert ledger.monitored(after(5)).workers == 1
    ledger.forget(ledger.take_over(after(20), after(20)))
    assert ledger.monitored(NOW).workers == 0


def test_the_release_that_waits_longest_is_told(ledger: SqlLedger):
    assert ledger.monitored(NOW).waiting_since is None
    releases = [queue_study(ledger, "1", at=after(5)), queue_study(ledger, "2", at=after(9))]
    since = [ledger.monitored(NOW).waiting_since]
    for release in releases:
        claim = ledger.claim("sender", after(100), after(200), 3)
        assert claim is not None
        ledger.settle("sender", [outcome(release, one.item.instance_id) for one in claim.items], after(150))
        since.append(ledger.monitored(NOW).waiting_since)
    assert since == [after(5), after(9), None]


def test_each_decision_is_counted_by_outcome_and_kind(ledger: SqlLedger, engine: Engine):
    batch = add_study(ledger, "1")
    denied = Deny(reasons=("You have refused it.", "Nothing agreed."), codes=(DenyCode.CONSENT, DenyCode.AGREEMENT))
    for recipient in ("a", "b"):
        release = ledger.open_release(batch, recipient, "TREAT", release_id_of(batch, recipient), NOW)
        ledger.record_decision(release.release_id, denied, ReleaseState.DENIED, NOW)
    held = ledger.open_release(batch, "c", "TREAT", release_id_of(batch, "c"), NOW)
    ledger.record_decision(held.release_id, permit(needs_approval=True), ReleaseState.AWAITING_APPROVAL, NOW)
    open_to = ledger.open_release(batch, "d", "TREAT", release_id_of(batch, "d"), NOW)
    ledger.record_decision(open_to.release_id, permit(), ReleaseState.PERMITTED, NOW)
    ledger.record_decision(open_to.release_id, Deny(reasons=("A person.",)), ReleaseState.STOPPED, NOW)
    assert ledger.monitored(NOW).decisions == {
        ("deny", "consent"): 2,
        ("hold", "approval"): 1,
        ("permit", ""): 1,
        ("deny", "other"): 1,
    }
    assert not any("decisions" in name for name in ledger.counts())
