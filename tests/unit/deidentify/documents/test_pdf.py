"""PDF documents are shown, cleaned and written anew; here by their own text alone, with no engine that looks."""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path

import numpy as np
import pikepdf
import pypdf
import pytest
from PIL import Image

from scanward.adapters.engines.pdf import DPI, PdfiumEngine
from scanward.deidentify.documents import pdf as pdf_module
from scanward.deidentify.documents.pdf import PdfCleaner
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.deidentify.text.prose import TextCleaner
from scanward.deidentify.text.replace import Labels, Nothing
from scanward.errors import DocumentError
from scanward.model.identifier import Identifier, IdentifierKind
from tests.common.pdfs import Maker, Page, append, everything, filling, image, liar_font, lines, make, scan, show

KNOWN = KnownIdentifiers(
    [
        Identifier(IdentifierKind.PATIENT_NAME, "Zimmerlund^Ottokar"),
        Identifier(IdentifierKind.BIRTH_DATE, "19580714"),
        Identifier(IdentifierKind.PATIENT_ID, "MZ-774120"),
        Identifier(IdentifierKind.ACCESSION, "A20388451"),
    ]
)
PLANTED = ("Zimmerlund", "Ottokar", "774120", "20388451", "1958")
REPORT = lines(
    "Patient: Ottokar Zimmerlund, born 14.07.1958, MRN MZ-774120",
    "Findings: There is a 7 mm nodule in the right upper lobe.",
    "No pleural effusion. Heart size is normal. The liver is normal.",
)


@pytest.fixture(scope="module")
def engine():
    return PdfiumEngine()


@pytest.fixture
def cleaner():
    return TextCleaner(KNOWN, Labels())


def upper(content: str, entries: str = "") -> bytes:
    """Return a document of one page that is the upper part of a common one."""
    return make(Page(content, width=468, height=252, bottom=590, entries=entries))


def clean(engine, data: bytes, *, replacer=None):
    return PdfCleaner(engine, None).clean(data, TextCleaner(KNOWN, replacer or Labels()))


def page_texts(data: bytes) -> list[str]:
    """Return what three readers find in each page, in one line for each of them."""
    poppler = subprocess.run(["pdftotext", "-", "-"], input=data, capture_output=True, check=True).stdout.decode()
    with PdfiumEngine().open(data) as document:
        pdfium = [document.read_text(index) for index in range(document.page_count)]
    own = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages]
    pages = zip(poppler.split("\f"), pdfium, own, strict=False)
    return ["\n".join(" ".join(text.split()) for text in page) for page in pages]


def texts_of(data: bytes) -> str:
    """Return what three readers find."""
    return "\n".join(page_texts(data))


def poppler_picture(data: bytes, folder: Path, page: int = 1) -> np.ndarray:
    source = folder / "shown.pdf"
    source.write_bytes(data)
    command = [
        "pdftoppm",
        "-r",
        str(DPI),
        "-f",
        str(page),
        "-l",
        str(page),
        "-singlefile",
        "-png",
        source,
        folder / "shown",
    ]
    subprocess.run(command, check=True, capture_output=True)
    return np.asarray(Image.open(folder / "shown.png").convert("RGB"))


def require_clean(data: bytes) -> str:
    text = texts_of(data)
    raw = everything(data)
    for value in PLANTED:
        assert value.lower() not in text.lower()
        assert value.encode() not in raw
        assert value.encode("utf-16-be") not in raw
    return text


# The main path


@pytest.mark.peers("pdftotext")
def test_what_identifies_goes_and_the_rest_stays_to_be_read_and_searched(engine):
    made = clean(engine, make(REPORT))
    text = require_clean(made.data)
    assert "[PATIENT]" in text
    assert text.count("There is a 7 mm nodule in the right upper lobe.") == 3
    assert text.count("No pleural effusion. Heart size is normal.") == 3
    assert made.replaced[IdentifierKind.PATIENT_NAME] >= 1
    assert made.replaced[IdentifierKind.BIRTH_DATE] + made.replaced[IdentifierKind.DATE] >= 1
    assert made.removed == ()


