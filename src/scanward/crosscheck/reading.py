"""Reads one file with pydicom and says what stands in it, wherever that is.

Nothing here trusts a file: what cannot be read becomes a fault, and its bytes are still searched.
"""

import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from pydicom import config, dcmread
from pydicom.datadict import dictionary_has_tag, keyword_for_tag, repeater_has_tag
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import data_element_generator, read_file_meta_info
from pydicom.multival import MultiValue
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from scanward.crosscheck.codestream import look_at_frames
from scanward.crosscheck.quiet import quiet

MAX_VALUE_BYTES = 1 << 20
"""Larger values are not taken into memory; they are searched as a stream with the file."""
MAX_INFLATED_BYTES = 1 << 28
"""A deflated Data Set that is larger is a fault."""
DEFER_BYTES = 1 << 15
"""Larger values are read from the file when they are looked at."""
MAX_DEPTH = 64
"""Deeper sequences are not followed; their bytes are still searched."""
_BARE = re.compile(rb"[\x02\x08]\x00[\x00-\x18]\x00(UL|UI|CS|[\x00-\x40]\x00\x00\x00)")
PIXEL_DATA = frozenset({0x7FE00010, 0x7FE00008, 0x7FE00009})


@dataclass(frozen=True, slots=True)
class Value:
    """One element.

    Attributes
    ----------
    keywords
        Of the enclosing sequences from the outside in, then its own; empty for what the dictionary does not know.
    tags
        The same as numbers.
    texts
        Values as text, padding removed; empty for binary values.
    data
        The encoded value, where it is not larger than `MAX_VALUE_BYTES`.
    private
        Whether it, or a sequence around it, is private.
    """

    keywords: tuple[str, ...]
    tags: tuple[int, ...]
    vr: str
    texts: tuple[str, ...]
    data: bytes
    private: bool

    @property
    def place(self) -> str:
        """Where it stands, in words for people."""
        return ".".join(
            keyword or f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
            for keyword, tag in zip(self.keywords, self.tags, strict=True)
        )


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one file holds.

    Attributes
    ----------
    faults
        What could not be read, in words.
    excess
        Whether native Pixel Data has bytes other than zero behind its last pixel.
    codestream
        What is beside the picture in compressed pixels, in words.
    pixel_range
        Offset and length of the native Pixel Data value, or None.
    fragments_from
        Offset of compressed Pixel Data, 0 where there is none.
    pixel_hash
        Of the pixels without metadata in their codestreams; empty where there are none.
    inflated
        The Data Set of a deflated file.
    """

    path: Path
    transfer_syntax: str
    values: tuple[Value, ...]
    preamble: bytes
    faults: tuple[str, ...]
    pixel_range: tuple[int, int] | None = None
    fragments_from: int = 0
    pixel_hash: str = ""
    inflated: bytes = b""
    excess: bool = False
    codestream: tuple[str, ...] = ()
    first: dict[str, str] = field(default_factory=dict)

    def without_data(self) -> "Reading":
        """Return the same without encoded values, which are what takes memory."""
        slim = tuple(replace(value, data=b"") if value.data else value for value in self.values)
        return replace(self, values=slim, inflated=b"")

    def text(self, keyword: str) -> str:
        """Return the first value of a top-level Attribute as text; empty when it is not there."""
        return self.first.get(keyword, "")


def is_dicom(path: Path) -> bool:
    """Whether a file has the DICM prefix, or begins like a Data Set without one."""
    with path.open("rb") as handle:
        head = handle.read(132)
    return head[128:] == b"DICM" or _BARE.match(head) is not None


def read(path: Path) -> Reading:
    """Read a file that is DICOM; of one that cannot be read only the fault is told, and its bytes can be searched."""
    with quiet(), config.disable_value_validation():
        try:
            return _read(path)
        except Exception:  # noqa: BLE001  - whatever a hostile file raises in pydicom is a fault of the file
            return Reading(path=path, transfer_syntax="", values=(), preamble=b"", faults=("Data Set",))


def _read(path: Path) -> Reading:
    faults: list[str] = []
    syntax = _syntax(read_file_meta_info(path)) if _has_prefix(path) else ""
    # pydicom inflates a Data Set whole; one that grows without bound is not given to it.
    inflated = _inflate(path) if syntax == DeflatedExplicitVRLittleEndian else b""
    ds: Dataset = dcmread(path, force=True, defer_size=DEFER_BYTES)
    meta = getattr(ds, "file_meta", None) or FileMetaDataset()
    values = (*_walk(meta, faults), *_walk(ds, faults))
    if not _in_order(path, ds, inflated):
        faults.append("order of elements")
    pixel_range = _native_range(ds) if not inflated else None
    pixels, codestream = _pixels(path, ds, meta, pixel_range, faults)
    return Reading(
        path=path,
        transfer_syntax=_syntax(meta),
        values=values,
        preamble=bytes(getattr(ds, "preamble", None) or b""),
        faults=tuple(faults),
        pixel_range=pixel_range,
        fragments_from=_fragments_from(ds) if not inflated else 0,
        pixel_hash=pixels,
        inflated=inflated,
        excess=_has_excess(path, ds, pixel_range),
        codestream=codestream,
        first={value.keywords[0]: value.texts[0] for value in values if len(value.tags) == 1 and value.texts},
    )


def _has_prefix(path: Path) -> bool:
    with path.open("rb") as handle:
        return handle.read(132)[128:] == b"DICM"


def _in_order(path: Path, ds: Dataset, inflated: bytes) -> bool:
    """Whether each tag is larger than the one before: a Data Set of pydicom keeps one of two elements with a tag."""
    implicit, little = ds.original_encoding
    if implicit is None:
        return True
    with BytesIO(inflated) if inflated else path.open("rb") as handle:
        handle.seek(0 if inflated else _start_of_data_set(handle))
        before = -1
        try:
            for element in data_element_generator(handle, implicit, bool(little), defer_size=DEFER_BYTES):
                if int(element.tag) <= before:
                    return False
                before = int(element.tag)
        except Exception:  # noqa: BLE001  - what pydicom can't walk is out of order too
            return False
    return True


def _start_of_data_set(handle: IO[bytes]) -> int:
    """Return where the Data Set begins: behind the File Meta Information where there is one."""
    head = handle.read(144)
    if head[128:132] != b"DICM":
        return 0
    if head[132:136] == b"\x02\0\0\0":
        return 144 + int.from_bytes(head[140:144], "little")
    return 132


def _syntax(meta: Dataset) -> str:
    return str(meta.get("TransferSyntaxUID", "1.2.840.10008.1.2"))


def _walk(root: Dataset, faults: list[str]) -> Iterator[Value]:
    stack: list[tuple[tuple[str, ...], tuple[int, ...], bool, Dataset]] = [((), (), False, root)]
    while stack:
        keywords, tags, private, ds = stack.pop()
        for tag in tuple(ds.keys()):
            number = int(tag)
            known = dictionary_has_tag(number) or repeater_has_tag(number)
            path = (*keywords, keyword_for_tag(number) if known else "")
            numbers = (*tags, number)
            own = private or bool((number >> 16) & 1)
            raw = ds.get_item(tag)
            data = _bytes_of(raw)
            try:
                element = raw if _is_bulk(raw, number) else ds[tag]
                vr, held = str(element.VR or "UN"), element.value
                data = data or _bytes_of(element)
            except Exception:  # noqa: BLE001  - a value that pydicom can't decode is a fault of the file
                faults.append(Value(path, numbers, "UN", (), data, own).place)
                yield Value(path, numbers, "UN", (), data, own)
                continue
            if vr == "SQ" and held is not None and not isinstance(held, bytes):
                yield Value(path, numbers, "SQ", (), b"", own)
                if len(numbers) < MAX_DEPTH:
                    stack += [(path, numbers, own, item) for item in held]
                else:
                    faults.append("depth of sequences")
                continue
            yield Value(path, numbers, vr, _texts(held, vr), data, own)


def _is_bulk(raw: DataElement | RawDataElement, tag: int) -> bool:
    return tag in PIXEL_DATA or (isinstance(raw, RawDataElement) and raw.value is None and raw.length > MAX_VALUE_BYTES)


def _bytes_of(element: DataElement | RawDataElement) -> bytes:
    value = element.value
    return value if isinstance(value, bytes) and len(value) <= MAX_VALUE_BYTES else b""


def _texts(held: Any, vr: str) -> tuple[str, ...]:  # pydicom does not say what a value is
    if held is None or isinstance(held, bytes) or vr in {"OB", "OW", "OF", "OD", "OL", "OV", "UN"}:
        return ()
    several = held if isinstance(held, (list, MultiValue)) else [held]
    return tuple(text for text in (str(one).strip(" \0") for one in several) if text)


def _native_range(ds: Dataset) -> tuple[int, int] | None:
    raw: object = ds.get_item(0x7FE00010) if 0x7FE00010 in ds else None
    # Encapsulated values have no length of their own (PS3.5 Section 8.2), whatever the Transfer Syntax is called.
    if not isinstance(raw, RawDataElement) or raw.length == 0xFFFFFFFF:
        return None
    return raw.value_tell, raw.length


def _fragments_from(ds: Dataset) -> int:
    element: object = ds.get_item(0x7FE00010) if 0x7FE00010 in ds else None
    if isinstance(element, RawDataElement):
        return element.value_tell if element.length == 0xFFFFFFFF else 0
    # pydicom has read it already, as the one Attribute of undefined length that it does not put off.
    is_encapsulated = isinstance(element, DataElement) and element.is_undefined_length
    return int(element.file_tell or 0) if isinstance(element, DataElement) and is_encapsulated else 0


def _inflate(path: Path) -> bytes:
    """Return the inflated Data Set; raise `ValueError` when it is larger than `MAX_INFLATED_BYTES`."""
    with path.open("rb") as handle:
        handle.seek(_start_of_data_set(handle))
        unpacker = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
        out = bytearray()
        while chunk := handle.read(1 << 16):
            out += unpacker.decompress(chunk, MAX_INFLATED_BYTES - len(out) + 1)
            if len(out) > MAX_INFLATED_BYTES:
                raise ValueError("expected a Data Set of bounded size, got a larger one")
    return bytes(out)


def _pixels(
    path: Path, ds: Dataset, meta: Dataset, native: tuple[int, int] | None, faults: list[str]
) -> tuple[str, tuple[str, ...]]:  # fmt: skip
    """Return a hash of the pixels, and what is beside the picture in compressed ones."""
    if native is not None:
        return _hash_range(path, *native, _expected_bytes(ds)), ()
    if 0x7FE00010 not in ds:
        return "", ()
    try:
        data = bytes(ds[0x7FE00010].value)
        if ds[0x7FE00010].is_undefined_length:
            segment = int(ds.Rows) * int(ds.Columns) if _syntax(meta) == RLELossless else 0
            return look_at_frames(data, int(ds.get("NumberOfFrames", 1) or 1), segment)
    except Exception:  # noqa: BLE001  - whatever a hostile value raises in pydicom is a fault of the file
        faults.append("PixelData")
        return "", ()
    return hashlib.sha256(data[: _expected_bytes(ds) or len(data)]).hexdigest(), ()


def _hash_range(path: Path, offset: int, length: int, wanted: int) -> str:
    digest = hashlib.sha256()
    left = min(length, wanted) if wanted else length
    with path.open("rb") as handle:
        handle.seek(offset)
        while left > 0:
            chunk = handle.read(min(left, 1 << 20))
            if not chunk:
                break
            digest.update(chunk)
            left -= len(chunk)
    return digest.hexdigest()


def _expected_bytes(ds: Dataset) -> int:
    """Return how long native Pixel Data has to be (PS3.5 Section 8.1.1), 0 where that cannot be told."""
    try:
        bits = (
            int(ds.get("NumberOfFrames", 1) or 1) * int(ds.Rows) * int(ds.Columns) * int(ds.SamplesPerPixel)
            * int(ds.BitsAllocated)
        )  # fmt: skip
    except (AttributeError, TypeError, ValueError):
        return 0
    if ds.get("PhotometricInterpretation") == "YBR_FULL_422":
        bits = bits * 2 // 3
    return (bits + 7) // 8


def _has_excess(path: Path, ds: Dataset, native: tuple[int, int] | None) -> bool:
    wanted = _expected_bytes(ds)
    if native is None or not wanted or native[1] <= wanted:
        return False
    with path.open("rb") as handle:
        handle.seek(native[0] + wanted)
        return bool(handle.read(min(native[1] - wanted, MAX_VALUE_BYTES)).strip(b"\0"))
