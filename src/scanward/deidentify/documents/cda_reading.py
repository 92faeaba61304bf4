"""What clinical documents (HL7 CDA R2) say of somebody, and of whom each name, ID and number in them is."""

import re
from collections.abc import Iterator
from typing import Final

from scanward.deidentify.documents.cda_elements import ELEMENTS, KNOWN_ROOTS, ORGANIZATIONS, PERSONS, Treat
from scanward.deidentify.documents.kinds import DocumentFacts
from scanward.deidentify.documents.markup import Element, local_name, parse_xml
from scanward.errors import DocumentError
from scanward.model.identifier import Identifier, IdentifierKind

V3: Final = "{urn:hl7-org:v3}"
XSI_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"
UID = re.compile(r"[0-2](?:\.(?:0|[1-9]\d*)){2,}")
TIME_TYPES = frozenset({"TS", "IVL_TS", "PIVL_TS", "EIVL_TS", "SXCM_TS"})
"""Types of values that are times."""

NUMBER_PARTS = frozenset({"low", "high", "center", "width", "numerator", "denominator"})
"""Parts of ranges."""

_STUDY_CODES = frozenset({"113014", "110180"})


def read_facts(data: bytes) -> DocumentFacts:
    """Return what the header of a document says.

    Parameters
    ----------
    data
        The document.

    Raises
    ------
    DocumentError
        It cannot be read.
    """
    root = parse_document(data)
    identifiers: set[Identifier] = set()
    studies: set[str] = set()
    for element in root.iter():
        identifiers.update(_facts(element))
        if local_name(element) == "id" and _is_study(element):
            studies.add(element.get("root", ""))

    def values(kind: IdentifierKind) -> frozenset[str]:
        return frozenset(one.value for one in identifiers if one.kind is kind)

    return DocumentFacts(
        identifiers=frozenset(identifiers),
        patient_ids=values(IdentifierKind.PATIENT_ID),
        accession_numbers=values(IdentifierKind.ACCESSION),
        study_uids=frozenset(studies),
    )


def parse_document(data: bytes) -> Element:
    """Parse a clinical document; raises `DocumentError` where it is none."""
    root = parse_xml(data)
    if root.tag != f"{V3}ClinicalDocument":
        raise DocumentError(
            "expected a ClinicalDocument of HL7 v3, got another XML document", remedy="Give it as what it is."
        )
    return root


def is_known(root: str) -> bool:
    """Say whether a root is one of the standards, and not of an institution."""
    return root.startswith(KNOWN_ROOTS)


def is_number(element: Element) -> bool:
    """Say whether a low or high is one of a range of numbers: in a value or range that is no time."""
    if local_name(element) not in NUMBER_PARTS:
        return False
    for parent in element.iterancestors():
        name = local_name(parent)
        if name in {"value", "referenceRange"}:
            return parent.get(XSI_TYPE, "").rpartition(":")[2] not in TIME_TYPES
        if ELEMENTS.get(name) is Treat.NUMBER:
            return True
        if ELEMENTS.get(name) is Treat.PART:
            return False
    return False


def _parent_name(element: Element) -> str:
    parent = element.getparent()
    return local_name(parent) if parent is not None else ""


def name_kind(element: Element) -> IdentifierKind | None:
    """Return whose a name is; None for one of a device, a substance or an anatomic place."""
    parent = _parent_name(element)
    if parent == "patient":
        return IdentifierKind.PATIENT_NAME
    if parent in PERSONS or element.find(f"{V3}family") is not None:
        return IdentifierKind.PERSON_NAME
    return IdentifierKind.INSTITUTION if parent in ORGANIZATIONS else None


def id_kind(element: Element) -> IdentifierKind:
    """Return whose an ID is."""
    parent = _parent_name(element)
    if parent in {"patientRole", "patient"}:
        return IdentifierKind.PATIENT_ID
    return IdentifierKind.ACCESSION if parent == "order" else IdentifierKind.OTHER_ID


def _is_study(element: Element) -> bool:
    """Say whether an ID is the UID of a DICOM study: of an act that is one, or of what is documented."""
    parent = element.getparent()
    root = element.get("root", "")
    if parent is None or not UID.fullmatch(root) or is_known(root) or element.get("extension"):
        return False
    if local_name(parent) == "serviceEvent":
        return True
    code = parent.find(f"{V3}code")
    return code is not None and code.get("code") in _STUDY_CODES


def _facts(element: Element) -> Iterator[Identifier]:
    """Yield what an element says of somebody."""
    treat = ELEMENTS.get(local_name(element))
    if treat is Treat.ID:
        root, extension = element.get("root", ""), element.get("extension", "").strip()
        if extension:
            yield Identifier(id_kind(element), extension)
        elif UID.fullmatch(root) and not is_known(root):
            yield Identifier(IdentifierKind.UID, root)
    elif treat in {Treat.TIME, Treat.BIRTH}:
        digits = element.get("value", "")[:8]
        if len(digits) == 8 and digits.isdigit() and not is_number(element):
            yield Identifier(IdentifierKind.BIRTH_DATE if treat is Treat.BIRTH else IdentifierKind.DATE, digits)
    elif treat is Treat.NAME:
        kind, value = name_kind(element), _name_value(element)
        if kind is not None and value:
            yield Identifier(kind, value)
    elif treat is Treat.ADDRESS:
        parts = [text.strip() for text in map(str, element.itertext()) if text.strip()]
        if parts:
            yield Identifier(IdentifierKind.ADDRESS, "^".join(parts))
    elif treat is Treat.CONTACT:
        value = element.get("value", "").rpartition(":")[2].strip()
        if value:
            yield Identifier(IdentifierKind.EMAIL if "@" in value else IdentifierKind.PHONE, value)


def _name_value(element: Element) -> str:
    """Return a name as a PN where it has parts, else as it is written."""
    family = [one.text.strip() for one in element.iterfind(f"{V3}family") if one.text]
    given = [one.text.strip() for one in element.iterfind(f"{V3}given") if one.text]
    if family or given:
        return "^".join([" ".join(family), *given]).rstrip("^")
    return " ".join("".join(map(str, element.itertext())).split())
