"""Carries an operation out on one value."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from scanward.deidentify.codestream.document import blank_document
from scanward.deidentify.header.plan import PATIENT_ID, TEXT_VRS, Method, Operation, Plan
from scanward.deidentify.header.scan import MIME_TYPE, InstanceFacts
from scanward.deidentify.pseudonym import UID_PATTERN, Pseudonyms
from scanward.deidentify.text.clean import Cleaned, clean_technical, clean_text
from scanward.deidentify.text.known import KnownIdentifiers, SearchContext
from scanward.deidentify.text.names import parse_person_names
from scanward.deidentify.text.prose import TextCleaner, is_prose
from scanward.deidentify.text.words import find_names
from scanward.dicomstream.charset import decode_text, encode_text
from scanward.dicomstream.dates import cap_age, shift_da, shift_dt
from scanward.dicomstream.encoding import Encoding
from scanward.dicomstream.reader import Element, Reader
from scanward.dicomstream.rewrite import Edit, Scope
from scanward.errors import DeidentificationError
from scanward.model.attribute import Action, Reason, format_tag
from scanward.model.identifier import IdentifierKind
from scanward.model.profile import Option
from scanward.model.text import TextMode
from scanward.standard.dictionary import find_attribute, vr_of
from scanward.standard.terms import is_defined_term
from scanward.standard.uids import is_registered, is_well_formed_uid

MAX_TEXT_BYTES = 16 * 1024 * 1024
"""Text longer than this is not cleaned in memory; the instance is quarantined."""

SEARCH_CHUNK_BYTES = 1024 * 1024
SEARCH_OVERLAP_BYTES = 1024
"""Large values are searched in chunks that overlap by more than the longest identifier."""

ENCAPSULATED_DOCUMENT = 0x00420011
ENCAPSULATED_DOCUMENT_LENGTH = 0x00420015
CODING_SCHEME_DESIGNATOR = 0x00080102

_DUMMIES = {
    "AE": b"REMOVED", "AS": b"000D", "CS": b"REMOVED", "DA": b"19000101", "DS": b"0", "DT": b"19000101000000",
    "IS": b"0", "LO": b"REMOVED", "LT": b"REMOVED", "PN": b"REMOVED", "SH": b"REMOVED", "ST": b"REMOVED",
    "TM": b"000000", "UC": b"REMOVED BY DE-IDENTIFICATION", "UR": b"urn:removed", "UT": b"REMOVED",
    "AT": bytes(4), "FD": bytes(8), "FL": bytes(4), "SL": bytes(4), "SS": bytes(2), "SV": bytes(8), "UL": bytes(4),
    "US": bytes(2), "UV": bytes(8), "OB": bytes(2), "OD": bytes(8), "OF": bytes(4), "OL": bytes(4), "OV": bytes(8),
    "OW": bytes(2), "UN": bytes(2),
}  # fmt: skip
"""A value that fits each VR and says nothing."""

DUMMY_TEXTS = frozenset(
    {"REMOVED", "REMOVED BY DE-IDENTIFICATION", "19000101", "19000101000000", "000000", "0", "000D", "urn:removed"}
)
"""What the dummies read as: never identifiers, even where an input holds them already."""

_VENDOR_TERMS = frozenset({0x00080005, 0x00080008, 0x00180022})
"""Coded strings with terms of character sets and of vendors (Image Type, Scan Options), which no list holds."""

_NUMBER_BYTES = {
    "AT": 4, "FD": 8, "FL": 4, "OD": 8, "OF": 4, "OL": 4, "OV": 8, "SL": 4, "SS": 2, "SV": 8, "UL": 4, "US": 2, "UV": 8,
}  # fmt: skip
"""Length of one number of each binary VR (PS3.5 Table 6.2-1)."""

_BINARY_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", *_NUMBER_BYTES})

_FREE_VRS = TEXT_VRS | {"CS"}

_UNSPLIT_VRS = frozenset({"ST", "LT", "UT"})
_WELL_FORMED = {
    "DS": re.compile(rb"[0-9eE+.\- \\\0]*\Z"),
    "IS": re.compile(rb"[0-9+\- \\\0]*\Z"),
    "DA": re.compile(rb"[0-9.\- \\\0]*\Z"),
    "TM": re.compile(rb"[0-9.:\- \\\0]*\Z"),
    "DT": re.compile(rb"[0-9.+\- \\\0]*\Z"),
    "CS": re.compile(rb"[^\0]*\0*\Z"),
    "AS": re.compile(rb"[0-9]{3}[DWMYdwmy][ \0]*\Z|[ \0]*\Z"),
}
"""What a value of each VR consists of (PS3.5 Table 6.2-1); anything else in it is not what it claims to be."""

DATE_SHIFTED = 1 << len(Option)
DATE_KEPT = DATE_SHIFTED << 1
OPTION_BITS = {option: 1 << number for number, option in enumerate(Option)}
"""What the marks of an output are derived from: which options decided something, and what happened to dates."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What the instances of one study and SOP Class have in common.

    Attributes
    ----------
    plan
        What is done with each Attribute.
    pseudonyms
        The recipient's.
    known
        The identifiers that must not be in the output.
    patient
        The patient's pseudonym.
    offset_days
        By how much the patient's dates move.
    charset
        Raw value of Specific Character Set.
    cleaner
        Cleans what people wrote in sentences.
    """

    plan: Plan
    pseudonyms: Pseudonyms
    known: KnownIdentifiers
    cleaner: TextCleaner
    patient: str
    offset_days: int
    charset: bytes


class Edited(NamedTuple):
    """What became of a value: the edit, what to report of it, and what the marks may claim (bits)."""

    edit: Edit | bytes
    action: Action
    reason: Reason
    claims: int = 0


class ValueEditor:
    """Edits values under one context.

    Parameters
    ----------
    context
        What the instances have in common.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        options = context.plan.profile.options
        self._retains_uids = Option.RETAIN_UIDS in options
        self._retains_dates = Option.RETAIN_FULL_DATES in options
        self._retains_institution = Option.RETAIN_INSTITUTION_IDENTITY in options
        self._shift_days = context.offset_days if Option.RETAIN_MODIFIED_DATES in options else None
        self._names_others = context.plan.profile.text.mode is TextMode.SURROGATE
        self._facts: InstanceFacts | None = None
        self._document: bytes | None = None
        self._methods: dict[Method, Callable[[Element, Scope, Reader, Operation], Edited]] = {
            Method.KEEP_CHECKED: self._keep_checked,
            Method.EMPTY: self._empty,
            Method.DUMMY: self._dummy,
            Method.PSEUDONYM: self._pseudonym,
            Method.UID: self._uid,
            Method.CLEAN_TEXT: self._clean_text,
            Method.SHIFT: self._shift,
            Method.CAP_AGE: self._cap_age,
        }

    def begin(self, facts: InstanceFacts, document: bytes | None = None) -> None:
        """Go over to another instance, and to what stands for the document that it encapsulates."""
        self._facts = facts
        self._document = document

    def document_length(self, encoding: Encoding) -> bytes:
        """Return the value of Encapsulated Document Length (0042,0015) for the document that leaves."""
        document = self._document if self._document is not None else self._dummy_document()
        return len(document).to_bytes(4, "little" if encoding.little else "big")

    def edit(self, element: Element, scope: Scope, reader: Reader, operation: Operation) -> Edited:
        """Carry `operation` out on the value of an element that is no sequence.

        Raises
        ------
        DeidentificationError
            It cannot be carried out.
        """
        method = operation.method
        is_text = method is not Method.KEEP_CHECKED or _vr(element) not in _BINARY_VRS
        if element.length > MAX_TEXT_BYTES and is_text and method not in (Method.DUMMY, Method.EMPTY):
            raise DeidentificationError(f"{format_tag(element.tag)}: expected at most {MAX_TEXT_BYTES} bytes of text")
        edited = self._methods[method](element, scope, reader, operation)
        if element.vr == b"UN" and isinstance(edited.edit, bytes) and vr_of(element.tag) not in ("UI", "UN"):
            # The encoder does not know what UN stands for; text is padded with a space.
            return edited._replace(edit=edited.edit + b" " * (len(edited.edit) & 1))
        return edited

    def withdraw(self, element: Element, operation: Operation, reason: Reason) -> Edited:
        """Take a value out in the way that leaves the instance valid."""
        # Where the Type is not known, a dummy text is valid and no value may not be.
        if operation.is_required or (not operation.attribute_type and _vr(element) in _FREE_VRS):
            return Edited(self._dummy_value(element), Action.DUMMY, reason)
        if operation.attribute_type == "3":
            return Edited(Edit.REMOVE, Action.REMOVE, reason)
        return Edited(b"", Action.EMPTY, reason)

    # What operations do

    def _keep_checked(self, element: Element, scope: Scope, reader: Reader, operation: Operation) -> Edited:
        vr = _vr(element)
        if self._holds_identifier(element, scope, reader, vr):
            if vr in TEXT_VRS:
                return self._clean_text(element, scope, reader, operation)
            return self.withdraw(element, operation, Reason.IDENTIFIER)
        size = _NUMBER_BYTES.get(vr)
        if size is not None and not _has_right_length(element, size):
            return self.withdraw(element, operation, Reason.MALFORMED)
        if vr == "UI":
            return self._keep_uid(element, scope, reader, operation)
        form = _WELL_FORMED.get(vr)
        if form is not None and not form.match(reader.read(element.value, element.length)):
            return self.withdraw(element, operation, Reason.MALFORMED)
        if vr == "CS" and element.tag not in _VENDOR_TERMS and self._is_doubtful(element, scope, reader):
            return self.withdraw(element, operation, Reason.TEXT)
        if vr in TEXT_VRS:
            return self._clean(clean_technical, element, scope, reader, operation)
        claims = DATE_KEPT if vr in ("DA", "DT", "TM") and element.length else 0
        return _done(Edit.KEEP, operation, claims=claims)

    def _holds_identifier(self, element: Element, scope: Scope, reader: Reader, vr: str) -> bool:
        known = self._context.known
        length = element.length
        if vr in ("DS", "IS"):
            raw = reader.read(element.value, length)
            return known.find_in_number_texts(raw.decode("iso8859-1"))
        if vr in TEXT_VRS or vr in ("CS", "AE", "UR", "UN"):
            raw = reader.read(element.value, length)
            if vr == "UN" and known.contains(raw, SearchContext.BINARY):
                return True
            return bool(known.find_in_text(decode_text(raw, scope.charset)))
        for offset in range(0, length, SEARCH_CHUNK_BYTES):
            chunk = min(SEARCH_CHUNK_BYTES + SEARCH_OVERLAP_BYTES, length - offset)
            if known.contains(reader.read(element.value + offset, chunk), SearchContext.BINARY):
                return True
        return False

    @staticmethod
    def _is_doubtful(element: Element, scope: Scope, reader: Reader) -> bool:
        """Whether a coded string holds a word that is no term of the standard and may be a name."""
        text = decode_text(reader.read(element.value, element.length), scope.charset)
        values = (value.strip() for value in text.split("\\"))
        return any(value and not is_defined_term(value) and find_names(value) for value in values)

    def _empty(self, _element: Element, _scope: Scope, _reader: Reader, operation: Operation) -> Edited:
        return _done(b"", operation, Action.EMPTY)

    def _dummy(self, element: Element, scope: Scope, reader: Reader, operation: Operation) -> Edited:
        if element.tag == ENCAPSULATED_DOCUMENT:
            if self._document is not None and not scope.path:
                return _done(self._document, operation, Action.CLEAN)
            return _done(self._dummy_document(), operation, Action.DUMMY)
        if element.length == 0 and not operation.is_required:
            return _done(Edit.KEEP, operation, Action.DUMMY)
        named = self._other_name(element, scope, reader) if self._names_others and _vr(element) == "PN" else None
        return _done(named or self._dummy_value(element), operation, Action.DUMMY)

    def _other_name(self, element: Element, scope: Scope, reader: Reader) -> bytes | None:
        """Return another name for that of a person, where the profile puts surrogates in the place of names."""
        value = decode_text(reader.read(element.value, element.length), scope.charset).strip(" \0")
        if not parse_person_names(value):
            return None  # a placeholder names nobody
        shown = self._context.cleaner.replace(IdentifierKind.PERSON_NAME, value)
        return encode_text(shown, scope.charset)

    def _dummy_value(self, element: Element) -> bytes:
        vr = _vr(element)
        if vr == "UI":
            return self._context.pseudonyms.uid(f"dummy|{self._context.patient}|{element.tag:08X}").encode("ascii")
        return _DUMMIES[vr]

    def _dummy_document(self) -> bytes:
        mime_type = self._facts.text(MIME_TYPE) if self._facts is not None else ""
        blank = blank_document(mime_type)
        if blank is None:
            raise DeidentificationError(
                "Encapsulated Document: expected a MIME type that a blank document can be made for",
                remedy="Leave this instance out, or have the document converted to PDF.",
            )
        return blank

    def _pseudonym(self, element: Element, scope: Scope, _reader: Reader, operation: Operation) -> Edited:
        if scope.path and element.tag == PATIENT_ID:
            return _done(b"", operation, Action.EMPTY)
        return _done(self._context.patient.encode("ascii"), operation)

    def _uid(self, element: Element, _scope: Scope, reader: Reader, operation: Operation) -> Edited:
        raw = reader.read(element.value, element.length).strip(b" \0")
        values = raw.decode("iso8859-1").split("\\")
        new = [value if is_registered(value) or not value else self._context.pseudonyms.uid(value) for value in values]
        if new == values:
            return Edited(Edit.KEEP, Action.KEEP, Reason.SAFE)
        return _done("\\".join(new).encode("ascii"), operation, Action.UID)

    def _keep_uid(self, element: Element, scope: Scope, reader: Reader, operation: Operation) -> Edited:
        """Keep UIDs; what is none (a hash, a serial number with letters) is replaced by one."""
        values = reader.read(element.value, element.length).decode("iso8859-1").strip(" \0").split("\\")
        if all(not value or is_well_formed_uid(value) for value in values):
            return _done(Edit.KEEP, operation)
        return self._uid(element, scope, reader, operation)

    def _clean_text(self, element: Element, scope: Scope, reader: Reader, operation: Operation) -> Edited:
        return self._clean(self._clean_free_text, element, scope, reader, operation)

    def _clean_free_text(self, text: str, known: KnownIdentifiers) -> Cleaned:
        if is_prose(text):
            prose = self._context.cleaner.clean(text)
            if not self._context.cleaner.finds_known(prose):
                return Cleaned(prose.text, tuple(sorted({one.kind for one in prose.replaced})))
        return clean_text(
            text,
            known,
            shift_days=self._shift_days,
            retain_dates=self._retains_dates,
            retain_institution=self._retains_institution,
        )

    def _clean(  # the parts of one call
        self,
        clean: Callable[[str, KnownIdentifiers], Cleaned],
        element: Element,
        scope: Scope,
        reader: Reader,
        operation: Operation,
    ) -> Edited:
        raw = reader.read(element.value, element.length).rstrip(b" \0")
        text = decode_text(raw, scope.charset)
        values = [text] if _vr(element) in _UNSPLIT_VRS else text.split("\\")
        known = self._context.known
        cleaned = [clean(UID_PATTERN.sub(self._replace_uid, value), known).text for value in values]
        if [value.strip() for value in values] == [value.strip() for value in cleaned]:
            return _done(Edit.KEEP, operation)
        new = encode_text("\\".join(cleaned), scope.charset) if any(cleaned) else b""
        if new is None:
            return self.withdraw(element, operation, Reason.MALFORMED)
        if not new and operation.attribute_type in ("", "1", "1C"):
            return self.withdraw(element, operation, Reason.TEXT)
        return _done(new, operation, Action.CLEAN)

    def _replace_uid(self, match: re.Match[str]) -> str:
        uid = match.group()
        return uid if self._retains_uids or is_registered(uid) else self._context.pseudonyms.uid(uid)

    def _shift(self, element: Element, _scope: Scope, reader: Reader, operation: Operation) -> Edited:
        values = reader.read(element.value, element.length).decode("iso8859-1").strip(" \0").split("\\")
        shift = shift_dt if _vr(element) == "DT" else shift_da
        try:
            new = [shift(value.strip(), self._context.offset_days) if value.strip() else "" for value in values]
        except ValueError:
            return self.withdraw(element, operation, Reason.MALFORMED)
        return _done("\\".join(new).encode("ascii"), operation, claims=DATE_SHIFTED if any(new) else 0)

    def _cap_age(self, element: Element, _scope: Scope, reader: Reader, operation: Operation) -> Edited:
        raw = reader.read(element.value, element.length).strip(b" \0")
        try:
            capped = cap_age(raw.decode("ascii").upper()) if raw else ""
        except ValueError:
            return self.withdraw(element, operation, Reason.MALFORMED)
        if capped.encode("ascii") == raw:
            return _done(Edit.KEEP, operation, Action.KEEP)
        return _done(capped.encode("ascii"), operation, Action.CLEAN)


def _has_right_length(element: Element, number_bytes: int) -> bool:
    """Whether a value holds as many numbers as its Attribute has."""
    entry = find_attribute(element.tag)
    # An O value is one value of many numbers.
    if entry is not None and entry.vm.isdecimal() and not element.vr.startswith(b"O"):
        return element.length in (0, number_bytes * int(entry.vm))
    return element.length % number_bytes == 0


def _done(edit: Edit | bytes, operation: Operation, action: Action | None = None, claims: int = 0) -> Edited:
    """Return an edit that went as planned; an option that decided it may be claimed."""
    if operation.option is not None:
        claims |= OPTION_BITS[operation.option]
    return Edited(edit, action or operation.action, operation.reason, claims)


def _vr(element: Element) -> str:
    """Return the VR to write a value for: the dictionary's where the file says UN."""
    vr = element.vr.decode("ascii")
    return vr_of(element.tag) if vr == "UN" else vr
