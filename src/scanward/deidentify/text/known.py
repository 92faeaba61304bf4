"""Finds the identifiers that are known of a patient or study, wherever and however they are written."""

import re
from array import array
from collections.abc import Iterable, Iterator
from itertools import count, pairwise
from typing import TYPE_CHECKING, NamedTuple

from scanward.deidentify.text import names, variants
from scanward.deidentify.text.everyday import is_everyday
from scanward.deidentify.text.folding import fold_char, fold_map
from scanward.deidentify.text.machine import Machine
from scanward.deidentify.text.notation import SearchContext, WeakWord
from scanward.deidentify.text.passage import Capitals, capitals_at
from scanward.model.identifier import Identifier, IdentifierKind

if TYPE_CHECKING:
    from scanward.deidentify.text.closely import CloseMatcher

__all__ = ["KnownIdentifiers", "SearchContext", "Span"]


class Span(NamedTuple):
    """Where an identifier is: in text as indices of characters, in bytes as offsets."""

    start: int
    end: int
    kind: IdentifierKind


class _Folded(NamedTuple):
    """A text, its folded bytes and for each the index of its character."""

    text: str
    folded: bytes
    origin: "array[int] | None"

    def capitals(self, start: int, end: int) -> Capitals:
        """Return how a word is written."""
        return capitals_at(self.text, self.origin, start, end)


_TOKEN = re.compile(rb"[a-z\x80-\xff]+")
_NEAR = re.compile(rb"[\s\0^,._'&=/\\()-]{0,3}")
_CUE = re.compile(
    rb"(?:^|[^a-z])(?:(?:mr|mrs|ms|miss|dr|prof|professor|doctor|herr|herrn|frau|mme|mlle|sr|sra|dra|dott|"
    rb"referred by|performed by|requested by|reported by|read by)[\s\0.:#=_^-]{1,4}|"
    rb"(?:patient|patientin|paciente|paziente|pt|pat|name|nombre|nom|nome|surname|mother|father|wife|husband|"
    rb"daughter|ref|tech|technologist|operator|physician|radiologist|attn|attending)"
    rb"(?:(?P<bare>[ ])|[\s\0.:#=_^-]{1,4}))$"
)
_ARTICLES = b"aeiouy"
_LONGEST_CUE = 32
_FEWEST_LETTERS = 4


