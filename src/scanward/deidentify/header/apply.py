"""Carries a plan out on the elements of an instance."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from scanward.deidentify.codestream.document import blank_document
from scanward.deidentify.header.charset import decode_text, encode_text
from scanward.deidentify.header.pixels import pixel_pieces
from scanward.deidentify.header.plan import MARKS, PATIENT_ID, TEXT_VRS, Method, Operation, Plan
from scanward.deidentify.header.private import PrivatePlan
from scanward.deidentify.header.scan import MIME_TYPE, InstanceFacts
from scanward.deidentify.pseudonym import UID_PATTERN, Pseudonyms
from scanward.deidentify.text.clean import clean_technical, clean_text
from scanward.deidentify.text.dates import cap_age, shift_da, shift_dt
from scanward.deidentify.text.known import KnownIdentifiers, SearchContext
from scanward.dicomstream.encoding import SHORT_VRS, Encoding, encode_element
from scanward.dicomstream.part10 import DataSetStart
from scanward.dicomstream.reader import Element, Reader
from scanward.dicomstream.rewrite import Decide, Edit, Scope, gather, rewrite_element
from scanward.dicomstream.similar import FIRST_PIXEL_TAG, SimilarDataSets
from scanward.errors import DeidentificationError
from scanward.model.attribute import Action, Path, Reason, Tag, format_tag
from scanward.model.instance import Piece
from scanward.model.profile import Option
from scanward.model.report import Change
from scanward.standard.dictionary import keyword_of, vr_of
from scanward.standard.uids import is_registered

MAX_TEXT_BYTES = 4 * 1024 * 1024
"""Text longer than this is not cleaned in memory; the instance is quarantined."""

SEARCH_CHUNK_BYTES = 1024 * 1024
SEARCH_OVERLAP_BYTES = 1024
"""Large values are searched in chunks that overlap by more than the longest identifier."""

ENCAPSULATED_DOCUMENT = 0x00420011
CODING_SCHEME_DESIGNATOR = 0x00080102

_DUMMIES = {
    "AE": b"REMOVED", "AS": b"000D", "CS": b"REMOVED", "DA": b"19000101", "DS": b"0", "DT": b"19000101000000",
    "IS": b"0", "LO": b"REMOVED", "LT": b"REMOVED", "PN": b"REMOVED", "SH": b"REMOVED", "ST": b"REMOVED",
    "TM": b"000000", "UC": b"REMOVED", "UR": b"urn:removed", "UT": b"REMOVED",
    "AT": bytes(4), "FD": bytes(8), "FL": bytes(4), "SL": bytes(4), "SS": bytes(2), "SV": bytes(8), "UL": bytes(4),
    "US": bytes(2), "UV": bytes(8), "OB": bytes(2), "OD": bytes(8), "OF": bytes(4), "OL": bytes(4), "OV": bytes(8),
    "OW": bytes(2), "UN": bytes(2),
}  # fmt: skip
"""A value that fits each VR and says nothing."""

DUMMY_TEXTS = frozenset({"REMOVED", "19000101", "19000101000000", "000000", "0", "000D", "urn:removed"})
"""What the dummies read as: never identifiers, even where an input holds them already."""

_UNSPLIT_VRS = frozenset({"ST", "LT", "UT"})
_WELL_FORMED = {
    "DS": re.compile(rb"[0-9eE+.\- \\\0]*\Z"),
    "IS": re.compile(rb"[0-9+\- \\\0]*\Z"),
    "DA": re.compile(rb"[0-9.\- \\\0]*\Z"),
    "TM": re.compile(rb"[0-9.:\- \\\0]*\Z"),
    "DT": re.compile(rb"[0-9.+\- \\\0]*\Z"),
    "UI": re.compile(rb"[0-9. \\\0]*\Z"),
    "AS": re.compile(rb"[0-9]{3}[DWMYdwmy][ \0]*\Z|[ \0]*\Z"),
}
"""What a value of each VR consists of (PS3.5 Table 6.2-1); anything else in it is not what it claims to be."""

SIMPLE_VRS = SHORT_VRS
"""Value Representations whose values are short and hold no other elements."""

DATE_SHIFTED = 1 << len(Option)
DATE_KEPT = DATE_SHIFTED << 1
_OPTION_BITS = {option: 1 << number for number, option in enumerate(Option)}


class ChangeSet:
    """The changes of one element or run; equal ones are one object, so that counting them is cheap."""

    __slots__ = ("changes",)

    def __init__(self, changes: tuple[Change, ...]) -> None:
        self.changes = changes


@dataclass(slots=True, eq=False)
class Part:
    """What became of one top-level element, or of a run of them.

    Attributes
    ----------
    tag
        Tag of the first element.
    pieces
        The new bytes, or ranges of the source.
    changes
        What was done, for the report.
    claims
        Options that decided something, as bits, and what happened to dates: what the marks are derived from.
    """

    tag: Tag
    pieces: tuple[Piece, ...]
    changes: ChangeSet
    claims: int


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
    """

    plan: Plan
    pseudonyms: Pseudonyms
    known: KnownIdentifiers
    patient: str
    offset_days: int
    charset: bytes


