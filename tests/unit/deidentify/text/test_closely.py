"""What is close to a known identifier is found in prose, and what only looks like it is left."""

import pickle  # noqa: TID251 - workers of a process pool are sent these
from itertools import pairwise

import pytest

from scanward.deidentify.text.everyday import everyday_words
from scanward.deidentify.text.folding import fold
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.deidentify.text.lookalikes import as_digits, as_letters
from scanward.deidentify.text.nicknames import nicknames, short_forms
from scanward.deidentify.text.passage import Capitals, Passage
from scanward.model.identifier import Identifier, IdentifierKind

K = IdentifierKind
KNOWN = KnownIdentifiers(
    [
        Identifier(K.PATIENT_NAME, "Quillfeather^William^Jane"),
        Identifier(K.PATIENT_NAME, "Garcia Lopez^Francisco"),
        Identifier(K.PERSON_NAME, "Brown^Grace^^Dr"),
        Identifier(K.PERSON_NAME, "Jones^Mary"),
        Identifier(K.PERSON_NAME, "Müller^Jörg"),
        Identifier(K.PERSON_NAME, "Meyer^Josef"),
        Identifier(K.PERSON_NAME, "Vũ^Đặng"),
        Identifier(K.PATIENT_ID, "MRN-00738291"),
        Identifier(K.ACCESSION, "A2020/887731"),
        Identifier(K.DEVICE, "SN48815162"),
        Identifier(K.BIRTH_DATE, "19670320"),
        Identifier(K.DATE, "20210907"),
        Identifier(K.PHONE, "+49 (0) 89 5551234"),
        Identifier(K.PHONE, "(212) 555-9876x4401"),
        Identifier(K.ADDRESS, "45 Oak Street^^Marrowbridge^TX^75001"),
        Identifier(K.ADDRESS, "Lindenstraße 12^^Oberhausen"),
        Identifier(K.ADDRESS, "7 Mill Lane^^Ely^^CB7 4DX"),
        Identifier(K.INSTITUTION, "Hollowmere General Hospital"),
        Identifier(K.INSTITUTION, "Green Valley Medical Center"),
        Identifier(K.EMAIL, "o.quill@example.org"),
    ]
)


def found(text, known=KNOWN):
    return [text[span.start : span.end] for span in known.find_closely(text)]


@pytest.mark.parametrize(
    "name",
    [
        "Quillfeather", "QUILLFEATHER", "quillfeather", "Quilfeather", "Quilllfeather", "Quillfaether", "Quillfeathen", "Wuillfeather",
        "Quilfeathr", "quilfeather", "Qui11feather", "Quil1feather", "Quillfeathcr", "Garc1a", "Garcla", "Gracia", "Garsia", "Garciaa", "Carcia",
        "6arcia", "Gar cia", "Gar-\ncia", "Quill feather", "QUILL FEATHER", "G A R C I A", "g-a-r-c-i-a", "GarciaLopez", "Garcia-Lopez", "garcialopez",
        "Garcia Lopez", "Garcia-Oakley", "Oakley-Garcia", "Garcia López", "Lopez, Francisco", "F. Garcia", "F Garcia", "Garcia F.", "Paco Garcia",
        "Bill Quillfeather", "Billy Quillfether", "W. Quilfeather", "Quillfeather, W.", "fgarcia", "garciaf", "Mueller", "Muller", "MULLER", "Möller", "Muelller",
        "Maier", "Mayer", "Meier", "Sepp", "Pepi Meyer", "Grace Brown", "Grace Brwon", "Grace Browne", "GRACE BROWN", "Brown^Grace", "G. Brown",
        "Brown-Oakley", "Mary Joens", "jones", "J. Mueller", "Paco", "Vũ", "Dang Vu",
    ],
)  # fmt: skip
def test_close_forms_of_a_name_are_found_in_a_sentence(name):
    text = f"Findings were explained to {name} at noon."
    start = text.index(name)
    covered = {at for span in KNOWN.find_closely(text) for at in range(span.start, span.end)}
    assert {at for at in range(start, start + len(name)) if text[at].isalnum()} <= covered
    assert all(start <= at < start + len(name) + 1 for at in covered)


@pytest.mark.parametrize(
    "text",
    [
        "Mr Brown", "Mr. Browm", "mr brown", "Dr. Bronw", "Patient: BROWN", "Name: brown", "Dear Mrs Brown,", "Patient Brown was seen",
        "Study of Brown reviewed", "Images from Brown were sent", "Referred by Dr. Jonse", "Mrs. Gar\ncia", "Mr Bro wn", "Dr Vũ", "Dr VU",
        "Dr. Mrs. Brown",
    ],
)  # fmt: skip
def test_a_word_of_the_language_is_a_name_where_it_stands_as_one(text):
    assert found(f"No fracture. {text} today.")


