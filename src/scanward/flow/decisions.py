"""Gathers the facts of a decision and has it made; whatever cannot be looked up denies."""

from collections.abc import Callable, Sequence
from datetime import datetime

from scanward.decide.evaluate import evaluate
from scanward.errors import ScanwardError
from scanward.model.consent import Provision
from scanward.model.decision import Decision, DecisionFacts, SeriesFacts
from scanward.model.release import Release
from scanward.model.study import StoredInstance
from scanward.ports.ledger import Registry


def series_of(instances: Sequence[StoredInstance]) -> tuple[SeriesFacts, ...]:
    """Return what a decision needs to know of instances, each combination once."""
    return tuple(sorted({series_facts(one) for one in instances}, key=lambda one: (one.series_id, one.sop_class_uid)))


def series_facts(instance: StoredInstance) -> SeriesFacts:
    """Return what a decision needs to know of one instance."""
    return SeriesFacts(
        series_id=instance.series_id,
        modality=instance.modality,
        body_part=instance.body_part,
        sop_class_uid=instance.sop_class_uid,
    )


class Decider:
    """Decides on releases by what the registry says now.

    Parameters
    ----------
    registry
        Recipients, agreements and consents.
    clock
        Tells the time, aware UTC.
    restrictions
        Why a study must not be disclosed now, in words a patient reads.
    """

    def __init__(
        self,
        registry: Registry,
        clock: Callable[[], datetime],
        restrictions: Callable[[str], Sequence[str]] = lambda _study_id: (),
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._restrictions = restrictions

    def decide(self, release: Release, series: Sequence[SeriesFacts]) -> Decision:
        """Return the decision on a release as of now."""
        return self.suppose(release, series, self._provisions(release.patient_id), self._clock())

    def suppose(
        self, release: Release, series: Sequence[SeriesFacts], provisions: Sequence[Provision] | None, at: datetime
    ) -> Decision:
        """Return what the decision on a release would be at a time, were the patient's provisions these."""
        return evaluate(
            DecisionFacts(
                now=at,
                recipient=self._registry.find_recipient(release.recipient),
                purpose=release.purpose,
                provisions=provisions,
                series=series,
                restrictions=self._find_restrictions(release.study_id),
            )
        )

    def _provisions(self, patient_id: str) -> Sequence[Provision] | None:
        try:
            recorded = self._registry.provisions(patient_id)
        except ScanwardError:
            return None
        return [one.provision for one in recorded if one.revoked is None]

    def _find_restrictions(self, study_id: str) -> Sequence[str] | None:
        try:
            return self._restrictions(study_id)
        except ScanwardError:
            return None
