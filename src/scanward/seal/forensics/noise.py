"""Where the noise of a frame is not what it is around: a patch that was smoothed, painted, resampled or pasted.

The energy of the finest detail, in 5 bands of each block of 16 x 16 pixels, is foretold from the grey level, the
structure and the coarser detail there (as the rest of the image, or other slices of the series, have it) and from the
blocks around; what is left over is held against how much it varies at such a level and structure. Method after Popescu
and Farid 2004 and Mahdian and Saic 2009 (block noise inconsistency), with the power spectrum in place of one variance.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

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

COARSE = 3
"""So many bands foretell the others: anatomy shows in them first."""

DETREND_SIGMA = 3.0
STRUCTURE_SIGMA = 2.0
STRUCTURE_SIDE = 19
MAX_STRUCTURE = 100.0
"""Range of the smoothed image around a pixel, in medians of its noise; above it there is an edge."""

MAX_EQUAL = 0.5
"""Share of neighbours that are the same; above it there is padding, saturation or drawing."""

LEVELS = 12
MIN_BLOCKS = 300
"""With fewer blocks to judge by, it cannot be told."""

AROUND, INNER, POOL = 31, 9, 5
"""Blocks across: of the surround, of its hole, and of the region that is judged."""

MIN_AROUND = 60
MIN_SLICES = 8
MAX_SLICES = 24
"""Slices of a series that are looked at for its baseline, spread over it."""

MIN_GROUP = 50
FAR = 6.0
"""Spreads from the centre beyond which a region does not count for what is usual."""

THRESHOLD_SERIES = 1.8
THRESHOLD_IMAGE = 10.0
"""95 of 100 clean frames lie below; a part of the corpus set them, the rest measured them."""

LIMITS = Limits(
    sees=(
        "a patch that got white noise, and some that were smoothed, resampled or inpainted",
        "more of them in CT of the body and in films than in heads, where hardly a part shows noise alone",
    ),
    misses=(
        "a patch out of the next slice, and other patches with noise of the same kind",
        "what was added to what was there, such as a nodule, which leaves the noise as it was",
        "noise put back in its own spectrum",
        "a patch of under about 24 pixels, or on edges of anatomy",
    ),
    false_alarms=Measured(what="frames that nobody edited, held against themselves", hits=2, of=43),
    measured=(
        Measured(what="false alarms, held against the series", hits=1, of=30),
        Measured(what="found: inpainted with white noise", hits=27, of=43),
        Measured(what="found: smoothed with sigma 1", hits=16, of=43),
        Measured(what="found: halved and doubled", hits=14, of=43),
        Measured(what="found: inpainted (Telea)", hits=8, of=43),
        Measured(what="found: nodule added", hits=0, of=43),
        Measured(what="found: patch out of the next slice", hits=0, of=30),
    ),
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
    """How energy depends on level, structure and coarser detail, and how much the rest varies.

    `bounds` parts levels for the foretelling; `levels` and `structures` part blocks into groups with a `spread` each.
    """

    bounds: Floats
    weights: Floats
    levels: Floats
    structures: Floats
    center: Floats
    spread: Floats
    precision: Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesNoise:
    """The noise of a series: models of two halves of it, and the top scores of slices of one half by the other."""

    halves: tuple[_Model, _Model] = field(repr=False)
    tops: tuple[float, ...]

    @property
    def usual(self) -> float:
        """The middle one of the top scores."""
        return float(np.median(self.tops))


def learn_series(slices: Sequence[NDArray[np.generic]]) -> SeriesNoise | None:
    """Return the noise of a series, to hold other slices of it against; None with fewer than `MIN_SLICES` to judge by.

    `slices` are alike in size and kernel; the one that will be asked about is not among them.
    """
    step = max(1, -(-len(slices) // MAX_SLICES))
    measured = [one for one in map(_try_measure, slices[::step]) if isinstance(one, Blocks)]
    if len(measured) < MIN_SLICES:
        return None
    first, second = _fit(measured[::2]), _fit(measured[1::2])
    if first is None or second is None:
        return None
    tops = [_top(_score(one, second if number % 2 == 0 else first)) for number, one in enumerate(measured)]
    known = tuple(one for one in tops if math.isfinite(one))
    return SeriesNoise(halves=(first, second), tops=known) if known else None


def find_inconsistency(
    frame: NDArray[np.generic], others: Sequence[NDArray[np.generic]] = (), *, series: SeriesNoise | None = None
) -> NoiseSigns:
    """Return how odd the noise of the oddest region of a frame is.

    Parameters
    ----------
    frame
        Its samples.
    others
        Other slices of its series; with fewer than `MIN_SLICES` that can be used, the frame is held against itself.
    series
        What `learn_series` made of them, where several frames are asked about; then `others` is not looked at.
    """
    if series is None:
        series = learn_series(others)
    baseline = Baseline.IMAGE if series is None else Baseline.SERIES
    blocks = _try_measure(frame)
    if isinstance(blocks, str):
        return NoiseSigns(outcome=Outcome.CANNOT_TELL, limits=LIMITS, baseline=baseline, why=blocks)
    if series is not None:
        scores = (_score(blocks, series.halves[0]) + _score(blocks, series.halves[1])) / 2
        signs = _judge(blocks, np.asarray(scores, np.float32), series.usual, baseline)
        as_much = sum(one >= signs.score * series.usual for one in series.tops)
        known = math.isfinite(signs.score)
        return replace(signs, p_value=(1 + as_much) / (1 + len(series.tops))) if known else signs
    model = _fit([blocks])
    return _judge(blocks, None if model is None else _score(blocks, model), 1.0, baseline)


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
    span = cv2.dilate(smooth, kernel) - cv2.erode(smooth, kernel)
    structure = np.asarray(span / noise, np.float32)
    fits = (structure < MAX_STRUCTURE) & (_equal_share(pixels) < MAX_EQUAL)
    down, across = energy.shape[:2]

    def sample(values: Floats, offset: int) -> Floats:
        return values[offset::step, offset::step][:down, :across]

    fine = fits.astype(np.float32)
    valid = np.minimum(sample(fine, BLOCK // 2), np.minimum(sample(fine, 2), sample(fine, BLOCK - 3))) > 0
    return Blocks(
        energy=energy,
        level=sample(smooth, BLOCK // 2),
        structure=np.log1p(sample(structure, BLOCK // 2)),
        valid=valid,
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
    coarse = [blocks.energy[..., band] for band in range(COARSE)]
    return np.asarray(np.stack([*columns, blocks.structure, blocks.structure**2, *coarse], -1), np.float32)


def _fit(many: Sequence[Blocks]) -> _Model | None:
    """Return how energy depends on what is foretold by, and how much the rest varies; None if there is too little."""
    level = np.concatenate([one.level[one.valid] for one in many])
    bounds = np.unique(np.quantile(level, np.linspace(0, 1, LEVELS + 1)[1:-1])).astype(np.float32)
    design = np.concatenate([_design(one, bounds)[one.valid] for one in many]).astype(np.float64)
    energy = np.concatenate([one.energy[one.valid][:, COARSE:] for one in many]).astype(np.float64)
    ridge = 1e-3 * len(design) * np.eye(design.shape[1])
    weights = np.linalg.solve(design.T @ design + ridge, design.T @ energy).astype(np.float32)
    pooled = [_pooled(one, bounds, weights) for one in many]
    left = np.concatenate([rest[judged] for rest, judged in pooled])
    if len(left) < MIN_BLOCKS:
        return None
    structure = np.concatenate([one.structure[judged] for one, (_, judged) in zip(many, pooled, strict=True)])
    level = np.concatenate([one.level[judged] for one, (_, judged) in zip(many, pooled, strict=True)])
    structures = np.quantile(structure, [0.25, 0.5, 0.75, 0.9]).astype(np.float32)
    levels = np.quantile(level, [0.25, 0.5, 0.75]).astype(np.float32)
    center = np.median(left, 0)
    group = np.searchsorted(structures, structure) * (len(levels) + 1) + np.searchsorted(levels, level)
    spread = _spread_by_group(np.abs(left - center), group, (len(structures) + 1) * (len(levels) + 1))
    standard = (left - center) / spread[group]
    standard = standard[np.abs(standard).max(1) < FAR]
    precision = np.linalg.inv(np.atleast_2d(np.cov(standard.T)) + 0.05 * np.eye(left.shape[1]))
    return _Model(
        bounds=bounds,
        weights=weights,
        levels=levels,
        structures=structures,
        center=np.asarray(center, np.float32),
        spread=spread,
        precision=np.asarray(precision, np.float32),
    )


def _spread_by_group(away: Floats, group: NDArray[np.int64], groups: int) -> Floats:
    """Return 1.4826 median absolute deviations of each group; of all where a group is small."""
    spread = np.repeat(np.median(away, 0)[None], groups, 0)
    for one in range(groups):
        here = group == one
        if here.sum() >= MIN_GROUP:
            spread[one] = np.median(away[here], 0)
    return np.asarray(np.maximum(1.4826 * spread, 0.02), np.float32)


def _pooled(blocks: Blocks, bounds: Floats, weights: Floats) -> tuple[Floats, Flags]:
    """Return energy less what is foretold, as the mean over a region, and where a region can be judged."""
    valid = blocks.valid.astype(np.float32)
    rest = blocks.energy[..., COARSE:] - _design(blocks, bounds) @ weights
    rest = np.asarray(np.where(blocks.valid[..., None], rest, np.float32(0)), np.float32)
    count = _total(valid, AROUND) - _total(valid, INNER)
    around = _total(rest, AROUND) - _total(rest, INNER)
    rest = rest - around / np.maximum(count, 1)[..., None]
    good = blocks.valid & (count > MIN_AROUND)
    rest = np.asarray(np.where(good[..., None], rest, np.float32(0)), np.float32)
    pool = _total(good.astype(np.float32), POOL)
    mean = np.asarray(_total(rest, POOL) / np.maximum(pool, 1)[..., None], np.float32)
    return mean, good & (pool >= POOL * POOL / 2)


def _total(values: Floats, side: int) -> Floats:
    total = cv2.boxFilter(values, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(total, np.float32)


def _score(blocks: Blocks, model: _Model) -> Floats:
    """Return how odd the region around each block is, in spreads; NaN where it cannot be judged."""
    rest, judged = _pooled(blocks, model.bounds, model.weights)
    across = len(model.levels) + 1
    group = np.searchsorted(model.structures, blocks.structure) * across + np.searchsorted(model.levels, blocks.level)
    standard = (rest - model.center) / model.spread[group]
    score = np.sqrt(np.maximum(np.einsum("ijk,kl,ijl->ij", standard, model.precision, standard), 0))
    return np.where(judged, score, np.float32(np.nan)).astype(np.float32)


def _top(scores: Floats) -> float:
    known = scores[np.isfinite(scores)]
    return float(known.max()) if len(known) else float("nan")


def _judge(blocks: Blocks, scores: Floats | None, usual: float, baseline: Baseline) -> NoiseSigns:
    top = math.nan if scores is None else _top(scores)
    if scores is None or not np.isfinite(top) or not np.isfinite(usual) or usual <= 0:
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
