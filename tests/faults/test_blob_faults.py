"""Blobs under failing disks, killed processes, and each other's clearing up."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import scanward
from scanward.adapters.blobs import folder as module
from scanward.adapters.blobs.folder import STAGING, FolderBlobs
from scanward.errors import StoreError, StoreFullError
from scanward.model.instance import BytesSource

KEY = bytes(range(32))
CONTENT = bytes(range(256)) * 2000  # 8 segments

PUTTER = """
import os, signal, sys
sys.path.insert(0, {src!r})
from pathlib import Path
from scanward.adapters.blobs import folder
from scanward.model.instance import BytesSource

def kill_at(target, name, number):
    call = getattr(target, name)
    calls = 0
    def counted(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*args, **kwargs)
    setattr(target, name, counted)

blobs = folder.FolderBlobs(Path({root!r}))
content = bytes(range(256)) * 2000
if {call!r} != "any":
    kill_at(folder if {call!r} == "flush_folder" else os, {call!r}, {number})
while True:
    print(blobs.put(bytes(range(32)), BytesSource(content)), flush=True)
"""

CALLS = ["mkdir", "open", "writev", "fsync", "close", "rename", "flush_folder"]


@pytest.fixture
def blobs(tmp_path):
    folder = FolderBlobs(tmp_path / "blobs")
    yield folder
    folder.close()


def files_of(tmp_path):
    return [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]


def start_putter(tmp_path, call="any", number=0):
    src = str(Path(scanward.__file__).parents[1])
    code = PUTTER.format(src=src, root=str(tmp_path / "blobs"), call=call, number=number)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def check_told(tmp_path, told):
    """Everything that `put` returned is there, whole; whatever else has a name is whole too."""
    blobs = FolderBlobs(tmp_path / "blobs")
    blobs.clear_staged()
    names = {name for name, _ in blobs.names()}
    assert set(told) <= names
    for name in names:
        with blobs.open(KEY, name) as source:
            assert source.read(0, source.size) == CONTENT
    assert len(files_of(tmp_path)) == len(names), "nothing is left in staging"
    assert list((tmp_path / "blobs").glob(f"{STAGING}/*")) == []
    return names


@pytest.mark.parametrize("call", CALLS)
def test_a_process_killed_at_any_step_loses_nothing_it_told(tmp_path, call):
    for number in (1, 2, 3, 4):
        putter = start_putter(tmp_path / str(number), call, number)
        told = putter.communicate(timeout=30)[0].split()
        assert putter.returncode == -signal.SIGKILL
        names = check_told(tmp_path / str(number), told)
        assert len(names) <= len(told) + 1


def test_a_process_killed_at_any_moment_loses_nothing_it_told(tmp_path):
    putter = start_putter(tmp_path)
    try:
        told = [putter.stdout.readline().strip() for _ in range(5)]
    finally:
        putter.kill()
        told += [line for line in putter.communicate()[0].splitlines() if len(line) == 32]
    check_told(tmp_path, told)


def test_clearing_leaves_alone_what_a_living_process_writes(blobs, tmp_path):
    class ClearsMeanwhile(BytesSource):
        def read(self, offset, length):
            assert FolderBlobs(tmp_path / "blobs").clear_staged() == 0
            assert blobs.clear_staged() == 0
            return super().read(offset, length)

    name = blobs.put(KEY, ClearsMeanwhile(CONTENT * 4))
    with blobs.open(KEY, name) as source:
        assert source.read(0, source.size) == CONTENT * 4


def test_clearing_leaves_alone_what_another_living_process_writes(tmp_path):
    putter = start_putter(tmp_path)
    try:
        putter.stdout.readline()
        for _ in range(20):
            assert FolderBlobs(tmp_path / "blobs").clear_staged() == 0
        told = [putter.stdout.readline().strip() for _ in range(3)]
        assert putter.poll() is None
    finally:
        putter.kill()
        putter.communicate()
    check_told(tmp_path, told)


def test_what_a_killed_process_left_is_cleared(tmp_path):
    putter = start_putter(tmp_path, "rename", 2)
    putter.communicate(timeout=30)
    left = list((tmp_path / "blobs" / STAGING).glob("*/*"))
    assert len(left) == 1
    assert FolderBlobs(tmp_path / "blobs").clear_staged() == 1


def test_closing_and_putting_on(blobs, tmp_path):
    blobs.put(KEY, BytesSource(b"x"))
    blobs.close()
    assert list((tmp_path / "blobs" / STAGING).iterdir()) == []
    blobs.put(KEY, BytesSource(b"y"))
    assert len(list(blobs.names())) == 2


# --- the disk refuses


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("call", ["open", "writev", "fsync", "rename", "flush_folder", "statvfs"])
@pytest.mark.parametrize("fresh", [True, False])
def test_a_disk_that_refuses_keeps_nothing(blobs, tmp_path, monkeypatch, call, number, fresh):
    kept = [] if fresh else [blobs.put(KEY, BytesSource(CONTENT))]

    def fail(*args, **kwargs):
        raise OSError(number, os.strerror(number), "/secret/name")

    expected = StoreFullError if number in {errno.ENOSPC, errno.EDQUOT} else StoreError
    with monkeypatch.context() as patch:
        patch.setattr(module if call == "flush_folder" else os, call, fail)
        with pytest.raises(StoreError) as caught:
            blobs.put(KEY, BytesSource(CONTENT))
    assert type(caught.value) is expected
    assert "secret" not in str(caught.value) + caught.value.remedy
    assert [name for name, _ in blobs.names()] == kept
    assert len(files_of(tmp_path)) == len(kept)
    name = blobs.put(KEY, BytesSource(CONTENT))
    assert {each for each, _ in blobs.names()} == {*kept, name}


def test_a_disk_that_is_full_in_the_middle_keeps_nothing(blobs, tmp_path):
    """The kernel itself takes a part of the blob and refuses the rest."""
    kept = blobs.put(KEY, BytesSource(b"x"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StoreFullError):
            blobs.put(KEY, BytesSource(CONTENT))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [name for name, _ in blobs.names()] == [kept]
    assert len(files_of(tmp_path)) == 1


def test_a_disk_that_takes_little_at_a_time_gets_all(blobs, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "writev", lambda fd, pieces: write(fd, b"".join(pieces)[:70_001]))
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:50_003]))
    name = blobs.put(KEY, BytesSource(CONTENT))
    monkeypatch.undo()
    with blobs.open(KEY, name) as source:
        assert source.read(0, source.size) == CONTENT


def test_a_disk_that_gives_little_at_a_time_gives_all(blobs, monkeypatch):
    name = blobs.put(KEY, BytesSource(CONTENT))
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, length, offset: pread(fd, min(length, 30_001), offset))
    with blobs.open(KEY, name) as source:
        assert source.read(0, source.size) == CONTENT


@pytest.mark.parametrize(
    ("call", "method"), [("pread", "open"), ("open", "open"), ("unlink", "delete"), ("scandir", "names")]
)
def test_a_disk_that_cannot_be_read_is_told_of(blobs, monkeypatch, call, method):
    name = blobs.put(KEY, BytesSource(CONTENT))

    def fail(*args, **kwargs):
        raise OSError(errno.EIO, "Input/output error", name)

    acts = {
        "open": lambda: blobs.open(KEY, name),
        "delete": lambda: blobs.delete(name),
        "names": lambda: list(blobs.names()),
    }
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(StoreError, match="Input/output error") as caught:
        acts[method]()
    monkeypatch.undo()
    assert name not in str(caught.value)
    assert json.dumps(caught.value.args).find(name) == -1
