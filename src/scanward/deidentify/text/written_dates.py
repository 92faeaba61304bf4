"""Dates in text in the usual notations, told from other numbers, and moved without changing their notation."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from functools import cache

from scanward.deidentify.text.folding import fold
from scanward.deidentify.text.months import MONTH_NAMES, is_long_name, month_words, translate_month
from scanward.deidentify.text.wording import Wording

_FIRST_YEAR, _LAST_YEAR = 1880, 2100
_MONTH_WORDS = "|".join(
    sorted({form for row in MONTH_NAMES for name in row for form in (name, fold(name))}, key=len, reverse=True)
)
_MONTH = rf"(?P<month>(?:{_MONTH_WORDS}))(?![^\W\d_])\.?"
_YEAR = r"(?P<year>(?:18|19|20)\d\d)"
_TIME = (
    r"(?:(?:[T ,_-]|\s?@\s?|\s?at\s?|\s?um\s?|\s?à\s?)"
    r"\s?\d{1,2}[:.h]\d{2}(?:[:.]\d{2}(?:\.\d+)?)?(?:\s?[AaPp]\.?[Mm]\b\.?|\s?Uhr|Z|[+-]\d{4})?)?"
)

_NUMERIC = re.compile(
    rf"(?<![\d.,])(?<!\d[-/])(?:{_YEAR}(?P<sep>[-/._])(?P<m>\d{{1,2}})(?P=sep)(?P<d>\d{{1,2}})"
    rf"|(?P<a>\d{{1,2}})(?P<sep2>[-/._])(?P<b>\d{{1,2}})(?P=sep2)(?P<y>(?:18|19|20)\d\d)"
    rf"|(?P<a2>\d{{2}}) (?P<b2>\d{{2}}) (?P<y2>(?:19|20)\d\d)"
    rf"|(?<![^\W\d_])(?P<a3>\d{{1,2}})(?P<sep3>[-/.])(?P<b3>\d{{1,2}})(?P=sep3)(?P<y3>\d{{2}}))"
    rf"(?!\d)(?![-/.]\d)(?P<time>{_TIME})"
)
_COMPACT = re.compile(
    r"(?<!\d)(?<!\d\.)(?P<y>(?:19|20)\d\d)(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])"
    r"(?P<time>[T _.-]?(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d(?:\.?\d{1,6})?)?)?(?!\d)"
)
_DAY_MONTH = re.compile(
    rf"(?<![\d.,/])(?<![^\W\d_])(?P<day>\d{{1,2}})(?P<ord>st|nd|rd|th|er|\.|º|"
    rf"ª)?(?P<gap>[ /_.-]{{0,2}}(?:(?:de|of|di|del|d')\s)?){_MONTH}"
    rf"(?:(?P<gap2>[ ,/_.-]{{0,2}}(?:(?:de|del|of)\s)?)(?:{_YEAR}|'?(?P<short>\d\d))(?!\d))?(?P<time>{_TIME})",
    re.IGNORECASE,
)
_MONTH_DAY = re.compile(
    rf"(?<![^\W\d_]){_MONTH}(?P<gap>[ /_-]{{0,2}})(?P<day>\d{{1,2}})(?P<ord>st|nd|rd|th)?(?![\d.]\d|\d)"
    rf"(?:(?P<gap2>\s?,?[ /_-]{{0,2}})(?:{_YEAR}|'(?P<short>\d\d))(?!\d))?(?P<time>{_TIME})",
    re.IGNORECASE,
)
_MONTH_YEAR = re.compile(rf"(?<![^\W\d_]){_MONTH}[ ,/_.-]{{0,2}}(?:(?:de|del|of)\s)?{_YEAR}(?!\d)", re.IGNORECASE)
_MONTH_SLASH_YEAR = re.compile(r"(?<![\d/.])(?P<m>0?[1-9]|1[0-2])/(?P<y>(?:19|20)\d\d)(?![\d/])")
_CUED = re.compile(
    r"(?<![^\W_])(?:(?:on|dated?|dob|since|until|born|geb\.?|vom|am)\s*:?\s*)(?P<md>\d{1,2}(?:/\d{1,2}|"
    r"\.\d{1,2}\.))(?![\d/])",
    re.IGNORECASE,
)
_EAST_ASIAN = re.compile(
    r"(?:(?P<year>(?:19|20)\d\d)|(?:明治|大正|昭和|平成|令和|[MTSHR])\s?\d{1,2}|"
    r"元)\s?[年년]\s?(?P<m>\d{1,2})\s?[月월]\s?(?:(?P<d>\d{1,2})\s?[日일])?"
)
_ERA_LETTER = re.compile(r"(?<![^\W_])[SHR]\d{2}\.\d{1,2}\.\d{1,2}(?!\d)")
_CUES = frozenset("on date dated dob since until born geb vom am".split())
_ERA_LETTERS = frozenset("shr")
_FEWEST_DIGITS = 4
_PIVOT = 50
_NEEDS_FOUR_DIGITS = frozenset("mag set out gen mar ago may mai ott lug giu ene dic dez mars abr".split())


@dataclass(frozen=True, slots=True)
class WrittenDate:
    """A date in a text.

    Attributes
    ----------
    start, end
        Where it is, with a time of day beside it.
    day
        Which date it is, or None when its notation leaves that open or leaves out the year.
    fields
        Where its year, month and day are, as (start, end, one of ``Y``, ``y``, ``m``, ``B``, ``d``).
    """

    start: int
    end: int
    day: date | None
    fields: tuple[tuple[int, int, str], ...] = ()


def find_dates(wording: Wording, known_days: Collection[date] = ()) -> list[WrittenDate]:
    """Return the dates in a text, in order and without overlaps.

    Parameters
    ----------
    wording
        The text.
    known_days
        Dates of the study: they decide whether ``03/04/2019`` is in March or in April.
    """
    if not wording.digits:
        return []
    text = wording.text
    found = [*_numeric(wording, known_days), *_compact(wording)] if wording.digits >= _FEWEST_DIGITS else []
    if wording.has(_month_triggers()):
        found += _with_month_name(wording.matches_at_numbers(_DAY_MONTH, longest=2))
        found += _with_month_name(wording.matches(_MONTH_DAY, _month_triggers()))
        found += _named_month_years(wording)
    if wording.digits >= _FEWEST_DIGITS and "/" in text:
        found += _month_years(wording)
    for match in wording.matches(_CUED, _CUES):
        if _is_day_and_month(match["md"]):
            found.append(WrittenDate(*match.span("md"), None))
    found += (WrittenDate(*match.span(), None) for match in wording.matches(_ERA_LETTER, _ERA_LETTERS))
    if not text.isascii():
        found += _east_asian(text)
    # Of two readings that overlap, the longer one: "L5 January 01, 2000" is no fifth of January.
    chosen: list[WrittenDate] = []
    for item in sorted(found, key=lambda item: (item.start - item.end, item.start)):
        if all(item.end <= other.start or other.end <= item.start for other in chosen):
            chosen.append(item)
    return sorted(chosen, key=lambda item: item.start)


def shift_written(text: str, written: WrittenDate, days: int) -> str | None:
    """Return the date `written` in `text` moved by `days`, in its own notation; None when that cannot be done."""
    if written.day is None:
        return None
    try:
        moved = written.day + timedelta(days=days)
    except OverflowError:
        return None
    numbers = [end - start for start, end, kind in written.fields if kind in "md"]
    width = 1 if 1 in numbers else 2
    pieces, at = [], written.start
    for start, end, kind in sorted(written.fields):
        pieces.append(text[at:start])
        at = end
        if kind == "Y":
            pieces.append(f"{moved.year:04d}")
        elif kind == "y":
            pieces.append(f"{moved.year % 100:02d}")
        elif kind == "B":
            pieces.append(translate_month(text[start:end], written.day.month, moved.month))
        else:
            pieces.append(f"{moved.month if kind == 'm' else moved.day:0{width}d}")
    return "".join(pieces) + text[at : written.end]


def _numeric(wording: Wording, known_days: Collection[date]) -> Iterator[WrittenDate]:
    matches = list(wording.matches_at_numbers(_NUMERIC, longest=4))
    order = _order(matches, known_days)
    for match in matches:
        if match["year"]:
            day = _date(int(match["year"]), int(match["m"]), int(match["d"]))
            if day is not None:
                fields = ((*match.span("year"), "Y"), (*match.span("m"), "m"), (*match.span("d"), "d"))
                yield WrittenDate(*match.span(), day, fields)
            continue
        group, day_first, month_first = _readings(match)
        separator = " " if group == "2" else match["sep2" if not group else "sep3"]
        if day_first is None and month_first is None:
            continue
        is_usual = order is _Order.MONTH_FIRST or (order is _Order.OPEN and separator == "/")
        american = month_first is not None and (
            day_first is None or month_first in known_days or (is_usual and day_first not in known_days)
        )
        letters = "md" if american else "dm"
        fields = (
            (*match.span("a" + group), letters[0]),
            (*match.span("b" + group), letters[1]),
            (*match.span("y" + group), "y" if group == "3" else "Y"),
        )
        yield WrittenDate(*match.span(), month_first if american else day_first, fields)


class _Order(Enum):
    """What of a numeric date comes first in a text, as far as its other dates tell."""

    OPEN = "nothing tells"
    DAY_FIRST = "days"
    MONTH_FIRST = "months"


def _order(matches: Iterable[re.Match[str]], known_days: Collection[date]) -> _Order:
    """Return what comes first in the dates of one text: who writes 17/06/2016 writes 01/12/2012 alike."""
    days = months = 0
    for match in matches:
        if match["year"]:
            continue
        _, day_first, month_first = _readings(match)
        if day_first is None and month_first is None:
            continue
        days += month_first is None or (day_first in known_days and month_first not in known_days)
        months += day_first is None or (month_first in known_days and day_first not in known_days)
    if bool(days) == bool(months):
        return _Order.OPEN
    return _Order.DAY_FIRST if days else _Order.MONTH_FIRST


def _readings(match: re.Match[str]) -> tuple[str, date | None, date | None]:
    """Return which groups a numeric date matched, and what it is with the day first and with the month first."""
    group = "2" if match["a2"] else "3" if match["a3"] else ""
    year = _year(match["y" + group])
    first, second = int(match["a" + group]), int(match["b" + group])
    return group, _date(year, second, first), _date(year, first, second)


def _compact(wording: Wording) -> Iterator[WrittenDate]:
    for match in wording.matches_at_numbers(_COMPACT, shortest=8):
        day = _date(int(match["y"]), int(match["m"]), int(match["d"]))
        if day is not None:
            fields = ((*match.span("y"), "Y"), (*match.span("m"), "m"), (*match.span("d"), "d"))
            yield WrittenDate(*match.span(), day, fields)


def _with_month_name(matches: Iterable[re.Match[str]]) -> Iterator[WrittenDate]:
    for match in matches:
        word, number = fold(match["month"]), int(match["day"])
        names = month_words().get(word)
        if names is None or not 1 <= number <= 31 or not _is_plausible(match, word):
            continue
        fields = [(*match.span("month"), "B"), (*match.span("day"), "d")]
        if match["year"]:
            fields.append((*match.span("year"), "Y"))
        elif match["short"]:
            fields.append((*match.span("short"), "y"))
        year = match["year"] or match["short"]
        day = _date(_year(year), names[0].month, number) if year else None
        if match["ord"] in {"st", "nd", "rd", "th"}:
            day = None
        yield WrittenDate(*match.span(), day, tuple(fields))


def _is_plausible(match: re.Match[str], word: str) -> bool:
    """Tell a day and month from other numbers beside short words: 10 mag, 3 may show, MAR 20."""
    if match["year"]:
        return True
    parted = bool(match["gap"]) and match["gap"][0] in "-/."
    if match["short"]:
        return parted or word not in _NEEDS_FOUR_DIGITS
    if is_long_name(word) or (match["ord"] and match["ord"] != "."):
        return True
    # A file or structure set may carry a day glued to a month, as sep30.
    glued = not match["gap"] and match.start("month") < match.start("day") and len(match["day"]) == 2
    return glued and word not in {"mar", "may", "mai"}


@cache
def _month_triggers() -> frozenset[str]:
    return frozenset({name for row in MONTH_NAMES for name in row} | set(month_words()))


def _named_month_years(wording: Wording) -> Iterator[WrittenDate]:
    for match in wording.matches(_MONTH_YEAR, _month_triggers()):
        names = month_words().get(fold(match["month"]))
        if names is not None:
            day = _date(int(match["year"]), names[0].month, 15)
            yield WrittenDate(*match.span(), day, ((*match.span("month"), "B"), (*match.span("year"), "Y")))


def _month_years(wording: Wording) -> Iterator[WrittenDate]:
    for match in wording.matches_at_numbers(_MONTH_SLASH_YEAR, longest=2):
        day = _date(int(match["y"]), int(match["m"]), 15)
        yield WrittenDate(*match.span(), day, ((*match.span("m"), "m"), (*match.span("y"), "Y")))


def _east_asian(text: str) -> Iterator[WrittenDate]:
    for match in _EAST_ASIAN.finditer(text):
        if match["year"] and match["d"]:
            fields = ((*match.span("year"), "Y"), (*match.span("m"), "m"), (*match.span("d"), "d"))
            yield WrittenDate(*match.span(), _date(int(match["year"]), int(match["m"]), int(match["d"])), fields)
        else:
            yield WrittenDate(*match.span(), None)


def _is_day_and_month(text: str) -> bool:
    first, second = (int(number) for number in re.findall(r"\d+", text))
    return 1 <= min(first, second) <= 12 and max(first, second) <= 31


def _year(digits: str) -> int:
    if len(digits) == 4:
        return int(digits)
    return int(digits) + (2000 if int(digits) < _PIVOT else 1900)


def _date(year: int, month: int, day: int) -> date | None:
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None
