"""What is owed to peers of the DICOM door, and what they have under way: a restart must not forget it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class OwedReport:
    """A report that a peer waits for.

    Attributes
    ----------
    report_id
        Opaque id.
    peer
        Name that the settings give the peer.
    content
        The report, as whoever owes it wrote it.
    attempts
        How often it was tried, this time too.
    """

    report_id: str
    peer: str
    content: str
    attempts: int

    def __repr__(self) -> str:
        """Show no content: it names instances."""
        return f"OwedReport({self.report_id}, attempts={self.attempts})"


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcedureStep:
    """A performed procedure step: Study Instance UIDs, and whether it has ended."""

    study_uids: frozenset[str]
    has_ended: bool

    def __repr__(self) -> str:
        """Show no UID."""
        return f"ProcedureStep({len(self.study_uids)} studies, has_ended={self.has_ended})"


class PeerBook(Protocol):
    """Reports owed and steps under way. Each method is one transaction: durable on return, nothing on a `StoreError`.

    If stolen: which peers wait, under encryption what for. If lost: peers have to ask again.
    """

    def owe_report(self, report_id: str, peer: str, content: str, at: datetime) -> None:
        """Note a report that a peer waits for, due at once."""
        ...

    def claim_report(self, peers: Collection[str], now: datetime, until: datetime) -> OwedReport | None:
        """Take the report of one of `peers` that is due the longest; nobody else gets it before `until`."""
        ...

    def postpone_report(self, report_id: str, until: datetime) -> None:
        """Note that a report could not be sent, and when it is due again."""
        ...

    def settle_report(self, report_id: str) -> None:
        """Forget a report that its peer has."""
        ...

    def hasten_reports(self, peers: Collection[str], now: datetime) -> int:
        """Make the reports of `peers` due at once, whoever had claimed them; return how many there are."""
        ...

    def begin_step(self, step_uid: str, study_uids: Collection[str], at: datetime) -> bool:
        """Note a performed procedure step that begins; False, and nothing noted, where it is known."""
        ...

    def find_step(self, step_uid: str) -> ProcedureStep | None:
        """Return a step, or None where it is not known (any more)."""
        ...

    def end_step(self, step_uid: str, at: datetime) -> None:
        """Note that a step has ended."""
        ...

    def forget(self, before: datetime) -> int:
        """Forget reports owed and steps begun before `before`; return how many reports were never delivered."""
        ...
