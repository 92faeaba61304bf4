"""What is left of a face, measured on the result: how much of its surface, and whether a detector still sees one."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scanward.deidentify.faces.align_inputs import Skin
from scanward.deidentify.faces.atlas import CENTER_MM
from scanward.deidentify.faces.render import (
    BACK_VIEWS,
    FACE_VIEWS,
    LIGHTS,
    Floats,
    Surface,
    View,
    depth_of,
    make_surface,
    points_of,
    shade,
    upright,
)
from scanward.deidentify.faces.volume import Affine, Volume
from scanward.ports.engines import FaceEngine, Picture

KEPT_MM: Final = 1.5
"""A surface that moved by less is kept: what a scan of 1 mm can tell apart."""

MOST_FACE_KEPT: Final = 0.30
MOST_EARS_KEPT: Final = 0.30
"""Of a head that was treated, less is where it was: 0.19 of the face and 0.16 of the ears at most, of seven heads in
both fills; of one that was not, all."""

MORE_HITS_SHARE: Final = 0.15
MOST_OF_HITS: Final = 0.5
"""So many more renders than of the back of the head may look like a face, and at most so many of those that did."""

_FEWEST_PIXELS: Final = 200

_BORDER_MM: Final = 3.0

_FRONT: Final = View(turn_degrees=0)
_SIDES: Final = (View(turn_degrees=90), View(turn_degrees=-90))


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """Share of the surface that lies within 1.5 mm of where it was; None where it was not in view.

    Attributes
    ----------
    face
        From chin to brow, seen from the front.
    ears
        Of both sides, the larger.
    """

    face: float | None
    ears: float | None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Seen:
    """What a stranger could see of a head.

    Attributes
    ----------
    surface
        The skin.
    hits
        In how many renders of the front a detector found a face.
    false_hits
        In how many renders of the back: what it finds where there is none.
    renders
        How many there are of each.
    pictures
        Front, half profile and profile, for the staff; never for an output.
    """

    surface: Surface
    hits: int
    false_hits: int
    renders: int
    pictures: tuple[Picture, ...]


def see(volume: Volume, values: Floats, skin: Skin, to_atlas: Affine | None, detector: FaceEngine) -> Seen:
    """Draw a head from eighteen views and look for a face in each.

    Parameters
    ----------
    volume
        Where voxels lie.
    values
        What they hold.
    skin
        What parts air from skin.
    to_atlas
        From patient mm to mm of the atlas; None where nothing says how the head lies.
    detector
        Looks for faces.
    """
    surface = make_surface(volume, values, skin, upright(to_atlas))
    return Seen(
        surface=surface,
        hits=_hits(surface, FACE_VIEWS, detector),
        false_hits=_hits(surface, BACK_VIEWS, detector),
        renders=len(FACE_VIEWS) * len(LIGHTS),
        pictures=tuple(shade(depth_of(surface, View(turn_degrees=turn)), LIGHTS[1]) for turn in (0, 30, 90)),
    )


def _hits(surface: Surface, views: tuple[View, ...], detector: FaceEngine) -> int:
    depths = [depth_of(surface, view) for view in views]
    return sum(bool(detector.find(shade(depth, light))) for depth in depths for light in LIGHTS)


def still_seen(before: Seen, after: Seen, kept: Kept) -> tuple[str, ...]:
    """Return why a result may still show who it is, in words; empty where nothing tells.

    Parameters
    ----------
    before, after
        What a stranger could see of the scan and of the result.
    kept
        How much of the surface is where it was.
    """
    reasons = []
    if kept.face is not None and kept.face > MOST_FACE_KEPT:
        reasons.append(f"expected at most {MOST_FACE_KEPT:.0%} of the face where it was, got more")
    if kept.ears is not None and kept.ears > MOST_EARS_KEPT:
        reasons.append(f"expected at most {MOST_EARS_KEPT:.0%} of the ears where they were, got more")
    most = max(before.false_hits, after.false_hits) + MORE_HITS_SHARE * after.renders
    if after.hits > most and after.hits > MOST_OF_HITS * before.hits:
        reasons.append("expected no detector to find a face in the result, got one that does")
    return tuple(reasons)


def measure_kept(volume: Volume, before: Surface, after: Surface, to_atlas: Affine) -> Kept:
    """Return how much of face and ears is where it was."""
    ears = [one for view in _SIDES if (one := _kept(volume, before, after, view, to_atlas)) is not None]
    return Kept(face=_kept(volume, before, after, _FRONT, to_atlas), ears=max(ears, default=None))


def _kept(volume: Volume, before: Surface, after: Surface, view: View, to_atlas: Affine) -> float | None:
    was, now = depth_of(before, view), depth_of(after, view)
    to_patient = np.linalg.inv(upright(to_atlas))
    points = _moved(points_of(was, view), to_atlas @ to_patient)
    counts = ~np.isnan(was) & (_of_face(points) if view is _FRONT else _of_ear(points))
    counts &= _is_skin(volume, _moved(points_of(was, view), np.linalg.inv(volume.affine) @ to_patient))
    if int(counts.sum()) < _FEWEST_PIXELS:
        return None
    moved = np.abs(np.nan_to_num(now, nan=np.inf) - was)[counts]
    return round(float((moved < KEPT_MM).mean()), 3)


def _moved(points: NDArray[np.float64], by: Affine) -> NDArray[np.float64]:
    return np.asarray(points @ by[:3, :3].T + by[:3, 3])


def _is_skin(volume: Volume, index: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether points (column, row, slice) lie well within the scan: where a head ends with the scan is no skin."""
    inside = np.ones(index.shape[:-1], np.bool_)
    for axis, (length, step) in enumerate(zip(volume.values.shape[::-1], volume.spacing_mm[::-1], strict=True)):
        margin = _BORDER_MM / step
        inside &= (index[..., axis] > margin) & (index[..., axis] < length - 1 - margin)
    return inside


def _of_face(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    x, z = points[..., 0], points[..., 2]
    return np.asarray((np.abs(x) < 55) & (z > -118) & (z < 2))


def _of_ear(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    y, z = points[..., 1], points[..., 2]
    return np.asarray((y > CENTER_MM[1] + 5) & (y < 40) & (z > -65) & (z < 0))
