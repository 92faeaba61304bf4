"""Clinical documents (HL7 CDA R2): header by a table, narrative cleaned across its elements, order unchanged."""

import base64
import binascii
import hashlib
import re
from collections.abc import Collection, Iterator
from typing import Final

from scanward.deidentify.documents.cda_elements import (
    ATTRIBUTES,
    BLOCKS,
    CODE_ATTRIBUTES,
    ELEMENTS,
    HOLDERS,
    NARRATIVE,
    NARRATIVE_ATTRIBUTES,
    NUMBER_ATTRIBUTES,
    Treat,
)
from scanward.deidentify.documents.cda_reading import (
    NUMBER_PARTS,
    TIME_TYPES,
    UID,
    V3,
    XSI_TYPE,
    id_kind,
    is_known,
    is_number,
    name_kind,
    parse_document,
    read_facts,
)
from scanward.deidentify.documents.embedded import text_alone
from scanward.deidentify.documents.fields import BREAK, Embedded, Fields
from scanward.deidentify.documents.kinds import CleanedDocument
from scanward.deidentify.documents.markup import (
    Element,
    clean_slots,
    drop,
    keep_attributes,
    local_name,
    slots_of,
    to_bytes,
)
from scanward.deidentify.text.prose import TextCleaner
from scanward.errors import DocumentError
from scanward.model.identifier import IdentifierKind

__all__ = ["clean", "read_facts"]

_MASKED: Final = "MSK"
"""Null flavour: there is a value, and it is not told (HL7 v3 table NullFlavor)."""

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_TYPE_NAME = re.compile(r"[A-Za-z_:]{1,40}")
_TEXT_TYPES = frozenset({"ST", "ED", "SC"})
_NUMBER_TYPES = frozenset({"PQ", "INT", "REAL", "MO", "IVL_PQ", "IVL_INT", "IVL_REAL", "RTO_PQ_PQ", "RTO", "BL"})
_CODE_TYPES = frozenset({"CD", "CE", "CV", "CS", "CO"})
_ADDRESS_PARTS = frozenset(
    "streetAddressLine streetName streetNameBase houseNumber houseNumberNumeric city postalCode additionalLocator "
    "unitID postBox precinct".split()
)
_NAME_PARTS = frozenset({"family", "given"})
_TITLE_PARTS = frozenset({"prefix", "suffix"})


def clean(data: bytes, cleaner: TextCleaner, *, embedded: Embedded = text_alone) -> CleanedDocument:
    """Return a document cleaned, in UTF-8, its elements in the same order.

    Parameters
    ----------
    data
        The document.
    cleaner
        What cleans its text.
    embedded
        What cleans a body that is no XML.

    Raises
    ------
    DocumentError
        It cannot be read, its body cannot be cleaned, or something known stays.
    """
    root = parse_document(data)
    work = _Cleaning(cleaner, embedded)
    work.clean(root)
    return work.fields.document(to_bytes(root), BREAK.join(_texts(root)))


