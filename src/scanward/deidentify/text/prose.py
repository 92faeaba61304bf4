"""Cleans text that people wrote: what is known of the patient, what has the shape of an identifier, what looks so."""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import islice
from typing import NamedTuple

from scanward.deidentify.text.ages import CAPPED, find_ages
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.deidentify.text.prose_patterns import find_prose, find_prose_dates, plausible, with_towns
from scanward.deidentify.text.replace import Replacer
from scanward.deidentify.text.shapes import Shape
from scanward.deidentify.text.wording import Wording
from scanward.deidentify.text.written_dates import shift_written
from scanward.dicomstream.dates import parse_da
from scanward.model.identifier import IdentifierKind
from scanward.ports.recognisers import Recogniser, SparingRecogniser

FEWEST_WORDS = 12
FEWEST_CHARACTERS = 40
"""A shorter text is a label, a title or a name: it is cleaned word by word (:mod:`scanward.deidentify.text.clean`)."""

_TELLING = {IdentifierKind.EMAIL: 2, IdentifierKind.PHONE: 0}
"""A mail address is one, whosoever name is in it; digits with dashes may be a number of any kind."""

_WORD = re.compile(r"[^\W\d_]+")


class Replaced(NamedTuple):
    """A part of a text that was replaced.

    Attributes
    ----------
    start, end
        Where it was, as indices of characters of the input.
    kind
        What it was.
    shown
        What stands there now; may be empty.
    """

    start: int
    end: int
    kind: IdentifierKind
    shown: str


class Prose(NamedTuple):
    """A text that was cleaned.

    Attributes
    ----------
    text
        What may leave.
    replaced
        What was replaced, in order, not overlapping.
    """

    text: str
    replaced: tuple[Replaced, ...]


class TextCleaner:
    """Cleans free text about one patient for one recipient.

    Parameters
    ----------
    known
        What is known of the patient, study and everybody around them.
    replacer
        What stands where an identifier was.
    recogniser
        Finds more; the guarantee for what is known does not rest on it. None for none.
    shift_days
        Days by which dates are moved, in their notation; None to have them replaced like the rest. A birth date never
        moves.
    retain_dates, retain_institution
        Whether dates but the birth date, and institutions, stay.
    """

    def __init__(
        self,
        known: KnownIdentifiers,
        replacer: Replacer,
        *,
        recogniser: Recogniser | None = None,
        shift_days: int | None = None,
        retain_dates: bool = False,
        retain_institution: bool = False,
    ) -> None:
        self.known = known
        self._replacer = replacer
        self._recogniser = recogniser
        # Once here: to ask a protocol takes as long as to search a line.
        self._sparing = recogniser if isinstance(recogniser, SparingRecogniser) else None
        self._shift_days = shift_days
        self._retain_dates = retain_dates
        self._retain_institution = retain_institution
        self._days = frozenset(_days(known))

    def find(self, text: str) -> list[Shape]:
        """Return what identifies somebody in `text`, in order, not overlapping."""
        found = [Shape(*span) for span in self.known.find_closely(text)]
        if self._retain_dates:
            found = [shape for shape in found if shape.kind is not IdentifierKind.DATE]
        shapes, terms = find_prose(
            text,
            known_days=self._days,
            dates=not self._retain_dates,
            institutions=not self._retain_institution,
            strict=self._recogniser is None,
        )
        found = merge([*found, *shapes])
        if self._recogniser is not None:
            found = merge([*found, *self._recognised(text, self._recogniser, found, terms)])
        return with_towns(text, found)

    def _recognised(
        self, text: str, recogniser: Recogniser, found: list[Shape], terms: list[tuple[int, int]]
    ) -> Iterator[Shape]:
        """Yield what the recogniser finds but terms and what holds nothing but words of reports."""
        if self._sparing is not None:
            taken = merge([*found, *(Shape(*term, IdentifierKind.OTHER_ID) for term in terms)])
            recognised = self._sparing.recognise_beside(text, [(shape.start, shape.end) for shape in taken])
        else:
            recognised = recogniser.recognise(text)
        for one in recognised:
            if self._retain_institution and one.kind is IdentifierKind.INSTITUTION:
                continue
            if self._retain_dates and one.kind is IdentifierKind.DATE:
                continue
            if any(start < one.end and one.start < end for start, end in terms):
                continue
            shape = plausible(text, Shape(one.start, one.end, one.kind))
            if shape is not None:
                yield shape

    def clean(self, text: str) -> Prose:
        """Return `text` with all that identifies replaced; the rest stands character by character as it stood.

        Dates move where they are to; an age over 89 becomes :data:`~scanward.deidentify.text.ages.CAPPED`.
        """
        instead = {**self._moved_dates(text), **_capped_ages(text)}
        pieces: list[str] = []
        replaced: list[Replaced] = []
        at = 0
        for shape in self.find(text):
            value = text[shape.start : shape.end]
            # By the kind too: a birth date never moves, for with the day of the study it would be as telling as it was.
            shown = instead.get(shape)
            if shown is None:
                shown = self.replace(shape.kind, value)
            pieces += [text[at : shape.start], shown]
            replaced.append(Replaced(*shape, shown))
            at = shape.end
        return Prose("".join(pieces) + text[at:], tuple(replaced))

    def finds_known(self, prose: Prose) -> bool:
        """Say whether what came of cleaning still holds what is known: cuts and replacements can make it up anew."""
        return bool(self.known.find_in_text(prose.text))

    def replace(self, kind: IdentifierKind, value: str) -> str:
        """Return what stands for a field of a document that is, as a whole, an identifier of `kind`; empty stays so."""
        return self._replacer.replace(kind, value) if value.strip() else value

    def _moved_dates(self, text: str) -> dict[Shape, str]:
        """Return what stands for dates that move, none of which may become what is known of somebody."""
        if self._shift_days is None:
            return {}
        moved = {}
        for written in find_prose_dates(Wording(text), self._days):
            shown = shift_written(text, written, self._shift_days)
            if shown is not None and not self._tells(shown):
                moved[Shape(written.start, written.end, IdentifierKind.DATE)] = shown
        return moved

    def _tells(self, shown: str) -> bool:
        return any(span.kind is not IdentifierKind.DATE for span in self.known.find_in_text(shown))


def _capped_ages(text: str) -> dict[Shape, str]:
    return {Shape(*span, IdentifierKind.OTHER_ID): CAPPED for span in find_ages(Wording(text))}


def is_prose(text: str) -> bool:
    """Say whether `text` is long enough for sentences, so that what stands around a word tells what it is."""
    return len(text) >= FEWEST_CHARACTERS and sum(1 for _ in islice(_WORD.finditer(text), FEWEST_WORDS)) == FEWEST_WORDS


def merge(shapes: Iterable[Shape]) -> list[Shape]:
    """Join what overlaps; the kind of the longest stays, and of the most telling of two as long."""
    merged: list[Shape] = []
    for shape in sorted(shapes, key=lambda one: (one.start, -one.end)):
        if merged and shape.start < merged[-1].end:
            last = merged[-1]
            longest = max(last, shape, key=lambda one: (one.end - one.start, _TELLING.get(one.kind, 1)))
            merged[-1] = Shape(last.start, max(last.end, shape.end), longest.kind)
        else:
            merged.append(shape)
    return merged


def _days(known: KnownIdentifiers) -> Iterable[date]:
    for identifier in known.identifiers:
        if identifier.kind is IdentifierKind.DATE:
            try:
                yield parse_da(identifier.value[:8])
            except ValueError:
                continue
