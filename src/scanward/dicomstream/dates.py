"""Dates, times and ages as DICOM writes them (PS3.5 Section 6.2): read, moved by whole days, capped.

No message carries the value.
"""

import re
from datetime import date, timedelta

MAX_AGE_YEARS = 89
"""Ages above this are put together as one group (45 CFR 164.514(b)(2)(i)(C))."""

CAPPED_AGE = "090Y"
"""The AS value that stands for every age over :data:`MAX_AGE_YEARS`."""

_DA = re.compile(r"(\d{4})(\.?)(\d{2})\2(\d{2})")
_DT = re.compile(r"(\d{4})(?:(\d{2})(?:(\d{2})((?:\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?)?))?)?([+-]\d{4})?")
_AS = re.compile(r"(\d{3})([DWMY])")
_UNITS_A_YEAR = {"D": 365.25, "W": 365.25 / 7, "M": 12.0, "Y": 1.0}
_MIDDLE_DAY = 15
_MIDDLE_MONTH = 7


def parse_da(value: str) -> date:
    """Parse a DA value, also in the form ``YYYY.MM.DD`` of ACR-NEMA; trailing padding is no part of it.

    Raises
    ------
    ValueError
        When it does not conform or is no day of the calendar.
    """
    match = _DA.fullmatch(value.rstrip(" \0"))
    if match is None:
        raise ValueError("expected a date as YYYYMMDD")
    return _day(int(match[1]), int(match[3]), int(match[4]))


def shift_da(value: str, days: int) -> str:
    """Return the DA `value` moved by `days`, in the notation that it had.

    Raises
    ------
    ValueError
        When it does not conform, or the new date is outside of the years 1 to 9999.
    """
    moved = _shift(parse_da(value), days)
    dot = "." if "." in value else ""
    return f"{moved.year:04d}{dot}{moved.month:02d}{dot}{moved.day:02d}"


def shift_dt(value: str, days: int) -> str:
    """Return the DT `value` moved by `days`; precision, time of day and offset from UTC stay as they were.

    A value of a whole month or year is moved from its middle, which is off by the least.

    Raises
    ------
    ValueError
        When it does not conform, or the new date is outside of the years 1 to 9999.
    """
    match = _DT.fullmatch(value.rstrip(" \0"))
    if match is None:
        raise ValueError("expected a date and time as YYYYMMDDHHMMSS.FFFFFF&ZZXX")
    year, month, day, time, offset = match.groups()
    if time and not is_time(time):
        raise ValueError("expected a time of day")
    start = _day(int(year), int(month or _MIDDLE_MONTH), int(day or _MIDDLE_DAY))
    moved = _shift(start, days)
    text = f"{moved.year:04d}"
    if month:
        text += f"{moved.month:02d}"
    if day:
        text += f"{moved.day:02d}"
    return text + (time or "") + (offset or "")


_TM = re.compile(r"([01]\d|2[0-3])(?:(:?)([0-5]\d)(?:\2([0-5]\d|60)(?:\.\d{1,6})?)?)?")


def is_time(value: str) -> bool:
    """Say whether `value` is a TM value, also in the form ``HH:MM:SS`` of ACR-NEMA."""
    return _TM.fullmatch(value.rstrip(" \0")) is not None


def cap_age(value: str) -> str:
    """Return the AS `value`, or :data:`CAPPED_AGE` when it is over :data:`MAX_AGE_YEARS`, whatever its unit.

    Raises
    ------
    ValueError
        When it does not conform.
    """
    text = value.strip(" \0")
    match = _AS.fullmatch(text)
    if match is None:
        raise ValueError("expected an age as nnnD, nnnW, nnnM or nnnY")
    years = int(match[1]) / _UNITS_A_YEAR[match[2]]
    return text if years < MAX_AGE_YEARS + 1 else CAPPED_AGE


def _day(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise ValueError("expected a day of the calendar") from None


def _shift(day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        raise ValueError("expected a date that stays within the years 1 to 9999 when moved") from None