@pytest.mark.peers("pdftotext")
def test_the_page_looks_as_before_but_where_something_was_taken_out(engine, tmp_path):
    before = make(REPORT)
    made = clean(engine, before, replacer=Nothing())
    with engine.open(before) as document:
        one = document.show(0).picture
    other = poppler_picture(made.data, tmp_path)
    assert one.shape == other.shape
    differing = np.abs(one.astype(int) - other).max(axis=2)
    rows = np.flatnonzero((differing > 20).any(axis=1))
    # The first line stands 62 points below the top. All else is as it was, to half a step of the 16 levels.
    assert 45 * DPI / 72 < rows.min() <= rows.max() < 70 * DPI / 72
    assert differing[round(70 * DPI / 72) :].max() <= 9


def test_the_same_input_gives_the_same_bytes(engine):
    assert clean(engine, upper(REPORT)).data == clean(engine, upper(REPORT)).data


def test_a_page_of_text_is_small(engine):
    words = "there is no pleural effusion the heart of normal size liver spleen kidneys are".split()
    order = np.random.default_rng(3).integers(0, len(words), (32, 12))
    page = lines(*[" ".join(words[number] for number in row) for row in order])
    assert len(clean(engine, make(page)).data) < 150_000


@pytest.mark.peers("pdftotext")
def test_nothing_of_the_old_file_but_its_pages_is_in_the_new_one(engine):
    maker = Maker()
    note = "<< /Type /Annot /Subtype /Text /Rect [500 800 520 820] /Contents (Ask Ottokar Zimmerlund) /F 2 >>"
    maker.add(Page(REPORT, annotations=[note, note]))
    attached = maker.put(maker.stream("Zimmerlund in an attachment", "/Type /EmbeddedFile"))
    file = maker.put(f"<< /Type /Filespec /F (Zimmerlund.txt) /EF << /F {attached} 0 R >> >>")
    script = maker.put("<< /S /JavaScript /JS (app.alert\\('Zimmerlund'\\)) >>")
    xmp = maker.put(maker.stream("<x:xmpmeta>Zimmerlund</x:xmpmeta>", "/Type /Metadata /Subtype /XML", compress=False))
    outline = maker.put("<< /Type /Outlines >>")
    maker.root = (
        f"/Names << /EmbeddedFiles << /Names [(Zimmerlund) {file} 0 R] >> /JavaScript << /Names [(a) {script} 0 R] >> >> "
        f"/OpenAction {script} 0 R /Metadata {xmp} 0 R /Outlines {outline} 0 R /PageLabels << /Nums [0 << /P (Zimm) >>] >> "
        "/MarkInfo << /Marked true >> /StructTreeRoot << /Type /StructTreeRoot >>"
    )
    maker.info = "<< /Title (Zimmerlund) /Author (Dr. Ottokar Zimmerlund) >>"
    made = clean(engine, maker.finish())
    require_clean(made.data)
    assert set(made.removed) >= {
        "2 annotations", "1 attachment", "1 script", "1 opening action", "1 outline", "1 list of page labels",
        "1 structure tree", "document metadata",
    }  # fmt: skip
    with pikepdf.open(io.BytesIO(made.data)) as document:
        assert set(document.Root.keys()) == {"/Type", "/Pages"}
        assert set(document.pages[0].keys()) == {"/Type", "/Parent", "/MediaBox", "/Contents", "/Resources"}
        assert document.check_pdf_syntax() == []
    assert not any(value in repr(made.removed) for value in PLANTED)


@pytest.mark.peers("pdftotext")
def test_earlier_revisions_are_gone(engine):
    first = make(REPORT)
    content = next(number for number, body in _bodies(first) if b"/Length" in body)
    stream = Maker().stream(lines("The heart is of normal size."))
    made = clean(engine, append(first, content, stream))
    require_clean(made.data)
    assert "1 earlier revision" in made.removed
    assert "The heart is of normal size." in texts_of(made.data)


