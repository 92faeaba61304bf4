"""Word documents: written anew from what is understood, and cleaned across runs."""

import io
import struct
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from scanward.deidentify.documents import docx
from scanward.deidentify.documents.kinds import DocumentFacts
from scanward.deidentify.documents.tell import tell_kind
from scanward.errors import DocumentError
from scanward.model.identifier import Identifier, IdentifierKind
from scanward.model.text import TextMode
from tests.common.reports import CLINICAL, SECRETS, assert_nothing_of, cleaner_for, docx_parts, make_docx

K = IdentifierKind
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
DATA = make_docx()


def clean(data=DATA, mode=TextMode.LABEL):
    return docx.clean(data, cleaner_for(docx.read_facts(data), mode=mode))


def parts_of(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


def paragraphs(data):
    root = etree.fromstring(parts_of(data)["word/document.xml"].encode())
    return ["".join(text.text or "" for text in one.iter(f"{W}t")) for one in root.iter(f"{W}p")]


@pytest.mark.parametrize("mode", list(TextMode))
def test_nothing_of_the_patient_stays(mode):
    done = clean(mode=mode)
    assert_nothing_of(SECRETS, "\n".join([*parts_of(done.data).values(), *parts_of(done.data), *paragraphs(done.data)]))
    assert any(CLINICAL in text for text in paragraphs(done.data))
    assert "Radiology report" in paragraphs(done.data)
    assert "No effusion." in paragraphs(done.data)
    assert done.removed == ("1 attachment", "1 comment", "1 deleted passage", "2 pictures")


def test_labels_and_authors_are_the_facts():
    facts = docx.read_facts(DATA)
    assert facts.patient_ids == {"0012345"}
    assert facts.accession_numbers == {"CT-2024-777"}
    assert facts.identifiers >= {
        Identifier(K.PATIENT_NAME, "GARCIA, ANA"),
        Identifier(K.BIRTH_DATE, "19600215"),
        Identifier(K.PERSON_NAME, "Rita Quintero"),
        Identifier(K.PERSON_NAME, "Peter O'Brien"),
    }


def test_the_package_is_whole():
    parts = parts_of(clean().data)
    types = etree.fromstring(parts["[Content_Types].xml"].encode())
    named = {one.get("PartName").lstrip("/") for one in types if one.get("PartName")}
    assert named == {name for name in parts if name.startswith("word/") and "_rels" not in name}
    links = etree.fromstring(parts["word/_rels/document.xml.rels"].encode())
    targets = {one.get("Id"): one.get("Target") for one in links}
    assert {f"word/{target}" for target in targets.values()} == named - {"word/document.xml"}
    document = etree.fromstring(parts["word/document.xml"].encode())
    used = {value for one in document.iter() for name, value in one.attrib.items() if name.endswith("relationships}id")}
    assert used == {identifier for identifier, target in targets.items() if target.startswith("header")}
    assert "docProps" not in "".join(parts)


def test_formatting_stays():
    document = etree.fromstring(parts_of(clean().data)["word/document.xml"].encode())
    assert document.find(f".//{W}pStyle").get(f"{W}val") == "Title"
    assert document.find(f".//{W}rPr/{W}b") is not None
    assert document.find(f".//{W}pgSz").get(f"{W}w") == "11906"
    assert not [name for one in document.iter() for name in one.attrib if "rsid" in name or "paraId" in name]


def test_surrogates_agree_between_cells_and_text():
    texts = paragraphs(clean(mode=TextMode.SURROGATE).data)
    family = texts[texts.index("Patient:") + 1].split(",")[0]
    assert f"Ms. {family.capitalize()} has a {CLINICAL}." in texts


def test_a_name_across_runs_and_paragraphs_is_found():
    runs = "".join(f"<w:r><w:t>{piece}</w:t></w:r>" for piece in ("seen was B", "rown", "low, 77", "12355"))
    body = f"<w:p>{runs}</w:p><w:p><w:r><w:t>Mary</w:t></w:r></w:p><w:p><w:r><w:t>Brownlow again</w:t></w:r></w:p>"
    data = make_docx(docx_parts(body))
    known = (Identifier(K.PATIENT_NAME, "Brownlow^Mary"), Identifier(K.PATIENT_ID, "7712355"))
    texts = "\n".join(paragraphs(docx.clean(data, cleaner_for(DocumentFacts(), *known)).data))
    for secret in ("Brown", "low", "Mary", "12355", "77"):
        assert secret not in texts
    assert "again" in texts


def changed(name, text=None):
    parts = docx_parts()
    if text is None:
        del parts[name]
    else:
        parts[name] = text
    return make_docx(parts)


def bomb():
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in docx_parts().items():
            archive.writestr(name, text if name != "word/document.xml" else b"<a>" + b" " * (65 << 20) + b"</a>")
    return target.getvalue()


def encrypted():
    data = bytearray(DATA)
    at = -1
    while (at := data.find(b"PK\x01\x02", at + 1)) >= 0:
        data[at + 8] |= 1
    at = -1
    while (at := data.find(b"PK\x03\x04", at + 1)) >= 0:
        data[at + 6] |= 1
    return bytes(data)


def lying():
    """An archive whose directory gives a smaller size than there is."""
    data = bytearray(DATA)
    at = data.find(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 3)
    return bytes(data)


BAD = {
    "empty": b"",
    "no archive": b"PK\x03\x04" + b"\0" * 40,
    "cut off": DATA[: len(DATA) // 2],
    "encrypted": encrypted(),
    "lying": lying(),
    "no types": changed("[Content_Types].xml"),
    "no links": changed("_rels/.rels"),
    "no document": changed("word/document.xml"),
    "another package": changed("[Content_Types].xml", "<Types/>"),
    "another namespace": changed("word/document.xml", "<document/>"),
    "another part": changed("word/styles.xml", "<styles/>"),
    "no XML": changed("word/header1.xml", "Garcia"),
    "entities": changed("word/styles.xml", "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_what_is_not_understood_is_held(data):
    with pytest.raises(DocumentError) as caught:
        docx.clean(data, cleaner_for(DocumentFacts()))
    assert "Garcia" not in str(caught.value)


def test_what_grows_when_it_is_unpacked_is_held(monkeypatch):
    monkeypatch.setattr(docx, "MAX_PART_BYTES", 1 << 20)
    with pytest.raises(DocumentError, match="too large"):
        docx.read_facts(bomb())


def test_what_is_known_is_found_in_names_of_styles():
    data = changed("word/styles.xml", docx_parts()["word/styles.xml"].replace('w:val="Title"', 'w:val="Garcia"'))
    with pytest.raises(DocumentError, match="found again"):
        clean(data)


def test_two_parts_of_one_name_are_held():
    parts = docx_parts()
    parts["word/Document.xml"] = parts["word/document.xml"]
    with pytest.raises(DocumentError, match="different names"):
        clean(make_docx(parts))


@settings(max_examples=60)
@given(st.integers(0, len(DATA) - 1), st.integers(0, 255))
def test_damage_is_read_over_or_held(place, byte):
    data = DATA[:place] + bytes([byte]) + DATA[place + 1 :]
    with suppress(DocumentError):
        clean(data)


@pytest.mark.parametrize(
    ("name", "start", "kind"),
    [
        ("report.docx", DATA[:4096], "Word document"),
        ("report", DATA[:4096], "Word document"),
        ("archive.zip", b"PK\x03\x04\x14\0\0\0x.txt", None),
        ("report.pdf", b"%PDF-1.7", "PDF document"),
        ("report.txt", b"a report", "plain text"),
        ("report", "\ufeffa report".encode("utf-16-le"), "plain text"),
        ("report.csv", b"a,b", None),
        ("report.txt", b"\0\1", None),
        ("report.txt", b"", None),
        ("message.dat", b"\x0bMSH|^~\\&|", "HL7 v2 message"),
    ],
)
def test_documents_are_told(name, start, kind):
    assert tell_kind(name, start) == kind


@pytest.mark.parametrize("start", [b"{\\rtf1\\ansi Garcia}", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100])
def test_documents_of_other_kinds_are_refused_with_a_way_out(start):
    with pytest.raises(DocumentError) as caught:
        tell_kind("report.doc", start)
    assert "DOCX" in caught.value.remedy
