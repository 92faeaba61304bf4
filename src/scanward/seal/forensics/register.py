"""Lays a copy over its original, to less than a pixel."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from scanward.errors import EvidenceError
from scanward.seal.forensics import ForensicsFault
from scanward.seal.forensics.features import Film, describe, describe_coarsely
from scanward.seal.forensics.lookup import Overlay, compare
from scanward.seal.forensics.tone import apply_curve, fit_curve

GRID: Final = 640
"""Pixels of the longer side of the original as differences are looked for."""

_BEYOND: Final = 0.5
"""Of the span of nearly all samples: what is farther from them is cut."""

_STEPS: Final = 40
_LEAST_GAIN: Final = 1e-5
_SMOOTH: Final = 2.0
"""Pixels: what is finer differs by compression and scaling, and would lead the fine fit astray."""

_LEAST_COVERED: Final = 0.02
"""Of the original: what a copy has to show of it."""

_RIM: Final = 7
"""Pixels within the rim of a copy that are not compared: scaling and compression mix them with what is beyond."""

_LEAST_FRAME: Final = 12.0
"""Grey values: what differs less is no frame."""

_FRAME: Final = 0.25
"""Share of a line that differs, above which it is rather frame than film."""

_BAR: Final = 0.8
"""Share of a line that is flat and black, above which it is rather a bar beside a film than film."""

_BLACK: Final = 12.0
_DEEPEST: Final = 0.35
_FLAT: Final = 1.5
"""Standard deviation of what is called flat: JPEG leaves as much."""

_MOST_REFINED: Final = 8.0
"""Pixels of the grid that the fine fit may move a corner; one that moves more has lost its way."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Registered:
    """A copy on the grid of its original.

    Attributes
    ----------
    original
        (rows, columns) of the grid: the original, from black 0 to white 255.
    suspect
        The copy, turned, scaled and inverted to it.
    mask
        Where the copy shows something of the original.
    scale
        Pixels of the grid for one of the original.
    overlay
        How the copy lies over the original.
    """

    original: NDArray[np.float32]
    suspect: NDArray[np.float32]
    mask: NDArray[np.bool_]
    scale: float
    overlay: Overlay


def register(original: NDArray[np.generic], suspect: NDArray[np.generic], grid: int = GRID) -> Registered:
    """Lay a copy over its original.

    Parameters
    ----------
    original, suspect
        (rows, columns): grey values of any range.
    grid
        Pixels of the longer side of the original as it is compared; never more than it has.

    Raises
    ------
    EvidenceError
        They cannot be laid over each other: perhaps it is no copy, or one of too small a part.
    """
    known = describe(original)
    overlay = compare(describe(suspect), known) or compare(describe_coarsely(suspect), known)
    if overlay is None:
        raise EvidenceError(
            ForensicsFault.NOT_ALIGNED,
            "expected a copy that can be laid over its original, got two pictures with too few places in common",
            remedy="Compare the picture with another original, or a larger part of it.",
        )
    return lay_over(original, suspect, known, overlay, grid)


def lay_over(
    original: NDArray[np.generic], suspect: NDArray[np.generic], known: Film, overlay: Overlay, grid: int = GRID
) -> Registered:
    """Lay a copy over its original, of which it is known roughly how it lies; raises as `register`."""
    scale = min(grid / max(known.rows, known.columns), 1.0)
    size = max(round(known.columns * scale), 1), max(round(known.rows * scale), 1)
    shown = cv2.resize(_levels(original), size, interpolation=cv2.INTER_AREA).astype(np.float32)
    values = _levels(suspect)
    if overlay.is_inverted:
        values = np.float32(255) - values
    across, down = size[0] / known.columns, size[1] / known.rows
    to_grid = np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1.0]])
    rough = to_grid @ np.vstack([overlay.to_film, [0, 0, 1.0]])
    warped, mask = _warp(values, rough, size)
    fine = _refine(shown, warped, without_frame(shown, warped, mask, rough)) @ rough
    warped, mask = _warp(values, fine, size)
    mask = without_frame(shown, warped, mask, fine)
    if mask.mean() < _LEAST_COVERED:
        raise EvidenceError(ForensicsFault.NOT_ALIGNED, "expected a copy that shows a part of the original, got none")
    refined = Overlay(
        places=overlay.places, is_inverted=overlay.is_inverted, to_film=(np.linalg.inv(to_grid) @ fine)[:2]
    )
    return Registered(original=shown, suspect=warped, mask=mask, scale=scale, overlay=refined)


