"""The elements of FHIR that are understood, by type (R4 4.0.1 and R5 5.0.0); what is not here goes.

Each type names its elements and what they are: another type, or a primitive that `Primitive` tells.
"""

from collections.abc import Mapping
from enum import StrEnum


class Primitive(StrEnum):
    """What becomes of a value that is no object."""

    CODE = "code"
    """A code or unit of the standard: stays."""
    BOOLEAN = "boolean"
    NUMBER = "number"
    SYSTEM = "system"
    """The address of a code system: stays where it is one that all know."""
    PROSE = "prose"
    DATE = "date"
    BIRTH = "birth"
    TIME = "time"
    """A time of day: stays."""
    LOGICAL_ID = "logical-id"
    """The ID of a resource on its server: one of our own, the same in all references."""
    URL = "url"
    """The address of a resource: relative, with the ID of our own."""
    UID = "uid"
    TITLE = "title"
    """Titles and degrees beside a name."""
    PATIENT_NAME = "patient-name"
    PERSON_NAME = "person-name"
    PATIENT_ID = "patient-id"
    ACCESSION = "accession"
    OTHER_ID = "other-id"
    ADDRESS = "address"
    CONTACT = "contact"
    INSTITUTION = "institution"
    XHTML = "xhtml"
    DATA = "data"
    """A document in base64."""


def _type(elements: str, **more: str) -> Mapping[str, str]:
    found = dict(piece.split(":") for piece in elements.split())
    found.update({name: kind for kind, names in more.items() for name in names.split()})
    return found


_VALUES = (
    "valueQuantity:Quantity valueCodeableConcept:CodeableConcept valueString:prose valueBoolean:boolean "
    "valueInteger:number valueRange:Range valueRatio:Ratio valueTime:time valueDateTime:date valuePeriod:Period"
)
_RESOURCE = "id:logical-id meta:Meta language:code text:Narrative contained:Resource "

