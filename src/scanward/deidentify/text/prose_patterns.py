"""Identifiers of anybody in prose, by their shape and by the words beside them; what says what they are stays."""

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date

from scanward.deidentify.text import prose_names
from scanward.deidentify.text.addresses import find_addresses, find_institutions
from scanward.deidentify.text.ages import find_ages
from scanward.deidentify.text.persons import find_titled
from scanward.deidentify.text.prose_fields import find_fields
from scanward.deidentify.text.prose_lexicon import Sense, sense_of
from scanward.deidentify.text.prose_numbers import find_numbers
from scanward.deidentify.text.shapes import Shape, find_contacts, find_ids, kept_uids
from scanward.deidentify.text.wording import Wording
from scanward.deidentify.text.words import find_names as find_names_of_headers
from scanward.deidentify.text.written_dates import WrittenDate, find_dates
from scanward.model.identifier import IdentifierKind

_OTHER_SCRIPT = re.compile(r"[Ͱ-῿぀-鿿가-힯]")
_DAY = re.compile(
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December|Jan|Feb|Mar|Apr|Jun|Jul|Aug|"
    r"Sept?|Oct|Nov|Dec)\.?[ ](?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?(?!\d|[.,/-]\d|[ ]?(?:mm|cm|mg|ml|%|x\b|years?|yo))"
)
_MONTHS = frozenset(
    "january february march april may june july august september october november december jan feb mar apr jun jul aug sep sept "
    "oct nov dec".split()
)
_HEAD_BEHIND = re.compile(
    r"[ \t-]+(?:(?:downtown|uptown|university|general|county|regional|memorial|heart|cancer|medical|med|health|presbyterian|"
    r"children['’]s|va|main|[A-Z][^\W\d_]+)[ \t]+){0,3}"
    r"(?:hospital|clinic|office|branch|campus|center|centre|medical center|health|healthcare|health care|med|general|va|ed|er|"
    r"memorial|presbyterian|infirmary|institute|university|klinik|klinikum)(?![^\W_])",
    re.IGNORECASE,
)
_IN_TOWN = re.compile(r"(?:,[ \t]*|[ \t]+(?:in|of|at|de|en|i)[ \t]+|[ \t]+)")
_LONGEST_BESIDE = 6


def find_prose(
    text: str, *, known_days: Collection[date] = (), institutions: bool = True, strict: bool = True
) -> tuple[list[Shape], list[tuple[int, int]]]:
    """Return what looks like an identifier in `text`, and the parts that are terms; spans may overlap.

    Parameters
    ----------
    text
        What is searched.
    known_days
        Dates of the study, which decide between two readings of a date.
    institutions
        Whether names of institutions are looked for.
    strict
        Whether nothing else looks for names (:func:`scanward.deidentify.text.prose_names.find_names`).
    """
    wording = Wording(text)
    names = prose_names.find_names(wording, strict=strict)
    found = [Shape(item.start, item.end, IdentifierKind.DATE) for item in find_prose_dates(wording, known_days)]
    found += _days(wording)
    found += (Shape(start, end, IdentifierKind.OTHER_ID) for start, end in find_ages(wording))
    found += find_contacts(wording, values_only=True)
    found += find_ids(wording, values_only=True)
    found += find_numbers(wording)
    found += find_addresses(wording)
    found += find_titled(wording)
    found += find_fields(wording)
    found += names.found
    if institutions:
        found += _institutions(wording, names.found)
    if _OTHER_SCRIPT.search(text):
        found += (shape for shape in find_names_of_headers(text) if _OTHER_SCRIPT.search(text, shape.start, shape.end))
    kept = kept_uids(text)
    if kept:
        found = [shape for shape in found if not any(shape.start < end and start < shape.end for start, end in kept)]
    return _with_towns(text, found), names.terms


def find_prose_dates(wording: Wording, known_days: Collection[date] = ()) -> Iterator[WrittenDate]:
    """Yield the dates in a text, each without the time of day beside it."""
    for written in find_dates(wording, known_days):
        end = max((field[1] for field in written.fields), default=written.end)
        yield replace(written, end=end) if end < written.end and wording.text[end].isspace() else written


def _days(wording: Wording) -> Iterator[Shape]:
    """Yield days of a month without a year."""
    for match in wording.matches(_DAY, _MONTHS):
        yield Shape(*match.span(), IdentifierKind.DATE)


def _institutions(wording: Wording, names: list[Shape]) -> Iterator[Shape]:
    """Yield institutions, also where a town or an unlisted name stands before a word for one (New York clinic)."""
    text = wording.text
    yield from find_institutions(wording)
    for shape in names:
        if shape.kind is IdentifierKind.ADDRESS:
            match = _HEAD_BEHIND.match(text, shape.end)
            if match is not None:
                yield Shape(shape.start, match.end(), IdentifierKind.INSTITUTION)


def _with_towns(text: str, found: list[Shape]) -> list[Shape]:
    """Join an institution with the town behind it (St. Mary's in Chicago, IL)."""
    towns = {shape.start: shape for shape in found if shape.kind is IdentifierKind.ADDRESS}
    joined = []
    for shape in found:
        if shape.kind is IdentifierKind.INSTITUTION:
            gap = _IN_TOWN.match(text, shape.end)
            if gap is not None and gap.end() in towns and gap.end() - shape.end <= _LONGEST_BESIDE:
                shape = Shape(shape.start, towns[gap.end()].end, shape.kind)
        joined.append(shape)
    return joined


def is_ordinary(text: str, start: int, end: int) -> bool:
    """Say whether ``text[start:end]`` holds nothing but words of reports, none of them a name."""
    words = re.findall(r"[^\W_]+", text[start:end])
    return bool(words) and all(_is_core(word) for word in words)


def _is_core(word: str) -> bool:
    return word.isalpha() and bool(sense_of(word.lower()) & Sense.CORE)
