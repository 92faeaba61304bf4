"""Documents of a study: those that an instance encapsulates, and reports that lie beside the images."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from scanward.deidentify.documents.kinds import CleanedDocument, DocumentFacts, DocumentKind
from scanward.deidentify.header.scan import MIME_TYPE, InstanceFacts
from scanward.deidentify.text.prose import TextCleaner
from scanward.dicomstream.part10 import DataSetStart
from scanward.errors import DocumentError, EngineError, HoldError, UnseenError
from scanward.flow.study import StudyDeidentifier
from scanward.model.identifier import Identifier, IdentifierKind
from scanward.model.instance import ByteSource
from scanward.model.pixels import PixelMode, PixelOutcome
from scanward.model.profile import Profile
from scanward.model.text import DocumentMode, DocumentOutcome
from scanward.ports.recognisers import Recogniser

ENCAPSULATED_DOCUMENT = 0x00420011
ENCAPSULATED_DOCUMENT_LENGTH = 0x00420015

MOST_BYTES = 128 * 1024 * 1024
"""A longer document is held: it is read into memory as a whole."""

HEAD_BYTES = 4096
"""By so much of its start it is told what a file is."""

HELD_BY_PROFILE = "a document: the profile has documents held for a person"
LEFT_OUT = "a document: the profile leaves documents out"
JUST_TEXT = "a text, and no report of a study"
NOBODY_CLEANS = "nothing is set up that cleans documents"

_KIND_OF_MIME = {
    "application/pdf": DocumentKind.PDF,
    "text/xml": DocumentKind.CDA,
    "application/xml": DocumentKind.CDA,
    "application/hl7-cda+xml": DocumentKind.CDA,
}
"""What an instance encapsulates, by MIME Type (PS3.3 C.24.2); models for 3D printers are no documents."""


_SUFFIXES = {
    DocumentKind.PLAIN: ".txt",
    DocumentKind.HL7: ".hl7",
    DocumentKind.FHIR: ".json",
    DocumentKind.CDA: ".xml",
    DocumentKind.DOCX: ".docx",
    DocumentKind.PDF: ".pdf",
}


def suffix_of(kind: DocumentKind, data: bytes) -> str:
    """Return how the name of a document ends that is written so; FHIR is JSON or XML."""
    if kind is DocumentKind.FHIR and data.lstrip().startswith(b"<"):
        return ".xml"
    return _SUFFIXES[kind]


class Carrier(Protocol):
    """Reads and cleans documents of one kind."""

    def read_facts(self, data: bytes) -> DocumentFacts:
        """Return what a document says in its fields; raises `DocumentError`."""
        ...

    def clean(self, data: bytes, cleaner: TextCleaner) -> CleanedDocument:
        """Return a document without what identifies; raises `DocumentError`."""
        ...


class Carriers(Protocol):
    """Knows documents and who cleans them; what that takes is loaded when it is asked for."""

    def tell(self, name: str, start: bytes) -> DocumentKind | None:
        """Return how a file is written, by its name and first bytes; None for what is no document."""
        ...

    def find(self, kind: DocumentKind) -> Carrier:
        """Return who cleans documents of a kind; raises `EngineError` where something for it is missing."""
        ...


MakeRecogniser = Callable[[], Recogniser | None]
"""Makes what recognises identifiers in text that nobody told of, once in each process; can be pickled."""

MakeCarriers = Callable[[bool], Carriers]
"""Makes who cleans documents, by whether pictures may be looked at for it; can be pickled."""


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """A document among the inputs.

    Attributes
    ----------
    index
        Its place in the list of inputs.
    kind
        How it is written.
    facts
        What it says in its fields.
    """

    index: int
    kind: DocumentKind
    facts: DocumentFacts


class Documents:
    """Cleans documents, as far as a policy says.

    Parameters
    ----------
    make_carriers
        Makes who reads and cleans them; None where nobody does.
    profile
        What is done about text; and about pixels: where nobody looks at these, nobody looks at pages either.
    """

    def __init__(self, make_carriers: MakeCarriers | None, profile: Profile) -> None:
        self._make_carriers = make_carriers
        self._carriers: Carriers | None = None
        self._policy = profile.text
        self._looks = profile.pixels.mode is not PixelMode.OFF

    # Inside of instances

    def clean_inside(self, start: DataSetStart, facts: InstanceFacts, study: StudyDeidentifier) -> PixelOutcome | None:
        """Return what came of the document that an instance encapsulates; None where it has none.

        Raises
        ------
        HoldError
            It cannot be cleaned, or the profile has documents held.
        DicomFormatError
            It cannot be read.
        """
        kind = _KIND_OF_MIME.get(facts.text(MIME_TYPE).partition(";")[0].strip().lower())
        if kind is None or self._make_carriers is None:
            return None
        if self._policy.documents is DocumentMode.REMOVE:
            return PixelOutcome(is_proven=False, has_none=True)
        if self._policy.documents is DocumentMode.HOLD:
            raise HoldError(HELD_BY_PROFILE)
        data = _read_document(start)
        if not data:
            return PixelOutcome(is_proven=False, has_none=True)
        cleaner = study.with_more(self._find_carrier(kind).read_facts(data).identifiers)
        return PixelOutcome(is_proven=False, has_none=True, document=self._clean(data, kind, cleaner))

    # Beside images

    def tell(self, name: str, source: ByteSource) -> DocumentKind | None:
        """Return how an input that is not DICOM is written; None for what is no document."""
        if self._make_carriers is None:
            return None
        return self._find_carriers().tell(name, source.read(0, min(HEAD_BYTES, source.size)))

    def read(self, index: int, kind: DocumentKind, source: ByteSource) -> FoundDocument:
        """Return what a document says in its fields.

        Raises
        ------
        HoldError
            It cannot be read, or the profile has documents held or left out.
        """
        if self._policy.documents is not DocumentMode.CLEAN:
            raise HoldError(HELD_BY_PROFILE if self._policy.documents is DocumentMode.HOLD else LEFT_OUT)
        return FoundDocument(index, kind, self._find_carrier(kind).read_facts(_read_all(source)))

    def clean(self, kind: DocumentKind, source: ByteSource, study: StudyDeidentifier) -> tuple[str, DocumentOutcome]:
        """Return the name and what may leave of a document that belongs to a study, which knows what it says.

        Raises
        ------
        HoldError
            It cannot be cleaned for sure.
        """
        data = _read_all(source)
        return study.document_name(hashlib.sha256(data).hexdigest()), self._clean(data, kind, study.cleaner)

    def _clean(self, data: bytes, kind: DocumentKind, cleaner: TextCleaner) -> DocumentOutcome:
        cleaned = self._find_carrier(kind).clean(data, cleaner)
        return DocumentOutcome(
            data=cleaned.data,
            kind=kind.value,
            replaced={which.value: count for which, count in cleaned.replaced.items()},
            removed=cleaned.removed,
        )

    def _find_carrier(self, kind: DocumentKind) -> Carrier:
        try:
            return self._find_carriers().find(kind)
        except EngineError as error:
            raise UnseenError(str(error), remedy=error.remedy) from None

    def _find_carriers(self) -> Carriers:
        if self._carriers is None:
            if self._make_carriers is None:
                raise DocumentError(NOBODY_CLEANS)
            self._carriers = self._make_carriers(self._looks)
        return self._carriers


def _read_all(source: ByteSource) -> bytes:
    if source.size > MOST_BYTES:
        raise DocumentError(
            f"expected a document of at most {MOST_BYTES >> 20} MB, got a longer one", remedy="Split it."
        )
    return source.read(0, source.size)


def _read_document(start: DataSetStart) -> bytes:
    """Return the document that an instance encapsulates, without the byte that makes its length even."""
    reader, offset = start.reader, start.offset
    length: int | None = None
    data = b""
    while offset + 8 <= reader.size:
        element = reader.element(offset, start.encoding)
        if element.tag > ENCAPSULATED_DOCUMENT_LENGTH:
            break
        end = reader.end(element, reader.size)
        if element.tag == ENCAPSULATED_DOCUMENT:
            if element.length > MOST_BYTES:
                raise DocumentError(
                    f"expected a document of at most {MOST_BYTES >> 20} MB, got a longer one",
                    remedy="Have it converted to a smaller one.",
                )
            data = reader.read(element.value, element.length)
        elif element.tag == ENCAPSULATED_DOCUMENT_LENGTH and element.length == 4:
            length = int.from_bytes(reader.read(element.value, 4), "little" if start.encoding.little else "big")
        offset = end
    if length is not None and len(data) - 1 <= length <= len(data):
        return data[:length]
    return data[:-1] if data.endswith(b"\0") else data


# Which study a document belongs to


@dataclass(frozen=True, slots=True)
class Linked:
    """A document that belongs to a study of the run, by the place of the study."""

    document: FoundDocument
    study: int


def link(
    documents: Iterable[FoundDocument],
    uids: Sequence[str],
    patient_keys: Sequence[str],
    identifiers: Mapping[str, Iterable[Identifier]],
) -> tuple[list[Linked], list[tuple[FoundDocument, str]]]:
    """Find out which study each document belongs to, by Study Instance UID or Accession Number.

    Parameters
    ----------
    documents
        What was found.
    uids, patient_keys
        Study Instance UID and patient of each study of the run.
    identifiers
        What identifies patient and study, by Study Instance UID.

    Returns
    -------
    linked, others
        Those that belong to a study, and the others with the reason, in words.
    """
    by_uid = {uid: place for place, uid in enumerate(uids)}
    accessions: dict[str, list[int]] = {}
    patients: list[frozenset[str]] = []
    for place, uid in enumerate(uids):
        own = list(identifiers.get(uid, ()))
        patients.append(frozenset(_bare(one.value) for one in own if one.kind is IdentifierKind.PATIENT_ID))
        for one in own:
            if one.kind is IdentifierKind.ACCESSION:
                accessions.setdefault(_bare(one.value), []).append(place)
    linked: list[Linked] = []
    others: list[tuple[FoundDocument, str]] = []
    for document in documents:
        facts = document.facts
        places = sorted({by_uid[uid] for uid in facts.study_uids if uid in by_uid})
        if not places:
            places = sorted(
                {place for number in facts.accession_numbers for place in accessions.get(_bare(number), ())}
            )
        reason = _why_not(facts, places, patient_keys, patients)
        if reason:
            others.append((document, reason))
        else:
            linked.append(Linked(document, places[0]))
    return linked, others


def is_just_text(document: FoundDocument) -> bool:
    """Say whether a document is a text that says of nobody and no study that it is about them."""
    facts = document.facts
    tells = facts.patient_ids or facts.accession_numbers or facts.study_uids
    return document.kind is DocumentKind.PLAIN and not tells


def _why_not(
    facts: DocumentFacts, places: Sequence[int], patient_keys: Sequence[str], patients: Sequence[frozenset[str]]
) -> str:
    if not places:
        return (
            "a report that belongs to no study of this run: it names no Accession Number or Study Instance UID of one. "
            "Put it beside the images of its study"
        )
    if len({patient_keys[place] for place in places}) > 1:
        return "a report that names studies of several patients. Split it"
    told = frozenset(map(_bare, facts.patient_ids))
    known = frozenset().union(*(patients[place] for place in places))
    if told and known and told.isdisjoint(known):
        return (
            "a report whose patient is not the patient of the study that it names. Find out which of the two is right"
        )
    return ""


def _bare(number: str) -> str:
    """Return a number or code as systems compare it: without blanks around it, case and leading zeros."""
    bare = number.strip().casefold()
    return bare.lstrip("0") or bare
