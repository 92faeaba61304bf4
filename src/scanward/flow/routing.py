"""From a complete study to its releases: opened for each recipient, decided, and put to work.

`Router.sweep` looks for whatever is due and does it, one small durable move after the other, so that a kill at any
point leaves work that the next sweep finds: recovery is the same code.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from scanward.errors import StateError, StoreError
from scanward.flow.decisions import Decider, series_of
from scanward.model.agreement import Recipient
from scanward.model.decision import Deny
from scanward.model.release import Release, ReleaseState
from scanward.model.study import Batch, Completion
from scanward.ports.ledger import Ledger, Registry
from scanward.ports.stores import Sealing
from scanward.ports.work import WorkQueue

AT_ONCE = 100
"""So many things of a kind are looked at in one sweep."""

RENEW_AGAIN = timedelta(minutes=1)
"""What was to be prepared again and still is after so long is queued again."""

UNHEARD = timedelta(seconds=10)
"""A permitted release that is not prepared after so long may not be queued: its worker was killed before it could."""

FORGOTTEN = timedelta(minutes=10)
"""A permitted release of which nothing was heard for so long is queued again."""

PREPARE = "prepare"
"""Kind of work: part a release into units; its key is the release's id."""

RENEW = "renew"
"""Kind of work: prepare again what of a release was prepared under another profile; its key names the release."""

PRIORS = "priors"
"""Kind of work: fetch earlier studies; its key names the study, how often that was tried, and this piece of work."""


