"""Which instances of a permitted release leave."""

import pytest

from scanward.decide.hold import evaluate_file
from scanward.decide.necessary import DECLARED_BURNED_IN, NOT_NEEDED, UNCHECKED_PIXELS, find_setback, is_needed
from scanward.model.decision import Deny, Permit, SeriesFacts
from scanward.model.study import StoredInstance
from tests.unit.decide.facts import CT, CT_IMAGE

ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"


def instance(modality: str = "CT", sop_class_uid: str = CT_IMAGE, burned_in: str = "", body: str = "CHEST"):
    return StoredInstance(
        instance_id="c" * 32,
        series_id=CT.series_id,
        sop_class_uid=sop_class_uid,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        modality=modality,
        body_part=body,
        burned_in_annotation=burned_in,
        size_bytes=1,
        blob="blob",
    )


def permit(*, unchecked: bool = False, series=frozenset({CT})) -> Permit:
    return Permit(recipient="acme", profile="basic", series=series, unchecked_pixels=unchecked)


def test_an_instance_is_needed_where_its_series_facts_are_permitted() -> None:
    assert is_needed(permit(), instance())
    assert not is_needed(permit(), instance(body="HEAD"))
    assert not is_needed(permit(series=frozenset()), instance())
    assert is_needed(permit(series=None), instance(body="HEAD"))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (instance(), None),
        (instance(body="HEAD"), NOT_NEEDED),
        (instance(burned_in="YES"), DECLARED_BURNED_IN),
        (instance(burned_in=" yes"), DECLARED_BURNED_IN),
        (instance(burned_in="NO"), None),
    ],
)
def test_why_an_instance_stays(given: StoredInstance, reason: str | None) -> None:
    assert find_setback(permit(), given, are_proven=False) == reason


def test_pixels_that_nobody_looked_at_stay_unless_agreed() -> None:
    scan = instance("US", ULTRASOUND)
    series = frozenset(
        {SeriesFacts(series_id=CT.series_id, modality="US", body_part="CHEST", sop_class_uid=ULTRASOUND)}
    )
    assert find_setback(permit(series=series), scan, are_proven=False) == UNCHECKED_PIXELS
    assert find_setback(permit(series=series, unchecked=True), scan, are_proven=False) is None
    assert find_setback(permit(unchecked=True), scan, are_proven=False) == NOT_NEEDED


@pytest.mark.parametrize("burned_in", ["YES", "NO", ""])
@pytest.mark.parametrize(("modality", "sop_class"), [("CT", CT_IMAGE), ("US", ULTRASOUND), ("OT", CT_IMAGE)])
def test_the_file_command_holds_the_same_instances(burned_in: str, modality: str, sop_class: str) -> None:
    decision = evaluate_file(
        recipient="acme",
        profile="basic",
        modality=modality,
        sop_class_uid=sop_class,
        burned_in_annotation=burned_in,
        release_unchecked_pixels=False,
    )
    held = find_setback(permit(series=None), instance(modality, sop_class, burned_in), are_proven=False) is not None
    assert isinstance(decision, Deny) is held
