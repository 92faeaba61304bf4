"""A result on its way back: patient, study, references, frames of reference and dates are the original ones again."""

import re
from dataclasses import replace

import pytest
from pydicom import config
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from scanward.dicomstream.file_meta import IMPLEMENTATION_CLASS_UID
from scanward.dicomstream.opening import open_dicom
from scanward.errors import ResultError
from scanward.model.instance import BytesSource, Range
from scanward.release.read import read_result
from scanward.release.reidentify import Reidentifier
from tests.common.images import CT_IMAGE
from tests.common.modules import item, reference
from tests.common.results import (
    LABELLING,
    MAKERS,
    RECIPIENT_ROOT,
    SPOOL,
    TODAY,
    Sent,
    agree,
    as_recipient,
    bring_back,
    chest,
    encode,
    make_result,
    match_result,
    send,
)
from tests.common.studies import set_transfer_syntax


@pytest.fixture(scope="module")
def sent() -> Sent:
    return send(chest())


def named(sent: Sent, **facts: str) -> Sent:
    """The same study, of a patient whose record says something else."""
    return replace(sent, originals=replace(sent.originals, **facts))


def every_uid(ds: Dataset) -> set[str]:
    found = set()
    for element in ds.iterall():
        if element.VR == "UI" and element.value:
            found.update(map(str, element.value if element.VM > 1 else [element.value]))
    return found


@pytest.mark.parametrize("kind", MAKERS)
def test_patient_and_study_are_the_original_ones(sent, kind):
    ds, study = bring_back(make_result(sent, kind), sent).ds, sent.study
    assert (str(ds.PatientName), ds.PatientID, ds.PatientBirthDate) == (
        study.patient.name, study.patient.patient_id, study.patient.birth_date,
    )  # fmt: skip
    assert (ds.StudyInstanceUID, ds.StudyDate, ds.StudyTime) == (study.uid("study"), study.date, study.time)
    assert (ds.AccessionNumber, ds.StudyID, ds.StudyDescription) == (study.accession, study.study_id, study.description)
    assert str(ds.ReferringPhysicianName) == study.referring


@pytest.mark.parametrize("kind", MAKERS)
def test_references_at_every_depth_are_the_original_ones(sent, kind):
    given = make_result(sent, kind)
    back = every_uid(bring_back(given, sent).ds)
    expected = {sent.originals.uids.get(uid, uid) for uid in every_uid(given)}
    assert back == expected


@pytest.mark.parametrize("kind", ["seg", "rtstruct", "rtdose"])
def test_frames_of_reference_are_the_original_ones(sent, kind):
    assert sent.study.uid("frame of reference") in every_uid(bring_back(make_result(sent, kind), sent).ds)


@pytest.mark.parametrize("kind", MAKERS)
def test_keeps_its_own_instance_and_series(sent, kind):
    given = make_result(sent, kind)
    back = bring_back(given, sent)
    assert (back.ds.SOPInstanceUID, back.ds.SeriesInstanceUID) == (given.SOPInstanceUID, given.SeriesInstanceUID)
    result = back.result
    assert (result.study_uid, result.series_uid, result.sop_instance_uid, result.sop_class_uid) == (
        sent.study.uid("study"), given.SeriesInstanceUID, given.SOPInstanceUID, given.SOPClassUID,
    )  # fmt: skip


@pytest.mark.parametrize("kind", MAKERS)
def test_de_identification_is_no_longer_claimed(sent, kind):
    ds = bring_back(make_result(sent, kind), sent).ds
    for keyword in (
        "PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence",
        "LongitudinalTemporalInformationModified",
    ):  # fmt: skip
        assert keyword not in ds


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
@pytest.mark.parametrize("kind", ["sr", "sc", "seg"])
def test_every_encoding(sent, kind, syntax):
    given = make_result(sent, kind)
    given.ContributingEquipmentSequence = [item(Manufacturer="Acme", ManufacturerModelName="Net 3")]
    set_transfer_syntax(given, syntax)
    back = bring_back(given, sent)
    assert back.ds.file_meta.TransferSyntaxUID == syntax == back.result.transfer_syntax_uid
    assert back.ds.PatientID == sent.study.patient.patient_id
    assert [one.Manufacturer for one in back.ds.ContributingEquipmentSequence] == ["Acme", "Lung AI, Inc.", "Scanward"]
    assert every_uid(back.ds) == {sent.originals.uids.get(uid, uid) for uid in every_uid(given)}
    if kind != "sr":
        assert back.ds.PixelData == given.PixelData


