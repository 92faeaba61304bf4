"""Files about to leave, as the gateway hands them to a sender: simulators of `scanward.ports.network.Outgoing`."""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from scanward.errors import StoreError

CHUNK_BYTES = 16 * 1024


@dataclass(kw_only=True)
class FileOutgoing:
    """A Part 10 file in memory; `breaks_after` bytes reading it fails, as a store may; `reads` counts how often."""

    content: bytes
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    path: str
    breaks_after: int | None = None
    reads: int = 0

    @property
    def size_bytes(self) -> int:
        return len(self.content)

    def chunks(self) -> Iterator[bytes]:
        self.reads += 1
        end = len(self.content) if self.breaks_after is None else self.breaks_after
        for start in range(0, end, CHUNK_BYTES):
            yield self.content[start : min(start + CHUNK_BYTES, end)]
        if self.breaks_after is not None:
            raise StoreError("a blob cannot be read")


def from_bytes(content: bytes) -> FileOutgoing:
    """Return the Part 10 file `content` as one about to leave."""
    ds = dcmread(io.BytesIO(content), stop_before_pixels=True, force=True)
    uid = str(ds.SOPInstanceUID)
    return FileOutgoing(
        content=content,
        sop_class_uid=str(ds.SOPClassUID),
        sop_instance_uid=uid,
        transfer_syntax_uid=str(ds.file_meta.TransferSyntaxUID),
        path=f"PATIENT1/{ds.StudyInstanceUID}/{ds.SeriesInstanceUID}/{uid}.dcm",
    )


def make_outgoing(number: int = 1, *, rows: int = 64, study: int = 1) -> FileOutgoing:
    """Return a small CT image that is the same for the same arguments."""
    ds = Dataset()
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = uid_of(f"instance {study} {number}")
    ds.StudyInstanceUID = uid_of(f"study {study}")
    ds.SeriesInstanceUID = uid_of(f"series {study}")
    ds.PatientID = "PATIENT1"
    ds.PatientName = "PATIENT1"
    ds.StudyDate = ds.StudyTime = ds.AccessionNumber = ds.StudyID = ds.ReferringPhysicianName = ""
    ds.PatientBirthDate = ds.PatientSex = ""
    ds.Modality = "CT"
    ds.SeriesNumber = 1
    ds.InstanceNumber = number
    ds.Rows = ds.Columns = rows
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit = 15
    ds.PixelRepresentation = 0
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.PixelData = (number % 251).to_bytes(2, "little") * (rows * rows)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return from_bytes(buffer.getvalue())


def make_several(count: int, *, rows: int = 64, study: int = 1) -> list[FileOutgoing]:
    """Return the images 1 to `count` of one series."""
    return [make_outgoing(number, rows=rows, study=study) for number in range(1, count + 1)]


def uid_of(text: str) -> str:
    """Return a UID that is the same for the same text."""
    return f"2.25.{int.from_bytes(hashlib.sha256(text.encode()).digest()[:15], 'big')}"


def data_set_of(content: bytes) -> bytes:
    """Return the bytes of a Part 10 file after its File Meta Information."""
    buffer = io.BytesIO(content)
    dcmread(buffer, stop_before_pixels=True, specific_tags=[])
    length = int.from_bytes(content[140:144], "little")  # of (0002,0000), which comes first and is UL
    return content[144 + length :]
