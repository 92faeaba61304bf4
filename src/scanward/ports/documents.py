"""What opens PDF documents and shows their pages. Trusted to show, never to decide, and never to write."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from scanward.ports.engines import Picture


class Box(NamedTuple):
    """A rectangle in pixels of a page as it is shown; rows count from the top."""

    left: float
    top: float
    right: float
    bottom: float


class PdfChar(NamedTuple):
    """A character that a page says it has.

    Attributes
    ----------
    text
        What it is said to be; empty where the page does not say.
    ink
        Where its strokes are; None for one that the engine put between others, such as a space.
    cell
        Where it stands in its line: as high as all of its font.
    angle
        By how much its line is turned clockwise from level, in degrees.
    is_drawn
        Whether the page asks for it to be drawn; something else may cover it all the same.
    """

    text: str
    ink: Box | None
    cell: Box | None
    angle: float
    is_drawn: bool = True


class MarkKind(StrEnum):
    """What a page draws besides text."""

    IMAGE = "image"
    """Rows of samples."""
    RULE = "rule"
    """A long level or upright line, or the frame or filling of a box."""
    DRAWING = "drawing"
    """Anything else: curves, short strokes, shadings. Letters may be drawn so."""


class PdfMark(NamedTuple):
    """Something that a page draws besides text.

    Attributes
    ----------
    kind
        What it is.
    box
        Where, clipping apart.
    """

    kind: MarkKind
    box: Box


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PdfPage:
    """A page as a viewer shows it: turned and cropped, annotations and filled forms drawn.

    Attributes
    ----------
    width_pt, height_pt
        Its size as shown, in points.
    picture, without_text
        It, and it with no text objects drawn; of one shape.
    chars
        The characters that it says it has, seen or not, in the order of the document.
    marks
        What it draws besides.
    """

    width_pt: float
    height_pt: float
    picture: Picture
    without_text: Picture
    chars: Sequence[PdfChar]
    marks: Sequence[PdfMark]

    def __repr__(self) -> str:
        """Tell numbers only, so that no traceback or log shows a value."""
        return f"PdfPage(<{len(self.chars)} characters>)"


class PdfDocument(Protocol):
    """An open document."""

    @property
    def page_count(self) -> int:
        """How many pages it has; one at least."""
        ...

    @property
    def extras(self) -> Sequence[str]:
        """What it carries besides what its pages show, in words and numbers; no values."""
        ...

    @property
    def info(self) -> Sequence[tuple[str, str]]:
        """What its metadata says of itself, such as ``("Author", ...)``."""
        ...

    def read_text(self, index: int) -> str:
        """Return the text that a page says it has, seen or not; for the search only.

        Raises
        ------
        DocumentError
            It cannot be read within the limits.
        """
        ...

    def show(self, index: int) -> PdfPage:
        """Return a page as it is shown.

        Raises
        ------
        DocumentError
            It cannot be shown within the limits of time, memory and size.
        """
        ...


class PdfEngine(Protocol):
    """Opens PDF documents, whatever they were made for; a hostile one costs bounded time and memory."""

    @property
    def name(self) -> str:
        """What shows pages, and its version, for the report."""
        ...

    def open(self, data: bytes) -> AbstractContextManager[PdfDocument]:
        """Open a document until the context is left.

        Raises
        ------
        DocumentError
            It cannot be read, needs a password, has no page, or is beyond the limits.
        """
        ...