@pytest.mark.parametrize(
    "text",
    [
        "Brown fat in the neck.", "brown fat", "The brown tumor", "BROWN FAT UPTAKE", "Jones fracture of the fifth metatarsal", "JONES FRACTURE",
        "Grade 2 sprain; no tear.", "Garland sign", "Garden III fracture", "garnet", "The patient may return.", "a long segment", "a brow lift",
        "Mayo clinic protocol", "quill work", "feather edge", "bill", "will be", "Will return", "medical center", "street", "45 mm", "45 o clock", "lane", "12 lesions",
        "general hospital",
        "3/20", "20/3", "3/20 images", "grade 3/5", "20 mm by 3 mm", "series 3, image 20", "mar 20", "marching 20", "1967", "67 year old", "20.3 mm", "1.9.67.2",
        "7 3 8 2", "73829", "738 mm", "5551", "555 ml", "T12-L1", "L4-L5", "C3 to C7", "8877 cells", "measures 7.38 x 2.91 cm", "12 x 34 x 56 mm", "2.840.738291.5",
        "L. O. P.", "M. D.", "IV a", "W. T.",
    ],
)  # fmt: skip
def test_what_only_looks_like_an_identifier_stays(text):
    assert found(f"CT of the abdomen. {text} And so on.") == []


@pytest.mark.parametrize(
    "number",
    [
        "MRN-00738291", "00738291", "738291", "738-291", "738 29 1", "7 3 8 2 9 1", "73-82-91", "7-38 291", "73829I", "738Z91", "O0738291",
        "738297", "738219", "783291", "0738291", "MRN 00738219", "MRN:738291", "mrn-oo738291", "0073829l",
        "A2020/887731", "A2020887731", "a2020 887731", "887731", "88773l", "887713", "8B7731", "SN48815162", "48815162", "SN 48815162", "488151G2", "48815126", "4881-5162",
        "4881562", "488151622",
    ],
)  # fmt: skip
def test_close_forms_of_an_id_are_found(number):
    text = f"Labelled {number} on film."
    assert "".join(found(text)).replace(" ", "") == number.replace(" ", "")


@pytest.mark.parametrize("number", ["638219", "138291.5", "73829", "738", "9988776", "1.738291.2"])
def test_other_numbers_are_left(number):
    assert found(f"Value {number} given.") == []


@pytest.mark.parametrize(
    "written",
    [
        "19670320", "1967-03-20", "1967/3/20", "1967.03.20", "20.03.1967", "20/03/1967", "03/20/1967", "3/20/1967", "20.3.67", "3/20/67", "20-03-67", "20. 3. 1967", "20 . 03 . 1967",
        "20 / 03 / 1967", "20 - 03 - 67", "20 03 1967", "2O/03/1967", "20/O3/1967", "20/03/l967", "20 Mar 1967", "20-Mar-67", "20MAR1967", "20. März 1967", "20 mars 1967",
        "20 de marzo de 1967", "20 de março de 1967", "20. Maerz 1967", "March 20, 1967", "Mar 20 1967", "March 20th, 1967", "20th of March, 1967", "20th of March", "20 March", "March 20th",
        "the 20th day of March", "1967 March 20", "1967-Mar-20", "March 1967", "marzo de 1967", "März 1967", "03/1967", "3/1967", "1967-03", "20 mars", "20. März", "20 de marzo",
    ],
)  # fmt: skip
def test_a_birth_date_is_found_in_all_formats(written):
    text = f"The patient, born {written}, is well."
    joined = "".join(found(text))
    assert fold(joined).strip(" ,.") in fold(written) or fold(written) in fold(joined)
    assert sum(map(str.isalnum, joined)) >= sum(map(str.isalnum, written.removeprefix("the ").replace(" day", "")))


@pytest.mark.parametrize(
    "text", ["DOB 3/20", "born on 3/20", "Date of birth: 20.3.", "Birthday 3/20. 7 mL", "geb. 20.3.", "on 3/20 he fell"]
)
def test_a_day_and_month_is_a_birth_date_after_a_cue(text):
    assert found(f"History: {text} as said.")[0].startswith(("3/20", "20.3"))