def _bodies(data: bytes):
    for match in re.finditer(rb"(\d+) 0 obj\n(.*?)endobj", data, re.DOTALL):
        yield int(match[1]), match[2]


# Text that is written in other ways


SETTINGS = {
    "hyphen": lines("The report on Ottokar Zimmer-", "lund is ready for the ward."),
    "lines": lines("The report of the patient Ottokar", "Zimmerlund is ready for the ward."),
    "spaced": show("Z i m m e r l u n d   O t t o k a r", 40, 780),
    "character spacing": "BT /F1 12 Tf 4 Tc 1 0 0 1 40 780 Tm (Zimmerlund Ottokar) Tj ET",
    "kerning": "BT /F1 12 Tf 1 0 0 1 40 780 Tm [(Zim) 40 (mer) -60 (lu) 20 (nd) -300 (Ottokar)] TJ ET",
    "letters backwards": " ".join(show(char, 40 + 9 * at, 780) for at, char in reversed(list(enumerate("Zimmerlund")))),
    "columns": show("Name", 40, 780) + show("Findings", 300, 780) + show("Ottokar", 40, 764) + show("The liver is", 300, 764)
            + show("Zimmerlund", 40, 748) + show("of normal size.", 300, 748),
    "upwards": "BT /F1 12 Tf 0 1 -1 0 300 640 Tm (Ottokar Zimmerlund) Tj ET",
    "upside down": "BT /F1 12 Tf -1 0 0 -1 300 700 Tm (Ottokar Zimmerlund) Tj ET",
    "aslant": "BT /F1 12 Tf .866 .5 -.5 .866 200 650 Tm (Ottokar Zimmerlund) Tj ET",
    "outlined": "BT 1 Tr /F1 14 Tf 1 0 0 1 40 780 Tm (Ottokar Zimmerlund) Tj ET",
    "grey": "q 0.4 g " + show("Ottokar Zimmerlund", 40, 780) + " Q",
    "nearly white": "0.99 g " + show("Ottokar Zimmerlund", 40, 780),
}  # fmt: skip


@pytest.fixture(scope="module")
def pages_set(engine):
    """The pages of `SETTINGS` in one document, cleaned: what three readers find in each."""
    page = "\n" + lines("No pleural effusion.", y=600)
    made = clean(engine, make(*(Page(content + page, 468, 252, 590) for content in SETTINGS.values())))
    return dict(zip(SETTINGS, page_texts(made.data), strict=True))


@pytest.mark.peers("pdftotext")
@pytest.mark.parametrize("name", SETTINGS)
def test_names_are_found_however_they_are_set(pages_set, name):
    squeezed = pages_set[name].replace(" ", "").lower()
    assert "zimmerlund" not in squeezed
    assert "ottokar" not in squeezed
    assert pages_set[name].count("No pleural effusion.") == 3


@pytest.mark.peers("pdftotext")
@pytest.mark.parametrize("turn", [90, 180, 270])
def test_turned_pages_stay_as_they_are_seen(engine, turn, tmp_path):
    before = upper(REPORT, f"/Rotate {turn}")
    made = clean(engine, before)
    assert "There is a 7 mm nodule in the right upper lobe." in require_clean(made.data)
    with engine.open(before) as document, engine.open(made.data) as cleaned:
        one, other = document.show(0).picture, cleaned.show(0).picture
    assert one.shape == other.shape == poppler_picture(made.data, tmp_path).shape
    inked, differing = (one < 128).any(axis=2), np.abs(one.astype(int) - other).max(axis=2) > 9
    # Two of the three lines stay.
    assert (inked & ~differing).sum() > 0.6 * inked.sum()


