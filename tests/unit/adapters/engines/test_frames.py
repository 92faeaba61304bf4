"""Frames of every syntax are decoded and coded again without loss, and what is damaged or hostile is refused."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from scanward.adapters.engines.frames import ImageCodec
from scanward.adapters.engines.frames_shape import (
    MAX_SCANS,
    read_jpeg2000_shape,
    read_jpeg_shape,
    read_jpegxl_shape,
)
from scanward.errors import DicomFormatError, UnsupportedSyntaxError
from tests.common import codestreams as cs

CODEC = ImageCodec()
ROOT = Path(__file__).resolve().parents[4]
NO_PRECISION = {cs.RLE, cs.PLAIN, cs.DEFLATED_FRAME, cs.JPEG_XL, cs.JPEG_XL_ANY}


def ramp(rows=40, columns=52, *, dtype=np.uint8, stored=8, colour=False):
    rng = np.random.default_rng(7)
    values = np.add.outer(np.arange(rows) * 3, np.arange(columns) * 5) + rng.integers(0, 4, (rows, columns))
    values %= 1 << stored
    if np.dtype(dtype).kind == "i":
        values -= 1 << (stored - 1)
    if colour:
        values = np.stack([values, values[::-1], values // 2], axis=2)
    return values.astype(dtype)


CASES = [
    (np.uint8, 8, False), (np.uint8, 7, False), (np.uint8, 8, True), (np.uint16, 16, False), (np.uint16, 12, False),
    (np.uint16, 10, False), (np.int16, 16, False), (np.int16, 12, False), (np.uint16, 16, True), (np.int8, 8, False),
]  # fmt: skip


@pytest.mark.parametrize("uid", cs.REVERSIBLE)
@pytest.mark.parametrize(("dtype", "stored", "colour"), CASES)
def test_coded_again_as_given(uid, dtype, stored, colour):
    samples = ramp(dtype=dtype, stored=stored, colour=colour)
    layout = cs.layout_of(samples, stored=stored)
    original = cs.make_codestream(samples, uid, stored=stored)
    assert CODEC.can_decode(uid)
    decoded = CODEC.decode(original, uid, layout)
    assert decoded.dtype == samples.dtype
    assert np.array_equal(decoded, samples)
    changed = np.zeros(samples.shape[:2], bool)
    changed[5:20, 8:30] = True
    decoded[changed] = 3
    coded = CODEC.encode(decoded, uid, layout, original=original, changed=changed)
    assert coded is not None
    assert coded.transfer_syntax_uid == uid
    assert not coded.is_lossy
    assert len(coded.data) % 2 == 0
    again = CODEC.decode(coded.data, uid, layout)
    assert again.dtype == samples.dtype
    assert np.array_equal(again, decoded)
    if uid in {cs.LOSSLESS, cs.LOSSLESS_SV1, cs.JPEG_LS, cs.JPEG_LS_NEAR}:
        assert read_jpeg_shape(coded.data) == read_jpeg_shape(original)
    if uid in {cs.JPEG_2000, cs.JPEG_2000_ANY, cs.HTJ2K, cs.HTJ2K_RPCL, cs.HTJ2K_ANY}:
        assert read_jpeg2000_shape(coded.data) == read_jpeg2000_shape(original)


@pytest.mark.parametrize("uid", [cs.HTJ2K, cs.HTJ2K_RPCL])
@pytest.mark.parametrize("signed", [False, True])
def test_high_throughput_with_fewer_bits_than_a_number_has(uid, signed):
    # As another coder makes it, with 12 bits in its header: of numbers around the middle of 16, named 12.
    samples = ramp(dtype=np.int16 if signed else np.uint16, stored=12)
    shifted = samples if signed else samples + np.uint16(32768 - 2048)
    original = bytearray(cs.make_codestream(shifted, uid))
    original[42] = 0x80 | 11 if signed else 11
    layout = cs.layout_of(samples, stored=12)
    assert np.array_equal(CODEC.decode(bytes(original), uid, layout), samples)
    coded = CODEC.encode(samples, uid, layout, original=bytes(original), changed=np.ones(samples.shape, bool))
    assert read_jpeg2000_shape(coded.data) == read_jpeg2000_shape(bytes(original))
    assert np.array_equal(CODEC.decode(coded.data, uid, layout), samples)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 2), (33, 1)])
@pytest.mark.parametrize("uid", cs.REVERSIBLE)
def test_small_frames(uid, size):
    samples = ramp(*size)
    layout = cs.layout_of(samples)
    original = cs.make_codestream(samples, uid)
    assert np.array_equal(CODEC.decode(original, uid, layout), samples)
    coded = CODEC.encode(samples[::-1].copy(), uid, layout, original=original, changed=np.ones(size, bool))
    assert coded is None or np.array_equal(CODEC.decode(coded.data, uid, layout), samples[::-1])
    assert coded is not None


def test_signs_follow_the_header():
    samples = ramp(dtype=np.uint16, stored=8)
    layout = cs.layout_of(samples.astype(np.int16), stored=8)
    decoded = CODEC.decode(cs.make_codestream(samples, cs.JPEG_2000, stored=8), cs.JPEG_2000, layout)
    assert decoded.dtype == np.int16
    assert np.array_equal(decoded & 0xFF, samples)
    assert decoded.min() < 0


def test_video_is_not_decoded():
    for last in (100, 101, 102, 103, 107, 108):
        uid = f"1.2.840.10008.1.2.4.{last}"
        assert not CODEC.can_decode(uid)
        with pytest.raises(UnsupportedSyntaxError):
            CODEC.decode(b"", uid, cs.layout_of(ramp()))
    assert not CODEC.can_decode("1.2.840.10008.1.2.1")


@pytest.mark.parametrize("uid", [*cs.REVERSIBLE, cs.BASELINE])
def test_another_size_than_the_header_says(uid):
    samples = ramp()
    data = cs.make_jpeg(samples) if uid == cs.BASELINE else cs.make_codestream(samples, uid)
    for other in (ramp(41, 52), ramp(40, 53), ramp(39, 52), ramp(colour=True)):
        if uid == cs.RLE and other.size < samples.size:
            continue  # more samples than needed: segments may be filled up
        with pytest.raises(DicomFormatError):
            CODEC.decode(data, uid, cs.layout_of(other))


@pytest.mark.parametrize("uid", [*cs.REVERSIBLE, cs.BASELINE])
def test_cut_short_and_empty(uid):
    samples = ramp()
    data = cs.make_jpeg(samples) if uid == cs.BASELINE else cs.make_codestream(samples, uid)
    layout = cs.layout_of(samples)
    for cut in (0, 1, 2, 10, len(data) // 2, len(data) - 70):
        with pytest.raises(DicomFormatError):
            CODEC.decode(data[:cut], uid, layout)


def test_a_codestream_that_says_it_is_huge():
    samples = ramp(64, 64)
    huge = cs.layout_of(samples)
    jpeg = bytearray(cs.make_jpeg(samples))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = struct.pack(">HH", 65_500, 65_500)
    with pytest.raises(DicomFormatError):
        CODEC.decode(bytes(jpeg), cs.BASELINE, huge)
    j2k = bytearray(cs.make_codestream(samples, cs.JPEG_2000))
    j2k[8:16] = struct.pack(">II", 1 << 30, 1 << 30)
    with pytest.raises(DicomFormatError):
        CODEC.decode(bytes(j2k), cs.JPEG_2000, huge)
    bomb = zlib.compressobj(wbits=-15)
    data = bomb.compress(bytes(1 << 26)) + bomb.flush()
    with pytest.raises(DicomFormatError):
        CODEC.decode(data, cs.DEFLATED_FRAME, huge)


def rle(segment: bytes) -> bytes:
    return struct.pack("<16I", 1, 64, *[0] * 14) + segment


def test_an_rle_frame_that_grows_is_read_to_its_last_sample():
    layout = cs.layout_of(ramp(8, 8))
    assert not CODEC.decode(rle(b"\x81\x00" * 2000), cs.RLE, layout).any()


@pytest.mark.parametrize("behind", [b"\0", b"\x80", b"\0\x80\x80", b"Doe^Jane", b"\x7f", b"\xff"])
@pytest.mark.parametrize("more", [0, 9])
def test_what_follows_the_runs_of_a_segment_is_no_part_of_it(behind, more):
    samples = ramp(8, 8)
    literal = bytes([63 + more]) + samples.tobytes() + b"S" * more

    assert (CODEC.decode(rle(literal + behind), cs.RLE, cs.layout_of(samples)) == samples).all()
    assert (CODEC.decode(rle(b"\x80" + literal + behind), cs.RLE, cs.layout_of(samples)) == samples).all()


@pytest.mark.parametrize("cut", [1, 20, 63])
def test_a_segment_that_stops_early_is_damaged_and_says_what_to_do(cut):
    samples = ramp(8, 8)
    with pytest.raises(DicomFormatError) as raised:
        CODEC.decode(rle((b"\x3f" + samples.tobytes())[:-cut]), cs.RLE, cs.layout_of(samples))
    assert raised.value.remedy


def test_more_scans_than_a_picture_needs():
    data = cs.make_jpeg(ramp(64, 64), progressive=True)
    at = data.rindex(b"\xff\xda")
    scan = data[at:-2]
    with pytest.raises(DicomFormatError, match="scans"):
        read_jpeg_shape(data[:at] + scan * (MAX_SCANS + 1) + b"\xff\xd9")


def test_the_shape_of_jpeg_xl():
    import imagecodecs

    for rows, columns in ((8, 8), (256, 256), (40, 52), (300, 200), (1, 2000), (513, 9)):
        samples = np.zeros((rows, columns), np.uint8)
        for container in (False, True):
            data = bytes(imagecodecs.jpegxl_encode(samples, lossless=True, effort=1, usecontainer=container))
            assert read_jpegxl_shape(data)[:2] == (rows, columns)


def test_a_colour_jpeg_comes_out_unconverted():
    samples = np.empty((32, 32, 3), np.uint8)
    samples[:] = (120, 90, 200)
    layout = cs.layout_of(samples, photometric="YBR_FULL_422")
    decoded = CODEC.decode(cs.make_jpeg(samples, quality=95), cs.BASELINE, layout)
    assert np.abs(decoded.astype(int) - samples).max() < 4


def test_jpeg_in_jpeg_xl_and_back():
    import imagecodecs

    samples = ramp(64, 64, colour=True)
    samples[:, :, 1:] = 128
    data = bytes(imagecodecs.jpegxl_encode_jpeg(cs.make_jpeg(samples)))
    layout = cs.layout_of(samples, photometric="YBR_FULL_422")
    decoded = CODEC.decode(data, cs.JPEG_XL_RECOMPRESSION, layout)
    changed = np.zeros((64, 64), bool)
    changed[16:32, 16:48] = True
    edited = decoded.copy()
    edited[changed] = (50, 128, 128)
    coded = CODEC.encode(edited, cs.JPEG_XL_RECOMPRESSION, layout, original=data, changed=changed)
    again = CODEC.decode(coded.data, cs.JPEG_XL_RECOMPRESSION, layout)
    assert coded.is_lossy
    assert np.array_equal(again[~changed], decoded[~changed])
    assert np.abs(again[changed].astype(int) - (50, 128, 128)).max() < 4


FUZZ = """
import random, sys
import numpy as np
from scanward.adapters.engines.frames import ImageCodec
from scanward.errors import DicomFormatError
from tests.common import codestreams as cs

rng = random.Random(11)
codec = ImageCodec()
samples = (np.add.outer(np.arange(48), np.arange(40)) * 3 % 251).astype(np.uint8)
colour = np.stack([samples, samples[::-1], samples], axis=2)
refused = 0
for picture in (samples, colour, samples.astype(np.uint16) * 200):
    layout = cs.layout_of(picture)
    for uid in (*cs.REVERSIBLE, cs.BASELINE):
        if uid == cs.BASELINE:
            if picture.dtype == np.uint16:
                continue
            data = cs.make_jpeg(picture, progressive=rng.random() < 0.5)
        else:
            data = cs.make_codestream(picture, uid)
        for _ in range(25):
            bad = bytearray(data)
            for _ in range(rng.choice((1, 3, 30))):
                bad[rng.randrange(len(bad))] = rng.randrange(256)
            if rng.random() < 0.3:
                del bad[rng.randrange(len(bad)):][: rng.randrange(40)]
            try:
                codec.decode(bytes(bad), uid, layout)
            except DicomFormatError:
                refused += 1
print("refused", refused)
"""


def test_damaged_codestreams_raise_and_do_no_more():
    done = subprocess.run(
        [sys.executable, "-c", FUZZ], capture_output=True, text=True, timeout=120, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) > 100
