"""Inputs from folders, single files and zip archives (implements :class:`scanward.ports.files.Sources`).

Trust: none. Names, sizes, links and contents may be hostile. Nothing is written but the members of archives, which
pass through files without a name in the spool folder.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from scanward.errors import OutputError, SourceError
from scanward.model.source import RefusedFile, SourceFile

if TYPE_CHECKING:
    from scanward.adapters.receive.archive import Archive, Member

HEAD_BYTES = 132
"""How much tells an archive from DICOM: the preamble and ``DICM`` (PS3.10 Section 7.1)."""

# O_NONBLOCK: a file that turns into a pipe between the listing and the opening must not hang the run.
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK

_DICOM_SUFFIXES = (".dcm", ".DCM", ".dicom", ".ima", ".IMA")

_KINDS = (
    (stat.S_ISFIFO, "a named pipe, not a file"),
    (stat.S_ISSOCK, "a socket, not a file"),
    (stat.S_ISCHR, "a device, not a file"),
    (stat.S_ISBLK, "a device, not a file"),
)

_REASONS = {
    errno.EACCES: "no permission to read it",
    errno.EPERM: "no permission to read it",
    errno.ENOENT: "a link to something that is not there",
    errno.ELOOP: "a link that leads back to itself",
    errno.ENAMETOOLONG: "its path is too long for this system",
    errno.EIO: "the disk reports an error reading it",
}


def _reason(error: OSError) -> str:
    """Say in words without a name why the system refused."""
    return _REASONS.get(error.errno or 0, f"it cannot be read ({errno.errorcode.get(error.errno or 0, 'error')})")


class FileSource:
    """The bytes of an open file (implements :class:`scanward.model.instance.ByteSource`)."""

    __slots__ = ("_fd", "size")

    def __init__(self, fd: int, size: int) -> None:
        self._fd = fd
        self.size = size

    def __enter__(self) -> Self:
        """Return itself; the file is open already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        os.close(self._fd)

    def fileno(self) -> int:
        """Return the file descriptor, for the kernel to copy from."""
        return self._fd

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end. Raises `SourceError`."""
        try:
            data = os.pread(self._fd, length, offset)
            if len(data) == length or offset + len(data) >= self.size:
                return data
            return self._read_on(data, offset, length)
        except OSError as error:
            raise SourceError(f"an input could not be read: {_reason(error)}") from None

    def _read_on(self, data: bytes, offset: int, length: int) -> bytes:
        """Go on after a short read: the kernel gives at most 2 GiB at once."""
        parts = [data]
        have = len(data)
        while data and have < length:
            data = os.pread(self._fd, length - have, offset + have)
            parts.append(data)
            have += len(data)
        return b"".join(parts)


def open_file(path: Path) -> FileSource:
    """Open the one file at `path`, as a context manager. Raises `SourceError`."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise SourceError(
                f"expected a file, got {'a folder' if stat.S_ISDIR(mode) else _kind_reason(mode)}",
                remedy="Name one DICOM file.",
            )
        fd = os.open(path, _OPEN_FLAGS)
        return FileSource(fd, os.fstat(fd).st_size)
    except OSError as error:
        reason = "it is not there" if error.errno == errno.ENOENT else _reason(error)
        raise SourceError(f"the file cannot be opened: {reason}") from None


class FolderSources:
    """Folders at any depth, single files and zip archives.

    Symbolic links are followed, each folder and each file counting once however many ways lead to it, so that a loop
    of links ends. A file named ``DICOMDIR`` stands for the folder it lies in.

    Parameters
    ----------
    paths
        Where to look.
    exclude
        The folder of the outputs; it must lie outside of every source and no source inside it.
    spool
        Folder for the members of archives while they are read; made when needed, mode 0700.

    Raises
    ------
    SourceError
        At once, when one of `paths` is missing.
    OutputError
        At once, when a source and the folder of the outputs overlap.
    """

    def __init__(self, paths: Sequence[Path], *, exclude: Path, spool: Path) -> None:
        self._paths = [_starting_point(path) for path in paths]
        self._exclude = exclude
        self._spool = spool
        self._archive: Archive | None = None
        out = Path(os.path.realpath(exclude))
        for path in self._paths:
            real = Path(os.path.realpath(path))
            if real == out or real in out.parents or out in real.parents:
                raise _overlap()

    def close(self) -> None:
        """Close the archive that was read last, if any; the next `open` opens it again."""
        if self._archive is not None:
            self._archive.close()
            self._archive = None

    def find(self) -> Iterator[SourceFile | RefusedFile]:
        """Yield every input once, sorted by name within its folder; raises nothing for a single bad one.

        Raises
        ------
        OutputError
            When a link inside a source leads into the folder of the outputs.
        """
        walk = _Walk(self._exclude, self._spool)
        for path in self._paths:
            yield from walk.start(path)

    def open(self, file: SourceFile) -> "FileSource | Member":
        """Open an input for random access, as a context manager; on a raise nothing stays open or spooled.

        The members of an archive are inflated as far as they are read, so that their `read` and `fileno` raise
        `SourceError` too where the archive is damaged.

        Raises
        ------
        SourceError
            When the input cannot be read or is no longer what was found.
        """
        if file.member:
            return self._open_member(file)
        try:
            fd = os.open(file.path, _OPEN_FLAGS)
        except OSError as error:
            raise SourceError(f"an input could not be opened: {_reason(error)}") from None
        found = os.fstat(fd)
        if found.st_size != file.size or found.st_mtime_ns != file.modified_ns or not stat.S_ISREG(found.st_mode):
            os.close(fd)
            raise _changed()
        return FileSource(fd, found.st_size)

    def _open_member(self, file: SourceFile) -> "Member":
        from scanward.adapters.receive.archive import Archive  # only where there is one: zipfile takes 10 ms

        archive = self._archive
        if archive is None or archive.path != file.path or archive.process != os.getpid():
            # Kept open for the next member. Not across a fork: both processes would share one position in the file.
            self.close()
            archive = self._archive = Archive(file.path, self._spool)
        if archive.modified_ns != file.modified_ns:
            raise _changed()
        return archive.open(file.member, file.size)


