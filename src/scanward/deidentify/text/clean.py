"""Cleans text: what is known goes, then what has the shape of an identifier, then what is not certain; terms stay."""

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import NamedTuple

from scanward.deidentify.text import patterns
from scanward.deidentify.text.addresses import find_institutions
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.deidentify.text.marks import CUT, CUT_PERSON, FIRST_ASIDE, LAST_ASIDE, PRIVATE
from scanward.deidentify.text.persons import find_titled
from scanward.deidentify.text.shapes import Shape, find_contacts, find_ids
from scanward.deidentify.text.tidy import tidy
from scanward.deidentify.text.variants import NAME_KINDS
from scanward.deidentify.text.wording import Wording
from scanward.deidentify.text.words import find_names
from scanward.deidentify.text.written_dates import find_dates, shift_written
from scanward.dicomstream.dates import parse_da
from scanward.model.identifier import IdentifierKind

MOST_PASSES = 24
"""A cut can bring together what was apart; a text that is still not clean after so many passes goes as a whole."""

_REMEMBERED_LENGTH = 512
_REMEMBERED_TEXTS = 4096
_CONTROLS = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127])

_Find = Callable[[str], list[Shape]]


class Cleaned(NamedTuple):
    """A text that may leave.

    Attributes
    ----------
    text
        What stays; empty when nothing does. Equal to the input when nothing had to go.
    removed
        The kinds of what was removed or replaced, each once, in order of their names.
    """

    text: str
    removed: tuple[IdentifierKind, ...]


def clean_text(
    text: str,
    known: KnownIdentifiers,
    *,
    shift_days: int | None = None,
    retain_dates: bool = False,
    retain_institution: bool = False,
    multiline: bool = True,
) -> Cleaned:
    """Return `text` without what identifies anybody.

    Parameters
    ----------
    text
        A description, comment, code meaning or report.
    known
        The identifiers of the patient and study; none of them is in the result.
    shift_days
        Days by which dates are moved, in their notation; None to remove them. A birth date always goes.
    retain_dates
        Whether dates other than a birth date stay as they are.
    retain_institution
        Whether names of institutions are not looked for; known ones are those in `known`.
    multiline
        Whether line breaks stay; otherwise they become blanks.
    """
    key = (text, shift_days, retain_dates, retain_institution, multiline)
    remembered = known.memo.get(key)
    if isinstance(remembered, Cleaned):
        return remembered
    removed: set[IdentifierKind] = set()
    work = _normal(text, multiline=multiline)
    aside: list[str] = []
    if shift_days is not None or retain_dates:
        work = _set_dates_aside(work, known, shift_days, aside, removed)
    if retain_institution:
        work = _set_institutions_aside(work, known, aside)
    cleaned = _put_back(_clean(work, known, removed, retain_dates=retain_dates), aside)
    if aside and _is_identifier(cleaned, known):
        # What was set aside is, beside what stayed, an identifier after all: nothing is set aside.
        cleaned = _clean(_normal(text, multiline=multiline), known, removed, retain_dates=False)
    result = Cleaned(cleaned, tuple(sorted(removed)))
    _remember(known, key, text, result)
    return result


def _clean(text: str, known: KnownIdentifiers, removed: set[IdentifierKind], *, retain_dates: bool) -> str:
    days = _known_days(known)

    def find(part: str) -> list[Shape]:
        found = [Shape(*span) for span in known.find_closely(part)]
        if retain_dates:
            found = [shape for shape in found if shape.kind is not IdentifierKind.DATE]
        return _with_others(found, patterns.find_patterns(part, known_days=days))

    return _pass_until_stable(text, [find, find_names], removed)


def clean_technical(text: str, known: KnownIdentifiers) -> Cleaned:
    """Return `text`, the value of an Attribute of the technique, without known identifiers and what surely is one.

    Words and numbers that are not known stay: models, versions and options are made of them.
    """
    key = (text,)
    remembered = known.memo.get(key)
    if isinstance(remembered, Cleaned):
        return remembered
    removed: set[IdentifierKind] = set()

    def find(part: str) -> list[Shape]:
        found = [Shape(*span) for span in known.find_in_text(part)]
        wording = Wording(part)
        found += (shape for shape in find_contacts(wording) if shape.kind is IdentifierKind.EMAIL)
        found += find_titled(wording)
        return found + list(find_ids(wording, cued_only=True))

    result = Cleaned(_pass_until_stable(_normal(text, multiline=True), [find], removed), tuple(sorted(removed)))
    _remember(known, key, text, result)
    return result


