"""Heads that nobody has: the atlas' own, bent and turned, in the contrast of an MR or a CT, and what is no head."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage as ndi

from scanward.deidentify.faces.align_inputs import grid_affine, sample
from scanward.deidentify.faces.atlas import ORIGIN_MM, SPACING_MM, load_atlas
from scanward.deidentify.faces.volume import Volume


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class MadeHead:
    """A head, with what is known of it.

    Attributes
    ----------
    volume
        The scan.
    brain
        Where its brain is.
    to_atlas
        Patient mm to mm of the atlas, as it was made.
    """

    volume: Volume
    brain: np.ndarray
    to_atlas: np.ndarray


def _ball(z, y, x, center, radii):
    cz, cy, cx = center
    rz, ry, rx = radii
    return ((z - cz) / rz) ** 2 + ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 < 1


def _hollow(z, y, x):
    """Nose and throat."""
    return _ball(z, y, x, (-58, -70, 0), (24, 22, 12)) | ((x**2 + (y + 42) ** 2 < 64) & (z < -60))


@lru_cache(maxsize=6)
def make_head(
    seed: int = 1,
    *,
    ct: bool = False,
    spacing=(2.0, 2.0, 2.0),
    face: bool = True,
    scalp: bool = True,
    shear: float = 0.0,
) -> MadeHead:
    """Make a head; each seed gives another person.

    Parameters
    ----------
    seed
        Of size, pose, nose, brows, chin, ears and noise.
    ct
        In Hounsfield units.
    spacing
        Between slices, rows and columns.
    face, scalp
        Whether it has them.
    shear
        How far each slice is shifted against the one before, in mm: a tilted gantry.
    """
    rng = np.random.default_rng(seed)
    atlas = load_atlas()
    z, y, x = (
        np.asarray(one)
        for one in np.meshgrid(
            *(ORIGIN_MM[axis] + SPACING_MM * np.arange(atlas.t1.shape[2 - axis]) for axis in (2, 1, 0)), indexing="ij"
        )
    )
    tissue = atlas.head & (z > -124)
    nose = _ball(z, y, x, (-58, -112, 0), (rng.uniform(14, 20), rng.uniform(18, 26), rng.uniform(9, 13)))
    chin = _ball(z, y, x, (-112, -92, 0), (12, rng.uniform(12, 20), 22))
    brow = _ball(z, y, x, (-14, -112, 0), (6, rng.uniform(8, 13), 40))
    eyes = np.zeros_like(nose)
    for side in (-1, 1):
        eyes |= _ball(z, y, x, (-32, -116, side * rng.uniform(30, 34)), (9, 14, 13))
    tissue = (tissue & ~eyes) | nose | chin | brow
    for side in (-1, 1):
        out = rng.uniform(80, 88)
        tissue |= _ball(z, y, x, (-38, 15, side * out), (28, 14, 6)) & ~_ball(
            z, y, x, (-36, 13, side * (out + 5)), (15, 8, 6)
        )
    bone = ndi.binary_dilation(atlas.brain, iterations=4) & ~ndi.binary_dilation(atlas.brain, iterations=1) & tissue
    if ct:
        values = np.where(tissue, 30.0, -1000.0)
        values[tissue & ~bone & (ndi.distance_transform_edt(tissue) < 4)] = -90
        values[ndi.binary_dilation(atlas.brain, iterations=1)] = 8
        values[atlas.brain] = np.where(atlas.t1[atlas.brain] > np.median(atlas.t1[atlas.brain]), 28, 38)
        values[bone] = 900
        values[_hollow(z, y, x)] = -950
    else:
        values = np.where(tissue, np.maximum(atlas.t1, 60), 0).astype(float) * 3
        values[nose | chin | brow] = 300
        values[_hollow(z, y, x)] = 5
    empty = -1000.0 if ct else 0.0
    if not face:
        values[(atlas.cut < 0) | ((atlas.zone > 0.3) & (atlas.generic > -6) & (z < 20))] = empty
    if not scalp:
        values[~atlas.brain] = empty
    scale = rng.uniform(0.96, 1.04, 3)
    nod, turn = np.deg2rad(rng.uniform(-8, 8, 2))
    around_x = np.array([[1, 0, 0], [0, np.cos(nod), -np.sin(nod)], [0, np.sin(nod), np.cos(nod)]])
    around_z = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    to_atlas = np.eye(4)
    to_atlas[:3, :3] = around_z @ around_x @ np.diag(scale)
    to_atlas[:3, 3] = rng.uniform(-8, 8, 3)
    step = np.array(spacing)[::-1]
    affine = np.diag([*step, 1.0])
    affine[1, 2] = shear
    affine[:3, 3] = (-110, -150 - shear * 60, -145)
    shape = tuple(int(n) for n in np.array([275, 280, 220]) / np.array(spacing))
    to_index = np.linalg.inv(grid_affine(ORIGIN_MM, SPACING_MM)) @ to_atlas @ affine
    scan = sample(values.astype(np.float32), to_index, shape, empty)
    brain = sample(atlas.brain.astype(np.float32), to_index, shape, 0.0) > 0.5
    noise = rng.normal(0, 8 if ct else 6, shape).astype(np.float32)
    if scalp:
        scan = np.maximum(scan + noise, -1024) if ct else np.abs(scan + noise)
    elif not ct:
        scan = np.where(scan > 1, scan + noise, 0)
    scan = scan.astype(np.float32)
    scan.setflags(write=False)
    volume = Volume(values=scan, affine=affine, valid=None, modality="CT" if ct else "MR")
    return MadeHead(volume=volume, brain=brain, to_atlas=to_atlas)


def upside_down(volume: Volume) -> Volume:
    """Return a volume whose geometry claims that it stands on its head."""
    turned = np.diag([1.0, -1.0, -1.0, 1.0])
    return Volume(values=volume.values, affine=turned @ volume.affine, valid=volume.valid, modality=volume.modality)


def make_cylinders(kind: str, *, ct: bool = True) -> Volume:
    """Make a scan of what is no head: `trunk`, `legs`, `forearm` or `phantom`."""
    z, y, x = np.meshgrid(
        np.arange(-120, 120, 4.0), np.arange(-200, 200, 4.0), np.arange(-200, 200, 4.0), indexing="ij"
    )
    values = np.full(z.shape, -1000.0)
    if kind == "trunk":
        _put_trunk(values, y, x)
    elif kind == "legs":
        for side in (-1, 1):
            around = (x - side * 95) ** 2 + y**2
            values[around < (75 + z * 0.1) ** 2] = -80
            values[around < (66 + z * 0.1) ** 2] = 55
            values[around < 256] = 1200
    elif kind == "forearm":
        values[x**2 + y**2 < (45 + z * 0.05) ** 2] = 55
        for side in (-1, 1):
            values[(x - side * 18) ** 2 + y**2 < 81] = 1200
    elif kind == "phantom":
        values[x**2 + y**2 < 10000] = 0
        values[(x - 60) ** 2 + y**2 < 144] = 900
    else:
        raise ValueError(kind)
    rng = np.random.default_rng(0)
    if ct:
        values = np.maximum(values + rng.normal(0, 10, z.shape), -1024)
    else:
        values = np.abs(
            np.interp(values, (-900, -500, -80, 0, 60, 900), (0, 20, 500, 400, 250, 20)) + rng.normal(0, 6, z.shape)
        )
    return Volume(
        values=values.astype(np.float32),
        affine=np.array([[4.0, 0, 0, -200], [0, 4, 0, -200], [0, 0, 4, -120], [0, 0, 0, 1]]),
        valid=None,
        modality="CT" if ct else "MR",
    )


def _put_trunk(values, y, x) -> None:
    values[(x / 170) ** 2 + (y / 115) ** 2 < 1] = 40
    for side in (-1, 1):
        values[((x - side * 75) / 55) ** 2 + ((y + 10) / 75) ** 2 < 1] = -850
    values[x**2 + (y - 80) ** 2 < 400] = 300


def make_body(*, arms: bool = False, lowest: int = 0) -> Volume:
    """Make a CT of a head on a trunk, 4 mm each way; all but the head's lowest slices may be out of the scan.

    Parameters
    ----------
    arms
        Whether they lie raised beside the head.
    lowest
        How many mm of the head are in view, from the chin; 0 for all.
    """
    head = make_head(1, ct=True, spacing=(4.0, 4.0, 4.0)).volume.values
    length = 45
    values = np.full((length + len(head), 100, 100), -1000.0, np.float32)
    y, x = np.meshgrid(np.arange(-200, 200, 4.0), np.arange(-200, 200, 4.0), indexing="ij")
    for at in range(length):
        _put_trunk(values[at], y, x)
    row, column = 15, 22
    values[length:, row : row + head.shape[1], column : column + head.shape[2]] = head
    if arms:
        for side in (-1, 1):
            values[length:, (x - side * 130) ** 2 + y**2 < 55**2] = 40
            values[length:, (x - side * 130) ** 2 + y**2 < 12**2] = 900
    # The lowest slices of the made head are empty.
    first = int(np.flatnonzero((head > 0).any(axis=(1, 2)))[0]) if lowest else 0
    last = length + first + lowest // 4 if lowest else len(values)
    return Volume(
        values=np.concatenate([values[:length], values[length + first : last]]),
        affine=np.array([[4.0, 0, 0, -200], [0, 4, 0, -200], [0, 0, 4, -200], [0, 0, 0, 1]]),
        valid=None,
        modality="CT",
    )


def turned(volume: Volume, about: int) -> Volume:
    """Return a volume whose geometry claims that it is turned by 90 degrees about x (0), y (1) or z (2)."""
    one, other = (axis for axis in range(3) if axis != about)
    matrix = np.eye(4)
    matrix[[one, other]] = matrix[[other, one]]
    matrix[one] *= -1
    return Volume(values=volume.values, affine=matrix @ volume.affine, valid=volume.valid, modality=volume.modality)


def cropped(volume: Volume, first: float, last: float, axis: int = 0) -> Volume:
    """Return what lies between two shares of a volume along slices (0), rows (1) or columns (2)."""
    length = volume.values.shape[axis]
    begin, end = round(first * length), round(last * length)
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, 2 - axis] * begin
    values = np.ascontiguousarray(np.take(volume.values, range(begin, end), axis=axis))
    valid = None
    if volume.valid is not None:
        valid = np.ascontiguousarray(np.take(volume.valid, range(begin, end), axis=axis))
    return Volume(values=values, affine=affine, valid=valid, modality=volume.modality)
