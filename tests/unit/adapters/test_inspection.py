"""What an inspection finds, wherever it stands."""

from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEGBaseline8Bit

from scanward.adapters.inspection.findings import Category, Finding
from scanward.adapters.inspection.inspect import inspect_file
from scanward.adapters.inspection.text import KnownValues, find_cues
from scanward.errors import DicomFormatError, NotDicomError, ScanwardError, SourceError
from tests.conftest import find_test_data


def make(
    path: Path, change=lambda ds: None, *, syntax=ExplicitVRLittleEndian, tail: bytes = b"", preamble=bytes(128)
) -> Path:
    ds = Dataset()
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = "1.2.3.4445556"
    ds.StudyInstanceUID = "1.2.3.1"
    ds.Modality = "CT"
    ds.PatientName = "Fontane^Ottilie^M"
    ds.PatientID = "MRN778899"
    change(ds)
    ds.file_meta = Dataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.SourceApplicationEntityTitle = "SCANNER7"
    ds.preamble = preamble
    buffer = BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    path.write_bytes(buffer.getvalue() + tail)
    return path


def by_attribute(path: Path) -> dict[str, Finding]:
    return {finding.attribute: finding for finding in inspect_file(path).findings}


def fill(ds: Dataset) -> None:
    ds.PatientBirthDate = "19690417"
    ds.StudyDate = "20240229"
    ds.InstitutionName = "Haus Seeblick"
    ds.DeviceSerialNumber = "SN445566"
    ds.PatientAddress = "Am Ring 5"
    ds.PatientSex = "F"
    ds.ReferringPhysicianName = "Brandt^Emil"
    ds.StudyDescription = "CT abdomen"
    ds.ImageComments = "compare with Mrs FONTANE, mail o.fontane@example.org"
    ds.BodyPartExamined = "HEAD"
    item = Dataset()
    item.AccessionNumber = "ACC5511"
    item.RequestedProcedureDescription = "CT for ACC5511"
    ds.RequestAttributesSequence = Sequence([item])


def test_each_category_gets_its_findings(tmp_path):
    found = by_attribute(make(tmp_path / "a", fill))
    expected = {
        "PatientName": Category.WHO,
        "PatientID": Category.WHO,
        "PatientSex": Category.WHO,
        "ReferringPhysicianName": Category.WHO,
        "RequestAttributesSequence.AccessionNumber": Category.WHO,
        "PatientBirthDate": Category.WHEN,
        "StudyDate": Category.WHEN,
        "InstitutionName": Category.WHERE,
        "DeviceSerialNumber": Category.WHERE,
        "PatientAddress": Category.CONTACT,
        "StudyDescription": Category.TEXT,
        "ImageComments": Category.TEXT,
        "StudyInstanceUID": Category.UID,
        "SourceApplicationEntityTitle": Category.HIDDEN,
    }
    assert {name: found[name].category for name in expected} == expected
    assert found["PatientName"].value == "Fontane^Ottilie^M"
    assert found["RequestAttributesSequence.AccessionNumber"].tag == "(0040,0275).(0008,0050)"
    assert "Modality" not in found
    assert "SOPClassUID" not in found


def test_text_that_repeats_an_identifier_or_looks_like_one_is_noted(tmp_path):
    found = by_attribute(make(tmp_path / "a", fill))
    assert found["ImageComments"].note == "repeats the patient's name"
    assert found["RequestAttributesSequence.RequestedProcedureDescription"].note == "repeats the accession number"
    assert found["StudyDescription"].note == ""

    def only_cues(ds):
        ds.ImageComments = "seen 12.03.2021 by Dr. X, call 030 555 1234"

    note = by_attribute(make(tmp_path / "b", only_cues))["ImageComments"].note
    assert note == "holds a date, holds a phone number, holds a title and a name"


