"""HL7 v3 ActReason: the purposes for which data is used, below PurposeOfUse. Edition 3.1.0, see ``README.md``.

A code stands for itself and what lies below it, with one exception that is this project's: HL7 has ``MLTRAINING`` below
``HOPERAT``, so that whoever agrees to health care operations would agree to the training of AI models without being
told. Here it has to be named.
"""

from functools import cache
from types import MappingProxyType
from typing import Any, Final

from scanward.standard._data import read_json

ANY: Final = "*"
"""Stands for every purpose where somebody refuses; where somebody agrees it stands for none."""

TRAINING: Final = "MLTRAINING"
"""Training of AI models: agreed to only by its own name."""

CARE: Final = frozenset({"TREAT", "HPAYMT", "HOPERAT"})
"""Treatment, payment and health care operations, which need no separate consent (45 CFR 164.506)."""

PATIENT_REQUEST: Final = "PATRQT"

_PHRASES: Final = MappingProxyType(
    {
        "BIORCH": "for biomedical research",
        "BTG": "to give you emergency care when your usual privacy choices are overridden",
        "CAREMGT": "to manage the quality and cost of care",
        "CLINTRCH": "for research in clinical trials",
        "CLINTRCHNPC": "for research in clinical trials that do not involve your care",
        "CLINTRCHPC": "for research in clinical trials that involve patient care",
        "CLINTRL": "to care for you within a clinical trial",
        "CLMATTCH": "to support a claim for payment of your care",
        "COC": "to coordinate your care",
        "COVAUTH": "to find out in advance whether your insurance pays",
        "COVERAGE": "to settle what your insurance covers",
        "DISASTER": "to help people in a disaster area",
        "DONAT": "for organ and tissue donation",
        "DSRCH": "for research on one disease",
        "ELIGDTRM": "to decide whether you are entitled to coverage",
        "ELIGVER": "to check whether you are entitled to coverage",
        "ENROLLM": "to enrol you in a coverage plan",
        "ERTREAT": "to treat you in an emergency room",
        "ETREAT": "to treat you in an emergency",
        "FAMRQT": "as a family member of yours asked who may do so",
        "FRAUD": "to find and prevent fraud",
        "GOV": "for the work of government",
        "HACCRED": "for the accreditation of the hospital",
        "HCOMPL": "to show that the hospital keeps the rules",
        "HDECD": "to handle matters of patients who have died",
        "HDIRECT": "to keep a directory of patients",
        "HDM": "to run the hospital's administration and contracts",
        "HLEGAL": "for legal proceedings",
        "HMARKT": "for marketing",
        "HOPERAT": "to run the hospital",
        "HOUTCOMS": "to measure how well treatments work",
        "HPAYMT": "for the payment of your care",
        "HPRGRP": "to report on a health programme",
        "HQUALIMP": "to improve the quality of care",
        "HRESCH": "for research",
        "HSYSADMIN": "to run the hospital's computer systems",
        "HTEST": "to test computer systems",
        "LABELING": "to label health data",
        "MEMADMIN": "to administer your health plan membership",
        "METAMGT": "to manage descriptions of health data",
        "MILCDM": "for military command",
        "MILDCRG": "for a discharge from military service",
        "MLTRAINING": "to train AI models",
        "PATADMIN": "for the administration of your care",
        "PATRQT": "as you asked",
        "PATSFTY": "to keep patients safe",
        "PERFMSR": "to measure how well care follows recommendations",
        "PMTDS": "by AI or other software that helps decide on payment for care",
        "POARCH": "for research on ancestry and the origins of populations",
        "POPHLTH": "for the health care of a group of people",
        "PRECLINTRCH": "to prepare research in clinical trials",
        "PUBHLTH": "for public health",
        "PWATRNY": "as your legal representative asked",
        "RECORDMGT": "to manage health records",
        "REMITADV": "to explain a payment for your care",
        "SUPNWK": "as somebody asked whom you authorised",
        "SYSDEV": "to develop computer systems",
        "THREAT": "to protect people from violence",
        "TRAIN": "to teach staff and students",
        "TRANSRCH": "for research that brings findings into care",
        "TREAT": "to treat you",
        "TREATDS": "by AI or other software that helps decide on your treatment",
    }
)
"""How a purpose reads after "your scans be used"."""


def is_purpose(code: str) -> bool:
    """Return whether `code` is a purpose of use; ``PurposeOfUse`` itself is none."""
    return code in _codes()


def ancestors(code: str) -> frozenset[str]:
    """Return the codes above `code`; none where it is not a purpose."""
    return _lineage(code) - {code} if is_purpose(code) else frozenset()


def covers(agreed: str, purpose: str) -> bool:
    """Return whether who agreed to `agreed` agreed to `purpose`: the same or above it, training only by its name."""
    if not is_purpose(agreed) or not is_purpose(purpose):
        return False
    return agreed == purpose if purpose == TRAINING else agreed in _lineage(purpose)


def denies(refused: str, purpose: str) -> bool:
    """Return whether who refused `refused` refused `purpose`: the same or above it, training too.

    What is refused under a code that is not known is taken for everything, as nobody can tell what it leaves.
    """
    if refused == ANY or not is_purpose(refused) or not is_purpose(purpose):
        return True
    return refused in _lineage(purpose)


def is_care(code: str) -> bool:
    """Return whether `code` is treatment, payment or health care operations or below, which training never is."""
    return is_purpose(code) and code != TRAINING and bool(_lineage(code) & CARE)


def is_patient_request(code: str) -> bool:
    """Return whether `code` is at the request of the patient, or of who may speak for the patient."""
    return is_purpose(code) and PATIENT_REQUEST in _lineage(code)


def name_of(code: str) -> str:
    """Return HL7's name of a purpose, empty where it is none."""
    return str(_codes()[code]["name"]) if is_purpose(code) else ""


def meaning(code: str) -> str:
    """Return HL7's definition of a purpose, empty where it is none."""
    return str(_codes()[code]["definition"]) if is_purpose(code) else ""


def in_words(code: str) -> str:
    """Return a purpose in words a patient reads, to follow "your scans be used": ``to train AI models``."""
    return _PHRASES.get(code, "for a purpose that is not known")


@cache
def _codes() -> dict[str, Any]:
    codes: dict[str, Any] = read_json("act_reasons.json")["codes"]
    return codes


@cache
def _lineage(code: str) -> frozenset[str]:
    """Return `code` and what is above it."""
    found = {code}
    for parent in _codes().get(code, {}).get("parents", ()):
        found |= _lineage(parent)
    return frozenset(found)
