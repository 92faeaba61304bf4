"""The fragments of one frame as one forward stream that still knows where each byte lies in the input."""

import re
from collections import deque
from collections.abc import Iterable, Iterator

from scanward.deidentify.codestream.fragments import Fragment
from scanward.deidentify.codestream.span import MAX_SPAN_BYTES, MetadataSpan, Read, SpanKind
from scanward.errors import DicomFormatError, TruncatedError

_FIRST_WINDOW = 8 << 10
_LAST_WINDOW = 1 << 20
_PIECES_AT_ONCE = 1024  # a window of one-byte fragments would cost a hundred times its bytes in bookkeeping


class FrameStream:
    """Reads forward over fragments, in windows of at most 1 MiB, and skips without reading.

    Parameters
    ----------
    read
        Access to the input.
    fragments
        Where the bytes lie, in order; drawn from as needed.
    """

    def __init__(self, read: Read, fragments: Iterable[Fragment]) -> None:
        self.read = read
        self._fragments = iter(fragments)
        self._buffer = b""
        self._at = 0  # next byte within the buffer
        self._base = 0  # stream position of the buffer's first byte
        self._pieces: deque[tuple[int, int, int]] = deque()  # what the buffer holds: position, offset, length
        self._offset = 0  # rest of the fragment that is being drawn from
        self._left = 0
        self._window = _FIRST_WINDOW

    @property
    def position(self) -> int:
        """Bytes passed since the start of the frame."""
        return self._base + self._at

    def peek(self, length: int) -> bytes:
        """Give the next `length` bytes without passing them; fewer only at the end."""
        while len(self._buffer) - self._at < length and self._load():
            pass
        return self._buffer[self._at : self._at + length]

    def take(self, length: int) -> bytes:
        """Give and pass the next `length` bytes, or raise :class:`TruncatedError`."""
        data = self.peek(length)
        if len(data) != length:
            raise TruncatedError("codestream: it ends inside a header")
        self._at += length
        return data

    def skip(self, length: int) -> bool:
        """Pass `length` bytes without reading them; False if the frame ended before."""
        there = len(self._buffer) - self._at
        if length <= there:
            self._at += length
            return True
        self._at += there
        length -= there
        while length and self._draw():
            step = min(length, self._left)
            self._drop(step)
            length -= step
        return not length

    def search(self, pattern: re.Pattern[bytes], width: int) -> bool:
        """Move to the next match of `pattern`, which is at most `width` bytes; False, at the end, if there is none."""
        while True:
            if match := pattern.search(self._buffer, self._at):
                self._at = match.start()
                return True
            self._at = max(self._at, len(self._buffer) - width + 1)
            if not self._load():
                self._at = len(self._buffer)
                return False

    def runs(self, length: int | None = None) -> Iterator[Fragment]:
        """Pass `length` bytes, or all, and tell where they lie, as runs that never reach over a fragment."""
        while length is None or length > 0:
            if self._at < len(self._buffer):
                offset, there = self._run_at_position()
            elif self._draw():
                offset, there = self._offset, self._left
            elif length is None:
                return
            else:
                raise TruncatedError("codestream: a segment or box is longer than what is there")
            step = there if length is None else min(there, length)
            if self._at < len(self._buffer):
                self._at += step
            else:
                self._drop(step)
            if length is not None:
                length -= step
            yield Fragment(offset, step)

    def blank(self, length: int | None, kind: SpanKind, fill: bytes) -> Iterator[MetadataSpan]:
        """Pass `length` bytes, or all, and give the spans that write `fill` over them."""
        done = 0
        for offset, size, _ in self.runs(length):
            for at in range(0, size, MAX_SPAN_BYTES):
                step = min(MAX_SPAN_BYTES, size - at)
                part = fill if len(fill) == 1 else fill[done : done + step]
                yield MetadataSpan(offset + at, step, kind, part)
                done += step

    def _run_at_position(self) -> tuple[int, int]:
        position, pieces = self.position, self._pieces
        while position >= pieces[0][0] + pieces[0][2]:
            pieces.popleft()
        start, offset, size = pieces[0]
        return offset + position - start, size - (position - start)

    def _draw(self) -> bool:
        """Make sure that the current fragment has bytes left; False at the end of the frame."""
        while not self._left:
            fragment = next(self._fragments, None)
            if fragment is None:
                return False
            self._offset, self._left = fragment.offset, fragment.length
        return True

    def _drop(self, step: int) -> None:
        """Pass `step` bytes of the current fragment while the buffer holds nothing more."""
        self._base = self.position + step
        self._buffer, self._at, self._window = b"", 0, _FIRST_WINDOW
        self._pieces.clear()
        self._offset += step
        self._left -= step

    def _load(self) -> bool:
        """Put a further window behind what is left of the buffer; False at the end of the frame."""
        if not self._draw():
            return False
        rest = self._buffer[self._at :]
        self._base += self._at
        self._at = 0
        pieces = self._pieces
        while pieces and self._base >= pieces[0][0] + pieces[0][2]:
            pieces.popleft()
        chunks, there, wanted = [rest], len(rest), self._window
        for _ in range(_PIECES_AT_ONCE):
            step = min(self._left, wanted)
            chunk = self.read(self._offset, step)
            if len(chunk) != step:
                raise TruncatedError("Pixel Data: a fragment is longer than what is there")
            pieces.append((self._base + there, self._offset, step))
            chunks.append(chunk)
            there += step
            wanted -= step
            self._offset += step
            self._left -= step
            if not wanted or not self._draw():
                break
        self._buffer = b"".join(chunks)
        self._window = min(self._window * 2, _LAST_WINDOW)
        return True


def map_runs(runs: Iterable[Fragment], start: int, length: int) -> Iterator[Fragment]:
    """Tell where `length` bytes from `start` lie, counted over `runs` as one stream."""
    for offset, size, _ in runs:
        if start < size:
            step = min(size - start, length)
            yield Fragment(offset + start, step)
            length -= step
            start = 0
            if not length:
                return
        else:
            start -= size


def blank_trailing(stream: FrameStream, magic: bytes) -> Iterator[MetadataSpan]:
    """Pass the two-byte end marker and blank what follows it; one byte of padding may stay as it is.

    Raises
    ------
    DicomFormatError
        A further fragment begins like a codestream: a frame that Number of Frames does not count, which must neither
        be lost nor go out unseen.
    """
    behind = 0
    for offset, size, _ in stream.runs(2):
        behind = offset + size
    rest = stream.peek(2)
    if len(rest) <= 1 and rest in b"\x00\xff":
        return
    for offset, size, _ in stream.runs():
        if offset != behind and stream.read(offset, min(size, len(magic))) == magic:
            raise DicomFormatError("Pixel Data: expected as many codestreams as frames, got more")
        behind = offset + size
        for at in range(0, size, MAX_SPAN_BYTES):
            yield MetadataSpan(offset + at, min(MAX_SPAN_BYTES, size - at), SpanKind.TRAILING, b"\x00")
