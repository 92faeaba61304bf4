"""A text with its words, found once, so that patterns start only where a word of theirs stands."""

import re
from collections.abc import Iterator, Set

_WORD = re.compile(r"[^\W\d_]+")


class Wording:
    """A text and its runs of letters.

    Parameters
    ----------
    text
        The text.
    """

    __slots__ = ("digits", "present", "text", "words")

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = [(match.start(), match[0].lower()) for match in _WORD.finditer(text)]
        """Where each word starts, and what it is in lower case."""
        self.present = frozenset(word for _, word in self.words)
        """The words, each once."""
        self.digits = sum(map(text.count, "0123456789"))
        """How many decimal digits of ASCII there are."""

    def has(self, triggers: Set[str]) -> bool:
        """Say whether any of `triggers` is a word of the text."""
        return not self.present.isdisjoint(triggers)

    def matches(self, pattern: re.Pattern[str], triggers: Set[str]) -> Iterator[re.Match[str]]:
        """Yield the matches of `pattern` that start at one of the words `triggers`."""
        if self.present.isdisjoint(triggers):
            return
        for start, word in self.words:
            if word in triggers:
                match = pattern.match(self.text, start)
                if match is not None:
                    yield match
