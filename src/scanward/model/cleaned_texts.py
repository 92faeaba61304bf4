"""What `scanward text` did to each document; kept by the sender, as it says which output came of which input."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class TextOutcome(StrEnum):
    """Where a document ended; each has exactly one."""

    RELEASED = "released"
    HELD = "held"


@dataclass(frozen=True, kw_only=True, slots=True)
class CleanedText:
    """What became of one document.

    Attributes
    ----------
    source
        Its path, which may name a patient; ``-`` for the standard input.
    outcome
        Where it ended.
    output
        Name of what was written; empty where nothing was.
    kind
        How it is written, in words; empty where nobody could tell.
    replaced
        How many identifiers were replaced, by kind in words.
    removed
        What was left out besides, in words.
    reason, remedy
        Why it was not released, and what a person can do about it.
    """

    source: str
    outcome: TextOutcome
    output: str = ""
    kind: str = ""
    replaced: Mapping[str, int] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    reason: str = ""
    remedy: str = ""

    def __repr__(self) -> str:
        """Show no name."""
        return f"CleanedText({self.outcome.value})"


@dataclass(kw_only=True)
class TextReport:
    """What a run did.

    Attributes
    ----------
    version
        Of Scanward.
    profile
        Name of the profile.
    text
        What was done about identifiers in text, in words.
    dates
        What was done about dates: moved, removed or kept.
    recipient
        For whom; surrogates and names of outputs are one set for each.
    looked_by
        What recognised identifiers besides what is known and the rules; empty where nothing did.
    started, finished
        ISO 8601, UTC.
    files
        Each document, in the order in which it was named.
    """

    version: str
    profile: str
    text: str
    dates: str
    recipient: str
    started: str
    finished: str = ""
    looked_by: str = ""
    files: list[CleanedText] = field(default_factory=list)

    @property
    def outcomes(self) -> dict[TextOutcome, int]:
        """How many documents ended where."""
        counts = Counter(one.outcome for one in self.files)
        return {outcome: counts[outcome] for outcome in TextOutcome}

    @property
    def replaced(self) -> Counter[str]:
        """How many identifiers were replaced in what was released, by kind."""
        total: Counter[str] = Counter()
        for one in self.files:
            total.update(one.replaced)
        return total
