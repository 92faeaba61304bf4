"""The atlas of a head: a mean head whose face nobody has, with what on it is face and what is brain.

`tools/atlas/build.py` makes it from the template of pydeface and the brain of the ICBM 152 template; `NOTICE` beside
says whose they are. All of it lies on one grid of 2 mm in the millimetres of pydeface's template: x to the left, y to
the back, z up.
"""

import hashlib
import io
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from scanward.errors import EngineError

SHA256: Final = "b5f3f550c240f7dda247082a9db92b0bba249cc1055c367a49dd775e0d5c4be5"
"""Of `atlas.npz`: the one that the constants here and in `remodel` were measured with."""

SHAPE: Final = (150, 160, 140)
ORIGIN_MM: Final = (-139.0, -165.0, -180.0)
SPACING_MM: Final = 2.0

CENTER_MM: Final = (0.0, -20.0, -30.0)
"""Middle of the head behind the nose, around which renders turn."""

FACE_LOWEST_MM: Final = -128.0
FACE_HIGHEST_MM: Final = 6.0
"""Height of the face: from below the chin to the brow."""

_CUT_HEIGHTS_MM: Final = (-180, -128, -118, -60, -45, -31, -27, -22, -12, -4, 6)
_CUT_DEPTHS_MM: Final = (-40, -40, -40, -46, -52, -60, -72, -86, -94, -102, -130)
"""How far back the face is cut, by height: through chin, jaws, maxilla and eyes, then forwards over the brow."""

Floats = NDArray[np.float32]
Voxels = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Atlas:
    """What lies where; arrays are (z, y, x), of `SHAPE`, not to be written to.

    Attributes
    ----------
    t1
        A mean T1 scan, 0 to 255.
    t2
        The same head as a T2 scan would show it: fluid bright, fat and skin dark. Mutual information with `t1` cannot
        tell how a T2 scan lies, as skull and fluid are of one darkness there.
    head
        The head, without cavities, with a neck drawn out to the lower border.
    generic
        Millimetres outside of a smooth skin without nose and ears; negative inside of it.
    cut
        Millimetres behind the surface that cuts the face off; negative in the face.
    zone
        1 where the outer shell of the head tells who it is (forehead, temples, cheeks, ears), 0 elsewhere.
    brain
        The brain with cerebellum and brain stem.
    """

    t1: Floats
    t2: Floats
    head: Voxels
    generic: Floats
    cut: Floats
    zone: Floats
    brain: Voxels


def axes_mm() -> tuple[Floats, Floats, Floats]:
    """Return z, y and x of the grid, each shaped so that they broadcast to `SHAPE`."""
    z, y, x = (ORIGIN_MM[axis] + SPACING_MM * np.arange(SHAPE[2 - axis], dtype=np.float32) for axis in (2, 1, 0))
    return z[:, None, None], y[None, :, None], x[None, None, :]


def cut_mm(z: Floats, y: Floats, x: Floats) -> Floats:
    """Return how far behind the cut points lie, in mm; towards the angles of the jaw it runs backwards."""
    depth = np.interp(z, _CUT_HEIGHTS_MM, _CUT_DEPTHS_MM).astype(np.float32)
    sideways = np.where(z < -26, np.clip((np.abs(x) - 38) * 0.9, 0, 26), 0)
    outside = (z > FACE_HIGHEST_MM) | (z < FACE_LOWEST_MM)
    return np.asarray(y - np.where(outside, -200, depth + sideways), np.float32)


@lru_cache(maxsize=1)
def load_atlas() -> Atlas:
    """Return the atlas; loaded once for each process.

    Raises
    ------
    EngineError
        It is another one than the one that was measured.
    """
    data = (resources.files("scanward.deidentify.faces") / "atlas.npz").read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise EngineError("atlas of the head: expected the one that was measured, got another", remedy=_REMEDY)
    with np.load(io.BytesIO(data), allow_pickle=False) as fields:
        t1, head, brain = fields["t1"].astype(np.float32), _bits(fields["head"]), _bits(fields["brain"])
        atlas = Atlas(
            t1=t1,
            t2=_as_t2(t1, head, brain),
            head=head,
            generic=_finer(fields["generic"].astype(np.float32) / 64),
            cut=cut_mm(*axes_mm()),
            zone=fields["zone"].astype(np.float32) / 255,
            brain=brain,
        )
    for field in (atlas.t1, atlas.t2, atlas.head, atlas.generic, atlas.cut, atlas.zone, atlas.brain):
        field.setflags(write=False)
    return atlas


_REMEDY: Final = "Install scanward again."


def _as_t2(t1: Floats, head: Voxels, brain: Voxels) -> Floats:
    """Return a T1 scan as T2: within brain and the fluid around it, what was dark is bright; the rest is dim."""
    within = ndi.binary_dilation(brain, iterations=2) & head
    white = np.percentile(t1[brain], 90)
    return np.where(within, np.clip(50 + 1.6 * (white - t1), 40, 255), 0.25 * t1).astype(np.float32)


def _finer(coarse: Floats) -> Floats:
    """Return a smooth field on the grid, of which every other value along each axis is given."""
    # zoom lays first and last values onto each other: the grid has one value more than they reach
    length = [2 * (n - 1) + 1 for n in coarse.shape]
    fine = ndi.zoom(coarse, [n / m for n, m in zip(length, coarse.shape, strict=True)], order=3, mode="nearest")
    return np.pad(np.asarray(fine, np.float32), [(0, n - m) for n, m in zip(SHAPE, length, strict=True)], mode="edge")


def _bits(packed: NDArray[np.uint8]) -> Voxels:
    return np.unpackbits(packed, count=int(np.prod(SHAPE))).reshape(SHAPE).astype(np.bool_)
