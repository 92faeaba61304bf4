"""What is seen on a page: lines that are read in its picture, and what of the page's own text they confirm.

A page's own text says where each character stands, to the point, and may be wrong: drawn from a font that calls its
letters otherwise, laid under a picture, written by somebody else's reader. The picture says what people see. So the own
text counts where what is read in its place is about the same, or where nothing can be read and nothing but text is
drawn; elsewhere what is read counts, where it is read for sure; and the rest is covered.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from scanward.deidentify.documents.page_picture import pixels_of
from scanward.deidentify.documents.page_text import Glyph, levelled
from scanward.deidentify.documents.page_words import READ, TALL, alike, bounds, folded, height_of, is_wide, part_lines
from scanward.ports.documents import Box, MarkKind, PdfMark
from scanward.ports.engines import Picture, Quad, TextEngine

FINDING_SCALE: Final = 0.63
"""How large pages of 200 dots an inch are looked at where they have no pictures: A4 at one go."""


_SAME: Final = 0.75
"""How much alike what is read and what the page says are at least: a letter may be misread here or there."""

_WITHIN: Final = 0.85
"""A region of which so much lies within one that was read is a part of it."""

_FLAT: Final = 24
"""Levels that differ by less show nothing."""

_SAME_HARDLY: Final = 0.4
"""The same where it is not read for sure and nothing but text is drawn there."""

_SMALL: Final = 14.0
"""Pixels: lines that are lower cannot be read, so nothing is said of them by what they read as."""

_ASLANT: Final = 20.0
"""Degrees that letters and the line that they stand in are turned apart at most."""


_FEWEST: Final = 3
"""Lines that a page has at least for it to be turned."""

_LEGIBLE: Final = 0.7
"""A page that reads with less is tried upside down."""

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
        Its corners, clockwise.
    words
        Each word and the box around it; a line whose words cannot be told apart has that of the line for each.
    angle
        By how much it is turned clockwise from level: a multiple of 90.
    """

    text: str = field(repr=False)
    confidence: float
    quad: Quad = field(repr=False)
    words: tuple[tuple[str, Box], ...] = field(repr=False)
    angle: int = 0

    @property
    def box(self) -> Box:
        """The upright box around it."""
        return bounds(self.quad)

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
        The corners of what cannot be read for sure.
    """

    glyphs: list[Glyph]
    doubted: list[Glyph]
    covered: list[Quad]


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
    return _distinct(_read(engine, picture, quads))


def _read(engine: TextEngine, picture: Picture, quads: Sequence[Quad]) -> list[ReadLine]:
    """Return what regions read as; on a page whose lines are not level, as it reads when it is turned."""
    lines = _read_turned(engine, picture, quads, 0)
    turns = _turns_to_try(lines)
    if turns:
        lines = max([lines, *(_read_turned(engine, picture, quads, turn) for turn in turns)], key=_legibility)
    return lines


def _turns_to_try(lines: Sequence[ReadLine]) -> Sequence[int]:
    if len(lines) < _FEWEST:
        return ()
    tall = sum(height_of(line.box) > TALL * (line.box.right - line.box.left) for line in lines)
    if tall > len(lines) / 2:
        return 1, 3
    return (2,) if _legibility(lines) < _LEGIBLE else ()


def _legibility(lines: Sequence[ReadLine]) -> float:
    """Return how surely lines are read, long ones counting more; level ones only, as others have no words."""
    weights = [max(line.box.right - line.box.left, height_of(line.box)) for line in lines]
    sure = (
        weight * line.confidence * (len(line.text) > 1) * (line.angle % 180 != 0 or is_wide(line.box))
        for weight, line in zip(weights, lines, strict=True)
    )
    return sum(sure) / max(sum(weights), 1.0)


def _read_turned(engine: TextEngine, picture: Picture, quads: Sequence[Quad], turns: int) -> list[ReadLine]:
    """Return what regions read as when the picture is turned anticlockwise by quarters."""
    turned = np.ascontiguousarray(np.rot90(picture, turns))
    there = [_in_order(_turn_points(quad, turns, picture.shape)) for quad in quads]
    readings = engine.read(turned, there)
    parted = part_lines(engine, turned, there, readings)
    lines = []
    for quad, reading, words in zip(there, readings, parted, strict=True):
        boxes = [(word, _turn_box(box, -turns % 4, turned.shape)) for word, box in words]
        corners = _turn_points(quad, -turns % 4, turned.shape)
        text = " ".join(word for word, _ in words)
        lines.append(ReadLine(text, reading.confidence, corners, tuple(boxes), turns * 90))
    return lines


def _turn_points(points: Quad, turns: int, shape: tuple[int, ...]) -> Quad:
    """Return where points lie when their picture is turned anticlockwise by quarters."""
    rows, columns = shape[:2]
    for _ in range(turns):
        points = np.stack([points[:, 1], columns - points[:, 0]], axis=1).astype(np.float32)
        rows, columns = columns, rows
    return points


def _turn_box(box: Box, turns: int, shape: tuple[int, ...]) -> Box:
    return bounds(_turn_points(np.array([box[:2], box[2:]], np.float32), turns, shape))


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


def weigh(lines: Sequence[ReadLine], own: Sequence[Glyph], without_text: Picture) -> Sight:
    """Say what counts of a page's own text and of what was read in its picture.

    Parameters
    ----------
    lines
        What was read.
    own
        The glyphs of the page's own text that are drawn.
    without_text
        The page with no text objects drawn.
    """
    doubted: set[int] = set()
    read: list[ReadLine] = []
    covered: list[Quad] = []
    for line in lines:
        inside = [number for number, glyph in enumerate(own) if _is_in_line(glyph, line)]
        if inside and _confirms(line, [own[number] for number in inside], without_text):
            continue
        doubted.update(inside)
        if line.is_sure:
            read.append(line)
        else:
            covered.append(line.quad)
    glyphs = [glyph for number, glyph in enumerate(own) if number not in doubted]
    return Sight(glyphs + glyphs_of(read), [glyph for number, glyph in enumerate(own) if number in doubted], covered)


def _is_in_line(glyph: Glyph, line: ReadLine) -> bool:
    """Whether a glyph stands in a line, and runs as it does: letters across a stamp are none of it."""
    box = glyph.ink
    middle = np.array([(box.left + box.right) / 2, (box.top + box.bottom) / 2], np.float32)
    edges, away = np.roll(line.quad, -1, axis=0) - line.quad, middle - line.quad
    if float((edges[:, 0] * away[:, 1] - edges[:, 1] * away[:, 0]).min()) < 0:
        return False
    along = max(edges, key=lambda edge: float(np.hypot(*edge)))
    apart = abs(float(np.degrees(np.arctan2(along[1], along[0]))) - glyph.angle) % 180
    is_short = float(np.hypot(*edges[0])) < TALL * float(np.hypot(*edges[1])) < TALL**2 * float(np.hypot(*edges[0]))
    return is_short or min(apart, 180 - apart) < _ASLANT


def _confirms(line: ReadLine, glyphs: Sequence[Glyph], without_text: Picture) -> bool:
    rows, columns = pixels_of(line.box, without_text.shape)
    part = without_text[rows, columns]
    is_text_alone = not part.size or int(np.ptp(part.reshape(-1, 3), axis=0).max()) < _FLAT
    places = [levelled(glyph.cell, glyph.angle) for glyph in glyphs]
    order = sorted(range(len(glyphs)), key=lambda at: (round(places[at].top / max(height_of(places[at]), 1)),
                                                       places[at].left))  # fmt: skip
    said, seen = folded("".join(glyphs[at].text for at in order)), folded(line.text)
    if is_text_alone and (min(len(said), len(seen)) <= 3 or not said.isascii()):
        return True  # too short to be compared, or of a script that the reader may not know
    if not line.is_sure:
        is_small = sum(map(height_of, places)) < _SMALL * len(places)
        return is_text_alone and (is_small or alike(said, seen) >= _SAME_HARDLY)
    return (bool(seen) and seen in said) or alike(said, seen) >= _SAME


# Words in a line


def glyphs_of(lines: Iterable[ReadLine]) -> list[Glyph]:
    """Return what was read as glyphs; those of one word go together."""
    glyphs: list[Glyph] = []
    word = 0
    for line in sorted(lines, key=lambda one: (one.box.top, one.box.left)):
        before = "\n"
        for text, box in line.words:
            for place, char in enumerate(text):
                cell = _share(box, len(text), place, line.angle)
                glyphs.append(Glyph(char, box, cell, float(line.angle), before, word))
                before = ""
            before = " "
            word += 1
    return glyphs


def _share(box: Box, count: int, place: int, angle: int) -> Box:
    """Return where a letter of a word stands; its strokes are taken to be all of the word's."""
    if angle in {180, 270}:
        place = count - 1 - place
    first, last = place / count, (place + 1) / count
    if angle % 180:
        high = height_of(box)
        return box._replace(top=box.top + first * high, bottom=box.top + last * high)
    wide = box.right - box.left
    return box._replace(left=box.left + first * wide, right=box.left + last * wide)
