"""What a record of a disclosure says, and what it never says."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from scanward.account.record import describe, record_disclosure
from scanward.decide.evaluate import evaluate
from scanward.errors import AgreementError
from scanward.model.agreement import Basis
from scanward.model.decision import Permit
from tests.unit.decide.facts import NOW, facts, recipient

PSEUDONYM = "SW-ABCDEFGHIJKLMNOP"


def permit() -> Permit:
    decision = evaluate(facts())
    assert isinstance(decision, Permit)
    return decision


def test_a_record_says_who_what_when_and_what_for() -> None:
    told = record_disclosure(permit(), recipient(), pseudonym=PSEUDONYM, modalities={"CT": 300, "SR": 1}, now=NOW)
    assert (told.disclosed, told.recipient, told.recipient_name) == (NOW, "acme", "Acme AI")
    assert told.recipient_address == "1 Main Street"
    assert (told.purpose, told.basis) == ("MLTRAINING", Basis.AUTHORISATION)
    assert told.description == f"CT, 300 images; SR, 1 object; de-identified; pseudonym {PSEUDONYM}"
    assert (told.agreement_version, told.region, told.delete_by) == ("f" * 64, "GB", date(2026, 7, 1))


@pytest.mark.parametrize(
    ("modalities", "description"),
    [
        ({"MR": 1}, "MR, 1 image"),
        ({"CT": 2, "MR": 1}, "CT, 2 images; MR, 1 image"),
        ({"DOE^JOHN": 1, "": 2}, "other, 3 objects"),
        ({}, "nothing"),
        ({"CT": 0}, "nothing"),
    ],
)
def test_a_description_names_known_kinds_only(modalities: dict, description: str) -> None:
    assert describe(modalities, PSEUDONYM) == f"{description}; de-identified; pseudonym {PSEUDONYM}"


@pytest.mark.parametrize(
    ("given", "to"),
    [
        (replace(permit(), recipient="other"), recipient()),
        (replace(permit(), agreement_version="e" * 64), recipient()),
        (replace(permit(), delete_by=None), recipient()),
        (replace(permit(), purpose=""), recipient()),
        (permit(), recipient(agreement=None)),
        (permit(), recipient(version="e" * 64)),
    ],
)
def test_a_permit_for_something_else_is_refused(given: Permit, to) -> None:
    with pytest.raises(AgreementError):
        record_disclosure(given, to, pseudonym=PSEUDONYM, modalities={"CT": 1}, now=NOW)


def test_a_time_without_offset_is_refused() -> None:
    naive = datetime.now(UTC).replace(tzinfo=None)
    with pytest.raises(AgreementError):
        record_disclosure(permit(), recipient(), pseudonym=PSEUDONYM, modalities={"CT": 1}, now=naive)
