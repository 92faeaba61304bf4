"""Fills what has to go with what is around it: a value that fits there, means nothing, and keeps no trace of the text.

What is filled in is made only of pixels around the region, a ring that lies outside of all that goes. It is smooth, so
that no edge is made that was not there, and stays within what the ring has, so that nothing new appears: no value of
padding, no air in the body beyond what is around, no entry of a palette that is not used there.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scanward.deidentify.header.scan import MODALITY, SOP_CLASS_UID, InstanceFacts
from scanward.deidentify.pixels.header import Elements
from scanward.deidentify.pixels.samples import samples_of, stored_values, value_range
from scanward.ports.engines import FrameLayout, Samples

Mask = NDArray[np.bool_]
"""(rows, columns): what goes."""

Floats = NDArray[np.float64]

RING_PIXELS = 5
"""How wide the ring is whose pixels tell the background."""

MIN_RING_PIXELS = 12
"""A ring of fewer pixels is widened: it says too little."""

COMMON_PERCENT = 10
"""So much of a ring at either end counts as its extremes: what still reaches out of the region stays without weight."""

CT_AIR_HU = -1024
"""Nothing in a patient or around is below (PS3.3 C.11.1.1.2: Hounsfield units); lower values mark what is no image."""

PIXEL_PADDING_VALUE = 0x00280120
PIXEL_PADDING_RANGE_LIMIT = 0x00280121
RESCALE_INTERCEPT = 0x00281052
RESCALE_SLOPE = 0x00281053

_LABELS = frozenset({"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"})
"""Segmentation and Label Map Segmentation: 0 is no segment."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Background:
    """What values of an instance mean, as far as filling has to know.

    Attributes
    ----------
    layout
        Its samples.
    padding
        Least and largest value that mark what is no image, or None.
    floor
        Least value that is filled in, or None.
    is_label
        Whether values are names of things, 0 of none, and not of brightness.
    """

    layout: FrameLayout
    padding: tuple[int, int] | None = None
    floor: int | None = None
    is_label: bool = False

    @property
    def is_palette(self) -> bool:
        """Whether values are places in a table."""
        return self.layout.photometric == "PALETTE COLOR"


def read_background(layout: FrameLayout, facts: InstanceFacts, header: Elements) -> Background:
    """Return what filling has to know of an instance."""
    is_grey = layout.photometric.startswith("MONOCHROME")
    ends = [
        value
        for tag in (PIXEL_PADDING_VALUE, PIXEL_PADDING_RANGE_LIMIT)
        for value in header.integers(tag, signed=layout.is_signed)[:1]
    ]
    floor = None
    if is_grey and facts.text(MODALITY).upper() == "CT":
        slope = next(iter(header.decimals(RESCALE_SLOPE)), 1.0)
        intercept = next(iter(header.decimals(RESCALE_INTERCEPT)), None)
        air = (CT_AIR_HU - intercept) / slope if intercept is not None and slope > 0 else math.inf
        if abs(air) < 1 << layout.bits_stored:  # else it is no value of this frame
            floor = math.ceil(air)
    return Background(
        layout=layout,
        padding=(min(ends), max(ends)) if is_grey and ends and PIXEL_PADDING_VALUE in header else None,
        floor=floor,
        is_label=facts.text(SOP_CLASS_UID) in _LABELS,
    )


def fill(samples: Samples, mask: Mask, background: Background) -> Samples:
    """Return samples in which what `mask` covers is filled with what is around it.

    Parameters
    ----------
    samples
        One frame as decoded.
    mask
        What goes.
    background
        What the values mean.
    """
    filled = samples.copy()
    if background.is_label:
        filled[mask] = 0
        return filled
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    for number in range(1, count):
        x, y, width, height, _ = (int(value) for value in boxes[number])
        window, ring = _find_ring(samples, mask, (x, y, width, height), background)
        crop = samples[window]
        goes = labels[window] == number
        values = stored_values(crop, background.layout)
        new = _make_values(values, ring, background)
        filled[window][goes] = samples_of(new, background.layout, crop)[goes]
    return filled


