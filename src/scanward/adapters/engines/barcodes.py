"""Finds barcodes: zxing-cpp reads them, OpenCV finds linear ones that nobody can read any more.

A code that is read is certain: none is read in pictures without one. What is not read can still be read by a better
reader, so linear codes are found by their bars alone as well, and what looks like the squares of a code is looked at
again, enlarged and sharpened.
"""

from collections.abc import Iterator
from importlib import metadata
from typing import Final, NamedTuple

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from scanward.errors import EngineError
from scanward.ports.engines import Picture, Quad

_LINEAR: Final = frozenset(zxingcpp.barcode_formats_list(zxingcpp.barcode_formats_from_str("AllLinear")))
_ALL: Final = zxingcpp.barcode_formats_from_str("AllReadable")
_STACKED: Final = zxingcpp.barcode_formats_from_str("PDF417")

Grey = NDArray[np.uint8]

BLOCK: Final = 8
"""Pixels of a side of the blocks that are looked at for dense edges."""

DENSE: Final = 22
"""Mean difference of neighbouring pixels, both ways together, that a code of two pixels a module has at least."""

MAX_DENSE_SHARE: Final = 0.1
"""Of a picture, at most so much is looked at again, the densest first: hair and text are dense, too."""

_SMALLEST: Final = 24
"""Pixels of the side of the smallest code: 11 modules of two pixels."""

_MARGIN: Final = 0.04
"""Of the size of a code, on each side: the corners that are told lie within its outer modules."""

_LIKE: Final = 0.35
"""Correlation with the bars of the line that was read that a line of the same code has at least."""

_SAMPLES: Final = 256

_EDGE: Final = 0.35
"""Of the strongest edge of a code: weaker ones are noise."""

_TURN: Final = 0.25
"""Of the range from dark to bright, so far a line of bars goes up or down before it counts as another bar or gap."""

_FEWEST_TURNS: Final = 4
"""How often a line through what may be a code goes up or down at least; through a colour scale it does twice."""

_REST: Final = 1.6
"""Behind the last bar is no other one for so many times the widest gap in the code, so quiet zones are ten modules."""

_REGULAR: Final = 0.9
"""Of the gaps of a ruler, at least so many are alike; of a code, bars of two widths at least take turns."""

_STACK_MARGIN: Final = 0.4
"""Of the height of a stacked code, above and below: a corner that is told may be so far off in a turned one."""


class _Dense(NamedTuple):
    x: int
    y: int
    width: int
    height: int
    density: float


class BarcodeReader:
    """Finds linear codes, stacked codes and codes of squares, at any angle, dark on bright or bright on dark."""

    def __init__(self) -> None:
        self.name = f"zxing-cpp {metadata.version('zxing-cpp')}"
        self._bars = cv2.barcode.BarcodeDetector()

    def find(self, picture: Picture) -> list[Quad]:
        """Return where codes are, each with a margin; one code may be found more than once.

        Raises
        ------
        EngineError
            A reader failed on the picture.
        """
        grey = np.ascontiguousarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
        try:
            # The reader inverts codes of squares by itself, stacked ones not.
            found = _read(grey) + _read(np.asarray(255 - grey, np.uint8), _STACKED)
            found += [_whole(grey, quad) for quad in self._find_bars(grey) if _is_code(_profile(grey, quad))]
            for dense in _dense(grey):
                found += self._look_again(grey, dense)
        except (cv2.error, RuntimeError, ValueError):
            raise EngineError("barcode reader: expected to look at any picture, failed on one") from None
        return found

    def _find_bars(self, grey: Grey) -> list[Quad]:
        is_found, corners = self._bars.detectMulti(grey)
        if not is_found or corners is None:
            return []
        return [np.asarray(quad, np.float32).reshape(4, 2) for quad in corners]

    @staticmethod
    def _look_again(grey: Grey, dense: _Dense) -> list[Quad]:
        crop = grey[dense.y : dense.y + dense.height, dense.x : dense.x + dense.width]
        large = np.asarray(cv2.resize(crop, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR), np.uint8)
        blurred = cv2.GaussianBlur(crop, (0, 0), 2)
        sharp = np.asarray(cv2.addWeighted(crop, 2.5, blurred, -1.5, 0), np.uint8)
        offset = np.array([dense.x, dense.y], np.float32)
        quads = []
        for view, scale in ((large, 2), (sharp, 1), (np.asarray(255 - crop, np.uint8), 1)):
            quads += [np.asarray(quad / scale + offset, np.float32) for quad in _read(view)]
        return quads


