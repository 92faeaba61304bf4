"""What the ledger knows of instances that are held for their pixels, and what people decide on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from scanward.model.holds import Held, LetGo
from scanward.model.release import Disclosure, OutboxItem, Release, Setback


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldRelease:
    """A release with instances that wait for a person, and how many."""

    release: Release
    instances: int
    since: datetime


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class HoldGround:
    """As what instances were held that wait: of which recipient, in which form, by which sight."""

    recipient: str
    form: str
    sight: str


class Holds(Protocol):
    """Holds for pixels. Each method is one transaction, as those of the ledger are."""

    def held(self, release_id: str) -> Sequence[Held]:
        """Return what of a release is or was held for its pixels, by series and instance."""
        ...

    def held_releases(self, *, limit: int) -> Sequence[HeldRelease]:
        """Return releases with instances that wait for a person, the longest first."""
        ...

    def hold_grounds(self) -> Sequence[HoldGround]:
        """Return as what instances are held that wait, each once."""
        ...

    def note_holds_outdated(self, ground: HoldGround, at: datetime, limit: int) -> int:
        """Note that releases with holds on this ground have to be looked at again; return how many this is noted of."""
        ...

    def holds_to_look_at(self, release_id: str, form: str, sight: str) -> frozenset[str]:
        """Return instances that wait and were held in another form or by another sight, and those that are let go."""
        ...

    def let_go_of(self, release_id: str) -> Mapping[str, LetGo]:
        """Return what of a release a person lets go or let go, by instance."""
        ...

    def keep_held(self, release_id: str, held: Mapping[str, str], *, by: str, reason: str, at: datetime) -> None:
        """Note that a person keeps instances held (by id, with what they saw): these wait no more.

        Raises
        ------
        StateError
            One of them was looked at again since, or nobody can decide on it any more. Nothing is noted then.
        UnknownError
            One of them is not held.
        """
        ...

    def let_go(
        self, release_id: str, held: Mapping[str, str], *, by: str, reason: str, as_it_is: bool, at: datetime
    ) -> None:
        """Note that a person lets instances go, and that the release has to be prepared again; raises as `keep_held`.

        Raises `StateError` too where something of a kind is to leave as it is that the machine can clean, or nothing
        was kept of its content that a decision could be bound to.
        """
        ...

    def look_again(self, release_id: str, *, by: str, at: datetime) -> int:
        """Note that what waits of a release is to be looked at again; return how many instances.

        Raises `StateError` where the release was stopped, and `UnknownError`.
        """
        ...

    def settle_holds(
        self,
        release_id: str,
        disclosure: Disclosure | None,
        items: Sequence[OutboxItem],
        setbacks: Sequence[Setback],
        *,
        let_go: Mapping[str, LetGo],
        pull: bool,
        at: datetime,
    ) -> Sequence[str]:
        """Record what became of instances that were looked at again, in one transaction, before anything leaves.

        `items` are disclosed as :meth:`scanward.ports.ledger.Ledger.account` does it, where they still wait, or were
        let go by the decision in `let_go` that still stands; `setbacks` stay, and those that were let go wait for a
        person again. Nothing is disclosed of a release that was stopped. Returns the recipe blobs that nothing refers
        to.
        """
        ...

    def put_off_holds(self, release_id: str, form: str, sight: str, *, why: str, at: datetime) -> None:
        """Note that nothing of a release may leave now: what a person let go waits for a person again."""
        ...
