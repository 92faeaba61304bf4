"""The stations of an instance on its way through Scanward; each is made only by the stage before it.

In the file command the way is ``ReceivedInstance -> (Permit) -> DeidentifiedInstance -> CheckedInstance -> Release``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol


class ByteSource(Protocol):
    """Random access to the bytes of one input, which do not change while it is open."""

    @property
    def size(self) -> int:
        """Length in bytes."""
        ...

    def fileno(self) -> int | None:
        """File descriptor that holds the same bytes at the same offsets, or None; lets the kernel copy."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end."""
        ...


class BytesSource:
    """Bytes in memory as a source."""

    __slots__ = ("_data", "size")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def fileno(self) -> int | None:
        """There is no file."""
        return None

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end."""
        return self._data[offset : offset + length]


class Content(Enum):
    """What a range holds, so that a check knows how to look at it."""

    HEADER = "values of Attributes"
    NATIVE_PIXELS = "native pixel samples"
    CODESTREAM = "compressed pixel samples"


class Range(NamedTuple):
    """Bytes that are somewhere else: those of the source that pass through unchanged, or new ones.

    Attributes
    ----------
    offset, length
        Where they are in the source, in bytes.
    content
        What they are.
    source
        What the offset counts in, for bytes made anew that are better not held as a piece of bytes, such as frames
        coded again; None for the source of the instance.
    """

    offset: int
    length: int
    content: Content = Content.HEADER
    source: ByteSource | None = None

    def source_in(self, source: ByteSource) -> ByteSource:
        """Return what the offset counts in, in an instance that came of `source`."""
        return source if self.source is None else self.source


Piece = bytes | Range
"""A part of an output: new bytes, or a range of the source or of what was made aside."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """Where an output belongs: pseudonym and new UIDs only, so that its path tells nothing."""

    patient: str
    study_uid: str
    series_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DeidentifiedInstance:
    """An instance whose plan has been carried out in full and that nobody has checked yet.

    Attributes
    ----------
    pieces
        The whole output file in order: preamble, File Meta Information, Data Set.
    deflate_from
        Index of the first piece that has to be deflated when written (Deflated Explicit VR), or None.
    source
        What the ranges among `pieces` refer to that name no source of their own.
    placement
        Where the output belongs.
    """

    pieces: Sequence[Piece]
    deflate_from: int | None
    source: ByteSource
    placement: Placement


_SEAL = object()


class CheckedInstance:
    """An instance in whose output bytes no identifier of its input was found.

    Only :mod:`scanward.deidentify.check` makes one; the door out takes nothing else.
    """

    __slots__ = ("instance",)

    def __init__(self, instance: DeidentifiedInstance, *, _seal: object) -> None:
        if _seal is not _SEAL:
            raise TypeError("a CheckedInstance is made by scanward.deidentify.check only")
        self.instance = instance
