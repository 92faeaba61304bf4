"""A folder that is watched: what is put there is taken in, and removed once it is durable.

Trust: none. Whoever may write there may send. Links are not followed, neither as files nor as folders, so that nobody
can have another file read, moved or removed. A kill at any point leaves a file where it was, or taken in already:
taking it in once more is harmless.
"""

import errno
import logging
import os
import stat
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scanward.adapters.receive.archive import Archive, is_archive, read_members
from scanward.adapters.receive.folder import FileSource
from scanward.config import WatchSettings
from scanward.dicomstream.opening import open_dicom
from scanward.errors import NotDicomError, OutputError, ScanwardError, SourceError, StoreFullError
from scanward.model.instance import ByteSource
from scanward.model.source import RefusedFile
from scanward.model.study import Origin, OriginKind
from scanward.ports.intake import Intake

REFUSED: Final = "refused"
"""Folder below the watched one for what is not DICOM."""

REASON_SUFFIX: Final = ".reason.txt"

UNFINISHED: Final = (".tmp", ".part", ".partial", ".filepart", ".crdownload", "~")
"""Endings by which programs mark files that they still write; such files, and hidden ones, are left alone."""

POLL_SECONDS: Final = 1.0
"""Longest wait between two looks."""

MAX_DEPTH: Final = 32
"""Folders nested deeper are left alone."""

MAX_FAILURES: Final = 10
"""After so many files in a row that could not be stored a look is given up: the store fails, not the files."""

MAX_NAME: Final = 180
"""Characters kept of a refused file's name; with number and suffix it stays within the 255 bytes of file systems."""

_HEAD_BYTES: Final = 132
_OPEN_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
_FOLDER_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW
_NOT_DICOM: Final = "not DICOM"

_LOG = logging.getLogger(__name__)

_Mark = tuple[int, int, int]
"""Inode, length and time of change of a file: while they stay, it is the same."""


class _PutOffError(Exception):
    """Nothing can be stored at the moment; the rest of this look is put off."""


@dataclass(slots=True)
class _Seen:
    """A file as it was when it was last looked at; `is_done` when it is taken in and could not be removed."""

    mark: _Mark
    since: float
    is_done: bool = False


