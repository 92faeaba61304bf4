"""`scanward deidentify --faces` on heads that nobody has, read back by pydicom."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from scanward.adapters.engines.head_faces import HeadFaceFinder
from scanward.deidentify.faces import residual
from scanward.deidentify.faces.align_inputs import skin_of
from scanward.deidentify.faces.render import View
from scanward.deidentify.faces.residual import measure_kept, see
from scanward.deidentify.faces.volume import Volume
from tests.common.head_files import capture_of, series_of
from tests.common.heads import cropped, make_cylinders, make_head
from tests.conformance.test_dciodvfy import new_errors

STOPPED = 3
CLEAN_FEATURES = "113102"
HEAD, LEGS, SLICE = "2.25.2", "2.25.62", "2.25.72"


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run of the command left."""

    code: int
    shown: str
    out: Path
    home: Path

    @property
    def files(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.out)): path.read_bytes() for path in sorted(self.out.rglob("*.dcm"))}

    @property
    def report(self) -> dict[str, object]:
        return json.loads(min(self.home.rglob("report.json")).read_text())

    def instances(self, modality: str) -> list[Dataset]:
        every = [dcmread(path) for path in sorted(self.out.rglob("*.dcm"))]
        return sorted((ds for ds in every if ds.Modality == modality), key=lambda ds: ds.InstanceNumber)


@pytest.fixture(scope="module")
def head():
    return make_head(4, ct=True, spacing=(3.0, 2.0, 2.0), shear=0.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, head):
    """A head with a capture beside it, legs, and a single slice."""
    path = tmp_path_factory.mktemp("in")
    legs, one = make_cylinders("legs", ct=False), cropped(head.volume, 0.5, 0.512)
    files = {
        "head": series_of(head.volume, study=HEAD, text={"PatientName": "Doe^Jane"}),
        "capture": [capture_of(study=HEAD)],
        "legs": series_of(legs, study=LEGS, series="2.25.63", reference="2.25.64"),
        "slice": series_of(one, study=SLICE, series="2.25.73", reference="2.25.74"),
    }
    for name, some in files.items():
        for number, data in enumerate(some):
            (path / f"{name}-{number:03}.dcm").write_bytes(data)
    return path


def run(folder: Path, base: Path, *more: str, home: Path | None = None) -> Run:
    out, home = base / "out", home or base / "home"
    command = [sys.executable, "-m", "scanward", "deidentify", str(folder), "--out", str(out), "--home", str(home)]
    done = subprocess.run(
        [*command, "--pixels", "off", "--release-unchecked-pixels", *more],
        env=os.environ, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    return Run(code=done.returncode, shown=done.stdout + done.stderr, out=out, home=home)


@pytest.fixture(scope="module")
def removed(folder, tmp_path_factory):
    return run(folder, tmp_path_factory.mktemp("removed"))


def volume_of(instances: list[Dataset]) -> Volume:
    """Read a volume as any other program would: by pydicom, from the outputs alone."""
    values = np.stack([ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept) for ds in instances])
    first, last = instances[0], instances[-1]
    affine = np.eye(4)
    affine[:3, 0] = np.array(first.ImageOrientationPatient[:3], float) * float(first.PixelSpacing[1])
    affine[:3, 1] = np.array(first.ImageOrientationPatient[3:], float) * float(first.PixelSpacing[0])
    reach = np.subtract(last.ImagePositionPatient, first.ImagePositionPatient).astype(float)
    affine[:3, 2] = reach / (len(instances) - 1)
    affine[:3, 3] = np.array(first.ImagePositionPatient, float)
    return Volume(values=values.astype(np.float32), affine=affine, valid=None, modality=first.Modality)


