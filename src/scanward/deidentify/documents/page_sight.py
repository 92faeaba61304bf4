"""What is seen on a page: lines that are read in its picture, and what of the page's own text they confirm.

A page's own text says where each character stands, to the point, and may be wrong: drawn from a font that calls its
letters otherwise, laid under a picture, written by somebody else's reader. The picture says what people see. So the own
text counts where what is read in its place is about the same, or where nothing can be read and nothing but text is
drawn; elsewhere what is read counts, where it is read for sure; and the rest is covered.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanward.deidentify.documents.page_picture import pixels_of
from scanward.deidentify.documents.page_text import Glyph, levelled
from scanward.ports.documents import Box, MarkKind, PdfMark
from scanward.ports.engines import Picture, Quad, TextEngine

FINDING_SCALE: Final = 0.63
"""How large pages of 200 dots an inch are looked at where they have no pictures: A4 at one go."""

READ: Final = 0.9
"""Mean confidence from which a line is read for sure; see :mod:`scanward.deidentify.pixels.keep`."""

_SAME: Final = 0.75
"""How much alike what is read and what the page says are at least: a letter may be misread here or there."""

_WITHIN: Final = 0.85
"""A region of which so much lies within one that was read is a part of it."""

_FLAT: Final = 24
"""Levels that differ by less show nothing."""

_TALL: Final = 1.5

_LARGE: Final = 0.4
"""Of a page: with an image or drawing of so much of it, it is looked at closely as a whole."""

_SHORT: Final = 640
"""Pixels of the shorter side that a page has at least where it is looked at smaller."""

_SMALLEST: Final = 24
"""Pixels of the shorter side that an image or drawing with letters has at least."""

_PAPER: Final = 200
"""Brighter images are of paper, or drawn on it."""

_COARSE: Final = 3
"""Pages with pictures are also looked at so many times smaller: letters of a hand's height are found, too."""

_GAP: Final = 0.08
"""Of the height of a line: a narrower gap in the ink is none between words."""

_WEIGHT: Final = 3.0
"""How many heights off a gap may be for one height that it is wider."""

_DARK: Final = 40.0
"""Levels from the background on that count as ink."""

