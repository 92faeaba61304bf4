"""Where a data set begins and how it is encoded: DICOM files (PS3.10 Section 7.1) and bare data sets."""

import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import IO

from scanward.dicomstream.encoding import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    LONG_VRS,
    SHORT_VRS,
    UNDEFINED_LENGTH,
    Encoding,
)
from scanward.dicomstream.reader import Reader, VrOf
from scanward.errors import DicomFormatError, NotDicomError, OutputError, TruncatedError, UnsupportedSyntaxError
from scanward.model.instance import ByteSource

PREAMBLE_BYTES = 128
MAGIC = b"DICM"

TRANSFER_SYNTAX_UID = 0x00020010
MEDIA_STORAGE_SOP_CLASS_UID = 0x00020002
MEDIA_STORAGE_SOP_INSTANCE_UID = 0x00020003

IMPLICIT_UID = "1.2.840.10008.1.2"
EXPLICIT_UID = "1.2.840.10008.1.2.1"
DEFLATED_UID = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN_UID = "1.2.840.10008.1.2.2"

HEAD_BYTES = 16 * 1024
"""How much of a file is read first: the header of most images."""

MAX_META_VALUE_BYTES = 1024
"""Longest File Meta value that is looked at; all that matter are UIDs of at most 64 bytes."""

MAX_INFLATED_BYTES = 8 * 1024**3
"""A deflated data set that grows beyond this is refused."""

INFLATE_CHUNK_BYTES = 1024 * 1024

_NIFTI_MAGIC_AT = {b"\x5c\x01\0\0": 344, b"\0\0\x01\x5c": 344, b"\x1c\x02\0\0": 4, b"\0\0\x02\x1c": 4}
"""Where the magic of NIfTI-1 and NIfTI-2 stands, by the size of their headers in both orders of bytes."""

_NIFTI_BYTES = 348

_META_HEADER = Struct("<H2sH").unpack_from
_META_LENGTH = Struct("<I").unpack_from


@dataclass(frozen=True, slots=True)
class DataSetStart:
    """Where and how a data set begins.

    Attributes
    ----------
    reader
        Reads the data set; its source is the file itself, or what a deflated one inflates to.
    offset
        Where the first element of the data set stands.
    encoding
        Its layout.
    transfer_syntax_uid
        As found in the File Meta Information, or told from the bytes where that is missing.
    meta
        Values of the File Meta Information by tag, as far as they are short; empty where there is none.
    is_deflated
        Whether `reader` reads inflated bytes.
    """

    reader: Reader
    offset: int
    encoding: Encoding
    transfer_syntax_uid: str
    meta: dict[int, bytes]
    is_deflated: bool = False


EncodingOf = Callable[[str], tuple[Encoding, bool] | None]
"""Layout and whether deflated of a Transfer Syntax, or None where it is not known."""


def open_data_set(
    source: ByteSource, *, vr_of: VrOf, encoding_of: EncodingOf, spool: Path | None = None, head_bytes: int = HEAD_BYTES
) -> DataSetStart:
    """Find the data set in a DICOM file, or in bytes that are a bare data set.

    A missing preamble or File Meta Information is made up for where the bytes themselves tell the encoding.

    Raises
    ------
    NotDicomError
        The bytes are not DICOM.
    UnsupportedSyntaxError
        The Transfer Syntax is not known.
    DicomFormatError
        The bytes claim to be DICOM and are not well formed.
    """
    head = source.read(0, head_bytes)
    reader = Reader(source, vr_of, head)
    if head[PREAMBLE_BYTES : PREAMBLE_BYTES + 4] == MAGIC:
        return _open_after_meta(reader, PREAMBLE_BYTES + 4, encoding_of, spool)
    if head[:4] == MAGIC:
        return _open_after_meta(reader, 4, encoding_of, spool)
    if head[:2] == b"\2\0" and head[3:4] == b"\0" and _is_vr(head[4:6]):
        return _open_after_meta(reader, 0, encoding_of, spool)
    guess = _guess_encoding(head, 0, source.size, _BARE_GROUPS)
    if guess is None:
        if _is_nifti(head):
            raise NotDicomError("expected a DICOM file, got NIfTI: scanward deface takes the face out of it")
        raise NotDicomError("expected a DICOM file, got something else")
    return DataSetStart(reader, 0, *guess, {})


