"""Cleans PDF documents: each page is shown, cleaned as a picture, and written anew with text that can be searched.

Nothing of the input reaches the output but pixels that are seen:

1. A page is drawn as a viewer draws it, annotations and filled forms too. Its own text that leaves no mark is hidden.
2. Where there is an engine that reads, what it reads decides what the page says; see
   :mod:`scanward.deidentify.documents.page_sight`. Where there is none, only pages of plain text and rules are cleaned.
3. What identifies, in any order of reading, is taken out of the picture, and what stands for it is drawn there.
4. Another look reads the result. What is known and still there goes as well, up to three times.
5. A new document is made of the pictures and of the words that stay.
6. It is opened as any other: each page has to look as it was made, and its text has to hold nothing that is known.
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanward.deidentify.documents.kinds import CleanedDocument, DocumentFacts
from scanward.deidentify.documents.page_canvas import (
    Canvas,
    cover,
    is_painted,
    joined_boxes,
    line_of,
    meet,
    placed_words,
    split_chars,
    wipe,
    wipe_strays,
)
from scanward.deidentify.documents.page_picture import (
    EM,
    READ_EM,
    Coded,
    block_means,
    differs,
    draw_text,
    encode,
    has_tones,
    is_flat,
    paint,
    paint_quad,
    settle,
)
from scanward.deidentify.documents.page_plain import LOOK, require_no_face, require_plain
from scanward.deidentify.documents.page_sight import Sight, glyphs_of, read_lines, weigh
from scanward.deidentify.documents.page_text import (
    FoundSpan,
    Glyph,
    find_known,
    find_spans,
    hull,
    is_shown,
    runs_of,
    views_of,
)
from scanward.deidentify.documents.page_writer import PdfWriter
from scanward.deidentify.documents.plain import facts_of
from scanward.deidentify.text.prose import TextCleaner
from scanward.errors import DocumentError
from scanward.model.identifier import Identifier, IdentifierKind
from scanward.ports.documents import Box, MarkKind, PdfDocument, PdfEngine, PdfPage
from scanward.ports.engines import BarcodeEngine, FaceEngine, Picture, TextEngine

MAX_OUTPUT_BYTES: Final = 512 << 20


_PROOFS: Final = 3
"""Looks at the result; what all but the last one finds goes."""


_OFF: Final = 6.0
"""Levels by which blocks of a picture that was coded with loss may differ."""


ReadText = Callable[[str], DocumentFacts]
"""Reads what a text says by the words before it; as the carrier of plain text does."""


@dataclass(slots=True)
class _Told:
    """What was done."""

    replaced: Counter[IdentifierKind] = field(default_factory=Counter)
    hidden_pages: int = 0
    unread: int = 0
    barcodes: int = 0

    def words(self) -> list[str]:
        counted = [
            (self.hidden_pages, "hidden text on {} page"),
            (self.unread, "{} passage that nobody can read for sure"),
            (self.barcodes, "{} barcode"),
        ]
        return [
            " ".join(_plural(word, count) for word in form.format(count).split(" ")) for count, form in counted if count
        ]


def _plural(word: str, count: int) -> str:
    return word + "s" if count > 1 and word in {"page", "passage", "barcode"} else word


class _Place(NamedTuple):
    """Where something was taken out: what stands for it, where its strokes were, its line, and how that is turned."""

    shown: str
    box: Box
    line: Box
    angle: float
    is_own: bool


class PdfCleaner:
    """Cleans PDF documents.

    Parameters
    ----------
    engine
        Opens and shows them.
    text_engine
        Finds and reads text in pictures; None where it is not installed.
    second
        Another make, which looks at the result; the first one does where it is None.
    barcodes
        Finds barcodes; None where it is not installed.
    faces
        Finds faces, for which a document is held; None where it is not installed.
    read_text
        Reads what a text says of the patient and the order.
    """

    def __init__(
        self,
        engine: PdfEngine,
        text_engine: TextEngine | None,
        *,
        second: TextEngine | None = None,
        barcodes: BarcodeEngine | None = None,
        faces: FaceEngine | None = None,
        read_text: ReadText = facts_of,
    ) -> None:
        self._engine = engine
        self._text = text_engine
        self._second = second or text_engine
        self._barcodes = barcodes
        self._faces = faces
        self._read_text = read_text

    # What a document says

    def read_facts(self, data: bytes) -> DocumentFacts:
        """Return what a document says of the patient and the order, in its text and its metadata.

        Raises
        ------
        DocumentError
            It cannot be read.
        """
        with self._engine.open(data) as document:
            texts = [document.read_text(index) for index in range(document.page_count)]
            if self._text is not None and not any(text.strip() for text in texts):
                texts.append(self._seen_text(document, self._text))
            info = document.info
        facts = self._read_text("\n\n".join(texts))
        return DocumentFacts(
            identifiers=facts.identifiers | frozenset(_authors(info)),
            patient_ids=facts.patient_ids,
            accession_numbers=facts.accession_numbers,
            study_uids=facts.study_uids,
        )

    def _seen_text(self, document: PdfDocument, engine: TextEngine) -> str:
        """Return what is read in the first page of a document that has no text of its own."""
        page = document.show(0)
        lines = read_lines(engine, page.picture, page.marks, seeded=False)
        glyphs = glyphs_of(line for line in lines if line.is_sure)
        return next((view.text for view in views_of(glyphs)), "")

    # Cleaning

    def clean(self, data: bytes, cleaner: TextCleaner) -> CleanedDocument:
        """Return a document with nothing of the old one but what is seen and does not identify.

        Raises
        ------
        DocumentError
            It cannot be read, or not be cleaned for sure.
        EngineError
            What reads failed its own test.
        """
        writer = PdfWriter()
        told = _Told()
        proofs: list[_Proof] = []
        with self._engine.open(data) as document:
            for index in range(document.page_count):
                proofs.append(self._clean_page(document.show(index), cleaner, writer, told))
                if writer.size > MAX_OUTPUT_BYTES:
                    raise DocumentError("expected a PDF whose pages fit into memory, got a larger one", remedy=LOOK)
            extras = document.extras
        made = writer.finish()
        self._prove(made, proofs, cleaner)
        return CleanedDocument(data=made, replaced=told.replaced, removed=(*extras, *told.words()))

    def _clean_page(self, page: PdfPage, cleaner: TextCleaner, writer: PdfWriter, told: _Told) -> "_Proof":
        keep = has_tones(page.picture, [mark.box for mark in page.marks if mark.kind is not MarkKind.RULE])
        canvas = Canvas(
            page,
            settle(page.picture, keep=keep).copy(),
            settle(page.without_text, keep=keep),
            differs(page.picture, page.without_text),
        )
        if self._faces is not None:
            require_no_face(page, self._faces)
        own, hidden = split_chars(page, canvas.inked)
        told.hidden_pages += any(glyph.text.strip() for glyph in hidden)
        if self._barcodes is not None:
            boxes = joined_boxes([_box_of(quad) for quad in self._barcodes.find(canvas.picture)])
            told.barcodes += len(boxes)
            cover(canvas, boxes)
        sight = self._see(canvas, own)
        told.unread += len(sight.covered)
        spans = find_spans(sight.glyphs, cleaner)
        told.replaced.update(span.kind for span in spans)
        gone = self._take_out(canvas, sight, spans, own)
        # What hidden or contradicted text says is looked for as well: people see the same where it stands, or near it.
        for others in (sight.doubted, hidden):
            _cover_others(canvas, others, sight.glyphs, cleaner)
        self._look_again(canvas, cleaner, told)
        kept = [glyph for number, glyph in enumerate(sight.glyphs) if number not in gone]
        kept = [glyph for glyph in kept if not is_painted(glyph, canvas.painted)]
        image = encode(canvas.picture)
        writer.add_page(page.width_pt, page.height_pt, canvas.picture.shape[:2], image, placed_words(canvas, kept))
        return _Proof.of(canvas.picture, image, [text for text, _, _ in canvas.words])

    def _see(self, canvas: Canvas, own: list[Glyph]) -> Sight:
        if self._text is None:
            require_plain(canvas, own)
            return Sight(own, [], [])
        lines = read_lines(self._text, canvas.picture, canvas.page.marks, seeded=False)
        return weigh(lines, own, canvas.clear)

    def _take_out(self, canvas: Canvas, sight: Sight, spans: Sequence[FoundSpan], own: Sequence[Glyph]) -> set[int]:
        """Take what was found out of the picture and draw what stands for it; return the glyphs that went."""
        glyphs = sight.glyphs
        of_word: dict[int, list[int]] = {}
        for number, glyph in enumerate(glyphs):
            if glyph.word >= 0:
                of_word.setdefault(glyph.word, []).append(number)
        gone: set[int] = set()
        places: list[_Place] = []
        for span in spans:
            whole = dict.fromkeys(
                other for number in span.glyphs for other in of_word.get(glyphs[number].word, (number,))
            )
            numbers = [number for number in whole if number not in gone]
            gone.update(numbers)
            shown = " ".join(span.shown.split())  # what went over two lines stands on one
            for run in runs_of(numbers, glyphs):
                box = hull(glyphs[number].ink for number in run)
                is_own = all(glyphs[number].word < 0 for number in run)
                wipe(canvas, box, is_own=is_own)
                places.append(_Place(shown, box, line_of(run, glyphs), glyphs[run[0]].angle, is_own))
                shown = ""
        wipe_strays(canvas, own)
        # Drawn when all is wiped: what stands for one thing may not be wiped with the next.
        drawn_in = {place.box for place in places if place.shown}
        for place in places:
            if place.shown:
                em = EM if place.is_own else READ_EM
                draw_text(
                    canvas.picture, place.line, place.shown, angle=place.angle, em=em, before=_next(place, places)
                )
                canvas.words.append((place.shown, place.line, place.angle))
            elif place.box not in drawn_in:
                paint(canvas.picture, [place.box], 0)
        canvas.painted += [paint_quad(canvas.picture, quad) for quad in sight.covered]
        return gone

    # Proof

    def _look_again(self, canvas: Canvas, cleaner: TextCleaner, told: _Told) -> None:
        if self._second is None:
            return
        shown = [text for text, _, _ in canvas.words]
        for _ in range(_PROOFS):
            lines = read_lines(self._second, canvas.picture, canvas.page.marks, seeded=True)
            glyphs = glyphs_of(lines)
            found = _known_in(glyphs, cleaner, shown)
            if not found:
                return
            told.unread += len(found)
            cover(canvas, found)
        raise DocumentError(
            "after what identifies was taken out of a page, another look found some that is still there", remedy=LOOK
        )

    def _prove(self, made: bytes, proofs: Sequence["_Proof"], cleaner: TextCleaner) -> None:
        """Open the new document as any other, and compare.

        Raises
        ------
        DocumentError
            A page does not look as it was made, or something known is in its text.
        """
        with self._engine.open(made) as document:
            if document.page_count != len(proofs) or document.extras or document.info:
                raise DocumentError("expected a new PDF of the pages that were made, got another", remedy=LOOK)
            for index, proof in enumerate(proofs):
                page = document.show(index)
                if not proof.holds(page.picture):
                    raise DocumentError("expected a new page to look as it was made, it does not", remedy=LOOK)
                texts = ["".join(char.text for char in page.chars), document.read_text(index)]
                glyphs, _ = split_chars(page)
                if find_known(glyphs, cleaner.known, proof.shown) or any(
                    not is_shown(text[span.start : span.end], proof.shown)
                    for text in texts
                    for span in cleaner.known.find_in_text(text)
                ):
                    raise DocumentError(
                        "a known identifier is in the text of the new PDF, so it is not released", remedy=LOOK
                    )


@dataclass(frozen=True, slots=True)
class _Proof:
    """What a page has to look like.

    Attributes
    ----------
    digest
        Of the picture; empty where it was coded with loss.
    blocks
        The means of its blocks; None where it was not.
    shown
        What stands there for something.
    """

    digest: bytes
    blocks: NDArray[np.float32] | None
    shown: Sequence[str] = field(repr=False)

    @classmethod
    def of(cls, picture: Picture, image: Coded, shown: Sequence[str]) -> "_Proof":
        if image.is_lossy:
            return cls(b"", block_means(picture), shown)
        return cls(_digest(picture), None, shown)

    def holds(self, picture: Picture) -> bool:
        if self.blocks is None:
            return _digest(picture) == self.digest
        blocks = block_means(picture)
        return blocks.shape == self.blocks.shape and float(np.abs(blocks - self.blocks).max(initial=0)) <= _OFF


def _digest(picture: Picture) -> bytes:
    return hashlib.sha256(repr(picture.shape).encode() + np.ascontiguousarray(picture).tobytes()).digest()


def _next(place: _Place, places: Sequence[_Place]) -> float:
    """Return where the next thing on the line of an upright place begins, which may not be drawn upon."""
    line = place.line
    if round(place.angle / 90) % 4:
        return math.inf
    return min(
        (
            one.line.left
            for one in places
            if one.line.left > line.left and one.line.top < line.bottom and line.top < one.line.bottom
        ),
        default=math.inf,
    )


def _known_in(glyphs: Sequence[Glyph], cleaner: TextCleaner, shown: Sequence[str]) -> list[Box]:
    """Return where something known is still read, or something like it; whole words."""
    return [
        hull(glyphs[number].ink for number in run)
        for numbers in find_known(glyphs, cleaner.known, shown, closely=True)
        for run in runs_of(numbers, glyphs)
    ]


def _cover_others(canvas: Canvas, others: Sequence[Glyph], counting: Sequence[Glyph], cleaner: TextCleaner) -> None:
    """Cover where text that does not count says something that is known, where nothing but a picture is seen there."""
    for box in _known_in(others, cleaner, ()):
        if any(glyph.word < 0 and meet(glyph.ink, box) for glyph in counting):
            continue  # what is seen there is text that was cleaned by what it says itself
        if not is_flat(canvas.picture, box) and box not in canvas.painted:
            cover(canvas, [box])


def _box_of(quad: NDArray[np.float32]) -> Box:
    low, high = quad.min(axis=0), quad.max(axis=0)
    return Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))


# Metadata

_DEGREES = re.compile(r"(?:\b(?:Dr|Prof|Mr|Mrs|Ms|MD|PhD)\b\.?|,\s*M\.?D\.?)", re.IGNORECASE)


def _authors(info: Iterable[tuple[str, str]]) -> Iterable[Identifier]:
    """Yield who wrote a document, where its metadata names a person rather than a program or an account."""
    for key, value in info:
        if key != "Author":
            continue
        family, comma, given = _DEGREES.sub(" ", value).partition(",")
        words = (f"{given} {family}" if comma else family).split()
        if 2 <= len(words) <= 4 and all(word.replace("-", "").replace(".", "").isalpha() for word in words):
            yield Identifier(IdentifierKind.PERSON_NAME, f"{words[-1]}^{' '.join(words[:-1])}")
