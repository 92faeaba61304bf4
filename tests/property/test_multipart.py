"""Multipart bodies: whatever the pieces they come in, and whatever stands in them."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from scanward.web.multipart import MultipartReader, PartEnd, PartStart, parse_media_type
from scanward.web.problems import Problem

BOUNDARY = "aB"
TEASING = st.lists(st.sampled_from([b"\r", b"\n", b"-", b"--", b"a", b"B", b"aB", b"\r\n--aB", b"x" * 40, b"\0"])).map(
    b"".join
)


def read(pieces) -> tuple[list[bytes], bool]:
    """Return the parts of a body in pieces, and whether it was whole."""
    reader, parts = MultipartReader(BOUNDARY), []
    try:
        for piece in pieces:
            for event in reader.feed(piece):
                if isinstance(event, PartStart):
                    parts.append([])
                elif not isinstance(event, PartEnd):
                    parts[-1].append(bytes(event))
        reader.end()
    except Problem:
        return [b"".join(part) for part in parts], False
    return [b"".join(part) for part in parts], True


def cut(body: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(body) + 1) for place in places} | {0, len(body)})
    return [body[start:end] for start, end in pairwise(ends)]


@given(st.lists(TEASING, min_size=1, max_size=4), st.lists(st.integers(0, 10_000), max_size=30), st.booleans())
def test_parts_come_out_as_they_went_in_however_they_are_cut(parts, places, headers):
    parts = [part.replace(b"\r\n--aB", b"") for part in parts]
    parts = [part if b"\r\n--aB" not in b"\r\n" + part + b"\r\n" else b"" for part in parts]
    head = b"--aB\r\nContent-Type: application/dicom\r\n\r\n" if headers else b"--aB\r\n\r\n"
    body = b"".join(head + part + b"\r\n" for part in parts) + b"--aB--\r\nepilogue"
    assert read(cut(body, places)) == (parts, True)


@given(st.one_of(st.binary(max_size=400), TEASING), st.lists(st.integers(0, 1000), max_size=10))
def test_anything_else_is_refused_or_read_but_breaks_nothing(body, places):
    assert read(cut(body, places)) == read([body]) or not read([body])[1]


@given(st.text(max_size=80))
def test_media_types_are_read_or_refused(text):
    kind, parameters = parse_media_type(text)
    assert isinstance(kind, str)
    assert all(name == name.lower() for name in parameters)


def test_media_types_of_the_standard():
    read_one = parse_media_type('Multipart/Related; TYPE="application/dicom"; boundary="a;b\\"c"; x=y')
    assert read_one == ("multipart/related", {"type": "application/dicom", "boundary": 'a;b"c', "x": "y"})
    assert parse_media_type("application/dicom") == ("application/dicom", {})
    assert parse_media_type("application/dicom; what is this") == ("", {})
