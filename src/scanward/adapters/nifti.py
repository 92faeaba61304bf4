"""NIfTI-1 and NIfTI-2 (``.nii``, ``.nii.gz``, ``.hdr`` with ``.img``) as volumes, and back with the mask alone changed.

The header is written back as it was, but for the fields of text, in which converters and people leave names, dates and
paths, and for the extensions, which with some hold whole DICOM headers: all of these are cleared.
"""

import gzip
import os
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, Self, cast

import numpy as np
from numpy.typing import NDArray

from scanward.deidentify.faces.groups import FEWEST_SLICES, MAX_GAP_MM, REMEDY
from scanward.deidentify.faces.series import MAX_VOXELS, find_outside
from scanward.deidentify.faces.volume import Affine, Volume
from scanward.deidentify.faces.write import VolumePatch
from scanward.deidentify.pixels.fill import CT_AIR_HU
from scanward.errors import HoldError, OutputError, SourceError
from scanward.model.faces import VolumeFault

_VALUES_SUFFIXES: Final = (".img", ".img.gz")
"""Of what lies beside a header of a pair."""

_MAGIC: Final = {348: b"n+1", 540: b"n+2\0\r\n\x1a\n"}
"""Of header and data in one file."""

CLEARED: Final = ("data_type", "db_name", "intent_name", "descrip", "aux_file", "unused_str")
"""Fields of text that are cleared, of those that the version has; extensions go as well."""

_UNTOLD: Final = ("extents", "session_error", "glmax", "glmin")
"""Numbers that are zeroed: leftovers of Analyze that nobody reads, the range of its values among them."""

MAX_FILE_BYTES: Final = 4 * 1024 * 1024 * 1024
"""Of a file, unpacked."""

_HEADER_BYTES: Final = {348: 352, 540: 544}
"""Sizes of the two headers, and where data follows that has no extension."""

_TO_MM: Final = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
"""Units of space, the lowest 3 bits of xyzt_units: unknown, metre, millimetre, micrometre."""

_KINDS: Final = "iuf"

_CT_SHARE: Final = 0.01
"""So many voxels of a CT are air, of -1100 to -900 HU."""

_CT_LOW_HU: Final = -500

Stored = NDArray[np.generic]


