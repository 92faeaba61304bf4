"""Where an instance is while it comes in: in memory while it is small, in a nameless file of the spool beyond that."""

import errno
import os
import tempfile
from pathlib import Path
from typing import IO

from scanward.errors import SourceError, StoreError, StoreFullError

MEMORY_BYTES = 1024 * 1024
"""A larger instance goes to the spool. So much memory is taken by each part of a request that is at work."""


class Spooled:
    """Bytes that come in piece by piece and are then read at random (:class:`scanward.model.instance.ByteSource`).

    Parameters
    ----------
    folder
        The spool.
    """

    __slots__ = ("_file", "_folder", "_memory", "size")

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._memory = bytearray()
        self._file: IO[bytes] | None = None
        self.size = 0

    def write(self, data: bytes | memoryview) -> None:
        """Add `data`. Raises `StoreFullError` where the spool has no room, `StoreError` where it cannot be written."""
        self.size += len(data)
        if self._file is None and self.size <= MEMORY_BYTES:
            self._memory += data
            return
        try:
            if self._file is None:
                # It outlives this call; `close` ends it.
                self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115
                self._write(self._memory)
                self._memory = bytearray()
            self._write(data)
        except OSError as error:
            self.close()
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise StoreFullError("no room in the spool for an instance") from None
            raise StoreError(f"the spool cannot be written: {error.strerror}") from None

    def _write(self, data: bytes | bytearray | memoryview) -> None:
        if self._file is None:
            raise StoreError("expected the spool to be open")
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]

    def fileno(self) -> int | None:
        """File descriptor that holds the bytes, or None while they are in memory."""
        return self._file.fileno() if self._file is not None else None

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end. Raises `SourceError`."""
        if self._file is None:
            return bytes(self._memory[offset : offset + length])
        parts = []
        try:
            while length > 0 and (data := os.pread(self._file.fileno(), length, offset)):
                parts.append(data)
                offset += len(data)
                length -= len(data)
        except OSError as error:
            raise SourceError(f"the spool cannot be read: {error.strerror}") from None
        return b"".join(parts)

    def close(self) -> None:
        """Give the space back."""
        self._memory = bytearray()
        if self._file is not None:
            self._file.close()
            self._file = None
