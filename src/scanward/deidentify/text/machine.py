"""Searches bytes for many notations in one pass (Aho-Corasick), and looks closely at the few places that it names.

The pass runs over the bytes in lower case and without those that occur in no notation, separators among them: so
``DOE^JANE``, ``Doe, Jane`` and UTF-16 are one pattern, and most of a codestream is never looked at. What was left out
is checked where a hit is, so that no hit depends on it.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import compress, pairwise
from typing import NamedTuple

import ahocorasick

from scanward.deidentify.text.everyday import is_everyday
from scanward.deidentify.text.lexicon import is_clinical, is_name, is_ordinary
from scanward.deidentify.text.names import TITLES
from scanward.deidentify.text.notation import SEPARATORS, Edge, Encoded, Gap, Notation, SearchContext
from scanward.model.identifier import IdentifierKind

LOWER = bytes(range(256)).lower()
_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_TEXT_LETTERS = _LETTERS | frozenset(range(0x80, 0x100))
"""In folded text a byte of a character beyond ASCII is taken for a letter."""
_DIGITS = frozenset(b"0123456789")
_BETWEEN = frozenset(SEPARATORS)
_GROUPING = frozenset(b" -_./\0")
_PHONE = frozenset(b" -./()+\0\t")
_WRAPPING = b"\r\n\t \0"
_MOST_BETWEEN = 6
_MOST_WITHIN = 3
_LONGEST_RUN = 64
_SHORTEST_SURE = 6
"""A name so short or shorter is in longer words by chance."""
_BLOCK = 256
_SMALL = 1 << 12
_MANY = 32
_CHUNK = 1 << 20
_OVERLAP = 1 << 10
_SHORTEST_KEY = 3
_SHORTEST_HIGH_KEY = 4
_ASCII = bytes(range(128))
_LONGEST_TIME = 22
"""A date that starts a run of digits this long is one with a time of day; in longer runs it is chance."""


class Hit(NamedTuple):
    """Where an identifier is, as offsets in the bytes searched."""

    start: int
    end: int
    kind: IdentifierKind


class Machine:
    """The notations of some identifiers, ready to be searched; does not change once made.

    Parameters
    ----------
    notations, encoded
        What is looked for.
    """

    __slots__ = ("_passes",)

    def __init__(self, notations: Iterable[Notation], encoded: Iterable[Encoded]) -> None:
        entries: dict[bytes, list[Notation | Encoded]] = {}
        high: dict[bytes, list[Notation | Encoded]] = {}
        for notation in notations:
            entries.setdefault(b"".join(notation.parts), []).append(notation)
        for item in encoded:
            key = item.raw.translate(LOWER)
            beyond_ascii = key.translate(None, _ASCII)
            # Names in other scripts have a pass of their own, over bytes beyond ASCII only: headers have few of them.
            if len(beyond_ascii) >= _SHORTEST_HIGH_KEY:
                high.setdefault(beyond_ascii, []).append(item)
            else:
                entries.setdefault(key, []).append(item)
        self._passes = [made for made in (_Pass.of(entries), _Pass.of(high)) if made is not None]

    def find(self, data: bytes, context: SearchContext) -> Iterator[Hit]:
        """Yield the hits in `data`; they may overlap."""
        for one in self._passes:
            if len(data) <= _CHUNK:
                yield from one.find(data, context)
                continue
            for start in range(0, len(data), _CHUNK):
                # What lies in both of two chunks is reported twice, which does no harm.
                offset = max(0, start - _OVERLAP)
                for hit in one.find(data[offset : start + _CHUNK], context):
                    yield Hit(hit.start + offset, hit.end + offset, hit.kind)


class _Pass:
    """One automaton, and the bytes that occur in none of its keys and are left out of what it reads."""

    __slots__ = ("_automaton", "_delete")

    def __init__(self, automaton: "ahocorasick.Automaton", delete: bytes) -> None:
        self._automaton = automaton
        self._delete = delete

    @classmethod
    def of(cls, entries: Mapping[bytes, list[Notation | Encoded]]) -> "_Pass | None":
        """Make the automaton of `entries`, or return None when there are none."""
        keep = frozenset(b"".join(entries)) - _BETWEEN
        delete = bytes(byte for byte in range(256) if LOWER[byte] not in keep)
        keyed: dict[str, list[Notation | Encoded]] = {}
        for raw, items in entries.items():
            key = raw.translate(LOWER, delete).decode("latin-1")
            if len(key) >= _SHORTEST_KEY:
                keyed.setdefault(key, []).extend(items)
        if not keyed:
            return None
        automaton = ahocorasick.Automaton()
        for key, items in keyed.items():
            automaton.add_word(key, (len(key), tuple(items)))
        automaton.make_automaton()
        return cls(automaton, delete)

    def find(self, data: bytes, context: SearchContext) -> Iterator[Hit]:
        """Yield the hits in `data`, by where they end."""
        squeezed = data.translate(LOWER, self._delete).decode("latin-1")
        place = _Place(data, self._delete)
        for last, (size, entries) in self._automaton.iter(squeezed):
            start = end = -1
            for entry in entries:
                if entry.reach < context:
                    continue
                if start < 0:
                    start = place.of(last - size + 1)
                    end = place.of(last) + 1
                if isinstance(entry, Encoded):
                    hit = _encoded_at(data, start, end, entry)
                    if hit is not None:
                        yield hit
                elif fits(data, start, end, entry, context):
                    yield Hit(start, end, entry.kind)


@lru_cache(maxsize=64)
def _kept(delete: bytes) -> bytes:
    """Return a table that marks the bytes which are not left out."""
    return bytes(byte not in delete for byte in range(256))


class _Place:
    """Finds where in the data the n-th byte is that was not left out; remembers where it was last."""

    __slots__ = ("_asked", "_count", "_data", "_delete", "_offset", "_places")

    def __init__(self, data: bytes, delete: bytes) -> None:
        self._data = data
        self._delete = delete
        self._offset = 0
        self._count = 0
        self._asked = 0
        self._places: array[int] | None = None

    def of(self, index: int) -> int:
        """Return the offset of the byte that has `index` kept ones before it."""
        if self._places is not None:
            return self._places[index]
        self._asked += 1
        if len(self._data) <= _SMALL or self._asked > _MANY:
            # Many places are found faster all at once, and in a time that does not grow with their number.
            self._places = array("I", compress(range(len(self._data)), self._data.translate(_kept(self._delete))))
            return self._places[index]
        if index < self._count:
            self._offset = self._count = 0
        offset, need = self._offset, index - self._count
        data, delete = self._data, self._delete
        while True:
            step = max(need, _BLOCK)
            kept = len(data[offset : offset + step].translate(None, delete))
            if kept > need:
                break
            offset += step
            need -= kept
        while step > 1:
            # The byte is among the next `step`: halve.
            half = step // 2
            kept = len(data[offset : offset + half].translate(None, delete))
            if kept <= need:
                offset += half
                need -= kept
                step -= half
            else:
                step = half
        self._offset, self._count = offset, index
        return offset


def _encoded_at(data: bytes, start: int, end: int, entry: Encoded) -> Hit | None:
    """Return where `entry` is around ``data[start:end]``, which holds the bytes of it that are searched for."""
    raw = entry.raw.translate(LOWER)
    # What is left out of a search may lie before and behind.
    first = max(0, start - len(raw))
    window = data[first : end + len(raw)].translate(LOWER)
    at = window.find(raw)
    if at >= 0:
        return Hit(first + at, first + at + len(raw), entry.kind)
    if raw.translate(None, _WRAPPING) in window.translate(None, _WRAPPING):
        return Hit(start, end, entry.kind)
    return None


def fits(data: bytes, start: int, end: int, notation: Notation, context: SearchContext) -> bool:
    """Say whether ``data[start:end]`` is `notation` with nothing between its parts or beside it that forbids it."""
    return _gaps_fit(data, start, end, notation) and _edges_fit(data, start, end, notation, context)


def _gaps_fit(data: bytes, start: int, end: int, notation: Notation) -> bool:
    gap = notation.gap
    if end - start == sum(map(len, notation.parts)):
        return gap is not Gap.PARTED or len(notation.parts) == 1
    at = start
    groups: list[int] = []
    for number, part in enumerate(notation.parts):
        for index, byte in enumerate(part):
            first = at
            while at < end and LOWER[data[at]] != byte:
                at += 1
            between = data[first:at]
            at += 1
            if number and not index:
                if not _is_between(between, gap):
                    return False
            elif between and not _is_within(between, gap, groups, index):
                return False
    return at == end and (not groups or _are_groups(groups, notation))


def _is_between(between: bytes, gap: Gap) -> bool:
    if not between:
        return gap is not Gap.PARTED
    return len(between) <= _MOST_BETWEEN and _BETWEEN.issuperset(between)


def _is_within(between: bytes, gap: Gap, groups: list[int], index: int) -> bool:
    if len(between) > _MOST_WITHIN:
        return False
    bare = between.replace(b"\0", b"")
    if not bare:
        return True
    if gap is Gap.PHONE:
        return _PHONE.issuperset(bare)
    if gap is Gap.GROUPED and len(bare) == 1 and bare[0] in _GROUPING:
        groups.append(bare[0] << 16 | index)
        return True
    return False


def _are_groups(groups: list[int], notation: Notation) -> bool:
    """Say whether separators within digits group them as people do, and are not the point of a decimal number."""
    longest = max(map(len, notation.parts))
    kinds = {group >> 16 for group in groups}
    places = [0, *sorted(group & 0xFFFF for group in groups), longest]
    alike = len(kinds) == 1 and longest >= 6 and min(b - a for a, b in pairwise(places)) >= 2
    return alike and (ord(".") not in kinds or len(groups) > 1)


def _edges_fit(data: bytes, start: int, end: int, notation: Notation, context: SearchContext) -> bool:
    edge = notation.edge
    if edge is Edge.LOOSE:
        if context is SearchContext.BINARY and end - start == 5:
            return _is_word(data, start, end, context)
        return _is_loose(data, start, end, context)
    if edge is Edge.WORD:
        return _is_word(data, start, end, context)
    if edge is Edge.TOKEN:
        return _is_word(data, start, end, context) and not _is_beside(data, start, end, _DIGITS)
    if edge is Edge.DOTTED:
        return not _is_beside(data, start, end, _DIGITS) and not _has_component_beside(data, start, end)
    return _is_number(data, start, end, date=edge is Edge.DATE)


def _is_beside(data: bytes, start: int, end: int, what: frozenset[int]) -> bool:
    return (start > 0 and data[start - 1] in what) or (end < len(data) and data[end] in what)


def _is_word(data: bytes, start: int, end: int, context: SearchContext) -> bool:
    letters = _TEXT_LETTERS if context is SearchContext.TEXT else _LETTERS
    if start and data[start - 1] in letters and not _is_escape(data, start):
        return False
    # In bytes a letter before a zero byte is the tag of the next element, or the text is UTF-16 and the test is void.
    return end >= len(data) or data[end] not in letters or (end + 1 < len(data) and data[end + 1] == 0)


def _is_escape(data: bytes, start: int) -> bool:
    """Say whether a percent-encoded byte ends at `start`, whose last digit may be a letter."""
    return start >= 3 and data[start - 3] == ord("%")


def _is_loose(data: bytes, start: int, end: int, context: SearchContext) -> bool:
    """Refuse a hit inside of a longer word when that word is an ordinary one."""
    letters = _TEXT_LETTERS if context is SearchContext.TEXT else _LETTERS
    first, last = _run(data, start, end, letters)
    if first == start and last == end:
        return True
    try:
        word = data[first:last].decode().lower()
    except UnicodeDecodeError:
        return True
    if end - start <= _SHORTEST_SURE and (is_everyday(word) or is_clinical(word)):
        return False
    if end - start <= _SHORTEST_SURE and first < start and end < last and context <= SearchContext.HEADER:
        # Ricard is in pericardic: in the midst of a word so short a name is one where words or names are around it.
        return all(len(part) < 2 or _is_part(part) for part in (word[: start - first], word[end - first :]))
    return not is_ordinary(word)


def _is_part(word: str) -> bool:
    return is_ordinary(word) or is_name(word) or is_everyday(word) or word in TITLES


def _run(data: bytes, start: int, end: int, what: frozenset[int]) -> tuple[int, int]:
    first, last = start, end
    while first > 0 and start - first < _LONGEST_RUN and data[first - 1] in what:
        first -= 1
    while last < len(data) and last - end < _LONGEST_RUN and data[last] in what:
        last += 1
    return first, last


def _is_number(data: bytes, start: int, end: int, *, date: bool) -> bool:
    first, last = _run(data, start, end, _DIGITS)
    if last - first == end - start:
        # Alone; but digits beside a point are a decimal number or a component of a UID.
        size = sum(data[at] in _DIGITS for at in range(start, end))
        return size >= 8 or not _has_component_beside(data, start, end)
    if last == end and not data[first:start].strip(b"0"):
        return not _has_component_beside(data, first, end)
    if date:
        return first == start and last - first <= _LONGEST_TIME
    size = end - start
    if size >= 10:
        return True
    return size >= 8 and last - first <= 3 * size


def _has_component_beside(data: bytes, start: int, end: int) -> bool:
    before = start >= 2 and data[start - 1] == ord(".") and data[start - 2] in _DIGITS
    after = end + 1 < len(data) and data[end] == ord(".") and data[end + 1] in _DIGITS
    return before or after
