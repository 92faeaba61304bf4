"""Publishing what is durable: tiles first, the signed checkpoint last."""

import os
from collections.abc import Sequence
from contextlib import suppress

from scanward.adapters.tlog.files import flush, put_new, put_whole, read_file
from scanward.adapters.tlog.reader import CHECKPOINT
from scanward.ports.signing import Signer
from scanward.tlog.checkpoint import Checkpoint, Policy
from scanward.tlog.merkle import TILE_HEIGHT, leaf_hash
from scanward.tlog.note import MAX_NOTE_BYTES, Note, NoteKey, sign_text
from scanward.tlog.tile import TILE_WIDTH, GrowingTiles, tile_path, write_bundle


class Publisher:
    """Writes tiles and checkpoints; whoever uses it holds the lock of the log. All methods raise `OSError`.

    Parameters
    ----------
    folder
        Of the log.
    origin
        Its name.
    signers
        Keys that sign from now on.
    known
        Keys that signed before.
    """

    def __init__(self, folder: str, origin: str, signers: Sequence[Signer], known: Sequence[NoteKey]) -> None:
        self._folder = folder
        self._origin = origin
        self._tiles = GrowingTiles()
        self._entries: list[bytes] = []
        self._widths: dict[tuple[int | None, int], int] = {}
        self._put = put_new
        self._newest: Checkpoint | None = None
        self.sign_with(signers, known)

    def sign_with(self, signers: Sequence[Signer], known: Sequence[NoteKey]) -> None:
        """Let other keys sign from now on."""
        self._signers = [(NoteKey.from_record(signer.record, self._origin), signer) for signer in signers]
        keys = dict.fromkeys([*(key for key, _ in self._signers), *known])
        self._policy = Policy(origin=self._origin, keys=tuple(keys))
        self._is_outdated = True

    @property
    def keys(self) -> tuple[NoteKey, ...]:
        """All keys that are known."""
        return self._policy.keys

    @property
    def edges(self) -> list[list[bytes]]:
        """Hashes of the last tile of each level that is not full."""
        return self._tiles.edges

    @property
    def entries(self) -> Sequence[bytes]:
        """Entries of the last bundle that is not full."""
        return self._entries

    def read_checkpoint(self) -> Checkpoint | None:
        """Return the newest checkpoint; None where there is none, or an empty file that a power cut left.

        Raises
        ------
        EvidenceError
            As `Policy.verify`.
        """
        try:
            data = read_file(self._path(CHECKPOINT), MAX_NOTE_BYTES)
        except FileNotFoundError:
            data = b""
        self._newest, self._is_outdated = None, True
        if data.strip(b"\0"):
            signed = self._policy.verify(data)
            self._newest = signed.checkpoint
            self._is_outdated = not {key for key, _ in self._signers} <= set(signed.signers)
        return self._newest

    def begin(self, edges: Sequence[Sequence[bytes]], published: Sequence[bytes]) -> None:
        """Go on from a tree and what is published beyond it: what may be lost of that is written again."""
        self._tiles = GrowingTiles(edges)
        self._entries = []
        self._widths = {}
        self.expect_others()
        self._put_tiles(published)

    def expect_others(self) -> None:
        """Take care from now on until something is published: others may have written the same tiles."""
        self._put = _put_anew

    def publish(self, entries: Sequence[bytes]) -> None:
        """Write the tiles that entries make, and sign a checkpoint that covers them, unless there is one."""
        if not entries and self._newest is not None and not self._is_outdated:
            return
        full = self._put_tiles(entries)
        self._put_checkpoint()
        self._put = put_new
        self._clear_partial(full)

    def flush(self, start: int, stop: int) -> None:
        """Make durable the tiles that came to be full between two sizes, and the checkpoint."""
        names = [tile_path(None, index) for index in range(start // TILE_WIDTH, stop // TILE_WIDTH)]
        level = 0
        while stop >> (TILE_HEIGHT * (level + 1)):
            first, last = start >> (TILE_HEIGHT * (level + 1)), stop >> (TILE_HEIGHT * (level + 1))
            names += [tile_path(level, index) for index in range(first, last)]
            level += 1
        folders = {""}
        for name in [*names, CHECKPOINT]:
            flush(self._path(name))
            while name := name.rpartition("/")[0]:
                folders.add(name)
        for folder in sorted(folders, key=len, reverse=True):
            flush(self._path(folder))

    def _put_tiles(self, entries: Sequence[bytes]) -> list[tuple[int | None, int]]:
        """Write the tiles that entries make, and return those that are full now, by level and index."""
        full: list[tuple[int | None, int]] = []
        tiles = self._tiles
        bundle = tiles.tree.size // TILE_WIDTH
        self._entries += entries
        while len(self._entries) >= TILE_WIDTH:
            self._put(self._path(tile_path(None, bundle)), write_bundle(self._entries[:TILE_WIDTH]))
            del self._entries[:TILE_WIDTH]
            full.append((None, bundle))
            bundle += 1
        for level, index, data in tiles.grow([leaf_hash(entry) for entry in entries]):
            self._put(self._path(tile_path(level, index)), data)
            full.append((level, index))
        if self._entries:
            self._put_partial(None, bundle, len(self._entries), write_bundle(self._entries))
        for level, index, width, data in tiles.partial():
            self._put_partial(level, index, width, data)
        return full

    def _put_partial(self, level: int | None, index: int, width: int, data: bytes) -> None:
        if width != self._widths.get((level, index)):
            self._put(self._path(tile_path(level, index, width)), data)
            self._widths[level, index] = width

    def _put_checkpoint(self) -> None:
        tree = self._tiles.tree
        checkpoint = Checkpoint(origin=self._origin, size=tree.size, root=tree.root())
        text = checkpoint.text()
        signatures = tuple(sign_text(text, key, signer.sign) for key, signer in self._signers)
        put_whole(self._path(CHECKPOINT), Note(text=text, signatures=signatures).encode())
        self._newest, self._is_outdated = checkpoint, False

    def _clear_partial(self, full: Sequence[tuple[int | None, int]]) -> None:
        """Remove the narrower forms of tiles that are full; a reader that wants one takes the full tile."""
        for level, index in full:
            self._widths.pop((level, index), None)
            folder = f"{self._path(tile_path(level, index))}.p"
            with suppress(OSError):  # as a rule there are none; and what is left harms nobody
                for name in os.listdir(folder):
                    os.unlink(f"{folder}/{name}")
                os.rmdir(folder)

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}"


def _put_anew(path: str, data: bytes) -> None:
    """Write a file that readers may rely on, unless it is there as it should be."""
    with suppress(OSError):  # missing, or not to be read: then it is written
        if read_file(path, len(data)) == data:
            return
    put_whole(path, data)
