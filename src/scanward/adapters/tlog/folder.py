"""A transparency log in a folder (implements :class:`scanward.ports.log.Log`), as C2SP tlog-tiles lays it out.

Any file server can serve the folder, and any client of such logs can read it. Beside ``checkpoint`` and ``tile/`` there
is ``.journal/``: entries are staged and flushed there, and published as tiles and, last, by the checkpoint. Only the
journal is flushed for that: what a power cut takes of the rest is made anew when the log is opened, by the code that
publishes. Tiles may be there before what they are of is durable; a checkpoint is signed after all that it covers is, so
that no two roots of one size are ever signed.

Trust: whoever can write to the folder can make the log fail its check, and not make it pass: they lack the key. If it
is stolen: entries are commitments that tell nothing. If it is lost: a mirror has it.
"""

import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from scanward.adapters.tlog.files import JOURNAL, flush, refused
from scanward.adapters.tlog.journal import Journal
from scanward.adapters.tlog.publisher import Publisher
from scanward.adapters.tlog.reader import CHECKPOINT, FolderReader
from scanward.errors import EvidenceError, StoreError, StoreFullError
from scanward.flow.committer import Committer
from scanward.ports.signing import Signer
from scanward.tlog.checkpoint import parse_checkpoint
from scanward.tlog.faults import LogFault
from scanward.tlog.merkle import GrowingTree, leaf_hash, make_inclusion_proof, verify_inclusion
from scanward.tlog.note import Note, NoteKey, check_name, parse_note
from scanward.tlog.proof import LogProof
from scanward.tlog.tile import (
    MAX_ENTRY_BYTES,
    TILE_WIDTH,
    TiledTree,
    parse_tile,
    tile_width,
    write_bundle,
)

JOURNAL_ENTRIES = 65_536
"""A new journal takes over after so many entries, once their tiles are flushed: opening reads no more than these."""

JOURNAL_BYTES = 16 * 1024 * 1024
"""Or after so many bytes."""

_Group = tuple[Sequence[bytes], bytes]
"""Entries, and the same as a bundle has them."""

_RESTORE = "Nothing was changed. Restore the whole folder of the log from its newest backup or mirror."


