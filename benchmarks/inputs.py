"""Makes the files that are measured, in a process of its own so that the one that measures stays small.

Usage: ``python inputs.py NAME FOLDER COUNT [DATA]``, NAME one of `SETS`. DATA is a folder of real scans; without it
everything is synthetic.
"""

import random
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from tests.common import images, radiotherapy
from tests.common.patients import Study, make_patient, make_study
from tests.common.studies import save, write_sample_studies

REAL_CT = (
    "dicom/cornerstonejs__cornerstone3D/"
    "CTImage.dcm_DeflatedExplicitVRLittleEndianTransferSyntax_1.2.840.10008.1.2.1.99.dcm"
)
CT_ELEMENTS = 256
PATIENTS = 2
SERIES = 4
SEED = 11


def write_ct(folder: Path, count: int, data: Path | None) -> None:
    """Write `count` instances of a 512x512 CT at 16 bits: two patients, several series each."""
    base = pydicom.dcmread(data / REAL_CT) if data else _synthetic_ct()
    base.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    rng = random.Random(SEED)
    studies = [make_study(rng, make_patient(rng), "CT Chest with contrast") for _ in range(PATIENTS)]
    for number in range(count):
        study = studies[number * PATIENTS // count]
        place = number % -(-count // PATIENTS)
        series = place * SERIES // -(-count // PATIENTS)
        _identify(base, study, series=series + 1, number=place + 1)
        save(base, folder / _person(study) / f"CT{series + 1}" / f"IM{number + 1:05d}.dcm")


def _synthetic_ct() -> Dataset:
    """Make a CT as long in elements as a real one, most of them private, as there."""
    rng = random.Random(SEED)
    ds = images.make_ct(make_study(rng, make_patient(rng), "CT Chest with contrast"), 1, size=512)
    group = 0x0019
    while len(ds) < CT_ELEMENTS:
        block = ds.private_block(group, f"FICTIONAL_{group:04X}", create=True)
        for number in range(min(60, CT_ELEMENTS - len(ds))):
            vr, value = (("DS", "0.400510"), ("SL", 978), ("SS", 16), ("LO", "S"), ("FL", 4.7))[number % 5]
            block.add_new(number, vr, value)
        group += 2
    ds.private_block(0x0043, "FICTIONAL_PARM", create=True).add_new(0x29, "OB", bytes(range(256)) * 8)
    return ds


def _identify(ds: Dataset, study: Study, *, series: int, number: int) -> None:
    """Turn `ds` into instance `number` of a series of `study`."""
    patient = study.patient
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = patient.name, patient.patient_id, patient.birth_date
    ds.PatientSex, ds.PatientAge, ds.PatientWeight = patient.sex, study.age, f"{patient.weight_kg}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study.uid("study"), study.uid(f"series {series}")
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = UID(study.uid(f"{series}/{number}"))
    ds.FrameOfReferenceUID = study.uid("frame of reference")
    ds.StudyID, ds.AccessionNumber = study.study_id, study.accession
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = study.date
    ds.StudyTime, ds.SeriesTime = study.time, f"{90000 + series * 100:06d}"
    ds.AcquisitionTime = ds.ContentTime = f"{90000 + number % 60 + number // 60 % 60 * 100:06d}.{number:06d}"
    ds.SeriesNumber, ds.InstanceNumber, ds.AcquisitionNumber = str(series), str(number), "1"
    ds.ImagePositionPatient = ["-161.399994", "-148.800003", f"{number * 5:.6f}"]
    ds.SliceLocation = f"{number * 5:.6f}"
    ds.InstitutionName, ds.StationName = study.hospital, study.station
    ds.ReferringPhysicianName, ds.OperatorsName = study.referring, study.operator
    ds.NameOfPhysiciansReadingStudy = study.performing
    ds.StudyDescription, ds.SeriesDescription = study.description, "HELICAL CHEST 5mm"


def _person(study: Study) -> str:
    return f"{study.patient.family}_{study.patient.patient_id}"


def _write_each(make: Callable[[Study, int], Dataset], folder: Path, count: int) -> None:
    rng = random.Random(SEED)
    study = make_study(rng, make_patient(rng), "Examination")
    first = make(study, 1)
    for number in range(1, count + 1):
        first.SOPInstanceUID = first.file_meta.MediaStorageSOPInstanceUID = UID(study.uid(f"{number}"))
        first.InstanceNumber = str(number)
        save(first, folder / _person(study) / f"IM{number:05d}.dcm")


def _enhanced(study: Study, _: int) -> Dataset:
    return images.make_enhanced_mr(study, frames=100, size=128)


def _jpeg2000(study: Study, _: int) -> Dataset:
    return images.make_encapsulated(study, "jpeg2000")


def _structures(study: Study, _: int) -> Dataset:
    """Make a structure set with as many contours as one of a thorax has."""
    ds = radiotherapy.make_structure_set(study)
    for roi in ds.ROIContourSequence:
        contours = list(roi.ContourSequence)
        contours[0].ContourData = [f"{number * 0.37:.2f}" for number in range(300)]
        contours[0].NumberOfContourPoints = "100"
        roi.ContourSequence = [deepcopy(contours[0]) for _ in range(250)]
    return ds


def write_samples(folder: Path, count: int, _: Path | None) -> None:
    """Write the project's sample studies, about 30 instances of all modalities each, until there are `count`."""
    written = 0
    for seed in range(1, 1000):
        files = write_sample_studies(folder / f"{seed:03d}", seed=seed)
        for file in files[max(0, count - written) :]:
            file.path.unlink()
        written += len(files)
        if written >= count:
            return


def _sets() -> Iterator[tuple[str, Callable[[Path, int, Path | None], None]]]:
    yield "ct", write_ct
    yield "mr", lambda folder, count, _: _write_each(lambda study, n: images.make_mr(study, n, size=256), folder, count)
    yield "structures", lambda folder, count, _: _write_each(_structures, folder, count)
    yield "enhanced", lambda folder, count, _: _write_each(_enhanced, folder, count)
    yield "jpeg2000", lambda folder, count, _: _write_each(_jpeg2000, folder, count)
    yield "samples", write_samples
    yield "large", write_large


def write_large(folder: Path, count: int, _: Path | None) -> None:
    """Write one enhanced multi-frame file of `count` MiB, most of it a hole that takes no room on the disk."""
    rng = random.Random(SEED)
    study = make_study(rng, make_patient(rng), "MRI Knee left")
    ds = images.make_enhanced_mr(study, frames=1, size=1024)
    frames = count // 2  # 1024 x 1024 x 16 bit are 2 MiB
    ds.NumberOfFrames = str(frames)
    ds.PerFrameFunctionalGroupsSequence = [deepcopy(ds.PerFrameFunctionalGroupsSequence[0]) for _ in range(frames)]
    size = frames * ds.Rows * ds.Columns * 2
    ds.PixelData = b"\0\0"
    path = folder / "large.dcm"
    save(ds, path)
    data = path.read_bytes()
    head = data[: data.rindex(b"\xe0\x7f\x10\x00OW")]
    with path.open("wb") as file:
        file.write(head + b"\xe0\x7f\x10\x00OW\0\0" + size.to_bytes(4, "little"))
        file.truncate(file.tell() + size)


SETS = dict(_sets())
"""Name -> writes into a folder a number of instances (of MiB for ``large``)."""


if __name__ == "__main__":
    SETS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]) if len(sys.argv) > 4 else None)
