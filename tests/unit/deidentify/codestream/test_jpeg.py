import pytest

from scanward.deidentify.codestream.span import SpanKind
from scanward.errors import DicomFormatError
from tests.unit.deidentify.codestream.streams import (
    DQT,
    ENTROPY,
    EOI,
    JPEG,
    JPEG_LS,
    SECRET,
    SOS,
    blank,
    blank_frame,
    encapsulate,
    find,
    icc_profile,
    jpeg,
    jpeg_ls,
    segment,
)

N = len(SECRET)
JFIF = b"JFIF\x00\x01\x02\x00\x00\x01\x00\x01\x01\x01"
ADOBE = b"Adobe\x00\x64\x00\x00\x00\x00\x01"
SPIFF = b"SPIFF\x00" + bytes(range(1, 25))


@pytest.mark.parametrize("fragment_bytes", [None, 2, 7, 50])
@pytest.mark.parametrize(
    ("planted", "left"),
    [
        (segment(0xFE, SECRET), segment(0xFE, b" " * N)),
        (segment(0xE1, b"Exif\x00\x00" + SECRET), segment(0xE1, bytes(6 + N))),
        (segment(0xE1, b"http://ns.adobe.com/xap/1.0/\x00" + SECRET), segment(0xE1, bytes(29 + N))),
        (segment(0xED, b"Photoshop 3.0\x00" + SECRET), segment(0xED, bytes(14 + N))),
        (segment(0xE0, JFIF + SECRET), segment(0xE0, JFIF + bytes(N))),
        (segment(0xE0, b"JFXX\x00" + SECRET), segment(0xE0, bytes(5 + N))),
        (segment(0xEE, ADOBE + SECRET), segment(0xEE, ADOBE + bytes(N))),
        (segment(0xE8, SPIFF + SECRET), segment(0xE8, SPIFF + bytes(N))),
        (segment(0xE8, SECRET), segment(0xE8, bytes(N))),
        (
            segment(0xE8, SPIFF)
            + segment(0xE8, b"\x00\x00\x00\x04" + SECRET)
            + segment(0xE8, b"\x00\x00\x00\x01\xff\xd8"),
            segment(0xE8, SPIFF)
            + segment(0xE8, b"\x00\x00\x00\x04" + bytes(N))
            + segment(0xE8, b"\x00\x00\x00\x01\xff\xd8"),
        ),
        (DQT[:3] + bytes((DQT[3] + N,)) + DQT[4:] + SECRET, DQT[:3] + bytes((DQT[3] + N,)) + DQT[4:] + bytes(N)),
        (segment(0xDD, b"\x00\x02") + SECRET, segment(0xDD, b"\x00\x02") + bytes(N)),
        (b"\xff\xff\xff" + segment(0xFE, SECRET), b"\xff\xff\xff" + segment(0xFE, b" " * N)),
        (b"\xff\x00" + SECRET + b"\xff\x00", b"\xff\x00" + bytes(N) + b"\xff\x00"),
    ],
    ids=[
        "COM",
        "EXIF",
        "XMP",
        "Photoshop",
        "JFIF thumbnail",
        "JFXX",
        "Adobe",
        "SPIFF",
        "APP8",
        "SPIFF entry",
        "DQT slack",
        "between",
        "fill",
        "stuffed",
    ],
)
def test_what_is_planted_goes_and_every_other_byte_stays(planted, left, fragment_bytes):
    assert blank_frame(jpeg(planted), JPEG, fragment_bytes) == jpeg(left)


@pytest.mark.parametrize(("planted", "left"), [(b"mrfx\x01" + SECRET, b"mrfx\x01" + bytes(N))])
def test_the_colour_transform_of_jpeg_ls_stays(planted, left):
    assert blank_frame(jpeg_ls(segment(0xE8, planted)), JPEG_LS) == jpeg_ls(segment(0xE8, left))


def test_jpeg_ls_data_is_told_from_markers_by_its_own_rule():
    data = jpeg_ls(
        segment(0xF8, b"\x01\x00\xff\x00\x03\x00\x07\x00\x15\x00\x40" + SECRET), end=segment(0xFE, SECRET) + EOI
    )
    assert SECRET not in blank_frame(data, JPEG_LS)


def test_a_comment_between_scans_goes():
    def scans(comment: bytes) -> bytes:
        return SOS + ENTROPY + segment(0xFE, comment) + segment(0xDC, b"\x00\x08") + DQT + SOS + ENTROPY

    assert blank_frame(jpeg(scan=scans(SECRET)), JPEG) == jpeg(scan=scans(b" " * N))


