"""Comments of JPEG 2000 (ISO/IEC 15444-1, -2) and HTJ2K (-15) codestreams, and what the JP2 box format wraps around."""

import re
from collections.abc import Iterator

from scanward.deidentify.codestream.boxes import walk_boxes
from scanward.deidentify.codestream.icc import blank_profile_box
from scanward.deidentify.codestream.span import MetadataSpan, SpanKind
from scanward.deidentify.codestream.stream import FrameStream, blank_trailing
from scanward.errors import DicomFormatError

MAGIC = b"\xff\x4f\xff\x51"
JP2_MAGIC = b"\x00\x00\x00\x0cjP  \r\n\x87\n"

_SOC, _SOT, _SOD, _EOC, _COM = 0xFF4F, 0xFF90, 0xFF93, 0xFFD9, 0xFF64
# CAP SIZ COD COC PRF TLM CPF PLM PLT QCD QCC RGN POC PPM PPT CRG of parts 1 and 15; DCO VMS DFS ADS MCT MCC NLT MCO
# CBD ATK of part 2.
_NEEDED = frozenset({*range(0xFF50, 0xFF54), *range(0xFF55, 0xFF5A), *range(0xFF5C, 0xFF62), 0xFF63}) | frozenset(
    range(0xFF70, 0xFF7A)
)
_END = re.compile(rb"\xff\xd9")
_SOT_BYTES = 12

_JP2_CONTAINERS = {b"jp2h": 0}
_JP2_NEEDED = frozenset((b"jP  ", b"ftyp", b"rreq", b"ihdr", b"bpcc", b"pclr", b"cmap", b"cdef"))


def find_in_jpeg2000(stream: FrameStream) -> Iterator[MetadataSpan]:
    """Find the metadata of one JPEG 2000 or HTJ2K codestream.

    A codestream cut short inside its last tile-part and a missing end marker are what decoders take, and are taken.

    Raises
    ------
    DicomFormatError
        The marker structure cannot be followed.
    """
    if stream.take(2) != MAGIC[:2]:
        raise DicomFormatError("JPEG 2000: expected a start of codestream, got something else")
    tile_end: int | None = None
    while True:
        head = stream.peek(4)
        marker = int.from_bytes(head[:2], "big")
        if marker == _EOC:
            yield from blank_trailing(stream, MAGIC)
            return
        if len(head) < 4:
            if head.strip(b"\x00\xff"):
                raise DicomFormatError("JPEG 2000: expected a marker, got something else")
            stream.skip(len(head))
            return
        if marker == _SOT:
            tile_end = _read_tile_end(stream)
        elif marker == _SOD:
            stream.skip(2)
            if not _skip_tile_data(stream, tile_end):
                return
        else:
            yield from _find_in_segment(stream, marker, int.from_bytes(head[2:], "big"))


def _read_tile_end(stream: FrameStream) -> int:
    """Pass a SOT segment; give the position where its tile-part ends, 0 for the end of the codestream."""
    start = stream.position
    data = stream.take(_SOT_BYTES)
    length, size = int.from_bytes(data[2:4], "big"), int.from_bytes(data[6:10], "big")
    if length != _SOT_BYTES - 2:
        raise DicomFormatError("JPEG 2000: expected a tile-part header of length 10, got another")
    return start + size if size else 0


def _skip_tile_data(stream: FrameStream, tile_end: int | None) -> bool:
    """Pass the data of a tile-part; False if the frame ended."""
    if tile_end is None:
        raise DicomFormatError("JPEG 2000: expected a tile-part header before data, got none")
    if tile_end == 0:
        return stream.search(_END, 2)  # packet data holds no marker above 0xFF8F (15444-1 B.10.1)
    if tile_end < stream.position:
        raise DicomFormatError("JPEG 2000: a tile-part is shorter than its own header")
    return stream.skip(tile_end - stream.position)


def _find_in_segment(stream: FrameStream, marker: int, length: int) -> Iterator[MetadataSpan]:
    if 0xFF30 <= marker <= 0xFF3F:
        stream.skip(2)
        return
    if marker < 0xFF01 or marker in (_SOC, 0xFF91, 0xFF92):
        raise DicomFormatError("JPEG 2000: expected a marker segment, got something else")
    if length < 2:
        raise DicomFormatError("JPEG 2000: a segment is shorter than its own length field")
    if marker == _COM:
        registration = min(length, 4)
        stream.skip(2 + registration)
        yield from stream.blank(length - registration, SpanKind.COMMENT, b" ")
    elif marker in _NEEDED:
        if not stream.skip(2 + length):
            raise DicomFormatError("JPEG 2000: a segment is longer than what is there")
    else:
        stream.skip(4)
        yield from stream.blank(length - 2, SpanKind.SEGMENT, b"\x00")


def find_in_jp2(stream: FrameStream) -> Iterator[MetadataSpan]:
    """Find the metadata of a JP2 file (15444-1 annex I): boxes that decoding does not need, and the codestream's."""
    yield from walk_boxes(stream, _JP2_CONTAINERS, _JP2_NEEDED, {b"colr": _find_in_colour, b"jp2c": _find_in_box})


def _find_in_box(stream: FrameStream, _length: int, _position: int) -> Iterator[MetadataSpan]:
    yield from find_in_jpeg2000(stream)


def _find_in_colour(stream: FrameStream, length: int, _position: int) -> Iterator[MetadataSpan]:
    """Blank the text of an ICC profile; an enumerated colour space says nothing."""
    method = stream.take(3)[0]
    if method == 1:
        stream.skip(4)
        yield from stream.blank(None, SpanKind.SLACK, b"\x00")
    else:
        yield from blank_profile_box(stream, length - 3)
