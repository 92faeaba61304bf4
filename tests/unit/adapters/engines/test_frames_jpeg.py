"""A JPEG with blocks put in: these are new, all others decode to what they did, and decoders find nothing wrong."""

from __future__ import annotations

import io

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from scanward.adapters.engines.frames_jpeg import splice_jpeg
from scanward.adapters.engines.frames_jpeg_parts import JpegParts, NotSplicedError
from tests.common import codestreams as cs


def decode(data, colour):
    space = "RGB" if colour else "GRAYSCALE"
    return imagecodecs.jpeg8_decode(data, colorspace=space, outcolorspace=space)


def picture(rows, columns, *, colour=False, noise=25, seed=3):
    rng = np.random.default_rng(seed)
    base = np.add.outer(np.arange(rows), np.arange(columns)) % 200 + 20
    grey = (base + rng.integers(-noise, noise + 1, (rows, columns))).clip(0, 255).astype(np.uint8)
    if not colour:
        return grey
    smooth = (128 + 60 * np.sin(np.add.outer(np.arange(rows), 2 * np.arange(columns)) / 17)).astype(np.uint8)
    return np.stack([grey, smooth, 255 - smooth], axis=2)


def blocks_of(mask, size):
    """Return which pixels lie in blocks of a size that a mask touches."""
    tall, wide = size
    down, across = -(-mask.shape[0] // tall), -(-mask.shape[1] // wide)
    padded = np.pad(mask, ((0, down * tall - mask.shape[0]), (0, across * wide - mask.shape[1])))
    touched = padded.reshape(down, tall, across, wide).any(axis=(1, 3))
    return np.kron(touched, np.ones(size, bool))[: mask.shape[0], : mask.shape[1]].astype(bool)


def splice(data, mask, value, *, colour):
    samples = decode(data, colour).copy()
    samples[mask] = value
    return splice_jpeg(data, samples, mask)


def assert_spliced(data, mask, value, *, size=(8, 8), colour=False, reach=0):
    before = decode(data, colour)
    new = splice(data, mask, value, colour=colour)
    after = decode(new, colour)
    touched = blocks_of(mask, size)
    if reach:
        touched = np.pad(touched, reach)
        touched = np.lib.stride_tricks.sliding_window_view(touched, (2 * reach + 1,) * 2).any(axis=(2, 3))
    assert np.array_equal(after[~touched], before[~touched])
    if before.dtype == np.uint8:
        Image.open(io.BytesIO(new)).load()
    return after, new


@pytest.mark.parametrize("optimize", [False, True])
@pytest.mark.parametrize("restart_blocks", [0, 1, 5])
def test_grey(optimize, restart_blocks):
    data = cs.make_jpeg(picture(75, 101), optimize=optimize, restart_blocks=restart_blocks)
    mask = np.zeros((75, 101), bool)
    mask[16:40, 24:72] = True
    after, _ = assert_spliced(data, mask, 90)
    assert np.abs(after[16:40, 24:72].astype(int) - 90).max() <= 2


@pytest.mark.parametrize(
    ("subsampling", "size"), [("4:4:4", (8, 8)), ("4:2:2", (8, 16)), ("4:2:0", (16, 16)), ("4:1:1", (8, 32))]
)
@pytest.mark.parametrize("restart_blocks", [0, 3])
def test_colour(subsampling, size, restart_blocks):
    data = cs.make_jpeg(picture(83, 117, colour=True), subsampling=subsampling, restart_blocks=restart_blocks)
    mask = np.zeros((83, 117), bool)
    mask[32:64, 32:96] = True
    # Decoders smooth chrominance over the edge of a block.
    after, _ = assert_spliced(data, mask, (60, 110, 150), size=size, colour=True, reach=1 if size != (8, 8) else 0)
    inner = after[40:56, 64:80].astype(int)
    assert np.abs(inner - (60, 110, 150)).max() <= 3


def test_a_mask_at_the_lower_right_edge():
    data = cs.make_jpeg(picture(83, 117, colour=True))
    mask = np.zeros((83, 117), bool)
    mask[80:, 100:] = True
    after, _ = assert_spliced(data, mask, (200, 128, 128), size=(16, 16), colour=True, reach=1)
    assert np.abs(after[-1, -1].astype(int) - (200, 128, 128)).max() <= 4


def test_everything():
    data = cs.make_jpeg(picture(40, 40))
    after, _ = assert_spliced(data, np.ones((40, 40), bool), 7)
    assert np.abs(after.astype(int) - 7).max() <= 2


def test_one_scan_for_each_component():
    planes = np.moveaxis(picture(43, 61, colour=True), -1, 0)
    data = cs.make_jpeg_of_scans(planes)
    mask = np.zeros((43, 61), bool)
    mask[10:30, 10:50] = True
    after, _ = assert_spliced(data, mask, (60, 110, 150), colour=True)
    assert np.abs(after[16:24, 16:40].astype(int) - (60, 110, 150)).max() <= 3


@pytest.mark.parametrize("optimize", [False, True])
def test_twelve_bits(optimize):
    rng = np.random.default_rng(5)
    grey = (np.add.outer(np.arange(64), np.arange(80)) * 20 + rng.integers(0, 300, (64, 80))).astype(np.uint16)
    data = bytes(imagecodecs.jpeg8_encode(grey, level=90, bitspersample=12, optimize=optimize))
    mask = np.zeros((64, 80), bool)
    mask[16:32, 16:48] = True
    after, _ = assert_spliced(data, mask, 3000)
    assert np.abs(after[16:32, 16:48].astype(int) - 3000).max() <= 8


def test_a_huffman_table_without_room_is_made_anew():
    data = cs.make_jpeg(picture(300, 300, noise=10), optimize=True, quality=90)
    mask = np.zeros((300, 300), bool)
    mask[80:160, 80:160] = True
    before = decode(data, colour=False)
    samples = before.copy()
    samples[mask] = np.random.default_rng(0).integers(0, 2, 80 * 80) * 255
    old, new = JpegParts(data), splice_jpeg(data, samples, mask)
    tables = [parts.scans[0].tables[0][1] for parts in (old, JpegParts(new))]
    assert tables[0].room() == 0
    assert set(tables[1].symbols) > set(tables[0].symbols)
    after = decode(new, colour=False)
    assert np.array_equal(after[~mask], before[~mask])
    assert np.abs(after[mask].astype(int) - samples[mask]).mean() < 5


def test_comments_and_applications_are_left_out():
    data = cs.make_jpeg(picture(16, 16))
    said = data[:2] + b"\xff\xfe\x00\x0aDOE^JANE" + b"\xff\xe1\x00\x0aDOE^JANE" + data[2:]
    new = splice(said, np.ones((16, 16), bool), 9, colour=False)
    assert b"DOE" not in new
    assert b"JFIF" in new


@pytest.mark.parametrize("seed", range(3))
def test_other_processes_and_damage(seed):
    grey = picture(48, 48)
    mask = np.ones((48, 48), bool)
    with pytest.raises(NotSplicedError):
        splice_jpeg(cs.make_jpeg(grey, progressive=True), grey, mask)
    with pytest.raises(NotSplicedError):
        splice_jpeg(cs.make_codestream(grey, cs.LOSSLESS_SV1), grey, mask)
    data = cs.make_jpeg(grey)
    rng = np.random.default_rng(seed)
    for cut in rng.integers(2, len(data) - 3, 40):
        with pytest.raises(NotSplicedError):
            splice_jpeg(data[:cut], grey, mask)
    for _ in range(200):
        bad = bytearray(data)
        for at in rng.integers(2, len(data), 4):
            bad[at] = rng.integers(0, 256)
        try:
            splice_jpeg(bytes(bad), grey, mask)
        except NotSplicedError:
            continue


@given(
    rows=st.integers(1, 50), columns=st.integers(1, 50), colour=st.booleans(), quality=st.integers(20, 100),
    subsampling=st.sampled_from(["4:4:4", "4:2:2", "4:2:0"]), optimize=st.booleans(), seed=st.integers(0, 99),
    box=st.tuples(*[st.integers(0, 50)] * 4), value=st.integers(0, 255),
)  # fmt: skip
def test_any(rows, columns, colour, quality, subsampling, optimize, seed, box, value):
    data = cs.make_jpeg(
        picture(rows, columns, colour=colour, seed=seed), quality=quality, subsampling=subsampling, optimize=optimize
    )
    mask = np.zeros((rows, columns), bool)
    mask[min(box[:2]) : max(box[:2]), min(box[2:]) : max(box[2:])] = True
    size = (8, 8) if not colour else {"4:4:4": (8, 8), "4:2:2": (8, 16), "4:2:0": (16, 16)}[subsampling]
    assert_spliced(data, mask, value, size=size, colour=colour, reach=1 if colour else 0)