def _open_after_meta(reader: Reader, offset: int, encoding_of: EncodingOf, spool: Path | None) -> DataSetStart:
    """Read the File Meta Information, always explicit VR little endian, and go on behind it."""
    meta, offset = _read_meta(reader, offset)
    uid = meta.get(TRANSFER_SYNTAX_UID, b"").decode("ascii", "replace")
    if not uid:
        head = reader.read(offset, min(HEAD_BYTES, reader.size - offset))
        if not head:
            raise TruncatedError("expected a data set after the File Meta Information, got the end")
        guess = _guess_encoding(head, offset, reader.size, _ANY_GROUPS)
        if guess is None:
            raise DicomFormatError("expected a Transfer Syntax UID or a data set that shows its encoding, got neither")
        return DataSetStart(reader, offset, *guess, meta)
    known = encoding_of(uid)
    if known is None:
        raise UnsupportedSyntaxError(
            "expected a Transfer Syntax of PS3.6, got another",
            remedy="Convert the file to a standard Transfer Syntax, or ask its vendor to export it so.",
        )
    encoding, deflated = known
    if deflated:
        inflated = inflate(reader.source, offset, spool)
        return DataSetStart(Reader(inflated, reader.vr_of), 0, encoding, uid, meta, is_deflated=True)
    shown = _correct_encoding(reader, offset, encoding)
    if shown != encoding and uid in (IMPLICIT_UID, EXPLICIT_UID):
        # What is written is declared as what it is; of compressed pixels the declared UID alone tells the codec.
        uid = IMPLICIT_UID if shown.implicit else EXPLICIT_UID
    return DataSetStart(reader, offset, shown, uid, meta)


