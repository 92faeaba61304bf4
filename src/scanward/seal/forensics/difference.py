"""Shows where a copy differs from its original, when windows, JPEG and a viewer may have changed all of it a little.

The copy is laid over the original (`register`), the original's grey values are fitted to those of the copy (`tone`),
and what is left is judged by how much is left elsewhere: at places with edges as strong, and around. It must be there
after two ways of fitting: one curve for all, and a mix of what viewers make of a film, evened contrast among it; after
the second alone where the first clearly does not fit.
"""

from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from scanward.model.evidence import HotRegion
from scanward.seal.forensics.register import Registered, register
from scanward.seal.forensics.tone import fit_by_renderings, fit_plainly

HOT: Final = 6.0
"""Score of a region from which it is told."""

_RENDERED: Final = 0.75
"""Of what one curve for all leaves: less than that, and contrast was evened."""

_RENDERED_SCORE: Final = 0.7
"""What scores then count: evened contrast leaves twice as high ones in copies that nobody changed."""

_SCALES: Final = (4.0, 7.0, 11.0)
"""Pixels of the grid: half the size of what is looked for, in three sizes."""

_AROUND: Final = 2.5
_EDGES: Final = (0.25, 0.5, 0.75, 0.9)
_LEAST_NOISE: Final = 0.15
_NEAR: Final = 12.0
"""How many times its size around a place the noise is looked at."""

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
    mask = laid.mask
    plainly, rendered = (fit(laid.original, laid.suspect, mask) for fit in (fit_plainly, fit_by_renderings))
    scores = _score(rendered, laid.original, mask)
    if _usual(rendered[mask]) < _RENDERED * _usual(plainly[mask]):
        scores *= _RENDERED_SCORE  # one curve for all does not explain the copy, so it has no say
    else:
        scores = np.minimum(scores, _score(plainly, laid.original, mask))
    return Difference(
        scores=scores,
        mask=laid.mask,
        compared=round(float(laid.mask.mean()), 3),
        score=round(float(scores.max()), 2),
        regions=_regions(scores, laid.scale, original.shape),
        registered=laid,
    )


def _score(left: NDArray[np.float32], original: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return how far what is left of a copy is from what is left elsewhere, at edges as strong and around."""
    inside = mask.astype(np.float32)
    edge = _blur(cv2.magnitude(cv2.Sobel(original, cv2.CV_32F, 1, 0), cv2.Sobel(original, cv2.CV_32F, 0, 1)), 2)
    level = np.digitize(edge, np.quantile(edge[mask], _EDGES)) if mask.any() else np.zeros(edge.shape, np.intp)
    by_edges, by_place = np.zeros_like(left), np.zeros_like(left)
    for scale in _SCALES:
        band = (_mean(left, inside, scale) - _mean(left, inside, scale * _AROUND)) * inside
        noise = np.ones_like(band)
        for one in range(len(_EDGES) + 1):
            there = band[mask & (level == one)]
            if there.size >= _FEWEST:
                noise[level == one] = _usual(there) + _LEAST_NOISE
        by_edges = np.maximum(by_edges, np.abs(band) / _blur(noise, scale))
        by_place = np.maximum(by_place, np.abs(band) / _noise_around(band, inside, scale))
    return np.asarray(np.sqrt(by_edges * by_place) * inside, np.float32)


def _noise_around(band: NDArray[np.float32], inside: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Return how much is left around each place, what stands out of it left aside."""
    side = int(_NEAR * scale) | 1
    power = band * band
    usual = (_usual(band[inside > 0]) if inside.any() else 1.0) ** 2
    total = cv2.blur(inside, (side, side)) + np.float32(1e-6)
    around = np.full_like(band, 1.5 * usual)
    for _ in range(4):
        around = np.asarray(cv2.blur(np.minimum(power, 6 * around) * inside, (side, side)) / total, np.float32)
    return np.asarray(np.sqrt(around + _LEAST_NOISE**2 + usual / 2), np.float32)


def _usual(values: NDArray[np.float32]) -> float:
    return 1.4826 * float(np.median(np.abs(values))) if values.size else 0.0


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
        here = _around(rest >= peak * _REGION, row, column)
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
        # All that hangs together with it is one region, its slopes too.
        rest[_around(scores >= HOT * _REGION, row, column)] = 0
    return tuple(found)


def _around(chosen: NDArray[np.bool_], row: int, column: int) -> NDArray[np.bool_]:
    """Return what hangs together with a pixel."""
    _, labels = cv2.connectedComponents(chosen.astype(np.uint8))
    return np.asarray(labels == labels[row, column])
