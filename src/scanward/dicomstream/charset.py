"""Text values and their Specific Character Set (PS3.3 C.12.1.1.2, PS3.5 Section 6.1)."""

import re
from functools import lru_cache

_SINGLE_BYTE = {
    b"": "ascii",
    b"ISO_IR 6": "ascii",
    b"ISO_IR 13": "shift_jis",
    b"ISO_IR 100": "iso8859-1",
    b"ISO_IR 101": "iso8859-2",
    b"ISO_IR 109": "iso8859-3",
    b"ISO_IR 110": "iso8859-4",
    b"ISO_IR 144": "iso8859-5",
    b"ISO_IR 127": "iso8859-6",
    b"ISO_IR 126": "iso8859-7",
    b"ISO_IR 138": "iso8859-8",
    b"ISO_IR 148": "iso8859-9",
    b"ISO_IR 203": "iso8859-15",
    b"ISO_IR 166": "tis-620",
    b"ISO_IR 192": "utf-8",
    b"GB18030": "gb18030",
    b"GBK": "gbk",
}
"""Character sets without code extensions, by Defined Term; ISO 2022 ones are left to pydicom."""


_ESCAPE = re.compile("\x1b[\x20-\x2f]+[\x30-\x7e]")
"""A code extension (ISO 2022)."""


def decode_text(raw: bytes, charset: bytes) -> str:
    """Decode the value `raw` in the Specific Character Set `charset` (raw value); never fails.

    Bytes that the character set does not have become the characters of Latin-1, which loses nothing.
    """
    raw = raw.rstrip(b" \0")
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii")
    return _decode(raw, charset)


def encode_text(text: str, charset: bytes) -> bytes | None:
    """Encode `text` in the Specific Character Set `charset`, or return None where that has not all characters."""
    if text.isascii():
        return text.encode("ascii")
    codec = _SINGLE_BYTE.get(charset)
    try:
        if codec is not None:
            return text.encode("iso8859-1" if codec == "ascii" else codec)
        return _encode_with_extensions(text, charset)
    except (UnicodeError, LookupError, ValueError):
        return None


@lru_cache(maxsize=4096)
def _decode(raw: bytes, charset: bytes) -> str:
    codec = _SINGLE_BYTE.get(charset)
    if codec is None:
        return _decode_with_extensions(raw, charset)
    try:
        return raw.decode("iso8859-1" if codec == "ascii" else codec)
    except UnicodeError:
        return raw.decode("iso8859-1")


def _decode_with_extensions(raw: bytes, charset: bytes) -> str:
    # pydicom is loaded only where a file has code extensions: loading it costs as much as hundreds of headers.
    import warnings

    from pydicom.charset import convert_encodings, decode_bytes
    from pydicom.valuerep import TEXT_VR_DELIMS

    terms = [term.decode("ascii", "replace").strip() for term in charset.split(b"\\")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            text = decode_bytes(raw, convert_encodings(terms), set(TEXT_VR_DELIMS))
        except (LookupError, ValueError):
            return raw.decode("iso8859-1")
    # Escapes of sets that the decoder takes as they come (ISO 2022 IR 58) would part a name from its other spellings.
    return _ESCAPE.sub("", text)


def _encode_with_extensions(text: str, charset: bytes) -> bytes | None:
    import warnings

    from pydicom.charset import convert_encodings, encode_string

    terms = [term.decode("ascii", "replace").strip() for term in charset.split(b"\\")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoded: bytes = encode_string(text, convert_encodings(terms))
        if _decode_with_extensions(encoded, charset) != text:
            return None
        return encoded
