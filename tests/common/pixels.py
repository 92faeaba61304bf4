"""Instances with pixels of every layout, and what comes of them, read back by pydicom."""

from __future__ import annotations

import io

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.pixels import pixel_array
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from scanward.deidentify.header.scan import InstanceFacts, Scanner
from scanward.deidentify.pixels.frames import Frames, open_frames
from scanward.dicomstream.opening import open_dicom
from scanward.dicomstream.part10 import DataSetStart
from scanward.model.instance import BytesSource, Piece
from scanward.model.pixels import FoundBy, PixelBox, PixelReplacement

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
NATIVE_SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)


class NoCodec:
    """A codec for native pixels: none."""

    def can_decode(self, transfer_syntax_uid):
        return False

    def decode(self, data, transfer_syntax_uid, layout):
        raise AssertionError("native pixels are not decoded")

    def encode(self, samples, transfer_syntax_uid, layout, *, original, changed):
        raise AssertionError("native pixels are not coded")


def make_header(
    *,
    rows: int,
    columns: int,
    frames: int | None = None,
    samples: int = 1,
    photometric: str = "MONOCHROME2",
    allocated: int = 8,
    stored: int | None = None,
    high: int | None = None,
    signed: bool = False,
    planar: int = 0,
    modality: str = "OT",
    sop_class: str = SECONDARY_CAPTURE,
) -> Dataset:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, "2.25.1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "2.25.2", "2.25.3"
    ds.Modality, ds.PatientID = modality, "SYN1"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = samples, photometric
    if samples > 1:
        ds.PlanarConfiguration = planar
    if frames is not None:
        ds.NumberOfFrames = frames
    ds.Rows, ds.Columns, ds.BitsAllocated = rows, columns, allocated
    ds.BitsStored = allocated if stored is None else stored
    ds.HighBit = ds.BitsStored - 1 if high is None else high
    ds.PixelRepresentation = int(signed)
    return ds


def file_of(ds: Dataset, data: bytes, syntax: str, *, vr: str = "") -> bytes:
    """Return the file of an instance with native Pixel Data."""
    syntax = UID(syntax)
    file = FileDataset("", ds, file_meta=FileMetaDataset(), preamble=bytes(128))
    file.file_meta.TransferSyntaxUID = syntax
    vr = vr or ("OW" if syntax == ImplicitVRLittleEndian or ds.BitsAllocated > 8 else "OB")
    file.add_new(0x7FE00010, vr, data + b"\0" * (len(data) % 2))
    stream = io.BytesIO()
    dcmwrite(
        stream, file, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian, force_encoding=True
    )
    return stream.getvalue()


def encapsulated_file_of(
    ds: Dataset, coded: list[bytes], syntax: str, *, fragments_per_frame: int = 1, table: bool = True
) -> bytes:
    """Return the file of an instance with encapsulated Pixel Data."""
    file = FileDataset("", ds, file_meta=FileMetaDataset(), preamble=bytes(128))
    file.file_meta.TransferSyntaxUID = UID(syntax)
    file.add_new(0x7FE00010, "OB", encapsulate(coded, fragments_per_frame=fragments_per_frame, has_bot=table))
    file["PixelData"].is_undefined_length = True
    stream = io.BytesIO()
    dcmwrite(stream, file, implicit_vr=False, little_endian=True, force_encoding=True)
    return stream.getvalue()


def open_file(data: bytes, codec: object | None = None) -> tuple[DataSetStart, InstanceFacts, Frames]:
    start = open_dicom(BytesSource(data))
    facts = Scanner().scan(start)
    frames = open_frames(start, facts, codec or NoCodec())
    assert frames is not None
    return start, facts, frames


def box_of(x: int, y: int, width: int, height: int, first: int = 0, last: int = 1 << 20) -> PixelBox:
    return PixelBox(first_frame=first, last_frame=last, x=x, y=y, width=width, height=height, found_by=FoundBy.TEXT)


def joined(pieces: list[Piece] | tuple[Piece, ...], start: DataSetStart) -> bytes:
    source = start.reader.source
    return b"".join(
        piece if isinstance(piece, bytes) else piece.source_in(source).read(piece.offset, piece.length)
        for piece in pieces
    )


def replaced(data: bytes, replacement: PixelReplacement, start: DataSetStart) -> Dataset:
    """Return the instance with its Pixel Data replaced, as pydicom reads it."""
    ds = dcmread(io.BytesIO(data), force=True)
    vr = "OB" if replacement.is_encapsulated else ds["PixelData"].VR
    little = UID(replacement.transfer_syntax_uid).is_little_endian
    for tag, value in replacement.values.items():
        if value is None:
            ds.pop(tag, None)
        elif tag in (0x00280002, 0x00280006, 0x00280100, 0x00280101, 0x00280102, 0x00280103):
            ds[tag] = Dataset().add_new(tag, "US", 0) or ds[tag]
            ds[tag].value = int.from_bytes(value[:2], "little" if little else "big")
        elif value is not None:
            ds.add_new(
                tag, "OV" if tag >> 16 == 0x7FE0 else "CS", value if tag >> 16 == 0x7FE0 else value.decode().strip()
            )
    if ds.file_meta.TransferSyntaxUID.is_compressed and not replacement.is_encapsulated:
        vr = "OW" if ds.BitsAllocated > 8 else "OB"
    ds.file_meta.TransferSyntaxUID = UID(replacement.transfer_syntax_uid)
    ds.add_new(0x7FE00010, vr, joined(list(replacement.pieces), start))
    ds["PixelData"].is_undefined_length = replacement.is_encapsulated
    stream = io.BytesIO()
    ds.save_as(stream)
    return dcmread(io.BytesIO(stream.getvalue()), force=True)


def raw_frames(ds: Dataset, plugin: str = "") -> np.ndarray:
    """Return what pydicom decodes, not converted, frames first."""
    # Unused bits stay as they are where nothing was coded.
    array = pixel_array(
        ds, raw=True, correct_unused_bits=ds.file_meta.TransferSyntaxUID.is_encapsulated, decoding_plugin=plugin
    )
    wanted = 3 if ds.SamplesPerPixel == 1 else 4
    return array if array.ndim == wanted else array[None]
