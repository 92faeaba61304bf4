"""Takes the face off a head that was aligned with the atlas: which voxels go, and what stands there instead.

All shapes are worked out on the grid of the atlas as distances in mm, negative within, and only these are sampled onto
the voxels of the volume, slab by slab: cost and memory are bound by the atlas, not by the volume.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from scanward.deidentify.faces.align_inputs import Skin, grid_affine, head_of, sample, thinned
from scanward.deidentify.faces.atlas import ORIGIN_MM, SHAPE, SPACING_MM, Atlas, axes_mm
from scanward.deidentify.faces.noise import draw
from scanward.deidentify.faces.volume import Affine, Volume
from scanward.model.faces import FaceFill

Floats = NDArray[np.float32]
Voxels = NDArray[np.bool_]

SHELL_MM: Final = 5.0
"""How much of the surface goes that is left in front of the brow, at the temples, the cheeks and the ears."""

PROTECTED_MM: Final = 4.0
"""Around the brain nothing is changed."""

SCALP_AND_SKULL_MM: Final = 9.0
"""No brain lies less deep."""

EAR_MM: Final = 9.0
"""How deep below a skin without ears goes what is beside them, so that their outline does not stay."""

EAR_SKIN_MM: Final = 6.0
"""How deep below it a generic skin is drawn there."""

_EAR_BOX_MM: Final = ((-85.0, 14.0), (-24.0, 62.0), 50.0)
"""Lowest and highest, foremost and hindmost, and how far from the middle ears begin."""

_BALL_MM: Final = 16.0

_BROW_MM: Final = -26.0
BROW_DEEP_MM: Final = 12.0
"""How deep the face is cut where the front of the brain lies behind it."""

BRAIN_REACH_MM: Final = 12.0
"""How far the brain of a person may reach beyond that of the atlas."""

CT_AIR_HU: Final = -1000.0
CT_SKIN_HU: Final = 40.0
_CT_NOISE_HU: Final = 12.0
_CT_BRAIN_HU: Final = (0.0, 90.0)
_MR_NOISE: Final = 0.12

_SLAB_VOXELS: Final = 4_000_000
_BACKGROUND_SAMPLES: Final = 20_000
_FEWEST_SAMPLES: Final = 2_000
_AWAY: Final = 4

_BROW_TOP_MM: Final = 0.0
_FADING: Final = 0.4
_SKIN_SIGMA: Final = 2.5
"""Voxels of the atlas by which the generic skin is smoothed."""

_QUIET_MM: Final = (2.0, 5.0)
"""Below the generic skin, its noise begins at the one depth and is whole at the other: else the skin would be rough."""

_STEEP_MM: Final = 40.0
"""Turns shares (0 to 1) into something that meets distances where the share is what is asked for."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FaceMask:
    """What goes, and what stands there instead.

    Attributes
    ----------
    mask
        Of the shape of the volume's values: which voxels change.
    values
        What they become, in the order of the mask (`volume.values[mask] = values`).
    protected
        Of the atlas' shape: the brain and what is around it, where nothing was changed.
    """

    mask: Voxels
    values: Floats
    protected: Voxels


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Shapes:
    """Distances on the grid of the atlas: negative within."""

    gone: Floats
    filled: Floats
    protected: Voxels
    flesh: float


