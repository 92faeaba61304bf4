"""Which category an Attribute belongs to, by PS3.15 Table E.1-1, its VR and its keyword."""

import re
from functools import cache

from scanward.adapters.inspection.findings import Category
from scanward.model.attribute import Tag
from scanward.standard.confidentiality import find_row
from scanward.standard.uids import is_registered

# Groups whose values say how the picture is stored, not of whom it is.
_BULK_VRS = frozenset({"OB", "OW", "OF", "OD", "OL", "OV", "SQ"})
_DATE_VRS = frozenset({"DA", "DT", "TM"})
TEXT_VRS = frozenset({"ST", "LT", "UT", "UC", "LO", "SH", "UR", "CS", "AS", "AE", "IS", "DS"})
"""VRs of values that are text."""

_CONTACT = re.compile(r"Address|Telephone|Phone|Email|Telecom|Fax|Country|Region|PostalCode|Residence")
_WHERE = re.compile(
    r"Institution|Station|Department|Device|Serial|Detector|Location|Clinic|Service|Equipment|Gantry|System|"
    r"AETitle|Network|Manufacturer|Cassette|Plate|GPS|Room|Site|Hospital|Scanner|Lens|Camera|Pump|Transducer|Custodial"
)
_WHO = re.compile(
    r"Patient|Person|Physician|Operator|Name|Identif|IDs?$|Number|Admission|Visit|Author|Observer|Performe|Reviewer|"
    r"Responsible|Insurance|Identity|Occupation|Originator|Organization"
)
_TEXT = re.compile(r"Description|Comment|History|Reason|Text|Label|Protocol|Interpretation|Diagnos|Instruction|Note")
_TRAITS = frozenset(
    {
        "PatientAge",
        "PatientSex",
        "PatientSize",
        "PatientWeight",
        "PatientBodyMassIndex",
        "EthnicGroup",
        "EthnicGroups",
        "Occupation",
        "PregnancyStatus",
        "SmokingStatus",
        "PatientSpeciesDescription",
        "PatientReligiousPreference",
        "MilitaryRank",
    }
)
# Holds what was there before an earlier change: the very values that a careless tool took out elsewhere.
_COPIES = frozenset(
    {
        "OriginalAttributesSequence",
        "ModifiedAttributesSequence",
        "EncryptedAttributesSequence",
        "NonconformingModifiedAttributesSequence",
        "DigitalSignaturesSequence",
        "IconImageSequence",
        "ReferencedImageBoxSequence",
    }
)


def is_copy(keyword: str) -> bool:
    """Tell whether the sequence `keyword` holds copies of values, or a small copy of the picture."""
    return keyword in _COPIES


@cache
def classify(tag: Tag, keyword: str, vr: str) -> Category | None:
    """Return the category of a standard Attribute, or None when it gives nothing away by itself."""
    if vr == "PN" or keyword in _TRAITS:
        return Category.WHO
    if vr in _DATE_VRS:
        return Category.WHEN
    if vr == "UI":
        return Category.UID
    if vr in _BULK_VRS or find_row(tag) is None:
        return None
    if _CONTACT.search(keyword):
        return Category.CONTACT
    if _WHERE.search(keyword):
        return Category.WHERE
    if _WHO.search(keyword) and not _TEXT.search(keyword):
        return Category.WHO
    return Category.TEXT


def is_telling_uid(value: str) -> bool:
    """Tell whether a UID belongs to this study, device or institution and not to the standard."""
    return bool(value) and not is_registered(value)
