"""The folder of the outputs (implements :class:`scanward.ports.files.ReleaseFolder`).

Trust: what is in it may leave. So nothing comes to its place but a whole, checked instance: each is written to a
staging folder on the same file system first and then renamed into place, which is one step for the file system.
"""

import os
import re
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from errno import EAGAIN, EDQUOT, EFBIG, ENOSPC, EROFS
from pathlib import Path

from scanward.errors import OutputError, ScanwardError, SourceError
from scanward.model.instance import ByteSource, CheckedInstance, DeidentifiedInstance, Piece, Placement, Range
from scanward.model.text import DocumentOutcome

MARKER = ".scanward"
"""File that says a folder was made by Scanward, so that a later run may add to it."""

STAGING = ".scanward-staging"
"""Folder inside the folder of outputs for what is not whole yet."""

DOCUMENTS = "documents"
"""Folder of a study's documents, beside those of its series."""

CHUNK_BYTES = 1 << 20
"""How much is read into memory at a time where the kernel cannot copy by itself."""

MAX_FOLDERS_REMEMBERED = 4096
"""So many folders are known to be there; then they are looked for anew."""

_MARKER_TEXT = b"De-identified instances written by Scanward. This file lets a later run add to this folder.\n"
_PART = re.compile(r"[0-9A-Za-z-][0-9A-Za-z.-]{0,127}")
_DEPTH = 4  # patient, study, series, instance
_FULL = frozenset({ENOSPC, EDQUOT, EFBIG})
_COPY_FILE_RANGE = getattr(os, "copy_file_range", None)


