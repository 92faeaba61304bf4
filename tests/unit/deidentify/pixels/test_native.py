"""Where native frames lie, where the standard says so and other readers differ or frames share bytes."""

from __future__ import annotations

import numpy as np
import pytest

from scanward.deidentify.pixels.rebuild import masks_of, rebuild, reopen
from tests.common.pixels import box_of, file_of, joined, make_header, open_file

EXPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"


def test_single_bits_in_words_of_big_endian():
    # The first pixel is the lowest bit of the first word, whose bytes are swapped (PS3.5 8.1.1, 8.2.1).
    _, _, frames = open_file(file_of(make_header(rows=1, columns=16, allocated=1), b"\x80\x01", BIG, vr="OW"))
    assert frames.frame(0).tolist() == [[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]]
    _, _, frames = open_file(file_of(make_header(rows=1, columns=16, allocated=1), b"\x80\x02", BIG, vr="OW"))
    assert frames.frame(0).tolist() == [[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]]


@pytest.mark.parametrize(("syntax", "vr"), [(EXPLICIT, "OB"), (BIG, "OB"), (BIG, "OW")])
def test_frames_that_share_bytes_are_both_filled(syntax, vr):
    # 4 frames of 3 x 5 bits: no frame but the first begins on a byte.
    bits = np.random.default_rng(3).integers(0, 2, (4, 3, 5)).astype(np.uint8)
    data = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
    if vr == "OW":
        data = np.frombuffer(data, "<u2").astype(">u2").tobytes()
    file = file_of(make_header(rows=3, columns=5, frames=4, allocated=1), data, syntax, vr=vr)
    _, _, frames = open_file(file)
    assert np.array_equal([frames.frame(index) for index in range(4)], bits)
    mask_of = masks_of([box_of(0, 0, 5, 3)], frames.layout)
    made = rebuild(frames, mask_of)
    after = reopen(frames, made)
    assert not any(after.frame(index).any() for index in range(4))
    # One box in each of two neighbours, at the byte that they share.
    mask_of = masks_of([box_of(4, 2, 1, 1, 0, 0), box_of(0, 0, 1, 1, 1, 1)], frames.layout)
    after = reopen(frames, rebuild(frames, mask_of))
    for index in range(4):
        mask = mask_of(index)
        outside = np.ones((3, 5), bool) if mask is None else ~mask
        assert np.array_equal(after.frame(index)[outside], bits[index][outside])


def test_odd_frames_in_swapped_words():
    samples = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    data = np.frombuffer(samples.tobytes() + b"\0", "<u2").astype(">u2").tobytes()
    file = file_of(make_header(rows=3, columns=3, frames=3), data, BIG, vr="OW")
    start, _, frames = open_file(file)
    assert np.array_equal([frames.frame(index) for index in range(3)], samples)
    made = rebuild(frames, masks_of([box_of(2, 2, 1, 1, 0, 0), box_of(0, 0, 1, 1, 1, 1)], frames.layout))
    after = reopen(frames, made)
    expected = samples.copy()
    expected[0, 2, 2], expected[1, 0, 0] = after.frame(0)[2, 2], after.frame(1)[0, 0]
    assert np.array_equal([after.frame(index) for index in range(3)], expected)
    assert expected[0, 2, 2] != 8
    assert expected[1, 0, 0] != 9
    assert len(joined(list(made.pieces), start)) == 28


def test_few_pieces_for_a_small_box():
    samples = np.random.default_rng(1).integers(0, 4096, (600, 600)).astype(np.uint16)
    file = file_of(make_header(rows=600, columns=600, allocated=16, stored=12), samples.tobytes(), EXPLICIT)
    _, _, frames = open_file(file)
    made = rebuild(frames, masks_of([box_of(10, 10, 100, 30)], frames.layout))
    assert len(made.pieces) == 3
    assert made.pieces[1].source is not None
    assert made.pieces[1].length < 31 * 1200


def test_spare_bits_are_cleared_everywhere():
    samples = np.random.default_rng(1).integers(0, 1 << 16, (3, 8, 8)).astype(np.uint16)
    file = file_of(make_header(rows=8, columns=8, frames=3, allocated=16, stored=12), samples.tobytes(), EXPLICIT)
    _, _, frames = open_file(file)
    after = reopen(frames, rebuild(frames, lambda _: None, without_spare=True))
    assert np.array_equal([after.frame(index) for index in range(3)], samples & 0xFFF)


def test_least_and_largest_values_are_taken_out():
    ds = make_header(rows=2, columns=2)
    ds.add_new(0x00280106, "US", 1)
    ds.add_new(0x00280107, "US", 9)
    _, _, frames = open_file(file_of(ds, b"\1\2\3\x09", EXPLICIT))
    made = rebuild(frames, masks_of([box_of(1, 1, 1, 1)], frames.layout))
    assert made.values == {0x00280106: None, 0x00280107: None}
    assert made.transfer_syntax_uid == EXPLICIT
    assert not made.is_encapsulated
