"""What is found in the places a person points at."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class SourceFile:
    """One file that may be DICOM.

    Attributes
    ----------
    path
        The file, or the archive it lies in.
    member
        Name of the member inside the archive at `path`; empty for a plain file.
    size
        Length in bytes (of the member, uncompressed).
    modified_ns
        Time of the last change of the file at `path`, in nanoseconds since 1970; tells whether it changed meanwhile.
    """

    path: str
    member: str = ""
    size: int
    modified_ns: int

    def __repr__(self) -> str:
        """Show no name: file and folder names often carry the patient's."""
        return f"SourceFile(<{self.size} bytes>)"


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusedFile:
    """Something found that cannot be read as a file: why, in words that carry no name."""

    path: str
    reason: str

    def __repr__(self) -> str:
        """Show no name."""
        return f"RefusedFile({self.reason!r})"