class OutputFolder:
    """A folder of released instances: patient / study / series / instance.dcm, all by pseudonym or new UID.

    One process calls `prepare` first and `close` last; in between any number of processes may `write`, each through
    an object of its own.

    Parameters
    ----------
    root
        The folder; made by `prepare` with mode 0700.
    durable
        Flush each file to the disk before it is renamed. Without it, `sync` flushes all that was written so far, which
        costs much less per file; what a power cut takes away before it is written again by the next run.
    """

    def __init__(self, root: Path, *, durable: bool = False) -> None:
        self._root = os.path.abspath(root)
        self._staging = os.path.join(self._root, STAGING)
        self._durable = durable
        self._made: set[str] = set()
        self._count = 0
        self._lock: int | None = None

    def prepare(self) -> None:
        """Make the folder, or take over that of an earlier run, and keep other runs out until `close`.

        Raises
        ------
        OutputError
            When it holds what Scanward did not write, is in use by another run, or cannot be made.
        """
        try:
            self._claim()
            _clear(self._staging)
            os.mkdir(self._staging, mode=0o700)
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise _output_error(error) from None
            raise

    def _claim(self) -> None:
        if os.path.exists(self._root):
            names = set(os.listdir(self._root)) if os.path.isdir(self._root) else {""}
            if names and MARKER not in names:
                raise OutputError(
                    "the folder for the outputs holds something that Scanward did not write",
                    remedy="Choose an empty or a new folder, so that what leaves is only what was checked.",
                )
        else:
            os.makedirs(self._root, mode=0o700)
        marker = os.open(os.path.join(self._root, MARKER), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        self._lock = marker
        if not _lock(marker):
            os.close(marker)
            self._lock = None
            raise OutputError(
                "another run is writing into the folder for the outputs",
                remedy="Wait until it is done, or choose another folder.",
            )
        if os.fstat(marker).st_size == 0:
            os.write(marker, _MARKER_TEXT)

    def close(self) -> None:
        """Remove the staging folder and let other runs in."""
        if self._lock is None:
            return
        with suppress(OSError, OutputError):  # only leftovers of ours, cleared by the next run
            _clear(self._staging)
        os.close(self._lock)
        self._lock = None

    def write(self, checked: CheckedInstance) -> str:
        """Put `checked` into place and return its path relative to the folder.

        Raises
        ------
        OutputError
            When the disk is full or refuses; nothing is there then that was not before.
        SourceError
            When what is copied from the input cannot be read to its end; likewise.
        """
        instance = checked.instance
        return self._put_new(*_place(instance.placement), lambda fd: _fill(fd, instance))

    def write_document(self, folder: str, name: str, document: DocumentOutcome) -> str:
        """Put a document into place, in the folder `DOCUMENTS` of its study, and return its path; raises as `write`."""
        folder = f"{folder}/{DOCUMENTS}"
        parts = (*folder.split("/"), name)
        if len(parts) != _DEPTH or any(_PART.fullmatch(part) is None for part in parts):
            raise OutputError("expected the parts of an output's path to be made of digits, letters, dots and dashes")
        return self._put_new(folder, name, lambda fd: _write(fd, document.data))

    def _put_new(self, folder: str, name: str, fill: Callable[[int], object]) -> str:
        self._count += 1
        staged = f"{self._staging}/{os.getpid()}-{self._count}"
        try:
            fd = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
            try:
                fill(fd)
                if self._durable:
                    os.fsync(fd)
            finally:
                os.close(fd)
            self._put(staged, folder, name)
        except BaseException as error:
            _remove(staged)
            if isinstance(error, OSError):
                raise _output_error(error) from None
            raise
        return f"{folder}/{name}"

    def _put(self, staged: str, folder: str, name: str) -> None:
        """Rename `staged` to its place, with the folders above it made when they are missing."""
        path = f"{self._root}/{folder}"
        if folder in self._made:
            try:
                os.rename(staged, f"{path}/{name}")
            except FileNotFoundError:
                self._made.clear()  # someone took the folder away; made again below
            else:
                return
        os.makedirs(path, exist_ok=True)
        if len(self._made) >= MAX_FOLDERS_REMEMBERED:
            self._made.clear()
        self._made.add(folder)
        os.rename(staged, f"{path}/{name}")

    def take(self, staged: str, relative: str) -> None:
        """Move a file that another folder of outputs on the same file system wrote at `relative` to its place here.

        Raises
        ------
        OutputError
            When it is not there, or cannot be moved.
        """
        folder, _, name = relative.rpartition("/")
        parts = (*folder.split("/"), name)
        if len(parts) != _DEPTH or any(_PART.fullmatch(part) is None for part in parts):
            raise OutputError("expected the path of an output, got something else")
        try:
            self._put(staged, folder, name)
        except OSError as error:
            raise _output_error(error) from None

    def withdraw(self, placement: Placement) -> None:
        """Take away what an earlier run put at `placement`, if anything.

        Raises
        ------
        OutputError
            When it cannot be taken away.
        """
        folder, name = _place(placement)
        try:
            os.unlink(f"{self._root}/{folder}/{name}")
        except FileNotFoundError:
            return
        except OSError as error:
            raise _output_error(error) from None

    def has(self, relative: str) -> bool:
        """Tell whether a file is at the path that `write` returned: an earlier run's output may have been moved."""
        return os.path.isfile(os.path.join(self._root, relative))

    def sync(self) -> None:
        """Flush everything written so far to the disk: afterwards it outlives a power cut.

        One `syncfs` of the file system stands for an `fsync` of each file and each folder, so that a unit of hundreds
        of instances costs one wait for the disk.

        Raises
        ------
        OutputError
            When the disk reports that it could not write.
        """
        try:
            fd = os.open(self._root, os.O_RDONLY | os.O_CLOEXEC)
            try:
                _syncfs(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise _output_error(error) from None


def _place(placement: Placement) -> tuple[str, str]:
    """Return folder and file name for `placement`, whose parts must be pseudonyms or UIDs."""
    parts = (placement.patient, placement.study_uid, placement.series_uid, placement.sop_instance_uid)
    for part in parts:
        if _PART.fullmatch(part) is None:
            raise OutputError("expected the parts of an output's path to be made of digits, letters, dots and dashes")
    return f"{parts[0]}/{parts[1]}/{parts[2]}", f"{parts[3]}.dcm"


def _fill(fd: int, instance: DeidentifiedInstance) -> None:
    """Write the pieces of `instance` to `fd`, and verify that as much came out as was asked for."""
    pieces = instance.pieces
    deflate_from = len(pieces) if instance.deflate_from is None else instance.deflate_from
    written = 0
    pending: list[bytes] = []
    for index, piece in enumerate(pieces):
        if index >= deflate_from:
            break
        if isinstance(piece, Range):
            if pending:
                written += _write(fd, b"".join(pending))
                pending = []
            _copy(fd, piece.source_in(instance.source), piece.offset, piece.length)
            written += piece.length
        else:
            pending.append(piece)
    if pending:
        written += _write(fd, b"".join(pending))
    if deflate_from < len(pieces):
        written += _deflate(fd, instance, deflate_from)
    if os.lseek(fd, 0, os.SEEK_CUR) != written:
        raise OutputError("an output came out shorter or longer than planned")


def _write(fd: int, data: bytes) -> int:
    """Write all of `data` and return its length."""
    done = os.write(fd, data)
    if done < len(data):
        rest = memoryview(data)[done:]
        while rest:
            rest = rest[os.write(fd, rest) :]
    return len(data)


def _copy(fd: int, source: ByteSource, offset: int, length: int) -> None:
    """Append `length` bytes of `source` from `offset` to `fd`, in the kernel where it can.

    The kernel's ways are tried in turn, since each works between some file systems only; what is left goes through
    memory, where an error is known to be the input's or the output's.
    """
    source_fd = source.fileno()
    end = offset + length
    if source_fd is not None:
        if _COPY_FILE_RANGE is not None:
            offset = _advance(lambda at: _COPY_FILE_RANGE(source_fd, fd, end - at, at), offset, end)
        if offset < end:
            offset = _advance(lambda at: os.sendfile(fd, source_fd, at, end - at), offset, end)
    for chunk in _chunks(source, offset, end):
        _write(fd, chunk)


def _advance(copy: Callable[[int], int], offset: int, end: int) -> int:
    """Call `copy` with the offset reached until `end` or until it cannot go on; return the offset reached."""
    try:
        while offset < end:
            count = copy(offset)
            if count <= 0:
                break
            offset += count
    except OSError as error:
        if error.errno in _FULL:
            raise
    return offset


def _chunks(source: ByteSource, offset: int, end: int) -> Iterator[bytes]:
    """Yield the bytes of `source` from `offset` to `end`; raises `SourceError` when they are not all there."""
    while offset < end:
        chunk = source.read(offset, min(CHUNK_BYTES, end - offset))
        if not chunk:
            raise SourceError("an input became shorter while it was being copied")
        offset += len(chunk)
        yield chunk


def _deflate(fd: int, instance: DeidentifiedInstance, first: int) -> int:
    """Write the pieces from `first` on as a raw deflate stream of even length (PS3.5 A.5); return its length."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    written = 0
    for piece in instance.pieces[first:]:
        for chunk in _piece_chunks(instance.source, piece):
            written += _write(fd, compressor.compress(chunk))
    written += _write(fd, compressor.flush())
    if written % 2:
        written += _write(fd, b"\0")
    return written


def _piece_chunks(source: ByteSource, piece: Piece) -> Iterator[bytes]:
    if isinstance(piece, Range):
        return _chunks(piece.source_in(source), piece.offset, piece.offset + piece.length)
    return iter((piece,))


def _output_error(error: OSError) -> ScanwardError:
    """Turn what the system refused into words that carry no name."""
    if error.errno in _FULL:
        return OutputError(
            "no room left on the disk of the outputs",
            remedy="Free some space and run the same command again: it goes on where it stopped.",
        )
    if isinstance(error, PermissionError) or error.errno == EROFS:
        return OutputError(
            "no permission to write into the folder for the outputs",
            remedy="Check who owns the folder and whether its disk is mounted for writing.",
        )
    return OutputError(
        f"the outputs cannot be written: {os.strerror(error.errno or 0)}",
        remedy="Check the disk of the outputs and run the same command again: it goes on where it stopped.",
    )


def _remove(path: str) -> None:
    """Remove `path` if it is there."""
    with suppress(OSError):  # not made, or cleared by the next run; never at a releasable place
        os.unlink(path)


def _clear(staging: str) -> None:
    """Remove the staging folder `staging` of a run that ended or was killed, with the files in it."""
    try:
        if not stat.S_ISDIR(os.lstat(staging).st_mode):
            raise OutputError("the staging folder among the outputs is no folder", remedy="Remove it by hand.")
    except FileNotFoundError:
        return
    with os.scandir(staging) as entries:
        for entry in entries:
            os.unlink(entry.path)
    os.rmdir(staging)


def _lock(fd: int) -> bool:
    """Take the lock on `fd`; False when another run has it. File systems without locks are taken as free."""
    import fcntl  # not needed by the processes that only write

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno != EAGAIN
    return True


def _syncfs(fd: int) -> None:
    """Flush the file system of `fd`; all of them where the system cannot flush one."""
    import ctypes  # Python has no syncfs of its own

    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        os.sync()
    elif syncfs(ctypes.c_int(fd)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
