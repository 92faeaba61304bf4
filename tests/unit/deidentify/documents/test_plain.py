"""Plain text: encodings are told for sure or not at all, and nothing but identifiers changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanward.deidentify.documents import plain
from scanward.errors import DocumentError
from scanward.model.identifier import Identifier, IdentifierKind
from scanward.model.text import TextMode
from tests.common.reports import CLINICAL, REPORT, SECRETS, assert_nothing_of, cleaner_for

K = IdentifierKind
PHYSICIANS = 2


@pytest.mark.parametrize("mode", list(TextMode))
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_nothing_of_the_patient_stays(mode, encoding, newline):
    text = REPORT.replace("RADIOLOGY", "RADIOLOGÍA").replace("\n", newline)
    data = text.encode(encoding)
    done = plain.clean(data, cleaner_for(plain.read_facts(data), mode=mode))
    cleaned = done.data.decode(encoding)
    assert done.data.startswith(data[:2])
    assert_nothing_of(SECRETS, cleaned)
    assert CLINICAL in cleaned
    assert "RADIOLOGÍA" in cleaned
    assert cleaned.count(newline) >= text.count(newline) - 1
    assert ("\r" in cleaned, "\n" in cleaned) == ("\r" in newline, "\n" in newline)
    assert done.replaced[K.PERSON_NAME] >= PHYSICIANS


def test_labels_say_who_it_is():
    facts = plain.read_facts(REPORT.encode() + b"Study UID: 1.2.840.1.2.3\n")
    assert facts.patient_ids == {"0012345"}
    assert facts.accession_numbers == {"CT-2024-777"}
    assert facts.study_uids == {"1.2.840.1.2.3"}
    assert facts.identifiers >= {
        Identifier(K.PATIENT_NAME, "GARCIA, ANA"),
        Identifier(K.BIRTH_DATE, "19600215"),
        Identifier(K.DATE, "20240131"),
        Identifier(K.PERSON_NAME, "Peter O'Brien, MD"),
    }
    assert "Garcia" not in repr(facts)


@pytest.mark.parametrize(
    ("line", "kind", "value"),
    [
        ("Patientenname: Müller, Jörg\tPat-Nr.: 4711", K.PATIENT_NAME, "Müller, Jörg"),
        ("Patientenname: Müller, Jörg\tPat-Nr.: 4711", K.PATIENT_ID, "4711"),
        ("Geburtsdatum: 15.02.1960", K.BIRTH_DATE, "19600215"),
        ("Paciente: Ana García | NHC: 55-123", K.PATIENT_ID, "55-123"),
        ("Fecha de nacimiento: 15/02/1960", K.BIRTH_DATE, "19600215"),
        ("Patient Name : DOE JOHN (M) 45 y", K.PATIENT_NAME, "DOE JOHN"),
        ("Acc: 998877", K.ACCESSION, "998877"),
    ],
)
def test_labels_of_other_languages(line, kind, value):
    assert Identifier(kind, value) in plain.read_facts(line.encode()).identifiers


def test_dates_are_read_as_the_others_of_the_text():
    text = "Fecha de nacimiento: 02/01/1960\nFecha: 15/03/2021\n"
    assert Identifier(K.BIRTH_DATE, "19600102") in plain.read_facts(text.encode()).identifiers
    text = "DOB: 02/01/1960\nDate: 03/15/2021\n"
    assert Identifier(K.BIRTH_DATE, "19600201") in plain.read_facts(text.encode()).identifiers


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"caf\xe9 and caf\xc3\xa9", "partly UTF-8"),
        (b"text \x81 of nobody", "neither"),
        (b"text\0of\0a machine", "control"),
        (b"\x1b[31mred", "control"),
        (b"\xff\xfea", "UTF-16"),
        (b"\xef\xbb\xbf\xff", "UTF-8"),
    ],
)
def test_other_encodings_are_refused(data, why):
    with pytest.raises(DocumentError, match=why):
        plain.read_facts(data)


def test_what_is_too_large_is_refused(monkeypatch):
    with pytest.raises(DocumentError, match="at most"):
        plain.decode(b"x" * 11, limit=10)


def test_what_cannot_be_cut_is_refused(monkeypatch):
    monkeypatch.setattr(plain, "PART_CHARACTERS", 100)
    monkeypatch.setattr(plain, "_LONGEST_LINE", 100)
    with pytest.raises(DocumentError, match="without a blank"):
        list(plain.parts("x" * 1000))


@given(st.text("ab \n\r", max_size=400))
def test_parts_are_the_text(text):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "PART_CHARACTERS", 20)
        patch.setattr(plain, "_LONGEST_LINE", 400)
        assert "".join(plain.parts(text)) == text


def test_a_surrogate_that_has_no_place_in_the_encoding_is_told():
    with pytest.raises(DocumentError, match="encoding"):
        plain.Decoded("x", "cp1252", b"").encode("Иванов")