def remodel(volume: Volume, to_atlas: Affine, skin: Skin, atlas: Atlas, *, fill: FaceFill, seed: int) -> FaceMask:
    """Return which voxels of a volume go, and what stands there instead.

    Parameters
    ----------
    volume
        The head.
    to_atlas
        From patient mm to mm of the atlas.
    skin
        What parts air from skin.
    atlas
        Where face and brain are.
    fill
        What stands where the face was.
    seed
        Of the noise; the same seed gives the same values.
    """
    shapes = _shapes(volume, to_atlas, skin, atlas)
    mask = np.zeros(volume.values.shape, np.bool_)
    background = _background(volume, skin)
    values: list[Floats] = []
    blur = 1.5 * float(np.clip(np.mean(volume.spacing_mm), 0.5, 2))
    for part, gone, filled in _sampled(volume, to_atlas, shapes):
        here = gone < 0
        if volume.valid is not None:
            here &= volume.valid[part]
        if not here.any():
            continue
        at = part[0].start
        new = background[draw(int(here.sum()), background.size, seed, 0, at)].astype(np.float32)
        if fill is FaceFill.SKIN:
            # At the skin, part of a voxel is flesh: without that, steps of whole voxels would be seen as features.
            below = -filled[here]
            share = np.clip(0.5 + below / blur, 0, 1)
            quiet = np.interp(below, _QUIET_MM, (0.0, 1.0)).astype(np.float32)
            level, grain = _flesh(here.shape, skin, shapes.flesh, (seed, 1, at))
            new += share * (level + quiet * grain[here] - new)
        mask[part] = here
        values.append(new)
    return FaceMask(
        mask=mask,
        values=np.concatenate(values) if values else np.empty(0, np.float32),
        protected=shapes.protected,
    )


def on_atlas(volume: Volume, to_atlas: Affine) -> tuple[Floats, Voxels]:
    """Return a volume on the grid of the atlas, and what of that was scanned."""
    thin, scanned, affine = thinned(volume, SPACING_MM)
    to_index = np.linalg.inv(affine) @ np.linalg.inv(to_atlas) @ grid_affine(ORIGIN_MM, SPACING_MM)
    values = sample(thin, to_index, SHAPE, float(thin.min()))
    inside = np.ones_like(thin) if scanned is None else scanned
    return values, sample(inside, to_index, SHAPE, 0.0) > 0.5


def _shapes(volume: Volume, to_atlas: Affine, skin: Skin, atlas: Atlas) -> _Shapes:
    values, valid = on_atlas(volume, to_atlas)
    size = float(np.abs(np.linalg.det(to_atlas[:3, :3])) ** (-1 / 3))
    tissue = values > skin.threshold
    zone, generic = atlas.zone, atlas.generic
    depth = _depth_mm(tissue & valid, size)
    outer = np.maximum(-(generic + SHELL_MM * zone - 14 * (1 - zone)), (0.05 - zone) * _STEEP_MM)
    # Where a head is larger than the atlas, what lies outside of the generic skin may be brain.
    outer = np.maximum(outer, depth - SCALP_AND_SKULL_MM)
    core = np.maximum(atlas.cut, np.where(axes_mm()[0] > _BROW_MM, depth - BROW_DEEP_MM, -_STEEP_MM))
    skin_deep = np.maximum(np.maximum(depth - SHELL_MM, (0.9 - zone) * _STEEP_MM), -(generic + 18))
    smooth_depth, beside = _depth_without_ears_mm(depth, size), _beside_ears_mm()
    ears = np.maximum(smooth_depth - EAR_MM, beside)
    shell = np.maximum(np.minimum(np.minimum(outer, skin_deep), ears), generic - 40)
    brain = atlas.brain | _own_brain(values, skin, atlas, size, depth)
    protected = ndi.distance_transform_edt(~brain).astype(np.float32) * SPACING_MM * size - PROTECTED_MM
    # Half a voxel of the atlas more, as that is how exactly its grid knows where something ends.
    gone = np.maximum(np.minimum(core, shell) - _thick_mm(volume), SPACING_MM * size / 2 - protected)
    deeper = np.where((atlas.cut < 0) | (zone > 0.9), -1.0, -1 - 5 * (1 - zone))
    # Where a forehead lies in front of the generic skin, it is drawn in instead, smoothed: else there would be a hole.
    # It fades slowly towards the nose: a step would be a brow.
    own = ndi.gaussian_filter(SHELL_MM - smooth_depth, 3.0)
    own += np.where(atlas.cut < 0, np.clip(_FADING * (_BROW_TOP_MM - axes_mm()[0]), 0, _STEEP_MM), 0)
    filled = np.minimum(generic - deeper, own)
    filled = np.where(
        beside < 0, np.maximum(np.maximum(filled, generic + 1), EAR_SKIN_MM + _thick_mm(volume) - smooth_depth), filled
    )
    filled = ndi.gaussian_filter(filled, _SKIN_SIGMA)
    beneath = tissue & (zone > 0.05) & (generic < -3) & (generic > -25) & (atlas.cut >= 0) & valid
    return _Shapes(
        gone=gone.astype(np.float32),
        filled=filled.astype(np.float32),
        protected=protected < 0,
        flesh=float(np.median(values[beneath])) if beneath.any() else 2 * skin.threshold,
    )