class Applier:
    """Applies the plan of a context to one instance after the other.

    Parameters
    ----------
    context
        What the instances have in common.
    breaks
        Tags between which something will be put in.
    """

    def __init__(self, context: Context, breaks: tuple[Tag, ...] = ()) -> None:
        self._context = context
        self._private = PrivatePlan(context.plan.profile)
        self._changes: list[Change] = []
        self._claims = 0
        self._facts: InstanceFacts | None = None
        self._change_sets: dict[tuple[Change, ...], ChangeSet] = {}
        self._made: dict[tuple[Path, Action, Reason], Change] = {}
        self._suspicious = False
        self._similar: SimilarDataSets[Part] = SimilarDataSets(self._process, self._join, breaks)
        self._methods: dict[Method, Callable[[Element, Scope, Reader, Operation], Edit | bytes]] = {
            Method.KEEP_CHECKED: self._keep_checked,
            Method.EMPTY: self._empty,
            Method.DUMMY: self._dummy,
            Method.PSEUDONYM: self._pseudonym,
            Method.UID: self._uid,
            Method.CLEAN_TEXT: self._clean_text,
            Method.SHIFT: self._shift,
            Method.CAP_AGE: self._cap_age,
        }

    def apply(self, start: DataSetStart, facts: InstanceFacts) -> list[Part]:
        """Return the parts of the new data set, in order.

        Raises
        ------
        DicomFormatError
            The data set is not well formed.
        DeidentificationError
            Something cannot be carried out.
        """
        self._facts = facts
        return self._similar.process(start)

    def apply_suspicious(self, start: DataSetStart, facts: InstanceFacts) -> list[Part]:
        """As `apply`, with every element's new bytes searched as well, and the element gone where something is found.

        For instances in which the check found an identifier after `apply`.
        """
        self._facts = facts
        self._suspicious = True
        try:
            return SimilarDataSets(self._process, self._join).process(start)
        finally:
            self._suspicious = False

    # Elements and runs

    def _process(self, reader: Reader, element: Element, end: int, creator: bytes | None) -> Part:
        self._changes.clear()
        self._claims = 0
        scope = Scope(charset=self._context.charset)
        if creator is not None:
            scope.creators[element.tag >> 16 << 8 | (element.tag & 0xFFFF) >> 8] = creator
        decide: Decide = self._decide_suspicious if self._suspicious else self._decide
        if element.vr in SIMPLE_VRS:
            pieces = self._edit_simple(reader, element, end, decide(element, scope, reader))
        else:
            walked, after = rewrite_element(reader, element, limit=reader.size, scope=scope, decide=decide)
            if after != end:
                raise DeidentificationError(f"{format_tag(element.tag)}: expected it to end elsewhere")
            pieces = tuple(gather(reader, walked))
        return Part(element.tag, pieces, self._intern(self._changes), self._claims)

    @staticmethod
    def _edit_simple(
        reader: Reader, element: Element, end: int, edit: Edit | bytes | tuple[Piece, ...]
    ) -> tuple[Piece, ...]:
        """Edit an element that is neither a sequence nor bulk, as `rewrite_element` would, at less cost."""
        if edit is Edit.KEEP:
            return (reader.read(element.start, end - element.start),)
        if isinstance(edit, bytes):
            return (encode_element(element.tag, element.vr, edit, element.encoding),)
        return ()

    def _join(self, parts: list[Part]) -> Part:
        pieces: list[Piece] = []
        held: list[bytes] = []
        claims = 0
        for part in parts:
            claims |= part.claims
            for piece in part.pieces:
                if isinstance(piece, bytes):
                    held.append(piece)
                else:
                    pieces.append(b"".join(held))
                    held = []
                    pieces.append(piece)
        pieces.append(b"".join(held))
        changes = [change for part in parts for change in part.changes.changes]
        return Part(parts[0].tag, tuple(piece for piece in pieces if piece), self._intern(changes), claims)

    def _intern(self, changes: list[Change]) -> ChangeSet:
        key = tuple(changes)
        found = self._change_sets.get(key)
        if found is None:
            found = self._change_sets[key] = ChangeSet(key)
        return found

    def _note(self, element: Element, scope: Scope, action: Action, reason: Reason, option: Option | None) -> None:
        path = (*scope.path, element.tag)
        key = (path, action, reason)
        change = self._made.get(key)
        if change is None:
            change = self._made[key] = _describe(path, action, reason)
        self._changes.append(change)
        if option is not None:
            self._claims |= _OPTION_BITS[option]

    # Decisions

    def _decide(self, element: Element, scope: Scope, reader: Reader) -> Edit | bytes | tuple[Piece, ...]:
        tag = element.tag
        if tag & 0x10000:
            operation = self._private.operation(element, scope)
        elif tag >= FIRST_PIXEL_TAG and tag >> 16 == FIRST_PIXEL_TAG >> 16 and not scope.path:
            return self._pixels(element, scope, reader)
        else:
            operation = self._context.plan.operation((*scope.path, tag), element.vr)
        method = operation.method
        if method is Method.DESCEND and not reader.is_sequence(element):
            operation = operation._replace(method=Method.REMOVE, action=Action.REMOVE, reason=Reason.MALFORMED)
            method = Method.REMOVE
        if method in _PLAIN_EDITS:
            self._note(element, scope, operation.action, operation.reason, operation.option)
            return _PLAIN_EDITS[method]
        if reader.is_sequence(element):
            # Z of a sequence has no items (PS3.5 Section 7.5); no other action on a value fits one.
            method_action = Action.EMPTY if method is Method.EMPTY else Action.REMOVE
            self._note(element, scope, method_action, operation.reason, operation.option)
            return Edit.REMOVE if method is not Method.EMPTY else b""
        if element.length > MAX_TEXT_BYTES and method is not Method.KEEP_CHECKED and method is not Method.DUMMY:
            raise DeidentificationError(f"{format_tag(tag)}: expected at most {MAX_TEXT_BYTES} bytes of text")
        edit = self._methods[method](element, scope, reader, operation)
        if element.vr == b"UN" and isinstance(edit, bytes) and len(edit) & 1 and vr_of(tag) not in ("UI", "UN"):
            return edit + b" "
        return edit

    def _decide_suspicious(self, element: Element, scope: Scope, reader: Reader) -> Edit | bytes | tuple[Piece, ...]:
        edit = self._decide(element, scope, reader)
        known = self._context.known
        if edit is Edit.KEEP and element.length <= MAX_TEXT_BYTES:
            found = known.contains(reader.read(element.value, element.length), SearchContext.HEADER)
        else:
            found = isinstance(edit, bytes) and known.contains(edit, SearchContext.HEADER)
        if not found:
            return edit
        self._changes.pop()
        if element.tag & 0x10000:
            operation = self._private.operation(element, scope)
        else:
            operation = self._context.plan.operation((*scope.path, element.tag), element.vr)
        return self._withdraw(element, scope, operation, Reason.IDENTIFIER)

    def _withdraw(self, element: Element, scope: Scope, operation: Operation, reason: Reason) -> Edit | bytes:
        """Take a value out in the way that leaves the instance valid."""
        if operation.is_required:
            self._note(element, scope, Action.DUMMY, reason, None)
            return self._dummy_value(element, scope)
        if operation.attribute_type == "3":
            self._note(element, scope, Action.REMOVE, reason, None)
            return Edit.REMOVE
        self._note(element, scope, Action.EMPTY, reason, None)
        return b""

    # Methods

    def _keep_checked(self, element: Element, scope: Scope, reader: Reader, operation: Operation) -> Edit | bytes:
        vr = _vr(element)
        if self._holds_identifier(element, scope, reader, vr):
            if vr in TEXT_VRS:
                return self._clean_text(element, scope, reader, operation)
            return self._withdraw(element, scope, operation, Reason.IDENTIFIER)
        form = _WELL_FORMED.get(vr)
        if form is not None and not form.match(reader.read(element.value, element.length)):
            return self._withdraw(element, scope, operation, Reason.MALFORMED)
        if vr in TEXT_VRS:
            return self._clean_technical(element, scope, reader, operation)
        if vr in ("DA", "DT", "TM"):
            self._claims |= DATE_KEPT
        self._note(element, scope, operation.action, operation.reason, operation.option)
        return Edit.KEEP

    def _holds_identifier(self, element: Element, scope: Scope, reader: Reader, vr: str) -> bool:
        known = self._context.known
        length = element.length
        if vr in ("DS", "IS"):
            raw = reader.read(element.value, min(length, MAX_TEXT_BYTES))
            return any(known.find_in_number_text(value) for value in raw.decode("iso8859-1").split("\\"))
        if vr in TEXT_VRS or vr in ("CS", "AE", "UR", "UN"):
            raw = reader.read(element.value, min(length, MAX_TEXT_BYTES))
            if vr == "UN" and known.contains(raw, SearchContext.BINARY):
                return True
            return length > MAX_TEXT_BYTES or bool(known.find_in_text(decode_text(raw, scope.charset)))
        for offset in range(0, length, SEARCH_CHUNK_BYTES):
            chunk = min(SEARCH_CHUNK_BYTES + SEARCH_OVERLAP_BYTES, length - offset)
            if known.contains(reader.read(element.value + offset, chunk), SearchContext.BINARY):
                return True
        return False

    def _empty(self, element: Element, scope: Scope, _reader: Reader, operation: Operation) -> bytes:
        self._note(element, scope, Action.EMPTY, operation.reason, operation.option)
        return b""

    def _dummy(self, element: Element, scope: Scope, reader: Reader, operation: Operation) -> bytes | Edit:
        self._note(element, scope, Action.DUMMY, operation.reason, operation.option)
        if element.tag == ENCAPSULATED_DOCUMENT:
            return self._dummy_document()
        if element.length == 0 and not operation.is_required:
            return Edit.KEEP
        return self._dummy_value(element, scope)

    def _dummy_value(self, element: Element, scope: Scope) -> bytes:
        vr = _vr(element)
        if vr == "UI":
            return self._context.pseudonyms.uid(f"dummy|{self._context.patient}|{element.tag:08X}").encode("ascii")
        return _DUMMIES[vr]

    def _dummy_document(self) -> bytes:
        if self._facts is None:
            raise DeidentificationError("Encapsulated Document: expected the facts of its instance")
        blank = blank_document(self._facts.text(MIME_TYPE))
        if blank is None:
            raise DeidentificationError(
                "Encapsulated Document: expected a MIME type that a blank document can be made for",
                remedy="Leave this instance out, or have the document converted to PDF.",
            )
        return blank

    def _pseudonym(self, element: Element, scope: Scope, _reader: Reader, operation: Operation) -> bytes:
        if scope.path and element.tag == PATIENT_ID:
            return self._empty(element, scope, _reader, operation)
        action = Action.DUMMY if operation.action is Action.DUMMY else Action.EMPTY
        self._note(element, scope, action, operation.reason, operation.option)
        return self._context.patient.encode("ascii")

    def _uid(self, element: Element, scope: Scope, reader: Reader, operation: Operation) -> Edit | bytes:
        raw = reader.read(element.value, element.length).strip(b" \0")
        if not raw:
            self._note(element, scope, Action.KEEP, Reason.SAFE, None)
            return Edit.KEEP
        values = raw.decode("iso8859-1").split("\\")
        new = [value if is_registered(value) or not value else self._context.pseudonyms.uid(value) for value in values]
        if new == values:
            self._note(element, scope, Action.KEEP, Reason.SAFE, None)
            return Edit.KEEP
        self._note(element, scope, Action.UID, operation.reason, operation.option)
        return "\\".join(new).encode("ascii")

    def _clean_text(self, element: Element, scope: Scope, reader: Reader, operation: Operation) -> Edit | bytes:
        return self._clean_with(self._clean_value, element, scope, reader, operation)

    def _clean_technical(self, element: Element, scope: Scope, reader: Reader, operation: Operation) -> Edit | bytes:
        return self._clean_with(self._clean_technical_value, element, scope, reader, operation)

    def _clean_with(
        self, clean: Callable[[str], str], element: Element, scope: Scope, reader: Reader, operation: Operation
    ) -> Edit | bytes:
        raw = reader.read(element.value, element.length).rstrip(b" \0")
        text = decode_text(raw, scope.charset)
        values = [text] if _vr(element) in _UNSPLIT_VRS else text.split("\\")
        cleaned = [clean(value) for value in values]
        if [value.strip() for value in values] == [value.strip() for value in cleaned]:
            self._note(element, scope, operation.action, operation.reason, operation.option)
            return Edit.KEEP
        new = encode_text("\\".join(cleaned), scope.charset) if any(cleaned) else b""
        if new is None:
            return self._withdraw(element, scope, operation, Reason.MALFORMED)
        if not new and operation.is_required:
            return self._withdraw(element, scope, operation, Reason.TEXT)
        self._note(element, scope, Action.CLEAN, operation.reason, operation.option)
        return new

    def _clean_value(self, value: str) -> str:
        value = UID_PATTERN.sub(self._replace_uid, value)
        shift = self._shift_days
        return clean_text(value, self._context.known, shift_days=shift, retain_dates=self._retains_dates).text

    def _clean_technical_value(self, value: str) -> str:
        value = UID_PATTERN.sub(self._replace_uid, value)
        return clean_technical(value, self._context.known).text

    def _replace_uid(self, match: re.Match[str]) -> str:
        uid = match.group()
        if is_registered(uid) or Option.RETAIN_UIDS in self._context.plan.profile.options:
            return uid
        return self._context.pseudonyms.uid(uid)

    @property
    def _retains_dates(self) -> bool:
        return Option.RETAIN_FULL_DATES in self._context.plan.profile.options

    @property
    def _shift_days(self) -> int | None:
        if Option.RETAIN_MODIFIED_DATES in self._context.plan.profile.options:
            return self._context.offset_days
        return None

    def _shift(self, element: Element, scope: Scope, reader: Reader, operation: Operation) -> Edit | bytes:
        values = reader.read(element.value, element.length).decode("iso8859-1").strip(" \0").split("\\")
        shift = shift_dt if _vr(element) == "DT" else shift_da
        try:
            new = [shift(value.strip(), self._context.offset_days) if value.strip() else "" for value in values]
        except ValueError:
            return self._withdraw(element, scope, operation, Reason.MALFORMED)
        if any(new):
            self._claims |= DATE_SHIFTED
        self._note(element, scope, Action.CLEAN, operation.reason, operation.option)
        return "\\".join(new).encode("ascii")

    def _cap_age(self, element: Element, scope: Scope, reader: Reader, operation: Operation) -> Edit | bytes:
        raw = reader.read(element.value, element.length).strip(b" \0")
        try:
            capped = cap_age(raw.decode("ascii").upper()) if raw else ""
        except ValueError:
            return self._withdraw(element, scope, operation, Reason.MALFORMED)
        if capped.encode("ascii") == raw:
            self._note(element, scope, Action.KEEP, operation.reason, operation.option)
            return Edit.KEEP
        self._note(element, scope, Action.CLEAN, operation.reason, operation.option)
        return capped.encode("ascii")

    def _pixels(self, element: Element, scope: Scope, reader: Reader) -> tuple[Piece, ...]:
        if self._facts is None:
            raise DeidentificationError("Pixel Data: expected the facts of its instance")
        pieces, blanked = pixel_pieces(reader, element, self._facts)
        self._note(element, scope, Action.CLEAN if blanked else Action.KEEP, Reason.STRUCTURAL if blanked else Reason.SAFE, None)
        return tuple(pieces)


_PLAIN_EDITS = {Method.KEEP: Edit.KEEP, Method.REMOVE: Edit.REMOVE, Method.DESCEND: Edit.DESCEND}


def _vr(element: Element) -> str:
    """Return the VR to write a value for: the dictionary's where the file says UN."""
    vr = element.vr.decode("ascii")
    return vr_of(element.tag) if vr == "UN" else vr


def _describe(path: Path, action: Action, reason: Reason) -> Change:
    names = [keyword_of(tag) or ("private" if tag & 0x10000 else "unknown") for tag in path]
    # Numbers of private elements are a vendor's; their groups are enough, and keep the report short.
    tags = [f"({tag >> 16:04X},xxxx)" if tag & 0x10000 else format_tag(tag) for tag in path]
    return Change(".".join(names), ".".join(tags), action, reason)


def encode_marks(marks: Iterable[tuple[Tag, bytes, bytes]], encoding: Encoding) -> bytes:
    """Encode elements given as (tag, VR, value), in their order."""
    return b"".join(encode_element(tag, vr, value, encoding) for tag, vr, value in marks)