class KnownIdentifiers:
    """The identifiers of a patient, study or instance, ready to be searched for; does not change once built.

    Parameters
    ----------
    identifiers
        What is known. Placeholders, ordinary words and what is too short to tell anything are not searched for.
    """

    __slots__ = ("_close", "_identifiers", "_machine", "_numbers", "_weak", "memo")

    def __init__(self, identifiers: Iterable[Identifier] = ()) -> None:
        self._identifiers = tuple(sorted(set(identifiers)))
        self._machine: Machine | None = None
        self._numbers: frozenset[str] | None = None
        self._weak: dict[bytes, list[WeakWord]] | None = None
        self._close: CloseMatcher | None = None
        self.memo: dict[object, object] = {}
        """What others worked out of these identifiers; bounded by who fills it, no part of equality or pickles."""

    @property
    def identifiers(self) -> tuple[Identifier, ...]:
        """What is known, sorted."""
        return self._identifiers

    def without(self, *kinds: IdentifierKind) -> "KnownIdentifiers":
        """Return these identifiers but those of `kinds`."""
        return KnownIdentifiers(item for item in self._identifiers if item.kind not in kinds)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KnownIdentifiers) and self._identifiers == other._identifiers

    def __hash__(self) -> int:
        return hash(self._identifiers)

    def __len__(self) -> int:
        return len(self._identifiers)

    def __repr__(self) -> str:
        """Tell the number only, so that no traceback or log shows a value."""
        return f"KnownIdentifiers(<{len(self._identifiers)} identifiers>)"

    def __reduce__(self) -> tuple[type["KnownIdentifiers"], tuple[tuple[Identifier, ...]]]:
        return KnownIdentifiers, (self._identifiers,)

    def find_in_bytes(self, data: bytes, context: SearchContext) -> list[Span]:
        """Return where identifiers are in `data`, merged and in order.

        Parameters
        ----------
        data
            Any bytes: text in every character set of DICOM and in UTF-16, base64, hexadecimal digits or escapes.
        context
            What they are; decides how short a notation is looked for.
        """
        return _merged(Span(*hit) for hit in self._searcher().find(data, context))

    def contains(self, data: bytes, context: SearchContext) -> bool:
        """Say whether any identifier is in `data`, as soon as one is found."""
        return next(self._searcher().find(data, context), None) is not None

    def find_in_text(self, text: str) -> list[Span]:
        """Return where identifiers are in `text`, merged and in order.

        Case, accents, width and kana do not matter. A word of a name that is an ordinary or very short word counts
        only beside another word of that name, or after a word such as ``Mr``.
        """
        if not self._identifiers or not text:
            return []
        folded, origin = fold_map(text)
        hits = [Span(*hit) for hit in self._searcher().find(folded, SearchContext.TEXT)]
        hits = [_widened(folded, hit) for hit in hits]
        weak = self._weak_words()
        if weak:
            hits += _find_weak(_Folded(text, folded, origin), weak, hits)
        if not hits:
            return []
        return _merged(_unfolded(text, origin, hit) for hit in hits)

    def find_closely(self, text: str) -> list[Span]:
        """Return where identifiers or what is close to one are in `text` that people wrote, merged and in order.

        All that :meth:`find_in_text` finds; and with a typo or two, misread by a scanner, misheard, shortened, split or
        joined, by a nickname, in notations of prose. A word of the language counts only where a capital, a title or
        another part of the name shows that it is a name.
        """
        if not self._identifiers or not text:
            return []
        from scanward.deidentify.text.closely import Close
        from scanward.deidentify.text.passage import Passage

        matcher = self._close_matcher()
        passage = Passage(text)
        folded = passage.folded
        hits = [_widened(folded, Span(*hit)) for hit in self._searcher().find(folded, SearchContext.TEXT)]
        hits += (Span(*hit) for hit in matcher.find(passage))
        weak = self._weak_words()
        if weak:
            shown = _Folded(text, folded, passage.origin)
            hits += _find_weak(shown, weak, hits)
            beside = matcher.beside(passage, (Close(*hit) for hit in hits))
            if beside:
                hits += (Span(*hit) for hit in beside)
                hits += _find_weak(shown, weak, hits)
        if not hits:
            return []
        hits = [Span(*matcher.widen(passage, Close(*hit))) for hit in _merged(hits)]
        return _merged(_unfolded(text, passage.origin, hit) for hit in hits)

    def find_in_number_text(self, value: str) -> bool:
        """Say whether the value of a numeric string (DS, IS) is, as a whole, an ID of five digits or more.

        Parts are not looked at: a measurement contains every short number.
        """
        return value.strip(" \0+").lstrip("0") in self._numbers_alone()

    def find_in_number_texts(self, values: str) -> bool:
        """Say whether any of the values of a numeric string, parted by backslashes, is an ID."""
        # Contours and tables hold long lists of numbers, nearly all without the digits of any ID.
        if not any(number in values for number in self._numbers_alone()):
            return False
        return any(self.find_in_number_text(value) for value in values.split("\\"))

    def _numbers_alone(self) -> frozenset[str]:
        if self._numbers is None:
            self._numbers = frozenset(
                number for identifier in self._identifiers for number in variants.numbers_alone(identifier)
            )
        return self._numbers

    def _searcher(self) -> Machine:
        if self._machine is None:
            identifiers = self._identifiers
            self._machine = Machine(
                (notation for identifier in identifiers for notation in variants.notations(identifier)),
                (item for identifier in identifiers for item in variants.encoded(identifier)),
            )
        return self._machine

    def _close_matcher(self) -> "CloseMatcher":
        if self._close is None:
            # What it needs is loaded where prose is cleaned, and nowhere else.
            from scanward.deidentify.text.closely import CloseMatcher

            self._close = CloseMatcher(self._identifiers)
        return self._close

    def _weak_words(self) -> dict[bytes, list[WeakWord]]:
        if self._weak is None:
            found: dict[bytes, list[WeakWord]] = {}
            numbers = count()
            for identifier in self._identifiers:
                if identifier.kind in variants.NAME_KINDS:
                    for word in names.weak_words(identifier.kind, identifier.value, numbers):
                        found.setdefault(word.word.encode(), []).append(word)
            self._weak = found
        return self._weak


