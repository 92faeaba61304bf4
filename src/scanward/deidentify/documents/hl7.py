"""HL7 v2 messages: what becomes of each field is said by a table, and what is not in it goes."""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence

from scanward.deidentify.documents.embedded import text_alone
from scanward.deidentify.documents.fields import BREAK, Embedded, Fields
from scanward.deidentify.documents.hl7_fields import CODED_WORDS, KINDS, SEGMENTS, VALUE_TYPES, Treat
from scanward.deidentify.documents.hl7_message import Message, Segment, Separators, parse_message
from scanward.deidentify.documents.kinds import CleanedDocument, DocumentFacts
from scanward.deidentify.text.prose import TextCleaner
from scanward.model.identifier import Identifier, IdentifierKind

_UID = re.compile(r"[0-2](?:\.\d+){4,}")
_STUDY_UID = re.compile(r"study.{0,12}uid|^(?:113014|110180)$", re.IGNORECASE)
_YEAR = re.compile(r"(?:19|20)\d\d")
_SHORTEST_DATE = 8
_MEDIA = {"text": "text/plain", "pdf": "application/pdf", "plain": "text/plain", "txt": "text/plain"}
_ID_TREATS = frozenset({Treat.PATIENT_ID, Treat.ACCESSION, Treat.OTHER_ID, Treat.DEVICE, Treat.UID})
_NAME_COMPONENTS = 3


def read_facts(data: bytes) -> DocumentFacts:
    """Return what the fields of messages say.

    Parameters
    ----------
    data
        One message or several, with or without the frame of MLLP.

    Raises
    ------
    DocumentError
        It cannot be read.
    """
    message = parse_message(data)
    identifiers: set[Identifier] = set()
    for segment in message.segments:
        for number, treat in SEGMENTS.get(segment.name, {}).items():
            raw = segment.get(number)
            if treat is Treat.VALUE:
                treat = _study_uid_or(segment, VALUE_TYPES.get(segment.get(2).upper(), Treat.PROSE))
            if raw and treat in KINDS:
                for one in raw.split(segment.separators.repetition):
                    identifiers.update(_identifiers(treat, one, segment.separators, message.encoding))
    return DocumentFacts(
        identifiers=frozenset(identifiers),
        patient_ids=_values(identifiers, IdentifierKind.PATIENT_ID),
        accession_numbers=_values(identifiers, IdentifierKind.ACCESSION),
        study_uids=_values(identifiers, IdentifierKind.UID),
    )


def clean(data: bytes, cleaner: TextCleaner, *, embedded: Embedded = text_alone) -> CleanedDocument:
    """Return messages cleaned: the same segments and fields in the same order, separators and line ends.

    Parameters
    ----------
    data
        One message or several, with or without the frame of MLLP.
    cleaner
        What cleans their text.
    embedded
        What cleans documents inside of them (OBX of type ED).

    Raises
    ------
    DocumentError
        They cannot be read, or something known stays.
    """
    message = parse_message(data)
    work = _Cleaning(message, cleaner, embedded)
    segments = [segment for segment in map(work.segment, message.segments) if segment is not None]
    work.texts()
    text = "".join(map(str, segments))
    return work.fields.document(message.encode(text), work.readable(segments))


