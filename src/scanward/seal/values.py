"""The value of an Attribute in one form, whatever Transfer Syntax, character set and padding it came in."""

from decimal import Decimal

from scanward.dicomstream.charset import decode_text

_TEXTS = frozenset((b"LO", b"LT", b"PN", b"SH", b"ST", b"UC", b"UT"))
"""VRs whose character set Specific Character Set names (PS3.5 Section 6.1.2.3)."""

_SINGLE = frozenset((b"LT", b"ST", b"UT", b"UR"))
"""VRs in which a backslash is a character, and blanks at the beginning count (PS3.5 Table 6.2-1)."""

_NUMBERS = frozenset((b"DS", b"IS"))
_PLAIN = frozenset((b"AE", b"AS", b"CS", b"DA", b"DT", b"TM", b"UI", b"UR"))

STRINGS = _TEXTS | _NUMBERS | _PLAIN

WORD_BYTES = {
    b"AT": 2, b"FD": 8, b"FL": 4, b"OD": 8, b"OF": 4, b"OL": 4, b"OV": 8, b"OW": 2, b"SL": 4, b"SS": 2, b"SV": 8,
    b"UL": 4, b"US": 2, b"UV": 8,
}  # fmt: skip
"""How many bytes of a value change places with its byte order (PS3.5 Section 7.3)."""

MAX_NUMBER_CHARACTERS = 24
"""A longer number is text: DS has 16 characters, and arithmetic beyond 28 digits would round."""

_BLANKS = b" \0"
TEXT_MARK, BYTES_MARK, ITEMS_MARK = b"T", b"B", b"Q"
"""What a value is begins its canonical form."""


def canonical_text(raw: bytes, vr: bytes, charset: bytes) -> bytes:
    """Return a value of a string VR: decoded, without padding, numbers by what they are.

    Parameters
    ----------
    raw
        As it stands.
    vr
        Of PS3.6, not of the file.
    charset
        Raw value of Specific Character Set.
    """
    text = decode_text(raw, charset if vr in _TEXTS else b"")
    if vr in _SINGLE:
        values = [text.rstrip(" \0")]
    elif vr in _NUMBERS:
        values = [_number(value) for value in text.split("\\")]
    else:
        values = [value.strip(" \0") for value in text.split("\\")]
    return TEXT_MARK + "\\".join(values).encode("utf-8", "surrogatepass")


def _number(value: str) -> str:
    value = value.strip(" \0")
    if len(value) > MAX_NUMBER_CHARACTERS:
        return value
    try:
        number = Decimal(value)
        return str(number.normalize()) if number.is_finite() else value
    except ArithmeticError:
        # No number, or one beyond all that there are.
        return value


def without_padding(raw: bytes) -> bytes:
    """Return a value whose VR nobody can tell, without padding where it reads as text: who knows the VR puts some."""
    return raw.rstrip(_BLANKS) if _reads_as_text(raw) else raw


def _reads_as_text(raw: bytes) -> bool:
    bare = raw.rstrip(_BLANKS)
    return bool(bare) and bare.isascii() and bare.translate(None, b"\t\n\f\r").decode("ascii").isprintable()


def swapped(raw: bytes, width: int) -> bytes:
    """Return words of `width` bytes in the other byte order; what is left over at the end stays."""
    whole = len(raw) - len(raw) % width
    result = bytearray(raw)
    for at in range(width):
        result[at:whole:width] = raw[width - 1 - at : whole : width]
    return bytes(result)
