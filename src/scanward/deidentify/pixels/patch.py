"""Native Pixel Data with the bytes of some samples changed, and all others as ranges of the source."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from scanward.deidentify.header.pixels import pixel_pieces
from scanward.deidentify.pixels.editor import Editor
from scanward.deidentify.pixels.frames import Frames
from scanward.dicomstream.made import MadeBytes
from scanward.model.instance import Content, Piece, Range

MAX_GAP_BYTES = 4096
"""Changed bytes that lie closer are taken together with what is between them: few pieces cost less than few bytes."""


def patched_pieces(frames: Frames, editor: Editor, made: MadeBytes) -> list[Piece]:
    """Return the value of native Pixel Data in pieces, with what goes filled."""
    slicer = Slicer(base_pieces(frames))
    pieces: list[Piece] = []
    at = 0
    for offset, new in _patches(frames, editor, made):
        if offset < at:
            _shorten(pieces, at - offset)
        else:
            pieces += slicer.take(at, offset)
        pieces.append(new)
        at = offset + new.length
    pieces += slicer.take(at, slicer.size)
    return pieces


def base_pieces(frames: Frames) -> list[Piece]:
    """Return the value as it leaves where nothing is filled: codestreams without comments, padding zeroed."""
    return pixel_pieces(frames.start.reader, frames.element, frames.facts)[0]


def _patches(frames: Frames, editor: Editor, made: MadeBytes) -> Iterator[tuple[int, Range]]:
    """Give what changes, in order: where in the value, and the new bytes; one may begin within the last."""
    reader, native = frames.start.reader, frames.native
    behind, carry = 0, b""  # the last bytes made, which the next frame may share: single bits, words of bytes
    for index in range(frames.count):
        mask = editor.mask(index)
        if mask is None:
            continue
        offset, length, skip_bits = native.span(index)
        data = reader.read(frames.element.value + offset, length)
        shared = behind - offset
        if shared > 0:
            data = carry[-shared:] + data[shared:]
        new = native.pack(editor.edit(native.unpack(data, skip_bits), mask), data, skip_bits)
        differences = _differences(data, new)
        if shared > 0 and differences and differences[0][0] < shared:
            # Over what the last one made of them.
            differences[0] = (0, differences[0][1])
        for start, end in differences:
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


def _shorten(pieces: list[Piece], length: int) -> None:
    """Take bytes off the end of what was made last."""
    last = pieces.pop()
    if isinstance(last, bytes) or last.source is None or last.length < length:
        raise TypeError("expected bytes that were made")
    if last.length > length:
        pieces.append(last._replace(length=last.length - length))


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