class _Cleaning:
    """Cleans one file, segment by segment; text of neighbouring lines is cleaned together, at the end."""

    def __init__(self, message: Message, cleaner: TextCleaner, embedded: Embedded) -> None:
        self.fields = Fields(cleaner)
        self._message = message
        self._embedded = embedded
        self._count = 0
        self._lines: list[tuple[Segment, int, list[str]]] = []
        self._runs: list[list[tuple[Segment, int, list[str]]]] = []
        self._documents: list[str] = []

    def segment(self, segment: Segment) -> Segment | None:
        """Clean a segment in place; None where nothing of it may stay."""
        treats = SEGMENTS.get(segment.name)
        if treats is None:
            self.fields.leave_out("segment")
            return None
        if segment.name not in {"OBX", "NTE"}:
            self._end_run()
        for index, raw in enumerate(segment.fields):
            number = index + segment.first
            treat = treats.get(number)
            if raw.strip() and raw != '""':
                segment.fields[index] = self._field(segment, number, treat, raw)
        return segment

    def _field(self, segment: Segment, number: int, treat: Treat | None, raw: str) -> str:
        if treat is None:
            self.fields.leave_out("field")
            return ""
        if treat is Treat.VALUE:
            return self._value(segment, number, raw)
        if treat is Treat.PROSE and segment.name == "NTE":
            self._lines.append((segment, number, raw.split(segment.separators.repetition)))
            return raw
        return self._repetitions(segment, treat, raw)

    def _repetitions(self, segment: Segment, treat: Treat, raw: str) -> str:
        marks = segment.separators
        return marks.repetition.join(self._one(marks, treat, one) if one else "" for one in raw.split(marks.repetition))

    def _value(self, segment: Segment, number: int, raw: str) -> str:
        kind = segment.get(2).upper()
        if kind == "ED":
            return self._document(segment, raw)
        treat = VALUE_TYPES.get(kind)
        if treat is None:
            self.fields.leave_out("value")
            return ""
        treat = _study_uid_or(segment, treat)
        if treat is Treat.PROSE:
            self._lines.append((segment, number, raw.split(segment.separators.repetition)))
            return raw
        return self._repetitions(segment, treat, raw)

    def _one(self, marks: Separators, treat: Treat, raw: str) -> str:
        """Clean one repetition of a field."""
        components = raw.split(marks.component)
        if treat in {Treat.KEEP, Treat.CODED}:
            return marks.component.join(
                self._text(marks, one, prose=treat is Treat.CODED and number in CODED_WORDS)
                for number, one in enumerate(components, start=1)
            )
        if treat is Treat.PROSE:
            return self._text(marks, raw, prose=True)
        if treat is Treat.NUMBER:
            self._count += 1
            return str(self._count)
        if treat in {Treat.DATE, Treat.BIRTH_DATE, Treat.YEAR}:
            return self._date(marks, treat, components[0])
        kind = KINDS[treat]
        plain = [self._plain(marks, one) for one in components]
        if treat in _ID_TREATS:
            shown = self._id(kind, plain)
        elif treat is Treat.NESTED_PROVIDER:
            nested = components[0].split(marks.part)
            return marks.part.join(self._names(marks, kind, [self._plain(marks, one) for one in nested], first=1))
        elif treat in {Treat.PATIENT_NAME, Treat.NAME, Treat.PROVIDER}:
            shown = self._names(marks, kind, plain, first=int(treat is Treat.PROVIDER))
            return marks.component.join(shown)
        elif treat is Treat.PHONE:
            shown = self._contact(plain)
        elif treat is Treat.ADDRESS:
            shown = [self.fields.replace(kind, one) if place in {0, 1, 2, 4} else "" for place, one in enumerate(plain)]
        else:
            shown = [self.fields.replace(kind, plain[0])]
        return marks.component.join(map(marks.escaped, shown)).rstrip(marks.component)

    def _id(self, kind: IdentifierKind, plain: Sequence[str]) -> list[str]:
        """Return an EI, CX or RP with its ID replaced; kinds of IDs stay, who gave them goes."""
        if kind is IdentifierKind.UID:
            uid = self.fields.replace(kind, plain[0]) if _UID.fullmatch(plain[0].strip()) else ""
            return [uid, "", *(self.fields.keep(one) for one in plain[2:4])]
        if _UID.fullmatch(plain[0].strip()):
            return [self.fields.replace(IdentifierKind.UID, plain[0])]
        return [
            self.fields.replace(kind, plain[0]),
            *([""] * 3 + [self.fields.keep(plain[4])] if len(plain) > 4 else []),
        ]

    def _names(self, marks: Separators, kind: IdentifierKind, plain: Sequence[str], *, first: int) -> list[str]:
        """Return an XPN or XCN with ID and name replaced."""
        result = [self.fields.replace(IdentifierKind.OTHER_ID, plain[0])] if first and plain else []
        # A family name has parts of its own (FN): prefix and stem.
        words = [one.split(marks.part)[0] for one in plain[first : first + _NAME_COMPONENTS]]
        if any(word.strip() for word in words):
            shown = self.fields.replace(kind, "^".join(words).rstrip("^")).split("^")
            result += shown
        return [marks.escaped(one) for one in result]

    def _contact(self, plain: Sequence[str]) -> list[str]:
        shown = [""] * len(plain)
        for place, one in enumerate(plain):
            if place in {1, 2}:
                shown[place] = self.fields.keep(one)
            elif place in {0, 3, 4, 5, 6} and one.strip():
                is_mail = "@" in one
                shown[place] = self.fields.replace(IdentifierKind.EMAIL if is_mail else IdentifierKind.PHONE, one)
        return shown

    def _date(self, marks: Separators, treat: Treat, raw: str) -> str:
        value = self._plain(marks, raw)
        kind = IdentifierKind.BIRTH_DATE if treat is Treat.BIRTH_DATE else IdentifierKind.DATE
        shown = self.fields.date(value, kind)
        if not shown and treat is Treat.YEAR and _YEAR.match(value):
            return value[:4]
        return shown

    def _text(self, marks: Separators, raw: str, *, prose: bool) -> str:
        """Clean a text, or look at a code; what does not change stays as it is written."""
        plain = self._plain(marks, raw)
        shown = self.fields.prose(plain) if prose else self.fields.keep(plain)
        return raw if shown == plain else marks.escaped(shown)

    def _plain(self, marks: Separators, raw: str) -> str:
        return marks.unescape(raw, self._message.encoding)

    def _document(self, segment: Segment, raw: str) -> str:
        """Clean a document in base64 (ED: source, type, subtype, encoding, data)."""
        marks = segment.separators
        parts = (raw.split(marks.component) + [""] * 5)[:5]
        media = _MEDIA.get(parts[2].strip().lower()) or _MEDIA.get(parts[1].strip().lower(), "")
        try:
            data = base64.b64decode(self._plain(marks, parts[4]), validate=False)
        except (binascii.Error, ValueError):
            data = b""
        if parts[3].strip().lower() != "base64" or not data:
            media = ""
        done = self._embedded(media, data, self.fields.cleaner) if media else None
        if done is None:
            self.fields.leave_out("attachment")
            return ""
        self.fields.add(done)
        shown = base64.b64encode(done.data).decode("ascii")
        return marks.component.join(["", *(self.fields.keep(one) for one in parts[1:4]), shown])

    def _end_run(self) -> None:
        if self._lines:
            self._runs.append(self._lines)
            self._lines = []

    def texts(self) -> None:
        """Clean the text of segments that follow each other as one, as a report is written line by line."""
        self._end_run()
        for run in self._runs:
            lines = [self._plain(segment.separators, piece) for segment, _, pieces in run for piece in pieces]
            shown = iter(zip(lines, self.fields.pieces(lines), strict=True))
            for segment, number, pieces in run:
                marks = segment.separators
                cleaned = [
                    piece if old == new else marks.escaped(new)
                    for piece, (old, new) in zip(pieces, shown, strict=False)
                ]
                segment.fields[number - segment.first] = marks.repetition.join(cleaned)

    def readable(self, segments: Sequence[Segment]) -> str:
        """Return all fields as a reader sees them, to be looked at once more; documents inside were."""
        return BREAK.join(self._readable(segments))

    def _readable(self, segments: Sequence[Segment]) -> Iterator[str]:
        for segment in segments:
            marks = segment.separators
            is_document = segment.name == "OBX" and segment.get(2).upper() == "ED"
            for index, raw in enumerate(segment.fields):
                if raw and not (is_document and index + segment.first == 5):
                    yield self._plain(marks, raw)


