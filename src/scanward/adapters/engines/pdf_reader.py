"""Shows the pages of one PDF document: a program of its own, so that a hostile document breaks nothing but it.

It is started by :mod:`scanward.adapters.engines.pdf` with limits of memory and processor time, gets a document on
standard input, and answers requests: one line of JSON, which tells how many bytes follow it. It imports nothing of
Scanward, so that it starts fast, and it writes nothing but answers.
"""

import ctypes
import io
import json
import logging
import math
import resource
import struct
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, BinaryIO

import pikepdf
import pypdfium2
import pypdfium2.raw as pdfium

MAX_DEPTH = 16
MAX_OBJECTS = 60_000
MAX_CHARS = 200_000
SHORTEST_RULE_PT = 18.0
_FINE = 16
"""Places are worked out in so many parts of a pixel."""

_UNSEEN = {pdfium.FPDF_TEXTRENDERMODE_INVISIBLE, pdfium.FPDF_TEXTRENDERMODE_CLIP}

_WHITE = 0xFFFFFFFF

_OF_ROOT = {
    "/OpenAction": "opening action",
    "/Outlines": "outline",
    "/PageLabels": "list of page labels",
    "/StructTreeRoot": "structure tree",
    "/OCProperties": "set of layers",
    "/Collection": "portfolio",
    "/Threads": "list of article threads",
    "/Perms": "signature",
    "/DPartRoot": "part tree",
}

Matrix = tuple[float, float, float, float, float, float]


class Refused(Exception):  # noqa: N818 - it is told, not raised further
    """The document cannot be shown; says why, for the one who asked."""


class Document:
    """A document as pdfium opened it.

    Parameters
    ----------
    data
        The file.
    """

    def __init__(self, data: bytes) -> None:
        self._data = ctypes.create_string_buffer(data, len(data))
        self._document = pdfium.FPDF_LoadMemDocument64(self._data, len(data), None)
        if not self._document:
            code = pdfium.FPDF_GetLastError()
            raise Refused("password" if code == pdfium.FPDF_ERR_PASSWORD else "broken")
        self.page_count = int(pdfium.FPDF_GetPageCount(self._document))

    def text(self, index: int) -> str:
        """Return the text that a page says it has."""
        page = self._load(index)
        text_page = pdfium.FPDFText_LoadPage(page)
        try:
            return "".join(_chars(text_page))
        finally:
            pdfium.FPDFText_ClosePage(text_page)
            pdfium.FPDF_ClosePage(page)

    def show(self, index: int, *, dpi: float, least_dpi: float, max_pixels: int) -> tuple[dict[str, Any], list[bytes]]:
        """Return what is told of a page, and its picture with and without text."""
        page = self._load(index)
        try:
            width, height = pdfium.FPDF_GetPageWidthF(page), pdfium.FPDF_GetPageHeightF(page)
            if not (math.isfinite(width) and math.isfinite(height)) or min(width, height) < 1:
                raise Refused("size")
            dpi = min(dpi, 72 * math.sqrt(max_pixels / (width * height)))
            if dpi < least_dpi:
                raise Refused("large")
            columns, rows = max(round(width * dpi / 72), 1), max(round(height * dpi / 72), 1)
            if columns * rows > max_pixels * 1.01 or max(columns, rows) > 16_000:
                raise Refused("large")
            turn = _turn_of(page, columns, rows)
            chars = _char_table(page, turn)
            objects = list(_objects(page))
            marks = [_mark(*found, turn) for found in objects if found[1] != pdfium.FPDF_PAGEOBJ_TEXT]
            picture = _render(page, columns, rows)
            for item, kind, _ in objects:
                if kind == pdfium.FPDF_PAGEOBJ_TEXT and not pdfium.FPDFPageObj_SetIsActive(item, False):
                    raise Refused("broken")
            bare = _render(page, columns, rows)
        finally:
            pdfium.FPDF_ClosePage(page)
        told = {"width": width, "height": height, "rows": rows, "columns": columns, "chars": chars, "marks": marks}
        return told, [picture, bare]

    def _load(self, index: int) -> Any:
        page = pdfium.FPDF_LoadPage(self._document, index)
        if not page:
            raise Refused("broken")
        # What annotations and filled forms show becomes part of the page, so that its text is text of the page.
        flattened = pdfium.FPDFPage_Flatten(page, pdfium.FLAT_NORMALDISPLAY)
        if flattened == pdfium.FLATTEN_NOTHINGTODO:
            return page
        pdfium.FPDF_ClosePage(page)
        if flattened != pdfium.FLATTEN_SUCCESS:
            raise Refused("broken")
        page = pdfium.FPDF_LoadPage(self._document, index)
        if not page:
            raise Refused("broken")
        return page


