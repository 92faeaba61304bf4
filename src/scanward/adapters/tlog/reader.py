"""Reading logs: a folder as it is served, and any log with everything that it gives checked."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from scanward.adapters.tlog.files import read_file, refused
from scanward.errors import EvidenceError, StoreError
from scanward.ports.log import LogReader
from scanward.tlog.checkpoint import Checkpoint, Policy, SignedCheckpoint
from scanward.tlog.faults import LogFault
from scanward.tlog.merkle import (
    HASH_BYTES,
    TILE_HEIGHT,
    GrowingTree,
    leaf_hash,
    make_consistency_proof,
    make_inclusion_proof,
    tree_hash,
    verify_consistency,
    verify_inclusion,
)
from scanward.tlog.note import MAX_NOTE_BYTES
from scanward.tlog.proof import LogProof
from scanward.tlog.tile import (
    MAX_ENTRY_BYTES,
    TILE_WIDTH,
    TiledTree,
    parse_bundle,
    parse_tile,
    tile_path,
    tile_width,
)

CHECKPOINT = "checkpoint"
"""File of the newest checkpoint."""

_MAX_BUNDLE_BYTES = TILE_WIDTH * (2 + MAX_ENTRY_BYTES)


_ASK = "Ask another mirror of the log."


class FolderReader:
    """A log in a folder, as C2SP tlog-tiles lays it out: a mirror, or the log itself (`ports.log.LogReader`).

    Not trusted: see `VerifiedLog`.

    Parameters
    ----------
    folder
        What an HTTP server would serve.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = os.path.abspath(folder)

    def checkpoint(self) -> bytes:
        """Return the newest checkpoint; raises `StoreError` where there is none."""
        return self._read(CHECKPOINT, MAX_NOTE_BYTES)

    def tile(self, level: int, index: int, width: int) -> bytes:
        """Return the hashes of a tile; the first of a wider one where a narrower one is gone."""
        try:
            return self._read(tile_path(level, index, width), TILE_WIDTH * HASH_BYTES)
        except MissingError:
            wider = self._find_wider(level, index, width)
            return self._read(tile_path(level, index, wider), TILE_WIDTH * HASH_BYTES)[: width * HASH_BYTES]

    def entries(self, index: int, width: int) -> Sequence[bytes]:
        """Return the first entries of a bundle; raises `EvidenceError` where it is truncated or too long."""
        try:
            return parse_bundle(self._read(tile_path(None, index, width), _MAX_BUNDLE_BYTES), width)
        except MissingError:
            wider = self._find_wider(None, index, width)
            return parse_bundle(self._read(tile_path(None, index, wider), _MAX_BUNDLE_BYTES), wider)[:width]

    def _find_wider(self, level: int | None, index: int, width: int) -> int:
        """Return how wide a tile is there: a log removes a narrow one once it has grown. Raises `MissingError`."""
        if width == TILE_WIDTH:
            raise MissingError(f"{tile_path(level, index)} of the log is missing", remedy=_ASK)
        if not os.path.isfile(f"{self._folder}/{tile_path(level, index)}"):
            with suppress(OSError, ValueError):  # no folder, or none that is wider
                names = os.listdir(os.path.dirname(f"{self._folder}/{tile_path(level, index, width)}"))
                return min(int(name) for name in names if name.isdecimal() and width < int(name) < TILE_WIDTH)
        return TILE_WIDTH

    def _read(self, name: str, limit: int) -> bytes:
        try:
            return read_file(f"{self._folder}/{name}", limit)
        except (FileNotFoundError, NotADirectoryError):
            raise MissingError(f"{name} of the log is missing", remedy=_ASK) from None
        except OSError as error:
            raise refused(f"read {name} of the log", error) from None


class MissingError(StoreError):
    """A file of a log is not there."""


