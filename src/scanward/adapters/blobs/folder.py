"""Blobs in a folder (implements :class:`scanward.ports.stores.Blobs`): ``{root}/{2 hex}/{30 hex}``.

Trust: nothing readable without the data keys. A blob is written to a folder of this process below ``staging`` first,
flushed, and renamed into place, so that what has a name is whole; the folder of the name is flushed too before `put`
returns. Nothing is ever deleted to make room.
"""

import errno
import itertools
import os
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from scanward.adapters.blobs.errors import full, missing
from scanward.adapters.blobs.format import EncryptedSource, encrypt, stored_bytes
from scanward.adapters.home import flush_folder
from scanward.errors import StoreError
from scanward.model.instance import ByteSource

STAGING = "staging"
"""Folder inside the folder of blobs for what is not whole yet; a folder of its own for each process."""

BLOBS_BEFORE_NEXT_FOLDER = 256
"""A process puts so many blobs into one folder before it takes another, so that one flush serves many."""

_NAME = re.compile(r"[0-9a-f]{32}")
_FOLDER = re.compile(r"[0-9a-f]{2}")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


class FolderBlobs:
    """A folder of encrypted blobs; any number of threads and processes may use it at once.

    Parameters
    ----------
    root
        The folder; made with mode 0700 when it is missing.
    min_free_bytes
        `put` refuses while its disk has less room than this besides what is put.

    Raises
    ------
    StoreFullError
        By `put`, when there is no room; nothing is stored then and nothing was deleted.
    StoreError
        By each method, for all else that the disk refuses; messages carry no name.
    """

    def __init__(self, root: Path, *, min_free_bytes: int = 0) -> None:
        self._root = os.path.abspath(root)
        self._min_free_bytes = min_free_bytes
        self._lock = threading.Lock()
        self._staging = _Staging(f"{self._root}/{STAGING}")
        self._count = itertools.count()
        self._folder = ""
        self._flushers: dict[str, _Flusher] = {}

    def put(self, key: bytes, content: ByteSource) -> str:
        """Store `content` encrypted under `key` and return its name; durable on return."""
        size_bytes = stored_bytes(content.size)
        try:
            self._check_room(size_bytes)
            folder = self._next_folder()
            name = folder + secrets.token_hex(15)
            staged = self._staging.new_path()
            try:
                self._write(staged, key, name, content)
                os.rename(staged, self._path(name))
            except BaseException:
                with suppress(OSError):  # not made, or cleared by the next start; it has no name yet
                    os.unlink(staged)
                raise
            self._flush(folder, name)
        except OSError as error:
            raise _refused("stored", error) from None
        return name

    def open(self, key: bytes, name: str) -> EncryptedSource:
        """Open a blob for random access, as a context manager."""
        path = self._path(name)
        try:
            fd = os.open(path, _READ)
        except FileNotFoundError:
            raise missing() from None
        except OSError as error:
            raise _refused("opened", error) from None
        try:
            return EncryptedSource(
                key, name, lambda offset, length: _read(fd, offset, length), close=lambda: os.close(fd)
            )
        except BaseException:
            os.close(fd)
            raise

    def delete(self, name: str) -> None:
        """Remove a blob; on return it is not there, whether it was or not, and does not come back by a power cut."""
        path = self._path(name)
        try:
            os.unlink(path)
            flush_folder(Path(path).parent)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _refused("removed", error) from None

    def names(self) -> Iterator[tuple[str, datetime]]:
        """Yield name and time of storing of every blob."""
        try:
            for folder in sorted(filter(_FOLDER.fullmatch, _list(self._root))):
                with os.scandir(f"{self._root}/{folder}") as entries:
                    for entry in entries:
                        if _NAME.fullmatch(folder + entry.name):
                            with suppress(FileNotFoundError):  # deleted meanwhile
                                stored = entry.stat(follow_symlinks=False).st_mtime
                                yield folder + entry.name, datetime.fromtimestamp(stored, UTC)
        except OSError as error:
            raise _refused("listed", error) from None

    def clear_staged(self) -> int:
        """Remove what processes that ended or were killed left half-written; return how many files that were."""
        try:
            return self._staging.clear()
        except OSError as error:
            raise _refused("cleared", error) from None

    def close(self) -> None:
        """Give up the staging folder of this process; only needed where the object is gone before the process."""
        self._staging.close()

    def _path(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise StoreError("expected the name of a blob to be 32 hexadecimal digits")
        return f"{self._root}/{name[:2]}/{name[2:]}"

    def _check_room(self, size_bytes: int) -> None:
        try:
            room = os.statvfs(self._root)
        except FileNotFoundError:
            os.makedirs(self._root, mode=0o700, exist_ok=True)
            flush_folder(Path(self._root).parent)
            room = os.statvfs(self._root)
        if room.f_bavail * room.f_frsize - size_bytes < self._min_free_bytes:
            raise full()

    def _next_folder(self) -> str:
        """Return the folder for the next blob, made when it is missing."""
        with self._lock:
            if next(self._count) % BLOBS_BEFORE_NEXT_FOLDER == 0 or not self._folder:
                folder = secrets.token_hex(1)
                path = f"{self._root}/{folder}"
                with suppress(FileExistsError):
                    os.mkdir(path, mode=0o700)
                flush_folder(Path(self._root))  # also where another process has made it and not come to this yet
                self._flushers.setdefault(folder, _Flusher(path))
                self._folder = folder
            return self._folder

    def _write(self, staged: str, key: bytes, name: str, content: ByteSource) -> None:
        """Write the blob to the new file `staged` and flush it to the disk."""
        fd = os.open(staged, _NEW, 0o600)
        try:
            for pieces in encrypt(key, name, content):
                _write(fd, pieces)
            os.fsync(fd)
        finally:
            os.close(fd)

    def _flush(self, folder: str, name: str) -> None:
        """Make the new name outlive a power cut; where that fails, take the blob away: the caller was told nothing."""
        try:
            self._flushers[folder].flush()
        except BaseException:
            with suppress(OSError):  # unnamed to anyone: fsck finds it
                os.unlink(self._path(name))
            raise


class _Flusher:
    """Flushes a folder once for all who wait at that moment."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._asked = itertools.count(1)
        self._seen = 0
        self._done = 0
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def flush(self) -> None:
        """Return when a flush that began after this call has ended."""
        with self._lock:
            self._seen = mine = next(self._asked)
        with self._turn:
            if self._done >= mine:
                return
            with self._lock:
                covered = self._seen
            flush_folder(self._path)
            self._done = covered


class _Staging:
    """The folder of one process for half-written files, locked while it lives.

    The lock tells a living process from a dead one where its number cannot: in another container, or after a reboot.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._own = ""
        self._fd = -1
        self._count = itertools.count()
        self._lock = threading.Lock()

    def new_path(self) -> str:
        """Return a path that no file has; the number of the process keeps those apart that were forked."""
        if not self._own:
            with self._lock:
                if not self._own:
                    self._own = self._claim()
        return f"{self._own}/{os.getpid()}-{next(self._count)}"

    def _claim(self) -> str:
        while True:
            own = f"{self._path}/{secrets.token_hex(8)}"
            os.makedirs(own, mode=0o700)
            fd = _lock_folder(own)
            # Between the two calls another process may have taken it for a dead one's.
            if fd is not None and os.path.isdir(own):
                self._fd = fd
                return own
            if fd is not None:
                os.close(fd)

    def clear(self) -> int:
        """Remove the folders of dead processes."""
        removed = 0
        for name in _list(self._path):
            folder = f"{self._path}/{name}"
            fd = None if folder == self._own else _lock_folder(folder)
            if fd is None:
                continue
            try:
                for file in _list(folder):
                    os.unlink(f"{folder}/{file}")
                    removed += 1
                os.rmdir(folder)
            finally:
                os.close(fd)
        return removed

    def close(self) -> None:
        with self._lock:
            if not self._own:
                return
            with suppress(OSError):  # someone is writing: cleared by the next start
                os.rmdir(self._own)
            os.close(self._fd)
            self._own, self._fd = "", -1


def _lock_folder(path: str) -> int | None:
    """Return a descriptor that holds the lock on a folder, or None when another process has it or it is gone."""
    import fcntl

    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    except BaseException:
        os.close(fd)
        raise
    return fd


def _list(path: str) -> list[str]:
    """Return the names in a folder; none where it is not there."""
    try:
        return os.listdir(path)
    except FileNotFoundError:
        return []


def _write(fd: int, pieces: list[bytes]) -> None:
    """Write all of `pieces`; the system may take them in several goes."""
    left = sum(map(len, pieces))
    written = os.writev(fd, pieces)
    if written == left:
        return
    rest = memoryview(b"".join(pieces))[written:]
    while rest:
        rest = rest[os.write(fd, rest) :]


def _read(fd: int, offset: int, length: int) -> bytes:
    """Return `length` bytes from `offset`, fewer at the end of the file."""
    try:
        data = os.pread(fd, length, offset)
        while len(data) < length and (more := os.pread(fd, length - len(data), offset + len(data))):
            data += more
    except OSError as error:
        raise _refused("read", error) from None
    return data


def _refused(what: str, error: OSError) -> StoreError:
    """Return the error for what the system refused, in words that carry no name."""
    if error.errno in _FULL:
        return full()
    return StoreError(
        f"a blob cannot be {what}: {os.strerror(error.errno or 0)}",
        remedy="Check the disk of the blobs and who owns their folder.",
    )
