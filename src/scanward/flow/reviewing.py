"""What is held for its pixels: looked at again as what decided that changes, and decided on by people.

A person who lets an instance go says that they looked at it in the archive. That decides on pixels alone: whether the
release may leave at all is decided again when it is prepared, and once more before each instance is sent.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from scanward.errors import ProfileError, StateError
from scanward.flow.decisions import Decider
from scanward.flow.forms import form_for
from scanward.model.decision import Deny
from scanward.model.holds import CLEANED, Held
from scanward.model.study import Batch
from scanward.ports.ledger import Ledger, Registry

RELEASES_AT_ONCE = 100
"""So many releases held on one ground are queued at a time; the others a moment later."""

MOST_AT_ONCE = 100
"""So many instances one decision is about at most: whoever decides looked at each."""

MIN_REASON_LENGTH = 10


class HoldReviewer:
    """Has instances looked at again that were held by other rules or other eyes than there are now.

    Parameters
    ----------
    ledger, registry
        The stores.
    sight
        Tells what looks at pixels here, by names and versions; empty where nothing is there.
    clock
        Tells the time, aware UTC.
    """

    def __init__(
        self, *, ledger: Ledger, registry: Registry, sight: Callable[[], str], clock: Callable[[], datetime]
    ) -> None:
        self._ledger = ledger
        self._registry = registry
        self._sight = sight
        self._clock = clock

    def step(self) -> int:
        """Note releases that have to be looked at again; returns 0, as the next time is a while later anyhow."""
        grounds = self._ledger.hold_grounds()
        sight = self._sight() if grounds else ""
        for ground in grounds:
            form = self._find_form(ground.recipient)
            if form is None:
                continue
            # Where nothing looks here, others may see: what they held is theirs to look at again.
            if ground.form != form or (sight and ground.sight != sight):
                self._ledger.note_holds_outdated(ground, self._clock(), RELEASES_AT_ONCE)
        return 0

    def _find_form(self, recipient_id: str) -> str | None:
        recipient = self._registry.find_recipient(recipient_id)
        if recipient is None or recipient.agreement is None:
            return None
        try:
            return form_for(recipient.agreement)
        except ProfileError:
            return None  # nothing leaves by it


class HoldDesk:
    """What people decide on instances that are held for their pixels.

    `by` is always the name of who does it, as their token says.

    Parameters
    ----------
    ledger, registry
        The stores.
    clock
        Tells the time, aware UTC.
    """

    def __init__(self, *, ledger: Ledger, registry: Registry, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._decider = Decider(registry, clock)

    def held(self, release_id: str) -> Sequence[Held]:
        """Return what of a release is or was held, by series; raises `UnknownError`."""
        self._ledger.get_release(release_id)
        return self._ledger.held(release_id)

    def keep(self, release_id: str, held: Mapping[str, str], *, by: str, reason: str) -> None:
        """Keep instances held, by id with what was seen of each; raises `StateError`, `UnknownError`."""
        _require_some(held)
        self._ledger.keep_held(release_id, held, by=by, reason=reason, at=self._clock())

    def require_may_leave(self, release_id: str) -> None:
        """Raise `StateError` where agreement or consent do not let a release leave now, whatever its pixels show."""
        release = self._ledger.get_release(release_id)
        batch = self._ledger.instances_of(Batch(study_id=release.study_id, number=release.batch))
        decision = self._decider.look_again(release, batch).decision
        if isinstance(decision, Deny):
            raise StateError(
                f"expected a release that may leave, got one that may not: {' '.join(decision.reasons)}",
                remedy="Nothing of it can be let go while that is so.",
            )

    def let_go(
        self, release_id: str, held: Mapping[str, str], *, by: str, reason: str, count: int, as_it_is: bool
    ) -> None:
        """Let instances go of which the machine cannot say that they show no text.

        Parameters
        ----------
        release_id
            Of which release.
        held
            Ids, with what was seen of each (:attr:`scanward.model.holds.Held.seen`).
        by, reason
            Who says that they looked, and why it may leave.
        count
            How many instances the person thinks these are.
        as_it_is
            Whether pixels may leave as they are where no machine can take text out of them.

        Raises
        ------
        StateError
            Something of it is not as it has to be: nothing is let go then.
        UnknownError
            There is no such release, or one is not held.
        """
        _require_some(held)
        if count != len(held):
            raise StateError(
                f"expected the number of instances that are let go, {len(held)}, got {count}",
                remedy="Go back, look at how many there are, and write that number.",
            )
        if len(reason.strip()) < MIN_REASON_LENGTH:
            raise StateError(
                f"expected a reason of at least {MIN_REASON_LENGTH} characters, got fewer",
                remedy="Say what you saw in the archive, and why it may leave.",
            )
        self.require_may_leave(release_id)
        self._ledger.let_go(release_id, held, by=by, reason=reason.strip(), as_it_is=as_it_is, at=self._clock())

    def look_again(self, release_id: str, *, by: str) -> int:
        """Have what waits of a release looked at again; return how many instances. Raises `StateError`."""
        return self._ledger.look_again(release_id, by=by, at=self._clock())


def may_leave_as_it_is(held: Held) -> bool:
    """Return whether no machine can clean an instance as far as is known, so that only its pixels as they are leave."""
    return held.hold.kind not in CLEANED


def _require_some(held: Mapping[str, str]) -> None:
    if not 0 < len(held) <= MOST_AT_ONCE:
        raise StateError(
            f"expected a decision on 1 to {MOST_AT_ONCE} instances, got one on {len(held)}",
            remedy="Decide on some of them at a time.",
        )
