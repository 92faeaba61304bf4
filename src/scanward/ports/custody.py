"""Where seals and custody statements are kept, and what still waits for one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from scanward.model.custody import SignedStatement


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptSeal:
    """Where a seal is, and of what.

    Attributes
    ----------
    object_id
        The instance's blind index; for a copy that left, one of its own.
    uid_id
        Blind index of its SOP Instance UID, by which it is found.
    study_id
        The study under whose data key it lies.
    source_id
        For a copy, the instance it was made of; empty for an original.
    release_id
        For a copy, the release it left by; empty for an original.
    blob, start, length
        The seal: a range of a blob.
    root
        Its root, in hexadecimal.
    opening
        For a copy, what opens the commitment that links it to its original; empty for an original.
    sealed
        When, aware UTC.
    """

    object_id: str
    uid_id: str
    study_id: str
    source_id: str = ""
    release_id: str = ""
    blob: str
    start: int
    length: int
    root: str
    opening: bytes = field(default=b"", repr=False)
    sealed: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptFilm:
    """Where it is kept by what a sealed film is told again in another form: a range of a blob under its study's key."""

    object_id: str
    study_id: str
    blob: str
    start: int
    length: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """An event of which a statement has to be made, as the history has it."""

    seq: int
    subject: str
    what: str
    at: datetime
    by: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NewDue:
    """An event that waits for a statement, to be noted with the seal that it is of."""

    subject: str
    what: str
    at: datetime
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NewStatement:
    """A statement to keep.

    Attributes
    ----------
    object_id, number, at
        As in it.
    signed
        The statement.
    digest
        Of the signed statement, in hexadecimal: what the next one names.
    entry
        What goes into the log.
    """

    object_id: str
    number: int
    at: datetime
    signed: SignedStatement
    digest: str
    entry: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptStatement:
    """A statement as it is kept; `index` is its place in the log, None while it is on its way there."""

    seq: int
    object_id: str
    number: int
    signed: SignedStatement
    entry: bytes = field(repr=False)
    index: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """How far the statements of an object are: how many there are, digest and time of the last."""

    count: int
    digest: str
    at: datetime


class CustodyBook(Protocol):
    """Seals and statements of what happened to what was sealed.

    If stolen: who was sent what when, under encryption. If lost: restore from backup; the log still shows that
    something was said, and to whoever holds a statement, what.

    Each method is one transaction: durable on return, nothing on a raise (`StoreError`). Statements are never changed
    or deleted.
    """

    def due(self, limit: int) -> Sequence[Due]:
        """Return events that wait for a statement, the oldest first."""
        ...

    def heads(self, object_ids: Sequence[str]) -> Mapping[str, Head]:
        """Return how far the statements of objects are; without those that have none."""
        ...

    def record(
        self,
        seals: Sequence[KeptSeal] = (),
        statements: Sequence[NewStatement] = (),
        done: Sequence[int] = (),
        *,
        due: Sequence[NewDue] = (),
        films: Sequence[KeptFilm] = (),
    ) -> None:
        """Keep seals, films and statements, take events off the list of those that wait, and add others.

        Raises
        ------
        StateError
            Another process was quicker with one of them: nothing is kept, and it is to be looked at anew.
        """
        ...

    def sealed(self, object_ids: Sequence[str]) -> frozenset[str]:
        """Return which of these objects have a seal."""
        ...

    def find_seals(self, uid_id: str) -> Sequence[KeptSeal]:
        """Return the seals of a SOP Instance UID (blind index): of the original, or of each copy that left."""
        ...

    def get_seal(self, object_id: str) -> KeptSeal:
        """Return the seal of an object; raises `UnknownError`."""
        ...

    def seals_of(self, study_id: str) -> Sequence[KeptSeal]:
        """Return all seals of a study, of originals and of copies."""
        ...

    def films(self, after: int, limit: int) -> Sequence[tuple[int, KeptFilm]]:
        """Return films that were kept after the one numbered `after`, each with its number, in order."""
        ...

    def results_of(self, release_ids: Sequence[str]) -> Sequence[str]:
        """Return ids of the results that came back on releases."""
        ...

    def unlogged(self, limit: int) -> Sequence[tuple[int, bytes]]:
        """Return `seq` and entry of statements that have no place in the log yet, the oldest first."""
        ...

    def logged(self, after: int, limit: int) -> Sequence[tuple[int, int, bytes]]:
        """Return `seq`, place and entry of statements that are in the log, after the one numbered `after`, in order."""
        ...

    def note_logged(self, places: Mapping[int, int], origin: str, size: int, root: str) -> None:
        """Note where in the log statements are, by `seq`, and how far the log is with them."""
        ...

    def log_head(self, origin: str) -> tuple[int, str] | None:
        """Return size and root (hexadecimal) of the log when that was noted last, or None."""
        ...

    def statements_of(self, object_id: str) -> Sequence[KeptStatement]:
        """Return the statements of an object, in order."""
        ...
