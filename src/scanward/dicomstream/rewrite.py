"""Rewrites one element, sequences included, as new bytes and ranges of the source; without recursion."""

from collections.abc import Callable
from enum import Enum

from scanward.dicomstream.encoding import (
    ITEM,
    ITEM_DELIMITER,
    MAX_DEPTH,
    SEQUENCE_DELIMITER,
    UNDEFINED_LENGTH,
    Encoding,
    encode_element,
    encode_header,
    encode_item_header,
)
from scanward.dicomstream.reader import Element, Reader
from scanward.errors import DicomFormatError, NestingError, TruncatedError
from scanward.model.attribute import Path, format_tag
from scanward.model.instance import Content, Piece, Range

SMALL_RANGE_BYTES = 32 * 1024
"""Ranges up to this length are taken into memory: reading them costs less than one more system call."""

MAX_HELD_BYTES = 8 * 1024 * 1024
"""So much of one element is taken into memory at most; beyond it, even small ranges are left to the kernel."""

MAX_STEPS = 20_000_000
"""Elements and items inside one sequence: a whole-slide image with a million frames stays below."""

SPECIFIC_CHARACTER_SET = 0x00080005

MAX_CHARACTER_SET_BYTES = 1024
"""Longest Specific Character Set that is taken for one: each of its values has at most 16 bytes (PS3.5 Table 6.2-1)."""


class Edit(Enum):
    """What becomes of an element; a `bytes` or `tuple` in its place is the new value in pieces."""

    KEEP = "keep"
    REMOVE = "remove"
    DESCEND = "descend"


class Scope:
    """The data set or item that an element stands in.

    Attributes
    ----------
    path
        Tags of the enclosing sequences, from the outside in.
    path_creators
        Private creators of these tags, None for standard ones.
    creators
        Private creators met so far: ``group << 8 | block`` to the creator's raw value.
    charset
        Raw value of Specific Character Set in force.
    """

    __slots__ = ("charset", "creators", "path", "path_creators")

    def __init__(self, path: Path = (), charset: bytes = b"", path_creators: tuple[bytes | None, ...] = ()) -> None:
        self.path = path
        self.path_creators = path_creators
        self.charset = charset
        self.creators: dict[int, bytes] = {}

    def note(self, element: Element, reader: Reader) -> None:
        """Remember what the following elements of the scope depend on."""
        group, number = element.tag >> 16, element.tag & 0xFFFF
        if group & 1:
            if 0x10 <= number <= 0xFF and element.length <= 64:
                raw = reader.read(element.value, element.length)
                self.creators[group << 8 | number] = raw.strip(b" \0")
        elif element.tag == SPECIFIC_CHARACTER_SET:
            if element.length > MAX_CHARACTER_SET_BYTES:
                raise DicomFormatError(f"{format_tag(element.tag)}: expected at most {MAX_CHARACTER_SET_BYTES} bytes")
            self.charset = reader.read(element.value, element.length).strip(b" \0")

    def creator_of(self, tag: int) -> bytes | None:
        """Return the private creator of a private data element, or None where it has none (PS3.5 Section 7.8.1)."""
        return self.creators.get(tag >> 16 << 8 | (tag & 0xFFFF) >> 8)


Decide = Callable[[Element, Scope, Reader], "Edit | bytes | tuple[Piece, ...]"]
"""Decides on one element. Sequences are decided on before what is inside them."""


class _Frame:
    """An open sequence or item."""

    __slots__ = ("changed", "encoding", "end", "index", "is_item", "length_before", "opener", "scope", "start")

    def __init__(
        self,
        *,
        is_item: bool,
        start: int,
        end: int,
        encoding: Encoding,
        scope: Scope,
        output: "_Output",
        opener: Element,
    ) -> None:
        self.is_item = is_item
        self.start = start
        self.end = end
        self.encoding = encoding
        self.scope = scope
        self.opener = opener
        self.changed = False
        output.flush()
        self.index = len(output.pieces)
        output.pieces.append(b"")
        self.length_before = output.length


