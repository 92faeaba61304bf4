"""Zip archives as inputs. Not trusted: an archive is refused, whole or by member, where what it says cannot be true.

What an archive can do to a reader, and what stands against it:

- a member that unpacks to more than the disk holds: no more than its declared size is ever unpacked, that must fit
  the disk, and only as much is unpacked as is read, so that what is not DICOM costs its first bytes only;
- a directory that does not fit into memory: `MAX_DIRECTORY_BYTES`, `MAX_MEMBERS`;
- members that share their bytes (overlapping), archives within archives: refused;
- names that lead elsewhere: names of members never become names of files.
"""

import os
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from io import BufferedReader, FileIO
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from scanward.errors import OutputError, SourceError
from scanward.model.source import RefusedFile, SourceFile

SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")
"""How a zip file begins, with members or without (APPNOTE 6.3.10, 4.3.7 and 4.3.16)."""

MAX_MEMBERS = 1_000_000
"""More members than this are refused: their list alone would fill the memory."""

MAX_DIRECTORY_BYTES = 96 << 20
"""Longest central directory: a million members with names of 50 characters."""

MAX_DEFLATE_RATIO = 1032
"""What deflate makes of the best case, 258 bytes from 2 bits (RFC 1951 Section 3.2.5); more is a lie."""

SUSPECT_RATIO = 100
"""An archive that unpacks to more than this many times its size *and* more than the free disk is a bomb."""

CHUNK_BYTES = 1 << 20
"""How much is unpacked at a time at most."""

HEAD_BYTES = 64 << 10
"""How much is unpacked at least: most headers need no second look."""

_LOCAL_HEADER_BYTES = 30
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

# What zipfile raises on damaged archives: besides its own error, those of struct, zlib, codecs and lookups.
_ZIP_ERRORS = (zipfile.BadZipFile, ValueError, EOFError, RuntimeError, LookupError, zlib.error, OSError)

_DAMAGED = "a zip archive that is damaged"


def is_archive(head: bytes) -> bool:
    """Tell whether a file that begins with `head` (132 bytes) is a zip archive and not DICOM."""
    return head[:4] in SIGNATURES and head[128:132] != b"DICM"


