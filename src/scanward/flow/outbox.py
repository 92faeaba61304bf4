"""Drains the outbox: decides again, sends, and notes how each instance ended.

An attempt is counted before a byte leaves. So after a kill it is known which instances the recipient may have, and a
withdrawal then counts them as disclosed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from scanward.decide.necessary import find_setback
from scanward.errors import ScanwardError, StateError
from scanward.flow.decisions import Decider, series_of
from scanward.flow.outgoing import OutgoingFiles
from scanward.model.agreement import Recipient
from scanward.model.decision import Deny, Permit
from scanward.model.release import (
    Claim,
    ClaimedItem,
    Delivery,
    DeliveryReport,
    ItemOutcome,
    ItemState,
    Release,
    ReleaseState,
)
from scanward.model.study import Batch, StoredInstance
from scanward.ports.ledger import Ledger, Registry
from scanward.ports.network import Outgoing, Sender

CLAIM_ITEMS = 500
"""So many instances are sent over one association or in a row of requests."""

LEASE = timedelta(minutes=15)
"""For so long what a sender took is its own; the next one takes over afterwards."""

NO_RECIPIENT = "The recipient is not known any more."
NOT_APPROVED = "A person has to approve this first, and nobody did."


class Events(Protocol):
    """Is told what happens, for metrics; never a value of the data."""

    def delivered(self, recipient: str, state: ItemState) -> None:
        """An instance of a release came into a final state."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Retries:
    """How often and when sending is tried again: after `first`, doubled each time up to `longest`."""

    attempts: int
    first: timedelta
    longest: timedelta

    def next_attempt(self, now: datetime, attempts: int) -> datetime:
        """Return when to try again after so many attempts."""
        return now + min(self.longest, self.first * (1 << min(max(attempts - 1, 0), 30)))


