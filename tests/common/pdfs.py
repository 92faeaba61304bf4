"""PDF documents as programs, scanners and attackers make them; by hand, so that each can be wrong in its own way."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SANS = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
HELVETICA = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"


def literal(text: str) -> str:
    """Return text as a string of a content stream."""
    return "(" + text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") + ")"


def show(text: str, x: float, y: float, *, size: float = 12, font: str = "F1", before: str = "") -> str:
    """Return what shows one line."""
    return f"BT {before} /{font} {size} Tf 1 0 0 1 {x} {y} Tm {literal(text)} Tj ET"


def lines(*texts: str, x: float = 40, y: float = 780, size: float = 12, lead: float = 18) -> str:
    """Return what shows lines below each other."""
    return "\n".join(show(text, x, y - lead * number, size=size) for number, text in enumerate(texts) if text)


@dataclass
class Page:
    """A page to be made.

    Attributes
    ----------
    content
        Its content stream, in Latin-1.
    width, height
        Of its MediaBox.
    bottom
        Where that begins: what lies below is off the page.
    entries
        More entries of its dictionary.
    fonts, objects
        Resources by name; values are bodies of objects, or bytes of one.
    annotations
        Bodies of annotations.
    """

    content: str
    width: float = 595
    height: float = 842
    bottom: float = 0
    entries: str = ""
    fonts: dict[str, str | int] = field(default_factory=dict)
    objects: dict[str, bytes | int] = field(default_factory=dict)
    annotations: list[str] = field(default_factory=list)


class Maker:
    """Makes one document."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = [b"", b""]
        self.kids: list[int] = []
        self.root = ""
        self.info = ""

    def put(self, body: str | bytes) -> int:
        self.bodies.append(body.encode("latin-1") if isinstance(body, str) else body)
        return len(self.bodies)

    def stream(self, data: bytes | str, entries: str = "", *, compress: bool = True) -> bytes:
        data = data.encode("latin-1") if isinstance(data, str) else data
        if compress:
            data, entries = zlib.compress(data), entries + " /Filter /FlateDecode"
        return f"<< {entries} /Length {len(data)} >>\nstream\n".encode("latin-1") + data + b"\nendstream"

    def add(self, page: Page) -> int:
        fonts = {"F1": HELVETICA, **page.fonts}
        named = {name: body if isinstance(body, int) else self.put(body) for name, body in fonts.items()}
        drawn = {name: body if isinstance(body, int) else self.put(body) for name, body in page.objects.items()}
        annotations = [self.put(body) for body in page.annotations]
        content = self.put(self.stream(page.content))
        references = " ".join(f"{number} 0 R" for number in annotations)
        number = self.put(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 {page.bottom} {page.width} {page.bottom + page.height}] /Contents {content} 0 R "
            f"/Resources << /Font << {_named(named)} >> /XObject << {_named(drawn)} >> >> "
            + (f"/Annots [{references}] " if annotations else "") + page.entries + " >>"
        )  # fmt: skip
        self.kids.append(number)
        return number

    def finish(self, *, trailer: str = "") -> bytes:
        kids = " ".join(f"{kid} 0 R" for kid in self.kids)
        self.bodies[0] = f"<< /Type /Catalog /Pages 2 0 R {self.root} >>".encode("latin-1")
        self.bodies[1] = f"<< /Type /Pages /Kids [{kids}] /Count {len(self.kids)} >>".encode("latin-1")
        if self.info:
            trailer += f" /Info {self.put(self.info)} 0 R"
        out, places = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"), []
        for number, body in enumerate(self.bodies, 1):
            places.append(len(out))
            out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
        start = len(out)
        out += f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n".encode()
        out += b"".join(f"{place:010d} 00000 n \n".encode() for place in places)
        out += f"trailer\n<< /Size {len(places) + 1} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()
        return bytes(out)


def _named(objects: dict[str, int]) -> str:
    return " ".join(f"/{name} {number} 0 R" for name, number in objects.items())


def make(*pages: Page | str) -> bytes:
    """Return a document of pages."""
    maker = Maker()
    for page in pages:
        maker.add(page if isinstance(page, Page) else Page(page))
    return maker.finish()


def append(data: bytes, number: int, body: bytes) -> bytes:
    """Return a document with one object written anew behind it: an incremental update."""
    last = int(data[data.rindex(b"startxref") + 9 :].split()[0])
    size = int(data[data.rindex(b"/Size") + 5 :].split()[0])
    at = len(data)
    update = f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    start = at + len(update)
    return (
        data + update + f"xref\n{number} 1\n{at:010d} 00000 n \n"
        f"trailer\n<< /Size {size} /Root 1 0 R /Prev {last} >>\nstartxref\n{start}\n%%EOF\n".encode()
    )  # fmt: skip


# Pictures


def image(picture: np.ndarray, maker: Maker | None = None) -> bytes:
    """Return an image object: (rows, columns) or (rows, columns, 3), 8 bit."""
    space = "/DeviceRGB" if picture.ndim == 3 else "/DeviceGray"
    entries = (
        f"/Type /XObject /Subtype /Image /Width {picture.shape[1]} /Height {picture.shape[0]} "
        f"/ColorSpace {space} /BitsPerComponent 8"
    )
    return (maker or Maker()).stream(picture.astype(np.uint8).tobytes(), entries)


