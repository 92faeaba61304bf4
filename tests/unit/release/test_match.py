"""What a result may be, whose, and what it may refer to; everything else is held with a reason in words."""

import pytest
from pydicom import config
from pydicom.dataset import Dataset

from scanward.errors import DicomFormatError, NestingError, NotDicomError, ResultError, StoreError, TruncatedError
from scanward.model.agreement import ResultScope
from scanward.model.instance import BytesSource
from scanward.release.match import Match, match_result
from scanward.release.originals import Originals
from scanward.release.read import MAX_UIDS, ResultFacts, read_result
from tests.common.images import CT_IMAGE
from tests.common.modules import item, reference
from tests.common.results import (
    MAKERS,
    RECIPIENT_ROOT,
    SPOOL,
    Sent,
    agree,
    chest,
    encode,
    make_result,
    send,
)
from tests.common.studies import make_samples


@pytest.fixture(scope="module")
def sent() -> Sent:
    return send(chest())


@pytest.fixture(scope="module")
def other() -> Sent:
    """A study of another patient, sent to the same recipient."""
    return send([sample for sample in make_samples() if sample.name == "mr/1"])


def facts_of(ds: Dataset) -> ResultFacts:
    return read_result(BytesSource(encode(ds)), SPOOL)


def match(ds: Dataset, sent: Sent, **context: object) -> Match:
    return match_result(facts_of(ds), sent.originals.to_mapping(), sent.context(**context), agree(ds))


# Reading


def test_reads_what_a_result_is(sent):
    ds = make_result(sent, "sr")
    facts = facts_of(ds)
    assert (facts.sop_class_uid, facts.sop_instance_uid) == (ds.SOPClassUID, ds.SOPInstanceUID)
    assert (facts.study_uid, facts.series_uid) == (sent.study_uid, ds.SeriesInstanceUID)
    assert (facts.patient_id, facts.patient_name) == (sent.originals.pseudonym,) * 2
    assert sent.instances["ct/1"].SOPInstanceUID in facts.uids


def test_knows_to_which_series_and_study_a_reference_belongs(sent):
    ct = sent.instances["ct/1"]
    found = {one[1:] for one in facts_of(make_result(sent, "sr")).references}
    assert (ct.SOPInstanceUID, ct.SeriesInstanceUID, ct.StudyInstanceUID) in found
    # the content tree names the instance alone
    assert (ct.SOPInstanceUID, "", "") in found


def test_tells_items_beside_each_other_apart(sent):
    ds = make_result(sent, "ko")
    series = [
        item(
            SeriesInstanceUID=f"{RECIPIENT_ROOT}.{n}",
            ReferencedSOPSequence=[reference(CT_IMAGE, f"{RECIPIENT_ROOT}.9.{n}")],
        )
        for n in range(3)
    ]
    ds.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence = series
    found = {one.instance: one.series for one in facts_of(ds).references if one.series}
    assert found == {f"{RECIPIENT_ROOT}.9.{n}": f"{RECIPIENT_ROOT}.{n}" for n in range(3)} | {"": f"{RECIPIENT_ROOT}.2"}


@pytest.mark.parametrize("vr", ["LO", "UT", "OB", "UN"])
def test_finds_uids_wherever_they_stand(sent, vr):
    uid = sent.study.uid("ct/1")
    ds = make_result(sent, "sc")
    value = f"see {uid}, please" if vr in {"LO", "UT"} else uid.encode() + b"\0" * (len(uid) % 2)
    ds.private_block(0x0099, "ACME", create=True).add_new(1, vr, value)
    assert uid in facts_of(ds).uids


def test_does_not_look_into_pixels(sent):
    ds = make_result(sent, "sc")
    ds.PixelData = (sent.study.uid("ct/1").encode() + ds.PixelData)[: len(ds.PixelData)]
    assert sent.study.uid("ct/1") not in facts_of(ds).uids


