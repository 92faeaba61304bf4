"""Scans of heads, and of what is none: real ones where they are, and made ones, whose brain is known."""

import gzip
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from faces.product import read_scan
from faces.volumes import Voxels, write_volume
from scanward.deidentify.faces.align_inputs import sample
from scanward.deidentify.faces.volume import Volume
from tests.common.heads import make_cylinders, make_head

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True, eq=False)
class Scan:
    """A scan.

    Attributes
    ----------
    name
        For the tables.
    source
        What Scanward is given: a folder of DICOM files or a NIfTI file.
    nifti
        The same volume for the other tools.
    volume
        The same, read.
    brain
        Where the brain is, of made heads.
    expected
        For what is no head with a face: what ought to be done with it.
    """

    name: str
    source: Path
    nifti: Path
    volume: Volume
    brain: Voxels | None = None
    expected: str = ""


@dataclass(frozen=True, kw_only=True)
class Real:
    """A real scan below the folder of them: a zip of a series, a file of several frames, NIfTI, or MetaImage."""

    name: str
    path: str
    member: str = ""


HEADS = (
    Real(name="T1 sagittal 1 mm", path="heads/FNNDSC__data/adi_brain_t1_dicom.zip"),
    Real(name="T1 sagittal 4.8 mm", path="heads/neurolabusc__dcm_qa_decubitus/decubitus_HFS_t1_dicom.zip"),
    Real(name="T1 multi-frame", path="heads/neurolabusc__dcm_qa_xa30/*.dcm"),
    Real(name="CT tilted, uneven", path="heads/neurolabusc__dcm_qa_ct/GE_headCT_dicom.zip"),
    Real(name="CT without vault", path="heads/Slicer__Slicer/CTHeadAxial_dicom.zip"),
    Real(name="T1 without chin", path="heads/niivue__niivue/otsu.nii.gz"),
    Real(name="FLAIR 5.5 mm", path="heads/fepegar__torchio-data/t2.nii.gz"),
    Real(name="T2 4 mm", path="heads/pyvista__vtk-data/HeadMRVolume.mhd"),
)
"""All heads of the folder with a face or a part of one."""

NO_FACES = (
    Real(name="skull-stripped", path="heads/FNNDSC__data/eun_uchar_8.nii.gz"),
    Real(name="already defaced", path="heads/neurolabusc__Clinical/T2.nii.gz"),
    Real(name="CT of the abdomen", path="images/wasserth__TotalSegmentator/example_ct.nii.gz"),
    Real(
        name="MR of a body",
        path="pseudophi/brainsciencecenter__flywheel-deidentification/pseudophi_mr_pair.zip",
        member="tcia/dicom/",
    ),
)

UNTOUCHED = "refused or unchanged"
AS_BEFORE = "as the scan itself"


def find_test_data() -> Path | None:
    """Return the folder of real scans, or None when this machine has none."""
    folder = Path(os.environ.get("SCANWARD_TEST_DATA") or _ROOT.parent / "shared" / "data")
    return folder.resolve() if (folder / "heads").is_dir() else None


def read_heads(data: Path | None, folder: Path, *, only: list[str] | None = None) -> Iterator[Scan]:
    """Give the heads: the real ones, then made ones."""
    for real in HEADS if data is not None else ():
        if data is not None and (not only or real.name in only):
            yield _read(real, data, folder)
    for name, make in MADE.items():
        if not only or name in only:
            made = make()
            yield replace(_keep(name, made.volume, folder), brain=made.brain)


MADE = {
    "made MR 1": lambda: make_head(11, spacing=(1.2, 1.0, 1.0)),
    "made MR 2": lambda: make_head(12, spacing=(1.2, 1.0, 1.0)),
    "made CT": lambda: make_head(13, ct=True, spacing=(2.5, 1.0, 1.0)),
    "made CT tilted": lambda: make_head(14, ct=True, spacing=(3.0, 1.0, 1.0), shear=0.8),
}
"""Heads that nobody has (`tests/common/heads.py`); they have one face but for nose, brow, chin, eyes and ears."""


def read_negatives(data: Path | None, folder: Path) -> Iterator[Scan]:
    """Give what has no face, or does not lie as it says."""
    for real in NO_FACES if data is not None else ():
        if data is not None and list(data.glob(real.path)):
            yield replace(_read(real, data, folder), expected=UNTOUCHED)
    for name, make in _MADE_NEGATIVES.items():
        yield replace(_keep(name, make(), folder), expected=UNTOUCHED)
    upright = [_read(real, data, folder) for real in HEADS[:2]] if data is not None else []
    upright.append(_keep("made", make_head(11).volume, folder))
    for scan in upright:
        volume = scan.volume
        yield replace(_keep(f"{scan.name}, upside down", overturned(volume), folder), expected=UNTOUCHED)
        yield replace(_keep(f"{scan.name}, stored in another order", reordered(volume), folder), expected=AS_BEFORE)
        yield replace(_keep(f"{scan.name}, mirrored", mirrored(volume), folder), expected=AS_BEFORE)


