"""What a codestream says of its own shape, read before a decoder takes memory for it."""

from struct import Struct, error
from typing import NamedTuple

from scanward.errors import DicomFormatError

JPEG_LS = 0xF7
"""SOF55, the start of a JPEG-LS frame (ISO/IEC 14495-1 Annex C)."""

BASELINE, EXTENDED, PROGRESSIVE, LOSSLESS = 0xC0, 0xC1, 0xC2, 0xC3
"""Starts of frames that are Huffman coded (ISO/IEC 10918-1 Table B.1)."""

MAX_SCANS = 256
"""Scans of one frame: a progressive one has about ten; each costs a pass over the whole frame."""

MAX_SEGMENTS = 65_536
"""Marker segments and boxes before the picture begins."""

J2K_MAGIC = b"\xff\x4f\xff\x51"
JP2_MAGIC = b"\0\0\0\x0cjP  \r\n\x87\n"
JXL_MAGIC = b"\xff\x0a"
JXL_BOX_MAGIC = b"\0\0\0\x0cJXL \r\n\x87\n"

_SOF = Struct(">BHHB").unpack_from
_SIZ = Struct(">8IH").unpack_from
_BOX = Struct(">I4s").unpack_from
_NOT_FRAMES = frozenset({0xC4, 0xC8, 0xCC})
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


class CodedShape(NamedTuple):
    """Shape of the picture in a codestream.

    Attributes
    ----------
    rows, columns, samples
        How many.
    precision
        Bits of a sample; 0 where it is not told simply.
    is_signed
        Whether samples are signed in the codestream itself.
    process
        Marker of the start of frame, for the JPEG family; otherwise 0.
    """

    rows: int
    columns: int
    samples: int
    precision: int
    is_signed: bool = False
    process: int = 0


def read_jpeg_shape(data: bytes) -> CodedShape:
    """Return the shape of a JPEG or JPEG-LS codestream.

    Raises
    ------
    DicomFormatError
        It is none, has no start of frame, or more scans than `MAX_SCANS`.
    """
    if data[:2] != b"\xff\xd8":
        raise DicomFormatError("Pixel Data: expected a JPEG codestream, got another")
    at = 2
    for _ in range(MAX_SEGMENTS):
        if data[at : at + 1] != b"\xff":
            break
        marker = data[at + 1 : at + 2]
        if marker == b"\xff":
            at += 1
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        number = marker[0] if marker else 0
        if (0xC0 <= number <= 0xCF and number not in _NOT_FRAMES) or number == JPEG_LS:
            if length < 8 or at + 2 + length > len(data):
                break
            if data.count(b"\xff\xda", at) > MAX_SCANS:
                raise DicomFormatError(f"Pixel Data: expected at most {MAX_SCANS} scans in a frame, got more")
            precision, rows, columns, samples = _SOF(data, at + 4)
            return CodedShape(rows, columns, samples, precision, process=number)
        if number in (0xD9, 0xDA) or length < 2:
            break
        at += 2 + length
    raise DicomFormatError("Pixel Data: expected a JPEG codestream with a start of frame, got none")


def read_jpeg2000_shape(data: bytes) -> CodedShape:
    """Return the shape of a JPEG 2000 codestream, bare or in a JP2 file (ISO/IEC 15444-1 A.5.1).

    Raises
    ------
    DicomFormatError
        It is none, or its components differ.
    """
    at = 0
    if data.startswith(JP2_MAGIC):
        at = _find_box(data, b"jp2c")
    if not data.startswith(J2K_MAGIC, at):
        raise DicomFormatError("Pixel Data: expected a JPEG 2000 codestream, got another")
    try:
        right, bottom, left, top, *_, samples = _SIZ(data, at + 8)
    except error:
        raise DicomFormatError("Pixel Data: a JPEG 2000 codestream ends inside its header") from None
    components = data[at + 42 : at + 42 + 3 * samples]
    if len(components) != 3 * samples or not samples or components != components[:3] * samples:
        raise DicomFormatError("Pixel Data: expected JPEG 2000 components that are all alike")
    if components[1:3] != b"\1\1":
        raise DicomFormatError("Pixel Data: expected JPEG 2000 components that are not subsampled")
    depth = components[0]
    return CodedShape(bottom - top, right - left, samples, (depth & 0x7F) + 1, is_signed=bool(depth & 0x80))


def read_jpegxl_shape(data: bytes) -> CodedShape:
    """Return rows and columns of a JPEG XL codestream (ISO/IEC 18181-1 Annex D.2); samples and precision are 0.

    Raises
    ------
    DicomFormatError
        It is none.
    """
    at = 0
    if data.startswith(JXL_BOX_MAGIC):
        at = _find_box(data, b"jxlc", b"jxlp")
    if not data.startswith(JXL_MAGIC, at):
        raise DicomFormatError("Pixel Data: expected a JPEG XL codestream, got another")
    bits = int.from_bytes(data[at + 2 : at + 14], "little")

    def take(count: int) -> int:
        nonlocal bits
        value = bits & ((1 << count) - 1)
        bits >>= count
        return value

    is_small = take(1)

    def size() -> int:
        return (take(5) + 1) * 8 if is_small else take((9, 13, 18, 30)[take(2)]) + 1

    rows = size()
    ratio = take(3)
    columns = rows * _RATIOS[ratio - 1][0] // _RATIOS[ratio - 1][1] if ratio else size()
    return CodedShape(rows, columns, 0, 0)


def _find_box(data: bytes, *kinds: bytes) -> int:
    """Return where the codestream in the first box of one of `kinds` begins."""
    at = 0
    for _ in range(MAX_SEGMENTS):
        if at + 8 > len(data):
            break
        length, kind = _BOX(data, at)
        if kind in kinds:
            return at + (16 if length == 1 else 8) + (4 if kind == b"jxlp" else 0)
        if length == 1:
            length = int.from_bytes(data[at + 8 : at + 16], "big")
        if length < 8:
            break
        at += length
    raise DicomFormatError("Pixel Data: expected a box with a codestream, got none")