class FolderWatch:
    """Watches a folder with all folders below, in a thread of its own.

    Parameters
    ----------
    settings
        Which folder, and what it is called.
    intake
        Where instances go.
    spool
        Folder into which members of archives are unpacked, as secret as the instances.
    clock
        Seconds that never go back.
    """

    def __init__(
        self, settings: WatchSettings, intake: Intake, spool: Path, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._intake = intake
        self._spool = spool
        self._clock = clock
        self._origin = Origin(kind=OriginKind.FOLDER, peer=settings.name, recipient=settings.recipient)
        self._seen: dict[str, _Seen] = {}
        self._troubles: Counter[str] = Counter()
        self._failures = 0
        self._is_stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to watch, and return."""
        self._thread = threading.Thread(target=self._run, name="folder", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End watching; the file being taken in is finished."""
        self._is_stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        wait = min(POLL_SECONDS, max(self._settings.settle_seconds / 2, 0.05))
        while not self._is_stopping.is_set():
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - the next look may do better
                self._trouble(f"a fault ({type(error).__name__})")
            self._is_stopping.wait(wait)

    def look(self) -> None:
        """Look through the folder once, and take in what is whole."""
        found: dict[str, _Seen] = {}
        try:
            for folder, folders, names, descriptor in os.fwalk(self._settings.path, follow_symlinks=False):
                if folder == self._settings.path:
                    folders[:] = [name for name in folders if name != REFUSED]
                is_deep = folder.count(os.sep) - self._settings.path.count(os.sep) >= MAX_DEPTH
                folders[:] = [name for name in folders if not name.startswith(".") and not is_deep]
                for name in sorted(names):
                    if self._is_stopping.is_set():
                        return
                    self._look_at(os.path.join(folder, name), name, descriptor, found)
        except _PutOffError:
            return  # what was seen before stays known
        except OSError:
            self._trouble("the folder is not there, or cannot be read")
            return
        self._seen = found

    def _look_at(self, path: str, name: str, folder: int, found: dict[str, _Seen]) -> None:
        """Take one file in when it has not changed for long enough."""
        if name.startswith(".") or name.lower().endswith(UNFINISHED):
            return
        mark = _mark_of(name, folder)
        if mark is None:
            return
        seen = self._seen.get(path)
        if seen is None or seen.mark != mark:
            seen = self._seen[path] = _Seen(mark, self._clock())
        found[path] = seen
        if seen.is_done or self._clock() - seen.since < self._settings.settle_seconds:
            return
        try:
            reason = self._take(name, folder, mark)
        except SourceError as error:
            reason = str(error)
        except _ChangedError:
            return
        except Exception as error:  # noqa: BLE001 - whatever it was, the file stays
            self._put_off(error)
            return
        self._failures = 0
        if reason:
            self._refuse(name, folder, reason)
        elif _mark_of(name, folder) == mark:
            self._remove(name, folder, seen)

    def _put_off(self, error: Exception) -> None:
        """Leave a file for a later look; raises `_PutOffError` where the next ones would fare no better."""
        self._failures += 1
        is_full = isinstance(error, StoreFullError | OutputError)
        self._trouble("no room: files stay where they are" if is_full else f"not taken in ({type(error).__name__})")
        if is_full or self._failures >= MAX_FAILURES:
            self._failures = 0
            raise _PutOffError from None

    def _take(self, name: str, folder: int, mark: _Mark) -> str:
        """Take a file in; return why it is to be refused, empty when it is durable.

        Raises `SourceError`, `StoreError` and `OutputError`.
        """
        with _open(name, folder, mark) as source:
            if is_archive(source.read(0, _HEAD_BYTES)):
                return self._take_archive(source)
            return "" if self._take_one(source) else _NOT_DICOM

    def _take_archive(self, source: FileSource) -> str:
        """Take the members of a zip archive in; return what is to be said of those that cannot be, if any."""
        path = f"/proc/self/fd/{source.fileno()}"  # the file that was looked at, whatever its name means by now
        taken = 0
        reasons: Counter[str] = Counter()
        members = list(read_members(path, self._spool))
        if all(isinstance(member, RefusedFile) for member in members):
            return "; ".join(sorted({member.reason for member in members if isinstance(member, RefusedFile)})) or (
                "an archive without members"
            )
        archive = Archive(path, self._spool)
        try:
            for member in members:
                if isinstance(member, RefusedFile):
                    reasons[member.reason] += 1
                    continue
                try:
                    with archive.open(member.member, member.size) as content:
                        is_taken = self._take_one(content)
                except SourceError as error:
                    reasons[str(error)] += 1
                    continue
                taken += is_taken
                reasons[_NOT_DICOM] += not is_taken
        finally:
            archive.close()
        told = [f"{count} members: {reason}" for reason, count in sorted(reasons.items()) if count]
        return "; ".join([f"{taken} members were taken in", *told]) if told else ""

    def _take_one(self, content: ByteSource) -> bool:
        """Take one instance in, quarantined or not; False when it is not DICOM at all."""
        try:
            open_dicom(content, self._spool)
        except NotDicomError:
            return False
        except (SourceError, OutputError):
            raise
        except ScanwardError:
            pass  # DICOM that is not understood: the intake quarantines it
        self._intake.take(content, self._origin)
        return True

    def _remove(self, name: str, folder: int, seen: _Seen) -> None:
        try:
            os.unlink(name, dir_fd=folder)
        except OSError:
            seen.is_done = True
            self._trouble("a file that was taken in cannot be removed")

    def _refuse(self, name: str, folder: int, reason: str) -> None:
        """Move a file to the folder of refused ones, with a file beside it that says why."""
        try:
            refused = self._open_refused()
        except OSError:
            self._trouble("the folder for refused files cannot be used")
            return
        try:
            target = _free_name(refused, name)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(target + REASON_SUFFIX, flags, 0o600, dir_fd=refused)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(f"{reason}\n")
            os.rename(name, target, src_dir_fd=folder, dst_dir_fd=refused)
            self._trouble("files were refused")
        except OSError:
            self._trouble("a file could not be moved to the refused ones")
        finally:
            os.close(refused)

    def _open_refused(self) -> int:
        path = os.path.join(self._settings.path, REFUSED)
        with suppress(FileExistsError):
            os.mkdir(path, 0o700)
        return os.open(path, _FOLDER_FLAGS)

    def _trouble(self, what: str) -> None:
        """Log trouble, ever more seldom: a full disk must not be filled with words about it."""
        self._troubles[what] += 1
        count = self._troubles[what]
        if not count & (count - 1):
            _LOG.warning("watched folder: %s (%d times so far)", what, count)


class _ChangedError(Exception):
    """The file is another one than before."""


def _mark_of(name: str, folder: int) -> _Mark | None:
    """Return what tells whether a file changes; None where it is no plain file (any more)."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


@contextmanager
def _open(name: str, folder: int, mark: _Mark) -> Iterator[FileSource]:
    """Open the file that has this mark; raises `SourceError`, and `_ChangedError` when it has another."""
    try:
        descriptor = os.open(name, _OPEN_FLAGS, dir_fd=folder)
    except OSError as error:
        if error.errno in {errno.EACCES, errno.EPERM, errno.EIO}:
            raise SourceError("the file cannot be read") from None
        raise _ChangedError from None
    with FileSource(descriptor, mark[1]) as source:
        found = os.fstat(descriptor)
        if (found.st_ino, found.st_size, found.st_mtime_ns) != mark:
            raise _ChangedError
        yield source


def _free_name(folder: int, name: str) -> str:
    """Return a name like `name` that neither a file nor a reason in `folder` has."""
    stem = name[:MAX_NAME]
    while len(os.fsencode(stem)) > MAX_NAME:
        stem = stem[:-1]
    number = 0
    while True:
        candidate = f"{stem}-{number}" if number else stem
        taken = 0
        for each in (candidate, candidate + REASON_SUFFIX):
            try:
                os.stat(each, dir_fd=folder, follow_symlinks=False)
                taken += 1
            except FileNotFoundError:
                continue
        if not taken:
            return candidate
        number += 1
