"""The notations of IDs, dates, phone numbers and UIDs."""

import re
from collections.abc import Iterator

from scanward.deidentify.text.folding import fold
from scanward.deidentify.text.lexicon import is_ordinary
from scanward.deidentify.text.months import english_names, iberian_names, names_of_month
from scanward.deidentify.text.names import PLACEHOLDERS
from scanward.deidentify.text.notation import Edge, Gap, Notation, SearchContext
from scanward.dicomstream.dates import parse_da
from scanward.model.identifier import IdentifierKind

_ALNUM = re.compile(r"[^\W_]+")
_LETTERS_OR_DIGITS = re.compile(r"\d+|[^\W\d_]+")
_EXTENSION = re.compile(r"\s*(?:x|ext\.?|#|durchwahl)\s*\d{1,6}\s*$", re.IGNORECASE)
_SHORTEST_ID = 4
_SHORTEST_BARE_NUMBER = 5
_WELL_KNOWN_ROOTS = ("1.2.840.10008.", "1.2.276.0.7230010.3.0.", "2.25.0")
_SHORTEST_UID = 10


def id_notations(kind: IdentifierKind, value: str) -> Iterator[Notation]:
    """Yield the notations of an ID: whole, without separators or leading zeros, its runs of digits, its parts."""
    tokens = _ALNUM.findall(fold(value))
    if not tokens or all(token in PLACEHOLDERS for token in tokens):
        return
    if len(tokens) > 1 or not tokens[0].isdigit():
        parts = [part for token in tokens for part in _LETTERS_OR_DIGITS.findall(token)]
        notation = _id(kind, tuple(parts))
        if notation is not None:
            yield notation
    numbers = {number for token in tokens for number in re.findall(r"\d+", token)}
    if all(token.isdigit() for token in tokens):
        numbers.add("".join(tokens))
    for number in numbers:
        yield from number_notations(kind, number)
    for token in tokens if len(tokens) > 1 else ():
        if len(token) >= _SHORTEST_ID and not token.isdigit():
            notation = _id(kind, tuple(_LETTERS_OR_DIGITS.findall(token)))
            if notation is not None:
                yield notation


def number_notations(kind: IdentifierKind, number: str) -> Iterator[Notation]:
    """Yield a run of digits as it stands and without leading zeros."""
    for digits in dict.fromkeys((number, number.lstrip("0"))):
        if len(digits) >= _SHORTEST_BARE_NUMBER and digits.strip("0"):
            reach = SearchContext.HEADER if len(digits) == _SHORTEST_BARE_NUMBER else SearchContext.CODESTREAM
            yield Notation((digits.encode(),), kind, reach, Edge.NUMBER, Gap.GROUPED)


def _id(kind: IdentifierKind, parts: tuple[str, ...]) -> Notation | None:
    joined = "".join(parts)
    if len(joined) < _SHORTEST_ID or len(set(joined)) == 1 or is_ordinary(joined) or joined in PLACEHOLDERS:
        return None
    letters_only = not any(map(str.isdigit, joined))
    if letters_only and all(is_ordinary(part) for part in parts):
        return None
    coded = tuple(part.encode() for part in parts)
    if not joined.isascii():
        return Notation(coded, kind, SearchContext.TEXT, Edge.TOKEN, Gap.FREE)
    if len(joined) == _SHORTEST_ID:
        return Notation(coded, kind, SearchContext.TEXT, Edge.TOKEN, Gap.FREE)
    if len(joined) == _SHORTEST_ID + 1:
        return Notation(coded, kind, SearchContext.HEADER, Edge.TOKEN, Gap.FREE)
    return Notation(coded, kind, SearchContext.CODESTREAM, Edge.WORD if letters_only else Edge.LOOSE, Gap.GROUPED)


