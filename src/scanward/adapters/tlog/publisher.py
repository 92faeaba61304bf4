"""Publishing what is durable: tiles first, the signed checkpoint last."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from scanward.adapters.tlog.files import JOURNAL, flush_many, put_new, put_whole, read_file
from scanward.adapters.tlog.reader import CHECKPOINT
from scanward.ports.signing import Signer
from scanward.tlog.checkpoint import Checkpoint, Policy
from scanward.tlog.merkle import HASH_BYTES, TILE_HEIGHT, leaf_hash
from scanward.tlog.note import MAX_NOTE_BYTES, Note, NoteKey, sign_text
from scanward.tlog.tile import TILE_WIDTH, GrowingTiles, tile_path, write_bundle

GAP_TILES = 16
"""So many tiles in a row are not there beyond the last one where nothing more is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """What is to be published.

    Attributes
    ----------
    full
        Level (None for entries), index and content of tiles that are full now.
    partial
        Level, index, width and content of the last tiles, which are not.
    checkpoint
        What the log says then.
    """

    full: Sequence[tuple[int | None, int, bytes]]
    partial: Sequence[tuple[int | None, int, int, bytes]]
    checkpoint: Checkpoint


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
        self._put: Callable[[str, bytes], None] = put_new
        self._newest: Checkpoint | None = None
        self._aside = ThreadPoolExecutor(1, "log")
        self._uncleared: list[str] = []
        self.sign_with(signers, known)

    def close(self) -> None:
        """Wait for what is done aside."""
        self._aside.shutdown()

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
        self._retire(self._put_tiles(self.prepare(published)))

    def expect_others(self) -> None:
        """Take care from now on until something is published: others may have written the same tiles."""
        self._put = self._put_anew

    def prepare(self, entries: Sequence[bytes]) -> Prepared:
        """Return what entries add to the log, worked out and not written: it can be done while they are flushed."""
        tiles = self._tiles
        bundle = tiles.tree.size // TILE_WIDTH
        full: list[tuple[int | None, int, bytes]] = []
        self._entries += entries
        while len(self._entries) >= TILE_WIDTH:
            full.append((None, bundle, write_bundle(self._entries[:TILE_WIDTH])))
            del self._entries[:TILE_WIDTH]
            bundle += 1
        full += tiles.grow([leaf_hash(entry) for entry in entries])
        partial: list[tuple[int | None, int, int, bytes]] = []
        if self._entries:
            partial.append((None, bundle, len(self._entries), write_bundle(self._entries)))
        partial += tiles.partial()
        checkpoint = Checkpoint(origin=self._origin, size=tiles.tree.size, root=tiles.tree.root())
        return Prepared(full=full, partial=partial, checkpoint=checkpoint)

    def publish(self, prepared: Prepared, wait: Callable[[], None]) -> None:
        """Write tiles, and sign the checkpoint that covers them, unless there is one.

        Parameters
        ----------
        prepared
            What is published.
        wait
            Returns once all of it is durable; nothing is signed before.
        """
        full = self._put_tiles(prepared)
        wait()
        if prepared.checkpoint != self._newest or self._is_outdated:
            self._put_checkpoint(prepared.checkpoint)
        self._put = put_new
        self._retire(full)

    def mend_edge(self) -> None:
        """Mend what a power cut left about the last tiles, so that no reader finds anything else there later."""
        size = self._tiles.tree.size
        last = {(level, index): (width, data) for level, index, width, data in self.prepare([]).partial}
        for level in (None, *range(len(self._tiles.edges) + 2)):
            index = size >> (TILE_HEIGHT * ((level or 0) + 1))
            self._mend_partial(level, index, *last.get((level, index), (0, b"")))
            self._remove_from(level, index)

    def _mend_partial(self, level: int | None, index: int, width: int, data: bytes) -> bool:
        """Write again narrower forms of a tile that came to harm, as some checkpoint needs each; remove wider ones.

        Returns
        -------
        bool
            Whether there was any.
        """
        folder = f"{self._path(tile_path(level, index))}.p"
        try:
            names = [name for name in os.listdir(folder) if name.isdecimal()]
        except FileNotFoundError:
            return False
        for name in names:
            narrower = int(name)
            if narrower > width:
                os.unlink(f"{folder}/{name}")
            else:
                part = write_bundle(self._entries[:narrower]) if level is None else data[: narrower * HASH_BYTES]
                self._put_anew(f"{folder}/{name}", part)
        return bool(names)

    def _remove_from(self, level: int | None, index: int) -> None:
        """Remove full tiles that were written and whose entries never came to be durable."""
        missing = 0
        while missing < GAP_TILES:
            path = self._path(tile_path(level, index))
            missing += 1
            if os.path.lexists(path):
                os.unlink(path)
                missing = 0
            index += 1
            if self._mend_partial(level, index, 0, b""):
                missing = 0

    def flush(self, start: int, stop: int) -> None:
        """Make durable the tiles that came to be full between two sizes, and the checkpoint."""
        self._aside.submit(self._clear, []).result()
        names = [tile_path(None, index) for index in range(start // TILE_WIDTH, stop // TILE_WIDTH)]
        level = 0
        while stop >> (TILE_HEIGHT * (level + 1)):
            first, last = start >> (TILE_HEIGHT * (level + 1)), stop >> (TILE_HEIGHT * (level + 1))
            names += [tile_path(level, index) for index in range(first, last)]
            level += 1
        names.append(CHECKPOINT)
        folders = {""}
        for name in names:
            while name := name.rpartition("/")[0]:
                folders.add(name)
        paths = [self._path(name) for name in (*names, *sorted(folders, key=len, reverse=True))]
        flush_many(paths, self._folder)

    def _put_tiles(self, prepared: Prepared) -> list[tuple[int | None, int]]:
        """Write tiles, and return those that are full now, by level and index."""
        for level, index, data in prepared.full:
            self._put(self._path(tile_path(level, index)), data)
        for level, index, width, data in prepared.partial:
            if width != self._widths.get((level, index)):
                self._put(self._path(tile_path(level, index, width)), data)
                self._widths[level, index] = width
        return [(level, index) for level, index, _ in prepared.full]

    def _put_checkpoint(self, checkpoint: Checkpoint) -> None:
        text = checkpoint.text()
        signatures = tuple(sign_text(text, key, signer.sign) for key, signer in self._signers)
        self.put_whole(self._path(CHECKPOINT), Note(text=text, signatures=signatures).encode())
        self._newest, self._is_outdated = checkpoint, False

    def _retire(self, full: Sequence[tuple[int | None, int]]) -> None:
        """Let the narrower forms of full tiles be removed, aside: a reader that wants one takes the full tile."""
        if full:
            for key in full:
                self._widths.pop(key, None)
            self._aside.submit(self._clear, [f"{self._path(tile_path(*key))}.p" for key in full])

    def _clear(self, folders: Sequence[str]) -> None:
        """Remove folders of narrower tiles; those that cannot be are for the next time, and harm nobody meanwhile."""
        folders = [*self._uncleared, *folders]
        self._uncleared = []
        for folder in folders:
            try:
                for name in os.listdir(folder):
                    os.unlink(f"{folder}/{name}")
                os.rmdir(folder)
            except FileNotFoundError:
                continue  # as a rule there are none
            except OSError:
                self._uncleared.append(folder)

    def put_whole(self, path: str, data: bytes) -> None:
        """Put a file in the place of another one."""
        put_whole(path, data, self._path(f"{JOURNAL}/staged"))

    def _put_anew(self, path: str, data: bytes) -> None:
        """Write a file that readers may rely on, unless it is there as it should be."""
        with suppress(OSError):  # missing, or not to be read: then it is written
            if read_file(path, len(data)) == data:
                return
        self.put_whole(path, data)

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}"
