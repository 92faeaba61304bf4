"""What is searched for, in the ways people, programs and encodings write it."""

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from scanward.crosscheck.report import Kind
from scanward.crosscheck.vocabulary import known_words

PREFIX = 4
"""Bytes by which a needle is looked up; no needle is shorter."""
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_LONG_MONTHS = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
]  # fmt: skip
_CODECS = (
    "utf-8", "latin-1", "iso8859_2", "iso8859_3", "iso8859_4", "iso8859_5", "iso8859_6", "iso8859_7", "iso8859_8",
    "iso8859_9", "tis_620", "shift_jis", "iso2022_jp_2", "euc_kr", "gb18030", "utf-16-le", "utf-16-be",
)  # fmt: skip
_DATE = re.compile(r"(18[5-9]\d|19\d\d|20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_ASCII_CODECS = ("utf-8", "utf-16-le", "utf-16-be")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An identifying value of the inputs; its repr does not show it.

    Attributes
    ----------
    source
        Where in the inputs it stood.
    """

    kind: Kind
    value: str
    source: str

    def __repr__(self) -> str:
        """Name the kind only."""
        return f"Wanted({self.kind.name}, {self.source})"


@dataclass(frozen=True, slots=True)
class Needle:
    """One way of writing a wanted value.

    Attributes
    ----------
    data
        Bytes to find, in lower case where ASCII.
    alone
        Whether a letter or digit before or behind makes it something else.
    width
        Bytes of a character.
    """

    data: bytes
    alone: bool
    wanted: Wanted
    width: int = 1


def date_texts(value: str) -> tuple[str, ...]:
    """Return a date YYYYMMDD as it is written, in lower case."""
    year, month, day = value[:4], value[4:6], value[6:8]
    short, long, plain = _MONTHS[int(month) - 1], _LONG_MONTHS[int(month) - 1], str(int(day))
    out = [value, f"{day}{short}{year}", f"{int(month)}/{int(day)}/{year}", f"{plain}.{int(month)}.{year}"]
    for separator in "-/. ":
        out += [separator.join(order) for order in ((year, month, day), (day, month, year), (month, day, year))]
        out += [separator.join(order) for name in (short, long) for order in ((day, name, year), (plain, name, year))]
    out += [
        f"{name} {number}{comma} {year}" for name in (short, long) for number in (plain, day) for comma in (",", "")
    ]
    return (*out, f"{plain}. {long} {year}")


def is_date(value: str) -> bool:
    """Whether a text is a date YYYYMMDD that a person could have lived on."""
    return bool(_DATE.fullmatch(value)) and value != "19000101"


def _name_texts(value: str) -> Iterator[tuple[str, bool]]:
    """Yield the texts a person name is found by, and whether each has to stand alone."""
    for group in value.split("="):
        parts = [part for part in re.split(r"[\^\s,]+", group) if part]
        for part in parts:
            yield from _word_texts(part)
        for first, second in pairwise(parts):
            for one, two in ((first, second), (second, first)):
                for separator in ("^", " ", ", ", ",", "", ".", "_", "-"):
                    joined = one + separator + two
                    if len(joined) >= 6:
                        yield joined, len(joined) < 8


def _word_texts(word: str) -> Iterator[tuple[str, bool]]:
    if not word.isascii():
        if len(word) >= 2:
            yield word, False
        return
    if len(word) >= 4 and any(letter.isalpha() for letter in word) and word.casefold() not in known_words():
        yield word, len(word) < 6


def texts_of(wanted: Wanted) -> Iterator[tuple[str, bool]]:
    """Yield the texts that show a wanted value, and whether each has to stand alone."""
    value = wanted.value
    match wanted.kind:
        case Kind.DATE | Kind.BIRTH_DATE:
            yield from ((text, False) for text in date_texts(value))
        case Kind.NAME:
            yield from _name_texts(value)
        case Kind.WORD:
            yield from _word_texts(value)
        case Kind.PHONE:
            digits = re.sub(r"\D", "", value)
            if len(digits) >= 7:
                tail = digits[-8:] if len(digits) >= 10 else digits
                half = len(tail) - 4
                yield from ((tail[:half] + mark + tail[half:], len(tail) < 8) for mark in ("", "-", " ", "."))
            if len(value) >= 6:
                yield value, False
        case Kind.UID:
            yield value, True
        case Kind.TIME:
            if len(value) >= 9:
                yield value, True
        case _:
            if len(value) >= 5 and value.casefold() not in known_words():
                yield value, len(value) < 8 or value.isdigit()
            digits = re.sub(r"\D", "", value)
            if wanted.kind is Kind.ID and len(digits) >= 7:
                yield digits, True


def needles_of(wanted: Wanted) -> Iterator[Needle]:
    """Yield the needles of a wanted value in every encoding that can hold it."""
    for text, alone in texts_of(wanted):
        if not _tells(text):
            continue
        codecs = _ASCII_CODECS if text.isascii() else _CODECS
        for form in {text, text.lower(), text.upper()}:
            for codec in codecs:
                try:
                    data = _stripped(form.encode(codec), codec).lower()
                except UnicodeEncodeError:
                    continue
                if len(data) >= PREFIX:
                    yield Needle(data, alone, wanted, 2 if codec.startswith("utf-16") else 1)
        plain = text.encode()
        if len(plain) >= 7:
            yield from (Needle(data, False, wanted) for data in _base64(plain))
        # Six digits in a row, left of a date with its bytes swapped, come about by chance.
        if len(plain) >= 7 and not plain.isdigit():
            yield from (Needle(data, False, wanted) for data in _swapped(plain.lower()))


def _tells(text: str) -> bool:
    """Whether a text is more than filling, such as 00000000, -0000200 or xxxxxx."""
    significant = text.strip("0-. ")
    return len(significant) >= 4 and len(set(text.casefold())) >= 3 if text.isascii() else bool(text)


def _stripped(data: bytes, codec: str) -> bytes:
    # The escape sequences of ISO 2022 depend on what stands before; the characters between them do not.
    return re.sub(rb"\x1b[\x20-\x2f]+[\x30-\x7e]", b"", data) if codec == "iso2022_jp_2" else data


def _swapped(data: bytes) -> Iterator[bytes]:
    for part in (data[: len(data) // 2 * 2], data[1 : 1 + (len(data) - 1) // 2 * 2]):
        if len(part) >= 6:
            yield bytes(part[index ^ 1] for index in range(len(part)))


def _base64(data: bytes) -> Iterator[bytes]:
    for shift in range(3):
        start = (8 * shift + 5) // 6
        piece = base64.b64encode(bytes(shift) + data)[start : (8 * (shift + len(data))) // 6]
        if len(piece) >= 8:
            yield piece.lower()


class Searcher:
    """Finds many needles in bytes at once.

    A table of four-byte prefixes is looked up at every offset: no library is used for it, so that the search does not
    share a fault with whatever the writer searches with.
    """

    def __init__(self, wanted: Iterable[Wanted]) -> None:
        self._by_prefix: dict[bytes, list[Needle]] = {}
        seen: set[tuple[bytes, bool, Wanted]] = set()
        for one in wanted:
            for needle in needles_of(one):
                key = (needle.data, needle.alone, needle.wanted)
                if key not in seen:
                    seen.add(key)
                    self._by_prefix.setdefault(needle.data[:PREFIX], []).append(needle)
        self.longest = max((len(needle[0]) for needle in seen), default=0)

    def find(self, data: bytes) -> Iterator[tuple[int, Needle]]:
        """Yield offset and needle of every hit in `data`; case of ASCII letters does not matter."""
        lowered = data.lower()
        table = self._by_prefix
        for at in range(len(lowered) - PREFIX + 1):
            listed = table.get(lowered[at : at + PREFIX])
            if listed is None:
                continue
            for needle in listed:
                if lowered.startswith(needle.data, at) and _stands(lowered, at, needle):
                    yield at, needle


_ALPHANUMERIC = frozenset(b"0123456789abcdefghijklmnopqrstuvwxyz")
_UID_BYTES = frozenset(b"0123456789.")


def _stands(data: bytes, at: int, needle: Needle) -> bool:
    """Whether a hit counts, given what stands around it."""
    end = at + len(needle.data)
    before, behind = data[at - 1 : at] if at else b"", data[end : end + 1]
    if needle.wanted.kind is Kind.UID:
        return not (before and before[0] in _UID_BYTES) and not behind.isdigit()
    if needle.alone:
        around = data[max(0, at - needle.width) : at] + b"|" + data[end : end + needle.width]
        if any(byte in _ALPHANUMERIC for byte in around):
            return False
    if needle.data.isdigit():
        if needle.alone and (before == b"." or (behind == b"." and data[end + 1 : end + 2].isdigit())):
            return False
        return not _in_random_uid(data, at, end)
    return True


def _in_random_uid(data: bytes, at: int, end: int) -> bool:
    """Whether digits stand in a long run of digits, such as a UID made of 128 random bits, by chance."""
    start, stop = at, end
    while start > 0 and at - start < 40 and data[start - 1 : start].isdigit():
        start -= 1
    while stop < len(data) and stop - end < 40 and data[stop : stop + 1].isdigit():
        stop += 1
    return stop - start >= 24
