"""What the ledger asks of its database costs the same however much is in it: each question goes by an index."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from scanward.adapters.store.engine import make_engine
from scanward.adapters.store.ledger import SqlLedger
from scanward.adapters.store.migrations import upgrade
from scanward.adapters.store.tables import metadata
from scanward.model.consent import Effect, Provision
from scanward.model.decision import Grounds
from scanward.model.holds import Finding, HoldKind, PixelHold
from scanward.model.pixels import AS_THEY_ARE
from scanward.model.release import ItemState, ReleaseState, Result, ResultState, Setback
from scanward.model.screens import Screen, ScreenDecision, SeenImage
from scanward.model.study import Completion
from scanward.ports.holds import HoldGround, Holds
from scanward.ports.ledger import Desk, Ledger, Quarantined, Registry, Wanted
from scanward.ports.priors import Priors
from tests.common.ledgers import (
    DENY,
    NOW,
    SEALING,
    account_release,
    add_study,
    after,
    make_disclosure,
    make_items,
    make_received,
    outcome,
    parse_recipient,
    permit,
    permit_release,
    queue_study,
    release_id_of,
)

BIG = metadata.tables.keys() - {"lanes", "recipients", "recipient_versions", "tallies", "workers"}
"""Tables that grow with what passes."""

IN_ORDER = {
    "ix_studies_last_received",
    "ix_studies_waiting",
    "ix_batches_unrouted",
    "ix_releases_changed",
    "ix_quarantined_received",
    "ix_results_received",
    "ix_disclosures_disclosed_disclosure_id",
    "ix_outdated_noted",
}
"""Indexes that a list with a limit walks from one end."""


WAITING = {"ix_holds_open", "ix_holds_waiting"}
"""Indexes that hold what waits for a person, and nothing else: they are as long as people let them become."""

PROVISION = Provision(effect=Effect.DENY, purposes=frozenset({"*"}))


class Plans:
    """Gathers each statement that runs, with its plan."""

    def __init__(self, engine: Engine) -> None:
        self.plans: dict[str, list[str]] = {}
        self._asks = False
        event.listen(engine, "after_cursor_execute", self._note)

    def _note(self, connection, cursor, statement, parameters, context, executemany) -> None:
        if self._asks or not re.match(r"\s*(SELECT|UPDATE|DELETE)", statement) or statement in self.plans:
            return
        self._asks = True
        try:
            first = parameters[0] if executemany else parameters
            own = connection.connection.driver_connection.cursor()
            self.plans[statement] = [row[3] for row in own.execute(f"EXPLAIN QUERY PLAN {statement}", first)]
            own.close()
        finally:
            self._asks = False


def fill(ledger: SqlLedger, studies: int) -> None:
    for number in range(studies):
        release = queue_study(ledger, f"f{number}", at=after(number))
        if number % 2:
            claim = ledger.claim("w", after(1000), after(1060), 10)
            assert claim is not None
            ledger.settle(
                "w",
                [outcome(release, one.item.instance_id) for one in claim.items if one.release_id == release.release_id],
                NOW,
            )


def use(ledger: SqlLedger) -> None:
    """Call everything once, at least."""
    one = make_received("1")
    ledger.add_received([one])
    ledger.add_received([one, make_received("2")])
    SqlLedger(ledger._database._readers, SEALING, parse_recipient).add_received([one])
    ledger.find_instance(one.instance_id)
    ledger.find_known([one.instance_id])
    ledger.find_mark(one.instance_id)
    ledger.monitored(NOW)
    ledger.replace_blob(one.instance_id, one.blob, one.blob, 1, "archive", NOW)
    ledger.studies_of([one.instance_id])
    ledger.find_quiet(NOW, 10)
    batch = ledger.close_study(one.study_id, Completion.QUIET, NOW)
    assert batch is not None
    ledger.find_unrouted(10)
    ledger.mark_routed(batch, NOW)
    ledger.instances_of(batch)
    ledger.other_studies(ledger.get_study(one.study_id), limit=10)
    use_priors(ledger, one.study_id)
    denied = ledger.open_release(batch, "other", "HRESCH", release_id_of(batch, "other"), NOW)
    ledger.record_decision(denied.release_id, DENY, ReleaseState.DENIED, NOW)
    for which in ({"patient_id": one.patient_id}, {"recipient": "other"}, {"patient_id": "x", "recipient": "other"}):
        ledger.reopen_denied(**which, at=NOW)
    ledger.record_decision(denied.release_id, permit(needs_approval=True), ReleaseState.AWAITING_APPROVAL, NOW)
    ledger.approve(denied.release_id, "me", NOW)
    ledger.record_decision(denied.release_id, permit(needs_approval=True), ReleaseState.PERMITTED, NOW)
    waiting = ledger.open_release(batch, "fourth", "HRESCH", release_id_of(batch, "fourth"), NOW)
    ledger.record_decision(waiting.release_id, permit(needs_approval=True), ReleaseState.AWAITING_APPROVAL, NOW)
    ledger.refuse(waiting.release_id, "me", "no", NOW)
    ledger.get_release(waiting.release_id)
    held = [Setback(instance_id=one.instance_id, state=ItemState.EXCLUDED, reason="")]
    ledger.account(denied.release_id, None, [], held, pull=False)
    ledger.mark_accounted(denied.release_id, NOW)
    refused = permit_release(ledger, add_study(ledger, "3"), "third")
    ledger.find_releases(ReleaseState.PERMITTED, 10)
    items = make_items(refused, [make_received("3", 1).instance_id])
    ledger.account(refused.release_id, make_disclosure(refused), items, [], pull=False)
    ledger.settled_instances(refused.release_id)
    claim = ledger.claim("w3", after(5000), after(6000), 10)
    assert claim is not None
    ledger.begin_attempt("w3", claim)
    ledger.settle("w3", [outcome(claim.release, line.item.instance_id, ItemState.FAILED) for line in claim.items], NOW)
    ledger.retry_items(claim.release.release_id, "me", NOW)
    renewed = replace(items[0], form="f", recipe="anew")
    ledger.note_outdated(refused.release_id, NOW)
    ledger.find_outdated(10)
    ledger.outdated_items(refused.release_id, "f", pull=False)
    ledger.replace_items(refused.release_id, "f", [renewed], [], pull=False, at=NOW)
    renewed = replace(renewed, sop_instance_uid="2.25.7")
    ledger.replace_items(refused.release_id, "f", [renewed], [], pull=False, at=NOW)
    ledger.clear_outdated(refused.release_id)
    in_force = Grounds(agreement_version="", provisions=frozenset())
    ledger.record_decision(refused.release_id, DENY, ReleaseState.STOPPED, NOW, grounds=in_force)
    ledger.stop(refused.release_id, by="me", reason="", at=NOW)
    result = Result(
        result_id="r", recipient="vendor", release_id="", sop_class_uid="1", size_bytes=1, blob="b", outgoing="",
        state=ResultState.RECEIVED, reason="", received=NOW, attempts=0,
    )  # fmt: skip
    ledger.add_result(result)
    ledger.find_results(ResultState.RECEIVED, 10)
    ledger.find_results(ResultState.RECEIVED, 10, due=NOW)
    ledger.move_result("r", ResultState.HELD, at=NOW)
    ledger.get_result("r")
    ledger.keep_result_mark("r", "mark")
    ledger.find_result_mark("r")
    ledger.replace_result_blob("r", "lost", "blob", "vendor", NOW)
    assert len(ledger.find_disclosed("third", [items[0].study_uid])) == 0  # stopped
    sent = queue_study(ledger, "5")
    assert len(ledger.find_disclosed_by(sent.release_id)) == 1
    ledger.find_disclosed_by(claim.release.release_id)
    ledger.beat("w", NOW)
    ledger.take_over(after(1), after(1))
    ledger.forget(["w"])
    ledger.use_up_token("t", until=NOW, at=NOW)
    ledger.is_used_up("t")
    ledger.save_recipient(parse_recipient("vendor"), "vendor", "me", NOW)
    ledger.find_recipient("vendor")
    ledger.recipients()
    ledger.add_provision(one.patient_id, PROVISION, "me", NOW)
    (provision,) = ledger.provisions(one.patient_id)
    ledger.revoke_provision(provision.provision_id, "me", NOW)
    ledger.end_recipient("vendor", "me", NOW)
    quarantined = Quarantined(
        quarantine_id="q", digest="d", reason="", blob="b", size_bytes=1, origin=one.origin, received=NOW
    )
    ledger.add_quarantined(quarantined)
    ledger.add_quarantined(quarantined)
    ledger.find_quarantined_blob("q")
    ledger.replace_quarantined_blob("q", "lost", "blob", "archive", NOW)
    use_screens(ledger)
    use_holds(ledger)
    look(ledger, one.patient_id)


def use_holds(ledger: SqlLedger) -> None:
    hold = PixelHold(kind=HoldKind.TEXT, digest="d", finding=Finding(), form="f", sight="s")
    release = permit_release(ledger, add_study(ledger, "6"))
    held = [
        Setback(instance_id=make_received("6", number).instance_id, state=ItemState.EXCLUDED, reason="", hold=hold)
        for number in (1, 2, 3)
    ]
    ledger.account(release.release_id, None, [], held, pull=False)
    assert len(ledger.held_releases(limit=5)) == 1
    assert ledger.hold_grounds() == [HoldGround(recipient="vendor", form="f", sight="s")]
    ledger.note_holds_outdated(HoldGround(recipient="vendor", form="f", sight="s"), NOW, 10)
    first, second, third = ledger.held(release.release_id)
    for blob in ("found", ""):
        ledger.note_faces(release.release_id, blob, NOW)
    ledger.find_faces(release.release_id)
    ledger.keep_held(release.release_id, {first.instance_id: first.seen}, by="me", reason="", at=NOW)
    ledger.let_go(release.release_id, {second.instance_id: second.seen}, by="me", reason="", as_it_is=False, at=NOW)
    ledger.put_off_holds(release.release_id, "f", "s", why="", at=NOW)
    (second,) = [one for one in ledger.held(release.release_id) if one.instance_id == second.instance_id]
    ledger.let_go(release.release_id, {second.instance_id: second.seen}, by="me", reason="", as_it_is=False, at=NOW)
    let_go = ledger.let_go_of(release.release_id)
    ledger.look_again(release.release_id, by="me", at=NOW)
    ledger.holds_to_look_at(release.release_id, "f", "s")
    items = [replace(one, pixels=AS_THEY_ARE) for one in make_items(release, [second.instance_id])]
    again = [Setback(instance_id=third.instance_id, state=ItemState.EXCLUDED, reason="", hold=hold)]
    disclosure = make_disclosure(release)
    ledger.settle_holds(release.release_id, disclosure, items, again, let_go=let_go, pull=False, at=NOW)
    ended = [Setback(instance_id=third.instance_id, state=ItemState.QUARANTINED, reason="")]
    ledger.settle_holds(release.release_id, None, [], ended, let_go={}, pull=False, at=NOW)


def use_screens(ledger: SqlLedger) -> None:
    screen = Screen(manufacturer="maker", model="one", sop_class_uid="1.2", rows=480, columns=640)
    ledger.note_screens([SeenImage(screen=screen, instance_id="i", boxes=((0, 0, 9, 9),))], NOW)
    ledger.decide_screen(screen.screen_id, ScreenDecision.FILLED, [(0, 0, 9, 9)], "me", NOW)
    ledger.get_screen(screen.screen_id)
    assert len(ledger.layouts()) == len(ledger.screens(ScreenDecision.FILLED, limit=10)) == 1


def use_priors(ledger: SqlLedger, study_id: str) -> None:
    for recipient in ("vendor", "other"):
        ledger.seek_priors(study_id, [recipient], NOW)
    for runner in (1, 2):
        (due,) = ledger.queue_searches(after(10), after(9), 10)
        search = ledger.begin_search(study_id, due.attempts, runner, after(9))
        assert search is not None
        if runner == 1:
            ledger.fail_search(search, runner, "no", after(5), NOW)
        else:
            ledger.end_search(search, runner, NOW)
    ledger.seek_priors(study_id, ["third"], NOW)
    assert not ledger.request_prior(study_id, ["vendor"], "archive", NOW, NOW)
    fetched = make_received("prior")
    assert ledger.request_prior(fetched.study_id, ["vendor"], "archive", NOW, NOW)
    add_study(ledger, "prior")
    ledger.add_received([fetched])
    ledger.settle_prior(fetched.study_id, 1, NOW, NOW)
    ledger.find_prior_requests(fetched.study_id)
    ledger.batches_of(fetched.study_id)


def look(ledger: SqlLedger, patient_id: str) -> None:
    fetched = account_release(ledger, add_study(ledger, "4"), pull=True)
    (line, *_) = ledger.release_items(fetched.release_id)
    assert ledger.item_states([fetched.release_id])
    assert line.item is not None
    ledger.note_fetched(fetched.release_id, line.instance_id, NOW)
    for before in (None, NOW):
        ledger.studies(limit=10, before=before)
        ledger.studies(limit=10, before=before, patient_id=patient_id)
        ledger.releases(limit=10, before=before)
        ledger.releases(limit=10, before=before, state=ReleaseState.DONE)
        ledger.releases(limit=10, before=before, recipient="vendor")
        ledger.releases(limit=10, before=before, state=ReleaseState.DONE, recipient="vendor")
    ledger.history(fetched.release_id)
    ledger.patient_releases(fetched.patient_id)
    for start in (None, ledger.disclosures(limit=1)[0].disclosure_id):
        ledger.disclosures(limit=10, before=start)
        ledger.disclosures(limit=10, before=start, patient_id=patient_id)
        ledger.disclosures(limit=10, before=start, recipient="vendor")
        ledger.disclosures(limit=10, before=start, patient_id=patient_id, since=NOW, until=NOW)
    ledger.disclosures(limit=10, since=NOW, until=NOW)
    ledger.results(limit=10)
    ledger.results(limit=10, state=ResultState.HELD)
    ledger.quarantined(limit=10)
    ledger.recipient_versions("vendor")
    ledger.available("vendor")
    for series in (False, True):
        ledger.offered("vendor", Wanted(), series=series, limit=10)
        ledger.offered("vendor", Wanted(**dict.fromkeys(Wanted.__slots__, frozenset({"x"}))), series=series, limit=10)
    ledger.available("vendor", study_uid=line.item.study_uid)
    ledger.available("vendor", series_uid=line.item.series_uid)
    ledger.available("vendor", sop_instance_uid=line.item.sop_instance_uid)
    ledger.counts()


class Caller:
    """Notes which methods of the ledger are called."""

    def __init__(self, ledger: SqlLedger, called: set[str]) -> None:
        self._ledger = ledger
        self._called = called

    def __getattr__(self, name: str) -> object:
        self._called.add(name)
        return getattr(self._ledger, name)


@pytest.fixture
def plans(tmp_path: Path, sqlite_template: bytes) -> dict[str, list[str]]:
    path = tmp_path / "ledger.db"
    path.write_bytes(sqlite_template)
    engine = make_engine(f"sqlite:///{path}")
    called: set[str] = set()
    try:
        gathered = Plans(engine)
        use(Caller(SqlLedger(engine, SEALING, parse_recipient), called))  # type: ignore[arg-type]
    finally:
        engine.dispose()
    for port in (Ledger, Priors, Holds, Registry, Desk):
        assert {name for name in vars(port) if not name.startswith("_")} <= called
    return gathered.plans


def test_no_statement_looks_at_all_of_a_table(plans: dict[str, list[str]]):
    assert len(plans) > 70
    scans = []
    for statement, steps in plans.items():
        for step in steps:
            found = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", step)
            if found is None or found[1] not in BIG:
                continue
            if found[2] in WAITING or (found[2] in IN_ORDER and "LIMIT" in statement):
                continue
            scans.append((step, statement))
    assert scans == []


def test_no_list_is_sorted_whole(plans: dict[str, list[str]]):
    """What sorts is bounded otherwise: a study's instances, a release's items, a patient's
    releases, the recipients.
    """
    for statement, steps in plans.items():
        if any("TEMP B-TREE FOR ORDER BY" in step or "TEMP B-TREE FOR RIGHT PART" in step for step in steps):
            assert re.search(r"(study_id|release_id|patient_id|seq|recipient|disclosed) (=|IN|<)", statement), statement


def count_steps(engine: Engine, call: Callable[[], object]) -> int:
    """Return how many thousands of instructions of its machine SQLite ran."""
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        driver.set_progress_handler(step, 100)
    try:
        call()
    finally:
        driver.set_progress_handler(None, 0)
    return steps


def test_work_does_not_grow_with_the_ledger(tmp_path: Path):
    """The same calls on a ledger with ten times as much in it: counted in steps of SQLite's machine, not in time."""
    steps: dict[int, list[int]] = {}
    for size in (8, 80):
        engine = make_engine(f"sqlite:///{tmp_path / f'{size}.db'}")
        try:
            upgrade(engine)
            ledger = SqlLedger(engine, SEALING, parse_recipient)
            fill(ledger, size)
            received = make_received("new")
            calls: list[Callable[[], object]] = [
                lambda ledger=ledger, received=received: ledger.add_received([received]),
                lambda ledger=ledger: queue_study(ledger, "queued", at=after(5000)),
                lambda ledger=ledger: ledger.claim("w", after(9000), after(9060), 3),
                lambda ledger=ledger: ledger.find_quiet(after(9000), 5),
                lambda ledger=ledger: ledger.find_unrouted(5),
                lambda ledger=ledger: ledger.find_releases(ReleaseState.OPEN, 5),
                lambda ledger=ledger: ledger.disclosures(limit=5),
                lambda ledger=ledger: ledger.studies(limit=5),
                lambda ledger=ledger: ledger.releases(limit=5, recipient="vendor"),
                lambda ledger=ledger: ledger.counts(),
            ]
            steps[size] = [count_steps(engine, call) for call in calls]
        finally:
            engine.dispose()
    for few, many in zip(steps[8], steps[80], strict=True):
        assert many <= few * 1.5 + 5
