"""Purposes of use: what lies below what, and training by its own name only."""

import re
from pathlib import Path

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
    is_primary,
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
    assert not is_primary(code)
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


def test_the_ground_of_care_is_treatment_payment_and_operations_as_the_regulation_has_them() -> None:
    care = {code for code in CODES if is_care(code)}
    assert {"TREAT", "TREATDS", "HPAYMT", "PMTDS", "HOPERAT", "HQUALIMP", "TRAIN"} < care
    assert not care & {"MLTRAINING", "SYSDEV", "HTEST", "HRESCH", "HMARKT", "PUBHLTH", "PATRQT", "CLINTRCH"}
    assert not care & {"DONAT", "GOV", "HDECD", "HLEGAL", "MILCDM", "MILDCRG"}


PRIMARY = """
    TREAT BTG COC ERTREAT ETREAT TREATDS
    HPAYMT CLMATTCH COVAUTH COVERAGE ELIGVER REMITADV
    PATADMIN
""".split()
SECONDARY = """
    CLINTRL POPHLTH
    ELIGDTRM ENROLLM MILDCRG PMTDS
    HOPERAT CAREMGT DONAT FRAUD GOV HACCRED HCOMPL HDECD HDIRECT HDM HLEGAL HOUTCOMS HPRGRP HQUALIMP
    HSYSADMIN LABELING METAMGT MEMADMIN MILCDM MLTRAINING PATSFTY PERFMSR RECORDMGT SYSDEV HTEST TRAIN
    HMARKT
    HRESCH BIORCH CLINTRCH CLINTRCHNPC CLINTRCHPC DSRCH POARCH PRECLINTRCH TRANSRCH
    PUBHLTH DISASTER THREAT
    PATRQT FAMRQT PWATRNY SUPNWK
""".split()


def test_every_code_is_primary_or_secondary_and_says_why() -> None:
    assert sorted(PRIMARY + SECONDARY) == CODES
    assert sorted(act_reasons.PRIMARY) == sorted(PRIMARY)
    assert sorted(act_reasons.SECONDARY) == sorted(SECONDARY)
    assert all(act_reasons.PRIMARY.values())
    assert all(act_reasons.SECONDARY.values())


@pytest.mark.parametrize("code", PRIMARY)
def test_the_care_of_this_patient_is_primary(code: str) -> None:
    assert is_primary(code)
    assert is_care(code)


@pytest.mark.parametrize("code", SECONDARY)
def test_secondary_use_is_hidden_below_no_code_of_care(code: str) -> None:
    assert not is_primary(code)
    assert covers(code, code)
    assert not any(covers(agreed, code) for agreed in (*PRIMARY, "HOPERAT") if agreed != code)


def test_secondary_use_covers_what_is_below_it() -> None:
    assert covers("SYSDEV", "HTEST")
    assert covers("HRESCH", "CLINTRCHPC")
    assert covers("HOPERAT", "PATADMIN")
    assert not covers("HOPERAT", "SYSDEV")
    assert not covers("TREAT", "CLINTRL")


def test_the_documentation_lists_every_code_where_it_belongs() -> None:
    page = (Path(__file__).parents[3] / "docs/concepts/decisions.md").read_text("utf-8")
    rows = re.findall(r"^\| (`[A-Z`, ]+) \| (yes|no) \| (.+) \|$", page, re.MULTILINE)
    told = {code: (needed, why) for codes, needed, why in rows for code in re.findall("[A-Z]+", codes)}
    assert sum(len(re.findall("[A-Z]+", codes)) for codes, _, _ in rows) == len(told) == len(CODES)
    assert told == {code: ("no", why) for code, why in act_reasons.PRIMARY.items()} | {
        code: ("yes", why) for code, why in act_reasons.SECONDARY.items()
    }


def test_requests_of_the_patient() -> None:
    assert {code for code in CODES if is_patient_request(code)} == {"PATRQT", "FAMRQT", "PWATRNY", "SUPNWK"}
