"""The folder of the outputs of `scanward deface`.

Trust: what is in it may leave. Nothing comes to its place but a whole, checked file, as in `OutputFolder`.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from scanward.adapters.send.folder import STAGING, OutputFolder
from scanward.errors import OutputError

if TYPE_CHECKING:
    from scanward.adapters.nifti import NiftiScan
    from scanward.deidentify.faces.write import VolumePatch


class NiftiFolder:
    """A folder of outputs, as `OutputFolder` has it, with NIfTI files directly in it.

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

    def write(self, scan: "NiftiScan", patches: "Mapping[int, VolumePatch]", name: str) -> None:
        """Put a file into place.

        Raises
        ------
        OutputError
            It cannot be written; nothing is there then that was not before.
        """
        from scanward.adapters.nifti import write_nifti

        staged = self._root / STAGING / name
        try:
            write_nifti(scan, patches, staged)
            os.replace(staged, self._root / name)
        except OSError as error:
            raise OutputError(f"the outputs cannot be written: {os.strerror(error.errno or 0)}") from None
        finally:
            with suppress(OSError):
                staged.unlink()

    def withdraw(self, name: str) -> None:
        """Take away what an earlier run wrote under a name, if anything.

        Raises
        ------
        OutputError
            It cannot be taken away.
        """
        try:
            (self._root / name).unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"the outputs cannot be written: {os.strerror(error.errno or 0)}") from None
