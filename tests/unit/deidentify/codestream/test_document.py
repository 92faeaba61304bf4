import re
import subprocess
from xml.dom.minidom import parseString

import pytest

from scanward.deidentify.codestream.document import blank_document, blank_pdf


def test_the_pdf_has_a_right_table_of_references():
    data = blank_pdf()
    at = int(re.search(rb"startxref\n(\d+)\n%%EOF", data)[1])
    assert data[at : at + 8] == b"xref\n0 6"
    offsets = [int(offset) for offset in re.findall(rb"(\d{10}) 00000 n ", data)]
    assert [data[offset : offset + 7] for offset in offsets] == [b"%d 0 obj" % number for number in range(1, 6)]
    length, stream = re.search(rb"/Length (\d+) >>\nstream\n(.*)\nendstream", data).groups()
    assert int(length) == len(stream)


@pytest.mark.peers("pdftotext")
def test_the_pdf_says_that_the_document_was_removed(tmp_path):
    path = tmp_path / "blank.pdf"
    path.write_bytes(blank_pdf())
    done = subprocess.run(["pdftotext", path, "-"], capture_output=True, check=True)
    assert done.stdout.strip() == b"Document removed by de-identification"
    assert done.stderr == b""


@pytest.mark.parametrize(
    "mime_type",
    [
        "application/pdf",
        "Text/XML; charset=utf-8",
        "application/hl7-cda+xml",
        "model/stl",
        "model/obj",
        "model/mtl ",
        "text/plain",
    ],
)
def test_stand_ins_are_even_and_the_same_each_time(mime_type):
    data = blank_document(mime_type)
    assert data
    assert len(data) % 2 == 0
    assert data == blank_document(mime_type)


def test_the_xml_is_well_formed_and_empty_of_persons():
    root = parseString(blank_document("text/xml")).documentElement
    assert root.tagName == "ClinicalDocument"
    assert not root.getElementsByTagName("name")


def test_there_is_nothing_for_a_type_that_is_not_known():
    assert blank_document("application/zip") is None
    assert blank_document("") is None