class Drainer:
    """Sends what waits in the outbox; for one thread each.

    Parameters
    ----------
    owner
        Name of this sender, unique among all that drain.
    ledger, registry, outgoing
        The stores.
    decider
        Decides again before anything leaves.
    make_sender
        Opens the way out to a recipient; only the composition root has one.
    retries
        How often and when sending is tried again.
    clock
        Tells the time, aware UTC.
    events
        Is told what happens.
    """

    def __init__(
        self,
        *,
        owner: str,
        ledger: Ledger,
        registry: Registry,
        outgoing: OutgoingFiles,
        decider: Decider,
        make_sender: Callable[[Recipient], Sender],
        retries: Retries,
        clock: Callable[[], datetime],
        events: Events | None = None,
    ) -> None:
        self._owner = owner
        self._ledger = ledger
        self._registry = registry
        self._outgoing = outgoing
        self._decider = decider
        self._make_sender = make_sender
        self._retries = retries
        self._clock = clock
        self._events = events

    def drain_once(self) -> int:
        """Take what is due of one release and send it; return how many instances that was, 0 when nothing is due."""
        now = self._clock()
        claim = self._ledger.claim(self._owner, now, now + LEASE, CLAIM_ITEMS)
        if claim is None:
            return 0
        release = claim.release
        # 1. Is it still permitted?
        batch = self._ledger.instances_of(Batch(study_id=release.study_id, number=release.batch))
        decision = self._decider.decide(release, series_of(batch))
        recipient = self._registry.find_recipient(release.recipient)
        if recipient is None:
            decision = Deny(reasons=(NO_RECIPIENT,))
        if isinstance(decision, Permit) and decision.needs_approval and not release.approved_by:
            decision = Deny(reasons=(NOT_APPROVED,))
        if isinstance(decision, Deny) or recipient is None:
            self._stop(release, decision if isinstance(decision, Deny) else Deny(reasons=(NO_RECIPIENT,)))
            return len(claim.items)
        # 2. All of it, or was less agreed since?
        left = self._keep_back(claim, decision, batch)
        # 3. From here on the recipient may have it.
        if not left.items or not self._ledger.begin_attempt(self._owner, left):
            return len(claim.items)
        # 4. Send, and note how each ended.
        self._send(left, recipient)
        return len(claim.items)

    def _keep_back(self, claim: Claim, permit: Permit, batch: Sequence[StoredInstance]) -> Claim:
        """Settle what is not permitted any more though the release is; return what is left to send."""
        instances = {one.instance_id: one for one in batch}
        why_not = {one.item.instance_id: find_setback(permit, instances[one.item.instance_id]) for one in claim.items}
        kept = [
            ItemOutcome(
                release_id=one.release_id,
                instance_id=one.item.instance_id,
                state=ItemState.UNKNOWN if one.may_have_arrived else ItemState.STOPPED,
                may_have_arrived=one.may_have_arrived,
                detail=why,
                next_attempt=None,
            )
            for one in claim.items
            if (why := why_not[one.item.instance_id]) is not None
        ]
        if kept:
            self._settle(claim.release, kept)
        return replace(claim, items=tuple(one for one in claim.items if why_not[one.item.instance_id] is None))

    def _stop(self, release: Release, deny: Deny) -> None:
        try:
            self._ledger.record_decision(release.release_id, deny, ReleaseState.STOPPED, self._clock())
        except StateError:
            return  # another worker stopped it

    def _send(self, claim: Claim, recipient: Recipient) -> None:
        files: list[Outgoing] = []
        unsent = {one.item.sop_instance_uid: one for one in claim.items}
        outcomes: list[ItemOutcome] = []
        try:
            files = [self._outgoing.open(claim.release, one.item, one.source_blob) for one in claim.items]
            sender = self._make_sender(recipient)
        except ScanwardError as error:
            reports: Iterator[DeliveryReport] = iter(
                [DeliveryReport(sop_instance_uid=uid, delivery=Delivery.NOT_SENT, detail=str(error)) for uid in unsent]
            )
        else:
            reports = sender.send(files)
        try:
            for report in reports:
                item = unsent.pop(report.sop_instance_uid, None)
                if item is not None:
                    outcomes.append(self._outcome(item, report))
        finally:
            # What a sender that broke did not report may have arrived.
            for uid, item in unsent.items():
                lost = DeliveryReport(sop_instance_uid=uid, delivery=Delivery.UNKNOWN, detail="sending broke off")
                outcomes.append(self._outcome(item, lost))
            self._settle(claim.release, outcomes)

    def _settle(self, release: Release, outcomes: Sequence[ItemOutcome]) -> None:
        self._ledger.settle(self._owner, outcomes, self._clock())
        if self._events is not None:
            for one in outcomes:
                if one.state is not ItemState.QUEUED:
                    self._events.delivered(release.recipient, one.state)

    def _outcome(self, item: ClaimedItem, report: DeliveryReport) -> ItemOutcome:
        attempts = item.attempts + 1
        may_have_arrived = item.may_have_arrived or report.delivery is Delivery.UNKNOWN
        state = _FINAL[report.delivery]
        if state is ItemState.FAILED and may_have_arrived:
            state = ItemState.UNKNOWN
        is_last = attempts >= self._retries.attempts or report.delivery in {Delivery.CONFIRMED, Delivery.REFUSED}
        return ItemOutcome(
            release_id=item.release_id,
            instance_id=item.item.instance_id,
            state=state if is_last else ItemState.QUEUED,
            may_have_arrived=may_have_arrived,
            detail=report.detail,
            next_attempt=None if is_last else self._retries.next_attempt(self._clock(), attempts),
        )


_FINAL: Mapping[Delivery, ItemState] = {
    Delivery.CONFIRMED: ItemState.SENT,
    Delivery.REFUSED: ItemState.FAILED,
    Delivery.NOT_SENT: ItemState.FAILED,
    Delivery.UNKNOWN: ItemState.UNKNOWN,
}
"""What an instance is once it is not tried again."""
