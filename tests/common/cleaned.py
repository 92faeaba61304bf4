"""Makes what a right output looks like, with pydicom and by deleting: for tests of those who judge outputs."""

from __future__ import annotations

import hashlib
from copy import deepcopy

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID, JPEG2000Lossless

from tests.common.host import Host
from tests.common.modules import code

_KEPT_TEXT = frozenset({
    "CodeValue", "CodeMeaning", "CodingSchemeDesignator", "Manufacturer", "SequenceName", "ConvolutionKernel",
    "SegmentLabel", "DocumentTitle", "RescaleType",
})  # fmt: skip
_TEXT_VRS = frozenset({"LO", "SH", "LT", "ST", "UT", "UC", "UR", "AE", "UN"})
_TIME_VRS = frozenset({"DA", "DT", "TM"})


def new_uid(old: str) -> str:
    """Return the UID that stands for `old` in a cleaned file."""
    return f"2.25.{int.from_bytes(hashlib.sha256(str(old).encode()).digest()[:15], 'big')}"


def without_comments(frame: bytes) -> bytes:
    """Return a JPEG 2000 codestream without COM segments in its main header (ISO/IEC 15444-1 A.9.2)."""
    at, kept = 2, frame[:2]
    while frame[at + 1] != 0x90:
        length = 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
        kept += frame[at : at + length] if frame[at + 1] != 0x64 else b""
        at += length
    return kept + frame[at:]


def clean(host: Host, *, options: tuple[str, ...] = ("113103", "113104", "113105")) -> Host:
    """Return a copy of `host` without anything that identifies, and with the marks of a de-identified instance."""
    ds = deepcopy(host.ds)
    meta = FileMetaDataset()
    for keyword in ("MediaStorageSOPClassUID", "TransferSyntaxUID"):
        setattr(meta, keyword, host.ds.file_meta[keyword].value)
    meta.MediaStorageSOPInstanceUID = UID(new_uid(host.ds.file_meta.MediaStorageSOPInstanceUID))
    meta.ImplementationClassUID, meta.ImplementationVersionName = UID("1.2.3.4"), "CLEANER 1"
    if meta.TransferSyntaxUID == JPEG2000Lossless:
        ds.PixelData = encapsulate(
            [without_comments(frame) for frame in generate_frames(ds.PixelData, number_of_frames=1)]
        )
    stack = [ds]
    while stack:
        part = stack.pop()
        for element in list(part):
            keyword = element.keyword
            if element.tag.is_private or keyword in {"EncapsulatedDocument", "OverlayData"}:
                del part[element.tag]
            elif element.VR == "SQ":
                stack += list(element.value)
            elif element.VR == "UI":
                values = [element.value] if element.VM == 1 else list(element.value)
                public = [value if str(value).startswith("1.2.840.10008.") else UID(new_uid(value)) for value in values]
                element.value = public[0] if len(public) == 1 else public
            elif element.VR == "PN":
                element.value = ""
            elif element.VR in _TIME_VRS or (element.VR in _TEXT_VRS and keyword not in _KEPT_TEXT):
                del part[element.tag]
    _mark(ds, options)
    ds.file_meta = meta
    return Host(name=host.name, study=host.study, ds=ds, file_name=host.file_name)


def _mark(ds: Dataset, options: tuple[str, ...]) -> None:
    ds.PatientName, ds.PatientID = "SUBJECT", "S0001"
    ds.PatientIdentityRemoved, ds.DeidentificationMethod = "YES", "PS3.15 Basic Profile"

    codes = [code(value, "DCM", "De-identification") for value in ("113100", *options)]
    ds.DeidentificationMethodCodeSequence = codes
    if "BurnedInAnnotation" in ds:
        ds.BurnedInAnnotation = "YES"
