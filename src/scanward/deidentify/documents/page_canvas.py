"""A page while it is cleaned: its picture, what was painted over, what was drawn instead, and its words in the end."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from scanward.deidentify.documents.page_picture import PAD, Mask, is_flat, paint, pixels_of, surroundings
from scanward.deidentify.documents.page_text import Glyph, chains_of, hull, levelled
from scanward.deidentify.documents.page_writer import PlacedText
from scanward.ports.documents import Box, MarkKind, PdfPage
from scanward.ports.engines import Picture

_HIGHER: Final = 0.4
"""Of the height of strokes: a line is taken to go so far above and below them at most."""


@dataclass(slots=True)
class Canvas:
    """A page while it is cleaned.

    Attributes
    ----------
    page
        As shown.
    picture
        Its picture, in which things are painted.
    clear
        The same with no text objects: what is behind them.
    inked
        Which pixels text objects draw.
    painted
        What was painted over.
    words
        What is drawn for something, where it stands, and the angle.
    """

    page: PdfPage
    picture: Picture
    clear: Picture
    inked: Mask
    painted: list[Box] = field(default_factory=list)
    words: list[tuple[str, Box, float]] = field(default_factory=list)


def split_chars(page: PdfPage, inked: Mask | None = None) -> tuple[list[Glyph], list[Glyph]]:
    """Return characters by whether they leave a mark; all of them count where nothing is told of ink."""
    drawn: list[Glyph] = []
    hidden: list[Glyph] = []
    before = ""
    for char in page.chars:
        if char.ink is None or char.cell is None or char.text.isspace():
            before += char.text or " "
            continue
        glyph = Glyph(char.text, char.ink, char.cell, char.angle, before)
        if inked is None or (char.is_drawn and inked[pixels_of(char.ink, inked.shape)].any()):
            drawn.append(glyph)
            before = ""
        else:
            hidden.append(glyph)
            before = before or " "
    return drawn, hidden


# Painting


def wipe(canvas: Canvas, box: Box, *, is_own: bool) -> None:
    """Take letters out of the picture: those that the page drew leave what is behind them, if that is no picture."""
    part = pixels_of(box, canvas.picture.shape, PAD)
    others = (mark.box for mark in canvas.page.marks if mark.kind is not MarkKind.RULE)
    is_own = is_own and (is_flat(canvas.clear, box) or not any(meet(box, other) for other in others))
    canvas.picture[part] = canvas.clear[part] if is_own else surroundings(canvas.picture, box)
    canvas.painted.append(box)


def wipe_strays(canvas: Canvas, own: Sequence[Glyph]) -> None:
    """Take out strokes near what was wiped that lie outside of where the page says that its letters are."""
    inked = canvas.inked.copy()
    for glyph in own:
        inked[pixels_of(glyph.ink, inked.shape, PAD)] = False
    if not inked.any():
        return
    for box in canvas.painted:
        around = round(box.bottom - box.top)
        part = pixels_of(box, inked.shape, max(around, PAD))
        canvas.picture[part][inked[part]] = canvas.clear[part][inked[part]]


def line_of(run: Sequence[int], glyphs: Sequence[Glyph]) -> Box:
    """Return where something may be drawn instead of glyphs: from where they start to where they end, line high."""
    ink, cell = hull(glyphs[number].ink for number in run), hull(glyphs[number].cell for number in run)
    if glyphs[run[0]].angle % 180:
        most = _HIGHER * (ink.right - ink.left)
        return Box(max(cell.left, ink.left - most), ink.top, min(cell.right, ink.right + most), ink.bottom)
    most = _HIGHER * (ink.bottom - ink.top)
    return Box(ink.left, max(cell.top, ink.top - most), ink.right, min(cell.bottom, ink.bottom + most))


def cover(canvas: Canvas, boxes: Iterable[Box]) -> None:
    """Cover boxes with bars."""
    for box in boxes:
        paint(canvas.picture, [box])
        canvas.painted.append(box)


def meet(one: Box, other: Box) -> bool:
    """Whether two boxes have a place in common."""
    return one.left < other.right and other.left < one.right and one.top < other.bottom and other.top < one.bottom


def joined_boxes(boxes: Iterable[Box]) -> list[Box]:
    """Join boxes that overlap: what finds barcodes tells of some twice."""
    joined: list[Box] = []
    for box in sorted(boxes, key=lambda one: one.left):
        near = next((other for other in joined if meet(box, other)), None)
        if near is None:
            joined.append(box)
        else:
            joined[joined.index(near)] = hull([near, box])
    return joined


def is_painted(glyph: Glyph, painted: Sequence[Box]) -> bool:
    """Whether the middle of a glyph was painted over."""
    x, y = (glyph.cell.left + glyph.cell.right) / 2, (glyph.ink.top + glyph.ink.bottom) / 2
    return any(box.left <= x <= box.right and box.top <= y <= box.bottom for box in painted)


# Text for the search


def placed_words(canvas: Canvas, kept: Sequence[Glyph]) -> list[PlacedText]:
    """Return the words of a page where they stand, and what stands for others."""
    page = canvas.page
    scale = page.width_pt / canvas.picture.shape[1], page.height_pt / canvas.picture.shape[0]
    placed = []
    for chain in chains_of(kept):
        for segment in chain:
            angle = kept[segment.words[0][0]].angle
            boxes = [hull(levelled(kept[number].cell, angle) for number in word) for word in segment.words]
            for place, (word, box) in enumerate(zip(segment.words, boxes, strict=True)):
                text = "".join(kept[number].text for number in word).replace("\u00ad", "-")
                if place + 1 < len(boxes):
                    # With the blank behind it: some readers see no blank where nothing is written.
                    text, box = f"{text} ", box._replace(right=max(boxes[place + 1].left, box.right))
                placed.append(_place(text, box, angle, page.height_pt, scale))
    for text, box, angle in canvas.words:
        placed.append(_place(text, levelled(box, angle), angle, page.height_pt, scale))
    return placed


def _place(text: str, box: Box, angle: float, height_pt: float, scale: tuple[float, float]) -> PlacedText:
    """Return a word whose box is told on a page that is turned so that its line is level."""
    across, down = float(np.cos(np.radians(angle))), float(np.sin(np.radians(angle)))
    x, y = box.left * across - box.bottom * down, box.left * down + box.bottom * across
    return PlacedText(
        text,
        x * scale[0],
        height_pt - y * scale[1],
        max(box.right - box.left, 1.0) * scale[0],
        max(box.bottom - box.top, 1.0) * scale[1],
        across,
        -down,
    )