_MADE_NEGATIVES: dict[str, Callable[[], Volume]] = {
    "made, without scalp": lambda: make_head(11, scalp=False).volume,
    "made, without face": lambda: make_head(11, face=False).volume,
    "made trunk": lambda: make_cylinders("trunk"),
    "made legs": lambda: make_cylinders("legs"),
    "made phantom": lambda: make_cylinders("phantom"),
}


def overturned(volume: Volume) -> Volume:
    """Return a volume turned by 180 degrees around the line between the ears, of which its geometry says nothing."""
    along, across = _patient_axes(volume)[2], _patient_axes(volume)[1]
    return _with(volume, np.flip(volume.values, (along, across)), volume.valid, (along, across), volume.affine)


def mirrored(volume: Volume) -> Volume:
    """Return a volume in which left is right, of which its geometry says nothing."""
    axis = _patient_axes(volume)[0]
    return _with(volume, np.flip(volume.values, axis), volume.valid, (axis,), volume.affine)


def reordered(volume: Volume) -> Volume:
    """Return a volume whose rows and slices are counted from the other end, as its geometry says: the same head."""
    affine = volume.affine.copy()
    for axis in (0, 1):
        column = 2 - axis
        affine[:3, 3] += affine[:3, column] * (volume.values.shape[axis] - 1)
        affine[:3, column] *= -1
    return _with(volume, np.flip(volume.values, (0, 1)), volume.valid, (0, 1), affine)


def resampled(volume: Volume, shape: tuple[int, int, int]) -> Volume:
    """Return a volume on a grid of another number of voxels over the same place, for the measure of time."""
    steps = (np.array(volume.values.shape) - 1) / (np.array(shape) - 1)
    to_index = np.diag([*steps[::-1], 1.0])
    values = np.rint(sample(volume.values, to_index, shape, float(volume.values.min()))).astype(np.float32)
    valid = None if volume.valid is None else sample(volume.valid.astype(np.float32), to_index, shape, 0.0) > 0.5
    return Volume(values=values, affine=volume.affine @ to_index, valid=valid, modality=volume.modality)


def keep(name: str, volume: Volume, folder: Path) -> Scan:
    """Write a volume and return it as a scan."""
    return _keep(name, volume, folder)


def _with(
    volume: Volume, values: np.ndarray, valid: Voxels | None, axes: tuple[int, ...], affine: np.ndarray
) -> Volume:
    flipped = None if valid is None else np.ascontiguousarray(np.flip(valid, axes))
    return Volume(values=np.ascontiguousarray(values), affine=affine, valid=flipped, modality=volume.modality)


def _patient_axes(volume: Volume) -> tuple[int, int, int]:
    """Return the axis of the array that runs most along x, y and z of the patient."""
    found = [2 - int(np.argmax(np.abs(volume.affine[row, :3]) / np.linalg.norm(volume.affine[:3, :3], axis=0)))
             for row in range(3)]  # fmt: skip
    return found[0], found[1], found[2]


def _read(real: Real, data: Path, folder: Path) -> Scan:
    place = folder / real.name.replace(" ", "-").replace(",", "")
    if place.exists():
        shutil.rmtree(place)
    place.mkdir(parents=True)
    path = next(iter(sorted(data.glob(real.path))))
    if path.suffix == ".mhd":
        return _keep(real.name, _read_vtk(path), folder)
    source = place / "source"
    if path.suffix == ".zip":
        source.mkdir()
        with zipfile.ZipFile(path) as packed:
            for number, member in enumerate(packed.namelist()):
                if real.member in member and not member.endswith(("/", ".md")):
                    (source / f"{number:04d}").write_bytes(packed.read(member))
    elif path.suffix == ".dcm":
        source.mkdir()
        shutil.copyfile(path, source / "0000")
    else:
        source = place / "source.nii"
        source.write_bytes(gzip.decompress(path.read_bytes()))
    volume = read_scan(source)
    nifti = place / "scan.nii"
    write_volume(volume, nifti)
    return Scan(name=real.name, source=source, nifti=nifti, volume=volume)


def _keep(name: str, volume: Volume, folder: Path) -> Scan:
    place = folder / name.replace(" ", "-").replace(",", "")
    place.mkdir(parents=True, exist_ok=True)
    nifti = place / "scan.nii"
    write_volume(volume, nifti)
    # As it is read again: no header says there what it is.
    return Scan(name=name, source=nifti, nifti=nifti, volume=read_scan(nifti))


def _read_vtk(path: Path) -> Volume:
    """Return the head of VTK: bytes, from the neck up, the face first; its header does not say so."""
    words = dict(line.split(" = ") for line in path.read_text(encoding="utf-8").splitlines())
    columns, rows, slices = (int(one) for one in words["DimSize"].split())
    step = [float(one) for one in words["ElementSpacing"].split()]
    values = np.fromfile(path.parent / words["ElementDataFile"], np.uint8).reshape(slices, rows, columns)
    return Volume(values=values.astype(np.float32), affine=np.diag([*step, 1.0]), valid=None, modality="MR")
