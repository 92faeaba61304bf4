"""What must hold of every text and every identifier."""

import base64
import re
import string
from copy import copy
from datetime import timedelta
from itertools import pairwise

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from scanward.deidentify.text.clean import clean_technical, clean_text
from scanward.deidentify.text.folding import fold, fold_map
from scanward.deidentify.text.known import KnownIdentifiers, SearchContext
from scanward.deidentify.text.lexicon import is_clinical, is_ordinary
from scanward.deidentify.text.names import PLACEHOLDERS, TITLES
from scanward.dicomstream.dates import cap_age, parse_da, shift_da, shift_dt
from scanward.model.identifier import Identifier, IdentifierKind

K = IdentifierKind
LATIN = string.ascii_letters + "äöüßéèñçøåæœčšžłőığÄÖÜÉÑØÅ"
OTHER = (
    "абвгдежзиклмнопрстуфхцчшщыэюя",
    "αβγδεζηθικλμνξοπρστυφχψω",
    "山田太郎一子美智恵健",
    "김이박최정강조윤장임",
    "ابتثجحخدذرزسشص",
    "אבגדהוזחטיכלמנ",
)


@st.composite
def names(draw, shortest=5):
    """A family and a given name that are no ordinary words."""
    alphabet = draw(st.sampled_from([LATIN, LATIN, LATIN, *OTHER]))
    words = st.text(alphabet, min_size=shortest, max_size=12).map(lambda word: word.capitalize())
    family, given_name = draw(words), draw(words)
    for word in (family, given_name):
        folded = fold(word)
        assume(
            len(folded) >= shortest
            and not is_ordinary(folded)
            and not is_clinical(folded)
            and folded not in TITLES | PLACEHOLDERS
        )
        assume(re.fullmatch(r"[^\W\d_]+", word))
    return family, given_name


TERMS = st.sampled_from(
    [
        "CT CHEST",
        "AX T2 FLAIR +C",
        "knee, left:",
        "Thorax ap",
        "w/o",
        "3mm",
        "(post op)",
        "L4-L5",
        "for",
        "by Dr.",
        "MRN",
        "12.5",
        "-",
        "_",
        "\n",
        "胸部",
    ]
)
TEXTS = st.text(max_size=60) | st.lists(TERMS | st.text(string.printable, max_size=8), max_size=8).map(" ".join)
KINDS = st.sampled_from(list(K))
VALUES = (
    st.text(max_size=20)
    | st.text(string.ascii_letters + "^=, -", max_size=20)
    | st.text(string.digits + "-/.", max_size=14)
)
IDENTIFIERS = st.lists(st.builds(Identifier, KINDS, VALUES), max_size=6)


def dates(first=1900, last=2099):
    return st.dates(parse_da(f"{first}0101"), parse_da(f"{last}1231"))


@settings(max_examples=200, deadline=None)
@given(TEXTS, IDENTIFIERS)
@example("Doe, Grace Long for Dr. ( \n) 12", [Identifier(K.PATIENT_NAME, "Doe^Grace")])
@example("March 0 12, 1967", [])
def test_cleaning_is_idempotent_and_leaves_nothing_known(text, identifiers):
    known = KnownIdentifiers(identifiers)
    cleaned = clean_text(text, known)
    assert known.find_in_text(cleaned.text) == []
    assert clean_text(cleaned.text, KnownIdentifiers(identifiers)) == (cleaned.text, ())
    assert bool(cleaned.removed) or len(cleaned.text) <= len(text) or not text.isascii()
    if cleaned.removed:
        assert cleaned.text == cleaned.text.strip()
        assert cleaned.text == "" or any(map(str.isalnum, cleaned.text))


@settings(max_examples=100, deadline=None)
@given(TEXTS, IDENTIFIERS)
def test_technical_cleaning_is_idempotent_and_leaves_nothing_known(text, identifiers):
    known = KnownIdentifiers(identifiers)
    cleaned = clean_technical(text, known)
    assert known.find_in_text(cleaned.text) == []
    assert clean_technical(cleaned.text, KnownIdentifiers(identifiers)) == (cleaned.text, ())


@settings(max_examples=150, deadline=None)
@given(names(), TERMS, TERMS, st.sampled_from(["{f}^{g}", "{g} {f}", "{f}, {g}", "{f}_{g}", "{g}.{f}", "{f}", "{g}", "{f}-{g}", "{f}{g}", "Dr. {f}", "({f})", "x{f}x"]),
       st.sampled_from([str, str.upper, str.lower]))  # fmt: skip
def test_a_planted_name_does_not_survive(name, before, after, form, case):
    family, given_name = name
    planted = case(form.format(f=family, g=given_name))
    known = KnownIdentifiers([Identifier(K.PATIENT_NAME, f"{family}^{given_name}")])
    left = fold(clean_text(f"{before} {planted} {after}", known).text)
    assert fold(family) not in left
    assert fold(given_name) not in left


