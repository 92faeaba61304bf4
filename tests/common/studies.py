"""Sample studies: what a hospital sends, of patients who do not exist.

>>> files = write_sample_studies(folder, seed=7)  # doctest: +SKIP

Everything follows from the seed, so that a test names a file and always means the same bytes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydicom import config
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from tests.common import documents, images, radiotherapy
from tests.common.patients import Study, make_patient, make_study


@dataclass(frozen=True, kw_only=True)
class SampleFile:
    """One written instance.

    Attributes
    ----------
    name
        What it is, unique among the samples: "ct/1", "sr/basic text".
    """

    path: Path
    name: str
    modality: str
    sop_class: str
    transfer_syntax: str
    patient_id: str


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One instance in memory; `ds` has its File Meta Information and can be saved."""

    name: str
    study: Study
    ds: Dataset


_Maker = Callable[[Study], Dataset]

_CHEST: tuple[tuple[str, UID, _Maker], ...] = (
    ("ct/1", ExplicitVRLittleEndian, partial(images.make_ct, number=1)),
    ("ct/2", ImplicitVRLittleEndian, partial(images.make_ct, number=2)),
    ("ct/3 deflated", DeflatedExplicitVRLittleEndian, partial(images.make_ct, number=3)),
    ("ct/4 rle", RLELossless, partial(images.make_ct, number=4)),
    ("sr/basic text", ExplicitVRLittleEndian, documents.make_basic_text_sr),
    ("sr/measurements", ImplicitVRLittleEndian, documents.make_comprehensive_sr),
    ("ko", ExplicitVRLittleEndian, documents.make_key_object),
    ("pr", ExplicitVRLittleEndian, documents.make_presentation_state),
    ("seg", ExplicitVRLittleEndian, radiotherapy.make_segmentation),
    ("rtstruct", ImplicitVRLittleEndian, radiotherapy.make_structure_set),
    ("rtplan", ImplicitVRLittleEndian, radiotherapy.make_plan),
    ("rtdose", ImplicitVRLittleEndian, radiotherapy.make_dose),
    ("pdf", ExplicitVRLittleEndian, documents.make_encapsulated_pdf),
    ("pt", ExplicitVRLittleEndian, images.make_pt),
)
_KNEE: tuple[tuple[str, UID, _Maker], ...] = (
    ("mr/1", ImplicitVRLittleEndian, partial(images.make_mr, number=1)),
    ("mr/2 big endian", ExplicitVRBigEndian, partial(images.make_mr, number=2)),
    ("mr/3 jpeg2000", ExplicitVRLittleEndian, partial(images.make_encapsulated, kind="jpeg2000")),
    ("mr/4 jpegls", ExplicitVRLittleEndian, partial(images.make_encapsulated, kind="jpegls")),
    ("mr/enhanced", ExplicitVRLittleEndian, images.make_enhanced_mr),
    ("cr", ExplicitVRLittleEndian, images.make_cr),
    ("dx", ExplicitVRLittleEndian, images.make_dx),
    ("ecg", ExplicitVRLittleEndian, documents.make_ecg),
)
_OTHER: tuple[tuple[str, UID, _Maker], ...] = (
    ("us", ExplicitVRLittleEndian, images.make_us),
    ("us/clip", ExplicitVRLittleEndian, partial(images.make_us, frames=3)),
    ("us/rle", RLELossless, partial(images.make_us, frames=2)),
    ("mg", ExplicitVRLittleEndian, partial(images.make_dx, mammography=True)),
    ("nm", ImplicitVRLittleEndian, images.make_nm),
    ("sc", ExplicitVRLittleEndian, images.make_sc),
    ("sc/jpeg", ExplicitVRLittleEndian, partial(images.make_encapsulated, kind="jpeg")),
    ("photo", ExplicitVRLittleEndian, images.make_photo),
    ("wsi", ExplicitVRLittleEndian, images.make_wsi),
)
_PLAN = (("CT Chest with contrast", _CHEST), ("MRI Knee left without contrast", _KNEE), ("Follow-up", _OTHER))


def make_samples(*, seed: int = 7) -> Iterator[Sample]:
    """Make every sample instance: three patients with a study each."""
    rng = random.Random(seed)
    for description, makers in _PLAN:
        study = make_study(rng, make_patient(rng), description)
        for name, syntax, make in makers:
            ds = make(study)
            set_transfer_syntax(ds, syntax)
            yield Sample(name=name, study=study, ds=ds)


def make_ct_series(*, slices: int, size: int = 512, seed: int = 7) -> Iterator[Sample]:
    """Make an axial CT series, by default of full size: 525 KB a slice."""
    rng = random.Random(seed)
    study = make_study(rng, make_patient(rng), "CT Chest with contrast")
    for number in range(1, slices + 1):
        yield Sample(name=f"ct/{number}", study=study, ds=images.make_ct(study, number, size=size, seed=seed))


def set_transfer_syntax(ds: Dataset, syntax: UID) -> None:
    """Bring the native pixels of `ds` into `syntax`; compressed ones stay as they are."""
    if ds.file_meta.TransferSyntaxUID.is_encapsulated:
        return
    if syntax == RLELossless:
        uid = ds.SOPInstanceUID
        ds.compress(RLELossless, generate_instance_uid=False)
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = uid
        return
    if syntax == ExplicitVRBigEndian and "PixelData" in ds and ds.BitsAllocated == 16:
        swapped = bytearray(ds.PixelData)
        swapped[0::2], swapped[1::2] = ds.PixelData[1::2], ds.PixelData[0::2]
        ds.PixelData = bytes(swapped)
    ds.file_meta.TransferSyntaxUID = syntax


def save(ds: Dataset, path: Path) -> None:
    """Write `ds` as a Part 10 file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Samples are hostile on purpose: values that break their VR must be written as they are.
    with config.disable_value_validation():
        dcmwrite(path, ds, enforce_file_format=True)


def write_sample_studies(folder: Path, *, seed: int = 7) -> list[SampleFile]:
    """Write every sample instance below `folder` the way a PACS exports: patient/study/file.

    Folder names carry the patient's name and ID, as real exports do.
    """
    return [write_sample(sample, folder, number) for number, sample in enumerate(make_samples(seed=seed), 1)]


def write_ct_series(folder: Path, *, slices: int, size: int = 512, seed: int = 7) -> list[SampleFile]:
    """Write an axial CT series below `folder`."""
    samples = make_ct_series(slices=slices, size=size, seed=seed)
    return [write_sample(sample, folder, number) for number, sample in enumerate(samples, 1)]


def write_sample(sample: Sample, folder: Path, number: int) -> SampleFile:
    """Write one instance."""
    ds, patient = sample.ds, sample.study.patient
    person = f"{patient.family}_{patient.given}_{patient.patient_id}"
    path = folder / person / f"{sample.study.date}_{ds.Modality}" / f"IM{number:05d}.dcm"
    save(ds, path)
    return SampleFile(
        path=path,
        name=sample.name,
        modality=ds.Modality,
        sop_class=str(ds.SOPClassUID),
        transfer_syntax=str(ds.file_meta.TransferSyntaxUID),
        patient_id=patient.patient_id,
    )
