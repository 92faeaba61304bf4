"""Durable work: what has to be done sooner or later, once at least, by whatever worker is there."""

from collections.abc import Callable, Mapping
from typing import Protocol

Handlers = Mapping[str, Callable[[str], None]]
"""What carries out each kind of work, given its key. Runs once at least: doing it again must be harmless."""


class WorkQueue(Protocol):
    """A queue of work that outlives its process. Keys are opaque ids: they are stored in clear."""

    def submit(self, kind: str, key: str) -> None:
        """Queue work of a kind; the same kind and key are queued once. Durable on return; raises `StoreError`."""
        ...

    def take_over(self, workers: list[str]) -> int:
        """Queue again what the dead `workers` had begun and not finished; return how much that was."""
        ...

    def purge(self) -> int:
        """Forget work that was done a while ago; return how much that was."""
        ...