def _levels(picture: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return grey values from 0 to 255: those of 8 bits as they are, others by what they span."""
    values = np.ascontiguousarray(picture, np.float32)
    if picture.dtype == np.uint8:
        return values
    low, high = (float(one) for one in np.percentile(values, (0.1, 99.9)))
    if not high > low:
        return np.zeros(values.shape, np.float32)
    # All that it spans, unless a few samples are far from all others, as padding and markers are.
    beyond = _BEYOND * (high - low)
    low, high = max(float(values.min()), low - beyond), min(float(values.max()), high + beyond)
    return np.asarray(np.clip((values - low) / (high - low), 0, 1) * 255, np.float32)


def _warp(
    values: NDArray[np.float32], to_grid: NDArray[np.float64], size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return a copy on the grid, and where it is."""
    shrink = float(np.sqrt(abs(np.linalg.det(to_grid[:2, :2]))))
    if shrink < 1:
        # As a camera would: what is smaller than a pixel of the grid is averaged, not left out.
        small = max(round(values.shape[1] * shrink), 1), max(round(values.shape[0] * shrink), 1)
        across, down = small[0] / values.shape[1], small[1] / values.shape[0]
        back = np.array([[1 / across, 0, (1 / across - 1) / 2], [0, 1 / down, (1 / down - 1) / 2], [0, 0, 1.0]])
        values, to_grid = cv2.resize(values, small, interpolation=cv2.INTER_AREA).astype(np.float32), to_grid @ back
    warped = cv2.warpAffine(values, to_grid[:2], size, flags=cv2.INTER_LANCZOS4)
    inside = cv2.warpAffine(np.full(values.shape, 255, np.uint8), to_grid[:2], size) > 250
    mask = cv2.erode(
        inside.astype(np.uint8), np.ones((2 * _RIM + 1, 2 * _RIM + 1)), borderType=cv2.BORDER_CONSTANT, borderValue=1
    )
    return np.asarray(warped, np.float32), mask > 0


def _refine(shown: NDArray[np.float32], warped: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the small map that lays a copy on the grid better than it lies (Evangelidis and Psarakis 2008)."""
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, _STEPS, _LEAST_GAIN)
    start = np.eye(2, 3, dtype=np.float32)
    blurred = [cv2.GaussianBlur(one, (0, 0), _SMOOTH) for one in (shown, warped)]
    still: NDArray[np.float64] = np.eye(3)
    try:
        _, found = cv2.findTransformECC(
            blurred[0], blurred[1], start, cv2.MOTION_AFFINE, criteria, mask.astype(np.uint8), 5
        )
    except cv2.error:
        return still  # it did not converge: the places alone have to do
    moved = np.linalg.inv(np.vstack([np.asarray(found, np.float64), [0, 0, 1.0]]))
    rows, columns = shown.shape
    corners = np.array([[0, 0, 1.0], [columns, 0, 1], [0, rows, 1], [columns, rows, 1]]).T
    return still if float(np.abs((moved @ corners - corners)[:2]).max()) > _MOST_REFINED else np.asarray(moved)


def without_frame(
    shown: NDArray[np.float32], warped: NDArray[np.float32], mask: NDArray[np.bool_], to_grid: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return where a copy shows film: not the bars, toolbars and texts that a viewer has around it.

    What a viewer has around a film lies along the sides of the copy, and differs from the film all along a side or is
    flat. An edit that reaches a side is left out with it, which the share that was compared tells.
    """
    if not mask.any():
        return mask
    left = np.abs(cv2.GaussianBlur(warped - apply_curve(fit_curve(shown, warped, mask), shown), (0, 0), _SMOOTH))
    bad = left > max(_LEAST_FRAME, 4 * 1.4826 * float(np.median(left[mask])))
    kept = mask & ~_flat_from_rim(warped, bad, mask)
    rows, columns = shown.shape
    down, across = np.mgrid[:rows, :columns]
    back = np.linalg.inv(to_grid)
    flat = _flat(warped) & (warped < _BLACK)
    for axis in (0, 1):
        # Lines of the copy, whichever way it lies on the grid.
        line = np.rint((back[axis, 0] * across + back[axis, 1] * down + back[axis, 2]) / np.hypot(*back[axis, :2]))
        number = np.maximum(line.astype(np.intp) - int(line[kept].min(initial=line.max())), 0)
        counts = [np.bincount(number[kept], one[kept]).astype(np.float64) for one in (bad, flat, mask)]
        first, last = _trim(*counts)
        kept &= (number >= first) & (number <= last)
    return kept


def _trim(bad: NDArray[np.float64], flat: NDArray[np.float64], all_of: NDArray[np.float64]) -> tuple[int, int]:
    """Return the first and the last line of a copy that are film."""
    lines = np.maximum(all_of, 1)
    share = np.maximum(bad / lines - _FRAME, flat / lines - _BAR)
    reach = max(int(len(share) * _DEEPEST), 1)
    ends = []
    for outer in (share[:reach], share[::-1][:reach]):
        total = np.cumsum(outer)
        deepest = int(total.argmax())
        ends.append(deepest + 1 + _RIM if total[deepest] > 0 else 0)
    return ends[0], len(share) - 1 - ends[1]


def _flat(warped: NDArray[np.float32]) -> NDArray[np.bool_]:
    mean = cv2.blur(warped, (5, 5))
    return np.asarray(cv2.blur(warped * warped, (5, 5)) - mean * mean < _FLAT**2)


def _flat_from_rim(warped: NDArray[np.float32], bad: NDArray[np.bool_], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what is flat, differs, and reaches the rim of the copy: bars, and corners that turning left empty."""
    flat = _flat(warped) & mask & bad
    _, labels = cv2.connectedComponents(flat.astype(np.uint8))
    inner = cv2.erode(mask.astype(np.uint8), np.ones((5, 5)), borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
    reaching = np.unique(labels[mask & ~inner & flat])
    found = np.isin(labels, reaching[reaching > 0]).astype(np.uint8)
    return np.asarray(cv2.dilate(found, np.ones((2 * _RIM + 1, 2 * _RIM + 1))) > 0)
