"""Whatever the bytes: an error of our own or spans that are right."""

from __future__ import annotations

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from scanward.deidentify.codestream.blank import get_replacement
from scanward.deidentify.codestream.fragments import Fragment, iter_fragments
from scanward.deidentify.codestream.span import MAX_SPAN_BYTES, SpanKind
from scanward.deidentify.codestream.stream import FrameStream
from scanward.errors import ScanwardError
from tests.unit.deidentify.codestream.streams import (
    EOI,
    H264,
    HEVC,
    JPEG,
    JPEG_2000,
    JPEG_LS,
    JPEG_XL,
    MPEG2,
    RLE,
    SECRET,
    avc_sample,
    blank_frame,
    box,
    encapsulate,
    find,
    icc_profile,
    jpeg,
    jpeg_2000,
    jpeg_ls,
    marker_segment,
    mp4,
    segment,
    sei,
    split,
    tile_part,
)

START = b"\x00\x00\x01"
UNIT = sei((5, SECRET), (1, b"\x00\x00\x01"), (4, bytes(9)))
JP2 = (
    box(b"jP  ", b"\r\n\x87\n")
    + box(b"jp2h", box(b"colr", b"\x02\x00\x00", icc_profile(SECRET)))
    + box(b"uuid", SECRET)
)
SEEDS = [
    (
        JPEG,
        jpeg(segment(0xFE, SECRET), segment(0xE2, b"ICC_PROFILE\x00\x01\x01" + icc_profile(SECRET)), end=EOI + SECRET),
    ),
    (JPEG_LS, jpeg_ls(segment(0xE8, b"SPIFF\x00" + bytes(24)), segment(0xE1, SECRET))),
    (JPEG_2000, jpeg_2000(marker_segment(0xFF64, b"\x00\x01" + SECRET), tiles=tile_part() + tile_part(length=0))),
    (JPEG_2000, JP2 + box(b"jp2c", jpeg_2000())),
    (JPEG_XL, b"\x00\x00\x00\x0cJXL \r\n\x87\n" + box(b"Exif", SECRET, wide=True) + box(b"jxlc", b"\xff\x0a")),
    (MPEG2, START + b"\xb3abcdef" + START + b"\xb2" + SECRET + START + b"\xb7"),
    (H264, START + b"\x67abc" + START + UNIT + START + b"\x65\x01\x02" + START + b"\x18" + SECRET),
    (HEVC, START + b"\x42\x01abc" + START + b"\x4e\x01" + UNIT[1:]),
    (
        H264,
        mp4(avc_sample(UNIT, b"\x65abc"), avc_sample(b"\x65d"), extra=box(b"udta", SECRET), gap=SECRET, name=SECRET),
    ),
    (RLE, b"\x01\x00\x00\x00\x44\x00\x00\x00" + SECRET * 3),
]
SIZES = st.sampled_from([1, 2, 3, 8, 61, 10_000])


def check(value: bytes, syntax: str, number_of_frames: int) -> None:
    """Blanking ends in an error of ours, or in spans within fragments, in order, that leave nothing to do."""
    try:
        spans = find(value, syntax, number_of_frames)
    except ScanwardError as error:
        if "DOE" in str(error) or "4711" in str(error):
            raise AssertionError("a message gives a value away") from error
        return
    parts = list(iter_fragments(lambda at, size: value[at : at + size], 0, len(value)))
    data, behind = bytearray(value), 0
    for span in spans:
        assert span.length > 0
        assert span.offset >= behind
        behind = span.offset + span.length
        assert any(
            not part.is_offset_table and part.offset <= span.offset and behind <= part.offset + part.length
            for part in parts
        )
        if span.kind is SpanKind.UNHANDLED:
            return
        assert span.length <= MAX_SPAN_BYTES
        data[span.offset : behind] = get_replacement(span)
    assert find(bytes(data), syntax, number_of_frames) == []


