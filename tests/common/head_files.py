"""DICOM files of made heads, and of what lies beside them in a study."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID

from scanward.deidentify.faces.volume import Volume
from tests.common.pixels import file_of, make_header

CT, MR, PET = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.128"
CAPTURE, STRUCTURES, DOSE = (f"1.2.840.10008.5.1.4.1.1.{last}" for last in ("7", "481.3", "481.2"))
LITTLE = "1.2.840.10008.1.2.1"
FRAME_OF_REFERENCE = "2.25.4"


def series_of(
    volume: Volume,
    *,
    study: str = "2.25.2",
    series: str = "2.25.3",
    reference: str = FRAME_OF_REFERENCE,
    sop_class: str = "",
    text: dict[str, str] | None = None,
    syntax: str = LITTLE,
) -> list[bytes]:
    """Return the files of a volume, slice by slice; `text` is added to each header."""
    return [file_of(ds, data, syntax) for ds, data in _slices(volume, study, series, reference, sop_class, text or {})]


def _slices(
    volume: Volume, study: str, series: str, reference: str, sop_class: str, text: dict[str, str]
) -> Iterator[tuple[Dataset, bytes]]:
    column, row, step, origin = (volume.affine[:3, axis] for axis in range(4))
    for number, values in enumerate(volume.values):
        ds = make_header(
            rows=values.shape[0], columns=values.shape[1], allocated=16, signed=True, modality=volume.modality,
            sop_class=sop_class or (CT if volume.modality == "CT" else MR),
        )  # fmt: skip
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = study, series, f"{series}.{number + 1}"
        ds.FrameOfReferenceUID, ds.InstanceNumber = reference, number + 1
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.ImagePositionPatient = [f"{one:.4f}" for one in origin + number * step]
        spacing = np.linalg.norm(row), np.linalg.norm(column)
        ds.ImageOrientationPatient = [f"{one:.6f}" for one in (*column / spacing[1], *row / spacing[0])]
        ds.PixelSpacing = [f"{one:.6f}" for one in spacing]
        ds.RescaleSlope, ds.RescaleIntercept = "1", "0"
        for keyword, value in text.items():
            setattr(ds, keyword, value)
        yield ds, np.rint(values).astype("<i2").tobytes()


def capture_of(*, study: str = "2.25.2", number: int = 1) -> bytes:
    """Return a capture of 64 x 64 grey pixels."""
    ds = make_header(rows=64, columns=64, sop_class=CAPTURE)
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = study, "2.25.31", f"2.25.31.{number}"
    return file_of(ds, bytes(64 * 64), LITTLE)


def outlines_of(*, study: str = "2.25.2") -> bytes:
    """Return a structure set with the outside of a body."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality, ds.PatientID = STRUCTURES, "2.25.32.1", "RTSTRUCT", "SYN1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study, "2.25.32"
    roi, contour, points = Dataset(), Dataset(), Dataset()
    roi.ROINumber, roi.ROIName = "1", "BODY"
    contour.ReferencedROINumber = "1"
    points.ContourData = ["-80", "0", "0", "80", "0", "0", "0", "90", "0"]
    contour.ContourSequence = Items([points])
    ds.StructureSetROISequence, ds.ROIContourSequence = Items([roi]), Items([contour])
    file = FileDataset("", ds, file_meta=FileMetaDataset(), preamble=bytes(128))
    file.file_meta.TransferSyntaxUID = UID(LITTLE)
    stream = io.BytesIO()
    dcmwrite(stream, file, implicit_vr=False, little_endian=True, force_encoding=True)
    return stream.getvalue()


def dose_of(volume: Volume, *, study: str = "2.25.2", reference: str = FRAME_OF_REFERENCE) -> bytes:
    """Return a dose of 16 bits on the grid of a volume, which ends at the skin."""
    frames, rows, columns = volume.values.shape
    ds = make_header(rows=rows, columns=columns, frames=frames, allocated=16, modality="RTDOSE", sop_class=DOSE)
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = study, "2.25.33", "2.25.33.1"
    ds.FrameOfReferenceUID = reference
    ds.ImagePositionPatient = [f"{one:.4f}" for one in volume.affine[:3, 3]]
    ds.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    ds.PixelSpacing = [f"{volume.spacing_mm[1]:.6f}", f"{volume.spacing_mm[2]:.6f}"]
    ds.GridFrameOffsetVector = [f"{number * volume.spacing_mm[0]:.4f}" for number in range(frames)]
    ds.FrameIncrementPointer = 0x3004000C
    ds.DoseGridScaling = "0.001"
    return file_of(ds, np.where(volume.values > -500, 4000, 0).astype("<u2").tobytes(), LITTLE)
