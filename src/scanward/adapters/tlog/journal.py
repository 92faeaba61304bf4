"""The journal of a log: what is in it is durable, and all that a log publishes can be made from it again.

A file holds a head, and then records, one for each group of entries, each flushed before the next is written. Room for
records is taken ahead of them, as zeros, so that flushing one changes no metadata of the file and costs little. The
head says the tree that the file goes on from, so that no file that a log publishes is needed to go on; a new journal
takes over once the tiles of the old one are flushed.
"""

import os
import struct
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from scanward.adapters.home import flush_folder
from scanward.adapters.tlog.files import put_new, write_all
from scanward.errors import EvidenceError
from scanward.tlog.faults import LogFault
from scanward.tlog.merkle import HASH_BYTES, TILE_HEIGHT, GrowingTree
from scanward.tlog.tile import TILE_WIDTH, parse_bundle, write_bundle

FIRST_ROOM_BYTES = 64 * 1024
"""Taken ahead at first; then as much as there is, up to `MAX_ROOM_BYTES`."""

MAX_ROOM_BYTES = 1024 * 1024

_MAGIC = b"scanward log journal 1\n\n"
_HEAD = struct.Struct(f">{len(_MAGIC)}sQ{HASH_BYTES}s")
_MARK = b"SWLR"
_RECORD = struct.Struct(">4sQII")
_CHECK = struct.Struct(">I")
_RECORD_BYTES = _RECORD.size + _CHECK.size

_OPEN = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


def _widths(size: int) -> list[int]:
    """Return how many hashes the last tile of each level has."""
    widths = []
    while size:
        widths.append(size % TILE_WIDTH)
        size >>= TILE_HEIGHT
    return widths


def _encode_record(start: int, count: int, payload: bytes) -> bytes:
    head = _RECORD.pack(_MARK, start, count, len(payload))
    return head + _CHECK.pack(zlib.crc32(payload, zlib.crc32(head))) + payload


def _read_record(data: bytes, at: int) -> tuple[int, int, bytes] | None:
    """Return start, count and payload of a record; None where there is none, whole."""
    if len(data) < at + _RECORD_BYTES:
        return None
    mark, start, count, length = _RECORD.unpack_from(data, at)
    begin = at + _RECORD_BYTES
    payload = data[begin : begin + length]
    if mark != _MARK or len(payload) != length:
        return None
    (check,) = _CHECK.unpack_from(data, at + _RECORD.size)
    return (start, count, payload) if check == zlib.crc32(payload, zlib.crc32(data[at : at + _RECORD.size])) else None


