"""`scanward deidentify` with a profile that keeps a box of the body, read back by pydicom and dciodvfy."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from scanward.cli.main import app
from scanward.errors import ProfileError
from tests.common.head_series import make_slices, places
from tests.common.pixels import file_of, make_header
from tests.conformance.test_dciodvfy import errors_of

STOPPED = 3
CLEAN_FEATURES = "113102"
PROFILE = """
name = "trunk"
description = "A box around the middle of the body."
options = ["retain-uids"]
[pixels]
mode = "off"
[faces]
mode = "off"
"""
BOX = '[body]\nkeep_mm = [[-40, 40], [-50, 50], [-30, 45]]\norigin = "{}"\n'
SIDES = ((-40, 40), (-50, 50), (-30, 45))
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
GEOMETRY = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns", "RescaleSlope")
STORAGE = "1.2.840.10008.5.1.4.1.1."


def command_of(source: Path, place: Path, profile: str) -> list[str]:
    (place / "profile.toml").write_text(profile)
    return [
        sys.executable, "-m", "scanward", "deidentify", str(source), "--out", str(place / "out"),
        "--home", str(place / "home"), "--profile", str(place / "profile.toml"), "--workers", "1",
        "--release-unchecked-pixels",
    ]  # fmt: skip


def deidentify(source: Path, place: Path, profile: str) -> tuple[subprocess.CompletedProcess[str], list[Dataset]]:
    command = command_of(source, place, profile)
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=120)
    made = [dcmread(path) for path in sorted((place / "out").rglob("*.dcm"))]
    return done, sorted(made, key=lambda ds: (ds.Modality, ds.SeriesInstanceUID, int(ds.get("InstanceNumber") or 0)))


def report_of(place: Path) -> dict[str, object]:
    return json.loads(min((place / "home").rglob("report.json")).read_text())


def write(folder: Path, files: list[bytes]) -> Path:
    folder.mkdir()
    for number, data in enumerate(files):
        (folder / f"{number:03}.dcm").write_bytes(data)
    return folder


def of_class(last: str, modality: str, uid: str, **more: object) -> bytes:
    ds = make_header(rows=16, columns=16, modality=modality, sop_class=STORAGE + last)
    ds.SOPInstanceUID, ds.SeriesInstanceUID = uid, f"{uid}.1"
    for keyword, value in more.items():
        setattr(ds, keyword, value)
    return file_of(ds, bytes(256), ExplicitVRLittleEndian)


def emission(ds: Dataset, number: int) -> None:
    ds.SeriesInstanceUID, ds.SOPInstanceUID = "2.25.31", f"2.25.8.{number + 1}"


@pytest.fixture(scope="module")
def study() -> list[bytes]:
    """A body by CT and PET, with what else there may be in a study."""
    return [
        *make_slices(intercept=-1024, signed=False),
        *make_slices(modality="PT", spacing=(7.0, 7.0), rows=30, columns=30, change=emission),
        of_class("481.3", "RTSTRUCT", "2.25.91"),
        of_class("66.4", "SEG", "2.25.92"),
        of_class("7", "CT", "2.25.93"),
        of_class("2", "CT", "2.25.94", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]),
        of_class("1.1", "DX", "2.25.95"),
    ]


@pytest.fixture(scope="module")
def cut(tmp_path_factory, study):
    place = tmp_path_factory.mktemp("cut")
    source = write(place / "in", study)
    done, made = deidentify(source, place, PROFILE + BOX.format("body"))
    return place, source, done, made


def inside(ds: Dataset, middle: np.ndarray) -> np.ndarray:
    at = places(ds.ImageOrientationPatient, ds.ImagePositionPatient, ds.Rows, ds.Columns, ds.PixelSpacing)
    return np.logical_and.reduce(
        [(one >= low + mid) & (one <= high + mid) for one, (low, high), mid in zip(at, SIDES, middle, strict=True)]
    )


def test_within_the_box_every_bit_stays_and_outside_is_air(cut, study):
    _, _, done, made = cut
    assert done.returncode == STOPPED
    sources = {ds.SOPInstanceUID: ds for ds in (dcmread(io.BytesIO(one), force=True) for one in study)}
    scans = [ds for ds in made if ds.Modality in ("CT", "PT")]
    assert len(scans) == 66
    body = np.concatenate([
        np.stack(places(ds.ImageOrientationPatient, ds.ImagePositionPatient, ds.Rows, ds.Columns, ds.PixelSpacing))[
            :, ds.pixel_array.astype(float) * ds.RescaleSlope + ds.RescaleIntercept > -350
        ].T
        for ds in sources.values() if ds.Modality == "CT" and ds.SOPInstanceUID.startswith("2.25.7.")
    ])  # fmt: skip
    middle = (body.min(axis=0) + body.max(axis=0)) / 2
    kept = 0
    for ds in scans:
        source = sources[ds.SOPInstanceUID]
        assert [ds[name].value for name in GEOMETRY] == [source[name].value for name in GEOMETRY]
        stays = inside(source, middle)
        kept += int(stays.sum())
        old, new = source.pixel_array, ds.pixel_array
        # The middle may lie a few mm beside: a nose as thin as a voxel counts, or does not.
        sure = inside(source, middle + 4) & inside(source, middle - 4)
        beyond = ~(inside(source, middle + 4) | inside(source, middle - 4) | stays)
        assert np.array_equal(old[sure], new[sure])
        assert np.all(
            new[beyond] * float(ds.RescaleSlope) + float(ds.RescaleIntercept) == -1000 * (ds.Modality == "CT")
        )
    assert kept > 1000


def test_what_shows_more_is_held_with_the_reason_and_a_radiograph_leaves(cut):
    place, _, _, made = cut
    assert sorted({ds.Modality for ds in made}) == ["CT", "DX", "PT"]
    report = report_of(place)
    (told,) = report["studies"]
    assert told["outcomes"]["held"] == 4
    assert all("cuts bodies down to a box" in reason for reason in told["stopped"])
    assert {reason.split(",")[0] for reason in told["stopped"]} == {
        "contours", "segments on the grid of a scan", "a localiser", "a capture or summary",
    }  # fmt: skip


def test_the_report_says_what_stays_and_no_faceless_is_claimed(cut):
    place, _, _, made = cut
    report = report_of(place)
    assert report["body"].startswith("Bodies in scans: a box of 80 x 100 x 75 mm around the middle of the body stays")
    page = min((place / "home").rglob("report.html")).read_text()
    assert report["body"] in page
    body = next(one for one in report["risks"] if one["id"] == "body")
    assert report["body"] in body["done"]
    for ds in made:
        assert CLEAN_FEATURES not in str(ds.get("DeidentificationMethodCodeSequence", ""))
        assert ds.get("RecognizableVisualFeatures") != "NO"


@pytest.mark.peers("dciodvfy")
def test_dciodvfy_finds_nothing_new(cut, tmp_path):
    place, source, _, made = cut
    before = {dcmread(path, force=True).SOPInstanceUID: path for path in source.iterdir()}
    after = {dcmread(path).SOPInstanceUID: path for path in (place / "out").rglob("*.dcm")}
    assert len(after) == len(made)
    assert not {
        error
        for uid in sorted(after)[::4]  # they differ in places and numbers
        for error in errors_of(after[uid], tmp_path) - errors_of(before[uid], tmp_path)
    }


def test_a_run_that_was_killed_goes_on_with_the_same_box(cut, study, tmp_path):
    _, _, _, made = cut

    def other(ds: Dataset, number: int) -> None:
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = "2.25.20", "2.25.21", f"2.25.22.{number}"
        ds.FrameOfReferenceUID = "2.25.23"

    source = write(tmp_path / "in", [*study, *make_slices(change=other)])
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(
            command_of(source, tmp_path, PROFILE + BOX.format("body")), env=ENVIRONMENT, stdout=said, stderr=said
        )
        try:
            deadline = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < deadline and not any((tmp_path / "out").rglob("*.dcm")):
                time.sleep(0.005)
        finally:
            process.kill()
            process.wait(timeout=60)
    done, again = deidentify(source, tmp_path, PROFILE + BOX.format("body"))
    assert done.returncode == STOPPED, done.stderr
    assert len(again) == len(made) + 33
    assert {ds.SOPInstanceUID: ds.PixelData for ds in made}.items() <= {
        ds.SOPInstanceUID: ds.PixelData for ds in again
    }.items()
    assert len({ds.PixelData for ds in again if ds.StudyInstanceUID == "2.25.20"}) > 1


def test_without_a_scan_a_box_cuts_nothing(tmp_path):
    source = write(tmp_path / "in", [of_class("1.1", "DX", "2.25.95"), of_class("1.1", "DX", "2.25.96")])
    done, made = deidentify(source, tmp_path, PROFILE + BOX.format("body"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(made) == 2


def test_a_scan_without_a_body_is_held_and_the_coordinates_of_the_patient_do(tmp_path):
    files = make_slices(paint=lambda raw, _: np.full_like(raw, -1000))
    source = write(tmp_path / "in", files)
    done, made = deidentify(source, tmp_path, PROFILE + BOX.format("body"))
    assert (done.returncode, made) == (STOPPED, [])
    (reason,) = report_of(tmp_path)["studies"][0]["stopped"]
    assert re.search("expected a body that a box can be counted from, got none", reason)
    other = tmp_path / "other"
    other.mkdir()
    done, made = deidentify(source, other, PROFILE + BOX.format("patient"))
    assert (done.returncode, len(made)) == (0, len(files))


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("keep_mm = [[-40, 40], [-50, 50]]", "three pairs of numbers"),
        ("keep_mm = [[40, -40], [-50, 50], [0, 20]]", "three pairs of numbers"),
        ("keep_mm = 7", "three pairs of numbers"),
        ('origin = "patient"', "expected 'body.keep_mm'"),
        ('keep_mm = [[-40, 40], [-50, 50], [0, 20]]\norigin = "heart"', "origin"),
        ("keep = [[-40, 40], [-50, 50], [0, 20]]", "unknown key 'keep'"),
    ],
)
def test_a_bad_box_is_refused_before_anything_is_read(tmp_path, body, word):
    (tmp_path / "in").mkdir()
    profile = tmp_path / "profile.toml"
    profile.write_text(f"{PROFILE}[body]\n{body}\n")
    arguments = ["deidentify", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--home", str(tmp_path / "home")]
    done = CliRunner().invoke(app, [*arguments, "--profile", str(profile)])
    assert isinstance(done.exception, ProfileError)
    assert word in str(done.exception)
    assert not (tmp_path / "out").exists()
