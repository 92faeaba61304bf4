"""Series of a made-up head: an ellipsoid of skull and brain with a nose, cut into slices in any way."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID, ExplicitVRLittleEndian

from scanward.deidentify.header.scan import Scanner
from scanward.dicomstream.opening import open_dicom
from scanward.model.instance import BytesSource
from tests.common.pixels import file_of, make_header

CT, MR, PET = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.128"
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"

AXIAL, CORONAL, SAGITTAL = (1, 0, 0, 0, 1, 0), (1, 0, 0, 0, 0, -1), (0, 1, 0, 0, 0, -1)


def head_hu(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Hounsfield units at places in LPS mm: the nose points to -y, and something else on each side tells them apart."""
    radius = np.sqrt((x / 75) ** 2 + (y / 90) ** 2 + (z / 85) ** 2)
    values = np.where(radius < 1, 50.0, -1000.0)
    values = np.where((radius < 0.93) & (radius > 0.85), 900.0, values)
    values = np.where(radius <= 0.85, 35.0, values)
    values = np.where((np.hypot(x, z + 10) < 12) & (y < -80) & (y > -108), 40.0, values)
    return np.where((np.abs(x - 40) < 10) & (np.abs(y) < 15) & (np.abs(z - 30) < 12), 75.0, values)


def shaped(values: np.ndarray, modality: str) -> np.ndarray:
    """Stored-like values of a modality."""
    return values if modality == "CT" else np.where(values < -500, 3, 400 + values / 2)


def places(orientation: Sequence[float], position: Sequence[float], rows: int, columns: int, spacing: Sequence[float]):
    row, column = np.array(orientation[:3], float), np.array(orientation[3:], float)
    i, j = np.meshgrid(np.arange(columns), np.arange(rows))
    at = np.array(position) + i[..., None] * spacing[1] * row + j[..., None] * spacing[0] * column
    return at[..., 0], at[..., 1], at[..., 2]


def positions_of(
    orientation: Sequence[float],
    along: Sequence[float],
    rows: int,
    columns: int,
    spacing: Sequence[float],
    *,
    step=None,
) -> list[np.ndarray]:
    """Return the first pixels of slices around the middle of the head; `step` is the way per mm, for a tilted gantry."""
    row, column = np.array(orientation[:3], float), np.array(orientation[3:], float)
    normal = np.cross(row, column)
    step = normal if step is None else np.array(step) / (np.array(step) @ normal)
    corner = -row * spacing[1] * (columns - 1) / 2 - column * spacing[0] * (rows - 1) / 2
    return [corner + step * one for one in along]


def make_slices(
    *,
    modality: str = "CT",
    orientation: Sequence[float] = AXIAL,
    along: Sequence[float] | None = None,
    rows: int = 48,
    columns: int = 56,
    spacing: Sequence[float] = (5.0, 4.0),
    step: Sequence[float] | None = None,
    allocated: int = 16,
    stored: int | None = None,
    signed: bool = True,
    slope: float = 1.0,
    intercept: float = 0.0,
    photometric: str = "MONOCHROME2",
    change: Callable[[Dataset, int], None] | None = None,
    paint: Callable[[np.ndarray, int], np.ndarray] | None = None,
    syntax: str = ExplicitVRLittleEndian,
) -> list[bytes]:
    """Return the files of a series; `change` edits headers, `paint` the stored values."""
    along = np.arange(-96, 97, 6.0) if along is None else along
    files = []
    order = "<" if UID(syntax).is_little_endian else ">"
    positions = positions_of(orientation, along, rows, columns, spacing, step=step)
    for number, position in enumerate(positions):
        ds = make_header(
            rows=rows, columns=columns, allocated=allocated, stored=stored, signed=signed, photometric=photometric,
            modality=modality, sop_class={"CT": CT, "MR": MR, "PT": PET}[modality],
        )  # fmt: skip
        ds.SOPInstanceUID = f"2.25.7.{number + 1}"
        ds.InstanceNumber = number + 1
        ds.FrameOfReferenceUID = "2.25.4"
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.ImagePositionPatient = [f"{one:.4f}" for one in position]
        ds.ImageOrientationPatient = [f"{one:.6f}" for one in orientation]
        ds.PixelSpacing = [f"{one}" for one in spacing]
        ds.RescaleSlope, ds.RescaleIntercept = f"{slope}", f"{intercept}"
        values = shaped(head_hu(*places(orientation, position, rows, columns, spacing)), modality)
        raw = np.rint((values - intercept) / slope)
        bits = stored or allocated
        low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
        raw = np.clip(raw, low, high).astype(np.int64)
        if photometric == "MONOCHROME1" and modality != "CT":
            raw = low + high - raw
        if paint is not None:
            raw = paint(raw, number)
        if change is not None:
            change(ds, number)
        files.append(file_of(ds, raw.astype(f"{order}{'i' if signed else 'u'}{allocated // 8}").tobytes(), syntax))
    return files


