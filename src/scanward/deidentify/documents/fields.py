"""Cleans the fields of a document one by one or text in pieces, counts what was replaced, and looks at the result."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from scanward.deidentify.documents.kinds import CleanedDocument
from scanward.deidentify.text.folding import fold
from scanward.deidentify.text.known import Span
from scanward.deidentify.text.names import TITLES
from scanward.deidentify.text.prose import Replaced, TextCleaner
from scanward.deidentify.text.variants import DATE_KINDS
from scanward.errors import DocumentError
from scanward.model.identifier import IdentifierKind

MOST_PASSES = 6
"""A cut can bring together what was apart; what still holds something known after so many passes is held."""

MAX_CHARACTERS = 16 << 20
"""More text is no report: thousands of pages. It would hold all others up for minutes."""

GROUP_CHARACTERS = 1 << 18
"""Text in pieces is cleaned in groups of about this size, cut where a line ends, so that memory stays bounded."""

BREAK = "\n\u2022\n"
"""Stands between fields where they are looked at together: nothing that is written in pieces goes across it."""

_WORD = re.compile(r"[^\W\d_]+")
_DAY = re.compile(r"\d{4}/\d\d/\d\d")
_DATE = re.compile(
    r"(?P<year>(?:18|19|20)\d\d)(?:(?P<dash>-?)(?P<month>0[1-9]|1[0-2])(?:(?P=dash)(?P<day>0[1-9]|[12]\d|3[01])"
    r"(?P<time>T?(?:[01]\d|2[0-4])(?::?[0-5]\d(?::?[0-6]\d(?:\.\d{1,9})?)?)?)?)?)?(?P<zone>Z|[+-]\d\d:?\d\d)?"
)

Embedded = Callable[[str, bytes, TextCleaner], CleanedDocument | None]
"""Cleans a document inside of another, by its media type; None where such a one cannot be, so that it is left out."""


class _Piece(NamedTuple):
    start: int
    text: str


class Fields:
    """The fields of one document.

    Parameters
    ----------
    cleaner
        What cleans text, and says what stands for identifiers.
    """

    def __init__(self, cleaner: TextCleaner) -> None:
        self.cleaner = cleaner
        self._replaced: Counter[IdentifierKind] = Counter()
        self._removed: Counter[str] = Counter()
        self._inside: list[str] = []
        self._characters = 0
        self._dates: set[str] = set()

    def prose(self, text: str) -> str:
        """Return a text cleaned. Raises `DocumentError` where something known stays."""
        return self.pieces((text,))[0] if text.strip() else text

    def pieces(self, texts: Sequence[str], joint: str = "\n") -> list[str]:
        """Clean a text that is written in pieces; what goes across them is found, and replaced in the first.

        Parameters
        ----------
        texts
            The pieces.
        joint
            What stands between them for a reader.

        Raises
        ------
        DocumentError
            Something known is still there after `MOST_PASSES`.
        """
        cleaned: list[str] = []
        for group in _groups(texts, joint):
            cleaned += self._clean_group(group, joint)
        return cleaned

    def _clean_group(self, texts: list[str], joint: str) -> list[str]:
        text = joint.join(texts)
        self._characters += len(text)
        if self._characters > MAX_CHARACTERS:
            raise DocumentError(
                f"expected {MAX_CHARACTERS:,} characters of text at most in a document, got more", remedy="Split it."
            )
        replaced = self.cleaner.clean(text).replaced
        for _ in range(MOST_PASSES):
            if replaced:
                self._count(replaced)
                texts = _put(texts, joint, replaced)
                text = joint.join(texts)
            # What is known only: a surrogate that looks like a name is one.
            replaced = tuple(
                Replaced(*span, self.cleaner.replace(span.kind, text[span.start : span.end]))
                for span in self._found(text)
            )
            if not replaced:
                return texts
        raise _found_again()

    def replace(self, kind: IdentifierKind, value: str) -> str:
        """Return what stands for a field that is an identifier as a whole."""
        shown = self.cleaner.replace(kind, value)
        if shown != value:
            self._replaced[kind] += 1
            if kind in DATE_KINDS:
                self._dates.add(shown)
        return shown

    def keep(self, value: str) -> str:
        """Return a code or number as it is, unless something known is in it."""
        return self.prose(value) if self.cleaner.known.find_in_text(value) else value

    def title(self, value: str) -> str:
        """Return titles and degrees beside a name as they are; other words are cleaned."""
        words = _WORD.findall(fold(value))
        return self.keep(value) if all(word in TITLES for word in words) else self.prose(value)

    def date(self, value: str, kind: IdentifierKind = IdentifierKind.DATE) -> str:
        """Return a date of HL7 or FHIR moved or as it is, whatever becomes of dates; empty where none may stay.

        Parameters
        ----------
        value
            Year, or year and month, or day, or day and time, with or without dashes, colons and zone.
        kind
            `DATE` or `BIRTH_DATE`.
        """
        match = _DATE.fullmatch(value.strip())
        if match is None:
            if value.strip():
                self._replaced[kind] += 1
            return ""
        # With slashes, as nothing but a date is written with the year first.
        day = f"{match['year']}/{match['month'] or '07'}/{match['day'] or '15'}"
        is_birth = kind is IdentifierKind.BIRTH_DATE
        shown = self.cleaner.replace(kind, day) if is_birth else self.cleaner.clean(day).text
        if shown != day:
            self._replaced[kind] += 1
        if _DAY.fullmatch(shown) is None:
            return ""
        self._dates.add(shown)
        dash = match["dash"] or ""
        pieces = [shown[:4], shown[5:7] if match["month"] else "", shown[8:] if match["day"] else ""]
        time = (match["time"] or "") + (match["zone"] or "") if kind is IdentifierKind.DATE else ""
        return dash.join(filter(None, pieces)) + time

    def leave_out(self, what: str, count: int = 1) -> None:
        """Note that something was left out: one thing of many, as ``attachment``."""
        self._removed[what] += count

    def add(self, other: CleanedDocument) -> None:
        """Count what cleaning a document inside of this one came to."""
        self._replaced.update(other.replaced)
        self._inside += (f"{what} in a document inside" for what in other.removed)

    def document(self, data: bytes, text: str) -> CleanedDocument:
        """Return the document, once nothing known is found in it.

        Parameters
        ----------
        data
            The document.
        text
            All that can be read in it.

        Raises
        ------
        DocumentError
            Something known is in it.
        """
        if self._found(text):
            raise _found_again()
        removed = [f"{count} {what}{'' if count == 1 else 's'}" for what, count in sorted(self._removed.items())]
        return CleanedDocument(data=data, replaced=self._replaced, removed=(*removed, *self._inside))

    def _count(self, replaced: Sequence[Replaced]) -> None:
        for one in replaced:
            self._replaced[one.kind] += 1
            if one.kind in DATE_KINDS:
                self._dates.add(one.shown)

    def _found(self, text: str) -> list[Span]:
        """Return where something known is in a text; a moved date may be one that is known, by chance."""
        return [
            span
            for span in self.cleaner.known.find_in_text(text)
            if span.kind not in DATE_KINDS or not self._is_moved(text[span.start : span.end])
        ]

    def _is_moved(self, date: str) -> bool:
        digits = re.sub(r"\D", "", date)
        return any(date in shown or (digits and digits in re.sub(r"\D", "", shown)) for shown in self._dates)


def require_clean(text: str, cleaner: TextCleaner) -> None:
    """Raise `DocumentError` where something known is found in what is to leave; dates, which may have moved, aside."""
    if any(span.kind not in DATE_KINDS for span in cleaner.known.find_in_text(text)):
        raise _found_again()


def _found_again() -> DocumentError:
    return DocumentError(
        "an identifier that is known was found again in the cleaned document",
        remedy="Look at the document; remove by hand what is written in a way that was not understood.",
    )


def _groups(texts: Sequence[str], joint: str) -> Iterator[list[str]]:
    group: list[str] = []
    size = 0
    for text in texts:
        group.append(text)
        size += len(text)
        if size > GROUP_CHARACTERS and ("\n" in joint or text.endswith("\n")):
            yield group
            group, size = [], 0
    if group:
        yield group


def _put(texts: Sequence[str], joint: str, replaced: Sequence[Replaced]) -> list[str]:
    """Return the pieces with what was replaced in their joined text."""
    pieces: list[_Piece] = []
    at = 0
    for text in texts:
        pieces.append(_Piece(at, text))
        at += len(text) + len(joint)
    result: list[str] = []
    first = 0
    for piece in pieces:
        end = piece.start + len(piece.text)
        while first < len(replaced) and replaced[first].end <= piece.start:
            first += 1
        parts, at = [], piece.start
        for one in replaced[first:]:
            if one.start >= end:
                break
            parts.append(piece.text[at - piece.start : max(one.start, at) - piece.start])
            if one.start >= piece.start:
                parts.append(one.shown)
            at = min(one.end, end)
        parts.append(piece.text[at - piece.start :])
        result.append("".join(parts))
    return result