@pytest.mark.parametrize("keyword", ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"])
def test_needs_the_uids_of_an_instance(sent, keyword):
    ds = make_result(sent, "sr")
    setattr(ds, keyword, "")
    data = encode(ds) if keyword in {"StudyInstanceUID", "SeriesInstanceUID"} else _emptied(ds, keyword)
    with pytest.raises(DicomFormatError, match=r"expected .* UID, got none"):
        read_result(BytesSource(data), SPOOL)


def _emptied(ds: Dataset, keyword: str) -> bytes:
    """The writer of pydicom wants these two; take the element's value out behind its back."""
    setattr(ds, keyword, str(ds.file_meta[f"MediaStorage{keyword}"].value))
    value = str(ds[keyword].value).encode()
    value += b"\0" * (len(value) % 2)
    number = b"\x16" if keyword == "SOPClassUID" else b"\x18"
    whole = b"\x08\0" + number + b"\0UI" + len(value).to_bytes(2, "little") + value
    data = encode(ds)
    assert whole in data
    return data.replace(whole, whole[:6] + b"\0\0")


def test_what_is_not_dicom_is_told_so(sent):
    with pytest.raises(NotDicomError):
        read_result(BytesSource(b"<html>not a result</html>" * 20), SPOOL)


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.95])
def test_a_truncated_result_is_refused(sent, cut):
    data = encode(make_result(sent, "sr"))
    with pytest.raises(TruncatedError):
        read_result(BytesSource(data[: int(len(data) * cut)]), SPOOL)


def test_deep_nesting_is_refused(sent):
    ds = make_result(sent, "ko")
    innermost = item(TextValue="deep")
    for _ in range(200):
        innermost = item(ContentSequence=[innermost])
    ds.ContentSequence = [innermost]
    with pytest.raises(NestingError):
        facts_of(ds)


def test_endless_uids_are_refused(sent):
    ds = make_result(sent, "sc")
    numbers = " ".join(f"1.2.3.{number}" for number in range(MAX_UIDS + 1))
    ds.private_block(0x0099, "ACME", create=True).add_new(1, "UT", numbers)
    with pytest.raises(DicomFormatError, match="different UIDs"):
        facts_of(ds)


# Matching


@pytest.mark.parametrize("kind", MAKERS)
def test_matches_what_a_careful_recipient_sends(sent, kind):
    found = match(make_result(sent, kind), sent)
    assert found.originals.patient_id == sent.study.patient.patient_id
    assert found.uids == sent.originals.uids


def test_originals_come_back_from_the_vault_as_they_went_in(sent):
    assert Originals.from_mapping(sent.originals.to_mapping()) == sent.originals


def test_facts_of_a_later_edition_are_no_uids(sent):
    later = {**sent.originals.to_mapping(), "fact:shoe_size": "44"}
    assert Originals.from_mapping(later) == sent.originals


@pytest.mark.parametrize("lost", ["fact:pseudonym", "fact:study_uid"])
def test_a_record_that_lost_its_facts_is_not_used(sent, lost):
    kept = sent.originals.to_mapping()
    del kept[lost]
    with pytest.raises(StoreError):
        Originals.from_mapping(kept)


def test_a_study_that_did_not_go_out_matches_nothing(sent):
    ds = make_result(sent, "sr")
    with pytest.raises(ResultError, match="a study that went out to this recipient"):
        match_result(facts_of(ds), None, sent.context(), agree(ds))


@pytest.mark.parametrize("agreed", [ResultScope(), ResultScope(sop_classes=frozenset({CT_IMAGE}))])
def test_only_what_was_agreed_comes_back(sent, agreed):
    with pytest.raises(ResultError, match="SOP Class that was agreed"):
        match_result(facts_of(make_result(sent, "sr")), sent.originals.to_mapping(), sent.context(), agreed)


@pytest.mark.parametrize("patient_id", ["", "SW-AAAAAAAAAAAAAAAA", "original", "lower"])
def test_another_patient_is_not_the_patient(sent, patient_id):
    ds = make_result(sent, "sr")
    given = {"original": sent.study.patient.patient_id, "lower": sent.originals.pseudonym.lower()}
    ds.PatientID = given.get(patient_id, patient_id)
    with pytest.raises(ResultError, match="Patient ID: expected the pseudonym"):
        match(ds, sent)


