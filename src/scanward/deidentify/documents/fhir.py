"""FHIR resources, as JSON and as XML: what a table knows is kept, replaced or cleaned, what it does not know goes."""

import base64
import binascii
import hashlib
import re
import uuid
from collections.abc import Callable, Iterator

from scanward.deidentify.documents.embedded import text_alone
from scanward.deidentify.documents.fhir_json import Json, is_xml, parse_resource, to_bytes
from scanward.deidentify.documents.fhir_types import RESOURCES, TYPES, Primitive
from scanward.deidentify.documents.fields import BREAK, Embedded, Fields
from scanward.deidentify.documents.kinds import CleanedDocument, DocumentFacts
from scanward.deidentify.documents.narrative import clean_narrative, text_of
from scanward.deidentify.text.prose import TextCleaner
from scanward.errors import DocumentError
from scanward.model.identifier import Identifier, IdentifierKind

_KINDS = {
    Primitive.PATIENT_NAME: IdentifierKind.PATIENT_NAME,
    Primitive.PERSON_NAME: IdentifierKind.PERSON_NAME,
    Primitive.PATIENT_ID: IdentifierKind.PATIENT_ID,
    Primitive.ACCESSION: IdentifierKind.ACCESSION,
    Primitive.OTHER_ID: IdentifierKind.OTHER_ID,
    Primitive.ADDRESS: IdentifierKind.ADDRESS,
    Primitive.INSTITUTION: IdentifierKind.INSTITUTION,
    Primitive.UID: IdentifierKind.UID,
}
_ID_KINDS = frozenset({Primitive.PATIENT_ID, Primitive.ACCESSION, Primitive.OTHER_ID, Primitive.UID})

KNOWN_SYSTEMS = (
    "http://hl7.org/", "http://terminology.hl7.org/", "http://loinc.org", "http://snomed.info/", "http://dicom.nema.org/",
    "http://unitsofmeasure.org", "http://radlex.org", "http://www.radlex.org", "http://www.ama-assn.org/go/cpt",
    "http://id.who.int/icd", "http://www.nlm.nih.gov/research/umls/", "urn:dicom:uid", "urn:ietf:", "urn:iso:",
    "urn:oid:2.16.840.1.113883.6.", "urn:oid:2.16.840.1.113883.5.", "urn:oid:1.2.840.10008.",
)  # fmt: skip
"""Code systems and profiles of the standards; others may be named after who made them."""

_UID = re.compile(r"[0-2](?:\.(?:0|[1-9]\d*)){3,}")
_OWN = re.compile(r"[0-2](?:\.\d+){2,}")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_TIME = re.compile(r"\d\d:\d\d(?::\d\d(?:\.\d+)?)?")
_REFERENCE = re.compile(
    r"(?:https?://[^?#]*/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9.-]{1,64})(?:/_history/[\w.-]+)?"
)
_RESOURCE_TYPE = re.compile(r"[A-Z][A-Za-z]+")
_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_NEEDED = {
    "Narrative": "div", "Attachment": "data", "Identifier": "value", "PatientIdentifier": "value",
    "OrderIdentifier": "value", "ContactPoint": "value", "BundleEntry": "resource", "Annotation": "text",
}  # fmt: skip
"""Without which an element says nothing, so that it goes as a whole."""

_NAMES = {"PatientName": IdentifierKind.PATIENT_NAME, "HumanName": IdentifierKind.PERSON_NAME}
_PRIMITIVES = frozenset(map(str, Primitive))
_MODIFIERS = frozenset({"modifierExtension", "implicitRules"})


def read_facts(data: bytes) -> DocumentFacts:
    """Return what the elements of a resource say.

    Parameters
    ----------
    data
        A resource, or a bundle of some, as JSON or XML.

    Raises
    ------
    DocumentError
        It cannot be read.
    """
    resource = _parse(data)
    identifiers = set(_facts(str(resource["resourceType"]), resource))

    def values(kind: IdentifierKind) -> frozenset[str]:
        return frozenset(one.value for one in identifiers if one.kind is kind)

    return DocumentFacts(
        identifiers=frozenset(identifiers),
        patient_ids=values(IdentifierKind.PATIENT_ID),
        accession_numbers=values(IdentifierKind.ACCESSION),
        study_uids=values(IdentifierKind.UID),
    )