def date_notations(kind: IdentifierKind, value: str) -> Iterator[Notation]:
    """Yield the notations of a date, given as DA or as the start of a DT; nothing when it is no day."""
    try:
        day = parse_da(value[:10] if "." in value[:8] else value[:8])
    except ValueError:
        return
    year, month, number = f"{day.year:04d}", f"{day.month:02d}", f"{day.day:02d}"
    yield _date(kind, (year, month, number), SearchContext.CODESTREAM, Edge.DATE, Gap.FREE)
    orders = {(number, month, year), (month, number, year)}
    for order in orders:
        yield _date(kind, order, SearchContext.BINARY, Edge.NUMBER, Gap.FREE)
    for bare_month in {month, str(day.month)}:
        for bare_day in {number, str(day.day)}:
            for order in {(bare_day, bare_month, year), (bare_month, bare_day, year), (year, bare_month, bare_day)}:
                if len("".join(order)) < 8:
                    yield _date(kind, order, SearchContext.HEADER, Edge.NUMBER, Gap.PARTED)
    for order in {(year[2:], month, number), (number, month, year[2:]), (month, number, year[2:])}:
        yield _date(kind, order, SearchContext.TEXT, Edge.NUMBER, Gap.FREE)
    yield from _written_dates(kind, day.year, day.month, day.day)


def _written_dates(kind: IdentifierKind, year: int, month: int, day: int) -> Iterator[Notation]:
    days = dict.fromkeys((str(day), f"{day:02d}"))
    for name in names_of_month(month):
        for number in days:
            yield _date(kind, (number, name, str(year)), SearchContext.BINARY, Edge.TOKEN, Gap.FREE)
    ordinal = "th" if 10 <= day <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    for name in english_names(month):
        for number in (*days, f"{day}{ordinal}"):
            yield _date(kind, (name, number, str(year)), SearchContext.BINARY, Edge.TOKEN, Gap.FREE)
        for number in days:
            yield _date(kind, (number, name, f"{year % 100:02d}"), SearchContext.TEXT, Edge.TOKEN, Gap.FREE)
    for name in iberian_names(month):
        for joint in ("de", "del"):
            yield _date(kind, (str(day), "de", name, joint, str(year)), SearchContext.BINARY, Edge.TOKEN, Gap.FREE)


def _date(kind: IdentifierKind, parts: tuple[str, ...], reach: SearchContext, edge: Edge, gap: Gap) -> Notation:
    return Notation(tuple(map(str.encode, parts)), kind, reach, edge, gap)


def phone_notations(kind: IdentifierKind, value: str) -> Iterator[Notation]:
    """Yield the digits of a phone number: all, without the leading zero or country's code, the last seven."""
    for number in phone_digits(value):
        reach = SearchContext.CODESTREAM if len(number) > 7 else SearchContext.HEADER
        yield Notation((number.encode(),), kind, reach, Edge.NUMBER, Gap.PHONE)


def phone_digits(value: str) -> tuple[str, ...]:
    """Return the digits of a phone number in the ways it is dialled, each of seven digits or more."""
    found: dict[str, None] = {}
    # With and without what is dialled behind it, and without a zero that is not dialled from abroad.
    for number in dict.fromkeys((value, _EXTENSION.sub("", value), _EXTENSION.sub("", value).replace("(0)", ""))):
        digits = "".join(char for char in number if char.isdigit() and char.isascii())
        if len(digits) < 7 or not digits.strip("0"):
            continue
        bare = digits.lstrip("0")
        # A country's code has one to three digits; which, its table would tell.
        national = [bare[length:] for length in (1, 2, 3)] if number.lstrip().startswith(("+", "00")) else []
        found.update(dict.fromkeys((digits, bare, *national, digits[-10:], digits[-7:])))
    return tuple(number for number in found if len(number) >= 7)


def uid_notations(kind: IdentifierKind, value: str) -> Iterator[Notation]:
    """Yield a UID, unless it is one of the standard or too short to tell anything."""
    uid = value.strip(" \0")
    if len(uid) < _SHORTEST_UID or uid.startswith(_WELL_KNOWN_ROOTS) or not re.fullmatch(r"[\d.]+", uid):
        return
    yield Notation(tuple(map(str.encode, uid.split("."))), kind, SearchContext.CODESTREAM, Edge.DOTTED, Gap.PARTED)