HIDDEN = {
    "white on white": ("1 g " + show("Ottokar Zimmerlund", 40, 700), ""),
    "render mode 3": (show("Ottokar Zimmerlund", 40, 700, before="3 Tr"), ""),
    "over other text": (show("Ottokar Zimmerlund", 40, 780, before="3 Tr"), ""),
    "behind a box": (show("Ottokar Zimmerlund", 40, 700) + " 1 g 30 690 300 40 re f", ""),
    "under a bar": (show("Ottokar Zimmerlund", 40, 700) + " 0 g 30 690 300 40 re f", ""),
    "off the page": (show("Ottokar Zimmerlund", 40, 5000), ""),
    "cropped away": (show("Ottokar Zimmerlund", 40, 700), "/CropBox [0 720 468 842]"),
    "clipped": ("q 0 0 10 10 re W n " + show("Ottokar Zimmerlund", 40, 700) + " Q", ""),
}  # fmt: skip


@pytest.fixture(scope="module")
def hidden_pages(engine):
    """The pages of `HIDDEN` in one document, cleaned, and what three readers find in each."""
    seen = lines("The heart is of normal size.") + " "
    made = clean(engine, make(*(Page(seen + text, 468, 252, 590, entries) for text, entries in HIDDEN.values())))
    return made, dict(zip(HIDDEN, page_texts(made.data), strict=True))


@pytest.mark.peers("pdftotext")
@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_text_does_not_come_through(hidden_pages, name):
    _, texts = hidden_pages
    assert texts[name].count("The heart is of normal size.") == 3
    assert "[" not in texts[name]
    assert not any(value.lower() in texts[name].lower() for value in PLANTED)


@pytest.mark.peers("pdftotext")
def test_hidden_text_is_told(hidden_pages):
    made, _ = hidden_pages
    require_clean(made.data)
    assert f"hidden text on {len(HIDDEN)} pages" in made.removed


@pytest.mark.peers("pdftotext")
def test_tiny_text_is_cleaned_as_any_other(engine):
    made = clean(engine, upper(lines("The heart is of normal size.") + show("Ottokar Zimmerlund", 40, 600, size=0.4)))
    require_clean(made.data)


@pytest.mark.peers("pdftotext")
def test_values_of_forms_and_notes_that_are_seen_are_cleaned(engine):
    maker = Maker()
    look = maker.put(maker.stream(
        "BT /F1 12 Tf 2 4 Td (Ottokar Zimmerlund) Tj ET",
        f"/Type /XObject /Subtype /Form /BBox [0 0 200 20] /Resources << /Font << /F1 {maker.put(_font())} 0 R >> >>",
    ))  # fmt: skip
    field = (
        f"<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /V (Ottokar Zimmerlund) /Rect [40 600 240 620] /F 4 "
        f"/AP << /N {look} 0 R >> >>"
    )
    note = f"<< /Type /Annot /Subtype /FreeText /Rect [40 500 240 520] /F 4 /Contents (Zimmerlund) /AP << /N {look} 0 R >> >>"
    maker.add(Page(lines("Name of the patient:"), annotations=[field, note]))
    maker.root = f"/AcroForm << /Fields [{len(maker.bodies) - 3} 0 R] >>"
    made = clean(engine, maker.finish())
    text = require_clean(made.data)
    assert text.count("[PATIENT]") >= 3
    assert "1 annotation" in made.removed
    assert "1 form field" in made.removed


def _font() -> str:
    return "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


# What cannot be cleaned for sure without an engine that looks


def test_a_page_with_an_image_waits_for_one_who_can_look(engine, cleaner):
    page = Page("", 300, 200, objects={"I": image(scan(["Ottokar Zimmerlund"], shape=(200, 300), size=14))})
    page.content = filling("I", page)
    with pytest.raises(DocumentError, match="text alone") as error:
        PdfCleaner(engine, None).clean(make(page), cleaner)
    assert "scanward[pixels]" in error.value.remedy


def test_letters_drawn_as_strokes_wait(engine, cleaner):
    content = lines("The heart is of normal size.") + " 40 700 m 44 712 l 48 700 l S"
    with pytest.raises(DocumentError, match="text alone"):
        PdfCleaner(engine, None).clean(make(content), cleaner)


