"""Tells how a document is written, and finds who reads and cleans such a one."""

import re
from dataclasses import dataclass
from functools import partial

from scanward.deidentify.documents.embedded import text_alone
from scanward.deidentify.documents.fields import Embedded
from scanward.deidentify.documents.kinds import CleanDocument, CleanedDocument, DocumentFacts, DocumentKind, ReadFacts
from scanward.deidentify.text.prose import TextCleaner
from scanward.errors import DocumentError

_TEXT_SUFFIXES = frozenset({"", ".txt", ".text", ".asc", ".rpt", ".md"})
_HL7 = re.compile(rb"(?:MSH|FHS|BHS)[^\w\s][^\w\s]{4}")
_XML_ROOT = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?(?P<name>[A-Za-z_][\w.-]*)(?P<attributes>[^>]*)")
_XML_PROLOGUE = re.compile(rb"\s*(?:<\?.*?\?>|<!--.*?-->|\s+)*", re.DOTALL)
_RESOURCE = re.compile(rb'"resourceType"\s*:\s*"')
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_FHIR_NAMESPACE = b"http://hl7.org/fhir"
_REFUSED = (
    (b"{\\rtf", "rich text (RTF)"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a document of an old version of Office"),
)


@dataclass(frozen=True, slots=True)
class Carrier:
    """Who reads and cleans documents of one kind.

    Attributes
    ----------
    reading
        Reads what one says in its fields.
    cleaning
        Cleans one.
    """

    reading: ReadFacts
    cleaning: CleanDocument

    def read_facts(self, data: bytes) -> DocumentFacts:
        """Return what a document says in its fields; raises `DocumentError`."""
        return self.reading(data)

    def clean(self, data: bytes, cleaner: TextCleaner) -> CleanedDocument:
        """Return a document without what identifies; raises `DocumentError`."""
        return self.cleaning(data, cleaner)


def tell_kind(name: str, start: bytes) -> DocumentKind | None:
    """Return how a document is written; None for what is none that is known.

    Parameters
    ----------
    name
        Name of the file; empty where it has none.
    start
        Its first bytes, a few thousand.

    Raises
    ------
    DocumentError
        It is a document of a kind that is not read.
    """
    body = start.lstrip(b"\xef\xbb\xbf\x0b\r\n\t ")
    for mark, what in _REFUSED:
        if body.startswith(mark):
            raise DocumentError(
                f"expected a document that is read here, got {what}", remedy="Save it as DOCX, PDF or plain text."
            )
    if body.startswith(b"%PDF-"):
        return DocumentKind.PDF
    suffix = name[name.rfind(".") :].lower() if "." in name else ""
    if body.startswith(b"PK\x03\x04"):
        return DocumentKind.DOCX if suffix in {".docx", ".docm"} or b"word/" in start else None
    if _HL7.match(body):
        return DocumentKind.HL7
    if body.startswith(b"<"):
        return _tell_xml(body)
    if body.startswith((b"{", b"[")) and (suffix == ".json" or _RESOURCE.search(start)):
        return DocumentKind.FHIR if _RESOURCE.search(start) else None
    return DocumentKind.PLAIN if suffix in _TEXT_SUFFIXES and _is_text(start) else None


def _tell_xml(body: bytes) -> DocumentKind | None:
    prologue = _XML_PROLOGUE.match(body)
    root = _XML_ROOT.match(body, prologue.end() if prologue is not None else 0)
    if root is None:
        # A document type may stand before it: told for what it is, so that it is refused for that.
        return DocumentKind.CDA if b"ClinicalDocument" in body else None
    if root["name"] == b"ClinicalDocument":
        return DocumentKind.CDA
    return DocumentKind.FHIR if _FHIR_NAMESPACE in root["attributes"] else None


def _is_text(start: bytes) -> bool:
    return bool(start.strip()) and (start.startswith(_MARKS) or _CONTROL.search(start) is None)


def carrier_of(kind: DocumentKind, *, embedded: Embedded = text_alone) -> Carrier:
    """Return who reads and cleans documents of a kind; PDF, which is looked at as pictures, is done elsewhere.

    Parameters
    ----------
    kind
        How they are written.
    embedded
        What cleans documents inside of them.

    Raises
    ------
    ModuleNotFoundError
        What reads them is not installed.
    DocumentError
        There is none for this kind.
    """
    if kind is DocumentKind.PLAIN:
        from scanward.deidentify.documents import plain

        return Carrier(plain.read_facts, plain.clean)
    if kind is DocumentKind.HL7:
        from scanward.deidentify.documents import hl7

        return Carrier(hl7.read_facts, partial(hl7.clean, embedded=embedded))
    if kind is DocumentKind.FHIR:
        from scanward.deidentify.documents import fhir

        return Carrier(fhir.read_facts, partial(fhir.clean, embedded=embedded))
    if kind is DocumentKind.CDA:
        from scanward.deidentify.documents import cda

        return Carrier(cda.read_facts, partial(cda.clean, embedded=embedded))
    if kind is DocumentKind.DOCX:
        from scanward.deidentify.documents import docx

        return Carrier(docx.read_facts, docx.clean)
    raise DocumentError(f"nothing is set up that cleans a {kind.value}")
