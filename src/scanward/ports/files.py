"""Folders in and out, journals and keys."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from scanward.model.instance import ByteSource, CheckedInstance, Placement
from scanward.model.source import RefusedFile, SourceFile
from scanward.model.text import DocumentOutcome


class Sources(Protocol):
    """The inputs a person pointed at. Not trusted: names, sizes and contents may be hostile."""

    def find(self) -> Iterator[SourceFile | RefusedFile]:
        """Yield every input once, in an order that is the same each time; raises nothing for a single bad one."""
        ...

    def open(self, file: SourceFile) -> AbstractContextManager[ByteSource]:
        """Open an input for random access; on a raise (`SourceError`) nothing stays open or spooled."""
        ...


class ReleaseFolder(Protocol):
    """The door out of the file command. Trusted: what is in it may leave."""

    def write(self, checked: CheckedInstance) -> str:
        """Put a checked instance into place and return its path relative to the folder.

        On return the whole file is at its place. On a raise (`OutputError`) nothing is there that was not before.
        """
        ...

    def write_document(self, folder: str, name: str, document: DocumentOutcome) -> str:
        """Put a cleaned document into place and return its path relative to the folder; as `write`.

        Parameters
        ----------
        folder
            Pseudonym of the patient and new UID of the study, parted by ``/``.
        name
            What it is called: made of digits, letters, dots and dashes.
        document
            What leaves.
        """
        ...

    def withdraw(self, placement: Placement) -> None:
        """Take away what an earlier run put at `placement`, if anything; on return nothing is there."""
        ...


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """What became of one input: `outcome` is a :class:`scanward.model.report.Outcome` value."""

    file: SourceFile
    outcome: str
    detail: str
    study: int
    output: str


class Journal(Protocol):
    """What a run has done so far, so that it can go on after a kill. Holds names of inputs: as secret as the keys."""

    def record(self, entries: Sequence[JournalEntry], partial_report: str) -> None:
        """Store all `entries` and the `partial_report` (JSON) of their unit of work, durable on return, or nothing."""
        ...

    def begin(self, state: str) -> None:
        """Forget what was done in another `state` of the world: before a restart of the machine, or of other inputs."""
        ...

    def forget(self) -> None:
        """Forget everything that was done."""
        ...

    def find_done(self) -> Iterable[JournalEntry]:
        """Everything recorded so far."""
        ...

    def partial_reports(self) -> Iterable[str]:
        """The partial reports recorded so far."""
        ...


class Keys(Protocol):
    """The keys behind pseudonyms. If stolen, pseudonyms can be undone; if lost, they can't be made again."""

    def recipient_key(self, recipient: str) -> bytes:
        """Return the 32 byte key for `recipient`, the same each time; raises `KeyStoreError`."""
        ...
