"""Seals that others saw: a timestamp authority, and what stays good when a key gets known to somebody else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.cli.test_lookup import write_dicom
from tests.cli.test_seals import UID, outcome, run
from tests.common.films import made_film
from tests.common.timestamp_authority import TimestampMachine, serve

pytestmark = pytest.mark.peers("openssl")


@pytest.fixture
def authority(tmp_path: Path):
    machine = TimestampMachine(tmp_path / "tsa")
    with serve(machine.reply) as url:
        yield machine, url


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, authority) -> Path:
    machine, url = authority
    folder = tmp_path / "home"
    monkeypatch.setenv("SCANWARD_HOME", str(folder))
    assert run(capsys, "init")[0] == 0
    with (folder / "scanward.toml").open("a") as settings:
        settings.write(f'\n[log]\ntimestamp_url = "{url}"\ntimestamp_authority = "{machine.folder / "root.pem"}"\n')
    return folder


@pytest.fixture
def sealed(home: Path, tmp_path: Path, capsys) -> Path:
    film = write_dicom(tmp_path / "films" / "film.dcm", made_film(5))
    assert run(capsys, "seal", film)[0] == 0
    return film


def compromise(capsys, use: str) -> None:
    listed = run(capsys, "keys", "list")[1].splitlines()
    (key_id,) = (line.split()[0] for line in listed if f" {use} " in line)
    assert run(capsys, "keys", "compromise", key_id, "--since", "2099-01-01")[0] == 0


def test_a_seal_says_when_others_saw_it(sealed, capsys):
    assert outcome(capsys, sealed)[1]["seal"]["attested"]
    assert "seen by others" in run(capsys, "custody", UID)[1]


def test_what_was_timestamped_before_a_key_got_known_stays_good(sealed, capsys):
    compromise(capsys, "statements")
    assert outcome(capsys, sealed)[0] == 0


def test_what_was_timestamped_before_the_key_of_the_log_got_known_stays_seen(sealed, capsys, tmp_path):
    compromise(capsys, "log")
    assert outcome(capsys, sealed)[1]["seal"]["attested"]
    bundle = tmp_path / "bundle.zip"
    assert run(capsys, "custody", UID, "--bundle", bundle)[0] == 0


def test_what_was_not_is_refused(sealed, home, capsys):
    for path in (home / "timestamps").iterdir():
        path.unlink()
    compromise(capsys, "statements")
    code, told = outcome(capsys, sealed)
    assert code == 3
    assert "compromised" in told["fault"]


def test_a_token_over_another_checkpoint_vouches_for_nothing(sealed, home, capsys):
    (checkpoint,) = (home / "timestamps").glob("*.checkpoint")
    checkpoint.write_bytes(checkpoint.read_bytes() + b"\n")
    assert outcome(capsys, sealed)[1]["seal"]["attested"] is None


def test_an_authority_that_does_not_answer_stops_nothing(home, capsys, tmp_path):
    settings = home / "scanward.toml"
    said = settings.read_text()
    place = said.index("timestamp_url")
    settings.write_text(said[:place] + 'timestamp_url = "http://127.0.0.1:9/"' + said[said.index("\n", place) :])
    film = write_dicom(tmp_path / "films" / "film.dcm", made_film(5))
    assert run(capsys, "seal", film)[0] == 0
    assert outcome(capsys, film)[1]["seal"]["attested"] is None


def test_a_bundle_is_checked_without_this_program(sealed, capsys, tmp_path):
    # The log went on since the token was made.
    other = write_dicom(tmp_path / "films" / "other.dcm", made_film(6), sop_instance_uid="2.25.77")
    assert run(capsys, "seal", other)[1].splitlines() == ["1 sealed"]
    bundle = tmp_path / "bundle.zip"
    assert run(capsys, "custody", UID, "--bundle", bundle, "--with", sealed)[0] == 0
    folder = tmp_path / "bundle"
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder)

    def check() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", "check.py"]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    good = check()
    assert good.returncode == 0, good.stdout + good.stderr
    assert "OK tokens" in good.stdout
    scan = folder / "files" / "scan-1.dcm"
    data = bytearray(scan.read_bytes())
    data[-100] ^= 1
    scan.write_bytes(data)
    assert check().returncode != 0
    assert run(capsys, "custody", UID, "--bundle", bundle)[0] == 1  # never overwritten
