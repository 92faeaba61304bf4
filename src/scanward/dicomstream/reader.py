"""Elements, read from a window onto a source; every length is checked against what is there."""

from collections.abc import Callable
from struct import Struct
from typing import NamedTuple

from scanward.dicomstream.encoding import (
    BULK_VRS,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_DELIMITER,
    LONG_VRS,
    MAX_DEPTH,
    SEQUENCE_DELIMITER,
    SHORT_VRS,
    UNDEFINED_LENGTH,
    Encoding,
)
from scanward.errors import DicomFormatError, NestingError, TruncatedError
from scanward.model.attribute import format_tag
from scanward.model.instance import ByteSource

WINDOW_BYTES = 64 * 1024
"""How much is read at a time while headers are walked."""

VrOf = Callable[[int], bytes]
"""The dictionary: VR of a tag, ``UN`` where unknown; needed where the encoding does not tell (implicit VR, UN)."""

_EXPLICIT = {True: Struct("<HH2sH").unpack_from, False: Struct(">HH2sH").unpack_from}
_TAG = {True: Struct("<HHI").unpack_from, False: Struct(">HHI").unpack_from}
_LENGTH = {True: Struct("<I").unpack_from, False: Struct(">I").unpack_from}


class Element(NamedTuple):
    """The header of one element.

    Attributes
    ----------
    tag
        Group and element as one number.
    vr
        As encoded; from the dictionary in implicit VR.
    length
        As encoded; may be `UNDEFINED_LENGTH`.
    start, value
        Absolute offsets of the header and of the value.
    encoding
        Layout of the header itself and of what is inside, should it be a sequence.
    """

    tag: int
    vr: bytes
    length: int
    start: int
    value: int
    encoding: Encoding

    @property
    def is_undefined(self) -> bool:
        """Whether the value ends with a delimiter."""
        return self.length == UNDEFINED_LENGTH