@st.composite
def mutated(draw: st.DrawFn) -> tuple[bytes, str]:
    syntax, frame = draw(st.sampled_from(SEEDS))
    data = bytearray(frame)
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        how = draw(st.integers(0, 3))
        if how == 0:
            data[at : at + 1] = draw(st.sampled_from([b"\x00", b"\xff", b"\x01", b"\x80", b"\x03"]))
        elif how == 1:
            data[at : at + draw(st.integers(0, 40))] = draw(st.binary(max_size=8))
        elif how == 2:
            data[at:at] = data[draw(st.integers(0, len(data))) :][: draw(st.integers(0, 60))]
        else:
            del data[at:]
    return bytes(data), syntax


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(mutated(), SIZES, st.integers(1, 3), st.sampled_from([syntax for syntax, _ in SEEDS]), st.booleans())
def test_a_mutated_codestream_ends_in_an_error_of_ours_or_in_right_spans(
    frame, size, number_of_frames, other, is_mislabelled
):
    data, syntax = frame
    check(encapsulate(*split(data, size)), other if is_mislabelled else syntax, number_of_frames)


@settings(max_examples=200)
@given(mutated(), st.integers(1, 4), st.data())
def test_mutated_items_end_in_an_error_of_ours_or_in_right_spans(frame, number_of_frames, draw):
    data, syntax = frame
    value = bytearray(encapsulate(data, data, table=(0).to_bytes(4, "little") + (len(data) + 8).to_bytes(4, "little")))
    for _ in range(draw.draw(st.integers(0, 3))):
        value[draw.draw(st.integers(0, min(len(value) - 1, 30)))] = draw.draw(st.integers(0, 255))
    check(bytes(value), syntax, number_of_frames)


@settings(max_examples=100)
@given(st.sampled_from(SEEDS), SIZES)
def test_the_result_does_not_depend_on_how_a_frame_is_cut_into_fragments(seed, size):
    syntax, frame = seed
    assert blank_frame(frame, syntax, size) == blank_frame(frame, syntax)
    assert SECRET[:8] not in blank_frame(frame, syntax, size) or syntax == RLE


@given(st.binary(max_size=600))
@example(b"\xff\xfe\x00\x02")
def test_any_text_in_a_jpeg_comment_goes_and_the_rest_stays(text):
    planted = jpeg(segment(0xFE, text), end=EOI)
    assert blank_frame(planted, JPEG) == jpeg(segment(0xFE, b" " * len(text)), end=EOI)


@given(st.lists(st.tuples(st.integers(0, 254), st.binary(max_size=300)), min_size=1, max_size=5), SIZES)
def test_messages_keep_their_sizes_and_no_start_code_arises(messages, size):
    video = START + b"\x67\x64" + START + sei(*messages) + START + b"\x65\x88\x84"
    done = blank_frame(video, H264, size)
    units = done.split(START)
    assert len(units) == 4
    plain, at = units[2].replace(b"\x00\x00\x03", b"\x00\x00"), 1
    for _, payload in messages:
        at += 1
        head = b"\xff" * (len(payload) // 255) + bytes((len(payload) % 255,))
        assert plain[at : at + len(head)] == head
        at += len(head) + len(payload)
    assert plain[at:] == b"\x80"


@given(st.binary(max_size=400), st.lists(st.integers(0, 40), max_size=30), st.data())
def test_a_stream_over_fragments_reads_as_their_concatenation(data, cuts, draw):
    parts, at = [], 0
    for cut in [*cuts, len(data)]:
        parts.append(Fragment(at, min(cut, len(data) - at)))
        at = min(at + cut, len(data))
    stream, at = FrameStream(lambda offset, length: data[offset : offset + length], parts), 0
    while at < len(data):
        length = draw.draw(st.integers(1, len(data) - at))
        how = draw.draw(st.integers(0, 3))
        assert stream.position == at
        if how == 0:
            assert stream.peek(length) == data[at : at + length]
        if how <= 1:
            assert stream.take(length) == data[at : at + length]
        elif how == 2:
            assert stream.skip(length)
        else:
            assert b"".join(data[run.offset :][: run.length] for run in stream.runs(length)) == data[at : at + length]
        at += length
    assert stream.peek(1) == b""
    assert not stream.skip(1)
