"""Identifiers of anybody, found by their shape."""

from datetime import date

import pytest

from scanward.deidentify.text.patterns import find_dates, find_patterns
from scanward.deidentify.text.wording import Wording
from scanward.deidentify.text.written_dates import shift_written
from scanward.model.identifier import IdentifierKind

K = IdentifierKind


def cut(text, **options):
    """What remains of the text when all that was found is taken out."""
    gone = [False] * len(text)
    for shape in find_patterns(text, **options):
        gone[shape.start : shape.end] = [True] * (shape.end - shape.start)
    return " ".join("".join(" " if out else char for char, out in zip(text, gone, strict=True)).split())


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1967-03-12", (1967, 3, 12)), ("19670312", (1967, 3, 12)), ("1967/3/12", (1967, 3, 12)), ("1967_03_12", (1967, 3, 12)),
        ("12.03.1967", (1967, 3, 12)), ("03/12/1967", (1967, 3, 12)), ("13/03/1967", (1967, 3, 13)), ("12.3.67", (1967, 3, 12)), ("3/12/99", (1999, 3, 12)),
        ("12-MAR-1967", (1967, 3, 12)), ("12 Mar 1967", (1967, 3, 12)), ("March 12, 1967", (1967, 3, 12)), ("Dec-17-2020", (2020, 12, 17)),
        ("12. März 1967", (1967, 3, 12)), ("12 août 2019", (2019, 8, 12)), ("15 de marzo de 2019", (2019, 3, 15)), ("3 febbraio 2020", (2020, 2, 3)),
        ("5 mei 2021", (2021, 5, 5)), ("7 de março de 2018", (2018, 3, 7)), ("17Dec20", (2020, 12, 17)), ("2019年3月12日", (2019, 3, 12)),
        ("20190312T101500", (2019, 3, 12)), ("20190312101500.123", (2019, 3, 12)), ("12.03.1967 10:15", (1967, 3, 12)), ("3/12/2019 at 3:30 pm", (2019, 3, 12)),
        ("Mar 2019", (2019, 3, 15)), ("03/2019", (2019, 3, 15)), ("12 03 2019", (2019, 3, 12)),
    ],
)  # fmt: skip
def test_dates_are_found_and_read(text, day):
    (found,) = find_dates(Wording(f"seen {text} again"), {date(2019, 3, 12)} if text == "12 03 2019" else ())
    assert (found.start, found.end) == (5, 5 + len(text))
    assert found.day == date(*day)


@pytest.mark.parametrize(
    "text",
    ["12th March 1967", "Oct 2nd, 2020", "sep30", "August 4", "on 3/12", "昭和42年3月12日", "S42.3.12", "4. Dezember"],
)
def test_dates_that_cannot_be_read_are_found_too(text):
    assert [found.day for found in find_dates(Wording(text))] == [None]


@pytest.mark.parametrize(
    "text",
    [
        "3/4 view", "1.5/3.0", "T1/T2", "2.5 x 2.5", "B30f", "10/20 EEG", "v10.12.14", "0.48828125", "b 0/500/1000", "TE 30/60/90", "1.2.840.10008.1", "MAR 20",
        "10 mag 20", "L4-5-10", "2019-2020", "3-4", "may show 3", "12/2", "99999999", "20191345", "1/2/3", "31.02.2019", "Gleason 3+4", "5/5/5 strength",
        "2.25.201903121", "C3/4 C5/6", "120/80", "1:10", "T2-3/4",
    ],
)  # fmt: skip
def test_numbers_that_are_no_dates_are_left_alone(text):
    assert find_dates(Wording(text)) == []


@pytest.mark.parametrize(
    ("text", "days", "expected"),
    [
        ("12.03.1967", -40, "31.01.1967"), ("3/12/1967", -40, "1/31/1967"), ("1967-03-12", 300, "1968-01-06"), ("19670312", 1, "19670313"),
        ("12-MAR-1967", -40, "31-JAN-1967"), ("March 12, 1967", 30, "April 11, 1967"), ("12. März 2019", 30, "11. April 2019"), ("5 janv. 2021", 31, "5 févr. 2021"),
        ("15 de marzo de 2019", 31, "15 de abril de 2019"), ("12.03.1967 10:15", 1, "13.03.1967 10:15"), ("12/31/99", 1, "01/01/00"), ("2019年3月12日", 1, "2019年3月13日"),
        ("20190312101500", 1, "20190313101500"), ("Mar 2019", 31, "Apr 2019"),
    ],
)  # fmt: skip
def test_a_moved_date_keeps_its_notation(text, days, expected):
    (found,) = find_dates(Wording(text))
    assert shift_written(text, found, days) == expected


def test_known_days_decide_between_day_and_month():
    assert find_dates(Wording("03/04/2019"))[0].day == date(2019, 3, 4)
    assert find_dates(Wording("03/04/2019"), {date(2019, 4, 3)})[0].day == date(2019, 4, 3)
    assert find_dates(Wording("03.04.2019"), {date(2019, 3, 4)})[0].day == date(2019, 3, 4)


