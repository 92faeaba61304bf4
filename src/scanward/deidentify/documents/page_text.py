"""The text of a page in several orders, as what identifies may be read across lines, columns and hyphens.

A page knows where characters stand, not what belongs together. So its text is put in order three times: as the
document has it, line by line over the whole width, and column by column; each also with words joined that a hyphen
parts. What is found in any of them goes.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from scanward.deidentify.text.folding import fold
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.deidentify.text.prose import TextCleaner
from scanward.model.identifier import IdentifierKind
from scanward.ports.documents import Box

_SPACE: Final = 0.18
"""Of the height of a line: a wider gap parts words."""

_THIN: Final = 0.04
"""The same where the document has a blank there."""

_COLUMN: Final = 1.2
"""The same for parts of a line that stand in different columns."""

_SPACED: Final = 0.12
"""The same for the middle one of the gaps between letters: from here on these are spaced out."""

_STRIDE: Final = 1.45
"""Letters that are spaced out and begin a word stand so many of the usual strides from the one before."""

_NEXT: Final = 1.3
"""The next line of a column begins at most so many heights below."""

_RAGGED: Final = 0.2
"""Of the width of a column: a line that ends no more before its edge may go on in the next one."""

_MOST_PARTS: Final = 4
_LONGEST: Final = 24
"""Of so many parts at most words are joined, and of so many letters."""

_SOFT: Final = frozenset("\u00ad")
_HYPHENS: Final = frozenset("-\u2010\u2011") | _SOFT


class Glyph(NamedTuple):
    """A character that is seen.

    Attributes
    ----------
    text
        What it is.
    ink, cell
        Where its strokes are, and its place in its line, in pixels.
    angle
        By how much its line is turned clockwise, in degrees.
    before
        What the document has between it and the one before: blanks, line ends.
    word
        The number of the word that was read in the picture, which goes as a whole; -1 for a character of the document.
    """

    text: str
    ink: Box
    cell: Box
    angle: float = 0.0
    before: str = ""
    word: int = -1


@dataclass(frozen=True, slots=True)
class View:
    """Text of a page in one order.

    Attributes
    ----------
    text
        The characters.
    owners
        For each the number of its glyph, or -1.
    """

    text: str
    owners: Sequence[int]


class FoundSpan(NamedTuple):
    """Something that identifies.

    Attributes
    ----------
    glyphs
        The numbers of its glyphs, in order.
    kind
        What it is.
    shown
        What stands there instead; may be empty.
    """

    glyphs: tuple[int, ...]
    kind: IdentifierKind
    shown: str


class Segment(NamedTuple):
    """A part of a line that stands alone in its column.

    Attributes
    ----------
    words
        Each the numbers of its glyphs.
    box
        Where, in a page that is turned so that its lines are level.
    """

    words: tuple[tuple[int, ...], ...]
    box: Box


def find_spans(glyphs: Sequence[Glyph], cleaner: TextCleaner) -> list[FoundSpan]:
    """Return what identifies, in any order of reading; none of it within another."""
    found: list[FoundSpan] = []
    taken: set[int] = set()

    def take(view: View, start: int, end: int, kind: IdentifierKind, shown: str) -> None:
        numbers = _glyphs_in(view, start, end)
        if not taken.issuperset(numbers):
            # What overlaps with something found before is a rest of it: what stands there says it already.
            found.append(FoundSpan(numbers, kind, shown if taken.isdisjoint(numbers) else ""))
            taken.update(numbers)

    for view in views_of(glyphs):
        for part in cleaner.clean(view.text).replaced:
            take(view, part.start, part.end, part.kind, part.shown)
    view = _joined(glyphs)
    for span in cleaner.known.find_closely(view.text):
        if not taken.isdisjoint(_glyphs_in(view, span.start, span.end)):
            continue  # found before; here it only brings its neighbours
        take(view, span.start, span.end, span.kind, cleaner.replace(span.kind, view.text[span.start : span.end]))
    return found


def find_known(
    glyphs: Sequence[Glyph], known: KnownIdentifiers, shown: Sequence[str], *, closely: bool = False
) -> list[tuple[int, ...]]:
    """Return the numbers of glyphs that say something known, in any order of reading.

    Parameters
    ----------
    glyphs
        The glyphs.
    known
        What is known.
    shown
        What was put in the place of something; it may equal something known by chance, as a moved date may.
    closely
        Whether what was misread counts, too.
    """
    find = known.find_closely if closely else known.find_in_text
    return [
        _glyphs_in(view, span.start, span.end)
        for view in (*views_of(glyphs), _joined(glyphs))
        for span in find(view.text)
        if not is_shown(view.text[span.start : span.end], shown)
    ]


def is_shown(value: str, shown: Sequence[str]) -> bool:
    """Whether something is a part of what was put in the place of something."""
    bare = _bare(value)
    return bool(bare) and any(bare in _bare(one) for one in shown)


def _bare(text: str) -> str:
    return "".join(char for char in fold(text) if char.isalnum())


def _glyphs_in(view: View, start: int, end: int) -> tuple[int, ...]:
    return tuple(dict.fromkeys(owner for owner in view.owners[start:end] if owner >= 0))


def views_of(glyphs: Sequence[Glyph]) -> Iterator[View]:
    """Yield the text in all orders, each text once."""
    seen: set[str] = set()
    chains = chains_of(glyphs)
    written, columns = _as_written(glyphs), _by_columns(glyphs, chains)
    # In the order of the document, what follows a hyphen may be another column, unless it says that the word goes on.
    for view in (
        written,
        _without_hyphens(written, _SOFT),
        _by_lines(glyphs, chains),
        columns,
        _without_hyphens(columns, _HYPHENS),
        _without_hyphens(_by_columns(glyphs, chains, flowing=True), _HYPHENS),
    ):
        text = _plain(view.text)
        if text.strip() and text not in seen:
            seen.add(text)
            yield View(text, view.owners)


def _as_written(glyphs: Sequence[Glyph]) -> View:
    builder = _Builder(glyphs)
    for number, glyph in enumerate(glyphs):
        builder.put(glyph.before, -1)
        builder.put(glyph.text, number)
    return builder.view()


def _by_lines(glyphs: Sequence[Glyph], chains: Sequence[Sequence[Segment]]) -> View:
    builder = _Builder(glyphs)
    segments = sorted((segment for chain in chains for segment in chain), key=lambda one: (one.box.top, one.box.left))
    line: list[Segment] = []
    for segment in segments:
        if line and not _is_level(line[0].box, segment.box):
            builder.put_line(sorted(line, key=lambda one: one.box.left))
            line = []
        line.append(segment)
    builder.put_line(sorted(line, key=lambda one: one.box.left))
    return builder.view()


def _by_columns(glyphs: Sequence[Glyph], chains: Sequence[Sequence[Segment]], *, flowing: bool = False) -> View:
    """Return the text column by column; `flowing`, a line that is full goes on in the next one without a break."""
    builder = _Builder(glyphs)
    for chain in chains:
        column = hull(segment.box for segment in chain)
        full = column.right - _RAGGED * (column.right - column.left)
        for segment in chain:
            is_full = flowing and segment.box.right >= full and segment is not chain[-1]
            builder.put_line([segment], end=" " if is_full and not _ends_in_hyphen(segment, glyphs) else "\n")
        builder.put("\n", -1)
    return builder.view()


def _ends_in_hyphen(segment: Segment, glyphs: Sequence[Glyph]) -> bool:
    return glyphs[segment.words[-1][-1]].text in _HYPHENS


def _joined(glyphs: Sequence[Glyph]) -> View:
    """Return words that follow each other, joined by twos, threes and fours: blanks may be read where none are."""
    builder = _Builder(glyphs)
    for chain in chains_of(glyphs):
        words = [word for segment in chain for word in segment.words]
        for first in range(len(words)):
            for last in range(first + 2, min(first + _MOST_PARTS, len(words)) + 1):
                numbers = [number for word in words[first:last] for number in word]
                if len(numbers) <= _LONGEST:
                    builder.put_word(numbers)
    view = builder.view()
    return View(_plain(view.text), view.owners)


class _Builder:
    def __init__(self, glyphs: Sequence[Glyph]) -> None:
        self._glyphs = glyphs
        self._texts: list[str] = []
        self._owners: list[int] = []

    def put(self, text: str, owner: int) -> None:
        self._texts.append(text)
        self._owners += [owner] * len(text)

    def put_line(self, segments: Iterable[Segment], *, end: str = "\n") -> None:
        for position, segment in enumerate(segments):
            self.put("  " if position else "", -1)
            for place, word in enumerate(segment.words):
                self.put(" " if place else "", -1)
                for number in word:
                    self.put(self._glyphs[number].text, number)
        self.put(end, -1)

    def put_word(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.put(self._glyphs[number].text, number)
        self.put("\n", -1)

    def view(self) -> View:
        return View("".join(self._texts), self._owners)


def _plain(text: str) -> str:
    return text.replace("\u00ad", "-")


def _without_hyphens(view: View, hyphens: frozenset[str]) -> View:
    """Return a text with the words joined that a hyphen at the end of a line parts."""
    texts: list[str] = []
    owners: list[int] = []
    at = 0
    text = view.text
    while at < len(text):
        if text[at] in hyphens and at and text[at - 1].isalnum():
            after = at + 1
            while after < len(text) and text[after].isspace():
                after += 1
            if ("\n" in text[at:after] or text[at] in _SOFT) and after < len(text) and text[after].isalnum():
                at = after
                continue
        texts.append(text[at])
        owners.append(view.owners[at])
        at += 1
    return View("".join(texts), owners)


# Lines and columns


def chains_of(glyphs: Sequence[Glyph]) -> list[list[Segment]]:
    """Return the parts of lines, those together that follow each other in one column."""
    by_angle: dict[int, list[int]] = {}
    for number, glyph in enumerate(glyphs):
        if glyph.text.strip():
            by_angle.setdefault(round(glyph.angle / 2) * 2 % 360, []).append(number)
    chains = []
    for angle, numbers in by_angle.items():
        places = {number: levelled(glyphs[number].cell, angle) for number in numbers}
        chains += _chained([one for line in _lines(numbers, places) for one in _segments(line, places, glyphs)])
    return chains


def levelled(box: Box, angle: float) -> Box:
    """Return a box as it lies on a page that is turned so that text at `angle` is level."""
    if not angle % 360:
        return box
    across, down = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    wide, high = (box.right - box.left) / 2, (box.bottom - box.top) / 2
    if angle % 180 == 90:
        wide, high = high, wide
    elif angle % 180:
        wide = high = min(wide, high)
    x, y = x * across + y * down, y * across - x * down
    return Box(x - wide, y - high, x + wide, y + high)


def _lines(numbers: Sequence[int], places: dict[int, Box]) -> Iterator[list[int]]:
    """Yield the glyphs that stand on one line, from left to right."""
    line: list[int] = []
    for number in sorted(numbers, key=lambda one: places[one].top + places[one].bottom):
        if line and not _is_level(places[line[0]], places[number]):
            yield sorted(line, key=lambda one: places[one].left)
            line = []
        line.append(number)
    if line:
        yield sorted(line, key=lambda one: places[one].left)


def _is_level(one: Box, other: Box) -> bool:
    beside = min(one.bottom, other.bottom) - max(one.top, other.top)
    return beside >= 0.5 * min(one.bottom - one.top, other.bottom - other.top)


def _segments(line: Sequence[int], places: dict[int, Box], glyphs: Sequence[Glyph]) -> Iterator[Segment]:
    height = sorted(places[number].bottom - places[number].top for number in line)[len(line) // 2]
    gaps = [places[right].left - places[left].right for left, right in pairwise(line)]
    between = sorted(gaps)[len(gaps) // 2] if len(gaps) > 2 else 0.0
    # Letters that are spaced out have gaps like words elsewhere; their words are parted by more.
    spaced = between if between > _SPACED * height else 0.0
    steps = [_middle(places[right]) - _middle(places[left]) for left, right in pairwise(line)]
    stride = sorted(steps)[len(steps) // 2] * _STRIDE if spaced else 0.0
    words: list[list[int]] = [[line[0]]]
    for gap, step, number in zip(gaps, steps, line[1:], strict=True):
        if gap > _COLUMN * height + 2 * spaced:
            yield _segment(words, places)
            words = [[number]]
        elif (gap > _SPACE * height + 1.3 * spaced and step > stride) or _is_parted(
            glyphs[number], gap, height, spaced
        ):
            words.append([number])
        else:
            words[-1].append(number)
    yield _segment(words, places)


def _is_parted(glyph: Glyph, gap: float, height: float, spaced: float) -> bool:
    """Whether a blank stands before a glyph, as it was read, or as the document says and a gap confirms."""
    if not glyph.before:
        return False
    return glyph.word >= 0 or (not spaced and gap > _THIN * height)


def _segment(words: Sequence[Sequence[int]], places: dict[int, Box]) -> Segment:
    return Segment(tuple(tuple(word) for word in words), hull(places[number] for word in words for number in word))


def _chained(segments: list[Segment]) -> list[list[Segment]]:
    """Join each part of a line with the one that goes on below it."""
    segments.sort(key=lambda one: (one.box.top, one.box.left))
    chains: list[list[Segment]] = []
    open_: list[list[Segment]] = []
    for segment in segments:
        box = segment.box
        open_ = [chain for chain in open_ if box.top - chain[-1].box.bottom <= _NEXT * _height(chain[-1].box)]
        above = [chain for chain in open_ if _goes_on(chain[-1].box, box)]
        if above:
            chain = max(above, key=lambda one: (one[-1].box.bottom, -abs(one[-1].box.left - box.left)))
            chain.append(segment)
        else:
            chain = [segment]
            chains.append(chain)
            open_.append(chain)
    return chains


def _goes_on(above: Box, below: Box) -> bool:
    if below.top < (above.top + above.bottom) / 2:
        return False
    shared = min(above.right, below.right) - max(above.left, below.left)
    narrower = min(above.right - above.left, below.right - below.left)
    return shared >= 0.3 * narrower or abs(above.left - below.left) <= _height(above)


def _height(box: Box) -> float:
    return box.bottom - box.top


def _middle(box: Box) -> float:
    return (box.left + box.right) / 2


def hull(boxes: Iterable[Box]) -> Box:
    """Return the smallest box that holds all of at least one."""
    held = list(boxes)
    return Box(
        min(box.left for box in held), min(box.top for box in held),
        max(box.right for box in held), max(box.bottom for box in held),
    )  # fmt: skip


def runs_of(span: Sequence[int], glyphs: Sequence[Glyph]) -> list[list[int]]:
    """Part the glyphs of something found by lines and columns, each a run that is covered by one box."""
    runs: list[list[int]] = []
    for number in span:
        if runs and _is_beside(glyphs[runs[-1][-1]], glyphs[number]):
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs


def _is_beside(one: Glyph, other: Glyph) -> bool:
    if one.angle != other.angle or one.angle % 90:
        return False
    left, right = levelled(one.cell, one.angle), levelled(other.cell, other.angle)
    height = max(_height(left), _height(right))
    return _is_level(left, right) and max(left.left, right.left) - min(left.right, right.right) < _COLUMN * height
