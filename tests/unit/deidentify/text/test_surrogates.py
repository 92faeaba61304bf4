"""Surrogates: the same for the same person in every notation, others for others, and nothing of what was there."""

import re
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanward.deidentify.pseudonym import Pseudonyms
from scanward.deidentify.text.folding import fold
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.deidentify.text.prose import TextCleaner
from scanward.deidentify.text.replace import make_replacer
from scanward.deidentify.text.surrogate_names import distance
from scanward.deidentify.text.surrogate_words import family_pool, given_pool
from scanward.deidentify.text.surrogates import Surrogates
from scanward.model.identifier import Identifier, IdentifierKind
from scanward.model.text import TextMode

K = IdentifierKind
KNOWN = KnownIdentifiers(
    [
        Identifier(K.PATIENT_NAME, "GARCIA^ANA^M"),
        Identifier(K.PERSON_NAME, "O'Brien^Peter"),
        Identifier(K.PATIENT_ID, "MRN-0012345"),
        Identifier(K.ACCESSION, "7654321"),
        Identifier(K.BIRTH_DATE, "19600215"),
        Identifier(K.DATE, "20240131"),
        Identifier(K.INSTITUTION, "Marienthal Hospital"),
    ]
)
KEY = b"k" * 32


def make(known=KNOWN, key=KEY, patient="1:7", **more):
    return Surrogates(Pseudonyms(key), patient, known, **more)


@pytest.fixture(scope="module")
def surrogates():
    return make()


@pytest.fixture(scope="module")
def names(surrogates):
    family, given = surrogates.replace(K.PATIENT_NAME, "Garcia^Ana").split("^")
    return family, given


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("GARCIA^ANA", "{F}^{G}"),
        ("Ana Garcia", "{g} {f}"),
        ("A. Garcia", "{i}. {f}"),
        ("A Garcia", "{i} {f}"),
        ("Garcia, A.", "{f}, {i}."),
        ("garcia", "{fl}"),
        ("García", "{f}"),
        ("Gracia", "{f}"),
        ("GARClA", "{f}"),
        ("Mrs. Garcia's", "Mrs. {f}'s"),
        ("Garcia’s", "{f}’s"),
        ("Frau Dr. Garcia", "Frau Dr. {f}"),
        ("Ana Garcia, MD", "{g} {f}, MD"),
        ("agarcia", "{il}{fl}"),
        ("garciaana", "{fl}{gl}"),
        ("Gar cia", "{f}"),
        ("de la Garcia", "de la {f}"),
    ],
)
def test_a_person_is_the_same_in_every_notation(surrogates, names, written, shown):
    family, given_name = names
    forms = {
        "f": family, "F": family.upper(), "fl": family.lower(), "g": given_name, "G": given_name.upper(), "gl": given_name.lower(),
        "i": given_name[0], "il": given_name[0].lower(),
    }  # fmt: skip
    assert surrogates.replace(K.PATIENT_NAME, written) == shown.format(**forms)


@pytest.mark.parametrize("written", ["Obrien", "OBRIEN", "O'Brien", "O’Brien", "O Brien", "Brien"])
def test_an_apostrophe_is_no_other_person(surrogates, written):
    shown = surrogates.replace(K.PERSON_NAME, written).split()[-1].split("'")[-1]
    assert shown.capitalize() == surrogates.replace(K.PERSON_NAME, "O'Brien")


def test_a_family_name_that_is_like_a_particle_does_not_stay():
    known = KnownIdentifiers([Identifier(K.PATIENT_NAME, "Le^Minhthu"), Identifier(K.PERSON_NAME, "de la Cruz^Juan")])
    surrogates = make(known)
    assert "Le" not in surrogates.replace(K.PATIENT_NAME, "Le Minhthu")
    assert surrogates.replace(K.PERSON_NAME, "Juan de la Cruz").split()[1:3] == ["de", "la"]


def test_a_middle_initial_is_another_person_s(surrogates, names):
    shown = surrogates.replace(K.PATIENT_NAME, "Garcia, Ana M.")
    assert re.fullmatch(rf"{names[0]}, {names[1]} [A-LN-Z]\.", shown)


