"""What an alignment needs of a volume: a small, even copy that looks like a T1 scan, and where the head is."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from scanward.deidentify.faces.volume import Affine, Volume

Floats = NDArray[np.float32]
Voxels = NDArray[np.bool_]

GRID_MM: Final = 4.0
"""Spacing of the copy: a head is some 50 voxels wide."""

CT_SKIN_HU: Final = -350.0
"""Air below, skin above."""

CT_FLOOR_HU: Final = -500.0
"""Values that only Hounsfield units have: where no header says what a volume is."""

_OFFSET_HU: Final = 1024.0
_LEAST_SOFT_SHARE: Final = 0.10
"""Of the voxels, at least so many are soft tissue: no scan has so much bone of 900 to 1200 HU and no air at all."""

_HU: Final = (-1100, -200, -100, -20, 10, 40, 80, 200, 400, 3000)
_T1: Final = (0, 0, 420, 300, 120, 250, 250, 150, 40, 20)
"""Hounsfield units, and how bright such tissue is in a T1 scan: fat, then brain, then fluid, hardly bone."""

_MR_SKIN: Final = 0.45
"""Of the value that parts background from tissue best (Otsu 1979): skin is darker than the brain."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Skin:
    """What parts air from skin in a volume.

    Attributes
    ----------
    threshold
        Values above are tissue.
    is_ct
        Values are Hounsfield units, but for an offset.
    offset_hu
        What values are above Hounsfield units, in a CT whose header does not say so.
    """

    threshold: float
    is_ct: bool
    offset_hu: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class AlignInputs:
    """A volume made ready to be aligned; arrays are (z, y, x) on a grid of `GRID_MM` along patient axes.

    Attributes
    ----------
    t1
        As bright as in a T1 scan, 0 away from the head.
    values
        What was scanned; Hounsfield units of a CT.
    head
        The largest object, closed.
    valid
        What was scanned.
    origin_mm
        Where the first voxel lies: x, y, z of LPS.
    start_mm
        Middle of the uppermost 180 mm of the object.
    skin
        What parts air from skin.
    head_ml
        Size of the object.
    background_share
        Share of the scanned voxels outside of the object that have one and the same value.
    """

    t1: Floats
    values: Floats
    head: Voxels
    valid: Voxels
    origin_mm: tuple[float, float, float]
    start_mm: tuple[float, float, float]
    skin: Skin
    head_ml: float
    background_share: float


def skin_of(volume: Volume) -> Skin:
    """Return what parts air from skin in a volume."""
    sample = volume.values[::2, ::3, ::3]
    if volume.valid is not None:
        sample = sample[volume.valid[::2, ::3, ::3]]
    if sample.size == 0:
        return Skin(threshold=0.0, is_ct=volume.modality == "CT")
    low = float(sample.min())
    if volume.modality == "CT" or (not volume.modality and low < CT_FLOOR_HU):
        offset = _offset_hu(sample, low)
        return Skin(threshold=CT_SKIN_HU + offset, is_ct=True, offset_hu=offset)
    clipped = np.clip(sample, low, np.percentile(sample, 99.5))
    if float(clipped.max()) <= low:
        return Skin(threshold=low, is_ct=False)
    return Skin(threshold=low + _MR_SKIN * (_otsu(clipped) - low), is_ct=False)


def _offset_hu(values: Floats, low: float) -> float:
    """Return what values of a CT are above Hounsfield units: nothing, or what devices add to have none below 0.

    Without this, air would be taken for skin, and all that was scanned for one large object.
    """
    if low < CT_FLOOR_HU:
        return 0.0
    soft = float(np.mean((values > _OFFSET_HU - 124) & (values < _OFFSET_HU + 176)))
    return _OFFSET_HU if soft >= _LEAST_SOFT_SHARE else 0.0


def _otsu(values: NDArray[np.float32]) -> float:
    """Return the value that parts a histogram of 256 bins into the two most distinct classes (Otsu 1979)."""
    counts, edges = np.histogram(values, 256)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    best = np.nan_to_num(between)
    # Between two classes that are far apart, all values part them as well: the middle one keeps off both.
    return float(middles[best >= best.max() * (1 - 1e-9)].mean())


def grid_affine(origin_mm: tuple[float, float, float], spacing_mm: float) -> Affine:
    """Return (x, y, z index, 1) to mm of a grid along patient axes."""
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = origin_mm
    return affine


def sample(values: Floats, to_index: Affine, shape: tuple[int, ...], outside: float) -> Floats:
    """Return values at places of another grid, linearly interpolated.

    Parameters
    ----------
    values
        (slices, rows, columns).
    to_index
        From (x, y, z index, 1) of the other grid to (column, row, slice) of `values`.
    shape
        Of the other grid: (z, y, x).
    outside
        What stands beyond `values`.
    """
    matrix = to_index[:3, :3][::-1, ::-1]
    offset = to_index[:3, 3][::-1]
    out = np.empty(shape, np.float32)
    ndi.affine_transform(values, matrix, offset, output_shape=shape, output=out, order=1, mode="constant", cval=outside)
    return out


