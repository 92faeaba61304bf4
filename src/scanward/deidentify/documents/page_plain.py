"""What a page may hold: no face; and where nothing looks at pictures, nothing but text that says what it shows.

Without an engine that reads, a page is cleaned by its own text alone. So all that is seen has to be that text, or lines
and boxes that cannot be letters, and the text has to be words: fonts may call their letters otherwise than they look.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from scanward.deidentify.documents.page_canvas import Canvas
from scanward.deidentify.documents.page_picture import has_tones, is_flat, pixels_of, steps_of
from scanward.deidentify.documents.page_text import Glyph, views_of
from scanward.deidentify.text.everyday import is_everyday
from scanward.deidentify.text.folding import fold
from scanward.deidentify.text.lexicon import is_clinical, is_name, is_ordinary
from scanward.errors import DocumentError
from scanward.ports.documents import Box, MarkKind, PdfPage
from scanward.ports.engines import FaceEngine, Picture

LOOK: Final = "Look at the document yourself."
"""What a person can do about a document that is held."""

_INSTALL: Final = "Install what looks at pictures: pip install 'scanward[pixels]'."

MAX_RULES: Final = 2000
"""Lines and boxes of a page without pictures: more could draw letters."""

_LIKELY: Final = 0.3
"""Of the words of a page so many are words or names at least, or its text is not what it shows: of reports in five
languages 48 % are and more, of the same with other letters 14 % at most."""

_FEWEST: Final = 5
"""Of fewer words nothing is said."""

_EDGE: Final = 8
"""Pixels around the edge of what a page draws that its line may take."""

_CLOSE: Final = 25.0

_FEWEST_BARS: Final = 10
"""So many lines of which each is nearer to the next one than so many pixels may be a barcode."""

_STRAY: Final = 4
"""Pixels around the characters of a page within which their strokes end."""

_KINDS: Final = (is_ordinary, is_clinical, is_name, is_everyday)

_WORD = re.compile(r"[^\W\d_]{3,}")


def require_no_face(page: PdfPage, engine: FaceEngine) -> None:
    """See that no image of a page shows a face.

    Raises
    ------
    DocumentError
        One may.
    """
    for mark in page.marks:
        part = page.picture[pixels_of(mark.box, page.picture.shape)]
        is_picture = mark.kind is MarkKind.IMAGE and has_tones(part, [Box(0, 0, part.shape[1], part.shape[0])])
        if is_picture and engine.find(np.ascontiguousarray(part)):
            raise DocumentError("expected pages without a face, got one that may show one", remedy=LOOK)


def require_plain(canvas: Canvas, own: Sequence[Glyph]) -> None:
    """See that all that a page draws is text that says what it shows, and rules.

    Raises
    ------
    DocumentError
        It is not.
    """
    page, inked = canvas.page, canvas.inked.copy()
    rows, columns = inked.shape
    marks = [mark for mark in page.marks if _is_on(mark.box, rows, columns)]
    rules = [mark.box for mark in marks if mark.kind is MarkKind.RULE or is_flat(canvas.clear, mark.box)]
    if len(rules) < len(marks) or len(rules) > MAX_RULES or _are_bars(rules) or not _are_rules(canvas.clear, rules):
        raise DocumentError("expected a page of text alone where nothing looks at pictures, got more", remedy=_INSTALL)
    for glyph in own:
        inked[pixels_of(glyph.ink, inked.shape, _STRAY)] = False
    if inked.any() or any(not glyph.text or glyph.text == "\ufffd" for glyph in own):
        raise DocumentError(
            "expected a page that says what all of its letters are where nothing looks at pictures", remedy=_INSTALL
        )
    words = _WORD.findall(next((view.text for view in views_of(own)), ""))
    likely = sum(any(is_one(folded) for is_one in _KINDS) for folded in map(fold, words))
    if len(words) >= _FEWEST and likely < _LIKELY * len(words):
        raise DocumentError(
            "expected text in words where nothing looks at pictures, got some that may not say what is shown",
            remedy=_INSTALL,
        )


def _are_rules(picture: Picture, rules: Sequence[Box]) -> bool:
    """Whether nothing is seen but lines and the edges of boxes: what fills a box may be a picture itself."""
    steps = steps_of(picture)
    for box in rules:
        for edge in (box._replace(bottom=box.top), box._replace(top=box.bottom),
                     box._replace(right=box.left), box._replace(left=box.right)):  # fmt: skip
            steps[pixels_of(edge, steps.shape, _EDGE)] = False
    return not steps.any()


def _are_bars(rules: Sequence[Box]) -> bool:
    """Whether lines stand so close beside each other that they may be a barcode."""
    for low, high, start, end in ((1, 3, 0, 2), (0, 2, 1, 3)):
        beside: dict[tuple[int, int], list[float]] = {}
        for box in rules:
            if box[end] - box[start] < (box[high] - box[low]) / 2:
                beside.setdefault((round(box[low] / 4), round(box[high] / 4)), []).append(box[start])
        for places in beside.values():
            places.sort()
            close = sum(after - before < _CLOSE for before, after in pairwise(places))
            if close >= _FEWEST_BARS:
                return True
    return False


def _is_on(box: Box, rows: float, columns: float) -> bool:
    return box.right > 0 and box.bottom > 0 and box.left < columns and box.top < rows
