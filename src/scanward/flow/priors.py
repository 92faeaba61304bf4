"""Fetches the earlier studies that agreements ask for along with each study.

The ledger knows for which studies that is to be done, and this does one try of one of them. What fails is tried again
with growing waits, a limited number of times, and then shows as given up in the study's history, in the counts and in
the log. A prior that was cut off is asked for again until all of it is here.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from scanward.errors import NetworkError, ScanwardError, StoreError
from scanward.flow.outbox import Retries
from scanward.flow.routing import release_id_of
from scanward.model.agreement import Recipient
from scanward.model.prior import PriorSearch
from scanward.ports.ledger import Ledger, Registry
from scanward.ports.network import Archive, FoundStudy
from scanward.ports.stores import Sealing

LOG = logging.getLogger("scanward.priors")

HELD = timedelta(minutes=40)
"""So long a search is left to the work that does it, from each study on: longer than an archive may be silent."""

STRAGGLERS = timedelta(minutes=1)
"""What the archive sends so shortly after it was asked, it was asked for: clocks differ."""


class PriorFetcher:
    """Has the archive send priors; they arrive as studies and are decided on as any, for who asked for them.

    Parameters
    ----------
    ledger, registry, sealing
        The stores.
    archive
        Finds and sends them.
    peer
        Name that the settings give the archive as a sender; empty where they have none.
    retries
        How often and when it is tried again.
    clock
        Tells the time, aware UTC.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        registry: Registry,
        sealing: Sealing,
        archive: Archive,
        peer: str,
        retries: Retries,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._registry = registry
        self._sealing = sealing
        self._archive = archive
        self._peer = peer
        self._retries = retries
        self._clock = clock

    def fetch(self, key: str) -> None:
        """Try once what `key` names: study id, number of tries before, and number of this piece of work.

        What the archive does not do is noted, to be tried again. Raises `StoreError` where that cannot be noted: then
        the same work is done again.
        """
        study_id, attempts, runner = key.split(":")
        search = self._ledger.begin_search(study_id, int(attempts), int(runner), self._clock() + HELD)
        if search is None:
            return  # it is over, or others do it
        try:
            problems = self._look(search, int(runner))
        except StoreError:
            raise
        except ScanwardError as error:
            problems = [_words(error)]
        if problems is None:
            return
        now = self._clock()
        if not problems:
            self._ledger.end_search(search, int(runner), now)
            return
        tries = search.attempts + 1
        next_attempt = self._retries.next_attempt(now, tries) if tries < self._retries.attempts else None
        LOG.warning(
            "priors of a study were not fetched (try %d%s): %s",
            tries, "" if next_attempt else ", given up", problems[0],
        )  # fmt: skip
        self._ledger.fail_search(search, int(runner), "; ".join(dict.fromkeys(problems)), next_attempt, now)

    def _look(self, search: PriorSearch, runner: int) -> Sequence[str] | None:
        """Return what went wrong, in words; None where others do the search now."""
        asking = self._asking(search.recipients)
        study = self._ledger.get_study(search.study_id)
        if not asking or not study.patient.patient_id or not study.study_date:
            return ()  # nothing tells which studies are this patient's, or which are earlier
        limit = max(number for _, number in asking.values())
        found = self._archive.find_priors(study.patient.patient_id, study.patient.issuer, study.study_date, limit)
        problems = []
        for rank, prior in enumerate(found):
            held = self._ledger.begin_search(search.study_id, search.attempts, runner, self._clock() + HELD)
            if held is None:
                return None
            wanted_by = [recipient for recipient, number in asking.values() if rank < number]
            prior_id = self._sealing.blind("study", prior.study_uid)
            problem = self._bring(prior, prior_id, wanted_by)
            if problem:
                problems.append(problem)
            self._offer(prior_id, wanted_by)
        return problems

    def _asking(self, recipient_ids: Sequence[str]) -> Mapping[str, tuple[Recipient, int]]:
        """Return those in force that ask for priors, and for how many."""
        asking = {}
        for recipient_id in recipient_ids:
            recipient = self._registry.find_recipient(recipient_id)
            if recipient is not None and recipient.agreement is not None and recipient.agreement.priors:
                asking[recipient_id] = recipient, recipient.agreement.priors
        return asking

    def _bring(self, prior: FoundStudy, prior_id: str, wanted_by: Sequence[Recipient]) -> str:
        """Have the whole of a prior here; return what went wrong, empty where nothing did."""
        now = self._clock()
        recipients = [one.recipient_id for one in wanted_by]
        if not self._ledger.request_prior(prior_id, recipients, self._peer, now + HELD, now):
            return ""
        expected: int | None = None
        problem = "the archive says that it sent the whole study, and not all of it is here"
        try:
            expected = max(prior.instances, self._archive.fetch(prior.study_uid))
        except NetworkError as error:
            problem = _words(error)
        now = self._clock()
        return "" if self._ledger.settle_prior(prior_id, expected, now + STRAGGLERS, now) else problem

    def _offer(self, prior_id: str, wanted_by: Sequence[Recipient]) -> None:
        """Open releases of what is here already for those who ask for it; what is not routed yet comes to them so."""
        for batch in self._ledger.batches_of(prior_id):
            for recipient in wanted_by:
                release_id = release_id_of(self._sealing, batch, recipient)
                self._ledger.open_release(batch, recipient.recipient_id, recipient.purpose, release_id, self._clock())


def _words(error: ScanwardError) -> str:
    return str(error).rstrip(".")