class Reader:
    """A window onto the bytes of one data set.

    Parameters
    ----------
    source
        Where the bytes are.
    vr_of
        The dictionary for implicit VR.
    head
        The first bytes of the source, when they have been read already.
    """

    __slots__ = ("_base", "_buffer", "_end", "size", "source", "vr_of")

    def __init__(self, source: ByteSource, vr_of: VrOf, head: bytes = b"") -> None:
        self.source = source
        self.size = source.size
        self.vr_of = vr_of
        self._buffer = head
        self._base = 0
        self._end = len(head)

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly `length` bytes from `offset`; raise `TruncatedError` when they are not there."""
        if offset >= self._base and offset + length <= self._end:
            at = offset - self._base
            return self._buffer[at : at + length]
        if offset + length > self.size:
            raise TruncatedError(f"expected {length} bytes at offset {offset}, got {max(self.size - offset, 0)}")
        data = self.source.read(offset, length)
        if len(data) != length:
            raise TruncatedError(f"expected {length} bytes at offset {offset}, got {len(data)}: the file changed")
        return data

    def window(self, offset: int, length: int) -> tuple[bytes, int]:
        """Return a buffer and the index in it where `length` bytes from `offset` stand."""
        if offset < self._base or offset + length > self._end:
            if offset + length > self.size:
                raise TruncatedError(f"expected {length} more bytes at offset {offset}, got {self.size - offset}")
            self._buffer = self.source.read(offset, max(length, WINDOW_BYTES))
            self._base = offset
            self._end = offset + len(self._buffer)
            if self._end < offset + length:
                raise TruncatedError(f"expected {length} more bytes at offset {offset}: the file changed")
        return self._buffer, offset - self._base

    def element(self, start: int, encoding: Encoding) -> Element:
        """Read the header at `start`.

        In explicit VR, a header whose VR is no VR is read as implicit VR, as some writers leave private sequences.
        """
        buffer, at = self.window(start, 8)
        group, number, length = _TAG[encoding.little](buffer, at)
        tag = group << 16 | number
        if encoding.implicit or group == 0xFFFE:
            vr = b"SQ" if length == UNDEFINED_LENGTH and group != 0xFFFE else self.vr_of(tag)
            if length == UNDEFINED_LENGTH and tag == 0x7FE00010:
                vr = b"OB"
            return Element(tag, vr, length, start, start + 8, encoding)
        _, _, vr, length = _EXPLICIT[encoding.little](buffer, at)
        if vr in SHORT_VRS:
            return Element(tag, vr, length, start, start + 8, encoding)
        if vr in LONG_VRS:
            buffer, at = self.window(start, 12)
            (length,) = _LENGTH[encoding.little](buffer, at + 8)
            return Element(tag, vr, length, start, start + 12, encoding)
        return self._element_without_vr(tag, start, encoding)

    def _element_without_vr(self, tag: int, start: int, encoding: Encoding) -> Element:
        """Read a header in explicit VR that has no known VR."""
        buffer, at = self.window(start, 8)
        raw_vr = buffer[at + 4 : at + 6]
        if raw_vr.isalpha() and raw_vr.isupper():
            # A VR of a later edition: PS3.5 Section 6.2.2 says these have the long form.
            buffer, at = self.window(start, 12)
            (length,) = _LENGTH[encoding.little](buffer, at + 8)
            return Element(tag, b"UN", length, start, start + 12, encoding)
        inner = Encoding(implicit=True, little=encoding.little)
        (length,) = _LENGTH[encoding.little](buffer, at + 4)
        if length != UNDEFINED_LENGTH and start + 8 + length > self.size:
            raise DicomFormatError(f"{format_tag(tag)}: expected a Value Representation, got none that is known")
        vr = b"SQ" if length == UNDEFINED_LENGTH else self.vr_of(tag)
        return Element(tag, vr, length, start, start + 8, inner)

    def is_sequence(self, element: Element) -> bool:
        """Whether the value consists of items: SQ, UN of undefined length, or UN that the dictionary knows as SQ."""
        if element.vr == b"SQ":
            return True
        if element.vr != b"UN":
            return False
        return element.length == UNDEFINED_LENGTH or self.vr_of(element.tag) == b"SQ"

    def inner_encoding(self, element: Element) -> Encoding:
        """Encoding of the items of a sequence: those inside UN are implicit VR little endian (PS3.5 6.2.2 Note 4)."""
        if element.vr == b"UN" and not element.encoding.implicit:
            return IMPLICIT_LITTLE
        return element.encoding

    def end(self, element: Element, limit: int) -> int:
        """Return the offset after the element; raise `TruncatedError` when that is beyond `limit`."""
        if element.length != UNDEFINED_LENGTH:
            end = element.value + element.length
            if end > limit:
                raise TruncatedError(
                    f"{format_tag(element.tag)}: expected {element.length} bytes, got {limit - element.value}"
                )
            return end
        if element.vr in BULK_VRS:
            return self._end_of_fragments(element, limit)
        if self.is_sequence(element):
            return self._end_of_sequence(element, limit)
        raise DicomFormatError(f"{format_tag(element.tag)}: expected a defined length with its VR")

    def item(self, offset: int, encoding: Encoding, limit: int) -> tuple[int, int]:
        """Read tag and length of an item or delimiter at `offset`."""
        if offset + 8 > limit:
            raise TruncatedError(f"expected an item or a delimiter at offset {offset}, got the end")
        buffer, at = self.window(offset, 8)
        group, number, length = _TAG[encoding.little](buffer, at)
        return group << 16 | number, length

    def _end_of_fragments(self, element: Element, limit: int) -> int:
        """Walk encapsulated fragments (PS3.5 Annex A.4) to the end."""
        offset = element.value
        while True:
            if offset + 8 > limit:
                raise TruncatedError(f"{format_tag(element.tag)}: expected a fragment or a delimiter, got the end")
            tag, length = self.item(offset, element.encoding, limit)
            offset += 8
            if tag == SEQUENCE_DELIMITER:
                return offset
            if tag != ITEM or length == UNDEFINED_LENGTH:
                raise DicomFormatError(f"{format_tag(element.tag)}: expected a fragment, got {format_tag(tag)}")
            if offset + length > limit:
                raise TruncatedError(f"{format_tag(element.tag)}: expected a fragment of {length} bytes")
            offset += length

    def _end_of_sequence(self, element: Element, limit: int) -> int:
        """Walk a sequence of undefined length to its end, without recursion."""
        # A frame is (encoding of what is inside, whether it is an item); only undefined lengths need a frame.
        stack: list[tuple[Encoding, bool]] = [(self.inner_encoding(element), False)]
        offset = element.value
        while stack:
            if len(stack) > 2 * MAX_DEPTH:
                raise NestingError(f"{format_tag(element.tag)}: expected at most {MAX_DEPTH} nested sequences")
            encoding, in_item = stack[-1]
            tag, length = self.item(offset, encoding, limit)
            if in_item:
                if tag == ITEM_DELIMITER:
                    stack.pop()
                    offset += 8
                    continue
                child = self.element(offset, encoding)
                if child.length == UNDEFINED_LENGTH and self.is_sequence(child):
                    stack.append((self.inner_encoding(child), False))
                    offset = child.value
                else:
                    offset = self.end(child, limit)
            elif tag == SEQUENCE_DELIMITER:
                stack.pop()
                offset += 8
            elif tag != ITEM:
                raise DicomFormatError(f"{format_tag(element.tag)}: expected an item, got {format_tag(tag)}")
            elif length == UNDEFINED_LENGTH:
                stack.append((encoding, True))
                offset += 8
            else:
                offset += 8 + length
                if offset > limit:
                    raise TruncatedError(f"{format_tag(element.tag)}: expected an item of {length} bytes")
        return offset