class FolderLog:
    """A log that is written here; threads and processes that append at once take turns, and threads share them.

    Parameters
    ----------
    folder
        Where it is, or will be.
    origin
        Its name, as a URL without a scheme: the first line of its checkpoints, and the name of its keys.
    signers
        Keys that sign its checkpoints from now on, all of them, all Ed25519.
    known
        Keys that signed before. The newest checkpoint has to be by one of all these.
    least
        How many entries it has to have, as is known from elsewhere: a folder that was put back as a whole from an old
        backup does not show that itself.
    journal_entries
        After how many entries a new journal takes over.

    Raises
    ------
    EvidenceError
        The folder is not as this log left it: JOURNAL_MISSING, JOURNAL_HEAD, JOURNAL_CORRUPT, CHECKPOINT_AHEAD,
        CHECKPOINT_BEHIND, CHECKPOINT_FORKED, or as `Policy.verify`. Nothing is changed then.
    StoreFullError, StoreError
        The disk refuses something.
    SigningError
        A key does.
    """

    def __init__(
        self,
        folder: Path,
        *,
        origin: str,
        signers: Sequence[Signer],
        known: Sequence[NoteKey] = (),
        least: int = 0,
        journal_entries: int = JOURNAL_ENTRIES,
    ) -> None:
        self._origin = check_name(origin)
        self._folder = os.path.abspath(folder)
        self._journals = Path(self._folder, JOURNAL)
        self._journal_entries = journal_entries
        self._least = least
        self._publisher = Publisher(self._folder, self._origin, signers, known)
        self._flusher = ThreadPoolExecutor(1, "log")
        self._reader = FolderReader(Path(self._folder))
        self._tree = TiledTree(self._read_tile)
        self._reading = threading.Lock()
        self._turn = threading.Lock()
        self._appending: Committer[_Group, range] = Committer(self._append_groups)
        self._staging: Committer[_Group, range] = Committer(self._stage_groups)
        self._broken: type[StoreError] | None = None
        """What is raised from now on."""
        self._journal: Journal | None = None
        self._lock = -1
        self._durable = 0
        self._pending: list[bytes] = []
        """Durable, and not published."""
        try:
            os.makedirs(self._journals, exist_ok=True)
            self._lock = os.open(self._journals / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
            with self._locked():
                self._load()
        except OSError as error:
            self.close()
            raise refused("open the log", error) from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give up the files; what is durable and not published is published when the log is opened again."""
        self._broken = StoreError
        self._flusher.shutdown()
        self._publisher.close()
        if self._journal is not None:
            self._journal.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def origin(self) -> str:
        """Name of the log."""
        return self._origin

    @property
    def size(self) -> int:
        """How many entries are durable, as far as this process knows."""
        return self._durable

    def append(self, entries: Sequence[bytes]) -> range:
        """Append entries, and return their indices once they are durable and the checkpoint covers them.

        Raises
        ------
        StoreFullError, StoreError, SigningError
            As `ports.log.Log.append`. Once a write, flush or signature failed, nothing more is appended before the
            log is opened anew, which tells what is there.
        ValueError
            An entry is longer than 65,535 bytes.
        """
        return self._appending.add(_bundle(entries)) if entries else range(self._durable, self._durable)

    def stage(self, entries: Sequence[bytes]) -> range:
        """Append entries, and return their indices once they are durable; raises as `append`.

        The checkpoint covers them after `publish`, the next `append`, or the next opening. So a stream of small
        groups costs a flush each, and what it costs to publish once for many.
        """
        return self._staging.add(_bundle(entries)) if entries else range(self._durable, self._durable)

    def publish(self) -> None:
        """Sign a checkpoint that covers all that is durable, unless there is one; raises as `append`."""
        with self._having_turn():
            self._publish()

    def sign_with(self, signers: Sequence[Signer]) -> None:
        """Let other keys sign from now on, and the newest checkpoint at once; those before stay known."""
        with self._having_turn():
            self._publisher.sign_with(signers, self._publisher.keys)
            self._publish()

    def checkpoint(self) -> bytes:
        """Return the newest published checkpoint, a signed note."""
        return self._reader.checkpoint()

    def inclusion_proof(self, index: int) -> tuple[bytes, ...]:
        """Return the hashes that lead from entry `index` to the root of the newest checkpoint; raises as `proof`."""
        return self.proof(index).hashes

    def proof(self, index: int, extra: bytes = b"") -> LogProof:
        """Return the proof that entry `index` is in the log, with the checkpoint that it leads to.

        Raises
        ------
        EvidenceError
            PROOF_OUTSIDE: the checkpoint does not cover it; or tiles on the disk are not what the log wrote.
        StoreError
            They cannot be read.
        """
        note = self._reader.checkpoint()
        newest = parse_checkpoint(parse_note(note).text)
        size = newest.size
        if not 0 <= index < size:
            raise EvidenceError(LogFault.PROOF_OUTSIDE, "expected an index within the log, got one outside")
        with self._reading:
            leaf = self._tree.node(0, index, size)
            hashes = make_inclusion_proof(index, size, lambda height, at: self._tree.node(height, at, size))
        verify_inclusion(leaf, index, size, hashes, newest.root)
        return LogProof(index=index, hashes=hashes, checkpoint=note, extra=extra)

    def entries(self, start: int, stop: int) -> Sequence[bytes]:
        """Return entries from index `start` to before `stop`, as far as they are published."""
        size = parse_checkpoint(parse_note(self._reader.checkpoint()).text).size
        start, stop = max(0, start), min(stop, size)
        found: list[bytes] = []
        for index in range(start // TILE_WIDTH, -(-stop // TILE_WIDTH)):
            found += self._reader.entries(index, tile_width(0, index, size))
        first = start // TILE_WIDTH * TILE_WIDTH
        return found[start - first : max(0, stop - first)]

    def add_cosignatures(self, cosigned: Note) -> bool:
        """Put signatures that witnesses made of the newest checkpoint beside those of the log.

        Returns
        -------
        bool
            False where there is a newer checkpoint by now: they are of no use then.
        """
        with self._having_turn():
            newest = parse_note(self._reader.checkpoint())
            if newest.text != cosigned.text:
                return False
            more = tuple(one for one in cosigned.signatures if one not in newest.signatures)
            self._publisher.put_whole(
                self._path(CHECKPOINT), Note(text=newest.text, signatures=newest.signatures + more).encode()
            )
            return True

    # Turns

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._turn:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._lock, fcntl.LOCK_UN)

    @contextmanager
    def _having_turn(self) -> Iterator[None]:
        """Keep others out, know what they wrote, and let nothing more happen after something failed."""
        self._refuse_if_broken()
        try:
            with self._locked():
                self._refuse_if_broken()  # whoever had the turn before may have failed
                self._catch_up()
                yield
        except StoreFullError:
            raise
        except OSError as error:
            raise self._fail(refused("write to the log", error)) from None
        except BaseException:
            self._broken = StoreError
            raise

    def _fail(self, failure: StoreError) -> StoreError:
        self._broken = type(failure)
        return failure

    def _refuse_if_broken(self) -> None:
        if self._broken is not None:
            raise self._broken(
                "the log is closed, or a write to it failed", remedy="Open it anew: that tells what is there."
            )

    def _catch_up(self) -> None:
        journal = self._get_journal()
        if not journal.is_current():
            self._load()
        elif journal.has_more():
            self._pending += journal.read_on()
            journal.settle()
            self._durable = journal.next
            self._publisher.expect_others()

    def _get_journal(self) -> Journal:
        if self._journal is None:
            raise StoreError("the log is closed")
        return self._journal

    # Stage and flush

    def _append_groups(self, groups: Sequence[_Group]) -> Sequence[range]:
        with self._having_turn():
            indices = self._write(groups)
            # Tiles are made and written while the disk is waited for: no checkpoint covers them yet.
            flushed = self._flusher.submit(self._get_journal().flush)
            try:
                self._publish(flushed.result)
            finally:
                flushed.result()
        return indices

    def _stage_groups(self, groups: Sequence[_Group]) -> Sequence[range]:
        with self._having_turn():
            indices = self._write(groups)
            self._get_journal().flush()
        return indices

    def _write(self, groups: Sequence[_Group]) -> list[range]:
        journal = self._get_journal()
        payload = groups[0][1] if len(groups) == 1 else b"".join(bundle for _, bundle in groups)
        try:
            journal.allocate(len(payload))
        except OSError as error:
            failure = refused("make room for entries of the log", error)
            raise (failure if isinstance(failure, StoreFullError) else self._fail(failure)) from None
        journal.stage(sum(len(entries) for entries, _ in groups), payload)
        indices = []
        for entries, _ in groups:
            indices.append(range(self._durable, self._durable + len(entries)))
            self._durable += len(entries)
            self._pending += entries
        return indices

    # Publish

    def _publish(self, wait: Callable[[], None] = lambda: None) -> None:
        self._publisher.publish(self._publisher.prepare(self._pending), wait)
        self._pending = []
        self._renew_journal()

    def _renew_journal(self) -> None:
        """Begin a new journal once the tiles of this one are many, and durable."""
        journal = self._get_journal()
        start = self._durable // TILE_WIDTH * TILE_WIDTH
        if start <= journal.start or (
            self._durable - journal.start < self._journal_entries and journal.size_bytes < JOURNAL_BYTES
        ):
            return
        # What is appended is published by now. A failure here is for the next append to tell.
        try:
            self._publisher.flush(journal.start, start)
            path = self._journals / f"{start:020}"
            Journal.write(path, [[], *self._publisher.edges[1:]], self._publisher.entries)
            journal = Journal(path)
            self._take_journal(journal)
            journal.read_on()
            journal.settle()
            self._remove_old_journals()
        except OSError as error:
            self._fail(refused("renew the journal of the log", error))

    # Opening

    def _load(self) -> None:
        """Read the journal, see that the checkpoint agrees with it, and publish what is not."""
        # 1. The journal: the newest one, as one that is older is about to be removed.
        self._take_journal(self._open_journal())
        journal = self._get_journal()
        entries = journal.read_on()
        # 2. The checkpoint says no more than what is durable, and the same. Until then nothing is changed.
        newest = self._publisher.read_checkpoint()
        size = journal.start if newest is None else newest.size
        if size > journal.next:
            raise EvidenceError(
                LogFault.CHECKPOINT_AHEAD, "the checkpoint covers entries that the journal lost", remedy=_RESTORE
            )
        if size < journal.start:
            raise EvidenceError(
                LogFault.CHECKPOINT_BEHIND, "the checkpoint is older than the journal: it was put back", remedy=_RESTORE
            )
        if journal.next < self._least:
            raise EvidenceError(
                LogFault.ROLLED_BACK, "the log lost entries that are known to have been in it", remedy=_RESTORE
            )
        published = entries[: size - journal.start]
        if newest is not None:
            probe = GrowingTree.from_edges(journal.edges)
            probe.extend([leaf_hash(entry) for entry in published])
            if probe.root() != newest.root:
                raise EvidenceError(
                    LogFault.CHECKPOINT_FORKED, "the checkpoint is of other entries than the journal", remedy=_RESTORE
                )
        # 3. Publish again what may be lost, and then what never was.
        journal.settle()
        self._durable = journal.next
        self._publisher.begin(journal.edges, published)
        self._pending = entries[size - journal.start :]
        self._publish()
        self._publisher.mend_edge()
        self._remove_old_journals()

    def _open_journal(self) -> Journal:
        names = self._journal_names()
        if not names:
            if os.path.lexists(self._path(CHECKPOINT)) or os.path.lexists(self._path("tile")):
                raise EvidenceError(LogFault.JOURNAL_MISSING, "the journal of the log is missing", remedy=_RESTORE)
            names = [f"{0:020}"]
            Journal.write(self._journals / names[0], [], [])
            for folder in (self._folder, os.path.dirname(self._folder)):
                flush(folder)
        return Journal(self._journals / names[-1])

    def _journal_names(self) -> list[str]:
        return sorted(name for name in os.listdir(self._journals) if name.isdecimal())

    def _remove_old_journals(self) -> None:
        for name in self._journal_names()[:-1]:
            os.unlink(self._journals / name)

    def _take_journal(self, journal: Journal) -> None:
        if self._journal is not None:
            self._journal.close()
        self._journal = journal

    def _read_tile(self, level: int, index: int, width: int) -> Sequence[bytes]:
        return parse_tile(self._reader.tile(level, index, width), width)

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}"


def _bundle(entries: Sequence[bytes]) -> _Group:
    try:
        return entries, write_bundle(entries)
    except OverflowError:
        raise ValueError(f"expected entries of up to {MAX_ENTRY_BYTES} bytes") from None
