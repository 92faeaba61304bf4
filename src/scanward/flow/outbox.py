"""Drains the outbox: decides again, sends, and notes how each instance ended.

What was de-identified otherwise than it would be now is not sent: it waits until it was prepared again.
An attempt is counted before a byte leaves. So after a kill it is known which instances the recipient may have, and a
withdrawal then counts them as disclosed.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from scanward.errors import ScanwardError
from scanward.flow.decisions import Decider, Standing, stand_or_stop
from scanward.flow.outgoing import OutgoingFiles
from scanward.model.agreement import PackageEndpoint, Recipient
from scanward.model.decision import Permit
from scanward.model.release import (
    Claim,
    ClaimedItem,
    Consignment,
    Delivery,
    DeliveryReport,
    ItemOutcome,
    ItemState,
    Release,
)
from scanward.model.study import Batch
from scanward.ports.ledger import Ledger
from scanward.ports.network import Outgoing, Sender

CLAIM_ITEMS = 500
"""So many instances are sent over one association or in a row of requests."""

LEASE = timedelta(minutes=15)
"""For so long what a sender took is its own; the next one takes over afterwards."""

PUT_OFF = timedelta(minutes=1)
"""For so long what has to be prepared again waits, unless that is done before."""

OUTDATED = "waits to be de-identified again, as the profile or what is needed has changed"


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
    ledger, outgoing
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
        outgoing: OutgoingFiles,
        decider: Decider,
        make_sender: Callable[[Recipient, Consignment], Sender],
        retries: Retries,
        clock: Callable[[], datetime],
        events: Events | None = None,
    ) -> None:
        self._owner = owner
        self._ledger = ledger
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
        standing = stand_or_stop(self._decider, self._ledger, release, batch, self._clock)
        if standing is None or standing.recipient is None or not isinstance(standing.decision, Permit):
            return len(claim.items)
        # 2. All of it, or was less agreed since? And is it in the form that is agreed now?
        left = self._put_off(self._keep_back(claim, standing), standing)
        # 3. From here on the recipient may have it.
        sent = _into_package(left, standing.recipient)
        if not sent.items or not self._ledger.begin_attempt(self._owner, sent):
            return len(claim.items)
        # 4. Send, and note how each ended.
        consignment = _consign(sent, standing.decision, is_repeated=bool(claim.package))
        self._send(sent, standing.recipient, consignment)
        return len(claim.items)

    def _keep_back(self, claim: Claim, standing: Standing) -> Claim:
        """Settle what is not permitted any more though the release is; return what is left to send."""
        why_not = {one.item.instance_id: standing.find_setback(one.item) for one in claim.items}
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

    def _put_off(self, claim: Claim, standing: Standing) -> Claim:
        """Have prepared again what was prepared under another profile; return what is left to send."""
        outdated = {one.item.instance_id for one in claim.items if standing.is_outdated(one.item)}
        if not outdated:
            return claim
        now = self._clock()
        self._ledger.note_outdated(claim.release.release_id, now)
        # Of a package all waits: what is sent of it takes the place of the rest.
        waiting = [one for one in claim.items if claim.package or one.item.instance_id in outdated]
        outcomes = [
            ItemOutcome(
                release_id=one.release_id,
                instance_id=one.item.instance_id,
                state=ItemState.QUEUED,
                may_have_arrived=one.may_have_arrived,
                detail=OUTDATED,
                next_attempt=now + PUT_OFF,
            )
            for one in waiting
        ]
        self._settle(claim.release, outcomes)
        return replace(claim, items=tuple(one for one in claim.items if one not in waiting))

    def _send(self, claim: Claim, recipient: Recipient, consignment: Consignment) -> None:
        files: list[Outgoing] = []
        unsent = {one.item.sop_instance_uid: one for one in claim.items}
        outcomes: list[ItemOutcome] = []
        try:
            files = [self._outgoing.open(claim.release, one.item, one.source_blob) for one in claim.items]
            sender = self._make_sender(recipient, consignment)
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


def _into_package(claim: Claim, recipient: Recipient) -> Claim:
    """Return `claim` with the name of the package that it goes into, where its recipient gets packages."""
    if claim.package or not isinstance(recipient.endpoint, PackageEndpoint):
        return claim
    uids = sorted(one.item.sop_instance_uid for one in claim.items)
    return replace(claim, package=hashlib.sha256("\n".join(uids).encode()).hexdigest()[:32])


def _consign(claim: Claim, permit: Permit, *, is_repeated: bool) -> Consignment:
    """Return what a package of `claim` says: an agreement that came to be stricter counts too."""
    days = [one.delete_by for one in claim.items if one.delete_by is not None]
    if permit.delete_by is not None:
        days.append(permit.delete_by)
    return Consignment(package=claim.package, is_repeated=is_repeated, delete_by=min(days))


_FINAL: Mapping[Delivery, ItemState] = {
    Delivery.CONFIRMED: ItemState.SENT,
    Delivery.REFUSED: ItemState.FAILED,
    Delivery.NOT_SENT: ItemState.FAILED,
    Delivery.UNKNOWN: ItemState.UNKNOWN,
}
"""What an instance is once it is not tried again."""
