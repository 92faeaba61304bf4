"""Tiles and entry bundles (C2SP tlog-tiles): where they are, what is in them, and the tree that they spell."""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

from scanward.errors import EvidenceError
from scanward.tlog.faults import LogFault
from scanward.tlog.merkle import HASH_BYTES, TILE_HEIGHT, GrowingTree, node_hash

TILE_WIDTH = 1 << TILE_HEIGHT
"""Hashes in a full tile, and entries in a full bundle."""

MAX_ENTRY_BYTES = 0xFFFF
"""What the two bytes before an entry can say."""

MAX_LEVEL = 63
"""Of a tile, in its path."""

ENTRIES = "entries"
"""Stands for the level in the path of an entry bundle."""

KEPT_TILES = 64
"""So many tiles are kept, worked out, while proofs are made: 2 MB."""

_PATH = re.compile(
    r"tile/(?P<level>0|[1-9][0-9]?|entries)/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


def tile_width(level: int, index: int, size: int) -> int:
    """Return how many hashes a tile has in a tree of this size: 256 where it is full, 0 where it is not there."""
    return max(0, min(TILE_WIDTH, (size >> (TILE_HEIGHT * level)) - index * TILE_WIDTH))


def tile_path(level: int | None, index: int, width: int = TILE_WIDTH) -> str:
    """Return where a tile is; an entry bundle where `level` is None."""
    name = f"{index % 1000:03}"
    while index := index // 1000:
        name = f"x{index % 1000:03}/{name}"
    suffix = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{ENTRIES if level is None else level}/{name}{suffix}"


def parse_tile_path(path: str) -> tuple[int | None, int, int]:
    """Return level (None for entries), index and width; raises `EvidenceError` with TILE_PATH."""
    found = _PATH.fullmatch(path)
    if found is not None:
        level = None if found["level"] == ENTRIES else int(found["level"])
        index = int(found["index"].replace("x", "").replace("/", ""))
        width = int(found["width"] or TILE_WIDTH)
        # A path that is not how it would be written again has superfluous zeros.
        if (level or 0) <= MAX_LEVEL and width <= TILE_WIDTH and tile_path(level, index, width) == path:
            return level, index, width
    raise EvidenceError(LogFault.TILE_PATH, "expected the path of a tile or an entry bundle")


def tiles_of(size: int) -> Iterator[tuple[int, int, int]]:
    """Yield level, index and width of every hash tile of a tree of this size."""
    level = 0
    while size >> (TILE_HEIGHT * level):
        for index in range(-(-(size >> (TILE_HEIGHT * level)) // TILE_WIDTH)):
            yield level, index, tile_width(level, index, size)
        level += 1


def parse_tile(data: bytes, width: int) -> list[bytes]:
    """Return the hashes of a tile; raises `EvidenceError` with TILE_TRUNCATED or TILE_OVERSIZED."""
    if len(data) != width * HASH_BYTES:
        fault = LogFault.TILE_TRUNCATED if len(data) < width * HASH_BYTES else LogFault.TILE_OVERSIZED
        raise EvidenceError(fault, f"expected a tile of {width * HASH_BYTES} bytes, got {len(data)}")
    return [data[start : start + HASH_BYTES] for start in range(0, len(data), HASH_BYTES)]


def write_bundle(entries: Sequence[bytes]) -> bytes:
    """Return entries as a bundle has them; raises `OverflowError` where one is too long."""
    widths = set(map(len, entries))
    if len(widths) == 1:  # as a rule: commitments have one length
        prefix = widths.pop().to_bytes(2, "big")
        return prefix + prefix.join(entries)
    return b"".join(part for entry in entries for part in (len(entry).to_bytes(2, "big"), entry))


def parse_bundle(data: bytes, width: int) -> list[bytes]:
    """Return the entries of a bundle; raises `EvidenceError` with BUNDLE_TRUNCATED or BUNDLE_OVERSIZED."""
    entries = []
    at = 0
    for _ in range(width):
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or at > len(data):
            raise EvidenceError(LogFault.BUNDLE_TRUNCATED, f"expected {width} entries in a bundle, got fewer")
        entries.append(data[start:at])
    if at != len(data):
        raise EvidenceError(LogFault.BUNDLE_OVERSIZED, f"expected {width} entries in a bundle, got more")
    return entries


class GrowingTiles:
    """The hash tiles of a tree that is only ever extended; those that are full are given out, not kept.

    Parameters
    ----------
    edges
        Hashes of the last tile of each level of the tree to go on from, none of them full.
    """

    def __init__(self, edges: Sequence[Sequence[bytes]] = ()) -> None:
        self.tree = GrowingTree.from_edges(edges)
        self._edges = [list(edge) for edge in edges]

    @property
    def edges(self) -> list[list[bytes]]:
        """Hashes of the last tile of each level, none of them full."""
        return [list(edge) for edge in self._edges]

    def grow(self, leaves: Sequence[bytes]) -> Iterator[tuple[int, int, bytes]]:
        """Add hashes of leaves, and yield level, index and content of each tile that is full by that."""
        for level, hashes in enumerate(self.tree.extend(leaves)):
            if level == len(self._edges):
                self._edges.append([])
            edge = self._edges[level]
            edge += hashes
            fulls = len(edge) // TILE_WIDTH
            first = (self.tree.size >> (TILE_HEIGHT * (level + 1))) - fulls
            for number in range(fulls):
                yield level, first + number, b"".join(edge[number * TILE_WIDTH : (number + 1) * TILE_WIDTH])
            del edge[: fulls * TILE_WIDTH]

    def partial(self) -> Iterator[tuple[int, int, int, bytes]]:
        """Yield level, index, width and content of each tile that is neither full nor empty."""
        for level, edge in enumerate(self._edges):
            if edge:
                yield level, self.tree.size >> (TILE_HEIGHT * (level + 1)), len(edge), b"".join(edge)


ReadTile = Callable[[int, int, int], Sequence[bytes]]
"""Gives the hashes of a tile: by level, index and width."""


class TiledTree:
    """A tree as its tiles spell it: what proofs are made from. Not for several threads at once.

    Parameters
    ----------
    read
        Gives the hashes of a tile; what it raises is passed on.
    kept
        How many tiles are kept.
    """

    def __init__(self, read: ReadTile, kept: int = KEPT_TILES) -> None:
        self._read = read
        self._kept = kept
        self._rows: OrderedDict[tuple[int, int, int], list[Sequence[bytes]]] = OrderedDict()

    def node(self, height: int, index: int, size: int) -> bytes:
        """Return the hash of a complete subtree of a tree of this size."""
        level, above = divmod(height, TILE_HEIGHT)
        tile, place = divmod(index << above, TILE_WIDTH)
        return self._rows_of(level, tile, tile_width(level, tile, size))[above][place >> above]

    def _rows_of(self, level: int, index: int, width: int) -> list[Sequence[bytes]]:
        key = (level, index, width)
        rows = self._rows.get(key)
        if rows is None:
            rows = [self._read(level, index, width)]
            while len(rows[-1]) > 1 and len(rows) < TILE_HEIGHT:
                row = rows[-1]
                rows.append([node_hash(left, right) for left, right in zip(row[::2], row[1::2], strict=False)])
            self._rows[key] = rows
            if len(self._rows) > self._kept:
                self._rows.popitem(last=False)
        else:
            self._rows.move_to_end(key)
        return rows
