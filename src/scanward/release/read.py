"""What a recipient's result says of itself: whose it is, and what it refers to, at any depth."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from scanward.dicomstream.charset import decode_text
from scanward.dicomstream.opening import open_dicom
from scanward.dicomstream.part10 import DataSetStart
from scanward.dicomstream.reader import Element, Reader
from scanward.dicomstream.rewrite import Edit, Scope, rewrite_element
from scanward.dicomstream.similar import FIRST_PIXEL_TAG, SimilarDataSets
from scanward.errors import DicomFormatError
from scanward.model import attribute
from scanward.model.attribute import Tag, format_tag
from scanward.model.instance import ByteSource
from scanward.standard.dictionary import vr_of

SPECIFIC_CHARACTER_SET = 0x00080005
SOP_CLASS_UID = 0x00080016
SOP_INSTANCE_UID = 0x00080018
REFERENCED_SOP_INSTANCE_UID = 0x00081155
PATIENT_NAME = 0x00100010
PATIENT_ID = 0x00100020
STUDY_INSTANCE_UID = 0x0020000D
SERIES_INSTANCE_UID = 0x0020000E
VERIFYING_OBSERVER_SEQUENCE = 0x0040A073
VERIFICATION_FLAG = 0x0040A493
APPROVAL_STATUS = 0x00440002
PLAN_APPROVAL_STATUS = 0x300E0002

_WANTED = frozenset(
    (
        SPECIFIC_CHARACTER_SET, SOP_CLASS_UID, SOP_INSTANCE_UID, PATIENT_NAME, PATIENT_ID, STUDY_INSTANCE_UID,
        SERIES_INSTANCE_UID,
    )
)  # fmt: skip

_REQUIRED = {
    SOP_CLASS_UID: "SOP Class UID",
    SOP_INSTANCE_UID: "SOP Instance UID",
    STUDY_INSTANCE_UID: "Study Instance UID",
    SERIES_INSTANCE_UID: "Series Instance UID",
}

_ATTESTING = {VERIFICATION_FLAG: b"VERIFIED", APPROVAL_STATUS: b"APPROVED", PLAN_APPROVAL_STATUS: b"APPROVED"}
"""Attributes by which a person answers for the content, and the value that says so."""

MAX_WANTED_BYTES = 1024
"""Longest value of an Attribute that is looked at: five groups of 64 characters at most."""

MAX_UIDS = 200_000
"""Different UIDs in one result: a segmentation of the largest series in use has some ten thousand."""

CHUNK_BYTES = 1024 * 1024
OVERLAP_BYTES = 128
"""Large values are searched in chunks that overlap by more than the longest UID."""

WITHOUT_TEXT = frozenset(
    ("AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "SL", "SS", "SV", "TM", "UL", "US", "UV")
)  # fmt: skip
"""Value Representations that hold neither text nor UIDs."""

_UID_IN_BYTES = re.compile(rb"(?<![0-9.])[0-2](?:\.[0-9]{1,39}){3,}(?![0-9])")
_MIN_UID_BYTES = 7
_MAX_UID_BYTES = 64


class Reference(NamedTuple):
    """What an item refers to; of what it does not say itself, what the items around it say, or empty.

    Attributes
    ----------
    path
        Tags of the sequences that it stands in.
    instance, series, study
        UIDs.
    """

    path: attribute.Path
    instance: str
    series: str
    study: str

    def __repr__(self) -> str:
        """Show the place only."""
        return f"Reference({'.'.join(format_tag(tag) for tag in self.path)})"


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultFacts:
    """What a result says of itself.

    Attributes
    ----------
    sop_class_uid, sop_instance_uid, study_uid, series_uid
        What it is and where it belongs, as the recipient wrote it.
    patient_id, patient_name
        As the recipient wrote it, decoded; of a result that can be matched the pseudonym.
    uids
        Every UID at any depth and in any text, whatever it names.
    references
        What its items refer to.
    attested
        Attributes that say that a person verified or approved it.
    charset
        Raw value of Specific Character Set.
    transfer_syntax_uid
        Its encoding.
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str
    series_uid: str
    patient_id: str
    patient_name: str
    uids: frozenset[str]
    references: tuple[Reference, ...]
    attested: frozenset[Tag]
    charset: bytes
    transfer_syntax_uid: str

    def __repr__(self) -> str:
        """Show the kind only."""
        return f"ResultFacts({self.sop_class_uid})"


def read_result(source: ByteSource, spool: Path | None) -> ResultFacts:
    """Read all of a result but its pixels.

    Parameters
    ----------
    source
        The file or bare data set.
    spool
        Folder for an inflated data set.

    Raises
    ------
    NotDicomError
        It is not DICOM.
    DicomFormatError
        It is not well formed, or lacks a UID that it cannot do without.
    OutputError
        There is no room to inflate it.
    """
    return read_opened(open_dicom(source, spool))


def read_opened(start: DataSetStart) -> ResultFacts:
    """As `read_result`, of what has been opened already."""
    found = _Found()
    SimilarDataSets(found.process, _join).process(start)
    values = found.values
    for tag, name in _REQUIRED.items():
        if not values.get(tag):
            raise DicomFormatError(f"expected {name}, got none", remedy="Have the recipient send the result whole.")
    charset = values.get(SPECIFIC_CHARACTER_SET, b"")
    return ResultFacts(
        sop_class_uid=_text(values[SOP_CLASS_UID]),
        sop_instance_uid=_text(values[SOP_INSTANCE_UID]),
        study_uid=_text(values[STUDY_INSTANCE_UID]),
        series_uid=_text(values[SERIES_INSTANCE_UID]),
        patient_id=decode_text(values.get(PATIENT_ID, b""), charset).strip(),
        patient_name=decode_text(values.get(PATIENT_NAME, b""), charset).strip(),
        uids=frozenset(_text(uid) for uid in found.uids),
        references=tuple(found.references),
        attested=frozenset(found.attested),
        charset=charset,
        transfer_syntax_uid=start.transfer_syntax_uid,
    )


