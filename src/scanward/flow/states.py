"""Which states follow which, as tables; the ledger refuses every other move."""

from collections.abc import Mapping

from scanward.model.release import ItemState, ReleaseState, ResultState

RELEASE_MOVES: Mapping[ReleaseState, frozenset[ReleaseState]] = {
    ReleaseState.OPEN: frozenset({ReleaseState.DENIED, ReleaseState.AWAITING_APPROVAL, ReleaseState.PERMITTED}),
    ReleaseState.AWAITING_APPROVAL: frozenset({ReleaseState.OPEN, ReleaseState.DENIED}),
    ReleaseState.DENIED: frozenset({ReleaseState.OPEN}),  # asked again, when consent or agreement changed
    ReleaseState.PERMITTED: frozenset({ReleaseState.ACCOUNTED, ReleaseState.DONE, ReleaseState.STOPPED}),
    ReleaseState.ACCOUNTED: frozenset({ReleaseState.DONE, ReleaseState.STOPPED}),
    ReleaseState.STOPPED: frozenset(),
    # What the recipient has not fetched is not to be had any more; what failed is tried again.
    ReleaseState.DONE: frozenset({ReleaseState.STOPPED, ReleaseState.ACCOUNTED}),
}
"""Moves of a release. Staying in a state is no move, and always allowed."""

ITEM_MOVES: Mapping[ItemState, frozenset[ItemState]] = {
    ItemState.QUEUED: frozenset({ItemState.SENT, ItemState.UNKNOWN, ItemState.FAILED, ItemState.STOPPED}),
    ItemState.AVAILABLE: frozenset({ItemState.SENT, ItemState.STOPPED}),
    ItemState.FAILED: frozenset({ItemState.QUEUED}),  # a person tries again
    ItemState.UNKNOWN: frozenset({ItemState.QUEUED, ItemState.SENT}),  # confirmed after all
    ItemState.SENT: frozenset(),
    ItemState.STOPPED: frozenset(),
    # What was held for its pixels: looked at again, or let go by a person.
    ItemState.EXCLUDED: frozenset({ItemState.QUEUED, ItemState.AVAILABLE, ItemState.QUARANTINED}),
    ItemState.QUARANTINED: frozenset(),
}
"""Moves of an instance of a release."""

RESULT_MOVES: Mapping[ResultState, frozenset[ResultState]] = {
    ResultState.RECEIVED: frozenset({ResultState.HELD, ResultState.ACCEPTED}),
    ResultState.HELD: frozenset({ResultState.RECEIVED, ResultState.REJECTED}),
    ResultState.ACCEPTED: frozenset({ResultState.DELIVERED, ResultState.HELD}),
    ResultState.DELIVERED: frozenset(),
    ResultState.REJECTED: frozenset(),
}
"""Moves of a result."""
