"""What a STOW-RS service answers (PS3.18 Section 10.5.3), as DICOM JSON (Annex F) or XML (PS3.19 Annex A.1).

The answer comes from outside and is not trusted: whatever is not understood says nothing of an instance.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from scanward.errors import NetworkError
from scanward.model.release import Delivery

JSON = "application/dicom+json"
XML = "application/dicom+xml"

DUPLICATE_SOP_INSTANCE = 0x0111
"""Failure reason of a service that has the instance already (PS3.7 Section C.5.16)."""

PASSING_REASONS = frozenset({0x0110, 0x0213})
"""Failure reasons that may be others the next time: processing failure, which services also say when their disk is
full, and resource limitation (PS3.7 Annex C)."""

MAX_DEPTH = 32
"""Deeper XML is not what was asked for; the answer needs 5."""

_REFERENCED_SOP_SEQUENCE = "00081199"
_FAILED_SOP_SEQUENCE = "00081198"
_REFERENCED_SOP_INSTANCE_UID = "00081155"
_FAILURE_REASON = "00081197"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the service says of each instance.

    Attributes
    ----------
    stored
        SOP Instance UIDs in Referenced SOP Sequence (0008,1199).
    failed
        Failure Reason (0008,1197) by SOP Instance UID, from Failed SOP Sequence (0008,1198); None where it has none.
    """

    stored: frozenset[str] = frozenset()
    failed: dict[str, int | None] = field(default_factory=dict)

    def find(self, uid: str) -> tuple[Delivery, str]:
        """Return how sending the instance `uid` ended, and why."""
        if uid not in self.failed:
            if uid in self.stored:
                return Delivery.CONFIRMED, ""
            return Delivery.UNKNOWN, "the service did not say what became of it"
        if uid in self.stored:
            return Delivery.UNKNOWN, "the service said both that it stored it and that it did not"
        return judge_reason(self.failed[uid])


def judge_reason(reason: int | None) -> tuple[Delivery, str]:
    """Return what a failure reason means for one instance (PS3.18 Section I.2, PS3.4 Table B.2-1)."""
    if reason is None:
        return Delivery.REFUSED, "the service refused it without a reason"
    if reason == DUPLICATE_SOP_INSTANCE:
        return Delivery.CONFIRMED, "the service had it already"
    passing = reason & 0xFF00 == 0xA700 or reason in PASSING_REASONS
    return (Delivery.NOT_SENT if passing else Delivery.REFUSED), f"the service did not store it: reason {reason:04X}"


def parse_answer(content_type: str, body: bytes) -> Answer:
    """Return what `body` says.

    Raises
    ------
    NetworkError
        When it is neither DICOM JSON nor XML.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind in {JSON, "application/json"}:
        return _read_json(body)
    if kind in {XML, "application/xml", "text/xml"}:
        return _read_xml(body)
    raise NetworkError("expected the service to answer with DICOM JSON or XML")


def _read_json(body: bytes) -> Answer:
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError):
        raise NetworkError("expected the service to answer with DICOM JSON") from None
    found = document if isinstance(document, list) else [document]
    stored: set[str] = set()
    failed: dict[str, int | None] = {}
    for ds in found:
        for item in _items(ds, _REFERENCED_SOP_SEQUENCE):
            stored.update(_texts(item, _REFERENCED_SOP_INSTANCE_UID))
        for item in _items(ds, _FAILED_SOP_SEQUENCE):
            reason = next(_numbers(item, _FAILURE_REASON), None)
            failed.update(dict.fromkeys(_texts(item, _REFERENCED_SOP_INSTANCE_UID), reason))
    return Answer(stored=frozenset(stored), failed=failed)


def _items(ds: object, tag: str) -> Iterator[object]:
    """Yield the values of the Attribute `tag` in a Data Set in DICOM JSON; none where it is anything else."""
    element = ds.get(tag) if isinstance(ds, dict) else None
    values = element.get("Value") if isinstance(element, dict) else None
    if isinstance(values, list):
        yield from values


def _texts(ds: object, tag: str) -> Iterator[str]:
    for value in _items(ds, tag):
        if isinstance(value, str):
            yield value.strip(" \0")


def _numbers(ds: object, tag: str) -> Iterator[int]:
    for value in _items(ds, tag):
        if isinstance(value, int):
            yield value
        elif isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 6:
            yield int(value)  # XML, and some services' JSON


class _XmlReader:
    """Reads the Native DICOM Model into the shape of DICOM JSON; refuses entities, which could grow without end."""

    def __init__(self) -> None:
        self.root: dict[str, object] = {}
        self._open: list[tuple[str, dict[str, object] | list[object]]] = [("", self.root)]
        self._text: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        if len(self._open) > MAX_DEPTH:
            raise NetworkError("expected the service to answer with DICOM XML, got it nested too deep")
        local = name.rpartition(" ")[2]
        above = self._open[-1][1]
        inner: dict[str, object] | list[object] = above
        if local == "DicomAttribute" and isinstance(above, dict):
            inner = []
            above[attributes.get("tag", "").upper()] = {"Value": inner}
        elif local == "Item" and isinstance(above, list):
            inner = {}
            above.append(inner)
        self._text.clear()
        self._open.append((local, inner))

    def end(self, _name: str) -> None:
        """End an element."""
        local, inner = self._open.pop()
        if local == "Value" and isinstance(inner, list):
            inner.append("".join(self._text))
        self._text.clear()

    def text(self, text: str) -> None:
        """Take text in."""
        self._text.append(text)

    def doctype(self, *_: object) -> None:
        """Refuse a document type."""
        raise NetworkError("expected DICOM XML without a document type")


def _read_xml(body: bytes) -> Answer:
    reader = _XmlReader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.doctype
    try:
        parser.Parse(body, True)
    except expat.ExpatError:
        raise NetworkError("expected the service to answer with DICOM XML") from None
    return _read_json(json.dumps(reader.root).encode("ascii"))
