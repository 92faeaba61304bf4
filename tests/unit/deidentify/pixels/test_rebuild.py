"""Encapsulated pixels rebuilt: which frames keep their bits, what the tables and the header say then."""

from __future__ import annotations

import re
import struct

import numpy as np
import pytest

from scanward.adapters.engines.frames import ImageCodec
from scanward.deidentify.pixels.rebuild import masks_of, rebuild, reopen
from scanward.dicomstream import made as made_module
from scanward.dicomstream.made import JoinedPieces, MadeBytes
from scanward.errors import DicomFormatError, HoldError, OutputError
from scanward.model.instance import BytesSource, Content, Range
from tests.common import codestreams as cs
from tests.common.pixels import (
    box_of,
    encapsulated_file_of,
    file_of,
    joined,
    make_header,
    open_file,
    raw_frames,
    replaced,
)

BOX = box_of(4, 5, 20, 8, 1, 2)
EXPLICIT = "1.2.840.10008.1.2.1"


def grey_frames(count=5, rows=32, columns=40):
    rng = np.random.default_rng(2)
    return [(rng.integers(0, 9, (rows, columns)) + 20 * number).astype(np.uint8) for number in range(count)]


def make(uid, *, count=5, fragments=1, table=True, header=None, coded=None):
    samples = grey_frames(count)
    ds = make_header(rows=32, columns=40, frames=count)
    for tag, vr, value in header or ():
        ds.add_new(tag, vr, value)
    coded = coded or [cs.make_codestream(frame, uid) for frame in samples]
    return encapsulated_file_of(ds, coded, uid, fragments_per_frame=fragments, table=table), samples


def items(value):
    """Return the values of the Items of encapsulated Pixel Data."""
    at, found = 0, []
    while value[at : at + 4] == b"\xfe\xff\x00\xe0":
        length = struct.unpack_from("<I", value, at + 4)[0]
        found.append(value[at + 8 : at + 8 + length])
        at += 8 + length
    assert value[at:] == b"\xfe\xff\xdd\xe0\0\0\0\0"
    return found


@pytest.mark.parametrize("fragments", [1, 3])
@pytest.mark.parametrize("table", [False, True])
@pytest.mark.parametrize("uid", [cs.RLE, cs.JPEG_LS, cs.JPEG_2000])
def test_only_touched_frames_are_coded_again(uid, fragments, table):
    if fragments > 1 and not table and uid == cs.RLE:
        return  # nothing tells such frames apart
    data, samples = make(uid, fragments=fragments, table=table)
    start, _, frames = open_file(data, ImageCodec())
    made = rebuild(frames, masks_of([BOX], frames.layout))
    assert made.is_encapsulated
    assert made.transfer_syntax_uid == uid
    value = start.reader.read(frames.element.value, start.reader.size - frames.element.value)
    # Comments of coders go from all frames.
    before = items(re.sub(rb"Created by [ -~]+", lambda found: b" " * len(found.group()), value))
    after = items(joined(list(made.pieces), start))
    assert after[1 : 1 + fragments] == before[1 : 1 + fragments]
    assert after[-2 * fragments :] == before[-2 * fragments :]
    assert len(after) == 1 + 3 * fragments + 2
    # The table says where frames begin.
    at, starts = 0, []
    for number, item in enumerate(after[1:]):
        if number in {0, fragments, fragments + 1, fragments + 2, 2 * fragments + 2}:
            starts.append(at)
        at += 8 + len(item)
    assert list(struct.unpack(f"<{len(after[0]) // 4}I", after[0])) == starts
    result = reopen(frames, made)
    for index, frame in enumerate(samples):
        mask = masks_of([BOX], frames.layout)(index)
        kept = np.ones_like(frame, bool) if mask is None else ~mask
        assert np.array_equal(result.frame(index)[kept], frame[kept])
    assert np.array_equal(raw_frames(replaced(data, made, start)), [result.frame(index) for index in range(5)])


def test_untouched_bytes_stay_ranges_of_the_source():
    data, _ = make(cs.RLE)
    _, _, frames = open_file(data, ImageCodec())
    made = rebuild(frames, masks_of([BOX], frames.layout))
    own = [piece for piece in made.pieces if not isinstance(piece, bytes) and piece.source is None]
    assert sum(piece.length for piece in own) == sum(
        frames.coded_span(index).end - frames.coded_span(index).start for index in (0, 3, 4)
    )
    assert all(piece.content is Content.CODESTREAM for piece in made.pieces if isinstance(piece, Range))


