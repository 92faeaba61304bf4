"""The home folder: keys, journals and reports, closed to everyone but its owner."""

import os
import stat
from pathlib import Path

from scanward.errors import KeyStoreError

HOME_VARIABLE = "SCANWARD_HOME"
"""Environment variable that names the home folder."""


def find_home(given: Path | None = None) -> Path:
    """Return the home folder: `given`, else what ``SCANWARD_HOME`` names, else the platform's user data folder."""
    if given is not None:
        return given.absolute()
    named = os.environ.get(HOME_VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("scanward", appauthor=False)


def make_private_folder(path: Path) -> None:
    """Make the folder `path` with mode 0700 unless it is there, and refuse it when others can reach it.

    Raises
    ------
    KeyStoreError
        When it cannot be made, or `check_private` refuses it.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise refused("make the home folder", error) from None
    check_private(path)


def check_private(path: Path) -> None:
    """Refuse a folder or file that others can reach, or that is a link which someone else can turn.

    Raises
    ------
    KeyStoreError
        With the command that helps.
    """
    try:
        link = path.lstat()
        found = path.stat()
    except OSError as error:
        raise refused("look at the home folder", error) from None
    if stat.S_ISLNK(link.st_mode) and link.st_uid not in {os.geteuid(), 0}:
        raise KeyStoreError(
            f"{path} is a link that belongs to someone else", remedy="Name the folder itself with --home."
        )
    if found.st_mode & 0o077:
        mode = "700" if stat.S_ISDIR(found.st_mode) else "600"
        raise KeyStoreError(
            f"expected {path} to be closed to others, got mode {stat.S_IMODE(found.st_mode):04o}",
            remedy=f"If no one else had access to the key, run: chmod {mode} {path}",
        )


def flush_folder(folder: Path) -> None:
    """Make the names in `folder` outlive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def refused(what: str, error: OSError) -> KeyStoreError:
    """Return the error for what the system refused to do with the home folder."""
    return KeyStoreError(
        f"cannot {what}: {os.strerror(error.errno or 0)}",
        remedy="Check the folder named by --home or SCANWARD_HOME and who owns it.",
    )
