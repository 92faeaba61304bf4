"""The folder of the outputs of `scanward text`.

Trust: what is in it may leave. Nothing comes to its place but a whole, cleaned document, as in `OutputFolder`.
"""

import os
from contextlib import suppress
from pathlib import Path

from scanward.adapters.send.folder import STAGING, OutputFolder
from scanward.errors import OutputError


class DocumentFolder:
    """A folder of outputs, as `OutputFolder` has it, with documents directly in it.

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

    def write(self, data: bytes, name: str) -> None:
        """Put a document into place.

        Raises
        ------
        OutputError
            It cannot be written; nothing is there then that was not before.
        """
        staged = self._root / STAGING / name
        try:
            staged.write_bytes(data)
            os.replace(staged, self._root / name)
        except OSError as error:
            raise OutputError(f"the outputs cannot be written: {os.strerror(error.errno or 0)}") from None
        finally:
            with suppress(OSError):
                staged.unlink()

    def withdraw(self, stem: str) -> None:
        """Take away what an earlier run wrote under a name, whatever its ending.

        Raises
        ------
        OutputError
            It cannot be taken away.
        """
        try:
            for path in self._root.glob(f"{stem}.*"):
                path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"the outputs cannot be written: {os.strerror(error.errno or 0)}") from None
