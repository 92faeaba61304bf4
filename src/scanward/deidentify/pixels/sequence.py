"""Text in many frames of one size: the frames of a cine, the slices of a volume.

Looking at each frame would cost too much, and text mostly stands still. So frames are looked at together, as
composites: their median shows what stands in most of them, the brightest and darkest values and the greatest departure
from the median show what stands in a few. Where one of these shows text that the median does not, the frames that
depart from it there are looked at one by one, in that place only.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from scanward.deidentify.pixels.fill import Mask
from scanward.deidentify.pixels.looks import Look
from scanward.deidentify.pixels.rectangle import Rectangle
from scanward.deidentify.pixels.search import boxes_of, find_text, looks_of, mask_of
from scanward.deidentify.pixels.view import Grey, View
from scanward.ports.engines import Picture, TextEngine

TOGETHER: Final = 100
"""Frames that are looked at together: the more, the more of the picture is bright or dark in one of them."""

SAMPLED: Final = 15
"""Frames that the median is taken of, which are held in memory."""

SAMPLED_BYTES: Final = 256 * 1024 * 1024
"""What they take at most; fewer are sampled of large frames."""

MARGIN_HEIGHTS: Final = 1.5
"""How much of what is around a region is looked at with it."""

DEPARTS_SHARE: Final = 0.04
"""A frame that departs from the median by less than this share of the range shows no word of its own there."""

Show = Callable[[int], Picture | Grey]
"""Shows a frame, by its index."""

Floats = NDArray[np.float32]


@dataclass(slots=True)
class Masks:
    """What goes in each frame.

    Attributes
    ----------
    shape
        Rows and columns.
    still
        By first and last frame: what goes from all frames from one to the other.
    passing
        By frame: what goes from it besides.
    """

    shape: tuple[int, int]
    still: dict[tuple[int, int], Mask] = field(default_factory=dict)
    passing: dict[int, Mask] = field(default_factory=dict)

    def of(self, index: int) -> Mask | None:
        """Return what goes in a frame, or None."""
        parts = [mask for (first, last), mask in self.still.items() if first <= index <= last]
        if index in self.passing:
            parts.append(self.passing[index])
        if not parts:
            return None
        return parts[0] if len(parts) == 1 else np.logical_or.reduce(parts)

    def add_still(self, first: int, last: int, mask: Mask) -> None:
        """Let something go from all frames of a run."""
        if mask.any():
            have = self.still.get((first, last))
            self.still[first, last] = mask if have is None else have | mask

    def add(self, index: int, mask: Mask) -> None:
        """Let something go from one frame."""
        if mask.any():
            have = self.passing.get(index)
            self.passing[index] = mask if have is None else have | mask

    def merge(self, other: "Masks") -> None:
        """Add all that goes by another one."""
        for (first, last), mask in other.still.items():
            self.add_still(first, last, mask)
        for index, mask in other.passing.items():
            self.add(index, mask)

    def without(self, mask: Mask, share: float) -> "Masks":
        """Return it without the parts that lie within `mask` by more than a share."""
        left = Masks(self.shape)
        for (first, last), still in self.still.items():
            left.add_still(first, last, _without(still, mask, share))
        for index, passing in self.passing.items():
            left.add(index, _without(passing, mask, share))
        return left

    @property
    def is_empty(self) -> bool:
        """Whether nothing goes."""
        return not self.still and not self.passing

    def boxes(self) -> Iterator[tuple[int, int, Rectangle]]:
        """Yield first and last frame and each rectangle that goes."""
        for (first, last), mask in sorted(self.still.items(), key=lambda item: item[0]):
            yield from ((first, last, box) for box in boxes_of(mask))
        for index, mask in sorted(self.passing.items()):
            yield from ((index, index, box) for box in boxes_of(mask))


def search_frames(engine: TextEngine, show: Show, count: int, view: View, *, is_proof: bool = False) -> Masks:
    """Find text in `count` frames of one size.

    Parameters
    ----------
    engine
        Looks.
    show
        Shows a frame; called a few times for each.
    count
        How many there are.
    view
        Of the instance, or of any one of the instances: its windows count.
    is_proof
        Whether this is a look at a result: nothing is enlarged more than usual.

    Raises
    ------
    EngineError
        The engine failed its own test.
    """
    masks: Masks | None = None
    for first in range(0, count, TOGETHER):
        last = min(first + TOGETHER, count) - 1
        found = _search_run(engine, show, first, last, view, is_proof=is_proof)
        if masks is None:
            masks = found
        else:
            masks.merge(found)
    return masks if masks is not None else Masks((0, 0))


def _search_run(engine: TextEngine, show: Show, first: int, last: int, view: View, *, is_proof: bool) -> Masks:
    if first == last:
        shown = show(first)
        shape = values_of(shown).shape[:2]
        masks = Masks((shape[0], shape[1]))
        masks.add_still(first, last, mask_of(find_text(engine, looks_of(shown, view, is_proof=is_proof)), masks.shape))
        return masks
    run = _Composites(show, first, last)
    masks = Masks(run.shape)
    still = mask_of(find_text(engine, looks_of(run.shown(run.median), view, is_proof=is_proof)), run.shape)
    masks.add_still(first, last, still)
    looks = [looks_of(run.shown(part), view)[0] for part in (run.brightest, run.darkest)]
    looks.append(Look(_stretched(run.departure)))
    passing = mask_of(find_text(engine, looks), run.shape) & ~still
    for box in boxes_of(passing):
        if box.area > 0.98 * _covered(still, box):
            _look_one_by_one(engine, show, run, box, masks, view)
    return masks


def _without(mask: Mask, other: Mask, share: float) -> Mask:
    count, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
    left = mask.copy()
    for number in range(1, count):
        part = labels == number
        if float(other[part].mean()) > share:
            left[part] = False
    return left


def _covered(still: Mask, box: Rectangle) -> float:
    """Return how much of a rectangle goes anyway."""
    return float(still[box.y : box.bottom, box.x : box.right].sum())


class _Composites:
    """What a run of frames shows together; each frame is shown twice, few are held."""

    def __init__(self, show: Show, first: int, last: int) -> None:
        self.first, self.last = first, last
        shown = show(first)
        self._like = shown
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
        for index in range(first, last + 1):
            np.maximum(self.departure, self.departure_of(values_of(show(index))), out=self.departure)
        self.range = float(self.brightest.max()) - float(self.darkest.min())

    def departure_of(self, values: NDArray[np.generic]) -> Floats:
        """Return how far a frame is from the median, in its strongest channel."""
        apart = np.abs(values.astype(np.float32) - self.median.astype(np.float32))
        return apart if apart.ndim == 2 else apart.max(axis=2)

    def shown(self, values: NDArray[np.generic]) -> Picture | Grey:
        """Return a composite as if it were a frame."""
        if isinstance(self._like, Grey):
            padding = self._like.padding
            return Grey(values=values.astype(np.float32), padding=padding, is_inverted=self._like.is_inverted)
        return values.astype(np.uint8)


def _look_one_by_one(
    engine: TextEngine, show: Show, run: _Composites, box: Rectangle, masks: Masks, view: View
) -> None:
    """Find the frames that show what a composite showed; where none can be told, it goes from all."""
    part = np.zeros(run.shape, np.bool_)
    part[box.y : box.bottom, box.x : box.right] = True
    margin = round(MARGIN_HEIGHTS * min(box.width, box.height))
    around = box.grown(margin, margin).common(Rectangle(0, 0, run.shape[1], run.shape[0]))
    departing = []
    for index in range(run.first, run.last + 1):
        apart = run.departure_of(values_of(show(index)))[box.y : box.bottom, box.x : box.right]
        if float(np.percentile(apart, 95)) > DEPARTS_SHARE * run.range:
            departing.append(index)
    found = False
    for index in departing:
        if find_text(engine, looks_of(_cropped(show(index), around), view)):
            masks.add(index, part)
            found = True
    if not found:
        masks.add_still(run.first, run.last, part)


def values_of(shown: Picture | Grey) -> NDArray[np.generic]:
    """Return what is shown as numbers: (rows, columns), or (rows, columns, 3) of colour."""
    return shown.values if isinstance(shown, Grey) else shown


def _cropped(shown: Picture | Grey, box: Rectangle) -> Picture | Grey:
    rows, columns = slice(box.y, box.bottom), slice(box.x, box.right)
    if not isinstance(shown, Grey):
        return np.ascontiguousarray(shown[rows, columns])
    padding = shown.padding[rows, columns] if shown.padding is not None else None
    return Grey(values=shown.values[rows, columns].copy(), padding=padding, is_inverted=shown.is_inverted)


def _stretched(values: Floats) -> Picture:
    high = float(np.percentile(values, 99.9))
    levels = np.clip(values * (255 / high), 0, 255) if high > 0 else np.zeros_like(values)
    return cv2.cvtColor(levels.astype(np.uint8), cv2.COLOR_GRAY2RGB).astype(np.uint8, copy=False)