def make_enhanced(
    *, frames: int = 31, rows: int = 48, columns: int = 56, echoes: int = 1, reverse: bool = False
) -> bytes:
    """Return an enhanced multi-frame MR whose frames go echo by echo, or from the top down."""
    spacing = (5.0, 4.0)
    along = np.linspace(-90, 90, frames)
    positions = positions_of(AXIAL, along[::-1] if reverse else along, rows, columns, spacing)
    ds = make_header(
        rows=rows,
        columns=columns,
        frames=frames * echoes,
        allocated=16,
        stored=12,
        modality="MR",
        sop_class=ENHANCED_MR,
    )
    ds.FrameOfReferenceUID = "2.25.4"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    ds.VolumetricProperties = "VOLUME"
    shared, orientation, measures = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [f"{one}" for one in AXIAL]
    measures.PixelSpacing = [f"{one}" for one in spacing]
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = Items([orientation]), Items([measures])
    ds.SharedFunctionalGroupsSequence = Items([shared])
    groups, data = [], b""
    for echo in range(echoes):
        for position in positions:
            group, plane, timing, transformation = Dataset(), Dataset(), Dataset(), Dataset()
            plane.ImagePositionPatient = [f"{one:.4f}" for one in position]
            timing.EffectiveEchoTime = 10.0 * (echo + 1)
            transformation.RescaleSlope, transformation.RescaleIntercept = f"{0.5 * (echo + 1)}", "0"
            transformation.RescaleType = "US"
            group.PlanePositionSequence, group.MREchoSequence = Items([plane]), Items([timing])
            group.PixelValueTransformationSequence = Items([transformation])
            groups.append(group)
            values = shaped(head_hu(*places(AXIAL, position, rows, columns, spacing)), "MR")
            data += np.rint(values / (0.5 * (echo + 1))).astype(np.uint16).tobytes()
    ds.PerFrameFunctionalGroupsSequence = Items(groups)
    return file_of(ds, data, ExplicitVRLittleEndian)


def opener_of(data: bytes):
    """Return what opens an instance."""

    @contextmanager
    def opened():
        start = open_dicom(BytesSource(data))
        yield start, Scanner().scan(start)

    return opened


def openers_of(files: Sequence[bytes]):
    return [opener_of(data) for data in files]


def files_of_zip(path: Path) -> list[bytes]:
    """Return the files of a zip, in its order."""
    with zipfile.ZipFile(path) as archive:
        return [archive.read(name) for name in archive.namelist() if not name.endswith("/")]


def expected_at(affine: np.ndarray, shape: tuple[int, int, int], modality: str) -> np.ndarray:
    """Return what the head has where the voxels of a volume are said to lie."""
    k, j, i = np.indices(shape)
    at = np.einsum("ab,bkji->akji", affine[:3], np.stack([i, j, k, np.ones_like(k)]))
    return shaped(head_hu(*at), modality)
