"""The modules of PS3.3 that every sample instance is made of."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian

from tests.common.patients import Study

MANUFACTURER = "Fictional Imaging"


def item(**values: object) -> Dataset:
    """Make a Data Set of keyword and value."""
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, Sequence(value) if isinstance(value, list) and _are_items(value) else value)
    return ds


def _are_items(values: list[object]) -> bool:
    return bool(values) and all(isinstance(value, Dataset) for value in values)


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """Make an item of a code sequence."""
    return item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def reference(sop_class: str, instance: str, **more: object) -> Dataset:
    """Make an item that refers to an instance."""
    return item(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=instance, **more)


def make_instance(study: Study, *, sop_class: str, modality: str, series: str, number: int, name: str = "") -> Dataset:
    """Make a Data Set with the modules Patient, General Study, Patient Study, General Series, Equipment and SOP Common.

    Parameters
    ----------
    series
        Name of the series within the study, also its description.
    name
        Under which the SOP Instance UID can be had from `study.uid`; made of series and number when empty.
    """
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = UID(sop_class)
    ds.file_meta.MediaStorageSOPInstanceUID = UID(study.uid(name or f"{series}/{number}"))
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID
    _add_patient(ds, study)
    _add_study(ds, study)
    ds.Modality = modality
    ds.SeriesInstanceUID = study.uid(f"series {series}")
    ds.SeriesNumber = str(1 + sum(ord(letter) for letter in series) % 90)
    ds.InstanceNumber = str(number)
    ds.SeriesDescription = series
    ds.SeriesDate = ds.ContentDate = study.date
    ds.SeriesTime = ds.ContentTime = study.time
    ds.PerformingPhysicianName = study.performing
    ds.OperatorsName = study.operator
    ds.Manufacturer = MANUFACTURER
    ds.ManufacturerModelName = "Phantasma 3"
    ds.InstitutionName = study.hospital
    ds.InstitutionAddress = f"1 Clinic Way, {study.patient.town}"
    ds.InstitutionalDepartmentName = study.department
    ds.StationName = study.station
    ds.DeviceSerialNumber = study.serial
    ds.SoftwareVersions = "VB42A"
    return ds


def _add_patient(ds: Dataset, study: Study) -> None:
    patient = study.patient
    ds.PatientName = patient.name
    ds.PatientID = patient.patient_id
    ds.PatientBirthDate = patient.birth_date
    ds.PatientSex = patient.sex
    ds.PatientAge = study.age
    ds.PatientWeight = f"{patient.weight_kg}"
    ds.PatientSize = f"{patient.height_m}"


def _add_study(ds: Dataset, study: Study) -> None:
    ds.StudyInstanceUID = study.uid("study")
    ds.StudyDate = study.date
    ds.StudyTime = study.time
    ds.StudyID = study.study_id
    ds.AccessionNumber = study.accession
    ds.ReferringPhysicianName = study.referring
    ds.StudyDescription = study.description


def add_acquisition(ds: Dataset, study: Study, protocol: str) -> None:
    """Add when and how an image was made."""
    ds.AcquisitionDate = study.date
    ds.AcquisitionTime = study.time
    ds.AcquisitionNumber = "1"
    ds.ProtocolName = protocol


def add_pixels(ds: Dataset, pixels: np.ndarray, *, photometric: str = "MONOCHROME2", stored_bits: int = 0) -> None:
    """Add the Image Pixel module for `pixels` of shape (rows, columns), (frames, rows, columns) or (..., 3)."""
    colour = photometric == "RGB"
    shape = pixels.shape[:-1] if colour else pixels.shape
    bits = pixels.dtype.itemsize * 8
    ds.SamplesPerPixel = 3 if colour else 1
    ds.PhotometricInterpretation = photometric
    if colour:
        ds.PlanarConfiguration = 0
    if len(shape) == 3:
        ds.NumberOfFrames = str(shape[0])
    ds.Rows, ds.Columns = shape[-2:]
    ds.BitsAllocated = bits
    ds.BitsStored = stored_bits or bits
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = 1 if pixels.dtype.kind == "i" else 0
    data = pixels.tobytes()
    ds.PixelData = data + b"\0" * (len(data) % 2)
    ds["PixelData"].VR = "OW" if bits > 8 else "OB"


def add_frame_of_reference(ds: Dataset, study: Study) -> None:
    """Add the Frame of Reference module; all series of a study share one."""
    ds.FrameOfReferenceUID = study.uid("frame of reference")
    ds.PositionReferenceIndicator = ""


def add_plane(ds: Dataset, *, z: float, spacing: float = 0.9, thickness: float = 2.5) -> None:
    """Add the Image Plane module for an axial slice at `z` mm."""
    ds.PixelSpacing = [f"{spacing}", f"{spacing}"]
    ds.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    ds.ImagePositionPatient = ["-115.2", "-115.2", f"{z}"]
    ds.SliceThickness = f"{thickness}"


def phantom(rows: int, columns: int, *, seed: int, low: int = 0, high: int = 4095) -> np.ndarray:
    """Return an ellipse with structure and noise, of shape (rows, columns) and type int16."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]  # type: ignore[misc]
    body = ((x / 0.8) ** 2 + (y / 0.6) ** 2 < 1).astype(float)
    organ = (((x - 0.2) / 0.2) ** 2 + ((y + 0.1) / 0.25) ** 2 < 1).astype(float)
    image = 0.45 * body + 0.25 * organ + rng.normal(0, 0.02, (rows, columns))
    return (low + np.clip(image, 0, 1) * (high - low)).astype(np.int16)
