"""The ways out and the archive."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from scanward.model.release import DeliveryReport


class Outgoing(Protocol):
    """A file about to leave: de-identified, checked and accounted for (or a result, for the archive)."""

    @property
    def sop_class_uid(self) -> str:
        """SOP Class UID."""
        ...

    @property
    def sop_instance_uid(self) -> str:
        """New SOP Instance UID."""
        ...

    @property
    def transfer_syntax_uid(self) -> str:
        """Transfer Syntax of the file."""
        ...

    @property
    def path(self) -> str:
        """Relative path, of pseudonyms and new UIDs: patient/study/series/instance.dcm."""
        ...

    @property
    def size_bytes(self) -> int:
        """Length of the file."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """Yield the Part 10 file; may be called again. Raises `StoreError` when it cannot be read."""
        ...


class Sender(Protocol):
    """A way out to one recipient; the only thing that lets bytes out. Trusted with de-identified instances only."""

    def send(self, files: Sequence[Outgoing]) -> Iterator[DeliveryReport]:
        """Send files and yield how each ended, as soon as that is known: one report a file, in any order.

        Raises nothing for what the network or the recipient does: that is a report. Sending a file again that arrived
        before must not make a second one at the recipient.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundStudy:
    """A study that an archive has; `instances` is how many it says there are, 0 where it does not say."""

    study_uid: str = field(repr=False)
    instances: int = 0


class Archive(Protocol):
    """The hospital's own archive: trusted with identities."""

    def fetch(self, study_uid: str) -> int:
        """Ask the archive to send a study to our Storage SCP (C-MOVE); return how many instances it sent.

        Raises `NetworkError`, also when it could not send all of them.
        """
        ...

    def find_priors(self, patient: str, issuer: str, before: str, limit: int) -> Sequence[FoundStudy]:
        """Return a patient's studies dated before `before` (YYYYMMDD), newest first (C-FIND).

        Only those of exactly this Patient ID and issuer. Raises `NetworkError`.
        """
        ...

    def store(self, files: Sequence[Outgoing]) -> Iterator[DeliveryReport]:
        """Send results to the archive; as :meth:`Sender.send`."""
        ...
