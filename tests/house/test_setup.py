"""What a person sees of the scripts behind `make` on a machine that lacks something."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import PEERS

ROOT = Path(__file__).resolve().parents[2]
BASICS = ["bash", "cat", "dirname", "env", "head", "mktemp", "rm", "sha256sum", "tail"]


@pytest.fixture
def machine(tmp_path):
    """A copy of the scripts, and a PATH with next to nothing on it, where nobody is root."""
    shutil.copytree(ROOT / "tools" / "setup", tmp_path / "tools" / "setup")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in BASICS:
        (programs / name).symlink_to(str(shutil.which(name)))
    add_program(programs, "id", "echo 1000")
    return tmp_path


def add_program(programs: Path, name: str, script: str) -> None:
    path = programs / name
    path.write_text(f"#!{shutil.which('bash')}\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def run(machine: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(machine / words[0]), *words[1:]],
        env={"PATH": str(machine / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_old_python_is_named(machine):
    add_program(machine / "bin", "python3", '[ "$1" = --version ] && echo "Python 3.9.2" || exit 1')
    done = run(machine, "tools/setup/venv", "run")
    assert done.returncode == 1
    assert "needs Python 3.11 or newer; found: Python 3.9.2" in done.stderr
    assert not (machine / ".venv").exists()


def test_no_python_is_named(machine):
    done = run(machine, "tools/setup/venv", "run")
    assert done.returncode == 1
    assert "found: none" in done.stderr


def test_missing_venv_package_is_named(machine):
    add_program(
        machine / "bin",
        "python3",
        'case "$2" in *ensurepip*) exit 1;; *print*) echo python3.13-venv;; *) exit 0;; esac',
    )
    done = run(machine, "tools/setup/venv", "run")
    assert done.returncode == 1
    assert "sudo apt-get install python3.13-venv" in done.stderr


def missing_packages(machine: Path) -> str:
    """Return the packages of peers that are not on the machine, each once; files by their path are there or not."""
    found = {name for name in PEERS if (machine / "bin" / name).exists() or Path(name).is_file()}
    return " ".join(dict.fromkeys(package for name, package in PEERS.items() if name not in found))


def test_missing_peers_are_named_and_do_not_stop_the_tests(machine):
    add_program(machine / "bin", "dcmodify", "exit 0")
    done = run(machine, "tools/setup/peers")
    assert done.returncode == 0
    assert f"  sudo apt-get install {missing_packages(machine)}\n" in done.stdout


def test_peers_are_installed_as_root(machine):
    programs = machine / "bin"
    add_program(programs, "id", "echo 0")
    add_program(programs, "apt-get", f'echo "$*" >> {machine}/asked')
    assert run(machine, "tools/setup/peers").returncode == 0
    asked = (machine / "asked").read_text(encoding="utf-8")
    assert asked.rstrip().endswith(f"install -y -qq --no-install-recommends {missing_packages(machine)}")
    assert "dicom3tools dcmtk libgdcm-tools openssl golang-go" in asked


def test_failed_installation_of_peers_is_said(machine):
    programs = machine / "bin"
    add_program(programs, "id", "echo 0")
    add_program(programs, "apt-get", "echo no network; exit 100")
    done = run(machine, "tools/setup/peers")
    assert done.returncode == 0
    assert "Could not install: dicom3tools" in done.stdout
    assert "no network" in done.stderr


def test_every_make_target_is_in_its_help():
    done = subprocess.run(["make", "-s", "-C", str(ROOT)], capture_output=True, text=True, check=True)
    for target in ("demo", "test", "check", "bench", "docs", "help"):
        assert f"make {target}" in done.stdout