def _remember(known: KnownIdentifiers, key: object, text: str, result: Cleaned) -> None:
    # The same descriptions come with every instance of a series.
    if len(text) <= _REMEMBERED_LENGTH and len(known.memo) < _REMEMBERED_TEXTS:
        known.memo[key] = result


def _normal(text: str, *, multiline: bool) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFC", PRIVATE.sub("", text))
    if not text.isprintable():
        text = text.translate(_CONTROLS)
    return text if multiline else " ".join(text.splitlines())


def _known_days(known: KnownIdentifiers) -> frozenset[date]:
    days = known.memo.get(_known_days)
    if not isinstance(days, frozenset):
        found = set()
        for identifier in known.identifiers:
            if identifier.kind is IdentifierKind.DATE:
                try:
                    found.add(parse_da(identifier.value[:8]))
                except ValueError:
                    continue
        days = known.memo[_known_days] = frozenset(found)
    return days


def _set_dates_aside(
    text: str,
    known: KnownIdentifiers,
    shift_days: int | None,
    aside: list[str],
    removed: set[IdentifierKind],
) -> str:
    """Put a mark for each date that stays, moved or not; the others are left for the passes to cut."""
    pieces, at = [], 0
    for written in find_dates(Wording(text), _known_days(known)):
        shown = text[written.start : written.end]
        if _is_identifier(shown, known):
            continue
        if shift_days is not None:
            moved = shift_written(text, written, shift_days)
            if moved is None or _is_identifier(moved, known):
                continue
            shown = moved
            removed.add(IdentifierKind.DATE)
        if FIRST_ASIDE + len(aside) > LAST_ASIDE:
            break
        pieces += [text[at : written.start], chr(FIRST_ASIDE + len(aside))]
        aside.append(shown)
        at = written.end
    return "".join(pieces) + text[at:]


def _set_institutions_aside(text: str, known: KnownIdentifiers, aside: list[str]) -> str:
    """Put a mark for each name of an institution that holds nothing else that is known."""
    pieces, at = [], 0
    for shape in sorted(find_institutions(Wording(text))):
        shown = text[shape.start : shape.end]
        if shape.start < at or known.find_in_text(shown) or FIRST_ASIDE + len(aside) > LAST_ASIDE:
            continue
        pieces += [text[at : shape.start], chr(FIRST_ASIDE + len(aside))]
        aside.append(shown)
        at = shape.end
    return "".join(pieces) + text[at:]


def _with_others(found: list[Shape], others: list[Shape]) -> list[Shape]:
    """Add to what is known what else has the shape of an identifier, but for the same thing twice."""
    if not found:
        return others
    for shape in others:
        if not any(one.start <= shape.start and shape.end <= one.end for one in found):
            found.append(shape)
    return found


def _is_identifier(shown: str, known: KnownIdentifiers) -> bool:
    return any(span.kind is not IdentifierKind.DATE for span in known.find_in_text(shown))


def _put_back(text: str, aside: Sequence[str]) -> str:
    if not aside:
        return text
    return PRIVATE.sub(lambda match: aside[ord(match[0]) - FIRST_ASIDE], text)


def _pass_until_stable(text: str, finders: Iterable[_Find], removed: set[IdentifierKind]) -> str:
    for _ in range(MOST_PASSES):
        marked = text
        for find in finders:
            found = find(marked)
            if found:
                removed.update(shape.kind for shape in found)
                marked = _cut(marked, found)
        if marked is text:
            return text
        text = tidy(marked)
    return ""


def _cut(text: str, shapes: Iterable[Shape]) -> str:
    """Put one mark in the place of all that overlaps or touches."""
    pieces, at = [], 0
    person = False
    end = -1
    for shape in sorted(shapes):
        if shape.start > end >= 0:
            pieces.append(CUT_PERSON if person else CUT)
            person = False
        if shape.start > end:
            pieces.append(text[at : shape.start])
        end = at = max(end, shape.end)
        person = person or shape.kind in NAME_KINDS
    pieces.append(CUT_PERSON if person else CUT)
    return "".join(pieces) + text[at:]