def test_file_meta_information_is_made_anew(sent):
    given = make_result(sent, "sc")
    given.file_meta.SourceApplicationEntityTitle = "LUNGAI"
    given.preamble = b"SW" + bytes(126)
    back = bring_back(given, sent)
    assert back.data[:128] == bytes(128)
    assert back.ds.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert "SourceApplicationEntityTitle" not in back.ds.file_meta
    assert back.ds.file_meta.MediaStorageSOPInstanceUID == given.SOPInstanceUID


def test_pixels_stay_where_they_are(sent):
    result = bring_back(make_result(sent, "sc"), sent).result
    assert [piece for piece in result.pieces if isinstance(piece, Range)] == [result.pieces[-1]]


def test_sequences_of_undefined_length(sent):
    given = make_result(sent, "seg")
    given.ContributingEquipmentSequence = [item(Manufacturer="Acme")]
    for element in given.iterall():
        if element.VR == "SQ":
            element.is_undefined_length = True
            for one in element.value:
                one.is_undefined_length_sequence_item = True
    back = bring_back(given, sent)
    assert every_uid(back.ds) == {sent.originals.uids.get(uid, uid) for uid in every_uid(given)}
    assert len(back.ds.ContributingEquipmentSequence) == 3


def test_what_the_record_has_not_is_empty_and_not_the_pseudonym(sent):
    plain = named(sent, patient_id="", patient_name="", accession_number="", study_description="")
    ds = bring_back(make_result(sent, "sc"), plain).ds
    assert (ds.PatientID, str(ds.PatientName), ds.AccessionNumber) == ("", "", "")
    assert "StudyDescription" not in ds
    assert "IssuerOfPatientID" not in ds


def test_the_issuer_comes_back(sent):
    assert bring_back(make_result(sent, "sc"), named(sent, issuer="HOSP")).ds.IssuerOfPatientID == "HOSP"


def test_what_would_name_another_patient_as_well_goes(sent):
    given = make_result(sent, "sr")
    given.OtherPatientIDs = "MRN0000001"
    given.OtherPatientNames = "Doe^Jane"
    given.OtherPatientIDsSequence = [item(PatientID="MRN0000001", TypeOfPatientID="TEXT")]
    given.IssuerOfPatientID = "ELSEWHERE"
    given.StudyDescription, given.AccessionNumber = "Other study", "X1"
    data = bring_back(given, sent).data
    for value in (b"MRN0000001", b"Doe^Jane", b"ELSEWHERE", b"Other study", b"X1 "):
        assert value not in data


# Dates


def shifted(sent: Sent) -> str:
    return as_recipient(sent).date


def test_dates_of_the_source_move_back_and_its_own_stay(sent):
    given = make_result(sent, "sc")
    given.AcquisitionDate = given.StudyDate = shifted(sent)
    given.AcquisitionDateTime = f"{shifted(sent)}120000.5+0100"
    given.DateOfSecondaryCapture = given.InstanceCreationDate = TODAY
    ds = bring_back(given, sent).ds
    assert (ds.AcquisitionDate, ds.AcquisitionDateTime) == (sent.study.date, f"{sent.study.date}120000.5+0100")
    assert {ds.DateOfSecondaryCapture, ds.InstanceCreationDate, ds.SeriesDate, ds.ContentDate} == {TODAY}


def test_a_date_of_making_that_is_older_than_the_disclosure_was_copied(sent):
    given = make_result(sent, "sc")
    given.ContentDate = given.SeriesDate = shifted(sent)
    ds = bring_back(given, sent).ds
    assert (ds.ContentDate, ds.SeriesDate) == (sent.study.date, sent.study.date)


def test_a_date_that_would_lie_ahead_is_the_recipients_own(sent):
    given = make_result(sent, "sc")
    given.AcquisitionDate = TODAY
    assert bring_back(given, sent).ds.AcquisitionDate == TODAY


def test_dates_in_the_content_of_a_report_move_back(sent):
    given = make_result(sent, "sr")
    given.ContentSequence[0].ObservationDateTime = f"{TODAY}1200"
    ds = bring_back(given, sent).ds
    values = {one.ValueType: one for one in ds.ContentSequence}
    assert values["DATE"].Date == sent.study.date
    assert values["DATETIME"].DateTime == sent.study.date + sent.study.time[:6]
    assert ds.ContentSequence[0].ObservationDateTime == f"{TODAY}1200"


def test_dates_stay_where_none_were_moved():
    sent = send(chest(), profile="patient-copy", moves_dates=False)
    given = make_result(sent, "sc")
    given.AcquisitionDate = "20200102"
    given.StudyInstanceUID = sent.study.uid("study")
    assert bring_back(given, sent).ds.AcquisitionDate == "20200102"


@pytest.mark.parametrize("value", ["2020-01-02", "20201399", "yesterday"])
def test_a_date_that_is_none_holds_the_result(sent, value):
    given = make_result(sent, "sc")
    with config.disable_value_validation():
        given.AcquisitionDate = value
        data = encode(given)
    with pytest.raises(ResultError, match="a date that can be moved back") as caught:
        bring_back(data, sent)
    assert value not in str(caught.value)


