"""Whatever order calls come in, what the ledger says of releases, items and disclosures holds together."""

import contextlib
import tempfile
from pathlib import Path

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import text

from scanward.adapters.store.engine import make_engine
from scanward.adapters.store.ledger import SqlLedger
from scanward.adapters.store.migrations import upgrade
from scanward.errors import StateError
from scanward.model.release import Claim, ItemState, ReleaseState, Setback
from scanward.model.study import Batch, Completion
from tests.common.ledgers import (
    DENY,
    SEALING,
    after,
    make_disclosure,
    make_items,
    make_received,
    outcome,
    parse_recipient,
    permit,
    recount,
    release_id_of,
)

OWNERS = st.sampled_from(["w1", "w2"])
ENDS = st.sampled_from([ItemState.SENT, ItemState.FAILED, ItemState.UNKNOWN, ItemState.QUEUED])


class Histories(RuleBasedStateMachine):
    """Studies on their way to two recipients, with senders that come and go."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.engine = make_engine(f"sqlite:///{Path(self.folder.name) / 'ledger.db'}")
        upgrade(self.engine)
        self.ledger = SqlLedger(self.engine, SEALING, parse_recipient)
        self.clock = 0.0
        self.releases: list[str] = []
        self.claims: list[tuple[str, Claim]] = []
        self.sent: set[tuple[str, str]] = set()

        for study in "123":
            self.ledger.add_received([make_received(study, number, at=self.now()) for number in (1, 2, 3)])
        for study, recipient in ((1, "a"), (2, "a"), (3, "b")):
            self.close_and_open(study, recipient)
        for release_id in self.releases:
            self.ledger.record_decision(release_id, permit(), ReleaseState.PERMITTED, self.now())
        for release_id in self.releases[1:]:
            release = self.ledger.get_release(release_id)
            items = make_items(release, sorted(self.of_batch(release_id)))
            self.ledger.account(release_id, make_disclosure(release, self.now()), items, [], pull=False)

    def teardown(self) -> None:
        if hasattr(self, "engine"):
            self.engine.dispose()
            self.folder.cleanup()

    def now(self, seconds: float = 1):
        self.clock += seconds
        return after(self.clock)

    @rule(study=st.integers(1, 3), number=st.integers(3, 5))
    def receive(self, study: int, number: int) -> None:
        self.ledger.add_received([make_received(str(study), number, at=self.now())])

    @rule(study=st.integers(1, 3), recipient=st.sampled_from(["a", "b"]))
    def close_and_open_one(self, study: int, recipient: str) -> None:
        self.close_and_open(study, recipient)

    def close_and_open(self, study: int, recipient: str) -> None:
        batch = self.ledger.close_study(make_received(str(study)).study_id, Completion.QUIET, self.now())
        if batch is not None:
            release_id = release_id_of(batch, recipient)
            self.ledger.open_release(batch, recipient, "HRESCH", release_id, self.now())
            self.releases.append(release_id)

    @rule(data=st.data(), state=st.sampled_from(ReleaseState), denies=st.booleans())
    def decide(self, data: st.DataObject, state: ReleaseState, denies: bool) -> None:
        release_id = data.draw(st.sampled_from(self.releases))
        with contextlib.suppress(StateError):
            self.ledger.record_decision(release_id, DENY if denies else permit(), state, self.now())

    @rule(data=st.data(), count=st.integers(1, 3), pull=st.booleans(), holds=st.booleans())
    def permit_and_account(self, data: st.DataObject, count: int, pull: bool, holds: bool) -> None:
        release_id = data.draw(st.sampled_from(self.releases))
        with contextlib.suppress(StateError):
            self.ledger.record_decision(release_id, permit(), ReleaseState.PERMITTED, self.now())
        release = self.ledger.get_release(release_id)
        ids = [one.instance_id for one in self.ledger.get_study(release.study_id).instances]
        ids = [one for one in ids if one in self.of_batch(release_id)][:count]
        setbacks = [Setback(instance_id=one, state=ItemState.QUARANTINED, reason="no") for one in ids[:1] if holds]
        items = make_items(release, ids[1:] if holds else ids)
        with contextlib.suppress(StateError):
            self.ledger.account(release_id, make_disclosure(release, self.now()), items, setbacks, pull=pull)

    def of_batch(self, release_id: str) -> set[str]:
        release = self.ledger.get_release(release_id)
        batch = Batch(study_id=release.study_id, number=release.batch)
        return {one.instance_id for one in self.ledger.instances_of(batch)}

    @rule(data=st.data())
    def mark_accounted(self, data: st.DataObject) -> None:
        release_id = data.draw(st.sampled_from(self.releases))
        with contextlib.suppress(StateError):
            self.ledger.mark_accounted(release_id, self.now())

    @rule(owner=OWNERS, limit=st.integers(1, 3), lease=st.integers(1, 50), attempts=st.booleans())
    def claim(self, owner: str, limit: int, lease: int, attempts: bool) -> None:
        now = self.now()
        claim = self.ledger.claim(owner, now, after(self.clock + lease), limit)
        if claim is not None:
            assert claim.release.state in {ReleaseState.PERMITTED, ReleaseState.ACCOUNTED}
            if attempts:
                assert self.ledger.begin_attempt(owner, claim)
            self.claims.append((owner, claim))

    @rule(data=st.data(), end=ENDS, wait=st.integers(0, 30))
    def settle(self, data: st.DataObject, end: ItemState, wait: int) -> None:
        if not self.claims:
            return
        owner, claim = data.draw(st.sampled_from(self.claims))
        due = after(self.clock + wait)
        items = claim.items[: data.draw(st.integers(1, len(claim.items)))]
        said = [
            outcome(claim.release, one.item.instance_id, end, next_attempt=due, may_have_arrived=True) for one in items
        ]
        self.ledger.settle(owner, said, self.now())
        if end is ItemState.SENT:
            states = {one.instance_id: one.state for one in self.ledger.release_items(claim.release.release_id)}
            self.sent |= {(one.release_id, one.instance_id) for one in said if states[one.instance_id] == end}

    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        release_id = data.draw(st.sampled_from(self.releases))
        with contextlib.suppress(StateError):
            self.ledger.retry_items(release_id, "me", self.now())

    @rule(seconds=st.integers(1, 100))
    def wait(self, seconds: int) -> None:
        self.clock += seconds

    @invariant()
    def it_holds_together(self) -> None:
        if not hasattr(self, "ledger"):
            return
        assert {name: count for name, count in self.ledger.counts().items() if count} == recount(self.ledger)
        with self.engine.connect() as connection:
            for what, query in NOTHING.items():
                assert connection.execute(text(query)).all() == [], what
            sent = connection.execute(text("SELECT release_id, instance_id FROM items WHERE state = 'sent'"))
            assert self.sent <= {(row.release_id, row.instance_id) for row in sent}


NOTHING = {
    "queued in a release that is not drained": """
        SELECT 1 FROM items JOIN releases USING (release_id)
        WHERE items.state = 'queued' AND releases.state NOT IN ('permitted', 'accounted')""",
    "released without a disclosure, or held back with one": """
        SELECT 1 FROM items WHERE (disclosure_id IS NULL) <> (state IN ('excluded', 'quarantined'))""",
    "a disclosure that counts other than its instances": """
        SELECT 1 FROM disclosures WHERE instances <>
        (SELECT count(*) FROM items WHERE items.disclosure_id = disclosures.disclosure_id)""",
    "sent before it was disclosed": """
        SELECT 1 FROM items JOIN disclosures USING (disclosure_id)
        WHERE items.state = 'sent' AND changed < disclosed""",
    "a lease on what is not queued": """
        SELECT 1 FROM items WHERE lease_owner <> '' AND state <> 'queued'""",
    "instances that wait and are not counted": """
        SELECT 1 FROM studies WHERE waiting <>
        (SELECT count(*) FROM instances WHERE instances.study_id = studies.study_id AND batch = 0)""",
    "accounted for with nothing in the outbox": """
        SELECT 1 FROM releases WHERE state = 'accounted' AND NOT EXISTS
        (SELECT 1 FROM items WHERE items.release_id = releases.release_id AND items.state = 'queued')""",
}

TestHistories = Histories.TestCase
# Not shrunk: each step writes to a disk, so that it would take minutes.
TestHistories.settings = settings(
    max_examples=30, stateful_step_count=40, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
