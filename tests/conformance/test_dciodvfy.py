"""De-identified instances stay valid: ``dciodvfy`` (Debian dicom3tools) reports no error that the input did not have."""

from __future__ import annotations

import re
import subprocess
import warnings
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydicom import config, dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from scanward.cli.main import app
from scanward.crosscheck import Severity, compare
from scanward.crosscheck.matching import match
from scanward.crosscheck.reading import is_dicom, read
from tests.common.studies import write_sample_studies
from tests.privacy.conftest import RELEASED, STOPPED, deidentify

UNREAD = "Error - Information Object Not found"

ABOUT_PIXELS = re.compile(r"Burned ?In ?Annotation|Recognizable ?Visual ?Features")
"""Enhanced CT and MR and Parametric Map demand these and allow NO only. Where nobody has looked at the pixels, NO is not
said: it is left out, or YES where it must be there. That is the one error that outputs have more than inputs."""

pytestmark = pytest.mark.peers("dciodvfy")


def errors_of(path: Path, scratch: Path, *, but: re.Pattern[str] = ABOUT_PIXELS) -> Counter[str]:
    """Return dciodvfy's errors, without the values and places that differ between an input and its output."""
    done = subprocess.run(
        ["dciodvfy", str(inflated(path, scratch))], capture_output=True, check=False, timeout=120
    )  # fmt: skip
    lines = (done.stdout + done.stderr).decode("latin-1").splitlines()
    errors = (normalised(line) for line in lines if line.startswith("Error"))
    return Counter(error for error in errors if not but.search(error))


def normalised(line: str) -> str:
    """Return a message without values: what is in quotes or brackets after "=", and numbers."""
    line = re.sub(r"(= |value |Value )(<[^>]*>|'[^']*'|\"[^\"]*\")", r"\1", line)
    line = re.sub(r"<[^<>]*\^[^<>]*>|\([^()]*\^[^()]*\)", "", line)
    line = re.sub(r"\b(0x)?[0-9a-f]*\d[0-9a-f]*\b", "#", line)
    return re.sub(r"#([.\\]#)+|\[#\]", "#", line).strip()


def inflated(path: Path, scratch: Path) -> Path:
    """Return the same Data Set as a file that dciodvfy can read; it does not know the deflated syntax."""
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        ds = dcmread(path, force=True)
        if getattr(ds.file_meta, "TransferSyntaxUID", "") != DeflatedExplicitVRLittleEndian:
            return path
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        target = scratch / "inflated.dcm"
        ds.save_as(target, enforce_file_format=True)
    return target


def new_errors(
    sources: Path, outputs: Path, scratch: Path, *, but: re.Pattern[str] = ABOUT_PIXELS
) -> tuple[int, list[str]]:
    """Return how many pairs were compared, and the errors that only the output has, by input."""
    before = [read(path) for path in sorted(sources.rglob("*")) if path.is_file() and is_dicom(path)]
    after = [read(path) for path in sorted(outputs.rglob("*.dcm"))]
    pairs, _ = match(before, after, None)
    found = []
    for output, source in pairs.items():
        added = errors_of(output, scratch, but=but) - errors_of(source.path, scratch, but=but)
        found += [f"{source.path.name}: {error}" for error in sorted(added)]
    return len(pairs), found


def test_the_samples_themselves_are_valid(tmp_path):
    files = write_sample_studies(tmp_path / "in")
    assert {file.name: errors_of(file.path, tmp_path) for file in files if errors_of(file.path, tmp_path)} == {}


@pytest.mark.parametrize("profile", ["basic", "ai-inference", "research", "patient-copy"])
def test_sample_studies_stay_valid(tmp_path, profile):
    files = write_sample_studies(tmp_path / "in")
    run = deidentify(tmp_path / "in", tmp_path / "out", tmp_path / "home", profile)
    assert run.exit_code == RELEASED, run.shown
    compared, found = new_errors(tmp_path / "in", tmp_path / "out", tmp_path)
    assert found == []
    assert compared == len(files)


@pytest.mark.parametrize(("profile", "mode"), [("research", "surrogate"), ("basic", "label")])
def test_what_stands_for_identifiers_in_text_is_valid(tmp_path, profile, mode):
    files = write_sample_studies(tmp_path / "in")
    run = deidentify(tmp_path / "in", tmp_path / "out", tmp_path / "home", profile, more=("--text", mode))
    assert run.exit_code == RELEASED, run.shown
    compared, found = new_errors(tmp_path / "in", tmp_path / "out", tmp_path)
    assert found == []
    assert compared == len(files)
    report = compare(tmp_path / "in", tmp_path / "out")
    assert [one for one in report.findings if one.severity is not Severity.REVIEW] == []


def run_one(source: Path, outputs: Path, home: Path, profile: str) -> Path | None:
    """Run the command on one file, in this process; return its output, or None when it was kept in."""
    arguments = ["deidentify", str(source), "--out", str(outputs), "--home", str(home), "--profile", profile,
                 "--pixels", "off", "--faces", "off", "--release-unchecked-pixels", "--workers", "1", "--quiet"]  # fmt: skip
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code in {RELEASED, STOPPED}, (source.name, done.output)
    return next(outputs.rglob("*.dcm"), None)


@pytest.mark.realdata
@pytest.mark.parametrize("profile", ["basic", "research", "patient-copy"])
def test_real_files_get_no_new_error(tmp_path, test_data, profile):
    """Each file is run by itself: several share a SOP Instance UID, and only so is it sure what came of which."""
    found, compared = [], 0
    for number, source in enumerate(sorted((test_data / "dicom").rglob("*"))):
        if not source.is_file() or not is_dicom(source):
            continue
        output = run_one(source, tmp_path / f"{number}", tmp_path / "home", profile)
        before = errors_of(source, tmp_path)
        # Where dciodvfy gives up on an input it says nothing of what it did not read.
        if output is not None and UNREAD not in before:
            compared += 1
            added = errors_of(output, tmp_path) - before
            found += [f"{source.name}: {error}" for error in sorted(added)]
    assert found == []
    assert compared > 150


@pytest.mark.realdata
def test_a_folder_of_real_files_comes_out_without_fault(tmp_path, test_data):
    """Run together, instances that look alike share work: none may come out of order or with another's values."""
    run = deidentify(test_data / "dicom", tmp_path / "out", tmp_path / "home", "basic", workers=2)
    assert run.exit_code in {RELEASED, STOPPED}, run.shown
    report = compare(test_data / "dicom", tmp_path / "out")
    faults = [finding for finding in report.findings if finding.severity is Severity.FAULT]
    assert faults == []
    assert report.outputs > 120