_WIDE: Final = frozenset("WMmw@%—")
_NARROW: Final = frozenset("iljtfrI.,:;'|!()[]/ -1")


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A region of text and what it reads as.

    Attributes
    ----------
    text
        The characters.
    confidence
        Mean over them.
    quad
        Its corners, clockwise from the upper left one.
    """

    text: str = field(repr=False)
    confidence: float
    quad: Quad

    @property
    def box(self) -> Box:
        """The upright box around it."""
        low, high = self.quad.min(axis=0), self.quad.max(axis=0)
        return Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))

    @property
    def is_sure(self) -> bool:
        """Whether it is read for sure."""
        return self.confidence >= READ and bool(self.text.strip())


class Sight(NamedTuple):
    """What a page shows.

    Attributes
    ----------
    glyphs
        What counts: of the page's own text and of what was read.
    doubted
        Glyphs of the page's own text that what is seen contradicts; they are searched and not written.
    covered
        What cannot be read for sure.
    """

    glyphs: list[Glyph]
    doubted: list[Glyph]
    covered: list[Box]


def read_lines(engine: TextEngine, picture: Picture, marks: Sequence[PdfMark], *, seeded: bool) -> list[ReadLine]:
    """Return what is read in a page, each line once.

    Parameters
    ----------
    engine
        What finds and reads.
    picture
        The page.
    marks
        What it draws besides text: where there are pictures or drawings it is looked at more closely.
    seeded
        Whether the engine tests itself in it.

    Raises
    ------
    EngineError
        The engine failed its own test.
    """
    rows, columns = picture.shape[:2]
    drawn = [mark for mark in marks if mark.kind is not MarkKind.RULE]
    is_large = any(_area(mark.box) > _LARGE * rows * columns for mark in drawn)
    enlarge = FINDING_SCALE if not is_large and min(rows, columns) * FINDING_SCALE > _SHORT else 1.0
    quads = [found.quad for found in engine.find(picture, enlarge=enlarge, seeded=seeded)]
    if is_large and not seeded:
        small = np.ascontiguousarray(picture[::_COARSE, ::_COARSE])
        quads += [found.quad * _COARSE for found in engine.find(small, seeded=False)]
    quads += [quad for mark in drawn for quad in _in_drawn(engine, picture, mark, seeded=seeded)]
    quads = [_in_order(quad) for quad in quads]
    readings = engine.read(picture, quads)
    return _distinct([ReadLine(read.text, read.confidence, quad) for read, quad in zip(readings, quads, strict=True)])


def _in_drawn(engine: TextEngine, picture: Picture, mark: PdfMark, *, seeded: bool) -> list[Quad]:
    """Return where text stands in an image or drawing; in one of many tones faint text, too."""
    rows, columns = pixels_of(mark.box, picture.shape)
    part = np.ascontiguousarray(picture[rows, columns])
    if min(part.shape[:2]) < _SMALLEST or part.size > _LARGE * picture.size:
        return []  # a stroke, or seen with the page as closely
    corner = np.array([columns.start, rows.start], np.float32)
    if mark.kind is not MarkKind.IMAGE or float(np.median(part)) > _PAPER:
        return [found.quad + corner for found in engine.find(part, seeded=seeded)]
    from scanward.deidentify.pixels.looks import looks_of_colour
    from scanward.deidentify.pixels.search import find_text

    return [quad + corner for quad in find_text(engine, looks_of_colour(part))]


def _in_order(quad: Quad) -> Quad:
    """Return corners clockwise from the upper left one, the top being the edge nearest to level."""
    following = np.roll(quad, -1, axis=0)
    area = float((quad[:, 0] * following[:, 1] - following[:, 0] * quad[:, 1]).sum())
    corners = quad if area >= 0 else quad[::-1]
    edges = np.roll(corners, -1, axis=0) - corners
    lengths = np.maximum(np.hypot(edges[:, 0], edges[:, 1]), 1e-6)
    return np.asarray(np.roll(corners, -int(np.argmax(edges[:, 0] / lengths)), axis=0), np.float32)


def _distinct(lines: Sequence[ReadLine]) -> list[ReadLine]:
    kept: list[ReadLine] = []
    for line in sorted(lines, key=lambda one: -_area(one.box)):
        if not any(one.is_sure and _shared(one.box, line.box) >= _WITHIN * _area(line.box) for one in kept):
            kept.append(line)
    return kept


def _area(box: Box) -> float:
    return max(box.right - box.left, 0.0) * max(box.bottom - box.top, 0.0)


def _shared(one: Box, other: Box) -> float:
    return _area(Box(max(one.left, other.left), max(one.top, other.top),
                     min(one.right, other.right), min(one.bottom, other.bottom)))  # fmt: skip


# What counts


def weigh(lines: Sequence[ReadLine], own: Sequence[Glyph], picture: Picture, without_text: Picture) -> Sight:
    """Say what counts of a page's own text and of what was read in its picture.

    Parameters
    ----------
    lines
        What was read.
    own
        The glyphs of the page's own text that are drawn.
    picture, without_text
        The page, and it with no text objects drawn.
    """
    doubted: set[int] = set()
    read: list[ReadLine] = []
    covered: list[Box] = []
    for line in lines:
        inside = [number for number, glyph in enumerate(own) if _is_inside(glyph.ink, line.box)]
        if inside and _confirms(line, [own[number] for number in inside], without_text):
            continue
        doubted.update(inside)
        if line.is_sure:
            read.append(line)
        else:
            covered.append(line.box)
    glyphs = [glyph for number, glyph in enumerate(own) if number not in doubted]
    return Sight(
        glyphs + glyphs_of(read, picture), [glyph for number, glyph in enumerate(own) if number in doubted], covered
    )


def _is_inside(box: Box, around: Box) -> bool:
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    return around.left <= x <= around.right and around.top <= y <= around.bottom


def _confirms(line: ReadLine, glyphs: Sequence[Glyph], without_text: Picture) -> bool:
    rows, columns = pixels_of(line.box, without_text.shape)
    part = without_text[rows, columns]
    is_text_alone = not part.size or int(np.ptp(part.reshape(-1, 3), axis=0).max()) < _FLAT
    if not line.is_sure:
        return is_text_alone
    places = [levelled(glyph.cell, glyph.angle) for glyph in glyphs]
    order = sorted(range(len(glyphs)), key=lambda at: (round(places[at].top / max(_height(places[at]), 1)),
                                                       places[at].left))  # fmt: skip
    said, seen = _folded("".join(glyphs[at].text for at in order)), _folded(line.text)
    if min(len(said), len(seen)) <= 3 and is_text_alone:
        return True  # too short to be compared: bullets, units, raised figures
    return (bool(seen) and seen in said) or SequenceMatcher(None, said, seen, autojunk=False).ratio() >= _SAME


def _height(box: Box) -> float:
    return box.bottom - box.top


def _folded(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", text).casefold() if char.isalnum())


# Words in a line


def glyphs_of(lines: Iterable[ReadLine], picture: Picture) -> list[Glyph]:
    """Return what was read as glyphs; those of one word go together, and so do all of a line that runs up or down."""
    glyphs: list[Glyph] = []
    word = 0
    for line in sorted(lines, key=lambda one: (one.box.top, one.box.left)):
        before = "\n"
        for text, box in _words(line, picture):
            for place, char in enumerate(text):
                glyphs.append(Glyph(char, box, _share(box, text, place), before=before, word=word))
                before = ""
            before = " "
            word += 1
    return glyphs


def _share(box: Box, text: str, place: int) -> Box:
    """Return where a letter of a word stands; its strokes are taken to be all of the word's."""
    wide = (box.right - box.left) / len(text)
    return Box(box.left + place * wide, box.top, box.left + (place + 1) * wide, box.bottom)


