"""PDF documents that are broken, locked, endless or made to do harm: a clear error, in bounded time."""

from __future__ import annotations

import contextlib
import io
import subprocess
import zlib

import pikepdf
import pytest

from scanward.adapters.engines import pdf as engine_module
from scanward.adapters.engines.pdf import MAX_PAGES, PdfiumEngine
from scanward.deidentify.documents.pdf import PdfCleaner
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.deidentify.text.prose import TextCleaner
from scanward.deidentify.text.replace import Labels
from scanward.errors import DocumentError
from scanward.model.identifier import Identifier, IdentifierKind
from tests.common.pdfs import Maker, Page, lines, make

NAME = "Zimmerlund"
TEXT = lines(f"Patient: Ottokar {NAME}", "The heart is of normal size.")


@pytest.fixture(scope="module")
def pdf():
    return PdfCleaner(PdfiumEngine(), None)


@pytest.fixture(scope="module")
def cleaner():
    return TextCleaner(KnownIdentifiers([Identifier(IdentifierKind.PATIENT_NAME, f"{NAME}^Ottokar")]), Labels())


def encrypted(user: str, owner: str = "owner") -> bytes:
    stream = io.BytesIO()
    with pikepdf.open(io.BytesIO(make(TEXT))) as document:
        document.save(stream, encryption=pikepdf.Encryption(user=user, owner=owner, R=6))
    return stream.getvalue()


