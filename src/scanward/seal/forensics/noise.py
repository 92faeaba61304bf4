"""Where the noise of a frame is not what it is around: a patch that was smoothed, painted, resampled or pasted.

The energy of fine detail in 8 bands of each block of 16 x 16 pixels is foretold from the grey level and the structure
there (as the rest of the image, or other slices of the series, have it) and from the blocks around; what is left over
is held against how much it varies. Method after Popescu and Farid 2004 and Mahdian and Saic 2009 (block noise
inconsistency), with the bands of the power spectrum in place of one variance.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scanward.model.signs import Baseline, Limits, Measured, NoiseSigns, Outcome, Place, ScoreMap
from scanward.seal.forensics.planes import Unfit, to_plane

BLOCK = 16
STEP = 4
MAX_STEPS = 384
"""Blocks along a side; in larger frames they lie further apart."""

EDGES = (0.09, 0.16, 0.22, 0.28, 0.34, 0.40, 0.46, 0.56, 0.71)
"""Bounds of the bands, in cycles per pixel."""

DETREND_SIGMA = 3.0
STRUCTURE_SIGMA = 2.0
STRUCTURE_SIDE = 19
MAX_STRUCTURE = 20.0
"""Range of the smoothed image around a pixel, in medians of its noise; above it there is anatomy, not noise."""

MAX_EQUAL = 0.5
"""Share of neighbours that are the same; above it there is padding, saturation or drawing."""

LEVELS = 12
MIN_BLOCKS = 300
"""With fewer blocks to judge by, it cannot be told."""

AROUND, INNER, POOL = 31, 9, 5
"""Blocks across: of the surround, of its hole, and of the region that is judged."""

MIN_AROUND = 60
MIN_SLICES = 8
THRESHOLD_SERIES = 2.0
THRESHOLD_IMAGE = 2.0

LIMITS = Limits(
    sees=("a patch that was smoothed, inpainted, resampled or got other noise",),
    misses=(
        "a patch out of the next slice or of another place of the same scan",
        "something added to what was there, such as a nodule of 60 HU, which leaves the noise as it was",
        "noise put back in its own spectrum",
        "a patch that is smaller than about 24 pixels or lies on edges of anatomy",
    ),
    false_alarms=Measured(what="clean frames", hits=0, of=1),
)
"""Figures of ``benchmarks/seal/noise.py``."""

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Blocks:
    """What is known of the blocks of a frame, each as (down, across) or (down, across, band).

    Attributes
    ----------
    energy
        Logarithm of the energy in each band.
    level, structure
        Mean grey value, and logarithm of the range around, of a block.
    valid
        Whether it shows noise and little else.
    step
        Pixels from one to the next.
    shape
        Of the frame.
    """

    energy: Floats
    level: Floats
    structure: Floats
    valid: Flags
    step: int
    shape: tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Model:
    bounds: Floats
    weights: Floats
    center: Floats
    precision: Floats


def find_inconsistency(frame: NDArray[np.generic], others: Sequence[NDArray[np.generic]] = ()) -> NoiseSigns:
    """Return how odd the noise of the oddest region of a frame is.

    Parameters
    ----------
    frame
        Its samples.
    others
        Other slices of the same series, alike in size and kernel; with fewer than `MIN_SLICES` that can be used, the
        frame is held against itself.
    """
    blocks = _try_measure(frame)
    if isinstance(blocks, str):
        return NoiseSigns(outcome=Outcome.CANNOT_TELL, limits=LIMITS, baseline=Baseline.IMAGE, why=blocks)
    measured = [one for one in map(_try_measure, others) if isinstance(one, Blocks)]
    if len(measured) >= MIN_SLICES:
        halves = _fit(measured[::2]), _fit(measured[1::2])
        null = [_top(_score(one, halves[(number + 1) % 2])) for number, one in enumerate(measured)]
        scores = (_score(blocks, halves[0]) + _score(blocks, halves[1])) / 2
        usual = float(np.median([one for one in null if np.isfinite(one)] or [np.nan]))
        return _judge(blocks, scores, usual, Baseline.SERIES)
    scores = _score(blocks, _fit([blocks]))
    known = scores[np.isfinite(scores)]
    usual = float(np.quantile(known, 0.99)) if len(known) else float("nan")
    return _judge(blocks, scores, usual, Baseline.IMAGE)


def _try_measure(frame: NDArray[np.generic]) -> Blocks | str:
    try:
        blocks = measure_blocks(to_plane(frame))
    except Unfit as unfit:
        return str(unfit)
    return blocks if blocks.valid.sum() >= MIN_BLOCKS else "hardly a part of it shows noise alone"


def measure_blocks(plane: NDArray[np.float64]) -> Blocks:
    """Return what is known of the blocks of a frame."""
    pixels = plane.astype(np.float32)
    step = STEP
    while max(plane.shape) // step > MAX_STEPS:
        step *= 2
    residual = pixels - cv2.GaussianBlur(pixels, (0, 0), DETREND_SIGMA)
    noise = max(float(np.median(np.abs(residual[residual != 0]))), 1e-12) if residual.any() else 1.0
    residual /= np.float32(noise)
    energy = _band_energy(np.asarray(residual, np.float32), step)
    smooth = np.asarray(cv2.GaussianBlur(pixels, (0, 0), STRUCTURE_SIGMA), np.float32)
    kernel = np.ones((STRUCTURE_SIDE, STRUCTURE_SIDE), np.uint8)
    structure = (cv2.dilate(smooth, kernel) - cv2.erode(smooth, kernel)) / np.float32(noise)
    fits = (structure < MAX_STRUCTURE) & (_equal_share(pixels) < MAX_EQUAL)
    down, across = energy.shape[:2]

    def sample(values: NDArray[np.generic], offset: int) -> NDArray[np.generic]:
        return values[offset::step, offset::step][:down, :across]

    valid = sample(fits, BLOCK // 2) & sample(fits, 2) & sample(fits, BLOCK - 3)
    return Blocks(
        energy=energy,
        level=np.asarray(sample(smooth, BLOCK // 2), np.float32),
        structure=np.asarray(np.log(sample(structure, BLOCK // 2) + np.float32(1)), np.float32),
        valid=np.asarray(valid, np.bool_),
        step=step,
        shape=(plane.shape[0], plane.shape[1]),
    )


def _equal_share(pixels: Floats) -> Floats:
    same = np.zeros(pixels.shape, np.float32)
    same[:, :-1] = pixels[:, 1:] == pixels[:, :-1]
    same[:-1] = np.maximum(same[:-1], pixels[1:] == pixels[:-1])
    return np.asarray(cv2.blur(same, (BLOCK, BLOCK)), np.float32)


def _band_energy(residual: Floats, step: int) -> Floats:
    window = np.outer(np.hanning(BLOCK + 2)[1:-1], np.hanning(BLOCK + 2)[1:-1]).astype(np.float32)
    radius = np.hypot(np.fft.fftfreq(BLOCK)[:, None], np.fft.rfftfreq(BLOCK)[None])
    bands = [(radius >= low) & (radius < high) for low, high in itertools.pairwise(EDGES)]
    views = np.lib.stride_tricks.sliding_window_view(residual, (BLOCK, BLOCK))[::step, ::step]
    rows = []
    for row in views:  # one row of blocks at a time bounds the memory
        power = np.abs(np.fft.rfft2(row * window)) ** 2
        rows.append(np.stack([np.log(power[:, band].mean(-1) + 1e-3) for band in bands], -1))
    return np.asarray(np.stack(rows), np.float32)


def _design(blocks: Blocks, bounds: Floats) -> Floats:
    levels = np.searchsorted(bounds, blocks.level)
    columns = [(levels == one).astype(np.float32) for one in range(len(bounds) + 1)]
    return np.stack([*columns, blocks.structure, blocks.structure**2], -1)


def _fit(many: Sequence[Blocks]) -> _Model:
    """Return how energy depends on level and structure, and how much what is left over varies."""
    level = np.concatenate([one.level[one.valid] for one in many])
    bounds = np.unique(np.quantile(level, np.linspace(0, 1, LEVELS + 1)[1:-1])).astype(np.float32)
    design = np.concatenate([_design(one, bounds)[one.valid] for one in many]).astype(np.float64)
    energy = np.concatenate([one.energy[one.valid] for one in many]).astype(np.float64)
    ridge = 1e-3 * len(design) * np.eye(design.shape[1])
    weights = np.linalg.solve(design.T @ design + ridge, design.T @ energy).astype(np.float32)
    left = np.concatenate([_leftover(one, bounds, weights)[0][one.valid] for one in many])
    center = np.median(left, 0)
    away = np.abs(left - center).max(1)
    kept = left[away <= np.quantile(away, 0.99)]
    spread = np.cov((kept - center).T) + 1e-3 * np.eye(len(center))
    precision = np.linalg.inv(spread).astype(np.float32)
    return _Model(bounds=bounds, weights=weights, center=center.astype(np.float32), precision=precision)


def _leftover(blocks: Blocks, bounds: Floats, weights: Floats) -> tuple[Floats, Flags]:
    """Return energy less what level, structure and surround foretell, and where there is enough surround."""
    rest = np.where(blocks.valid[..., None], blocks.energy - _design(blocks, bounds) @ weights, np.float32(0))
    rest = np.asarray(rest, np.float32)
    valid = blocks.valid.astype(np.float32)
    count = _total(valid, AROUND) - _total(valid, INNER)
    around = _total(rest, AROUND) - _total(rest, INNER)
    return rest - around / np.maximum(count, 1)[..., None], blocks.valid & (count > MIN_AROUND)


def _total(values: Floats, side: int) -> Floats:
    total = cv2.boxFilter(values, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(total, np.float32)


def _score(blocks: Blocks, model: _Model) -> Floats:
    """Return how odd the region around each block is; NaN where it cannot be judged."""
    rest, good = _leftover(blocks, model.bounds, model.weights)
    rest = np.where(good[..., None], rest - model.center, np.float32(0))
    count = _total(good.astype(np.float32), POOL)
    mean = _total(np.asarray(rest, np.float32), POOL) / np.maximum(count, 1)[..., None]
    score = np.einsum("ijk,kl,ijl->ij", mean, model.precision, mean)
    return np.where(good & (count >= POOL * POOL / 2), score, np.float32(np.nan)).astype(np.float32)


def _top(scores: Floats) -> float:
    known = scores[np.isfinite(scores)]
    return float(known.max()) if len(known) else float("nan")


def _judge(blocks: Blocks, scores: Floats, usual: float, baseline: Baseline) -> NoiseSigns:
    top = _top(scores)
    if not np.isfinite(top) or not np.isfinite(usual) or usual <= 0:
        why = "hardly a part of it shows noise alone"
        return NoiseSigns(outcome=Outcome.CANNOT_TELL, limits=LIMITS, baseline=baseline, why=why)
    threshold = THRESHOLD_SERIES if baseline is Baseline.SERIES else THRESHOLD_IMAGE
    score = top / usual
    down, across = (int(one) for one in np.unravel_index(np.nanargmax(scores), scores.shape))
    margin = POOL // 2 * blocks.step
    region = Place(
        top=max(down * blocks.step - margin, 0),
        left=max(across * blocks.step - margin, 0),
        bottom=min(down * blocks.step + BLOCK + margin, blocks.shape[0]),
        right=min(across * blocks.step + BLOCK + margin, blocks.shape[1]),
    )
    return NoiseSigns(
        outcome=Outcome.SIGN if score > threshold else Outcome.NO_SIGN,
        limits=LIMITS,
        baseline=baseline,
        score=score,
        threshold=threshold,
        region=region,
        score_map=ScoreMap(
            rows=scores.shape[0],
            columns=scores.shape[1],
            step_pixels=blocks.step,
            block_pixels=BLOCK,
            values=(scores / np.float32(usual)).astype("<f4").tobytes(),
        ),
    )