def _starting_point(path: Path) -> str:
    """Return where to start looking for the source `path`."""
    if not path.exists():
        raise SourceError(
            "a source is not there, or its folder may not be looked into",
            remedy="Check the spelling of each source on the command line, and the permissions.",
        )
    if path.name.upper() == "DICOMDIR" and path.is_file():
        path = path.parent
    return os.path.abspath(path)


def _overlap() -> OutputError:
    return OutputError(
        "the folder for the outputs and a source overlap",
        remedy="Choose a folder for the outputs that is neither inside of a source nor around one.",
    )


def _changed() -> SourceError:
    return SourceError(
        "an input changed while it was being read",
        remedy="Run the same command again once nothing writes into the sources any more.",
    )


class _Walk:
    """One walk over the sources: what has been met already, and the way through the folders."""

    def __init__(self, exclude: Path, spool: Path) -> None:
        self._spool = spool
        self._files: set[tuple[int, int]] = set()
        self._folders: set[tuple[int, int]] = set()
        self._out: tuple[int, int] | None = None
        if exclude.exists():
            found = os.stat(exclude)
            self._out = found.st_dev, found.st_ino

    def start(self, path: str) -> Iterator[SourceFile | RefusedFile]:
        """Yield what is found at `path` and below."""
        if not os.path.isdir(path):
            yield from self._look(path, regular=False)
            return
        levels = [self._list(path)]
        while levels:
            item = next(levels[-1], None)
            if item is None:
                levels.pop()
            elif isinstance(item, RefusedFile):
                yield item
            elif _is_folder(item):
                levels.append(self._list(item.path))
            else:
                yield from self._look(item.path, regular=item.is_file(follow_symlinks=False))

    def _list(self, folder: str) -> Iterator["os.DirEntry[str] | RefusedFile"]:
        """Yield the entries of `folder` by name, or why it cannot be listed; nothing when it was met before."""
        try:
            found = os.stat(folder)
            key = found.st_dev, found.st_ino
            if key == self._out:
                raise _overlap()
            if key in self._folders:
                return
            self._folders.add(key)
            with os.scandir(folder) as entries:
                ordered = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield RefusedFile(path=folder, reason=f"a folder that cannot be listed: {_reason(error)}")
            return
        yield from ordered

    def _look(self, path: str, *, regular: bool) -> Iterator[SourceFile | RefusedFile]:
        """Yield the file at `path`, or the members of the archive that it is, or why it is refused."""
        if regular and path.endswith(_DICOM_SUFFIXES):
            # Named as DICOM: not opened to see whether it is an archive, which halves what finding costs.
            yield from self._take(path)
            return
        try:
            # Opening a device can do things (rewind a tape), so what may be one is looked at first.
            if not regular and not stat.S_ISREG(mode := os.stat(path).st_mode):
                yield RefusedFile(path=path, reason=_kind_reason(mode))
                return
            fd = os.open(path, _OPEN_FLAGS)
        except OSError as error:
            yield RefusedFile(path=path, reason=_reason(error))
            return
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                yield RefusedFile(path=path, reason=_kind_reason(found.st_mode))
                return
            if self._is_known(found):
                return
            head = os.pread(fd, HEAD_BYTES, 0)
        except OSError as error:
            yield RefusedFile(path=path, reason=_reason(error))
            return
        finally:
            os.close(fd)
        # A Word document is an archive too, and one input.
        if head[:2] == b"PK" and not path.lower().endswith(".docx"):
            from scanward.adapters.receive.archive import is_archive, read_members

            if is_archive(head):
                yield from read_members(path, self._spool)
                return
        yield SourceFile(path=path, size=found.st_size, modified_ns=found.st_mtime_ns)

    def _take(self, path: str) -> Iterator[SourceFile | RefusedFile]:
        """Yield the regular file at `path` unopened."""
        try:
            found = os.stat(path)
        except OSError as error:
            yield RefusedFile(path=path, reason=_reason(error))
            return
        if not self._is_known(found):
            yield SourceFile(path=path, size=found.st_size, modified_ns=found.st_mtime_ns)

    def _is_known(self, found: os.stat_result) -> bool:
        """Tell whether a file was met before, under this name or another, and remember it."""
        key = found.st_dev, found.st_ino
        if key in self._files:
            return True
        self._files.add(key)
        return False


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    """Tell a folder, or a link to one; what cannot be looked at is no folder, and refused when it is opened."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _kind_reason(mode: int) -> str:
    """Name what is not a regular file."""
    return next((text for test, text in _KINDS if test(mode)), "not a regular file")
