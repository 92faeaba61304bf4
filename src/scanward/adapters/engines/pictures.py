"""Grey pictures of what is looked at: of a frame as a viewer would show it, of a picture file."""

from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from scanward.deidentify.pixels.frames import Frames
from scanward.deidentify.pixels.view import Grey, View
from scanward.ports.engines import FrameSource

MAX_PICTURE_BYTES: Final = 256 * 1024 * 1024
MAX_PICTURE_PIXELS: Final = 200_000_000
"""What OpenCV is asked to decode: it refuses more than 2^30 by itself."""


Values = NDArray[np.integer[Any] | np.floating[Any]]


def grey_of(frames: FrameSource, index: int = 0) -> NDArray[np.float32]:
    """Return the grey values of a frame, brighter where a viewer shows it brighter: (rows, columns), any range.

    Raises
    ------
    ScanwardError
        The frame cannot be decoded or shown.
    """
    if not isinstance(frames, Frames):
        raise TypeError("expected frames with the header that says how they are shown")
    shown = View(frames).show(frames.frame(index))
    if not isinstance(shown, Grey):
        return np.asarray(cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY), np.float32)
    values = shown.values
    if shown.padding is not None and shown.padding.any() and not shown.padding.all():
        values = values.copy()
        values[shown.padding] = values[~shown.padding].min()
    return -values if shown.is_inverted else values


def show_frame(frames: FrameSource, index: int = 0) -> NDArray[np.uint8]:
    """Return a frame as a viewer shows it at first: (rows, columns) where it is grey, with RGB last where it is not.

    Raises
    ------
    ScanwardError
        The frame cannot be decoded or shown.
    """
    if not isinstance(frames, Frames):
        raise TypeError("expected frames with the header that says how they are shown")
    view = View(frames)
    shown = view.show(frames.frame(index))
    return window(shown, view.windows) if isinstance(shown, Grey) else shown


def window(grey: Grey, windows: Sequence[tuple[float, float]]) -> NDArray[np.uint8]:
    """Return grey values by the first window of the header; without one, from the lowest to the highest of most."""
    values = grey.values
    if windows:
        center, width = windows[0]
        low, high = center - width / 2, center + width / 2
    else:
        counted = values if grey.padding is None or grey.padding.all() else values[~grey.padding]
        low, high = (float(one) for one in np.percentile(counted, (0.5, 99.5)))
    steps = np.clip((values - low) / max(high - low, 1e-6), 0, 1)
    return np.asarray(255 * (1 - steps if grey.is_inverted else steps), np.uint8)


def decode_grey(data: bytes) -> Values | None:
    """Return the grey samples of a PNG, JPEG or TIFF as they are, 8 or 16 bit; None where it is none."""
    picture = _decode(data, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)
    return None if picture is None or picture.ndim != 2 else picture


def decode_samples(data: bytes) -> Values | None:
    """Return the samples of a PNG, JPEG or TIFF: (rows, columns), or with RGB or RGBA; None where it is none."""
    picture = _decode(data, cv2.IMREAD_UNCHANGED)
    if picture is None:
        return None
    if picture.ndim == 3:
        code = cv2.COLOR_BGRA2RGBA if picture.shape[2] == 4 else cv2.COLOR_BGR2RGB
        return np.asarray(cv2.cvtColor(picture, code))
    return picture


def _decode(data: bytes, how: int) -> Values | None:
    if not 0 < len(data) <= MAX_PICTURE_BYTES:
        return None
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    except cv2.error:
        return None
    return None if picture is None or picture.size > MAX_PICTURE_PIXELS * 4 else np.asarray(picture)
