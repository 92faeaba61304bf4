"""File Meta Information, made anew for each file that is written (PS3.10 Section 7.1)."""

from scanward import __version__
from scanward.dicomstream.encoding import EXPLICIT_LITTLE, encode_element
from scanward.dicomstream.part10 import MAGIC, PREAMBLE_BYTES

IMPLEMENTATION_CLASS_UID = "2.25.285021473462190345318275631280846514177"
"""Names this implementation in the File Meta Information (PS3.7 Annex D.3.3.2)."""


def encode_file_meta(*, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Return preamble, prefix and File Meta Information of a file."""
    values = (
        (0x00020001, b"OB", b"\0\1"),
        (0x00020002, b"UI", sop_class_uid.encode("ascii")),
        (0x00020003, b"UI", sop_instance_uid.encode("ascii")),
        (0x00020010, b"UI", transfer_syntax_uid.encode("ascii")),
        (0x00020012, b"UI", IMPLEMENTATION_CLASS_UID.encode("ascii")),
        (0x00020013, b"SH", f"SCANWARD {__version__}".encode("ascii")),
    )
    body = b"".join(encode_element(tag, vr, value, EXPLICIT_LITTLE) for tag, vr, value in values)
    length = encode_element(0x00020000, b"UL", len(body).to_bytes(4, "little"), EXPLICIT_LITTLE)
    return bytes(PREAMBLE_BYTES) + MAGIC + length + body
