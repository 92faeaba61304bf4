"""HL7 v3 ActReason: the purposes for which data is used, below PurposeOfUse. Edition 3.1.0, see ``README.md``.

A code stands for itself and what lies below it, with an exception that is this project's. HL7 has ``MLTRAINING``,
``SYSDEV`` and ``FRAUD`` below ``HOPERAT``: whoever agrees to health care operations would agree to the training of AI
models and to the development of software without being told. Here every code is either *primary* use, the care of
this very patient, or *secondary* use (`PRIMARY`, `SECONDARY`). Who agrees to a code of care agrees to primary use below
it only, and to the training of models by its own name only.
"""

from functools import cache
from types import MappingProxyType
from typing import Any, Final

from scanward.standard._data import read_json

ANY: Final = "*"
"""Stands for every purpose where somebody refuses; where somebody agrees it stands for none."""

TRAINING: Final = "MLTRAINING"
"""Training of AI models: agreed to only by its own name."""

OPERATIONS: Final = "HOPERAT"

PRIMARY: Final = MappingProxyType(
    {
        "TREAT": "the care of this patient",
        "BTG": "the care of this patient in an emergency: overrides who may look, not what the patient refused",
        "COC": "the care of this patient, by several",
        "ERTREAT": "the care of this patient in an emergency",
        "ETREAT": "the care of this patient in an emergency",
        "TREATDS": "the care of this patient: software reads the scan for the physician who decides",
        "HPAYMT": "the payment of this patient's care",
        "CLMATTCH": "the payment of this patient's care: what a claim rests on",
        "COVAUTH": "the payment of this patient's care, asked in advance",
        "COVERAGE": "the payment of this patient's care: what the insurance takes over",
        "ELIGVER": "the payment of this patient's care: whether there is an insurance",
        "REMITADV": "the payment of this patient's care, explained",
        "PATADMIN": "the administration of this patient's care, the only one of the operations that is about one",
    }
)
"""Primary use, each with why: giving this patient care, having it paid, administering it. Needs no permit."""

_EVERYBODY = "for the care of others, or of everybody"
_HOUSE = "for the house: its duties, its accounts, its systems; not one patient's care"
_AUTHORITY = "for an authority, a court or an employer"
_RESEARCH = "for knowledge, not for care"
_PATIENT = "at a request: the patient has to have made it"

SECONDARY: Final = MappingProxyType(
    {
        # Below TREAT
        "CLINTRL": "a trial's protocol says what is done with it; who takes part has agreed, and that is on record",
        "POPHLTH": _EVERYBODY,
        # Below HPAYMT
        "ELIGDTRM": "assesses the patient, means or disability, for a programme; pays for no care",
        "ENROLLM": "makes somebody a member of a plan; pays for no care",
        "MILDCRG": _AUTHORITY,
        "PMTDS": "software decides on money, perhaps against the patient; no one's care waits for it",
        # HOPERAT and below
        "HOPERAT": "too wide to tell what it is for: development, teaching and fraud detection lie below it",
        "CAREMGT": "HL7 itself says: analytics, evaluation and other secondary uses",
        "DONAT": _EVERYBODY,
        "FRAUD": "looks for deeds, not for illness",
        "GOV": _AUTHORITY,
        "HACCRED": _HOUSE,
        "HCOMPL": _HOUSE,
        "HDECD": "the care of this patient has ended",
        "HDIRECT": _HOUSE,
        "HDM": _HOUSE,
        "HLEGAL": _AUTHORITY,
        "HOUTCOMS": "measures what helps whom, for the care of others",
        "HPRGRP": _HOUSE,
        "HQUALIMP": "makes the care of others better",
        "HSYSADMIN": _HOUSE,
        "LABELING": "work on data, as that before training is",
        "METAMGT": "work on data, not on a patient",
        "MEMADMIN": _HOUSE,
        "MILCDM": _AUTHORITY,
        "MLTRAINING": "makes a model, which keeps what it learned: agreed to by its own name only",
        "PATSFTY": "makes the care of others safer",
        "PERFMSR": "measures the house, not a patient",
        "RECORDMGT": "the archive keeps the record; a recipient of pseudonyms cannot",
        "SYSDEV": "makes a product: to design, develop and test is what a vendor of AI would do with it",
        "HTEST": "makes a product; HL7 means synthetic data, which scans of a patient are not",
        "TRAIN": "teaches people, for the care of others",
        # The rest
        "HMARKT": "sells something",
        "HRESCH": _RESEARCH,
        "BIORCH": _RESEARCH,
        "CLINTRCH": _RESEARCH,
        "CLINTRCHNPC": _RESEARCH,
        "CLINTRCHPC": _RESEARCH,
        "DSRCH": _RESEARCH,
        "POARCH": _RESEARCH,
        "PRECLINTRCH": _RESEARCH,
        "TRANSRCH": _RESEARCH,
        "PUBHLTH": _EVERYBODY,
        "DISASTER": _EVERYBODY,
        "THREAT": _EVERYBODY,
        "PATRQT": _PATIENT,
        "FAMRQT": _PATIENT,
        "PWATRNY": _PATIENT,
        "SUPNWK": _PATIENT,
    }
)
"""Secondary use, each with why: leaves for nobody unless the patient has agreed to it."""

_CARE: Final = frozenset({"TREAT", "HPAYMT", OPERATIONS})
_NO_CARE: Final = frozenset({TRAINING, "SYSDEV", "HTEST", "DONAT", "GOV", "HDECD", "HLEGAL", "MILCDM", "MILDCRG"})
"""What HL7 has below treatment, payment and operations, and 45 CFR 164.501 has not: the development of products, and
what 164.512 has clauses of its own for (law, the dead, donation, the military), which has to be accounted for."""

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
    """Return whether who agreed to `agreed` agreed to `purpose`: the same, or below it and not hidden there.

    Training is covered by its own name only; other secondary use by itself and secondary use above it, but not by codes
    of care and operations.
    """
    if not is_purpose(agreed) or not is_purpose(purpose):
        return False
    if agreed == purpose:
        return True
    if purpose == TRAINING or (not is_primary(purpose) and (is_primary(agreed) or agreed == OPERATIONS)):
        return False
    return agreed in _lineage(purpose)


def denies(refused: str, purpose: str) -> bool:
    """Return whether who refused `refused` refused `purpose`: the same or above it, training too.

    What is refused under a code that is not known is taken for everything, as nobody can tell what it leaves.
    """
    if refused == ANY or not is_purpose(refused) or not is_purpose(purpose):
        return True
    return refused in _lineage(purpose)


def is_primary(code: str) -> bool:
    """Return whether `code` is about the care of this very patient, which is the only use that needs no permit."""
    return code in PRIMARY


def is_care(code: str) -> bool:
    """Return whether `code` can be disclosed on the ground of treatment, payment or operations (45 CFR 164.506).

    That is a question of the accounting, and wider than primary use: it says nothing on whether the patient is asked.
    """
    return is_purpose(code) and code not in _NO_CARE and bool(_lineage(code) & _CARE)


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
