"""Results that are not what they say: each is refused, nothing of it reaches the archive, and no message tells values."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from scanward.dicomstream.opening import open_dicom
from scanward.errors import DicomFormatError, ResultError, ScanwardError
from scanward.model.instance import BytesSource
from scanward.release.match import match_result
from scanward.release.read import read_result
from scanward.release.reidentify import Reidentifier
from tests.common.images import CT_IMAGE
from tests.common.modules import item, reference
from tests.common.results import (
    LABELLING,
    RECIPIENT_ROOT,
    SPOOL,
    Sent,
    agree,
    assemble,
    bring_back,
    chest,
    encode,
    make_result,
    send,
)
from tests.common.studies import make_samples

QUICK = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])

SENT = send(chest())
OTHER_PATIENT = send([sample for sample in make_samples() if sample.name == "mr/1"])
OTHER_RECIPIENT = send(chest(), key=b"o" * 32)


def secrets_of(*sent: Sent) -> set[str]:
    """Return what no message may tell."""
    found = set()
    for one in sent:
        patient = one.study.patient
        found |= {patient.patient_id, patient.family, patient.birth_date, one.study.accession, one.originals.pseudonym}
        found |= {*one.originals.uids, *one.originals.originals}
    return found


def other_patient(ds: Dataset) -> None:
    ds.PatientID = ds.PatientName = OTHER_PATIENT.originals.pseudonym


def other_patients_image(ds: Dataset) -> None:
    series = ds.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    series.ReferencedSOPSequence = [reference(CT_IMAGE, OTHER_PATIENT.instances["mr/1"].SOPInstanceUID)]


def other_recipients_study(ds: Dataset) -> None:
    """Two recipients have put together what they hold."""
    ds.CurrentRequestedProcedureEvidenceSequence[0].StudyInstanceUID = OTHER_RECIPIENT.study_uid


def original_image(ds: Dataset) -> None:
    ds.ContentSequence[-1].ReferencedSOPSequence = [reference(CT_IMAGE, SENT.study.uid("ct/1"))]


def original_study_in_text(ds: Dataset) -> None:
    ds.ContentSequence[2].TextValue = f"Found it: {SENT.study.uid('study')}"


def name_in_clear(ds: Dataset) -> None:
    ds.PatientName = SENT.study.patient.name


def id_in_clear(ds: Dataset) -> None:
    ds.PatientID = SENT.study.patient.patient_id


def verified(ds: Dataset) -> None:
    ds.VerificationFlag = "VERIFIED"
    ds.VerifyingObserverSequence = [item(VerifyingObserverName=SENT.study.referring)]


def pseudonym_out_of_reach(ds: Dataset) -> None:
    raw = b"{" + SENT.originals.pseudonym.encode()
    ds.private_block(0x0099, "ACME", create=True).add_new(1, "OB", raw + b"\0" * (len(raw) % 2))


def takes_an_original_place(ds: Dataset) -> None:
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = SENT.study.uid("ct/1")


HOSTILE: tuple[Callable[[Dataset], None], ...] = (
    other_patient, other_patients_image, other_recipients_study, original_image, original_study_in_text, name_in_clear,
    id_in_clear, verified, pseudonym_out_of_reach, takes_an_original_place,
)  # fmt: skip


@pytest.mark.parametrize("attack", HOSTILE)
def test_what_is_hostile_is_held_and_not_told(attack):
    result = make_result(SENT, "sr")
    attack(result)
    context = SENT.context(others=[OTHER_PATIENT] if attack is other_patients_image else [])
    with pytest.raises(ResultError) as caught:
        bring_back(result, SENT, context=context)
    told = f"{caught.value} {caught.value.remedy}"
    assert [secret for secret in secrets_of(SENT, OTHER_PATIENT, OTHER_RECIPIENT) if secret in told] == []


def test_another_recipients_study_matches_nothing():
    """The vault keeps originals by recipient: what another was sent is not found for this one."""
    facts = read_result(BytesSource(encode(make_result(OTHER_RECIPIENT, "sr"))), SPOOL)
    with pytest.raises(ResultError, match="a study that went out to this recipient"):
        match_result(facts, None, SENT.context(), agree(make_result(SENT, "sr")))


def test_another_recipients_pseudonym_is_not_this_ones():
    result = make_result(SENT, "sr")
    result.PatientID = result.PatientName = OTHER_RECIPIENT.originals.pseudonym
    with pytest.raises(ResultError, match="Patient ID"):
        bring_back(result, SENT)


def test_a_script_in_text_is_text():
    result = make_result(SENT, "sr")
    script = "<img src=x onerror=alert(1)>"
    result.SeriesDescription = result.ContentSequence[2].TextValue = script
    back = bring_back(result, SENT)
    assert back.ds.ContentSequence[2].TextValue == script
    assert script not in repr(back.facts) + repr(back.match) + repr(back.result)


def test_a_script_where_it_does_not_fit_is_not_told():
    result = make_result(SENT, "sr")
    result.PatientID = "<script>1</script>"
    with pytest.raises(ResultError) as caught:
        bring_back(result, SENT)
    assert "script" not in str(caught.value)


@pytest.mark.parametrize("kind", ["sr", "seg", "sc", "pdf"])
@pytest.mark.parametrize("cut", [1, 7, 60, 400])
def test_a_truncated_result_never_passes_as_whole(kind, cut):
    data = encode(make_result(SENT, kind))
    with pytest.raises(DicomFormatError):
        bring_back(data[:-cut], SENT)


def carried_back(data: bytes) -> bytes:
    source = BytesSource(data)
    facts = read_result(source, SPOOL)
    match = match_result(facts, SENT.originals.to_mapping(), SENT.context(), agree(*AGREED))
    result = Reidentifier(LABELLING).apply(open_dicom(source, SPOOL), facts, match)
    return assemble(result.pieces, result.source, result.deflate_from)


AGREED = tuple(make_result(SENT, kind) for kind in ("sr", "seg", "sc", "pr"))
ENCODED = tuple(encode(ds) for ds in AGREED)


@QUICK
@given(
    data=st.sampled_from(ENCODED),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.one_of(st.none(), st.floats(0, 1)),
)
def test_damaged_results_raise_nothing_but_our_errors(data, changes, cut):
    damaged = bytearray(data)
    for place, value in changes:
        damaged[132 + int(place * (len(data) - 132))] = value
    if cut is not None:
        damaged = damaged[: int(cut * len(damaged))]
    try:
        out = carried_back(bytes(damaged))
    except ScanwardError as error:
        told = "".join(traceback.format_exception_only(error)) + error.remedy
        assert [secret for secret in secrets_of(SENT) if secret in told] == []
    else:
        assert SENT.originals.pseudonym.encode() not in out
        assert SENT.study.patient.patient_id.encode() in out


def test_a_result_of_the_recipients_own_names_nobody_else():
    """What is put back is this patient's and no other's, whatever the recipient wrote."""
    result = make_result(SENT, "sc")
    result.PatientBirthDate, result.PatientSex = "19000101", "O"
    result.OtherPatientIDs = OTHER_PATIENT.study.patient.patient_id
    result.IssuerOfPatientID = f"{RECIPIENT_ROOT}"
    data = bring_back(result, SENT).data
    assert OTHER_PATIENT.study.patient.patient_id.encode() not in data
    assert b"19000101" not in data
    assert SENT.study.patient.birth_date.encode() in data
