"""Encapsulated Pixel Data (PS3.5 Annex A.4) with some frames coded again, and all others as ranges of the source."""

from dataclasses import replace
from itertools import accumulate
from struct import Struct, pack

import cv2
import numpy as np
from numpy.typing import NDArray

from scanward.deidentify.codestream.blank import get_replacement
from scanward.deidentify.codestream.metadata import find_metadata
from scanward.deidentify.codestream.span import SpanKind
from scanward.deidentify.header.scan import PHOTOMETRIC_INTERPRETATION
from scanward.deidentify.pixels.editor import FrameEditor
from scanward.deidentify.pixels.fill import Mask
from scanward.deidentify.pixels.frames import LOSSY_IMAGE_COMPRESSION, Frames
from scanward.deidentify.pixels.patch import Slicer, base_pieces
from scanward.dicomstream.made import MadeBytes
from scanward.errors import DicomFormatError
from scanward.model.attribute import Tag
from scanward.model.instance import BytesSource, Content, Piece
from scanward.ports.engines import CodedFrame, Samples

EXTENDED_OFFSET_TABLE = 0x7FE00001
EXTENDED_OFFSET_TABLE_LENGTHS = 0x7FE00002

MAX_REACH_PIXELS = 33
"""How far a change reaches in a lossy coding: a block of chrominance at a fourth of the resolution, and its edge."""

_ITEM = Struct("<2HI")
_ITEM_HEADER_BYTES = 8
_MAX_BASIC_OFFSET = 0xFFFFFFFF
_DELIMITER = _ITEM.pack(0xFFFE, 0xE0DD, 0)


class NoCoderError(DicomFormatError):
    """A frame cannot be coded in its Transfer Syntax again."""


def encapsulated_pieces(
    frames: Frames, editor: FrameEditor, made: MadeBytes
) -> tuple[list[Piece], dict[Tag, bytes | None]]:
    """Return the value of encapsulated Pixel Data in pieces, with what goes filled, and what else changes.

    Raises
    ------
    NoCoderError
        There is no coder for a frame, or what it made does not decode to what it was given.
    """
    slicer = Slicer(base_pieces(frames))
    origin = frames.element.value
    body: list[Piece] = []
    lengths: list[int] = []
    coded: list[CodedFrame] = []
    at = frames.coded_span(0).start - origin
    for index in range(frames.count):
        span = frames.coded_span(index)
        mask = editor.mask(index)
        if mask is None:
            lengths.append(span.end - span.start)
            continue
        new = _code(frames, index, editor, mask)
        coded.append(new)
        body += slicer.take(at, span.start - origin)
        header = _ITEM.pack(0xFFFE, 0xE000, len(new.data))
        body.append(made.add(header + new.data, Content.CODESTREAM))
        lengths.append(len(header) + len(new.data))
        at = span.end - origin
    body += slicer.take(at, frames.coded_span(frames.count - 1).end - origin)
    table, values = _offset_tables(frames, lengths)
    values.update(_coding_values(frames, coded))
    return [table, *body, _DELIMITER], values


def _code(frames: Frames, index: int, editor: FrameEditor, mask: Mask) -> CodedFrame:
    """Return a frame coded again, once it was decoded and found to be what it should."""
    codec, uid, layout = frames.codec, frames.transfer_syntax_uid, frames.layout
    original = frames.coded(index)
    before = codec.decode(original, uid, layout)
    after = editor.edit(index, before, mask)
    # Bits beside the values may have been cleared everywhere.
    changed = mask | _differs(before, after, mask)
    coded = codec.encode(after, uid, layout, original=original, changed=changed)
    if coded is None or coded.transfer_syntax_uid != uid:
        raise NoCoderError("Pixel Data: there is no coder for its Transfer Syntax")
    if not _is_as_meant(codec.decode(coded.data, uid, layout), after, changed, coded):
        raise NoCoderError("Pixel Data: expected a frame to be coded as it was given")
    return _without_metadata(coded)


