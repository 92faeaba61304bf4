"""Documents inside of instances on their way to recipients, and what earlier studies of a patient tell of them."""

from __future__ import annotations

import io
import random

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pypdf import PdfReader

from scanward.model.holds import HoldKind
from tests.common.documents import make_basic_text_sr, make_encapsulated_pdf, make_pdf
from tests.common.gateway import LUNG_AI, TestGateway
from tests.common.patients import make_patient, make_study

ANY = LUNG_AI.replace('["CT", "MR"]', '["*"]')


@pytest.fixture
def gateway(tmp_path):
    made = TestGateway(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def study():
    rng = random.Random(5)
    return make_study(rng, make_patient(rng), "Letter")


def arrived(gateway: TestGateway) -> list[Dataset]:
    return [dcmread(io.BytesIO(data)) for copies in gateway.inbox.arrived.values() for data in copies]


def own_profile(gateway: TestGateway, folder, text: str) -> None:
    path = folder / "own.toml"
    path.write_text(f'name = "own"\ndescription = "own"\n[text]\n{text}\n')
    gateway.add_recipient(ANY.replace('profile = "ai-inference"', f'profile = "{path}"'))


def text_of(ds: Dataset) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(ds.EncapsulatedDocument)).pages)


def test_a_report_leaves_cleaned(gateway, study):
    gateway.add_recipient(ANY)
    sent = make_encapsulated_pdf(study)
    sent.EncapsulatedDocumentLength = len(sent.EncapsulatedDocument)
    assert gateway.take(sent).accepted
    gateway.settle()
    (ds,) = arrived(gateway)
    text = text_of(ds)
    assert "Recovered well" in text
    for word in (study.patient.family, study.patient.given, f"{study.patient.birth:%d.%m.%Y}"):
        assert word not in text
        assert word.encode() not in ds.EncapsulatedDocument
    assert ds.EncapsulatedDocument.startswith(b"%PDF-")
    assert len(ds.EncapsulatedDocument) - ds.EncapsulatedDocumentLength in (0, 1)


def test_a_document_that_cannot_be_read_is_held(gateway, study):
    gateway.add_recipient(ANY)
    assert gateway.take(make_encapsulated_pdf(study, b"%PDF-1.4 broken")).accepted
    gateway.settle()
    assert not arrived(gateway)
    (release,) = gateway.stores.ledger.releases(limit=10)
    (one,) = gateway.staff.holds.held(release.release_id)
    assert one.hold.kind is HoldKind.UNREADABLE
    assert "PDF" in one.reason


def test_a_profile_may_have_documents_held_or_left_out(gateway, study, tmp_path):
    own_profile(gateway, tmp_path, 'documents = "hold"')
    assert gateway.take(make_encapsulated_pdf(study)).accepted
    gateway.settle()
    assert not arrived(gateway)


def test_a_notice_stands_for_a_document_that_is_left_out(gateway, study, tmp_path):
    own_profile(gateway, tmp_path, 'documents = "remove"')
    sent = make_encapsulated_pdf(study, make_pdf(["Recovered well."] * 40, title="x", author="y"))
    sent.EncapsulatedDocumentLength = len(sent.EncapsulatedDocument)
    assert gateway.take(sent).accepted
    gateway.settle()
    (ds,) = arrived(gateway)
    assert "Document removed" in text_of(ds)
    assert len(ds.EncapsulatedDocument) - ds.EncapsulatedDocumentLength in (0, 1)


def test_a_name_of_before_is_known_from_an_earlier_study(gateway, study):
    """She married: the report of now, in running text, tells the name that only the study of then has."""
    rng = random.Random(6)
    then = make_study(rng, study.patient, "Then")
    old = make_basic_text_sr(then)
    old.PatientName = "zwickelhuber^ingrid"
    assert gateway.take(old).accepted
    gateway.settle()
    gateway.add_recipient(ANY)
    sent = make_basic_text_sr(study)
    finding = sent.ContentSequence[-1].ContentSequence[0]
    finding.TextValue = (
        "the patient, formerly known as zwickelhuber, has a nodule of 7 mm in the right upper lobe and no effusion."
    )
    assert gateway.take(sent).accepted
    gateway.settle()
    (ds,) = arrived(gateway)
    assert "zwickel" not in str(ds).lower()
    text = ds.ContentSequence[-1].ContentSequence[0].TextValue
    assert "has a nodule of 7 mm in the right upper lobe and no effusion." in text
