"""PDF documents with the real engines: what identifies is gone from the picture and the text, whatever it was made of.

Few pages, as each is read by two models; what needs none is in tests/unit/deidentify/documents.
"""

from __future__ import annotations

import io
import subprocess

import cv2
import numpy as np
import pikepdf
import pytest
import zxingcpp
from PIL import Image
from pydicom import dcmread

from scanward.adapters.engines.pdf import PdfiumEngine
from scanward.bootstrap import pixels
from scanward.deidentify.documents import pdf as pdf_module
from scanward.deidentify.documents.page_sight import read_lines
from scanward.deidentify.documents.pdf import PdfCleaner
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.deidentify.text.prose import TextCleaner
from scanward.deidentify.text.replace import Labels
from scanward.errors import DocumentError
from scanward.model.identifier import Identifier, IdentifierKind
from tests.common.pdfs import (
    Maker,
    Page,
    dumb_font,
    everything,
    filling,
    image,
    jpeg,
    liar_font,
    lines,
    make,
    scan,
    show,
    show_glyphs,
)

KNOWN = KnownIdentifiers(
    [
        Identifier(IdentifierKind.PATIENT_NAME, "Zimmerlund^Ottokar"),
        Identifier(IdentifierKind.BIRTH_DATE, "19580714"),
        Identifier(IdentifierKind.PATIENT_ID, "MZ-774120"),
        Identifier(IdentifierKind.ACCESSION, "A20388451"),
    ]
)
PLANTED = ("zimmerlund", "ottokar", "774120", "20388451", "1958")
REPORT = [
    "Patient: Ottokar Zimmerlund",
    "born 14.07.1958   MRN MZ-774120",
    "There is a 7 mm nodule in the right upper lobe.",
    "No pleural effusion.",
]


@pytest.fixture(scope="module")
def engines():
    return pixels.load_engines()


@pytest.fixture(scope="module")
def pdf(engines):
    return PdfCleaner(PdfiumEngine(), engines.text, second=engines.second, barcodes=engines.barcodes)


@pytest.fixture
def cleaner():
    return TextCleaner(KNOWN, Labels())


def pictures(data: bytes) -> list[np.ndarray]:
    with PdfiumEngine().open(data) as document:
        return [document.show(index).picture for index in range(document.page_count)]


