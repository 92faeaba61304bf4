"""Headers and ends of elements, each length checked against what is there."""

from __future__ import annotations

import pytest

from scanward.dicomstream.encoding import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, MAX_DEPTH, UNDEFINED_LENGTH
from scanward.dicomstream.reader import WINDOW_BYTES, Reader
from scanward.errors import DicomFormatError, NestingError, TruncatedError
from tests.unit.dicomstream.datasets import (
    Item,
    MemorySource,
    Node,
    encode_node,
    head,
    reader_of,
    tag_bytes,
    vr_bytes_of,
)

PIXEL_DATA = 0x7FE00010
DELIMITER = tag_bytes(0xFFFEE0DD) + bytes(4)
ITEM_END = tag_bytes(0xFFFEE00D) + bytes(4)


def item(length: int) -> bytes:
    return head(0xFFFEE000, "", length, True, True)


@pytest.mark.parametrize(
    ("data", "encoding", "vr", "length", "value"),
    [
        (head(0x00100010, "PN", 6, False, True), EXPLICIT_LITTLE, b"PN", 6, 8),
        (head(0x00100010, "PN", 6, False, False), EXPLICIT_BIG, b"PN", 6, 8),
        (head(0x00100010, "PN", 6, True, True), IMPLICIT_LITTLE, b"PN", 6, 8),
        (head(0x00420011, "OB", 70000, False, True), EXPLICIT_LITTLE, b"OB", 70000, 12),
        (head(0x00091001, "", 6, True, True), IMPLICIT_LITTLE, b"UN", 6, 8),
        (head(0x00090010, "", 6, True, True), IMPLICIT_LITTLE, b"LO", 6, 8),
        (head(0x00091001, "", UNDEFINED_LENGTH, True, True), IMPLICIT_LITTLE, b"SQ", UNDEFINED_LENGTH, 8),
        (head(PIXEL_DATA, "", UNDEFINED_LENGTH, True, True), IMPLICIT_LITTLE, b"OB", UNDEFINED_LENGTH, 8),
        # A VR of a later edition has the long form, and is written as UN should its value change.
        (b"\x09\0\x01\x10ZZ\0\0\x06\0\0\0", EXPLICIT_LITTLE, b"UN", 6, 12),
        # Without VR among elements that have one.
        (head(0x00091001, "", UNDEFINED_LENGTH, True, True), EXPLICIT_LITTLE, b"SQ", UNDEFINED_LENGTH, 8),
        (head(0x00081030, "", 4, True, True) + b"text", EXPLICIT_LITTLE, b"LO", 4, 8),
    ],
)
def test_a_header_is_read_in_every_form(data, encoding, vr, length, value) -> None:
    element = reader_of(data).element(0, encoding)
    assert (element.vr, element.length, element.value, element.start) == (vr, length, value, 0)


def test_a_header_that_is_none_is_refused() -> None:
    with pytest.raises(DicomFormatError, match=r"\(4559,5020\)|expected a Value Representation"):
        reader_of(b"YES, THIS IS TEXT").element(8, EXPLICIT_LITTLE)


@pytest.mark.parametrize("length", range(12))
def test_a_header_cut_short_is_refused(length: int) -> None:
    data = head(0x00420011, "OB", 4, False, True)[:length]
    with pytest.raises(TruncatedError):
        reader_of(data).element(0, EXPLICIT_LITTLE)


def test_a_value_beyond_its_limit_is_refused_and_not_shown() -> None:
    reader = reader_of(head(0x00100010, "PN", 60, False, True) + b"SECRET^NAME")
    element = reader.element(0, EXPLICIT_LITTLE)
    with pytest.raises(TruncatedError) as caught:
        reader.end(element, reader.size)
    assert str(caught.value) == "(0010,0010): expected 60 bytes, got 11"