def test_a_date_is_not_moved_out_of_the_calendar():
    (found,) = find_dates(Wording("31.12.2099"))
    assert shift_written("31.12.2099", found, 10**7) is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("555-225-5887", K.PHONE), ("(412) 438-8675", K.PHONE), ("+49 89 1234567", K.PHONE), ("752.671.3789x973", K.PHONE), ("01 23 45 67 89", K.PHONE),
        ("tel 12345", K.PHONE), ("030/1234567", K.PHONE), ("555 123 4567", K.PHONE), ("x@y.org", K.EMAIL), ("j.doe+mr@hosp-a.example.org", K.EMAIL),
        ("http://pacs.example.org/a?b=1", K.OTHER_ID), ("www.example.org", K.OTHER_ID), ("pacs01.hospital.local", K.OTHER_ID), ("10.0.0.12", K.DEVICE),
        ("00:1A:2B:3C:4D:5E", K.DEVICE), ("123-45-6789", K.OTHER_ID), ("MRN: 1234567", K.OTHER_ID), ("Acc# A12345", K.OTHER_ID), ("patient id 77", K.OTHER_ID),
        ("NHS 943 476 5919", K.OTHER_ID), ("1234567", K.OTHER_ID), ("12345678Z", K.OTHER_ID), ("QQ 12 34 56 C", None), ("AB 12 34 56 C", K.OTHER_ID),
        ("RSSMRA85T10A562S", K.OTHER_ID), ("8fd8f3b7-572e-42aa-b1c2-001122334455", K.OTHER_ID), ("04711-0815-33", K.OTHER_ID), ("D:\\Export\\doe\\x.dcm", K.OTHER_ID),
        ("/data/doe/scan", K.OTHER_ID), ("1.3.6.1.4.1.14519.5.2.1", K.UID), ("56 Walnut Drive", K.ADDRESS), ("Musterstr. 12", K.ADDRESS), ("12 rue de la Paix", K.ADDRESS),
        ("Calle Mayor 5", K.ADDRESS), ("Via Roma 12", K.ADDRESS), ("Kerkstraat 5", K.ADDRESS), ("Rua Augusta, 10", K.ADDRESS), ("P.O. Box 12", K.ADDRESS),
        ("80331 München", K.ADDRESS), ("KS 93919", K.ADDRESS), ("SW1A 1AA", K.ADDRESS), ("University of Springfield", K.INSTITUTION), ("St. Mary Hospital", K.INSTITUTION),
        ("Klinikum Musterstadt", K.INSTITUTION), ("Hôpital Saint-Louis", K.INSTITUTION), ("Hospital Clínico de Barcelona", K.INSTITUTION),
    ],
)  # fmt: skip
def test_shapes(text, kind):
    kinds = {shape.kind for shape in find_patterns(text)}
    assert (kind in kinds) if kind else not kinds
    if kind:
        assert cut(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "b 500 800 1000", "0.48828125", "ID 20", "CT CHEST 71270", "General Hospital", "Hospital", "2.25.338912345678901234567890", "ml/100ml/s", "1500 ms", "12345678 Bq",
        "256 x 256", "TR/TE 500/15", "100-200-300", "T1 2D", "Case 3", "ext rot", "call back", "1.2.840.10008.5.1.4", "2 VIEWS CHEST", "seen in clinic", "3.5 mm",
    ],
)  # fmt: skip
def test_technical_numbers_and_words_are_left_alone(text):
    assert cut(text) == text


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("Dr. Fukuda was seen", "was seen"), ("Mr Smith", ""), ("MR. SMITH", ""), ("Prof. Dr. Weiss", ""), ("Frau Dr. med. Anna Weiß", ""), ("for John Smith", "for"),
        ("for Young Brown", "for"), ("patient name: doe jane", "patient name:"), ("referred by klugman", "referred by"), ("performed by Amy", "performed by"),
        ("John A. Smith, MD", ""), ("J. Smith", ""), ("Smith J.", ""), ("Mme. Lefèvre", ""), ("Ref: Miller", "Ref:"), ("Dr. Rose", ""), ("Herr Klein", ""),
    ],
)  # fmt: skip
def test_persons_beside_a_cue(text, rest):
    assert cut(text) == rest


@pytest.mark.parametrize(
    "text",
    [
        "DR CHEST PA",
        "MR BRAIN",
        "MS PLAQUE",
        "for evaluation of pain",
        "C. Spine",
        "by GE",
        "Patient: HEAD",
        "read by",
        "T2 S.",
        "for Screening",
        "with Contrast",
    ],
)
def test_cues_before_terms_make_no_names(text):
    assert cut(text) == text


def test_institutions_and_dates_can_be_left_out():
    assert cut("St. Mary Hospital", institutions=False) != ""
    assert cut("19670312 x", dates=False) != cut("seen 12.03.1967", dates=False) == "seen 12.03.1967"
