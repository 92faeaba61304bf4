"""What a change of a patient's consent would stop and let go, told before it is made."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from scanward.decide.evaluate import evaluate
from scanward.flow.decisions import series_of
from scanward.model.consent import Provision
from scanward.model.decision import Decision, DecisionFacts, Permit
from scanward.model.release import ItemState, Release, ReleaseState
from scanward.model.study import Batch
from scanward.ports.ledger import Desk, Ledger, PatientRelease, Registry


class Change(StrEnum):
    """What becomes of a release by a change of consent."""

    STOPPED = "stopped"
    """Something of it waits to leave, or can be fetched, and would not any more."""
    KEPT = "kept"
    """It is not permitted yet, and would not be."""
    LET_GO = "let go"
    """It is denied, and would be permitted."""
    LEFT = "left"
    """It would be denied, but all of it has left; nothing brings that back."""
    STAYS_REFUSED = "stays refused"
    """It would be permitted, but a person refused it."""
    STAYS_STOPPED = "stays stopped"
    """It would be permitted, but was stopped, which is for good."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Foreseen:
    """What becomes of one release.

    Attributes
    ----------
    release, change
        Which, and what.
    instances
        How many the change is about: those that wait to leave or can be fetched, that have left, or that the study has.
    left
        How many of its instances have left already, or may have.
    approval
        Whether a person has to approve it before it leaves.
    """

    release: Release
    change: Change
    instances: int
    left: int
    approval: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Foresight:
    """What a change would do, as of `at`, if nothing else changes; releases that it does not touch are left out."""

    at: datetime
    releases: Sequence[Foreseen]


_WAITING = (ItemState.QUEUED, ItemState.AVAILABLE)
_LEFT = (ItemState.SENT, ItemState.UNKNOWN)
_UNDER_WAY = frozenset({ReleaseState.PERMITTED, ReleaseState.ACCOUNTED, ReleaseState.DONE})
_UNDECIDED = frozenset({ReleaseState.OPEN, ReleaseState.AWAITING_APPROVAL})


class Foreseer:
    """Decides on a patient's releases as things are and as they would be.

    Parameters
    ----------
    ledger, desk, registry
        What is known.
    """

    def __init__(self, ledger: Ledger, desk: Desk, registry: Registry) -> None:
        self._ledger = ledger
        self._desk = desk
        self._registry = registry

    def foresee(self, patient: str, before: Sequence[Provision], after: Sequence[Provision], at: datetime) -> Foresight:
        """Return what becomes of the releases of `patient` (blind index) when their provisions change."""
        found = (self._foresee(one, before, after, at) for one in self._desk.patient_releases(patient))
        return Foresight(at=at, releases=[one for one in found if one is not None])

    def _foresee(
        self, standing: PatientRelease, before: Sequence[Provision], after: Sequence[Provision], at: datetime
    ) -> Foreseen | None:
        release = standing.release
        instances = self._ledger.instances_of(Batch(study_id=release.study_id, number=release.batch))
        facts = DecisionFacts(
            now=at,
            recipient=self._registry.find_recipient(release.recipient),
            purpose=release.purpose,
            provisions=after,
            series=series_of(instances),
        )
        would = evaluate(facts)
        permitted = isinstance(would, Permit)
        if isinstance(evaluate(replace(facts, provisions=before)), Permit) == permitted:
            return None
        change = _permits(standing) if permitted else _denies(standing)
        if change is None:
            return None
        waiting, left = (sum(standing.items.get(state, 0) for state in states) for states in (_WAITING, _LEFT))
        under_way = release.state in {ReleaseState.ACCOUNTED, ReleaseState.DONE}
        return Foreseen(
            release=release,
            change=change,
            instances=left if change is Change.LEFT else waiting if under_way else len(instances),
            left=left,
            approval=_needs_approval(would) and not release.approved_by,
        )


def _needs_approval(decision: Decision) -> bool:
    return isinstance(decision, Permit) and decision.needs_approval


def _denies(standing: PatientRelease) -> Change | None:
    """Return what becomes of a release that would not be permitted any more."""
    state = standing.release.state
    if state in _UNDECIDED:
        return Change.KEPT
    if state not in _UNDER_WAY:
        return None
    if state is ReleaseState.PERMITTED or any(standing.items.get(one) for one in _WAITING):
        return Change.STOPPED
    return Change.LEFT if any(standing.items.get(one) for one in _LEFT) else None


def _permits(standing: PatientRelease) -> Change | None:
    """Return what becomes of a release that would be permitted where it was not."""
    state = standing.release.state
    if state is ReleaseState.STOPPED:
        return Change.STAYS_STOPPED
    if standing.refused:
        return Change.STAYS_REFUSED
    if state is ReleaseState.DENIED or state in _UNDECIDED:
        return Change.LET_GO
    return Change.LET_GO if any(standing.items.get(one) for one in _WAITING) else None
