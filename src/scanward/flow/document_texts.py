"""What is known of documents, as JSON values: for journals and for shards of a batch."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from scanward.deidentify.documents.kinds import DocumentFacts, DocumentKind
from scanward.flow.documents import FoundDocument
from scanward.model.identifier import Identifier, IdentifierKind
from scanward.model.text import DocumentTally


def encode_documents(tally: DocumentTally) -> dict[str, object]:
    """Return what became of documents as a JSON value."""
    return {
        "cleaned": dict(sorted(tally.cleaned.items())),
        "replaced": dict(sorted(tally.replaced.items())),
        "removed": dict(sorted(tally.removed.items())),
    }


def decode_documents(value: Mapping[str, Any]) -> DocumentTally:
    """Return what became of documents."""
    return DocumentTally(
        cleaned=Counter(value["cleaned"]), replaced=Counter(value["replaced"]), removed=Counter(value["removed"])
    )


def encode_found(found: FoundDocument) -> list[object]:
    """Return a document among the inputs as a JSON value."""
    facts = found.facts
    return [
        found.index,
        found.kind.value,
        sorted((one.kind.value, one.value) for one in facts.identifiers),
        sorted(facts.patient_ids),
        sorted(facts.accession_numbers),
        sorted(facts.study_uids),
    ]


def decode_found(value: Sequence[Any]) -> FoundDocument:
    """Return a document among the inputs."""
    index, kind, identifiers, patient_ids, accession_numbers, study_uids = value
    facts = DocumentFacts(
        identifiers=frozenset(Identifier(IdentifierKind(which), text) for which, text in identifiers),
        patient_ids=frozenset(patient_ids),
        accession_numbers=frozenset(accession_numbers),
        study_uids=frozenset(study_uids),
    )
    return FoundDocument(index, DocumentKind(kind), facts)
