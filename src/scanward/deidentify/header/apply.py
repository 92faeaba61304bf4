"""Carries a plan out on the elements of an instance."""

from collections.abc import Iterable
from dataclasses import dataclass

from scanward.deidentify.header.pixels import DESCRIBES_PIXELS, PIXEL_DATA, pixel_pieces, replaced_pieces
from scanward.deidentify.header.plan import Method, Operation
from scanward.deidentify.header.private import PrivatePlan
from scanward.deidentify.header.scan import InstanceFacts
from scanward.deidentify.header.values import (
    ENCAPSULATED_DOCUMENT_LENGTH,
    MAX_TEXT_BYTES,
    OPTION_BITS,
    Context,
    Edited,
    ValueEditor,
)
from scanward.deidentify.text.known import SearchContext
from scanward.dicomstream.encoding import SHORT_VRS, Encoding, encode_element
from scanward.dicomstream.part10 import DataSetStart
from scanward.dicomstream.reader import Element, Reader
from scanward.dicomstream.rewrite import Decide, Edit, Scope, gather, rewrite_element
from scanward.dicomstream.similar import FIRST_PIXEL_TAG, SimilarDataSets
from scanward.errors import DeidentificationError
from scanward.model.attribute import Action, Path, Reason, Tag, format_tag
from scanward.model.instance import Piece
from scanward.model.pixels import PixelReplacement
from scanward.model.report import Change
from scanward.standard.dictionary import keyword_of

REMEMBERED_VALUE_BYTES = 64
REMEMBERED_VALUES = 20_000
"""So many values inside sequences, and so long ones, are remembered with what became of them: a few megabytes."""