def _read(grey: Grey, formats: zxingcpp.BarcodeFormats = _ALL) -> list[Quad]:
    """Return where codes are that can be read."""
    quads = []
    for code in zxingcpp.read_barcodes(grey, formats, try_rotate=True, try_downscale=True, try_invert=True):
        place = code.position
        corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
        quad = _grown(np.array([[corner.x, corner.y] for corner in corners], np.float32))
        # Of bars, only the lines that were read are told.
        if code.format in _LINEAR:
            quad = _whole(grey, quad)
        elif code.format == zxingcpp.BarcodeFormat.PDF417:
            quad = _stacked(quad)
        quads.append(quad)
    return quads


def _grown(quad: Quad) -> Quad:
    """Return a quad with a margin of at least two pixels."""
    center = quad.mean(axis=0)
    away = quad - center
    reach = np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
    return np.asarray(quad + away * _MARGIN + away / reach * 3, np.float32)


def _stacked(quad: Quad) -> Quad:
    """Return a stacked code with room for corners that are off."""
    center, size, angle = cv2.minAreaRect(quad)
    more = 2 * _STACK_MARGIN * min(size)
    return np.asarray(cv2.boxPoints((center, (size[0] + more, size[1] + more), angle)), np.float32)


def _whole(grey: Grey, quad: Quad) -> Quad:
    """Return a linear code in the whole length and height of its bars."""
    if not _is_across(grey, quad):
        quad = np.roll(quad, 1, axis=0)
    left, right = (quad[0] + quad[3]) / 2, (quad[1] + quad[2]) / 2
    length = float(np.linalg.norm(right - left))
    if length < _SMALLEST:
        return _grown(quad)
    along = (right - left) / length
    up = np.array([along[1], -along[0]], np.float32)
    height = max(float(np.linalg.norm(quad[3] - quad[0])), 4.0)
    before, behind = _lengths(grey, left, along, up, length, height)
    left, right = left - before * along, right + behind * along
    reach = int(min(length * 2, max(grey.shape)))
    lines = _sample(
        grey,
        left,
        (right - left) * np.linspace(0, 1, _SAMPLES, dtype=np.float32)[:, None],
        up * np.arange(-reach, reach + 1, dtype=np.float32)[:, None],
    )
    likeness = _correlations(lines, reach)
    above, below = _reach(likeness[reach:]), _reach(likeness[reach::-1])
    corners = [left + above * up, right + above * up, right - below * up, left - below * up]
    hull = cv2.minAreaRect(np.concatenate([quad, np.array(corners, np.float32)]))
    return _grown(np.asarray(cv2.boxPoints(hull), np.float32))


