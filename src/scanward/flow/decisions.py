"""Gathers the facts of a decision and has it made; whatever cannot be looked up denies."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from scanward.decide.evaluate import evaluate
from scanward.decide.necessary import find_setback
from scanward.errors import ProfileError, ScanwardError, StateError, StoreError
from scanward.flow.forms import form_of, withheld
from scanward.flow.screens import form_with, layouts_for
from scanward.model.agreement import Recipient
from scanward.model.consent import RecordedProvision
from scanward.model.decision import Decision, DecisionFacts, Deny, Grounds, Permit, SeriesFacts
from scanward.model.release import OutboxItem, Release, ReleaseState
from scanward.model.screens import Layout
from scanward.model.study import StoredInstance
from scanward.ports.ledger import Ledger, Registry

NOT_APPROVED = "A person has to approve this first, and nobody did."
NOT_OF_THE_STUDY = "It is not known any more what this is."

TRIES = 3
"""So often a decision is made again at once, where consent or agreement changed while it was recorded."""


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What of a release may leave as of now, instance by instance.

    Attributes
    ----------
    decision
        On the release; a denial too where a person would have to approve it and nobody did.
    grounds
        By which documents.
    recipient
        In force; None where there is none, and then nothing may leave, by the decision.
    form
        How instances are de-identified by now (:func:`scanward.flow.forms.form_of`); empty where that cannot be told.
    layouts
        What people had filled by now on screens that instances of the batch may show.
    instances
        Of the release's batch, by id.
    """

    decision: Decision
    grounds: Grounds
    recipient: Recipient | None
    form: str
    layouts: tuple[Layout, ...]
    instances: Mapping[str, StoredInstance] = field(repr=False)

    def find_setback(self, item: OutboxItem) -> str | None:
        """Return why an instance may not leave by now, in words; None where it may, in the form of now."""
        if isinstance(self.decision, Deny):
            return " ".join(self.decision.reasons)
        instance = self.instances.get(item.instance_id)
        if instance is None:
            return NOT_OF_THE_STUDY
        return find_setback(self.decision, instance, are_proven=item.pixels.holds_nothing_back)

    def is_outdated(self, item: OutboxItem) -> bool:
        """Return whether an instance was de-identified otherwise than it would be now."""
        return not self.form or item.form != self.form

    def is_renewable(self, item: OutboxItem) -> bool:
        """Return whether an instance may leave once it is de-identified as of now, and that has not failed yet."""
        outdated = self.is_outdated(item) and (not self.form or item.form != withheld(self.form))
        return outdated and self.find_setback(item) is None

    def allows(self, item: OutboxItem) -> bool:
        """Return whether an instance may leave now as it is."""
        return not self.is_outdated(item) and self.find_setback(item) is None


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
        return self._decide(release, series)[0]

    def decide_to_record(self, release: Release, series: Sequence[SeriesFacts]) -> tuple[Decision, Grounds]:
        """Return the decision on a release as of now, and by which documents it was made."""
        decision, grounds, _ = self._decide(release, series)
        return decision, grounds

    def look_again(self, release: Release, batch: Sequence[StoredInstance]) -> Standing:
        """Return what of a release may leave as of now; `batch` is what it was made of."""
        decision, grounds, recipient = self._decide(release, series_of(batch))
        if isinstance(decision, Permit) and decision.needs_approval and not release.approved_by:
            decision = Deny(reasons=(NOT_APPROVED,))
        layouts = layouts_for(self._registry.layouts(), batch)
        return Standing(
            decision=decision,
            grounds=grounds,
            recipient=recipient,
            form=_find_form(decision, layouts),
            layouts=layouts,
            instances={one.instance_id: one for one in batch},
        )

    def _decide(self, release: Release, series: Sequence[SeriesFacts]) -> tuple[Decision, Grounds, Recipient | None]:
        recipient = self._registry.find_recipient(release.recipient)
        recorded = self._provisions(release.patient_id)
        decision = evaluate(
            DecisionFacts(
                now=self._clock(),
                recipient=recipient,
                purpose=release.purpose,
                provisions=None if recorded is None else [one.provision for one in recorded],
                series=series,
                restrictions=self._find_restrictions(release.study_id),
            )
        )
        grounds = Grounds(
            agreement_version="" if recipient is None else recipient.version,
            provisions=None if recorded is None else frozenset(one.provision_id for one in recorded),
        )
        return decision, grounds, recipient

    def _provisions(self, patient_id: str) -> Sequence[RecordedProvision] | None:
        try:
            recorded = self._registry.provisions(patient_id)
        except ScanwardError:
            return None
        return [one for one in recorded if one.revoked is None]

    def _find_restrictions(self, study_id: str) -> Sequence[str] | None:
        try:
            return self._restrictions(study_id)
        except ScanwardError:
            return None


def stand_or_stop(
    decider: Decider,
    ledger: Ledger,
    release: Release,
    batch: Sequence[StoredInstance],
    clock: Callable[[], datetime],
) -> Standing | None:
    """Return what of a release may leave; None where nothing may, and the release is stopped for it.

    Raises
    ------
    StoreError
        Consent and agreement changed all the time, or could not be looked up: nothing is recorded.
    """
    for _ in range(TRIES):
        standing = decider.look_again(release, batch)
        if isinstance(standing.decision, Permit):
            return standing
        try:
            ledger.record_decision(
                release.release_id, standing.decision, ReleaseState.STOPPED, clock(), grounds=standing.grounds
            )
        except StateError:
            if ledger.get_release(release.release_id).state is not release.state:
                return None  # another worker stopped or finished it
        else:
            return None
    raise StoreError("expected consent and agreement to be there and to stay for a moment, they did not")


def _find_form(decision: Decision, layouts: Sequence[Layout]) -> str:
    if isinstance(decision, Deny):
        return ""
    try:
        return form_with(form_of(decision), layouts)
    except ProfileError:
        return ""  # a profile of one's own that cannot be read: nothing is of its form
