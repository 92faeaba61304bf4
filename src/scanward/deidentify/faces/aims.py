"""What the header adds to the pixels: what a scan is for, how old the patient is, and which part of the body it names.

Words of the header refuse, and do not permit: they are missing, wrong or in another language often enough. Only where a
site says so, they are believed of slices of which pixels tell neither that there is a head nor that there is none.
"""

import re
from typing import Final

from scanward.deidentify.pixels.header import Elements

STUDY_DATE: Final = 0x00080020
STUDY_DESCRIPTION: Final = 0x00081030
SERIES_DESCRIPTION: Final = 0x0008103E
BIRTH_DATE: Final = 0x00100030
AGE: Final = 0x00101010
BODY_PART_EXAMINED: Final = 0x00180015
PROTOCOL_NAME: Final = 0x00181030
REQUESTED_PROCEDURE_DESCRIPTION: Final = 0x00321060
PERFORMED_PROCEDURE_STEP_DESCRIPTION: Final = 0x00400254

YOUNGEST_YEARS: Final = 7
"""A head has nine tenths of its size by then; the atlas is one of adults, and nothing was measured on younger ones."""

IN_FACE: Final = "the face, jaws, sinuses or orbits are what the scan is for: without them it would be of no use"
TOO_YOUNG: Final = f"expected a patient of {YOUNGEST_YEARS} years at least, as the atlas is one of adults, got a child"

_TEXTS: Final = (
    STUDY_DESCRIPTION,
    SERIES_DESCRIPTION,
    BODY_PART_EXAMINED,
    PROTOCOL_NAME,
    REQUESTED_PROCEDURE_DESCRIPTION,
    PERFORMED_PROCEDURE_STEP_DESCRIPTION,
)

_VESSELS: Final = re.compile(
    r"\b(venous|sagittal|cavernous|transverse|sigmoid|dural|straight|carotid)\W+sinus", re.IGNORECASE
)
"""Sinuses of the brain's veins are none of the face."""

_FACE: Final = re.compile(
    r"sinus|\bnnh\b|orbit|\bface\b|facial|maxill|mandib|\bjaws?\b|\btmj\b|dental|dent[aá]ire|\bteeth\b|\btooth\b|nasal|\bnose\b|"
    r"gesicht|kiefer|z[aä]hne|\bdvt\b|\bcbct\b|massif facial|m[aâ]choire|mand[ií]bula|senos? paranasal|seios",
    re.IGNORECASE,
)

_OTHER_PARTS: Final = frozenset(
    """
    ABDOMEN ABDOMENPELVIS ADRENAL ANKLE AORTA APPENDIX ARM BILEDUCT BLADDER BREAST CALCANEUS CALF CHEST
    CHESTABDOMEN CHESTABDPELVIS CLAVICLE COCCYX COLON CORONARYARTERY DUODENUM ELBOW EXTREMITY FEMUR FINGER FOOT
    FOREARM GALLBLADDER HAND HEART HIP HUMERUS ILEUM ILIUM JEJUNUM KIDNEY KNEE LEG LIVER LOWERLEG LSPINE LSSPINE
    LUMBARSPINE LUNG PANCREAS PATELLA PELVIS PENIS PROSTATE RADIUS RADIUSULNA RECTUM RIB SACRUM SCAPULA SCROTUM
    SHOULDER SIJOINT SPLEEN SSPINE STERNUM STOMACH TESTIS THIGH THUMB TIBIAFIBULA TOE TSPINE ULNA UPPERARM URETER
    URINARYSYSTEM UTERUS VAGINA WRIST
    """.split()
)
"""Defined Terms of Body Part Examined (PS3.16 Annex L) that lie below the neck, which shows chins."""

_HEAD: Final = re.compile(
    r"head|brain|skull|crani|cereb|neuro|neck|cerv|\bc\W?spine|\bhws\b|kopf|sch[aä]del|hirn|hals|t[eê]te|cr[aâ]n|cerveau|\bcou\b|"
    r"cabeza|cabe[cç]a|cuello|pesco[cç]o|whole\W*body|ganzk|pituit|hypophys|ear\b|ears\b|\biac\b|stroke",
    re.IGNORECASE,
)

_AGE: Final = re.compile(r"(\d{3})([DWMY])")
_YEARS: Final = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}


def left_to_people(header: Elements) -> tuple[str, ...]:
    """Return why no machine takes the face out of a head, in words; empty where one may.

    Parameters
    ----------
    header
        Elements of one instance.
    """
    reasons = []
    if any(_FACE.search(_VESSELS.sub("", _text(header, tag))) for tag in _TEXTS):
        reasons.append(IN_FACE)
    if _is_child(header):
        reasons.append(TOO_YOUNG)
    return tuple(reasons)


def names_other_part(header: Elements) -> bool:
    """Return whether a header names a part of the body without a head, and nothing in it hints at one.

    Parameters
    ----------
    header
        Elements of one instance.
    """
    part = re.sub(r"[^A-Z]", "", _text(header, BODY_PART_EXAMINED).upper())
    return part in _OTHER_PARTS and not any(
        _HEAD.search(text) or _FACE.search(text) for text in (_text(header, tag) for tag in _TEXTS)
    )


def _text(header: Elements, tag: int) -> str:
    raw = header.raw(tag)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")  # what the words above need of other character sets
    return text.replace("_", " ")


def _is_child(header: Elements) -> bool:
    found = _AGE.fullmatch(header.text(AGE).strip("\0 "))
    if found is not None:
        return int(found[1]) * _YEARS[found[2]] < YOUNGEST_YEARS
    born, seen = (header.text(tag).strip("\0 ") for tag in (BIRTH_DATE, STUDY_DATE))
    if not all(len(date) == 8 and date.isdecimal() for date in (born, seen)):
        return False
    return 0 <= int(seen) - int(born) < YOUNGEST_YEARS * 10000
