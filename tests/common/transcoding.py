"""Programs that code an instance anew without loss, as other people's: pydicom with its plugins, DCMTK, GDCM."""

from __future__ import annotations

import io
import os
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.pixels import pixel_array
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)

from tests.common import codestreams
from tests.common.pixels import SECONDARY_CAPTURE, file_of, make_header

_SECONDS = 60
_ENVIRONMENT = {**os.environ, "DCMDICTPATH": "/usr/share/libdcmtk17/dicom.dic"}

NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)


_ROOT = "1.2.840.10008.1.2."
_PLUGINS = {
    **{f"{_ROOT}4.{last}": "pillow" for last in (50, 51, 90, 91)},
    **{f"{_ROOT}4.{last}": "pyjpegls" for last in (80, 81)},
    f"{_ROOT}5": "pydicom",
}
"""With what pydicom decodes: what GDCM does not like makes it end the whole process."""

_BY_DCMTK = frozenset(f"{_ROOT}4.{last}" for last in (57, 70))
"""What DCMTK decodes for pydicom, which has only GDCM for it."""


@dataclass(frozen=True)
class Transcoder:
    """One way to code anew.

    Attributes
    ----------
    toolkit
        Whose.
    name
        What it makes.
    make
        Writes the second file, of the first; returns whether it did.
    """

    toolkit: str
    name: str
    make: Callable[[Path, Path], bool]


