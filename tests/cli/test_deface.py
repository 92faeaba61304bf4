"""`scanward deface` and `scanward inspect --faces` on heads that nobody has."""

import gzip
import json
import stat
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import nibabel
import numpy as np
import pytest

from scanward.adapters.engines.frames import ImageCodec
from scanward.adapters.engines.head_faces import HeadFaceFinder
from scanward.bootstrap import deface as bootstrap
from scanward.bootstrap import draw as drawing
from scanward.cli.main import main
from scanward.deidentify.faces import residual
from scanward.deidentify.faces.align_inputs import make_align_inputs
from scanward.deidentify.faces.atlas import load_atlas
from scanward.deidentify.faces.findings import FaceEngines
from scanward.deidentify.faces.look import LookedAt
from scanward.deidentify.faces.remodel import FaceMask
from scanward.deidentify.faces.render import View
from scanward.model.faces import FaceFigures, FaceFinding
from tests.common.head_series import make_slices
from tests.common.heads import make_cylinders, make_head
from tests.common.nifti import KnowingAligner, write_volume

DEFACE = "scanward.deidentify.scans.deface"
FINDINGS = "scanward.deidentify.faces.findings"
SECRET = "Doe^Jane"
BRIGHTER = 1.5


@pytest.fixture(scope="module", autouse=True)
def few_pictures():
    """One view of each side: the others take seconds, and are tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(residual, "FACE_VIEWS", (View(turn_degrees=0),))
        patch.setattr(residual, "BACK_VIEWS", (View(turn_degrees=180),))
        yield


@pytest.fixture(scope="module")
def head():
    return make_head(3, spacing=(3.0, 2.5, 2.5))


@pytest.fixture(scope="module")
def engines(head):
    return FaceEngines(
        codec=ImageCodec(), aligner=KnowingAligner(head.to_atlas), detector=HeadFaceFinder(), atlas=load_atlas()
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory, head):
    """A folder with two points in time of a head, legs, and what cannot be treated."""
    path = tmp_path_factory.mktemp("in")
    write_volume(path / "Doe_Jane.nii.gz", head.volume, times=(1.0, BRIGHTER), text=SECRET)
    write_volume(path / "legs.nii", make_cylinders("legs"), text=SECRET)
    (path / "broken.nii.gz").write_bytes((path / "Doe_Jane.nii.gz").read_bytes()[:9000])
    colours = np.zeros((20, 20, 20), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(colours, np.eye(4)), path / "colours.nii")
    nibabel.save(nibabel.Nifti1Image(np.zeros((20, 20, 20), np.complex64), np.eye(4)), path / "phase.nii")
    placeless = nibabel.Nifti1Image(np.zeros((20, 20, 20), np.int16), None)
    placeless.header["qform_code"] = placeless.header["sform_code"] = 0
    nibabel.save(placeless, path / "placeless.nii")
    (path / "Doe_Jane.json").write_text("{}")
    (path / "one.dcm").write_bytes(make_slices(along=[0.0])[0])
    return path


def run(capsys, *arguments):
    patch = pytest.MonkeyPatch()
    patch.setattr(sys, "argv", ["scanward", *map(str, arguments)])
    try:
        with pytest.raises(SystemExit) as caught:
            main()
    finally:
        patch.undo()
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


class Ran:
    def __init__(self, base, code, out):
        self.base, self.code, self.out = base, code, out
        self.report = json.loads((base / "report.json").read_text())
        self.files = {Path(one["source"]).name: one for one in self.report["files"]}

    def output(self, name):
        return self.base / "out" / self.files[name]["output"]


def deface(base, source, engines, capsys, *more):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "load_engines", lambda: engines)
        code, out, _ = run(
            capsys, "deface", source, base / "out", "--home", base / "home", "--report", base / "report.json", *more
        )
    return Ran(base, code, out)


@pytest.fixture(scope="module")
def ran(folder, engines, tmp_path_factory):
    """The whole folder, defaced once."""
    capture = type("Capture", (), {"readouterr": staticmethod(lambda: ("", ""))})
    return deface(tmp_path_factory.mktemp("ran"), folder, engines, capture, "--quiet")


def test_each_file_ends_somewhere(ran, folder):
    assert ran.code == 3
    assert {name: one["outcome"] for name, one in ran.files.items()} == {
        "Doe_Jane.nii.gz": "released",
        "legs.nii": "released",
        "broken.nii.gz": "quarantined",
        "colours.nii": "held",
        "phase.nii": "held",
        "placeless.nii": "held",
        "Doe_Jane.json": "not NIfTI",
        "one.dcm": "not NIfTI",
    }
    assert ran.report["found"] == len(list(folder.iterdir())) == sum(ran.report["outcomes"].values())
    assert ran.files["placeless.nii"]["remedy"]
    assert "scanward deidentify" in ran.files["one.dcm"]["reasons"][0]


def test_only_what_was_released_is_written_under_names_that_tell_nothing(ran):
    written = {path.name for path in (ran.base / "out").iterdir()} - {".scanward"}
    assert written == {one["output"] for one in ran.files.values()} - {""}
    assert len(written) == 2
    assert all(name.startswith("2.25.") for name in written)
    assert ran.output("Doe_Jane.nii.gz").name.endswith(".nii.gz")
    for path in (ran.base / "out").iterdir():
        data = path.read_bytes()
        assert SECRET.encode() not in (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)


def test_the_report_is_for_its_owner_alone(ran):
    assert stat.S_IMODE((ran.base / "report.json").stat().st_mode) == 0o600


def test_the_face_goes_at_each_point_in_time_and_the_brain_stays(ran, head, folder):
    told = ran.files["Doe_Jane.nii.gz"]
    assert told["finding"] == "a head whose face was taken out"
    assert told["volumes"] == 2
    assert told["figures"]["face_kept"] <= 0.05
    assert told["figures"]["hits_before"] > told["figures"]["hits_after"]
    was = np.asarray(nibabel.load(folder / "Doe_Jane.nii.gz").dataobj)
    now = np.asarray(nibabel.load(ran.output("Doe_Jane.nii.gz")).dataobj)
    assert now.shape == was.shape
    brain = head.brain.transpose(2, 1, 0)
    changed = was != now
    for time in range(2):
        assert changed[..., time].mean() > 0.02
        assert not (changed[..., time] & brain).any()
    # One mask for both, but for what is by chance what it was.
    assert (changed[..., 0] != changed[..., 1]).mean() < 0.15 * changed[..., 0].mean()


def test_noise_is_as_bright_as_that_point_in_time(ran, folder):
    was = np.asarray(nibabel.load(folder / "Doe_Jane.nii.gz").dataobj)
    now = np.asarray(nibabel.load(ran.output("Doe_Jane.nii.gz")).dataobj)
    both = (was[..., 0] != now[..., 0]) & (was[..., 1] != now[..., 1])
    assert now[..., 1][both].mean() == pytest.approx(BRIGHTER * now[..., 0][both].mean(), rel=0.1)


def test_what_shows_no_head_passes_with_its_pixels(ran, folder):
    assert ran.files["legs.nii"]["finding"] == "no head"
    assert ran.files["legs.nii"]["cleared"] == ["descrip"]
    was, now = nibabel.load(folder / "legs.nii"), nibabel.load(ran.output("legs.nii"))
    assert np.asarray(was.dataobj).tobytes() == np.asarray(now.dataobj).tobytes()
    assert bytes(now.header["descrip"]).strip(b"\0") == b""


def test_the_same_key_gives_the_same_output_and_another_recipient_another_name(
    ran, folder, engines, tmp_path, capsys, monkeypatch
):
    (tmp_path / "home").symlink_to(ran.base / "home")
    monkeypatch.setattr(f"{DEFACE}._look_again", lambda *more: ((), FaceFigures()))  # not what is compared here
    done = deface(tmp_path, folder / "Doe_Jane.nii.gz", engines, capsys)
    code, out = done.code, done.out
    assert code == 0
    assert "a head whose face was taken out" in out
    (same,) = (path for path in (tmp_path / "out").iterdir() if path.name != ".scanward")
    assert same.name == ran.output("Doe_Jane.nii.gz").name
    assert same.read_bytes() == ran.output("Doe_Jane.nii.gz").read_bytes()
    other = deface(tmp_path, folder / "legs.nii", engines, capsys, "--recipient", "another")
    assert other.output("legs.nii").name != ran.output("legs.nii").name


def test_found_and_not_taken_out_is_held_and_takes_away_what_was_released_before(engines, tmp_path, capsys):
    write_volume(tmp_path / "one.nii", make_cylinders("legs"))
    first = deface(tmp_path, tmp_path / "one.nii", engines, capsys)
    assert first.code == 0
    with finding(FaceFinding.FACE_FOUND):
        second = deface(tmp_path, tmp_path / "one.nii", engines, capsys, "--mode", "detect")
    assert second.code == 3
    assert "which was to be found, not taken out" in second.out
    assert not first.output("one.nii").exists()
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".scanward"]


@contextmanager
def finding(*findings, fit=None, inputs=None):
    """Have looks come to findings, one after the other."""
    one = iter(findings)

    def look(*more):
        return LookedAt(finding=next(one), reasons=(), fit=fit, inputs=inputs, figures=FaceFigures())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{DEFACE}.look", look)
        yield patch


def test_a_face_that_is_still_seen_is_held(engines, tmp_path, capsys):
    legs = make_cylinders("legs")
    write_volume(tmp_path / "one.nii", legs)
    made = FaceMask(mask=legs.values > 0, values=np.zeros(int((legs.values > 0).sum()), np.float32), protected=None)
    fit, inputs = engines.aligner.align(None, None, None, ()), make_align_inputs(legs)
    with finding(FaceFinding.FACE_FOUND, fit=fit, inputs=inputs) as patch:
        patch.setattr(f"{DEFACE}.remodel", lambda *more, **options: made)
        seen = SimpleNamespace(hits=0, false_hits=0, renders=2, surface=None)
        for module in (DEFACE, FINDINGS):
            patch.setattr(f"{module}.see", lambda *more: seen)
        patch.setattr(f"{FINDINGS}.measure_kept", lambda *more: residual.Kept(face=0.0, ears=None))
        patch.setattr(f"{FINDINGS}.still_seen", lambda *more: ("a face is still there",))
        done = deface(tmp_path, tmp_path / "one.nii", engines, capsys)
    assert done.code == 3
    assert "a face is still there" in done.out
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".scanward"]


def test_pairs_are_read_and_written_as_one_file(engines, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    stored = write_volume(tmp_path / "in" / "legs.hdr", make_cylinders("legs"), pair=True)
    done = deface(tmp_path, tmp_path / "in", engines, capsys)
    assert done.code == 0
    assert {one["outcome"] for one in done.files.values()} == {"released", "not NIfTI"}
    image = nibabel.load(done.output("legs.hdr"))
    assert type(image) is nibabel.Nifti1Image
    assert np.array_equal(np.asarray(image.dataobj), stored)
    (tmp_path / "in" / "legs.img").unlink()
    assert deface(tmp_path, tmp_path / "in", engines, capsys).files["legs.hdr"]["outcome"] == "quarantined"


@pytest.mark.parametrize(("times", "code"), [((1.0,), 0), ((1.0, 0.9), 3)])
def test_no_point_in_time_may_show_a_face_where_the_others_do_not(times, code, engines, tmp_path, capsys):
    write_volume(tmp_path / "one.nii", make_cylinders("legs"), times=times)
    with finding(FaceFinding.NO_HEAD, FaceFinding.FACE_FOUND):
        done = deface(tmp_path, tmp_path / "one.nii", engines, capsys)
    assert done.code == code


def test_dicom_and_nothing_are_refused_in_words(folder, tmp_path, capsys):
    more = ("--home", tmp_path / "home")
    code, _, err = run(capsys, "deface", folder / "one.dcm", tmp_path / "out", *more)
    assert code == 1
    assert "scanward deidentify" in err
    (tmp_path / "empty").mkdir()
    code, _, err = run(capsys, "deface", tmp_path / "empty", tmp_path / "out", *more)
    assert code == 1
    assert "expected NIfTI files, got none" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("report", ["out/report.json", "out/sub/report.json"])
def test_a_report_does_not_lie_among_what_leaves(report, folder, tmp_path, capsys):
    code, _, err = run(capsys, "deface", folder, tmp_path / "out", "--report", tmp_path / report)
    assert code == 1
    assert "among the outputs" in err
    assert not (tmp_path / "out").exists()


def test_outputs_lie_outside_of_sources(folder, engines, tmp_path, capsys):
    code, _, err = run(capsys, "deface", folder, folder / "out", "--home", tmp_path / "home")
    assert code == 1
    assert "overlap" in err


def test_deidentify_says_what_takes_faces_out_of_nifti(folder, tmp_path, capsys):
    code, out, _ = run(capsys, "deidentify", folder / "legs.nii", "-o", tmp_path / "out", "--home", tmp_path / "home")
    assert code == 0
    assert "scanward deface" in out


def draw(source, sheet, engines, capsys, *more):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "load_engines", lambda: engines)
        return run(capsys, "inspect", source, "--faces", sheet, *more)


def test_a_face_is_drawn_for_its_owner_alone(folder, engines, tmp_path, capsys):
    code, out, _ = draw(folder / "Doe_Jane.nii.gz", tmp_path / "one.png", engines, capsys)
    assert code == 3
    assert "a head with a face" in out
    assert "may show who the patient is" in out
    assert str(tmp_path / "one.png") in out
    assert stat.S_IMODE((tmp_path / "one.png").stat().st_mode) == 0o600
    picture = cv2.imread(str(tmp_path / "one.png"))
    assert picture.shape[1] == 3 * 480
    assert picture.std() > 30


def test_series_that_cannot_be_aligned_are_drawn_as_they_lie(engines, tmp_path, capsys):
    for number, data in enumerate([*make_slices(), *make_slices(along=[0.0, 5.0], spacing=(3.0, 3.0))]):
        (tmp_path / f"{number}.dcm").write_bytes(data)
    unsure = replace(engines, aligner=KnowingAligner(None))
    code, out, _ = draw(tmp_path, tmp_path / "all.png", unsure, capsys, "--json")
    assert code == 3
    told = json.loads(out)
    assert len(told["volumes"]) == 2
    assert all(one["reasons"] and not one["is_upright"] for one in told["volumes"])
    sheets = [one["sheet"] for one in told["volumes"] if one["sheet"]]
    assert sheets[0] == str(tmp_path / "all-1.png")
    assert cv2.imread(sheets[0])[:480, :480].std() > 20


@pytest.mark.parametrize("name", ["one.jpg", "missing/one.png"])
def test_pictures_have_a_place(name, folder, tmp_path, capsys):
    code, _, err = run(capsys, "inspect", folder / "legs.nii", "--faces", tmp_path / name)
    assert code == 1
    assert "for the pictures" in err


def test_one_look_at_a_time(folder, tmp_path, capsys):
    code, _, _ = run(capsys, "inspect", folder, "--faces", tmp_path / "one.png", "--against", folder)
    assert code == 2
