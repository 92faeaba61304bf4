"""Finds what encapsulated Pixel Data says beside its samples, by Transfer Syntax (PS3.5 8.2, A.4)."""

from collections.abc import Callable, Iterator
from functools import partial

from scanward.deidentify.codestream.blank import is_blank
from scanward.deidentify.codestream.fragments import Fragment, iter_fragments, iter_frames
from scanward.deidentify.codestream.jpeg import MAGIC as JPEG_MAGIC
from scanward.deidentify.codestream.jpeg import find_in_jpeg
from scanward.deidentify.codestream.jpeg2000 import JP2_MAGIC, find_in_jp2, find_in_jpeg2000
from scanward.deidentify.codestream.jpeg2000 import MAGIC as JPEG2000_MAGIC
from scanward.deidentify.codestream.jpegxl import BOX_MAGIC as JPEGXL_BOX_MAGIC
from scanward.deidentify.codestream.jpegxl import MAGIC as JPEGXL_MAGIC
from scanward.deidentify.codestream.jpegxl import find_in_jpegxl
from scanward.deidentify.codestream.mp4 import FIRST_BOXES, find_in_mp4
from scanward.deidentify.codestream.mpeg2 import find_in_mpeg2
from scanward.deidentify.codestream.nal import AVC, HEVC, NalSyntax, find_in_annex_b
from scanward.deidentify.codestream.rle import find_in_rle
from scanward.deidentify.codestream.span import MetadataSpan, Read, SpanKind
from scanward.deidentify.codestream.stream import FrameStream
from scanward.errors import DicomFormatError, UnsupportedSyntaxError

_ROOT = "1.2.840.10008.1.2."
_IMAGES = frozenset(
    f"{_ROOT}4.{last}" for last in (*range(50, 67), 70, 80, 81, *range(90, 94), 110, 111, 112, 201, 202, 203)
)
_MPEG2 = frozenset(f"{_ROOT}4.{last}" for last in ("100", "100.1", "101", "101.1"))
_AVC = frozenset(f"{_ROOT}4.{last}{part}" for last in range(102, 107) for part in ("", ".1"))
_HEVC = frozenset(f"{_ROOT}4.{last}" for last in (107, 108))
_RLE = f"{_ROOT}5"
# Samples only: Encapsulated Uncompressed and Deflated Image Frame.
_SILENT = frozenset((f"{_ROOT}1.98", f"{_ROOT}8.1"))

_MAGIC_BYTES = max(map(len, (JPEGXL_BOX_MAGIC, JP2_MAGIC)))
_IMAGE_MAGICS = (JPEG_MAGIC, JPEG2000_MAGIC, JP2_MAGIC, JPEGXL_BOX_MAGIC)
_START_CODES = (b"\x00\x00\x01", b"\x00\x00\x00\x01")


def find_metadata(
    read: Read,
    start: int,
    end: int,
    transfer_syntax_uid: str,
    number_of_frames: int = 1,
    segment_samples: int | None = None,
) -> Iterator[MetadataSpan]:
    """Find the bytes of an encapsulated Pixel Data value that have to be overwritten before it leaves.

    Works as a stream: memory does not grow with the value. Spans come in order, don't overlap, lie within
    fragments, and are not blank yet, so that a second run over the result finds none.

    MPEG-2 in transport or program streams, and H.264 and HEVC in transport streams, are not looked into; the only
    span is then of kind :attr:`SpanKind.UNHANDLED` and the instance must not be released.

    Parameters
    ----------
    read
        Access to the input.
    start, end
        The first byte after the element header, and the first byte that can't belong to the value.
    transfer_syntax_uid
        Its encoding. Still images are told apart by what they begin with: some are labelled wrongly.
    number_of_frames
        Number of Frames (0028,0008), 1 if absent.
    segment_samples
        Rows times Columns, which a segment of an RLE frame decodes to; None where they are not known.

    Raises
    ------
    DicomFormatError
        The Items or a codestream cannot be followed, so that nothing can be said of what they hold.
    UnsupportedSyntaxError
        The Transfer Syntax is not an encapsulated one that is known.
    """
    if transfer_syntax_uid in _IMAGES:
        spans = _find_in_frames(read, start, end, number_of_frames, _find_in_image)
    elif transfer_syntax_uid == _RLE:
        spans = _find_in_frames(
            read, start, end, number_of_frames, partial(find_in_rle, segment_samples=segment_samples)
        )
    elif transfer_syntax_uid in _SILENT:
        spans = _find_in_frames(read, start, end, 1, lambda _: iter(()))
    elif transfer_syntax_uid in _MPEG2:
        spans = _find_in_mpeg2_video(partial(_open, read, start, end))
    elif transfer_syntax_uid in _AVC or transfer_syntax_uid in _HEVC:
        syntax = HEVC if transfer_syntax_uid in _HEVC else AVC
        spans = _find_in_nal_video(partial(_open, read, start, end), syntax)
    else:
        raise UnsupportedSyntaxError("Transfer Syntax UID: expected an encapsulated one that is known, got another")
    return (span for span in spans if not is_blank(read, span))


def _find_in_frames(
    read: Read,
    start: int,
    end: int,
    number_of_frames: int,
    find: Callable[[FrameStream], Iterator[MetadataSpan]],
) -> Iterator[MetadataSpan]:
    for fragments in iter_frames(read, start, end, number_of_frames, _IMAGE_MAGICS):
        stream = FrameStream(read, fragments)
        if stream.peek(1):
            yield from find(stream)
        for _ in stream.runs():
            pass  # so that every Item is checked


def _find_in_image(stream: FrameStream) -> Iterator[MetadataSpan]:
    head = stream.peek(_MAGIC_BYTES)
    if head.startswith(JPEG_MAGIC[:2]):
        return find_in_jpeg(stream)
    if head.startswith(JPEG2000_MAGIC[:2]):
        return find_in_jpeg2000(stream)
    if head.startswith(JP2_MAGIC):
        return find_in_jp2(stream)
    if head.startswith(JPEGXL_BOX_MAGIC):
        return find_in_jpegxl(stream)
    if head.startswith(JPEGXL_MAGIC):
        return iter(())
    raise DicomFormatError("Pixel Data: expected a JPEG, JPEG-LS, JPEG 2000 or JPEG XL codestream, got another")


def _open(read: Read, start: int, end: int) -> FrameStream:
    parts: Iterator[Fragment] = iter_fragments(read, start, end)
    return FrameStream(read, (part for part in parts if not part.is_offset_table))


def _find_in_mpeg2_video(open_stream: Callable[[], FrameStream]) -> Iterator[MetadataSpan]:
    stream = open_stream()
    head = stream.peek(8)
    if head.startswith((b"\x00\x00\x01\xb3", b"\x00\x00\x01\xb8", b"\x00\x00\x00\x01\xb3")):
        yield from find_in_mpeg2(stream)
    elif head:
        yield from _report_unhandled(stream)


def _find_in_nal_video(open_stream: Callable[[], FrameStream], syntax: NalSyntax) -> Iterator[MetadataSpan]:
    stream = open_stream()
    head = stream.peek(8)
    if head.startswith(_START_CODES):
        yield from find_in_annex_b(stream, syntax)
    elif head[4:] in FIRST_BOXES:
        yield from find_in_mp4(open_stream)
    elif head:
        yield from _report_unhandled(stream)


def _report_unhandled(stream: FrameStream) -> Iterator[MetadataSpan]:
    first = next(stream.runs())
    yield MetadataSpan(first.offset, first.length, SpanKind.UNHANDLED, b"")
