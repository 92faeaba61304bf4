"""Pages of documents in parts: text in its orders, pictures as they are kept, what is read in them, what is written."""

from __future__ import annotations

import io

import numpy as np
import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from scanward.adapters.engines.pdf import PdfiumEngine
from scanward.deidentify.documents import page_picture
from scanward.deidentify.documents.page_picture import (
    BAR,
    block_means,
    draw_text,
    encode,
    has_tones,
    paint_quad,
    pixels_of,
    settle,
)
from scanward.deidentify.documents.page_sight import glyphs_of, read_lines, weigh
from scanward.deidentify.documents.page_text import Glyph, chains_of, find_spans, levelled, runs_of, views_of
from scanward.deidentify.documents.page_words import READ
from scanward.deidentify.documents.page_writer import PdfWriter, PlacedText
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.deidentify.text.prose import TextCleaner
from scanward.deidentify.text.replace import Labels
from scanward.model.identifier import Identifier, IdentifierKind
from scanward.ports.documents import Box, MarkKind, PdfMark
from scanward.ports.engines import FoundText, ReadText
from tests.common.pdfs import Page, make

CLEANER = TextCleaner(KnownIdentifiers([Identifier(IdentifierKind.PATIENT_NAME, "Zimmerlund^Ottokar")]), Labels())


def glyphs(
    text: str, x: float = 10, y: float = 10, *, wide: float = 8, high: float = 16, step: float = 8
) -> list[Glyph]:
    """Return the glyphs of one line in a font whose letters are all as wide."""
    made, before = [], "\n"
    for at, char in enumerate(text):
        box = Box(x + at * step, y, x + at * step + wide, y + high)
        if char != " ":
            made.append(Glyph(char, box._replace(top=y + 3, bottom=y + 13), box, before=before))
            before = ""
        else:
            before = " "
    return made


# Text


def test_text_is_put_in_order_by_lines_and_by_columns():
    page = (
        glyphs("left one", 10, 10)
        + glyphs("right one", 200, 10)
        + glyphs("left two", 10, 30)
        + glyphs("right two", 200, 30)
    )
    texts = [view.text for view in views_of(page[::-1])]
    assert any("left one  right one\nleft two  right two" in text for text in texts)
    assert any("left one\nleft two" in text and "right one\nright two" in text for text in texts)


def test_names_are_found_across_lines_columns_and_hyphens():
    beside = glyphs("The liver is", 300, 10) + glyphs("of normal size", 300, 30)
    for page in (
        glyphs("seen by Ottokar", 10, 10) + beside + glyphs("Zimmerlund today", 10, 30),
        glyphs("seen by Zimmer-", 10, 10) + beside + glyphs("lund today", 10, 30),
    ):
        found = {page[number].text for span in find_spans(page, CLEANER) for number in span.glyphs}
        assert set("Zimmerlund") <= found
        runs = [run for span in find_spans(page, CLEANER) for run in runs_of(span.glyphs, page)]
        assert all(max(page[n].ink.right for n in run) < 300 for run in runs)


def test_a_full_line_goes_on_in_the_next_one_and_a_short_one_does_not():
    page = glyphs("The results were called to the ward on March", 10, 10) + glyphs("16 by phone", 10, 30)
    texts = [view.text for view in views_of(page)]
    assert any("on March 16 by phone" in text for text in texts)
    found = {page[number].text for span in find_spans(page, CLEANER) for number in span.glyphs}
    assert {"M", "1", "6"} <= found
    page = glyphs("Findings", 10, 10) + glyphs("The liver is of normal size and the spleen", 10, 30)
    assert not any("Findings The" in view.text for view in views_of(page))


def test_what_overlaps_is_said_once():
    page = glyphs("Patient: Ottokar Zimmerlund", 10, 10)
    shown = [span.shown for span in find_spans(page, CLEANER) if span.shown]
    assert shown == ["[PATIENT]"]


