"""Puts back, value by value, what stood in place of the patient's own."""

import re
from collections.abc import Callable
from datetime import date, timedelta

from scanward.dicomstream.charset import decode_text, encode_text
from scanward.dicomstream.dates import shift_da, shift_dt
from scanward.dicomstream.reader import Element, Reader
from scanward.dicomstream.rewrite import Edit, Scope
from scanward.errors import ResultError
from scanward.model.attribute import format_tag
from scanward.release.match import Match
from scanward.release.read import SPECIFIC_CHARACTER_SET, written_vr

UNICODE = b"ISO_IR 192"
"""The character set that has every name (PS3.3 C.12.1.1.2)."""

MAX_TEXT_BYTES = 16 * 1024 * 1024
"""Text longer than this is not edited in memory; the result is held."""

MAKING_DATES = frozenset(
    (
        0x00080012,  # Instance Creation Date
        0x00080015,  # Instance Coercion DateTime
        0x00080021,  # Series Date
        0x00080023,  # Content Date
        0x00181012,  # Date of Secondary Capture
        0x0018A002,  # Contribution DateTime
        0x00203403,  # Modified Image Date
        0x00400244,  # Performed Procedure Step Start Date
        0x00400250,  # Performed Procedure Step End Date
        0x00404050,  # Performed Procedure Step Start DateTime
        0x00404051,  # Performed Procedure Step End DateTime
        0x0040A030,  # Verification DateTime
        0x0040A032,  # Observation DateTime
        0x0040A082,  # Participation DateTime
        0x00440004,  # Approval Status DateTime
        0x00700082,  # Presentation Creation Date
        0x04000105,  # Digital Signature DateTime
        0x04000562,  # Attribute Modification DateTime
        0x30060008,  # Structure Set Date
        0x300A0006,  # RT Plan Date
        0x300E0004,  # Review Date
    )
)
"""Attributes that say when the result itself was made."""

CLOCK_DAYS = 1
"""How far a recipient's clock and time zone may be off ours."""

EDITED_TEXT_VRS = frozenset(("LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"))
"""Value Representations in which UIDs and pseudonyms are looked for in running text."""

CHARSET_VRS = EDITED_TEXT_VRS - {"UR"}
"""Value Representations that Specific Character Set is about (PS3.5 Section 6.1.2.3)."""

MAX_CHARACTERS = {"LO": 64, "SH": 16}
"""PS3.5 Table 6.2-1, of a value."""

_UID_IN_TEXT = re.compile(r"(?<![0-9.])[0-2](?:\.[0-9]{1,39})+(?![0-9])(?!\.[0-9])")
_DEFAULT_REPERTOIRE = (b"", b"ISO_IR 6", b"ISO 2022 IR 6")
_UPPER_HALF_DESIGNATED = re.compile(rb"\x1b(?:\$?\)|-)")
_DATE = re.compile(r"\d{4}(?:\d{2}(?:\d{2})?)?")

Edited = Edit | bytes


