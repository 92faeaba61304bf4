"""Files of a log: written so that a reader never sees half of one that it may rely on."""

import ctypes
import errno
import os
from collections.abc import Sequence

from scanward.errors import StoreError, StoreFullError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

JOURNAL = ".journal"
"""Folder of what the writer alone needs, inside the folder of the log."""

FEW_FILES = 32
"""So many are flushed one by one; the whole disk at once costs less than flushing more."""

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
_MODE = 0o644
"""A log is there to be read; what a file server may show is up to the folder."""


def refused(doing: str, error: OSError) -> StoreError:
    """Return what to raise where the disk refuses something to a log."""
    if error.errno in FULL:
        return StoreFullError(
            f"cannot {doing}: no room left", remedy="Make room on the disk of the log, and start anew."
        )
    return StoreError(f"cannot {doing}: {os.strerror(error.errno or 0)}")


def write_all(fd: int, data: bytes, offset: int) -> None:
    """Write all of `data` at an offset, however often the disk takes only a part."""
    written = os.pwrite(fd, data, offset)
    while written < len(data):
        written += os.pwrite(fd, data[written:], offset + written)


def read_file(path: str, limit: int) -> bytes:
    """Return a file of up to `limit` bytes, or one byte more than that of a longer one; raises `OSError`."""
    fd = os.open(path, _READ)
    try:
        parts = []
        while limit >= 0 and (part := os.read(fd, limit + 1)):
            parts.append(part)
            limit -= len(part)
        return b"".join(parts)
    finally:
        os.close(fd)


def put_new(path: str, data: bytes) -> None:
    """Write a file that nobody relies on before the next checkpoint names it."""
    try:
        fd = os.open(path, _WRITE, _MODE)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        fd = os.open(path, _WRITE, _MODE)
    try:
        write_all(fd, data, 0)
    finally:
        os.close(fd)


def put_whole(path: str, data: bytes, staged: str) -> None:
    """Put a file in the place of another one, which is there until then; written as `staged` first."""
    put_new(staged, data)
    try:
        os.rename(staged, path)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.rename(staged, path)


def flush(path: str) -> None:
    """Make a file or folder durable."""
    fd = os.open(path, _READ)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def flush_many(paths: Sequence[str], folder: str) -> None:
    """Make files and folders durable, all of them on the disk of `folder`."""
    if len(paths) <= FEW_FILES:
        for path in paths:
            flush(path)
        return
    # Each file on its own would wait for the disk each time. Linux tells of failed writes here since 5.8.
    fd = os.open(folder, _READ)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(fd) != 0:
            raise OSError(ctypes.get_errno(), "syncfs")
    finally:
        os.close(fd)
