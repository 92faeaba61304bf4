"""Judges the words of a text one by one: what is no term and no technical token, and looks like a name, goes."""

import re
from collections.abc import Iterator
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from scanward.deidentify.text.folding import fold, spellings
from scanward.deidentify.text.lexicon import (
    core_words,
    doubtful_words,
    given_words,
    is_clinical,
    is_name,
    listed_given,
    listed_surnames,
)
from scanward.deidentify.text.marks import CUT_PERSON
from scanward.deidentify.text.names import PARTICLES, is_spaceless
from scanward.deidentify.text.shapes import Shape
from scanward.model.identifier import IdentifierKind


class Verdict(IntEnum):
    """What is made of a word; from `NAME` on it goes."""

    KEEP = 0
    """A term, a technical token or an ordinary word."""
    DOUBT = 1
    """A name only beside a name, if capitalised."""
    FOLLOW = 2
    """A name only beside a name, however written."""
    NAME = 3
    """A name, or unknown and written like one."""
    UNKNOWN = 4
    """Unknown and in capitals."""
    NUMBER = 5
    """A number or code too long for a technical one."""


class Judged(NamedTuple):
    """A part of a token and what is made of it; offsets are those within the token."""

    start: int
    end: int
    verdict: Verdict


_TOKEN = re.compile(rf"[^\W_]+(?:['’][^\W\d_]+)?|{CUT_PERSON}")
_RUN = re.compile(r"\d+|[^\W\d_]+(?:['’][^\W\d_]+)?")
_CAMEL = re.compile(r"[^\W\d_]+?(?:(?<=[^\W\d_A-ZÀ-Þ])(?=[A-ZÀ-Þ])|(?<=[A-ZÀ-Þ])(?=[A-ZÀ-Þ][^\W\d_A-ZÀ-Þ])|$)")
_HEX = re.compile(r"(?=(?:[a-f]*\d){4})[\da-f]{8,}", re.IGNORECASE)
_NO_VOWEL = re.compile(r"[B-DF-HJ-NP-TV-XZ]{4,7}")
_UNIT = re.compile(
    r"\s?(?:[mcµuk]?m|[mkµ]?g|[mµu]?l|m?s|[km]?hz|hu|kvp?|m?as?|[mc]?gy|[mkg]?bq|px|pixels?|voxels?|rows|%)\b",
    re.IGNORECASE,
)
_BESIDE = re.compile(r"[ \t,.^'’&_-]{1,3}")
_OTHER_SCRIPT = re.compile(r"[A-Za-zÀ-ɏ]+")
_LONGEST_SEGMENT = 8
_LONGEST_NUMBER = 5
_LONGEST_CODE = 4


def find_names(text: str) -> list[Shape]:
    """Return the words of `text` that cannot stay, with what belongs to them."""
    tokens: list[tuple[int, int, Verdict]] = []
    suspicious = False
    for match in _TOKEN.finditer(text):
        token, offset = match[0], match.start()
        if token == CUT_PERSON:
            tokens.append((offset, offset + 1, Verdict.NAME))
            suspicious = True
            continue
        if token.isdigit():
            if len(token) > _LONGEST_NUMBER and _is_code(text, offset, match.end()):
                tokens.append((offset, match.end(), Verdict.NUMBER))
                suspicious = True
            continue
        for start, end, verdict in judge(token):
            tokens.append((offset + start, offset + end, verdict))
            suspicious = suspicious or verdict >= Verdict.NAME
    tokens = [*_full_names(text, tokens)]
    if not suspicious and not any(verdict is Verdict.NAME for _, _, verdict in tokens):
        return []
    return list(_chosen(text, _spread(text, tokens)))


def _full_names(text: str, tokens: list[tuple[int, int, Verdict]]) -> Iterator[tuple[int, int, Verdict]]:
    """Make a name of a doubtful given name and a doubtful surname in a row (Grace Long; Long, Grace)."""
    named = -1
    for index, (start, end, verdict) in enumerate(tokens):
        if index + 1 < len(tokens) and verdict is Verdict.DOUBT and tokens[index + 1][2] is Verdict.DOUBT:
            right, right_end, _ = tokens[index + 1]
            first, second = text[start:end], text[right:right_end]
            gap = text[end:right].strip(" ")
            if right - end <= 2 and gap in {"", ",", "^"} and first[0].isupper() and second[0].isupper():
                given, family = (second, first) if gap else (first, second)
                if fold(given) in listed_given() and fold(family) in listed_surnames():
                    named = index + 1
                    verdict = Verdict.NAME
        yield start, end, Verdict.NAME if named == index else verdict


def _chosen(text: str, tokens: list[tuple[int, int, Verdict]]) -> Iterator[Shape]:
    for start, end, verdict in tokens:
        if verdict >= Verdict.NAME and text[start] != CUT_PERSON:
            kind = IdentifierKind.OTHER_ID if verdict is Verdict.NUMBER else IdentifierKind.PERSON_NAME
            yield Shape(start, end, kind)


def _spread(text: str, tokens: list[tuple[int, int, Verdict]]) -> list[tuple[int, int, Verdict]]:
    """Make names of the doubtful words that stand beside one, to the right and then to the left."""
    for backwards in (False, True):
        order = range(len(tokens) - 1, -1, -1) if backwards else range(len(tokens))
        before: tuple[int, int, Verdict] | None = None
        for index in order:
            start, end, verdict = tokens[index]
            if before is not None and before[2] is Verdict.NAME and verdict < Verdict.NAME:
                left, right = (end, before[0]) if backwards else (before[1], start)
                if _BESIDE.fullmatch(text, left, right) and _joins(text[start:end], verdict, backwards=backwards):
                    tokens[index] = (start, end, Verdict.NAME)
            before = tokens[index]
    return tokens