def test_private_elements_are_counted_by_creator(tmp_path):
    def change(ds):
        block = ds.private_block(0x0029, "ACME 1.0", create=True)
        block.add_new(1, "LO", "something")
        block.add_new(2, "UN", "xxFONTANExx".encode("utf-16-le"))
        block.add_new(3, "DS", "1.5")

    found = inspect_file(make(tmp_path / "a", change)).findings
    private = [(one.attribute, one.note) for one in found if one.category is Category.PRIVATE]
    assert private == [
        ("(0029,1002)", "repeats the patient's name (ACME 1.0)"),
        ("ACME 1.0", "3 elements, 1 of them with text"),
    ]


def test_long_values_are_read_from_the_disk_when_needed(tmp_path):
    def change(ds):
        block = ds.private_block(0x0029, "ACME 1.0", create=True)
        block.add_new(2, "OB", bytes(500_000) + b"Ottilie" + bytes(1_000_001))

    found = by_attribute(make(tmp_path / "a", change))
    assert found["(0029,1002)"].note == "repeats the patient's name (ACME 1.0)"


def test_hidden_places_are_looked_into(tmp_path):
    def change(ds):
        ds.add_new(0x60003000, "OW", b"\0\1" * 8)
        ds.IconImageSequence = Sequence([Dataset()])
        ds.OriginalAttributesSequence = Sequence([Dataset()])
        ds.add_new(0xFFFCFFFC, "OB", b"for Ottilie ")

    path = make(tmp_path / "Fontane_Ottilie.dcm", change, preamble=b"II*\0" + b"Fontane" + bytes(117))
    found = by_attribute(path)
    assert found["preamble"].note == "the file is a TIFF image at the same time"
    assert "Fontane" in found["preamble"].value
    assert found["Data Set Trailing Padding"].note == "12 bytes; repeats the patient's name"
    assert found["name of the file"].note == "repeats the patient's name"
    assert {"OverlayData", "IconImageSequence", "OriginalAttributesSequence"} <= set(found)
    assert all(found[name].category is Category.HIDDEN for name in ("preamble", "OverlayData", "IconImageSequence"))


def test_bytes_behind_the_data_set_are_found(tmp_path):
    found = by_attribute(make(tmp_path / "a", tail=b"MRN778899 was here".ljust(40)))
    assert found["bytes after the last Attribute"].note == "40 bytes; repeats the patient ID"
    assert found["bytes after the last Attribute"].value == "MRN778899 was here"


def test_slack_behind_native_samples_is_found(tmp_path):
    def change(ds):
        ds.Rows = ds.Columns = 4
        ds.BitsAllocated = ds.BitsStored = 8
        ds.HighBit = 7
        ds.SamplesPerPixel = 1
        ds.PhotometricInterpretation = "MONOCHROME2"
        ds.PixelRepresentation = 0
        ds.add_new(0x7FE00010, "OW", bytes(16) + b"Ottilie!")

    found = by_attribute(make(tmp_path / "a", change))
    assert found["Pixel Data, behind the last sample"].note == "8 bytes; repeats the patient's name"


def test_comments_in_codestreams_are_found(tmp_path):
    comment = b"scan of Fontane"
    jpeg = (
        b"\xff\xd8\xff\xfe"
        + (len(comment) + 2).to_bytes(2, "big")
        + comment
        + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
        + b"\x12\x34"
        + b"\xff\xd9"
    )

    def change(ds):
        ds.add_new(0x7FE00010, "OB", encapsulate([jpeg]))
        ds["PixelData"].is_undefined_length = True

    found = by_attribute(make(tmp_path / "a", change, syntax=JPEGBaseline8Bit))
    finding = found["PixelData, comment inside the compressed pixels"]
    assert finding.value == "scan of Fontane"
    assert finding.note == "repeats the patient's name"