def test_a_missing_patient_id_is_not_guessed(sent):
    ds = make_result(sent, "sr")
    del ds.PatientID
    with pytest.raises(ResultError, match="Patient ID"):
        match(ds, sent)


def test_a_name_must_not_contradict_the_id(sent):
    ds = make_result(sent, "sr")
    ds.PatientName = sent.study.patient.name
    with pytest.raises(ResultError, match="Patient's Name") as caught:
        match(ds, sent)
    assert sent.study.patient.family not in str(caught.value) + caught.value.remedy


@pytest.mark.parametrize("name", ["", "{}", "{}^^^"])
def test_a_name_may_be_the_pseudonym_or_nothing(sent, name):
    ds = make_result(sent, "sr")
    ds.PatientName = name.format(sent.originals.pseudonym)
    match(ds, sent)


def test_a_result_does_not_take_the_place_of_what_went_out(sent):
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID"):
        ds = make_result(sent, "sr")
        setattr(ds, keyword, getattr(sent.instances["ct/1"], keyword))
        with pytest.raises(ResultError, match="one of the recipient's own, got one that went out"):
            match(ds, sent)


@pytest.mark.parametrize("uid", ["../../etc/passwd", "1.2.03", "1" * 65, "1.2.840.10008.1.2", "<script>"])
def test_a_result_has_uids_that_are_some(sent, uid):
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID"):
        ds = make_result(sent, "sr")
        delattr(ds, keyword)
        with config.disable_value_validation():
            setattr(ds, keyword, uid)
        with pytest.raises(ResultError, match="a UID of the recipient's own, got none"):
            match(ds, sent)


@pytest.mark.parametrize("place", ["reference", "own", "text", "private"])
def test_an_original_uid_in_clear_is_a_relinking_attempt(sent, place):
    ds, original = make_result(sent, "sr"), sent.study.uid("ct/1")
    if place == "reference":
        ds.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence = [
            reference(CT_IMAGE, original)
        ]
    elif place == "own":
        ds.SOPInstanceUID = original
    elif place == "text":
        ds.SeriesDescription = f"of {original}"
    else:
        ds.private_block(0x0099, "ACME", create=True).add_new(1, "UI", original)
    with pytest.raises(ResultError, match="one of the archive's that it was not told") as caught:
        match(ds, sent)
    assert original not in str(caught.value)


def test_a_uid_of_another_study_in_the_archive_is_one_too(sent, other):
    ds, clear = make_result(sent, "sr"), other.study.uid("mr/1")
    ds.SeriesDescription = f"like {clear}"
    match(ds, sent)  # nobody told us that it is one
    with pytest.raises(ResultError, match="that it was not told"):
        match(ds, sent, archived={clear})


def test_where_uids_were_kept_the_recipient_was_told_them():
    sent = send(chest(), profile="patient-copy", moves_dates=False)
    ds = make_result(sent, "sc")
    ds.StudyInstanceUID = sent.study.uid("study")
    ds.ReferencedInstanceSequence = [reference(CT_IMAGE, sent.study.uid("ct/1"))]
    known = {sent.study.uid(name) for name in ("study", "ct/1", "series CHEST 2.5mm LUNG")}
    match(ds, sent, archived=known)


# References


def evidence(ds: Dataset, instance: str, series: str, study: str) -> Dataset:
    ds.CurrentRequestedProcedureEvidenceSequence = [
        item(StudyInstanceUID=study, ReferencedSeriesSequence=[
            item(SeriesInstanceUID=series, ReferencedSOPSequence=[reference(CT_IMAGE, instance)])])
    ]  # fmt: skip
    return ds


def test_may_refer_to_its_own_new_instances_and_series(sent):
    ds = evidence(make_result(sent, "ko"), f"{RECIPIENT_ROOT}.3", f"{RECIPIENT_ROOT}.4", sent.study_uid)
    match(ds, sent)


