import pytest

from scanward.errors import DicomFormatError
from tests.unit.deidentify.codestream.streams import (
    EOI,
    JPEG_2000,
    JPEG_XL,
    SECRET,
    SIZ,
    blank_frame,
    box,
    encapsulate,
    find,
    icc_profile,
    jpeg_2000,
    marker_segment,
    tile_part,
)

N = len(SECRET)
JP2 = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 \x00\x00\x00\x00jp2 ")
JXL = box(b"JXL ", b"\r\n\x87\n") + box(b"ftyp", b"jxl \x00\x00\x00\x00jxl ")


def comment(text: bytes, registration: bytes = b"\x00\x01") -> bytes:
    return marker_segment(0xFF64, registration + text)


@pytest.mark.parametrize("fragment_bytes", [None, 2, 13])
@pytest.mark.parametrize(
    ("planted", "left"),
    [
        (jpeg_2000(comment(SECRET)), jpeg_2000(comment(b" " * N))),
        (jpeg_2000(comment(SECRET, b"\x00\x00")), jpeg_2000(comment(b" " * N, b"\x00\x00"))),
        (jpeg_2000(marker_segment(0xFFA1, SECRET)), jpeg_2000(marker_segment(0xFFA1, bytes(N)))),
        (
            jpeg_2000(tiles=tile_part() + tile_part(comment(SECRET)) + tile_part()),
            jpeg_2000(tiles=tile_part() + tile_part(comment(b" " * N)) + tile_part()),
        ),
        (
            jpeg_2000(tiles=tile_part(comment(SECRET), length=0), end=EOI + SECRET),
            jpeg_2000(tiles=tile_part(comment(b" " * N), length=0), end=EOI + bytes(N)),
        ),
        (jpeg_2000(end=EOI + SECRET), jpeg_2000(end=EOI + bytes(N))),
        (jpeg_2000(end=EOI + b"\xff"), jpeg_2000(end=EOI + b"\xff")),
        (jpeg_2000(end=b""), jpeg_2000(end=b"")),
        (jpeg_2000(end=b"\x00"), jpeg_2000(end=b"\x00")),
        (jpeg_2000()[:-7], jpeg_2000()[:-7]),
    ],
)
def test_what_is_planted_goes_and_every_other_byte_stays(planted, left, fragment_bytes):
    assert blank_frame(planted, JPEG_2000, fragment_bytes) == left


@pytest.mark.parametrize("fragment_bytes", [None, 11])
@pytest.mark.parametrize("kind", [b"xml ", b"uuid", b"uinf", b"jp2i", b"asoc", b"lbl ", b"abcd"])
@pytest.mark.parametrize("wide", [False, True])
def test_boxes_that_jp2_does_not_need_become_free_space(kind, wide, fragment_bytes):
    def file(name: bytes, text: bytes, remark: bytes) -> bytes:
        head = box(
            b"jp2h", box(b"ihdr", bytes(14)), box(name, text, wide=wide), box(b"colr", b"\x01\x00\x00\x00\x00\x00\x10")
        )
        return JP2 + box(name, text) + head + box(b"jp2c", jpeg_2000(comment(remark))) + box(name, text, wide=wide)

    assert blank_frame(file(kind, SECRET, SECRET), JPEG_2000, fragment_bytes) == file(b"free", bytes(N), b" " * N)


def test_a_codestream_box_may_reach_to_the_end():
    def file(remark: bytes, tail: bytes) -> bytes:
        return JP2 + b"\x00\x00\x00\x00jp2c" + jpeg_2000(comment(remark), end=EOI + tail)

    assert blank_frame(file(SECRET, SECRET), JPEG_2000) == file(b" " * N, bytes(N))


def test_the_words_of_a_colour_profile_go():
    profile = icc_profile(SECRET)
    done = blank_frame(
        JP2 + box(b"jp2h", box(b"colr", b"\x02\x00\x00", profile)) + box(b"jp2c", jpeg_2000()), JPEG_2000
    )
    assert SECRET not in done
    assert profile[-16:] in done
    assert SECRET not in blank_frame(JP2 + box(b"jp2h", box(b"colr", b"\x02\x00\x00", SECRET)), JPEG_2000)


@pytest.mark.parametrize("kind", [b"Exif", b"xml ", b"jumb", b"brob", b"jbrd", b"abcd"])
def test_boxes_that_jpeg_xl_does_not_need_become_free_space(kind):
    def file(name: bytes, text: bytes) -> bytes:
        return (
            JXL
            + box(name, text)
            + box(b"jxlp", bytes(4), b"\xff\x0aabc")
            + box(name, text)
            + b"\x00\x00\x00\x00jxlc\xff\x0adef"
        )

    assert blank_frame(file(kind, SECRET), JPEG_XL, 9) == file(b"free", bytes(N))


def test_a_bare_jpeg_xl_codestream_has_nothing_to_find():
    assert find(encapsulate(b"\xff\x0a" + SECRET), JPEG_XL) == []


@pytest.mark.parametrize(
    "frame",
    [
        jpeg_2000(b"DOE^JANE"),
        jpeg_2000(b"\xff\x64\x00\x01"),
        jpeg_2000(b"\xff\x64\x10\x00"),
        jpeg_2000(b"\xff\x93"),
        jpeg_2000(tiles=tile_part(length=13)),
        jpeg_2000(tiles=tile_part(length=20)),
        b"\xff\x4f" + SIZ[:12],
        jpeg_2000(end=b"J"),
        JP2 + box(b"jp2h", box(b"ihdr", bytes(14)))[:-3],
        JP2 + box(b"jp2h", b"\x00\x00\x00\x40ihdr"),
        JP2 + b"\x00\x00\x00\x04xml ",
        JP2 + b"\x00\x00\x00\x00jp2h" + box(b"ihdr", bytes(14)),
        JP2 + b"\x7f\xff\xff\xffxml " + SECRET,
    ],
)
def test_what_cannot_be_followed_is_refused_without_its_bytes(frame):
    with pytest.raises(DicomFormatError) as caught:
        find(encapsulate(frame), JPEG_2000)
    assert "DOE" not in str(caught.value)


def test_containers_within_containers_end_somewhere():
    nested = b""
    for _ in range(40):
        nested = box(b"jp2h", nested)
    with pytest.raises(DicomFormatError, match="nested"):
        find(encapsulate(JP2 + nested), JPEG_2000)