def thinned(volume: Volume, spacing_mm: float) -> tuple[Floats, Floats | None, Affine]:
    """Return a volume, and what of it was scanned, averaged over blocks that are no larger than a spacing.

    Averaging before sampling keeps noise out, and what is sampled small.
    """
    factors = [max(int(spacing_mm / step + 0.25), 1) for step in volume.spacing_mm]
    affine = volume.affine.copy()
    shift = [(factor - 1) / 2 for factor in factors][::-1]
    affine[:3, 3] += volume.affine[:3, :3] @ np.array(shift)
    for axis, factor in enumerate(factors[::-1]):
        affine[:3, axis] *= factor
    values = _block_means(volume.values, factors)
    valid = None if volume.valid is None else _block_means(volume.valid, factors)
    return values, valid, affine


def _block_means(values: NDArray[np.float32] | Voxels, factors: list[int]) -> Floats:
    shape = [length // factor for length, factor in zip(values.shape, factors, strict=True)]
    out = np.empty(shape, np.float32)
    rows, columns = shape[1] * factors[1], shape[2] * factors[2]
    for at in range(shape[0]):  # by slices, so that nothing of the size of the volume is made
        block = values[at * factors[0] : (at + 1) * factors[0], :rows, :columns].mean(axis=0, dtype=np.float32)
        out[at] = block.reshape(shape[1], factors[1], shape[2], factors[2]).mean(axis=(1, 3), dtype=np.float32)
    return out


def make_align_inputs(volume: Volume) -> AlignInputs:
    """Make a volume ready to be aligned."""
    skin = skin_of(volume)
    values, scanned, affine = thinned(volume, GRID_MM)
    corners = np.array([[c, r, s, 1] for c in (0, 1) for r in (0, 1) for s in (0, 1)], np.float64)
    corners[:, :3] *= np.array(values.shape[::-1]) - 1
    placed = (corners @ affine.T)[:, :3]
    low, high = placed.min(axis=0), placed.max(axis=0)
    shape = tuple(int(n) for n in np.ceil((high - low) / GRID_MM).astype(int)[::-1] + 1)
    origin = (float(low[0]), float(low[1]), float(low[2]))
    to_index = np.linalg.inv(affine) @ grid_affine(origin, GRID_MM)
    even = sample(values, to_index, shape, float(values.min()))
    inside = np.ones_like(values) if scanned is None else scanned
    valid = sample(inside, to_index, shape, 0.0) > 0.5
    head = head_of(np.where(valid, even, -np.inf) > skin.threshold, GRID_MM)
    head_ml = float(head.sum()) * GRID_MM**3 / 1000
    return AlignInputs(
        t1=_as_t1(even - skin.offset_hu, head, skin),
        values=even - np.float32(skin.offset_hu),
        head=head,
        valid=valid,
        origin_mm=origin,
        start_mm=_start(head, origin),
        skin=skin,
        head_ml=head_ml,
        background_share=_background_share(even, valid & ~ndi.binary_dilation(head, iterations=2)),
    )


def head_of(tissue: Voxels, spacing_mm: float) -> Voxels:
    """Return the largest object without what is thin (tables, tubes, noise), closed."""
    opened = ndi.binary_opening(tissue, iterations=max(round(2 / spacing_mm), 1))
    labels, found = ndi.label(opened)
    if not found:
        return np.asarray(opened)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest = labels == sizes.argmax()
    return np.asarray(ndi.binary_closing(largest, iterations=max(round(3 / spacing_mm), 1)) | largest)


def _as_t1(values: Floats, head: Voxels, skin: Skin) -> Floats:
    if skin.is_ct:
        bright = np.interp(values, _HU, _T1)
    else:
        bright = np.clip(values, 0, np.percentile(values[head], 99) if head.any() else 1)
    return np.where(ndi.binary_dilation(head), bright, 0).astype(np.float32)


def _start(head: Voxels, origin: tuple[float, float, float]) -> tuple[float, float, float]:
    places = np.argwhere(head)
    if not places.size:
        return origin
    upper = places[places[:, 0] > places[:, 0].max() - 180 / GRID_MM]
    z, y, x = upper.mean(axis=0) * GRID_MM
    return origin[0] + float(x), origin[1] + float(y), origin[2] + float(z)


def _background_share(values: Floats, outside: Voxels) -> float:
    if not outside.any():
        return 0.0
    found = values[outside]
    return float(np.mean(found == np.median(found)))
