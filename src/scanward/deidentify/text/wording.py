"""A text with its words and numbers, found once, so that patterns start only where one of theirs stands."""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

_WORD = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"\d+")


class Wording:
    """A text, its runs of letters and its runs of digits.

    Parameters
    ----------
    text
        The text.
    """

    __slots__ = ("_starts", "digits", "longest", "numbers", "present", "text", "words")

    def __init__(self, text: str) -> None:
        self.text = text
        lowered = text.lower()
        if len(lowered) == len(text):
            self.words = [(match.start(), match[0]) for match in _WORD.finditer(lowered)]
        else:
            self.words = [(match.start(), match[0].lower()) for match in _WORD.finditer(text)]
        """Where each word starts, and what it is in lower case."""
        self._starts: dict[str, list[int]] = {}
        for start, word in self.words:
            self._starts.setdefault(word, []).append(start)
        self.present = frozenset(self._starts)
        """The words, each once."""
        self.numbers = [match.span() for match in _NUMBER.finditer(text)]
        """Where each run of digits starts and ends."""
        self.digits = sum(end - start for start, end in self.numbers)
        """How many digits there are."""
        self.longest = max((end - start for start, end in self.numbers), default=0)
        """How many digits the longest number has."""

    def has(self, triggers: AbstractSet[str]) -> bool:
        """Say whether any of `triggers` is a word of the text."""
        return not self.present.isdisjoint(triggers)

    def starts(self, triggers: AbstractSet[str]) -> list[int]:
        """Return where any of the words `triggers` starts, in order."""
        found = [start for word in self.present & triggers for start in self._starts[word]]
        found.sort()
        return found

    def matches(self, pattern: re.Pattern[str], triggers: AbstractSet[str]) -> Iterator[re.Match[str]]:
        """Yield the matches of `pattern` that start at one of the words `triggers`."""
        for start in self.starts(triggers):
            match = pattern.match(self.text, start)
            if match is not None:
                yield match

    def matches_at_numbers(
        self, pattern: re.Pattern[str], *, shortest: int = 1, longest: int = 1 << 30, lead: str = ""
    ) -> Iterator[re.Match[str]]:
        """Yield the matches of `pattern` that start at a run of digits, or at a character of `lead` before one.

        Parameters
        ----------
        pattern
            What is looked for; matches do not overlap.
        shortest, longest
            How many digits the run has.
        lead
            Characters of which one or two may come before the digits.
        """
        text, after = self.text, 0
        for start, end in self.numbers:
            if start < after or not shortest <= end - start <= longest:
                continue
            first = start
            while lead and first > 0 and start - first < 3 and text[first - 1] in lead:
                first -= 1
            for at in range(first, start + 1):
                match = pattern.match(text, at)
                if match is not None:
                    after = match.end()
                    yield match
                    break