def _read_meta(reader: Reader, offset: int) -> tuple[dict[int, bytes], int]:
    """Return the short values of the File Meta Information, and the offset behind it.

    The elements end where group 0002 ends, whatever its group length says.
    """
    meta: dict[int, bytes] = {}
    buffer, at = reader.window(offset, min(HEAD_BYTES // 4, reader.size - offset))
    base = offset - at
    while at + 12 <= len(buffer) and buffer[at : at + 2] == b"\2\0":
        number, vr, length = _META_HEADER(buffer, at + 2)
        value = at + 8
        if vr in LONG_VRS:
            (length,) = _META_LENGTH(buffer, at + 8)
            value = at + 12
        elif vr not in SHORT_VRS:
            raise DicomFormatError("File Meta Information: expected explicit VR little endian")
        if value + length > len(buffer):
            break
        at = value + length
        if length <= MAX_META_VALUE_BYTES:
            meta[0x00020000 | number] = buffer[value:at].strip(b" \0")
    offset = base + at
    # What did not fit the window: rare, and of any length.
    while offset + 8 <= reader.size and reader.read(offset, 2) == b"\2\0":
        element = reader.element(offset, EXPLICIT_LITTLE)
        if element.length == UNDEFINED_LENGTH:
            raise DicomFormatError("File Meta Information: expected defined lengths")
        offset = reader.end(element, reader.size)
        if element.length <= MAX_META_VALUE_BYTES:
            meta[element.tag] = reader.read(element.value, element.length).strip(b" \0")
    return meta, offset


def _correct_encoding(reader: Reader, offset: int, encoding: Encoding) -> Encoding:
    """Return the encoding that the first element shows, where it contradicts the declared VR encoding.

    Some writers declare one and write the other; readers in use (DCMTK, pydicom) follow the bytes.
    """
    if offset + 8 > reader.size or not encoding.little:
        return encoding
    buffer, at = reader.window(offset, 8)
    vr = buffer[at + 4 : at + 6]
    looks_explicit = _is_vr(vr)
    if encoding.implicit and looks_explicit:
        return EXPLICIT_LITTLE
    if not encoding.implicit and not looks_explicit and not (vr.isalpha() and vr.isupper()):
        length = int.from_bytes(buffer[at + 4 : at + 8], "little")
        if length == UNDEFINED_LENGTH or offset + 8 + length <= reader.size:
            return IMPLICIT_LITTLE
    return encoding


def _is_vr(vr: bytes) -> bool:
    return vr in SHORT_VRS or vr in LONG_VRS


_BARE_GROUPS = frozenset((0x0004, 0x0008, 0x0010))
"""Groups that a bare data set begins with, directories and all instances; anything else need not be DICOM."""

_ANY_GROUPS = frozenset(range(1, 0x0100))
"""Groups that a data set may begin with that is known to be one; the same number in the other byte order is none."""


def _guess_encoding(head: bytes, offset: int, size: int, groups: frozenset[int]) -> tuple[Encoding, str] | None:
    """Tell the layout of a data set whose Transfer Syntax is not declared from its first element."""
    if len(head) < 8:
        return None
    group = int.from_bytes(head[:2], "little")
    if _is_vr(head[4:6]):
        if group in groups:
            return EXPLICIT_LITTLE, EXPLICIT_UID
        if int.from_bytes(head[:2], "big") in groups:
            return EXPLICIT_BIG, BIG_ENDIAN_UID
    length = int.from_bytes(head[4:8], "little")
    if group not in groups or (length != UNDEFINED_LENGTH and offset + 8 + length > size):
        return None
    if groups is _BARE_GROUPS and (head[3] > 1 or length == UNDEFINED_LENGTH):
        # Bytes of another format look like an implicit VR header easily; data sets begin with small numbers.
        return None
    return IMPLICIT_LITTLE, IMPLICIT_UID


def _is_nifti(head: bytes) -> bool:
    """Tell NIfTI, packed or not, by the size of its header and the magic that belongs to that size."""
    if head[:2] == b"\x1f\x8b":
        try:
            head = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(head, _NIFTI_BYTES)
        except zlib.error:
            return False
    at = _NIFTI_MAGIC_AT.get(head[:4])
    return at is not None and head[at : at + 2] in (b"n+", b"ni")


class SpooledSource:
    """A temporary file without a name, as a byte source; gone when nothing refers to it."""

    __slots__ = ("_file", "size")

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self.size = size

    def fileno(self) -> int:
        """File descriptor of the temporary file."""
        return self._file.fileno()

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end."""
        self._file.seek(offset)
        return self._file.read(length)

    def __del__(self) -> None:
        """Give the space back."""
        self._file.close()


def inflate(source: ByteSource, offset: int, spool: Path | None) -> SpooledSource:
    """Inflate a deflated data set (PS3.5 Section A.5) into a temporary file in the folder `spool`.

    Raises
    ------
    DicomFormatError
        The deflated stream is broken, cut short, or grows beyond `MAX_INFLATED_BYTES`.
    OutputError
        There is no room for the temporary file.
    """
    try:
        # The source closes it: it has to outlive this call.
        file = tempfile.TemporaryFile(dir=spool)  # noqa: SIM115
    except OSError as error:
        raise _spool_error(error) from None
    try:
        size = _inflate_into(file, source, offset)
    except OSError as error:
        file.close()
        raise _spool_error(error) from None
    except BaseException:
        file.close()
        raise
    return SpooledSource(file, size)


def _spool_error(error: OSError) -> OutputError:
    return OutputError(
        f"cannot write a temporary file: {error.strerror}",
        remedy="Make room in the folder for temporary files, or choose another.",
    )


def _inflate_into(file: IO[bytes], source: ByteSource, offset: int) -> int:
    """Inflate what stands at `offset` into `file` and return its length."""
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    size = 0
    try:
        while not engine.eof:
            chunk = engine.unconsumed_tail or source.read(offset, INFLATE_CHUNK_BYTES)
            if not engine.unconsumed_tail:
                offset += len(chunk)
            # With all bytes taken in, the engine may still hold back what did not fit the last chunk.
            data = engine.decompress(chunk, INFLATE_CHUNK_BYTES)
            if not chunk and not data and not engine.eof:
                raise TruncatedError("deflated data set: expected more bytes, got the end")
            size += len(data)
            if size > MAX_INFLATED_BYTES:
                raise DicomFormatError(f"deflated data set: expected at most {MAX_INFLATED_BYTES} bytes inflated")
            file.write(data)
        file.flush()
    except zlib.error:
        raise DicomFormatError("deflated data set: expected a deflate stream (RFC 1951), got something else") from None
    return size
