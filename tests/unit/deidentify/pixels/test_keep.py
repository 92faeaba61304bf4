"""Words that may stay: those of the lists do, whatever could tell of somebody does not."""

from datetime import date, timedelta
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanward.deidentify.pixels.keep import TextRegion, agreed_text, find_kept, kind_of, vocabulary
from scanward.deidentify.pixels.rectangle import Rectangle
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.model.identifier import Identifier, IdentifierKind
from scanward.model.pixels import KeptText
from scanward.ports.engines import ReadText

ALL = frozenset(KeptText)
NOBODY = KnownIdentifiers()


def names() -> list[str]:
    folder = resources.files("scanward.standard") / "data"
    return [
        word
        for file in ("given_names.txt", "surnames.txt")
        for word in (folder / file).read_text("utf-8").split("\n")
        if word
    ]


def region(x, y, text, *, width=None, height=12, confidence=0.99, second=None):
    box = Rectangle(x, y, width if width is not None else 8 * len(text), height)
    return TextRegion(box, (ReadText(text, confidence), ReadText(text if second is None else second, confidence)))


@pytest.mark.parametrize(
    "text",
    ["L", "R", "r", "LEFT", "Right", "LT", "AP", "PA", "LAT", "R LAT", "AP SUPINE", "L AP ERECT", "RMLO", "R MLO", "LCC",
     "R-CC", "Semi-Upright", "Portable", "P", "WEIGHTBEARING", "Weight Bearing"],
)  # fmt: skip
def test_side_and_position_markers_stay_where_the_site_keeps_them(text):
    assert kind_of(text, frozenset({KeptText.LATERALITY}), NOBODY) is KeptText.LATERALITY
    assert kind_of(text, ALL - {KeptText.LATERALITY}, NOBODY) is None


@pytest.mark.parametrize(
    "text",
    ["0", "5", "-4", "15", "120", "2.5", "0.5", "4.0cm", "16 cm", "mm/s", "[cm]"[1:3], "36Hz", "60%", "-61.6 cm/s", "MI 0.6",
     "TIS0.4", "TIS<0.4", "MI=0.8", "FR 49Hz", "Depth 15.0 cm", "Gain 55%", "1.3 MHz", "＋5", "−3"],
)  # fmt: skip
def test_numbers_of_scales_stay_where_the_site_keeps_them(text):
    assert kind_of(text, frozenset({KeptText.SCALE}), NOBODY) is KeptText.SCALE
    assert kind_of(text, frozenset({KeptText.LATERALITY}), NOBODY) is None


@pytest.mark.parametrize(
    "text",
    ["Dist 1.43 cm", "Dist1.43cm", "+ Dist 1.43 cm", "1 Dist 12.05 cm", "BPD 48 mm", "HC: 17.3 cm", "FL 3.2cm", "EFW 350 g",
     "GA 21w3d", "21w3d", "LVIDd 4.7 cm", "Asc Ao Diam 3.3 cm", "2.3 x 4.5 cm", "2.3 × 4.5 x 1.2cm", "RI 0.65", "EF 55 %",
     "HR 65 bpm", "65bpm", "Area 3.4 cm²", "D 1.43"[2:] + " mm"],
)  # fmt: skip
def test_measurements_stay_where_the_site_keeps_them(text):
    assert kind_of(text, frozenset({KeptText.MEASUREMENT}), NOBODY) is KeptText.MEASUREMENT


@pytest.mark.parametrize(
    "text",
    ["", " ", "BPD", "Dist", "F", "M", "M 45", "45Y", "045Y", "05", "007", "1234", "BPD 1234 mm", "12 34", "12/05", "12.05",
     "12-05", "5 MAY", "ID 123", "A123", "R JD", "L Smith", "Okafor 48 mm", "BPD 48 mm Okafor", "3498", "127/128", "1/1", "11:24",
     "٣", "Ｒ１２３４", "L\n R\n 1 2 3 4 5 6 7 8 9", "R R R R", "ſ", "К"],
)  # fmt: skip
def test_anything_else_goes(text):
    assert kind_of(text, ALL, NOBODY) is None


def test_nothing_stays_where_the_site_keeps_nothing():
    assert all(
        kind_of(word, frozenset(), NOBODY) is None
        for lists in vocabulary().values()
        for some in lists.values()
        for word in some
    )
    assert find_kept([region(0, 0, "L")], frozenset(), NOBODY) == [None]


def test_no_word_of_the_lists_is_a_name():
    known = {name.casefold() for name in names()}
    words = {word.casefold() for lists in vocabulary().values() for some in lists.values() for word in some}

    assert not {part for word in words for part in word.split() if part in known and len(part) > 1}


def test_no_name_stays():
    every = names()
    assert len(every) > 5000
    kept = [
        form
        for at, name in enumerate(every)
        for form in (
            name,
            name.upper(),
            name.title(),
            f"{name}, {every[at - 1]}",
            f"{name[0]}. {name}",
            f"{name} {at % 90}",
        )
        if kind_of(form, ALL, NOBODY) is not None
    ]
    assert kept == []


FORMATS = (
    "%Y%m%d", "%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y", "%d.%m.%y", "%d%b%y",
    "%d.%m.", "%d.%m", "%d/%m", "%d %b", "%H:%M:%S", "%Y", "%y%m%d", "%m.%d.%Y", "%d-%m-%y", "%d %m %y", "%d%m",
)  # fmt: skip


