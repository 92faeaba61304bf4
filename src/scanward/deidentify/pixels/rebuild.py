"""Pixel Data with some of its pixels filled: only touched frames are made again, all others keep their bits."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from scanward.deidentify.header.pixels import pixel_pieces
from scanward.deidentify.pixels.fill import Background, Mask, fill, read_background
from scanward.deidentify.pixels.frames import Frames
from scanward.deidentify.pixels.native import HALVED
from scanward.deidentify.pixels.samples import without_spare_content
from scanward.dicomstream.made import MadeBytes
from scanward.model.instance import Content, Piece, Range
from scanward.model.pixels import PixelBox, PixelReplacement
from scanward.ports.engines import FrameLayout, Samples

MaskOf = Callable[[int], Mask | None]
"""What goes in a frame, by its index; None where it is not touched."""

MAX_GAP_BYTES = 4096
"""Changed bytes that lie closer are taken together with what is between them: few pieces cost less than few bytes."""

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
    made = MadeBytes(folder)
    edit = _Editor(frames, mask_of, background, without_spare=without_spare)
    pieces = _cut(_base_pieces(frames), _native_patches(frames, edit, made))
    return PixelReplacement(
        transfer_syntax_uid=frames.transfer_syntax_uid,
        is_encapsulated=False,
        pieces=pieces,
        values={tag: None for tag in _RANGES if tag in frames.header},
    )


class _Editor:
    """Says which frames are touched, and makes their new samples."""

    def __init__(self, frames: Frames, mask_of: MaskOf, background: Background, *, without_spare: bool) -> None:
        self._frames = frames
        self._mask_of = mask_of
        self._background = background
        self._without_spare = without_spare

    def mask(self, index: int) -> Mask | None:
        """Return what goes in a frame; None where nothing is touched."""
        mask = self._mask_of(index)
        if mask is not None and not mask.any():
            mask = None
        if mask is None and self._without_spare:
            return np.zeros((self._frames.layout.rows, self._frames.layout.columns), np.bool_)
        if mask is not None and not self._frames.is_encapsulated and self._frames.layout.photometric in HALVED:
            # Both pixels of a pair go, as they share their colour.
            return np.repeat(mask.reshape(-1, 2).any(axis=1), 2).reshape(mask.shape)
        return mask

    def edit(self, samples: Samples, mask: Mask) -> Samples:
        """Return new samples of a frame."""
        if self._without_spare:
            samples = without_spare_content(samples, self._frames.layout)
        return fill(samples, mask, self._background) if mask.any() else samples


def _base_pieces(frames: Frames) -> list[Piece]:
    """Return the value as it leaves where nothing is filled: codestreams without comments, padding zeroed."""
    return pixel_pieces(frames.start.reader, frames.element, frames.facts)[0]


def _native_patches(frames: Frames, edit: _Editor, made: MadeBytes) -> Iterator[tuple[int, Range]]:
    """Give what changes of native Pixel Data: where in the value, and the new bytes."""
    reader, native = frames.start.reader, frames.native
    behind, carry = 0, b""  # the last bytes made, which the next frame may share: single bits, words of bytes
    for index in range(frames.count):
        mask = edit.mask(index)
        if mask is None:
            continue
        offset, length, skip_bits = native.span(index)
        data = reader.read(frames.element.value + offset, length)
        if offset < behind:
            data = carry[offset - behind :] + data[behind - offset :]
        new = native.pack(edit.edit(native.unpack(data, skip_bits), mask), data, skip_bits)
        for start, end in _differences(data, new):
            yield offset + start, made.add(new[start:end], Content.NATIVE_PIXELS)
        behind, carry = offset + length, new[-2:]


def _differences(before: bytes, after: bytes) -> list[tuple[int, int]]:
    """Return where bytes differ, as ranges; those with less than `MAX_GAP_BYTES` between them count as one."""
    changed = np.flatnonzero(np.frombuffer(before, np.uint8) != np.frombuffer(after, np.uint8))
    if not len(changed):
        return []
    breaks = np.flatnonzero(np.diff(changed) > MAX_GAP_BYTES)
    starts = changed[np.concatenate(([0], breaks + 1))]
    ends = changed[np.concatenate((breaks, [len(changed) - 1]))] + 1
    return [(int(start), int(end)) for start, end in zip(starts, ends, strict=True)]


def _cut(base: Sequence[Piece], patches: Iterable[tuple[int, Range]]) -> list[Piece]:
    """Return pieces with patches in their places; patches come in order, and a later one lies over an earlier."""
    slicer = _Slicer(base)
    pieces: list[Piece] = []
    at = 0
    for offset, new in patches:
        if offset < at:
            _shorten(pieces, at - offset)
        else:
            pieces += slicer.take(at, offset)
        pieces.append(new)
        at = offset + new.length
    pieces += slicer.take(at, slicer.size)
    return [piece for piece in pieces if not isinstance(piece, Range) or piece.length]


def _shorten(pieces: list[Piece], length: int) -> None:
    """Take bytes off the end; the last piece is a patch that is long enough, or the one before is."""
    while length:
        last = pieces.pop()
        if isinstance(last, bytes):
            raise TypeError("expected a patch")
        if last.length > length:
            pieces.append(last._replace(length=last.length - length))
        length -= min(length, last.length)


class _Slicer:
    """Takes ranges out of a value that consists of pieces, in ascending order."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces
        self._index = 0
        self._start = 0  # offset of the piece at the index
        self.size = sum(_length(piece) for piece in pieces)

    def take(self, start: int, end: int) -> Iterator[Piece]:
        """Give the pieces from `start` to `end`, which is not before the last `end`."""
        while start < end:
            piece = self._pieces[self._index]
            length = _length(piece)
            if start >= self._start + length:
                self._start += length
                self._index += 1
                continue
            first = start - self._start
            last = min(length, end - self._start)
            if isinstance(piece, bytes):
                yield piece[first:last]
            else:
                yield piece._replace(offset=piece.offset + first, length=last - first)
            start = self._start + last


def _length(piece: Piece) -> int:
    return len(piece) if isinstance(piece, bytes) else piece.length
