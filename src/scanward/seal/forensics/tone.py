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
_REACH: Final = 16
"""Levels by which it is told how a curve goes on beyond its ends."""

_SAMPLE: Final = 2000
_ROUNDS: Final = 3
_WINDOW: Final = 8
"""Part of the longer side within which gain and offset of a copy are one."""

_LIMITS: Final = (2.0, 3.0, 4.0)
"""Of contrast, where it is evened: what viewers use."""

_EVENED: Final = (8, 8)
_DETAIL: Final = (3, 10)
"""Pixels of the grid: fine and coarse detail, which is sharpened or softened."""

_STEP: Final = 8
"""Pixels from one mix to the next; between them it changes evenly."""

_DAMPING: Final = 0.01
_LEAST_SPREAD: Final = 0.1
_RIDGE: Final = 5.0
_LEAST_NOISE: Final = 0.3


def fit_plainly(original: Greys, suspect: Greys, mask: Mask) -> Greys:
    """Return what is left of a copy after one curve for all, and gain and offset that change slowly over the film."""
    curve = fit_curve(original, suspect, mask)
    return _fit_locally(apply_curve(curve, original), suspect, mask)


def fit_by_renderings(original: Greys, suspect: Greys, mask: Mask) -> Greys:
    """Return what is left of a copy after what viewers make of an original, mixed anew in each part of the film.

    A viewer may even contrast part by part (CLAHE), sharpen or soften. The original is rendered in these ways, each by
    a curve of its own, and the copy is taken for a mix of them that changes slowly over the film. What was painted in
    is in no rendering of the original.
    """
    renderings = _render(original, suspect, mask)
    count, inside = len(renderings), mask.astype(np.float32)
    weight, left = inside.copy(), np.zeros_like(original)
    side = int(max(original.shape) / _WINDOW) | 1
    down, across = np.mgrid[: original.shape[0], : original.shape[1]].astype(np.float32) / _STEP

    def mean(values: Greys) -> Greys:
        return np.asarray(cv2.blur(values, (side, side))[::_STEP, ::_STEP], np.float32)

    def spread_out(values: NDArray[np.floating]) -> Greys:
        small = np.ascontiguousarray(values, np.float32)
        return np.asarray(cv2.remap(small, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))

    for _ in range(_ROUNDS):
        total = mean(weight) + np.float32(1e-4)
        weighed = [one * weight for one in renderings]
        middles = [mean(one) / total for one in weighed]
        middle = mean(suspect * weight) / total
        squares = np.zeros((*total.shape, count, count))
        common = np.zeros((*total.shape, count))
        for i, one in enumerate(weighed):
            common[..., i] = mean(one * suspect) / total - middles[i] * middle
            for j in range(i, count):
                squares[..., i, j] = squares[..., j, i] = mean(one * renderings[j]) / total - middles[i] * middles[j]
        diagonal = np.arange(count)
        squares[..., diagonal, diagonal] += _DAMPING * squares[..., diagonal, diagonal] + _LEAST_SPREAD
        shares = np.linalg.solve(squares, common[..., None])[..., 0]
        expected = spread_out(middle - sum(shares[..., i] * middles[i] for i in range(count)))
        for i, one in enumerate(renderings):
            expected += spread_out(shares[..., i]) * one
        left = (suspect - expected) * inside
        weight = inside * _trust(left, mask)
    return left


def _render(original: Greys, suspect: Greys, mask: Mask) -> list[Greys]:
    """Return what viewers may make of an original, in the grey values of the copy."""
    down, across = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    # The part that the copy shows, as contrast was evened over that alone if it was cut before.
    part = (slice(down[0], down[-1] + 1), slice(across[0], across[-1] + 1)) if down.size else (slice(0), slice(0))
    made = [original]
    for limit in _LIMITS if down.size else ():
        evened = original.copy()
        levels = np.clip(np.rint(original[part]), 0, _LEVELS - 1).astype(np.uint8)
        evened[part] = cv2.createCLAHE(limit, _EVENED).apply(levels)
        made.append(evened)
    made = [apply_curve(fit_curve(one, suspect, mask), one) for one in made]
    made += [np.asarray(original - cv2.GaussianBlur(original, (0, 0), size), np.float32) for size in _DETAIL]
    # Where a copy is off by a part of a pixel, it is off along the slopes.
    made += [np.asarray(cv2.Sobel(made[0], cv2.CV_32F, *way) / 8, np.float32) for way in ((1, 0), (0, 1))]
    return made


def _trust(left: Greys, mask: Mask) -> Greys:
    """Return how much each pixel is to weigh in the next round: what does not fit, little."""
    smooth = cv2.GaussianBlur(left, (0, 0), 3)
    noise = 1.4826 * float(np.median(np.abs(smooth[mask]))) + _LEAST_NOISE if mask.any() else 1.0
    return np.asarray(1 / (1 + (smooth / (2.5 * noise)) ** 2) ** 2, np.float32)


def fit_curve(original: Greys, suspect: Greys, mask: Mask) -> Greys:
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
        return np.full(_LEVELS, _middle(values), np.float32)
    whole = np.interp(np.arange(_LEVELS), at, found)
    # Levels that hardly any pixel has go on as those next to them rise.
    low, high = at[0], at[-1]
    reach = max(min(_REACH, high - low), 1)
    whole[:low] = whole[low] - (whole[low + reach] - whole[low]) / reach * np.arange(low, 0, -1)
    whole[high:] = whole[high] + (whole[high] - whole[high - reach]) / reach * np.arange(_LEVELS - high)
    return np.maximum.accumulate(np.clip(whole, 0, _LEVELS - 1)).astype(np.float32)


def _middle(values: Greys) -> float:
    return float(np.median(values)) if values.size else 0.0


def apply_curve(curve: Greys, original: Greys) -> Greys:
    """Return the original as a curve has it."""
    return np.interp(original.ravel(), np.arange(_LEVELS), curve).reshape(original.shape).astype(np.float32)


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