class NiftiHeader(Protocol):
    """What is used of a header of nibabel."""

    @property
    def binaryblock(self) -> bytes:
        """Its bytes."""
        ...

    def __getitem__(self, name: str) -> NDArray[np.void]: ...
    def __setitem__(self, name: str, value: bytes | int) -> None: ...

    def keys(self) -> Iterable[str]:
        """Names of its fields."""
        ...

    def copy(self) -> Self:
        """Another of the same content."""
        ...

    def get_data_dtype(self) -> np.dtype[np.generic]:
        """Type of the data as stored."""
        ...

    def get_data_shape(self) -> tuple[int, ...]:
        """Lengths of its axes, the fastest first."""
        ...

    def get_best_affine(self) -> NDArray[np.float64]:
        """Of the sform, or else the qform: to RAS."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class NiftiScan:
    """A NIfTI file, read.

    Attributes
    ----------
    header
        As it was.
    stored
        Data as stored: (volumes, k, j, i).
    affine
        (i, j, k, 1) to LPS mm.
    is_flipped
        Whether k has to be counted from the other end for a grid that is right-handed.
    cleared
        What of the header will be cleared since it holds something: names of fields, "extensions".
    """

    header: NiftiHeader
    stored: Stored
    affine: Affine
    is_flipped: bool
    cleared: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many volumes there are: points in time, directions."""
        return int(self.stored.shape[0])

    def fault(self) -> VolumeFault | None:
        """Why its volumes cannot be aligned; None where they can."""
        steps = np.linalg.norm(self.affine[:3, :3], axis=0)
        axis = int(np.argmax(steps))
        if self.stored.shape[3 - axis] < FEWEST_SLICES or min(self.stored.shape[1:]) < FEWEST_SLICES:
            return VolumeFault.FEW_SLICES
        if steps[axis] > MAX_GAP_MM:
            return VolumeFault.WIDE_GAPS
        return VolumeFault.TOO_LARGE if self.stored[0].size > MAX_VOXELS else None

    def volume(self, number: int = 0) -> Volume:
        """Return one of the volumes.

        Raises
        ------
        HoldError
            It cannot be aligned.
        """
        fault = self.fault()
        if fault is not None:
            raise HoldError(f"head scan: {fault.value}", remedy=REMEDY)
        slope, intercept = _rescale(self.header)
        values = self._turned(self.stored[number]).astype(np.float32)
        if (slope, intercept) != (1.0, 0.0):
            values = (values * np.float32(slope) + np.float32(intercept)).astype(np.float32)
        missing = ~np.isfinite(values)
        if missing.any():  # written by programs in the place of air
            values[missing] = values[~missing].min(initial=0.0 if missing.all() else np.inf)
        if not _is_ct(values):
            return Volume(values=values, affine=self._grid(), valid=None, modality="")
        nothing = np.zeros(values.shape[1:], np.bool_)
        valid = np.stack([~find_outside(one, nothing) for one in values])
        np.maximum(values, np.float32(CT_AIR_HU), out=values)
        return Volume(values=values, affine=self._grid(), valid=None if valid.all() else valid, modality="CT")

    def _turned(self, array: Stored) -> Stored:
        return array[::-1] if self.is_flipped else array

    def _grid(self) -> Affine:
        if not self.is_flipped:
            return self.affine
        grid = self.affine.copy()
        grid[:3, 3] += grid[:3, 2] * (self.stored.shape[1] - 1)
        grid[:3, 2] *= -1
        return grid

    def with_patches(self, patches: Mapping[int, VolumePatch]) -> Stored:
        """Return the data as stored, with new values where patches say so.

        Parameters
        ----------
        patches
            By volume; each on the grid of that volume, with values.
        """
        slope, intercept = _rescale(self.header)
        changed = self.stored.copy()
        for number, patch in patches.items():
            target = self._turned(changed[number])
            if patch.mask.shape != target.shape or patch.values is None:
                raise HoldError("head scan: expected a mask with values, of the size of the volume")
            new = patch.values[patch.mask] if patch.values.ndim == 3 else patch.values
            raw = (new.astype(np.float64) - intercept) / slope
            if target.dtype.kind in "iu":
                limits = np.iinfo(target.dtype.name)
                raw = np.clip(np.rint(raw), limits.min, limits.max)
            target[patch.mask] = raw.astype(target.dtype)
        return changed


def read_nifti(path: Path) -> NiftiScan:
    """Read a NIfTI file.

    Raises
    ------
    SourceError
        It cannot be read, or is none.
    HoldError
        It is one that is not understood: its place in the patient is not said, or its values are colours.
    """
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header
    from nibabel.spatialimages import HeaderDataError

    data = _read(path)
    size = {b"\x5c\x01\0\0": 348, b"\0\0\x01\x5c": 348, b"\x1c\x02\0\0": 540, b"\0\0\x02\x1c": 540}.get(data[:4])
    if size is None or len(data) < size:
        raise SourceError("expected a NIfTI file, got another")
    make = cast("Callable[..., NiftiHeader]", Nifti1Header if size == 348 else Nifti2Header)
    try:
        header = make(data[:size], check=True)
        dtype, shape = header.get_data_dtype(), header.get_data_shape()
    except (HeaderDataError, ValueError, KeyError):
        raise SourceError("NIfTI header: expected one that is well formed") from None
    is_pair = bytes(header["magic"])[:2] == b"ni" and path.name.lower().endswith(".hdr")
    if not is_pair and bytes(header["magic"])[:2] != b"n+":
        raise HoldError("NIfTI: expected header and data in one file, got a header alone")
    if dtype.kind not in _KINDS or dtype.itemsize > 8:
        raise HoldError(f"head scan: {VolumeFault.NOT_GREY.value}", remedy=REMEDY)
    if is_pair:
        stored = _stored(_read(find_values(path)), header, np.dtype(dtype), shape, first=0)
    else:
        stored = _stored(data, header, np.dtype(dtype), shape, first=_HEADER_BYTES[size])
    affine = _affine(header)
    return NiftiScan(
        header=header,
        stored=stored,
        affine=affine,
        is_flipped=bool(np.linalg.det(affine[:3, :3]) < 0),
        cleared=_find_cleared(data[size:] if is_pair else data[size : int(header["vox_offset"])], header),
    )


def find_values(path: Path) -> Path:
    """Return where the values of a pair lie, beside its header.

    Raises
    ------
    SourceError
        They do not.
    """
    for suffix in _VALUES_SUFFIXES:
        values = path.with_name(f"{path.name.removesuffix('.gz')[:-4]}{suffix}")
        if values.is_file():
            return values
    raise SourceError("NIfTI: expected the values (.img) beside the header (.hdr), got none")


