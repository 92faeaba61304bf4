"""Text is cleaned: what identifies goes, what is clinical stays."""

import re
from pathlib import Path

import pytest

from scanward.deidentify.text.clean import Cleaned, clean_technical, clean_text
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.model.identifier import Identifier, IdentifierKind

K = IdentifierKind
KNOWN = KnownIdentifiers(
    [
        Identifier(K.PATIENT_NAME, "DOE^JANE^Q^DR"),
        Identifier(K.PATIENT_NAME, "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        Identifier(K.PATIENT_ID, "00123456"),
        Identifier(K.BIRTH_DATE, "19670312"),
        Identifier(K.ACCESSION, "A2020-887731"),
        Identifier(K.DATE, "20190617"),
        Identifier(K.PHONE, "+49 89 5551234"),
        Identifier(K.INSTITUTION, "St. Elsewhere General Hospital"),
    ]
)
NOBODY = KnownIdentifiers()


def corpus():
    lines = (Path(__file__).parent / "corpus.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if not line.startswith("#"):
            marked, tab, expected = line.partition("\t")
            text = re.sub("[«»]", "", marked)
            yield text, expected if tab else text, re.findall("«(.*?)»", marked)


CORPUS = list(corpus())


@pytest.mark.parametrize(("text", "expected", "identifying"), CORPUS, ids=[text for text, _, _ in CORPUS])
def test_corpus(text, expected, identifying):
    cleaned = clean_text(text, KNOWN)
    assert cleaned.text == expected
    assert bool(cleaned.removed) is (expected != text)
    words = re.findall(r"\w+", cleaned.text.lower())
    for part in identifying:
        left = [word for word in re.findall(r"\w+", part.lower()) if word in words]
        assert not left, "an identifier leaked"
    assert clean_text(cleaned.text, KNOWN) == Cleaned(cleaned.text, ())


LABELS = frozenset(
    "a acc accession am an at by call dob dott dr dra du enf fall fr frau from für geb husband id le md md med mevr mme mr mrn mrs name nc nhs no nr née of on order patient "
    "performed pour praxis prof read ref referred sig ra sra ssn tech technologist tel to for r rt sn in n h c hospital clinic klinikum university hôpital s next dhr de".split()
)


def test_what_is_clinical_stays(record_property):
    """Of the words that identify nobody, and are no label of what went, this share stays."""
    kept = total = 0
    for text, _, identifying in CORPUS:
        rest = text
        for part in identifying:
            rest = rest.replace(part, " ", 1)
        left = re.findall(r"[^\W_]+", clean_text(text, KNOWN).text.lower())
        for word in re.findall(r"[^\W_]+", rest.lower()):
            if word in LABELS:
                continue
            total += 1
            if word in left:
                left.remove(word)
                kept += 1
    record_property("words_that_identify_nobody", total)
    record_property("words_kept", kept)
    print(f"kept {kept} of {total} words that identify nobody")
    assert total > 600
    assert kept >= total - 8


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("prior of 12/20/2018, now 17.06.2019", {"shift_days": -10}, "prior of 12/10/2018, now 07.06.2019"),
        ("seen on June 17, 2019 at 10:15", {"shift_days": 1}, "seen on June 18, 2019 at 10:15"),
        ("born 12.03.1967, seen 17.06.2019", {"shift_days": 1}, "seen 18.06.2019"),
        ("12 March 1967", {"retain_dates": True}, ""),
        ("seen 17.06.2019 by Doe", {"retain_dates": True}, "seen 17.06.2019"),
        ("seen 190617", {"retain_dates": True}, "seen"),
        ("seen 12th of August", {"shift_days": 1}, "seen"),
        ("from Mercy Hospital", {"retain_institution": True}, "from Mercy Hospital"),
        ("line one\nDr. Doe\nline two", {}, "line one\nline two"),
        ("line one\r\nDoe\r\nline two", {"multiline": False}, "line one line two"),
        ("a  b", {}, "a  b"),
    ],
)
def test_options(text, options, expected):
    assert clean_text(text, KNOWN, **options).text == expected


def test_what_was_removed_is_told_by_kind():
    cleaned = clean_text("CT Doe 00123456 17.06.2019 x@y.org", KNOWN)
    assert cleaned == Cleaned("CT", tuple(sorted({K.PATIENT_NAME, K.PATIENT_ID, K.DATE, K.EMAIL})))
    assert clean_text("17.06.2019", KNOWN, shift_days=3).removed == (K.DATE,)
    assert clean_text("17.06.2019", KNOWN, retain_dates=True).removed == ()


def test_a_report_keeps_its_sense():
    text = (
        "This 78-year-old gentleman referred by Dr. Fukuda was also seen by Dr. Mason at the Redlands Clinic. He has been seen in the past by Dr. Klugman.\n"
        "The patient developed a lesion in the concha of the left external ear. Recent biopsy confirmed this as being a squamous cell carcinoma.\n"
    )
    assert clean_text(text, NOBODY).text == (
        "This 78-year-old gentleman was also seen. He has been seen in the past.\n"
        "The patient developed a lesion in the concha of the left external ear. Recent biopsy confirmed this as being a squamous cell carcinoma."
    )


@pytest.mark.parametrize(
    "text", ["", " ", "\n", "^^^^", "T1", "\x00", "\ue000", "\ue150\uf8ff", "((((", "]", "Doe", "\ufeff", "\ud800"]
)
def test_odd_input_is_no_error(text):
    cleaned = clean_text(text, KNOWN)
    assert clean_text(cleaned.text, KNOWN).text == cleaned.text
    assert not re.search("[\ue000-\uf8ff]", cleaned.text)


def test_marks_in_the_input_do_not_fool_the_cleaning():
    assert "Doe" not in clean_text("D\ue000oe \ue100 \ue101", KNOWN, retain_dates=True).text


def test_a_hostile_text_ends_empty_rather_than_unclean():
    text = "Do" * 40 + "Doe" * 40 + "e" * 40
    cleaned = clean_text(text, KNOWN)
    assert not KNOWN.find_in_text(cleaned.text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("LightSpeed VCT", "LightSpeed VCT"),
        ("syngo MR E11 2019-03-12", "syngo MR E11 2019-03-12"),
        ("Zapper9000 Gagoski", "Zapper9000 Gagoski"),
        ("Coil of J. Doe", "Coil"),
        ("SN 00123456", ""),
        ("Dr. Miller's phantom", "phantom"),
        ("MRN 998877", ""),
        ("service@vendor.com v2", "v2"),
        ("0.48828125", "0.48828125"),
    ],
)
def test_technical_text_loses_only_what_is_sure(text, expected):
    assert clean_technical(text, KNOWN).text == expected


def test_the_memory_of_texts_belongs_to_the_identifiers():
    assert clean_text("knee Quillfeathers", KNOWN).text == clean_text("knee Quillfeathers", KNOWN).text == "knee"
    assert (
        clean_text("CT WXQZ", NOBODY).text
        != clean_text("CT WXQZ", KnownIdentifiers([Identifier(K.OTHER_ID, "WXQZ")])).text
    )
