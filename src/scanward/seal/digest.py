"""Digests of decoded samples, tile by tile, so that an edit shows where it is and lossless transcoding does not show.

A tile has two digests. The inner one is plain, of its samples, and never leaves the memory of this process. The outer
one binds it to the seal (by a salt that only its key gives), to the frame and to the place in the frame; only that one
is kept. So a frame that stands at another place is found by the outer digests, and its samples are not read again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from struct import Struct
from typing import TYPE_CHECKING

from scanward.model.seal import DIGEST_BYTES, TILE_PIXELS, PixelKind, PixelSeal
from scanward.seal.tree import tree_root

if TYPE_CHECKING:
    from scanward.ports.engines import FrameLayout, FrameSource

MAX_TILES = 4_000_000
"""Of one instance, 128 MB of digests: a slide of 100,000 frames has 1.6 million. What has more is sealed as bytes."""

_TILE = b"\0scanward tile\0"
_TILE_SALT = b"tile salt\0"
_BYTES = b"\0scanward bytes\0"
_BYTES_SALT = b"bytes salt"
_SERIES = b"scanward series\0"
_FRAME = b"\2scanward frame\0"
_PIXELS = b"\2scanward pixels\0"

_PLACE = Struct(">IHH").pack
"""Frame, row and column of a tile."""

_SHAPE = Struct(">HHBB").pack
"""Rows, columns, samples for each pixel and bytes for each sample of a tile: those at the edges are smaller."""

_LAYOUT = Struct(">IIBBBI").pack


@dataclass(frozen=True, kw_only=True, slots=True)
class TileGrid:
    """How a frame is cut into tiles.

    Attributes
    ----------
    rows, columns, samples_per_pixel
        Of the frame.
    sample_bytes
        How many bytes a canonical sample has: the fewest that hold Bits Stored, of 1, 2 and 4.
    """

    rows: int
    columns: int
    samples_per_pixel: int
    sample_bytes: int

    @property
    def size(self) -> tuple[int, int]:
        """How many tiles there are: down and across."""
        return -(-self.rows // TILE_PIXELS), -(-self.columns // TILE_PIXELS)

    @property
    def count(self) -> int:
        """How many tiles there are."""
        down, across = self.size
        return down * across

    def shape(self, row: int, column: int) -> bytes:
        """Return the shape of the tile at a place in the grid, as it goes into its digest."""
        return _SHAPE(
            min(self.rows - row * TILE_PIXELS, TILE_PIXELS),
            min(self.columns - column * TILE_PIXELS, TILE_PIXELS),
            self.samples_per_pixel,
            self.sample_bytes,
        )


def grid_of(layout: "FrameLayout") -> TileGrid:
    """Return how frames of a layout are cut into tiles."""
    return TileGrid(
        rows=layout.rows,
        columns=layout.columns,
        samples_per_pixel=layout.samples_per_pixel,
        sample_bytes=sample_bytes(layout.bits_stored),
    )


def sample_bytes(bits_stored: int) -> int:
    """Return how many bytes a canonical sample has."""
    return 1 if bits_stored <= 8 else 2 if bits_stored <= 16 else 4


def bind_tile(content: bytes, *, key: bytes, grid: TileGrid, frame: int, tile: int) -> bytes:
    """Return the outer digest of a tile: bound to the seal, the frame and the place."""
    row, column = divmod(tile, grid.size[1])
    place = _PLACE(frame, row, column)
    salt = sha256(_TILE_SALT + key + place).digest()
    return sha256(_TILE + place + grid.shape(row, column) + salt + content).digest()


def bind_frame(contents: bytes, *, key: bytes, grid: TileGrid, frame: int) -> bytes:
    """Return the outer digests of the tiles of a frame."""
    down, across = grid.size
    seed = _TILE_SALT + key
    found: list[bytes] = []
    at = 0
    for row in range(down):
        shapes = [grid.shape(row, 0)] * (across - 1) + [grid.shape(row, across - 1)]
        for column, shape in enumerate(shapes):
            place = _PLACE(frame, row, column)
            salt = sha256(seed + place).digest()
            found.append(sha256(_TILE + place + shape + salt + contents[at : at + DIGEST_BYTES]).digest())
            at += DIGEST_BYTES
    return b"".join(found)


def seal_pixels(frames: "FrameSource", key: bytes) -> PixelSeal:
    """Digest the decoded samples of all frames, one frame in memory at a time.

    Raises
    ------
    DicomFormatError
        A frame cannot be decoded.
    HoldError
        A frame is too large to be.
    """
    # Arrays are loaded when the first pixels are sealed.
    from scanward.seal.samples import digest_contents

    layout, grid = frames.layout, grid_of(frames.layout)
    digests = bytearray()
    for index in range(frames.count):
        digests += bind_frame(digest_contents(frames.frame(index), layout), key=key, grid=grid, frame=index)
    return sealed_samples(layout, frames.decoded_photometric, frames.count, bytes(digests))


def sealed_samples(layout: "FrameLayout", photometric: str, frames: int, digests: bytes) -> PixelSeal:
    """Return digests with what is said of the samples that they are of."""
    return PixelSeal(
        kind=PixelKind.SAMPLES,
        rows=layout.rows,
        columns=layout.columns,
        samples_per_pixel=layout.samples_per_pixel,
        bits_stored=layout.bits_stored,
        is_signed=layout.is_signed,
        photometric=photometric,
        frames=frames,
        digests=digests,
    )


def seal_bytes(parts: Iterable[bytes], key: bytes) -> PixelSeal:
    """Digest content as it stands, of which any transcoding shows: video, documents, what has no decoder.

    Parameters
    ----------
    parts
        The content, piece by piece; how it is cut does not matter.
    key
        Of the seal.
    """
    engine = sha256()
    for part in parts:
        engine.update(part)
    salt = sha256(_BYTES_SALT + key).digest()
    return PixelSeal(kind=PixelKind.BYTES, digests=sha256(_BYTES + salt + engine.digest()).digest())


def frame_digests(seal: PixelSeal) -> Iterator[bytes]:
    """Give the joined digests of each frame."""
    down, across = seal.grid
    step = down * across * DIGEST_BYTES
    for at in range(0, seal.frames * step, step):
        yield seal.digests[at : at + step]


def frame_root(digests: bytes, index: int) -> bytes:
    """Return the root over the tiles of a frame."""
    return sha256(_FRAME + index.to_bytes(4, "big") + tree_root(digests)).digest()


def pixel_root(seal: PixelSeal) -> bytes:
    """Return the root over all frames, bound to what the samples are: lossless transcoding leaves it as it is."""
    if seal.kind is PixelKind.SAMPLES:
        below = tree_root(b"".join(frame_root(digests, at) for at, digests in enumerate(frame_digests(seal))))
    else:
        below = tree_root(seal.digests)
    layout = _LAYOUT(
        seal.rows, seal.columns, seal.samples_per_pixel, seal.bits_stored, int(seal.is_signed), seal.frames
    )
    name = f"{seal.kind.value}\0{seal.photometric}\0".encode()
    return sha256(_PIXELS + name + layout + below).digest()


def series_root(roots: Iterable[bytes]) -> bytes:
    """Return one root over the roots of instances, of a series or of a study, in whatever order they come."""
    ordered = sorted(roots)
    leaves = b"".join(sha256(b"\0" + _SERIES + root).digest() for root in ordered)
    return sha256(b"\2" + _SERIES + len(ordered).to_bytes(8, "big") + tree_root(leaves)).digest()