@pytest.mark.parametrize("angle", [0, 90, 180, 270])
def test_lines_are_found_at_any_angle(angle):
    across, down = round(np.cos(np.radians(angle))), round(np.sin(np.radians(angle)))
    page = []
    for glyph in glyphs("Ottokar Zimmerlund", 100, 50):

        def turned(box: Box) -> Box:
            corners = [(x * across - y * down, x * down + y * across) for x, y in (box[:2], box[2:])]
            (x0, y0), (x1, y1) = corners
            return Box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))

        page.append(glyph._replace(ink=turned(glyph.ink), cell=turned(glyph.cell), angle=float(angle)))
    (chain,) = chains_of(page)
    assert ["".join(page[n].text for n in word) for word in chain[0].words] == ["Ottokar", "Zimmerlund"]
    assert levelled(page[0].cell, angle) == pytest.approx(glyphs("O", 100, 50)[0].cell)


def test_a_line_of_letters_that_are_spaced_out_has_words():
    (chain,) = chains_of(glyphs("Zimmerlund Ottokar", step=16))
    assert len(chain[0].words) == 2


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6),
                          st.integers(0, 900), st.integers(0, 900)), max_size=12))  # fmt: skip
def test_each_glyph_is_in_each_order_once(words):
    page = [glyph for text, x, y in words for glyph in glyphs(text.strip(), x, y)]
    page = [glyph for glyph in page if glyph.text.strip()]
    in_chains = [n for chain in chains_of(page) for segment in chain for word in segment.words for n in word]
    assert sorted(in_chains) == list(range(len(page)))
    for view in views_of(page):
        assert len(view.text) == len(view.owners)
        assert {owner for owner in view.owners if owner >= 0} <= set(range(len(page)))


@pytest.mark.parametrize(
    ("matrix", "rotate", "angle"),
    [
        ("1 0 0 1", 0, 0),
        ("0 1 -1 0", 0, 270),
        ("0 -1 1 0", 0, 90),
        ("-1 0 0 -1", 0, 180),
        ("1 0 0 1", 90, 90),
        ("0 1 -1 0", 90, 0),
    ],
)
def test_angles_are_told_as_lines_are_seen(matrix, rotate, angle):
    page = Page(f"BT /F1 12 Tf {matrix} 100 100 Tm (Zimmerlund) Tj ET", 200, 200, entries=f"/Rotate {rotate}")
    with PdfiumEngine().open(make(page)) as document:
        chars = document.show(0).chars
    assert {char.angle % 360 for char in chars} == {angle}
    first, last = (levelled(char.cell, angle) for char in (chars[0], chars[-1]))
    assert first.right < last.left
    assert abs(first.top - last.top) < 3


# Pictures


def test_grey_pages_are_kept_in_sixteen_levels_and_pictures_in_all():
    picture = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    assert len(np.unique(settle(picture, keep=False))) == 16
    assert np.abs(settle(picture, keep=False).astype(int) - picture).max() <= 8
    assert (settle(picture, keep=True) == picture).all()


def test_tones_count_where_they_fill_a_part_of_the_page():
    page = np.full((200, 200, 3), 255, np.uint8)
    page[50:150, 50:150] = np.arange(100, dtype=np.uint8)[None, :, None]
    assert has_tones(page, [Box(50, 50, 150, 150)])
    assert not has_tones(page, [Box(50, 50, 60, 60)])
    assert not has_tones(page, [Box(0, 0, 40, 200)])


@pytest.mark.parametrize(
    ("colours", "grey", "lossy"),
    [(2, True, False), (16, True, False), (200, True, False), (90, False, False), (5000, False, False)],
)
def test_pictures_are_coded_without_loss(colours, grey, lossy, tmp_path):
    rng = np.random.default_rng(4)
    table = rng.integers(0, 256, (colours, 1 if grey else 3), np.uint8).repeat(3 if grey else 1, axis=1)
    picture = table[rng.integers(0, colours, (61, 83))]
    writer = PdfWriter()
    coded = encode(picture)
    writer.add_page(83 * 72 / 200, 61 * 72 / 200, picture.shape[:2], coded, [])
    with PdfiumEngine().open(writer.finish()) as document:
        assert (document.show(0).picture == picture).all()
    assert coded.is_lossy == lossy


