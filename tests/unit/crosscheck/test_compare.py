"""What the verifier makes of outputs as a whole: marks, UIDs, dates, pixels, options."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID

from scanward.crosscheck import Kind, Severity, compare
from scanward.errors import SourceError
from tests.common import images
from tests.common.cleaned import clean
from tests.common.host import Host
from tests.common.modules import code, item
from tests.common.patients import make_patient, make_study
from tests.common.studies import save, set_transfer_syntax
from tests.unit.crosscheck.conftest import write


@pytest.fixture
def study():
    rng = random.Random(3)
    return make_study(rng, make_patient(rng), "CT chest")


@pytest.fixture
def pair(tmp_path, study):
    """Two slices and right outputs of them; returns the folders and the cleaned hosts."""
    cleaned = []
    for number in (1, 2):
        ds = images.make_ct(study, number, size=20)
        save(ds, tmp_path / "in" / f"{number}.dcm")
        cleaned.append(clean(Host(name="ct", study=study, ds=ds)))
    return tmp_path / "in", tmp_path / "out", cleaned


def kinds(report, severity=None):
    return {finding.kind for finding in report.findings if severity is None or finding.severity is severity}


def written(pair, change=lambda first, second: None, options=()):
    source, outputs, (first, second) = pair
    change(first.ds, second.ds)
    for number, host in enumerate((first, second), 1):
        for value in options:
            host.ds.DeidentificationMethodCodeSequence.append(code(value, "DCM", "Option"))
        write(host, outputs, f"{number}.dcm")
    return compare(source, outputs)


def test_right_outputs_pass(pair):
    report = written(pair)
    assert report.findings == ()
    assert report.passed
    assert (report.inputs, report.outputs, report.matched) == (2, 2, 2)
    assert report.searched[Kind.NAME.value] >= 3


def test_nothing_to_compare_is_not_passed(pair, tmp_path):
    (tmp_path / "empty").mkdir()
    assert not compare(pair[0], tmp_path / "empty").passed


def test_a_missing_side_is_refused(tmp_path):
    with pytest.raises(SourceError):
        compare(tmp_path / "nowhere", tmp_path)


def test_marks_have_to_be_there(pair):
    def change(first, second):
        del first.PatientIdentityRemoved
        del second.DeidentificationMethodCodeSequence, second.DeidentificationMethod

    report = written(pair, change)
    assert {finding.place for finding in report.findings} == {"PatientIdentityRemoved", "DeidentificationMethod"}


def test_burned_in_annotation_may_not_be_claimed_no(pair):
    def change(first, second):
        first.BurnedInAnnotation = "NO"

    assert kinds(written(pair, change)) == {Kind.BURNED_IN}


def test_one_old_uid_with_two_new_ones_is_a_fault(pair):
    def change(first, second):
        second.StudyInstanceUID = "2.25.77777777777777777777777777777777777777"

    report = written(pair, change)
    assert [(finding.kind, finding.place) for finding in report.findings] == [(Kind.UID_MAP, "StudyInstanceUID")]


def test_two_old_uids_with_one_new_one_are_a_fault(pair):
    def change(first, second):
        second.SOPInstanceUID = first.SOPInstanceUID

    assert kinds(written(pair, change)) == {Kind.UID_MAP}


def test_changed_pixels_are_a_fault_when_told_by_the_mapping(pair):
    source, outputs, hosts = pair
    hosts[0].ds.PixelData = bytes(len(hosts[0].ds.PixelData))
    for number, host in enumerate(hosts, 1):
        write(host, outputs, f"{number}.dcm")
    report = compare(source, outputs, {source / f"{n}.dcm": outputs / f"{n}.dcm" for n in (1, 2)})
    assert kinds(report) == {Kind.PIXELS}


def test_pixels_may_change_when_the_output_says_that_they_were_cleaned(pair):
    def change(first, second):
        for ds in (first, second):
            ds.PixelData = bytes(len(ds.PixelData))
            ds.DeidentificationMethodCodeSequence.append(code("113101", "DCM", "Clean Pixel Data Option"))

    assert written(pair, change).findings == ()


@pytest.mark.parametrize(
    ("keyword", "option"),
    [
        ("StudyDate", "113106"),
        ("StationName", "113109"),
        ("InstitutionName", "113112"),
        ("FrameOfReferenceUID", "113110"),
    ],
)
def test_what_an_output_says_it_retains_is_no_leak(pair, keyword, option):
    original = dcmread(pair[0] / "1.dcm")[keyword].value

    def change(first, second):
        for ds in (first, second):
            setattr(ds, keyword, original)

    without = written(pair, change)
    assert Severity.LEAK in {finding.severity for finding in without.findings}
    assert kinds(written(pair, options=(option,)), Severity.LEAK) == set()


def test_a_birth_date_is_a_leak_even_where_dates_are_retained(pair):
    original = dcmread(pair[0] / "1.dcm").PatientBirthDate

    def change(first, second):
        first.PatientBirthDate = original

    assert kinds(written(pair, change, ("113106",)), Severity.LEAK) == {Kind.BIRTH_DATE}


def test_private_elements_are_a_fault_unless_said_to_be_retained(pair):
    def change(first, second):
        first.private_block(0x0029, "VENDOR", create=True).add_new(0x10, "DS", "1.5")

    assert kinds(written(pair, change)) == {Kind.PRIVATE}


def test_safe_private_elements_may_stay_when_said_so(pair):
    def change(first, second):
        first.private_block(0x0029, "VENDOR", create=True).add_new(0x10, "DS", "1.5")

    assert written(pair, change, ("113111",)).findings == ()


def test_a_private_element_without_its_creator_is_a_fault(pair):
    def change(first, second):
        first.add_new(0x00291010, "DS", "1.5")

    (finding,) = written(pair, change, ("113111",)).findings
    assert finding.kind is Kind.PRIVATE
    assert finding.place.endswith("without its creator")


def test_moved_dates_that_equal_another_date_by_chance_are_no_leak(tmp_path, study):
    ds = images.make_ct(study, 1, size=20)
    ds.StudyDate, ds.ContentDate = "20200110", "20200117"
    save(ds, tmp_path / "in" / "1.dcm")
    moved = clean(Host(name="ct", study=study, ds=ds), options=("113105", "113107"))
    moved.ds.StudyDate, moved.ds.ContentDate = "20200117", "20200124"
    write(moved, tmp_path / "out")
    assert compare(tmp_path / "in", tmp_path / "out").findings == ()
    moved.ds.ContentDate = "20200117"
    write(moved, tmp_path / "out")
    assert kinds(compare(tmp_path / "in", tmp_path / "out")) >= {Kind.DATE}


def test_a_moved_date_that_equals_the_birth_date_of_a_newborn_by_chance_is_no_leak(tmp_path, study):
    ds = images.make_ct(study, 1, size=20)
    ds.StudyDate, ds.ContentDate = "20200110", "20200117"
    save(ds, tmp_path / "in" / "1.dcm")
    other = images.make_ct(study, 2, size=20)
    other.PatientID, other.PatientBirthDate = "Q99887766", "20200124"
    save(other, tmp_path / "in" / "2.dcm")
    moved = clean(Host(name="ct", study=study, ds=ds), options=("113105", "113107"))
    moved.ds.StudyDate, moved.ds.ContentDate = "20200117", "20200124"
    write(moved, tmp_path / "out")
    assert compare(tmp_path / "in", tmp_path / "out").findings == ()
    moved.ds.ImageComments = "born 20200124"
    write(moved, tmp_path / "out")
    assert kinds(compare(tmp_path / "in", tmp_path / "out")) >= {Kind.BIRTH_DATE}


def test_an_age_above_ninety_is_a_fault(pair):
    def change(first, second):
        first.PatientAge = "093Y"

    assert kinds(written(pair, change)) == {Kind.AGE}


def test_short_and_common_values_raise_no_alarm(tmp_path, study):
    """A patient called Head Left with ID 1 must not turn every HEAD in a header into a leak."""
    ds = images.make_ct(study, 1, size=20)
    ds.PatientName, ds.PatientID, ds.AccessionNumber, ds.StudyID = "Left^Head", "1", "12", "1"
    ds.OperatorsName, ds.InstitutionName, ds.StationName = "May^Lee", "Chest Hospital", "CT1"
    ds.BodyPartExamined = "HEAD"
    save(ds, tmp_path / "in" / "1.dcm")
    output = clean(Host(name="ct", study=study, ds=ds))
    output.ds.SeriesDescription, output.ds.PatientOrientation = "Head with chest, left", ["L", "F"]
    write(output, tmp_path / "out")
    assert compare(tmp_path / "in", tmp_path / "out").findings == ()
    output.ds.SeriesDescription = "Series of Head Left"
    write(output, tmp_path / "out")
    assert kinds(compare(tmp_path / "in", tmp_path / "out"), Severity.LEAK) == {Kind.NAME}


def test_a_leak_is_found_even_when_no_output_can_be_matched(tmp_path, study):
    save(images.make_ct(study, 1, size=20), tmp_path / "in" / "1.dcm")
    foreign = Dataset()
    foreign.file_meta = images.make_cr(study).file_meta
    foreign.SOPClassUID, foreign.SOPInstanceUID = UID("1.2.840.10008.5.1.4.1.1.7"), UID("2.25.5")
    foreign.PatientIdentityRemoved, foreign.DeidentificationMethod = "YES", "x"
    foreign.ImageComments = f"copied from {study.patient.family}"
    foreign.DerivationCodeSequence = [item(CodeValue="1", CodingSchemeDesignator="99X", CodeMeaning="x")]
    save(foreign, tmp_path / "out" / "1.dcm")
    report = compare(tmp_path / "in", tmp_path / "out")
    assert report.matched == 0
    assert ("ImageComments", Kind.NAME) in {(finding.place, finding.kind) for finding in report.findings}


@pytest.mark.parametrize("kind", ["jpeg", "jpeg2000", "jpegls"])
def test_compressed_pixels_are_matched_by_their_pictures(tmp_path, study, kind):
    ds = images.make_encapsulated(study, kind)
    save(ds, tmp_path / "in" / "1.dcm")
    output = clean(Host(name=kind, study=study, ds=ds))
    write(output, tmp_path / "out")
    report = compare(tmp_path / "in", tmp_path / "out")
    assert report.findings == ()
    assert report.matched == 1


def test_a_deflated_file_is_looked_into(tmp_path, study):
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    ds = images.make_ct(study, 1, size=20)
    set_transfer_syntax(ds, DeflatedExplicitVRLittleEndian)
    save(ds, tmp_path / "in" / "1.dcm")
    output = clean(Host(name="ct", study=study, ds=ds))
    output.ds.ImageComments = f"of {study.patient.family}"
    write(output, tmp_path / "out")
    report = compare(tmp_path / "in", tmp_path / "out")
    assert {finding.place for finding in report.findings if finding.severity is Severity.LEAK} == {"ImageComments"}


def test_a_deflated_bomb_is_a_fault(tmp_path, study, monkeypatch):
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    monkeypatch.setattr("scanward.crosscheck.reading.MAX_INFLATED_BYTES", 1000)
    ds = images.make_ct(study, 1, size=20)
    save(ds, tmp_path / "in" / "1.dcm")
    set_transfer_syntax(ds, DeflatedExplicitVRLittleEndian)
    write(clean(Host(name="ct", study=study, ds=ds)), tmp_path / "out")
    report = compare(tmp_path / "in", tmp_path / "out")
    assert {finding.place for finding in report.findings if finding.kind is Kind.STRUCTURE} == {
        "Data Set, which cannot be read"
    }


def test_no_value_reaches_a_log(tmp_path, study, caplog):
    """pydicom's warnings quote the value they are about."""
    host = Host(name="ct", study=study, ds=images.make_ct(study, 1, size=20))
    del host.ds.StudyDate
    host.add_raw(0x00080020, "DA", f"of {study.patient.family}".encode())
    write(host, tmp_path / "in")
    caplog.clear()
    compare(tmp_path / "in", tmp_path / "in")
    assert study.patient.family not in caplog.text


