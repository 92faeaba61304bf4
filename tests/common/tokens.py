"""Tokens: fictional identifiers of which each occurs nowhere else, and the ways they can be written."""

from __future__ import annotations

import base64
import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum


class Kind(StrEnum):
    """What a planted token is."""

    NAME = "name"
    ID = "identifier"
    DATE = "date"
    TIME = "time"
    UID = "UID"
    INSTITUTION = "institution"
    DEVICE = "device"
    PLACE = "address"
    PHONE = "phone"


_CONSONANTS = "bdfgklmnprstvz"
_VOWELS = "aeiou"
_FIRST_DAY = date(2016, 3, 1)


@dataclass
class TokenMaker:
    """Makes tokens that are all different; everything follows from the seed."""

    seed: int
    _rng: random.Random = field(init=False)
    _made: set[str] = field(default_factory=set)
    _days: int = 0

    def __post_init__(self) -> None:
        self._rng = random.Random(f"tokens {self.seed}")

    def make(self, kind: Kind) -> str:
        """Return a new token of `kind`."""
        while True:
            token = self._make(kind)
            if token not in self._made:
                self._made.add(token)
                return token

    def _make(self, kind: Kind) -> str:
        digits = f"{self._rng.randrange(10**7, 10**8)}"
        match kind:
            case Kind.DATE:
                self._days += 1
                return (_FIRST_DAY + timedelta(days=self._days)).strftime("%Y%m%d")
            case Kind.TIME:
                return f"{self._rng.randrange(8, 19):02d}{self._rng.randrange(60):02d}17.{digits[:6]}"
            case Kind.UID:
                return f"1.2.826.0.1.3680043.10.54321.{digits}.20{digits[::-1]}"
            case Kind.ID | Kind.DEVICE:
                return f"Q{digits}"
            case Kind.PHONE:
                return f"+49 30 {digits}"
            case _:
                return self.word().capitalize()

    def word(self, syllables: int = 4) -> str:
        """Return a pronounceable word that no language has."""
        return "".join(self._rng.choice(_CONSONANTS) + self._rng.choice(_VOWELS) for _ in range(syllables)) + "q"

    def birth(self) -> date:
        """Return a birth date that no other token is near of."""
        day = date(1938, 1, 1) + timedelta(days=self._rng.randrange(12000))
        return day if day.day > 12 and day.year % 100 > 31 else self.birth()


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LONG_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def date_notations(token: str) -> tuple[str, ...]:
    """Return a date YYYYMMDD the ways people and programs write it."""
    year, month, day = token[:4], token[4:6], token[6:8]
    short, long = _MONTHS[int(month) - 1], _LONG_MONTHS[int(month) - 1]
    plain = str(int(day))
    return (
        token, f"{year}-{month}-{day}", f"{year}/{month}/{day}", f"{year}.{month}.{day}", f"{day}.{month}.{year}",
        f"{day}/{month}/{year}", f"{day}-{month}-{year}", f"{month}/{day}/{year}", f"{month}-{day}-{year}",
        f"{plain}.{int(month)}.{year}", f"{int(month)}/{plain}/{year}", f"{day} {short} {year}",
        f"{plain} {short} {year}", f"{day}-{short}-{year}", f"{short} {plain}, {year}", f"{long} {plain}, {year}",
        f"{plain} {long} {year}", f"{plain}. {long} {year}", f"{day}{short}{year}",
    )  # fmt: skip


def phone_notations(token: str) -> tuple[str, ...]:
    """Return a phone number with and without its separators."""
    digits = "".join(letter for letter in token if letter.isdigit())
    return (token, digits[-8:], f"{digits[-8:-4]}-{digits[-4:]}", f"{digits[-8:-4]} {digits[-4:]}")


def notations(kind: Kind, token: str) -> tuple[str, ...]:
    """Return the texts in which `token` counts as still there."""
    if kind is Kind.DATE:
        return date_notations(token)
    return phone_notations(token) if kind is Kind.PHONE else (token,)


def byte_variants(kind: Kind, token: str, charset: str = "") -> tuple[bytes, ...]:
    """Return the bytes, in lower case where ASCII, by which `token` is found in raw data.

    Beside text encodings these are words in swapped byte order (OW read the wrong way round) and base64 in each of
    its three alignments.
    """
    found: dict[bytes, None] = {}
    for text in notations(kind, token):
        for encoding in ("utf-8", "utf-16-le", "utf-16-be", "latin-1", charset):
            try:
                data = text.encode(encoding) if encoding else b""
            except UnicodeEncodeError:
                continue
            if len(data) >= 4:
                found[data.lower()] = None
        plain = text.encode("utf-8")
        if len(plain) >= 6:
            # Six digits in a row, left of a date with its bytes swapped, come about by chance.
            found.update(dict.fromkeys(_swapped(plain.lower()) if not plain.isdigit() else ()))
            found.update(dict.fromkeys(_base64(plain)))
    return tuple(found)


def _swapped(data: bytes) -> list[bytes]:
    even = data[: len(data) // 2 * 2]
    odd = data[1 : 1 + (len(data) - 1) // 2 * 2]
    return [
        bytes(part[index ^ 1] for index in range(len(part))) for part in (even, odd) if len(part) >= 6
    ]  # fmt: skip


def _base64(data: bytes) -> list[bytes]:
    out = []
    for shift in range(3):
        start = (8 * shift + 5) // 6 if shift else 0
        whole = base64.b64encode(b"\0" * shift + data)
        end = (8 * (shift + len(data))) // 6
        piece = whole[start:end]
        if len(piece) >= 8:
            out.append(piece.lower())
    return out
