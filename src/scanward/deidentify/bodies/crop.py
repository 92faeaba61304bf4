"""Cuts what a scan shows of a body down to a box, or to what lies around an organ: the rest becomes air.

Rows, columns, positions and spacing stay as they are, and so does every bit within: only pixels outside change. What is
returned are the patches that the editor of faces writes (:mod:`scanward.deidentify.faces.write`).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from scanward.deidentify.faces.planes import Plane
from scanward.deidentify.faces.series import plane_affine
from scanward.deidentify.faces.volume import Affine, Volume, Voxels
from scanward.deidentify.faces.write import PlanePatch, VolumePatch
from scanward.errors import HoldError
from scanward.model.bodies import BodyBox, BodyOrigin, BodyPolicy

TISSUE_HU: Final = -350
"""Air of a CT is below, skin above."""

_TISSUE_SHARE: Final = 0.1
"""Tissue of others is at least so bright, of the brightest percent."""

_BRIGHTEST_PERCENT: Final = 99

LEAST_BODY_ML: Final = 100.0
"""What is smaller is no body to count from: noise, a phantom's rod, a marker."""

REMEDY: Final = "Look at it yourself, or give the box in the coordinates of the patient."


def place_box(policy: BodyPolicy, volume: Volume) -> BodyBox | None:
    """Return the box that stays of a volume, in the coordinates of the patient; None where all stays.

    Parameters
    ----------
    policy
        Of the profile.
    volume
        In which the body is looked for, where the box is counted from it.

    Raises
    ------
    HoldError
        There is no body to count from.
    """
    if policy.keep is None or policy.origin is BodyOrigin.PATIENT:
        return policy.keep
    return policy.keep.moved(body_middle(volume))


def body_middle(volume: Volume) -> tuple[float, float, float]:
    """Return the middle of the body in a volume: halfway between its ends along each axis of the patient.

    Raises
    ------
    HoldError
        There is none.
    """
    found = np.argwhere(find_body(volume))
    if not len(found):
        raise HoldError("Pixel Data: expected a body that a box can be counted from, got none", remedy=REMEDY)
    # Ends along the axes of the patient, which those of the volume may be turned against.
    places = found[:, ::-1] @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    x, y, z = (places.min(axis=0) + places.max(axis=0)) / 2
    return float(x), float(y), float(z)


def find_body(volume: Volume) -> Voxels:
    """Return the largest piece of tissue in a volume; no voxel where that is too small to be a body."""
    from scipy import ndimage as ndi

    values = volume.values
    if volume.modality == "CT":
        tissue = values > TISSUE_HU
    else:
        tissue = values > max(float(np.percentile(values, _BRIGHTEST_PERCENT)) * _TISSUE_SHARE, 0.0)
    if volume.valid is not None:
        tissue &= volume.valid
    # A table touches the back in a row of voxels: what is thin comes off.
    pieces, count = ndi.label(ndi.binary_opening(tissue, iterations=1))
    if not count:
        return np.zeros(values.shape, np.bool_)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    body: Voxels = pieces == int(sizes.argmax())
    return body if sizes.max() * _voxel_ml(volume) >= LEAST_BODY_ML else np.zeros(values.shape, np.bool_)


def crop_plane(box: BodyBox, plane: Plane) -> PlanePatch:
    """Return what changes in a frame, of whatever series: all whose pixels lie outside of a box.

    Parameters
    ----------
    box
        In the coordinates of the patient.
    plane
        Where the frame lies.
    """
    outside = _outside(box, plane_affine(plane), (1, plane.rows, plane.columns))[0]
    return PlanePatch(mask=outside, values=None, known=np.ones(outside.shape, np.bool_), is_rest=True)


def crop_volume(box: BodyBox, volume: Volume) -> VolumePatch:
    """Return what changes in a volume: all voxels outside of a box in the coordinates of the patient."""
    slices, rows, columns = volume.values.shape
    mask = _outside(box, volume.affine, (slices, rows, columns))
    return VolumePatch(mask=mask, values=None, affine=volume.affine)


def crop_around(wanted: Voxels, margin_mm: float, volume: Volume) -> VolumePatch:
    """Return what changes in a volume: all that lies farther from what is wanted than a margin.

    Parameters
    ----------
    wanted
        The organ or segment that the purpose needs, on the grid of the volume.
    margin_mm
        So much around it stays.
    volume
        What is cut.

    Raises
    ------
    HoldError
        Nothing is wanted: everything would go.
    """
    from scipy import ndimage as ndi

    if wanted.shape != volume.values.shape:
        raise ValueError("expected a mask on the grid of the volume")
    if not wanted.any():
        raise HoldError(
            "Segment Sequence: expected a segment with voxels to cut around, got an empty one",
            remedy="Send what the purpose needs with a segment of it, or without a cut.",
        )
    far = ndi.distance_transform_edt(~wanted, sampling=volume.spacing_mm) > margin_mm
    return VolumePatch(mask=np.asarray(far, np.bool_), values=None, affine=volume.affine)


def _outside(box: BodyBox, affine: Affine, shape: tuple[int, int, int]) -> Voxels:
    """Return which voxels have their centre outside of a box; the grid may be turned and sheared in any way."""
    slices, rows, columns = (np.arange(length, dtype=np.float64) for length in shape)
    outside: NDArray[np.bool_] = np.zeros(shape, np.bool_)
    for axis, (low, high) in enumerate((box.x, box.y, box.z)):
        place = (
            affine[axis, 0] * columns[None, None, :]
            + affine[axis, 1] * rows[None, :, None]
            + affine[axis, 2] * slices[:, None, None]
            + affine[axis, 3]
        )
        outside |= (place < low) | (place > high)
    return outside


def _voxel_ml(volume: Volume) -> float:
    return abs(float(np.linalg.det(volume.affine[:3, :3]))) / 1000