def _render(page: Any, columns: int, rows: int) -> bytes:
    bitmap = pdfium.FPDFBitmap_CreateEx(columns, rows, pdfium.FPDFBitmap_BGR, None, 0)
    if not bitmap:
        raise Refused("memory")
    try:
        pdfium.FPDFBitmap_FillRect(bitmap, 0, 0, columns, rows, _WHITE)
        flags = pdfium.FPDF_REVERSE_BYTE_ORDER
        pdfium.FPDF_RenderPageBitmap(bitmap, page, 0, 0, columns, rows, 0, flags)
        stride = pdfium.FPDFBitmap_GetStride(bitmap)
        raw = ctypes.string_at(pdfium.FPDFBitmap_GetBuffer(bitmap), stride * rows)
    finally:
        pdfium.FPDFBitmap_Destroy(bitmap)
    if stride == columns * 3:
        return raw
    return b"".join(raw[row * stride : row * stride + columns * 3] for row in range(rows))


# Places


def _turn_of(page: Any, columns: int, rows: int) -> Matrix:
    """Return what brings places of the page to pixels, cropped and turned as it is shown."""

    def at(x: float, y: float) -> tuple[float, float]:
        right, down = ctypes.c_int(), ctypes.c_int()
        pdfium.FPDF_PageToDevice(page, 0, 0, columns * _FINE, rows * _FINE, 0, x, y, right, down)
        return right.value / _FINE, down.value / _FINE

    (left, top), (x_right, x_down), (y_right, y_down) = at(0, 0), at(1000, 0), at(0, 1000)
    return (
        (x_right - left) / 1000, (x_down - top) / 1000, (y_right - left) / 1000, (y_down - top) / 1000, left, top
    )  # fmt: skip


def _apply(turn: Matrix, x: float, y: float) -> tuple[float, float]:
    return turn[0] * x + turn[2] * y + turn[4], turn[1] * x + turn[3] * y + turn[5]


def _after(first: Matrix, then: Matrix) -> Matrix:
    a, b, c, d, e, f = first
    (right, down), (x0, y0), (x1, y1) = _apply(then, e, f), _apply(then, e + a, f + b), _apply(then, e + c, f + d)
    return x0 - right, y0 - down, x1 - right, y1 - down, right, down


def _box(turn: Matrix, left: float, bottom: float, right: float, top: float) -> list[float]:
    corners = [_apply(turn, x, y) for x in (left, right) for y in (bottom, top)]
    across, down = [x for x, _ in corners], [y for _, y in corners]
    box = [min(across), min(down), max(across), max(down)]
    if not all(math.isfinite(value) and abs(value) < 1e9 for value in box):
        raise Refused("broken")
    return [round(value, 2) for value in box]


# Text


def _unicode(text_page: Any, index: int) -> str:
    code = int(pdfium.FPDFText_GetUnicode(text_page, index))
    return chr(code) if 0 < code <= 0x10FFFF else ""


def _chars(text_page: Any) -> Iterator[str]:
    count = int(pdfium.FPDFText_CountChars(text_page))
    if count > MAX_CHARS:
        raise Refused("many")
    halves = ""
    for index in range(count):
        text = _unicode(text_page, index)
        if text and 0xD800 <= ord(text) < 0xE000:
            # One character in two halves, of which each is listed; the second one stands for both.
            halves += text
            whole = halves.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
            if whole or len(halves) > 1:
                halves = ""
            yield whole
        elif text in {"\x02", "\ufffe", "\uffff"}:
            yield "\u00ad"  # so pdfium says that a word goes on in the next line
        else:
            yield text


def _char_table(page: Any, turn: Matrix) -> list[list[Any]]:
    text_page = pdfium.FPDFText_LoadPage(page)
    if not text_page:
        raise Refused("broken")
    try:
        return [_char(text_page, index, text, turn) for index, text in enumerate(_chars(text_page))]
    finally:
        pdfium.FPDFText_ClosePage(text_page)


