"""Shows where a copy differs from its original, when windows, JPEG and a viewer may have changed all of it a little.

The copy is laid over the original (`register`), the original's grey values are fitted to those of the copy (`tone`),
and what is left is judged by how much is left elsewhere, at places with edges as strong. What is left must be there
after two ways of fitting: one curve for all, and a curve for each part, as evening of contrast makes it.
"""

from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from scanward.model.evidence import HotRegion
from scanward.seal.forensics.register import Registered, register
from scanward.seal.forensics.tone import fit_by_tiles, fit_plainly

HOT: Final = 6.0
"""Score of a region from which it is told."""

_SCALES: Final = (4.0, 7.0, 11.0)
"""Pixels of the grid: half the size of what is looked for, in three sizes."""

_AROUND: Final = 2.5
_EDGES: Final = (0.25, 0.5, 0.75, 0.9)
_LEAST_NOISE: Final = 0.15
_FEWEST: Final = 100
_MOST_REGIONS: Final = 20
_REGION: Final = 0.5
"""Share of its highest score down to which a region reaches."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Difference:
    """Where a copy differs from its original.

    Attributes
    ----------
    scores
        (rows, columns) of the grid: how far from what was to be expected, in robust standard deviations.
    mask
        Where the two could be compared at all.
    compared
        Share of the original that could be compared.
    score
        The highest of the scores.
    regions
        Where it is told to differ, the highest score first.
    registered
        The copy as it was laid over the original.
    """

    scores: NDArray[np.float32] = field(repr=False)
    mask: NDArray[np.bool_] = field(repr=False)
    compared: float
    score: float
    regions: tuple[HotRegion, ...]
    registered: Registered = field(repr=False)


def difference(
    original: NDArray[np.generic], suspect: NDArray[np.generic], registered: Registered | None = None
) -> Difference:
    """Return where a copy differs from its original.

    Parameters
    ----------
    original, suspect
        (rows, columns): grey values of any range; 8 bits as they are shown.
    registered
        The copy as it lies over the original, where that is known already.

    Raises
    ------
    EvidenceError
        They cannot be laid over each other.
    """
    laid = registered or register(original, suspect)
    fits = (fit_plainly, fit_by_tiles)
    each = [_score(fit(laid.original, laid.suspect, laid.mask), laid.original, laid.mask) for fit in fits]
    scores = np.minimum(*each)
    return Difference(
        scores=scores,
        mask=laid.mask,
        compared=round(float(laid.mask.mean()), 3),
        score=round(float(scores.max()), 2),
        regions=_regions(scores, laid.scale, original.shape),
        registered=laid,
    )


def _score(left: NDArray[np.float32], original: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return how far what is left of a copy is from what is left elsewhere, at edges as strong."""
    edge = _blur(cv2.magnitude(cv2.Sobel(original, cv2.CV_32F, 1, 0), cv2.Sobel(original, cv2.CV_32F, 0, 1)), 2)
    level = np.digitize(edge, np.quantile(edge[mask], _EDGES))
    inside = mask.astype(np.float32)
    best = np.zeros_like(left)
    for scale in _SCALES:
        band = _mean(left, inside, scale) - _mean(left, inside, scale * _AROUND)
        noise = np.ones_like(band)
        for one in range(len(_EDGES) + 1):
            there = band[mask & (level == one)]
            if there.size >= _FEWEST:
                noise[level == one] = 1.4826 * float(np.median(np.abs(there))) + _LEAST_NOISE
        best = np.maximum(best, np.abs(band) / _blur(noise, scale))
    return np.asarray(best * inside, np.float32)


def _mean(left: NDArray[np.float32], inside: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    return _blur(left * inside, scale) / (_blur(inside, scale) + np.float32(0.05))


def _blur(values: NDArray[np.generic], scale: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(np.asarray(values, np.float32), (0, 0), scale), np.float32)


def _regions(scores: NDArray[np.float32], scale: float, size: tuple[int, ...]) -> tuple[HotRegion, ...]:
    """Return boxes around the peaks that are told, in pixels of the original."""
    rest = scores.copy()
    found: list[HotRegion] = []
    while len(found) < _MOST_REGIONS and float(rest.max()) >= HOT:
        peak = float(rest.max())
        row, column = (int(one) for one in np.unravel_index(int(rest.argmax()), rest.shape))
        _, labels = cv2.connectedComponents((rest >= max(peak * _REGION, HOT * _REGION)).astype(np.uint8))
        here = labels == labels[row, column]
        down, across = np.flatnonzero(here.any(axis=1)), np.flatnonzero(here.any(axis=0))
        top, left = int(down[0] / scale), int(across[0] / scale)
        found.append(
            HotRegion(
                top=top,
                left=left,
                rows=min(int(np.ceil((down[-1] + 1) / scale)), size[0]) - top,
                columns=min(int(np.ceil((across[-1] + 1) / scale)), size[1]) - left,
                score=round(peak, 1),
            )
        )
        rest[here] = 0
    return tuple(found)