def test_bytes_that_look_like_a_comment_inside_entropy_coded_data_stay():
    scan = SOS + b"\x01\xff\x00\xfe\x00\x04AB" + ENTROPY
    assert find(encapsulate(jpeg(scan=scan)), JPEG) == []


@pytest.mark.parametrize(
    ("end", "left"),
    [
        (EOI + b"\x00", EOI + b"\x00"),
        (EOI + b"\xff", EOI + b"\xff"),
        (b"", b""),
        (b"\x00", b"\x00"),
        (EOI + SECRET, EOI + bytes(N)),
        (EOI + b"J", EOI + b"\x00"),
        (EOI + jpeg(segment(0xFE, SECRET)), EOI + bytes(len(jpeg(segment(0xFE, SECRET))))),
    ],
)
def test_bytes_after_the_end_go_but_for_one_of_padding(end, left):
    assert blank_frame(jpeg(end=end), JPEG) == jpeg(end=left)


def test_every_frame_is_looked_into():
    frame = jpeg(segment(0xFE, SECRET), end=EOI + b"\x00")
    assert SECRET not in blank(encapsulate(frame, frame, frame), JPEG, 3)
    assert SECRET not in blank(encapsulate(frame[:9], frame[9:], frame), JPEG, 2)


def test_a_frame_that_is_not_counted_is_neither_lost_nor_let_out():
    with pytest.raises(DicomFormatError, match="more"):
        find(encapsulate(jpeg(), jpeg()), JPEG, 1)


@pytest.mark.parametrize("chunk_bytes", [40, 10_000])
def test_an_icc_profile_keeps_its_numbers_and_loses_its_words(chunk_bytes):
    def planted(profile: bytes) -> bytes:
        chunks = [profile[at : at + chunk_bytes] for at in range(0, len(profile), chunk_bytes)]
        return b"".join(
            segment(0xE2, b"ICC_PROFILE\x00" + bytes((at, len(chunks))) + chunk) for at, chunk in enumerate(chunks, 1)
        )

    profile = icc_profile(SECRET)
    expected = bytearray(profile)
    expected[24:36] = bytes(12)
    at = profile.index(SECRET)
    expected[at : at + N] = bytes(N)
    assert blank_frame(jpeg(planted(profile)), JPEG, 64) == jpeg(planted(bytes(expected)))


@pytest.mark.parametrize(
    "payload",
    [
        b"ICC_PROFILE\x00\x01\x01" + SECRET,
        b"ICC_PROFILE\x00\x02\x02" + icc_profile(SECRET),
        b"ICC_PROFILE\x00\x01\x01" + icc_profile(SECRET)[:-30],
        b"ICC_PROFILE\x00",
    ],
)
def test_of_a_broken_icc_profile_nothing_stays(payload):
    assert blank_frame(jpeg(segment(0xE2, payload)), JPEG) == jpeg(segment(0xE2, bytes(len(payload))))


@pytest.mark.parametrize(
    "frame",
    [
        b"DOE^JANE",
        b"\xff\xd8",
        jpeg(b"\xff\xd8"),
        jpeg(b"\xff\x05\x00\x09DOE^JAN"),
        jpeg(segment(0xF3, SECRET)),
        jpeg(b"\xff\xfe\x00\x01"),
        jpeg()[:20],
        jpeg(segment(0xC0, b"\x08\x00\x08\x00\x08\x03\x01\x11\x00")),
        jpeg_ls(segment(0xF8, b"\x09" + SECRET)),
        jpeg(scan=SOS + ENTROPY + b"\xff\xd8"),
    ],
)
def test_what_cannot_be_followed_is_refused_without_its_bytes(frame):
    if frame == b"\xff\xd8":
        assert find(encapsulate(frame), JPEG) == []  # nothing in it
        return
    with pytest.raises(DicomFormatError) as caught:
        find(encapsulate(frame), JPEG)
    assert "DOE" not in str(caught.value)


def test_kinds_say_what_was_found():
    planted = segment(0xFE, SECRET) + segment(0xE1, SECRET)
    assert [span.kind for span in find(encapsulate(jpeg(planted, end=EOI + SECRET)), JPEG)] == [
        SpanKind.COMMENT,
        SpanKind.APPLICATION,
        SpanKind.TRAILING,
    ]


def test_a_long_run_comes_in_spans_that_fit_in_memory():
    spans = find(encapsulate(jpeg(end=EOI + b"x" * (5 << 20))), JPEG)
    assert max(span.length for span in spans) <= 1 << 20
    assert sum(span.length for span in spans) == 5 << 20