def _study_uid_or(segment: Segment, treat: Treat) -> Treat:
    """Return that a value is a UID, where OBX-3 says so."""
    marks = segment.separators
    named = any(_STUDY_UID.search(one) for one in segment.get(3).split(marks.component))
    return Treat.UID if named and _UID.match(segment.get(5)) else treat


def _values(identifiers: set[Identifier], kind: IdentifierKind) -> frozenset[str]:
    return frozenset(one.value for one in identifiers if one.kind is kind)


def _identifiers(treat: Treat, raw: str, marks: Separators, encoding: str) -> Iterator[Identifier]:
    """Yield what one repetition of a field says of somebody."""
    separator = marks.part if treat is Treat.NESTED_PROVIDER else marks.component
    plain = [marks.unescape(one, encoding).strip() for one in raw.split(separator)]
    kind = KINDS[treat]
    if treat in {Treat.PATIENT_NAME, Treat.NAME, Treat.PROVIDER, Treat.NESTED_PROVIDER}:
        first = int(treat in {Treat.PROVIDER, Treat.NESTED_PROVIDER})
        name = "^".join(one.replace(marks.part, " ") for one in plain[first : first + _NAME_COMPONENTS]).rstrip("^")
        if name:
            yield Identifier(kind, name)
        if first and plain[0]:
            yield Identifier(IdentifierKind.OTHER_ID, plain[0])
    elif treat in {Treat.DATE, Treat.BIRTH_DATE}:
        digits = plain[0][:_SHORTEST_DATE]
        if len(digits) == _SHORTEST_DATE and digits.isdigit():
            yield Identifier(kind, digits)
    elif treat is Treat.ADDRESS:
        whole = "^".join(filter(None, plain[:5]))
        if whole:
            yield Identifier(kind, whole)
    elif treat is Treat.PHONE:
        for one in plain:
            if len(one) >= _NAME_COMPONENTS and ("@" in one or any(map(str.isdigit, one))):
                yield Identifier(IdentifierKind.EMAIL if "@" in one else kind, one)
    elif plain[0]:
        is_uid = _UID.fullmatch(plain[0]) is not None
        yield Identifier(IdentifierKind.UID if is_uid and treat in _ID_TREATS else kind, plain[0])