def test_an_extended_offset_table_stays_right():
    coded = [cs.make_codestream(frame, cs.RLE) for frame in grey_frames()]
    lengths = [len(one) for one in coded]
    offsets = [sum(lengths[:index]) + 8 * index for index in range(5)]
    header = [
        (0x7FE00001, "OV", struct.pack("<5Q", *offsets)),
        (0x7FE00002, "OV", struct.pack("<5Q", *lengths)),
    ]
    data, _ = make(cs.RLE, table=False, header=header, coded=coded)
    start, _, frames = open_file(data, ImageCodec())
    made = rebuild(frames, masks_of([BOX], frames.layout))
    found = items(joined(list(made.pieces), start))
    assert found[0] == b""
    assert list(struct.unpack("<5Q", made.values[0x7FE00002])) == [len(item) for item in found[1:]]
    expected = [sum(8 + len(item) for item in found[1 : 1 + index]) for index in range(5)]
    assert list(struct.unpack("<5Q", made.values[0x7FE00001])) == expected
    assert np.array_equal(raw_frames(replaced(data, made, start))[0], frames.frame(0))


def test_comments_go_from_all_frames():
    def with_comment(data):
        return data[:2] + b"\xff\xfe\x00\x0aDOE^JANE" + data[2:]

    coded = [with_comment(cs.make_jpeg(frame)) for frame in grey_frames()]
    data, _ = make(cs.BASELINE, coded=[one + b"\0" * (len(one) % 2) for one in coded])
    start, _, frames = open_file(data, ImageCodec())
    made = rebuild(frames, masks_of([BOX], frames.layout))
    assert b"DOE^JANE" in start.reader.read(0, start.reader.size)
    assert b"DOE^JANE" not in joined(list(made.pieces), start)
    assert reopen(frames, made).count == 5


def test_what_coders_say_of_themselves_is_left_out():
    data, _ = make(cs.JPEG_2000)
    start, _, frames = open_file(data, ImageCodec())
    made = rebuild(frames, masks_of([box_of(0, 0, 4, 4)], frames.layout))
    assert b"OpenJPEG" not in joined(list(made.pieces), start)


@pytest.mark.parametrize(("before", "after"), [(None, b"01"), ("00", b"01"), ("01", None)])
def test_a_lossy_image_stays_one(before, after):
    header = [] if before is None else [(0x00282110, "CS", before)]
    data, _ = make(cs.BASELINE, header=header, coded=[cs.make_jpeg(frame) for frame in grey_frames()])
    _, _, frames = open_file(data, ImageCodec())
    made = rebuild(frames, masks_of([BOX], frames.layout))
    assert made.values == ({} if after is None else {0x00282110: after})


def test_native_where_there_is_no_coder():
    header = [(0x00280106, "US", 0), (0x7FE00001, "OV", bytes(40)), (0x7FE00002, "OV", bytes(40))]
    coded = [cs.make_jpeg(frame, progressive=True) for frame in grey_frames()]
    data, _ = make(cs.BASELINE, header=header, coded=[one + b"\0" * (len(one) % 2) for one in coded])
    start, _, frames = open_file(data, ImageCodec())
    made = rebuild(frames, masks_of([BOX], frames.layout))
    assert not made.is_encapsulated
    assert made.transfer_syntax_uid == EXPLICIT
    assert made.values == {0x00280106: None, 0x7FE00001: None, 0x7FE00002: None, 0x00282110: b"01"}
    assert sum(piece.length for piece in made.pieces) == 5 * 32 * 40
    result = reopen(frames, made)
    for index in (0, 3, 4):
        assert np.array_equal(result.frame(index), frames.frame(index))
    mask = masks_of([BOX], frames.layout)(1)
    assert np.array_equal(result.frame(1)[~mask], frames.frame(1)[~mask])
    assert np.array_equal(raw_frames(replaced(data, made, start)), [result.frame(index) for index in range(5)])


def test_colour_that_becomes_native():
    colour = np.stack(grey_frames(3, 33, 41), axis=2)
    coded = cs.make_jpeg(colour, progressive=True)
    ds = make_header(rows=33, columns=41, samples=3, photometric="YBR_FULL_422", planar=1)
    data = encapsulated_file_of(ds, [coded], cs.BASELINE)
    start, _, frames = open_file(data, ImageCodec())
    made = rebuild(frames, masks_of([box_of(3, 3, 5, 5)], frames.layout))
    assert made.values == {0x00280004: b"YBR_FULL", 0x00280006: b"\0\0", 0x00282110: b"01"}
    assert len(joined(list(made.pieces), start)) == 33 * 41 * 3 + 1
    result = reopen(frames, made)
    assert result.decoded_photometric == "YBR_FULL"
    assert np.array_equal(result.frame(0)[10:], frames.frame(0)[10:])
    assert np.array_equal(raw_frames(replaced(data, made, start))[0], result.frame(0))


