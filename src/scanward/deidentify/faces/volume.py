"""A volume of values with its place in the patient."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]
"""(slices, rows, columns): modality values."""

Voxels = NDArray[np.bool_]
"""(slices, rows, columns)."""

Affine = NDArray[np.float64]
"""(4, 4): from (column, row, slice, 1) to patient coordinates in mm, LPS (PS3.3 C.7.6.2.1.1)."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Volume:
    """Values on a grid whose slices are evenly spaced; it may be sheared, as by a tilted gantry, and turned in any way.

    Attributes
    ----------
    values
        Hounsfield units of a CT, at least -1024; of others, rescaled values, larger where there is more signal.
    affine
        Where voxels lie: (column, row, slice, 1) to LPS mm. Its determinant is above 0.
    valid
        What was scanned; None where that is all. Elsewhere, values say nothing and must not be changed.
    modality
        As the header says, in capitals; empty where nothing says.
    """

    values: Values
    affine: Affine
    valid: Voxels | None
    modality: str

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between slices (across them), rows and columns."""
        column, row, step = self.affine[:3, 0], self.affine[:3, 1], self.affine[:3, 2]
        normal = np.cross(column, row)
        across = float(step @ normal / np.linalg.norm(normal))
        return across, float(np.linalg.norm(row)), float(np.linalg.norm(column))

    @property
    def is_sheared(self) -> bool:
        """Whether slices are shifted against each other by more than a pixel from the first to the last."""
        column, row, step = self.affine[:3, 0], self.affine[:3, 1], self.affine[:3, 2]
        reach = (self.values.shape[0] - 1) * step
        return any(abs(float(reach @ axis) / float(axis @ axis)) > 1 for axis in (column, row))
