"""Opens PDF documents with pdfium and pikepdf, each in a process of its own with limits.

Both are native code that reads whatever somebody sent. So they run in a child that has a bound of memory, of processor
time, and of time on the clock; it has no files open and is ended whatever happens. A document that breaks it is held,
and nothing else is.
"""

import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any, Final, NoReturn

import numpy as np

from scanward.errors import DocumentError, EngineError
from scanward.ports.documents import Box, MarkKind, PdfChar, PdfMark, PdfPage
from scanward.ports.engines import Picture

DPI: Final = 200.0
"""Of the pictures of pages: letters of 6 points are 17 pixels high, as readers want them."""

LEAST_DPI: Final = 100.0
"""Of pages that are too large for more."""

MAX_PIXELS: Final = 16_000_000
"""Of a page: A2 at 200 dots an inch."""

MAX_PAGES: Final = 500

MAX_BYTES: Final = 256 << 20

MEMORY_BYTES: Final = 3 << 30
"""Address space of the child, its libraries included."""

OPEN_SECONDS: Final = 30.0
PAGE_SECONDS: Final = 30.0
PROCESSOR_SECONDS: Final = 1800

_READER: Final = os.path.join(os.path.dirname(__file__), "pdf_reader.py")

_LOOK: Final = "Look at the document yourself, or have it printed to a new PDF."
_REASONS: Final = {
    "password": (
        "expected a PDF that opens without a password, got an encrypted one",
        "Take the password off, with the one who sent it.",
    ),
    "broken": ("expected a well-formed PDF, got one that cannot be read", _LOOK),
    "empty": ("expected a PDF with pages, got one without", _LOOK),
    "size": ("expected pages of a size, got one without", _LOOK),
    "large": (f"expected pages that can be shown with {LEAST_DPI:.0f} dots an inch, got a larger one", _LOOK),
    "pages": (f"expected at most {MAX_PAGES} pages in a PDF, got more", "Split the document."),
    "many": ("expected pages of a common number of parts, got far more", _LOOK),
    "memory": ("expected a PDF that fits into the memory that one may take, got a larger one", _LOOK),
    "xfa": ("expected a PDF whose pages show what it says, got a form of the XFA kind", _LOOK),
}


class _Child:
    """A running reader."""

    def __init__(self) -> None:
        command = [sys.executable, "-I", "-B", _READER, str(MEMORY_BYTES), str(PROCESSOR_SECONDS)]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/"
            )
        except OSError as error:
            raise EngineError(f"cannot start what reads PDF documents: {error.strerror}") from None
        self._is_late = False

    def ask(
        self, request: dict[str, object], data: bytes = b"", *, seconds: float
    ) -> tuple[dict[str, Any], list[bytes]]:
        """Send a request, return the answer.

        Raises
        ------
        DocumentError
            The document is refused, or broke the reader, or took too long.
        """
        watch = threading.Timer(seconds, self._end_late)
        watch.start()
        try:
            told, blobs = self._exchange(json.dumps(request).encode() + b"\n" + data)
        except (OSError, EOFError, ValueError):
            self._fail()
        finally:
            watch.cancel()
            watch.join()
        reason = told.get("refused")
        if reason:
            message, remedy = _REASONS.get(str(reason), _REASONS["broken"])
            raise DocumentError(message, remedy=remedy)
        return told, blobs

    def _exchange(self, sent: bytes) -> tuple[dict[str, Any], list[bytes]]:
        source, out = self._process.stdin, self._process.stdout
        if source is None or out is None:
            raise EOFError
        source.write(sent)
        source.flush()

        def take(count: int) -> bytes:
            taken = out.read(count)
            if len(taken) != count:
                raise EOFError
            return taken

        told = json.loads(take(struct.unpack("<I", take(4))[0]))
        return told, [take(size) for size in told["blobs"]]

    def _end_late(self) -> None:
        self._is_late = True
        self._process.kill()

    def _fail(self) -> NoReturn:
        if self._is_late:
            raise DocumentError("expected a PDF that can be shown in seconds, got one that takes longer", remedy=_LOOK)
        raise DocumentError("expected a PDF that can be read, got one that broke what reads it", remedy=_LOOK)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    continue  # what was not sent yet is not wanted any more
        self._process.wait()


@dataclass(frozen=True, slots=True, eq=False)
class _Open:
    child: _Child = field(repr=False)
    page_count: int
    extras: Sequence[str]
    info: Sequence[tuple[str, str]] = field(repr=False)

    def read_text(self, index: int) -> str:
        told, _ = self.child.ask({"do": "text", "page": index}, seconds=PAGE_SECONDS)
        return str(told["text"])

    def show(self, index: int) -> PdfPage:
        limits = {"dpi": DPI, "least_dpi": LEAST_DPI, "max_pixels": MAX_PIXELS}
        told, (picture, bare) = self.child.ask({"do": "show", "page": index, **limits}, seconds=PAGE_SECONDS)
        shape = told["rows"], told["columns"], 3
        return PdfPage(
            width_pt=told["width"],
            height_pt=told["height"],
            picture=_picture(picture, shape),
            without_text=_picture(bare, shape),
            chars=[PdfChar(text, _box(ink), _box(cell), *more) for text, ink, cell, *more in told["chars"]],
            marks=[PdfMark(MarkKind(kind), Box(*box)) for kind, box in told["marks"]],
        )


class PdfiumEngine:
    """Shows pages by pdfium; pikepdf tells what documents carry besides.

    Raises
    ------
    EngineError
        One of them is not installed.
    """

    def __init__(self) -> None:
        try:
            self.name = f"pypdfium2 {metadata.version('pypdfium2')}, pikepdf {metadata.version('pikepdf')}"
        except metadata.PackageNotFoundError as error:
            raise EngineError(
                f"expected the package {error.name}, found none",
                remedy="Install what looking at PDF documents needs: pip install 'scanward[documents]'.",
            ) from None

    @contextmanager
    def open(self, data: bytes) -> Iterator[_Open]:
        """Open a document; see :class:`scanward.ports.documents.PdfEngine`."""
        if len(data) > MAX_BYTES:
            raise DocumentError(f"expected a PDF of at most {MAX_BYTES >> 20} MiB, got a larger one", remedy=_LOOK)
        child = _Child()
        try:
            request: dict[str, object] = {"do": "open", "size": len(data), "max_pages": MAX_PAGES}
            told, _ = child.ask(request, data, seconds=OPEN_SECONDS)
            yield _Open(child, told["pages"], tuple(told["extras"]), tuple((key, value) for key, value in told["info"]))
        finally:
            child.close()


def _box(values: list[float] | None) -> Box | None:
    return None if values is None else Box(*values)


def _picture(data: bytes, shape: tuple[int, int, int]) -> Picture:
    return np.frombuffer(data, np.uint8).reshape(shape)
