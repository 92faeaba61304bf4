"""Which Attributes identify, and as what."""

from __future__ import annotations

import pytest

from scanward.deidentify.header.identify import kind_of
from scanward.model.identifier import IdentifierKind as Kind
from scanward.standard.confidentiality import all_rows
from scanward.standard.dictionary import find_attribute, tag_of


@pytest.mark.parametrize(
    ("keyword", "kind"),
    [
        ("PatientName", Kind.PATIENT_NAME),
        ("PatientMotherBirthName", Kind.PATIENT_NAME),
        ("OtherPatientNames", Kind.PATIENT_NAME),
        ("PersonName", Kind.PERSON_NAME),
        ("OperatorsName", Kind.PERSON_NAME),
        ("ReferringPhysicianName", Kind.PERSON_NAME),
        ("PatientID", Kind.PATIENT_ID),
        ("OtherPatientIDs", Kind.PATIENT_ID),
        ("MedicalRecordLocator", Kind.PATIENT_ID),
        ("AccessionNumber", Kind.ACCESSION),
        ("StudyID", Kind.OTHER_ID),
        ("AdmissionID", Kind.OTHER_ID),
        ("PatientBirthDate", Kind.BIRTH_DATE),
        ("StudyDate", Kind.DATE),
        ("AcquisitionDateTime", Kind.DATE),
        ("PatientAddress", Kind.ADDRESS),
        ("PatientTelephoneNumbers", Kind.PHONE),
        ("InstitutionName", Kind.INSTITUTION),
        ("InstitutionAddress", Kind.ADDRESS),
        ("DeviceSerialNumber", Kind.DEVICE),
        ("StationName", Kind.DEVICE),
        # What describes and does not identify by itself.
        ("StudyDescription", None),
        ("PatientSex", None),
        ("Modality", None),
        ("InstanceNumber", None),
        ("Rows", None),
        ("SOPInstanceUID", None),
        ("StudyTime", None),
    ],
)
def test_an_attribute_is_of_its_kind(keyword: str, kind: Kind | None) -> None:
    assert kind_of(tag_of(keyword)) is kind


def test_private_and_unknown_elements_have_no_kind() -> None:
    assert kind_of(0x00091001) is None
    assert kind_of(0x00080007) is None
    assert kind_of(0xFFFEE000) is None


def test_every_name_and_date_that_the_table_names_has_a_kind() -> None:
    for pattern in all_rows():
        if pattern == "private" or "x" in pattern:
            continue
        entry = find_attribute(int(pattern, 16))
        if entry is not None and entry.vr and entry.vr[0] in ("PN", "DA", "DT"):
            assert kind_of(entry.tag) is not None, entry.keyword
