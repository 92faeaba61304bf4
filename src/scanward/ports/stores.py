"""Where the gateway keeps things; each says what a thief of it gains and what its loss costs."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from scanward.model.instance import ByteSource


class Blobs(Protocol):
    """Instances and recipes, each encrypted under a data key.

    If stolen: nothing readable. If lost: the archive has the originals.
    """

    def put(self, key: bytes, content: ByteSource) -> str:
        """Store `content` encrypted under `key` and return its name; durable on return.

        Raises `StoreFullError` when there is no room and `StoreError` otherwise; nothing is stored then.
        """
        ...

    def open(self, key: bytes, name: str) -> AbstractContextManager[ByteSource]:
        """Open a blob for random access; raises `StoreError` when it is missing, altered or of another key."""
        ...

    def delete(self, name: str) -> None:
        """Remove a blob; on return it is not there, whether it was or not."""
        ...

    def names(self) -> Iterator[tuple[str, datetime]]:
        """Yield name and time of storing of every blob."""
        ...


class Vault(Protocol):
    """Data keys and the way back from pseudonyms.

    If stolen: undoes pseudonyms, and opens the blobs. If lost: results can't be re-identified, blobs can't be read.
    """

    def data_key(self, owner: str) -> bytes:
        """Return the 32 byte data key of `owner` (a study, quarantined instance or result); durable on first use."""
        ...

    def find_data_key(self, owner: str) -> bytes | None:
        """Return the data key of `owner`, or None where there is none (any more)."""
        ...

    def destroy_data_key(self, owner: str) -> None:
        """Make what is encrypted under the key of `owner` unreadable for good; durable on return."""
        ...

    def record_originals(self, recipient: str, study_uid: str, release_id: str, originals: Mapping[str, str]) -> None:
        """Store what the new UIDs that `recipient` gets stand for, by new UID; durable on return; adds to earlier ones.

        `study_uid` is the new Study Instance UID, by which they are found. `originals` may also hold other facts that
        the way back needs, under keys that are no UIDs.
        """
        ...

    def find_originals(self, recipient: str, study_uid: str) -> Mapping[str, str] | None:
        """Return what was recorded for a new Study Instance UID, joined over its releases, or None."""
        ...


class Sealing(Protocol):
    """Blind indexes and encryption of what the ledger keeps of identities. Its key lies with the master key."""

    def blind(self, kind: str, value: str) -> str:
        """Return 32 hexadecimal digits, the same for the same `kind` and `value`, that lead back only with the key."""
        ...

    def fingerprint(self, owner: str, chunks: Iterable[bytes]) -> bytes:
        """Return 16 bytes, the same for the same content of the same `owner`, that tell nothing without the key."""
        ...

    def seal(self, owner: str, text: str) -> bytes:
        """Encrypt `text`, bound to `owner`, so that it opens nowhere else."""
        ...

    def open(self, owner: str, sealed: bytes) -> str:
        """Decrypt; raises `StoreError` when it was altered or moved from another owner."""
        ...