class VerifiedLog:
    """A log at a checkpoint, everything that it gives checked against that. Not for several threads at once.

    Parameters
    ----------
    reader
        Where tiles and entries come from; not trusted.
    signed
        What is trusted: as `Policy.verify` returns it.

    Raises
    ------
    EvidenceError
        By each method, where a tile or a bundle is not what the checkpoint says: TILE_TRUNCATED, TILE_OVERSIZED,
        EDGE_MISMATCH, TILE_MISMATCH, BUNDLE_TRUNCATED, BUNDLE_OVERSIZED, ENTRY_MISMATCH.
    StoreError
        By each method, where it is missing.
    """

    def __init__(self, reader: LogReader, signed: SignedCheckpoint) -> None:
        self._reader = reader
        self._signed = signed
        self._edges: list[list[bytes]] | None = None
        self._tree = TiledTree(self._read_checked)

    @classmethod
    def open(cls, reader: LogReader, policy: Policy, now: datetime | None = None) -> "VerifiedLog":
        """Return the log at the newest checkpoint of a reader; raises as `Policy.verify`."""
        return cls(reader, policy.verify(reader.checkpoint(), now))

    @property
    def signed(self) -> SignedCheckpoint:
        """The checkpoint, and who signed it."""
        return self._signed

    @property
    def checkpoint(self) -> Checkpoint:
        """What the checkpoint says."""
        return self._signed.checkpoint

    def inclusion_proof(self, index: int) -> LogProof:
        """Return the proof that entry `index` is in the log; raises `EvidenceError` with PROOF_OUTSIDE as well."""
        size = self.checkpoint.size
        if not 0 <= index < size:
            raise EvidenceError(LogFault.PROOF_OUTSIDE, "expected an index within the log, got one outside")
        hashes = make_inclusion_proof(index, size, lambda height, at: self._tree.node(height, at, size))
        verify_inclusion(self._tree.node(0, index, size), index, size, hashes, self.checkpoint.root)
        return LogProof(index=index, hashes=hashes, checkpoint=self._signed.note.encode())

    def consistency_proof(self, old_size: int) -> tuple[bytes, ...]:
        """Return the proof that the log began with its first `old_size` entries; ROLLED_BACK where it is shorter."""
        size = self.checkpoint.size
        if old_size > size:
            raise EvidenceError(
                LogFault.ROLLED_BACK,
                "the log is shorter than a checkpoint of it that is known",
                remedy="Entries were taken back: keep both checkpoints, they prove it.",
            )
        return make_consistency_proof(old_size, size, lambda height, at: self._tree.node(height, at, size))

    def follow(self, known: Checkpoint) -> None:
        """See that the log goes on from a checkpoint that is known.

        Raises
        ------
        EvidenceError
            CHECKPOINT_ORIGIN; ROLLED_BACK; SPLIT_VIEW, where the root of the same size is another one; INCONSISTENT,
            where the longer log does not begin with the shorter one.
        """
        ours = self.checkpoint
        if known.origin != ours.origin:
            raise EvidenceError(LogFault.CHECKPOINT_ORIGIN, "the checkpoint that is known is of another log")
        if known.size == ours.size and known.root != ours.root:
            raise EvidenceError(
                LogFault.SPLIT_VIEW,
                "the log signed two roots for one size",
                remedy="It shows different histories to different readers: keep both checkpoints, they prove it.",
            )
        proof = self.consistency_proof(known.size)
        try:
            verify_consistency(known.size, known.root, ours.size, ours.root, proof)
        except EvidenceError:
            raise EvidenceError(
                LogFault.INCONSISTENT,
                "the log does not begin with what a checkpoint of it that is known says",
                remedy="Its history was changed: keep both checkpoints, they prove it.",
            ) from None

    def edges(self) -> list[list[bytes]]:
        """Return the hashes of the last tile of each level that is not full: what a log goes on from."""
        return [list(edge) for edge in self._edges or self._read_edges()]

    def entries(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield entries from index `start` to before `stop`, each checked."""
        if not 0 <= start <= stop <= self.checkpoint.size:
            raise EvidenceError(LogFault.PROOF_OUTSIDE, "expected entries within the log")
        for index in range(start // TILE_WIDTH, -(-stop // TILE_WIDTH) if stop > start else 0):
            width = tile_width(0, index, self.checkpoint.size)
            entries = self._reader.entries(index, width)
            leaves = self._read_checked(0, index, width)
            if [leaf_hash(entry) for entry in entries] != leaves:
                raise EvidenceError(LogFault.ENTRY_MISMATCH, f"entries of bundle {index} are not those of the tree")
            first = index * TILE_WIDTH
            yield from entries[max(0, start - first) : stop - first]

    def _read_checked(self, level: int, index: int, width: int) -> list[bytes]:
        """Return the hashes of a tile, which its parent vouches for, or the root where it is at the edge."""
        edges = self._edges if self._edges is not None else self._read_edges()
        if width < TILE_WIDTH:
            return edges[level]
        hashes = parse_tile(self._reader.tile(level, index, width), width)
        if tree_hash(hashes) != self._tree.node((level + 1) * TILE_HEIGHT, index, self.checkpoint.size):
            raise EvidenceError(LogFault.TILE_MISMATCH, f"tile {index} of level {level} is not of this log")
        return hashes

    def _read_edges(self) -> list[list[bytes]]:
        """Return the hashes of the last tiles that are not full: together they make the root."""
        edges: list[list[bytes]] = []
        while count := self.checkpoint.size >> (TILE_HEIGHT * len(edges)):
            level, (index, width) = len(edges), divmod(count, TILE_WIDTH)
            edges.append(parse_tile(self._reader.tile(level, index, width), width) if width else [])
        if GrowingTree.from_edges(edges).root() != self.checkpoint.root:
            raise EvidenceError(LogFault.EDGE_MISMATCH, "the last tiles of the log do not lead to its root")
        self._edges = edges
        return edges
