"""Batch work in shards: what each is about and what came of it, while it is spread over workers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from scanward.model.instance import Placement
from scanward.ports.files import ReleaseFolder


class ShardState(StrEnum):
    """Where a shard is."""

    WAITING = "waiting"
    RETURNED = "returned"
    """A worker could not carry it out; another one may."""
    DONE = "done"


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """A shard that waits to be carried out.

    Attributes
    ----------
    shard_id, job_id
        Opaque ids.
    spec
        What the job is about, for all of its shards.
    task
        What is to be done.
    tries
        How often it was given back.
    """

    shard_id: str
    job_id: str
    spec: str
    task: str
    tries: int

    def __repr__(self) -> str:
        """Show no task: it names files."""
        return f"Shard(<{len(self.task)} characters>, tries={self.tries})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Progressed:
    """How far a shard is."""

    state: ShardState
    tries: int


class Jobs(Protocol):
    """Jobs and their shards. What they are about names files, so that it is sealed; it is gone with the job.

    If stolen: how many shards there are. If lost: the job begins anew, without what was done before.
    Each method is one transaction: durable on return, nothing on a raise (`StoreError`).
    """

    def begin(self, job_id: str, spec: str) -> Mapping[str, str]:
        """Make a job, or go on with it: of its shards only those that are done are left.

        Returns the ids of these by their digest.
        """
        ...

    def find_spec(self, job_id: str) -> str | None:
        """Return what a job is about, or None where there is none."""
        ...

    def add(self, job_id: str, shard_id: str, digest: str, task: str) -> None:
        """Add a shard that waits; `digest` is a blind index of its task."""
        ...

    def find_waiting(self, shard_id: str) -> Shard | None:
        """Return a shard, or None where it does not wait (any more)."""
        ...

    def finish(self, shard_id: str, result: str) -> bool:
        """Note that a waiting shard is done; False, and nothing noted, where it does not wait any more."""
        ...

    def give_back(self, shard_id: str, tries: int) -> None:
        """Note that a worker could not carry a waiting shard out."""
        ...

    def wait_again(self, shard_id: str) -> None:
        """Let a shard that was given back wait again."""
        ...

    def progress(self, shard_ids: Sequence[str]) -> Mapping[str, Progressed]:
        """Return how far these shards are; those that are not there are left out."""
        ...

    def get_result(self, shard_id: str) -> str:
        """Return what came of a shard that is done; raises `UnknownError`."""
        ...

    def drop(self, shard_id: str) -> None:
        """Remove a shard."""
        ...

    def remove(self, job_id: str) -> None:
        """Remove a job with all of its shards."""
        ...


class ShardOutput(ReleaseFolder, Protocol):
    """Where one shard's outputs are put until they are published: nothing of it is in a releasable place."""

    def begin(self, shard_id: str) -> str:
        """Begin a shard and return the name of its folder.

        Raises `OutputError` where the outputs of its job are not in reach of this machine.
        """
        ...

    def end(self) -> Sequence[Placement]:
        """Make the outputs outlive a power cut; return what was to be withdrawn."""
        ...

    def discard(self, folder: str) -> None:
        """Remove the folder of a shard."""
        ...


class Publisher(Protocol):
    """Brings what shards put aside to its place. Only the process that gave the command does."""

    def publish(self, folder: str, paths: Sequence[str], withdrawn: Sequence[Placement]) -> bool:
        """Take away what is withdrawn and move the outputs to their places; False where one of them is missing."""
        ...

    def discard(self, folder: str) -> None:
        """Remove the folder of a shard."""
        ...
