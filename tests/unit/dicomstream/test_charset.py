"""Text in the character sets of DICOM."""

from __future__ import annotations

import pytest
from pydicom.charset import convert_encodings, decode_bytes
from pydicom.valuerep import TEXT_VR_DELIMS

from scanward.dicomstream.charset import decode_text, encode_text

TEXTS = [
    ("Müller^Jörg", b"ISO_IR 100"),
    ("Wałęsa^Lech", b"ISO_IR 101"),
    ("Люкceмбypг", b"ISO_IR 144"),
    ("Διονυσιος", b"ISO_IR 126"),
    ("شرون^لنزار", b"ISO_IR 127"),
    ("שרון^דבורה", b"ISO_IR 138"),
    ("Çavuşoğlu", b"ISO_IR 148"),
    ("สมชาย", b"ISO_IR 166"),
    ("王^小東", b"ISO_IR 192"),
    ("王^小东", b"GB18030"),
    ("王^小东", b"GBK"),
    ("Yamada^Tarou=山田^太郎=やまだ^たろう", b"\\ISO 2022 IR 87"),
    ("Hong^Gildong=洪^吉洞=홍^길동", b"\\ISO 2022 IR 149"),
]


@pytest.mark.parametrize(("text", "charset"), TEXTS)
def test_what_is_written_reads_the_same(text: str, charset: bytes) -> None:
    raw = encode_text(text, charset)
    assert raw is not None
    assert decode_text(raw, charset) == text
    assert decode_text(raw + b" \0", charset) == text


@pytest.mark.parametrize(("text", "charset"), TEXTS)
def test_pydicom_reads_the_same(text: str, charset: bytes) -> None:
    raw = encode_text(text, charset)
    terms = convert_encodings([term.decode() for term in charset.split(b"\\")])
    assert decode_bytes(raw, terms, set(TEXT_VR_DELIMS)) == text


@pytest.mark.parametrize(
    "charset",
    [
        b"",
        b"ISO_IR 6",
        b"ISO_IR 192",
        b"ISO_IR 87",
        b"\\ISO 2022 IR 87",
        b"NONSENSE",
        b"\xff\xfe",
        b"ISO 2022 IR 999\\X",
    ],
)
@pytest.mark.parametrize(
    "raw", [bytes(range(256)), b"\xff\xfe\x80", b"\x1b$B\xff\xff\x1b(B", b"\x1b", b"\xc3\x28", b"", b"\0\0"]
)
def test_any_bytes_are_read_in_any_character_set_without_loss(raw: bytes, charset: bytes) -> None:
    text = decode_text(raw, charset)
    assert "�" not in text
    if raw.strip(b" \0"):
        assert text


@pytest.mark.parametrize(
    ("raw", "charset", "text"),
    [
        (b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3", b"ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        (b"M\xfcller", b"NONSENSE", "Müller"),
    ],
)
def test_more_is_read_than_written(raw: bytes, charset: bytes, text: str) -> None:
    """PS3.5 Annex H has the first."""
    assert decode_text(raw, charset) == text


def test_ascii_needs_no_character_set() -> None:
    assert decode_text(b"ROE^JANE  \0", b"NONSENSE") == "ROE^JANE"
    assert encode_text("ROE^JANE", b"NONSENSE") == b"ROE^JANE"


@pytest.mark.parametrize(
    ("text", "charset"),
    [("山田", b"ISO_IR 100"), ("山田", b""), ("Ж", b"ISO_IR 101"), ("€", b"ISO_IR 13")],
)
def test_text_that_a_character_set_has_not_is_not_written(text: str, charset: bytes) -> None:
    assert encode_text(text, charset) is None


def test_an_undeclared_character_set_is_taken_for_latin_1() -> None:
    assert decode_text(b"M\xfcller", b"") == "Müller"
    assert encode_text("Müller", b"") == b"M\xfcller"
