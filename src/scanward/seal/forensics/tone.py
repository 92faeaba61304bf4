"""Fits the grey values of an original to those of a copy: windows, gamma, contrast evened here and there."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Greys = NDArray[np.float32]
Mask = NDArray[np.bool_]

_LEVELS: Final = 256
_FEWEST: Final = 50
"""Pixels of a level and its neighbours for their median to say something."""

_NEIGHBOURS: Final = 2
_SAMPLE: Final = 2000
_ROUNDS: Final = 3
_WINDOW: Final = 8
"""Part of the longer side within which gain and offset of a copy are one."""

_TILES: Final = 8
"""Tiles across the longer side, each with a curve of its own, as contrast is evened."""

_RIDGE: Final = 5.0
_LEAST_NOISE: Final = 0.3


def fit_plainly(original: Greys, suspect: Greys, mask: Mask) -> Greys:
    """Return what is left of a copy after one curve for all, and gain and offset that change slowly over the film."""
    curve = fit_curve(original, suspect, mask)
    return _fit_locally(apply_curve(curve, original), suspect, mask)


def fit_by_tiles(original: Greys, suspect: Greys, mask: Mask) -> Greys:
    """Return what is left of a copy after a curve for each part of it: contrast evened part by part (CLAHE)."""
    rows, columns = original.shape
    step = max(rows, columns) / _TILES
    down, across = (max(round(side / step), 1) for side in (rows, columns))
    whole = fit_curve(original, suspect, mask)
    curves = np.zeros((down, across, _LEVELS), np.float32)
    for i in range(down):
        for j in range(across):
            # Each reaches half into its neighbours, so that a changed spot is a small part of what it is judged by.
            part = (
                slice(max(int((i - 0.5) * rows / down), 0), int((i + 1.5) * rows / down)),
                slice(max(int((j - 0.5) * columns / across), 0), int((j + 1.5) * columns / across)),
            )
            curves[i, j] = fit_curve(original[part], suspect[part], mask[part], whole)
    return _fit_locally(_blend(curves, original), suspect, mask)


def fit_curve(original: Greys, suspect: Greys, mask: Mask, otherwise: Greys | None = None) -> Greys:
    """Return the grey value that each level mostly has in the copy, never falling as levels rise."""
    levels = np.clip(np.rint(original[mask]), 0, _LEVELS - 1).astype(np.intp)
    order = np.argsort(levels, kind="stable")
    values = suspect[mask][order]
    starts = np.searchsorted(levels[order], np.arange(_LEVELS + 1))
    found, at = [], []
    for level in range(_LEVELS):
        first, last = starts[max(level - _NEIGHBOURS, 0)], starts[min(level + _NEIGHBOURS + 1, _LEVELS)]
        if last - first >= _FEWEST:
            found.append(float(np.median(values[first : last : max((last - first) // _SAMPLE, 1)])))
            at.append(level)
    if len(at) < 2:
        return otherwise if otherwise is not None else np.full(_LEVELS, _middle(values), np.float32)
    whole = np.interp(np.arange(_LEVELS), at, found)
    if otherwise is not None:
        # Levels that a part does not have follow the whole film, shifted to where the part ends.
        low, high = at[0], at[-1]
        whole[:low] = otherwise[:low] + (whole[low] - otherwise[low])
        whole[high + 1 :] = otherwise[high + 1 :] + (whole[high] - otherwise[high])
    return np.maximum.accumulate(whole).astype(np.float32)


def _middle(values: Greys) -> float:
    return float(np.median(values)) if values.size else 0.0


def apply_curve(curve: Greys, original: Greys) -> Greys:
    """Return the original as a curve has it."""
    return np.interp(original.ravel(), np.arange(_LEVELS), curve).reshape(original.shape).astype(np.float32)


def _blend(curves: Greys, original: Greys) -> Greys:
    """Return the original by the curves of the four nearest tiles, as contrast is evened."""
    down, across, _ = curves.shape
    rows, columns = original.shape
    y = np.clip((np.arange(rows) + 0.5) * down / rows - 0.5, 0, down - 1)
    x = np.clip((np.arange(columns) + 0.5) * across / columns - 0.5, 0, across - 1)
    top, left = np.floor(y).astype(np.intp), np.floor(x).astype(np.intp)
    below, right = np.minimum(top + 1, down - 1), np.minimum(left + 1, across - 1)
    dy, dx = (y - top).astype(np.float32)[:, None], (x - left).astype(np.float32)[None, :]
    level = np.clip(original, 0, _LEVELS - 1)
    low = np.minimum(np.floor(level).astype(np.intp), _LEVELS - 2)
    rest = (level - low).astype(np.float32)

    def by(i: NDArray[np.intp], j: NDArray[np.intp]) -> Greys:
        curve_low, curve_high = curves[i[:, None], j[None, :], low], curves[i[:, None], j[None, :], low + 1]
        return np.asarray(curve_low + rest * (curve_high - curve_low), np.float32)

    upper = by(top, left) * (1 - dx) + by(top, right) * dx
    lower = by(below, left) * (1 - dx) + by(below, right) * dx
    return np.asarray(upper * (1 - dy) + lower * dy, np.float32)


def _fit_locally(expected: Greys, suspect: Greys, mask: Mask) -> Greys:
    """Return what is left after gain and offset that change slowly; what does not fit weighs little."""
    side = int(max(expected.shape) / _WINDOW) | 1
    inside = mask.astype(np.float32)
    weight, left = inside.copy(), np.zeros_like(expected)

    def mean(values: Greys) -> Greys:
        return np.asarray(cv2.blur(values, (side, side)), np.float32)

    for _ in range(_ROUNDS):
        total = mean(weight) + np.float32(1e-6)
        ours, theirs = mean(expected * weight) / total, mean(suspect * weight) / total
        spread = mean(expected * expected * weight) / total - ours * ours
        common = mean(expected * suspect * weight) / total - ours * theirs
        gain = (common + _RIDGE) / (spread + _RIDGE)
        left = ((suspect - (gain * (expected - ours) + theirs)) * inside).astype(np.float32)
        smooth = cv2.GaussianBlur(left, (0, 0), 4)
        noise = 1.4826 * float(np.median(np.abs(smooth[mask]))) + _LEAST_NOISE if mask.any() else 1.0
        weight = (inside / (1 + (smooth / (2.5 * noise)) ** 2)).astype(np.float32)
    return left