def test_photographs_are_coded_with_little_loss(monkeypatch):
    monkeypatch.setattr(page_picture, "MOST_BYTES", 20_000)
    rng = np.random.default_rng(4)
    photograph = np.asarray(Image.fromarray(rng.integers(0, 255, (30, 40, 3), np.uint8)).resize((400, 300)))
    coded = encode(photograph)
    assert coded.is_lossy
    again = np.asarray(Image.open(io.BytesIO(coded.data)))
    assert np.abs(block_means(again) - block_means(photograph)).max() < 3


def test_what_is_drawn_fits_and_stays_off_what_stands_behind_it():
    picture = np.full((60, 300, 3), 255, np.uint8)
    picture[:, 150:] = 0
    draw_text(picture, Box(20, 20, 60, 44), "[PATIENT]")
    assert (picture[20:44, 20:140] < 128).any()
    assert (picture[:, 144:150] == 255).all()
    assert (picture[:20] == np.where(np.arange(300) < 150, 255, 0)[None, :, None]).all()


def test_a_region_aslant_is_covered_and_no_more():
    picture = np.full((100, 100, 3), 255, np.uint8)
    box = paint_quad(picture, np.array([[10, 50], [50, 10], [60, 20], [20, 60]], np.float32))
    assert box == Box(10, 10, 60, 60)
    assert (picture[35, 35] == BAR).all()
    assert (picture[12, 12] == 255).all()
    assert (picture[58, 58] == 255).all()


def test_places_beyond_the_page_are_none():
    assert np.zeros((10, 10))[pixels_of(Box(-50, -50, -20, -20), (10, 10))].size == 0
    assert np.zeros((10, 10))[pixels_of(Box(50, 50, 80, 80), (10, 10))].size == 0


# What is read


class Engine:
    """Finds and reads what it is told; knows how to read turned pictures by their shape."""

    name = "told"

    def __init__(self, *told: tuple[tuple[float, float, float, float], str, float]) -> None:
        self.told = told

    def find(self, picture, *, enlarge=1.0, seeded=True):
        return [FoundText(corners(*box), 1.0) for box, _, _ in self.told]

    def follow(self, picture, quads, covered):
        return []

    def read(self, picture, quads):
        found = []
        for quad in quads:
            near = [(text, sure) for box, text, sure in self.told if np.abs(corners(*box) - quad).max() < 2]
            found.append(ReadText(*(near[0] if near else ("", 0.0))))
        return found