def _find_ring(
    samples: Samples, mask: Mask, box: tuple[int, int, int, int], background: Background
) -> tuple[tuple[slice, slice], Mask]:
    """Return the window around a region, and in it the pixels that tell the background."""
    x, y, width, height = box
    rows, columns = mask.shape
    margin = RING_PIXELS
    while True:
        window = slice(max(0, y - margin), y + height + margin), slice(max(0, x - margin), x + width + margin)
        outside = ~mask[window]
        if background.padding is not None and outside.any():
            values = stored_values(samples[window], background.layout)
            outside &= (values < background.padding[0]) | (values > background.padding[1])
            if not outside.any():
                return window, outside  # where there is no image: what is farther off does not belong here
        if np.count_nonzero(outside) >= MIN_RING_PIXELS or margin >= max(rows, columns):
            return window, outside
        margin *= 4


def _make_values(values: NDArray[np.int64], ring: Mask, background: Background) -> NDArray[np.int64]:
    """Return values for a window; only those that go matter."""
    if not ring.any():
        return _admit(np.full_like(values, background.padding[0] if background.padding else 0), background)
    if background.is_palette or background.layout.bits_stored == 1:
        found, counts = np.unique(values[ring], return_counts=True)
        return np.full_like(values, found[np.argmax(counts)])
    channels = values.reshape(*values.shape[:2], -1).astype(np.float64)
    around = channels[ring]
    low, high = np.percentile(around, (COMMON_PERCENT, 100 - COMMON_PERCENT), axis=0, method="nearest")
    if np.all(high - low <= 1):
        # As good as one value; that of text drawn on a plain ground.
        smooth = np.broadcast_to(np.median(around, axis=0), channels.shape)
    else:
        smooth = _spread(np.clip(channels, low, high), ring.astype(np.float64))
    new: NDArray[np.int64] = np.clip(np.rint(smooth), low, high).astype(np.int64)
    return _admit(new.reshape(values.shape), background)


def _admit(values: NDArray[np.int64], background: Background) -> NDArray[np.int64]:
    """Return the nearest values that mean nothing."""
    least, largest = value_range(background.layout)
    if background.floor is not None:
        least = min(max(least, background.floor), largest)
    values = np.clip(values, least, largest)
    if background.padding is None:
        return values
    low, high = background.padding
    instead = high + 1 if high < largest else low - 1
    if not least <= instead <= largest:
        return values
    return np.where((values >= low) & (values <= high), instead, values)


def _spread(values: Floats, weights: Floats) -> Floats:
    """Return values for all pixels, made of those with weight: coarser and coarser means fill the gaps (pull, push)."""
    levels: list[tuple[Floats, Floats]] = []
    sums, weight = values * weights[:, :, None], weights
    while max(weight.shape) > 1:
        rows, columns = weight.shape
        sums = np.pad(sums, ((0, rows % 2), (0, columns % 2), (0, 0)))
        weight = np.pad(weight, ((0, rows % 2), (0, columns % 2)))
        levels.append((sums, weight))
        sums = sums[0::2, 0::2] + sums[1::2, 0::2] + sums[0::2, 1::2] + sums[1::2, 1::2]
        weight = weight[0::2, 0::2] + weight[1::2, 0::2] + weight[0::2, 1::2] + weight[1::2, 1::2]
    result = sums / np.maximum(weight, 1)[:, :, None]
    for sums, weight in reversed(levels):
        rows, columns = weight.shape
        coarse = cv2.resize(result, (columns, rows), interpolation=cv2.INTER_LINEAR).reshape(sums.shape)
        there = weight[:, :, None] > 0
        result = np.where(there, sums / np.where(there, weight[:, :, None], 1), coarse)
    return result[: values.shape[0], : values.shape[1]]