# Text


def test_pseudonyms_and_uids_in_text_are_put_back(sent):
    given, pseudonym = make_result(sent, "sr"), sent.originals.pseudonym
    ct = sent.instances["ct/1"]
    given.SeriesDescription = f"Nodules of {pseudonym}"
    given.ContentSequence[2].TextValue = f"Patient {pseudonym.lower()}: see image {ct.SOPInstanceUID}. Done"
    given.ContentSequence[1].PersonName = pseudonym
    given.private_block(0x0099, "ACME", create=True).add_new(1, "LO", f"{pseudonym}_1")
    ds, study = bring_back(given, sent).ds, sent.study
    assert ds.SeriesDescription == f"AI result: Nodules of {study.patient.patient_id}"
    assert ds.ContentSequence[2].TextValue == f"Patient {study.patient.patient_id}: see image {study.uid('ct/1')}. Done"
    assert str(ds.ContentSequence[1].PersonName) == study.patient.name
    assert ds[0x0099, 0x1001].value == f"{study.patient.patient_id}_1"


def test_uids_that_the_recipient_made_of_ours_stay(sent):
    given = make_result(sent, "sr")
    given.ContentSequence[-1].TemplateExtensionOrganizationUID = f"{sent.instances['ct/1'].SOPInstanceUID}.1"
    back = bring_back(given, sent).ds
    assert back.ContentSequence[-1].TemplateExtensionOrganizationUID == f"{sent.instances['ct/1'].SOPInstanceUID}.1"


def test_what_is_no_pseudonym_is_left_alone(sent):
    given = make_result(sent, "sr")
    script = '<script>alert("1.2.3")</script> \'; DROP TABLE results; --'
    given.ContentSequence[2].TextValue = script
    assert bring_back(given, sent).ds.ContentSequence[2].TextValue == script


def test_text_without_room_for_the_id_holds_the_result(sent):
    given = make_result(sent, "sr")
    given.ProtocolName = f"{'x' * 45}{sent.originals.pseudonym}"
    with pytest.raises(ResultError, match="room for the patient's own ID"):
        bring_back(given, named(sent, patient_id="M" * 64))


@pytest.mark.parametrize("what", ["pseudonym", "uid"])
@pytest.mark.parametrize("vr", ["OB", "UN"])
def test_what_cannot_be_edited_is_held(sent, what, vr):
    given = make_result(sent, "sc")
    value = sent.originals.pseudonym if what == "pseudonym" else str(sent.instances["ct/1"].SOPInstanceUID)
    raw = b"\x01" + value.encode()
    given.private_block(0x0099, "ACME", create=True).add_new(1, vr, raw + b"\0" * (len(raw) % 2))
    with pytest.raises(ResultError, match="in a place that cannot be edited") as caught:
        bring_back(given, sent)
    assert value not in str(caught.value)


def test_a_pseudonym_printed_in_a_document_is_held(sent):
    given = make_result(sent, "pdf")
    given.EncapsulatedDocument = given.EncapsulatedDocument.replace(b"7 mm", sent.originals.pseudonym.encode())
    with pytest.raises(ResultError, match="expected no pseudonym"):
        bring_back(given, sent)


def test_a_coded_string_with_the_pseudonym_is_held(sent):
    given = make_result(sent, "sc")
    with config.disable_value_validation():
        given.BodyPartExamined = sent.originals.pseudonym
        data = encode(given)
    with pytest.raises(ResultError, match="expected no pseudonym"):
        bring_back(data, sent)


# Character sets