def test_the_face_is_gone_for_an_independent_reader(removed, head, monkeypatch):
    assert removed.code == STOPPED, removed.shown
    instances = removed.instances("CT")
    assert len(instances) == len(head.volume.values)
    after = volume_of(instances)
    assert np.allclose(after.affine, head.volume.affine, atol=1e-3)
    monkeypatch.setattr(residual, "FACE_VIEWS", (View(turn_degrees=0), View(turn_degrees=30)))
    monkeypatch.setattr(residual, "BACK_VIEWS", (View(turn_degrees=180), View(turn_degrees=210)))
    skin, finder = skin_of(head.volume), HeadFaceFinder()
    seen = [see(head.volume, one, skin, head.to_atlas, finder) for one in (head.volume.values, after.values)]
    kept = measure_kept(head.volume, seen[0].surface, seen[1].surface, head.to_atlas)
    assert kept.face < 0.05
    assert kept.ears < 0.15
    assert seen[1].hits <= seen[1].false_hits < seen[0].hits


def test_brain_and_geometry_are_as_they_were(removed, head):
    after = volume_of(removed.instances("CT")).values
    before = np.rint(head.volume.values)
    assert np.array_equal(after[head.brain], before[head.brain])
    changed = after != before
    assert 0.02 < changed.mean() < 0.5
    # Air of a CT stands where something went, and nothing else.
    assert set(np.unique(after[changed])) == {-1000}


def test_what_was_looked_at_says_so_and_nothing_else_does(removed):
    for modality in ("CT", "MR"):
        for ds in removed.instances(modality):
            assert ds.RecognizableVisualFeatures == "NO"
            assert CLEAN_FEATURES in {item.CodeValue for item in ds.DeidentificationMethodCodeSequence}
            assert "volume looked at by machine, no face left" in ds.DeidentificationMethod


def test_legs_leave_with_every_pixel(removed):
    legs = make_cylinders("legs", ct=False)
    assert np.array_equal(volume_of(removed.instances("MR")).values, np.rint(legs.values))


def test_what_lies_beside_and_what_cannot_be_told_is_held_with_the_reason(removed):
    assert "a capture or summary, which may show anything, beside a scan of a head" in removed.shown
    assert "expected at least 15 slices, got fewer" in removed.shown
    assert removed.report["outcomes"]["held"] == 2
    assert "Doe" not in removed.shown


def test_the_report_tells_what_was_found_and_shows_it_and_no_output_does(removed):
    studies = [study["faces"] for study in removed.report["studies"]]
    findings = sorted(volume["finding"] for volumes in studies for volume in volumes)
    assert findings == ["face_removed", "no_head", "refused"]
    told = next(one for volumes in studies for one in volumes if one["finding"] == "face_removed")
    assert told["face_kept"] < 0.05
    assert told["hits_before"] > told["hits_after"]
    page = min(removed.home.rglob("report.html"))
    assert page.read_text().count("data:image/png;base64,") == 2
    assert page.stat().st_mode & 0o077 == 0
    assert "A face was taken out of 1 volume." in removed.shown
    assert not [path for path in removed.out.rglob("*") if path.suffix in (".png", ".html")]


def test_another_run_with_the_same_key_and_more_workers_gives_the_same_bytes(removed, folder, tmp_path):
    again = run(folder, tmp_path, "--workers", "2", home=removed.home)
    assert again.files == removed.files


def test_faces_may_be_left_alone_and_then_nothing_is_claimed(removed, folder, head, tmp_path):
    off = run(folder, tmp_path, "--faces", "off", home=removed.home)
    assert off.code == 0, off.shown
    for ds in off.instances("CT"):
        assert ds.get("RecognizableVisualFeatures") is None
        assert CLEAN_FEATURES not in {item.CodeValue for item in ds.DeidentificationMethodCodeSequence}
    study = removed.instances("CT")[0].StudyInstanceUID
    whole = [ds for ds in off.instances("CT") if ds.StudyInstanceUID == study]
    assert len(whole) == len(head.volume.values)
    assert np.array_equal(volume_of(whole).values, np.rint(head.volume.values))


@pytest.mark.peers("dciodvfy")
def test_outputs_have_no_error_that_their_inputs_did_not_have(removed, folder, tmp_path):
    pairs, found = new_errors(folder, removed.out, tmp_path)
    assert pairs == len(removed.files)
    assert found == []