class Router:
    """Routes complete studies.

    Parameters
    ----------
    ledger, registry, sealing
        The stores.
    decider
        Decides.
    queue
        Takes the work of preparing releases and fetching priors.
    has_archive
        Whether there is an archive to fetch earlier studies from.
    quiet_seconds
        A study to which nothing came for so long is complete.
    clock
        Tells the time, aware UTC.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        registry: Registry,
        sealing: Sealing,
        decider: Decider,
        queue: WorkQueue,
        has_archive: bool,
        quiet_seconds: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._registry = registry
        self._sealing = sealing
        self._decider = decider
        self._queue = queue
        self._has_archive = has_archive
        self._quiet = timedelta(seconds=quiet_seconds)
        self._clock = clock
        self._submitted: set[str] = set()
        """Permitted releases that this process queued."""
        self._left: set[str] = set()
        """Permitted releases that it could not queue."""
        self._renewed: set[str] = set()
        """Work of preparing again that this process queued."""

    def sweep(self) -> int:
        """Do what is due; return how many things were done, 0 when there is nothing left to do now."""
        done = self._close_quiet() + self._route() + self._decide() + self._seek_priors()
        self._remember()
        self._renew()
        return done

    def _close_quiet(self) -> int:
        now = self._clock()
        quiet = self._ledger.find_quiet(now - self._quiet, AT_ONCE)
        for study_id in quiet:
            self._ledger.close_study(study_id, Completion.QUIET, now)
        return len(quiet)

    def _route(self) -> int:
        batches = self._ledger.find_unrouted(AT_ONCE)
        recipients = self._registry.recipients() if batches else ()
        for batch in batches:
            as_prior = self._open_releases(batch, recipients)
            self._ledger.mark_routed(batch, self._clock(), as_prior=as_prior)
        return len(batches)

    def _open_releases(self, batch: Batch, recipients: Sequence[Recipient]) -> bool:
        """Open what goes to whom; return whether that is only those who asked for a prior."""
        # A study that came only because it was fetched as a prior goes to those who asked for it, and asks for none of
        # its own.
        wanted_by = self._ledger.find_prior_requests(batch.study_id)
        for recipient in recipients:
            if wanted_by and recipient.recipient_id not in wanted_by:
                continue
            self._ledger.open_release(
                batch,
                recipient.recipient_id,
                recipient.purpose,
                release_id_of(self._sealing, batch, recipient),
                self._clock(),
            )
        asking = [one.recipient_id for one in recipients if one.agreement is not None and one.agreement.priors]
        if asking and not wanted_by and self._has_archive:
            self._ledger.seek_priors(batch.study_id, asking, self._clock())
        return bool(wanted_by)

    def _decide(self) -> int:
        releases = self._ledger.find_releases(ReleaseState.OPEN, AT_ONCE)
        return sum(self.decide(release) is not ReleaseState.OPEN for release in releases)

    def decide(self, release: Release) -> ReleaseState:
        """Decide on an open release, record that, and queue what was permitted; return its state then."""
        instances = self._ledger.instances_of(Batch(study_id=release.study_id, number=release.batch))
        decision, grounds = self._decider.decide_to_record(release, series_of(instances))
        if isinstance(decision, Deny):
            state = ReleaseState.DENIED
        elif decision.needs_approval and not release.approved_by:
            state = ReleaseState.AWAITING_APPROVAL
        else:
            state = ReleaseState.PERMITTED
        try:
            self._ledger.record_decision(release.release_id, decision, state, self._clock(), grounds=grounds)
        except StateError:
            # Another worker was quicker; or consent or agreement changed meanwhile, and it is decided on again.
            return self._ledger.get_release(release.release_id).state
        if state is ReleaseState.PERMITTED:
            try:
                self._submit(release.release_id)
            except StoreError:
                self._left.add(release.release_id)  # it is on record as permitted, and other work goes on
        return state

    def _submit(self, release_id: str) -> None:
        self._queue.submit(PREPARE, release_id)
        self._submitted.add(release_id)
        self._left.discard(release_id)

    def _seek_priors(self) -> int:
        """Queue looking for priors where that is due; queued again after a while, should that work be lost."""
        if not self._has_archive:
            return 0
        now = self._clock()
        due = self._ledger.queue_searches(now, now + FORGOTTEN, AT_ONCE)
        for search in due:
            # Named by the time, as work that was lost keeps its name.
            number = round(now.timestamp() * 1e6)
            self._queue.submit(PRIORS, f"{search.study_id}:{search.attempts}:{number}")
        return len(due)

    def recover(self) -> None:
        """Queue what was permitted when the process was killed before it could; done at start."""
        for release in self._ledger.find_releases(ReleaseState.PERMITTED, AT_ONCE):
            self._submit(release.release_id)

    def _remember(self) -> None:
        """Queue permitted releases that may not be queued: that failed, or another worker was killed before it."""
        now = self._clock()
        permitted = self._ledger.find_releases(ReleaseState.PERMITTED, AT_ONCE)
        waiting = {release.release_id: release.changed for release in permitted}
        self._submitted &= waiting.keys()
        self._left &= waiting.keys()
        for release_id, changed in waiting.items():
            is_old = changed < now - UNHEARD and release_id not in self._submitted
            if is_old or release_id in self._left:
                self._submit(release_id)  # what another worker has queued is not queued twice
        for release in permitted:
            if release.changed < now - FORGOTTEN:
                # Named by the time, as work that failed for good keeps its name.
                number = int(now.timestamp() // FORGOTTEN.total_seconds())
                self._queue.submit(PREPARE, f"{release.release_id}:{number}")

    def _renew(self) -> None:
        """Queue what has to be prepared again before it leaves."""
        number = int(self._clock().timestamp() // RENEW_AGAIN.total_seconds())
        keys = {f"{release_id}:{number}" for release_id in self._ledger.find_outdated(AT_ONCE)}
        for key in keys - self._renewed:
            self._queue.submit(RENEW, key)
            self._renewed.add(key)
        self._renewed &= keys


def release_id_of(sealing: Sealing, batch: Batch, recipient: Recipient) -> str:
    """Return the id of a release, the same for the same study, batch, recipient and purpose."""
    return sealing.blind("release", f"{batch.study_id}|{batch.number}|{recipient.recipient_id}|{recipient.purpose}")