def test_fragments_end_with_their_delimiter() -> None:
    data = head(PIXEL_DATA, "OB", UNDEFINED_LENGTH, False, True) + item(0) + item(4) + b"\xff\xd8\xff\xd9" + DELIMITER
    reader = reader_of(data + b"more")
    assert reader.end(reader.element(0, EXPLICIT_LITTLE), reader.size) == len(data)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (item(0) + item(4) + b"abcd", TruncatedError),
        (item(0) + item(40) + b"abcd", TruncatedError),
        (item(UNDEFINED_LENGTH), DicomFormatError),
        (tag_bytes(0x00100010) + bytes(12), DicomFormatError),
        (item(4)[:7], TruncatedError),
    ],
)
def test_fragments_that_do_not_end_are_refused(body: bytes, error: type[Exception]) -> None:
    reader = reader_of(head(PIXEL_DATA, "OB", UNDEFINED_LENGTH, False, True) + body)
    with pytest.raises(error, match=r"\(7FE0,0010\)"):
        reader.end(reader.element(0, EXPLICIT_LITTLE), reader.size)


def test_a_kept_sequence_is_walked_to_its_end_whatever_is_inside() -> None:
    fragments = head(PIXEL_DATA, "OB", UNDEFINED_LENGTH, False, True) + item(0) + item(2) + b"\xfe\xff" + DELIMITER
    inner = encode_node(
        Node(0x00081199, "SQ", items=(Item((), undefined=True),), undefined=True, as_un=True), False, True
    )
    # The bytes of a delimiter inside a value end nothing.
    text = head(0x00081030, "LO", 16, False, True) + DELIMITER + ITEM_END
    body = item(UNDEFINED_LENGTH) + text + inner + fragments + ITEM_END + item(8) + bytes(8)
    data = head(0x0040A730, "SQ", UNDEFINED_LENGTH, False, True) + body + DELIMITER
    reader = reader_of(data + b"more")
    assert reader.end(reader.element(0, EXPLICIT_LITTLE), reader.size) == len(data)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        item(UNDEFINED_LENGTH),
        item(UNDEFINED_LENGTH) + ITEM_END,
        item(4),
        item(UNDEFINED_LENGTH) + head(0x00100010, "PN", 40, False, True),
        item(UNDEFINED_LENGTH)
        + head(0x0040A160, "UT", UNDEFINED_LENGTH, False, True)
        + DELIMITER
        + ITEM_END
        + DELIMITER,
        ITEM_END + DELIMITER,
        head(0x00100010, "PN", 0, False, True) + DELIMITER,
    ],
)
def test_a_sequence_that_does_not_end_is_refused(body: bytes) -> None:
    reader = reader_of(head(0x0040A730, "SQ", UNDEFINED_LENGTH, False, True) + body)
    with pytest.raises(DicomFormatError):
        reader.end(reader.element(0, EXPLICIT_LITTLE), reader.size)


def deep(depth: int) -> bytes:
    return (head(0x0040A730, "SQ", UNDEFINED_LENGTH, False, True) + item(UNDEFINED_LENGTH)) * depth + (
        ITEM_END + DELIMITER
    ) * depth


def test_nesting_ends_where_the_limit_says() -> None:
    reader = reader_of(deep(MAX_DEPTH))
    assert reader.end(reader.element(0, EXPLICIT_LITTLE), reader.size) == reader.size
    reader = reader_of(deep(MAX_DEPTH + 1))
    with pytest.raises(NestingError, match=r"\(0040,A730\): expected at most 128 nested sequences"):
        reader.end(reader.element(0, EXPLICIT_LITTLE), reader.size)


def test_ten_thousand_levels_are_refused_before_they_are_read() -> None:
    source = MemorySource(deep(10_000))
    reader = Reader(source, vr_bytes_of)
    with pytest.raises(NestingError):
        reader.end(reader.element(0, EXPLICIT_LITTLE), reader.size)
    assert source.read_bytes <= WINDOW_BYTES


class ShrinkingSource(MemorySource):
    """A file that somebody cuts while it is read."""

    def read(self, offset: int, length: int) -> bytes:
        return super().read(offset, length)[: length // 2]


def test_a_file_that_shrinks_is_refused() -> None:
    reader = Reader(ShrinkingSource(bytes(100)), vr_bytes_of)
    with pytest.raises(TruncatedError, match="the file changed"):
        reader.read(0, 50)
    with pytest.raises(TruncatedError, match="the file changed"):
        Reader(ShrinkingSource(bytes(WINDOW_BYTES)), vr_bytes_of).window(0, WINDOW_BYTES)