@given(day=st.dates(date(1900, 1, 1), date(2026, 12, 31)), form=st.sampled_from(FORMATS))
def test_no_date_stays(day, form):
    assert kind_of(day.strftime(form), ALL, NOBODY) is None


def test_no_date_of_a_century_stays():
    start = date(1926, 1, 1)
    kept = {
        form
        for offset in range(0, 36500, 17)
        for form in FORMATS
        if kind_of((start + timedelta(offset)).strftime(form), ALL, NOBODY) is not None
    }
    assert kept == set()


@given(
    number=st.from_regex(r"(?:[A-Z]{1,3}[- ]?)?\d{4,10}|\d{3}[- ]\d{2}[- ]\d{4}|\d{3}[- ]\d{3}|[A-Z]\d{2,6}[A-Z]?|0\d{1,3}", fullmatch=True),
    label=st.sampled_from(["", "MRN ", "ID: ", "Acc ", "#", "R ", "BPD ", "L"]),
)  # fmt: skip
def test_no_record_number_stays(number, label):
    assert kind_of(label + number, ALL, NOBODY) is None


@given(st.text(max_size=30))
def test_what_stays_is_short_plain_and_of_the_lists(text):
    if kind_of(text, ALL, NOBODY) is not None:
        assert len(text.strip()) < 40
        assert sum(character.isdigit() for character in text) < 16


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (IdentifierKind.PATIENT_NAME, "Prone^Anna", "PRONE"),
        (IdentifierKind.PATIENT_NAME, "Able^Paul", "PA"),
        (IdentifierKind.PATIENT_NAME, "Paulsen^Adam", "AP"),
        (IdentifierKind.PERSON_NAME, "Moore^Lee^Olga", "MLO"),
        (IdentifierKind.PATIENT_ID, "123", "123"),
        (IdentifierKind.PATIENT_ID, "48-2", "48.2 mm"),
        (IdentifierKind.PATIENT_ID, "48-2", "48.2"),
        (IdentifierKind.OTHER_ID, "RMLO", "R MLO"),
    ],
)
def test_what_is_known_of_the_study_goes(kind, value, text):
    known = KnownIdentifiers([Identifier(kind, value)])

    assert kind_of(text, ALL, NOBODY) is not None
    assert kind_of(text, ALL, known) is None


def test_both_readings_have_to_be_alike_and_sure():
    assert agreed_text(region(0, 0, "RMLO", second="R MLO")) == "R MLO"
    assert agreed_text(region(0, 0, "Dist 1.43cm", second="dist 1.43 cm")) == "dist 1.43 cm"
    assert agreed_text(region(0, 0, "1.43 cm", second="7.43 cm")) == ""
    assert agreed_text(region(0, 0, "L", confidence=0.89)) == ""
    assert agreed_text(TextRegion(Rectangle(0, 0, 9, 9), (ReadText("L", 1.0),))) == ""
    assert agreed_text(region(0, 0, "AP", width=10, height=30)) == ""
    assert agreed_text(region(0, 0, "L", width=10, height=30)) == "L"


def kinds(*regions, allowed=ALL, known=NOBODY):
    return find_kept(list(regions), allowed, known)


def test_a_measurement_in_three_pieces_stays_whole():
    found = kinds(
        region(37, 742, "Dist", height=17), region(107, 742, "1.43", height=17), region(157, 745, "cm", height=12)
    )

    assert found == [KeptText.MEASUREMENT] * 3


def test_a_date_in_pieces_goes_whole():
    assert kinds(region(0, 0, "12"), region(30, 0, "5"), region(60, 0, "1942")) == [None] * 3
    assert kinds(region(0, 0, "12"), region(30, 0, "5")) == [None] * 2


def test_numbers_of_a_scale_stay_apart_from_each_other():
    ruler = [region(600, 40 * at, str(at)) for at in range(1, 8)]
    axis = [region(20 + 135 * at, 415, str(at - 4)) for at in range(5)]

    assert kinds(*ruler, *axis) == [KeptText.SCALE] * 12


def test_a_number_beside_what_goes_goes_and_a_side_marker_stays():
    name = region(100, 100, "OKAFOR, MARIA")

    assert kinds(name, region(100, 115, "67")) == [None, None]
    assert kinds(name, region(100, 115, "67"), region(100, 130, "12")) == [None, None, None]
    assert kinds(name, region(100, 300, "67")) == [None, KeptText.SCALE]
    assert kinds(name, region(100, 115, "L")) == [None, KeptText.LATERALITY]
    assert kinds(name, region(210, 100, "L")) == [None, None]


def test_an_unread_region_counts_as_what_goes():
    unread = TextRegion(Rectangle(100, 100, 90, 12), ())

    assert kinds(unread, region(100, 115, "67")) == [None, None]


def test_of_very_many_regions_none_stays():
    assert not any(kinds(*(region(40 * (at % 40), 40 * (at // 40), "5") for at in range(1001))))


def test_a_word_that_was_found_twice_is_read_once():
    whole, again, part = (
        region(37, 742, "Dist 1.43 cm"),
        region(36, 741, "DIST 1.43cm", width=99),
        region(37, 742, "Dist"),
    )

    assert kinds(whole, again, part) == [KeptText.MEASUREMENT] * 3


def test_a_place_that_was_read_in_two_ways_goes():
    assert kinds(region(37, 742, "1.43 cm"), region(37, 741, "7.43 cm")) == [None, None]
    assert kinds(region(37, 742, "1.43 cm"), TextRegion(Rectangle(37, 742, 50, 12), ())) == [None, None]
