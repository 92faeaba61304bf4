"""Which frames are touched, and their new samples."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from scanward.deidentify.pixels.fill import Background, Mask, fill
from scanward.deidentify.pixels.frames import Frames
from scanward.deidentify.pixels.native import HALVED
from scanward.deidentify.pixels.samples import without_spare_content
from scanward.ports.engines import Samples

MaskOf = Callable[[int], Mask | None]
"""What goes in a frame, by its index; None where it is not touched."""


class FrameEditor(Protocol):
    """Edits the frames of one instance."""

    def mask(self, index: int) -> Mask | None:
        """Return what may change in a frame; None where it is not touched."""
        ...

    def edit(self, index: int, samples: Samples, mask: Mask) -> Samples:
        """Return new samples of a frame.

        Parameters
        ----------
        index
            Which.
        samples
            As decoded.
        mask
            As `mask` gave it for this frame.
        """
        ...


class Editor:
    """Fills what goes with what is around it.

    Parameters
    ----------
    frames
        Of the instance.
    mask_of
        What goes in each frame.
    background
        What the values mean.
    without_spare
        Whether bits beside the values are cleared, in all frames.
    """

    def __init__(self, frames: Frames, mask_of: MaskOf, background: Background, *, without_spare: bool) -> None:
        self._frames = frames
        self._mask_of = mask_of
        self._background = background
        self._without_spare = without_spare

    def mask(self, index: int) -> Mask | None:
        """Return what goes in a frame; None where it is not touched."""
        layout = self._frames.layout
        mask = self._mask_of(index)
        if mask is not None and not mask.any():
            mask = None
        if mask is None:
            return np.zeros((layout.rows, layout.columns), np.bool_) if self._without_spare else None
        if not self._frames.is_encapsulated and layout.photometric in HALVED:
            # Both pixels of a pair go, as they share their colour.
            return np.repeat(mask.reshape(-1, 2).any(axis=1), 2).reshape(mask.shape)
        return mask

    def edit(self, index: int, samples: Samples, mask: Mask) -> Samples:
        """Return new samples of a frame, as `FrameEditor`."""
        del index
        if self._without_spare:
            samples = without_spare_content(samples, self._frames.layout)
        return fill(samples, mask, self._background) if mask.any() else samples
