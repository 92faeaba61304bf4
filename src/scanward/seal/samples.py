"""Decoded samples in one form, and their digests tile by tile."""

from hashlib import sha256

import numpy as np

from scanward.model.seal import TILE_PIXELS
from scanward.ports.engines import FrameLayout, Samples
from scanward.seal.digest import grid_of, sample_bytes


def canonical(samples: Samples, layout: FrameLayout) -> Samples:
    """Return samples as they are digested: Bits Stored at High Bit, sign-extended, little-endian, as narrow as can be.

    Byte order, width and sign of the array that they come in do not matter.
    """
    width = sample_bytes(layout.bits_stored)
    wanted = np.dtype(f"<{'i' if layout.is_signed else 'u'}{width}")
    whole = 8 * samples.dtype.itemsize
    if layout.bits_stored == whole == 8 * width:
        return samples.astype(samples.dtype.newbyteorder("<"), copy=False).view(wanted)
    bits = samples.astype(np.dtype(f"u{samples.dtype.itemsize}"), copy=False)
    # Up against the left end, what is above High Bit falls off; back down, the sign is drawn along.
    top = bits << np.array(whole - 1 - layout.high_bit, bits.dtype)
    if layout.is_signed:
        top = top.view(np.dtype(f"i{samples.dtype.itemsize}"))
    down: Samples = (top >> np.array(whole - layout.bits_stored, top.dtype)).astype(wanted, copy=False)
    return down


def digest_contents(samples: Samples, layout: FrameLayout) -> bytes:
    """Return the inner digests of the tiles of a frame, row by row: of their samples alone."""
    grid = grid_of(layout)
    down, across = grid.size
    flat = samples.reshape(grid.rows, grid.columns * grid.samples_per_pixel)
    step = TILE_PIXELS * grid.samples_per_pixel
    full = grid.columns // TILE_PIXELS
    found: list[bytes] = []
    for row in range(down):
        # A strip of tiles at a time stays in the cache.
        strip = canonical(flat[row * TILE_PIXELS : (row + 1) * TILE_PIXELS], layout)
        height = strip.shape[0]
        if full:
            tiles = np.ascontiguousarray(strip[:, : full * step].reshape(height, full, step).swapaxes(0, 1))
            octets = tiles.reshape(-1).view(np.uint8).data
            length = len(octets) // full
            found.extend(sha256(octets[at : at + length]).digest() for at in range(0, len(octets), length))
        if full < across:
            found.append(sha256(np.ascontiguousarray(strip[:, full * step :]).tobytes()).digest())
    return b"".join(found)


def unused_bits(samples: Samples, layout: FrameLayout) -> bytes:
    """Return the bits of samples that Bits Stored leaves unused, in their places, little-endian."""
    width = samples.dtype.itemsize
    used = ((1 << layout.bits_stored) - 1) << (layout.high_bit + 1 - layout.bits_stored)
    unused = ~used & ((1 << 8 * width) - 1)
    bits = samples.astype(np.dtype(f"u{width}"), copy=False) & np.array(unused, np.dtype(f"u{width}"))
    octets: bytes = bits.astype(np.dtype(f"<u{width}"), copy=False).tobytes()
    return octets
