"""Numbers that are close to a known ID or phone number: cut up, misread, or with one digit wrong."""

import re
from collections.abc import Iterable, Iterator

from rapidfuzz import process
from rapidfuzz.distance import OSA

from scanward.deidentify.text.folding import fold
from scanward.deidentify.text.lookalikes import as_digits
from scanward.deidentify.text.names import PLACEHOLDERS
from scanward.deidentify.text.numbers import phone_digits
from scanward.deidentify.text.passage import Passage
from scanward.deidentify.text.variants import ID_KINDS
from scanward.model.identifier import Identifier, IdentifierKind

_PREFIX = re.compile(r"^[^\W\d_]{1,8}(?=[^0-9a-z])")
_ALNUM = re.compile(r"[^\W_]+")
_CUT = re.compile(r"[ \t\r\n\0./()+_:#,-]{1,3}")
_POINTED = re.compile(r"[.,:]")
_SHORTEST = 5
_SHORTEST_CLOSE = 6
_SHORTEST_SHIFTED = 7
_SHORTEST_PHONE = 9
_SHORTEST_POINTED = 7
_LONGEST = 24
_MOST_PIECES = 12
_MOST_REMEMBERED = 1 << 15


class NearNumbers:
    """The digits of known IDs and phone numbers, ready to tell what is close to one.

    Parameters
    ----------
    identifiers
        What is known; only IDs, phone numbers and postcodes with letters count here.
    """

    def __init__(self, identifiers: Iterable[Identifier]) -> None:
        self._known: dict[str, IdentifierKind] = {}
        self._exact: set[str] = set()
        self._close: dict[int, list[str]] = {}
        self._prefixes: set[str] = set()
        for identifier in identifiers:
            for number in _numbers(identifier):
                self._add(number, identifier.kind)
            if identifier.kind in ID_KINDS:
                self._prefixes.update(_PREFIX.findall(fold(identifier.value)))
        self._longest = max(map(len, self._known), default=0) + 1
        self._sizes = {size + more for size in map(len, self._known) for more in (-1, 0, 1)}
        self._seen: dict[tuple[str, bool], IdentifierKind | None] = {}

    def _add(self, number: str, kind: IdentifierKind) -> None:
        digits = as_digits(number)
        if not _SHORTEST <= len(number) <= _LONGEST or len(set(digits)) < 2 or not any(map(str.isdigit, number)):
            return
        self._exact.add(number)
        if digits not in self._known:
            self._known[digits] = kind
            least = _SHORTEST_PHONE if kind is IdentifierKind.PHONE else _SHORTEST_CLOSE
            if len(digits) >= least and kind is not IdentifierKind.ADDRESS:
                self._close.setdefault(len(digits), []).append(digits)

    def __bool__(self) -> bool:
        return bool(self._known)

    def find(self, passage: Passage, numeric: list[int]) -> Iterator[tuple[int, int, IdentifierKind]]:
        """Yield where numbers of the passage are close to a known one.

        Parameters
        ----------
        passage
            What is searched.
        numeric
            Its words that have digits, in order.
        """
        words, after = passage.words, -1
        for place, first in enumerate(numeric):
            if first <= after:
                continue
            hit = self._longest_from(passage, words, numeric, place)
            if hit is not None:
                last, kind = hit
                after = last
                lead = first > 0 and words[first - 1] in self._prefixes and len(passage.gap(first - 1)) <= 2
                yield passage.starts[first - 1 if lead else first], passage.end(last), kind

    def _longest_from(
        self, passage: Passage, words: list[str], numeric: list[int], place: int
    ) -> tuple[int, IdentifierKind] | None:
        joined, best, pointed = "", None, False
        last = numeric[place]
        for index in numeric[place : place + _MOST_PIECES]:
            if joined:
                if index != last + 1:
                    break
                gap = passage.gap(last)
                if not _CUT.fullmatch(gap):
                    break
                pointed = pointed or _POINTED.search(gap) is not None
            joined += words[index]
            last = index
            if len(joined) > self._longest:
                break
            if len(joined) in self._sizes and not (pointed and len(joined) < _SHORTEST_POINTED):
                kind = self._weigh(joined, close=not pointed)
                if kind is not None and not _is_part(passage, numeric[place], last):
                    best = last, kind
        return best

    def _weigh(self, joined: str, *, close: bool) -> IdentifierKind | None:
        try:
            return self._seen[joined, close]
        except KeyError:
            pass
        if len(self._seen) >= _MOST_REMEMBERED:
            self._seen.clear()
        found = self._seen[joined, close] = self._weigh_new(joined, close=close)
        return found

    def _weigh_new(self, joined: str, *, close: bool) -> IdentifierKind | None:
        digits = as_digits(joined)
        if joined in self._exact:
            return self._known[digits]
        if 2 * sum(map(str.isdigit, joined)) < len(joined):
            return None
        if digits in self._known:
            return self._known[digits]
        if not close:
            return None
        size = len(digits)
        if size < _SHORTEST_CLOSE:
            return None
        near = list(self._close.get(size, ()))
        if size >= _SHORTEST_SHIFTED:
            near += self._close.get(size - 1, ())
            near += self._close.get(size + 1, ())
        found = process.extractOne(digits, near, scorer=OSA.distance, processor=None, score_cutoff=1)
        return self._known[found[0]] if found is not None else None


def _is_part(passage: Passage, first: int, last: int) -> bool:
    """Say whether the number goes on before or after: a decimal, or a component of a UID."""
    flat, start, end = passage.flat, passage.starts[first], passage.end(last)
    if end - start >= 10:
        return False
    before = start >= 2 and flat[start - 1] == "." and flat[start - 2].isdigit()
    return before or (end + 1 < len(flat) and flat[end] == "." and flat[end + 1].isdigit())


def _numbers(identifier: Identifier) -> Iterator[str]:
    """Yield what is looked for of an identifier, folded and without separators."""
    if identifier.kind is IdentifierKind.PHONE:
        yield from (number for number in phone_digits(identifier.value) if len(number) >= _SHORTEST_PHONE)
    elif identifier.kind in ID_KINDS:
        tokens = [token for token in _ALNUM.findall(fold(identifier.value)) if token.isascii()]
        if not tokens or all(token in PLACEHOLDERS for token in tokens):
            return
        whole = "".join(tokens)
        digits = "".join(char for char in whole if char.isdigit())
        runs = [run for token in tokens for run in re.findall(r"\d+", token)]
        for number in dict.fromkeys([whole, digits, *runs, *tokens]):
            yield number
            yield number.lstrip("0")
    elif identifier.kind is IdentifierKind.ADDRESS:
        for part in re.split(r"[,^\n\r;=\\|]+", identifier.value):
            tokens = _ALNUM.findall(fold(part))
            joined = "".join(tokens)
            letters = any(map(str.isalpha, joined))
            if letters and all(any(map(str.isdigit, token)) for token in tokens):
                yield joined