class _BoundedReader(BufferedReader):
    """A file that gives no more than `MAX_DIRECTORY_BYTES` at once: `zipfile` reads the directory in one go."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_DIRECTORY_BYTES:
            raise zipfile.BadZipFile("directory too long")
        return super().read(size)


def _open_zip(path: str) -> tuple[IO[bytes], zipfile.ZipFile]:
    """Open the archive at `path`; raises what `zipfile` raises, with nothing left open."""
    stream = _BoundedReader(FileIO(path))
    try:
        return stream, zipfile.ZipFile(stream)
    except BaseException:
        stream.close()
        raise


def read_members(path: str, spool: os.PathLike[str]) -> Iterator[SourceFile | RefusedFile]:
    """Yield the members of the archive at `path` in the order of its directory, or why it or they are refused."""
    try:
        stream, archive = _open_zip(path)
    except _ZIP_ERRORS:
        yield RefusedFile(path=path, reason=_DAMAGED)
        return
    with stream, archive:
        # `ZipInfo.is_dir` fails where a member has no name.
        members = [one for one in archive.infolist() if one.file_size or not one.filename.endswith("/")]
        found = os.fstat(stream.fileno())
        reason = _whole_reason(members, found.st_size, _free_bytes(spool))
        if reason:
            yield RefusedFile(path=path, reason=reason)
            return
        names = Counter(member.filename for member in members)
        for member in members:
            reason = _member_reason(member, names) or _content_reason(archive, member)
            if reason:
                yield RefusedFile(path=path, reason=reason)
            else:
                yield SourceFile(
                    path=path, member=member.filename, size=member.file_size, modified_ns=found.st_mtime_ns
                )


def _whole_reason(members: Sequence[zipfile.ZipInfo], size: int, free: int) -> str:
    """Say why an archive of `size` bytes is refused as a whole, with `free` bytes on the disk; empty when it is not."""
    if len(members) > MAX_MEMBERS:
        return f"a zip archive with more than {MAX_MEMBERS:,} members"
    end = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < end:
            return "a zip archive whose members overlap, as in a zip bomb"
        end = member.header_offset + _LOCAL_HEADER_BYTES + len(member.orig_filename) + member.compress_size
    total = sum(member.file_size for member in members)
    if total > SUSPECT_RATIO * size and total > free:
        return "a zip archive that unpacks to more than the disk holds, as a zip bomb does"
    return ""


def _member_reason(member: zipfile.ZipInfo, names: Counter[str]) -> str:
    """Say why `member` is refused for what the directory says of it; empty when it is not."""
    if not member.filename:
        return "an archive member without a name"
    if names[member.filename] > 1:
        return "an archive member whose name is there more than once"
    if member.flag_bits & _ENCRYPTED:
        return "an archive member that is encrypted"
    if member.compress_type not in _METHODS:
        return "an archive member with a compression other than stored or deflated"
    if member.file_size > MAX_DEFLATE_RATIO * (member.compress_size + 1):
        return "an archive member that claims to unpack to more than it can"
    return ""


def _content_reason(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> str:
    """Say why `member` is refused for how it begins; empty when it is not."""
    try:
        with archive.open(member) as stream:
            return "an archive inside of an archive" if is_archive(stream.read(132)) else ""
    except _ZIP_ERRORS:
        return "an archive member that is damaged"


def _free_bytes(folder: os.PathLike[str]) -> int:
    """Return what is free on the disk of `folder`, made when it is missing (mode 0700). Raises `OutputError`."""
    try:
        Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        disk = os.statvfs(folder)
    except OSError:
        raise OutputError(
            "the folder that archives are unpacked into cannot be used",
            remedy="Check that the disk of the home folder is there and can be written to.",
        ) from None
    return disk.f_bavail * disk.f_frsize


class Archive:
    """An open zip archive, from which members are read one after another or several at once.

    Raises
    ------
    SourceError
        When it cannot be opened.
    """

    def __init__(self, path: str, spool: os.PathLike[str]) -> None:
        self.path = path
        self.process = os.getpid()
        self._spool = spool
        try:
            self._stream, self._zip = _open_zip(path)
        except _ZIP_ERRORS:
            raise SourceError("expected a zip archive, got a damaged one") from None
        self.modified_ns = os.fstat(self._stream.fileno()).st_mtime_ns

    def close(self) -> None:
        """Close the archive; members that are open cannot be read on."""
        self._zip.close()
        self._stream.close()

    def open(self, name: str, size: int) -> "Member":
        """Open the member `name`, which has `size` bytes.

        Raises
        ------
        SourceError
            When it is not as found, or damaged.
        OutputError
            When the disk of the spool folder has no room for it.
        """
        try:
            info = self._zip.getinfo(name)
            if info.file_size != size:
                raise SourceError("an archive changed while it was being read")
            if size > _free_bytes(self._spool):
                raise _full()
            return Member(self._zip.open(info), tempfile.TemporaryFile(buffering=0, dir=self._spool), size)
        except _ZIP_ERRORS:
            raise _damaged_member() from None


class Member:
    """The bytes of a member (implements :class:`scanward.model.instance.ByteSource`).

    Unpacked as far as it is read, into a file in the spool folder that has no name, so that a kill leaves none behind.
    """

    __slots__ = ("_have", "_spooled", "_stream", "size")

    def __init__(self, stream: IO[bytes], spooled: IO[bytes], size: int) -> None:
        self._stream = stream
        self._spooled = spooled
        self._have = 0
        self.size = size

    def __enter__(self) -> Self:
        """Return itself; the member is open already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the member; what was unpacked is gone."""
        self._stream.close()
        self._spooled.close()

    def fileno(self) -> int:
        """Return a file descriptor with the whole member. Raises `SourceError`, `OutputError`."""
        self._unpack(self.size)
        return self._spooled.fileno()

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end. Raises `SourceError`, `OutputError`."""
        length = min(length, self.size - offset)
        if length <= 0:
            return b""
        self._unpack(offset + length)
        return os.pread(self._spooled.fileno(), length, offset)

    def _unpack(self, end: int) -> None:
        """Unpack until `end` bytes are there."""
        while self._have < end:
            try:
                chunk = self._stream.read(min(max(end - self._have, HEAD_BYTES), CHUNK_BYTES, self.size - self._have))
            except _ZIP_ERRORS:
                raise _damaged_member() from None
            if not chunk:
                raise _damaged_member()
            self._keep(chunk)
            self._have += len(chunk)

    def _keep(self, chunk: bytes) -> None:
        """Write `chunk` to the end of what was unpacked."""
        rest = memoryview(chunk)
        try:
            while rest:
                rest = rest[os.write(self._spooled.fileno(), rest) :]
        except OSError:
            raise _full() from None


def _damaged_member() -> SourceError:
    return SourceError("expected an archive member as the archive describes it, got a damaged one")


def _full() -> OutputError:
    return OutputError(
        "no room on the disk to unpack an archive member",
        remedy="Free some space on the disk of the home folder, or choose another with --home, and run it again.",
    )
