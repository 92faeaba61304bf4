"""Draws where a frame differs from what was sealed, over the frame as a viewer would show it."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from scanward.adapters.engines.pictures import window
from scanward.deidentify.pixels.frames import Frames
from scanward.deidentify.pixels.view import Grey, View
from scanward.errors import DicomFormatError, HoldError, UnknownError
from scanward.model.comparison import Comparison, FrameChange, FrameFate
from scanward.model.seal import TILE_PIXELS
from scanward.ports.engines import FrameSource, Picture
from scanward.seal.picture import Picture as SealedPicture

MAX_SIDE: Final = 1600
"""Pixels of the drawing: larger frames are drawn smaller."""

MIN_SIDE: Final = 512
"""Smaller frames are drawn larger, so that lines are thin beside what they are around."""

_BACKGROUND: Final = 0.7
"""How bright that is which was not altered."""

_TINT: Final = 0.22
"""How much of its colour lies over what was altered: what is below has to be seen."""

_COLOURS: Final = {
    FrameFate.ALTERED: (255, 64, 32),
    FrameFate.DAMAGED: (255, 64, 32),
    FrameFate.ADDED: (255, 64, 32),
    FrameFate.MOVED: (255, 190, 0),
}
"""Red, green, blue: red for what was not sealed so, amber for what was sealed in another place."""

_DARK: Final = 48
"""Grey of a frame that cannot be shown."""


def draw_heat_map(frames: FrameSource, comparison: Comparison, index: int) -> bytes:
    """Return the drawing of one frame of the copy, as PNG.

    Parameters
    ----------
    frames
        Of the copy.
    comparison
        Of the copy with its seal.
    index
        Which frame, from 0.

    Raises
    ------
    UnknownError
        There is no such frame.
    """
    if not 0 <= index < frames.count:
        raise UnknownError("frame: expected one that the copy has, got another")
    change = next((one for one in comparison.frames if one.frame == index), None)
    layout = frames.layout
    picture = _show(frames, index)
    scale = _scale_of(layout.rows, layout.columns)
    size = (max(1, round(layout.columns * scale)), max(1, round(layout.rows * scale)))
    shown = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC).astype(np.uint8)
    if comparison.is_same_file or (change is None and not comparison.form):
        return _png(shown)
    mask = _mask_of(change, layout.rows, layout.columns)
    return _png(_lay_over(shown, mask, FrameFate.ALTERED if change is None else change.fate))


def _show(frames: FrameSource, index: int) -> Picture:
    """Return a frame in colours, or as one grey where it cannot be decoded or shown."""
    layout = frames.layout
    try:
        samples = frames.frame(index)
        if isinstance(frames, Frames):
            shown = View(frames).show(samples)
            return shown if not isinstance(shown, Grey) else _in_colour(window(shown, View(frames).windows))
    except (DicomFormatError, HoldError):
        return np.full((layout.rows, layout.columns, 3), _DARK, np.uint8)
    if isinstance(frames, SealedPicture):
        octets = (samples >> np.array(8 * (samples.dtype.itemsize - 1), samples.dtype)).astype(np.uint8)
        return np.ascontiguousarray(octets[:, :, :3]) if octets.ndim == 3 else _in_colour(octets)
    return _in_colour(window(Grey(values=samples.astype(np.float32), padding=None, is_inverted=False), ()))


def _in_colour(octets: NDArray[np.uint8]) -> Picture:
    return np.repeat(octets[:, :, None], 3, axis=2)


def _scale_of(rows: int, columns: int) -> float:
    longest = max(rows, columns)
    return MAX_SIDE / longest if longest > MAX_SIDE else max(1.0, MIN_SIDE / longest)


def _mask_of(change: FrameChange | None, rows: int, columns: int) -> NDArray[np.uint8]:
    """Return which pixels were altered: those of the tiles that were, or all."""
    if change is None or not change.tiles:
        return np.ones((rows, columns), np.uint8)
    down, across = -(-rows // TILE_PIXELS), -(-columns // TILE_PIXELS)
    tiles = np.zeros(down * across, np.uint8)
    tiles[list(change.tiles)] = 1
    grid = tiles.reshape(down, across)
    return np.repeat(np.repeat(grid, TILE_PIXELS, axis=0), TILE_PIXELS, axis=1)[:rows, :columns]


def _lay_over(shown: Picture, mask: NDArray[np.uint8], fate: FrameFate) -> Picture:
    """Darken what was not altered, tint what was, and draw a line around it."""
    colour = np.array(_COLOURS[fate], np.float32)
    height, width = shown.shape[:2]
    inside = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
    whole = shown.astype(np.float32)
    tinted = np.where(inside[:, :, None] > 0, whole * (1 - _TINT) + colour * _TINT, whole * _BACKGROUND)
    result = np.ascontiguousarray(tinted.astype(np.uint8))
    # A margin of nothing, so that a line runs along the edges of the picture too.
    thickness = max(3, round(max(height, width) / 320))
    padded = cv2.copyMakeBorder(inside, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    core = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=thickness)[1:-1, 1:-1]
    result[(inside > 0) & (core == 0)] = _COLOURS[fate]
    return result


def _png(picture: Picture) -> bytes:
    return bytes(cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1])