def clean(data: bytes, cleaner: TextCleaner, *, embedded: Embedded = text_alone) -> CleanedDocument:
    """Return a resource cleaned, written as it was: JSON or XML.

    Parameters
    ----------
    data
        A resource, or a bundle of some.
    cleaner
        What cleans its text.
    embedded
        What cleans attachments.

    Raises
    ------
    DocumentError
        It cannot be read, has an extension that changes its meaning, or something known stays.
    """
    resource = _parse(data)
    work = _Cleaning(cleaner, embedded)
    cleaned = work.object(str(resource["resourceType"]), resource)
    if not cleaned:
        raise DocumentError("nothing of the resource may stay", remedy="Look at what it holds.")
    return work.fields.document(to_bytes(cleaned, xml=is_xml(data)), BREAK.join(_texts(cleaned)))


def _parse(data: bytes) -> dict[str, Json]:
    resource = parse_resource(data)
    if resource.get("resourceType") not in RESOURCES:
        raise DocumentError(
            "expected a FHIR resource of a type that is known, got another",
            remedy=f"Types that are known: {', '.join(sorted(RESOURCES))}.",
        )
    return resource


class _Cleaning:
    """Cleans one resource and all within it."""

    def __init__(self, cleaner: TextCleaner, embedded: Embedded) -> None:
        self.fields = Fields(cleaner)
        self._embedded = embedded
        self._primitives: dict[Primitive, Callable[[str], Json]] = {
            Primitive.CODE: self._code,
            Primitive.SYSTEM: lambda value: value if value.startswith(KNOWN_SYSTEMS) else None,
            Primitive.PROSE: self.fields.prose,
            Primitive.TITLE: self.fields.title,
            Primitive.DATE: self.fields.date,
            Primitive.BIRTH: lambda value: self.fields.date(value, IdentifierKind.BIRTH_DATE),
            Primitive.TIME: lambda value: value if _TIME.fullmatch(value) else None,
            Primitive.LOGICAL_ID: self._own_id,
            Primitive.URL: self._url,
            Primitive.CONTACT: self._contact,
            Primitive.XHTML: self._narrative,
        }

    def object(self, name: str, held: dict[str, Json]) -> dict[str, Json]:
        """Clean an object of the type `name`; empty where nothing of it may stay."""
        if name == "PersonReference" and "Organization/" in str(held.get("reference", "")):
            name = "PlaceReference"
        elements = TYPES[name]
        result: dict[str, Json] = {}
        for key, value in held.items():
            if key in _MODIFIERS:
                raise DocumentError(
                    "a resource has an extension that changes what it means", remedy="It cannot be cleaned; hold it."
                )
            if key == "resourceType":
                result[key] = value
                continue
            kind = elements.get(key)
            if kind == Primitive.PROSE and key == "display" and _is_known(held.get("system")):
                kind = Primitive.CODE
            shown = self._element(kind, value) if kind is not None else None
            if kind is None:
                self.fields.leave_out("element")
            elif shown not in (None, "", [], {}):
                result[key] = shown
        if name == "Attachment":
            self._attach(result)
        needed = _NEEDED.get(name)
        return {} if needed is not None and needed not in result else result

    def _element(self, kind: str, value: Json) -> Json:
        if isinstance(value, list):
            shown = [self._element(kind, one) for one in value]
            return [one for one in shown if one not in (None, "", {}, [])]
        if kind == "Resource":
            if isinstance(value, dict) and value.get("resourceType") in RESOURCES:
                return self.object(str(value["resourceType"]), value)
            self.fields.leave_out("resource")
            return None
        if kind in TYPES:
            if isinstance(value, dict):
                return self.object(kind, value)
        elif value is not None and not isinstance(value, dict):
            return self._primitive(Primitive(kind), value)
        self.fields.leave_out("element")
        return None

    def _primitive(self, kind: Primitive, value: Json) -> Json:
        if kind is Primitive.BOOLEAN:
            return value if isinstance(value, bool) or value in {"true", "false"} else None
        if not isinstance(value, str):
            return None
        if kind is Primitive.NUMBER:
            return value if _NUMBER.fullmatch(value) and self.fields.keep(value) == value else None
        if kind is Primitive.DATA:
            return value
        if kind in _KINDS:
            return self._identifier(kind, value)
        return self._primitives[kind](value)

    def _code(self, value: str) -> str:
        return self.fields.prose(value) if " " in value else self.fields.keep(value)

    def _identifier(self, kind: Primitive, value: str) -> str | None:
        if kind not in _ID_KINDS:
            return self.fields.replace(_KINDS[kind], value)
        if value.startswith("urn:uuid:"):
            return self._url(value)
        scheme, bare = ("urn:oid:", value[8:]) if value.startswith("urn:oid:") else ("", value)
        if _UID.fullmatch(bare):
            shown = self.fields.replace(IdentifierKind.UID, bare)
            return f"{scheme}{shown}" if shown else None
        return None if kind is Primitive.UID else self.fields.replace(_KINDS[kind], value)

    def _contact(self, value: str) -> str:
        kind = IdentifierKind.EMAIL if "@" in value else IdentifierKind.PHONE
        return self.fields.replace(kind, value)

    def _own_id(self, value: str) -> str | None:
        """Return the ID that stands for one of a server, the same in all references to it; a UID is a valid one."""
        number = int.from_bytes(hashlib.sha256(f"fhir|{value}".encode()).digest()[:16], "big")
        uid = value if _UID.fullmatch(value) else f"2.25.{number}"
        shown = self.fields.cleaner.replace(IdentifierKind.UID, uid)
        return shown if _OWN.fullmatch(shown) else None

    def _url(self, value: str) -> str | None:
        scheme, _, rest = value.rpartition(":")
        if scheme == "urn:uuid":
            own = self._own_id(rest.lower())
            return f"urn:uuid:{uuid.UUID(int=int(own.rpartition('.')[2]) % 2**128)}" if own else None
        if scheme == "urn:oid" or value.startswith("#"):
            own = self._own_id(rest.removeprefix("#"))
            return f"{'urn:oid:' if scheme else '#'}{own}" if own else None
        match = _REFERENCE.fullmatch(value)
        if match is not None:
            own = self._own_id(match["id"])
            base = "https://example.org/fhir/" if value.startswith("http") else ""
            return f"{base}{match['type']}/{own}" if own else None
        return value if _RESOURCE_TYPE.fullmatch(value) and value in RESOURCES else None

    def _narrative(self, value: str) -> str | None:
        return clean_narrative(value, self.fields)

    def _attach(self, attachment: dict[str, Json]) -> None:
        """Clean a document in base64 in place; without its data where it cannot be."""
        data = attachment.pop("data", None)
        try:
            raw = base64.b64decode(re.sub(r"\s", "", data), validate=True) if isinstance(data, str) else b""
        except (binascii.Error, ValueError):
            raw = b""
        media = str(attachment.get("contentType", "")).lower()
        done = self._embedded(media, raw, self.fields.cleaner) if raw else None
        if done is None:
            self.fields.leave_out("attachment")
            return
        self.fields.add(done)
        attachment["data"] = base64.b64encode(done.data).decode("ascii")