def _char(text_page: Any, index: int, text: str, turn: Matrix) -> list[Any]:
    if pdfium.FPDFText_IsGenerated(text_page, index) == 1:
        return [text, None, None, 0.0, True]
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    ink = None
    if pdfium.FPDFText_GetCharBox(text_page, index, left, right, bottom, top):
        ink = _box(turn, left.value, bottom.value, right.value, top.value)
    loose = pdfium.FS_RECTF()
    cell = ink
    if pdfium.FPDFText_GetLooseCharBox(text_page, index, loose):
        cell = _box(turn, loose.left, loose.bottom, loose.right, loose.top)
    # It is told clockwise, and negative where it is not known.
    angle = -max(float(pdfium.FPDFText_GetCharAngle(text_page, index)), 0.0)
    across = turn[0] * math.cos(angle) + turn[2] * math.sin(angle)
    down = turn[1] * math.cos(angle) + turn[3] * math.sin(angle)
    item = pdfium.FPDFText_GetTextObject(text_page, index)
    is_drawn = not item or pdfium.FPDFTextObj_GetTextRenderMode(item) not in _UNSEEN
    return [text, ink, cell, round(math.degrees(math.atan2(down, across)), 1), is_drawn]


# What is drawn


def _objects(page: Any) -> Iterator[tuple[Any, int, Matrix]]:
    """Yield all objects of a page, those within others too, with what brings their places to the page."""
    count = pdfium.FPDFPage_CountObjects(page)
    waiting = [(pdfium.FPDFPage_GetObject(page, index), (1.0, 0.0, 0.0, 1.0, 0.0, 0.0), 0) for index in range(count)]
    seen = 0
    while waiting:
        item, turn, depth = waiting.pop()
        seen += 1
        if seen > MAX_OBJECTS or depth > MAX_DEPTH:
            raise Refused("many")
        kind = pdfium.FPDFPageObj_GetType(item)
        if kind != pdfium.FPDF_PAGEOBJ_FORM:
            yield item, kind, turn
            continue
        matrix = pdfium.FS_MATRIX()
        if not pdfium.FPDFPageObj_GetMatrix(item, matrix):
            raise Refused("broken")
        inner = _after((matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f), turn)
        within = range(max(pdfium.FPDFFormObj_CountObjects(item), 0))
        waiting += [(pdfium.FPDFFormObj_GetObject(item, index), inner, depth + 1) for index in within]


def _mark(item: Any, kind: int, inner: Matrix, turn: Matrix) -> list[Any]:
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    if not pdfium.FPDFPageObj_GetBounds(item, left, bottom, right, top):
        return ["drawing", _box(turn, 0, 0, 0, 0)]
    box = _box(_after(inner, turn), left.value, bottom.value, right.value, top.value)
    if kind == pdfium.FPDF_PAGEOBJ_IMAGE:
        return ["image", box]
    is_rule = kind == pdfium.FPDF_PAGEOBJ_PATH and _is_rule(item, inner)
    return ["rule" if is_rule else "drawing", box]


def _is_rule(item: Any, inner: Matrix) -> bool:
    """Whether a path has level and upright lines only, none of them short but where it is a thin line itself."""
    matrix = pdfium.FS_MATRIX()
    if not pdfium.FPDFPageObj_GetMatrix(item, matrix):
        return False
    whole = _after((matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f), inner)
    count = pdfium.FPDFPath_CountSegments(item)
    if not 0 < count <= 12:
        return False
    places = []
    for index in range(count):
        segment = pdfium.FPDFPath_GetPathSegment(item, index)
        if pdfium.FPDFPathSegment_GetType(segment) not in {pdfium.FPDF_SEGMENT_LINETO, pdfium.FPDF_SEGMENT_MOVETO}:
            return False
        x, y = ctypes.c_float(), ctypes.c_float()
        if not pdfium.FPDFPathSegment_GetPoint(segment, x, y):
            return False
        places.append(_apply(whole, x.value, y.value))
    for one, other in pairwise(places):
        if min(abs(one[0] - other[0]), abs(one[1] - other[1])) > 0.5:
            return False
    wide = max(x for x, _ in places) - min(x for x, _ in places)
    high = max(y for _, y in places) - min(y for _, y in places)
    return max(wide, high) >= SHORTEST_RULE_PT


# What a document carries besides


