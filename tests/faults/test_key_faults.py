"""Keys under failing disks and racing processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import scanward
from scanward.adapters.keys import KeyFolder
from scanward.errors import KeyStoreError

RACER = """
import sys
sys.path.insert(0, {src!r})
from pathlib import Path
from scanward.adapters.keys import KeyFolder
sys.stdin.readline()
print(KeyFolder(Path({home!r})).key_id())
"""


def test_processes_that_race_for_the_first_key_agree(tmp_path):
    src = str(Path(scanward.__file__).parents[1])
    for attempt in range(3):
        home = tmp_path / f"home{attempt}"
        code = RACER.format(src=src, home=str(home))
        racers = [
            subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(6)
        ]
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        ids = {racer.communicate()[0].strip() for racer in racers}
        assert ids == {KeyFolder(home).key_id()}
        assert [path.name for path in (home / "keys").iterdir()] == ["master.key"]


@pytest.mark.parametrize("call", ["open", "fsync", "link"])
def test_a_disk_that_fails_makes_no_key(tmp_path, monkeypatch, call):
    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(KeyStoreError, match="cannot make"):
            KeyFolder(tmp_path / "home").key_id()
    assert list((tmp_path / "home").rglob("*.key")) == []
    assert not any(path.is_file() for path in (tmp_path / "home").rglob("*"))
    KeyFolder(tmp_path / "home").key_id()


def test_a_disk_that_fails_leaves_no_half_backup(tmp_path, monkeypatch):
    keys = KeyFolder(tmp_path / "home")
    keys.key_id()

    def fail(fd):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(KeyStoreError, match="cannot write the backup"):
        keys.export(tmp_path / "backup")
    assert not (tmp_path / "backup").exists()
