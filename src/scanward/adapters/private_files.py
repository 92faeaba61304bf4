"""Files that tell who somebody is, for their owner alone."""

import os
from pathlib import Path


def write_private(path: Path, data: bytes) -> None:
    """Write a file that its owner alone may read; it is there whole or not at all. Raises `OSError`."""
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fd = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
        staged.replace(path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
