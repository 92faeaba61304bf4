"""RLE frames (PS3.5 Annex G): a header of 64 bytes and up to 15 segments of PackBits."""

from collections.abc import Iterator

from scanward.deidentify.codestream.span import MetadataSpan, SpanKind
from scanward.deidentify.codestream.stream import FrameStream
from scanward.errors import DicomFormatError, TruncatedError

_HEADER_BYTES, _MOST_SEGMENTS = 64, 15
_WINDOW_BYTES = 64 * 1024
_NO_RUN = 128


def find_in_rle(stream: FrameStream, segment_samples: int | None = None) -> Iterator[MetadataSpan]:
    """Find unused segment offsets that are not zero, bytes before the first segment, and bytes behind the samples.

    Those of a literal run that has more samples than the image count as behind them: no reader shows them.

    Parameters
    ----------
    stream
        One frame.
    segment_samples
        How many bytes each segment decodes to, Rows times Columns; None leaves bytes behind the samples alone.

    Raises
    ------
    DicomFormatError
        The header names more than 15 segments or none, or segments that do not follow each other;
        :class:`TruncatedError` if it is not all there.
    """
    head = stream.peek(_HEADER_BYTES)
    count = int.from_bytes(head[:4], "little")
    if not 1 <= count <= _MOST_SEGMENTS or len(head) < _HEADER_BYTES:
        raise DicomFormatError("RLE: expected a header with 1 to 15 segments, got another")
    offsets = [int.from_bytes(head[at : at + 4], "little") for at in range(4, 4 * count + 4, 4)]
    if offsets[0] < _HEADER_BYTES:
        raise DicomFormatError("RLE: expected a header with 1 to 15 segments, got another")
    if offsets != sorted(offsets):
        raise DicomFormatError("RLE: expected segments that follow each other")
    stream.take(4 * (count + 1))
    yield from stream.blank(offsets[0] - 4 * (count + 1), SpanKind.SLACK, b"\x00")
    if segment_samples is None:
        return
    for end in (*offsets[1:], None):
        _pass_segment(stream, segment_samples, end)
        rest = None if end is None else end - stream.position
        yield from stream.blank(rest, SpanKind.TRAILING, b"\x00")


def _pass_segment(stream: FrameStream, samples: int, end: int | None) -> None:
    """Pass the runs of a segment until they make `samples` bytes (PS3.5 Section G.3.2), not what the last has more."""
    made, excess = 0, 0
    while made < samples:
        length = _WINDOW_BYTES if end is None else min(_WINDOW_BYTES, end - stream.position)
        window = stream.peek(length)
        if not window:
            raise TruncatedError("RLE: a segment makes fewer samples than the image has")
        at, size = 0, len(window)
        while at < size and made < samples:
            code = window[at]
            if code < _NO_RUN:
                made += code + 1
                at += code + 2
                excess = max(made - samples, 0)
            else:
                if code > _NO_RUN:
                    made += 257 - code
                    at += 1
                at += 1
        if end is not None and stream.position + at > end:
            raise DicomFormatError("RLE: a run reaches over the end of its segment")
        if not stream.skip(at - excess) or len(stream.peek(excess)) < excess:
            raise TruncatedError("RLE: a segment ends inside a run")
