"""Where bytes that were made anew wait until they are written: in memory while they are few, then in a file."""

import os
import tempfile
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import IO

from scanward.errors import HoldError, OutputError
from scanward.model.instance import ByteSource, Content, Piece, Range

MEMORY_BYTES = 8 * 1024 * 1024
"""So much stays in memory."""

MAX_MADE_BYTES = 960 * 1024 * 1024
"""So much may be made of one instance: what a recipe of the gateway holds, with room for the header."""


class MadeBytes:
    """Bytes made anew, as a source of ranges; their file has no name, and is gone when nothing refers to it.

    Parameters
    ----------
    folder
        For the temporary file; None for the system's.
    """

    __slots__ = ("_file", "_folder", "_memory", "size")

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._memory = bytearray()
        self._file: IO[bytes] | None = None
        self.size = 0

    def add(self, data: bytes, content: Content) -> Range:
        """Keep bytes and return the range that they are.

        Raises
        ------
        HoldError
            It would be more than `MAX_MADE_BYTES`.
        OutputError
            There is no room for the temporary file.
        """
        offset = self.size
        if offset + len(data) > MAX_MADE_BYTES:
            raise HoldError(
                f"Pixel Data: expected at most {MAX_MADE_BYTES} bytes to be made anew, got more",
                remedy="Have the instance exported in a Transfer Syntax in which single frames can be coded again.",
            )
        try:
            if self._file is None and offset + len(data) > MEMORY_BYTES:
                # Closed by __del__: it has to outlive this call.
                self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115
                self._write(bytes(self._memory))
                self._memory = bytearray()
            if self._file is None:
                self._memory += data
            else:
                self._write(data)
        except OSError as error:
            raise OutputError(
                f"cannot write a temporary file: {error.strerror}",
                remedy="Make room in the folder for temporary files, or choose another.",
            ) from None
        self.size = offset + len(data)
        return Range(offset, len(data), content, self)

    def _write(self, data: bytes) -> None:
        if self._file is not None:
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]

    def fileno(self) -> int | None:
        """File descriptor of the temporary file, or None while there is none."""
        return None if self._file is None else self._file.fileno()

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end."""
        if self._file is None:
            return bytes(self._memory[offset : offset + length])
        parts = []
        while length and (part := os.pread(self._file.fileno(), length, offset)):
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return b"".join(parts)

    def __del__(self) -> None:
        """Give the space back."""
        if self._file is not None:
            self._file.close()


class JoinedPieces:
    """Pieces of an output as a source, to read what was made before it is written.

    Parameters
    ----------
    pieces
        In their order.
    source
        What the ranges refer to that name no source of their own.
    """

    __slots__ = ("_pieces", "_source", "_starts", "size")

    def __init__(self, pieces: Sequence[Piece], source: ByteSource) -> None:
        self._pieces = pieces
        self._source = source
        lengths = (len(piece) if isinstance(piece, bytes) else piece.length for piece in pieces)
        self._starts = list(accumulate(lengths, initial=0))
        self.size = self._starts.pop()

    def fileno(self) -> int | None:
        """There is no file."""
        return None

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end."""
        parts = []
        end = min(offset + length, self.size)
        index = bisect_right(self._starts, offset) - 1
        while offset < end:
            piece, first = self._pieces[index], offset - self._starts[index]
            if isinstance(piece, bytes):
                part = piece[first : first + end - offset]
            else:
                wanted = min(end - offset, piece.length - first)
                part = piece.source_in(self._source).read(piece.offset + first, wanted) if wanted > 0 else b""
                if len(part) < wanted:
                    break
            parts.append(part)
            offset += len(part)
            index += 1
        return b"".join(parts)