SIMPLE_VRS = SHORT_VRS
"""Value Representations whose values are short and hold no other elements."""


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
        self._changes: dict[Change, None] = {}
        self._claims = 0
        self._values = ValueEditor(context)
        self._facts: InstanceFacts | None = None
        self._change_sets: dict[tuple[Change, ...], ChangeSet] = {}
        self._made: dict[tuple[Path, Action, Reason], Change] = {}
        self._edited: dict[tuple[Tag, bytes, Operation, bytes, bytes], Edited] = {}
        self._suspicious = False
        self._replacement: PixelReplacement | None = None
        self._similar: SimilarDataSets[Part] = SimilarDataSets(self._process, self._join, breaks)

    def apply(self, start: DataSetStart, facts: InstanceFacts) -> list[Part]:
        """Return the parts of the new data set, in order.

        Raises
        ------
        DicomFormatError
            The data set is not well formed.
        DeidentificationError
            Something cannot be carried out.
        """
        self._begin(facts)
        return self._similar.process(start)

    def apply_alone(
        self,
        start: DataSetStart,
        facts: InstanceFacts,
        *,
        suspicious: bool = False,
        replacement: PixelReplacement | None = None,
        document: bytes | None = None,
    ) -> list[Part]:
        """As `apply`, with nothing taken over from instances before or left to those that follow.

        Parameters
        ----------
        start, facts
            The instance.
        suspicious
            Search every element's new bytes as well, and take the element out where something is found: for instances
            in which the check found an identifier after `apply`.
        replacement
            New Pixel Data, and new values of what describes it.
        document
            What stands for the document that it encapsulates; None for a notice.
        """
        self._begin(facts, document)
        self._suspicious, self._replacement = suspicious, replacement
        try:
            parts = SimilarDataSets(self._process, self._join).process(start)
            return parts if replacement is None else self._describe_anew(parts, replacement, start)
        finally:
            self._suspicious, self._replacement = False, None

    def _describe_anew(self, parts: list[Part], replacement: PixelReplacement, start: DataSetStart) -> list[Part]:
        """Put new values of what describes the pixels in the place of those that the plan let through."""
        unknown = replacement.values.keys() - DESCRIBES_PIXELS
        if unknown:
            raise DeidentificationError(f"{format_tag(min(unknown))}: expected what describes pixels, got another")
        if not any(part.tag == PIXEL_DATA for part in parts):
            raise DeidentificationError("Pixel Data: expected it where there is new, got none")
        new = {part.tag: part for part in parts}
        for tag, value in replacement.values.items():
            before = new.pop(tag, None)
            self._changes.clear()
            if value is not None:
                pieces: tuple[Piece, ...] = (encode_element(tag, start.reader.vr_of(tag), value, start.encoding),)
                self._note_at((tag,), Action.CLEAN, Reason.PIXELS)
            else:
                pieces = ()
                if before is not None:
                    self._note_at((tag,), Action.REMOVE, Reason.PIXELS)
            new[tag] = Part(tag, pieces, self._intern(self._changes), before.claims if before is not None else 0)
        return [new[tag] for tag in sorted(new)]

    def _begin(self, facts: InstanceFacts, document: bytes | None = None) -> None:
        self._facts = facts
        self._values.begin(facts, document)

    # Elements and runs

    def _process(self, reader: Reader, element: Element, end: int, creator: bytes | None) -> Part:
        self._changes.clear()
        self._claims = 0
        scope = Scope(charset=self._context.charset)
        if creator is not None:
            scope.creators[element.tag >> 16 << 8 | (element.tag & 0xFFFF) >> 8] = creator
        decide: Decide = self._decide_suspicious if self._suspicious else self._decide
        if self._replacement is not None and element.tag == PIXEL_DATA:
            pieces = self._replaced(element, scope, self._replacement)
        elif element.vr in SIMPLE_VRS:
            if element.tag & 0x10000:
                scope.note(element, reader)  # what becomes of a private creator depends on its name
            pieces = self._edit_simple(reader, element, end, decide(element, scope, reader))
        else:
            walked, after = rewrite_element(reader, element, limit=reader.size, scope=scope, decide=decide)
            if after != end:
                raise DeidentificationError(f"{format_tag(element.tag)}: expected it to end elsewhere")
            pieces = tuple(gather(reader, walked))
        return Part(element.tag, pieces, self._intern(self._changes), self._claims)

    def _replaced(self, element: Element, scope: Scope, replacement: PixelReplacement) -> tuple[Piece, ...]:
        if self._facts is None:
            raise DeidentificationError("Pixel Data: expected the facts of its instance")
        self._note(element, scope, Action.CLEAN, Reason.PIXELS)
        return tuple(replaced_pieces(element, replacement, self._facts))

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

    def _intern(self, changes: Iterable[Change]) -> ChangeSet:
        key = tuple(changes)
        found = self._change_sets.get(key)
        if found is None:
            found = self._change_sets[key] = ChangeSet(key)
        return found

    def _note(self, element: Element, scope: Scope, action: Action, reason: Reason, claims: int = 0) -> None:
        self._note_at((*scope.path, element.tag), action, reason)
        self._claims |= claims

    def _note_at(self, path: Path, action: Action, reason: Reason) -> None:
        key = (path, action, reason)
        change = self._made.get(key)
        if change is None:
            change = self._made[key] = _describe(path, action, reason)
        self._changes[change] = None

    # Decisions

    def _decide(self, element: Element, scope: Scope, reader: Reader) -> Edit | bytes | tuple[Piece, ...]:
        tag = element.tag
        if tag >= FIRST_PIXEL_TAG and tag >> 16 == FIRST_PIXEL_TAG >> 16 and not scope.path:
            return self._pixels(element, scope, reader)
        if tag == ENCAPSULATED_DOCUMENT_LENGTH and not scope.path and element.length == 4:
            self._note(element, scope, Action.CLEAN, Reason.TABLE)
            return self._values.document_length(element.encoding)
        operation = self._operation(element, scope)
        if operation.method is Method.KEEP and element.length not in _LENGTHS_OF_ONE_NUMBER:
            operation = operation._replace(method=Method.KEEP_CHECKED)
        edit = _PLAIN_EDITS.get(operation.method)
        is_sequence = reader.is_sequence(element)
        if edit is Edit.DESCEND and not is_sequence:
            edited = Edited(Edit.REMOVE, Action.REMOVE, Reason.MALFORMED)
        elif edit is not None:
            claims = OPTION_BITS[operation.option] if operation.option is not None else 0
            edited = Edited(edit, operation.action, operation.reason, claims)
        elif is_sequence:
            # Z of a sequence is one without items (PS3.5 Section 7.5); no other action on a value fits one.
            empty = operation.method is Method.EMPTY
            action = Action.EMPTY if empty else Action.REMOVE
            edited = Edited(b"" if empty else Edit.REMOVE, action, operation.reason)
        else:
            edited = self._edit(element, scope, reader, operation)
        self._note(element, scope, edited.action, edited.reason, edited.claims)
        return edited.edit

    def _edit(self, element: Element, scope: Scope, reader: Reader, operation: Operation) -> Edited:
        """Edit a value; short ones inside sequences are remembered, as items of a sequence are much alike."""
        if not scope.path or element.length > REMEMBERED_VALUE_BYTES:
            return self._values.edit(element, scope, reader, operation)
        key = (element.tag, element.vr, operation, scope.charset, reader.read(element.value, element.length))
        edited = self._edited.get(key)
        if edited is None:
            edited = self._values.edit(element, scope, reader, operation)
            if len(self._edited) >= REMEMBERED_VALUES:
                self._edited.clear()
            self._edited[key] = edited
        return edited

    def _operation(self, element: Element, scope: Scope) -> Operation:
        if element.tag & 0x10000:
            return self._private.operation(element, scope)
        return self._context.plan.operation((*scope.path, element.tag), element.vr)

    def _decide_suspicious(self, element: Element, scope: Scope, reader: Reader) -> Edit | bytes | tuple[Piece, ...]:
        before = dict(self._changes)
        edit = self._decide(element, scope, reader)
        known = self._context.known
        if edit is Edit.KEEP and element.length <= MAX_TEXT_BYTES:
            found = known.contains(reader.read(element.value, element.length), SearchContext.HEADER)
        else:
            found = isinstance(edit, bytes) and known.contains(edit, SearchContext.HEADER)
        if not found:
            return edit
        self._changes = before
        edited = self._values.withdraw(element, self._operation(element, scope), Reason.IDENTIFIER)
        self._note(element, scope, edited.action, edited.reason)
        return edited.edit

    def _pixels(self, element: Element, scope: Scope, reader: Reader) -> tuple[Piece, ...]:
        if self._facts is None:
            raise DeidentificationError("Pixel Data: expected the facts of its instance")
        pieces, blanked = pixel_pieces(reader, element, self._facts)
        if blanked:
            self._note(element, scope, Action.CLEAN, Reason.STRUCTURAL)
        else:
            self._note(element, scope, Action.KEEP, Reason.SAFE)
        return tuple(pieces)


_LENGTHS_OF_ONE_NUMBER = frozenset({0, 2, 4})
"""A number so short is no identifier; longer values are looked into, whatever VR they have."""

_PLAIN_EDITS = {Method.KEEP: Edit.KEEP, Method.REMOVE: Edit.REMOVE, Method.DESCEND: Edit.DESCEND}


def _describe(path: Path, action: Action, reason: Reason) -> Change:
    names = [keyword_of(tag) or ("private" if tag & 0x10000 else "unknown") for tag in path]
    # Numbers of private elements are a vendor's; their groups are enough, and keep the report short.
    tags = [f"({tag >> 16:04X},xxxx)" if tag & 0x10000 else format_tag(tag) for tag in path]
    return Change(".".join(names), ".".join(tags), action, reason)


def encode_marks(marks: Iterable[tuple[Tag, bytes, bytes]], encoding: Encoding) -> bytes:
    """Encode elements given as (tag, VR, value), in their order."""
    return b"".join(encode_element(tag, vr, value, encoding) for tag, vr, value in marks)
