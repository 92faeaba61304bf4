"""What an instance says it is when it comes in."""

import io

import pytest
from pydicom.dataset import Dataset

from scanward.deidentify.header.scan import Scanner
from scanward.dicomstream.opening import open_dicom
from scanward.errors import DicomFormatError, NotDicomError, ScanwardError
from scanward.ingest.parse import Parser
from scanward.model.instance import BytesSource
from tests.common.studies import make_samples
from tests.unit.dicomstream.datasets import EXPLICIT, Node, encode_as, file_of

CT = "1.2.840.10008.5.1.4.1.1.2"
NAMED = (Node(0x00080016, "UI", CT.encode() + b"\0"), Node(0x00080018, "UI", b"1.2.3.4\0"))


def parse(data, parser=None):
    return (parser or Parser()).parse(open_dicom(BytesSource(data)))


def bytes_of(ds: Dataset) -> bytes:
    stream = io.BytesIO()
    ds.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def test_samples_say_what_they_are():
    parser, scanner = Parser(), Scanner()
    for sample in make_samples(seed=3):
        data, ds = bytes_of(sample.ds), sample.ds
        facts = parse(data, parser)
        assert facts.study_uid == ds.StudyInstanceUID
        assert facts.series_uid == ds.SeriesInstanceUID
        assert facts.sop_instance_uid == ds.SOPInstanceUID
        assert facts.sop_class_uid == ds.SOPClassUID
        assert facts.transfer_syntax_uid == ds.file_meta.TransferSyntaxUID
        assert facts.modality == ds.Modality
        assert facts.body_part == ds.get("BodyPartExamined", "")
        assert facts.patient.patient_id == ds.PatientID
        assert facts.study_date == ds.get("StudyDate", "")
        # The pseudonym is made of the same key as the ledger's index.
        assert facts.patient.key == scanner.scan(open_dicom(BytesSource(data))).patient_key
        assert sample.study.patient.family not in repr(facts)
        assert sample.study.patient.family not in repr(facts.patient)


def test_an_instance_without_study_is_one_of_its_own():
    facts = parse(file_of(encode_as(NAMED, EXPLICIT), EXPLICIT))
    assert facts.study_uid == facts.series_uid == "1.2.3.4"
    assert facts.patient.key.startswith("5:study|")


@pytest.mark.parametrize(
    ("nodes", "error"),
    [
        ((NAMED[0],), DicomFormatError),
        ((NAMED[1],), DicomFormatError),
        ((NAMED[0], Node(0x00080018, "UI", b"1.2.MILLER\0")), DicomFormatError),
        ((NAMED[0], Node(0x00080018, "UI", b"1." * 33)), DicomFormatError),
    ],
)
def test_what_lacks_a_name_is_refused_without_its_value(nodes, error):
    with pytest.raises(error) as raised:
        parse(file_of(encode_as(nodes, EXPLICIT), EXPLICIT))
    assert "MILLER" not in str(raised.value)


def test_a_directory_is_no_instance():
    data = file_of(encode_as(NAMED, EXPLICIT), EXPLICIT)
    meta = Node(0x00020002, "UI", b"1.2.840.10008.1.3.10")
    directory = data[:132] + encode_as((meta,), EXPLICIT) + data[132:]
    with pytest.raises(NotDicomError):
        parse(directory)


def test_cut_anywhere_it_is_refused_or_read_but_never_breaks():
    sample = next(iter(make_samples(seed=5)))
    data = bytes_of(sample.ds)
    for length in [*range(0, 3000, 37), *range(3000, len(data), max(1, len(data) // 40))]:
        try:
            parse(data[:length])
        except ScanwardError as error:
            told = str(error)
        else:
            continue
        assert sample.study.patient.family not in told