def _differs(one: Samples, other: Samples, like: Mask) -> NDArray[np.bool_]:
    different: NDArray[np.bool_] = (one != other).reshape(*like.shape, -1).any(axis=2)
    return different


def _is_as_meant(decoded: Samples, meant: Samples, changed: Mask, coded: CodedFrame) -> bool:
    """Whether a frame decodes to what it should; of a lossy one, whether all that is far from a change stayed."""
    differs = _differs(decoded, meant, changed)
    if not differs.any():
        return True
    reach = np.ones((2 * MAX_REACH_PIXELS + 1,) * 2, np.uint8)
    return coded.is_lossy and not differs[cv2.dilate(changed.astype(np.uint8), reach) == 0].any()


def _without_metadata(coded: CodedFrame) -> CodedFrame:
    """Return a frame without what coders write beside samples: their name, mostly."""
    head = _ITEM.pack(0xFFFE, 0xE000, 0) + _ITEM.pack(0xFFFE, 0xE000, len(coded.data))
    value = bytearray(head + coded.data + _DELIMITER)
    source = BytesSource(bytes(value))
    for span in find_metadata(source.read, 0, source.size, coded.transfer_syntax_uid):
        if span.kind is SpanKind.UNHANDLED:
            raise NoCoderError("Pixel Data: expected a codestream whose metadata can be found, got another")
        new = get_replacement(span)
        value[span.offset : span.offset + len(new)] = new
    return replace(coded, data=bytes(value[len(head) : -len(_DELIMITER)]))


def _offset_tables(frames: Frames, lengths: list[int]) -> tuple[bytes, dict[Tag, bytes | None]]:
    """Return the Basic Offset Table with its header, and new values of the Extended Offset Table where there is one.

    The Basic Offset Table is empty beside an extended one, and where offsets do not fit 32 bits.
    """
    offsets = list(accumulate(lengths[:-1], initial=0))
    empty = _ITEM.pack(0xFFFE, 0xE000, 0)
    if EXTENDED_OFFSET_TABLE in frames.header:
        counts = [sum(1 for _ in frames.fragments(index)) for index in range(frames.count)]
        if max(counts) > 1:
            # Not allowed (PS3.3 C.7.6.3.1.8); what it says of such frames cannot be trusted.
            return empty, {EXTENDED_OFFSET_TABLE: None, EXTENDED_OFFSET_TABLE_LENGTHS: None}
        sizes = [length - _ITEM_HEADER_BYTES for length in lengths]
        return empty, {
            EXTENDED_OFFSET_TABLE: pack(f"<{len(offsets)}Q", *offsets),
            EXTENDED_OFFSET_TABLE_LENGTHS: pack(f"<{len(sizes)}Q", *sizes),
        }
    had_one = frames.offset_table().length > 0
    if offsets[-1] > _MAX_BASIC_OFFSET or (len(offsets) == 1 and not had_one):
        return empty, {}
    return _ITEM.pack(0xFFFE, 0xE000, 4 * len(offsets)) + pack(f"<{len(offsets)}I", *offsets), {}


def _coding_values(frames: Frames, coded: list[CodedFrame]) -> dict[Tag, bytes | None]:
    """Return what frames coded again change of the header.

    Lossy Image Compression stays as it was, and is set where blocks of a JPEG were coded again and it was missing. No
    step is added to its Ratio and Method: the other pixels went through none (PS3.3 C.7.6.1.1.5).
    """
    values: dict[Tag, bytes | None] = {}
    photometrics = {one.photometric for one in coded}
    if len(coded) == frames.count and photometrics != {frames.layout.photometric} and len(photometrics) == 1:
        values[PHOTOMETRIC_INTERPRETATION] = code_string(photometrics.pop())
    if any(one.is_lossy for one in coded) and frames.header.text(LOSSY_IMAGE_COMPRESSION) != "01":
        values[LOSSY_IMAGE_COMPRESSION] = code_string("01")
    return values


def code_string(text: str) -> bytes:
    """Return a value of VR CS."""
    return text.encode("ascii") + b" " * (len(text) % 2)