def _find_weak(passage: "_Folded", weak: dict[bytes, list[WeakWord]], hits: list[Span]) -> list[Span]:
    """Return the words of names in the text that stand beside a hit, beside each other or after a cue."""
    folded = passage.folded
    tokens = [
        (match.start(), match.end(), weak[word])
        for match in _TOKEN.finditer(folded)
        if (word := match[0]) in weak and not _is_article(passage, match.start(), match.end())
    ]
    if not tokens:
        return []
    found: list[Span] = []
    for start, end, words in tokens:
        if any(word.cued for word in words) and _is_cued(passage, start, end):
            found.append(Span(start, end, words[0].kind))
    found += _pairs(folded, tokens)
    taken = [*(hit for hit in hits if hit.kind in variants.NAME_KINDS), *found]
    starts, ends = {span.start for span in taken}, {span.end for span in taken}
    # From left to right, then back: each word taken may bring its neighbour in.
    for line in (tokens, tokens[::-1]):
        for start, end, words in line:
            if _is_beside(folded, start, end, starts, ends):
                found.append(Span(start, end, words[0].kind))
                starts.add(start)
                ends.add(end)
    return found


def _is_article(passage: "_Folded", start: int, end: int) -> bool:
    """Say whether a single letter is a word of the language rather than an initial."""
    folded = passage.folded
    alone = end - start == 1 and folded[start] in _ARTICLES
    return alone and folded[end : end + 1] != b"." and passage.capitals(start, end) is Capitals.NONE


def _is_cued(passage: "_Folded", start: int, end: int) -> bool:
    cue = _CUE.search(passage.folded[max(0, start - _LONGEST_CUE) : start])
    if cue is None:
        return False
    if cue["bare"] is None or not is_everyday(passage.folded[start:end].decode("utf-8", "replace")):
        return True
    # "The patient may return" tells of nobody called May.
    return passage.capitals(start, end) is Capitals.FIRST


def _pairs(folded: bytes, tokens: list[tuple[int, int, list[WeakWord]]]) -> Iterator[Span]:
    """Yield neighbouring words of one name; initials alone make none."""
    for (start, middle, left), (right_start, end, right) in pairwise(tokens):
        shared = {word.name for word in left} & {word.name for word in right}
        letters = (middle - start) + (end - right_start)
        if shared and left is not right and letters >= _FEWEST_LETTERS and _NEAR.fullmatch(folded, middle, right_start):
            yield Span(start, end, left[0].kind)


def _is_beside(folded: bytes, start: int, end: int, starts: set[int], ends: set[int]) -> bool:
    return any(
        (start - gap in ends and _NEAR.fullmatch(folded, start - gap, start))
        or (end + gap in starts and _NEAR.fullmatch(folded, end, end + gap))
        for gap in range(4)
    )


def _widened(folded: bytes, span: Span) -> Span:
    """Widen the hit of a name to the word that it is in, so that no stump of it remains."""
    if span.kind not in variants.NAME_KINDS:
        return span
    start, end = span.start, span.end
    while start > 0 and _is_ascii_letter(folded[start - 1]) and _is_ascii_letter(folded[start]):
        start -= 1
    while end < len(folded) and _is_ascii_letter(folded[end]) and _is_ascii_letter(folded[end - 1]):
        end += 1
    return Span(start, end, span.kind)


def _is_ascii_letter(byte: int) -> bool:
    return 0x61 <= byte <= 0x7A


def _unfolded(text: str, origin: "array[int] | None", span: Span) -> Span:
    if origin is None:
        return span
    start, end = origin[span.start], origin[span.end - 1] + 1
    while end < len(text) and not fold_char(text[end]):
        end += 1
    return Span(start, end, span.kind)


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Join what overlaps or touches; the kind of the longest stays."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda item: (item.start, -item.end)):
        if merged and span.start <= merged[-1].end:
            if span.end > merged[-1].end:
                merged[-1] = Span(merged[-1].start, span.end, merged[-1].kind)
        else:
            merged.append(span)
    return merged
