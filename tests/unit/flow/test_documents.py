"""Which study a report belongs to, and what is said of one that belongs to none."""

from __future__ import annotations

import pytest

from scanward.deidentify.documents.kinds import DocumentFacts, DocumentKind
from scanward.flow.document_texts import decode_found, encode_found
from scanward.flow.documents import FoundDocument, is_just_text, link
from scanward.model.identifier import Identifier, IdentifierKind

UIDS = ("1.2.3.4.5.6.1", "1.2.3.4.5.6.2", "1.2.3.4.5.6.3")
PATIENTS = ("one", "one", "two")
IDENTIFIERS = {
    UIDS[0]: {Identifier(IdentifierKind.ACCESSION, "A100"), Identifier(IdentifierKind.PATIENT_ID, "0042")},
    UIDS[1]: {Identifier(IdentifierKind.ACCESSION, "A200"), Identifier(IdentifierKind.PATIENT_ID, "0042")},
    UIDS[2]: {Identifier(IdentifierKind.ACCESSION, "A200"), Identifier(IdentifierKind.PATIENT_ID, "77")},
}


def found(kind: DocumentKind = DocumentKind.HL7, **facts: frozenset[str]) -> FoundDocument:
    return FoundDocument(0, kind, DocumentFacts(**facts))


def linked(document: FoundDocument) -> int | str:
    own, others = link([document], UIDS, PATIENTS, IDENTIFIERS)
    return own[0].study if own else others[0][1]


@pytest.mark.parametrize(
    ("facts", "study"),
    [
        ({"study_uids": {UIDS[1]}}, 1),
        ({"accession_numbers": {"A100"}}, 0),
        ({"accession_numbers": {" a100 "}}, 0),
        ({"accession_numbers": {"A100"}, "patient_ids": {"42"}}, 0),
        # What names the study itself decides before an Accession Number that others have too.
        ({"study_uids": {UIDS[2]}, "accession_numbers": {"A200"}}, 2),
    ],
)
def test_a_report_goes_with_the_study_that_it_names(facts, study):
    assert linked(found(**{name: frozenset(values) for name, values in facts.items()})) == study


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({}, "belongs to no study"),
        ({"accession_numbers": {"A999"}}, "belongs to no study"),
        ({"patient_ids": {"0042"}}, "belongs to no study"),
        ({"accession_numbers": {"A200"}}, "several patients"),
        ({"accession_numbers": {"A100"}, "patient_ids": {"43"}}, "not the patient"),
    ],
)
def test_a_report_that_could_be_of_another_is_not_taken_for_one_of_a_study(facts, why):
    assert why in linked(found(**{name: frozenset(values) for name, values in facts.items()}))


def test_a_text_that_says_of_nobody_is_no_report():
    assert is_just_text(found(DocumentKind.PLAIN))
    assert not is_just_text(found(DocumentKind.PLAIN, patient_ids=frozenset({"1"})))
    assert not is_just_text(found(DocumentKind.HL7))


def test_what_is_known_of_a_document_travels_between_workers():
    facts = DocumentFacts(
        identifiers=frozenset({Identifier(IdentifierKind.PATIENT_NAME, "Müller^Ana")}),
        patient_ids=frozenset({"1", "2"}),
        accession_numbers=frozenset({"A1"}),
        study_uids=frozenset({UIDS[0]}),
    )
    document = FoundDocument(7, DocumentKind.FHIR, facts)
    assert decode_found(encode_found(document)) == document
