"""Where instances come in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from scanward.model.instance import ByteSource
from scanward.model.study import Completion, Origin


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What became of an instance that was taken in.

    Attributes
    ----------
    accepted
        Whether it is understood and on its way; otherwise it is quarantined.
    sop_class_uid, sop_instance_uid, study_uid
        What it says it is; empty where that cannot be told.
    reason
        Why it is quarantined, in words without identifiers.
    """

    accepted: bool
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    study_uid: str = ""
    reason: str = ""

    def __repr__(self) -> str:
        """Show no UID."""
        return f"Receipt(accepted={self.accepted}, reason={self.reason!r})"


class Intake(Protocol):
    """Where instances come in; what receives them from the outside calls this."""

    def take(self, content: ByteSource, origin: Origin) -> Receipt:
        """Take an instance (Part 10 file or bare data set) in; durable on return, whatever the receipt says.

        Raises
        ------
        StoreFullError
            There is no room: the sender is told and keeps it; nothing is stored and nothing was deleted.
        StoreError
            It could not be stored; nothing of it is known.
        """
        ...

    def complete(self, study_uid: str, how: Completion) -> bool:
        """Note that a study is whole as far as it came; False when nothing of it is there."""
        ...

    def complete_instances(self, sop_instance_uids: Sequence[str], how: Completion) -> None:
        """Note that the studies of instances are whole as far as they came; instances that are not here say nothing."""
        ...

    def has(self, sop_class_uid: str, sop_instance_uid: str) -> bool:
        """Whether an instance is durable here; what storage commitment answers by (PS3.4 Annex J)."""
        ...
