"""What holds for every data set: nothing known survives, UIDs stay one-to-one, references and intervals hold."""

import io
import string
import tempfile
from datetime import date, timedelta
from pathlib import Path

import pydicom
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tests.common.memory import deidentify_in_memory

SPOOL = Path(tempfile.gettempdir())
QUICK = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])

SYNTAXES = st.sampled_from([ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
# Names that no dictionary has, so that finding one is no coincidence.
NAMES = st.text(string.ascii_uppercase, min_size=6, max_size=10).map(lambda name: f"Q{name}X")
IDS = st.integers(10**8, 10**9 - 1).map(str)
DATES = st.dates(date(1925, 1, 1), date(2025, 1, 1))
UIDS = st.integers(10**9, 10**12).map(lambda number: f"1.2.826.0.1.99.{number}.7")

TEXT_PLACES = (
    "StudyDescription", "SeriesDescription", "ProtocolName", "ImageComments", "PatientComments",
    "ContrastBolusAgent", "RequestedProcedureDescription", "AcquisitionDeviceProcessingDescription",
    "ManufacturerModelName", "SoftwareVersions", "AdditionalPatientHistory", "DerivationDescription",
)  # fmt: skip


def make_instance(*, family: str, given_name: str, patient_id: str, day: date, study: str, sop: str) -> Dataset:
    ds = Dataset()
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = sop
    ds.StudyInstanceUID = study
    ds.SeriesInstanceUID = f"{study}.1"
    ds.Modality = "CT"
    ds.PatientName = f"{family}^{given_name}"
    ds.PatientID = patient_id
    ds.StudyDate = ds.SeriesDate = day.strftime("%Y%m%d")
    ds.Rows = ds.Columns = 2
    ds.BitsAllocated = 16
    ds.SamplesPerPixel = 1
    ds.PixelData = b"\x01\x02" * 4
    return ds


def encode(ds: Dataset, syntax: str) -> bytes:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta = meta
    ds["PixelData"].VR = "OW"
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


@QUICK
@given(
    family=NAMES, given_name=NAMES, patient_id=IDS, day=DATES, study=UIDS, sop=UIDS, syntax=SYNTAXES,
    places=st.sets(st.sampled_from(TEXT_PLACES), min_size=1, max_size=6),
    before=st.sampled_from(["T2 TSE ", "for ", "KNEE_", "", "chest, "]), after=st.sampled_from(["", " left", "_v2"]),
    profile=st.sampled_from(["basic", "research", "ai-inference", "patient-copy"]), nested=st.booleans(),
)  # fmt: skip
def test_no_known_identifier_survives(
    family: str, given_name: str, patient_id: str, day: date, study: str, sop: str, syntax: str,
    places: set[str], before: str, after: str, profile: str, nested: bool,
) -> None:  # fmt: skip
    # A UID that holds the patient ID cannot be kept, and the profile patient-copy keeps UIDs.
    assume(patient_id not in study and patient_id not in sop)
    ds = make_instance(family=family, given_name=given_name, patient_id=patient_id, day=day, study=study, sop=sop)
    for number, place in enumerate(sorted(places)):
        token = (family, given_name, patient_id)[number % 3]
        setattr(ds, place, f"{before}{token}{after}"[:64])
    if nested:
        item = Dataset()
        item.CodeMeaning = f"for {family}"
        ds.ProcedureCodeSequence = [item]
        ds.add_new(0x00090010, "LO", f"OF {family}"[:64])
        ds.add_new(0x00091001, "LT", patient_id)
    outputs, stopped = deidentify_in_memory({"in": encode(ds, syntax)}, SPOOL, profile=profile)
    assert not stopped
    found = outputs["in"].lower()
    for token in (family, given_name, patient_id):
        assert token.lower().encode() not in found
    result = pydicom.dcmread(io.BytesIO(outputs["in"]))
    assert result.PixelData == ds.PixelData
    assert result.PatientIdentityRemoved == "YES"
    assert result.get("BurnedInAnnotation") != "NO"


@QUICK
@given(
    uids=st.lists(UIDS, min_size=2, max_size=8, unique=True), days=st.lists(DATES, min_size=2, max_size=2),
    family=NAMES, patient_id=IDS, syntax=SYNTAXES,
)  # fmt: skip
def test_uids_stay_one_to_one_references_and_intervals_hold(
    uids: list[str], days: list[date], family: str, patient_id: str, syntax: str
) -> None:
    inputs = {}
    for number, uid in enumerate(uids):
        ds = make_instance(
            family=family, given_name="QANNEX", patient_id=patient_id, day=days[number % 2],
            study=f"1.2.826.0.1.98.{number % 2}", sop=uid,
        )  # fmt: skip
        reference = Dataset()
        reference.ReferencedSOPClassUID = CTImageStorage
        reference.ReferencedSOPInstanceUID = uids[(number + 1) % len(uids)]
        ds.ReferencedImageSequence = [reference]
        inputs[str(number)] = encode(ds, syntax)
    outputs, stopped = deidentify_in_memory(inputs, SPOOL, profile="research")
    assert not stopped
    results = [pydicom.dcmread(io.BytesIO(outputs[str(number)])) for number in range(len(uids))]
    new_uids = [str(result.SOPInstanceUID) for result in results]
    assert len(set(new_uids)) == len(uids)
    assert not set(new_uids) & set(uids)
    for number, result in enumerate(results):
        assert result.file_meta.MediaStorageSOPInstanceUID == result.SOPInstanceUID
        reference = result.ReferencedImageSequence[0]
        assert reference.ReferencedSOPInstanceUID == new_uids[(number + 1) % len(uids)]
    assert len({str(result.PatientID) for result in results}) == 1
    offsets = {parse(result.StudyDate) - days[number % 2] for number, result in enumerate(results)}
    assert len(offsets) == 1
    assert offsets.pop() < timedelta(0)


def parse(value: str) -> date:
    return date(int(value[:4]), int(value[4:6]), int(value[6:]))


@QUICK
@given(sop=UIDS, family=NAMES, patient_id=IDS, day=DATES)
def test_recipients_cannot_join_their_sets(sop: str, family: str, patient_id: str, day: date) -> None:
    ds = make_instance(
        family=family, given_name="QANNEX", patient_id=patient_id, day=day, study="1.2.826.0.1.98.1", sop=sop
    )
    data = encode(ds, ExplicitVRLittleEndian)
    one, other = (
        pydicom.dcmread(io.BytesIO(deidentify_in_memory({"in": data}, SPOOL, key=key * 32)[0]["in"]))
        for key in (b"a", b"b")
    )
    again = deidentify_in_memory({"in": data}, SPOOL, key=b"a" * 32)[0]["in"]
    assert pydicom.dcmread(io.BytesIO(again)) == one
    for keyword in ("PatientID", "PatientName", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        assert one[keyword].value != other[keyword].value


@QUICK
@given(
    numbers=st.lists(st.integers(0, 3), min_size=3, max_size=6), family=NAMES, patient_id=IDS, day=DATES,
    marked=st.booleans(),
)  # fmt: skip
def test_tags_ascend_in_each_of_many_similar_outputs(
    numbers: list[int], family: str, patient_id: str, day: date, marked: bool
) -> None:
    inputs = {}
    for index, number in enumerate(numbers):
        ds = make_instance(
            family=family, given_name="QANNEX", patient_id=patient_id, day=day, study="1.2.826.0.1.98.1",
            sop=f"1.2.826.0.1.97.{index + 1}.7",
        )  # fmt: skip
        ds.InstanceNumber = number
        ds.SliceThickness = "2.5"
        if marked:
            # An input that says of itself that it was de-identified before.
            ds.PatientIdentityRemoved = "YES"
            ds.DeidentificationMethod = f"method {number}"
            ds.BurnedInAnnotation = "NO"
            ds.LongitudinalTemporalInformationModified = "REMOVED"
        inputs[str(index)] = encode(ds, ExplicitVRLittleEndian)
    outputs, stopped = deidentify_in_memory(inputs, SPOOL)
    assert not stopped
    for data in outputs.values():
        tags = tags_of(data)
        assert tags == sorted(set(tags))
        result = pydicom.dcmread(io.BytesIO(data))
        assert result.DeidentificationMethod.startswith("Scanward")
        assert result.get("BurnedInAnnotation") != "NO"


def tags_of(data: bytes) -> list[int]:
    """Return the tags of the data set in the order of its bytes; pydicom's own order is sorted."""
    found: list[int] = []

    def note(tag: pydicom.tag.BaseTag, _vr: str | None, _length: int) -> bool:
        if tag >> 16 > 2:
            found.append(int(tag))
        return False

    pydicom.filereader.read_partial(io.BytesIO(data), stop_when=note)
    return found
