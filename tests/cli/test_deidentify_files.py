"""The whole way from files to files, as the command walks it."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

import scanward
from scanward.adapters.send.folder import MARKER
from tests.common.studies import write_sample_studies

PATHS = (str(Path(scanward.__file__).parents[1]), os.environ.get("PYTHONPATH", ""))
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, PATHS))}


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    write_sample_studies(folder, seed=7)
    (folder / "README.txt").write_text("not DICOM")
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One home for all, so that the same key makes the same pseudonyms."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def command(home, tmp_path):
    def make(*sources: Path, out: str = "out", more: tuple[str, ...] = ()) -> list[str]:
        arguments = [
            *map(str, sources),
            "--out",
            str(tmp_path / out),
            "--home",
            str(home),
            "--pixels",
            "off",
            "--faces",
            "off",
            *more,
        ]
        return [sys.executable, "-m", "scanward", "deidentify", *arguments]

    return make


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=120)


def tree(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and path.name != MARKER
    }


def counts(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    assert done.returncode in {0, 3}, done.stderr
    found = re.findall(r"^ *(released|held|quarantined|not DICOM|found)  +([\d,]+)", done.stdout, re.MULTILINE)
    return {name: int(number.replace(",", "")) for name, number in found}


def test_counts_add_up_and_only_releasable_content_is_left(command, samples, tmp_path):
    done = run(command(samples, more=("--report", str(tmp_path / "report.html"))))
    number = counts(done)
    assert done.returncode == 3  # ultrasound is held
    assert number["found"] == sum(1 for path in samples.rglob("*") if path.is_file())
    assert number["found"] == sum(number[name] for name in ("released", "held", "quarantined", "not DICOM"))
    assert number["not DICOM"] == 1
    assert number["held"] > 0
    paths = list(tree(tmp_path / "out"))
    assert len(paths) == number["released"] > 0
    assert all(re.fullmatch(r"[0-9A-Za-z-]+(/[0-9.]+){3}\.dcm", path) for path in paths)
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_file()) == [MARKER]
    report = json.loads((tmp_path / "report.json").read_text())
    assert {name: report["outcomes"][name] for name in report["outcomes"]} == {
        name: number[name] for name in report["outcomes"]
    }


def test_same_input_and_key_give_the_same_output(command, samples, tmp_path):
    for out, workers in (("one", "1"), ("two", "2")):
        counts(run(command(samples, out=out, more=("--workers", workers))))
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_each_recipient_has_pseudonyms_of_its_own(command, samples, tmp_path):
    counts(run(command(samples)))
    counts(run(command(samples, out="other", more=("--recipient", "someone else"))))
    one, other = tree(tmp_path / "out"), tree(tmp_path / "other")
    assert len(one) == len(other)
    parts = [{part for path in each for part in path.split("/")} for each in (one, other)]
    assert not parts[0] & parts[1]


def test_an_archive_gives_what_its_files_give(command, samples, tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in samples.rglob("*"):
            archive.write(path, path.relative_to(samples))
    folder, archived = run(command(samples)), run(command(tmp_path / "all.zip", out="zip"))
    assert counts(folder) == counts(archived)
    assert tree(tmp_path / "out") == tree(tmp_path / "zip")


def test_a_file_in_place_of_a_folder(command, samples, tmp_path):
    file = next(path for path in sorted(samples.rglob("*.dcm")) if "_CT" in str(path))
    assert counts(run(command(file)))["released"] == 1


def test_outputs_inside_of_the_source_are_refused_before_anything_is_written(command, samples, tmp_path):
    inside = tmp_path / "in"
    shutil.copytree(samples, inside)
    before = tree(tmp_path)
    done = run(command(inside, out="in/out"))
    assert done.returncode == 1
    assert "overlap" in done.stderr
    assert tree(tmp_path) == before


def test_a_missing_source_is_told(command, tmp_path):
    done = run(command(tmp_path / "nothing"))
    assert (done.returncode, "not there" in done.stderr) == (1, True)
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def many(samples, tmp_path_factory):
    """Enough for several units of work, so that a run can be stopped between them."""
    from pydicom import dcmread

    folder = tmp_path_factory.mktemp("many")
    source = next(path for path in sorted(samples.rglob("*.dcm")) if "_CT" in str(path))
    ds = dcmread(source)
    base = str(ds.SOPInstanceUID)
    for number in range(1500):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{base}.{number}"
        ds.InstanceNumber = number
        ds.save_as(folder / f"{number}.dcm")
    return folder


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_goes_on_without_redoing_or_losing(command, many, tmp_path, how):
    whole = run(command(many, out="whole"))
    expected = counts(whole)
    broken = command(many, out="broken", more=("--workers", "2"))
    with (tmp_path / "errors").open("w") as errors:
        process = subprocess.Popen(
            broken,
            env=ENVIRONMENT,
            stdout=errors,
            stderr=errors,
            start_new_session=True,
            preexec_fn=heed_interrupts,  # noqa: PLW1509 - no thread runs here
        )
    try:
        wait_for_outputs(process, tmp_path / "broken", 600)
        process.send_signal(how)
        process.wait(timeout=60)
        wait_for_workers(tmp_path / "broken")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # our own session; nothing is left in it when all is well
    said = (tmp_path / "errors").read_text()
    assert process.returncode == (-signal.SIGKILL if how is signal.SIGKILL else 130), said
    assert "Traceback" not in said
    again = run(broken)
    assert counts(again) == expected
    assert "by an earlier run" in again.stdout
    assert tree(tmp_path / "broken") == tree(tmp_path / "whole")


def heed_interrupts() -> None:
    """Undo what a shell does to what it starts in the background: there, SIGINT is ignored, and so in all children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for_outputs(process: subprocess.Popen[bytes], out: Path, number: int) -> None:
    """Wait until a run has released `number` instances, or has ended."""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if sum(1 for _ in out.rglob("*.dcm")) > number:
            return
        time.sleep(0.01)


def wait_for_workers(out: Path) -> None:
    """Wait until the processes that a killed one left behind have noticed."""
    import fcntl

    deadline = time.monotonic() + 30
    with (out / MARKER).open("rb") as stream:
        while time.monotonic() < deadline:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                time.sleep(0.05)
            else:
                return
    pytest.fail("processes of a killed run go on for half a minute")