def test_the_short_form_of_a_given_name_is_the_patient_s(surrogates, names):
    assert surrogates.replace(K.PATIENT_NAME, "Betty Garcia") == f"{names[1]} {names[0]}"


def test_a_listed_name_near_a_known_one_is_somebody_else(surrogates, names):
    assert surrogates.replace(K.PERSON_NAME, "Marcia") not in names


@pytest.mark.parametrize("written", ["Dr. Ma", "Ma", "Le", "Dr. Le", "Do", "Van", "SR", "Herr Ba"])
def test_a_name_that_is_like_a_title_does_not_stay(surrogates, written):
    shown = surrogates.replace(K.PERSON_NAME, written)
    assert shown != written
    assert written.split()[-1].casefold() not in shown.casefold().split()


@pytest.mark.parametrize(
    ("written", "shape"),
    [
        ("Müller-Lüdenscheidt", r"[A-Z][a-z]+-[A-Z][a-z]+"),
        ("P. O'Brien, MD", r"[A-OQ-Z]\. [A-Z][a-z]+, MD"),
        ("VAN DER BERG^JAN", r"VAN DER [A-Z]+\^[A-Z]+"),
        ("Иванов", r"[А-Я][а-я]+"),
        ("Παπαδόπουλος", r"[Α-ΩΆ-Ώ][α-ωά-ώς]+"),
        ("山田", r"[\u3400-\u9fff]+"),
        ("김민수", r"[\uac00-\ud7af]+"),
        ("J.R. Smith", r"[A-Z]\.[A-Z]\. [A-Z][a-z]+"),
    ],
)
def test_names_keep_their_script_and_form(surrogates, written, shape):
    shown = surrogates.replace(K.PERSON_NAME, written)
    assert re.fullmatch(shape, shown)
    assert not {fold(word) for word in re.findall(r"\w{3,}", written)} & {
        fold(word) for word in re.findall(r"\w{3,}", shown)
    } - {"van", "der"}


def test_an_id_is_the_same_with_and_without_its_letters_zeros_and_dashes(surrogates):
    digits = surrogates.replace(K.PATIENT_ID, "12345")
    assert re.fullmatch(r"[1-9]\d{4}", digits)
    assert digits != "12345"
    assert surrogates.replace(K.PATIENT_ID, "MRN-0012345") == f"MRN-00{digits}"
    assert surrogates.replace(K.OTHER_ID, "MRN: 0012345") == f"MRN: 00{digits}"
    assert surrogates.replace(K.PATIENT_ID, "12-345") == f"{digits[:2]}-{digits[2:]}"


def test_an_id_with_a_typo_is_that_id(surrogates):
    accession = surrogates.replace(K.ACCESSION, "7654321")
    assert surrogates.replace(K.ACCESSION, "7654312") == accession