@settings(max_examples=100, deadline=None)
@given(names(), st.sampled_from(["utf-8", "latin-1", "utf-16-le", "utf-16-be", "shift_jis", "gb18030", "euc_kr", "iso8859_5", "iso8859_7", "iso2022_jp_2"]),
       st.binary(max_size=40), st.binary(max_size=40), st.sampled_from(["^", " ", ", ", "_", ""]), st.booleans())  # fmt: skip
def test_a_planted_name_is_found_in_bytes(name, charset, before, after, separator, swapped):
    first, second = name[::-1] if swapped else name
    known = KnownIdentifiers([Identifier(K.PATIENT_NAME, f"{name[0]}^{name[1]}")])
    try:
        raw = f"{first}{separator}{second}".encode(charset)
    except UnicodeEncodeError:
        assume(False)
    assume(charset not in {"shift_jis", "euc_kr"} or fold(name[0])[0] > "\u0250")
    # Beyond East Asia nobody writes ISO 2022; there, components are told apart (PS3.5 Section 6.1.2.5.3).
    assume(charset != "iso2022_jp_2" or (separator and fold(name[0])[0] > "\u1100"))
    assert known.contains(before + raw + after, SearchContext.HEADER)


@settings(max_examples=100, deadline=None)
@given(st.text(string.ascii_letters, min_size=7, max_size=12), st.binary(max_size=20), st.binary(max_size=20))
def test_a_planted_name_is_found_in_base64_and_hex(name, before, after):
    assume(not is_ordinary(name.lower()) and name.lower() not in PLACEHOLDERS)
    name = name.capitalize()
    known = KnownIdentifiers([Identifier(K.PATIENT_NAME, f"{name}^X")])
    for form in (name, name.upper()):
        data = before + form.encode() + after
        assert known.contains(base64.b64encode(data), SearchContext.BINARY)
        assert known.contains(data.hex().encode(), SearchContext.BINARY)


@settings(max_examples=100, deadline=None)
@given(
    dates(), st.sampled_from(["%Y%m%d", "%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d-%b-%Y", "%d %B %Y", "%B %d, %Y"]), TERMS
)
def test_a_birth_date_does_not_survive(day, notation, term):
    known = KnownIdentifiers([Identifier(K.BIRTH_DATE, day.strftime("%Y%m%d"))])
    written = day.strftime(notation)
    assert known.contains(written.encode(), SearchContext.HEADER)
    for options in ({}, {"shift_days": 7}, {"retain_dates": True}):
        assert written not in clean_text(f"{term} {written}", known, **options).text


@settings(max_examples=100, deadline=None)
@given(dates(1950, 2050), dates(1950, 2050), st.integers(-3000, 3000))
def test_intervals_between_dates_hold(first, second, days):
    text = clean_text(f"from {first:%Y-%m-%d} and {second:%Y-%m-%d}", KnownIdentifiers(), shift_days=days).text
    moved = [parse_da(match.replace("-", "")) for match in re.findall(r"\d{4}-\d\d-\d\d", text)]
    assert moved == [first + timedelta(days), second + timedelta(days)]


@settings(max_examples=100, deadline=None)
@given(st.integers(10**6, 10**12), st.sampled_from(["{}", "MRN {}", "ID:{}", "x{}y", "0{}", "({})"]))
def test_a_planted_id_does_not_survive(number, form):
    known = KnownIdentifiers([Identifier(K.PATIENT_ID, str(number))])
    text = f"CT CHEST {form.format(number)} axial"
    assert str(number) not in clean_text(text, known).text
    assert known.contains(text.encode(), SearchContext.HEADER)


@settings(max_examples=100, deadline=None)
@given(IDENTIFIERS, st.binary(max_size=3000), st.sampled_from(list(SearchContext)))
def test_any_bytes_can_be_searched(identifiers, data, context):
    known = KnownIdentifiers(identifiers)
    spans = known.find_in_bytes(data, context)
    assert known.contains(data, context) is bool(spans)
    assert all(0 <= span.start < span.end <= len(data) for span in spans)
    assert all(left.end < right.start for left, right in pairwise(spans))
    again = copy(known)
    assert again.find_in_bytes(data, context) == spans


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80))
def test_folding_keeps_track_of_where_it_was(text):
    folded, origin = fold_map(text)
    assert folded.decode("utf-8", "surrogatepass") == fold(text)
    if origin is None:
        assert len(folded) == len(text)
    else:
        assert len(origin) == len(folded)
        assert list(origin) == sorted(origin)


@settings(max_examples=100, deadline=None)
@given(dates(), st.integers(-30000, 30000))
def test_shifting_dates_is_undone_by_shifting_back(day, days):
    value = day.strftime("%Y%m%d")
    assert shift_da(shift_da(value, days), -days) == value
    assert shift_dt(value + "1015", days)[:8] == shift_da(value, days)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=12), st.integers(-1000, 1000))
def test_no_foreign_error_leaves_the_parsers(value, days):
    for parse in (lambda: shift_da(value, days), lambda: shift_dt(value, days), lambda: cap_age(value)):
        message = ""
        try:
            parse()
        except ValueError as error:
            message = str(error)
        assert len(value) < 4 or value not in message
