import pytest

from scanward.deidentify.codestream.blank import get_replacement
from scanward.deidentify.codestream.span import SpanKind
from scanward.errors import DeidentificationError, DicomFormatError
from tests.unit.deidentify.codestream.streams import (
    H264,
    HEVC,
    MPEG2,
    SECRET,
    avc_sample,
    blank_frame,
    box,
    encapsulate,
    find,
    mp4,
    sei,
)

N = len(SECRET)
UUID = bytes(range(16))
START = b"\x00\x00\x01"
SPS, SLICE, TIMING = b"\x67\x64\x00\x0a", b"\x65\x88\x84\x06\x05\x10", (1, b"\x01\x02\x03")


@pytest.mark.parametrize("fragment_bytes", [None, 2, 9])
@pytest.mark.parametrize(
    ("syntax", "head", "first"),
    [(H264, b"\x06", SPS), (HEVC, b"\x4e\x01", b"\x42\x01\x01"), (HEVC, b"\x50\x01", b"\x42\x01\x01")],
)
@pytest.mark.parametrize("kind", [4, 5, 19, 200])
def test_messages_of_a_byte_stream_become_filler(syntax, head, first, kind, fragment_bytes):
    def video(kind: int, text: bytes) -> bytes:
        unit = sei(TIMING, (kind, text), TIMING, head=head)
        picture = b"\x26\x01" + SLICE if syntax == HEVC else SLICE
        return b"\x00" + START + first + START + unit + b"\x00" + START + picture + START + unit

    filler = b"\xff" * (N + 300)
    assert blank_frame(video(kind, SECRET + b"x" * 300), syntax, fragment_bytes) == video(3, filler)


@pytest.mark.parametrize("text", [b"\x00\x00\x00\x00DOE\x00\x00\x01", b"\x00\x00", b"D\x00\x00\x02\x00", b"\x00" * 255])
def test_filler_keeps_the_size_of_messages_and_makes_no_start_code(text):
    video = START + SPS + START + sei((5, text), (5, SECRET)) + START + SLICE
    done = blank_frame(video, H264, 5)
    assert done.count(START) == 3
    assert SECRET not in done
    assert b"DOE" not in done
    unit = done.split(START)[2].replace(b"\x00\x00\x03", b"\x00\x00")
    assert unit[2] == len(text) if len(text) < 255 else unit[2:4] == b"\xff\x00"
    assert unit.endswith(bytes((3, N)) + b"\xff" * N + b"\x80")


def test_a_message_that_says_it_is_longer_than_its_unit_goes_whole():
    assert SECRET not in blank_frame(START + SPS + START + b"\x06\x05\xff\xff\x10" + SECRET + START + SLICE, H264)


@pytest.mark.parametrize("first", [0x0C, 0x00, 0x18, 0x1F])
def test_units_that_nobody_defines_go(first):
    video = START + SPS + START + bytes((first,)) + SECRET + START + SLICE
    assert blank_frame(video, H264, 6) == START + SPS + START + bytes((first,)) + b"\xff" * N + START + SLICE


def test_filler_units_stay():
    assert find(encapsulate(START + SPS + START + b"\x0c\xff\xff\xff\x80" + START + SLICE), H264) == []


@pytest.mark.parametrize("fragment_bytes", [None, 4, 70_000])
def test_user_data_of_mpeg_2_goes(fragment_bytes):
    def video(text: bytes, tail: bytes) -> bytes:
        head = START + b"\xb3" + b"\x11" * 8
        return head + START + b"\xb2" + text + START + b"\x00picture" + START + b"\xb2" + text + START + b"\xb7" + tail

    long = SECRET * (5000 if fragment_bytes != 4 else 1)
    assert blank_frame(video(long, SECRET), MPEG2, fragment_bytes) == video(b" " * len(long), bytes(N))


def test_what_mp4_says_of_itself_goes_and_samples_stay():
    unit = sei(TIMING, (5, UUID + SECRET))
    samples = avc_sample(unit, SLICE), avc_sample(SLICE), avc_sample(unit)
    planted = box(b"udta", box(b"meta", SECRET)) + box(b"uuid", UUID, SECRET)
    for fragment_bytes in (None, 16, 333):
        video = mp4(*samples, extra=planted, gap=SECRET, first=box(b"free", SECRET), name=SECRET)
        done = blank_frame(video, H264, fragment_bytes)
        assert SECRET[:8] not in done
        clean = avc_sample(sei(TIMING, (3, b"\xff" * (16 + N))), SLICE), avc_sample(SLICE)
        empty = box(b"free", bytes(len(planted) - 8 - 24 - N)) + box(b"free", bytes(16 + N))
        expected = mp4(
            *clean, clean[0][: -len(SLICE) - 4], extra=empty, gap=bytes(N), first=box(b"free", bytes(N)), name=bytes(N)
        )
        for kind, length in ((b"mdhd", 0x11), (b"tkhd", 0x22), (b"mvhd", 0x33)):
            at = expected.index(kind) + 8
            assert expected[at : at + 8] == bytes((length,)) * 8
            expected = expected[:at] + bytes(8) + expected[at + 8 :]
        assert done == expected


@pytest.mark.parametrize(
    "video",
    [
        mp4(avc_sample(SLICE), extra=box(b"moof", b"")),
        mp4(avc_sample(SLICE), handler=b"text"),
        mp4(avc_sample(SLICE)[:-1]),
        mp4(avc_sample(SLICE)).replace(b"avcC", b"mp4v"),
        mp4(avc_sample(SLICE)).replace(b"stsz", b"abcd"),
        mp4(avc_sample(SLICE)).replace(b"tkhd", b"abcd"),
        mp4(avc_sample(SLICE)).replace(b"mdat", b"abcd"),
        mp4(avc_sample(SLICE), avc_sample(SLICE)).replace(
            b"stco\x00\x00\x00\x00\x00\x00\x00\x02\x00", b"stco\x00\x00\x00\x00\x00\x00\x00\x02\x7f"
        ),
        mp4(avc_sample(SLICE)).replace(
            b"stco\x00\x00\x00\x00\x00\x00\x00\x01", b"stco\x00\x00\x00\x00\x00\x00\x00\x09"
        ),
        mp4(avc_sample(SLICE), extra=box(b"abcd", SECRET)[:-1]),
    ],
    ids=[
        "fragments",
        "text track",
        "unit",
        "codec",
        "no sizes",
        "no track",
        "outside",
        "order",
        "long table",
        "long box",
    ],
)
def test_an_mp4_that_cannot_be_followed_is_refused(video):
    with pytest.raises(DicomFormatError) as caught:
        find(encapsulate(video), H264)
    assert "DOE" not in str(caught.value)


@pytest.mark.parametrize(
    ("syntax", "video"),
    [(MPEG2, b"\x47" + bytes(187)), (MPEG2, START + b"\xba" + bytes(20)), (H264, b"\x47" + bytes(187)), (HEVC, SECRET)],
)
def test_a_container_that_is_not_looked_into_says_so_and_cannot_be_blanked(syntax, video):
    (span,) = find(encapsulate(video), syntax)
    assert span.kind is SpanKind.UNHANDLED
    with pytest.raises(DeidentificationError):
        get_replacement(span)


def test_an_oversized_message_unit_is_refused():
    with pytest.raises(DicomFormatError, match="longer"):
        find(encapsulate(START + b"\x06" + b"\x05" * (1 << 19)), H264)