def test_reports_beside_the_outputs_are_searched(pair, study):
    _, outputs, _ = pair
    outputs.mkdir()
    (outputs / "report.html").write_text(f"<p>{study.patient.given.upper()} {study.patient.family.upper()}</p>")
    report = written(pair)
    assert {finding.file for finding in report.findings} == {"report.html"}
    assert report.other_outputs == 1


def test_a_name_in_a_path_is_a_leak_and_not_shown(pair, study):
    source, outputs, hosts = pair
    write(hosts[0], outputs / f"{study.patient.family}_{study.patient.given}")
    report = compare(source, outputs)
    assert [(finding.severity, finding.file) for finding in report.findings] == [(Severity.LEAK, "output 1")]


@pytest.mark.parametrize(
    "data", [b"", b"DICM", bytes(128) + b"DICM", bytes(128) + b"DICM" + b"\x08\0\x05\0ZZ\xff\xff" * 9]
)
def test_a_broken_output_is_a_fault_and_no_crash(pair, data):
    source, outputs, _ = pair
    outputs.mkdir()
    (outputs / "broken.dcm").write_bytes(data)
    report = compare(source, outputs)
    assert not report.passed


def test_it_imports_nothing_of_the_writer():
    import scanward.crosscheck

    folder = Path(scanward.crosscheck.__file__).parent
    for path in folder.glob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if "import" in line and "scanward." in line:
                assert line.strip().startswith(
                    ("from scanward.crosscheck", "from scanward.errors", "from scanward.model")
                )
