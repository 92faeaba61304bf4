"""The first pass: what a header identifies its patient and study by."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from scanward.deidentify.header.identify import kind_of
from scanward.dicomstream.charset import decode_text
from scanward.dicomstream.part10 import (
    MEDIA_STORAGE_SOP_CLASS_UID,
    MEDIA_STORAGE_SOP_INSTANCE_UID,
    DataSetStart,
)
from scanward.dicomstream.reader import Element, Reader
from scanward.dicomstream.rewrite import Edit, Scope, rewrite_element
from scanward.dicomstream.similar import SimilarDataSets
from scanward.errors import DicomFormatError
from scanward.model.attribute import Tag
from scanward.model.identifier import Identifier, IdentifierKind
from scanward.model.study import patient_key

SPECIFIC_CHARACTER_SET = 0x00080005
IMAGE_TYPE = 0x00080008
SOP_CLASS_UID = 0x00080016
SOP_INSTANCE_UID = 0x00080018
MODALITY = 0x00080060
PATIENT_NAME = 0x00100010
PATIENT_ID = 0x00100020
ISSUER_OF_PATIENT_ID = 0x00100021
PATIENT_BIRTH_DATE = 0x00100030
BODY_PART_EXAMINED = 0x00180015
STUDY_INSTANCE_UID = 0x0020000D
SERIES_INSTANCE_UID = 0x0020000E
SAMPLES_PER_PIXEL = 0x00280002
PHOTOMETRIC_INTERPRETATION = 0x00280004
NUMBER_OF_FRAMES = 0x00280008
ROWS = 0x00280010
COLUMNS = 0x00280011
BITS_ALLOCATED = 0x00280100
BURNED_IN_ANNOTATION = 0x00280301
RECOGNIZABLE_VISUAL_FEATURES = 0x00280302
MIME_TYPE = 0x00420012

_WANTED = frozenset(
    (
        SPECIFIC_CHARACTER_SET, IMAGE_TYPE, SOP_CLASS_UID, SOP_INSTANCE_UID, MODALITY, PATIENT_NAME, PATIENT_ID,
        ISSUER_OF_PATIENT_ID, PATIENT_BIRTH_DATE, BODY_PART_EXAMINED, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID,
        SAMPLES_PER_PIXEL, PHOTOMETRIC_INTERPRETATION, NUMBER_OF_FRAMES, ROWS, COLUMNS, BITS_ALLOCATED,
        BURNED_IN_ANNOTATION, RECOGNIZABLE_VISUAL_FEATURES, MIME_TYPE,
    )
)  # fmt: skip

MAX_IDENTIFYING_BYTES = 1024
"""Values longer than this are texts, not identifiers: the longest, an address, is a few lines."""


class RawIdentifier(NamedTuple):
    """An identifying value as found: its kind, the Specific Character Set it stands in, its bytes."""

    kind: IdentifierKind
    charset: bytes | None
    raw: bytes

    def __repr__(self) -> str:
        """Name the kind only."""
        return f"RawIdentifier({self.kind.name})"


class _Part:
    """What one element, or a run of them, says: wanted values by tag, and identifying values."""

    __slots__ = ("identifiers", "values")

    def __init__(self, values: dict[Tag, bytes], identifiers: tuple[RawIdentifier, ...]) -> None:
        self.values = values
        self.identifiers = identifiers


_NOTHING = _Part({}, ())


@dataclass(frozen=True, slots=True)
class InstanceFacts:
    """What the later steps need to know of an instance before they plan anything.

    Attributes
    ----------
    values
        Raw values of the Attributes that tell what it is, by tag.
    identifiers
        Identifying values, in parts; most parts are shared with the instances before.
    transfer_syntax_uid
        Its encoding.
    little
        Whether numbers are little endian.
    """

    values: dict[Tag, bytes]
    identifiers: tuple[tuple[RawIdentifier, ...], ...]
    transfer_syntax_uid: str
    little: bool

    def text(self, tag: Tag) -> str:
        """Return a value as text, empty where it is missing."""
        return decode_text(self.values.get(tag, b""), self.charset).strip()

    def number(self, tag: Tag) -> int | None:
        """Return an US value as a number, or None where it is missing."""
        raw = self.values.get(tag, b"")
        return int.from_bytes(raw[:2], "little" if self.little else "big") if len(raw) >= 2 else None

    @property
    def charset(self) -> bytes:
        """Raw value of Specific Character Set."""
        return self.values.get(SPECIFIC_CHARACTER_SET, b"").strip(b" \0")

    @property
    def patient_key(self) -> str:
        """What the patient's pseudonym is made of."""
        return patient_key(
            patient_id=self.text(PATIENT_ID),
            issuer=self.text(ISSUER_OF_PATIENT_ID),
            name=self.text(PATIENT_NAME),
            birth_date=self.text(PATIENT_BIRTH_DATE),
            study_uid=self.text(STUDY_INSTANCE_UID),
        )


