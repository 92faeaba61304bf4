"""Reports beside the images, in each way of writing, go through the real command: nothing of the patient comes out."""

from __future__ import annotations

import io
import json
import random
import re
import zipfile
import zlib
from pathlib import Path

import pytest
from pydicom import dcmread

from scanward.cli.exits import ExitCode
from tests.common import images
from tests.common.patients import Study, make_patient, make_study
from tests.common.studies import save
from tests.common.study_reports import FINDING, REPORTS, make_text, secrets_of
from tests.privacy.conftest import deidentify


@pytest.fixture(scope="module")
def study() -> Study:
    rng = random.Random(29)
    return make_study(rng, make_patient(rng), "CT chest")


@pytest.fixture(scope="module")
def source(study, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    images.make_ct(study, 1).save_as(folder / "1.dcm", enforce_file_format=True)
    for name, make in REPORTS.items():
        (folder / name).write_bytes(make(study))
    return folder


def readable(path: Path) -> str:
    """Return all that anybody can read in a file: its bytes, its parts, its streams."""
    data = path.read_bytes()
    texts = [data]
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            texts += [archive.read(name) for name in archive.namelist()]
    if data.startswith(b"%PDF"):
        for found in re.finditer(rb"stream\r?\n(.*?)endstream", data, re.DOTALL):
            try:
                texts.append(zlib.decompress(found[1]))
            except zlib.error:
                continue
    return "\n".join(text.decode("utf-8", "replace") for text in texts)


def squeezed(text: str) -> str:
    """Return a text without marks of XML and blanks, for what is written in pieces."""
    return re.sub(r"<[^>]*>|\s", "", text).casefold()


@pytest.mark.parametrize(("profile", "mode"), [("basic", "remove"), ("research", "label"), ("research", "surrogate")])
def test_reports_come_out_with_their_findings_and_without_the_patient(study, source, tmp_path, profile, mode):
    run = deidentify(source, tmp_path / "out", tmp_path / "home", profile, more=("--text", mode))
    assert run.exit_code == ExitCode.DONE, run.shown
    outputs = sorted((tmp_path / "out").rglob("documents/*"))
    assert sorted(path.suffix for path in outputs) == sorted(Path(name).suffix for name in REPORTS)
    (instance,) = (tmp_path / "out").rglob("*.dcm")
    assert {path.parent.parent for path in outputs} == {instance.parent.parent}
    for path in outputs:
        text = readable(path)
        assert [word for word in secrets_of(study) if word.casefold() in text.casefold()] == [], path.suffix
        bare = squeezed(text)
        assert [word for word in secrets_of(study) if squeezed(word) in bare] == [], path.suffix
        if path.suffix != ".pdf":  # its words are glyphs; tests of PDF read them with other tools
            assert squeezed(FINDING) in bare, path.suffix
    report = json.loads(next((tmp_path / "home").rglob("report.json")).read_text())
    (told,) = report["studies"]
    assert sum(told["documents"]["cleaned"].values()) == len(REPORTS)
    shown = run.shown + json.dumps(report)
    assert [word for word in secrets_of(study) if word in shown.replace(str(tmp_path), "")] == []


def test_what_only_a_report_knows_goes_from_the_images_too(study, source, tmp_path):
    """The town stands in no header: from the report it is known, and goes from a comment of the images."""
    folder = tmp_path / "in"
    folder.mkdir()
    ds = images.make_ct(study, 1)
    ds.PatientName, ds.ImageComments = "", "thorax whirlby follow-up"
    ds.OtherPatientNames = ""
    save(ds, folder / "1.dcm")
    (folder / "r.txt").write_text(make_text(study).decode().replace(study.patient.family, "Whirlby"))
    run = deidentify(folder, tmp_path / "out", tmp_path / "home", "basic")
    assert run.exit_code == ExitCode.DONE, run.shown
    (instance,) = (tmp_path / "out").rglob("*.dcm")
    comments = dcmread(instance).ImageComments
    assert "whirlby" not in comments.casefold()
    assert "follow-up" in comments


def test_a_report_of_another_patient_is_held(study, source, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    images.make_ct(study, 1).save_as(folder / "1.dcm", enforce_file_format=True)
    (folder / "r.txt").write_text(make_text(study).decode().replace(study.patient.patient_id, "MRN4711000"))
    run = deidentify(folder, tmp_path / "out", tmp_path / "home", "basic")
    assert run.exit_code == ExitCode.STOPPED
    assert "patient" in run.shown
    assert not list((tmp_path / "out").rglob("documents/*"))


def test_a_profile_may_leave_documents_out(source, tmp_path):
    run = deidentify(source, tmp_path / "out", tmp_path / "home", "basic", more=("--documents", "remove"))
    assert run.exit_code == ExitCode.DONE
    assert not list((tmp_path / "out").rglob("documents/*"))


def test_the_same_command_again_does_nothing_again(source, tmp_path):
    first = deidentify(source, tmp_path / "out", tmp_path / "home", "basic")
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("documents/*")}
    second = deidentify(source, tmp_path / "out", tmp_path / "home", "basic")
    assert (first.exit_code, second.exit_code) == (ExitCode.DONE, ExitCode.DONE)
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("documents/*")} == before
