"""Identifiers of anybody in prose, by their shape and by the words beside them; what says what they are stays."""

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date

from scanward.deidentify.text import prose_names
from scanward.deidentify.text.addresses import find_addresses, find_institutions
from scanward.deidentify.text.ages import find_ages
from scanward.deidentify.text.folding import fold
from scanward.deidentify.text.months import month_words
from scanward.deidentify.text.persons import find_titled
from scanward.deidentify.text.prose_fields import find_fields
from scanward.deidentify.text.prose_lexicon import Sense, sense_of
from scanward.deidentify.text.prose_numbers import MEASURED, find_numbers
from scanward.deidentify.text.shapes import Shape, find_contacts, find_ids, kept_uids
from scanward.deidentify.text.wording import Wording
from scanward.deidentify.text.words import find_names as find_names_of_headers
from scanward.deidentify.text.written_dates import WrittenDate, find_dates
from scanward.model.identifier import IdentifierKind

_OTHER_SCRIPT = re.compile(r"[Ͱ-῿぀-鿿가-힯]")
_DAY = re.compile(
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December|Jan|Feb|Mar|Apr|Jun|Jul|"
    r"Aug|"
    r"Sept?|Oct|Nov|Dec)\.?[ ](?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?(?!\d|[.,/-]\d|[ ]?(?:mm|cm|mg|ml|%|x\b|years?|"
    r"yo))"
)
_MONTHS = frozenset(
    "january february march april may june july august september october november december jan feb mar apr jun jul aug "
    "sep sept "
    "oct nov dec".split()
)
_IN = frozenset(
    "in since last this next early late mid until during of en desde mes hasta im seit ab bis em depuis mois "
    "entre".split()
)
_IN_MONTH = re.compile(
    r"(?:(?:[Ii]n|[Ss]ince|[Uu]ntil|[Dd]uring|[Ee]arly|[Ll]ate|[Mm]id|[Oo]f)[ -](?:early[ ]|late[ ]|mid[ -]?)?(?:"
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December))"
    r"|(?P<rel>[Ll]ast|[Tt]his|[Nn]ext)[ ](?:January|February|March|April|May|June|July|August|September|October|"
    r"November|December)"
    r"|(?:[Ee]n|[Dd]esde|[Hh]asta|[Mm]es[ ]de|[Ee]ntre)[ ](?:el[ ]mes[ ]de[ ])?(?:[Ee]nero|[Ff]ebrero|[Mm]arzo|"
    r"[Aa]bril|[Mm]ayo|[Jj]unio|[Jj]ulio|[Aa]gosto|"
    r"[Ss]eptiembre|[Oo]ctubre|[Nn]oviembre|[Dd]iciembre)"
    r"|(?:[Ii]m|[Ss]eit|[Aa]b|[Bb]is)[ ](?:Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|"
    r"Dezember)"
    r"|(?:[Ee]n|[Dd]epuis|[Mm]ois[ ]de)[ ](?:janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|"
    r"novembre|décembre)"
    r"|(?:[Ee]m|[Dd]esde)[ ](?:janeiro|fevereiro|março|abril|maio|junho|julho|agosto|setembro|outubro|novembro|"
    r"dezembro))"
    r"(?![^\W_])(?![ ](?:\d|[A-Z][a-z]))"
)
_HEAD_BEHIND = re.compile(
    r"[ \t-]+(?:(?:downtown|uptown|university|general|county|regional|memorial|heart|cancer|medical|med|health|"
    r"presbyterian|"
    r"children['’]s|va|main|[A-Z][^\W\d_]+)[ \t]+){0,3}"
    r"(?:hospital|clinic|office|branch|campus|center|centre|medical center|health|healthcare|health care|med|general|"
    r"va|ed|er|"
    r"memorial|presbyterian|infirmary|institute|university|klinik|klinikum)(?![^\W_])",
    re.IGNORECASE,
)
_CUE = re.compile(
    r"(?:c\.?p\.?|c\.?e\.?p\.?|plz|zip(?:[ ]code)?|n[.ºo°]*[ ]?col(?:egiad[oa])?|tel[ée]?f?(?:ono|on|one|éfono)?|fax|"
    r"phone|pager|beeper|"
    r"e-?mail|correo(?:[ ]electr[óo]nico)?|mrn|ssn|nhc|nass|cipa?|dni|ipp|id|ins(?:urance)?|number|no|nr)(?:[ "
    r"]?(?:number|no|id|nr))?"
    r"(?![\w@-])(?:[.]?[ \t]*[:=#/][ \t]*|[.]?[ \t]+|[.])(?=[#\w+(])",
    re.IGNORECASE,
)
_PART = re.compile(r"[^\W_]+")
_YEAR = re.compile(r"(?:19|20)\d\d")
_DATED = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)|\d[/.-]\d|\d(?:st|nd|rd|th)\b|['’]\d\d(?!\d)|\d0s\b")
_SHORTEST_NUMBER = 3
_MOST_COUNTED = 6
_COUNTS = re.compile(r"\d+[ \t]?[a-zµ%]")
_NUMBERED = frozenset({IdentifierKind.OTHER_ID, IdentifierKind.PHONE})
_WORDED = frozenset({IdentifierKind.PERSON_NAME, IdentifierKind.INSTITUTION})
_NAMED = frozenset({IdentifierKind.PERSON_NAME, IdentifierKind.ADDRESS})
_LABELLED = frozenset({IdentifierKind.ADDRESS, IdentifierKind.OTHER_ID, IdentifierKind.PHONE, IdentifierKind.DATE})
_LABEL = re.compile(r"(?P<word>[^\W\d_]{2,})[ \t]*[:.=]+[ \t]*(?=[^\W_])")
_FIRST = re.compile(r"(?P<word>[^\W\d_]+)[ \t,.:\n]+(?=[^\W_])")
_LAST = re.compile(r"[ \t,.:;\n]+(?:N[.º°o]{1,2}[ ]?)?(?P<word>[^\W\d_]+)$")
_IN_TOWN = re.compile(r"(?:,[ \t]*|[ \t]+(?:in|of|at|de|du|des|en|i|do|da|von)[ \t]+|[ \t]+)")
_AT = frozenset("at to from in by via of the our".split())
_AT_INSTITUTION = re.compile(
    r"(?i:at|to|from|in|by|via|of|the|our)[ \t]+(?:(?i:the|our)[ \t]+)?(?P<name>(?:[A-ZÀ-Þ][\w.'’&-]*[ \t]+){1,5}"
    r"(?:Hospital|Clinic|General|Center|Centre|Health|Healthcare|Med|Infirmary|Institute|Hospice|Memorial|Presbyterian|"
    r"Imaging|Radiology|"
    r"Orthopedics|Pediatrics|Oncology|Associates|Permanente|clinic|hospital)(?:[ \t]+(?:Center|Centre|Clinic|Care|"
    r"Hospital|System|Group))?)(?![^\W_])"
)
_FURTHER = re.compile(
    r"[ \t]+(?:(?:de|del|la|el|los|las|do|da|dos|des|du|of|for|am|im|der|d['’]|l['’])[ "
    r"\t]*){0,2}(?P<word>[A-ZÀ-Þ][^\W\d_'’]+)(?=[\s,.;)]|$)"
    r"(?![ \t]*:)"
)
_STREET = re.compile(
    r"(?<![\w.,/-])\d{1,6}[A-Za-z]?[ ](?:[NSEW]\.?[ ])?(?:[A-Z][\w'’-]+[ ]){1,4}"
    r"(?:Street|Avenue|Lane|Road|Boulevard|Drive|Court|Terrace|Close|Crescent|Gardens|Grove|Mews|Highway|Parkway|"
    r"Way)(?![^\W_])"
    r"(?:,?[ ](?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor)\.?[ ]?#?\w{1,5})?"
)
_CAPITALS_LEFT = re.compile(r"(?:(?<![^\W_])[A-Z][^\W\d_'’]+[ ]){1,3}$")
_ENDS_OF_SENTENCES = frozenset({"", ".", ":", "!", "?", ";"})
_CENTRE = re.compile(
    r"(?:Centro de Salud|Centre [Hh]ospitalier(?: [Uu]niversitaire| [Rr]égional)?|Santa Casa|Complejo Hospitalario(?: "
    r"Universitario)?)"
    r"(?:[ ](?:de|du|des|do|da|del|la|los|las|el|le|les|d['’])){0,3}(?:[ ][A-ZÀ-Þ][^\W\d_]+){1,4}"
)
_CENTRES = frozenset("centro centre santa complejo".split())
_STATE = re.compile(r",[ \t](?:[A-Z]{2}|Texas|California|Florida|Ohio|Illinois|Georgia|Michigan)(?![^\W_])")
_DEPARTMENTS = frozenset(
    "servicio unidad departamento sección section service department dept abteilung klinik calle avda avenida av plaza "
    "paseo c on from at "
    "tel tfno telefono teléfono fax email correo mrn dr dra prof mr mrs ms españa spain impression findings "
    "comparison history".split()
)
_LONGEST_BESIDE = 6
_LONGEST_WORD = 80


def find_prose(
    text: str,
    *,
    known_days: Collection[date] = (),
    dates: bool = True,
    institutions: bool = True,
    strict: bool = True,
) -> tuple[list[Shape], list[tuple[int, int]]]:
    """Return what looks like an identifier in `text`, and the parts that are terms; spans may overlap.

    Parameters
    ----------
    text
        What is searched.
    known_days
        Dates of the study, which decide between two readings of a date.
    dates, institutions
        Whether dates and names of institutions are looked for.
    strict
        Whether nothing else looks for names (:func:`scanward.deidentify.text.prose_names.find_names`).
    """
    wording = Wording(text)
    names = prose_names.find_names(wording, strict=strict)
    found: list[Shape] = []
    if dates:
        found += (Shape(item.start, item.end, IdentifierKind.DATE) for item in find_prose_dates(wording, known_days))
        found += _days(wording)
    found += (Shape(start, end, IdentifierKind.OTHER_ID) for start, end in find_ages(wording))
    found += find_contacts(wording, values_only=True)
    found += find_ids(wording, values_only=True)
    found += find_numbers(wording)
    found += find_addresses(wording)
    found += find_titled(wording)
    found += names.found
    found += prose_names.find_initials(wording)
    places = list(_institutions(wording, names.found))
    found += (Shape(*match.span(), IdentifierKind.ADDRESS) for match in wording.matches_at_numbers(_STREET))
    if institutions:
        found += places
    else:
        # What an institution is called may be the name of a person or town.
        found = [shape for shape in found if not any(_is_within(shape, place) for place in places)]
        names.terms.extend((place.start, place.end) for place in places)
    if _OTHER_SCRIPT.search(text):
        found += (shape for shape in find_names_of_headers(text) if _OTHER_SCRIPT.search(text, shape.start, shape.end))
    kept = kept_uids(text)
    if kept:
        found = [shape for shape in found if not any(shape.start < end and start < shape.end for start, end in kept)]
    tidy = [tidied(text, shape) for shape in found]
    return [*tidy, *find_fields(wording), *prose_names.find_kin(wording)], names.terms


def _is_within(shape: Shape, other: Shape) -> bool:
    return shape.kind in _NAMED and other.start <= shape.start and shape.end <= other.end


def tidied(text: str, shape: Shape) -> Shape:
    """Return `shape` without words at its ends that only say what it is, and a name with its title."""
    start, end, kind = shape
    cue = _CUE.match(text, start, end)
    if cue is not None and kind is not IdentifierKind.PERSON_NAME and kind is not IdentifierKind.INSTITUTION:
        start = cue.end()
    while kind in _LABELLED and (label := _LABEL.match(text, start, end)) is not None and _is_only_word(label["word"]):
        start = label.end()
    if kind is IdentifierKind.ADDRESS:
        end = start + len(text[start:end].rstrip(" .,;"))
    if kind is IdentifierKind.PERSON_NAME:
        while (first := _FIRST.match(text, start, end)) is not None and _is_only_word(first["word"]):
            if prose_names.is_title(first["word"]):
                break
            start = first.end()
        while (last := _LAST.search(text, max(start, end - _LONGEST_WORD), end)) is not None and _is_only_word(
            last["word"]
        ):
            end = last.start()
        return prose_names.with_title(text, Shape(start, end, kind))
    return Shape(start, end, kind)


def _is_only_word(word: str) -> bool:
    sense = sense_of(word.lower())
    name = Sense.GIVEN | Sense.SURNAME | Sense.EPONYM | Sense.EPONYM_TOO
    return bool(sense & Sense.CORE) and not sense & name and len(word) > 1


def find_prose_dates(wording: Wording, known_days: Collection[date] = ()) -> Iterator[WrittenDate]:
    """Yield the dates in a text, each without the time of day beside it."""
    for written in find_dates(wording, known_days):
        end = max((field[1] for field in written.fields), default=written.end)
        yield replace(written, end=end) if end < written.end and wording.text[end].isspace() else written


def _days(wording: Wording) -> Iterator[Shape]:
    """Yield days of a month without a year, and months alone: all of a date but its year identifies (Safe Harbor)."""
    for match in wording.matches(_DAY, _MONTHS):
        yield Shape(*match.span(), IdentifierKind.DATE)
    for match in wording.matches(_IN_MONTH, _IN):
        start = match.start() if match["rel"] else match.end() - len(match[0].split(" ")[-1].split("-")[-1])
        yield Shape(start, match.end(), IdentifierKind.DATE)


def _institutions(wording: Wording, names: list[Shape]) -> Iterator[Shape]:
    """Yield institutions, also where a town or an unlisted name stands before a word for one (New York clinic)."""
    text = wording.text
    for shape in find_institutions(wording):
        end = shape.end
        while (further := _FURTHER.match(text, end)) is not None and further["word"].lower() not in _DEPARTMENTS:
            end = further.end()
        state = _STATE.match(text, end)
        left = _CAPITALS_LEFT.search(text, max(0, shape.start - _LONGEST_WORD), shape.start)
        start = left.start() if left is not None and not _opens(text, left.start()) else shape.start
        yield Shape(start, state.end() if state else end, shape.kind)
    for match in wording.matches(_AT_INSTITUTION, _AT):
        yield Shape(*match.span("name"), IdentifierKind.INSTITUTION)
    for match in wording.matches(_CENTRE, _CENTRES):
        yield Shape(*match.span(), IdentifierKind.INSTITUTION)
    for shape in names:
        if shape.kind is IdentifierKind.ADDRESS:
            head = _HEAD_BEHIND.match(text, shape.end)
            if head is not None:
                yield Shape(shape.start, head.end(), IdentifierKind.INSTITUTION)


def _opens(text: str, start: int) -> bool:
    """Say whether a sentence or line begins at `start`."""
    return (
        not text[:start].strip() if start < _LONGEST_BESIDE else text[start - 2 : start].strip() in _ENDS_OF_SENTENCES
    )


def with_towns(text: str, found: list[Shape]) -> list[Shape]:
    """Join an institution with the town behind it (St. Mary's in Chicago, IL); `found` is in order."""
    joined: list[Shape] = []
    for shape in found:
        if joined and shape.kind is IdentifierKind.ADDRESS and joined[-1].kind is IdentifierKind.INSTITUTION:
            last = joined[-1]
            gap = shape.start - last.end
            if gap <= _LONGEST_BESIDE and _IN_TOWN.fullmatch(text, last.end, shape.start):
                joined[-1] = Shape(last.start, shape.end, last.kind)
                continue
        joined.append(shape)
    return joined


def plausible(text: str, shape: Shape) -> Shape | None:
    """Return what a recogniser found without what is surely none at its ends; None where nothing is left.

    Words of reports, words written small that are no names, numbers of a digit or two, and years stand for nobody.
    """
    shape = tidied(text, shape)
    words = [match.span() for match in _PART.finditer(text, shape.start, shape.end)]
    while words and _is_nothing(text[slice(*words[0])], shape.kind):
        del words[0]
    while words and _is_nothing(text[slice(*words[-1])], shape.kind):
        del words[-1]
    if not words or all(_is_core(text[start:end]) or prose_names.is_title(text[start:end]) for start, end in words):
        return None
    start, end = words[0][0], words[-1][1]
    if shape.kind in _NUMBERED and not any(map(str.isdigit, text[start:end])):
        return None
    if MEASURED.match(text, end) and text[end - 1].isdigit():
        return None
    if text[start:end].isdigit() and (end - start < _SHORTEST_NUMBER or _YEAR.fullmatch(text, start, end)):
        return None
    if shape.kind is IdentifierKind.DATE and _COUNTS.match(text, start) and not _is_dated(text[start:end]):
        return None
    title = text[shape.start : start] if prose_names.is_title(text[shape.start : start].strip(" .")) else ""
    return Shape(start - len(title), end, shape.kind)


def _is_dated(value: str) -> bool:
    """Say whether numbers in what is taken for a date could be one: with a month, a year or as days are written.

    Others are doses and counts; what is longer than these is some number of somebody's.
    """
    digits = sum(map(str.isdigit, value))
    if not digits or digits > _MOST_COUNTED or _DATED.search(value) is not None:
        return True
    return any(fold(match[0]) in month_words() for match in _PART.finditer(value))


def _is_nothing(word: str, kind: IdentifierKind) -> bool:
    if word.isdigit():
        return len(word) < _SHORTEST_NUMBER and kind in _WORDED
    if not word.islower():
        return False
    sense = sense_of(word)
    return bool(sense & (Sense.WORD | Sense.CORE | Sense.PARTICLE)) or not sense & (
        Sense.NAME | Sense.UNKNOWN | Sense.PLACE
    )


def _is_core(word: str) -> bool:
    return word.isalpha() and bool(sense_of(word.lower()) & Sense.CORE)
