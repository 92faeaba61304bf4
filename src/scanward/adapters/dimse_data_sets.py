"""The small data sets of queries and normalised services, in Implicit VR Little Endian (PS3.5 Section 7.1.3).

That Transfer Syntax is the one that every peer has to offer for them (PS3.5 Section 10.1). Trust: none.
"""

from collections.abc import Mapping, Sequence
from struct import Struct
from typing import Final

from scanward.dicomstream.charset import decode_text
from scanward.dicomstream.encoding import IMPLICIT_LITTLE, ITEM, ITEM_DELIMITER, SEQUENCE_DELIMITER, UNDEFINED_LENGTH
from scanward.dicomstream.opening import vr_bytes_of
from scanward.dicomstream.part10 import IMPLICIT_UID
from scanward.dicomstream.reader import Element, Reader
from scanward.errors import DicomFormatError, NetworkError
from scanward.model.attribute import Tag
from scanward.model.instance import BytesSource

TRANSFER_SYNTAX: Final = IMPLICIT_UID

MAX_DEPTH: Final = 4
"""No service here nests deeper."""

SPECIFIC_CHARACTER_SET: Final = 0x00080005

UTF_8: Final = "ISO_IR 192"
LATIN_1: Final = "ISO_IR 100"
_CODECS: Final = {UTF_8: "utf-8", LATIN_1: "latin-1"}

Value = str | int | Sequence["Elements"]
Elements = Mapping[Tag, Value]
"""What is written: text, a US, or items."""

Found = dict[Tag, bytes | list["Found"]]
"""What was read: values as encoded, items of sequences."""

_HEADER: Final = Struct("<HHI")


def encode(elements: Elements, charset: str = UTF_8) -> bytes:
    """Return a data set; text beyond ASCII is in `charset` (`UTF_8` or `LATIN_1`) and declared so.

    Raises `UnicodeEncodeError` where that does not have a character.
    """
    texts = [value for value in elements.values() if isinstance(value, str)]
    if not all(text.isascii() for text in texts):
        elements = {SPECIFIC_CHARACTER_SET: charset, **elements}
    return b"".join(_encode_one(tag, elements[tag], charset) for tag in sorted(elements))


def _encode_one(tag: Tag, value: Value, charset: str) -> bytes:
    if isinstance(value, int):
        data = value.to_bytes(2, "little")
    elif isinstance(value, str):
        data = value.encode(_CODECS[charset])
        data += (b"\0" if vr_bytes_of(tag) == b"UI" else b" ") * (len(data) % 2)
    else:
        items = [encode(item, charset) for item in value]
        data = b"".join(_header(ITEM, len(item)) + item for item in items)
    return _header(tag, len(data)) + data


def _header(tag: Tag, length: int) -> bytes:
    return _HEADER.pack(tag >> 16, tag & 0xFFFF, length)


def parse(data: bytes) -> Found:
    """Return the elements of a data set; raises `NetworkError` where it is not well formed."""
    reader = Reader(BytesSource(data), vr_bytes_of, data)
    try:
        found, _ = _parse(reader, 0, len(data), 0)
    except DicomFormatError:
        raise NetworkError("expected a data set in Implicit VR Little Endian, got a malformed one") from None
    return found


def _parse(reader: Reader, offset: int, limit: int, depth: int) -> tuple[Found, int]:
    """Read elements up to `limit` or the end of the item; return them and where they end."""
    if depth > MAX_DEPTH:
        raise DicomFormatError(f"expected at most {MAX_DEPTH} nested sequences")
    found: Found = {}
    while offset < limit:
        if limit - offset < _HEADER.size:
            raise DicomFormatError("expected a whole element, got a part")
        element = reader.element(offset, IMPLICIT_LITTLE)
        if element.tag == ITEM_DELIMITER:
            return found, element.value
        if reader.is_sequence(element):
            found[element.tag], offset = _parse_items(reader, element, limit, depth)
        else:
            offset = reader.end(element, limit)
            found[element.tag] = reader.read(element.value, element.length)
    return found, offset


def _parse_items(reader: Reader, element: Element, limit: int, depth: int) -> tuple[list[Found], int]:
    offset = element.value
    end = limit if element.is_undefined else reader.end(element, limit)
    items: list[Found] = []
    while offset < end:
        tag, length = reader.item(offset, IMPLICIT_LITTLE, end)
        offset += 8
        if tag == SEQUENCE_DELIMITER:
            break
        if tag != ITEM:
            raise DicomFormatError("expected an item, got something else")
        stop = end if length == UNDEFINED_LENGTH else offset + length
        if stop > end:
            raise DicomFormatError("expected an item within its sequence")
        item, offset = _parse(reader, offset, stop, depth + 1)
        items.append(item)
    return items, offset


def text_of(found: Found, tag: Tag) -> str:
    """Return a value as text without padding, empty where it is missing.

    In the Specific Character Set that the data set declares; where it declares none, UTF-8 or else Latin-1.
    """
    value = found.get(tag, b"")
    if not isinstance(value, bytes):
        return ""
    value = value.strip(b"\0 ")
    charset = found.get(SPECIFIC_CHARACTER_SET, b"")
    if isinstance(charset, bytes) and charset.strip(b"\0 "):
        return decode_text(value, charset.strip(b"\0 ")).strip("\0 ")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def items_of(found: Found, tag: Tag) -> list[Found]:
    """Return the items of a sequence; none where it is missing."""
    value = found.get(tag, b"")
    return value if isinstance(value, list) else []
