"""Where NIfTI files come from."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scanward.adapters.receive.folder import FolderSources
from scanward.errors import SourceError
from scanward.model.source import RefusedFile

ENDS: Final = (".nii.gz", ".nii", ".hdr")
"""What files are named that are looked at, the header of a pair among them."""

_VALUES_ENDS: Final = (".img", ".img.gz")

AN_ARCHIVE: Final = "in an archive: unpack it first"
A_DICOM_FILE: Final = "a DICOM file, whose face scanward deidentify takes out"
VALUES_OF_A_PAIR: Final = "values of a pair, read with its header"
ANOTHER: Final = "another kind of file"

_PREAMBLE_BYTES: Final = 128
_CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundFile:
    """A file that was found.

    Attributes
    ----------
    path
        Where it lies.
    size
        In bytes.
    left_aside
        Why it is not looked at; empty where it is.
    """

    path: Path
    size: int
    left_aside: str = ""

    def __repr__(self) -> str:
        """Show no name."""
        return f"FoundFile(<{self.size} bytes>)"


def find_files(sources: tuple[Path, ...], *, exclude: Path, spool: Path) -> Iterator[FoundFile]:
    """Yield each file in `sources` once, by name within its folder.

    Parameters
    ----------
    sources
        Folders and files.
    exclude
        The folder of the outputs, which must lie outside of them.
    spool
        Folder for the tables of archives.

    Raises
    ------
    SourceError
        A source is missing, or a file named as one is no NIfTI file.
    OutputError
        A source and the folder of the outputs overlap.
    """
    named = {os.path.abspath(path) for path in sources}
    folder = FolderSources(sources, exclude=exclude, spool=spool)
    for file in folder.find():
        if isinstance(file, RefusedFile):
            yield FoundFile(path=Path(file.path), size=0, left_aside=file.reason)
            continue
        reason = AN_ARCHIVE if file.member else _left_aside(Path(file.path))
        if reason and file.path in named:
            raise SourceError(
                f"expected NIfTI, got {reason}",
                remedy="scanward deidentify takes DICOM." if reason == A_DICOM_FILE else "",
            )
        path = Path(file.path, file.member) if file.member else Path(file.path)
        yield FoundFile(path=path, size=file.size, left_aside=reason)


def _left_aside(path: Path) -> str:
    if is_nifti_name(path.name):
        return ""
    if path.name.lower().endswith(_VALUES_ENDS):
        return VALUES_OF_A_PAIR
    try:
        with path.open("rb") as file:
            head = file.read(_PREAMBLE_BYTES + 4)
    except OSError:
        return ANOTHER
    return A_DICOM_FILE if head[_PREAMBLE_BYTES:] == b"DICM" else ANOTHER


def is_nifti_name(path: str) -> bool:
    """Whether a file is named as NIfTI is."""
    return path.lower().endswith(ENDS)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, of a pair that of both of its files, by which its output is named.

    Raises
    ------
    SourceError
        It cannot be read.
    """
    digest = hashlib.sha256()
    try:
        for one in _parts(path):
            with one.open("rb") as file:
                while chunk := file.read(_CHUNK_BYTES):
                    digest.update(chunk)
    except OSError:
        raise SourceError("expected a NIfTI file, got one that cannot be read to its end") from None
    return digest.hexdigest()


def _parts(path: Path) -> tuple[Path, ...]:
    from scanward.adapters.nifti import find_values

    return (path, find_values(path)) if path.name.lower().endswith(".hdr") else (path,)
