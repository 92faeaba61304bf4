"""Where in the patient things lie, and how large they are: what is told without an alignment."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from scanward.deidentify.faces.align_inputs import skin_of
from scanward.deidentify.faces.groups import SliceGroup
from scanward.deidentify.faces.parts import WIDE_CM2
from scanward.deidentify.faces.planes import Plane
from scanward.deidentify.faces.volume import Volume

SMALLEST_HEAD_MM: Final = 80.0
"""What is narrower than this in two directions holds no face of anybody, nor half of one."""

_MOST_FILLED: Final = 0.97
"""Where more of what was scanned is object, its size says nothing: no air was seen around it."""

_PARTED_MM: Final = 5.0
"""What hangs together by less is an arm beside a head, or a table below a trunk."""

_AXIAL: Final = 0.7
"""Slices less than 45 degrees off the axial plane: in others, a head is as wide as a trunk, with the neck and all."""

_MARGIN_MM: Final = 20.0
"""So far beside a volume in which there is no head, there is none either: it would reach into it."""


def could_hold_a_head(group: SliceGroup) -> bool:
    """Return whether what was scanned is large enough for a face; slices without a place may be anything."""
    if not group.is_placed:
        return True
    first = group.planes[0]
    across = float(np.abs(np.subtract(group.planes[-1].position, first.position) @ np.array(first.normal)))
    sides = sorted((first.rows * first.row_spacing_mm, first.columns * first.column_spacing_mm, across))
    return sides[1] >= SMALLEST_HEAD_MM


def holds_no_head(volume: Volume) -> bool:
    """Return whether slices that nobody can align hold no head: too little is in them, or each is as wide as a trunk.

    Parameters
    ----------
    volume
        Of any number of slices, any distance apart.
    """
    skin = skin_of(volume)
    tissue = volume.values > skin.threshold
    if volume.valid is not None:
        tissue &= volume.valid
    if not tissue.any():
        return True
    reach = [np.flatnonzero(tissue.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    sides = sorted((one[-1] - one[0]) * step for one, step in zip(reach, volume.spacing_mm, strict=True))
    if sides[1] < SMALLEST_HEAD_MM:
        return True
    across = np.cross(volume.affine[:3, 0], volume.affine[:3, 1])
    is_axial = abs(across[2]) > _AXIAL * np.linalg.norm(across)
    _, row_mm, column_mm = volume.spacing_mm
    scanned = np.ones(tissue.shape, np.bool_) if volume.valid is None else volume.valid
    return bool(is_axial) and all(
        _is_trunk(one, within, row_mm, column_mm) for one, within in zip(tissue, scanned, strict=True)
    )


def _is_trunk(tissue: NDArray[np.bool_], scanned: NDArray[np.bool_], row_mm: float, column_mm: float) -> bool:
    """Return whether a slice shows an object as wide as a trunk, with air around it; lungs belong to it."""
    filled = ndi.binary_fill_holes(tissue)
    times = round(_PARTED_MM / 2 / max(row_mm, column_mm))
    labels, count = ndi.label(ndi.binary_opening(filled, iterations=times) if times else filled)
    if not count:
        return False
    largest = int(np.bincount(labels.ravel())[1:].max())
    share = largest / max(int(scanned.sum()), 1)
    return largest * row_mm * column_mm / 100 > WIDE_CM2 and share < _MOST_FILLED


@dataclass(slots=True)
class Places:
    """Where volumes lie in which there is no head."""

    _boxes: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=list)

    def add(self, volume: Volume) -> None:
        """Add a volume."""
        slices, rows, columns = volume.values.shape
        ends = [(x, y, z, 1) for x in (0, columns - 1) for y in (0, rows - 1) for z in (0, slices - 1)]
        self._boxes.append(_box((volume.affine @ np.array(end, np.float64))[:3] for end in ends))

    def cover(self, group: SliceGroup) -> bool:
        """Return whether no head can lie where slices do.

        Patients lie stretched out: where a volume without a head reaches as far up and down as slices do, and is beside
        them, there is none in these either.
        """
        low, high = _box(corner for plane in group.planes for corner in _corners(plane))
        for other_low, other_high in self._boxes:
            meets = bool(np.all(low <= other_high) and np.all(high >= other_low))
            if meets and low[2] >= other_low[2] - _MARGIN_MM and high[2] <= other_high[2] + _MARGIN_MM:
                return True
        return False


def _corners(plane: Plane) -> list[NDArray[np.float64]]:
    origin = np.array(plane.position)
    along_row = np.array(plane.along_row) * plane.column_spacing_mm * (plane.columns - 1)
    along_column = np.array(plane.along_column) * plane.row_spacing_mm * (plane.rows - 1)
    return [origin, origin + along_row, origin + along_column, origin + along_row + along_column]


def _box(points: Iterable[NDArray[np.float64]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the least and largest x, y and z."""
    every = np.array(list(points))
    return every.min(axis=0), every.max(axis=0)
