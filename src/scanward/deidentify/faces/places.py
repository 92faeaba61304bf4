"""Where in the patient things lie: what is told without a look at pixels."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scanward.deidentify.faces.groups import SliceGroup
from scanward.deidentify.faces.planes import Plane
from scanward.deidentify.faces.volume import Volume

SMALLEST_HEAD_MM: Final = 80.0
"""What is narrower than this in two directions holds no face of anybody, nor half of one."""

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
