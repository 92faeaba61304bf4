"""The header of an RLE frame (PS3.5 G.5): 64 bytes, of which only some are used."""

from collections.abc import Iterator

from scanward.deidentify.codestream.span import MetadataSpan, SpanKind
from scanward.deidentify.codestream.stream import FrameStream
from scanward.errors import DicomFormatError

_HEADER_BYTES, _MOST_SEGMENTS = 64, 15


def find_in_rle(stream: FrameStream) -> Iterator[MetadataSpan]:
    """Find unused segment offsets that are not zero, and bytes before the first segment.

    Raises
    ------
    DicomFormatError
        The header names more than 15 segments or none; :class:`TruncatedError` if it is not all there.
    """
    head = stream.peek(_HEADER_BYTES)
    count = int.from_bytes(head[:4], "little")
    first = int.from_bytes(head[4:8], "little")
    if not 1 <= count <= _MOST_SEGMENTS or first < _HEADER_BYTES:
        raise DicomFormatError("RLE: expected a header with 1 to 15 segments, got another")
    stream.take(4 * (count + 1))
    yield from stream.blank(first - 4 * (count + 1), SpanKind.SLACK, b"\x00")