def _extras(pdf: pikepdf.Pdf, data: bytes) -> list[str]:
    found: Counter[str] = Counter()
    root = pdf.Root
    for page in pdf.pages:
        _count_page(page.obj, found)
    found["attachment"] += len(pdf.attachments)
    found["script"] += _is_there(root.get("/Names"), "/JavaScript") + _is_there(root, "/AA")
    form = root.get("/AcroForm")
    if isinstance(form, pikepdf.Dictionary) and isinstance(fields := form.get("/Fields"), pikepdf.Array):
        found["form field"] += len(fields)
    for key, name in _OF_ROOT.items():
        found[name] += _is_there(root, key)
    found["earlier revision"] += max(data.count(b"startxref") - 1 - data[:2048].count(b"/Linearized"), 0)
    words = [f"{count} {name}{'s' if count > 1 else ''}" for name, count in found.items() if count]
    if pdf.trailer.get("/Info") or _is_there(root, "/Metadata"):
        words.append("document metadata")
    return words


def _count_page(page: pikepdf.Object, found: Counter[str]) -> None:
    for annotation in page.get("/Annots", []):
        kind = str(annotation.get("/Subtype", "")) if isinstance(annotation, pikepdf.Dictionary) else ""
        found["file annotation" if kind == "/FileAttachment" else "annotation"] += kind != "/Widget"
    found["script"] += _is_there(page, "/AA")
    found["preview"] += _is_there(page, "/Thumb")
    found["private part of an application"] += _is_there(page, "/PieceInfo")
    found["metadata of a page"] += _is_there(page, "/Metadata")


def _is_there(where: Any, key: str) -> bool:
    return isinstance(where, pikepdf.Dictionary) and key in where


def _info(pdf: pikepdf.Pdf) -> list[tuple[str, str]]:
    told = []
    info = pdf.trailer.get("/Info")
    if isinstance(info, pikepdf.Dictionary):
        told += [(key.lstrip("/"), str(value)[:1000]) for key, value in info.items()
                 if isinstance(value, pikepdf.String)][:64]  # fmt: skip
    return told


def _inspect(data: bytes, max_pages: int) -> dict[str, Any]:
    """Say what a document carries, by another library than the one that shows it."""
    try:
        with pikepdf.open(io.BytesIO(data), suppress_warnings=True) as pdf:
            pages = len(pdf.pages)
            if pages > max_pages:
                raise Refused("pages")
            if _is_there(pdf.Root.get("/AcroForm"), "/XFA") and _is_there(pdf.Root, "/NeedsRendering"):
                raise Refused("xfa")
            return {"extras": _extras(pdf, data), "info": _info(pdf), "pages": pages}
    except pikepdf.PasswordError:
        raise Refused("password") from None


# Requests


def _answer(out: BinaryIO, told: dict[str, Any], blobs: list[bytes]) -> None:
    head = json.dumps({**told, "blobs": [len(blob) for blob in blobs]}).encode()
    out.write(struct.pack("<I", len(head)) + head)
    out.writelines(blobs)
    out.flush()


def _open(request: dict[str, Any], data: bytes) -> tuple[Document, dict[str, Any]]:
    told = _inspect(data, request["max_pages"])
    document = Document(data)
    # Both have to read the same pages: where they do not, nobody knows what a third one reads.
    if document.page_count < 1:
        raise Refused("empty")
    if document.page_count != told["pages"]:
        raise Refused("broken")
    return document, told


def _serve(source: BinaryIO, out: BinaryIO) -> None:
    document: Document | None = None
    while line := source.readline():
        request = json.loads(line)
        told: dict[str, Any]
        blobs: list[bytes] = []
        try:
            if request["do"] == "open":
                document, told = _open(request, source.read(request["size"]))
            elif document is None:
                raise Refused("broken")
            elif request["do"] == "text":
                told = {"text": document.text(request["page"])}
            else:
                limits = {key: request[key] for key in ("dpi", "least_dpi", "max_pixels")}
                told, blobs = document.show(request["page"], **limits)
        except Refused as reason:
            told = {"refused": str(reason)}
        except MemoryError:
            told = {"refused": "memory"}
        except Exception:  # noqa: BLE001 - whatever it is, it comes of the document; its words may hold values
            told, blobs = {"refused": "broken"}, []
        _answer(out, told, blobs)


def main(memory: int, processor_seconds: int, run: Callable[[BinaryIO, BinaryIO], None] = _serve) -> None:
    """Set the limits and answer until there is nobody who asks."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (processor_seconds, processor_seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    logging.disable()
    run(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    assert pypdfium2.PYPDFIUM_INFO  # noqa: S101 - its import readies pdfium
    main(int(sys.argv[1]), int(sys.argv[2]))
