"""Stores anew what was lost or damaged, once the same content is sent again; other content never takes its place."""

import hmac
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from scanward.dicomstream.file_meta import IMPLEMENTATION_CLASS_UID
from scanward.dicomstream.opening import open_dicom
from scanward.dicomstream.part10 import DataSetStart
from scanward.errors import OutputError, StoreError, StoreFullError
from scanward.ingest.mark import CHUNK_BYTES, Mark, Reheaded, decode_mark, head_of, is_same, marked_bytes
from scanward.ingest.parse import IncomingFacts
from scanward.model.instance import ByteSource
from scanward.ports.stores import Blobs, Sealing

TRIES = 3
"""So often a blob is looked at that another thread stores anew meanwhile."""


class Sameness(Enum):
    """What an instance that comes is, beside the one with its UID that is there."""

    SAME = auto()
    OTHER = auto()
    UNKNOWN = auto()
    """What is there cannot be read, and nothing tells what it was."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Incoming:
    """An instance that comes: its bytes, where its data set starts, and what it says it is."""

    content: ByteSource
    start: DataSetStart
    facts: IncomingFacts

    @property
    def known(self) -> bytes:
        """What is likely in the head of its file, whoever sends it."""
        facts = self.facts
        uids = f"{facts.sop_class_uid}|{facts.sop_instance_uid}|{facts.transfer_syntax_uid}|"
        return f"{uids}{IMPLEMENTATION_CLASS_UID}|SCANWARD ".encode()


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """Where one that is there is kept.

    Attributes
    ----------
    owner
        Its blind index.
    find_blob
        Returns the blob's name now.
    find_mark
        Returns its mark.
    replace
        Notes that it is another blob, of so many bytes, instead of the lost one; False where that one is none of it.
    """

    owner: str
    find_blob: Callable[[], str]
    find_mark: Callable[[], str]
    replace: Callable[[str, str, int], bool]


def make_mark(sealing: Sealing, owner: str, incoming: Incoming) -> str:
    """Return by what the content of an instance is told again; empty where its head is too long."""
    head = head_of(incoming.start, incoming.content)
    if head is None:
        return ""
    fingerprint = sealing.fingerprint(owner, marked_bytes(incoming.start))
    return Mark(fingerprint=fingerprint, head=head).encode(incoming.known)


class Healer:
    """Compares what comes with what is there, and stores that anew where it is lost; for any number of threads.

    Parameters
    ----------
    blobs, sealing
        The stores.
    spool
        Folder for inflated data sets, as secret as the instances.
    """

    def __init__(self, blobs: Blobs, sealing: Sealing, spool: Path) -> None:
        self._blobs = blobs
        self._sealing = sealing
        self._spool = spool

    def settle(self, key: bytes, incoming: Incoming, kept: Kept) -> Sameness:
        """Tell whether an instance is the one that is there, which is whole on return where it is the same.

        Raises
        ------
        StoreError
            It could not be stored anew.
        """
        for _ in range(TRIES):
            blob = kept.find_blob()
            same = self._compare(key, blob, incoming.start)
            if same is not None:
                return Sameness.SAME if same else Sameness.OTHER
            mark = decode_mark(kept.find_mark(), incoming.known)
            if mark is None:
                return Sameness.UNKNOWN
            ours = self._sealing.fingerprint(kept.owner, marked_bytes(incoming.start))
            if not hmac.compare_digest(ours, mark.fingerprint):
                return Sameness.OTHER
            content = incoming.content
            if not incoming.start.is_deflated:
                content = Reheaded(mark.head, content, incoming.start.offset)
            if self._store(key, blob, content, kept.replace):
                return Sameness.SAME
        raise StoreError("an instance that is stored anew changed meanwhile")

    def settle_bytes(
        self, key: bytes, content: ByteSource, blob: str, replace: Callable[[str, str, int], bool]
    ) -> None:
        """Store content anew whose blob cannot be read; that it is the same is known already."""
        try:
            with self._blobs.open(key, blob) as there:
                for offset in range(0, there.size, CHUNK_BYTES):
                    there.read(offset, CHUNK_BYTES)
        except StoreError:
            self._store(key, blob, content, replace)

    def _compare(self, key: bytes, blob: str, start: DataSetStart) -> bool | None:
        """Whether a blob holds the same data set; None where it cannot be read to its end."""
        try:
            with self._blobs.open(key, blob) as there:
                return is_same(open_dicom(there, self._spool), start)
        except OutputError:
            raise StoreFullError("no room to inflate an instance in the spool") from None
        except StoreError:
            return None

    def _store(self, key: bytes, lost: str, content: ByteSource, replace: Callable[[str, str, int], bool]) -> bool:
        blob = self._blobs.put(key, content)
        # Should this raise, the row may name it or not: then it stays, for `fsck` to find if nothing does.
        if not replace(lost, blob, content.size):
            self._blobs.delete(blob)
            return False
        with suppress(StoreError):  # what cannot be read need not go either: nothing names it any more
            self._blobs.delete(lost)
        return True
