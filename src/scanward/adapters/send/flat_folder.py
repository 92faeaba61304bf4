"""A folder of outputs that lie directly in it: NIfTI files, documents.

Trust: what is in it may leave. Nothing comes to its place but a whole file, as in `OutputFolder`.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from scanward.adapters.send.folder import STAGING, OutputFolder
from scanward.errors import OutputError


class FlatFolder:
    """A folder of outputs, as `OutputFolder` has it, with files directly in it.

    Parameters
    ----------
    root
        The folder; made by `prepare` with mode 0700.
    """

    def __init__(self, root: Path) -> None:
        self._root = Path(os.path.abspath(root))
        self._folder = OutputFolder(root)

    def prepare(self) -> None:
        """Make the folder, or take over that of an earlier run; errors as `OutputFolder.prepare`."""
        self._folder.prepare()

    def close(self) -> None:
        """Let other runs in."""
        self._folder.close()

    def sync(self) -> None:
        """Flush what was written to the disk; errors as `OutputFolder.sync`."""
        self._folder.sync()

    def put(self, name: str, fill: Callable[[Path], object]) -> None:
        """Put a file into place.

        Parameters
        ----------
        name
            What it is called.
        fill
            Writes it at a path that it is given.

        Raises
        ------
        OutputError
            It cannot be written; nothing is there then that was not before.
        """
        staged = self._root / STAGING / name
        try:
            fill(staged)
            os.replace(staged, self._root / name)
        except OSError as error:
            raise _unwritable(error) from None
        finally:
            with suppress(OSError):
                staged.unlink()

    def withdraw(self, pattern: str) -> None:
        """Take away what an earlier run wrote under names of a pattern (as `Path.glob`), if anything.

        Raises
        ------
        OutputError
            It cannot be taken away.
        """
        try:
            for path in self._root.glob(pattern):
                path.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(error) from None


def _unwritable(error: OSError) -> OutputError:
    return OutputError(f"the outputs cannot be written: {os.strerror(error.errno or 0)}")
