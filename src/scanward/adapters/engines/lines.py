"""Follows lines of text: what does not look like text by itself is seen beside what does.

Half of a name lies on black and is found, the other half runs over bone and is not. So each region that was found is
brought to one height together with what lies to both sides of it, and the model looks at this strip. The part that is
known tells it what to look for, as the strips do that the engine tests itself with.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from scanward.ports.engines import Picture, Quad

Scores = Callable[[Picture], NDArray[np.float32]]
"""Says of each pixel how much it looks like text; sides are multiples of 32."""

HEIGHT: Final = 40
"""Rows that a region is brought to, margin included."""

ROWS: Final = 96
"""Rows of a strip."""

REACH: Final = 6.0
"""How far a line is followed, in heights."""

MAX_COLUMNS: Final = 2304
"""Columns of a strip at most; a longer line is followed from a coarser one."""

GAP: Final = 1.2
"""Heights without text that end a line."""

SCORE: Final = 0.2
"""From here on a pixel counts."""

CORE: Final = 0.3
"""How far from the middle of the line, in heights, pixels belong to it."""

SHORTEST: Final = 9
"""Columns in a row that look like text; fewer are a stroke of something else."""

_STEP: Final = 256
"""Columns of strips are multiples of it: each new width costs time and memory to make ready for."""


@dataclass(frozen=True, slots=True)
class _Strip:
    """A line and its surroundings, brought to `HEIGHT`.

    Attributes
    ----------
    turn
        From pixels of the strip to those of the picture, (2, 3).
    columns
        Of the strip.
    height
        Rows of the line.
    first, last
        Columns where the region begins and ends.
    """

    turn: NDArray[np.float32]
    columns: int
    height: float
    first: int
    last: int

    def cut(self, image: NDArray[np.uint8], how: int, border: int) -> NDArray[np.uint8]:
        """Return the strip of a picture, or of a mask."""
        flags = how | cv2.WARP_INVERSE_MAP
        cut = cv2.warpAffine(image, self.turn, (self.columns, ROWS), flags=flags, borderMode=border)
        return np.asarray(cut, np.uint8)

    def quad(self, first: float, last: float) -> Quad:
        """Return the corners, in the picture, of some columns of the line."""
        top, bottom = (ROWS - self.height) / 2, (ROWS + self.height) / 2
        corners = np.array([[first, top], [last, top], [last, bottom], [first, bottom]], np.float32)
        return np.asarray(corners @ self.turn[:, :2].T + self.turn[:, 2], np.float32)


def follow_lines(scores: Scores, picture: Picture, quads: Sequence[Quad], covered: NDArray[np.bool_]) -> list[Quad]:
    """Return what stands beside regions in their lines and was not found.

    Parameters
    ----------
    scores
        A model that looks.
    picture
        What the regions are of.
    quads
        Regions that are text.
    covered
        Which pixels are known to be text.
    """
    known = covered.astype(np.uint8)
    there = np.ones(picture.shape[:2], np.uint8)
    return [found for quad in quads for found in _follow(scores, picture, quad, known, there)]


def _follow(
    scores: Scores, picture: Picture, quad: Quad, known: NDArray[np.uint8], there: NDArray[np.uint8]
) -> list[Quad]:
    strip = _strip_of(quad)
    if strip is None:
        return []
    looks = scores(strip.cut(picture, cv2.INTER_LINEAR, cv2.BORDER_REPLICATE))
    core = slice(round(ROWS / 2 - CORE * strip.height), round(ROWS / 2 + CORE * strip.height) + 1)
    is_text = (looks[core].max(axis=0) > SCORE).astype(np.uint8)[None]
    is_text = cv2.morphologyEx(is_text, cv2.MORPH_OPEN, np.ones((1, SHORTEST), np.uint8))[0]
    is_known, is_there = (
        strip.cut(mask, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT)[core].mean(axis=0) > 0.5 for mask in (known, there)
    )
    is_new = (is_text > 0) & ~is_known & is_there
    margin = strip.height / 6
    after = _reach(is_new[strip.last :], strip.height)
    before = _reach(is_new[: strip.first][::-1], strip.height)
    found = [strip.quad(strip.last - margin, strip.last + after + margin)] if after else []
    return [*found, strip.quad(strip.first - before - margin, strip.first + margin)] if before else found


def _strip_of(quad: Quad) -> _Strip | None:
    edges = quad[1] - quad[0], quad[2] - quad[1]
    along, across = sorted(edges, key=lambda edge: -float(np.hypot(*edge)))
    width, height = float(np.hypot(*along)), float(np.hypot(*across))
    if height < 1:
        return None
    unit = along / width
    if unit[0] < -1e-3 or (abs(unit[0]) <= 1e-3 and unit[1] < 0):
        unit = -unit
    normal = np.array([-unit[1], unit[0]])
    whole = width + 2 * REACH * height
    scale = min(HEIGHT / height, MAX_COLUMNS / whole)
    columns = -(-round(whole * scale) // _STEP) * _STEP
    turn = np.empty((2, 3), np.float32)
    turn[:, 0], turn[:, 1] = unit / scale, normal / scale
    turn[:, 2] = quad.mean(axis=0) - unit * (columns / 2 / scale) - normal * (ROWS / 2 / scale)
    half = width * scale / 2
    return _Strip(turn, columns, height * scale, int(columns / 2 - half), int(columns / 2 + half))


def _reach(is_new: NDArray[np.bool_], height: float) -> int:
    """Return how far text goes on without a gap that ends the line; columns."""
    places = np.flatnonzero(is_new)
    last = -1
    for place in places:
        if place - last > GAP * height:
            break
        last = int(place)
    return last + 1
