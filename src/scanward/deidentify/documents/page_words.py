"""The words of a line that was read, and where each of them stands."""

import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scanward.ports.documents import Box
from scanward.ports.engines import Picture, Quad, ReadText, TextEngine

READ: Final = 0.9
"""Mean confidence from which a line is read for sure; see :mod:`scanward.deidentify.pixels.keep`."""

_SAME_PARTS: Final = 0.85
"""The same for a line and its parts, each read alone."""

TALL: Final = 1.5
"""A region so many times as high as wide holds a line that runs up or down."""

_GAP: Final = 0.08
"""Of the height of a line: a narrower gap in the ink is none between words."""

_BLANK: Final = 0.2
"""The same for one that is taken for a blank though nothing was read there."""

_WEIGHT: Final = 3.0
"""How many heights off a gap may be for one height that it is wider."""

_DARK: Final = 40.0
"""Levels from the background on that count as ink."""

_WIDE: Final = frozenset("WMmw@%—")

_NARROW: Final = frozenset("iljtfrI.,:;'|!()[]/ -1")


def part_lines(
    engine: TextEngine, picture: Picture, quads: Sequence[Quad], readings: Sequence[ReadText]
) -> list[list[tuple[str, Box]]]:
    """Return the words of lines and where they stand.

    Readers leave blanks out. Where a line has more wide gaps in its ink than blanks in what it reads as, its parts are
    read each alone; these count where together they read as the line does.
    """
    parts: list[tuple[int, list[Quad]]] = []
    for number, (quad, reading) in enumerate(zip(quads, readings, strict=True)):
        box = bounds(quad)
        if reading.confidence < READ or not is_wide(box) or len(reading.text) < 3:
            continue
        strip = _strip(quad, picture)
        cuts = _wide_gaps(strip)
        if len(cuts) > reading.text.strip().count(" "):
            ends = [0.0, *cuts, 1.0]
            parts.append((number, [_part(quad, *_inked(strip, *part)) for part in pairwise(ends)]))
    read = iter(engine.read(picture, [part for _, some in parts for part in some]) if parts else [])
    alone: dict[int, list[tuple[str, Box]]] = {}
    for number, some in parts:
        texts = [next(read).text.replace(" ", "") for _ in some]
        if alike(folded("".join(texts)), folded(readings[number].text)) >= _SAME_PARTS:
            alone[number] = [(text, bounds(part)) for text, part in zip(texts, some, strict=True) if text]
    return [
        alone.get(number) or _words(reading.text, quad, picture)
        for number, (quad, reading) in enumerate(zip(quads, readings, strict=True))
    ]


def _words(text: str, quad: Quad, picture: Picture) -> list[tuple[str, Box]]:
    words, box = text.split(), bounds(quad)
    if len(words) < 2 or not is_wide(box):
        return [(word, box) for word in words]
    strip = _strip(quad, picture)
    ends = [0.0, *(cut / strip.shape[1] for cut in _cuts(words, strip)), 1.0]
    return [
        (word, bounds(_part(quad, *_inked(strip, first, last))))
        for word, (first, last) in zip(words, pairwise(ends), strict=True)
    ]


def _inked(strip: NDArray[np.float32], first: float, last: float) -> tuple[float, float]:
    """Return where in a part of a line the ink begins and ends, in shares of the length of the line."""
    length = strip.shape[1]
    start = round(first * length)
    inked = np.flatnonzero(_ink_of(strip)[start : round(last * length)])
    if not inked.size:
        return first, last
    # What is soft at the edges lies within a column or two.
    return max((start + int(inked[0]) - 1) / length, 0.0), min((start + int(inked[-1]) + 2) / length, 1.0)


def _wide_gaps(strip: NDArray[np.float32]) -> list[float]:
    """Return where a line has gaps as between words, in shares of its length."""
    is_ink = _ink_of(strip)
    inked = np.flatnonzero(is_ink)
    if not inked.size:
        return []
    gaps = _gaps(is_ink, int(inked[0]), int(inked[-1]) + 1)
    return [(start + end) / 2 / strip.shape[1] for start, end in gaps if end - start >= _BLANK * strip.shape[0]]


def _ink_of(strip: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return in which columns of a line anything stands out from its background."""
    is_ink: NDArray[np.bool_] = (np.abs(strip - np.median(strip)) > _DARK).any(axis=0)
    return is_ink


def _part(quad: Quad, first: float, last: float) -> Quad:
    """Return a part of a line, by shares of its length."""
    top, bottom = quad[1] - quad[0], quad[2] - quad[3]
    return np.stack(
        [quad[0] + first * top, quad[0] + last * top, quad[3] + last * bottom, quad[3] + first * bottom]
    ).astype(np.float32)


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
    is_ink = _ink_of(strip)
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


# Regions and texts


def bounds(points: Quad) -> Box:
    """Return the upright box around points."""
    low, high = points.min(axis=0), points.max(axis=0)
    return Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def height_of(box: Box) -> float:
    """Return how high a box is."""
    return box.bottom - box.top


def is_wide(box: Box) -> bool:
    """Whether a region may hold a level line."""
    return height_of(box) <= TALL * (box.right - box.left)


def alike(one: str, other: str) -> float:
    """Return how much alike two texts are, 0 to 1."""
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def folded(text: str) -> str:
    """Return letters and digits alone, without case and accents."""
    return "".join(char for char in unicodedata.normalize("NFKD", text).casefold() if char.isalnum())