def test_may_not_refer_to_an_instance_that_was_held_back(sent):
    held = send(chest(names=("ct/1", "ct/2", "ko")))
    context = sent.context()  # of ct/1 and ct/2 alone
    ko = held.instances["ko"]
    ds = evidence(make_result(held, "sr"), ko.SOPInstanceUID, ko.SeriesInstanceUID, held.study_uid)
    with pytest.raises(ResultError, match="series that were disclosed"):
        match_result(facts_of(ds), held.originals.to_mapping(), context, agree(ds))
    ds = make_result(held, "sr")
    ds.ContentSequence[-1].ContentSequence = [
        item(
            RelationshipType="CONTAINS",
            ValueType="IMAGE",
            ReferencedSOPSequence=[reference(CT_IMAGE, ko.SOPInstanceUID)],
        )
    ]
    with pytest.raises(ResultError, match="instances that were disclosed"):
        match_result(facts_of(ds), held.originals.to_mapping(), context, agree(ds))


def test_may_not_make_up_an_instance_of_a_series_that_went_out(sent):
    ct = sent.instances["ct/1"]
    ds = evidence(make_result(sent, "sr"), f"{RECIPIENT_ROOT}.3", ct.SeriesInstanceUID, sent.study_uid)
    with pytest.raises(ResultError, match="instances that were disclosed"):
        match(ds, sent)


def test_may_not_refer_to_a_study_that_did_not_go_out(sent):
    ds = evidence(make_result(sent, "sr"), f"{RECIPIENT_ROOT}.3", f"{RECIPIENT_ROOT}.4", f"{RECIPIENT_ROOT}.5")
    with pytest.raises(ResultError, match="the study that went out"):
        match(ds, sent)


def test_may_not_refer_to_another_patient(sent, other):
    mr = other.instances["mr/1"]
    ds = evidence(make_result(sent, "sr"), mr.SOPInstanceUID, mr.SeriesInstanceUID, other.study_uid)
    with pytest.raises(ResultError, match="another patient's"):
        match(ds, sent, others=[other])


def test_may_refer_to_an_earlier_study_of_the_patient(sent):
    prior = send(_prior(sent))
    ct = prior.instances["ct/1"]
    ds = evidence(make_result(sent, "sr"), ct.SOPInstanceUID, ct.SeriesInstanceUID, prior.study_uid)
    found = match(ds, sent, others=[prior])
    assert found.uids[ct.SOPInstanceUID] == prior.original(ct.SOPInstanceUID)
    assert found.originals.study_uid == sent.originals.study_uid


def _prior(sent: Sent):
    samples = chest(names=("ct/1",))
    for sample in samples:
        for name in ("study", "ct/1", "series CHEST 2.5mm LUNG"):
            sample.study._uids[name] = f"1.2.826.0.1.3680043.10.54321.5.{len(name)}"
        sample.ds.StudyInstanceUID = sample.study.uid("study")
        sample.ds.SeriesInstanceUID = sample.study.uid("series CHEST 2.5mm LUNG")
        sample.ds.SOPInstanceUID = sample.ds.file_meta.MediaStorageSOPInstanceUID = sample.study.uid("ct/1")
    return samples


def test_what_was_copied_with_the_header_is_no_claim(sent):
    held = send(chest(names=("ct/1", "ct/2", "ko")))
    ds = make_result(held, "sc")
    ds.ReferencedImageSequence = [reference(CT_IMAGE, held.instances["ko"].SOPInstanceUID)]
    match_result(facts_of(ds), held.originals.to_mapping(), sent.context(), agree(ds))
    ds.SourceImageSequence = ds.ReferencedImageSequence
    with pytest.raises(ResultError, match="instances that were disclosed"):
        match_result(facts_of(ds), held.originals.to_mapping(), sent.context(), agree(ds))


def test_nothing_is_shown_of_it(sent):
    ds = make_result(sent, "sr")
    found = match(ds, sent)
    facts = facts_of(ds)
    shown = repr((facts, found, sent.originals, sent.context(), facts.references))
    for secret in (sent.study.patient.patient_id, sent.study.patient.family, sent.originals.pseudonym, sent.study_uid):
        assert secret not in shown
