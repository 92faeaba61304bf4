"""`scanward picture`: pictures of scans that are declared and on record, marks that tell whose a leaked one was."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from scanward.adapters.signatures.c2pa import read_manifest
from scanward.model.declaration import ManifestState
from tests.cli.test_lookup import SECRET, write_dicom
from tests.cli.test_seals import UID, edit, run
from tests.common.films import made_film


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> Path:
    monkeypatch.setenv("SCANWARD_HOME", str(tmp_path / "home"))
    assert run(capsys, "init")[0] == 0
    return tmp_path / "home"


@pytest.fixture
def film(home: Path, tmp_path: Path) -> Path:
    return write_dicom(tmp_path / "films" / "film.dcm", made_film(5))


def exported(capsys, film: Path, out: Path, *options: str) -> np.ndarray:
    assert run(capsys, "picture", "export", film, out, *options)[0] == 0
    return cv2.imread(str(out), cv2.IMREAD_UNCHANGED)


def commitments(capsys) -> list[dict]:
    said = json.loads(run(capsys, "custody", UID, "--json")[1])
    statements = [one for chain in said["objects"] for one in chain["statements"]]
    return [one["facts"] for one in statements if one["event"] == "exported"]


@pytest.mark.parametrize("name", ["film.png", "film.jpg"])
def test_a_picture_declares_where_it_comes_from_and_is_on_record(film, capsys, tmp_path, name):
    out = tmp_path / name
    assert exported(capsys, film, out).ndim == 2
    data = out.read_bytes()
    manifest = read_manifest(data)
    assert manifest.state is ManifestState.INTACT
    assert manifest.declaration is None
    (facts,) = commitments(capsys)
    assert facts["commitment"] == manifest.commitment.hex()
    assert SECRET.encode() not in data
    assert UID.encode() + b"\0" not in data
    assert run(capsys, "picture", "export", film, out)[0] == 1  # never overwritten


def test_a_leaked_picture_tells_whose_it_was(film, capsys, tmp_path):
    exported(capsys, film, tmp_path / "a.png", "--mark-for", "vendor-a")
    marked = exported(capsys, film, tmp_path / "b.png", "--mark-for", "vendor-b")
    assert commitments(capsys)[1]["marked_for"] == "vendor-b"
    cv2.imwrite(str(tmp_path / "leak.jpg"), marked, [cv2.IMWRITE_JPEG_QUALITY, 75])
    names = [word for name in ("vendor-a", "vendor-b", "vendor-c") for word in ("--recipient", name)]
    code, out, _ = run(capsys, "picture", "trace", tmp_path / "leak.jpg", "--original", film, *names)
    assert code == 0
    assert "marked for vendor-b" in out


def test_nobody_is_named_for_a_picture_without_a_mark(film, capsys, tmp_path):
    exported(capsys, film, tmp_path / "plain.png")
    code, out, _ = run(
        capsys, "picture", "trace", tmp_path / "plain.png", "--original", film, "--recipient", "vendor-a"
    )
    assert code == 3
    assert "nobody is named" in out
    assert run(capsys, "picture", "trace", tmp_path / "plain.png", "--original", film)[0] == 1  # nobody is known


def test_what_a_picture_carries_is_taken_out_bit_by_bit(film, capsys, tmp_path):
    plain = exported(capsys, film, tmp_path / "plain.png", "--no-declaration")
    carrier = exported(capsys, film, tmp_path / "carrier.png", "--carry")
    assert (plain != carrier).any()
    code, out, _ = run(capsys, "picture", "restore", tmp_path / "carrier.png", tmp_path / "restored.png")
    assert (code, out.split()[1]) == (0, commitments(capsys)[1]["commitment"])
    assert (cv2.imread(str(tmp_path / "restored.png"), cv2.IMREAD_UNCHANGED) == plain).all()
    assert run(capsys, "picture", "restore", tmp_path / "plain.png", tmp_path / "other.png")[0] == 1


def test_an_altered_scan_is_not_exported_as_the_sealed_one(film, capsys, tmp_path):
    exported(capsys, film, tmp_path / "film.png")

    def change(ds):
        samples = ds.pixel_array.copy()
        samples[100:120, 100:120] += 200
        ds.PixelData = samples.tobytes()

    copy = edit(film, "altered.dcm", change)
    code, _, err = run(capsys, "picture", "export", copy, tmp_path / "altered.png")
    assert code == 1
    assert "differs from it" in err
    assert not (tmp_path / "altered.png").exists()
    assert len(commitments(capsys)) == 1


@pytest.mark.parametrize(
    ("name", "options"), [("film.gif", []), ("film.jpg", ["--carry"]), ("film.png", ["--frame", "2"])]
)
def test_what_cannot_be_exported_is_told_and_not_recorded(film, capsys, tmp_path, name, options):
    assert run(capsys, "seal", film)[0] == 0
    assert run(capsys, "picture", "export", film, tmp_path / name, *options)[0] == 1
    assert not (tmp_path / name).exists()
    assert commitments(capsys) == []
