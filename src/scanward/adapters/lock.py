"""A lock that lives as long as its process."""

import fcntl
import os
from pathlib import Path

from scanward.errors import ConfigError


class ProcessLock:
    """Keeps a second process out of a folder; a kill sets it free.

    Parameters
    ----------
    path
        The lock's file, made where it is missing.
    what
        What the second process is told that another one does.
    """

    def __init__(self, path: Path, what: str) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._fd)
            raise ConfigError(f"another process {what}", remedy="Stop it first, or choose another --home.") from None

    def release(self) -> None:
        """Let the next one in."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
