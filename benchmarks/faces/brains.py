"""Where the brain of a real head is: by its own skull or by its own values, not by the alignment that is measured.

- CT: soft tissue (-10 to 100 HU) that bone surrounds in each slice, its largest part.
- MR: niimath aligns the brain of the ICBM 152 template with the head, with its own method. 6 mm around that, what is at
  least half as bright as the middle of it, less thin bridges (2.5 mm), its largest part, closed.

Made heads come with theirs.
"""

import os
import subprocess
from pathlib import Path

import numpy as np
from scipy import ndimage as ndi

from faces.peers import find_niimath, write_templates
from faces.volumes import Floats, Voxels, read_values
from scanward.deidentify.faces.volume import Volume

_STEP_MM = 2.0
_BONE_HU = 250.0
_SOFT_HU = (-10.0, 100.0)
_BRIDGE_MM = 2.5
_AROUND_MM = 6.0
_CORE_MM = 8.0


def find_brain(volume: Volume, nifti: Path, folder: Path) -> Voxels | None:
    """Return where the brain is; None where nothing is there to tell."""
    if volume.modality == "CT":
        # Some come without the intercept that makes Hounsfield units of them.
        shift = 1024 if float(volume.values.min()) >= 0 else 0
        return brain_of_ct(volume.values - np.float32(shift), volume.spacing_mm)
    niimath = find_niimath()
    if niimath is None:
        return None
    parts = write_templates(folder)
    placed = nifti.with_name("placed.nii")
    command = [niimath, str(nifti), "-deface", parts["head"], parts["brain"], str(placed)]
    subprocess.run(
        command,
        env={**os.environ, "FSLOUTPUTTYPE": "NIFTI"},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    values = read_values(placed, volume.values.shape)
    placed.unlink()
    return brain_of_mr(volume.values, values != 0, volume.spacing_mm)


def brain_of_ct(values: Floats, spacing_mm: tuple[float, float, float]) -> Voxels:
    """Return the soft tissue within the skull; slices are the first axis."""
    small = ndi.zoom(values, np.array(spacing_mm) / _STEP_MM, order=1)
    bone = ndi.binary_closing(np.pad(small > _BONE_HU, 10), iterations=3)[10:-10, 10:-10, 10:-10]
    inside = np.stack([ndi.binary_fill_holes(one) & ~one for one in bone])
    soft = (small > _SOFT_HU[0]) & (small < _SOFT_HU[1]) & inside
    soft_core = ndi.binary_opening(ndi.median_filter(soft.astype(np.uint8), 3) > 0, iterations=2)
    found = ndi.binary_dilation(_largest(soft_core), iterations=2) & soft
    large = ndi.zoom(found.astype(np.float32), np.array(values.shape) / np.array(found.shape), order=1)
    return np.asarray(large > 0.5)


def brain_of_mr(values: Floats, placed: Voxels, spacing_mm: tuple[float, float, float]) -> Voxels:
    """Return the brain, of which a template that was placed says about where it is."""
    if not placed.any():
        return placed
    placed = ndi.binary_closing(placed)
    near = _dilated(placed, _AROUND_MM, spacing_mm)
    core = _eroded(placed, _CORE_MM, spacing_mm)
    bright = near & (values > 0.5 * float(np.median(values[core if core.any() else placed])))
    found = _dilated(_largest(_eroded(bright, _BRIDGE_MM, spacing_mm)), _BRIDGE_MM, spacing_mm) & bright
    closed = _eroded(_dilated(found, 4.0, spacing_mm), 4.0, spacing_mm)
    return np.asarray((closed | found) & near)


def _largest(mask: Voxels) -> Voxels:
    labels, count = ndi.label(mask)
    if not count:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax())


def _dilated(mask: Voxels, reach_mm: float, spacing_mm: tuple[float, float, float]) -> Voxels:
    return np.asarray(ndi.distance_transform_edt(~mask, sampling=spacing_mm) <= reach_mm)


def _eroded(mask: Voxels, reach_mm: float, spacing_mm: tuple[float, float, float]) -> Voxels:
    return np.asarray(ndi.distance_transform_edt(np.pad(mask, 1), sampling=spacing_mm)[1:-1, 1:-1, 1:-1] > reach_mm)
