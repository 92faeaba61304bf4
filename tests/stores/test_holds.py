"""Holds for pixels on both databases: what waits, what people decide, and what leaves by that, in one transaction each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, text

from scanward.adapters.store import migrations
from scanward.adapters.store.accounting import DISCLOSED_BEFORE
from scanward.adapters.store.engine import make_engine
from scanward.adapters.store.ledger import SqlLedger
from scanward.adapters.store.migrations import upgrade
from scanward.errors import StateError, UnknownError
from scanward.model.holds import Finding, Held, HoldKind, HoldState, PixelHold
from scanward.model.pixels import AS_THEY_ARE, FoundBy, PixelBox, PixelOutcome
from scanward.model.release import ItemState, OutboxItem, Release, ReleaseState, Setback
from scanward.ports.holds import HoldGround
from tests.common.ledgers import (
    DENY,
    NOW,
    SEALING,
    add_study,
    after,
    make_disclosure,
    make_items,
    parse_recipient,
    permit_release,
    recount,
)

BOX = PixelBox(first_frame=0, last_frame=2, x=3, y=4, width=50, height=20, found_by=FoundBy.TEXT)
HOLD = PixelHold(
    kind=HoldKind.TEXT,
    digest="d" * 64,
    finding=Finding(rows=480, columns=640, frames=3, count=7, boxes=(BOX,)),
    form="f" * 32,
    sight="openvino 1",
)
BLIND = replace(HOLD, kind=HoldKind.UNSEEN, finding=Finding(), sight="")
GROUND = HoldGround(recipient="vendor", form=HOLD.form, sight=HOLD.sight)


def hold_study(ledger: SqlLedger, study: str = "1", count: int = 3, hold: PixelHold = HOLD) -> Release:
    """Bring a study to a release of which everything is held for its pixels."""
    batch = add_study(ledger, study, count)
    release = permit_release(ledger, batch)
    ids = [one.instance_id for one in ledger.instances_of(batch)]
    assert ledger.account(release.release_id, None, [], setbacks(ids, hold), pull=False) == []
    ledger.mark_accounted(release.release_id, NOW)
    return ledger.get_release(release.release_id)


def setbacks(ids: list[str], hold: PixelHold | None, *, state: ItemState = ItemState.EXCLUDED) -> list[Setback]:
    return [Setback(instance_id=one, state=state, reason="text is there", hold=hold) for one in ids]


def made(release: Release, *held: Held, pixels: PixelOutcome = AS_THEY_ARE) -> list[OutboxItem]:
    return [replace(one, pixels=pixels) for one in make_items(release, [one.instance_id for one in held])]


def seen(*held: Held) -> dict[str, str]:
    return {one.instance_id: one.seen for one in held}


def let_go(ledger: SqlLedger, release: Release, *held: Held, at: float = 1, as_it_is: bool = False) -> None:
    ledger.let_go(release.release_id, seen(*held), by="officer", reason="a scale", as_it_is=as_it_is, at=after(at))


def settle(ledger: SqlLedger, release: Release, items: list[OutboxItem], back: list[Setback] = [], **more):  # noqa: B006
    disclosure = make_disclosure(release, after(5)) if items else None
    given = more.pop("given", None)
    given = ledger.let_go_of(release.release_id) if given is None else given
    pull = more.pop("pull", False)
    return ledger.settle_holds(release.release_id, disclosure, items, back, let_go=given, pull=pull, at=after(5))


def states(ledger: SqlLedger, release: Release) -> list[HoldState]:
    return [one.state for one in ledger.held(release.release_id)]


def item_states(ledger: SqlLedger, release: Release) -> set[str]:
    return {line.state for line in ledger.release_items(release.release_id)}


def assert_counted(ledger: SqlLedger) -> None:
    assert {name: count for name, count in ledger.counts().items() if count} == recount(ledger)


PROVEN = PixelOutcome(is_proven=True)


def test_what_is_held_is_known_with_what_was_seen(ledger: SqlLedger):
    release = hold_study(ledger)
    first, *_ = held = ledger.held(release.release_id)
    assert len(held) == 3
    assert (first.hold, first.reason, first.state, first.modality) == (HOLD, "text is there", HoldState.OPEN, "CT")
    assert first.sop_instance_uid.startswith("1.2.3.999")
    assert "1.2.3.999" not in repr(first)
    assert [(one.release.release_id, one.instances) for one in ledger.held_releases(limit=9)] == [
        (release.release_id, 3)
    ]
    assert ledger.hold_grounds() == [GROUND]
    assert len({one.seen for one in held}) == 3
    assert release.state is ReleaseState.DONE
    assert_counted(ledger)


def test_what_is_kept_waits_no_more_and_can_be_let_go_later(ledger: SqlLedger):
    release = hold_study(ledger)
    first, *others = ledger.held(release.release_id)
    ledger.keep_held(release.release_id, seen(first), by="officer", reason="a name", at=after(1))
    assert_counted(ledger)
    (kept,) = [one for one in ledger.held(release.release_id) if one.state is HoldState.KEPT]
    assert (kept.by, kept.why, kept.decided) == ("officer", "a name", after(1))
    assert ledger.holds_to_look_at(release.release_id, "new", "new") == {one.instance_id for one in others}
    # Made all the same, by work that began before: a person decided since.
    assert settle(ledger, release, made(release, first, pixels=PROVEN)) == ["recipe"]
    let_go(ledger, release, kept)
    assert ledger.holds_to_look_at(release.release_id, HOLD.form, HOLD.sight) == {first.instance_id}
    assert ledger.find_outdated(9) == [release.release_id]
    assert_counted(ledger)


def test_what_is_let_go_leaves_by_a_disclosure_and_the_release_is_sent_again(ledger: SqlLedger):
    release = hold_study(ledger)
    first, second, third = ledger.held(release.release_id)
    let_go(ledger, release, first, second)
    assert settle(ledger, release, made(release, first, second), setbacks([third.instance_id], HOLD)) == []
    assert states(ledger, release) == [HoldState.LEFT, HoldState.LEFT, HoldState.OPEN]
    assert item_states(ledger, release) == {ItemState.QUEUED, ItemState.EXCLUDED}
    assert ledger.get_release(release.release_id).state is ReleaseState.ACCOUNTED
    claim = ledger.claim("w", after(10), after(20), 10)
    assert claim is not None
    assert len(claim.items) == 2
    assert all(one.item.pixels.is_let_go for one in claim.items)
    (disclosure,) = ledger.disclosures(limit=9)
    (record,) = disclosure.let_go
    assert (disclosure.instances, record.instances, record.by, record.reason) == (2, 2, "officer", "a scale")
    assert record.at == after(1)
    assert_counted(ledger)


def test_what_passes_leaves_without_anybody_in_the_accounting(ledger: SqlLedger):
    release = hold_study(ledger)
    held = ledger.held(release.release_id)
    assert settle(ledger, release, made(release, *held, pixels=PROVEN), pull=True) == []
    assert set(states(ledger, release)) == {HoldState.PASSED}
    assert item_states(ledger, release) == {ItemState.AVAILABLE}
    assert ledger.get_release(release.release_id).state is ReleaseState.DONE
    assert ledger.disclosures(limit=9)[0].let_go == ()
    assert_counted(ledger)


def test_what_nobody_let_go_does_not_leave_as_if_somebody_had(ledger: SqlLedger):
    release = hold_study(ledger)
    held = ledger.held(release.release_id)
    assert settle(ledger, release, made(release, *held), given={}) == ["recipe"]
    let_go(ledger, release, held[0])
    given = ledger.let_go_of(release.release_id)
    # Decided anew while it was prepared: that is another decision.
    ledger.put_off_holds(release.release_id, HOLD.form, HOLD.sight, why="denied", at=after(2))
    let_go(ledger, release, *list(ledger.held(release.release_id))[:1], at=3)
    assert settle(ledger, release, made(release, held[0]), given=given) == ["recipe"]
    assert not ledger.disclosures(limit=9)
    assert settle(ledger, release, made(release, held[0])) == []
    assert_counted(ledger)


@pytest.mark.parametrize("end", ["stopped", "denied"])
def test_a_release_that_ended_lets_nothing_go(ledger: SqlLedger, end: str):
    release = hold_study(ledger)
    held = ledger.held(release.release_id)
    let_go(ledger, release, held[0])
    given = ledger.let_go_of(release.release_id)
    if end == "stopped":
        ledger.stop(release.release_id, by="officer", reason="", at=after(2))
    else:
        ledger.record_decision(release.release_id, DENY, ReleaseState.STOPPED, after(2))
    assert set(states(ledger, release)) == {HoldState.ENDED}
    assert settle(ledger, release, made(release, held[0]), given=given) == ["recipe"]
    with pytest.raises(StateError):
        let_go(ledger, release, held[1])
    with pytest.raises(StateError):
        ledger.look_again(release.release_id, by="it", at=after(3))
    assert ledger.held_releases(limit=9) == []
    assert_counted(ledger)


def test_what_may_not_leave_now_waits_for_a_person_again(ledger: SqlLedger):
    release = hold_study(ledger)
    first, second, _ = ledger.held(release.release_id)
    let_go(ledger, release, first)
    ledger.keep_held(release.release_id, seen(second), by="officer", reason="", at=after(1))
    ledger.put_off_holds(release.release_id, "now", "here", why="You did not agree.", at=after(2))
    assert states(ledger, release) == [HoldState.OPEN, HoldState.KEPT, HoldState.OPEN]
    assert ledger.held(release.release_id)[0].by == ""
    assert ledger.holds_to_look_at(release.release_id, "now", "here") == frozenset()
    assert ledger.let_go_of(release.release_id) == {}
    assert "You did not agree." in ledger.history(release.release_id)[-1].detail
    assert_counted(ledger)


def test_a_decision_is_on_what_was_seen_and_on_all_of_it_or_none(ledger: SqlLedger):
    release = hold_study(ledger)
    first, second, third = ledger.held(release.release_id)
    changed = replace(HOLD, digest="e" * 64)
    settle(ledger, release, [], setbacks([first.instance_id], changed))
    for held in ({**seen(second), **seen(first)}, {second.instance_id: third.seen}):
        with pytest.raises(StateError):
            ledger.keep_held(release.release_id, held, by="officer", reason="", at=after(9))
    with pytest.raises(UnknownError):
        ledger.keep_held(release.release_id, {**seen(second), "f" * 32: "0" * 16}, by="x", reason="", at=after(9))
    assert set(states(ledger, release)) == {HoldState.OPEN}


def test_nothing_that_a_machine_can_clean_is_let_go_as_it_is(ledger: SqlLedger):
    release = hold_study(ledger)
    with pytest.raises(StateError):
        let_go(ledger, release, *ledger.held(release.release_id), as_it_is=True)
    assert ledger.find_outdated(9) == []
    other = hold_study(ledger, "2", hold=BLIND)
    let_go(ledger, other, *ledger.held(other.release_id), as_it_is=True)
    assert all(one.as_it_is for one in ledger.let_go_of(other.release_id).values())


def test_what_was_let_go_and_cannot_be_cleaned_waits_again(ledger: SqlLedger):
    release = hold_study(ledger, hold=BLIND)
    held = ledger.held(release.release_id)
    let_go(ledger, release, *held)
    settle(ledger, release, [], setbacks([one.instance_id for one in held], BLIND))
    assert set(states(ledger, release)) == {HoldState.OPEN}
    assert ledger.held(release.release_id)[0].decided is None
    assert_counted(ledger)


def test_what_cannot_be_deidentified_goes_no_further(ledger: SqlLedger):
    release = hold_study(ledger)
    first, second, _ = ledger.held(release.release_id)
    settle(ledger, release, [], setbacks([first.instance_id], None, state=ItemState.QUARANTINED))
    settle(ledger, release, [], setbacks([second.instance_id], None))
    assert states(ledger, release) == [HoldState.ENDED, HoldState.ENDED, HoldState.OPEN]
    assert item_states(ledger, release) == {ItemState.QUARANTINED, ItemState.EXCLUDED}
    assert_counted(ledger)


def test_what_the_recipient_has_by_another_release_is_not_sent_again(ledger: SqlLedger):
    first, second = hold_study(ledger, "1", 1), hold_study(ledger, "2", 1)
    (one,), (other,) = ledger.held(first.release_id), ledger.held(second.release_id)
    settle(ledger, first, made(first, one, pixels=PROVEN))
    (uid,) = [line.item.sop_instance_uid for line in ledger.release_items(first.release_id) if line.item]
    again = [replace(item, sop_instance_uid=uid) for item in made(second, other, pixels=PROVEN)]
    assert settle(ledger, second, again) == ["recipe"]
    assert states(ledger, second) == [HoldState.ENDED]
    assert {line.detail for line in ledger.release_items(second.release_id)} == {DISCLOSED_BEFORE}
    assert_counted(ledger)


def test_what_is_looked_at_again_is_found_by_what_changed(ledger: SqlLedger):
    release = hold_study(ledger)
    assert ledger.holds_to_look_at(release.release_id, HOLD.form, HOLD.sight) == frozenset()
    for form, sight in (("other", HOLD.sight), (HOLD.form, "other")):
        assert len(ledger.holds_to_look_at(release.release_id, form, sight)) == 3
    assert ledger.note_holds_outdated(GROUND, NOW, 10) == 1
    assert ledger.note_holds_outdated(replace(GROUND, sight="none"), NOW, 10) == 0
    assert ledger.find_outdated(9) == [release.release_id]
    ledger.clear_outdated(release.release_id)
    assert ledger.look_again(release.release_id, by="it", at=after(1)) == 3
    assert len(ledger.holds_to_look_at(release.release_id, HOLD.form, HOLD.sight)) == 3
    assert ledger.find_outdated(9) == [release.release_id]


def test_what_was_held_by_an_earlier_version_is_looked_at_again(tmp_path: Path):
    engine: Engine = make_engine(f"sqlite:///{tmp_path / 'old.db'}")
    try:
        upgrade(engine)
        ledger = SqlLedger(engine, SEALING, parse_recipient)
        hold_study(ledger)
        with engine.execution_options(scanward_writes=True).begin() as connection:
            connection.execute(text("UPDATE items SET detail = 'It is not needed for the purpose.' WHERE seq = 1"))
            connection.execute(text("DELETE FROM tallies WHERE name = 'holds:open'"))
            for table in ("holds", "face_findings", "seals", "films", "custody", "custody_due", "log_heads"):
                connection.execute(text(f"DROP TABLE {table}"))
            connection.execute(text("DROP INDEX ix_results_release_id"))
            config = migrations._config()
            config.attributes["connection"] = connection
            command.stamp(config, "0008")
        upgrade(engine)
        assert ledger.counts()["holds:open"] == 2
        (held,) = ledger.held_releases(limit=9)
        assert {one.hold.kind for one in ledger.held(held.release.release_id)} == {HoldKind.EARLIER}
        assert ledger.hold_grounds() == [HoldGround(recipient="vendor", form="", sight="")]
        with pytest.raises(StateError):
            let_go(ledger, held.release, *ledger.held(held.release.release_id))
    finally:
        engine.dispose()
