"""`scanward seal`, `verify`, `custody`, `calibrate` and the keys that sign: what a person sees who uses them."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest

from scanward.bootstrap.stores import open_stores
from scanward.cli.main import main
from tests.cli.test_lookup import SECRET, write_dicom, write_png
from tests.common.films import made_film

UID = "2.25.1"


def run(capsys, *arguments) -> tuple[int, str, str]:
    patch = pytest.MonkeyPatch()
    patch.setattr(sys, "argv", ["scanward", *map(str, arguments)])
    try:
        with pytest.raises(SystemExit) as caught:
            main()
    finally:
        patch.undo()
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> Path:
    monkeypatch.setenv("SCANWARD_HOME", str(tmp_path / "home"))
    assert run(capsys, "init")[0] == 0
    return tmp_path / "home"


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_dicom(tmp_path / "films" / "film.dcm", made_film(5))


@pytest.fixture
def sealed(home: Path, film: Path, tmp_path: Path, capsys) -> Path:
    code, out, _ = run(capsys, "seal", film, "--seal-files", tmp_path / "seals")
    assert (code, out.splitlines()[0]) == (0, "1 sealed")
    return film


def edit(path: Path, name: str, change) -> Path:
    ds = pydicom.dcmread(path)
    change(ds)
    copy = path.with_name(name)
    ds.save_as(copy)
    return copy


def brighten(ds) -> None:
    samples = ds.pixel_array.copy()
    samples[100, 130] ^= 1
    ds.PixelData = samples.tobytes()


def outcome(capsys, *arguments) -> tuple[int, dict]:
    code, out, _ = run(capsys, "verify", *arguments, "--json")
    return code, json.loads(out)


def test_a_sealed_film_is_authentic(sealed, capsys):
    code, out, _ = run(capsys, "verify", sealed)
    assert code == 0
    assert "sealed and unchanged" in out
    assert "authentic" in out


def test_another_coding_is_no_change(sealed, capsys):
    def convert(ds):
        ds.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian

    assert outcome(capsys, edit(sealed, "implicit.dcm", convert))[1]["outcome"] == "sealed and unchanged"


def test_a_name_put_right_is_told_and_not_said(sealed, capsys):
    code, said = outcome(capsys, edit(sealed, "name.dcm", lambda ds: setattr(ds, "PatientName", "Right^Put")))
    assert (code, said["outcome"]) == (0, "sealed, header coerced")
    (change,) = said["comparison"]["header"]
    assert change["name"] == "Patient's Name"
    assert "Right" not in json.dumps(said)
    assert SECRET not in json.dumps(said)


def test_one_bit_is_found_in_its_tile(sealed, capsys, tmp_path):
    copy = edit(sealed, "bit.dcm", brighten)
    code, said = outcome(capsys, copy, "--out", tmp_path / "pictures")
    assert (code, said["outcome"]) == (3, "altered")
    (frame,) = said["comparison"]["pixels"]["frames_that_differ"]
    (region,) = frame["regions"]
    assert (region["x"], region["y"], region["tiles"]) == (128, 64, 1)
    (picture,) = said["pictures"]
    assert cv2.imread(picture) is not None


def test_a_screenshot_is_known_and_an_edit_of_it_told(sealed, capsys, tmp_path):
    film = made_film(5).astype(np.float32)
    shot = write_png(tmp_path / "shot" / "shot.png", film)
    code, said = outcome(capsys, shot)
    assert (code, said["outcome"]) == (3, "known picture in another form")
    rows, columns = np.indices(film.shape)
    far = np.hypot(rows - film.shape[0] * 0.45, columns - film.shape[1] * 0.3)
    edited = film + np.ptp(film) * 0.2 / (1 + np.exp((far - film.shape[1] * 0.03) / 2))
    shot = write_png(tmp_path / "shot" / "edited.png", edited)
    steps = {one["name"]: one for one in outcome(capsys, shot, "--original", sealed)[1]["steps"]}
    assert steps["difference"]["found"] == "found"


def test_what_is_not_known_is_unknown_and_never_authentic(sealed, capsys, tmp_path):
    other = write_png(tmp_path / "other" / "other.png", made_film(77))
    code, out, _ = run(capsys, "verify", other)
    assert code == 3
    assert "unknown" in out
    assert "authentic" not in out
    assert "can't see" in out


def test_a_seal_file_is_enough_elsewhere(sealed, capsys, tmp_path, monkeypatch):
    (file,) = (tmp_path / "seals").iterdir()
    published = tmp_path / "keys.json"
    assert run(capsys, "keys", "publish", published)[0] == 0
    monkeypatch.setenv("SCANWARD_HOME", str(tmp_path / "elsewhere"))
    code, said = outcome(capsys, sealed, "--proof", file, "--keys", published)
    assert (code, said["outcome"], said["seal"]["is_logged"]) == (0, "sealed and unchanged", True)
    assert said["seal"]["source"] == "a seal file, by published keys"
    said = outcome(capsys, sealed, "--proof", file)[1]
    assert "nobody else vouches" in said["seal"]["source"]
    assert outcome(capsys, edit(sealed, "bit.dcm", brighten), "--proof", file)[1]["outcome"] == "altered"


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda said: said.pop("log_proofs"), "expected a seal file"),
        (lambda said: said.update(seal=said["seal"][:-8]), "seal"),
        (lambda said: said["keys"]["keys"].clear(), "keys"),
    ],
)
def test_a_broken_seal_file_is_refused(sealed, capsys, tmp_path, monkeypatch, spoil, told):
    (file,) = (tmp_path / "seals").iterdir()
    spoil_file(file, spoil)
    monkeypatch.setenv("SCANWARD_HOME", str(tmp_path / "elsewhere"))
    code, out, err = run(capsys, "verify", sealed, "--proof", file)
    assert (code, out) == (1, "")
    assert told in err


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda said: said["statements"][0].update(blinding="00" * 32), "log.proof."),
        (lambda said: said["statements"][0].update(signature="AAAA"), "log.proof."),
        (lambda said: said.update(log_origin="another.example/log"), "log.checkpoint.origin"),
    ],
)
def test_a_forged_seal_file_is_no_evidence(sealed, capsys, tmp_path, monkeypatch, spoil, fault):
    (file,) = (tmp_path / "seals").iterdir()
    spoil_file(file, spoil)
    monkeypatch.setenv("SCANWARD_HOME", str(tmp_path / "elsewhere"))
    code, told = outcome(capsys, sealed, "--proof", file)
    assert code == 3
    assert told["fault"].startswith(fault)


@pytest.mark.parametrize(
    "spoil", [lambda said: said["statements"].clear(), lambda said: said.update(log_proofs={}, log_origin="")]
)
def test_a_seal_that_nobody_vouches_for_tells_of_edits_and_says_so(sealed, capsys, tmp_path, monkeypatch, spoil):
    (file,) = (tmp_path / "seals").iterdir()
    spoil_file(file, spoil)
    monkeypatch.setenv("SCANWARD_HOME", str(tmp_path / "elsewhere"))
    told = outcome(capsys, sealed, "--proof", file)[1]
    assert (told["outcome"], told["seal"]["is_logged"]) == ("sealed and unchanged", False)


def test_a_seal_that_somebody_made_up_makes_nothing_authentic(film, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("SCANWARD_HOME", str(tmp_path / "forger"))
    assert run(capsys, "init")[0] == 0
    assert run(capsys, "seal", film, "--seal-files", tmp_path / "forged")[0] == 0
    (file,) = (tmp_path / "forged").iterdir()
    monkeypatch.setenv("SCANWARD_HOME", str(tmp_path / "elsewhere"))
    code, out, _ = run(capsys, "verify", film, "--proof", file)
    assert code == 3
    assert "nobody you know vouches" in out
    assert "authentic" not in out
    spoil_file(file, lambda said: said["statements"].clear())
    code, out, _ = run(capsys, "verify", film, "--proof", file)
    assert (code, "authentic" in out) == (3, False)
    # By the keys of another gateway it is nobody's.
    monkeypatch.setenv("SCANWARD_HOME", str(tmp_path / "another"))
    assert run(capsys, "init")[0] == 0
    assert run(capsys, "keys", "rotate", "log")[0] == 0
    assert run(capsys, "verify", film, "--proof", file)[0] == 3


def spoil_file(file: Path, spoil) -> None:
    said = json.loads(file.read_text())
    spoil(said)
    file.write_text(json.dumps(said))


def test_a_mirror_of_the_log_will_do(sealed, home, capsys, tmp_path):
    mirror = tmp_path / "mirror"
    for path in (home / "log").rglob("*"):
        if path.is_file() and ".journal" not in str(path):
            copy = mirror / path.relative_to(home / "log")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    assert outcome(capsys, sealed, "--log", mirror)[0] == 0
    checkpoint = mirror / "checkpoint"
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b"\n1\n", b"\n2\n"))
    code, told = outcome(capsys, sealed, "--log", mirror)
    assert code == 3
    assert told["fault"].startswith("log.")


def test_custody_is_printed_and_its_seal_file_written(sealed, capsys, tmp_path):
    code, out, _ = run(capsys, "custody", UID, "--seal-file", tmp_path / "again.seal")
    assert code == 0
    assert "sealed" in out
    assert "entry 0" in out
    assert SECRET not in out
    assert outcome(capsys, sealed, "--proof", tmp_path / "again.seal")[0] == 0
    assert run(capsys, "custody", "1.2.3")[0] == 1


def test_what_is_sealed_again_is_told(sealed, capsys):
    assert run(capsys, "seal", sealed)[1].splitlines() == ["1 sealed before"]
    copy = edit(sealed, "bit.dcm", brighten)
    code, out, _ = run(capsys, "seal", copy)
    assert code == 3
    assert "differs from it" in out


def test_keys_change_and_what_they_signed_stays_good(sealed, home, capsys):
    assert run(capsys, "keys", "rotate", "statements")[0] == 0
    assert run(capsys, "keys", "rotate", "log")[0] == 0
    assert outcome(capsys, sealed)[0] == 0
    listed = run(capsys, "keys", "list")[1].splitlines()
    assert [line.split()[-1] for line in listed[1:]].count("signs") == 2
    with open_stores(home) as stores:
        said = [one.signed.body for line in listed[1:] for one in stores.custody.statements_of(line.split()[0])]
    assert sum(b'"event":"key added"' in one for one in said) == 2
    assert sum(b'"event":"key retired"' in one for one in said) == 2


def test_a_compromised_key_vouches_for_nothing_that_nobody_else_saw(sealed, capsys):
    listed = run(capsys, "keys", "list")[1].splitlines()
    (key_id,) = (line.split()[0] for line in listed if " statements " in line)
    assert run(capsys, "keys", "compromise", key_id, "--since", "2020-01-01")[0] == 0
    code, told = outcome(capsys, sealed)
    assert code == 3
    assert "compromised" in told["fault"]
    assert run(capsys, "keys", "compromise", "nobody", "--since", "2020-01-01")[0] == 1


def test_a_compromised_key_of_the_log_is_believed_no_more(sealed, home, capsys, tmp_path):
    (file,) = (tmp_path / "seals").iterdir()
    before = (home / "log" / "checkpoint").read_bytes()
    listed = run(capsys, "keys", "list")[1].splitlines()
    (key_id,) = (line.split()[0] for line in listed if " log " in line)
    assert run(capsys, "keys", "compromise", key_id, "--since", "2020-01-01")[0] == 0
    # The log is signed by another key at once, so that what is in it stays provable.
    assert (home / "log" / "checkpoint").read_bytes() != before
    assert outcome(capsys, sealed)[0] == 0
    assert outcome(capsys, sealed, "--proof", file)[1]["fault"] == "verify.log.key-compromised"
    assert run(capsys, "custody", UID, "--seal-file", tmp_path / "new.seal")[0] == 0
    assert outcome(capsys, sealed, "--proof", tmp_path / "new.seal")[0] == 0
    assert run(capsys, "fsck")[0] == 0
    (home / "log" / "checkpoint").write_bytes(before)
    code, told = outcome(capsys, sealed)
    assert code == 3
    assert told["fault"].startswith("log.signature.")


def test_stores_and_log_agree(sealed, capsys):
    assert run(capsys, "fsck")[0] == 0


def test_a_lost_entry_is_told(sealed, home, capsys):
    for path in (home / "log" / "tile" / "entries").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-1] + b"?")
    code, out, _ = run(capsys, "fsck")
    assert code == 3
    assert out


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\nbroken", b"\xff\xd8\xff broken"])
def test_what_is_no_scan_is_no_trouble(home, capsys, tmp_path, content):
    path = tmp_path / "what.bin"
    path.write_bytes(content)
    code, said = outcome(capsys, path)
    assert code == 3
    assert said.get("outcome", "unknown") == "unknown"


def test_a_missing_file_is_told(home, capsys, tmp_path):
    code, said = outcome(capsys, tmp_path / "nowhere.dcm")
    assert code == 3
    assert said["error"]


def test_a_site_calibrates_on_its_own_films(home, capsys, tmp_path):
    for seed in range(20):
        write_png(tmp_path / "own" / f"{seed}.png", made_film(seed))
    code, out, _ = run(capsys, "calibrate", tmp_path / "own", "--out", tmp_path / "own.json")
    assert (code, out.split()[0]) == (0, "20")
    film = write_png(tmp_path / "other" / "film.png", made_film(40))
    steps = {one["name"]: one for one in outcome(capsys, film, "--calibration", tmp_path / "own.json")[1]["steps"]}
    assert steps["synthetic"]["figures"]["calibrated_for_this_site"] is True
    assert run(capsys, "calibrate", tmp_path / "other", "--out", tmp_path / "few.json")[0] == 1