def _depth_without_ears_mm(depth: Floats, size: float) -> Floats:
    """Return how deep places lie below a skin without what a ball cannot reach from within: ears, nose, brows."""
    outside = ndi.distance_transform_edt(depth <= _BALL_MM) * SPACING_MM * size
    return np.asarray(ndi.distance_transform_edt(outside <= _BALL_MM) * SPACING_MM * size, np.float32)


def _beside_ears_mm() -> Floats:
    """Return how far places lie beside the boxes that ears are in; negative within."""
    z, y, x = axes_mm()
    (lowest, highest), (foremost, hindmost), begin = _EAR_BOX_MM
    sides = (lowest - z, z - highest, foremost - y, y - hindmost, begin - np.abs(x))
    return np.asarray(np.maximum.reduce([np.broadcast_to(one, SHAPE) for one in sides]), np.float32)


def _thick_mm(volume: Volume) -> float:
    """Return by how much more goes where slices are thick: else what is thinner than they are might not go at all."""
    return float(np.clip(max(volume.spacing_mm) / 2 - 1, 0, 2))


def _depth_mm(tissue: Voxels, size: float) -> Floats:
    """Return how deep below the skin places lie; bone and cavities, dark as air in MR, count as head."""
    head = head_of(tissue, SPACING_MM)
    head |= ndi.binary_closing(np.pad(head, 5), iterations=5)[5:-5, 5:-5, 5:-5]
    for axis in range(3):
        filled = [ndi.binary_fill_holes(one) for one in np.moveaxis(head, axis, 0)]
        head |= np.moveaxis(np.stack(filled), 0, axis)
    return np.asarray(ndi.distance_transform_edt(head) * SPACING_MM * size, np.float32)


def _own_brain(values: Floats, skin: Skin, atlas: Atlas, size: float, depth: Floats) -> Voxels:
    """Return what of the head looks like brain and hangs together with it, near to the brain of the atlas."""
    near = ndi.distance_transform_edt(~atlas.brain) * SPACING_MM * size <= BRAIN_REACH_MM
    smooth = ndi.gaussian_filter(values, 0.5)
    core = ndi.binary_erosion(atlas.brain, iterations=4)
    if skin.is_ct:
        low, high = (one + skin.offset_hu for one in _CT_BRAIN_HU)
    else:
        low, high = np.percentile(smooth[core], (5, 99)) * (0.6, 1.2)
    like = near & (smooth > low) & (smooth < high) & (depth > SCALP_AND_SKULL_MM)
    # What hangs on the brain by a bridge of a few mm is an eye, a nerve, a muscle.
    opened = ndi.binary_opening(like, ndi.generate_binary_structure(3, 1), iterations=2)
    labels, _ = ndi.label(opened | core)
    of_core = np.unique(labels[core])
    found = np.isin(labels, of_core[of_core > 0])
    return np.asarray(ndi.binary_dilation(found, iterations=2, mask=like) | found)


