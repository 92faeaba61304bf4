"""What many frames of one size show together: their median, brightest and darkest values, and how far they depart."""

from collections.abc import Callable, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

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

Floats = NDArray[np.float32]


class Composites:
    """What a run of frames shows together; each frame is shown twice, few are held.

    Parameters
    ----------
    show
        Shows a frame.
    first, last
        The run, both included.

    Attributes
    ----------
    median, brightest, darkest
        Of all frames, the median of some.
    departure
        How far any frame is from the median.
    far
        How much each frame as a whole is from the median, in order.
    range
        From the darkest value of all to the brightest.
    """

    def __init__(self, show: Show, first: int, last: int) -> None:
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
        self.departure = np.zeros(self.shape, np.float32)
        self.far: list[float] = []
        for index in range(first, last + 1):
            apart = self.departure_of(values_of(show(index)))
            self.far.append(float(apart.mean()))
            np.maximum(self.departure, apart, out=self.departure)
        self.range = float(self.brightest.max()) - float(self.darkest.min())

    def departure_of(self, values: NDArray[np.generic]) -> Floats:
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

    def _apart(self, values: NDArray[np.generic], box: Rectangle) -> Floats:
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


def stretched(values: Floats) -> Picture:
    """Return numbers from 0 on as a picture."""
    high = float(np.percentile(values, 99.9))
    levels = np.clip(values * (255 / high), 0, 255) if high > 0 else np.zeros_like(values)
    return cv2.cvtColor(levels.astype(np.uint8), cv2.COLOR_GRAY2RGB).astype(np.uint8, copy=False)


def _slices(box: Rectangle) -> tuple[slice, slice]:
    return slice(max(box.y, 0), max(box.bottom, 0)), slice(max(box.x, 0), max(box.right, 0))


def _strongest(values: NDArray[np.generic], median: NDArray[np.generic]) -> Floats:
    apart = np.abs(values.astype(np.float32) - median.astype(np.float32))
    return apart if apart.ndim == 2 else apart.max(axis=2)


def _strokes(apart: Floats) -> float:
    """Return how far the farthest stroke is apart; single pixels are noise."""
    return float(cv2.blur(apart, (3, 3)).max()) if apart.size else 0.0
