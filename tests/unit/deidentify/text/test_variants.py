"""The notations of an identifier, and how far each is looked for."""

import pytest

from scanward.deidentify.text.notation import Edge, SearchContext
from scanward.deidentify.text.variants import encoded, notations, numbers_alone
from scanward.model.identifier import Identifier, IdentifierKind

K = IdentifierKind


def texts(kind, value):
    return {" ".join(part.decode() for part in notation.parts) for notation in notations(Identifier(kind, value))}


def reach(kind, value, text):
    return max(
        notation.reach
        for notation in notations(Identifier(kind, value))
        if " ".join(part.decode() for part in notation.parts) == text
    )


def test_a_name_gives_its_words_and_joined_forms():
    found = texts(K.PATIENT_NAME, "Doe-Roe^Jane^Quentina^Dr^Jr")
    assert {"doe", "roe", "jane", "quentina", "doe roe", "doe roe jane", "jane doe roe", "jane doe", "j doe"} <= found
    assert not {"dr", "jr"} & found


def test_titles_particles_and_single_letters_stand_for_nobody():
    assert texts(K.PERSON_NAME, "van der^Q^X^Prof^MD") == set()
    assert texts(K.PERSON_NAME, "Dr^") == set()


@pytest.mark.parametrize("value", ["Jane Doe", "DOE, JANE", "Doe^Jane", "=Doe^Jane", "==Doe^Jane"])
def test_a_name_is_read_however_it_was_entered(value):
    assert {"doe", "jane", "doe jane", "jane doe"} <= texts(K.PERSON_NAME, value)


def test_an_ordinary_word_is_looked_for_only_with_the_other_part():
    found = texts(K.PATIENT_NAME, "Head^Vertebra")
    assert "head" not in found
    assert "vertebra" not in found
    assert {"head vertebra", "vertebra head"} <= found


@pytest.mark.parametrize(
    ("value", "word", "expected"),
    [
        ("Doe^A", "doe", SearchContext.HEADER),
        ("Roebk^A", "roebk", SearchContext.BINARY),
        ("Quillfeather^A", "quillfeather", SearchContext.CODESTREAM),
    ],
)
def test_the_shorter_a_name_the_nearer_to_text(value, word, expected):
    assert reach(K.PATIENT_NAME, value, word) is expected


def test_an_id_gives_its_parts_and_runs():
    assert {"a 2020 887731", "887731"} <= texts(K.ACCESSION, "A2020/887731")
    assert {"0012345", "12345"} <= texts(K.PATIENT_ID, "0012345")
    assert reach(K.PATIENT_ID, "0012345", "12345") is SearchContext.HEADER
    assert reach(K.PATIENT_ID, "738291", "738291") is SearchContext.CODESTREAM


@pytest.mark.parametrize("value", ["1", "123", "0000", "00000000", "CT1", "HEAD", "none", "PATIENT", "--"])
def test_an_id_that_tells_nothing_is_not_looked_for(value):
    assert texts(K.PATIENT_ID, value) == set()


def test_a_date_gives_the_usual_notations():
    found = texts(K.BIRTH_DATE, "19670302")
    expected = {"1967 03 02", "02 03 1967", "03 02 1967", "3 2 1967", "2 mar 1967", "02 march 1967", "march 2 1967", "march 2nd 1967", "2 maerz 1967",
                "2 mars 1967", "2 de marzo de 1967", "2 marzo 1967", "2 maart 1967", "2 de marco de 1967", "67 03 02", "02 03 67"}  # fmt: skip
    assert expected <= found
    assert reach(K.BIRTH_DATE, "19670302", "67 03 02") is SearchContext.TEXT
    assert texts(K.BIRTH_DATE, "20190617101500") == texts(K.BIRTH_DATE, "20190617")
    assert texts(K.BIRTH_DATE, "1967.03.02") == found


@pytest.mark.parametrize("value", ["", "19671302", "unknown", "1967"])
def test_what_is_no_day_gives_no_date(value):
    assert texts(K.DATE, value) == set()


def test_a_phone_gives_its_digits_and_the_last_seven():
    assert {"498955512345", "8955512345", "5512345"} <= texts(K.PHONE, "+49 (89) 555-12345")
    assert texts(K.PHONE, "110") == set()


def test_an_address_gives_its_parts():
    found = texts(K.ADDRESS, "56 Walnut Drive^^Marrowbridge^TX^75001")
    assert {"56 walnut drive", "walnut drive", "marrowbridge", "75001"} <= found
    assert "tx" not in found
    assert "56" not in found


def test_an_institution_gives_what_only_it_has():
    found = texts(K.INSTITUTION, "Hollowmere General Hospital")
    assert {"hollowmere general hospital", "hollowmere general", "hollowmere"} <= found
    assert not {"general", "hospital", "general hospital"} & found
    assert texts(K.INSTITUTION, "General Hospital") == set()
    assert texts(K.INSTITUTION, "SIEMENS") == set()


def test_every_notation_is_ascii_beyond_text():
    for kind in K:
        for value in ("Müller^Zoë=山田^太郎=やまだ", "Größe 5, Straße", "ÄB-12345"):
            for notation in notations(Identifier(kind, value)):
                assert notation.parts
                assert all(notation.parts)
                assert notation.reach is SearchContext.TEXT or b"".join(notation.parts).isascii()
                assert isinstance(notation.edge, Edge)


def test_encoded_forms_are_long_enough_to_mean_something():
    for value in ("山田^太郎", "Müller^Zoë", "Doe^Jo"):
        for item in encoded(Identifier(K.PATIENT_NAME, value)):
            assert len(item.raw) >= 4
            assert item.reach is SearchContext.HEADER or len(item.raw) >= 6


def test_numbers_alone():
    assert list(numbers_alone(Identifier(K.PATIENT_ID, "0031754"))) == ["31754"]
    assert list(numbers_alone(Identifier(K.PATIENT_ID, "0004711"))) == []
    assert list(numbers_alone(Identifier(K.PATIENT_NAME, "31754"))) == []
    assert list(numbers_alone(Identifier(K.ACCESSION, "A31754"))) == []
