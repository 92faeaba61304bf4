"""What containers start with, run for real."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from scanward.adapters.keys import KeyFolder
from scanward.adapters.settings import load_settings

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "enter.sh"


@pytest.fixture
def container(tmp_path):
    """Folders as a container has them: secrets that everybody can read, settings, an empty volume."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    first = KeyFolder(tmp_path / "first")
    key_id = first.key_id()
    first.export(secrets / "master_key")
    (secrets / "ledger_password").write_text("a:b\\c\n", encoding="utf-8")
    (secrets / "vault_password").write_text("other", encoding="utf-8")
    (secrets / "blobs_options").write_text("{}", encoding="utf-8")
    (secrets / "..data").mkdir()  # as Kubernetes has them
    for file in secrets.iterdir():
        file.chmod(0o755 if file.is_dir() else 0o444)
    settings = tmp_path / "scanward.toml"
    settings.write_text("quiet_seconds = 7\n", encoding="utf-8")
    volume = tmp_path / "volume"
    volume.mkdir()
    volume.chmod(0o777)
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        "SCANWARD_HOME": str(volume / "home"),
        "SCANWARD_SECRETS": str(secrets),
        "SCANWARD_SETTINGS": str(settings),
    }
    return tmp_path, environment, key_id


def run(environment, *words):
    return subprocess.run([str(SCRIPT), *words], env=environment, capture_output=True, text=True, check=False)


def test_secrets_are_closed_to_others_and_found(container):
    folder, environment, key_id = container
    for _ in range(2):  # a container is started again on the same volume
        done = run(environment, "keys", "show")
        assert done.returncode == 0, done.stderr
        assert key_id in done.stdout
    home = folder / "volume" / "home"
    assert load_settings(home).quiet_seconds == 7
    assert (home / "pgpass").read_text(encoding="utf-8").splitlines() == [
        "*:*:*:scanward_ledger:a\\:b\\\\c",
        "*:*:*:scanward_vault:other",
    ]
    assert [one.name for one in (home / "secrets").iterdir()] == ["blobs_options"]
    made = [path for path in home.rglob("*") if not path.is_symlink()]
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in [home, *made]} == {0}


def test_no_container_makes_a_key_of_its_own(container):
    folder, environment, _ = container
    (folder / "secrets" / "master_key").unlink()
    done = run(environment, "serve")
    assert done.returncode == 1
    assert "master_key" in done.stderr
    assert not (folder / "volume" / "home").exists()


def test_another_key_than_the_one_in_use_stops_the_start(container):
    folder, environment, _ = container
    assert run(environment, "keys", "show").returncode == 0
    other = KeyFolder(folder / "other")
    other.key_id()
    (folder / "secrets" / "master_key").unlink()
    other.export(folder / "secrets" / "master_key")
    done = run(environment, "keys", "show")
    assert done.returncode == 1
    assert "a different key" in done.stderr


def test_missing_settings_are_named(container):
    folder, environment, _ = container
    (folder / "scanward.toml").unlink()
    done = run(environment, "serve")
    assert done.returncode == 1
    assert "scanward.toml" in done.stderr


def test_signals_reach_scanward():
    assert SCRIPT.read_text(encoding="utf-8").rstrip().endswith('\nexec scanward "$@"')
