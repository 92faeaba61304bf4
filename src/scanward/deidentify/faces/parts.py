"""Parts of the body that are surely no head, told without an alignment: trunks, limbs, phantoms.

What is said here passes unchanged, so that all that a head could show, be it in part, turned or upside down, has to be
missing. Where that is not sure, nothing is said, and the gates of the alignment decide.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from scanward.deidentify.faces.align_inputs import CT_FLOOR_HU, GRID_MM, AlignInputs

Voxels = NDArray[np.bool_]

LEAST_OBJECT_ML: Final = 150.0
"""A smaller object is no head, nor a part of one that shows who it is."""

WIDE_CM2: Final = 420.0
"""Cross-section of a trunk; a head has 300 at most, 400 between raised arms."""

LUNG_CM2: Final = 70.0
"""Air within a cross-section: lungs. What is hollow in a head has 35 at most."""

_MOST_FILLED: Final = 0.97
"""Where more of what was scanned is object, its size says nothing: no air was seen around it."""

_BONE_HU: Final = 200.0
_BRAIN_HU: Final = (0.0, 80.0)
_SIDES_OF_FOUR: Final = 3
_MOST_WITHIN_BONE_ML: Final = 25.0
"""Brain is what lies within bone on all sides: 200 ml and more of a third of a head. Of limbs, hardly anything does."""

_AIR_HU: Final = -400.0
_MOST_HOLLOW_ML: Final = 0.4
"""Air within the body: nose, throat, sinuses and ears have some, be it only a chin that is in view; limbs have none."""

_THIN_CM2: Final = 95.0
_LONG_MM: Final = 100.0
"""An object that is so long and nowhere thicker is an arm, a hand, a foot or a calf; a head is 120 and more."""

_EVEN_SHARE: Final = 0.80
_EVEN_WITHIN: Final = 0.12
"""Of what lies within a phantom, so many voxels are as bright as the others around them; of a head, half at most."""

_BORDER: Final = 2


def is_no_head(inputs: AlignInputs) -> bool:
    """Return whether a volume surely has no head in view, nor a part of one."""
    if inputs.head_ml < LEAST_OBJECT_ML:
        return True
    body = inputs.head & inputs.valid
    filled = np.stack([ndi.binary_fill_holes(one) for one in body])
    if inputs.skin.is_ct:
        return _is_no_head_in_ct(inputs, filled)
    return _is_wide_all_along(inputs, filled) or _is_thin_all_along(inputs, filled) or _is_even(inputs, body)


def _is_no_head_in_ct(inputs: AlignInputs, filled: Voxels) -> bool:
    """Return whether there is no brain, and no hollow as a face has it, but in slices of a trunk."""
    if not (inputs.values[inputs.valid] < CT_FLOOR_HU).any():
        return False  # no air: it is not known what values mean
    hollow = hollow_of(inputs, filled)
    trunk = (_widest_cm2(filled) > WIDE_CM2) | (_areas_cm2(hollow) > LUNG_CM2)
    if within_bone_ml(inputs, trunk) > _MOST_WITHIN_BONE_ML:
        return False
    rest = hollow & ~trunk[:, None, None]
    return float(rest.sum()) * GRID_MM**3 / 1000 <= _MOST_HOLLOW_ML


def hollow_of(inputs: AlignInputs, filled: Voxels) -> Voxels:
    """Return the air of a CT that lies within the body in slices of any direction."""
    air = (inputs.values < _AIR_HU) & inputs.valid
    body = (inputs.values >= _AIR_HU) & ndi.binary_dilation(filled)
    found = np.zeros_like(air)
    for axis in range(3):
        closed = np.stack([ndi.binary_fill_holes(one) for one in np.moveaxis(body, axis, 0)])
        found |= air & np.moveaxis(closed, 0, axis)
    return found


def within_bone_ml(inputs: AlignInputs, trunk: NDArray[np.bool_]) -> float:
    """Return how much as dense as brain lies within bone of a CT: the largest that hangs together.

    Parameters
    ----------
    inputs
        The volume.
    trunk
        Which slices are as wide as a trunk, where ribs stand around much: there, bone has to be closed.
    """
    bone = (inputs.values > _BONE_HU) & inputs.valid
    low, high = _BRAIN_HU
    brain = (inputs.values > low) & (inputs.values < high) & inputs.valid
    ring = ndi.binary_closing(np.pad(bone, 4), iterations=2)[4:-4, 4:-4, 4:-4]
    closed = np.zeros_like(bone)
    for axis in range(3):
        shut = np.stack([ndi.binary_fill_holes(one) for one in np.moveaxis(ring, axis, 0)])
        closed |= np.moveaxis(shut, 0, axis)
    # Where a slab of a head was scanned askew, no ring is closed: bone on three sides of four is as much.
    among = _sides(bone, inputs.values) >= _SIDES_OF_FOUR
    within = brain & np.where(trunk[:, None, None], closed & ~ring, closed & ~ring | among)
    labels, found = ndi.label(ndi.binary_opening(within))
    return float(np.bincount(labels.ravel())[1:].max()) * GRID_MM**3 / 1000 if found else 0.0


def _sides(bone: Voxels, values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return on how many sides of left, right, front and back bone is met before air is, or the end of the scan."""
    met = np.where(bone, 2, np.where(values < _AIR_HU, 1, 0))
    count = np.zeros(bone.shape, np.uint8)
    for axis in (1, 2):
        for step in (1, -1):
            line = np.moveaxis(met, axis, 0)[::step]
            place = np.arange(len(line))[:, None, None]
            last = np.maximum.accumulate(np.where(line > 0, place, -1), axis=0)
            seen = np.where(last >= 0, np.take_along_axis(line, np.maximum(last, 0), axis=0), 0)
            count += np.moveaxis((seen == 2)[::step], 0, axis)
    return count