def _joins(word: str, verdict: Verdict, *, backwards: bool) -> bool:
    if verdict is Verdict.FOLLOW:
        return True
    if fold(word) in PARTICLES and backwards:
        # A particle belongs to the name that it stands before.
        return True
    return verdict is Verdict.DOUBT and word[0].isupper()


def _is_code(text: str, start: int, end: int) -> bool:
    """Say whether the long number at ``text[start:end]`` is no decimal fraction and has no unit."""
    before = text[max(0, start - 2) : start]
    after = text[end : end + 2]
    if (before[-1:] in {".", ","} and before[:-1].isdigit()) or (after[:1] in {".", ","} and after[1:].isdigit()):
        return False
    return _UNIT.match(text, end) is None


@lru_cache(maxsize=1 << 15)
def judge(token: str) -> tuple[Judged, ...]:
    """Judge a token of letters and digits, part by part.

    Parts that stay whatever is beside them are left out.
    """
    if _HEX.fullmatch(token):
        return (Judged(0, len(token), Verdict.NUMBER),)
    runs = [(match.start(), match.end()) for match in _RUN.finditer(token)]
    if len(runs) > 1 and any(token[start].isdigit() and end - start > _LONGEST_CODE for start, end in runs):
        return (Judged(0, len(token), Verdict.NUMBER),)
    found: list[Judged] = []
    for start, end in runs:
        run = token[start:end]
        if run[0].isdigit() or (len(runs) > 1 and end - start <= 3):
            found.append(Judged(start, end, Verdict.KEEP))
        else:
            found += (Judged(start + at, start + to, verdict) for at, to, verdict in _judge_run(run))
    return tuple(part for part in found if part.verdict is not Verdict.KEEP)


def _judge_run(run: str) -> list[Judged]:
    if is_spaceless(run):
        return list(_segments(run))
    whole = _judge_word(run)
    pieces = [(match.start(), match.end()) for match in _CAMEL.finditer(run)]
    if whole not in {Verdict.NAME, Verdict.UNKNOWN} or len(pieces) < 2 or is_name(fold(run)):
        return [Judged(0, len(run), whole)]
    judged = [Judged(start, end, _judge_word(run[start:end])) for start, end in pieces]
    if any(piece.verdict >= Verdict.NAME for piece in judged) and all(
        piece.verdict >= Verdict.NAME or piece.end - piece.start <= 3 for piece in judged
    ):
        return [Judged(0, len(run), Verdict.NAME)]
    return judged


def _judge_word(word: str) -> Verdict:
    folded = fold(word).replace("'", "").replace("’", "")
    if len(folded) < 2:
        # The initial of a name; L and R are sides.
        return Verdict.DOUBT if word.isupper() and word not in "LR" else Verdict.KEEP
    base = fold(re.split(r"['’]", word)[0])
    forms = {folded, base if len(base) > 2 else folded, *(spellings(word) if not word.isascii() else ())}
    if folded in PARTICLES:
        return Verdict.DOUBT
    if any(form in core_words() for form in forms):
        return Verdict.KEEP
    if not folded.isascii():
        return Verdict.KEEP if is_clinical(folded) else Verdict.NAME
    if any(form in doubtful_words() for form in forms):
        return Verdict.DOUBT
    if is_name(folded) or (len(base) > 2 and is_name(base)):
        return _judge_name(word, folded if is_name(folded) else base)
    if any(map(is_clinical, forms)):
        return Verdict.KEEP
    return _judge_unknown(word, len(folded))


def _judge_name(word: str, folded: str) -> Verdict:
    size = len(folded)
    if word.islower():
        return Verdict.NAME if size >= 4 and folded in given_words() else Verdict.FOLLOW
    if size <= 2 or (size == 3 and word.isupper()):
        return Verdict.DOUBT
    return Verdict.NAME


def _judge_unknown(word: str, size: int) -> Verdict:
    if word.islower():
        return Verdict.FOLLOW if size > 3 else Verdict.KEEP
    if size <= 3:
        return Verdict.KEEP if word.isupper() else Verdict.DOUBT
    if _NO_VOWEL.fullmatch(word):
        return Verdict.KEEP
    return Verdict.UNKNOWN if word.isupper() else Verdict.NAME


def _segments(run: str) -> Iterator[Judged]:
    """Take words of a script without blanks off `run`, the longest first; what no word is goes."""
    words = core_words()
    at = unknown = 0
    while at < len(run):
        other = _OTHER_SCRIPT.match(run, at)
        if other is not None:
            size = other.end() - at
            verdict = _judge_word(other[0])
        else:
            longest = min(_LONGEST_SEGMENT, len(run) - at)
            size = next((size for size in range(longest, 0, -1) if fold(run[at : at + size]) in words), 0)
            verdict = Verdict.KEEP
        if size:
            if unknown < at:
                yield Judged(unknown, at, Verdict.NAME)
            yield Judged(at, at + size, verdict)
            unknown = at + size
        at += size or 1
    if unknown < len(run):
        yield Judged(unknown, len(run), Verdict.NAME)
