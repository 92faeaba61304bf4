"""Which Attributes identify somebody, and as what."""

from functools import lru_cache

from scanward.model.attribute import Tag
from scanward.model.identifier import IdentifierKind as Kind
from scanward.standard.confidentiality import find_row
from scanward.standard.dictionary import find_attribute

_PATIENT_NAMES = frozenset({"PatientName", "OtherPatientNames", "PatientBirthName", "PatientMotherBirthName"})

# Parts of keywords, looked for in this order; the first that occurs tells the kind.
_BY_PART_OF_KEYWORD = (
    ("Address", Kind.ADDRESS),
    ("CountryOfResidence", Kind.ADDRESS),
    ("RegionOfResidence", Kind.ADDRESS),
    ("CurrentPatientLocation", Kind.ADDRESS),
    ("Telephone", Kind.PHONE),
    ("PhoneNumber", Kind.PHONE),
    ("TelecomInformation", Kind.PHONE),
    ("Email", Kind.EMAIL),
    ("AccessionNumber", Kind.ACCESSION),
    ("OrderNumber", Kind.OTHER_ID),
    ("CameraOwnerName", Kind.PERSON_NAME),
    ("PatientInstitutionResidence", Kind.ADDRESS),
    ("InstitutionName", Kind.INSTITUTION),
    ("DepartmentName", Kind.INSTITUTION),
    ("InstitutionalDepartment", Kind.INSTITUTION),
    ("OrganizationName", Kind.INSTITUTION),
    ("SponsorName", Kind.INSTITUTION),
    ("SiteName", Kind.INSTITUTION),
    ("CommitteeName", Kind.INSTITUTION),
    ("SerialNumber", Kind.DEVICE),
    ("StationName", Kind.DEVICE),
    ("DeviceID", Kind.DEVICE),
    ("GantryID", Kind.DEVICE),
    ("GeneratorID", Kind.DEVICE),
    ("DetectorID", Kind.DEVICE),
    ("CassetteID", Kind.DEVICE),
    ("PlateID", Kind.DEVICE),
    ("AETitle", Kind.DEVICE),
    ("MedicalRecordLocator", Kind.PATIENT_ID),
    ("InsurancePlanIdentification", Kind.OTHER_ID),
)

_PATIENT_IDS = frozenset({"PatientID", "OtherPatientIDs"})

_ID_ENDINGS = ("ID", "IDs", "Identifier", "Number", "IdentificationCode")

_TEXT_VRS = frozenset({"LO", "SH", "ST", "LT", "UT", "UC", "CS", "AE", "UR"})


@lru_cache(maxsize=16384)
def kind_of(tag: Tag) -> Kind | None:
    """Return what the value of an Attribute identifies as, or None where it does not, or is free text.

    All person names do; of other Attributes those that Table E.1-1 names and whose keyword says that they are an
    identifier, date, address, phone, institution or device.
    """
    if tag >> 16 & 1:
        return None
    entry = find_attribute(tag)
    if entry is None or not entry.vr:
        return None
    vr, keyword = entry.vr[0], entry.keyword
    if vr == "PN":
        return Kind.PATIENT_NAME if keyword in _PATIENT_NAMES else Kind.PERSON_NAME
    if find_row(tag) is None:
        return None
    if vr in ("DA", "DT"):
        return Kind.BIRTH_DATE if "Birth" in keyword else Kind.DATE
    if vr not in _TEXT_VRS:
        return None
    if keyword in _PATIENT_IDS:
        return Kind.PATIENT_ID
    for part, kind in _BY_PART_OF_KEYWORD:
        if part in keyword:
            return kind
    return Kind.OTHER_ID if keyword.endswith(_ID_ENDINGS) else None
