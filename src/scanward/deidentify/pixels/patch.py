"""Native Pixel Data with the bytes of some samples changed, and all others as ranges of the source."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from scanward.deidentify.header.pixels import pixel_pieces
from scanward.deidentify.pixels.editor import FrameEditor
from scanward.deidentify.pixels.frames import Frames
from scanward.dicomstream.made import MadeBytes
from scanward.model.instance import Content, Piece, Range

MAX_GAP_BYTES = 4096
"""Changed bytes that lie closer are taken together with what is between them: few pieces cost less than few bytes."""


def patched_pieces(frames: Frames, editor: FrameEditor, made: MadeBytes) -> list[Piece]:
    """Return the value of native Pixel Data in pieces, with what goes filled."""
    slicer = Slicer(base_pieces(frames))
    pieces: list[Piece] = []
    at = 0
    for offset, new in _patches(frames, editor, made):
        pieces += slicer.take(at, offset)
        pieces.append(new)
        at = offset + new.length
    pieces += slicer.take(at, slicer.size)
    return pieces


def base_pieces(frames: Frames) -> list[Piece]:
    """Return the value as it leaves where nothing is filled: codestreams without comments, padding zeroed."""
    return pixel_pieces(frames.start.reader, frames.element, frames.facts)[0]


def _patches(frames: Frames, editor: FrameEditor, made: MadeBytes) -> Iterator[tuple[int, Range]]:
    """Give what changes, in order: where in the value, and the new bytes."""
    reader, native = frames.start.reader, frames.native
    shared = _Change(0, b"", b"")  # the end of a frame, where the next begins: single bits, words of bytes
    for index in range(frames.count):
        mask = editor.mask(index)
        if mask is None:
            continue
        offset, length, skip_bits = native.span(index)
        before = reader.read(frames.element.value + offset, length)
        data = before
        if offset < shared.offset + len(shared.after):
            data = shared.after + before[len(shared.after) :]
        else:
            yield from _put(shared, made)
        after = native.pack(editor.edit(index, native.unpack(data, skip_bits), mask), data, skip_bits)
        end = native.span(index + 1)[0] - offset
        yield from _put(_Change(offset, before[:end], after[:end]), made)
        shared = _Change(offset + end, before[end:], after[end:])
    yield from _put(shared, made)


class _Change(NamedTuple):
    """Bytes as they were and as they are now, from an offset in the value."""

    offset: int
    before: bytes
    after: bytes


def _put(change: _Change, made: MadeBytes) -> Iterator[tuple[int, Range]]:
    for start, end in _differences(change.before, change.after):
        yield change.offset + start, made.add(change.after[start:end], Content.NATIVE_PIXELS)


def _differences(before: bytes, after: bytes) -> list[tuple[int, int]]:
    """Return where bytes differ, as ranges; those with less than `MAX_GAP_BYTES` between them count as one."""
    changed = np.flatnonzero(np.frombuffer(before, np.uint8) != np.frombuffer(after, np.uint8))
    if not len(changed):
        return []
    breaks = np.flatnonzero(np.diff(changed) > MAX_GAP_BYTES)
    starts = changed[np.concatenate(([0], breaks + 1))]
    ends = changed[np.concatenate((breaks, [len(changed) - 1]))] + 1
    return [(int(start), int(end)) for start, end in zip(starts, ends, strict=True)]


class Slicer:
    """Takes ranges out of a value that consists of pieces, in ascending order.

    Parameters
    ----------
    pieces
        The value.

    Attributes
    ----------
    size
        Its length.
    """

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces
        self._index = 0
        self._start = 0  # offset of the piece at the index
        self.size = sum(_length(piece) for piece in pieces)

    def take(self, start: int, end: int) -> Iterable[Piece]:
        """Give the pieces from `start`, which is not before the last `end`, to `end`."""
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
