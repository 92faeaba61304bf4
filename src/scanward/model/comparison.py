"""What a copy of a sealed instance says of itself beside its seal: what is the same, what differs, and where."""

from dataclasses import dataclass
from enum import StrEnum

from scanward.model.seal import Grade, PixelKind


class Standing(StrEnum):
    """What a copy is to its seal, as a whole."""

    UNCHANGED = "unchanged"
    """The same file, or the same pixels and header in another coding."""

    HEADER_COERCED = "header coerced"
    """The pixels and all that is immutable are the same; names, IDs or descriptions differ."""

    ALTERED = "altered"
    """Pixels, or what is immutable in the header, differ."""

    UNREADABLE = "unreadable"
    """The pixels of the copy cannot be decoded here, so nobody can say whether they are the same."""


class Change(StrEnum):
    """What happened to an Attribute."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


class FrameFate(StrEnum):
    """What happened to a frame."""

    ALTERED = "altered"
    """Some of its tiles differ."""

    DAMAGED = "damaged"
    """It cannot be decoded."""

    MOVED = "moved"
    """It shows what was sealed as another frame."""

    ADDED = "added"
    """It shows nothing that was sealed, as far as was looked: of thousands in any order, some are not found."""

    REMOVED = "removed"
    """It was sealed and is not there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HeaderChange:
    """An Attribute that differs; its values are not told.

    Attributes
    ----------
    path
        Where, as in `HeaderLeaf`.
    name
        The Attribute, after those of the sequences that it stands in.
    grade
        What it means.
    change
        What happened to it.
    """

    path: str
    name: str
    grade: Grade
    change: Change


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameChange:
    """A frame that differs.

    Attributes
    ----------
    fate
        What happened to it.
    frame
        Which of the copy, from 0; None for one that was removed.
    sealed
        Which of the seal it shows, or would have to; None for one that was added.
    tiles
        Those that differ, counted row by row: those of a frame that is altered, and of a moved one none.
    """

    fate: FrameFate
    frame: int | None
    sealed: int | None
    tiles: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A copy beside its seal.

    Attributes
    ----------
    standing
        What it is as a whole.
    is_same_file
        Whether it is the sealed file, byte for byte.
    pixel_kind
        What the digests of pixels are of.
    are_pixels_same
        Whether the pixels are; None where nobody can say.
    why_unreadable
        Why the copy has no pixels that can be compared; empty where it has.
    form
        Names of what differs in how samples are, such as ``Rows``.
    frames
        Frames that differ.
    header
        Attributes that differ, by path.
    is_lossy_copy
        Whether the pixels differ and the copy is in a Transfer Syntax that changes them when coded.
    is_of_lossy_original
        Whether the pixels differ, and what was sealed was coded with loss and the copy is coded otherwise: decoders of
        such codings differ by a grey level, so that another decoder than that of the seal alone may be the reason.
    rows, columns, frame_count
        Of the copy; 0 where its pixels cannot be decoded.
    sealed_frame_count
        Of the seal.
    """

    standing: Standing
    is_same_file: bool
    pixel_kind: PixelKind
    are_pixels_same: bool | None
    why_unreadable: str = ""
    form: tuple[str, ...] = ()
    frames: tuple[FrameChange, ...] = ()
    header: tuple[HeaderChange, ...] = ()
    is_lossy_copy: bool = False
    is_of_lossy_original: bool = False
    rows: int = 0
    columns: int = 0
    frame_count: int = 0
    sealed_frame_count: int = 0

    @property
    def coerced(self) -> tuple[HeaderChange, ...]:
        """Attributes that an archive may have put right."""
        return tuple(change for change in self.header if change.grade is Grade.COERCIBLE)

    @property
    def altered_header(self) -> tuple[HeaderChange, ...]:
        """Attributes that nobody may change."""
        return tuple(change for change in self.header if change.grade is Grade.IMMUTABLE)
