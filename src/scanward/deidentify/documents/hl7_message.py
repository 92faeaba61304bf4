"""HL7 v2 messages taken apart and put together again, byte for byte where nothing is changed.

A splitter of our own: the library at hand works on text it has normalised, so that line ends, frames and escapes that
it does not know would not come back as they were.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from scanward.deidentify.documents.hl7_fields import CHARACTER_SETS
from scanward.deidentify.documents.plain import decode
from scanward.errors import DocumentError

MAX_BYTES = 64 << 20
MAX_SEGMENTS = 1 << 18

_HEADERS = ("MSH", "FHS", "BHS")
_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
_LINE_END = re.compile(r"\r\n|\r|\n")
_FRAME_START, _FRAME_END = b"\x0b", b"\x1c"
_MARKS = re.compile(r"[!-/:-@\[-`{-~]{4,5}")
_HEX = re.compile(r"(?:[\dA-Fa-f]{2})+")
_LINE_COMMANDS = re.compile(r"\.(?:br|sp\s*\d*|ce|fi|nf)", re.IGNORECASE)
_SILENT_COMMANDS = re.compile(r"[HN]|\.(?:in|ti|sk)\s*[+-]?\s*\d*", re.IGNORECASE)


class Separators(NamedTuple):
    """The characters that part a message, as its header says.

    Attributes
    ----------
    field, component, repetition, escape, part
        What parts fields, components, repetitions, what begins and ends escapes, what parts components again.
    """

    field: str
    component: str
    repetition: str
    escape: str
    part: str

    def unescape(self, text: str, encoding: str) -> str:
        """Return text as a reader sees it: escapes of separators and bytes undone, commands for lines as line ends.

        Raises
        ------
        DocumentError
            An escape is not closed, or not known.
        """
        if self.escape not in text:
            return text
        pieces = text.split(self.escape)
        if len(pieces) % 2 == 0:
            raise DocumentError("expected escapes of HL7 in pairs, got one that does not end", remedy=_REMEDY)
        for index in range(1, len(pieces), 2):
            pieces[index] = self._unescaped(pieces[index], encoding)
        return "".join(pieces)

    def _unescaped(self, code: str, encoding: str) -> str:
        marks = {"F": self.field, "S": self.component, "T": self.part, "R": self.repetition, "E": self.escape}
        if code in marks:
            return marks[code]
        if code[:1] == "X" and _HEX.fullmatch(code[1:]):
            try:
                text = bytes.fromhex(code[1:]).decode(encoding or "utf-8")
            except UnicodeDecodeError:
                raise _unknown_escape() from None
            return "".join(char if char.isprintable() else "\n" for char in text)
        if _LINE_COMMANDS.fullmatch(code):
            return "\n"
        if _SILENT_COMMANDS.fullmatch(code):
            return ""
        raise _unknown_escape()

    def escaped(self, text: str) -> str:
        """Return text with separators escaped, and line ends as commands."""
        marks = {self.escape: "E", self.field: "F", self.component: "S", self.part: "T", self.repetition: "R"}
        shown = "".join(f"{self.escape}{marks[char]}{self.escape}" if char in marks else char for char in text)
        return _LINE_END.sub(lambda _: f"{self.escape}.br{self.escape}", shown)


@dataclass(kw_only=True, slots=True)
class Segment:
    """A segment.

    Attributes
    ----------
    name
        Its three letters.
    fields
        Its fields as written, the first at 0; those of a header begin with field 3.
    end
        What ends its line.
    separators
        Of its message.
    """

    name: str
    fields: list[str]
    end: str
    separators: Separators

    def get(self, number: int) -> str:
        """Return the field of a number, empty where it is not there; not for the separators of a header."""
        index = number - self.first
        return self.fields[index] if 0 <= index < len(self.fields) else ""

    @property
    def first(self) -> int:
        """Number of the first of `fields`."""
        return 3 if self.name in _HEADERS else 1

    def __str__(self) -> str:
        """Write it as it stands in a message."""
        marks = self.separators
        head = [self.name]
        if self.name in _HEADERS:
            head.append(f"{marks.component}{marks.repetition}{marks.escape}{marks.part}")
        return marks.field.join([*head, *self.fields]) + self.end


class Message(NamedTuple):
    """What a file of HL7 v2 holds: one message or several.

    Attributes
    ----------
    segments
        In order.
    encoding
        As Python calls it.
    head, tail
        The frame of MLLP around it.
    """

    segments: list[Segment]
    encoding: str
    head: bytes
    tail: bytes

    def encode(self, text: str) -> bytes:
        """Return the bytes of a text in the encoding and frame of this one.

        Raises
        ------
        DocumentError
            The encoding does not have a character of it.
        """
        try:
            return self.head + text.encode(self.encoding) + self.tail
        except UnicodeEncodeError:
            raise DocumentError(
                "what stands for an identifier cannot be written in the character set of the message (MSH-18)",
                remedy="Send messages in UTF-8.",
            ) from None


_REMEDY = "Have the system that sends it correct the message."


def parse_message(data: bytes) -> Message:
    """Take a file apart.

    Raises
    ------
    DocumentError
        It is no HL7 v2, in a character set that is not read, or too large.
    """
    if len(data) > MAX_BYTES:
        raise DocumentError(
            f"expected a message of {MAX_BYTES >> 20} MB at most, got {len(data) >> 20} MB", remedy="Split it."
        )
    head, body, tail = _unframed(data)
    encoding = _encoding(body)
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError:
        raise DocumentError("expected the character set that MSH-18 says, got another", remedy=_REMEDY) from None
    return Message(_segments(text), encoding, head, tail)


def _unframed(data: bytes) -> tuple[bytes, bytes, bytes]:
    head = data[: len(data) - len(data.lstrip(_FRAME_START + b"\r\n \xef\xbb\xbf"))]
    rest = data[len(head) :]
    body = rest.rstrip(_FRAME_END + b"\r\n")
    tail = rest[len(body) :]
    if _FRAME_START in body or _FRAME_END in body:
        raise DocumentError(
            "expected one frame, got several", remedy="Write each message to a file of its own, or without frames."
        )
    line = tail[: tail.index(_FRAME_END)] if _FRAME_END in tail else tail
    return head, body + line, tail[len(line) :]


def _encoding(body: bytes) -> str:
    if not body.startswith(tuple(name.encode() for name in _HEADERS)):
        raise DocumentError("expected an HL7 v2 message that begins with MSH, got something else", remedy=_REMEDY)
    found = set()
    for line in re.split(rb"[\r\n]+", body):
        if line.startswith(b"MSH") and len(line) > 8:
            fields = line.split(line[3:4])
            # Further repetitions are sets that the text switches to.
            value = fields[17] if len(fields) > 17 else b""
            found.add(value.decode("ascii", "replace").strip().upper())
    encodings = {CHARACTER_SETS[value] for value in found if value in CHARACTER_SETS}
    if not found <= CHARACTER_SETS.keys() or len(encodings) > 1:
        raise DocumentError(
            "expected one character set in MSH-18 that is read, got another or several", remedy="Send UNICODE UTF-8."
        )
    return encodings.pop() if any(encodings) else decode(body, limit=MAX_BYTES).encoding


def _segments(text: str) -> list[Segment]:
    segments: list[Segment] = []
    marks: Separators | None = None
    for line, end in _lines(text):
        if not line:
            if segments:
                segments[-1].end += end
            continue
        name = line[:3]
        if name in _HEADERS:
            marks = _separators(line)
        if marks is None or not _NAME.fullmatch(name) or line[3:4] not in {marks.field, ""}:
            raise DocumentError("expected a segment on each line, got something else", remedy=_REMEDY)
        fields = line[4:].split(marks.field) if len(line) > 3 else []
        segments.append(Segment(name=name, fields=fields[name in _HEADERS :], end=end, separators=marks))
        if len(segments) > MAX_SEGMENTS:
            raise DocumentError(f"expected {MAX_SEGMENTS:,} segments at most, got more", remedy="Split the file.")
    return segments


def _lines(text: str) -> list[tuple[str, str]]:
    """Return lines and what ends each. Where segments end with CR, a bare LF belongs to the text of a field."""
    ends = re.compile(r"\r\n?|\n(?=\r|\Z)") if "\r" in text else _LINE_END
    found, at = [], 0
    for match in ends.finditer(text):
        found.append((text[at : match.start()], match[0]))
        at = match.end()
    if at < len(text):
        found.append((text[at:], ""))
    return found


def _separators(line: str) -> Separators:
    field = line[3:4]
    marks = line[4:].split(field, 1)[0] if field else ""
    if not _MARKS.fullmatch(marks) or not field or field.isalnum() or len({field, *marks}) != len(marks) + 1:
        raise DocumentError("expected four separators in MSH-2, got something else", remedy=_REMEDY)
    return Separators(field, *marks[:4])


def _unknown_escape() -> DocumentError:
    return DocumentError("a message has an escape that is not known", remedy=_REMEDY)
