"""Reads pictures out of the folder of real scans: DICOM, zipped series, NIfTI, MetaImage, PNG and JPEG."""

import gzip
import io
import os
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.pixels import apply_color_lut

from burned_in.case import Attributes, Pixels, colour8, monochrome8

_ROOT = Path(__file__).resolve().parents[2]
_WINDOW = {"CT": (40.0, 400.0)}


def find_test_data() -> Path | None:
    """Return the folder of real scans, or None when this machine has none."""
    folder = Path(os.environ.get("SCANWARD_TEST_DATA") or _ROOT.parent / "shared" / "data")
    return folder.resolve() if (folder / "dicom").is_dir() else None


@dataclass(frozen=True, kw_only=True)
class Scan:
    """Frames of a real scan, and what is needed to show them."""

    frames: Pixels = field(repr=False)
    attributes: Attributes


def read_scan(data: Path, source: str, crop: tuple[int, int, int, int] | None = None) -> Scan:
    """Read a picture.

    Parameters
    ----------
    source
        File below `data`. ``#5`` at the end: its frame 5, or the sixth member of a zip; ``#x9``, ``#y9``, ``#z9``: a
        slice of a volume; ``#all``: all frames.
    crop
        Left, upper, right and lower edge.
    """
    name, _, part = source.partition("#")
    path = data / name
    if path.suffix in {".png", ".jpg", ".jpeg"}:
        scan = _picture(path)
    elif name.endswith((".nii.gz", ".mhd")):
        scan = _volume(path, part[0], int(part[1:]))
    elif path.suffix == ".zip":
        scan = _dicom(*_decode(_member(path, int(part))), "")
    else:
        scan = _dicom(*_decode_file(path), part)
    if crop is None:
        return scan
    left, upper, right, lower = crop
    return Scan(frames=np.ascontiguousarray(scan.frames[:, upper:lower, left:right]), attributes=scan.attributes)


def _picture(path: Path) -> Scan:
    with Image.open(path) as image:
        grey = image.mode in {"L", "1", "I;16", "I"}
        pixels = np.asarray(image.convert("L" if grey else "RGB"))
    if not grey and not (pixels.max(axis=2) != pixels.min(axis=2)).any():
        pixels, grey = pixels[..., 0], True
    return Scan(frames=pixels[None], attributes=monochrome8() if grey else colour8())


@lru_cache(maxsize=256)
def _members(path: Path) -> tuple[str, ...]:
    with zipfile.ZipFile(path) as archive:
        return tuple(sorted(name for name in archive.namelist() if not name.endswith("/")))


def _member(path: Path, number: int) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(_members(path)[number])


@lru_cache(maxsize=4)
def _decode_file(path: Path) -> tuple[Dataset, Pixels]:
    return _decode(path.read_bytes())


def _decode(content: bytes) -> tuple[Dataset, Pixels]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = dcmread(io.BytesIO(content), force=True)
        return ds, ds.pixel_array


def _dicom(ds: Dataset, pixels: Pixels, part: str) -> Scan:
    if int(ds.get("NumberOfFrames") or 1) == 1:
        pixels = pixels[None]
    elif part != "all":
        number = int(part or 0)
        pixels = pixels[number : number + 1]
    if ds.PhotometricInterpretation == "PALETTE COLOR":
        pixels = np.stack([apply_color_lut(frame, ds) for frame in pixels])
        pixels = (pixels >> 8).astype(np.uint8) if pixels.dtype != np.uint8 else pixels
    if pixels.ndim == 4:
        return Scan(frames=pixels, attributes=colour8(str(ds.get("Modality", "OT"))))
    return Scan(frames=pixels.astype(pixels.dtype.newbyteorder("=")), attributes=_describe(ds, pixels))


def _describe(ds: Dataset, pixels: Pixels) -> Attributes:
    slope, intercept = _number(ds, "RescaleSlope", 1.0), _number(ds, "RescaleIntercept", 0.0)
    modality = str(ds.get("Modality", "OT"))
    center, width = _number(ds, "WindowCenter", 0.0), _number(ds, "WindowWidth", 0.0)
    if width < 2:
        center, width = _WINDOW.get(modality) or _spread(pixels * slope + intercept)
    return {
        "Modality": modality, "PhotometricInterpretation": str(ds.PhotometricInterpretation),
        "BitsStored": int(ds.BitsStored), "PixelRepresentation": int(ds.PixelRepresentation),
        "RescaleSlope": slope, "RescaleIntercept": intercept, "WindowCenter": center, "WindowWidth": width,
    }  # fmt: skip


def _number(ds: Dataset, keyword: str, otherwise: float) -> float:
    value = ds.get(keyword)
    if value is None or value == "":
        return otherwise
    return float(value[0] if hasattr(value, "__len__") and not isinstance(value, str) else value)


def _spread(values: Pixels) -> tuple[float, float]:
    """Return a window (center, width) that shows nearly all values."""
    low, high = np.percentile(values, (0.5, 99.8))
    return float(low + high) / 2, max(2.0, float(high - low))


def _volume(path: Path, axis: str, number: int) -> Scan:
    volume, modality = _load_volume(path)
    frame = np.rot90(np.take(volume, number, axis="xyz".index(axis)))
    frame = np.ascontiguousarray(frame.astype(np.int16))
    center, width = _WINDOW.get(modality) or _spread(volume)
    return Scan(
        frames=frame[None],
        attributes={
            **monochrome8(modality), "BitsStored": 16, "PixelRepresentation": 1,
            "WindowCenter": center, "WindowWidth": width,
        },
    )  # fmt: skip


@lru_cache(maxsize=4)
def _load_volume(path: Path) -> tuple[Pixels, str]:
    """Return a volume by x, y, z, and whether its values look like those of CT."""
    if path.suffix == ".mhd":
        lines = dict(line.split(" = ", 1) for line in path.read_text(encoding="ascii").splitlines() if " = " in line)
        shape = tuple(int(one) for one in lines["DimSize"].split())
        kind = {"MET_UCHAR": "<u1", "MET_SHORT": "<i2", "MET_USHORT": "<u2"}[lines["ElementType"].strip()]
        values = np.fromfile(path.with_name(lines["ElementDataFile"].strip()), kind)
    else:
        content = gzip.decompress(path.read_bytes())
        header: Mapping[int, str] = {2: "<u1", 4: "<i2", 8: "<i4", 16: "<f4", 64: "<f8", 256: "<i1", 512: "<u2"}
        shape = tuple(int(one) for one in np.frombuffer(content, "<i2", 3, 42))
        kind = header[int(np.frombuffer(content, "<i2", 1, 70)[0])]
        start = int(np.frombuffer(content, "<f4", 1, 108)[0])
        values = np.frombuffer(content, kind, int(np.prod(shape)), start)
    volume = values.reshape(shape[::-1]).T
    if volume.dtype.kind == "f" and volume.max() < 100:
        volume = volume * (1000 / max(float(volume.max()), 1e-6))
    return volume, "CT" if volume.min() < -500 else "MR"
