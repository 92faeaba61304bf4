"""What is said of a running gateway holds only while it runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scanward.bootstrap import gateway as module
from scanward.bootstrap.gateway import RUNNING, Gateway, find_start, read_running
from scanward.bootstrap.stores import open_stores
from scanward.config import GatewaySettings


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def test_a_gateway_that_runs(home: Path):
    with open_stores(home, GatewaySettings(dimse=None, http=None)) as stores:
        gateway = Gateway(stores, works=False)
        gateway.note_running(http_port=8042)
        running = read_running(home)
        assert running is not None
        assert (running["pid"], running["http_port"]) == (os.getpid(), 8042)
        gateway.stop()
    assert read_running(home) is None


def test_one_that_was_killed(home: Path):
    home.mkdir()
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    note = {"pid": process.pid, "started": find_start(process.pid)}
    (home / RUNNING).write_text(json.dumps(note))
    assert read_running(home) == note
    process.kill()
    # Until its parent looks, the system still lists it.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert read_running(home) is None
    process.communicate()
    assert read_running(home) is None


def test_another_process_with_its_number(home: Path):
    home.mkdir()
    (home / RUNNING).write_text(json.dumps({"pid": os.getpid(), "started": "long ago"}))
    assert read_running(home) is None


@pytest.mark.parametrize("text", ["", "[]", "7", '{"pid": "7"}', '{"pid": 99999999999999999999}', '{"pid": -5}'])
def test_what_is_no_note(home: Path, text: str):
    home.mkdir()
    (home / RUNNING).write_text(text)
    assert read_running(home) is None


def test_a_system_that_tells_nothing_of_processes(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "PROCESSES", home / "nowhere")
    assert find_start(os.getpid()) == ""
