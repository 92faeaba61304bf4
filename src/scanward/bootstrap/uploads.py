"""Opens what somebody uploaded, a DICOM file or a zip archive, as a place to find inputs in."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from scanward.adapters.receive.folder import FolderSources
from scanward.ports.files import Sources

NOWHERE = Path("/nonexistent")
"""Uploads write no outputs, so there is no folder to keep out of."""


@contextlib.contextmanager
def open_upload(path: Path, spool: Path) -> Iterator[Sources]:
    """Open the upload at `path`; members of archives are spooled in `spool`."""
    sources = FolderSources([path], exclude=NOWHERE, spool=spool)
    try:
        yield sources
    finally:
        sources.close()
