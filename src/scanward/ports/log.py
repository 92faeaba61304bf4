"""The transparency log (RFC 6962, C2SP tlog-tiles): what was appended stays, in order, and anyone can check it."""

from collections.abc import Sequence
from typing import Protocol


class LogReader(Protocol):
    """A log as anyone may read it: this gateway's, or a mirror.

    Not trusted: whoever reads checks hashes and signatures of what it gives. If stolen: nothing, it is public by
    design. If lost: any mirror restores it.
    """

    def checkpoint(self) -> bytes:
        """Return the newest checkpoint, a signed note; raises `StoreError` where there is none."""
        ...

    def tile(self, level: int, index: int, width: int) -> bytes:
        """Return the hashes of a tile, 32 bytes each, `width` of them; raises `StoreError` where it is missing."""
        ...

    def entries(self, index: int, width: int) -> Sequence[bytes]:
        """Return the first `width` entries of an entry bundle; raises `StoreError` where it is missing."""
        ...


class Log(Protocol):
    """A log that can be appended to, by one writer at a time."""

    @property
    def origin(self) -> str:
        """Name of the log, the first line of its checkpoints."""
        ...

    @property
    def size(self) -> int:
        """How many entries are durable."""
        ...

    def append(self, entries: Sequence[bytes]) -> range:
        """Append entries of at most 65,535 bytes each and return their indices.

        When it returns they are durable, and the published checkpoint covers them. When it raises, all of them are
        there or none: `size` after the next opening tells; nothing that a checkpoint covered is ever lost or changed.

        Raises
        ------
        StoreFullError, StoreError
            They could not be made durable, or another writer has the log.
        """
        ...

    def checkpoint(self) -> bytes:
        """Return the newest published checkpoint, a signed note."""
        ...

    def inclusion_proof(self, index: int) -> tuple[bytes, ...]:
        """Return the hashes that lead from entry `index` to the root of the newest checkpoint."""
        ...

    def entries(self, start: int, stop: int) -> Sequence[bytes]:
        """Return entries from index `start` to before `stop`."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
