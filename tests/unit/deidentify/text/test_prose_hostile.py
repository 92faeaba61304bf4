"""Prose that was made to stop the machine: the work grows with the length, not with its square."""

import re
import sys

import pytest

from scanward.deidentify.text.known import KnownIdentifiers
from scanward.deidentify.text.prose import TextCleaner
from scanward.deidentify.text.recogniser.crf import load_recogniser
from scanward.deidentify.text.replace import Labels

LENGTH = 20_000
"""At this length what is quadratic takes minutes, and what is exponential never ends."""

BOMBS = {
    "digits": "1",
    "letters": "a",
    "capitals": "A",
    "blanks": " ",
    "lines": "\n",
    "brackets": "(",
    "ats": "@",
    "points": ".",
    "numbers and points": "1.",
    "numbers and hyphens": "12-",
    "numbers and blanks": "123 ",
    "words and ats": "a@",
    "words and points": "a.",
    "hashes": "#1",
    "labels": "name:",
    "capitalised": "Aa ",
    "titles": "Dr. ",
    "cues": "MRN ",
    "particles": "Van de la ",
    "streets": "Calle de la ",
    "years": "2019 ",
    "institutions": "Hospital ",
    "initials": "A. ",
    "kin": "daughter, ",
    "slashes": "1/",
    "plus": "+1 ",
    "commas": "A, ",
    "codes": "AB-1234",
    "quotes": "A'",
    "accents": "É",
    "schemes": "http://",
}


@pytest.fixture(scope="module")
def cleaner():
    return TextCleaner(KnownIdentifiers(), Labels(), recogniser=load_recogniser())


def steps(cleaner, text):
    """How many lines and calls of our own code it takes."""
    count = 0

    def trace(frame, event, _):
        nonlocal count
        count += event in {"call", "line"}
        return trace if "scanward" in frame.f_code.co_filename else None

    sys.settrace(trace)
    try:
        cleaner.find(text)
    finally:
        sys.settrace(None)
    return count


@pytest.mark.parametrize("name", BOMBS)
def test_long_runs_end(cleaner, name):
    piece = BOMBS[name]
    cleaned = cleaner.clean(piece * (LENGTH // len(piece)))
    assert len(cleaned.text) <= 4 * LENGTH


@pytest.mark.parametrize("name", ["capitalised", "titles", "institutions", "codes", "cues", "labels", "years"])
def test_work_grows_with_length(cleaner, name):
    piece = BOMBS[name]
    cleaner.find(piece * 40)
    short, long = (steps(cleaner, piece * count) for count in (150, 600))
    assert long < 6 * short


def test_one_line_of_a_megabyte_is_cleaned(cleaner):
    line = "The lungs are clear and there is no pleural effusion, 12 mm nodule unchanged since the last study; "
    text = line * (1_000_000 // len(line)) + "seen by Dr. Okonkwo."
    cleaned = cleaner.clean(text).text
    assert cleaned.endswith("seen by [NAME].")
    assert re.sub(r"seen by.*", "", cleaned) == text.removesuffix("seen by Dr. Okonkwo.")
