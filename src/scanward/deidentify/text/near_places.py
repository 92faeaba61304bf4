"""Addresses, institutions and e-mail addresses as people shorten and mistype them."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from rapidfuzz.distance import OSA

from scanward.deidentify.text.folding import fold, spellings
from scanward.deidentify.text.names import PARTICLES, PLACEHOLDERS, parse_person_names
from scanward.deidentify.text.passage import Capitals, Passage
from scanward.deidentify.text.places import GENERIC
from scanward.deidentify.text.variants import NAME_KINDS
from scanward.model.identifier import Identifier, IdentifierKind

_WORD = re.compile(r"[a-z0-9\x80-\xff]+")
_PART = re.compile(r"[,^\n\r;=\\|]+")
_GAP = re.compile(r"[ \t\r\n.,'/_()-]{0,3}")
_MAIL = re.compile(
    r"(?<![a-z0-9._%+-])([a-z0-9._%+\x80-\xff-]{1,64})\s?@\s?([a-z0-9\x80-\xff-]{1,63}(?:\.[a-z0-9-]{1,63}){0,5})"
)
_SHORTEST_CLOSE = 5
_LONGEST_MAIL = 200
_MOST_WIDENED = 12

_SHORT = {
    "st": "street", "str": "strasse", "rd": "road", "ave": "avenue", "av": "avenue", "avda": "avenida",
    "blvd": "boulevard",
    "bd": "boulevard", "ln": "lane", "dr": "drive", "ct": "court", "pl": "place", "pza": "plaza", "sq": "square",
    "pkwy": "parkway",
    "hwy": "highway", "ste": "suite", "apt": "apartment", "bldg": "building", "fl": "floor", "ter": "terrace",
    "cir": "circle",
    "hosp": "hospital", "hsp": "hospital", "ctr": "center", "cntr": "center", "centre": "center", "cen": "center",
    "zentr": "zentrum",
    "univ": "university", "uni": "university", "dept": "department", "dep": "department", "med": "medical",
    "gen": "general",
    "inst": "institute", "mem": "memorial", "meml": "memorial", "reg": "regional", "natl": "national",
    "intl": "international",
    "clin": "clinic", "klin": "klinik", "khs": "krankenhaus", "kh": "krankenhaus", "rad": "radiology",
    "radiol": "radiology",
    "diag": "diagnostic", "img": "imaging", "mt": "mount", "ft": "fort", "saint": "street", "sankt": "street",
    "sta": "santa",
    "n": "north", "s": "south", "e": "east", "w": "west", "no": "north", "so": "south", "c": "calle", "cl": "calle",
    "r": "rue",
    "assoc": "associates", "grp": "group", "svc": "services", "svcs": "services", "chp": "hospital",
    "fundacion": "fundacion", "hop": "hopital", "hpital": "hopital", "pr": "praxis", "gde": "grande",
    "dept.": "department",
}  # fmt: skip
"""Short forms, each with one form that stands for it; ``St.`` is Saint as well as Street, so both are one."""


class _Phrase(NamedTuple):
    words: tuple[str, ...]
    kind: IdentifierKind
    capital: bool
    """Whether all words are ordinary, so that they count in capitals only."""


class NearPlaces:
    """The known addresses, institutions and e-mail addresses, ready to be told when shortened or mistyped.

    Parameters
    ----------
    identifiers
        What is known; names of persons count as well, since e-mail addresses are made of them.
    """

    def __init__(self, identifiers: Iterable[Identifier]) -> None:
        self._by_word: dict[str, list[tuple[_Phrase, int]]] = {}
        self._mails: list[str] = []
        self._parts: set[str] = set()
        self._leading: set[str] = set()
        self._persons: dict[str, IdentifierKind] = {}
        self._locals: dict[str, IdentifierKind] = {}
        for identifier in identifiers:
            if identifier.kind in {IdentifierKind.ADDRESS, IdentifierKind.INSTITUTION}:
                self._parts.update(_words(identifier.value))
                self._leading.update(_words(identifier.value)[:1])
                for phrase in _phrases(identifier):
                    for at, word in enumerate(phrase.words):
                        if _is_anchor(word, phrase):
                            self._by_word.setdefault(word, []).append((phrase, at))
            elif identifier.kind is IdentifierKind.EMAIL and "@" in identifier.value:
                self._mails.append(fold(identifier.value).strip())
            elif identifier.kind in NAME_KINDS:
                self._add_locals(identifier)

    def _add_locals(self, identifier: Identifier) -> None:
        for name in parse_person_names(identifier.value):
            for spelled in (0, -1):
                family = [spellings(word)[spelled] for word in name.family]
                given = [spellings(word)[spelled] for word in name.given]
                for word in (*family, *given):
                    if len(word) >= 3 and word not in PARTICLES and word not in PLACEHOLDERS:
                        self._persons.setdefault(word, identifier.kind)
                whole = "".join(family)
                for words in (family, given):
                    if len(words) > 1:
                        self._locals.setdefault("".join(words), identifier.kind)
                if whole and given:
                    forms = (
                        given[0] + whole, whole + given[0], given[0][0] + whole, whole + given[0][0],
                        given[0] + whole[0], "".join(word[0] for word in given) + whole, given[0][:2] + whole,
                        whole + given[0][:2], given[0][:3] + whole[:3], whole[:5] + given[0][0],
                        whole[:7] + given[0][0],
                    )  # fmt: skip
                    for form in forms:
                        if len(form) >= 3:
                            self._locals.setdefault(form, identifier.kind)

    def is_anchor(self, word: str) -> bool:
        """Say whether `word` may be one that an address or institution is told by."""
        return _plain(word) in self._by_word

    def anchor_words(self) -> Iterator[str]:
        """Yield the words for which :meth:`is_anchor` holds."""
        for word in self._by_word:
            yield word
            yield f"{word}s"
            yield f"{word}asse"
        yield from (short for short in _SHORT if _plain(short) in self._by_word)

    def is_part(self, word: str) -> bool:
        """Say whether `word` is any word of a known address or institution, in full or shortened."""
        return _plain(word) in self._parts

    def find(self, passage: Passage, anchors: list[int]) -> Iterator[tuple[int, int, IdentifierKind]]:
        """Yield where known places are; `anchors` are the words of the passage for which :meth:`is_anchor` holds."""
        for index in anchors:
            for phrase, at in self._by_word[_plain(passage.words[index])]:
                span = _aligned(passage, index, phrase, at)
                if span is not None:
                    yield passage.starts[span[0]], passage.end(span[1]), phrase.kind
                    break

    def widen(self, passage: Passage, start: int, end: int) -> tuple[int, int]:
        """Widen the hit of a place over its other words and its number that stand beside it."""
        parts = self._parts
        words, starts = passage.words, passage.starts
        first, last = bisect_left(starts, start), bisect_left(starts, end) - 1
        if first > last:
            return start, end
        for step in (-1, 1):
            edge = at = first if step < 0 else last
            limit = at + step * _MOST_WIDENED
            while 0 <= at + step < len(words) and at != limit:
                left = at if step > 0 else at - 1
                word = words[at + step]
                if not _GAP.fullmatch(passage.gap(left)) or (word != "s" and _plain(word) not in parts):
                    break
                at += step
                leading = step < 0 and word in self._leading
                particle = word in PARTICLES and not leading and passage.capitals(at) is Capitals.NONE
                if not particle and word != "s":
                    edge = at
            if step < 0:
                start = min(start, starts[edge])
            else:
                end = max(end, passage.end(edge))
        return start, end

    def find_mails(self, passage: Passage) -> Iterator[tuple[int, int, IdentifierKind]]:
        """Yield the e-mail addresses that are known, close to a known one, or made of a known name."""
        if "@" not in passage.flat:
            return
        for match in _MAIL.finditer(passage.flat):
            kind = self._mail_kind(match[1], match[2])
            if kind is not None:
                yield match.start(), match.end(), kind

    def _mail_kind(self, local: str, domain: str) -> IdentifierKind | None:
        whole = f"{local}@{domain}"
        for mail in self._mails:
            known = mail.partition("@")[0]
            if len(known) >= 4 and OSA.distance(local, known, score_cutoff=1) <= 1:
                return IdentifierKind.EMAIL
            if len(whole) <= _LONGEST_MAIL and OSA.distance(whole, mail, score_cutoff=2) <= 2:
                return IdentifierKind.EMAIL
        parts = [part for part in re.split(r"[._%+\d-]+", local) if part]
        for part in (*parts, "".join(parts)):
            kind = self._persons.get(part) or self._locals.get(part)
            if kind is not None:
                return kind
        for part in parts:
            for known, kind in self._persons.items():
                least = len(known) >= _SHORTEST_CLOSE and abs(len(known) - len(part)) <= 1
                if least and OSA.distance(part, known, score_cutoff=1) <= 1:
                    return kind
        return None


@lru_cache(maxsize=1 << 14)
def _plain(word: str) -> str:
    """Return `word` in its long form and without the s of a plural or possessive."""
    word = _SHORT.get(word, word)
    if len(word) >= 4 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    if len(word) > 5 and word.endswith("strasse"):
        return word[:-4]
    return word


def _words(value: str) -> list[str]:
    return [_plain(word) for word in _WORD.findall(fold(value).encode().decode("latin-1")) if word != "s"]


def _phrases(identifier: Identifier) -> Iterator[_Phrase]:
    parts = [identifier.value]
    if identifier.kind is IdentifierKind.ADDRESS:
        parts = [part for part in _PART.split(identifier.value) if part.strip()]
    for part in parts:
        words = _words(part)
        special = [word for word in words if not _is_generic(word)]
        if not special and len(words) > 2 and any(word in PARTICLES for word in words):
            # An institution called by a person called Lê: whole, or not at all.
            yield _Phrase(tuple(words), identifier.kind, capital=True)
        if len(words) >= 2 and special and sum(map(len, words)) >= 6:
            yield _Phrase(tuple(words), identifier.kind, not any(map(str.isdigit, "".join(words))))
        named = [word for word in words if not any(map(str.isdigit, word))]
        if len(named) != len(words) and len(named) >= 2 and any(not _is_generic(word) for word in named):
            yield _Phrase(tuple(named), identifier.kind, capital=True)
        core = _core(words)
        if len(core) >= 2 and core != words:
            yield _Phrase(tuple(core), identifier.kind, capital=True)


def _core(words: list[str]) -> list[str]:
    """Return the words that tell, from the first to the last of them, with those between."""
    telling = [at for at, word in enumerate(words) if not _is_generic(word) and not any(map(str.isdigit, word))]
    return words[telling[0] : telling[-1] + 1] if len(telling) >= 2 else []


def _is_generic(word: str) -> bool:
    return word in GENERIC or f"{word}s" in GENERIC or word in PARTICLES or word == "stra"


def _is_anchor(word: str, phrase: _Phrase) -> bool:
    """Say whether `phrase` is looked for where `word` stands: at numbers and at words that tell."""
    if any(map(str.isdigit, word)):
        return len(word) >= 2 or len(phrase.words) > 2
    if all(map(_is_generic, phrase.words)):
        return word in PARTICLES
    return not _is_generic(word) and len(word) >= (2 if len(phrase.words) > 2 else 3)


def _aligned(passage: Passage, index: int, phrase: _Phrase, at: int) -> tuple[int, int] | None:
    """Return the first and last word of `phrase` when it stands around the word `index`, one typo apart at most."""
    left = _follow(passage, index, phrase.words[:at][::-1], -1)
    right = _follow(passage, index, phrase.words[at + 1 :], 1)
    if left is None or right is None:
        return None
    (first, left_typos), (last, right_typos) = left, right
    if left_typos + right_typos > (1 if len(phrase.words) >= 2 else 0):
        return None
    exact = len(phrase.words) > 2 and not left_typos + right_typos
    if (
        phrase.capital
        and not exact
        and not all(
            passage.capitals(place) is not Capitals.NONE
            for place in range(first, last + 1)
            if len(passage.words[place]) > 3 and not _is_generic(_plain(passage.words[place]))
        )
    ):
        return None
    return first, last


def _follow(passage: Passage, index: int, expected: tuple[str, ...], step: int) -> tuple[int, int] | None:
    """Walk from the word `index` along the `expected` words; return the last one and how many were close only."""
    typos, words = 0, passage.words
    for word in expected:
        while True:
            left = index if step > 0 else index - 1
            if left < 0 or left + 1 >= len(words) or not _GAP.fullmatch(passage.gap(left)):
                return None
            index += step
            if words[index] != "s":
                break
        found = _plain(words[index])
        if found == word:
            continue
        if len(word) < _SHORTEST_CLOSE or not word.isalpha() or OSA.distance(found, word, score_cutoff=1) > 1:
            return None
        typos += 1
    return index, typos
