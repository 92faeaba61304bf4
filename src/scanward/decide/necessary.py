"""Minimum necessary: which instances a purpose needs, and which of those may leave as they are."""

from collections.abc import Iterable

from scanward.decide.hold import is_declared_burned_in
from scanward.model.agreement import DataScope
from scanward.model.decision import Permit, SeriesFacts
from scanward.model.study import StoredInstance
from scanward.standard.modalities import likely_burned_in

ANY = frozenset({"*"})

NOT_NEEDED = "It is not needed for the purpose."
UNCHECKED_PIXELS = (
    "Pictures of this kind often have a name written into them, and nobody has looked at this one. "
    "It stays until somebody has."
)
DECLARED_BURNED_IN = "It says of itself that a name or other details are written into the picture. It stays."


def select(series: Iterable[SeriesFacts], scope: DataScope) -> frozenset[SeriesFacts]:
    """Return what of `series` the agreement is about; what lacks a fact that tells is left out."""
    return frozenset(facts for facts in series if _is_within(facts, scope))


def _is_within(facts: SeriesFacts, scope: DataScope) -> bool:
    if not (facts.series_id and facts.modality.strip() and facts.sop_class_uid.strip()):
        return False
    return (
        _is_among(facts.modality, scope.modalities)
        and _is_among(facts.body_part, scope.body_parts)
        and _is_among(facts.sop_class_uid, scope.sop_classes)
    )


def _is_among(value: str, agreed: frozenset[str]) -> bool:
    return agreed == ANY or value.strip().upper() in frozenset(agreed) - ANY


def is_needed(permit: Permit, instance: StoredInstance) -> bool:
    """Return whether the purpose needs `instance`."""
    if permit.series is None:
        return True
    facts = SeriesFacts(
        series_id=instance.series_id,
        modality=instance.modality,
        body_part=instance.body_part,
        sop_class_uid=instance.sop_class_uid,
    )
    return facts in permit.series


def find_setback(permit: Permit, instance: StoredInstance, *, are_proven: bool) -> str | None:
    """Return why `instance` does not leave though the release does, in words; None where it leaves.

    Parameters
    ----------
    permit, instance
        The decision on the release, and what of it.
    are_proven
        Whether its pixels were looked at and show no text as they leave, or a person let it go, or it has none.
    """
    if not is_needed(permit, instance):
        return NOT_NEEDED
    if permit.unchecked_pixels or are_proven:
        return None
    if is_declared_burned_in(instance.burned_in_annotation):
        return DECLARED_BURNED_IN
    if likely_burned_in(instance.modality, instance.sop_class_uid):
        return UNCHECKED_PIXELS
    return None
