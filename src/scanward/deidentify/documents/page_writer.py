"""Writes PDF documents of pictures with text that is searched, not seen (ISO 32000-1).

Nothing of another document is in them: each object is made here. The text has fonts of the Type 3 kind whose glyphs
draw nothing; they say by tables of Unicode what each code means, so that every script can be written.
"""

import zlib
from collections.abc import Sequence
from typing import Final, NamedTuple

from scanward.deidentify.documents.page_picture import Coded

_FIRST_CODE: Final = 33
"""The codes below it have meanings of their own in some readers."""

_CODES: Final = 255 - _FIRST_CODE + 1

_WIDTH: Final = 500
"""Of each glyph, in thousandths of its size."""

_CATALOG: Final = 1
_PAGES: Final = 2
_GLYPH: Final = 3
_FIRST_FREE: Final = 4


class PlacedText(NamedTuple):
    """A word in its place.

    Attributes
    ----------
    text
        The characters, from left to right as they are seen.
    x, y
        Where its line begins: points from the lower left corner.
    width, height
        How long it is and how high, in points.
    across, up
        The direction of its line, as cosine and sine.
    """

    text: str
    x: float
    y: float
    width: float
    height: float
    across: float = 1.0
    up: float = 0.0


class PdfWriter:
    """Writes one document, page by page; the same pages give the same bytes."""

    def __init__(self) -> None:
        self._objects: dict[int, bytes] = {}
        self._pages: list[int] = []
        self._codes: dict[str, int] = {}
        self._next = _FIRST_FREE
        self.size = 0
        """Bytes so far."""

    def add_page(self, width_pt: float, height_pt: float, shape: tuple[int, int], image: Coded,
                 words: Sequence[PlacedText]) -> None:  # fmt: skip
        """Add a page.

        Parameters
        ----------
        width_pt, height_pt
            Its size in points.
        shape
            Rows and columns of its picture.
        image
            The picture, which fills it.
        words
            What is found in it by search.
        """
        picture = self._put(_stream(
            f"/Type /XObject /Subtype /Image /Width {shape[1]} /Height {shape[0]} {image.dictionary}", image.data
        ))  # fmt: skip
        used: set[int] = set()
        lines = [f"q {width_pt:.4f} 0 0 {height_pt:.4f} 0 0 cm /P Do Q", "BT 3 Tr"]
        lines += [line for word in words for line in self._word(word, used)]
        content = self._put(_deflated("\n".join([*lines, "ET"]).encode("ascii")))
        fonts = " ".join(f"/F{number} {{F{number}}}" for number in sorted(used))
        page = (
            f"<< /Type /Page /Parent {_PAGES} 0 R /MediaBox [0 0 {width_pt:.4f} {height_pt:.4f}] "
            f"/Contents {content} 0 R /Resources << /XObject << /P {picture} 0 R >> /Font << {fonts} >> >> >>"
        )
        self._pages.append(self._put(page.encode("ascii")))

    def finish(self) -> bytes:
        """Return the document."""
        fonts = {}
        for number in range(-(-len(self._codes) // _CODES)):
            fonts[number] = self._font(number)
        for page in self._pages:
            body = self._objects[page]
            for number, font in fonts.items():
                body = body.replace(f"{{F{number}}}".encode("ascii"), f"{font} 0 R".encode("ascii"))
            self._objects[page] = body
        kids = " ".join(f"{page} 0 R" for page in self._pages)
        self._objects[_CATALOG] = f"<< /Type /Catalog /Pages {_PAGES} 0 R >>".encode("ascii")
        self._objects[_PAGES] = f"<< /Type /Pages /Kids [{kids}] /Count {len(self._pages)} >>".encode("ascii")
        self._objects[_GLYPH] = _stream("", f"{_WIDTH} 0 0 0 {_WIDTH} 1000 d1".encode("ascii"))
        return _file(self._objects)

    def _put(self, body: bytes) -> int:
        number = self._next
        self._next += 1
        self._objects[number] = body
        self.size += len(body)
        return number

    def _word(self, word: PlacedText, used: set[int]) -> list[str]:
        """Return what shows a word: as one run for each font that it takes."""
        runs: list[tuple[int, list[int]]] = []
        for char in word.text:
            number, code = divmod(self._codes.setdefault(char, len(self._codes)), _CODES)
            if not runs or runs[-1][0] != number:
                runs.append((number, []))
            runs[-1][1].append(code + _FIRST_CODE)
        if not runs:
            return []
        used.update(number for number, _ in runs)
        natural = len(word.text) * word.height * _WIDTH / 1000
        stretch = 100 * word.width / natural
        matrix = f"{word.across:.5f} {word.up:.5f} {-word.up:.5f} {word.across:.5f} {word.x:.3f} {word.y:.3f} Tm"
        return [
            f"{stretch:.3f} Tz {matrix}",
            *(f"/F{number} {word.height:.3f} Tf <{bytes(codes).hex()}> Tj" for number, codes in runs),
        ]

    def _font(self, number: int) -> int:
        chars = list(self._codes)[number * _CODES : (number + 1) * _CODES]
        last = _FIRST_CODE + len(chars) - 1
        meanings = self._put(_deflated(_unicode_table(chars)))
        names = " ".join(["/g"] * len(chars))
        widths = " ".join([str(_WIDTH)] * len(chars))
        return self._put((
            f"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 {_WIDTH} 1000] /FontMatrix [0.001 0 0 0.001 0 0] "
            f"/CharProcs << /g {_GLYPH} 0 R >> /Resources << >> /Encoding << /Type /Encoding "
            f"/Differences [{_FIRST_CODE} {names}] >> /FirstChar {_FIRST_CODE} /LastChar {last} "
            f"/Widths [{widths}] /ToUnicode {meanings} 0 R >>"
        ).encode("ascii"))  # fmt: skip


def _unicode_table(chars: Sequence[str]) -> bytes:
    """Return what codes mean (ISO 32000-1, 9.10.3)."""
    lines = [
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap",
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
        "/CMapName /Adobe-Identity-UCS def /CMapType 2 def",
        "1 begincodespacerange <00> <FF> endcodespacerange",
    ]
    for first in range(0, len(chars), 100):
        some = chars[first : first + 100]
        lines.append(f"{len(some)} beginbfchar")
        lines += [
            f"<{_FIRST_CODE + first + place:02X}> <{char.encode('utf-16-be', 'replace').hex().upper()}>"
            for place, char in enumerate(some)
        ]
        lines.append("endbfchar")
    lines.append("endcmap CMapName currentdict /CMap defineresource pop end end")
    return "\n".join(lines).encode("ascii")


def _deflated(data: bytes) -> bytes:
    return _stream("/Filter /FlateDecode", zlib.compress(data, 9))


def _stream(dictionary: str, data: bytes) -> bytes:
    return f"<< {dictionary} /Length {len(data)} >>\nstream\n".encode("ascii") + data + b"\nendstream"


def _file(objects: dict[int, bytes]) -> bytes:
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    table = [b"0000000000 65535 f \n"]
    for number in range(1, len(objects) + 1):
        table.append(f"{len(out):010d} 00000 n \n".encode("ascii"))
        out += f"{number} 0 obj\n".encode("ascii") + objects[number] + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(table)}\n".encode("ascii") + b"".join(table)
    out += f"trailer\n<< /Size {len(table)} /Root {_CATALOG} 0 R >>\nstartxref\n{start}\n%%EOF\n".encode("ascii")
    return bytes(out)