def written_vr(element: Element) -> str:
    """Return the VR that an element's value has: the dictionary's where the file says UN."""
    vr = element.vr.decode("ascii")
    return vr_of(element.tag) if vr == "UN" else vr


def _text(raw: bytes) -> str:
    return raw.decode("iso8859-1")


def _join(_parts: list[None]) -> None:
    return None


class _Item:
    """An item of a sequence, and what it refers to."""

    __slots__ = ("parent", "scope", "uids")

    def __init__(self, scope: Scope, parent: "_Item | None") -> None:
        self.scope = scope
        self.parent = parent
        self.uids: dict[Tag, str] = {}

    def find(self, tag: Tag) -> str:
        """Return the UID that this item has, or the nearest around it that has one."""
        item: _Item | None = self
        while item is not None:
            if tag in item.uids:
                return item.uids[tag]
            item = item.parent
        return ""


_REFERRING = frozenset((REFERENCED_SOP_INSTANCE_UID, SERIES_INSTANCE_UID, STUDY_INSTANCE_UID))


class _Found:
    """Collects what one result says, element by element."""

    def __init__(self) -> None:
        self.values: dict[Tag, bytes] = {}
        self.uids: set[bytes] = set()
        self.references: list[Reference] = []
        self.attested: set[Tag] = set()
        self._chain: list[_Item] = []
        self._referring: dict[_Item, None] = {}

    def process(self, reader: Reader, element: Element, end: int, _creator: bytes | None) -> None:
        """Look at an element of the top level."""
        if element.tag in _WANTED:
            if element.length > MAX_WANTED_BYTES:
                raise DicomFormatError(f"{format_tag(element.tag)}: expected at most {MAX_WANTED_BYTES} bytes")
            self.values[element.tag] = reader.read(element.value, element.length).strip(b" \0")
        if element.tag >= FIRST_PIXEL_TAG and element.tag >> 16 == FIRST_PIXEL_TAG >> 16:
            return
        if not reader.is_sequence(element):
            self._look(reader, element, end)
            return
        rewrite_element(reader, element, limit=end, scope=Scope(), decide=self._decide)
        for item in self._referring:
            self._note(item)
        self._referring.clear()
        self._chain.clear()

    def _decide(self, element: Element, scope: Scope, reader: Reader) -> Edit:
        if scope.path:
            item = self._item(scope)
            if scope.path[0] == VERIFYING_OBSERVER_SEQUENCE:
                self.attested.add(VERIFYING_OBSERVER_SEQUENCE)
            if element.tag in _REFERRING and 0 < element.length <= MAX_WANTED_BYTES:
                item.uids[element.tag] = _text(reader.read(element.value, element.length).strip(b" \0"))
                self._referring[item] = None
        if reader.is_sequence(element):
            return Edit.DESCEND
        self._look(reader, element, reader.end(element, reader.size))
        return Edit.KEEP

    def _item(self, scope: Scope) -> _Item:
        """Return the item that an element stands in; each has a scope of its own."""
        depth = len(scope.path)
        if len(self._chain) < depth or self._chain[depth - 1].scope is not scope:
            del self._chain[depth - 1 :]
            # The item around it has been met: the sequence that leads here is one of its elements.
            self._chain.append(_Item(scope, self._chain[-1] if self._chain else None))
        return self._chain[depth - 1]

    def _note(self, item: _Item) -> None:
        self.references.append(
            Reference(
                item.scope.path,
                item.uids.get(REFERENCED_SOP_INSTANCE_UID, ""),
                item.find(SERIES_INSTANCE_UID),
                item.find(STUDY_INSTANCE_UID),
            )
        )

    def _look(self, reader: Reader, element: Element, end: int) -> None:
        """Take UIDs from a value, and note what it attests."""
        attesting = _ATTESTING.get(element.tag)
        if attesting is not None and element.length <= MAX_WANTED_BYTES:
            raw = reader.read(element.value, element.length)
            if raw.strip(b" \0").upper() == attesting:
                self.attested.add(element.tag)
        vr = written_vr(element)
        if vr in WITHOUT_TEXT or end - element.value < _MIN_UID_BYTES:
            return
        if vr == "UI" and element.length <= CHUNK_BYTES:
            values = reader.read(element.value, element.length).split(b"\\")
            self.uids.update(value.strip(b" \0") for value in values)
        else:
            for chunk in chunks_of(reader, element.value, end):
                self.uids.update(uid for uid in _UID_IN_BYTES.findall(chunk) if len(uid) <= _MAX_UID_BYTES)
        if len(self.uids) > MAX_UIDS:
            raise DicomFormatError(f"expected at most {MAX_UIDS} different UIDs, got more")


def chunks_of(reader: Reader, start: int, end: int) -> Iterator[bytes]:
    """Yield what stands from `start` to `end` in chunks that overlap."""
    for at in range(start, end, CHUNK_BYTES):
        yield reader.read(at, min(CHUNK_BYTES + OVERLAP_BYTES, end - at))
