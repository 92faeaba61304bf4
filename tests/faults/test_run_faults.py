"""A run that is killed, resumed, or made to fail: nothing is lost, nothing half done, nothing done twice."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from scanward.bootstrap.files import deidentify_folder
from scanward.config import DeidentifyRequest
from scanward.errors import OutputError
from scanward.model.report import Outcome, RunReport
from tests.common import burned_in
from tests.common.patients import make_patient, make_study
from tests.common.studies import save

INSTANCES = 1200


@pytest.fixture(scope="module")
def many_instances(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three studies of small CT instances."""
    folder = tmp_path_factory.mktemp("in")
    ds = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    for number in range(INSTANCES):
        study = number % 3
        ds.PatientID = f"KILL{study}4711"
        ds.StudyInstanceUID = f"1.2.826.0.1.3680043.9.1.{study + 1}"
        ds.SOPInstanceUID = generate_uid(entropy_srcs=[str(number)])
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        ds.InstanceNumber = number
        ds.save_as(folder / f"{study}-{number:05d}.dcm")
    return folder


def run(source: Path, out: Path, home: Path, workers: int = 1) -> RunReport:
    request = DeidentifyRequest(sources=(source,), out=out, home=home, workers=workers, pixels="off", faces="off")
    return deidentify_folder(request, lambda _: None)


def outputs(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*.dcm")}


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_run_goes_on_without_losing_or_redoing(many_instances: Path, tmp_path: Path, workers: int) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    command = [sys.executable, "-m", "scanward", "deidentify", str(many_instances), "--out", str(out)]
    command += ["--home", str(home), "--workers", str(workers), "--pixels", "off", "--faces", "off", "--quiet"]
    # PYTHONPATH stays as it is: the program under test is the one that is imported here.
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 60
    # So many that each worker has finished a unit at least, which is what is not done again.
    while len(list(out.rglob("*.dcm"))) < INSTANCES * 3 // 5 and time.monotonic() < deadline and killed.poll() is None:
        time.sleep(0.002)
    was_running = killed.poll() is None
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    wait_until_gone(killed.pid)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.dcm")}
    staged = list((out / ".scanward-staging").glob("*"))

    report = run(many_instances, out, home, workers)

    assert report.outcomes[Outcome.RELEASED] == INSTANCES
    assert sum(report.outcomes.values()) == report.found == INSTANCES
    assert len(outputs(out)) == INSTANCES
    kept = sum(path.stat().st_mtime_ns == changed for path, changed in before.items())
    assert kept >= report.resumed
    if was_running:
        assert report.resumed > 0 or not before
    assert not list(out.rglob(".scanward-staging/*")), f"staged before: {len(staged)}"
    assert sum(sum(study.changes.values()) > 0 for study in report.studies) == 3
    # The same as a run that nothing disturbed.
    undisturbed = tmp_path / "undisturbed"
    run(many_instances, undisturbed, home)
    assert outputs(out) == outputs(undisturbed)


def wait_until_gone(group: int) -> None:
    """Wait until no process of a group is left: a killed one holds its locks for a moment longer."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)


def test_counts_of_a_resumed_run_are_those_of_the_whole(many_instances: Path, tmp_path: Path) -> None:
    whole = run(many_instances, tmp_path / "out", tmp_path / "home")
    again = run(many_instances, tmp_path / "out", tmp_path / "home")
    assert again.outcomes == whole.outcomes
    assert [study.changes for study in again.studies] == [study.changes for study in whole.studies]


def test_an_interrupted_run_starts_over_when_its_inputs_have_changed(tmp_path: Path) -> None:
    """What is done was cleaned of what was known then; a new input may name somebody."""
    source, out, home = tmp_path / "in", tmp_path / "out", tmp_path / "home"
    source.mkdir()
    ds = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    ds.PatientName, ds.PatientID = "", "KILL4711"
    ds.StudyDescription = "CT for Quillfeather"
    ds.save_as(source / "a.dcm")

    def interrupt(_: RunReport) -> None:
        raise KeyboardInterrupt

    request = DeidentifyRequest(sources=(source,), out=out, home=home, pixels="off", faces="off")
    with pytest.raises(KeyboardInterrupt):
        deidentify_folder(request, lambda _: None, interrupt)
    assert run(source, out, home).resumed == 1
    with pytest.raises(KeyboardInterrupt):
        deidentify_folder(request, lambda _: None, interrupt)
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.3680043.9.1.77"
    ds.PatientName = "Quillfeather^Ottoline"
    ds.save_as(source / "b.dcm")
    report = run(source, out, home)
    assert report.resumed == 0
    assert report.outcomes[Outcome.RELEASED] == 2
    assert not any(b"quillfeather" in data.lower() for data in outputs(out).values())


def test_number_of_workers_changes_nothing(many_instances: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    run(many_instances, tmp_path / "one", home, workers=1)
    run(many_instances, tmp_path / "two", home, workers=2)
    assert outputs(tmp_path / "one") == outputs(tmp_path / "two")


def test_output_inside_source_is_refused_before_anything_is_read(many_instances: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        run(many_instances, many_instances / "out", tmp_path / "home")
    assert not (many_instances / "out").exists()


ONE_BY_ONE = """
from scanward.bootstrap import files
files.UNIT_FILES = 1
from scanward.cli.main import main
main()
"""


def test_what_was_filled_is_told_of_a_killed_run_too(tmp_path: Path) -> None:
    source, out, home = tmp_path / "in", tmp_path / "out", tmp_path / "home"
    rng = random.Random(8)
    study = make_study(rng, make_patient(rng), "Burned in")
    for number in range(4):
        save(burned_in.another(burned_in.make_sc(study), name=f"{number}"), source / f"{number}.dcm")
    command = [sys.executable, "-c", ONE_BY_ONE, "deidentify", str(source), "--out", str(out), "--home", str(home)]
    killed = subprocess.Popen(
        [*command, "--workers", "1", "--quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while len(list(out.rglob("*.dcm"))) < 2 and time.monotonic() < deadline and killed.poll() is None:
        time.sleep(0.002)
    killed.kill()
    killed.wait()

    def again(out: Path) -> RunReport:
        return deidentify_folder(DeidentifyRequest(sources=(source,), out=out, home=home), lambda _: None)

    report, whole = again(out), again(tmp_path / "whole")
    assert report.resumed >= 1
    assert report.outcomes[Outcome.RELEASED] == 4
    assert report.studies[0].pixels == whole.studies[0].pixels
    assert len(report.studies[0].pixels.redactions) == 4
    assert report.looked_by == whole.looked_by
    assert outputs(out) == outputs(tmp_path / "whole")