class _Output:
    """Pieces so far and their length; neighbouring ranges are merged."""

    __slots__ = ("_end", "_start", "length", "pieces")

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.length = 0
        self._start = self._end = -1  # what is kept and not among the pieces yet

    def keep(self, start: int, end: int) -> None:
        self.length += end - start
        if start != self._end:
            self.flush()
            last = self.pieces[-1] if self.pieces else b""
            if isinstance(last, Range) and last == Range(last.offset, start - last.offset):
                self.pieces.pop()
                start = last.offset
            self._start = start
        self._end = end

    def flush(self) -> None:
        """Put what is kept among the pieces."""
        if self._end >= 0:
            self.pieces.append(Range(self._start, self._end - self._start))
            self._start = self._end = -1

    def drop_from(self, index: int, length: int) -> None:
        """Go back to the pieces before `index`, and to the `length` that they have."""
        self._start = self._end = -1
        del self.pieces[index:]
        self.length = length

    def add(self, piece: Piece) -> None:
        self.flush()
        self.pieces.append(piece)
        self.length += len(piece) if isinstance(piece, bytes) else piece.length


def rewrite_element(
    reader: Reader, element: Element, *, limit: int, scope: Scope, decide: Decide
) -> tuple[list[Piece], int]:
    """Rewrite `element` and return its new pieces and the offset after it in the source.

    Parameters
    ----------
    reader
        The data set.
    element
        Header of the element, as `reader` gave it.
    limit
        Offset that the element must not go beyond.
    scope
        What the element stands in.
    decide
        Called for the element, and for each one inside where it said `Edit.DESCEND`.

    Raises
    ------
    DicomFormatError
        What is there is not well formed; nothing of the element may be used then.
    """
    output = _Output()
    stack: list[_Frame] = []
    offset = _handle(reader, element, limit, scope, decide, output, stack)
    steps = 0
    while stack:
        steps += 1
        if steps > MAX_STEPS:
            raise DicomFormatError(f"{format_tag(element.tag)}: expected at most {MAX_STEPS} elements and items in it")
        frame = stack[-1]
        if frame.end != UNDEFINED_LENGTH and offset >= frame.end:
            if offset > frame.end:
                raise TruncatedError(f"{format_tag(frame.opener.tag)}: expected its content to end with its length")
            _close(stack, output, offset, delimiter=0)
            continue
        inner_limit = limit if frame.end == UNDEFINED_LENGTH else frame.end
        if frame.is_item:
            offset = _step_in_item(reader, frame, offset, inner_limit, decide, output, stack)
        else:
            offset = _step_in_sequence(reader, frame, offset, inner_limit, output, stack)
    output.flush()
    return output.pieces, offset


def _handle(
    reader: Reader, element: Element, limit: int, scope: Scope, decide: Decide, output: _Output, stack: list[_Frame]
) -> int:
    """Decide on one element and carry it out; return the offset to go on at."""
    if element.tag & 0x10000 or element.tag == SPECIFIC_CHARACTER_SET:
        # Before it is decided on: what becomes of a private creator depends on its own value.
        scope.note(element, reader)
    edit = decide(element, scope, reader)
    if edit is Edit.DESCEND:
        if not reader.is_sequence(element):
            raise DicomFormatError(f"{format_tag(element.tag)}: expected a sequence")
        if len(stack) >= 2 * MAX_DEPTH:
            raise NestingError(f"{format_tag(element.tag)}: expected at most {MAX_DEPTH} nested sequences")
        end = UNDEFINED_LENGTH if element.is_undefined else reader.end(element, limit)
        stack.append(
            _Frame(
                is_item=False, start=element.start, end=end, encoding=reader.inner_encoding(element),
                scope=scope, output=output, opener=element,
            )
        )  # fmt: skip
        return element.value
    end = reader.end(element, limit)
    if edit is Edit.KEEP:
        output.keep(element.start, end)
        return end
    if stack:
        stack[-1].changed = True
    if edit is Edit.REMOVE:
        return end
    if isinstance(edit, bytes):
        output.add(encode_element(element.tag, element.vr, edit, element.encoding))
    elif isinstance(edit, tuple):
        _add_pieces(element, edit, output)
    return end


def _add_pieces(element: Element, pieces: tuple[Piece, ...], output: _Output) -> None:
    """Write an element whose new value consists of pieces, which have even length already."""
    length = sum(len(piece) if isinstance(piece, bytes) else piece.length for piece in pieces)
    if element.is_undefined:
        length = UNDEFINED_LENGTH
    output.add(encode_header(element.tag, element.vr, length, element.encoding))
    for piece in pieces:
        output.add(piece)


