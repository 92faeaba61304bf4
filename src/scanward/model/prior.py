"""Earlier studies of a patient that go along with a study: what is looked for, and how far that is."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class SearchState(StrEnum):
    """How far looking for the priors of a study is."""

    WAITING = "waiting"
    """Due sooner or later, or under way."""
    DONE = "done"
    """All that was asked for is here, and with who asked."""
    FAILED = "failed"
    """Given up after too many tries; what came of it is used all the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PriorSearch:
    """Looking for the priors of a study; once for all recipients that ask for them.

    Attributes
    ----------
    study_id
        The study that they are priors of.
    attempts
        How many tries failed.
    recipients
        Ids of those who ask.
    """

    study_id: str
    attempts: int
    recipients: Sequence[str]
