"""A text that people wrote, folded, with its words and with how they stood: in capitals, beside what, in which line."""

import re
from array import array
from enum import IntEnum
from functools import cached_property

from scanward.deidentify.text.folding import fold_map

_TOKEN = re.compile(r"[a-z0-9\x80-\xff]+")
_NEAR = re.compile(r"[\s\0^,._'&=/\\()\[\]|-]{0,3}")
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
        word = self.original(index)
        if word.islower() or not word[:1].isalpha():
            return Capitals.NONE if word.islower() or word.isdigit() else Capitals.FIRST
        if not word.isupper():
            return Capitals.FIRST if word[:1].isupper() or not word.isascii() else Capitals.NONE
        if not word.lower().isupper() and word.lower() == word.upper():
            return Capitals.FIRST
        start, end = self.starts[index], self.end(index)
        around = self.between(max(0, start - _SHOUTED_AROUND), start) + self.between(
            end, min(len(self.flat), end + _SHOUTED_AROUND)
        )
        if any(map(str.islower, around)):
            return Capitals.FIRST
        return Capitals.ALL
