"""A folder that the recipient reads, as a door out (implements :class:`scanward.ports.network.Sender`).

Trust: whatever comes to its place in there has left. Each file is written to a staging folder inside it, flushed, and
renamed, so that the recipient never sees half a file. The folder may be a share that others write to as well: links in
it are not followed, so that no file ends up where the endpoint does not say.
"""

import os
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from errno import EDQUOT, EFBIG, ELOOP, ENOSPC, ENOTDIR
from pathlib import Path
from typing import NamedTuple

from scanward.adapters.send.outgoing import UNREADABLE, exact_chunks, find_path_parts, report, report_all
from scanward.errors import NetworkError, StoreError
from scanward.model.agreement import FolderEndpoint
from scanward.model.release import Delivery, DeliveryReport
from scanward.ports.network import Outgoing

STAGING = ".scanward-staging"
"""Folder inside the recipient's folder for what is not whole yet."""

STALE_SECONDS = 24 * 3600
"""A staged file that has not changed for so long was left by a process that was killed."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Ended(NamedTuple):
    """How putting a file into a folder ended: never `Delivery.REFUSED`."""

    delivery: Delivery
    detail: str = ""


class DropFolder:
    """A folder into which whole files are put, each in one step.

    Parameters
    ----------
    path
        The folder; has to be there: a folder made anew could be the empty place of a share that is not mounted.
    """

    def __init__(self, path: Path) -> None:
        self._path = os.path.abspath(path)

    @contextmanager
    def open(self) -> Iterator["OpenDrop"]:
        """Open the folder for putting files into it; raises `NetworkError` when it cannot be used."""
        try:
            root = os.open(self._path, _FOLDER)
        except OSError as error:
            raise NetworkError(_words(error), remedy="Check that the folder is there and mounted.") from None
        try:
            staging = _enter(root, STAGING, mode=0o700)
        except OSError as error:
            os.close(root)
            raise NetworkError(_words(error), remedy="Check who may write into the folder.") from None
        try:
            _sweep(staging)
            yield OpenDrop(root, staging)
        finally:
            os.close(staging)
            os.close(root)


class OpenDrop:
    """A `DropFolder` while it is open; holds two file descriptors of its opener."""

    def __init__(self, root: int, staging: int) -> None:
        self._root = root
        self._staging = staging

    def put(self, parts: Sequence[str], fill: Callable[[int], None]) -> Ended:
        """Put a file at the path that `parts` make, in place of what is there.

        Parameters
        ----------
        parts
            Folders and name; have to be known to be harmless.
        fill
            Writes the content to the file descriptor given. What it raises comes out, but for `OSError`, which is taken
            for the folder's; nothing is left then.
        """
        staged = secrets.token_hex(16)
        try:
            self._stage(staged, fill)
            return self._publish(staged, parts)
        except Exception as error:
            if not self._discard(staged):
                return Ended(Delivery.UNKNOWN, "a part of a file may have stayed in the recipient's folder")
            if isinstance(error, OSError):
                return Ended(Delivery.NOT_SENT, _words(error))
            raise

    def _stage(self, staged: str, fill: Callable[[int], None]) -> None:
        fd = os.open(staged, _NEW_FILE, 0o666, dir_fd=self._staging)
        try:
            fill(fd)
            os.fsync(fd)
        finally:
            os.close(fd)

    def _publish(self, staged: str, parts: Sequence[str]) -> Ended:
        """Rename the staged file to its place, and have the disk keep the names on the way there.

        Raises `OSError` only while the file is in staging for certain.
        """
        folders: list[int] = []
        try:
            for part in parts[:-1]:
                folders.append(_enter(folders[-1] if folders else self._root, part, mode=0o777))
            last = folders[-1] if folders else self._root
            os.rename(staged, parts[-1], src_dir_fd=self._staging, dst_dir_fd=last)
            for folder in (*reversed(folders), self._root):
                os.fsync(folder)
        except OSError as error:
            if self._is_staged(staged):
                raise
            return Ended(Delivery.UNKNOWN, _words(error))
        finally:
            for folder in folders:
                os.close(folder)
        return Ended(Delivery.CONFIRMED)

    def _is_staged(self, staged: str) -> bool:
        """Whether the file is still in staging for certain, so that it did not come to its place."""
        try:
            os.stat(staged, dir_fd=self._staging, follow_symlinks=False)
        except OSError:
            return False
        return True

    def _discard(self, staged: str) -> bool:
        """Remove a staged file; False when it may have stayed, where the recipient can read it."""
        try:
            os.unlink(staged, dir_fd=self._staging)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True


class FolderSender:
    """Sends into a folder: patient / study / series / instance.dcm, by pseudonyms and new UIDs.

    Parameters
    ----------
    endpoint
        The folder.
    """

    def __init__(self, endpoint: FolderEndpoint) -> None:
        self._folder = DropFolder(Path(endpoint.path))

    def send(self, files: Sequence[Outgoing]) -> Iterator[DeliveryReport]:
        """Put each file to its place; what is there under its name is replaced."""
        try:
            with self._folder.open() as folder:
                for file in files:
                    yield _drop(folder, file)
        except NetworkError as error:
            yield from report_all(files, Delivery.NOT_SENT, str(error))


def _drop(folder: OpenDrop, file: Outgoing) -> DeliveryReport:
    parts = find_path_parts(file)
    if parts is None:
        return report(file, Delivery.REFUSED, "the path of the file is not made of pseudonyms and UIDs")
    try:
        ended = folder.put(parts, lambda fd: write_chunks(fd, exact_chunks(file)))
    except StoreError:
        return report(file, Delivery.NOT_SENT, UNREADABLE)
    return report(file, ended.delivery, ended.detail)


def write_chunks(fd: int, chunks: Iterable[bytes]) -> None:
    """Write all of `chunks` to `fd`."""
    for chunk in chunks:
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(fd, rest) :]


def _enter(parent: int, name: str, *, mode: int) -> int:
    """Open the folder `name` in `parent`, made when it is missing; a link is no folder."""
    try:
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)
    except FileNotFoundError:
        with suppress(FileExistsError):  # another sender made it meanwhile
            os.mkdir(name, mode=mode, dir_fd=parent)
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)


def _sweep(staging: int) -> None:
    """Remove what killed processes left in `staging`."""
    oldest = time.time() - STALE_SECONDS
    with suppress(OSError):  # tidying only; tried again the next time
        for name in os.listdir(staging):
            found = os.stat(name, dir_fd=staging, follow_symlinks=False)
            if stat.S_ISREG(found.st_mode) and found.st_mtime < oldest:
                os.unlink(name, dir_fd=staging)


def _words(error: OSError) -> str:
    """Return why the system refused, without a name."""
    if error.errno in {ENOSPC, EDQUOT, EFBIG}:
        return "no room left in the recipient's folder"
    if error.errno in {ELOOP, ENOTDIR}:
        return "a link or a file is in the place of a folder in the recipient's folder"
    return f"the recipient's folder cannot be used: {os.strerror(error.errno or 0)}"
