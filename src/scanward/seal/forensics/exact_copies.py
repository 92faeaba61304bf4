"""Places of a frame that are the same sample by sample, or differ by a constant.

Each window of 8 x 8 samples is hashed after its first sample is taken off each; equal hashes vote for the shift
between them, and only a connected patch of such windows counts. Flat areas, drawn text, ramps and grids repeat
themselves lawfully, so windows with many equal neighbours and windows that occur many times have no vote.
"""

import hashlib
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scanward.model.signs import Copy, CopyKind, Place

WINDOW = 8
MIN_RANGE = 6
"""Between the smallest and largest sample of a window with a vote: less is flat."""

MAX_EQUAL_NEIGHBOURS = 0.5
"""Share of samples that equal the next one: drawn things and padding have more, noise has fewer."""

MAX_TWINS = 6
"""Windows that occur more often are a pattern, such as a ramp."""

MIN_SHIFT = 20
MIN_WINDOWS = 120
"""Windows in a connected patch, about 18 x 18 samples: a lossy JPEG 2000 repeats its wavelets over less."""

MAX_COPIES = 20
REPEATED_FRAME = 0.5
"""A neighbouring frame that is the same in more than this share of its windows is a repeated frame, not an edit."""

_MIX = np.frombuffer(hashlib.shake_128(b"scanward copies v1").digest(16 * WINDOW), "<u8").reshape(
    2, WINDOW
) | np.uint64(1)
"""Odd factors that mix the samples of a window into its hash; no secret."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Windows:
    """The windows of a frame that have a vote.

    Attributes
    ----------
    steps
        Samples.
    at
        Index of the upper left sample of each window in the plane of windows, sorted by `hashes`.
    hashes
        Of the windows, sorted.
    shape
        Of the plane of windows.
    """

    steps: NDArray[np.int64]
    at: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    shape: tuple[int, int]


def hash_windows(steps: NDArray[np.int64]) -> Windows:
    """Return the windows of a frame that have a vote, with their hashes."""
    rows, columns = steps.shape[0] - WINDOW + 1, steps.shape[1] - WINDOW + 1
    values = steps.astype(np.uint64)  # wraps: sums are modulo 2 ** 64 anyhow
    down = np.zeros((rows, steps.shape[1]), np.uint64)
    mixed = np.zeros((rows, columns), np.uint64)
    for i in range(WINDOW):
        down += values[i : i + rows] * _MIX[0, i]
    for i in range(WINDOW):
        mixed += down[:, i : i + columns] * _MIX[1, i]
    weight = np.outer(_MIX[0], _MIX[1]).sum(dtype=np.uint64, keepdims=True)  # an array, as a scalar warns when it wraps
    mixed = mixed - values[:rows, :columns] * weight
    at = np.flatnonzero(_has_vote(steps, (rows, columns)))
    chosen = mixed.ravel()[at]
    order = np.argsort(chosen, kind="stable")
    return Windows(steps=steps, at=at[order], hashes=chosen[order], shape=(rows, columns))


def _has_vote(steps: NDArray[np.int64], shape: tuple[int, int]) -> Flags:
    plane = (steps - steps.min()).astype(np.float32)
    kernel = np.ones((WINDOW, WINDOW), np.uint8)
    span = cv2.dilate(plane, kernel, anchor=(0, 0)) - cv2.erode(plane, kernel, anchor=(0, 0))
    same = np.zeros(steps.shape, np.float32)
    same[:, :-1] = steps[:, 1:] == steps[:, :-1]
    same[:-1] = np.maximum(same[:-1], steps[1:] == steps[:-1])
    share = cv2.boxFilter(same, -1, (WINDOW, WINDOW), anchor=(0, 0), borderType=cv2.BORDER_REPLICATE)
    rows, columns = shape
    flags = (span >= MIN_RANGE) & (share <= MAX_EQUAL_NEIGHBOURS)
    return np.asarray(flags[:rows, :columns])


def find_within(windows: Windows, frame: int) -> list[Copy]:
    """Return exact copies within a frame."""
    first, last = _run_bounds(windows.hashes, windows.hashes)
    twins = last - first
    here = np.flatnonzero((twins > 1) & (twins <= MAX_TWINS))
    here = here[here + 1 < last[here]]  # each with the next of its run
    return _patches(windows, windows, windows.at[here], windows.at[here + 1], (frame, frame))


def find_between(before: Windows, after: Windows, frame: int) -> list[Copy]:
    """Return exact copies between frame `frame` - 1 and `frame`; none if the one repeats the other."""
    first, last = _run_bounds(before.hashes, after.hashes)
    here = np.flatnonzero(last - first == 1)
    if len(here) > REPEATED_FRAME * max(len(before.at), 1):
        return []
    return _patches(before, after, before.at[here], after.at[first[here]], (frame - 1, frame))


def _run_bounds(wanted: NDArray[np.uint64], hashes: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.searchsorted(hashes, wanted, "left"), np.searchsorted(hashes, wanted, "right")


def _patches(
    one: Windows, other: Windows, source: NDArray[np.int64], target: NDArray[np.int64], frames: tuple[int, int]
) -> list[Copy]:
    """Return connected patches of pairs of windows that share a shift."""
    top, left = np.divmod(source, one.shape[1])
    to_top, to_left = np.divmod(target, other.shape[1])
    down, right = to_top - top, to_left - left
    if frames[0] == frames[1]:
        far = np.hypot(down, right) >= MIN_SHIFT
        top, left, down, right = top[far], left[far], down[far], right[far]
    key = (down + 2**20) * 2**21 + right + 2**20
    shifts, which, count = np.unique(key, return_inverse=True, return_counts=True)
    copies: list[Copy] = []
    often = np.flatnonzero(count >= MIN_WINDOWS)
    for number in often[np.argsort(-count[often], kind="stable")][:MAX_COPIES]:
        shift = int(shifts[number] // 2**21 - 2**20), int(shifts[number] % 2**21 - 2**20)
        chosen = which == number
        copies += _connected(one, other, top[chosen], left[chosen], shift, frames)
    return copies


def _connected(
    one: Windows,
    other: Windows,
    top: NDArray[np.int64],
    left: NDArray[np.int64],
    shift: tuple[int, int],
    frames: tuple[int, int],
) -> list[Copy]:
    origin = int(top.min()), int(left.min())
    mask = np.zeros((int(top.max()) - origin[0] + 1, int(left.max()) - origin[1] + 1), np.uint8)
    mask[top - origin[0], left - origin[1]] = 1
    _, _, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    out: list[Copy] = []
    for x, y, width, height, area in boxes[1:].tolist():
        if area < MIN_WINDOWS:
            continue
        place = Place(
            frame=frames[0],
            top=origin[0] + y,
            left=origin[1] + x,
            bottom=origin[0] + y + height + WINDOW - 1,
            right=origin[1] + x + width + WINDOW - 1,
        )
        moved = Place(
            frame=frames[1],
            top=place.top + shift[0],
            left=place.left + shift[1],
            bottom=place.bottom + shift[0],
            right=place.right + shift[1],
        )
        out += _confirmed(one.steps, other.steps, place, moved)
    return out


def _confirmed(one: NDArray[np.int64], other: NDArray[np.int64], first: Place, second: Place) -> list[Copy]:
    """Return the copy if its samples are the same indeed, not its hashes alone."""
    a = one[first.top : first.bottom, first.left : first.right]
    b = other[second.top : second.bottom, second.left : second.right]
    difference = a - b
    values, counts = np.unique(difference, return_counts=True)
    same = difference == values[counts.argmax()]
    pixels = int(same.sum())
    if pixels < MIN_WINDOWS:
        return []
    return [Copy(kind=CopyKind.EXACT, first=first, second=second, pixels=pixels)]
