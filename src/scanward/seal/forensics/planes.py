"""Frames as planes of numbers, or a reason why there is nothing to look at."""

import numpy as np
from numpy.typing import NDArray

MIN_SIDE = 32
"""Smaller frames have no room for two places to compare."""

MAX_PIXELS = 100_000_000
"""Larger frames are not looked at: whole-slide images are, tile by tile."""

FULL_SCALE = 65535.0


class Unfit(ValueError):  # noqa: N818 - a reason that becomes part of a value, never an error anybody sees
    """Why a frame cannot be looked at."""


def to_plane(samples: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return grey values of a frame, (rows, columns); what is no number becomes the smallest number there is.

    Raises
    ------
    Unfit
        It has no two axes, is too small or too large, has hardly a number in it, or is all one value.
    """
    plane = np.asarray(samples)
    if plane.ndim == 3 and plane.shape[2] in {1, 3, 4}:
        plane = plane[..., : min(plane.shape[2], 3)].astype(np.float64).mean(axis=2)
    if plane.ndim != 2:
        raise Unfit("it is no single frame")
    if min(plane.shape) < MIN_SIDE:
        raise Unfit(f"a side is under {MIN_SIDE} pixels")
    if plane.size > MAX_PIXELS:
        raise Unfit(f"it has more than {MAX_PIXELS} pixels")
    if plane.dtype.kind not in "biuf":
        raise Unfit("its samples are no numbers")
    out = plane.astype(np.float64)
    good = np.isfinite(out)
    if good.mean() < 0.5:
        raise Unfit("hardly a sample is a number")
    out[~good] = out[good].min()
    np.clip(out, -1e15, 1e15, out=out)
    if out.min() == out.max():
        raise Unfit("all of it is one value")
    return out


def to_greys(plane: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return a plane stretched to 0 to 255 between its 0.5th and 99.5th percentile, as floats that keep all detail."""
    low, high = (float(one) for one in np.percentile(plane[::2, ::2], [0.5, 99.5]))
    if high <= low:
        low, high = float(plane.min()), float(plane.max())
    return np.asarray(np.clip((plane - low) / (high - low) * 255.0, 0, 255), np.float32)


def to_steps(plane: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return whole numbers that are equal where samples are: the samples themselves, or floats in 65536 steps."""
    if np.array_equal(plane, np.rint(plane)) and float(np.abs(plane).max()) < 2**40:
        return plane.astype(np.int64)
    low, high = float(plane.min()), float(plane.max())
    return np.rint((plane - low) / (high - low) * FULL_SCALE).astype(np.int64)
