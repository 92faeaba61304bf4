"""What must hold of every document: no planted identifier is in what leaves, however it is written."""

import io
import json
import re
import string
import zipfile

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scanward.deidentify.documents import cda, docx, fhir, hl7, plain
from scanward.deidentify.text.folding import fold
from scanward.deidentify.text.lexicon import is_clinical, is_ordinary
from scanward.deidentify.text.names import PLACEHOLDERS, TITLES
from scanward.model.identifier import Identifier, IdentifierKind
from scanward.model.text import TextMode
from tests.common.reports import CLINICAL, cda_document, cleaner_for, docx_parts, fhir_json, make_docx

K = IdentifierKind
LETTERS = string.ascii_lowercase + "äöüéèñçøåœčšžł"


@st.composite
def people(draw):
    """A family name, a given name and an ID that are no ordinary words."""
    words = []
    for _ in range(2):
        word = draw(st.text(LETTERS, min_size=6, max_size=10)).capitalize()
        folded = fold(word)
        assume(folded not in "hospital")  # which the samples have
        assume(not is_ordinary(folded) and not is_clinical(folded) and folded not in TITLES | PLACEHOLDERS)
        words.append(word)
    assume(fold(words[0]) not in fold(words[1]) and fold(words[1]) not in fold(words[0]))
    return words[0], words[1], str(draw(st.integers(10**6, 10**9)))


SENTENCES = (
    "{given} {family} has a 3 mm nodule in the left lung.",
    "{FAMILY}, {given} ({number}): a 3 mm nodule in the left lung.",
    "Mrs. {family} ({number}) was seen, a 3 mm nodule in the left lung.",
    "MRN {number}, {family} {initial}., a 3 mm nodule in the left lung.",
)


def sentence(form, person):
    family, given_name, number = person
    return form.format(
        family=family, FAMILY=family.upper(), given=given_name, number=number, initial=given_name[0].upper()
    )


def as_plain(text, person):
    return plain, f"Findings\n\n{text}\n".encode(), lambda data: data.decode()


def as_hl7(text, person):
    family, given_name, number = person
    rows = ["MSH|^~\\&|||||||ORU^R01|1|P|2.5.1||||||UNICODE UTF-8", f"PID|||{number}||{family}^{given_name}"]
    half = len(text) // 2
    rows += [f"OBX|1|TX|1^x||{text[:half]}", f"OBX|2|TX|1^x||{text[half:]}", f"NTE|1||{text}"]

    def read(data):
        lines = [line.split("|") for line in data.decode().split("\r")]
        return data.decode() + "".join(line[5] for line in lines if line[0] == "OBX")

    return hl7, "\r".join(rows).encode(), read


def as_fhir(text, person):
    family, given_name, number = person
    half = len(text) // 2
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{text[:half]}<b>{text[half:]}</b></div>'
    report = {
        "resourceType": "DiagnosticReport",
        "text": {"status": "generated", "div": div},
        "contained": [
            {
                "resourceType": "Patient",
                "identifier": [{"value": number}],
                "name": [{"family": family, "given": [given_name]}],
            }
        ],
        "conclusion": text,
    }

    def read(data):
        content = json.loads(data)
        return data.decode() + re.sub(r"<[^>]*>", "", content["text"]["div"])

    return fhir, fhir_json(report), read


def as_cda(text, person):
    half = len(text) // 2
    narrative = f"<text><paragraph>{text[:half]}<content>{text[half:]}</content></paragraph></text>"
    body = (
        f"<component><structuredBody><component><section>{narrative}</section></component></structuredBody></component>"
    )
    return cda, cda_document(body), lambda data: data.decode() + re.sub(r"<[^>]*>", "", data.decode())


def as_docx(text, person):
    third = len(text) // 3
    pieces = (text[:third], text[third : 2 * third], text[2 * third :])
    runs = "".join(f'<w:r><w:t xml:space="preserve">{piece}</w:t></w:r>' for piece in pieces)

    def read(data):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = "".join(archive.read(name).decode() for name in archive.namelist())
        return parts + re.sub(r"<[^>]*>", "", parts)

    return docx, make_docx(docx_parts(f"<w:p>{runs}</w:p>")), read


@pytest.mark.parametrize("write", [as_plain, as_hl7, as_fhir, as_cda, as_docx])
@settings(max_examples=25)
@given(people(), st.sampled_from(SENTENCES), st.sampled_from(list(TextMode)))
def test_nothing_planted_leaves(write, person, form, mode):
    family, given_name, number = person
    carrier, data, read = write(sentence(form, person), person)
    known = (Identifier(K.PATIENT_NAME, f"{family}^{given_name}"), Identifier(K.PATIENT_ID, number))
    done = carrier.clean(data, cleaner_for(carrier.read_facts(data), *known, mode=mode))
    text = read(done.data)
    assert CLINICAL in text
    folded = fold(text)
    assert fold(family) not in folded
    assert fold(given_name) not in folded
    assert number not in text
    again = carrier.clean(data, cleaner_for(carrier.read_facts(data), *known, mode=mode))
    assert again == done