class Journal:
    """A journal that is open; whoever uses it holds the lock of the log. All methods raise `OSError`.

    Parameters
    ----------
    path
        Its file.
    reading
        It is only read.

    Raises
    ------
    EvidenceError
        JOURNAL_HEAD: the head is not what it has to be.
    """

    def __init__(self, path: Path, *, reading: bool = False) -> None:
        self._fd = os.open(path, _READ if reading else _OPEN)
        try:
            self._room = os.fstat(self._fd).st_size
            self._read_head()
        except BaseException:
            os.close(self._fd)
            raise
        self._last: tuple[bytes, int] | None = None
        """The newest record that another one wrote, and where it is."""

    def _read_head(self) -> None:
        head = os.pread(self._fd, _HEAD.size, 0).ljust(_HEAD.size, b"\0")
        magic, self.start, self.root = _HEAD.unpack(head)
        widths = _widths(self.start) if magic == _MAGIC else []
        rest = os.pread(self._fd, HASH_BYTES * sum(widths) + _CHECK.size, _HEAD.size)
        hashes, check = rest[: -_CHECK.size], rest[-_CHECK.size :]
        self.edges: list[list[bytes]] = []
        at = 0
        for width in widths:
            stop = at + HASH_BYTES * width
            self.edges.append([hashes[one : one + HASH_BYTES] for one in range(at, stop, HASH_BYTES)])
            at = stop
        if check != _CHECK.pack(zlib.crc32(head + hashes)) or magic != _MAGIC or self.start % TILE_WIDTH:
            raise EvidenceError(
                LogFault.JOURNAL_HEAD, "the head of the journal is damaged", remedy="Restore the log from a backup."
            )
        if GrowingTree.from_edges(self.edges).root() != self.root:
            raise EvidenceError(LogFault.JOURNAL_HEAD, "the head of the journal does not agree with itself")
        self._end = _HEAD.size + len(rest)
        self.next = self.start

    @staticmethod
    def write(path: Path, edges: Sequence[Sequence[bytes]], entries: Sequence[bytes]) -> None:
        """Make a journal that goes on from a tree, and begins with entries; durable on return, or not there.

        Parameters
        ----------
        path
            Its file; none has this name yet.
        edges
            Hashes of the last tile of each level; none on the lowest.
        entries
            The first entries.
        """
        tree = GrowingTree.from_edges(edges)
        head = _HEAD.pack(_MAGIC, tree.size, tree.root())
        hashes = b"".join(one for edge in edges for one in edge)
        data = head + hashes + _CHECK.pack(zlib.crc32(head + hashes))
        if entries:
            data += _encode_record(tree.size, len(entries), write_bundle(entries))
        staged = path.with_name(f"{path.name}.new")
        try:
            put_new(str(staged), data + bytes(FIRST_ROOM_BYTES))
            fd = os.open(staged, _OPEN)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
            os.rename(staged, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(staged)
            raise
        flush_folder(path.parent)

    @property
    def size_bytes(self) -> int:
        """How long the journal is, up to its last record."""
        return self._end

    def is_current(self) -> bool:
        """Tell whether no other journal has taken over; look also how long the file is now."""
        found = os.fstat(self._fd)
        self._room = found.st_size
        if self._room < self._end:
            raise EvidenceError(LogFault.JOURNAL_CORRUPT, "the journal was cut off while the log was open")
        return found.st_nlink > 0

    def has_more(self) -> bool:
        """Tell whether there is anything after the last record that is known."""
        return os.pread(self._fd, _RECORD_BYTES, self._end).count(0) < min(_RECORD_BYTES, self._room - self._end)

    def read_on(self) -> list[bytes]:
        """Return the entries that are in the journal and were not read yet.

        What comes after the last whole record, as the remains of a write that was cut off, is left there: see `cut`.

        Raises
        ------
        EvidenceError
            JOURNAL_CORRUPT: a record is damaged, and one after it is not, so that it was durable once.
        """
        base = self._end
        data = os.pread(self._fd, max(0, self._room - base), base)
        entries: list[bytes] = []
        at = 0
        while (record := _read_record(data, at)) is not None and record[0] == self.next:
            _, count, payload = record
            stop = at + _RECORD_BYTES + len(payload)
            entries += parse_bundle(payload, count)
            self._last = data[at:stop], base + at
            self.next += count
            at = stop
        self._end = base + at
        self._refuse_gap(data, at)
        return entries

    def _refuse_gap(self, data: bytes, at: int) -> None:
        found = data.find(_MARK, at)
        while found >= 0:
            record = _read_record(data, found)
            if record is not None and record[0] >= self.next:
                raise EvidenceError(
                    LogFault.JOURNAL_CORRUPT,
                    "a record of the journal is damaged, and a later one is whole",
                    remedy="Restore the log from a backup or a mirror; nothing was changed.",
                )
            found = data.find(_MARK, found + 1)

    def settle(self) -> None:
        """Cut what was cut off, and make durable what others wrote; before anything is made of what was read.

        A record that is there to be read may not be on the disk: whoever wrote it was killed, or its flush failed. It
        is written once more, as a second flush of the same pages would not tell (fsync of Linux reports an error once).
        """
        data = os.pread(self._fd, max(0, self._room - self._end), self._end)
        is_torn = data.count(0) < len(data)
        if is_torn:
            os.ftruncate(self._fd, self._end)
            self._room = self._end
        if self._last is not None:
            record, at = self._last
            write_all(self._fd, record, at)
        if is_torn or self._last is not None:
            os.fsync(self._fd)
            self._last = None

    def allocate(self, payload_bytes: int) -> None:
        """Take room for a record; where there is none, all is as it was."""
        needed = self._end + _RECORD_BYTES + payload_bytes
        if needed <= self._room:
            return
        more = max(needed - self._room, min(MAX_ROOM_BYTES, max(FIRST_ROOM_BYTES, self._room)))
        try:
            write_all(self._fd, bytes(more), self._room)
        except OSError:
            with suppress(OSError):  # zeros at the end say nothing
                os.ftruncate(self._fd, self._room)
            raise
        self._room += more

    def stage(self, count: int, payload: bytes) -> None:
        """Write a record of so many entries, as a bundle has them; durable by `flush`."""
        record = _encode_record(self.next, count, payload)
        write_all(self._fd, record, self._end)
        self._end += len(record)
        self.next += count

    def flush(self) -> None:
        """Make durable what was staged."""
        os.fdatasync(self._fd)

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