@pytest.mark.peers("pdftotext")
def test_rules_and_tinted_boxes_are_no_hindrance(engine):
    frame = "0.9 g 30 770 400 30 re f 0 G 30 690 m 430 690 l S 30 600 400 80 re S 0 g "
    assert "There is a 7 mm nodule" in require_clean(clean(engine, upper(frame + REPORT)).data)


def bars() -> str:
    return " ".join(f"{100 + 4 * at} 650 {1 + at % 2} 40 re" for at in range(30)) + " f "


def letters_in_a_pattern() -> bytes:
    maker = Maker()
    tile = maker.put(maker.stream(
        show("Ottokar Zimmerlund", 4, 10),
        "/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 200 40] /XStep 200 /YStep 40 "
        f"/Resources << /Font << /F1 {maker.put(_font())} 0 R >> >>",
    ))  # fmt: skip
    page = maker.add(Page("/Pattern cs /P scn 0 600 400 200 re f"))
    body = maker.bodies[page - 1]
    maker.bodies[page - 1] = body.replace(b"/Resources <<", f"/Resources << /Pattern << /P {tile} 0 R >>".encode())
    return maker.finish()


@pytest.mark.parametrize(
    "data", [pytest.param(upper(bars() + REPORT), id="bars"), pytest.param(letters_in_a_pattern(), id="pattern")]
)
def test_what_only_looks_like_rules_waits(engine, cleaner, data):
    with pytest.raises(DocumentError, match="text alone"):
        PdfCleaner(engine, None).clean(data, cleaner)


def test_text_that_says_other_than_it_shows_waits(engine, cleaner):
    maker = Maker()
    said = "".join(chr(ord("a") + (ord(char) * 7 + 3) % 26) for char in "abcdefghijklmnopqrstuvwxyz")
    font = liar_font(maker, "abcdefghijklmnopqrstuvwxyz", said)
    text = "report on ottokar zimmerlund who was seen with a nodule of the right upper lobe of the lung"
    maker.add(Page(show(text, 40, 700, font="L"), fonts={"L": font}))
    with pytest.raises(DocumentError, match="may not say what is shown"):
        PdfCleaner(engine, None).clean(maker.finish(), cleaner)


# Proof


def test_a_page_that_does_not_look_as_it_was_made_is_not_released(engine, cleaner, monkeypatch):
    monkeypatch.setattr(pdf_module, "encode", lambda picture, made=pdf_module.encode: made(255 - picture))
    with pytest.raises(DocumentError, match="look as it was made"):
        PdfCleaner(engine, None).clean(upper(REPORT), cleaner)


def test_a_known_identifier_in_the_new_text_is_not_released(engine, cleaner, monkeypatch):
    monkeypatch.setattr(pdf_module, "find_spans", lambda glyphs, cleaner: [])
    with pytest.raises(DocumentError, match="known identifier is in the text"):
        PdfCleaner(engine, None).clean(upper(REPORT), cleaner)


# What it says


def test_facts_are_read_from_text_and_metadata(engine):
    maker = Maker()
    maker.add(Page(lines("Patient: Ottokar Zimmerlund", "MRN: MZ-774120", "Accession: A20388451")))
    maker.info = "<< /Author (Dr. Cheryl Blankenship) /Creator (Word) >>"
    facts = PdfCleaner(engine, None).read_facts(maker.finish())
    assert facts.patient_ids == {"MZ-774120"}
    assert facts.accession_numbers == {"A20388451"}
    assert Identifier(IdentifierKind.PERSON_NAME, "Blankenship^Cheryl") in facts.identifiers


@pytest.mark.parametrize("author", ["admin", "Microsoft Word 16.0", "RIS", "scanner@floor2", ""])
def test_programs_and_accounts_are_no_authors(engine, author):
    maker = Maker()
    maker.add(Page(lines("The heart is of normal size.")))
    maker.info = f"<< /Author ({author}) >>"
    assert not PdfCleaner(engine, None).read_facts(maker.finish()).identifiers
