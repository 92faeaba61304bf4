"""What becomes of each element of a clinical document (HL7 CDA R2), by its name; what is not named goes."""

from collections.abc import Mapping
from enum import Enum, auto


class Treat(Enum):
    """What becomes of an element."""

    PART = auto()
    """It stays, with what is in it treated in turn."""
    KEEP = auto()
    """It stays with its attributes: identifiers of templates, versions, flags."""
    CODE = auto()
    """A code stays; its name and original text are cleaned where the code system is not one that all know."""
    ID = auto()
    TIME = auto()
    BIRTH = auto()
    NAME = auto()
    ADDRESS = auto()
    CONTACT = auto()
    TEXT = auto()
    """Text that people wrote, or a reference to a place of the narrative."""
    TERM = auto()
    """Text that says what a device or program is: stays unless something known is in it."""
    VALUE = auto()
    """A result: by its type."""
    NUMBER = auto()


def _named(**treats: str) -> Mapping[str, Treat]:
    return {name: Treat[treat.upper()] for treat, names in treats.items() for name in names.split()}


ELEMENTS: Mapping[str, Treat] = _named(
    part=(
        "ClinicalDocument recordTarget patientRole patient guardian guardianPerson guardianOrganization birthplace "
        "place languageCommunication providerOrganization author assignedAuthor assignedPerson "
        "assignedAuthoringDevice representedOrganization dataEnterer assignedEntity informant relatedEntity "
        "relatedPerson custodian assignedCustodian representedCustodianOrganization informationRecipient "
        "intendedRecipient receivedOrganization legalAuthenticator authenticator participant associatedEntity "
        "associatedPerson scopingOrganization inFulfillmentOf order documentationOf serviceEvent performer "
        "relatedDocument parentDocument authorization consent componentOf encompassingEncounter responsibleParty "
        "encounterParticipant location healthCareFacility serviceProviderOrganization component structuredBody "
        "section entry entryRelationship act observation encounter procedure organizer substanceAdministration "
        "supply referenceRange observationRange reference externalAct externalObservation externalDocument "
        "externalProcedure subject relatedSubject specimen specimenRole specimenPlayingEntity participantRole "
        "playingEntity playingDevice scopingEntity precondition criterion consumable product manufacturedProduct "
        "manufacturedMaterial manufacturedLabeledDrug asOrganizationPartOf wholeOrganization asPatientRelationship"
    ),
    keep=(
        "realmCode typeId templateId versionNumber signatureCode seperatableInd sequenceNumber preferenceInd "
        "allergyIndicator independentInd"
    ),
    code=(
        "code confidentialityCode languageCode administrativeGenderCode maritalStatusCode standardIndustryClassCode "
        "functionCode priorityCode statusCode dischargeDispositionCode targetSiteCode methodCode interpretationCode "
        "routeCode approachSiteCode administrationUnitCode modeCode proficiencyLevelCode translation qualifier"
    ),
    id="id setId",
    time="effectiveTime time copyTime availabilityTime low high center",
    birth="birthTime",
    name="name",
    address="addr",
    contact="telecom",
    text="title text originalText desc derivationExpr",
    term="softwareName manufacturerModelName",
    value="value",
    number="doseQuantity rateQuantity maxDoseQuantity quantity repeatNumber width period",
)
"""By local name, in the namespace of HL7 v3."""

ATTRIBUTES = frozenset(
    "classCode moodCode typeCode determinerCode contextControlCode contextConductionInd negationInd inversionInd "
    "nullFlavor operator inclusive institutionSpecified use".split()
)
"""Attributes that say how parts belong together."""

CODE_ATTRIBUTES = frozenset("code codeSystem codeSystemVersion displayName nullFlavor inverted".split())
NUMBER_ATTRIBUTES = frozenset("value unit nullFlavor inclusive currency".split())

HOLDERS = frozenset({"entry", "entryRelationship", "component", "participant"})
"""Elements that mean nothing with nothing in them."""

ORGANIZATIONS = frozenset(
    "guardianOrganization providerOrganization representedOrganization representedCustodianOrganization "
    "receivedOrganization scopingOrganization serviceProviderOrganization wholeOrganization "
    "place location".split()
)
"""Elements of which a name is that of an institution or a place."""

PERSONS = frozenset(
    "patient guardianPerson assignedPerson relatedPerson associatedPerson informationRecipient subject".split()
)
"""Elements of which a name is that of a person."""

NARRATIVE = frozenset(
    "text content linkHtml sub sup br footnote footnoteRef paragraph list item caption table thead tbody tfoot tr th "
    "td col colgroup".split()
)
"""Elements of narrative (NarrativeBlock.xsd)."""

BLOCKS = frozenset("text paragraph list item caption table thead tbody tfoot tr th td br footnote".split())
"""Those that begin and end a line."""

NARRATIVE_ATTRIBUTES = frozenset("ID IDREF styleCode listType rowspan colspan align valign border width".split())

KNOWN_ROOTS = (
    "2.16.840.1.113883.1.", "2.16.840.1.113883.4.", "2.16.840.1.113883.5.", "2.16.840.1.113883.6.",
    "2.16.840.1.113883.10.", "2.16.840.1.113883.11.", "1.2.840.10008.",
)  # fmt: skip
"""Roots of the standards; others are those of institutions."""