def _words(line: ReadLine, picture: Picture) -> list[tuple[str, Box]]:
    words = line.text.split()
    box = line.box
    if len(words) < 2 or _height(box) > _TALL * (box.right - box.left):
        return [("".join(words), box)] if words and len(words) < 2 else [(word, box) for word in words]
    strip = _strip(line.quad, picture)
    cuts = _cuts(words, strip)
    ends = [0.0, *(cut / strip.shape[1] for cut in cuts), 1.0]
    return [(word, _part(line.quad, ends[at], ends[at + 1])) for at, word in enumerate(words)]


def _part(quad: Quad, first: float, last: float) -> Box:
    """Return the upright box around a part of a line, by shares of its length."""
    top, bottom = quad[1] - quad[0], quad[2] - quad[3]
    corners = np.stack([quad[0] + first * top, quad[0] + last * top, quad[3] + first * bottom, quad[3] + last * bottom])
    low, high = corners.min(axis=0), corners.max(axis=0)
    return Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def _strip(quad: Quad, picture: Picture) -> NDArray[np.float32]:
    """Return the brightness of a line, upright."""
    wide = max(round(float(np.hypot(*(quad[1] - quad[0])))), 1)
    high = max(round(float(np.hypot(*(quad[3] - quad[0])))), 1)
    along, down = np.linspace(0, 1, wide)[None, :, None], np.linspace(0, 1, high)[:, None, None]
    upper, lower = quad[0] + along * (quad[1] - quad[0]), quad[3] + along * (quad[2] - quad[3])
    places = np.rint(upper + down * (lower - upper)).astype(np.int64)
    x = places[..., 0].clip(0, picture.shape[1] - 1)
    y = places[..., 1].clip(0, picture.shape[0] - 1)
    strip: NDArray[np.float32] = picture[y, x].mean(axis=2, dtype=np.float32)
    return strip


def _cuts(words: Sequence[str], strip: NDArray[np.float32]) -> list[float]:
    """Return where each word but the last ends: the gaps of the ink that fit best with how long words should be."""
    height, length = strip.shape
    is_ink = (np.abs(strip - np.median(strip)) > _DARK).any(axis=0)
    inked = np.flatnonzero(is_ink)
    first, last = (int(inked[0]), int(inked[-1]) + 1) if inked.size else (0, length)
    widths = np.array([_width(char) for char in " ".join(words)])
    scale = (last - first) / widths.sum()
    expected, at = [], 0
    for word in words[:-1]:
        at += len(word) + 1
        expected.append(first + (widths[: at - 1].sum() + widths[at - 1] / 2) * scale)
    gaps = [gap for gap in _gaps(is_ink, first, last) if gap[1] - gap[0] >= _GAP * height]
    if len(gaps) < len(expected):
        return expected
    return _fit(expected, gaps, height)


def _width(char: str) -> float:
    """Return about how wide a letter is, by what most fonts have in common."""
    if unicodedata.east_asian_width(char) in "WF":
        return 1.0
    if char in _NARROW:
        return 0.3
    return 0.85 if char in _WIDE else 0.67 if char.isupper() else 0.53


def _gaps(is_ink: NDArray[np.bool_], first: int, last: int) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(is_ink[first:last].astype(np.int8)))
    return [(first + int(start) + 1, first + int(end) + 1) for start, end in zip(edges[::2], edges[1::2], strict=False)]


def _fit(expected: Sequence[float], gaps: Sequence[tuple[int, int]], height: int) -> list[float]:
    """Give each end of a word a gap of its own, in order, near to where it should be and wide: the cheapest way."""
    middles = np.array([(start + end) / 2 for start, end in gaps])
    wide = np.array([min(end - start, height) for start, end in gaps])
    cost = np.abs(np.asarray(expected)[:, None] - middles[None]) - _WEIGHT * wide[None]
    best = np.full(cost.shape, np.inf)
    came = np.zeros(cost.shape, np.int64)
    best[0] = cost[0]
    for row in range(1, len(cost)):
        lowest, where = np.inf, 0
        for column in range(row, cost.shape[1]):
            if best[row - 1, column - 1] < lowest:
                lowest, where = best[row - 1, column - 1], column - 1
            best[row, column], came[row, column] = lowest + cost[row, column], where
    column = int(np.argmin(best[-1]))
    chosen = [column]
    for row in range(len(cost) - 1, 0, -1):
        column = int(came[row, column])
        chosen.append(column)
    return [float(middles[at]) for at in reversed(chosen)]
