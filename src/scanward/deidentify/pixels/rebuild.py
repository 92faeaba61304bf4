"""Pixel Data with some of its pixels filled: only touched frames are made again, all others keep their bits."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from scanward.deidentify.pixels.convert import native_pieces
from scanward.deidentify.pixels.editor import Editor, FrameEditor, MaskOf
from scanward.deidentify.pixels.encapsulate import NoCoderError, encapsulated_pieces
from scanward.deidentify.pixels.fill import Mask, read_background
from scanward.deidentify.pixels.frames import PIXEL_DATA, Frames
from scanward.deidentify.pixels.patch import patched_pieces
from scanward.dicomstream.encoding import EXPLICIT_LITTLE, UNDEFINED_LENGTH
from scanward.dicomstream.made import JoinedPieces, MadeBytes
from scanward.dicomstream.part10 import EXPLICIT_UID, DataSetStart
from scanward.dicomstream.reader import Element, Reader
from scanward.model.attribute import Tag
from scanward.model.pixels import PixelBox, PixelReplacement
from scanward.ports.engines import FrameLayout

_RANGES = (0x00280106, 0x00280107, 0x00280108, 0x00280109)
"""Smallest and Largest Image Pixel Value, and those of the series: what was filled may have been one of them."""


def masks_of(boxes: Iterable[PixelBox], layout: FrameLayout) -> MaskOf:
    """Return what goes in each frame, given as boxes; frames with the same boxes share one mask."""
    boxes = tuple(boxes)
    made: dict[tuple[PixelBox, ...], Mask] = {}

    def mask_of(index: int) -> Mask | None:
        here = tuple(box for box in boxes if box.first_frame <= index <= box.last_frame)
        if not here:
            return None
        mask = made.get(here)
        if mask is None:
            mask = np.zeros((layout.rows, layout.columns), np.bool_)
            for box in here:
                mask[max(0, box.y) : max(0, box.y + box.height), max(0, box.x) : max(0, box.x + box.width)] = True
            made.clear()
            made[here] = mask
        return mask

    return mask_of


def rebuild(
    frames: Frames, mask_of: MaskOf, *, without_spare: bool = False, folder: Path | None = None
) -> PixelReplacement:
    """Return new Pixel Data in which what goes is filled.

    An encapsulated frame is coded again in its own Transfer Syntax. Where there is no coder of that, the whole instance
    becomes native, in Explicit VR Little Endian.

    Parameters
    ----------
    frames
        Of the instance.
    mask_of
        What goes in each frame.
    without_spare
        Whether bits beside the values are cleared in all frames: some hold an overlay.
    folder
        For a temporary file, where the new bytes are many; None for the system's.

    Raises
    ------
    DicomFormatError, HoldError
        A frame that is touched cannot be decoded, or there would be too much to make.
    """
    background = read_background(frames.layout, frames.facts, frames.header)
    return rebuild_with(frames, Editor(frames, mask_of, background, without_spare=without_spare), folder=folder)


def rebuild_with(frames: Frames, editor: FrameEditor, *, folder: Path | None = None) -> PixelReplacement:
    """Return new Pixel Data as an editor makes it; parameters and errors as `rebuild`."""
    values: dict[Tag, bytes | None] = {tag: None for tag in _RANGES if tag in frames.header}
    uid = frames.transfer_syntax_uid
    is_encapsulated = frames.is_encapsulated
    if not is_encapsulated:
        pieces = patched_pieces(frames, editor, MadeBytes(folder))
    else:
        try:
            pieces, changes = encapsulated_pieces(frames, editor, MadeBytes(folder))
            values.update(changes)
        except NoCoderError:
            pieces, changes = native_pieces(frames, editor, MadeBytes(folder))
            uid, is_encapsulated = EXPLICIT_UID, False
            values.update(changes)
    return PixelReplacement(transfer_syntax_uid=uid, is_encapsulated=is_encapsulated, pieces=pieces, values=values)


def reopen(frames: Frames, replacement: PixelReplacement) -> Frames:
    """Return the frames as they are in a replacement, to look at them again.

    Raises
    ------
    DicomFormatError, HoldError
        They cannot be read: what was made is wrong.
    """
    start, header = frames.start, frames.header.with_values(replacement.values)
    source = JoinedPieces(replacement.pieces, start.reader.source)
    reader = Reader(source, start.reader.vr_of)
    length = UNDEFINED_LENGTH if replacement.is_encapsulated else source.size
    encoding = start.encoding if frames.is_encapsulated == replacement.is_encapsulated else EXPLICIT_LITTLE
    element = Element(PIXEL_DATA, frames.element.vr, length, 0, 0, encoding)
    facts = replace(
        frames.facts,
        values=_overridden(frames.facts.values, replacement.values),
        transfer_syntax_uid=replacement.transfer_syntax_uid,
    )
    opened = DataSetStart(reader, 0, encoding, replacement.transfer_syntax_uid, start.meta)
    return Frames(opened, facts, header, element, frames.codec)


def _overridden(values: Mapping[Tag, bytes], new: Mapping[Tag, bytes | None]) -> dict[Tag, bytes]:
    merged = {tag: value for tag, value in values.items() if new.get(tag, b"") is not None}
    merged.update((tag, value) for tag, value in new.items() if value is not None)
    return merged
