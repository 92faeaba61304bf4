"""Pixel Data as the header stage sees it: samples pass untouched, what is not samples does not."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

from scanward.deidentify.header.scan import (
    BITS_ALLOCATED,
    COLUMNS,
    NUMBER_OF_FRAMES,
    PHOTOMETRIC_INTERPRETATION,
    ROWS,
    SAMPLES_PER_PIXEL,
    InstanceFacts,
)
from scanward.dicomstream.reader import Element, Reader
from scanward.errors import DeidentificationError, DicomFormatError
from scanward.model.attribute import format_tag
from scanward.model.instance import Content, Piece, Range

_SHAPE = (ROWS, COLUMNS, BITS_ALLOCATED, SAMPLES_PER_PIXEL, NUMBER_OF_FRAMES)

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