def _program(*command: str) -> Callable[[Path, Path], bool]:
    def make(source: Path, target: Path) -> bool:
        try:
            done = subprocess.run(
                [*command, str(source), str(target)],
                env=_ENVIRONMENT,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        except (FileNotFoundError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0 and target.exists()

    return make


def _read(path: Path) -> FileDataset:
    """Read an instance, decoded where pydicom does not; raises where it cannot."""
    ds = dcmread(path)
    if ds.file_meta.TransferSyntaxUID not in _BY_DCMTK:
        return ds
    with tempfile.TemporaryDirectory(prefix="scanward-") as folder:
        native = Path(folder) / "native.dcm"
        if not _program("/usr/bin/dcmdjpeg", "+cn")(path, native):
            raise ValueError("DCMTK cannot decode it")
        ds = dcmread(native)
        ds["PixelData"].value  # noqa: B018 - read while the file is there
    return ds


def _make_native(ds: FileDataset) -> None:
    syntax = ds.file_meta.TransferSyntaxUID
    if not syntax.is_little_endian:
        raise ValueError("pydicom does not swap the words of OW")
    if syntax.is_encapsulated:
        ds.decompress(decoding_plugin=_PLUGINS[syntax], as_rgb=False, generate_instance_uid=False)


def _compress(syntax: UID, plugin: str) -> Callable[[Path, Path], bool]:
    def make(source: Path, target: Path) -> bool:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                ds = _read(source)
                _make_native(ds)
                # The files are of one instance: the copy keeps its UID, as an archive would.
                ds.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
                ds.save_as(target)
            except Exception:  # noqa: BLE001 - each library has errors of its own
                return False
        return True

    return make


def _rewrite(syntax: UID) -> Callable[[Path, Path], bool]:
    def make(source: Path, target: Path) -> bool:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                ds = _read(source)
                _make_native(ds)
                ds.file_meta.TransferSyntaxUID = syntax
                dcmwrite(
                    target, ds, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian,
                    force_encoding=True,
                )  # fmt: skip
            except Exception:  # noqa: BLE001 - each library has errors of its own
                return False
        return True

    return make


def _recode(syntax: str) -> Callable[[Path, Path], bool]:
    def make(source: Path, target: Path) -> bool:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                ds = _read(source)
                if ds.BitsAllocated not in (8, 16) or ds.HighBit != ds.BitsStored - 1:
                    return False
                if syntax == codestreams.JPEG_XL and ds.PhotometricInterpretation.startswith("YBR"):
                    return False
                frames = stored_frames(ds)
                if not ds.file_meta.TransferSyntaxUID.is_little_endian:
                    return False
                coded = [codestreams.make_codestream(frame, syntax, stored=ds.BitsStored) for frame in frames]
                if ds.SamplesPerPixel == 3:
                    ds.PlanarConfiguration = 0
                ds.PixelData = encapsulate(coded)
                ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
                ds.file_meta.TransferSyntaxUID = UID(syntax)
                dcmwrite(target, ds, implicit_vr=False, little_endian=True, force_encoding=True)
            except Exception:  # noqa: BLE001 - each library has errors of its own
                return False
        return True

    return make


def stored_frames(ds: Dataset) -> np.ndarray:
    """Return whole words as pydicom decodes them, frames first."""
    syntax = ds.file_meta.TransferSyntaxUID
    plugin = _PLUGINS[syntax] if syntax.is_encapsulated else ""
    array = pixel_array(ds, raw=True, correct_unused_bits=False, decoding_plugin=plugin)
    array = array if array.ndim == (3 if ds.SamplesPerPixel == 1 else 4) else array[None]
    return np.ascontiguousarray(array)


def is_lossless(original: Path, copy: Path) -> bool | None:
    """Whether pydicom decodes a copy to the samples of its original; None where it decodes only one of them."""
    found = []
    for path in (original, copy):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                ds = _read(path)
                words = stored_frames(ds).astype(np.int64)
                words = (words >> (ds.HighBit + 1 - ds.BitsStored)) & ((1 << ds.BitsStored) - 1)
                found.append((words, ds.BitsStored, ds.PixelRepresentation))
            except Exception:  # noqa: BLE001 - each library has errors of its own
                return None
    first, second = found
    return first[1:] == second[1:] and np.array_equal(first[0], second[0])


TRANSCODERS = (
    Transcoder("pydicom", "implicit VR", _rewrite(ImplicitVRLittleEndian)),
    Transcoder("pydicom", "explicit VR", _rewrite(ExplicitVRLittleEndian)),
    Transcoder("pydicom", "deflated", _rewrite(DeflatedExplicitVRLittleEndian)),
    Transcoder("pydicom", "RLE", _compress(RLELossless, "pydicom")),
    Transcoder("pydicom", "JPEG-LS by pyjpegls", _compress(JPEGLSLossless, "pyjpegls")),
    Transcoder("imagecodecs", "JPEG 2000", _recode(codestreams.JPEG_2000)),
    Transcoder("imagecodecs", "HTJ2K", _recode(codestreams.HTJ2K)),
    Transcoder("imagecodecs", "JPEG XL", _recode(codestreams.JPEG_XL)),
    Transcoder("imagecodecs", "JPEG lossless", _recode(codestreams.LOSSLESS)),
    Transcoder("DCMTK", "implicit VR", _program("/usr/bin/dcmconv", "+ti")),
    Transcoder("DCMTK", "explicit VR", _program("/usr/bin/dcmconv", "+te")),
    Transcoder("DCMTK", "big endian", _program("/usr/bin/dcmconv", "+tb")),
    Transcoder("DCMTK", "deflated", _program("/usr/bin/dcmconv", "+td")),
    Transcoder("DCMTK", "undefined lengths", _program("/usr/bin/dcmconv", "+te", "-e", "+p", "64", "8")),
    Transcoder("DCMTK", "RLE", _program("/usr/bin/dcmcrle")),
    Transcoder("DCMTK", "JPEG-LS", _program("/usr/bin/dcmcjpls", "+el")),
    Transcoder("DCMTK", "JPEG lossless", _program("/usr/bin/dcmcjpeg", "+e1")),
    Transcoder("GDCM", "implicit VR", _program("gdcmconv", "--implicit")),
    Transcoder("GDCM", "explicit VR", _program("gdcmconv", "--explicit")),
    Transcoder("GDCM", "raw", _program("gdcmconv", "--raw")),
    Transcoder("GDCM", "RLE", _program("gdcmconv", "--rle")),
    Transcoder("GDCM", "JPEG-LS", _program("gdcmconv", "--jpegls")),
    Transcoder("GDCM", "JPEG lossless", _program("gdcmconv", "--jpeg")),
    Transcoder("GDCM", "JPEG 2000", _program("gdcmconv", "--j2k")),
)
"""All ways; each may refuse an image that it has no form for."""


_MULTI_FRAME = {8: f"{SECONDARY_CAPTURE}.2", 16: f"{SECONDARY_CAPTURE}.3", 24: f"{SECONDARY_CAPTURE}.4"}
"""SOP Classes of several frames of grey bytes, of grey words and of colours."""


def _dtype(allocated: int, *, signed: bool) -> str:
    return f"<{'i' if signed else 'u'}{allocated // 8}"


def _noise(
    rows: int, columns: int, *, samples: int = 1, frames: int = 1, allocated: int = 16, stored: int = 16,
    high: int | None = None, signed: bool = False, seed: int = 0,
) -> bytes:  # fmt: skip
    """Return values that go over the whole range, smooth enough to be coded by all."""
    rng = np.random.default_rng(seed)
    shape = (frames, rows, columns, samples)
    steps = np.cumsum(rng.integers(-40, 41, shape), axis=2) + rng.integers(0, 1 << stored, (frames, 1, 1, samples))
    values = (steps % (1 << stored)) << ((stored - 1 if high is None else high) - stored + 1)
    if signed and high is None:
        sign = 1 << (stored - 1)
        values = (values ^ sign) - sign
    return values.astype(_dtype(allocated, signed=signed)).tobytes()


_FORMS: tuple[tuple[str, dict[str, object]], ...] = (
    ("16 bit signed", {"allocated": 16, "signed": True}),
    ("16 bit unsigned", {"allocated": 16}),
    ("12 bit unsigned", {"allocated": 16, "stored": 12}),
    ("12 bit signed", {"allocated": 16, "stored": 12, "signed": True}),
    ("10 bit inverted", {"allocated": 16, "stored": 10, "photometric": "MONOCHROME1"}),
    ("8 bit", {"allocated": 8}),
    ("8 bit in 16", {"allocated": 16, "stored": 8}),
    ("RGB", {"allocated": 8, "samples": 3, "photometric": "RGB"}),
    ("RGB by planes", {"allocated": 8, "samples": 3, "photometric": "RGB", "planar": 1}),
    ("YBR_FULL", {"allocated": 8, "samples": 3, "photometric": "YBR_FULL"}),
    ("palette", {"allocated": 8, "photometric": "PALETTE COLOR"}),
    ("5 frames of 16 bit", {"allocated": 16, "frames": 5}),
    ("3 frames of RGB", {"allocated": 8, "samples": 3, "frames": 3, "photometric": "RGB"}),
    ("12 bit at the top", {"allocated": 16, "stored": 12, "high": 15}),
)


def made_images(sizes: tuple[tuple[int, int], ...] = ((70, 130), (33, 65))) -> Iterator[tuple[str, bytes]]:
    """Give images of every form that this project makes, with names, texts and sequences in their headers."""
    for rows, columns in sizes:
        for number, (name, form) in enumerate(_FORMS):
            yield f"{name}, {rows} x {columns}", make_image(rows, columns, seed=number, **form)


def make_image(
    rows: int, columns: int, *, seed: int = 0, frames: int = 1, samples: int = 1, photometric: str = "MONOCHROME2",
    allocated: int = 16, stored: int | None = None, high: int | None = None, signed: bool = False, planar: int = 0,
    syntax: str = ExplicitVRLittleEndian,
) -> bytes:  # fmt: skip
    """Make an image file with a header that has something of everything."""
    ds = make_header(
        rows=rows, columns=columns, frames=frames if frames > 1 else None, samples=samples, photometric=photometric,
        allocated=allocated, stored=stored, high=high, signed=signed, planar=planar,
        sop_class=SECONDARY_CAPTURE if frames == 1 else _MULTI_FRAME[allocated * samples],
    )  # fmt: skip
    fill_header(ds)
    if photometric == "PALETTE COLOR":
        for colour in ("Red", "Green", "Blue"):
            setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
            table = (np.arange(256, dtype="<u2") << 8).tobytes()
            setattr(ds, f"{colour}PaletteColorLookupTableData", table)
    data = _noise(
        rows, columns, samples=samples, frames=frames, allocated=allocated, stored=stored or allocated, high=high,
        signed=signed, seed=seed,
    )  # fmt: skip
    if planar:
        octets = np.frombuffer(data, np.uint8).reshape(frames, rows, columns, samples)
        data = octets.transpose(0, 3, 1, 2).tobytes()
    return file_of(ds, data, syntax)


def fill_header(ds: Dataset) -> None:
    """Put into a header what transcoders treat in ways of their own."""
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.PatientName, ds.PatientBirthDate = "M\xfcller^J\xf6rg", "19500102"
    ds.StudyDescription = "Schädel nativ"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.PixelSpacing, ds.ImagePositionPatient = ["0.500", "0.50"], ["-1.0", "2", "3.25"]
    ds.FrameOfReferenceUID = "2.25.77"
    ds.RescaleSlope, ds.RescaleIntercept = "1.0", "-1024"
    ds.AccessionNumber, ds.InstitutionName = "", "House"
    inner = Dataset()
    inner.ReferencedSOPClassUID, inner.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "2.25.9"
    ds.ReferencedImageSequence = [inner, Dataset()]
    ds.RequestAttributesSequence = []
    ds.PresentationLUTShape = "IDENTITY"
    block = ds.private_block(0x0029, "SCANWARD TEST", create=True)
    block.add_new(0x01, "LO", "odd")
    block.add_new(0x02, "US", [1, 300])
    block.add_new(0x03, "FD", 0.1)
    nested = Dataset()
    nested.CodeValue, nested.CodeMeaning = "1", "one"
    block.add_new(0x04, "SQ", [nested])
    block.add_new(0x05, "SQ", [])
    block.add_new(0x06, "OB", b"\xfe\xff\x00\xe0\1\2\3\4\5\6")


def written(ds: FileDataset) -> bytes:
    """Return the file of a data set in the encoding that it has."""
    stream = io.BytesIO()
    ds.save_as(stream)
    return stream.getvalue()