def jpeg(picture: np.ndarray) -> bytes:
    """Return an image object coded as JPEG."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=85)
    space = "/DeviceRGB" if picture.ndim == 3 else "/DeviceGray"
    entries = (
        f"/Type /XObject /Subtype /Image /Width {picture.shape[1]} /Height {picture.shape[0]} "
        f"/ColorSpace {space} /BitsPerComponent 8 /Filter /DCTDecode"
    )
    return Maker().stream(stream.getvalue(), entries, compress=False)


def scan(texts: list[str], *, shape: tuple[int, int] = (700, 1000), size: int = 34, turn: float = 0.0) -> np.ndarray:
    """Return a page as a scanner sees it: grey paper, soft letters, a little noise."""
    page = Image.new("L", (shape[1], shape[0]), 245)
    font = ImageFont.truetype(SANS, size)
    for number, text in enumerate(texts):
        ImageDraw.Draw(page).text((60, 50 + number * round(size * 1.8)), text, fill=20, font=font)
    page = page.rotate(turn, resample=Image.Resampling.BICUBIC, fillcolor=245)
    noise = np.random.default_rng(7).normal(0, 4, shape)
    return (np.asarray(page) + noise).clip(0, 255).astype(np.uint8)


def filling(name: str, page: Page) -> str:
    """Return what draws an image over the whole of a page."""
    return f"q {page.width} 0 0 {page.height} 0 0 cm /{name} Do Q"


# Fonts


def liar_font(maker: Maker, shown: str, said: str) -> int:
    """Return a font whose letters are called otherwise: a table of Unicode that says `said` where `shown` is seen."""
    rows = "".join(
        f"<{ord(seen):02X}> <{told.encode('utf-16-be').hex()}>\n"
        for seen, told in dict(zip(shown, said, strict=True)).items()
    )
    count = len(set(shown))
    table = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
        f"1 begincodespacerange <00> <FF> endcodespacerange\n{count} beginbfchar\n{rows}endbfchar\nendcmap end end"
    )
    meanings = maker.put(maker.stream(table))
    return maker.put(
        f"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding /ToUnicode {meanings} 0 R >>"
    )


def dumb_font(maker: Maker) -> tuple[int, dict[int, int]]:
    """Return a font of numbered glyphs without a table of Unicode: nobody but who sees them knows what they are."""
    data = Path(SANS).read_bytes()
    font_file = maker.put(maker.stream(data, f"/Length1 {len(data)}"))
    descriptor = maker.put(
        f"<< /Type /FontDescriptor /FontName /AAAAAA+Dumb /Flags 4 /FontBBox [-1000 -300 1500 1000] /ItalicAngle 0 "
        f"/Ascent 928 /Descent -236 /CapHeight 700 /StemV 80 /FontFile2 {font_file} 0 R >>"
    )
    below = maker.put(
        f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /AAAAAA+Dumb /CIDSystemInfo << /Registry (Adobe) "
        f"/Ordering (Identity) /Supplement 0 >> /FontDescriptor {descriptor} 0 R /DW 620 /CIDToGIDMap /Identity >>"
    )
    number = maker.put(
        f"<< /Type /Font /Subtype /Type0 /BaseFont /AAAAAA+Dumb /Encoding /Identity-H /DescendantFonts [{below} 0 R] >>"
    )
    return number, glyph_numbers(data)


def glyph_numbers(data: bytes) -> dict[int, int]:
    """Return the glyph of each character of a TrueType font, from its table `cmap` of format 4."""

    def short(at: int) -> int:
        return int.from_bytes(data[at : at + 2], "big")

    def long(at: int) -> int:
        return int.from_bytes(data[at : at + 4], "big")

    tables = {data[12 + 16 * n : 16 + 16 * n]: long(20 + 16 * n) for n in range(short(4))}
    start = tables[b"cmap"]
    table = next(
        start + long(start + 8 + 8 * n) for n in range(short(start + 2)) if short(start + long(start + 8 + 8 * n)) == 4
    )
    count = short(table + 6) // 2
    glyphs = {}
    for n in range(count):
        last, first = short(table + 14 + 2 * n), short(table + 16 + 2 * count + 2 * n)
        delta, away = short(table + 16 + 4 * count + 2 * n), short(table + 16 + 6 * count + 2 * n)
        for code in range(first, min(last, 0xFFFE) + 1):
            place = table + 16 + 6 * count + 2 * n + away + 2 * (code - first)
            glyph = (short(place) + (delta if short(place) else 0)) if away else code + delta
            glyphs[code] = glyph & 0xFFFF
    return glyphs


def show_glyphs(text: str, glyphs: dict[int, int], x: float, y: float, *, size: float = 14, font: str = "D") -> str:
    """Return what shows text by the numbers of its glyphs."""
    codes = "".join(f"{glyphs[ord(char)]:04X}" for char in text)
    return f"BT /{font} {size} Tf 1 0 0 1 {x} {y} Tm <{codes}> Tj ET"


# What is found in a document


def everything(data: bytes) -> bytes:
    """Return a file and all of its streams, inflated: what a search of it would find."""
    found = [data]
    at = 0
    while (at := data.find(b"stream\n", at)) >= 0:
        at += len(b"stream\n")
        try:
            found.append(zlib.decompressobj().decompress(data[at:]))
        except zlib.error:
            continue
    return b"\n".join(found)