TYPES: Mapping[str, Mapping[str, str]] = {
    "Meta": _type("lastUpdated:date profile:system security:Coding tag:Coding"),
    "Narrative": _type("status:code div:xhtml"),
    "Coding": _type("system:system version:code code:code display:prose userSelected:boolean"),
    "CodeableConcept": _type("coding:Coding text:prose"),
    "CodeableReference": _type("concept:CodeableConcept reference:Reference"),
    "Period": _type("start:date end:date"),
    "Timing": _type("event:date"),
    "Quantity": _type("value:number comparator:code unit:code system:system code:code"),
    "Range": _type("low:Quantity high:Quantity"),
    "Ratio": _type("numerator:Quantity denominator:Quantity"),
    "Annotation": _type("authorString:person-name authorReference:PersonReference time:date text:prose"),
    "Attachment": _type("contentType:code language:code data:data title:prose creation:date pages:number"),
    "Identifier": _type("use:code type:CodeableConcept system:system value:other-id period:Period"),
    "PatientIdentifier": _type("use:code type:CodeableConcept system:system value:patient-id period:Period"),
    "OrderIdentifier": _type("use:code type:CodeableConcept system:system value:accession period:Period"),
    "PatientName": _type("use:code period:Period", **{"patient-name": "text family given", "title": "prefix suffix"}),
    "HumanName": _type("use:code period:Period", **{"person-name": "text family given", "title": "prefix suffix"}),
    "ContactPoint": _type("system:code value:contact use:code rank:number period:Period"),
    "Address": _type("use:code type:code period:Period", address="text line city district postalCode"),
    "Reference": _type("reference:url type:code identifier:Identifier display:prose"),
    "PatientReference": _type("reference:url type:code identifier:PatientIdentifier display:patient-name"),
    "PersonReference": _type("reference:url type:code identifier:Identifier display:person-name"),
    "OrderReference": _type("reference:url type:code identifier:OrderIdentifier display:prose"),
    "PlaceReference": _type("reference:url type:code identifier:Identifier display:institution"),
    "Bundle": _type(
        "id:logical-id meta:Meta language:code identifier:Identifier type:code timestamp:date total:number "
        "entry:BundleEntry"
    ),
    "BundleEntry": _type("fullUrl:url resource:Resource search:BundleSearch request:BundleRequest"),
    "BundleSearch": _type("mode:code score:number"),
    "BundleRequest": _type("method:code url:url"),
    "Patient": _type(
        _RESOURCE
        + "identifier:PatientIdentifier active:boolean name:PatientName telecom:ContactPoint gender:code "
        "birthDate:birth deceasedBoolean:boolean deceasedDateTime:date address:Address contact:PatientContact "
        "communication:Communication generalPractitioner:PersonReference managingOrganization:PlaceReference"
    ),
    "PatientContact": _type(
        "relationship:CodeableConcept name:HumanName telecom:ContactPoint address:Address gender:code "
        "organization:PlaceReference period:Period"
    ),
    "Communication": _type("language:CodeableConcept preferred:boolean"),
    "Practitioner": _type(
        _RESOURCE
        + "identifier:Identifier active:boolean name:HumanName telecom:ContactPoint address:Address gender:code "
        "qualification:Qualification"
    ),
    "Qualification": _type("code:CodeableConcept"),
    "PractitionerRole": _type(
        _RESOURCE
        + "identifier:Identifier active:boolean period:Period practitioner:PersonReference "
        "organization:PlaceReference code:CodeableConcept specialty:CodeableConcept telecom:ContactPoint"
    ),
    "Organization": _type(
        _RESOURCE
        + "identifier:Identifier active:boolean type:CodeableConcept name:institution alias:institution "
        "telecom:ContactPoint address:Address partOf:PlaceReference"
    ),
    "Encounter": _type(
        _RESOURCE
        + "identifier:Identifier status:code class:Coding type:CodeableConcept subject:PatientReference "
        "period:Period reasonCode:CodeableConcept participant:EncounterParticipant serviceProvider:PlaceReference"
    ),
    "EncounterParticipant": _type(
        "type:CodeableConcept period:Period individual:PersonReference actor:PersonReference"
    ),
    "ServiceRequest": _type(
        _RESOURCE
        + "identifier:OrderIdentifier basedOn:OrderReference requisition:OrderIdentifier status:code intent:code "
        "category:CodeableConcept priority:code doNotPerform:boolean code:CodeableConcept "
        "orderDetail:CodeableConcept subject:PatientReference encounter:Reference occurrenceDateTime:date "
        "occurrencePeriod:Period occurrenceTiming:Timing authoredOn:date requester:PersonReference "
        "performerType:CodeableConcept performer:PersonReference locationCode:CodeableConcept "
        "reasonCode:CodeableConcept reasonReference:Reference reason:CodeableReference supportingInfo:Reference "
        "bodySite:CodeableConcept note:Annotation patientInstruction:prose"
    ),
    "DiagnosticReport": _type(
        _RESOURCE
        + "identifier:OrderIdentifier basedOn:OrderReference status:code category:CodeableConcept "
        "code:CodeableConcept subject:PatientReference encounter:Reference effectiveDateTime:date "
        "effectivePeriod:Period issued:date performer:PersonReference resultsInterpreter:PersonReference "
        "specimen:Reference result:Reference imagingStudy:Reference study:Reference note:Annotation "
        "media:ReportMedia conclusion:prose conclusionCode:CodeableConcept presentedForm:Attachment"
    ),
    "ReportMedia": _type("comment:prose link:Reference"),
    "Observation": _type(
        _RESOURCE
        + "identifier:Identifier basedOn:OrderReference partOf:Reference status:code category:CodeableConcept "
        "code:CodeableConcept subject:PatientReference focus:Reference encounter:Reference effectiveDateTime:date "
        "effectivePeriod:Period effectiveInstant:date issued:date performer:PersonReference "
        "dataAbsentReason:CodeableConcept interpretation:CodeableConcept note:Annotation bodySite:CodeableConcept "
        "method:CodeableConcept specimen:Reference referenceRange:ReferenceRange hasMember:Reference "
        "derivedFrom:Reference component:ObservationComponent " + _VALUES
    ),
    "ObservationComponent": _type(
        "code:CodeableConcept dataAbsentReason:CodeableConcept interpretation:CodeableConcept "
        "referenceRange:ReferenceRange " + _VALUES
    ),
    "ReferenceRange": _type(
        "low:Quantity high:Quantity type:CodeableConcept appliesTo:CodeableConcept age:Range text:prose"
    ),
    "ImagingStudy": _type(
        _RESOURCE
        + "identifier:OrderIdentifier status:code modality:Modality subject:PatientReference encounter:Reference "
        "started:date basedOn:OrderReference referrer:PersonReference interpreter:PersonReference "
        "numberOfSeries:number numberOfInstances:number procedureReference:Reference procedureCode:CodeableConcept "
        "procedure:CodeableReference reasonCode:CodeableConcept reasonReference:Reference reason:CodeableReference "
        "note:Annotation description:prose series:ImagingSeries uid:uid accession:OrderIdentifier"
    ),
    "Modality": _type("system:system version:code code:code display:prose coding:Coding text:prose"),
    "ImagingSeries": _type(
        "uid:uid number:number modality:Modality description:prose numberOfInstances:number bodySite:BodySite "
        "laterality:Modality specimen:Reference started:date performer:SeriesPerformer instance:ImagingInstance"
    ),
    "BodySite": _type(
        "system:system version:code code:code display:prose concept:CodeableConcept reference:Reference"
    ),
    "SeriesPerformer": _type("function:CodeableConcept actor:PersonReference"),
    "ImagingInstance": _type("uid:uid sopClass:SopClass number:number title:prose"),
    "SopClass": _type("system:system version:code code:code display:prose"),
    "DocumentReference": _type(
        _RESOURCE
        + "identifier:Identifier masterIdentifier:Identifier status:code docStatus:code type:CodeableConcept "
        "category:CodeableConcept subject:PatientReference date:date author:PersonReference "
        "authenticator:PersonReference custodian:PlaceReference description:prose content:DocumentContent"
    ),
    "DocumentContent": _type("attachment:Attachment format:Coding"),
    "Composition": _type(
        _RESOURCE
        + "identifier:Identifier status:code type:CodeableConcept category:CodeableConcept subject:PatientReference "
        "encounter:Reference date:date author:PersonReference title:prose custodian:PlaceReference "
        "attester:Attester note:Annotation section:Section"
    ),
    "Attester": _type("mode:code time:date party:PersonReference"),
    "Section": _type(
        "title:prose code:CodeableConcept author:PersonReference focus:Reference text:Narrative mode:code "
        "orderedBy:CodeableConcept entry:Reference emptyReason:CodeableConcept section:Section"
    ),
}  # fmt: skip
"""Elements by type."""

RESOURCES = frozenset(
    "Bundle Patient Practitioner PractitionerRole Organization Encounter ServiceRequest DiagnosticReport Observation "
    "ImagingStudy DocumentReference Composition".split()
)
"""Types that are resources."""