@pytest.mark.parametrize("text", ["7 Sep 2021", "September 7th, 2021", "7th of September 2021", "2021 Sep 7"])
def test_other_dates_are_found_with_their_year(text):
    assert found(f"Compared with {text} again.") == [text]


@pytest.mark.parametrize(
    "text",
    [
        "September 2021",
        "7th of September",
        "09/2021",
        "on 9/7",
        "20th of April",
        "March 1968",
        "20th of March 1968",
        "21 March",
    ],
)
def test_other_days_stay(text):
    assert found(f"Compared with {text} again.") == []


@pytest.mark.parametrize(
    "place",
    [
        "45 Oak Street", "45 Oak St.", "45 OAK ST", "45, Oak Street", "Oak St", "Marrowbridge", "Marowbridge", "Marrowbrigde", "Lindenstr. 12", "Lindenstrasse 12", "Lindenstaße 12", "12 Lindenstraße",
        "CB7 4DX", "CB74DX", "Hollowmere General Hospital", "Hollowmere Gen. Hosp.", "Holowmere General Hospital", "HOLLOWMERE HOSPITAL", "Green Valley Medical Center",
        "Green Valley Med Ctr", "Green Valley Medcial Center", "green valley medical center", "Green Valley", "GREEN VALLEY MEDICAL CENTRE",
    ],
)  # fmt: skip
def test_close_forms_of_a_place_are_found(place):
    text = f"Transferred from {place} overnight."
    assert "".join(found(text)).rstrip(".") == place.rstrip(".")


@pytest.mark.parametrize(
    "contact",
    [
        "+49 89 5551234", "089 555 12 34", "089/5551234", "0 89 5 55 12 34", "(089) 555-1234", "0049895551234", "89.5551.234", "+49-(0)89-555-12-34", "0895551243",
        "(212) 555-9876", "212.555.9876", "212 555 98 76", "2125559876", "212-555-9876 ext. 4401", "2125559867", "1 212 555 9876",
        "o.quill@example.org", "o.quil@example.org", "O.Quill@Example.org", "o.quill@exmaple.org", "william.quillfeather@mail.com", "quillfeather.w@web.de", "wquillfeather@x.org",
        "grace.brown@mail.com", "brown@hospital.org", "gbrown67@mail.com", "fgarcialopez@mail.es", "garcialopez@mail.es", "quilfeather@mail.com", "mueller@praxis.de",
    ],
)  # fmt: skip
def test_close_forms_of_contacts_are_found(contact):
    text = f"Call or write {contact} with results."
    joined = "".join(found(text)).strip("+( ")
    assert joined == contact.strip("+( ")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Seven^Sevcan", "No se ven fracturas."),
        ("Hasan^Ali", "It has an edge."),
        ("Backer^Jo", "Cisto de Baker de 16 mm."),
        ("Wills^Jo", "The circle of Willis is complete."),
        ("Hall^Jo", "A Hill-Sachs deformity."),
        ("Ricard^Jo", "Derrame pericárdico."),
        ("May^Will", "The patient may return and the patient will remain."),
        ("Long^Anna", "With a long segment."),
        ("Left^Art", "Full power, LEFT."),
    ],
)
def test_terms_in_which_names_stand_by_chance_stay(name, text):
    assert found(text, KnownIdentifiers([Identifier(K.PATIENT_NAME, name)])) == []


def test_mail_of_somebody_else_is_left():
    assert found("Write to radiology@clinic.org or info@brownfield.org please.") == []


def test_offsets_are_those_of_the_text_whatever_is_folded():
    text = "ŒŒ İ ﬁ ½ Straße e\u0301 Quillfe\u0301ather 😀 Müler, Ｇａｒｓｉａ."
    assert found(text) == ["Quillfe\u0301ather", "Müler", "Ｇａｒｓｉａ"]


def test_all_that_is_found_in_text_is_found_closely():
    texts = [f"CT {item.value} pelvis" for item in KNOWN.identifiers] + [
        "Dr. Brown",
        "QuillfeatherWilliam",
        "xQuillfeatherx",
    ]
    for text in texts:
        closely = KNOWN.find_closely(text)
        for span in KNOWN.find_in_text(text):
            assert any(one.start <= span.start and span.end <= one.end for one in closely)


def test_spans_are_in_order_and_apart():
    text = "Quilfeather Wiliam, Garsia Lopes; 73829I 20th of March, 45 Oak St. Marowbridge; o.quil@example.org"
    spans = KNOWN.find_closely(text)
    assert all(left.end < right.start for left, right in pairwise(spans))
    assert {span.kind for span in spans} >= {K.PATIENT_NAME, K.PATIENT_ID, K.BIRTH_DATE, K.ADDRESS, K.EMAIL}


