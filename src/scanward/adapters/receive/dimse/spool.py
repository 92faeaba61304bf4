"""An instance while it comes: in memory while it is small, then in a file of the spool folder that has no name.

A file without a name is gone with the process, however that ends.
"""

import os
import tempfile
from pathlib import Path
from typing import IO, Final

from scanward.errors import NetworkError

MEMORY_BYTES: Final = 1024 * 1024
"""Up to this long an instance stays in memory: most slices of CT and MR."""


class SpooledInstance:
    """A file that grows as an instance comes (a sink), and is read when it is whole (a `ByteSource`).

    Parameters
    ----------
    folder
        The spool folder.
    head
        What stands before the data set.
    limit_bytes
        An instance that grows longer ends the association.
    """

    __slots__ = ("_buffer", "_file", "_folder", "_limit_bytes", "is_full", "size")

    def __init__(self, folder: Path, head: bytes, *, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._buffer = bytearray(head)
        self._file: IO[bytes] | None = None
        self.size = len(head)
        self.is_full = False

    def write(self, data: memoryview) -> None:
        """Take some more of the data set; raises `NetworkError` above the limit.

        When the disk is full the rest is dropped and `is_full` set, so that the sender can be told when it is through.
        """
        self.size += len(data)
        if self.size > self._limit_bytes:
            raise NetworkError("the peer sends an instance larger than allowed")
        if self.is_full:
            return
        if self._file is None and self.size <= MEMORY_BYTES:
            self._buffer += data
            return
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0, dir=self._folder)  # noqa: SIM115 - `close` does
                _write_all(self._file.fileno(), memoryview(bytes(self._buffer)))
                self._buffer = bytearray()
            _write_all(self._file.fileno(), data)
        except OSError:
            self.is_full = True
            self._buffer = bytearray()

    def fileno(self) -> int | None:
        """Return the file descriptor, or None while it is in memory."""
        return None if self._file is None else self._file.fileno()

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end."""
        if self._file is None:
            return bytes(memoryview(self._buffer)[offset : offset + length])
        return os.pread(self._file.fileno(), length, offset)

    def close(self) -> None:
        """Let go of the bytes."""
        self._buffer = bytearray()
        if self._file is not None:
            self._file.close()


def _write_all(descriptor: int, data: memoryview) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