@pytest.mark.parametrize(
    ("kind", "written", "shape"),
    [
        (K.OTHER_ID, "AB-12/c4", r"[A-Z]{2}-\d\d/[a-z]\d"),
        (K.OTHER_ID, "SSN 123-45-6789", r"SSN \d{3}-\d\d-\d{4}"),
        (K.OTHER_ID, "3f2504e0-4f89-11d3-9a0c-0305e82c3301", r"[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}"),
        (K.OTHER_ID, "https://pacs.example.com/x?name=garcia", r"https://example\.org/[\da-f]{8}"),
        (K.OTHER_ID, "pacs.klinik.de", r"host-[\da-f]{4}\.example\.org"),
        (K.DEVICE, "10.20.30.40", r"192\.0\.2\.\d{1,3}"),
        (K.DEVICE, "00:1B:44:11:3A:B7", r"(?:[\dA-F]{2}:){5}[\dA-F]{2}"),
        (K.DEVICE, "CTROOM2", r"[A-Z]{6}\d"),
        (K.PHONE, "(617) 234-9876", r"\([2-9]\d\d\) 555-01\d\d"),
        (K.PHONE, "+1 617.234.9876", r"\+1 [2-9]\d\d\.555\.01\d\d"),
        (K.PHONE, "617-234-9876 ext 33", r"[2-9]\d\d-555-01\d\d ext \d\d"),
        (K.PHONE, "234-9876", r"555-01\d\d"),
        (K.PHONE, "+49 89 4400 1234", r"\+49 \d\d \d{4} \d{4}"),
        (K.PHONE, "Tel: 089/44001234", r"Tel: 0\d\d/\d{8}"),
        (K.EMAIL, "ana.garcia@hospital.org", r"[a-z]+\.[a-z]+@example\.org"),
        (K.EMAIL, "x.müller77@klinik.de", r"[a-z]\.[a-z]+\d\d@example\.org"),
        (K.ADDRESS, "12 Main St, Springfield, IL 62704", r"\d\d [A-Z][a-z]+ St, [A-Z][a-z]+, IL \d{5}"),
        (K.ADDRESS, "Hauptstraße 5, 80331 München", r"[A-Z][a-z]+straße \d, \d{5} [A-Z][a-z]+"),
        (K.ADDRESS, "Calle Mayor 3, 28013 Madrid", r"Calle [A-Z]\w+ \d, \d{5} [A-Z]\w+"),
        (K.INSTITUTION, "Marienthal Hospital", r"[A-Z][a-z]+ Hospital"),
        (K.INSTITUTION, "ST. MARY'S", r"ST\. [A-Z]+'S"),
        (K.INSTITUTION, "Universitätsklinikum Heidelberg", r"Universitätsklinikum [A-Z][a-z]+"),
        (K.INSTITUTION, "MGH", r"[A-Z]{3}"),
        (K.INSTITUTION, "Children's Hospital Marienthal", r"Children's Hospital [A-Z][a-z]+"),
        (K.ADDRESS, "Carrer de Joan Amades i Gelats, 10", r"Carrer de (?:[A-Z]\w+ ){2}i [A-Z]\w+, \d\d"),
    ],
)
def test_notations_stay(surrogates, kind, written, shape):
    shown = surrogates.replace(kind, written)
    assert re.fullmatch(shape, shown)
    assert shown != written
    assert surrogates.replace(kind, written) == shown


def test_a_phone_is_the_same_with_and_without_its_country(surrogates):
    shown = surrogates.replace(K.PHONE, "(617) 234-9876")
    assert surrogates.replace(K.PHONE, "+1 617 234 9876") == f"+1 {shown[1:4]} 555 {shown[-4:]}"
    assert surrogates.replace(K.PHONE, "234-9876") == f"555-{shown[-4:]}"


def test_a_mail_address_is_that_of_the_person(surrogates, names):
    assert surrogates.replace(K.EMAIL, "ana.garcia@x.org") == f"{names[1]}.{names[0]}@example.org".lower()


def test_dates_move_together_in_their_notation(surrogates):
    offset = Pseudonyms(KEY).offset_days("1:7")
    moved = date.fromordinal(date(2024, 1, 31).toordinal() + offset)
    born = date.fromordinal(date(1960, 2, 15).toordinal() + offset)
    assert surrogates.replace(K.DATE, "2024-01-31") == moved.isoformat()
    assert surrogates.replace(K.DATE, "31.01.2024") == f"{moved:%d.%m.%Y}"
    assert surrogates.replace(K.BIRTH_DATE, "02/15/1960") == f"{born:%m/%d/%Y}"
    assert surrogates.replace(K.BIRTH_DATE, "19600215") == f"{born:%Y%m%d}"


@pytest.mark.parametrize(
    ("written", "shape"),
    [
        ("May 3rd", r"[A-Z]\w+ \d{1,2}(?:st|nd|rd|th)"),
        ("3/14", r"\d{1,2}/\d{1,2}"),
        ("5. Januar", r"\d{1,2}\. [A-Z]\w+"),
    ],
)
def test_a_day_without_a_year_moves(surrogates, written, shape):
    shown = surrogates.replace(K.DATE, written)
    assert re.fullmatch(shape, shown)
    assert shown != written


def test_what_is_no_date_is_labelled(surrogates):
    assert surrogates.replace(K.DATE, "the day before") == "[DATE]"


