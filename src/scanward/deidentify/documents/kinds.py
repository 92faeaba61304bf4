"""What is known of a document, and what comes of cleaning one."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from scanward.deidentify.text.prose import TextCleaner
from scanward.model.identifier import Identifier, IdentifierKind


class DocumentKind(StrEnum):
    """How a document is written."""

    PLAIN = "plain text"
    HL7 = "HL7 v2 message"
    FHIR = "FHIR resource"
    CDA = "clinical document (CDA)"
    DOCX = "Word document"
    PDF = "PDF document"


@dataclass(frozen=True, kw_only=True)
class DocumentFacts:
    """What a document says in its fields, before anything is done with it.

    Attributes
    ----------
    identifiers
        Whom and what it names, for the search: of the patient, the order, everybody around them.
    patient_ids, accession_numbers, study_uids
        By which it belongs to studies; as they stood, without blanks around them.
    """

    identifiers: frozenset[Identifier] = frozenset()
    patient_ids: frozenset[str] = frozenset()
    accession_numbers: frozenset[str] = frozenset()
    study_uids: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        """Tell numbers only, so that no traceback or log shows a value."""
        return f"DocumentFacts(<{len(self.identifiers)} identifiers>)"


@dataclass(frozen=True, kw_only=True)
class CleanedDocument:
    """A document that may leave.

    Attributes
    ----------
    data
        The document.
    replaced
        How many identifiers were replaced, by kind.
    removed
        What was left out besides, in words for the report (``"2 attachments"``); never a value.
    """

    data: bytes
    replaced: Counter[IdentifierKind] = field(default_factory=Counter)
    removed: tuple[str, ...] = ()


ReadFacts = Callable[[bytes], DocumentFacts]
"""Reads what a document says in its fields; raises `DocumentError` where it cannot be read."""

CleanDocument = Callable[[bytes, TextCleaner], CleanedDocument]
"""Cleans a document; raises `DocumentError` where it cannot be read, or not be cleaned for sure."""
