"""As much of ASN.1 DER (X.690) as detached CMS and tokens of RFC 3161 need: strict both ways."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

INTEGER, OCTETS, NULL, OID, UTC_TIME, GENERAL_TIME = 0x02, 0x04, 0x05, 0x06, 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31
CONTEXT_0, CONTEXT_1 = 0xA0, 0xA1


@dataclass(frozen=True, kw_only=True, slots=True)
class Element:
    """One element: its tag, its content, and all of its bytes as they stand."""

    tag: int
    content: bytes
    raw: bytes

    def children(self) -> "tuple[Element, ...]":
        """Return the elements in its content; raises `ValueError` where it has none whole."""
        if not self.tag & 0x20:
            raise ValueError("expected a constructed element")
        return tuple(_elements(self.content))

    def expect(self, tag: int) -> "Element":
        """Return itself; raises `ValueError` unless it has this tag."""
        if self.tag != tag:
            raise ValueError("expected another element")
        return self


def parse(data: bytes) -> Element:
    """Return the one element that `data` is; raises `ValueError` where it is none, or more follows."""
    found = tuple(_elements(data))
    if len(found) != 1:
        raise ValueError("expected one element")
    return found[0]


def first(data: bytes, *, padding: int) -> bytes:
    """Return the element that `data` begins with; raises `ValueError` where more than so many zero bytes follow."""
    _, end = _bounds(data, 0)
    if len(data) - end > padding or any(data[end:]):
        raise ValueError("expected one element")
    return data[:end]


def _elements(data: bytes) -> Iterator[Element]:
    start = 0
    while start < len(data):
        content, end = _bounds(data, start)
        yield Element(tag=data[start], content=data[content:end], raw=data[start:end])
        start = end


def _bounds(data: bytes, start: int) -> tuple[int, int]:
    """Return where the content of the element at `start` begins and ends."""
    if start + 2 > len(data) or data[start] & 0x1F == 0x1F:
        raise ValueError("cut short, or a tag of several bytes")
    first = data[start + 1]
    begin, length = start + 2, first
    if first & 0x80:
        count = first & 0x7F
        digits = data[begin : begin + count]
        length = int.from_bytes(digits, "big")
        begin += count
        if not 1 <= count <= 4 or len(digits) != count or digits[0] == 0 or length < 0x80:
            raise ValueError("a length that DER does not write so")
    if begin + length > len(data):
        raise ValueError("cut short")
    return begin, begin + length


def encode(tag: int, *parts: bytes) -> bytes:
    """Return an element whose content is `parts`."""
    content = b"".join(parts)
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    digits = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + content


def set_of(*elements: bytes, tag: int = SET) -> bytes:
    """Return a SET OF, in the order of DER."""
    return encode(tag, *sorted(elements))


def integer(number: int) -> bytes:
    """Return a whole number, not negative."""
    return encode(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    """Return an object identifier."""
    first, second, *others = (int(arc) for arc in dotted.split("."))
    content = bytearray()
    for arc in (first * 40 + second, *others):
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(0x80 | arc & 0x7F)
        content.extend(reversed(digits))
    return encode(OID, bytes(content))


def time(at: datetime) -> bytes:
    """Return a time of X.509 and CMS (RFC 5652 Section 11.3): UTCTime up to 2049, GeneralizedTime after."""
    text = at.astimezone(UTC).strftime("%Y%m%d%H%M%SZ")
    last_of_utc_time = 2049
    if at.astimezone(UTC).year > last_of_utc_time:
        return encode(GENERAL_TIME, text.encode("ascii"))
    return encode(UTC_TIME, text[2:].encode("ascii"))


def parse_time(element: Element) -> datetime:
    """Return the time that `time` wrote; raises `ValueError` where it is none."""
    text = element.content.decode("ascii")
    if element.tag == UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif element.tag != GENERAL_TIME:
        raise ValueError("expected a time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