def write_nifti(scan: NiftiScan, patches: Mapping[int, VolumePatch], path: Path) -> None:
    """Write a NIfTI file with the header and data type that it had; only masked voxels are others.

    Parameters
    ----------
    scan
        As read.
    patches
        What changes, by volume.
    path
        Where to; it ends like the input.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    header = scan.header.copy()
    names = header.keys()
    for name in (*CLEARED, *_UNTOLD):
        if name in names:
            header[name] = b"" if header[name].dtype.kind == "S" else 0
    size = int(header["sizeof_hdr"])
    header["magic"] = _MAGIC[size]
    header["vox_offset"] = _HEADER_BYTES[size]
    parts = (header.binaryblock, b"\0\0\0\0", scan.with_patches(patches).tobytes())
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("xb") as file:
            if path.name.endswith(".gz"):
                # Neither name nor time of writing.
                with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0, compresslevel=6) as packed:
                    for one in parts:
                        packed.write(one)
            else:
                file.writelines(parts)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"cannot write a NIfTI file: {error.strerror}") from None


def _read(path: Path) -> bytes:
    try:
        if path.name.endswith(".gz"):
            with gzip.open(path) as packed:
                data = packed.read(MAX_FILE_BYTES + 1)
        else:
            with path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, EOFError, zlib.error):
        raise SourceError("expected a NIfTI file, got one that cannot be read to its end") from None
    if len(data) > MAX_FILE_BYTES:
        raise HoldError(f"head scan: {VolumeFault.TOO_LARGE.value}", remedy=REMEDY)
    return data


def _stored(
    data: bytes, header: NiftiHeader, dtype: np.dtype[np.generic], shape: tuple[int, ...], *, first: int
) -> Stored:
    if len(shape) < 3 or any(length < 1 for length in shape):
        raise HoldError(f"head scan: {VolumeFault.FEW_SLICES.value}", remedy=REMEDY)
    count = 1
    for length in shape:
        count *= int(length)
    offset = int(header["vox_offset"])
    if offset < first or offset + count * dtype.itemsize > len(data):
        raise SourceError("NIfTI: expected as much data as the header says, got less")
    flat = np.frombuffer(data, dtype, count, offset)
    return flat.reshape(-1, *(int(length) for length in shape[2::-1]))


def _affine(header: NiftiHeader) -> Affine:
    """Return (i, j, k, 1) to LPS mm: by the sform, or else the qform; NIfTI counts to the right and to the front."""
    if int(header["sform_code"]) <= 0 and int(header["qform_code"]) <= 0:
        raise HoldError(
            "NIfTI: expected qform or sform to say where right and left are, got none",
            remedy="Have it converted from DICOM again.",
        )
    affine = np.asarray(header.get_best_affine(), np.float64) * _TO_MM.get(int(header["xyzt_units"]) & 7, 1.0)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    affine[3] = 0, 0, 0, 1
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or (sizes < 0.01).any() or (sizes > 100).any():
        raise HoldError(f"head scan: {VolumeFault.NO_GEOMETRY.value}", remedy=REMEDY)
    if abs(np.linalg.det(affine[:3, :3] / sizes)) < 0.2:
        raise HoldError(f"head scan: {VolumeFault.NO_GEOMETRY.value}", remedy=REMEDY)
    return affine


def _rescale(header: NiftiHeader) -> tuple[float, float]:
    """Return slope and intercept; a slope of 0, or none that is a number, means that there is none."""
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if not np.isfinite(slope) or slope == 0:
        return 1.0, 0.0
    return slope, intercept if np.isfinite(intercept) else 0.0


def _is_ct(values: NDArray[np.float32]) -> bool:
    sample = values[::2, ::3, ::3]
    air = np.count_nonzero((sample > -1100) & (sample < -900))
    return bool(sample.min() < _CT_LOW_HU and air >= _CT_SHARE * sample.size)


def _find_cleared(beside: bytes, header: NiftiHeader) -> tuple[str, ...]:
    names = header.keys()
    found = [name for name in CLEARED if name in names and bytes(header[name].tobytes()).strip(b"\0 ")]
    if any(beside):
        found.append("extensions")
    return tuple(found)