def _step_in_item(
    reader: Reader, frame: _Frame, offset: int, limit: int, decide: Decide, output: _Output, stack: list[_Frame]
) -> int:
    if offset + 8 > limit:
        raise TruncatedError(f"{format_tag(frame.opener.tag)}: expected an element or a delimiter, got the end")
    child = reader.element(offset, frame.encoding)
    tag = child.tag
    if tag == ITEM_DELIMITER:
        if frame.end != UNDEFINED_LENGTH:
            raise DicomFormatError(f"{format_tag(frame.opener.tag)}: an item of defined length has a delimiter")
        _close(stack, output, offset + 8, delimiter=ITEM_DELIMITER)
        return offset + 8
    if tag in (ITEM, SEQUENCE_DELIMITER):
        raise DicomFormatError(f"{format_tag(frame.opener.tag)}: expected an element, got {format_tag(tag)}")
    return _handle(reader, child, limit, frame.scope, decide, output, stack)


def _step_in_sequence(
    reader: Reader, frame: _Frame, offset: int, limit: int, output: _Output, stack: list[_Frame]
) -> int:
    tag, length = reader.item(offset, frame.encoding, limit)
    if tag == SEQUENCE_DELIMITER and frame.end == UNDEFINED_LENGTH:
        _close(stack, output, offset + 8, delimiter=SEQUENCE_DELIMITER)
        return offset + 8
    if tag != ITEM:
        raise DicomFormatError(f"{format_tag(frame.opener.tag)}: expected an item, got {format_tag(tag)}")
    end = UNDEFINED_LENGTH if length == UNDEFINED_LENGTH else offset + 8 + length
    reaches_beyond = end != UNDEFINED_LENGTH and end > limit
    if reaches_beyond:
        if frame.end == UNDEFINED_LENGTH:
            raise TruncatedError(f"{format_tag(frame.opener.tag)}: expected an item of {length} bytes")
        # Its sequence ends earlier: readers in use (DCMTK, pydicom) end the item there, if its elements do.
        end = limit
    outer = frame.scope
    scope = Scope(
        (*outer.path, frame.opener.tag),
        outer.charset,
        (*outer.path_creators, outer.creator_of(frame.opener.tag) if frame.opener.tag & 0x10000 else None),
    )
    stack.append(
        _Frame(
            is_item=True, start=offset, end=end, encoding=frame.encoding,
            scope=scope, output=output, opener=frame.opener,
        )
    )  # fmt: skip
    # The length that was wrong is not written again.
    stack[-1].changed = reaches_beyond
    return offset + 8


def _close(stack: list[_Frame], output: _Output, offset: int, *, delimiter: int) -> None:
    """Write header and delimiter of the sequence or item on top of the stack, with its length as it is now."""
    frame = stack.pop()
    if not frame.changed:
        # As it was: one range takes the place of the pieces.
        output.drop_from(frame.index, frame.length_before)
        output.keep(frame.start, offset)
        return
    if stack:
        stack[-1].changed = True
    length = UNDEFINED_LENGTH if delimiter else output.length - frame.length_before
    if frame.is_item:
        header = encode_item_header(ITEM, length, frame.encoding)
    else:
        header = encode_header(frame.opener.tag, frame.opener.vr, length, frame.opener.encoding)
    output.pieces[frame.index] = header
    output.length += len(header)
    if delimiter:
        output.add(encode_item_header(delimiter, 0, frame.encoding))


def gather(reader: Reader, pieces: list[Piece]) -> list[Piece]:
    """Take small ranges into memory and join what is in memory, within `MAX_HELD_BYTES`."""
    gathered: list[Piece] = []
    held: list[bytes] = []
    budget = MAX_HELD_BYTES
    for piece in pieces:
        if isinstance(piece, Range):
            if piece.length <= min(SMALL_RANGE_BYTES, budget) and piece.content is Content.HEADER:
                budget -= piece.length
                held.append(piece.source_in(reader.source).read(piece.offset, piece.length))
                continue
            if held:
                gathered.append(b"".join(held))
                held = []
            gathered.append(piece)
        else:
            held.append(piece)
    if held:
        gathered.append(b"".join(held))
    return gathered
