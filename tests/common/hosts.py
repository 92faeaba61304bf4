"""The files that identifiers are planted in: name to (Transfer Syntax, maker)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from tests.common import documents, images, radiotherapy
from tests.common.charsets import CHARSETS
from tests.common.modules import add_pixels, item, phantom
from tests.common.patients import Study


def _plain(study: Study, *, charset: str | list[str], seed: int) -> Dataset:
    ds = images.make_sc(study)
    add_pixels(ds, phantom(24, 24, seed=seed, high=255).astype("uint8"))
    del ds.PlanarConfiguration
    ds.SpecificCharacterSet = charset
    return ds


def _with_utf8(make: Callable[[Study], Dataset]) -> Callable[[Study], Dataset]:
    def made(study: Study) -> Dataset:
        ds = make(study)
        ds.SpecificCharacterSet = "ISO_IR 192"
        return ds

    return made


def _signed(study: Study) -> Dataset:
    """Make a CT with all that tells of its making: signatures, original and encrypted attributes, equipment."""
    ds = images.make_ct(study, 5, size=20)
    ds.MACParametersSequence = [
        item(MACIDNumber=1, MACCalculationTransferSyntaxUID="1.2.840.10008.1.2.1", MACAlgorithm="SHA256",
             DataElementsSigned=[0x00080060])
    ]  # fmt: skip
    return ds


def _cda(study: Study) -> Dataset:
    ds = documents.make_encapsulated_pdf(study)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.104.2")
    ds.MIMETypeOfEncapsulatedDocument = "text/XML"
    return ds


def _directory(study: Study) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.1.3.10")
    ds.file_meta.MediaStorageSOPInstanceUID = UID(study.uid("file-set"))
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.FileSetID = ""
    ds.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
    ds.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = 0
    ds.FileSetConsistencyFlag = 0
    ds.DirectoryRecordSequence = [
        item(OffsetOfTheNextDirectoryRecord=0, RecordInUseFlag=65535, OffsetOfReferencedLowerLevelDirectoryEntity=0,
             DirectoryRecordType=kind)
        for kind in ("PATIENT", "STUDY", "SERIES", "IMAGE")
    ]  # fmt: skip
    return ds


FILE_NAMES = {"directory": "DICOMDIR"}
"""Hosts whose file has a name of its own."""

HOSTS: dict[str, tuple[UID, Callable[[Study], Dataset]]] = {
    "ct": (ExplicitVRLittleEndian, _with_utf8(partial(images.make_ct, number=1, size=24))),
    "order": (ExplicitVRLittleEndian, partial(images.make_ct, number=2, size=26)),
    "implicit": (ImplicitVRLittleEndian, partial(images.make_ct, number=3, size=28)),
    "bigendian": (ExplicitVRBigEndian, partial(images.make_mr, number=1, size=18)),
    "deflated": (DeflatedExplicitVRLittleEndian, partial(images.make_ct, number=4, size=22)),
    "provenance": (ExplicitVRLittleEndian, _signed),
    "known": (ExplicitVRLittleEndian, _with_utf8(partial(images.make_mr, number=2, size=20))),
    "private": (ExplicitVRLittleEndian, partial(images.make_mr, number=3, size=22)),
    "structure": (ExplicitVRLittleEndian, partial(images.make_mr, number=4, size=24)),
    "malformed": (ExplicitVRLittleEndian, partial(images.make_mr, number=5, size=14)),
    "twice": (ExplicitVRLittleEndian, partial(images.make_mr, number=9, size=12)),
    "tail": (ExplicitVRLittleEndian, partial(images.make_mr, number=6, size=26)),
    "tail zeros": (ExplicitVRLittleEndian, partial(images.make_mr, number=7, size=28)),
    "tail implicit": (ImplicitVRLittleEndian, partial(images.make_mr, number=8, size=30)),
    "graphics": (ExplicitVRLittleEndian, images.make_cr),
    "enhanced": (ExplicitVRLittleEndian, images.make_enhanced_mr),
    "report": (ExplicitVRLittleEndian, documents.make_comprehensive_sr),
    "keys": (ExplicitVRLittleEndian, documents.make_key_object),
    "state": (ExplicitVRLittleEndian, documents.make_presentation_state),
    "pdf": (ExplicitVRLittleEndian, documents.make_encapsulated_pdf),
    "cda": (ExplicitVRLittleEndian, _cda),
    "directory": (ExplicitVRLittleEndian, _directory),
    "jpeg": (ExplicitVRLittleEndian, partial(images.make_encapsulated, kind="jpeg")),
    "jpeg2000": (ExplicitVRLittleEndian, partial(images.make_encapsulated, kind="jpeg2000")),
    "rle": (RLELossless, partial(images.make_us, frames=2)),
    "ultrasound": (ExplicitVRLittleEndian, images.make_us),
    "pet": (ExplicitVRLittleEndian, images.make_pt),
    "structures": (ImplicitVRLittleEndian, radiotherapy.make_structure_set),
    "plan": (ImplicitVRLittleEndian, radiotherapy.make_plan),
    "segmentation": (ExplicitVRLittleEndian, radiotherapy.make_segmentation),
    "ecg": (ExplicitVRLittleEndian, documents.make_ecg),
    "slide": (ExplicitVRLittleEndian, images.make_wsi),
    **{
        f"charset {name}": (ExplicitVRLittleEndian, partial(_plain, charset=charset.terms, seed=100 + number))
        for number, (name, charset) in enumerate(CHARSETS.items())
    },
}