def _areas_cm2(shape: Voxels) -> NDArray[np.float64]:
    return np.asarray(shape.sum(axis=(1, 2)) * GRID_MM**2 / 100, np.float64)


def _widest_cm2(shape: Voxels) -> NDArray[np.float64]:
    """Return the largest cross-section of each slice: beside a head, raised arms may lie that are not of it."""
    areas = np.zeros(len(shape))
    for at, one in enumerate(shape):
        labels, found = ndi.label(ndi.binary_opening(one, iterations=2))
        if found:
            areas[at] = np.bincount(labels.ravel())[1:].max() * GRID_MM**2 / 100
    return areas


def _is_wide_all_along(inputs: AlignInputs, filled: Voxels) -> bool:
    """Return whether each slice of the object is as wide as a trunk, with air around it."""
    areas, scanned = _widest_cm2(filled), _areas_cm2(inputs.valid)
    seen = areas[scanned > 0]
    share = (areas / np.maximum(scanned, 1e-6))[scanned > 0]
    inner = slice(1, -1) if len(seen) > 4 else slice(None)
    return bool(len(seen)) and float(seen[inner].min()) > WIDE_CM2 and float(np.median(share[inner])) < _MOST_FILLED


def _is_thin_all_along(inputs: AlignInputs, filled: Voxels) -> bool:
    """Return whether an object is long, and thinner than a head in each cross-section along that."""
    spans = [np.flatnonzero(filled.any(axis=tuple(k for k in range(3) if k != axis))) for axis in range(3)]
    lengths = [(int(span[-1]) - int(span[0]) + 1) * GRID_MM for span in spans]
    along = int(np.argmax(lengths))
    across = np.moveaxis(filled, along, 0)
    scanned = np.moveaxis(inputs.valid, along, 0)
    others = (inputs.values > inputs.skin.threshold) & inputs.valid & ~ndi.binary_dilation(filled, iterations=_BORDER)
    if int(others.sum()) * GRID_MM**3 / 1000 >= LEAST_OBJECT_ML:
        return False
    if lengths[along] < _LONG_MM or across.sum(axis=(1, 2)).max() * GRID_MM**2 / 100 > _THIN_CM2:
        return False
    # What is cut off by the border of the scan may be thicker than it is seen.
    edge = scanned & ~np.stack([ndi.binary_erosion(one, iterations=_BORDER) for one in scanned])
    return not (across & edge).any()


def _is_even(inputs: AlignInputs, body: Voxels) -> bool:
    """Return whether what lies within an object is of one brightness, as water and oil of a phantom are."""
    inner = ndi.binary_erosion(ndi.binary_fill_holes(body), iterations=3)
    if int(inner.sum()) * GRID_MM**3 / 1000 < LEAST_OBJECT_ML:
        return False
    weight = ndi.gaussian_filter(inner.astype(np.float32), 6)
    around = ndi.gaussian_filter(np.where(inner, inputs.values, 0).astype(np.float32), 6) / np.maximum(weight, 1e-3)
    near = np.abs(inputs.values - around) <= _EVEN_WITHIN * np.abs(around)
    return float(near[inner].mean()) >= _EVEN_SHARE