@pytest.mark.parametrize(
    ("modality", "claim", "note"),
    [
        ("CT", "YES", "says that text is burned into it"),
        ("US", "NO", "pictures of this kind often show names, numbers and dates"),
        ("CT", "", "nothing says whether text is burned into it"),
        ("CT", "NO", None),
    ],
)
def test_burned_in_text(tmp_path, modality, claim, note):
    def change(ds):
        ds.Rows = 4
        ds.Modality = modality
        ds.SOPClassUID = CTImageStorage
        ds.BurnedInAnnotation = claim

    found = by_attribute(make(tmp_path / "a", change))
    assert (found["BurnedInAnnotation"].note if "BurnedInAnnotation" in found else None) == note


def test_consequences_are_told_in_words_without_values(tmp_path):
    inspection = inspect_file(make(tmp_path / "a", fill))
    text = " ".join(inspection.consequences)
    for part in ("names the patient", "numbers lead", "birth date", "names members of staff", "face"):
        assert part in text
    for value in ("Fontane", "MRN778899", "19690417", "Seeblick"):
        assert value not in text
        assert value not in repr(inspection.findings)


def test_a_file_without_anything_says_so(tmp_path):
    def change(ds):
        del ds.PatientName, ds.PatientID, ds.StudyInstanceUID
        ds.SOPInstanceUID = CTImageStorage

    path = make(tmp_path / "a", change)
    ds = dcmread(path)
    del ds.file_meta.SourceApplicationEntityTitle
    ds.file_meta.MediaStorageSOPInstanceUID = CTImageStorage
    ds.save_as(path)
    inspection = inspect_file(path)
    assert inspection.findings == []
    # Slices of a CT, of whatever part: no header says that there is no head.
    assert [one.partition(",")[0] for one in inspection.consequences] == ["If the head is in its slices"]


def test_what_is_not_dicom_is_told(tmp_path):
    (tmp_path / "text").write_bytes(b"hello, this is a letter" * 20)
    (tmp_path / "empty").write_bytes(b"")
    for name in ("text", "empty"):
        with pytest.raises(NotDicomError):
            inspect_file(tmp_path / name)
    for name in ("missing", "."):
        with pytest.raises(SourceError):
            inspect_file(tmp_path / name)


def test_broken_files_end_in_our_errors_only(tmp_path):
    import random

    content = make(tmp_path / "a", fill).read_bytes()
    chance = random.Random(5)
    for _ in range(200):
        broken = bytearray(content)
        for _ in range(chance.randint(1, 8)):
            broken[chance.randrange(128, len(broken))] = chance.randrange(256)
        (tmp_path / "b").write_bytes(broken[: chance.choice([len(broken), chance.randrange(200, len(broken))])])
        with suppress(ScanwardError):
            inspect_file(tmp_path / "b")


def test_deep_nesting_ends_in_an_error(tmp_path):
    content = make(tmp_path / "a").read_bytes()
    opening = b"\x40\x00\x75\x02SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    (tmp_path / "a").write_bytes(content + opening * 10_000)
    with pytest.raises(DicomFormatError):
        inspect_file(tmp_path / "a")


@pytest.mark.realdata
def test_real_files_are_inspected():
    done = 0
    for path in sorted((find_test_data() / "dicom").rglob("*")):
        if not path.is_file():
            continue
        try:
            inspect_file(path)
        except ScanwardError:
            continue
        done += 1
    assert done > 100


def test_known_values_are_whole_words_in_text():
    known = KnownValues()
    known.add_name("Li^Anna", "a name")
    known.add_number("12", "a number")
    known.add_number("12345", "a number")
    assert known.find_kinds("Savannah liver 12") == []
    assert known.find_kinds("for ANNA (12345)") == ["a name", "a number"]
    assert KnownValues().find_kinds("anything") == []


@pytest.mark.parametrize(
    "text", ["CT THORAX 1.25 mm", "T2 FLAIR 3D 0.9x0.9", "B31f 120 kV 200 mAs", "1.2.840.10008.1.2"]
)
def test_clinical_text_holds_no_cues(text):
    assert find_cues(text) == []
