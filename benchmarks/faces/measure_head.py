"""What is left of one head: of the scan as it was, and of what each tool made of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from faces.eyes import CNN, EYES_AND_NOSE_MM, Detector, Recogniser, in_picture
from faces.score import Depths, Look, find_changed
from faces.volumes import Floats, Voxels
from scanward.deidentify.faces.align_inputs import Skin, sample
from scanward.deidentify.faces.render import (
    BACK_VIEWS,
    FACE_VIEWS,
    LIGHTS,
    Surface,
    View,
    depth_of,
    make_surface,
    shade,
    upright,
)
from scanward.deidentify.faces.residual import measure_kept
from scanward.deidentify.faces.volume import Affine, Volume
from scanward.ports.engines import Picture

ORIGINAL = "original"

_LOW_MM = (-45.0, -135.0, -110.0)
_STEP_MM = 1.5
_SHAPE = (68, 90, 60)
"""The grid of the face, in the atlas: x, y, z where it begins, and its (z, y, x) length in voxels."""

_BORDER_MM = 3.0
_EDGE = 4
_DEEPEST_MM = 115.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """How a head lies: what the views are taken by, the same for all tools.

    Attributes
    ----------
    volume
        The scan.
    to_atlas
        Patient mm to mm of the atlas.
    skin
        What parts air from skin.
    brain
        The reference mask; None where nobody knows it.
    """

    volume: Volume
    to_atlas: Affine
    skin: Skin
    brain: Voxels | None


@dataclass(kw_only=True, eq=False)
class Left:
    """What is left.

    Attributes
    ----------
    face_kept, ears_kept
        Share of the surface within 1.5 mm of where it was.
    brain_changed
        Voxels of the reference mask that changed.
    changed_share
        Of all voxels.
    hits, renders
        By detector: in how many renders of the front it sees a face, of how many.
    back_hits, back_renders
        The same from the back.
    looks
        What the recogniser makes of the renders.
    shape
        The face as depths in the atlas.
    """

    face_kept: float | None = None
    ears_kept: float | None = None
    brain_changed: int | None = None
    changed_share: float = 0.0
    hits: dict[str, int] = field(default_factory=dict)
    renders: dict[str, int] = field(default_factory=dict)
    back_hits: dict[str, int] = field(default_factory=dict)
    back_renders: dict[str, int] = field(default_factory=dict)
    looks: list[Look] = field(default_factory=list)
    shape: Depths


def measure_left(
    frame: Frame,
    values: Floats | None,
    detectors: Mapping[str, Detector],
    recogniser: Recogniser | None,
    step: int,
) -> Left:
    """Measure a result; None for `values` measures the scan itself, from the back too.

    Parameters
    ----------
    step
        The detector that takes a second for each picture looks at each so many-th.
    """
    volume = frame.volume
    now = volume.values if values is None else values
    surface = make_surface(volume, now, frame.skin, upright(frame.to_atlas))
    left = Left(shape=face_shape(frame, now))
    if values is not None:
        before = make_surface(volume, volume.values, frame.skin, upright(frame.to_atlas))
        kept = measure_kept(volume, before, surface, frame.to_atlas)
        left.face_kept, left.ears_kept = kept.face, kept.ears
        changed = find_changed(volume.values, now)
        left.changed_share = float(changed.mean())
        left.brain_changed = None if frame.brain is None else int((changed & frame.brain).sum())
    places = _places(frame)
    for view, light, picture in _renders(surface, FACE_VIEWS) if recogniser is not None else ():
        code = recogniser(picture, in_picture(places, FACE_VIEWS[view]))
        left.looks.append(Look(view=view, light=light, code=code))
    left.hits, left.renders = _hits(surface, FACE_VIEWS, detectors, step)
    if values is None:
        left.back_hits, left.back_renders = _hits(surface, BACK_VIEWS, detectors, step)
    return left


def _hits(
    surface: Surface, views: tuple[View, ...], detectors: Mapping[str, Detector], step: int
) -> tuple[dict[str, int], dict[str, int]]:
    """Return by detector in how many renders it sees a face, and how many it looked at."""
    hits, renders = dict.fromkeys(detectors, 0), dict.fromkeys(detectors, 0)
    for number, (_, _, picture) in enumerate(_renders(surface, views)):
        for name, detector in detectors.items():
            if name != CNN or number % step == 0:
                renders[name] += 1
                hits[name] += detector(picture)
    return hits, renders


def _renders(surface: Surface, views: tuple[View, ...]) -> Iterator[tuple[int, int, Picture]]:
    for number, view in enumerate(views):
        depth = depth_of(surface, view)
        for light, where in enumerate(LIGHTS):
            yield number, light, shade(depth, where)


def _places(frame: Frame) -> NDArray[np.float64]:
    """Return where eyes and nose lie, in mm of the upright head."""
    to_upright = upright(frame.to_atlas) @ np.linalg.inv(frame.to_atlas)
    return np.asarray(EYES_AND_NOSE_MM @ to_upright[:3, :3].T + to_upright[:3, 3])


def face_shape(frame: Frame, values: Floats) -> Depths:
    """Return how far back the skin lies on the grid of the face, where it was scanned."""
    volume = frame.volume
    grid = np.diag([_STEP_MM] * 3 + [1.0])
    grid[:3, 3] = _LOW_MM
    to_index = np.linalg.inv(volume.affine) @ np.linalg.inv(frame.to_atlas) @ grid
    even = ndi.gaussian_filter(sample(values, to_index, _SHAPE, float(volume.values.min())), 0.5)
    tissue = even > frame.skin.threshold
    labels, found = ndi.label(ndi.binary_opening(tissue))
    if found:
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        tissue &= ndi.binary_dilation(labels == sizes.argmax(), iterations=2)
    first = tissue.argmax(axis=1)
    at = np.clip(first, 1, _SHAPE[1] - 1)
    rows, columns = np.indices(first.shape)
    outer, inner = even[rows, at - 1, columns], even[rows, at, columns]
    part = np.clip((frame.skin.threshold - outer) / np.where(np.abs(inner - outer) < 1e-6, 1e-6, inner - outer), 0, 1)
    depth = (at - 1 + part) * _STEP_MM
    index = np.stack([columns, depth / _STEP_MM, rows, np.ones_like(rows)], axis=-1) @ to_index.T
    there = tissue.any(axis=1) & (first > 0) & (depth < _DEEPEST_MM)
    for axis, (length, spacing) in enumerate(zip(values.shape[::-1], volume.spacing_mm[::-1], strict=True)):
        margin = _BORDER_MM / spacing
        there &= (index[..., axis] > margin) & (index[..., axis] < length - 1 - margin)
    there = ndi.binary_erosion(there, iterations=_EDGE)
    return np.where(there, depth, np.nan)
