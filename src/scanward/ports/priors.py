"""What the ledger knows of priors: for which studies they are looked for, and which of them are whole."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from scanward.model.prior import PriorSearch
from scanward.model.study import Batch


class Priors(Protocol):
    """A section of the ledger, see :class:`scanward.ports.ledger.Ledger`.

    A study that came only because it was asked for as a prior goes to those who asked for it. One of which anything
    came otherwise is a study like any other: it goes to every recipient, and has priors of its own.
    """

    def seek_priors(self, study_id: str, recipients: Sequence[str], at: datetime) -> None:
        """Note that the priors of a study are to be looked for, for these recipients.

        What was given up is looked for again, and what was done where one of the recipients is new.
        """
        ...

    def queue_searches(self, now: datetime, again: datetime, limit: int) -> Sequence[PriorSearch]:
        """Return searches that are due at `now`, each to one caller only, for it to queue; due again at `again`."""
        ...

    def begin_search(self, study_id: str, attempts: int, runner: int, until: datetime) -> PriorSearch | None:
        """Note that the piece of work `runner` does a search, and will not be due again before `until`.

        None, and nothing noted, where the search is over, was tried meanwhile, or is done by another piece of work.
        The same one may begin again.
        """
        ...

    def end_search(self, search: PriorSearch, runner: int, at: datetime) -> None:
        """Note that a search is done, but for recipients that came meanwhile; nothing where it is another's now."""
        ...

    def fail_search(
        self, search: PriorSearch, runner: int, problem: str, next_attempt: datetime | None, at: datetime
    ) -> None:
        """Note that a try failed and when the next one is due; None gives up. Nothing where it is another's now."""
        ...

    def request_prior(self, study_id: str, recipients: Sequence[str], peer: str, until: datetime, at: datetime) -> bool:
        """Note that a study is a prior for these recipients; return whether it has to be fetched.

        Not where it came by itself, or was fetched whole. Otherwise what `peer` sends of it up to `until` counts as
        fetched, even where the peer does not say so.
        """
        ...

    def settle_prior(self, study_id: str, expected: int | None, until: datetime, at: datetime) -> bool:
        """Note that fetching ended; return whether the study is whole: at least `expected` instances (or 1) are here.

        None: not all was sent. What arrives after `until` was not fetched.
        """
        ...

    def find_prior_requests(self, study_id: str) -> frozenset[str]:
        """Return the recipients for whom a study was fetched as a prior; empty where it came by itself, too."""
        ...

    def batches_of(self, study_id: str) -> Sequence[Batch]:
        """Return the batches of a study in their order; none of one that is not known."""
        ...