class Scanner:
    """Scans headers one after the other; those of one series cost little after the first."""

    def __init__(self) -> None:
        self._similar: SimilarDataSets[_Part] = SimilarDataSets(_process, _join)

    def scan(self, start: DataSetStart) -> InstanceFacts:
        """Read the header of an instance, whole and at every depth.

        Raises
        ------
        DicomFormatError
            It is not well formed, or has none of the UIDs that name an instance.
        """
        parts = self._similar.process(start)
        values: dict[Tag, bytes] = {}
        identifiers: list[tuple[RawIdentifier, ...]] = []
        for part in parts:
            if part is not _NOTHING:
                if part.values:
                    values.update(part.values)
                if part.identifiers:
                    identifiers.append(part.identifiers)
        for tag, meta_tag in (
            (SOP_CLASS_UID, MEDIA_STORAGE_SOP_CLASS_UID),
            (SOP_INSTANCE_UID, MEDIA_STORAGE_SOP_INSTANCE_UID),
        ):
            if not values.get(tag) and start.meta.get(meta_tag):
                values[tag] = start.meta[meta_tag]
        facts = InstanceFacts(values, tuple(identifiers), start.transfer_syntax_uid, start.encoding.little)
        _require_uids(facts)
        return facts


def _require_uids(facts: InstanceFacts) -> None:
    for tag, name in ((SOP_CLASS_UID, "SOP Class UID"), (SOP_INSTANCE_UID, "SOP Instance UID")):
        if not facts.values.get(tag, b"").strip(b" \0"):
            raise DicomFormatError(
                f"expected {name}, got none", remedy="Have the archive or modality send the instance whole."
            )
    # Old and exported files lack these two; such an instance is a study and series of its own.
    for tag in (STUDY_INSTANCE_UID, SERIES_INSTANCE_UID):
        if not facts.values.get(tag, b"").strip(b" \0"):
            facts.values[tag] = facts.values[SOP_INSTANCE_UID]


def _process(reader: Reader, element: Element, end: int, _creator: bytes | None) -> _Part:
    tag = element.tag
    if tag & 0x10000:
        return _NOTHING
    if reader.is_sequence(element):
        return _scan_sequence(reader, element, end)
    kind = kind_of(tag)
    if (kind is None and tag not in _WANTED) or element.length > MAX_IDENTIFYING_BYTES:
        return _NOTHING
    raw = reader.read(element.value, element.length)
    return _Part(
        {tag: raw} if tag in _WANTED else {},
        () if kind is None or not raw.strip(b" \0") else (RawIdentifier(kind, None, raw.strip(b" \0")),),
    )


def _scan_sequence(reader: Reader, element: Element, end: int) -> _Part:
    found: list[RawIdentifier] = []

    def decide(inner: Element, scope: Scope, reader: Reader) -> Edit:
        if inner.tag & 0x10000:
            return Edit.KEEP
        if reader.is_sequence(inner):
            return Edit.DESCEND
        kind = kind_of(inner.tag)
        if kind is not None and inner.length <= MAX_IDENTIFYING_BYTES:
            raw = reader.read(inner.value, inner.length).strip(b" \0")
            if raw:
                found.append(RawIdentifier(kind, scope.charset or None, raw))
        return Edit.KEEP

    rewrite_element(reader, element, limit=end, scope=Scope(), decide=decide)
    return _Part({}, tuple(found)) if found else _NOTHING


def _join(parts: list[_Part]) -> _Part:
    values: dict[Tag, bytes] = {}
    for part in parts:
        values.update(part.values)
    identifiers = tuple(identifier for part in parts for identifier in part.identifiers)
    return _Part(values, identifiers) if values or identifiers else _NOTHING


def decode_identifiers(found: Iterable[RawIdentifier], charset: bytes) -> frozenset[Identifier]:
    """Decode what was found; `charset` holds where an item has none of its own."""
    identifiers = set()
    for kind, own_charset, raw in found:
        text = decode_text(raw, own_charset if own_charset is not None else charset)
        for value in text.split("\\"):
            value = value.strip(" \0")
            if kind in (IdentifierKind.DATE, IdentifierKind.BIRTH_DATE):
                value = value.replace(".", "")[:8]
                if len(value) < 8 or not value.isdigit():
                    continue
            if value:
                identifiers.add(Identifier(kind, value))
    return frozenset(identifiers)