@pytest.mark.parametrize(
    "known", [KnownIdentifiers(), KnownIdentifiers([Identifier(K.PATIENT_NAME, "^^"), Identifier(K.PATIENT_ID, "")])]
)
def test_nothing_is_close_to_nothing(known):
    assert known.find_closely("Mr Quillfeather, born 20.03.1967, a@b.org, 45 Oak Street") == []
    assert KNOWN.find_closely("") == []


@pytest.mark.parametrize(
    "value", ["Anonymous", "ANON^PATIENT", "Unknown", "Test^Patient", "Doctor", "^Jr", "Xx", "0", "@", "N/A"]
)
def test_placeholders_identify_nobody_closely(value):
    known = KnownIdentifiers([Identifier(kind, value) for kind in K])
    assert known.find_closely(f"Mr anonymous patient, unknown test of 2020; {value} 000000 111111, ID 1234567") == []


def test_what_was_searched_changes_neither_equality_nor_pickles_nor_shows_values():
    known = KnownIdentifiers(KNOWN.identifiers)
    known.find_closely("Mr Quilfeather")
    assert known == KNOWN
    assert hash(known) == hash(KNOWN)
    copy = pickle.loads(pickle.dumps(known))
    assert copy == known
    assert copy.find_closely("Mr Quilfeather") == known.find_closely("Mr Quilfeather")
    assert len(pickle.dumps(known)) == len(pickle.dumps(KnownIdentifiers(KNOWN.identifiers)))
    assert "uill" not in repr(known) + str(known)


def test_words_are_remembered_within_bounds(monkeypatch):
    from scanward.deidentify.text import closely, near_names, near_numbers

    for module in (closely, near_names, near_numbers):
        monkeypatch.setattr(module, "_MOST_REMEMBERED", 8)
    known = KnownIdentifiers(KNOWN.identifiers)
    for number in range(20):
        text = f"Mr Quilfeather{'abcdefghijklmnopqrst'[number]} and word{number} 73829I 9{number}8877{number} end"
        assert "73829I" in found(text, known)


@pytest.mark.parametrize(
    "unit",
    [
        "a", "1", " ", ".", "@", "\0", "é", "İ", "😀", "\u0301", "garcia ", "g a r c i a ", "1 2 ", "12/03/", "march 20 ", "Garcia w. ", "Grace Brown ", "dr. ", "a@b.", "a.", "x-", "45 oak ", "Garcia-",
        "Green Valley ", "738 291 ", "gar cia ", "Mr ", "de la ",
    ],
)  # fmt: skip
def test_hostile_text_is_searched_to_its_end(unit):
    size = 40_000 if len(unit) > 1 else 200_000
    text = (unit * (size // len(unit) + 1))[:size] + " Quilfeather."
    assert found(text)[-1].endswith("Quilfeather")


def test_text_that_is_no_unicode_is_searched():
    assert found("\ud800 Quilfeather \udfff\uffff\x00 Garsia") == ["Quilfeather", "Garsia"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("the Word stands", Capitals.FIRST), ("the word stands", Capitals.NONE), ("THE WORD STANDS", Capitals.ALL), ("the WORD stands", Capitals.FIRST), ("WORD", Capitals.ALL),
        ("the wOrd stands", Capitals.NONE), ("this is\nTHE WORD STANDS HERE\nand that", Capitals.ALL),
    ],
)  # fmt: skip
def test_capitals_tell_something_where_not_all_are_capitals(text, shown):
    passage = Passage(text)
    assert passage.capitals(passage.words.index("word")) is shown


def test_what_looks_alike_is_written_alike():
    assert as_letters("garner") == as_letters("gamer")
    assert as_letters("c1ark") == as_letters("dark")
    assert as_letters("wi11iams") == as_letters("williams")
    assert as_digits("l23o5b") == "123058"


def test_nicknames_go_both_ways_and_are_folded():
    assert {"bill", "will", "liam"} <= set(nicknames("william"))
    assert "jose" in nicknames("pepe")
    assert "josef" in nicknames("sepp")
    assert "francisco" in nicknames("paco")
    assert nicknames("ottoline") == ()
    for full, short in short_forms().items():
        assert full == fold(full)
        assert full not in short


def test_everyday_words_are_folded_words():
    words = everyday_words()
    assert len(words) > 4000
    assert all(word == fold(word) and word.isalpha() for word in words if "-" not in word)