class _Cleaning:
    """Cleans one document in place."""

    def __init__(self, cleaner: TextCleaner, embedded: Embedded) -> None:
        self.fields = Fields(cleaner)
        self._embedded = embedded
        self._treatments = {
            Treat.PART: self._part,
            Treat.KEEP: self._keep,
            Treat.CODE: self._code,
            Treat.ID: self._id,
            Treat.TIME: self._time,
            Treat.BIRTH: self._time,
            Treat.NAME: self._name,
            Treat.ADDRESS: self._address,
            Treat.CONTACT: self._contact,
            Treat.TEXT: self._text,
            Treat.TERM: self._term,
            Treat.VALUE: self._value,
            Treat.NUMBER: self._number,
        }

    def clean(self, element: Element) -> None:
        """Clean an element and all in it, or take it out."""
        name = local_name(element)
        if name == "nonXMLBody" and element.tag.startswith(V3):
            self._body(element)
            return
        treat = ELEMENTS.get(name) if element.tag.startswith(V3) else None
        if treat is None:
            self.fields.leave_out("picture" if name == "observationMedia" else "element")
            drop(element)
            return
        if not _TYPE_NAME.fullmatch(element.get(XSI_TYPE, "ST")):
            del element.attrib[XSI_TYPE]
        self._treatments[treat](element)

    def _children(self, element: Element) -> None:
        for child in list(element):
            self.clean(child)

    def _part(self, element: Element) -> None:
        _keep_attributes(element, ATTRIBUTES)
        self._keep_values(element)
        _silence(element)
        had = len(element)
        self._children(element)
        if had and not len(element) and local_name(element) in HOLDERS:
            drop(element)

    def _keep(self, element: Element) -> None:
        _keep_attributes(element, {"root", "extension", "code", "value", "nullFlavor", "codeSystem"})
        self._keep_values(element)
        _silence(element, deep=True)

    def _keep_values(self, element: Element) -> None:
        for name, value in element.attrib.items():
            if self.fields.keep(value) != value:
                del element.attrib[name]

    def _code(self, element: Element) -> None:
        known = is_known(element.get("codeSystem", ""))
        shown = element.get("displayName")
        _keep_attributes(element, CODE_ATTRIBUTES)
        if not known and "codeSystem" in element.attrib:
            element.set("codeSystem", self._uid(element.get("codeSystem", "")))
        if shown is not None and not known:
            element.set("displayName", self.fields.prose(shown))
        self._keep_values(element)
        _silence(element)
        self._children(element)

    def _id(self, element: Element) -> None:
        kind = id_kind(element)
        root, extension = element.get("root", ""), element.get("extension", "")
        flavour = element.get("nullFlavor")
        _keep_attributes(element, ())
        shown_root = root if is_known(root) else self._uid(root)
        shown = self.fields.replace(kind, extension) if extension else ""
        if shown_root and (shown or not extension):
            element.set("root", shown_root)
            if shown:
                element.set("extension", shown)
        else:
            element.set("nullFlavor", flavour or _MASKED)
        _silence(element, deep=True)

    def _uid(self, value: str) -> str:
        """Return the recipient's UID for one, also for a UUID; empty where none can be."""
        if not value:
            return ""
        if not UID.fullmatch(value):
            number = int.from_bytes(hashlib.sha256(f"cda|{value.lower()}".encode()).digest()[:16], "big")
            value = f"2.25.{number}"
        shown = self.fields.replace(IdentifierKind.UID, value)
        return shown if UID.fullmatch(shown) else ""

    def _time(self, element: Element) -> None:
        if element.get("unit") or is_number(element):
            self._number(element)
            return
        is_birth = ELEMENTS[local_name(element)] is Treat.BIRTH
        value = element.get("value")
        _keep_attributes(element, {"nullFlavor", "operator", "inclusive"})
        if value is not None:
            shown = self.fields.date(value, IdentifierKind.BIRTH_DATE if is_birth else IdentifierKind.DATE)
            if shown:
                element.set("value", shown)
            else:
                element.set("nullFlavor", _MASKED)
        _silence(element)
        self._children(element)

    def _number(self, element: Element) -> None:
        _keep_attributes(element, NUMBER_ATTRIBUTES)
        if not _NUMBER.fullmatch(element.get("value", "0")):
            del element.attrib["value"]
        self._keep_values(element)
        _silence(element)
        for child in list(element):
            if local_name(child) in NUMBER_PARTS:
                self._number(child)
            else:
                self.clean(child)

    def _name(self, element: Element) -> None:
        kind = name_kind(element)
        _keep_attributes(element, {"use", "nullFlavor"})
        if kind is None:
            self._prose(element)
            return
        self._parts(element, kind, _NAME_PARTS, _TITLE_PARTS)

    def _address(self, element: Element) -> None:
        _keep_attributes(element, {"use", "nullFlavor"})
        self._parts(element, IdentifierKind.ADDRESS, _ADDRESS_PARTS, frozenset())

    def _parts(self, element: Element, kind: IdentifierKind, parts: frozenset[str], kept: frozenset[str]) -> None:
        """Replace the parts of a name or address, each by itself, and text that stands without one."""
        for child in list(element):
            name, text = local_name(child), (child.text or "").strip()
            if name in parts and text and not len(child):
                _keep_attributes(child, {"qualifier"})
                child.text = self.fields.replace(kind, text)
            elif name in kept and text and not len(child):
                _keep_attributes(child, {"qualifier"})
                child.text = self.fields.title(text)
            else:
                drop(child)
        if (element.text or "").strip():
            element.text = self.fields.replace(kind, (element.text or "").strip())
        for child in list(element):
            if (child.tail or "").strip():
                child.tail = self.fields.replace(kind, (child.tail or "").strip())
            if not child.text:
                drop(child)
        if not "".join(element.itertext()).strip():
            element.set("nullFlavor", _MASKED)

    def _contact(self, element: Element) -> None:
        value = element.get("value", "")
        _keep_attributes(element, {"use", "nullFlavor"})
        scheme, colon, rest = value.rpartition(":")
        if rest.strip():
            is_mail = "@" in rest
            kind = IdentifierKind.EMAIL if is_mail else IdentifierKind.PHONE
            shown = self.fields.replace(kind, rest)
            scheme = scheme if scheme in {"tel", "fax", "mailto"} else ""
            if shown:
                element.set("value", f"{scheme}{colon if scheme else ''}{shown}")
            else:
                element.set("nullFlavor", _MASKED)
        _silence(element, deep=True)

    def _text(self, element: Element) -> None:
        parent = element.getparent()
        if local_name(element) == "text" and parent is not None and local_name(parent) == "section":
            self._narrative(element)
            return
        _keep_attributes(element, {"nullFlavor"})
        for child in list(element):
            value = child.get("value", "")
            if local_name(child) == "reference" and value.startswith("#"):
                _keep_attributes(child, {"value"})
                child.set("value", self.fields.keep(value))
                _silence(child, deep=True)
            else:
                self.fields.leave_out("element")
                drop(child)
        clean_slots(list(slots_of(element, is_block=lambda _: False)), self.fields)

    def _prose(self, element: Element) -> None:
        for child in list(element):
            drop(child)
        if element.text:
            element.text = self.fields.prose(element.text)

    def _term(self, element: Element) -> None:
        _keep_attributes(element, {"nullFlavor"})
        text = "".join(element.itertext())
        _silence(element, deep=True)
        element.text = self.fields.keep(text)

    def _value(self, element: Element) -> None:
        kind = element.get(XSI_TYPE, "").rpartition(":")[2]
        if kind in _TEXT_TYPES:
            self._text(element)
        elif kind in _CODE_TYPES:
            self._code(element)
        elif kind in TIME_TYPES:
            self._time(element)
        elif kind in _NUMBER_TYPES:
            self._number(element)
        elif kind == "II":
            self._id(element)
        else:
            self.fields.leave_out("value")
            _keep_attributes(element, ())
            element.set("nullFlavor", _MASKED)
            _silence(element, deep=True)

    def _narrative(self, element: Element) -> None:
        for one in list(element.iter()):
            name = local_name(one)
            if one is not element and (name not in NARRATIVE or not one.tag.startswith(V3)):
                self.fields.leave_out("picture" if name == "renderMultiMedia" else "element")
                drop(one)
            else:
                _keep_attributes(one, NARRATIVE_ATTRIBUTES)
                self._keep_values(one)
        clean_slots(list(slots_of(element, is_block=lambda one: local_name(one) in BLOCKS)), self.fields)

    def _body(self, element: Element) -> None:
        """Clean a body that is no XML: text as it stands, or a document in base64."""
        _keep_attributes(element, ATTRIBUTES)
        texts = [one for one in element if local_name(one) == "text"]
        text = texts[0] if len(texts) == 1 else None
        media = (text.get("mediaType", "text/plain") if text is not None else "").lower()
        raw = _body_bytes(text) if text is not None else b""
        done = self._embedded(media, raw, self.fields.cleaner) if raw else None
        if done is None or text is None:
            raise DocumentError(
                "the body of a clinical document is of a kind that is not cleaned",
                remedy="Text is, and PDF where what looks at pages is installed.",
            )
        self.fields.add(done)
        for child in list(element):
            if child is not text:
                drop(child)
        is_base64 = text.get("representation") == "B64"
        _keep_attributes(text, {"mediaType", "representation"})
        _silence(text, deep=True)
        text.text = base64.b64encode(done.data).decode("ascii") if is_base64 else done.data.decode("utf-8")


def _keep_attributes(element: Element, allowed: Collection[str]) -> None:
    """Keep the type as well: what is in an element is read by it."""
    keep_attributes(element, {*allowed, XSI_TYPE})


def _body_bytes(text: Element) -> bytes:
    held = "".join(text.itertext())
    if text.get("representation") != "B64":
        return str(held).encode()
    try:
        return base64.b64decode(re.sub(r"\s", "", held), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _silence(element: Element, *, deep: bool = False) -> None:
    """Take text away where there should be none but blanks; with `deep`, all elements within, too."""
    if deep:
        for child in list(element):
            element.remove(child)
    if (element.text or "").strip() or deep:
        element.text = None
    for child in element:
        if (child.tail or "").strip():
            child.tail = None


def _texts(root: Element) -> Iterator[str]:
    """Yield all that a reader or a program could take something from, but a body in base64."""
    for element in root.iter():
        if element.get("representation") == "B64":
            continue
        yield from (str(value) for name, value in element.attrib.items() if name != "root")
        for text in (element.text, element.tail):
            if text and text.strip():
                yield text
