"""Boxes of the ISO base media file format (ISO/IEC 14496-12), which JP2, JPEG XL and MP4 share."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from scanward.deidentify.codestream.span import MetadataSpan, SpanKind
from scanward.deidentify.codestream.stream import FrameStream
from scanward.errors import DicomFormatError, NestingError

MAX_DEPTH = 16
"""Containers within containers; real files stay below 10."""

FREE = b"free"
REST = 1 << 62
"""Stands for the length of a box that reaches to the end."""

Handler = Callable[[FrameStream, int, int], Iterator[MetadataSpan]]
"""Finds metadata in a box; gets a stream of the box's content only, its length, and where it begins in the file."""


class _Box(NamedTuple):
    kind: bytes
    header: int
    body: int | None


def walk_boxes(
    stream: FrameStream,
    containers: Mapping[bytes, int],
    needed: frozenset[bytes],
    handlers: Mapping[bytes, Handler],
) -> Iterator[MetadataSpan]:
    """Walk boxes to the end of the stream; what is not named becomes an empty ``free`` box of the same length.

    Parameters
    ----------
    stream
        At the first box.
    containers
        Boxes that hold boxes, and how many bytes come before these.
    needed
        Boxes that stay as they are.
    handlers
        Boxes of which a part stays.

    Raises
    ------
    DicomFormatError
        A box is longer than what holds it; :class:`NestingError` for too deep a nesting.
    """
    ends: list[int] = []
    while True:
        while ends and stream.position >= ends[-1]:
            ends.pop()
        if not stream.peek(1):
            break
        box = _read_header(stream, ends[-1] if ends else None)
        if box is None:
            yield from stream.blank(None, SpanKind.TRAILING, b"\x00")
            break
        if box.kind in containers:
            ends.append(_enter(stream, box, containers[box.kind], len(ends)))
        elif box.kind in handlers:
            stream.skip(box.header)
            yield from _hand_over(stream, box, handlers[box.kind])
        elif box.kind in needed:
            if not stream.skip(REST if box.body is None else box.header + box.body) and box.body is not None:
                raise DicomFormatError("a box is longer than what is there")
        else:
            yield from _free(stream, box)
    if ends:
        raise DicomFormatError("a box is longer than what is there")


def _read_header(stream: FrameStream, end: int | None) -> _Box | None:
    """Read the header at the position without passing it; None for padding that is no box."""
    head = stream.peek(16)
    if len(head) < 8 or not any(head[:8]):
        if end is not None:
            raise DicomFormatError("expected a box, got something else")
        return None
    size, kind, header = int.from_bytes(head[:4], "big"), head[4:8], 8
    if size == 1:
        if len(head) < 16:
            raise DicomFormatError("a box is shorter than its own header")
        size, header = int.from_bytes(head[8:16], "big"), 16
    if size == 0 and end is None:
        return _Box(kind, header, None)
    if size == 0 and end is not None:
        size = end - stream.position
    if size < header:
        raise DicomFormatError("a box is shorter than its own header")
    if end is not None and stream.position + size > end:
        raise DicomFormatError("a box is longer than the box that holds it")
    return _Box(kind, header, size - header)


def _enter(stream: FrameStream, box: _Box, fields: int, depth: int) -> int:
    """Pass a container's own fields; give the position where it ends."""
    if box.body is None:
        raise DicomFormatError("expected a container of defined length, got one that reaches to the end")
    if depth >= MAX_DEPTH:
        raise NestingError("boxes are nested too deep")
    if box.body < fields:
        raise DicomFormatError("a box is shorter than its own fields")
    stream.skip(box.header)
    end = stream.position + box.body
    stream.skip(fields)
    return end


def _hand_over(stream: FrameStream, box: _Box, handler: Handler) -> Iterator[MetadataSpan]:
    body = box.body
    position = stream.position
    inner = FrameStream(stream.read, stream.runs(body))
    yield from handler(inner, REST if body is None else body, position)
    for _ in inner.runs():
        pass


def _free(stream: FrameStream, box: _Box) -> Iterator[MetadataSpan]:
    stream.skip(4)
    yield from stream.blank(4, SpanKind.BOX, FREE)
    stream.skip(box.header - 8)
    yield from stream.blank(box.body, SpanKind.BOX, b"\x00")
