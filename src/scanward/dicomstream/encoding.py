"""How elements are laid out in bytes (PS3.5 Section 7)."""

from struct import Struct
from typing import NamedTuple

from scanward.errors import DicomFormatError

UNDEFINED_LENGTH = 0xFFFFFFFF
"""PS3.5 Section 7.1.1: the value ends with a delimiter."""

MAX_DEPTH = 128
"""Sequences inside sequences. The deepest IODs (SR trees) stay under 30; deeper input is an attack or a defect."""

ITEM = 0xFFFEE000
ITEM_DELIMITER = 0xFFFEE00D
SEQUENCE_DELIMITER = 0xFFFEE0DD

LONG_VRS = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"),
)
"""Value Representations with a 32 bit length in explicit encodings (PS3.5 Table 7.1-1)."""

SHORT_VRS = frozenset(
    (b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS",
     b"ST", b"TM", b"UI", b"UL", b"US"),
)  # fmt: skip
"""Value Representations with a 16 bit length in explicit encodings (PS3.5 Table 7.1-2)."""

BULK_VRS = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW"))
"""Binary Value Representations; only these may be encapsulated in fragments."""


class Encoding(NamedTuple):
    """Layout of a data set: implicit or explicit VR, little or big endian."""

    implicit: bool
    little: bool


IMPLICIT_LITTLE = Encoding(implicit=True, little=True)
EXPLICIT_LITTLE = Encoding(implicit=False, little=True)
EXPLICIT_BIG = Encoding(implicit=False, little=False)

_SHORT = {True: Struct("<HH2sH"), False: Struct(">HH2sH")}
_LONG = {True: Struct("<HH2s2xI"), False: Struct(">HH2s2xI")}
_TAG = {True: Struct("<HHI"), False: Struct(">HHI")}

MAX_SHORT_LENGTH = 0xFFFF
"""Largest length that the 16 bit length field of a short VR holds."""


def encode_header(tag: int, vr: bytes, length: int, encoding: Encoding) -> bytes:
    """Return the header of an element: tag, VR where explicit, and length.

    Raises
    ------
    DicomFormatError
        The length does not fit the field that the VR has for it.
    """
    if length > UNDEFINED_LENGTH:
        raise DicomFormatError(f"({tag >> 16:04X},{tag & 0xFFFF:04X}): expected less than 4 GiB, got {length} bytes")
    if encoding.implicit:
        return _TAG[encoding.little].pack(tag >> 16, tag & 0xFFFF, length)
    if vr in LONG_VRS:
        return _LONG[encoding.little].pack(tag >> 16, tag & 0xFFFF, vr, length)
    if length > MAX_SHORT_LENGTH:
        raise DicomFormatError(
            f"({tag >> 16:04X},{tag & 0xFFFF:04X}) with VR {vr.decode('ascii')}: expected at most "
            f"{MAX_SHORT_LENGTH} bytes, got {length}"
        )
    return _SHORT[encoding.little].pack(tag >> 16, tag & 0xFFFF, vr, length)


def encode_item_header(tag: int, length: int, encoding: Encoding) -> bytes:
    """Return the header of an item or a delimiter, which has no VR in any encoding (PS3.5 Section 7.5).

    Raises
    ------
    DicomFormatError
        The length does not fit the 32 bit field.
    """
    if length > UNDEFINED_LENGTH:
        raise DicomFormatError(f"({tag >> 16:04X},{tag & 0xFFFF:04X}): expected less than 4 GiB, got {length} bytes")
    return _TAG[encoding.little].pack(tag >> 16, tag & 0xFFFF, length)


def encode_element(tag: int, vr: bytes, value: bytes, encoding: Encoding) -> bytes:
    """Return a whole element; `value` is padded to even length as its VR wants (PS3.5 Section 6.2)."""
    if len(value) & 1:
        value += b"\0" if vr in BULK_VRS or vr in (b"UI", b"UN") else b" "
    return encode_header(tag, vr, len(value), encoding) + value