def test_the_birth_date_of_the_very_old_is_not_moved():
    assert make().replace(K.BIRTH_DATE, "19340101") == "[DATE]"
    assert make(as_of=date(2020, 1, 1)).replace(K.BIRTH_DATE, "19340101") != "[DATE]"
    assert make(known=KnownIdentifiers()).replace(K.BIRTH_DATE, "19490215") == "[DATE]"
    assert make(known=KnownIdentifiers()).replace(K.BIRTH_DATE, "19600215") != "[DATE]"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("92-year-old", "90+-year-old"),
        ("92 y/o", "90+ y/o"),
        ("92yo", "90+yo"),
        ("92", "90+"),
        ("aged 101", "aged 90+"),
        ("93 Jahre", "90+ Jahre"),
        ("91-jährige", "90+-jährige"),
        ("94 años", "90+ años"),
    ],
)
def test_ages_over_89_are_one(surrogates, written, shown):
    assert surrogates.replace(K.OTHER_ID, written) == shown
    assert surrogates.replace(K.DATE, written) == shown


@pytest.mark.parametrize("mode", list(TextMode))
def test_uids_are_the_recipient_s_in_every_mode(mode):
    pseudonyms = Pseudonyms(KEY)
    replacer = make_replacer(mode, pseudonyms, KNOWN, "1:7")
    assert replacer.replace(K.UID, "1.2.3.4.5.6.7") == pseudonyms.uid("1.2.3.4.5.6.7")


def test_recipients_and_patients_have_their_own():
    ours, other_recipient, other_patient = make(), make(key=b"o" * 32), make(patient="1:8")
    for kind, value in [(K.PATIENT_NAME, "Garcia^Ana"), (K.PATIENT_ID, "7654321"), (K.DATE, "2024-01-31")]:
        shown = {one.replace(kind, value) for one in (ours, other_recipient, other_patient)}
        assert len(shown) == 3


def test_a_text_reads_on(names):
    cleaner = TextCleaner(KNOWN, make(), shift_days=Pseudonyms(KEY).offset_days("1:7"))
    done = cleaner.clean("Ana Garcia (MRN: 0012345) was seen on 01/31/2024. GARCIA has a 3 mm nodule in the left lung.")
    assert re.fullmatch(
        rf"{names[1]} {names[0]} \(MRN: 00\d{{5}}\) was seen on \d\d/\d\d/\d{{4}}\. {names[0].upper()} has a 3 mm nodule in the left "
        r"lung\.",
        done.text,
    )
    assert KNOWN.find_in_text(done.text) == []


def test_pools_hold_enough_and_nothing_twice():
    assert len(family_pool()) > 4000
    assert len(given_pool()) > 2000
    assert not set(family_pool()) & set(given_pool())


WORDS = st.text("abcdefghijklmnopqrstuvwxyzäöüéñ", min_size=5, max_size=9).map(str.capitalize)


@settings(max_examples=40)
@given(family=WORDS, given_name=WORDS, number=st.integers(10**5, 10**9), key=st.binary(min_size=32, max_size=32))
def test_nothing_of_what_was_there_comes_back(family, given_name, number, key):
    known = KnownIdentifiers(
        [Identifier(K.PATIENT_NAME, f"{family}^{given_name}"), Identifier(K.PATIENT_ID, str(number))]
    )
    ours, again = make(known, key), make(known, key)
    for kind, value in [
        (K.PATIENT_NAME, f"{given_name} {family}"),
        (K.PATIENT_NAME, family.upper()),
        (K.PATIENT_ID, str(number)),
        (K.OTHER_ID, f"ID {number}"),
        (K.EMAIL, f"{given_name}.{family}@example.com"),
    ]:
        shown = ours.replace(kind, value)
        assert known.find_in_text(shown) == []
        assert again.replace(kind, value) == shown
    words = set(re.findall(r"\w+", fold(ours.replace(K.PATIENT_NAME, f"{given_name} {family}"))))
    assert not words & {fold(family), fold(given_name)}


@given(st.text(max_size=40), st.sampled_from(list(K)))
def test_any_text_has_a_surrogate(value, kind):
    shown = make(KnownIdentifiers()).replace(kind, value)
    assert (shown == value) == (not value.strip())


@pytest.mark.parametrize(
    ("left", "right", "faults"),
    [("garcia", "garcia", 0), ("garcia", "gracia", 1), ("garcia", "garca", 1), ("garcia", "karzia", 2), ("", "ab", 2)],
)
def test_distance_counts_faults(left, right, faults):
    assert distance(left, right) == distance(right, left) == faults
