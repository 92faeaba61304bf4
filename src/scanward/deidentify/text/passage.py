"""A text that people wrote, folded, with its words and with how they stood: in capitals, beside what, in which line."""

import re
from array import array
from enum import IntEnum
from functools import cached_property

from scanward.deidentify.text.folding import fold_map

_TOKEN = re.compile(r"[a-z0-9\x80-\xff]+")
_NEAR = re.compile(r"[\s\0^,._'&=/\\()\[\]|-]{0,3}")
_WORD = re.compile(r"[^\W\d_]{2,}")
_SHOUTED_AROUND = 60


class Capitals(IntEnum):
    """How a word is written."""

    NONE = 0
    ALL = 1
    """In capitals."""
    FIRST = 2
    """With a capital in front, or several among small letters."""


class Passage:
    """A text, ready to be searched word by word.

    Parameters
    ----------
    text
        The text.

    Attributes
    ----------
    text, folded, origin
        The text, its folded bytes, and for each of these the index of its character (None where it is the same).
    flat
        The folded bytes as one character each, so that offsets in it are offsets in bytes.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.folded, self.origin = fold_map(text)
        self.flat = self.folded.decode("latin-1")

    folded: bytes
    origin: "array[int] | None"

    @cached_property
    def words(self) -> list[str]:
        """The runs of letters and digits of `flat`."""
        return _TOKEN.findall(self.flat)

    @cached_property
    def starts(self) -> list[int]:
        """Where each word starts."""
        return [match.start() for match in _TOKEN.finditer(self.flat)]

    def end(self, index: int) -> int:
        """Return where the word `index` ends."""
        return self.starts[index] + len(self.words[index])

    def gap(self, index: int) -> str:
        """Return what stands between the word `index` and the one after it."""
        return self.flat[self.end(index) : self.starts[index + 1]]

    def are_near(self, index: int) -> bool:
        """Say whether so little stands between the word `index` and the next that they may be one name."""
        return self.starts[index + 1] - self.end(index) <= 3 and _NEAR.fullmatch(self.gap(index)) is not None

    def original(self, index: int) -> str:
        """Return the word `index` as it stood."""
        return self.between(self.starts[index], self.end(index))

    def between(self, start: int, end: int) -> str:
        """Return the text from `start` to `end` of `flat` as it stood."""
        if self.origin is None:
            return self.text[start:end]
        return self.text[self.origin[start] : self.origin[end - 1] + 1] if end > start else ""

    def capitals(self, index: int) -> Capitals:
        """Return how the word `index` is written; capitals among capitals say nothing."""
        return capitals_at(self.text, self.origin, self.starts[index], self.end(index))


def capitals_at(text: str, origin: "array[int] | None", start: int, end: int) -> Capitals:
    """Return how the word from `start` to `end` of the folded bytes of `text` is written."""
    if origin is not None:
        start, end = origin[start], origin[end - 1] + 1
    word = text[start:end]
    if word.islower() or word.isdigit():
        return Capitals.NONE
    if not word[:1].isalpha() or word.lower() == word.upper():
        # Digits among capitals, or a script without capitals.
        return Capitals.FIRST
    if not word.isupper():
        return Capitals.FIRST if word[:1].isupper() else Capitals.NONE
    line_end = text.find("\n", end, end + _SHOUTED_AROUND)
    after = _WORD.findall(text[end : line_end if line_end >= 0 else end + _SHOUTED_AROUND])[:2]
    line_start = text.rfind("\n", max(0, start - _SHOUTED_AROUND), start)
    before = _WORD.findall(text[line_start + 1 if line_start >= 0 else max(0, start - _SHOUTED_AROUND) : start])[-2:]
    if any(len(words) == 2 and all(map(str.isupper, words)) for words in (before, after)):
        return Capitals.ALL
    around = text[max(0, start - _SHOUTED_AROUND) : start] + text[end : end + _SHOUTED_AROUND]
    return Capitals.FIRST if any(map(str.islower, around)) else Capitals.ALL
