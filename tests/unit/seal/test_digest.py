"""Digests of decoded samples: the same for the same picture, another for any other."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pytest

from scanward.model.seal import PixelKind, PixelSeal
from scanward.seal.digest import bind_frame, bind_tile, frame_digests, grid_of, pixel_root, seal_bytes, seal_pixels
from scanward.seal.samples import canonical, digest_contents
from tests.common.sealing import KEY, OTHER_KEY, Frames

RNG = np.random.default_rng(5)


def root(frames: Frames, key: bytes = KEY) -> bytes:
    return pixel_root(seal_pixels(frames, key))


def grey(*shape: int, dtype: str = "u2", top: int = 4096) -> np.ndarray:
    return RNG.integers(0, top, shape).astype(dtype)


def test_byte_order_of_the_array_does_not_matter():
    values = grey(2, 70, 90)
    assert root(Frames(values)) == root(Frames(values.astype(">u2")))
    signed = values.astype("i2") - 2000
    assert root(Frames(signed)) == root(Frames(signed.astype(">i2")))


def test_how_the_array_lies_in_memory_does_not_matter():
    values = grey(1, 70, 90)
    assert root(Frames(values)) == root(Frames(np.asfortranarray(values)))
    colours = grey(1, 70, 90, 3, dtype="u1", top=256)
    by_planes = np.ascontiguousarray(colours.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    assert root(Frames(colours, photometric="RGB")) == root(Frames(by_planes, photometric="RGB", planar=True))


@pytest.mark.parametrize("dtype", ["u2", "i2"])
def test_bits_beyond_bits_stored_do_not_matter(dtype):
    values = grey(1, 70, 90)
    dirty = values | 0xA000
    assert root(Frames(values.astype(dtype), stored=12)) == root(Frames(dirty.astype(dtype), stored=12))


@pytest.mark.parametrize("high", [11, 12, 15])
def test_where_bits_stored_lie_does_not_matter(high):
    values = grey(1, 70, 90)
    shifted = (values.astype("u4") << (high - 11)).astype("u2")
    assert root(Frames(values, stored=12)) == root(Frames(shifted, stored=12, high=high))


def test_bits_allocated_do_not_matter():
    values = grey(1, 70, 90, top=200)
    assert root(Frames(values.astype("u1"))) == root(Frames(values, stored=8))
    assert root(Frames(values.astype("u4"), stored=8)) == root(Frames(values, stored=8))


def test_samples_are_sign_extended():
    stored = np.array([[[0x0FFF, 0x0800, 0x07FF, 0x0001]]], "u2").view("i2")
    frames = Frames(stored, stored=12)
    assert canonical(frames.frames[0], frames.layout).tolist() == [[-1, -2048, 2047, 1]]
    assert canonical(frames.frames[0], frames.layout).dtype == np.dtype("<i2")


def test_a_tile_is_what_the_documentation_says():
    values = grey(1, 70, 130)
    grid, key = grid_of(Frames(values).layout), KEY
    seal = seal_pixels(Frames(values), key)
    place = (0).to_bytes(4, "big") + (1).to_bytes(2, "big") + (2).to_bytes(2, "big")
    shape = (6).to_bytes(2, "big") + (2).to_bytes(2, "big") + b"\1\2"
    salt = sha256(b"tile salt\0" + key + place).digest()
    content = sha256(values[0, 64:, 128:].astype("<u2").tobytes()).digest()
    assert seal.digests[5 * 32 :] == sha256(b"\0scanward tile\0" + place + shape + salt + content).digest()
    assert bind_tile(content, key=key, grid=grid, frame=0, tile=5) == seal.digests[5 * 32 :]


def test_one_tile_bound_is_one_of_a_frame_bound():
    frames = Frames(grey(1, 130, 70))
    contents, grid = digest_contents(frames.frames[0], frames.layout), grid_of(frames.layout)
    whole = bind_frame(contents, key=KEY, grid=grid, frame=3)
    for tile in range(grid.count):
        one = bind_tile(contents[tile * 32 : (tile + 1) * 32], key=KEY, grid=grid, frame=3, tile=tile)
        assert one == whole[tile * 32 : (tile + 1) * 32]


def test_no_two_tiles_of_nothing_have_one_digest():
    seal = seal_pixels(Frames(np.zeros((3, 130, 130), "u1")), KEY)
    tiles = {seal.digests[at : at + 32] for at in range(0, len(seal.digests), 32)}
    assert len(tiles) == 27


def test_another_key_shares_no_digest():
    frames = Frames(grey(2, 70, 70))
    own, other = (
        {seal.digests[at : at + 32] for at in range(0, len(seal.digests), 32)}
        for seal in (seal_pixels(frames, KEY), seal_pixels(frames, OTHER_KEY))
    )
    assert own.isdisjoint(other)


def test_each_way_to_read_the_same_bytes_has_its_own_root():
    values = grey(1, 64, 96)
    data = values.tobytes()
    ways = {
        "as it is": Frames(values),
        "turned": Frames(values.reshape(1, 96, 64)),
        "in two frames": Frames(values.reshape(2, 32, 96)),
        "signed": Frames(values.view("i2")),
        "of bytes": Frames(np.frombuffer(data, "u1").reshape(1, 64, 192)),
        "of fewer bits": Frames(values, stored=13),
        "of other colour": Frames(values, photometric="MONOCHROME1"),
        "in triples": Frames(values.reshape(1, 64, 32, 3), photometric="RGB"),
        "with two more rows": Frames(np.concatenate([values, np.zeros((1, 2, 96), "u2")], axis=1)),
    }
    assert len({root(frames) for frames in ways.values()}) == len(ways)


def test_content_is_one_whatever_its_pieces():
    whole = seal_bytes([b"abcdef"], KEY)
    assert whole == seal_bytes([b"ab", b"", b"cdef"], KEY)
    assert whole != seal_bytes([b"abcdeg"], KEY)
    assert whole != seal_bytes([b"abcdef"], OTHER_KEY)
    assert whole.kind is PixelKind.BYTES


def test_no_pixels_and_no_bytes_are_not_the_same():
    assert pixel_root(PixelSeal(kind=PixelKind.NONE)) != pixel_root(seal_bytes([], KEY))


def test_frames_come_apart_as_they_were_put_together():
    seal = seal_pixels(Frames(grey(3, 70, 130)), KEY)
    assert b"".join(frame_digests(seal)) == seal.digests
    assert [len(one) for one in frame_digests(seal)] == [6 * 32] * 3
