"""The verifier's own list of what identifies, by the names that Attributes have in the standard's dictionary.

It is made of patterns over keywords, not of Table E.1-1, so that a row that is missing or misread there is not missing
here.
"""

import re
from enum import StrEnum
from functools import lru_cache

from scanward.crosscheck.report import Kind


class Role(StrEnum):
    """How the value of an Attribute is treated."""

    IDENTIFIES = "identifies"
    """Its value and its unusual words must not come out."""
    TEXT = "text"
    """Free text: known identifiers must not be in it; other unusual words are for review."""
    SAFE = "safe"
    """Technical: only known identifiers are searched for in it."""


_IDENTIFYING: tuple[tuple[Kind, str], ...] = (
    (Kind.PHONE, r"Telephone|PhoneNumber|Telecom"),
    (Kind.ADDRESS, r"(Person|Patient|Physician|Institution)\w*Address|CountryOfResidence|RegionOfResidence"),
    (Kind.ADDRESS, r"PatientInstitutionResidence|ScheduledPatientInstitutionResidence|CurrentPatientLocation"),
    (Kind.ADDRESS, r"OrderEntererLocation|RequestedProcedureLocation|PerformedLocation|Scheduled\w*Location$"),
    (Kind.INSTITUTION, r"Institution(al|Name|CodeSeq)|Organization$|OrganizationName|RequestingService$"),
    (Kind.INSTITUTION, r"ClinicalTrial(Sponsor|Site|Coordinating|ProtocolEthics)\w*Name"),
    (Kind.DEVICE, r"SerialNumber|StationName|^(Gantry|Detector|Plate|Cassette|Generator)ID$|UniqueDevice|DeviceLabel"),
    (Kind.DEVICE, r"DeviceID$|DeviceUID$|AETitle$|ApplicationEntityTitle$|MachineName|ImplementationVersionName"),
    (Kind.NAME, r"PatientInsurance|MilitaryRank|BranchOfService|Religious|ResponsiblePerson"),
    (Kind.NAME, r"Issuer|AlternativeCalendar|ModifyingSystem|SourceOfPreviousValues|StudyIDIssuer"),
    (Kind.ID, r"AccessionNumber|^(Study|Patient|Admission|ServiceEpisode|OtherPatient)IDs?$|MedicalRecord|OrderNumber"),
    (Kind.ID, r"^(RequestedProcedure|ScheduledProcedureStep|PerformedProcedureStep)ID$|ClinicalTrial\w*ID$|FileSetID"),
    (Kind.ID, r"ApprovalNumber|EntityID$|Specimen(Identifier|Number)|ContainerIdentifier|Barcode|SlideIdentifier"),
    (Kind.ID, r"RegistrationNumber|CertificateOfSigner|^Signature$|CertifiedTimestamp$|EncryptedContent$"),
    (Kind.ID, r"ReferencedFileID|^LabelText$"),
    (Kind.ID, r"NonconformingDataElementValue"),
)  # fmt: skip
_NOT_IDENTIFYING = re.compile(
    r"CodingScheme|MACIDNumber|^(Collimator|Energy|Isotope)|TypeOf|^BeamLimiting|ResponsiblePersonRole|CodeSequence$"
)
_SAFE = re.compile(
    r"^(Manufacturer|ManufacturerModelName|SoftwareVersions|SequenceName|PulseSequenceName|ConvolutionKernel|Scan\w*Options"
    r"|CodingScheme\w*|CodeValue|LongCodeValue|URNCodeValue|MappingResource\w*|ContextIdentifier|\w*Units|FilterMaterial"
    r"|LossyImageCompression\w*|SpecificCharacterSet|TimezoneOffsetFromUTC|DeidentificationMethod|SecondaryCapture\w*"
    r"|TransducerData|FieldOfView\w*|Collimator\w*|PositionReferenceIndicator|StackID|OpticalPathIdentifier"
    r"|ContributionDateTime|MIMETypeOfEncapsulatedDocument|ImageGeometryType|ImagedNucleus|ResonantNucleus|Patient(Age|Sex)"
    r"|\w*CoilName|GridFrame\w*|ClinicalTrialTimePointType|RadionuclideName|EthnicGroup\w*|DeviceModel\w*|GraphicLayer)$"
)
# In these sequences a person is told by code, so that code values and meanings identify.
_PERSON_SEQUENCE = re.compile(r"(Identification(Code)?Sequence|InstitutionCodeSequence|DepartmentTypeCodeSequence)$")
_ASSOCIATED = frozenset({"CodeValue", "LongCodeValue", "URNCodeValue", "CodeMeaning"})
_PERSON_NOT = re.compile(
    r"^(Segment|FrameOfReference|OpticalPath|Transducer|Material|Device|Issuer|PatientOrientation|CodingScheme)\w*Ident"
)
_TEXT_VRS = frozenset({"LO", "SH", "ST", "LT", "UT", "UC", "UR", "AE"})

BULK = re.compile(r"(^PixelData|WaveformData|ICCProfile|LookupTableData|LUTData|SpectroscopyData)$")
"""Places of binary values in which runs of letters come about by chance."""

MAKERS = re.compile(r"(Manufacturer|ManufacturerModelName|CodingScheme\w+|SoftwareVersions)$")
"""Attributes that name who made the scanner or the codes: who is called the same cannot be told from them."""

PUBLIC_UIDS = re.compile(r"(CodingSchemeUID|ContextUID|MappingResourceUID|SOPClass\w*UID|TransferSyntaxUID)$")
"""Attributes whose UIDs name things of a standard."""


@lru_cache(maxsize=4096)
def role_of(keywords: tuple[str, ...], vr: str) -> tuple[Role, Kind]:
    """Return how the Attribute at the end of `keywords`, inside the sequences before, is treated.

    Parameters
    ----------
    keywords
        From the outside in; private elements have the empty keyword.
    vr
        Value Representation as read.
    """
    keyword = keywords[-1]
    if vr == "PN":
        return Role.IDENTIFIES, Kind.NAME
    if keyword in _ASSOCIATED and any(_is_person(parent) for parent in keywords[:-1]):
        return Role.IDENTIFIES, Kind.INSTITUTION if "Institution" in ".".join(keywords) else Kind.ID
    if keyword and not _NOT_IDENTIFYING.search(keyword) and vr not in {"DA", "DT", "TM", "UI", "SQ"}:
        for kind, pattern in _IDENTIFYING:
            if re.search(pattern, keyword) and (vr != "CS" or keyword.endswith("ID")):
                return Role.IDENTIFIES, kind
    if keyword and (_SAFE.match(keyword) or any("Units" in parent for parent in keywords[:-1])):
        return Role.SAFE, Kind.WORD
    return (Role.TEXT if vr in _TEXT_VRS or not keyword else Role.SAFE), Kind.WORD


def _is_person(keyword: str) -> bool:
    return bool(_PERSON_SEQUENCE.search(keyword)) and not _PERSON_NOT.match(keyword)


def is_birth_date(keyword: str) -> bool:
    """Whether a date stays wanted even where an output says that it retains dates."""
    return keyword == "PatientBirthDate"
