"""Volumes as NIfTI files, which every tool reads; written and read with nibabel, not with what is measured."""

from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from scanward.deidentify.faces.volume import Volume

Floats = NDArray[np.float32]
Voxels = NDArray[np.bool_]

_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def write_volume(volume: Volume, path: Path, values: NDArray[np.generic] | None = None) -> None:
    """Write a volume, or other values on its grid; as whole numbers of 16 bit where nothing is lost by that."""
    data = (volume.values if values is None else values).transpose(2, 1, 0)
    whole = np.rint(data)
    is_whole = bool(np.array_equal(whole, data)) and float(np.abs(whole).max(initial=0)) < 32768
    image = nib.Nifti1Image(whole.astype(np.int16) if is_whole else data.astype(np.float32), _TO_RAS @ volume.affine)
    nib.save(image, path)


def read_values(path: Path, shape: tuple[int, ...]) -> Floats:
    """Return the values of a file that has to be on the grid of a volume.

    Raises
    ------
    ValueError
        It has another shape.
    """
    values = np.asarray(nib.load(path).dataobj, np.float32)
    values = values.reshape(values.shape[:3]).transpose(2, 1, 0)
    if values.shape != shape:
        raise ValueError(f"expected {shape}, got {values.shape}")
    return np.ascontiguousarray(values)
