"""Pixel Data as the header stage sees it: samples pass untouched, what is not samples does not."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, Literal

from scanward.deidentify.header.scan import (
    BITS_ALLOCATED,
    COLUMNS,
    NUMBER_OF_FRAMES,
    PHOTOMETRIC_INTERPRETATION,
    ROWS,
    SAMPLES_PER_PIXEL,
    InstanceFacts,
)
from scanward.dicomstream.encoding import UNDEFINED_LENGTH, encode_header
from scanward.dicomstream.reader import Element, Reader
from scanward.errors import DeidentificationError, DicomFormatError
from scanward.model.attribute import format_tag
from scanward.model.instance import Content, Piece, Range
from scanward.model.pixels import PixelReplacement

_SHAPE = (ROWS, COLUMNS, BITS_ALLOCATED, SAMPLES_PER_PIXEL, NUMBER_OF_FRAMES)

PIXEL_DATA = 0x7FE00010

DESCRIBES_PIXELS: Final = frozenset(
    (
        0x00080008,  # Image Type
        0x00280002,  # Samples per Pixel
        0x00280004,  # Photometric Interpretation
        0x00280006,  # Planar Configuration
        0x00280100,  # Bits Allocated
        0x00280101,  # Bits Stored
        0x00280102,  # High Bit
        0x00280103,  # Pixel Representation
        0x00280106,  # Smallest Image Pixel Value
        0x00280107,  # Largest Image Pixel Value
        0x00280108,  # Smallest Pixel Value in Series
        0x00280109,  # Largest Pixel Value in Series
        0x00282110,  # Lossy Image Compression
        0x00282112,  # Lossy Image Compression Ratio
        0x00282114,  # Lossy Image Compression Method
        0x7FE00001,  # Extended Offset Table
        0x7FE00002,  # Extended Offset Table Lengths
    )
)
"""All that new Pixel Data may bring new values of; none of them tells of anybody."""

MAX_EXCESS_BYTES = 4096
"""So many bytes behind the last sample are taken for padding: a block of a disk."""


def pixel_pieces(reader: Reader, element: Element, facts: InstanceFacts) -> tuple[list[Piece], bool]:
    """Return the value of Pixel Data in pieces, and whether anything in it was written over.

    Native samples are one range. Bytes behind the last sample are zeroed. In encapsulated Pixel Data comments,
    application segments and whatever else decoding does not need is written over in place, so that no length changes.

    Raises
    ------
    DicomFormatError
        The samples are fewer than Rows, Columns and frames say, or a codestream is not well formed.
    DeidentificationError
        A codestream has a container that is not looked into.
    """
    if element.is_undefined:
        return _encapsulated_pieces(reader, element, facts)
    length = element.length
    samples = native_length_bytes(facts)
    if samples is None or samples >= length:
        if samples is not None and samples > length:
            raise DicomFormatError(f"{format_tag(element.tag)}: expected {samples} bytes of samples, got {length}")
        return [Range(element.value, length, Content.NATIVE_PIXELS)], False
    excess = length - samples
    if excess > MAX_EXCESS_BYTES:
        # More frames than the header says, it may be: zeroing them would lose pixels, keeping them would let out
        # what nobody knows.
        raise DicomFormatError(f"{format_tag(element.tag)}: expected {samples} bytes of samples, got {length}")
    if samples % 2 and not facts.little and element.vr == b"OW":
        # The bytes of each word are swapped, those of the last one too (PS3.5 Section 8.2.1): the last sample stands
        # behind the byte that pads it.
        samples, excess = samples + 1, excess - 1
    pixels = Range(element.value, samples, Content.NATIVE_PIXELS)
    return [pixels, bytes(excess)] if excess else [pixels], excess > 1


def replaced_pieces(element: Element, replacement: PixelReplacement, facts: InstanceFacts) -> list[Piece]:
    """Return Pixel Data as a whole element, with its new value.

    Raises
    ------
    DeidentificationError
        The element was not encoded as the new one has to be.
    DicomFormatError
        The value is too long for one element.
    """
    pieces = list(replacement.pieces)
    vr, length = element.vr, UNDEFINED_LENGTH
    if replacement.is_encapsulated:
        if not element.is_undefined:
            raise DeidentificationError("Pixel Data: expected native pixels to stay native, got fragments")
    else:
        length = sum(len(piece) if isinstance(piece, bytes) else piece.length for piece in pieces)
        if length % 2:
            pieces.append(b"\0")
            length += 1
        if length >= UNDEFINED_LENGTH:
            raise DicomFormatError(f"{format_tag(element.tag)}: expected less than 4 GiB, got {length} bytes")
        if element.is_undefined:
            # Fragments are OB whatever they hold; native samples of more than 8 bits are words (PS3.5 Section A.2).
            allocated = replacement.values.get(BITS_ALLOCATED) or facts.values.get(BITS_ALLOCATED, b"")
            vr = b"OW" if int.from_bytes(allocated[:2], "little") > 8 else b"OB"
    return [encode_header(element.tag, vr, length, element.encoding), *pieces]


def native_length_bytes(facts: InstanceFacts) -> int | None:
    """Return how many bytes the native samples take (PS3.5 Section 8.1.1), or None where the header does not say."""
    values = facts.values
    return _native_length_bytes(
        facts.little, *(values.get(tag, b"") for tag in _SHAPE), values.get(PHOTOMETRIC_INTERPRETATION, b"").strip()
    )


@lru_cache(maxsize=256)
def _native_length_bytes(little: bool, *shape: bytes) -> int | None:  # noqa: FBT001 - a key of the cache
    order: Literal["little", "big"] = "little" if little else "big"
    rows, columns, bits, samples = (int.from_bytes(raw[:2], order) for raw in shape[:4])
    if not rows or not columns or not bits:
        return None
    try:
        frames = int(shape[4].strip(b" \0") or 1)
    except ValueError:
        raise DicomFormatError("Number of Frames: expected an integer") from None
    samples = samples or 1
    if shape[5].decode("ascii", "replace") in ("YBR_FULL_422", "YBR_PARTIAL_422"):
        # Two pixels share one pair of chrominance samples (PS3.3 C.7.6.3.1.2).
        return rows * columns * 2 * (bits // 8) * max(frames, 1)
    return (rows * columns * samples * bits * max(frames, 1) + 7) // 8


def _encapsulated_pieces(reader: Reader, element: Element, facts: InstanceFacts) -> tuple[list[Piece], bool]:
    end = reader.end(element, reader.size)
    frames = facts.text(NUMBER_OF_FRAMES)
    number_of_frames = int(frames) if frames.isdecimal() else 1
    pieces: list[Piece] = []
    at = element.value
    for offset, replacement in _replacements(reader, element, end, facts, number_of_frames):
        if offset > at:
            pieces.append(Range(at, offset - at, Content.CODESTREAM))
        pieces.append(replacement)
        at = offset + len(replacement)
    blanked = bool(pieces)
    pieces.append(Range(at, end - at, Content.CODESTREAM))
    return pieces, blanked


def _replacements(
    reader: Reader, element: Element, end: int, facts: InstanceFacts, number_of_frames: int
) -> Iterator[tuple[int, bytes]]:
    # Loaded where there is a codestream: most runs have none.
    from scanward.deidentify.codestream.blank import get_replacement
    from scanward.deidentify.codestream.metadata import find_metadata
    from scanward.deidentify.codestream.span import SpanKind

    rows, columns = facts.number(ROWS), facts.number(COLUMNS)
    spans = find_metadata(
        reader.source.read,
        element.value,
        end,
        facts.transfer_syntax_uid,
        number_of_frames=number_of_frames,
        segment_samples=rows * columns if rows and columns else None,
    )
    for span in spans:
        if span.kind is SpanKind.UNHANDLED:
            raise DeidentificationError(
                "Pixel Data: expected a codestream whose metadata can be found, got another container",
                remedy="Have the video exported as MP4 or as frames.",
            )
        yield span.offset, get_replacement(span)
