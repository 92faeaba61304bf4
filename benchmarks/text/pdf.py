"""PDF documents: what of planted reports is left in them once they are cleaned, what of the rest, and what it takes.

Each report is set as a page with text, and as a page that was scanned. What is left is looked for by tools that are not
ours: pdftotext in the text, Tesseract in the picture. By itself:
``PYTHONPATH=src:.:benchmarks python benchmarks/text/pdf.py``.
"""

import argparse
import io
import json
import resource
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from PIL import Image
from table import format_table

from scanward.adapters.engines.pdf import PdfiumEngine
from scanward.bootstrap import pixels
from scanward.deidentify.documents.pdf import PdfCleaner
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.deidentify.text.prose import TextCleaner
from scanward.deidentify.text.replace import Nothing
from scanward.errors import DocumentError
from tests.common.pdfs import Page, filling, image, make, scan, show
from text import planted
from text.corpora import Document

COUNT, QUICK_COUNT = 12, 2
LEFT = 0.005
"""Goal: of the identifiers at most so many are left."""

_COLUMNS = 88


def as_text(document: Document) -> bytes:
    """Return a report as a page with text."""
    lines = _lines(document.text)
    return make(
        Page("\n".join(show(_latin(line), 40, 800 - 13 * at, size=10) for at, line in enumerate(lines) if line))
    )


def as_scan(document: Document) -> bytes:
    """Return a report as a page that was scanned."""
    page = Page("", 595, 842)
    page.objects["I"] = image(scan(_lines(document.text), shape=(2339, 1654), size=24, turn=0.4))
    page.content = filling("I", page)
    return make(page)


def _lines(text: str) -> list[str]:
    return [part for line in text.splitlines() for part in (textwrap.wrap(line, _COLUMNS) or [""])][:58]


def _latin(text: str) -> str:
    return text.encode("latin-1", "replace").decode("latin-1")


def measure(documents: Sequence[Document], *, quick: bool = False) -> dict[str, Any]:
    """Return what is left, what is kept and what it takes, by how reports are set and what looks at them."""
    engines = pixels.load_engines()
    seeing = PdfCleaner(PdfiumEngine(), engines.text, second=engines.second, barcodes=engines.barcodes)
    blind = PdfCleaner(PdfiumEngine(), None)
    some = documents[: QUICK_COUNT if quick else COUNT]
    return {
        "text, by its text alone": _measure(blind, [(one, as_text(one)) for one in some]),
        "text, looked at": _measure(seeing, [(one, as_text(one)) for one in some]),
        "scanned": _measure(seeing, [(one, as_scan(one)) for one in some]),
    }


def _measure(pdf: PdfCleaner, cases: Sequence[tuple[Document, bytes]]) -> dict[str, float]:
    found: Counter[str] = Counter()
    for document, data in cases:
        start = time.perf_counter()
        try:
            made = pdf.clean(data, TextCleaner(KnownIdentifiers(), Nothing())).data
        except DocumentError:
            found["held"] += 1
            continue
        found["milliseconds"] += round(1000 * (time.perf_counter() - start))
        found["bytes"] += len(made)
        found["pages"] += 1
        text, seen = _text_of(made), _seen_in(made)
        values = {_bare(document.text[gold.start : gold.end]) for gold in document.gold}
        values = {value for value in values if len(value) > 3}
        found["identifiers"] += len(values)
        found["left in text"] += sum(value in _bare(text) for value in values)
        found["left in picture"] += sum(value in _bare(seen) for value in values)
        words, kept = Counter(_other_words(document)), Counter(text.casefold().split())
        found["words"] += words.total()
        found["kept"] += (words & kept).total()
    pages = max(found["pages"], 1)
    return {
        "held": found["held"],
        "identifiers": found["identifiers"],
        "left_in_text": found["left in text"] / max(found["identifiers"], 1),
        "left_in_picture": found["left in picture"] / max(found["identifiers"], 1),
        "words_kept": found["kept"] / max(found["words"], 1),
        "seconds_a_page": found["milliseconds"] / 1000 / pages,
        "kilobytes_a_page": found["bytes"] / 1000 / pages,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }


def _other_words(document: Document) -> list[str]:
    text = "\n".join(_lines(document.text))
    for gold in document.gold:
        for part in document.text[gold.start : gold.end].split():
            text = text.replace(part, " ")
    return text.casefold().split()


def _bare(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def _text_of(data: bytes) -> str:
    return subprocess.run(["pdftotext", "-", "-"], input=data, capture_output=True, check=True).stdout.decode()


def _seen_in(data: bytes) -> str:
    with PdfiumEngine().open(data) as document:
        page = document.show(0).picture
    stream = io.BytesIO()
    Image.fromarray(np.asarray(page)).save(stream, "PNG")
    done = subprocess.run(
        ["tesseract", "-", "-", "--psm", "4"], input=stream.getvalue(), capture_output=True, check=True
    )
    return done.stdout.decode()


def print_figures(figures: dict[str, Any]) -> None:
    """Print the table."""
    head = ["", "identifiers", "left in text %", "left in picture %", "words kept %", "held", "s a page", "kB a page"]
    rows = [
        [
            name,
            f"{one['identifiers']}",
            *(f"{100 * one[key]:.1f}" for key in ("left_in_text", "left_in_picture", "words_kept")),
            f"{one['held']}",
            f"{one['seconds_a_page']:.2f}",
            f"{one['kilobytes_a_page']:.0f}",
        ]
        for name, one in figures.items()
    ]
    print(format_table(head, rows))
    worst = max(max(one["left_in_text"], one["left_in_picture"]) for one in figures.values())
    print(f"Goal: at most {100 * LEFT:.1f} % left; {'met' if worst <= LEFT else 'missed'}.")


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--quick", action="store_true", help="fewer reports")
    arguments = parser.parse_args()
    styles = tuple(style for style in planted.STYLES + planted.HELD if style.language == "en")
    figures = measure(planted.make(styles, 2, seed=21), quick=arguments.quick)
    print_figures(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
