import pytest

from scanward.deidentify.codestream.fragments import find_end, iter_fragments, iter_frames
from scanward.errors import DicomFormatError, TruncatedError
from tests.unit.deidentify.codestream.streams import encapsulate, item


def walk(value: bytes, start: int = 0) -> list[tuple[int, int, bool]]:
    return [tuple(part) for part in iter_fragments(lambda at, size: value[at : at + size], start, len(value))]


def frames(value: bytes, number: int) -> list[list[bytes]]:
    groups = iter_frames(lambda at, size: value[at : at + size], 0, len(value), number, (b"SOI",))
    return [[value[part.offset : part.offset + part.length] for part in group] for group in groups]


def offset_table(*offsets: int) -> bytes:
    return b"".join(offset.to_bytes(4, "little") for offset in offsets)


def test_the_offset_table_comes_first_and_every_fragment_after_it():
    value = b"head" + encapsulate(b"abcd", b"", b"efghij", table=b"\x00" * 4)
    assert walk(value, 4) == [(12, 4, True), (24, 4, False), (36, 0, False), (44, 6, False)]


def test_the_end_lies_behind_the_delimiter_and_not_at_the_end_of_the_input():
    value = encapsulate(b"abcd")
    assert find_end(lambda at, size: (value + b"more")[at : at + size], 0, len(value) + 4) == len(value)


def test_a_delimiter_inside_a_fragment_is_data():
    inside = b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
    assert [part[1] for part in walk(encapsulate(b"ab" + inside + b"cd", b"ef"))] == [0, 12, 2]


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (b"", TruncatedError),
        (item(b""), TruncatedError),
        (item(b"") + b"\xfe\xff\xdd\xe0", TruncatedError),
        (item(b"") + item(b"abcd")[:-1], TruncatedError),
        (item(b"") + b"\xfe\xff\x00\xe0\xff\xff\xff\xff", DicomFormatError),
        (item(b"") + b"\xfe\xff\xdd\xe0\x02\x00\x00\x00", DicomFormatError),
        (item(b"") + b"\xfe\xff\x0d\xe0\x00\x00\x00\x00", DicomFormatError),
        (b"\xfe\xff\xdd\xe0\x00\x00\x00\x00", DicomFormatError),
        (b"\x10\x00\x10\x00\x04\x00\x00\x00DOE " * 2, DicomFormatError),
    ],
)
def test_what_is_not_well_formed_is_refused_without_its_bytes(value, error):
    with pytest.raises(error) as caught:
        walk(value)
    assert "DOE" not in str(caught.value)


def test_one_frame_owns_all_fragments():
    assert frames(encapsulate(b"SOIa", b"SOIb"), 1) == [[b"SOIa", b"SOIb"]]


def test_as_many_fragments_as_frames_are_one_each():
    assert frames(encapsulate(b"SOIa", b"bb", b"cc"), 3) == [[b"SOIa"], [b"bb"], [b"cc"]]


def test_the_offset_table_parts_the_frames():
    value = encapsulate(b"SOIa", b"SOIb", b"cc", table=offset_table(0, 24))
    assert frames(value, 2) == [[b"SOIa", b"SOIb"], [b"cc"]]


@pytest.mark.parametrize(
    "table", [b"", offset_table(0, 25), offset_table(0), offset_table(12, 24), offset_table(0, 24, 90)]
)
def test_without_a_table_that_fits_a_frame_begins_as_a_codestream_does(table):
    assert frames(encapsulate(b"SOIa", b"aa", b"SOIb", table=table), 2) == [[b"SOIa", b"aa"], [b"SOIb"]]
