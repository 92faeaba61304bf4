"""Scanward on a case: the case as a DICOM instance, looked at as `scanward deidentify` looks at it."""

import io
from functools import cache

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian

from burned_in.case import Case, Mask
from scanward.adapters.engines.barcodes import BarcodeReader
from scanward.adapters.engines.faces import FaceFinder
from scanward.adapters.engines.frames import ImageCodec
from scanward.adapters.engines.text import load_engines
from scanward.deidentify.header.scan import Scanner
from scanward.deidentify.pixels.clean import Engines, PixelCleaner
from scanward.deidentify.pixels.frames import open_frames
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.dicomstream.opening import open_dicom
from scanward.model.instance import BytesSource
from scanward.model.pixels import PixelMode, PixelPolicy

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def find_text(case: Case) -> Mask:
    """Return what goes from the frames of a case, the second look included."""
    cleaner = _cleaner()
    start = open_dicom(BytesSource(to_dicom(case)), None)
    frames = open_frames(start, Scanner().scan(start), cleaner.engines.codec)
    if frames is None:
        raise ValueError("expected frames")
    found = cleaner.look(frames, PixelMode.CLEAN, KnownIdentifiers(()))
    nothing = np.zeros(case.frames.shape[1:3], bool)
    masks = [found.of(index) for index in range(frames.count)]
    return np.stack([nothing if mask is None else mask for mask in masks])


def to_dicom(case: Case) -> bytes:
    """Return a case as a file, its pixels native."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = SECONDARY_CAPTURE, "2.25.1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "2.25.2", "2.25.3"
    ds.PatientID = "SYN1"
    for keyword, value in case.attributes.items():
        if keyword.startswith(("Window", "Rescale")):
            value = f"{value:.10g}"[:16]
        setattr(ds, keyword, value)
    is_colour = case.frames.ndim == 4
    ds.SamplesPerPixel = 3 if is_colour else 1
    if is_colour:
        ds.PlanarConfiguration = 0
    ds.NumberOfFrames, ds.Rows, ds.Columns = case.frames.shape[:3]
    ds.BitsAllocated = case.frames.dtype.itemsize * 8
    ds.HighBit = ds.BitsStored - 1
    file = FileDataset("", ds, file_meta=FileMetaDataset(), preamble=bytes(128))
    file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = case.frames.tobytes()
    file.add_new(0x7FE00010, "OW" if ds.BitsAllocated > 8 else "OB", data + b"\0" * (len(data) % 2))
    stream = io.BytesIO()
    dcmwrite(stream, file)
    return stream.getvalue()


@cache
def _cleaner() -> PixelCleaner:
    text, second = load_engines()
    engines = Engines(text=text, second=second, barcodes=BarcodeReader(), faces=FaceFinder(), codec=ImageCodec())
    return PixelCleaner(lambda: engines, PixelPolicy())
