"""What many frames of one size show together: their median, brightest and darkest values, and how far they depart."""

from collections.abc import Callable, Sequence
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from scanward.deidentify.pixels.looks import FEWEST, MAX_LONE, Levels, find_lone_levels
from scanward.deidentify.pixels.rectangle import Rectangle
from scanward.deidentify.pixels.view import Grey
from scanward.ports.engines import Picture

SAMPLED: Final = 15
"""Frames that the median is taken of, which are held in memory."""

SAMPLED_BYTES: Final = 256 * 1024 * 1024
"""What they take at most; fewer are sampled of large frames."""

DEPARTS_SHARE: Final = 0.04
"""A frame that departs from the median by less than this share of the range shows no word of its own there."""

Show = Callable[[int], Picture | Grey]
"""Shows a frame, by its index."""

Departing = dict[int, float]
"""How far frames are from the median, by their index."""

Apart = NDArray[np.uint8] | NDArray[np.float32]
"""How far frames are apart: as their values are, bytes or not."""


class Composites:
    """What a run of frames shows together; each frame is shown twice, few are held.

    Parameters
    ----------
    show
        Shows a frame.
    first, last
        The run, both included.
    levels_of
        Says the values of a frame in steps of one; None where lone ones are no question.
    window
        Lowest and highest value that viewers show by default: a word over soft tissue is nothing beside bone that comes
        and goes.

    Attributes
    ----------
    median, brightest, darkest
        Of all frames, the median of some.
    departure
        How far any frame is from the median.
    flash
        How far any frame is from both of its neighbours in the default window: what is there in one frame alone.
        Anatomy that changes from slice to slice, in which it drowns in the others, is hardly seen in it.
    far
        How much each frame as a whole is from the median, in order.
    lone
        For each frame, in order, the levels that are far more common in it than those next to them, by how much.
    range
        From the darkest value of all to the brightest.
    """

    def __init__(
        self,
        show: Show,
        first: int,
        last: int,
        levels_of: Callable[[Picture | Grey], Levels] | None,
        window: tuple[float, float] | None = None,
    ) -> None:
        self.first, self.last = first, last
        shown = show(first)
        self._like = shown
        self._show = show
        values = values_of(shown)
        self.shape = (values.shape[0], values.shape[1])
        count = last - first + 1
        sampled = max(3, min(SAMPLED, SAMPLED_BYTES // max(values.nbytes, 1)))
        chosen = {
            first + round(number * (count - 1) / (min(sampled, count) - 1)) for number in range(min(sampled, count))
        }
        self.brightest, self.darkest = values.copy(), values.copy()
        samples = [values]
        for index in range(first + 1, last + 1):
            values = values_of(show(index))
            np.maximum(self.brightest, values, out=self.brightest)
            np.minimum(self.darkest, values, out=self.darkest)
            if index in chosen:
                samples.append(values)
        self.median = np.median(np.stack(samples), axis=0).astype(samples[0].dtype)
        self.departure = np.zeros(self.shape, values.dtype)
        self.flash = np.zeros(self.shape, values.dtype)
        self.far: list[float] = []
        self.lone: list[dict[int, float]] = []
        steps: list[Apart] = []
        before: list[NDArray[np.generic]] = []
        for index in range(first, last + 1):
            shown = show(index)
            values = values_of(shown)
            self.lone.append({} if levels_of is None else find_lone_levels(levels_of(shown)))
            apart = self.departure_of(values)
            self.far.append(float(apart.mean()))
            np.maximum(self.departure, apart, out=self.departure)
            values = values if window is None else np.clip(values, *window)
            steps = [*steps, *(_strongest(values, one) for one in before[-1:])][-2:]
            if len(steps) == 2:
                np.maximum(self.flash, np.minimum(*steps), out=self.flash)
            before = [*before, values][-3:]
            if len(before) == 3:
                # The first and the last have neighbours on one side only, and are compared with two of them.
                ends = [before] * (index == first + 2) + [before[::-1]] * (index == last)
                for end, beside, next_ in ends:
                    alone = np.minimum(_strongest(end, beside), _strongest(end, next_))
                    np.maximum(self.flash, alone, out=self.flash)
        self.range = float(self.brightest.max()) - float(self.darkest.min())

    def departure_of(self, values: NDArray[np.generic]) -> Apart:
        """Return how far a frame is from the median, in its strongest channel."""
        return _strongest(values, self.median)

    def shown(self, values: NDArray[np.generic]) -> Picture | Grey:
        """Return a composite as if it were a frame."""
        if isinstance(self._like, Grey):
            padding = self._like.padding
            return Grey(values=values.astype(np.float32), padding=padding, is_inverted=self._like.is_inverted)
        return values.astype(np.uint8)

    @property
    def frames(self) -> range:
        """The frames of the run."""
        return range(self.first, self.last + 1)

    def departing(self, boxes: Sequence[Rectangle]) -> list[Departing]:
        """Return for each place the frames that show something of their own there, and how far they depart."""
        least = DEPARTS_SHARE * self.range
        found: list[Departing] = [{} for _ in boxes]
        for index in self.frames if boxes else ():
            values = values_of(self._show(index))
            for box, departing in zip(boxes, found, strict=True):
                far = float(np.percentile(self._apart(values, box), 95))
                if far > least:
                    departing[index] = far
        return found

    def differing(self, boxes: Sequence[Rectangle]) -> dict[int, list[int]]:
        """Return the frames that differ from the median in a place by as little as a stroke, with which places."""
        least = DEPARTS_SHARE * self.range
        open_ = [number for number, box in enumerate(boxes) if _strokes(self.departure[_slices(box)]) > least]
        found: dict[int, list[int]] = {}
        for index in self.frames if open_ else ():
            values = values_of(self._show(index))
            here = [number for number in open_ if _strokes(self._apart(values, boxes[number])) > least]
            if here:
                found[index] = here
        return found

    def own_levels(self) -> dict[int, list[int]]:
        """Return the frames in which levels are lone that are not so in many others, with these."""
        levels = {level for lone in self.lone for level in lone}
        usual = {level: float(np.percentile([lone.get(level, 0.0) for lone in self.lone], 75)) for level in levels}
        own = {
            index: [level for level, beyond in lone.items() if beyond - usual[level] > FEWEST][:MAX_LONE]
            for index, lone in zip(self.frames, self.lone, strict=True)
        }
        return {index: some for index, some in own.items() if some}

    def _apart(self, values: NDArray[np.generic], box: Rectangle) -> Apart:
        where = _slices(box)
        return _strongest(values[where], self.median[where])


def values_of(shown: Picture | Grey) -> NDArray[np.generic]:
    """Return what is shown as numbers: (rows, columns), or (rows, columns, 3) of colour."""
    return shown.values if isinstance(shown, Grey) else shown


def cropped(shown: Picture | Grey, box: Rectangle) -> Picture | Grey:
    """Return a part of what is shown."""
    rows, columns = slice(box.y, box.bottom), slice(box.x, box.right)
    if not isinstance(shown, Grey):
        return np.ascontiguousarray(shown[rows, columns])
    padding = shown.padding[rows, columns] if shown.padding is not None else None
    return Grey(values=shown.values[rows, columns].copy(), padding=padding, is_inverted=shown.is_inverted)


def stretched(values: Apart) -> Picture:
    """Return numbers from 0 on as a picture."""
    high = float(np.percentile(values, 99.9))
    levels = np.clip(values * np.float32(255 / high), 0, 255) if high > 0 else np.zeros_like(values)
    return cv2.cvtColor(levels.astype(np.uint8), cv2.COLOR_GRAY2RGB).astype(np.uint8, copy=False)


def _slices(box: Rectangle) -> tuple[slice, slice]:
    return slice(max(box.y, 0), max(box.bottom, 0)), slice(max(box.x, 0), max(box.right, 0))


def _strongest(values: NDArray[np.generic], other: NDArray[np.generic]) -> Apart:
    apart = cv2.absdiff(np.ascontiguousarray(values), np.ascontiguousarray(other))
    if apart.ndim == 3:
        red, green, blue = cv2.split(apart)
        apart = cv2.max(cv2.max(red, green), blue)
    return cast("Apart", apart)  # of the type of the values


def _strokes(apart: Apart) -> float:
    """Return how far the farthest stroke is apart; single pixels are noise."""
    return float(cv2.blur(apart.astype(np.float32), (3, 3)).max()) if apart.size else 0.0