def _sample(
    grey: Grey, start: NDArray[np.float32], columns: NDArray[np.float32], rows: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the pixels at `start` and so far from it: (rows, columns)."""
    places = np.asarray(start + columns[None, :, :] + rows[:, None, :], np.float32)
    across, down = np.ascontiguousarray(places[..., 0]), np.ascontiguousarray(places[..., 1])
    return np.asarray(cv2.remap(grey, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _lengths(
    grey: Grey,
    left: NDArray[np.float32],
    along: NDArray[np.float32],
    up: NDArray[np.float32],
    length: float,
    height: float,
) -> tuple[float, float]:
    """Return how far bars go on before and behind a part of a linear code."""
    reach = int(length)
    columns = along * np.arange(-reach, 2 * reach + 1, dtype=np.float32)[:, None]
    rows = up * np.linspace(-0.25, 0.25, 9, dtype=np.float32)[:, None] * height
    profile = _sample(grey, left, columns, rows).mean(axis=0)
    edges = np.abs(np.diff(profile))
    strong = np.flatnonzero(edges > _EDGE * np.percentile(edges[reach : 2 * reach], 95))
    inside = strong[(strong >= reach) & (strong < 2 * reach)]
    if len(inside) < 4:
        return 0.0, 0.0
    rest = _REST * max(float(np.diff(inside).max()), 4.0)
    first, last = float(inside[0]), float(inside[-1])
    for edge in strong[strong > last]:
        if edge - last > rest:
            break
        last = float(edge)
    for edge in strong[strong < first][::-1]:
        if first - edge > rest:
            break
        first = float(edge)
    return max(reach - first, 0.0), max(last - 2 * reach, 0.0)


def _profile(grey: Grey, quad: Quad) -> NDArray[np.float32]:
    """Return the mean of the lines that cross the bars of what may be a code."""
    if not _is_across(grey, quad):
        quad = np.roll(quad, 1, axis=0)
    size = (max(int(np.linalg.norm(quad[1] - quad[0])), 4), 8)
    target = np.array([[0, 0], [size[0], 0], [size[0], size[1]], [0, size[1]]], np.float32)
    turn = cv2.getPerspectiveTransform(quad, target)
    patch = cv2.warpPerspective(grey, turn, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(patch.mean(axis=0), np.float32)


def _is_code(profile: NDArray[np.float32]) -> bool:
    """Whether bars that nobody can read are many, as those of a colour scale are not, and no comb."""
    return _turns(profile) >= _FEWEST_TURNS and not _is_comb(profile)


def _turns(profile: NDArray[np.float32]) -> int:
    """Return how often a line goes from dark to bright or back."""
    low, high = np.percentile(profile, (5, 95))
    least = max(_TURN * float(high - low), 1.0)
    turns, goes_up = 0, True
    farthest = float(profile[0])
    for value in profile.tolist():
        if (value > farthest) == goes_up:
            farthest = value
        elif abs(value - farthest) > least:
            turns, goes_up, farthest = turns + 1, not goes_up, value
    return turns


def _is_comb(profile: NDArray[np.float32]) -> bool:
    """Whether all bars, and all gaps between them, are of one width: a ruler, which tells nothing."""
    steps = np.diff(profile)
    least = _EDGE * float(np.percentile(np.abs(steps), 95))
    return _is_regular(steps, least) and _is_regular(-steps, least)


def _is_regular(steps: NDArray[np.float32], least: float) -> bool:
    """Whether nearly all steps upwards of at least `least` are as far from the next."""
    places = np.flatnonzero(steps > max(least, 1.0))
    gaps = np.diff(places)
    gaps = gaps[gaps > 2]
    if len(gaps) < 8:
        return False
    usual = float(np.median(gaps))
    return float((np.abs(gaps - usual) <= max(1.0, 0.1 * usual)).mean()) >= _REGULAR


def _is_across(grey: Grey, quad: Quad) -> bool:
    """Whether the first edge crosses the bars rather than runs along them; readers differ in the order of corners."""
    side = 64
    target = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
    patch = cv2.warpPerspective(grey, cv2.getPerspectiveTransform(quad, target), (side, side))
    return float(patch.mean(axis=0).std()) >= float(patch.mean(axis=1).std())


def _correlations(lines: NDArray[np.float32], middle: int) -> NDArray[np.float32]:
    centred = lines - lines.mean(axis=1, keepdims=True)
    norms = np.maximum(np.linalg.norm(centred, axis=1), 1e-3)
    return np.asarray(centred @ centred[middle] / (norms * norms[middle]), np.float32)


def _reach(likeness: NDArray[np.float32]) -> float:
    """Return how far lines stay alike, over gaps of two, and two further."""
    unlike = likeness < _LIKE
    ends = np.flatnonzero(unlike[:-2] & unlike[1:-1] & unlike[2:])
    return float(ends[0] if len(ends) else len(likeness)) + 2


def _dense(grey: Grey) -> Iterator[_Dense]:
    """Yield where neighbouring pixels differ as they do in codes, the densest first."""
    if min(grey.shape) <= 2 * BLOCK:
        return
    here = grey[:-1, :-1]
    edges = cv2.add(cv2.absdiff(here, grey[:-1, 1:]), cv2.absdiff(here, grey[1:, :-1]))
    size = (edges.shape[1] // BLOCK, edges.shape[0] // BLOCK)
    blocks = cv2.resize(edges, size, interpolation=cv2.INTER_AREA)
    is_dense = (cv2.blur(blocks, (3, 3)) > DENSE).astype(np.uint8)
    # Around a code is some room without edges, which readers need.
    wide = cv2.dilate(is_dense, np.ones((5, 5), np.uint8))
    count, labels, places, _ = cv2.connectedComponentsWithStats(wide)
    found = []
    for index in range(1, count):
        x, y, width, height = (int(value) * BLOCK for value in places[index, :4])
        if min(width, height) >= _SMALLEST:
            density = float(blocks[labels == index].mean())
            found.append(_Dense(x, y, width + BLOCK, height + BLOCK, density))
    left = MAX_DENSE_SHARE * grey.size
    for dense in sorted(found, key=lambda item: -item.density):
        left -= dense.width * dense.height
        if left < 0:
            return
        yield dense
