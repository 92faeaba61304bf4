"""What stored values show: colour as a viewer would, grey as numbers that windows are cut out of."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from scanward.deidentify.pixels.fill import (
    PIXEL_PADDING_RANGE_LIMIT,
    PIXEL_PADDING_VALUE,
    RESCALE_INTERCEPT,
    RESCALE_SLOPE,
)
from scanward.deidentify.pixels.frames import Frames
from scanward.deidentify.pixels.header import Elements
from scanward.deidentify.pixels.palette import Palette, read_palette
from scanward.deidentify.pixels.samples import stored_values
from scanward.errors import HoldError
from scanward.ports.engines import Picture, Samples

WINDOW_CENTER = 0x00281050
WINDOW_WIDTH = 0x00281051
SHARED_FUNCTIONAL_GROUPS = 0x52009229
PER_FRAME_FUNCTIONAL_GROUPS = 0x52009230
PIXEL_VALUE_TRANSFORMATION = 0x00289145
FRAME_VOI_LUT = 0x00289132

_FARTHEST = 1e30
"""Values beyond it are none, nor are steps below its inverse: numbers of 32 bits end soon after."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grey:
    """A frame of grey values.

    Attributes
    ----------
    values
        After rescaling, so that windows of the header fit.
    padding
        Which pixels are no image; None where the header names no value for that.
    is_inverted
        Whether the least value is shown white (MONOCHROME1).
    """

    values: NDArray[np.float32]
    padding: NDArray[np.bool_] | None
    is_inverted: bool


class View:
    """Shows the frames of one instance.

    Parameters
    ----------
    frames
        Of the instance.
    """

    def __init__(self, frames: Frames) -> None:
        self._frames = frames

    @cached_property
    def windows(self) -> tuple[tuple[float, float], ...]:
        """Centers and widths that the header names, those of the first frame where frames have their own."""
        header = self._first_with(FRAME_VOI_LUT, WINDOW_CENTER)
        pairs = zip(header.decimals(WINDOW_CENTER), header.decimals(WINDOW_WIDTH), strict=False)
        return tuple((center, width) for center, width in pairs if width > 0)

    @cached_property
    def rescale(self) -> tuple[float, float]:
        """Slope and intercept, those of the first frame where frames have their own.

        1 and 0 where these would make values one that differ: text in the pixels would be shown to nobody who looks.
        """
        header = self._first_with(PIXEL_VALUE_TRANSFORMATION, RESCALE_SLOPE)
        slope = next(iter(header.decimals(RESCALE_SLOPE)), 1.0) or 1.0
        intercept = next(iter(header.decimals(RESCALE_INTERCEPT)), 0.0)
        farthest = abs(intercept) + abs(slope) * (1 << min(self._frames.layout.bits_stored, 16))
        is_told_apart = (
            abs(slope) > max(farthest * float(np.finfo(np.float32).eps), 1 / _FARTHEST) and farthest < _FARTHEST
        )
        return (slope, intercept) if is_told_apart else (1.0, 0.0)

    def show(self, samples: Samples) -> Picture | Grey:
        """Return a frame as colours or as grey values.

        Parameters
        ----------
        samples
            As the frames of the instance give them.

        Raises
        ------
        HoldError
            What the values mean is not understood.
        DicomFormatError
            The palette is not well formed.
        """
        layout = self._frames.layout
        if layout.photometric == "PALETTE COLOR":
            colours, first = self._palette
            picture: Picture = colours[np.clip(stored_values(samples, layout) - first, 0, len(colours) - 1)]
            return picture
        if layout.samples_per_pixel == 3:
            return self._show_colour(samples)
        values = stored_values(samples, layout)
        slope, intercept = self.rescale
        return Grey(
            values=(values * slope + intercept).astype(np.float32),
            padding=self._find_padding(values),
            is_inverted=layout.photometric == "MONOCHROME1",
        )

    def _show_colour(self, samples: Samples) -> Picture:
        layout = self._frames.layout
        if layout.bits_stored == 8 and samples.dtype.itemsize == 1 and not layout.is_signed:
            picture = samples.astype(np.uint8)
        else:
            if layout.is_signed:
                raise HoldError("Pixel Representation: expected colours that are unsigned")
            values = stored_values(samples, layout)
            picture = (values * 255 // ((1 << layout.bits_stored) - 1)).astype(np.uint8)
        if self._frames.decoded_photometric == "RGB":
            return picture
        shown: Picture = cv2.cvtColor(np.ascontiguousarray(picture[:, :, (0, 2, 1)]), cv2.COLOR_YCrCb2RGB).astype(
            np.uint8, copy=False
        )
        return shown

    def _find_padding(self, values: NDArray[np.int64]) -> NDArray[np.bool_] | None:
        header, signed = self._frames.header, self._frames.layout.is_signed
        ends = [
            value
            for tag in (PIXEL_PADDING_VALUE, PIXEL_PADDING_RANGE_LIMIT)
            for value in header.integers(tag, signed=signed)[:1]
        ]
        if PIXEL_PADDING_VALUE not in header or not ends:
            return None
        return (values >= min(ends)) & (values <= max(ends))

    @cached_property
    def _palette(self) -> Palette:
        frames = self._frames
        return read_palette(frames.header, little=frames.start.encoding.little, signed=frames.layout.is_signed)

    def _first_with(self, macro: int, tag: int) -> Elements:
        """Return the first of header and Functional Groups that holds an Attribute, or the header."""
        header = self._frames.header
        if tag in header:
            return header
        for groups in (SHARED_FUNCTIONAL_GROUPS, PER_FRAME_FUNCTIONAL_GROUPS):
            group = next(header.items(groups), None)
            found = None if group is None else next(group.items(macro), None)
            if found is not None and tag in found:
                return found
        return header
