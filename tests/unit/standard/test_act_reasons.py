"""Purposes of use: what lies below what, and training by its own name only."""

import pytest

from scanward.standard import act_reasons
from scanward.standard._data import read_json
from scanward.standard.act_reasons import (
    ancestors,
    covers,
    denies,
    in_words,
    is_care,
    is_patient_request,
    is_purpose,
    meaning,
    name_of,
)

CODES = sorted(read_json("act_reasons.json")["codes"])


def test_the_codes_that_matter_are_there() -> None:
    assert {"TREAT", "ETREAT", "HPAYMT", "HOPERAT", "CAREMGT", "HRESCH", "CLINTRCH", "PUBHLTH", "PATRQT"} < set(CODES)
    assert "MLTRAINING" in CODES
    assert len(CODES) == 62


@pytest.mark.parametrize(
    ("code", "above"),
    [
        ("TREAT", set()),
        ("BTG", {"ETREAT", "TREAT"}),
        ("CLINTRCHPC", {"CLINTRCH", "HRESCH"}),
        ("MLTRAINING", {"HOPERAT"}),
        ("ELIGVER", {"COVERAGE", "HPAYMT"}),
        ("nothing", set()),
    ],
)
def test_what_is_above_a_code(code: str, above: set) -> None:
    assert ancestors(code) == above


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_name_a_meaning_and_words_of_its_own(code: str) -> None:
    assert name_of(code)
    assert meaning(code).startswith("To ")
    assert in_words(code).split()[0] in {"to", "for", "by", "as"}
    assert [other for other in CODES if in_words(other) == in_words(code)] == [code]
    assert code not in in_words(code).split()


def test_words_are_for_codes_that_exist() -> None:
    assert set(act_reasons._PHRASES) == set(CODES)


@pytest.mark.parametrize("code", ["", "PurposeOfUse", "treat", "*", "MEDNEC"])
def test_other_codes_are_no_purposes(code: str) -> None:
    assert not is_purpose(code)
    assert not covers(code, "TREAT")
    assert not covers("TREAT", code)
    assert not covers(code, code)
    assert not is_care(code)
    assert not is_patient_request(code)
    assert denies(code, "TREAT")
    assert denies("TREAT", code)
    assert (name_of(code), meaning(code)) == ("", "")
    assert "not known" in in_words(code)


@pytest.mark.parametrize("code", CODES)
def test_training_is_covered_by_its_name_alone(code: str) -> None:
    assert covers(code, "MLTRAINING") is (code == "MLTRAINING")
    assert covers(code, code)
    assert denies(code, code)
    assert denies("*", code)


def test_what_is_agreed_reaches_down_and_what_is_refused_too() -> None:
    assert covers("TREAT", "BTG")
    assert not covers("BTG", "TREAT")
    assert denies("HOPERAT", "MLTRAINING")
    assert not denies("MLTRAINING", "HOPERAT")
    assert not denies("TREAT", "MLTRAINING")


def test_care_is_treatment_payment_and_operations_without_training() -> None:
    care = {code for code in CODES if is_care(code)}
    assert {"TREAT", "TREATDS", "HPAYMT", "PMTDS", "HOPERAT", "HQUALIMP"} < care
    assert not care & {"MLTRAINING", "HRESCH", "HMARKT", "PUBHLTH", "PATRQT", "CLINTRCH"}


def test_requests_of_the_patient() -> None:
    assert {code for code in CODES if is_patient_request(code)} == {"PATRQT", "FAMRQT", "PWATRNY", "SUPNWK"}
