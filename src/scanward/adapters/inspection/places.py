"""Places beside the Attributes: preamble, meta information, codestreams, slack, trailing bytes, the file name."""

from collections.abc import Iterator
from dataclasses import dataclass

from scanward.adapters.inspection.findings import Category, Finding
from scanward.adapters.inspection.text import KnownValues, describe, printable
from scanward.deidentify.codestream.metadata import find_metadata
from scanward.deidentify.codestream.span import MetadataSpan
from scanward.dicomstream.part10 import DataSetStart
from scanward.dicomstream.reader import Element
from scanward.errors import ScanwardError, TruncatedError
from scanward.model.attribute import format_tag
from scanward.model.instance import ByteSource
from scanward.standard.dictionary import keyword_of

PIXEL_DATA = 0x7FE00010
TRAILING_PADDING = 0xFFFCFFFC

MAX_SPANS = 10_000
"""So many pieces of metadata in a codestream are looked at."""

MAX_READ_BYTES = 1 << 16
"""So much of each place is read for its text."""

_META = {
    0x00020016: "names the system that wrote the file",
    0x00020017: "names the system that sent the file",
    0x00020018: "names the system that received the file",
    0x00020102: "private information of the system that wrote the file",
}
_TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True, kw_only=True)
class PixelFacts:
    """What is needed to tell samples from other bytes in Pixel Data; 0 where the header does not say."""

    frames: int
    native_bytes: int


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where the parts of a file lie: Pixel Data if there is any, and bytes that belong to no Attribute."""

    pixel_data: Element | None
    padding: Element | None
    trailing: int
    size: int
    cut_at: str


def read_layout(start: DataSetStart) -> Layout:
    """Walk the top level of the data set, as far as it makes sense."""
    reader, offset, last = start.reader, start.offset, -1
    pixel_data = padding = None
    cut_at = ""
    while offset < reader.size:
        try:
            element = reader.element(offset, start.encoding)
            if element.tag <= last:
                break
            end = reader.end(element, reader.size)
        except TruncatedError:
            if offset + 8 <= reader.size and _is_plausible(start, offset, last):
                cut_at = keyword_of(reader.element(offset, start.encoding).tag)
                offset = reader.size
            break
        except ScanwardError:
            break
        if element.tag == PIXEL_DATA:
            pixel_data = element
        elif element.tag == TRAILING_PADDING:
            padding = element
        last, offset = element.tag, end
    return Layout(pixel_data=pixel_data, padding=padding, trailing=offset, size=reader.size, cut_at=cut_at)


def _is_plausible(start: DataSetStart, offset: int, last: int) -> bool:
    """Tell an Attribute that is cut off from bytes that are none: the tag goes on and is in the dictionary."""
    try:
        tag = start.reader.element(offset, start.encoding).tag
    except ScanwardError:
        return False
    return tag > last and bool(keyword_of(tag))


def find_places(
    source: ByteSource, start: DataSetStart, layout: Layout, known: KnownValues, facts: PixelFacts
) -> Iterator[Finding]:
    """Yield what lies in places that are no Attribute of the data set."""
    yield from _preamble(source)
    yield from _meta(start)
    read = start.reader.source.read
    if layout.padding is not None:
        data = read(layout.padding.value, min(layout.padding.length, MAX_READ_BYTES))
        yield _bytes_finding("Data Set Trailing Padding", data, layout.padding.length, known, tag=TRAILING_PADDING)
    if layout.trailing < layout.size:
        data = read(layout.trailing, MAX_READ_BYTES)
        yield _bytes_finding("bytes after the last Attribute", data, layout.size - layout.trailing, known)
    if layout.cut_at:
        yield Finding(category=Category.HIDDEN, attribute=layout.cut_at, note="the file is cut off in this Attribute")
    if layout.pixel_data is not None:
        yield from _pixel_data(start, layout.pixel_data, known, facts)


def _preamble(source: ByteSource) -> Iterator[Finding]:
    head = source.read(0, 132)
    if head[128:] != b"DICM" or not any(head[:128]):
        return
    is_tiff = head[:4] in _TIFF_MAGICS
    yield Finding(
        category=Category.HIDDEN,
        attribute="preamble",
        value=printable(head[:128]),
        note="the file is a TIFF image at the same time" if is_tiff else "128 bytes that are free for anyone to use",
    )


def _meta(start: DataSetStart) -> Iterator[Finding]:
    for tag, note in _META.items():
        value = start.meta.get(tag)
        if value:
            yield Finding(
                category=Category.HIDDEN,
                attribute=keyword_of(tag),
                tag=format_tag(tag),
                value=printable(value) or value.decode("latin-1"),
                note=note,
            )


def _bytes_finding(place: str, data: bytes, length: int, known: KnownValues, tag: int | None = None) -> Finding:
    """Return the finding for `length` bytes, of which `data` are the first, unless they say nothing at all."""
    text = describe(known.find_kinds_in_bytes(data), ())
    note = f"{length:,} bytes" + ("" if any(data) else ", all zero") + (f"; {text}" if text else "")
    return Finding(
        category=Category.HIDDEN,
        attribute=place,
        tag=format_tag(tag) if tag is not None else "",
        value=printable(data),
        note=note,
    )


def _pixel_data(start: DataSetStart, element: Element, known: KnownValues, facts: PixelFacts) -> Iterator[Finding]:
    reader = start.reader
    tag = format_tag(element.tag)
    if not element.is_undefined:
        slack = element.length - facts.native_bytes
        if facts.native_bytes and slack > 1:
            data = reader.source.read(element.value + facts.native_bytes, min(slack, MAX_READ_BYTES))
            yield _bytes_finding("Pixel Data, behind the last sample", data, slack, known, tag=element.tag)
        return
    kinds: dict[str, tuple[int, str, str]] = {}
    try:
        end = reader.end(element, reader.size)
        spans = find_metadata(reader.source.read, element.value, end, start.transfer_syntax_uid, facts.frames)
        for number, span in enumerate(spans):
            if number >= MAX_SPANS:
                break
            _note_span(start, span, known, kinds)
    except ScanwardError:
        yield Finding(
            category=Category.HIDDEN,
            attribute="PixelData",
            tag=tag,
            note="the compressed pixels are not well formed, so that what they hold beside samples is not known",
        )
    for kind, (count, text, note) in kinds.items():
        yield Finding(
            category=Category.HIDDEN,
            attribute=f"PixelData, {kind} inside the compressed pixels",
            tag=tag,
            value=text,
            note=note,
            count=count,
        )


def _note_span(
    start: DataSetStart, span: MetadataSpan, known: KnownValues, kinds: dict[str, tuple[int, str, str]]
) -> None:
    """Count `span` under its kind, with the first text met and whether it repeats something known."""
    data = start.reader.source.read(span.offset, min(span.length, MAX_READ_BYTES))
    count, text, note = kinds.get(span.kind.value, (0, "", ""))
    kinds[span.kind.value] = (
        count + 1,
        text or printable(data),
        note or describe(known.find_kinds_in_bytes(data), ()),
    )