def _sampled(
    volume: Volume, to_atlas: Affine, shapes: _Shapes
) -> Iterator[tuple[tuple[slice, slice, slice], Floats, Floats]]:
    """Yield parts of a volume with the distances there, as far as anything can go there."""
    to_index = np.linalg.inv(grid_affine(ORIGIN_MM, SPACING_MM)) @ to_atlas @ volume.affine
    matrix, offset = to_index[:3, :3][::-1, ::-1], to_index[:3, 3][::-1]
    box = _box(volume, np.asarray(np.linalg.inv(to_index), np.float64), shapes.gone)
    rows, columns = box[1], box[2]
    area = max((rows.stop - rows.start) * (columns.stop - columns.start), 1)
    step = max(_SLAB_VOXELS // area, 1)
    for first in range(box[0].start, box[0].stop, step):
        slices = slice(first, min(first + step, box[0].stop))
        part = (slices, rows, columns)
        shape = tuple(one.stop - one.start for one in part)
        begin = offset + matrix @ np.array([one.start for one in part])
        gone, filled = (
            ndi.affine_transform(
                field, matrix, begin, output_shape=shape, output=np.empty(shape, np.float32), order=1, mode="nearest"
            )
            for field in (shapes.gone, shapes.filled)
        )
        yield part, gone, filled


def _box(volume: Volume, to_voxel: Affine, gone: Floats) -> tuple[slice, slice, slice]:
    """Return the part of a volume that what goes lies in.

    Beyond its border the atlas goes on as it ends, so that what reaches the border reaches all that is beyond.
    """
    places = np.argwhere(gone < 0)
    if not places.size:
        return slice(0, 0), slice(0, 0), slice(0, 0)
    low, high = places.min(axis=0).astype(np.float64) - 1, places.max(axis=0).astype(np.float64) + 1
    far = 4 * np.array(SHAPE, np.float64)
    low = np.where(low < 1, -far, low)
    high = np.where(high > np.array(SHAPE) - 2, far + SHAPE, high)
    corners = np.array([[x, y, z, 1] for x in (low[2], high[2]) for y in (low[1], high[1]) for z in (low[0], high[0])])
    placed = (corners @ to_voxel.T)[:, 2::-1]
    first = np.clip(np.floor(placed.min(axis=0)), 0, volume.values.shape).astype(int)
    last = np.clip(np.ceil(placed.max(axis=0)) + 1, 0, volume.values.shape).astype(int)
    box = [slice(int(begin), max(int(end), int(begin))) for begin, end in zip(first, last, strict=True)]
    return box[0], box[1], box[2]


def _background(volume: Volume, skin: Skin) -> Floats:
    """Return values as they stand in the air of a scan."""
    if skin.is_ct:
        return np.array([CT_AIR_HU + skin.offset_hu], np.float32)
    values = volume.values[::2, ::2, ::2]
    dark = values <= skin.threshold
    if volume.valid is not None:
        dark &= volume.valid[::2, ::2, ::2]
    # Well away from tissue: what is dark within a head, or half in a voxel, is brighter than air.
    away = np.stack([ndi.binary_erosion(one, iterations=_AWAY, border_value=1) for one in dark])
    air = dark & away if np.count_nonzero(away) >= _FEWEST_SAMPLES else dark
    found = values[air]
    return found[:: max(found.size // _BACKGROUND_SAMPLES, 1)] if found.size else values.min(keepdims=True).ravel()


def _flesh(shape: tuple[int, ...], skin: Skin, level: float, seed: tuple[int, ...]) -> tuple[float, Floats]:
    """Return how bright flesh is, and the noise of it."""
    mean = CT_SKIN_HU + skin.offset_hu if skin.is_ct else level
    spread = _CT_NOISE_HU if skin.is_ct else _MR_NOISE * level
    # Smoothed within slices alone: slabs then do not show.
    even = draw(int(np.prod(shape)), 1 << 16, *seed).reshape(shape).astype(np.float32)
    grain = ndi.gaussian_filter(even, (0, 0.8, 0.8))
    grain -= grain.mean()
    return mean, np.asarray(spread * grain / max(float(grain.std()), 1e-6), np.float32)
