"""Encapsulated Pixel Data made native, in Explicit VR Little Endian, where a frame cannot be coded again."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from scanward.deidentify.header.scan import PHOTOMETRIC_INTERPRETATION
from scanward.deidentify.pixels.editor import FrameEditor
from scanward.deidentify.pixels.encapsulate import EXTENDED_OFFSET_TABLE, EXTENDED_OFFSET_TABLE_LENGTHS, code_string
from scanward.deidentify.pixels.frames import LOSSY_IMAGE_COMPRESSION, PLANAR_CONFIGURATION, Frames
from scanward.deidentify.pixels.native import NativeFormat
from scanward.dicomstream.made import MadeBytes
from scanward.model.attribute import Tag
from scanward.model.instance import Content, Piece

_ALWAYS_LOSSY = frozenset(f"1.2.840.10008.1.2.4.{last}" for last in (50, 51, 53, 55))
"""Transfer Syntaxes of the lossy JPEG processes; others may code without loss."""


def native_pieces(frames: Frames, editor: FrameEditor, made: MadeBytes) -> tuple[list[Piece], dict[Tag, bytes | None]]:
    """Return native Pixel Data in pieces, with what goes filled, and what else changes of the header."""
    layout = replace(frames.layout, photometric=frames.decoded_photometric, is_planar=False)
    native = NativeFormat(layout=layout, little=True, swaps_words=False)
    pieces: list[Piece] = []
    bits: NDArray[np.uint8] = np.zeros(0, np.uint8)  # of a byte that the next frame goes on with
    for index in range(frames.count):
        samples, mask = frames.frame(index), editor.mask(index)
        if mask is not None:
            samples = editor.edit(index, samples, mask)
        if layout.bits_allocated == 1:
            bits = np.concatenate((bits, samples.reshape(-1).astype(np.uint8) & 1))
            whole = len(bits) if index == frames.count - 1 else len(bits) & ~7
            data = np.packbits(bits[:whole], bitorder="little").tobytes()
            bits = bits[whole:]
        else:
            data = native.pack(samples, bytes(native.span(0)[1]), 0)
        pieces.append(made.add(data, Content.NATIVE_PIXELS))
    if made.size % 2:
        pieces.append(b"\0")
    return pieces, _values(frames)


def _values(frames: Frames) -> dict[Tag, bytes | None]:
    header, layout = frames.header, frames.layout
    values: dict[Tag, bytes | None] = {
        tag: None for tag in (EXTENDED_OFFSET_TABLE, EXTENDED_OFFSET_TABLE_LENGTHS) if tag in header
    }
    if layout.is_planar:
        values[PLANAR_CONFIGURATION] = b"\0\0"
    if frames.decoded_photometric != layout.photometric:
        values[PHOTOMETRIC_INTERPRETATION] = code_string(frames.decoded_photometric)
    if frames.transfer_syntax_uid in _ALWAYS_LOSSY and header.text(LOSSY_IMAGE_COMPRESSION) != "01":
        # The Transfer Syntax said so until now.
        values[LOSSY_IMAGE_COMPRESSION] = code_string("01")
    return values
