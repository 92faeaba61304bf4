"""What pytest itself does for everyone: no network, and a word on what was not tested."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_leaving_this_machine_is_refused():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock, pytest.raises(AssertionError, match="leave"):
        sock.connect(("192.0.2.1", 80))  # TEST-NET-1, RFC 5737
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, pytest.raises(AssertionError, match="leave"):
        sock.sendto(b"", ("scanward.invalid", 53))


def test_loopback_is_open():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


def test_missing_peers_and_data_are_named_at_the_end(tmp_path):
    (tmp_path / "conftest.py").write_text(
        "from tests.conftest import pytest_runtest_setup, pytest_terminal_summary\n", encoding="utf-8"
    )
    (tmp_path / "test_sample.py").write_text(
        "import pytest\n"
        "@pytest.mark.peers('dciodvfy')\ndef test_peer(): pass\n"
        "@pytest.mark.realdata\ndef test_data(): pass\n"
        "def test_plain(): pass\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), str(tmp_path), "-p", "no:cacheprovider"],
        env={"PATH": str(tmp_path), "SCANWARD_TEST_DATA": str(tmp_path), "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1  dciodvfy is missing (Debian package dicom3tools)" in done.stdout
    assert "1  no real scans here (set SCANWARD_TEST_DATA)" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("1 passed, 2 skipped")
