"""One typo in a known name hides it nowhere, and no identity costs a report its measurements, sides or negations."""

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from scanward.deidentify.text.known import KnownIdentifiers
from scanward.model.identifier import Identifier, IdentifierKind

K = IdentifierKind
NAMES = [
    "Quillfeather^Ottoline", "Garcia^Francisco", "Kowalczyk^Zbigniew", "Nguyen^Thanh", "Lindqvist^Astrid", "Abernathy^Clement", "Okonkwo^Chidi", "Fernandez^Ximena",
    "Hoffmann^Ulrike", "Beauchamp^Odette",
]  # fmt: skip
PLAIN_NAMES = [
    "Brown^Grace",
    "Long^May",
    "Head^Mark",
    "White^Will",
    "Short^Chase",
    "Bone^Rod",
    "Right^Hope",
    "Small^Joy",
    "Marker^Rose",
    "Left^Art",
]
CARRIERS = [
    "Findings were explained to {} today.",
    "Mr {} was seen.",
    "Patient: {}\nCT of the chest",
    "No change. Dear Mrs. {}, the films",
    "Images from {}, {} mm cuts",
]
EDITS = ["substitute", "insert", "delete", "transpose"]
SENTENCES = [
    "No {side} effusion; {size} x {other} mm nodule in the {side} upper lobe, unchanged.", "{side} kidney measures {size}.{other} cm without hydronephrosis.",
    "NO ACUTE FRACTURE OF THE {side} HIP. {size} MM GAP.", "The long head of the biceps may be torn on the {side}; brown fat; short axis {size} mm.",
    "Kein Anhalt für Fraktur {side}, {size} mm.", "Sin lesiones en el lado {side}, {size} x {other} mm.", "White matter is normal, {size} percent; patient will return in {other} weeks.",
    "T{size} to L{other}: no stenosis. Grade {size}/5 power, {side}.", "Not seen: {side} ovary. Volume {size},{other} mL, SUV {size}.{other}, series {size}, image {other}.",
]  # fmt: skip


@cache
def known(name):
    return KnownIdentifiers(
        [
            Identifier(K.PATIENT_NAME, name),
            Identifier(K.PATIENT_ID, "00738291"),
            Identifier(K.BIRTH_DATE, "19670320"),
            Identifier(K.INSTITUTION, "Hollowmere General Hospital"),
            Identifier(K.ADDRESS, "45 Bramblewick Street^^Marrowbridge"),
            Identifier(K.PHONE, "+49 89 5551234"),
        ]
    )


def edit(word, how, at, letter):
    at %= len(word)
    if how == "substitute":
        return word[:at] + letter + word[at + 1 :]
    if how == "insert":
        return word[:at] + letter + word[at:]
    if how == "delete":
        return word[:at] + word[at + 1 :]
    at = min(at, len(word) - 2)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def is_covered(text, start, end, spans):
    covered = {at for span in spans for at in range(span.start, span.end)}
    return all(at in covered for at in range(start, end) if text[at].isalnum())


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(NAMES),
    st.sampled_from(EDITS),
    st.integers(0, 20),
    st.sampled_from("abcdefghijklmnopqrstuvwxyz015"),
    st.sampled_from(CARRIERS),
    st.booleans(),
)
def test_a_single_edit_hides_no_name(name, how, at, letter, carrier, upper):
    mistyped = edit(name.partition("^")[0].lower(), how, at, letter)
    shown = mistyped.upper() if upper else mistyped.capitalize()
    text = carrier.replace("{}", shown, 1).replace("{}", "3")
    start = text.index(shown)
    assert is_covered(text, start, start + len(shown), known(name).find_closely(text))


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["00738291", "48815162", "H9045137"]),
    st.integers(0, 20),
    st.integers(0, 9),
    st.sampled_from(["wrong", "swap", "cut"]),
)
def test_a_single_slip_hides_no_number(number, at, digit, how):
    known_number = KnownIdentifiers([Identifier(K.PATIENT_ID, number)])
    digits = "".join(filter(str.isdigit, number)).lstrip("0")
    at %= len(digits)
    written = {
        "wrong": digits[:at] + str(digit) + digits[at + 1 :],
        "swap": edit(digits, "transpose", at, ""),
        "cut": f"{digits[:at]} {digits[at:]}".strip(),
    }[how]
    text = f"Labelled {written} on film."
    assert is_covered(text, 9, 9 + len(written), known_number.find_closely(text))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(NAMES + PLAIN_NAMES),
    st.sampled_from(SENTENCES),
    st.sampled_from(["left", "right", "LEFT", "links", "derecho", "Left"]),
    st.integers(1, 99),
    st.integers(1, 99),
)
def test_measurements_sides_and_negations_stay(name, sentence, side, size, other):
    text = sentence.format(side=side, size=size, other=other)
    assert known(name).find_closely(text) == []


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200), st.sampled_from(NAMES))
def test_any_text_is_searched_and_all_that_is_found_in_text_is_found(text, name):
    family = name.partition("^")[0]
    searched = f"{text} {family} {text}"
    closely = known(name).find_closely(searched)
    assert all(0 <= span.start < span.end <= len(searched) for span in closely)
    for span in known(name).find_in_text(searched):
        assert any(one.start <= span.start and span.end <= one.end for one in closely)
