"""What a stranger could see: the skin of a head, drawn from a volume as any viewer draws it.

Rays are followed through the distance to the skin (sphere tracing, Hart 1996) on a small grid around the head.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from scanward.deidentify.faces.align_inputs import Skin, grid_affine, sample, thinned
from scanward.deidentify.faces.atlas import CENTER_MM
from scanward.deidentify.faces.volume import Affine, Volume
from scanward.ports.engines import Picture

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

GRID_MM: Final = 1.25
LOW_MM: Final = (-95.0, -145.0, -130.0)
SHAPE: Final = (216, 208, 152)
"""The grid: x, y, z where it begins, from the middle of the head, and its (z, y, x) length in voxels."""

SIDE: Final = 240
"""Pixels of 1 mm of each side of a picture, before it is enlarged twice."""

_START_MM: Final = -150.0
_REACH_MM: Final = 210.0
_STEPS: Final = 48
_CLOSE_MM: Final = 0.35

_HALF_VOXEL_MM: Final = 0.87 * GRID_MM
"""So far from a place the nearest voxel lies at most."""

_NEAR_MM: Final = 1.5

TURNS: Final = (-30, 0, 30)
NODS: Final = (-15, 0, 15)
LIGHTS: Final = ((0.0, 0.3, 1.0), (0.5, 0.5, 0.8))
"""Nine directions in two lights: eighteen views."""


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """From where a head is seen.

    Attributes
    ----------
    turn_degrees
        0 from the front, 90 from its left, 180 from the back.
    nod_degrees
        Above 0 from above.
    """

    turn_degrees: float
    nod_degrees: float = 0.0

    def axes(self) -> tuple[Doubles, Doubles, Doubles]:
        """Return the directions to the right of the picture, down in it, and into it."""
        turn, nod = np.deg2rad([self.turn_degrees, self.nod_degrees])
        around_z = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
        around_x = np.array([[1, 0, 0], [0, np.cos(nod), -np.sin(nod)], [0, np.sin(nod), np.cos(nod)]])
        turned = around_z @ around_x
        return turned[:, 0], -turned[:, 2], turned[:, 1]


FACE_VIEWS: Final = tuple(View(turn_degrees=turn, nod_degrees=nod) for turn in TURNS for nod in NODS)
BACK_VIEWS: Final = tuple(View(turn_degrees=180 + turn, nod_degrees=nod) for turn in TURNS for nod in NODS)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Surface:
    """The skin of a head, ready to be drawn.

    Attributes
    ----------
    distance_mm
        (z, y, x): to the skin, negative within the head.
    """

    distance_mm: Floats


def upright(to_atlas: Affine | None) -> Affine:
    """Return patient mm to mm of a head that looks to the front: turned and moved as the atlas, but not scaled."""
    if to_atlas is None:
        return np.eye(4)
    left, _, right = np.linalg.svd(to_atlas[:3, :3])
    rotation = left @ right
    middle = np.linalg.solve(to_atlas, np.array([*CENTER_MM, 1.0]))[:3]
    affine = np.eye(4)
    affine[:3, :3] = rotation
    affine[:3, 3] = -rotation @ middle
    return affine


def make_surface(volume: Volume, values: Floats, skin: Skin, frame: Affine) -> Surface:
    """Return the skin of a head.

    Parameters
    ----------
    volume
        Where voxels lie.
    values
        What they hold: those of the volume, or those that came of them.
    skin
        What parts air from skin.
    frame
        From patient mm to mm around the middle of an upright head, as `upright` gives it.
    """
    seen = Volume(values=values, affine=volume.affine, valid=volume.valid, modality=volume.modality)
    thin, _, affine = thinned(seen, GRID_MM)
    grid = grid_affine(LOW_MM, GRID_MM)
    to_index = np.linalg.inv(affine) @ np.linalg.inv(frame) @ grid
    even = ndi.gaussian_filter(sample(thin, to_index, SHAPE, float(values.min())), 0.7)
    tissue = even > skin.threshold
    labels, found = ndi.label(ndi.binary_opening(tissue))
    if found:
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        tissue &= ndi.binary_dilation(labels == sizes.argmax(), iterations=2)
    outside = np.asarray(ndi.distance_transform_edt(~tissue), np.float32)
    # Where the skin passes between two voxels is told by their values: part of a millimetre that normals need.
    slope = np.minimum(np.abs(even - skin.threshold) / _steepness(even), 1.0)
    distance = np.where(outside > 1, outside - 0.5, np.where(tissue, -slope, slope))
    return Surface(distance_mm=(distance * GRID_MM).astype(np.float32))


def points_of(depth: Floats, view: View) -> Doubles:
    """Return where the pixels of a picture show the skin: (rows, columns, x y z), in mm of the upright head."""
    right, down, into = view.axes()
    steps = np.arange(SIDE) - (SIDE - 1) / 2
    begin = steps[:, None, None] * down + steps[None, :, None] * right
    return np.asarray(begin + (depth[:, :, None] + _START_MM) * into, np.float64)


def _steepness(even: Floats) -> Floats:
    total = np.zeros_like(even)
    for axis in range(3):
        total += np.gradient(even, axis=axis) ** 2
    return np.maximum(np.sqrt(total), 1e-3)


def depth_of(surface: Surface, view: View) -> Floats:
    """Return how far the skin lies behind each pixel of a picture, in mm; NaN where there is none."""
    right, down, into = view.axes()
    steps = np.arange(SIDE) - (SIDE - 1) / 2
    begin = steps[:, None, None] * down + steps[None, :, None] * right + _START_MM * into
    start = (begin - np.array(LOW_MM)).reshape(-1, 3)[:, ::-1].T.astype(np.float32) / GRID_MM
    direction = into[::-1].astype(np.float32)[:, None] / GRID_MM
    depth = np.zeros(SIDE * SIDE, np.float32)
    going = np.arange(SIDE * SIDE)
    found = np.full(SIDE * SIDE, np.nan, np.float32)
    for _ in range(_STEPS):
        places = start[:, going] + direction * depth[going]
        beyond = _beyond_mm(places)
        free = _free_mm(surface, places)
        # Outside of the grid it is at least as far to the skin as to the grid.
        free = np.where(beyond > 0, np.maximum(beyond, 0.5), free)
        hit = (free < _CLOSE_MM) & (beyond <= 0)
        found[going[hit]] = depth[going[hit]] + free[hit]
        depth[going] += np.maximum(free, _CLOSE_MM)
        going = going[~hit & (depth[going] < -_START_MM + _REACH_MM)]
        if not going.size:
            break
    return found.reshape(SIDE, SIDE)


def _free_mm(surface: Surface, places: Floats) -> Floats:
    """Return how far the skin is from places at least: exactly where it is near, which is all that counts."""
    last = np.array(SHAPE, np.intp)[:, None] - 1
    index = np.clip(np.rint(places).astype(np.intp), 0, last)
    free: Floats = surface.distance_mm[index[0], index[1], index[2]] - np.float32(_HALF_VOXEL_MM)
    near = np.flatnonzero(free < _NEAR_MM)
    free[near] = ndi.map_coordinates(surface.distance_mm, places[:, near], order=1, mode="nearest")
    return free


def _beyond_mm(places: Floats) -> Floats:
    last = np.array(SHAPE, np.float32)[:, None] - 1
    over = np.maximum(np.maximum(-places, places - last), 0)
    return np.asarray(np.sqrt((over**2).sum(axis=0)) * GRID_MM, np.float32)


def shade(depth: Floats, light: tuple[float, float, float]) -> Picture:
    """Return a picture of a skin in a light, twice as large as its depths."""
    there = ~np.isnan(depth)
    filled = np.where(there, depth, np.nanmax(depth) if there.any() else 0).astype(np.float32)
    down, right = np.gradient(cv2.GaussianBlur(filled, (0, 0), 0.8))
    normal = np.stack([right, down, -np.ones_like(down)], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    towards = np.array([light[0], -light[1], -light[2]])
    bright = np.clip(normal @ (towards / np.linalg.norm(towards)), 0, 1)
    grey = np.where(there, 40 + 205 * bright, 15).astype(np.uint8)
    large = cv2.resize(grey, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    return np.repeat(large[:, :, None], 3, axis=2).astype(np.uint8)