def squeezed(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def require_gone(data: bytes, engine: object, planted: tuple[str, ...] = PLANTED) -> str:
    """See that nothing planted is in the bytes, the text or the pictures; return the text."""
    text = subprocess.run(["pdftotext", "-", "-"], input=data, capture_output=True, check=True).stdout.decode()
    raw = everything(data).lower()
    seen = " ".join(line.text for picture in pictures(data) for line in read_lines(engine, picture, [], seeded=False))
    for value in planted:
        assert value not in squeezed(text)
        assert value not in squeezed(seen)
        assert value.encode() not in raw
    return " ".join(text.split())


@pytest.mark.peers("pdftotext")
def test_scanned_pages_are_read_cleaned_and_can_be_searched(pdf, cleaner, engines):
    page = Page("", 400, 280, objects={"I": jpeg(scan(REPORT, turn=2.0))})
    page.content = filling("I", page) + " " + show("Ottokar Zimmerlund", 24, 250, before="3 Tr")
    made = pdf.clean(make(page), cleaner)
    text = require_gone(made.data, engines.text)
    assert "There is a 7 mm nodule in the right upper lobe." in text
    assert "[PATIENT]" in text
    assert made.replaced[IdentifierKind.PATIENT_NAME] == 1
    assert "hidden text on 1 page" in made.removed


@pytest.mark.peers("pdftotext")
def test_what_is_seen_counts_where_the_text_says_otherwise(pdf, cleaner, engines):
    maker = Maker()
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    liar = liar_font(maker, alphabet, alphabet[3:] + alphabet[:3])
    dumb, glyphs = dumb_font(maker)
    content = (
        show("seen by ottokar zimmerlund today", 40, 240, size=14, font="L")
        + show_glyphs("Zimmerlund", glyphs, 40, 200)
        + lines("The heart is of normal size.", y=150)
    )
    maker.add(Page(content, 400, 280, fonts={"L": liar, "D": dumb}))
    text = require_gone(pdf.clean(maker.finish(), cleaner).data, engines.text)
    assert "The heart is of normal size." in text
    assert "seen by" in text
    assert "vhhq eb" not in text


@pytest.mark.peers("pdftotext")
def test_words_and_codes_in_images_are_taken_out_and_the_rest_of_the_page_stays(pdf, cleaner, engines):
    rng = np.random.default_rng(1)
    down, across = np.mgrid[:512, :512]
    key = 120 * np.exp(-((across - 256) ** 2 + (down - 256) ** 2) / 30000) + rng.normal(20, 8, (512, 512))
    key = key.clip(0, 255).astype(np.uint8)
    cv2.putText(key, "ZIMMERLUND OTTOKAR", (10, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 230, 1, cv2.LINE_AA)
    code = np.asarray(zxingcpp.create_barcode("MZ-774120", zxingcpp.BarcodeFormat.QRCode).to_image(scale=6))
    content = (
        lines("The heart is of normal size.", y=250) + " q 160 0 0 160 40 60 cm /K Do Q q 100 0 0 100 240 80 cm /C Do Q"
    )
    before = make(Page(content, 400, 280, objects={"K": image(key), "C": image(np.pad(code, 20, constant_values=255))}))
    made = pdf.clean(before, cleaner)
    assert "The heart is of normal size." in require_gone(made.data, engines.text)
    assert "1 barcode" in made.removed
    (one,), (other,) = pictures(before), pictures(made.data)
    assert zxingcpp.read_barcodes(one)
    assert not zxingcpp.read_barcodes(other)
    differing = (one != other).any(axis=2)
    scale = 200 / 72
    # Apart from the words in the image and the code, every pixel is as it was.
    differing[round(60 * scale) : round(85 * scale), round(38 * scale) : round(202 * scale)] = False
    differing[round(98 * scale) : round(202 * scale), round(238 * scale) : round(342 * scale)] = False
    assert not differing.any()


@pytest.mark.peers("pdftotext")
def test_another_look_finds_what_the_first_one_missed_or_lets_nothing_out(pdf, cleaner, engines, monkeypatch):
    page = Page(lines(*REPORT[:2], y=240), 400, 280)
    monkeypatch.setattr(pdf_module, "find_spans", lambda glyphs, cleaner: [])
    # Nothing goes at first, so all that is known has to be found by the look at the result.
    made = pdf.clean(make(page), cleaner)
    require_gone(made.data, engines.text)
    monkeypatch.setattr(pdf_module, "cover", lambda canvas, boxes: None)
    with pytest.raises(DocumentError, match="another look"):
        pdf.clean(make(page), cleaner)


def test_a_page_that_may_show_a_face_is_held(engines, cleaner):
    class Sees:
        def find(self, picture):
            return [np.zeros((4, 2), np.float32)]

    photograph = np.random.default_rng(2).integers(0, 255, (120, 90), np.uint8)
    page = make(Page("q 90 0 0 120 40 40 cm /I Do Q", 200, 200, objects={"I": image(photograph)}))
    with pytest.raises(DocumentError, match="face"):
        PdfCleaner(PdfiumEngine(), engines.text, faces=Sees()).clean(page, cleaner)


@pytest.mark.realdata
@pytest.mark.peers("pdftotext")
def test_a_report_of_somebody_else_is_cleaned(pdf, engines, test_data):
    path = test_data / "burnedin" / "JohnSnowLabs__visual-nlp-workshop" / "DICOM_PDF_Deid_Deidentification_0.dcm"
    stream = io.BytesIO()
    with pikepdf.open(io.BytesIO(dcmread(path).EncapsulatedDocument)) as document:
        del document.pages[1:]
        document.pages[0].cropbox = [0, 470, 595, 842]
        document.save(stream)
    known = KnownIdentifiers(
        [
            Identifier(IdentifierKind.PATIENT_NAME, "Lawrence^Kimberly"),
            Identifier(IdentifierKind.BIRTH_DATE, "19770524"),
            Identifier(IdentifierKind.PATIENT_ID, "HOSP26508961"),
        ]
    )
    made = pdf.clean(stream.getvalue(), TextCleaner(known, Labels()))
    planted = ("kimberly", "lawrence", "24051977", "26508961", "567455412")
    text = require_gone(made.data, engines.text, planted)
    assert "diagnosis of Type 2 Diabetes" in text
    assert len(made.data) < 150_000
    assert Image.fromarray(pictures(made.data)[0]).size == (1653, 1033)