@pytest.mark.parametrize(
    ("charset", "name", "expected"),
    [
        ("ISO_IR 100", "Müller^Jürgen", "ISO_IR 100"),
        ("ISO_IR 192", "Ștefănescu^Ioana", "ISO_IR 192"),
        ("", "Müller^Jürgen", "ISO_IR 192"),
        ("ISO_IR 6", "Müller^Jürgen", "ISO_IR 192"),
        ("ISO_IR 100", "山田^太郎", "ISO_IR 192"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう", ["", "ISO 2022 IR 87"]),
        (["", "ISO 2022 IR 87"], "Müller^Jürgen", "ISO_IR 192"),
    ],
)
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_names_of_every_script_come_back(sent, charset, name, expected, syntax):
    given = make_result(sent, "sr")
    text = "Rundherd" if charset in ("", "ISO_IR 6") else "結節 あり" if isinstance(charset, list) else "Größe"
    given.SpecificCharacterSet = charset
    given.ContentSequence[2].TextValue = f"{text} {sent.originals.pseudonym}"
    set_transfer_syntax(given, syntax)
    ds = bring_back(given, named(sent, patient_name=name)).ds
    assert ds.PatientName == name
    assert ds.SpecificCharacterSet == expected
    assert ds.ContentSequence[2].TextValue == f"{text} {sent.study.patient.patient_id}"


def test_items_with_a_character_set_of_their_own_go_over_too(sent):
    given = make_result(sent, "sr")
    given.SpecificCharacterSet = "ISO_IR 100"
    given.ContentSequence[2].SpecificCharacterSet = "ISO_IR 144"
    given.ContentSequence[2].TextValue = "Узел"
    given.ContentSequence[3].TextValue = ""
    ds = bring_back(given, named(sent, patient_name="山田^太郎")).ds
    assert (ds.SpecificCharacterSet, ds.ContentSequence[2].SpecificCharacterSet) == ("ISO_IR 192", "ISO_IR 192")
    assert ds.ContentSequence[2].TextValue == "Узел"


def test_text_in_no_known_character_set_holds_the_result(sent):
    given = make_result(sent, "sr")
    given.ContentSequence[2].TextValue = "Groesse"
    data = encode(given).replace(b"Groesse", b"Gr\xf6\xdfeXY")
    assert bring_back(data, sent).ds.PatientID == sent.study.patient.patient_id  # nothing has to be changed in it
    with pytest.raises(ResultError, match="expected text in its Specific Character Set"):
        bring_back(data, named(sent, patient_name="Müller^Jürgen"))


def test_the_recipients_name_may_be_in_another_script(sent):
    labelling = replace(LABELLING, recipient_name="Étude\\Radiologie")
    ds = bring_back(make_result(sent, "sc"), sent, labelling=labelling).ds
    assert ds.SpecificCharacterSet == "ISO_IR 192"
    assert ds.ContributingEquipmentSequence[-2].Manufacturer == "Étude/Radiologie"


# What cannot be read, or is signed


def test_encrypted_attributes_are_held(sent):
    given = make_result(sent, "sc")
    given.EncryptedAttributesSequence = [
        item(EncryptedContentTransferSyntaxUID="1.2.840.10008.1.2", EncryptedContent=b"ab")
    ]
    with pytest.raises(ResultError, match="Attributes that can be read"):
        bring_back(given, sent)


def test_signatures_of_other_bytes_go(sent):
    given = make_result(sent, "sc")
    given.MACParametersSequence = [item(MACIDNumber=1)]
    given.DigitalSignaturesSequence = [item(MACIDNumber=1, DigitalSignatureUID=f"{RECIPIENT_ROOT}.8")]
    ds = bring_back(given, sent).ds
    assert "MACParametersSequence" not in ds
    assert "DigitalSignaturesSequence" not in ds


def test_a_large_segmentation_is_not_taken_apart_in_memory(sent):
    given = make_result(sent, "seg")
    given.PixelData = bytes(3 * 1024 * 1024)
    pieces = bring_back(given, sent).result.pieces
    assert sum(len(piece) for piece in pieces if isinstance(piece, bytes)) < 20_000


def test_prior_references_come_back_too(sent):
    prior = send(chest(names=("ct/1",), seed=7))
    for name in ("study", "ct/1"):
        assert prior.study.uid(name) == sent.study.uid(name)
    own = replace(sent, originals=replace(sent.originals, uids={
        new: old for new, old in sent.originals.uids.items() if old != sent.study.uid("ct/2")}))  # fmt: skip
    given = make_result(sent, "sc")
    given.SourceImageSequence = [reference(CT_IMAGE, sent.instances["ct/2"].SOPInstanceUID)]
    context = replace(sent.context(), others={"2.25.1": sent.originals.to_mapping()})
    ds = bring_back(given, own, context=context).ds
    assert ds.SourceImageSequence[0].ReferencedSOPInstanceUID == sent.study.uid("ct/2")


def test_a_match_of_another_result_does_not_fit(sent):
    """The check at the end looks at bytes, not at what was meant to be done."""
    source = BytesSource(encode(make_result(sent, "sr")))
    facts = read_result(source, SPOOL)
    match = match_result(facts, sent.originals.to_mapping(), sent.context(), agree(make_result(sent, "sr")))
    worn = Reidentifier(LABELLING)
    worn_match = replace(match, uids={**match.uids, f"{RECIPIENT_ROOT}.2.4223674586": "1.2.3.4.5"})
    with pytest.raises(ResultError, match="in a place that cannot be edited"):
        worn.apply(open_dicom(source, SPOOL), facts, worn_match)


def test_repr_shows_nothing(sent):
    result = bring_back(make_result(sent, "sr"), sent).result
    assert re.fullmatch(r"ReidentifiedResult\([0-9.]+\)", repr(result))