def _is_known(system: Json) -> bool:
    return isinstance(system, str) and system.startswith(KNOWN_SYSTEMS)


def _texts(value: Json) -> Iterator[str]:
    """Yield all strings that a reader or a program could take something from."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key == "div" and isinstance(one, str):
                yield text_of(one)
            elif key != "data":
                yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, str):
        yield value


def _facts(name: str, held: dict[str, Json]) -> Iterator[Identifier]:
    """Yield what an object of the type `name` says of somebody, and what is in it."""
    if name in _NAMES:
        yield from _name(_NAMES[name], held)
        return
    if name == "Address":
        parts = [one for key in ("line", "city", "postalCode") for one in _strings(held.get(key))]
        if parts:
            yield Identifier(IdentifierKind.ADDRESS, "^".join(parts))
        return
    for key, value in held.items():
        kind = TYPES[name].get(key, "")
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                inner = str(one.get("resourceType")) if kind == "Resource" else kind
                if inner in TYPES:
                    yield from _facts(inner, one)
            elif isinstance(one, str) and one.strip() and kind in _PRIMITIVES:
                yield from _fact(Primitive(kind), one.strip())


def _fact(kind: Primitive, value: str) -> Iterator[Identifier]:
    if kind in {Primitive.DATE, Primitive.BIRTH}:
        day = _DAY.match(value)
        if day is not None:
            is_birth = kind is Primitive.BIRTH
            yield Identifier(IdentifierKind.BIRTH_DATE if is_birth else IdentifierKind.DATE, "".join(day.groups()))
    elif kind is Primitive.CONTACT:
        yield Identifier(IdentifierKind.EMAIL if "@" in value else IdentifierKind.PHONE, value)
    elif kind in _KINDS:
        bare = value.removeprefix("urn:oid:")
        is_uid = kind in _ID_KINDS and _UID.fullmatch(bare) is not None
        if kind is not Primitive.UID or is_uid:
            yield Identifier(IdentifierKind.UID if is_uid else _KINDS[kind], bare if is_uid else value)


def _name(kind: IdentifierKind, held: dict[str, Json]) -> Iterator[Identifier]:
    family, given = " ".join(_strings(held.get("family"))), _strings(held.get("given"))
    if family or given:
        yield Identifier(kind, "^".join([family, *given]).rstrip("^"))
    for text in _strings(held.get("text")):
        yield Identifier(kind, text)


def _strings(value: Json) -> list[str]:
    return [
        one.strip() for one in (value if isinstance(value, list) else [value]) if isinstance(one, str) and one.strip()
    ]