def corners(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def blank(rows: int = 200, columns: int = 400) -> np.ndarray:
    return np.full((rows, columns, 3), 255, np.uint8)


def test_the_text_of_a_page_counts_where_it_reads_alike():
    page = glyphs("Ottokar Zimmerlund", 10, 10)
    engine = Engine(((8, 8, 160, 28), "Ottokar Zimrnerlund", 0.95))
    sight = weigh(read_lines(engine, blank(), [], seeded=False), page, blank())
    assert sight.glyphs == page
    assert not sight.doubted
    assert not sight.covered


def test_what_is_seen_counts_where_it_reads_otherwise():
    page = glyphs("Nothing to see here", 10, 10)
    engine = Engine(((8, 8, 164, 28), "Ottokar Zimmerlund", 0.95))
    sight = weigh(read_lines(engine, blank(), [], seeded=False), page, blank())
    assert "".join(glyph.text for glyph in sight.glyphs) == "OttokarZimmerlund"
    assert sight.doubted == page


def test_what_nobody_can_read_is_covered():
    engine = Engine(((8, 8, 164, 28), "Ottokar", READ - 0.1), ((8, 50, 164, 70), "", 0.0))
    sight = weigh(read_lines(engine, blank(), [], seeded=False), [], blank())
    assert not sight.glyphs
    assert len(sight.covered) == 2


def test_scripts_and_small_print_that_the_reader_does_not_know_are_believed_over_blank_paper_only():
    page = glyphs("Пациент", 10, 10)
    engine = Engine(((8, 8, 70, 28), "NauveHT", 0.5))
    assert weigh(read_lines(engine, blank(), [], seeded=False), page, blank()).glyphs == page
    behind = blank()
    behind[12:20, 20:40] = 0
    sight = weigh(read_lines(engine, behind, [], seeded=False), page, behind)
    assert sight.doubted == page
    assert len(sight.covered) == 1


def test_letters_under_a_stamp_aslant_are_none_of_it():
    page = glyphs("The heart is of normal size", 10, 60)
    stamp = np.array([[20, 120], [220, 20], [230, 40], [30, 140]], np.float32)

    class Stamped(Engine):
        def find(self, picture, *, enlarge=1.0, seeded=True):
            return [FoundText(stamp, 1.0)]

    sight = weigh(read_lines(Stamped(), blank(), [], seeded=False), page, blank())
    assert sight.glyphs == page
    assert len(sight.covered) == 1


def test_words_that_were_read_stand_where_their_ink_is():
    picture = blank()
    for left, right in ((20, 60), (75, 160), (175, 220)):
        picture[50:62, left:right] = 0
    engine = Engine(((10, 44, 230, 68), "seen Zimmerlund today", 0.99))
    words = {}
    for glyph in glyphs_of(read_lines(engine, picture, [], seeded=False)):
        words.setdefault(glyph.word, ["", glyph.ink])[0] += glyph.text
    assert [(text, round(box.left), round(box.right)) for text, box in words.values()] == [
        ("seen", pytest.approx(20, abs=2), pytest.approx(61, abs=2)),
        ("Zimmerlund", pytest.approx(75, abs=2), pytest.approx(161, abs=2)),
        ("today", pytest.approx(175, abs=2), pytest.approx(221, abs=2)),
    ]


def test_large_images_and_drawings_are_looked_at_closely():
    scales = []

    class Counting(Engine):
        def find(self, picture, *, enlarge=1.0, seeded=True):
            scales.append((picture.shape[:2], enlarge))
            return []

    page = blank(2000, 1500)
    read_lines(Counting(), page, [], seeded=False)
    read_lines(Counting(), page, [PdfMark(MarkKind.IMAGE, Box(0, 0, 1500, 2000))], seeded=False)
    read_lines(Counting(), page, [PdfMark(MarkKind.DRAWING, Box(100, 100, 300, 200))], seeded=False)
    assert scales[0][1] < 1
    assert scales[1] == ((2000, 1500), 1.0)
    assert (667, 500) in [shape for shape, _ in scales]
    assert ((100, 200), 1.0) in scales


# What is written


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=400))
def test_every_script_is_written_and_found(text):
    writer = PdfWriter()
    words = [PlacedText(text[at : at + 20], 10, 190 - at / 20 * 8, 180, 6) for at in range(0, len(text), 20)]
    writer.add_page(200, 200, (8, 8), encode(np.zeros((8, 8, 3), np.uint8)), words)
    data = writer.finish()
    found = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages)
    assert sorted(found.replace("\n", "").replace(" ", "")) == sorted(text)


def test_what_is_written_is_not_seen():
    writer = PdfWriter()
    writer.add_page(
        200, 200, (8, 8), encode(np.full((8, 8, 3), 255, np.uint8)), [PlacedText("Zimmerlund", 10, 100, 80, 12)]
    )
    with PdfiumEngine().open(writer.finish()) as document:
        page = document.show(0)
        assert (page.picture == 255).all()
        assert "".join(char.text for char in page.chars).strip() == "Zimmerlund"