def test_single_bits_that_become_native():
    class NoEncoder(ImageCodec):
        def encode(self, *_args, **_keywords):
            return None

    frames_in = [np.random.default_rng(number).integers(0, 2, (3, 5)).astype(np.uint8) for number in range(3)]
    ds = make_header(rows=3, columns=5, frames=3, allocated=1)
    coded = [np.packbits(frame.reshape(-1), bitorder="little").tobytes() for frame in frames_in]
    data = encapsulated_file_of(ds, coded, cs.PLAIN)
    _, _, frames = open_file(data, NoEncoder())
    made = rebuild(frames, masks_of([box_of(0, 0, 2, 2, 1, 1)], frames.layout))
    result = reopen(frames, made)
    for index in (0, 2):
        assert np.array_equal(result.frame(index), frames_in[index])


def test_a_coder_that_lies_is_not_believed():
    class Liar(ImageCodec):
        def encode(self, samples, uid, layout, **keywords):
            wrong = samples.copy()
            wrong[0, 0] ^= 1
            return super().encode(wrong, uid, layout, **keywords)

    data, _ = make(cs.RLE)
    _, _, frames = open_file(data, Liar())
    made = rebuild(frames, masks_of([BOX], frames.layout))
    assert not made.is_encapsulated


def test_the_transform_of_a_single_frame_is_named():
    colour = np.stack(grey_frames(3), axis=2)
    for photometric, expected in (("YBR_ICT", b"YBR_RCT "), ("YBR_RCT", None), ("RGB", None)):
        ds = make_header(rows=32, columns=40, samples=3, photometric=photometric)
        data = encapsulated_file_of(ds, [cs.make_codestream(colour, cs.JPEG_2000_ANY)], cs.JPEG_2000_ANY)
        _, _, frames = open_file(data, ImageCodec())
        made = rebuild(frames, masks_of([box_of(3, 3, 5, 5)], frames.layout))
        assert made.values.get(0x00280004) == expected


def test_spare_bits_of_coded_frames_are_cleared():
    samples = np.random.default_rng(2).integers(0, 1 << 16, (16, 16)).astype(np.uint16)
    ds = make_header(rows=16, columns=16, allocated=16, stored=12)
    data = encapsulated_file_of(ds, [cs.make_codestream(samples, cs.RLE)], cs.RLE)
    _, _, frames = open_file(data, ImageCodec())
    result = reopen(frames, rebuild(frames, lambda _: None, without_spare=True))
    assert np.array_equal(result.frame(0), samples & 0xFFF)


def test_a_touched_frame_that_is_damaged():
    coded = [cs.make_codestream(frame, cs.JPEG_LS) for frame in grey_frames()]
    coded[1] = coded[1][:40] + b"\xff\xd9" + coded[1][42:]
    data, _ = make(cs.JPEG_LS, coded=[one + b"\0" * (len(one) % 2) for one in coded])
    _, _, frames = open_file(data, ImageCodec())
    with pytest.raises(DicomFormatError):
        rebuild(frames, masks_of([BOX], frames.layout))


def test_many_new_bytes_wait_in_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(made_module, "MEMORY_BYTES", 1000)
    rng = np.random.default_rng(4)
    samples = rng.integers(0, 256, (6, 64, 64)).astype(np.uint8)
    data = file_of(make_header(rows=64, columns=64, frames=6), samples.tobytes(), EXPLICIT)
    start, _, frames = open_file(data)
    made = rebuild(frames, masks_of([box_of(0, 0, 64, 32)], frames.layout), folder=tmp_path)
    assert list(tmp_path.iterdir()) == []
    sources = {piece.source for piece in made.pieces if piece.source is not None}
    assert len(sources) == 1
    assert sources.pop().fileno() is not None
    assert np.array_equal(reopen(frames, made).frame(5)[32:], samples[5, 32:])
    assert len(joined(list(made.pieces), start)) == samples.size


def test_no_room_for_what_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(made_module, "MEMORY_BYTES", 10)
    with pytest.raises(OutputError):
        MadeBytes(tmp_path / "missing").add(bytes(11), Content.NATIVE_PIXELS)
    monkeypatch.setattr(made_module, "MAX_MADE_BYTES", 20)
    kept = MadeBytes(tmp_path)
    kept.add(bytes(15), Content.NATIVE_PIXELS)
    with pytest.raises(HoldError):
        kept.add(bytes(6), Content.NATIVE_PIXELS)


def test_pieces_read_as_one():
    aside = BytesSource(b"ABCDEFGH")
    pieces = [b"01", Range(2, 3), b"", Range(1, 4, Content.CODESTREAM, aside), b"9"]
    whole = b"01cdeBCDE9"
    source = JoinedPieces(pieces, BytesSource(b"abcdefgh"))
    assert source.size == len(whole)
    for start in range(12):
        for length in range(12):
            assert source.read(start, length) == whole[start : start + length]