def bomb(size: int) -> bytes:
    """Return a page whose content inflates to far more than it is."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(size >> 20)) + packer.flush()
    maker = Maker()
    maker.add(Page(TEXT))
    content = next(number for number, body in enumerate(maker.bodies, 1) if b"stream" in body)
    maker.bodies[content - 1] = (
        f"<< /Length {len(packed)} /Filter /FlateDecode >>\nstream\n".encode() + packed + b"\nendstream"
    )
    return maker.finish()


def image_bomb() -> bytes:
    maker = Maker()
    packed = zlib.compress(bytes(1 << 20))
    body = (
        f"<< /Type /XObject /Subtype /Image /Width 60000 /Height 60000 /ColorSpace /DeviceRGB /BitsPerComponent 16 "
        f"/Length {len(packed)} /Filter /FlateDecode >>\nstream\n"
    ).encode() + packed + b"\nendstream"  # fmt: skip
    maker.add(Page("q 500 0 0 500 0 0 cm /I Do Q " + TEXT, objects={"I": body}))
    return maker.finish()


def forms(depth: int, *, times: int, loop: bool = False) -> bytes:
    """Return a page of forms within forms, each of which draws the next one so many times."""
    maker = Maker()
    first = len(maker.bodies) + 1
    for level in range(depth):
        following = first if loop and level == depth - 1 else first + level + 1
        content = "/N Do " * times if level < depth - 1 or loop else "0 0 1 1 re f"
        maker.put(maker.stream(
            content,
            f"/Type /XObject /Subtype /Form /BBox [0 0 600 900] /Resources << /XObject << /N {following} 0 R >> >>",
        ))  # fmt: skip
    maker.add(Page("/N Do " + TEXT, objects={"N": first}))
    return maker.finish()


def page_loop() -> bytes:
    data = make(TEXT)
    return data.replace(b"/Kids [5 0 R]", b"/Kids [2 0 R]")


def many_pages(count: int) -> bytes:
    maker = Maker()
    number = maker.add(Page(TEXT))
    maker.kids = [maker.put(maker.bodies[number - 1]) for _ in range(count)]
    return maker.finish()


def slow() -> bytes:
    """Return a page that is a few hundred bytes and draws for minutes."""
    maker = Maker()
    tile = maker.put(maker.stream(
        "0 0 .5 .5 re f " * 400,
        "/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 1 1] /XStep .01 /YStep .01 /Resources << >>",
    ))  # fmt: skip
    page = maker.add(Page("/Pattern cs /T scn 0 0 595 842 re f " * 300 + TEXT))
    maker.bodies[page - 1] = maker.bodies[page - 1].replace(
        b"/Resources <<", f"/Resources << /Pattern << /T {tile} 0 R >>".encode()
    )
    return maker.finish()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "cannot be read", id="empty"),
        pytest.param(b"Patient: Zimmerlund", "cannot be read", id="no PDF"),
        pytest.param(b"%PDF-1.7\n", "cannot be read", id="a header alone"),
        pytest.param(b"%PDF-1.7\n" + b"\0" * 100_000, "cannot be read", id="zeros"),
        pytest.param(encrypted("secret"), "without a password", id="encrypted"),
        pytest.param(make(), None, id="no pages"),
        pytest.param(make(Page(TEXT, width=40_000, height=40_000)), "larger one", id="huge page"),
        pytest.param(many_pages(MAX_PAGES + 1), f"at most {MAX_PAGES} pages", id="many pages"),
        pytest.param(page_loop(), None, id="page tree that is a loop"),
        pytest.param(forms(17, times=2), None, id="forms that double"),
        pytest.param(forms(4, times=1, loop=True), "far more", id="forms that are a loop"),
    ],
)
def test_what_cannot_be_read_is_held_and_says_what_to_do(pdf, cleaner, data, message):
    with pytest.raises(DocumentError, match=message) as error:
        pdf.clean(data, cleaner)
    assert error.value.remedy
    assert NAME not in f"{error.value} {error.value.remedy}"
    assert error.value.__cause__ is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(encrypted(""), id="locked against changes only"),
        pytest.param(make(TEXT).replace(b"startxref", b"startxxxx"), id="without a table of objects"),
        pytest.param(make(TEXT).replace(b"startxref\n", b"startxref\n9"), id="wrong table of objects"),
        pytest.param(b"scanned by X\r\n" + make(TEXT), id="something before it"),
        pytest.param(make(Page(TEXT, width=0, height=0)), id="page of no size"),
        pytest.param(image_bomb(), id="image of 20 GB that nobody can draw"),
        pytest.param(make(TEXT) + bytes(1000), id="zeros behind it"),
    ],
)
def test_what_can_be_read_all_the_same_is_cleaned(pdf, cleaner, data):
    made = pdf.clean(data, cleaner)
    with PdfiumEngine().open(made.data) as document:
        text = document.read_text(0)
    assert NAME not in text
    assert "The heart is of normal size." in text


def test_what_inflates_far_beyond_its_size_ends_in_bounded_memory(pdf, cleaner):
    made = clean_or_hold(pdf, bomb(128 << 20), cleaner)
    assert made is None or len(made) < 100_000


def clean_or_hold(pdf, data: bytes, cleaner) -> bytes | None:
    """Return the cleaned document; None where it is held with a word on what to do."""
    with contextlib.suppress(DocumentError):
        return pdf.clean(data, cleaner).data
    with pytest.raises(DocumentError) as error:
        pdf.clean(data, cleaner)
    assert error.value.remedy
    return None


def test_a_page_that_takes_too_long_is_given_up(pdf, cleaner, monkeypatch):
    monkeypatch.setattr(engine_module, "PAGE_SECONDS", 0.5)
    with pytest.raises(DocumentError, match="takes longer"):
        pdf.clean(slow(), cleaner)


@pytest.mark.parametrize("cut", [0.2, 0.6, 0.9])
def test_truncated_documents_give_an_error_or_a_clean_one(pdf, cleaner, cut):
    data = make(TEXT, TEXT)
    made = clean_or_hold(pdf, data[: int(len(data) * cut)], cleaner)
    if made is not None:
        with PdfiumEngine().open(made) as document:
            assert NAME not in "".join(document.read_text(index) for index in range(document.page_count))


def test_no_process_is_left(pdf, cleaner, monkeypatch):
    started = []
    popen = subprocess.Popen

    def start(*args: object, **named: object) -> object:
        started.append(popen(*args, **named))
        return started[-1]

    monkeypatch.setattr(engine_module.subprocess, "Popen", start)
    pdf.clean(make(TEXT), cleaner)
    with pytest.raises(DocumentError):
        pdf.clean(b"%PDF-1.7", cleaner)
    assert len(started) == 3
    assert all(process.returncode is not None for process in started)


def test_a_reader_that_breaks_breaks_nothing_else(pdf, cleaner, monkeypatch):
    monkeypatch.setattr(engine_module, "MEMORY_BYTES", 64 << 20)
    with pytest.raises(DocumentError, match=r"broke what reads it|cannot be read|memory"):
        pdf.clean(make(TEXT), cleaner)


def test_a_page_that_says_it_is_of_forms_that_nobody_draws_waits(pdf, cleaner):
    maker = Maker()
    maker.add(Page(lines("Please wait...")))
    maker.root = "/NeedsRendering true /AcroForm << /XFA [] >>"
    with pytest.raises(DocumentError, match="XFA"):
        pdf.clean(maker.finish(), cleaner)