class ValueRestorer:
    """Puts values of one result back.

    Parameters
    ----------
    match
        What the result belongs to.
    received_on
        The day on which it came.
    recode
        Whether its text goes over to Unicode.
    """

    def __init__(self, match: Match, *, received_on: date, recode: bool) -> None:
        self._match = match
        self._offset_days = -match.originals.offset_days
        self._received_on = received_on
        self._made_since = match.disclosed_on - timedelta(days=CLOCK_DAYS)
        self._recode = recode
        self._pseudonym = re.compile(re.escape(match.originals.pseudonym), re.IGNORECASE)
        self._by_vr: dict[str, Callable[[Element, Scope, Reader], Edited]] = {
            "UI": self._uid,
            "DA": self._date,
            "DT": self._date,
            **dict.fromkeys(EDITED_TEXT_VRS, self._text),
        }

    def restore(self, element: Element, scope: Scope, reader: Reader) -> Edited:
        """Return the new value of an element that is no sequence, or `Edit.KEEP`.

        Raises
        ------
        ResultError
            It cannot be put back safely.
        """
        if element.tag == SPECIFIC_CHARACTER_SET:
            return UNICODE if self._recode else Edit.KEEP
        vr = written_vr(element)
        method = self._by_vr.get(vr)
        if method is None or not element.length:
            return Edit.KEEP
        if element.length > MAX_TEXT_BYTES:
            raise ResultError(f"{format_tag(element.tag)}: expected at most {MAX_TEXT_BYTES} bytes of text")
        edited = method(element, scope, reader)
        if element.vr == b"UN" and vr != "UI" and isinstance(edited, bytes):
            # The encoder does not know what UN stands for; text is padded with a space.
            return edited + b" " * (len(edited) & 1)
        return edited

    def _uid(self, element: Element, _scope: Scope, reader: Reader) -> Edited:
        values = reader.read(element.value, element.length).decode("iso8859-1").split("\\")
        stripped = [value.strip(" \0") for value in values]
        new = [self._match.uids.get(value, value) for value in stripped]
        return Edit.KEEP if new == stripped else "\\".join(new).encode("iso8859-1")

    # Dates

    def _date(self, element: Element, _scope: Scope, reader: Reader) -> Edited:
        if not self._offset_days:
            return Edit.KEEP
        values = reader.read(element.value, element.length).decode("iso8859-1").strip(" \0").split("\\")
        try:
            new = [self._move(element, value.strip()) for value in values]
        except ValueError:
            raise ResultError(f"{format_tag(element.tag)}: expected a date that can be moved back, got none") from None
        return Edit.KEEP if new == values else "\\".join(new).encode("ascii")

    def _move(self, element: Element, value: str) -> str:
        """Return a date as it was before it went out; what the recipient made itself stays."""
        if not value:
            return value
        if element.tag in MAKING_DATES and _day(value) >= self._made_since:
            return value
        moved = (shift_dt if written_vr(element) == "DT" else shift_da)(value, self._offset_days)
        # What would lie ahead of us cannot have come from us.
        return value if _day(moved) > self._received_on + timedelta(days=CLOCK_DAYS) else moved

    # Text

    def _text(self, element: Element, scope: Scope, reader: Reader) -> Edited:
        raw = reader.read(element.value, element.length).rstrip(b" \0")
        vr = written_vr(element)
        charset = scope.charset if vr in CHARSET_VRS else b""
        text = decode_text(raw, charset)
        new = self._restore_text(text, vr)
        if new == text and (not self._recode or vr not in CHARSET_VRS or _is_plain(raw)):
            return Edit.KEEP
        if any(len(value) > MAX_CHARACTERS.get(vr, MAX_TEXT_BYTES) for value in new.split("\\")) and new != text:
            raise ResultError(f"{format_tag(element.tag)}: expected room for the patient's own ID, got too little")
        if self._recode and not _is_faithful(raw, text, charset):
            raise ResultError(
                f"{format_tag(element.tag)}: expected text in its Specific Character Set, got other bytes",
                remedy="Ask the recipient to send text in the character set that the result names.",
            )
        encoded = encode_strictly(new, UNICODE if self._recode else charset)
        if encoded is None:
            raise ResultError(f"{format_tag(element.tag)}: expected a character set that has what is put back in it")
        return encoded

    def _restore_text(self, text: str, vr: str) -> str:
        originals = self._match.originals
        if vr == "PN":
            groups = [originals.patient_name if self._is_pseudonym(name) else name for name in text.split("\\")]
            text = "\\".join(groups)
        else:
            text = self._pseudonym.sub(lambda _: originals.patient_id, text)
        return _UID_IN_TEXT.sub(lambda found: self._match.uids.get(found.group(), found.group()), text)

    def _is_pseudonym(self, name: str) -> bool:
        return self._pseudonym.fullmatch(name.strip("^= ")) is not None


def encode_strictly(text: str, charset: bytes) -> bytes | None:
    """Encode text in a Specific Character Set, or return None where that has not all its characters.

    Where the first of its values is the default repertoire, codecs in use fill the upper half up with Latin-1, which
    nobody declared: bytes there count only behind an escape that says what they are.
    """
    encoded = encode_text(text, charset)
    if encoded is None or encoded.isascii() or charset.split(b"\\")[0].strip() not in _DEFAULT_REPERTOIRE:
        return encoded
    return encoded if _UPPER_HALF_DESIGNATED.search(encoded) else None


def _is_plain(raw: bytes) -> bool:
    """Whether a value is the same in every character set."""
    return raw.isascii() and b"\x1b" not in raw


def _is_faithful(raw: bytes, text: str, charset: bytes) -> bool:
    """Whether the bytes of a value are what its character set makes of the text that they were read as."""
    if _is_plain(raw):
        return True
    if b"\x1b" in raw:
        # The same text has more than one spelling with code extensions.
        return "\x1b" not in text and "\ufffd" not in text and encode_text(text, charset) is not None
    return encode_strictly(text, charset) == raw


def _day(value: str) -> date:
    """Return the first day that a DA or DT value may mean.

    Raises
    ------
    ValueError
        It is none.
    """
    found = _DATE.match(value.replace(".", "") if len(value) == 10 else value)
    if found is None:
        raise ValueError("expected a date")
    digits = found.group().ljust(8, "0")
    return date(int(digits[:4]), int(digits[4:6]) or 1, int(digits[6:8]) or 1)
