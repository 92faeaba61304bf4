"""Checking all of a log: every hash is made again from the entries, and held against what is there."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from scanward.adapters.tlog.files import JOURNAL, read_file, refused
from scanward.adapters.tlog.journal import Journal
from scanward.adapters.tlog.reader import CHECKPOINT, FolderReader, MissingError
from scanward.errors import EvidenceError, StoreError
from scanward.ports.audit import Disagreement
from scanward.tlog.checkpoint import Checkpoint, Policy
from scanward.tlog.merkle import HASH_BYTES, leaf_hash
from scanward.tlog.tile import (
    TILE_WIDTH,
    GrowingTiles,
    parse_tile,
    parse_tile_path,
    tile_path,
    tile_width,
    write_bundle,
)

_RESTORE = "Restore the folder of the log from its newest backup or mirror; keep the damaged one as evidence."
_OPEN = "Start the gateway: opening the log publishes what is durable, and writes its tiles again."


def check_log(folder: Path, policy: Policy) -> Iterator[Disagreement]:
    """Yield what is not as it has to be in the log of a folder. Reads only, and what writers do meanwhile is no matter.

    Parameters
    ----------
    folder
        The log, or a mirror of it, which has no journal.
    policy
        Who has to have signed the checkpoint.

    Raises
    ------
    StoreError
        The folder cannot be read at all.
    """
    try:
        with _writers_waiting(folder):
            check = _Check(folder, policy.verify(FolderReader(folder).checkpoint()).checkpoint)
            told = list(check.read_journal())
        yield from told
        yield from check.check_tiles()
        with _writers_waiting(folder):
            newest = policy.verify(FolderReader(folder).checkpoint()).checkpoint
            told = list(check.check_names(newest.size))
        yield from told
    except EvidenceError as error:
        yield Disagreement(what=str(error), subject=CHECKPOINT, remedy=_RESTORE)
    except MissingError as error:
        yield Disagreement(what=str(error), subject=CHECKPOINT, remedy=_RESTORE)


@contextmanager
def _writers_waiting(folder: Path) -> Iterator[None]:
    try:
        fd = os.open(folder / JOURNAL / "lock", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        yield  # a mirror
        return
    except OSError as error:
        raise refused("check the log", error) from None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH)
        yield
    finally:
        os.close(fd)


class _Check:
    """One run over a log, as it is at a checkpoint, with the tree as the entries make it."""

    def __init__(self, folder: Path, checkpoint: Checkpoint) -> None:
        self._folder = folder
        self._checkpoint = checkpoint
        self._reader = FolderReader(folder)
        self._tiles = GrowingTiles()
        self._journal_start = checkpoint.size
        self._journal_entries: Sequence[bytes] = ()
        self._journal_root = b""

    def check_tiles(self) -> Iterator[Disagreement]:
        """Make every tile again from the entries, and hold it against what is there."""
        for index in range(-(-self._checkpoint.size // TILE_WIDTH)):
            yield from self._check_bundle(index)
        for level, index, width, data in self._tiles.partial():
            yield from self._check_tile(level, index, width, data)
        if self._tiles.tree.root() != self._checkpoint.root:
            yield Disagreement(
                what="the entries do not make the root of the checkpoint", subject=CHECKPOINT, remedy=_RESTORE
            )

    def read_journal(self) -> Iterator[Disagreement]:
        """Read what the journal has of what the checkpoint covers."""
        names: list[str] = []
        with suppress(OSError):
            names = sorted(name for name in os.listdir(self._folder / JOURNAL) if name.isdecimal())
        if not names:
            if (self._folder / JOURNAL).exists():
                yield Disagreement(what="the journal of the log is missing", subject=JOURNAL, remedy=_RESTORE)
            return
        try:
            journal = Journal(self._folder / JOURNAL / names[-1], reading=True)
        except EvidenceError as error:
            yield Disagreement(what=str(error), subject=JOURNAL, remedy=_RESTORE)
            return
        except OSError as error:
            raise refused("check the log", error) from None
        size = self._checkpoint.size
        try:
            entries = journal.read_on()
            if journal.next < size or journal.start > size:
                what = "the checkpoint covers entries that the journal lost, or was put back to an older one"
                yield Disagreement(what=what, subject=JOURNAL, remedy=_RESTORE)
                return
            if journal.next > size:
                what = f"{journal.next - size} entries are durable and no checkpoint covers them"
                yield Disagreement(what=what, subject=JOURNAL, remedy=_OPEN)
            self._journal_start, self._journal_root = journal.start, journal.root
            self._journal_entries = entries[: size - journal.start]
        except EvidenceError as error:
            yield Disagreement(what=str(error), subject=JOURNAL, remedy=_RESTORE)
        finally:
            journal.close()

    def _check_bundle(self, index: int) -> Iterator[Disagreement]:
        """Check a bundle of entries, and the tiles that are full by it."""
        start = index * TILE_WIDTH
        width = tile_width(0, index, self._checkpoint.size)
        name = tile_path(None, index, width)
        if start == self._journal_start and self._journal_root not in {b"", self._tiles.tree.root()}:
            yield Disagreement(what="the journal goes on from another tree", subject=JOURNAL, remedy=_RESTORE)
        mine = self._journal_entries[start - self._journal_start :][:width] if start >= self._journal_start else []
        theirs = [leaf_hash(entry) for entry in mine]
        try:
            leaves = [leaf_hash(entry) for entry in self._reader.entries(index, width)]
            if mine and theirs != leaves:
                yield Disagreement(what="entries are not those of the journal", subject=name, remedy=_RESTORE)
        except (EvidenceError, StoreError) as error:
            yield Disagreement(what=str(error), subject=name, remedy=_OPEN if mine else _RESTORE)
            leaves = theirs or self._leaves_otherwise(index, width)
        for level, tile, data in self._tiles.grow(leaves):
            yield from self._check_tile(level, tile, TILE_WIDTH, data)

    def _leaves_otherwise(self, index: int, width: int) -> list[bytes]:
        """Return what the tile says of entries that cannot be read, so that the rest can be checked."""
        try:
            return parse_tile(self._reader.tile(0, index, width), width)
        except (EvidenceError, StoreError):
            return [bytes(HASH_BYTES)] * width

    def _check_tile(self, level: int, index: int, width: int, data: bytes) -> Iterator[Disagreement]:
        name = tile_path(level, index, width)
        try:
            if self._reader.tile(level, index, width) == data:
                return
            what = "the tile is not what the entries make"
        except StoreError as error:
            what = str(error)
        yield Disagreement(what=what, subject=name, remedy=_RESTORE)

    def check_names(self, size: int) -> Iterator[Disagreement]:
        """Yield files that are no part of a log of this size, and narrower tiles that do not begin the wider one."""
        for folder, _, names in os.walk(self._folder / "tile"):
            for name in sorted(names):
                path = os.path.join(folder, name)
                relative = os.path.relpath(path, self._folder)
                what = self._judge(path, relative, size)
                if what:
                    yield Disagreement(what=what, subject=relative, remedy="Remove the file.")

    def _judge(self, path: str, relative: str, size: int) -> str:
        try:
            level, index, width = parse_tile_path(relative)
        except EvidenceError:
            return "the file is no part of the log"
        whole = tile_width(level or 0, index, size)
        if width > whole:
            return "the tile covers entries that the checkpoint does not"
        if width == whole:
            return ""  # looked at above
        try:
            if level is None:
                expected = write_bundle(self._reader.entries(index, whole)[:width])
            else:
                expected = self._reader.tile(level, index, whole)[: width * HASH_BYTES]
            is_begin = read_file(path, len(expected)) == expected
        except (OSError, EvidenceError, StoreError):
            return ""  # what is wrong with the wider one is told above
        return "" if is_begin else "the tile is not how the wider one begins"
