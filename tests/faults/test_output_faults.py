"""A disk that is full or fails, a process that is killed: nothing half-written is ever at a releasable place."""

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scanward.adapters.send import folder as folder_module
from scanward.adapters.send.folder import MARKER, STAGING, OutputFolder
from scanward.errors import OutputError
from scanward.model import instance as instance_module
from scanward.model.instance import CheckedInstance, DeidentifiedInstance, Placement, Range


class Source:
    def __init__(self, path: Path) -> None:
        self.size = path.stat().st_size
        self.fd = os.open(path, os.O_RDONLY)

    def fileno(self) -> int:
        return self.fd

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self.fd, length, offset)

    def __del__(self) -> None:
        os.close(self.fd)


def checked(source: Source, number: int = 1, deflate_from: int | None = None) -> CheckedInstance:
    return CheckedInstance(
        DeidentifiedInstance(
            pieces=[b"head" * 100, Range(0, source.size), b"tail" * 100],
            deflate_from=deflate_from,
            source=source,
            placement=Placement(patient="P", study_uid="1", series_uid="2", sop_instance_uid=str(number)),
        ),
        _seal=instance_module._SEAL,
    )


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def left(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file() and path.name != MARKER)


@pytest.fixture
def source(tmp_path):
    (tmp_path / "source").write_bytes(os.urandom(3 << 20))
    return Source(tmp_path / "source")


@pytest.fixture
def out(tmp_path):
    folder = OutputFolder(tmp_path / "out")
    folder.prepare()
    yield folder
    folder.close()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 8 MB: a real full disk, not a pretended one."""
    place = tmp_path / "small"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("mounting a small file system needs root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("deflate_from", [None, 0])
def test_a_full_disk_keeps_what_is_whole_and_nothing_else(small_disk, source, deflate_from):
    out = OutputFolder(small_disk / "out")
    out.prepare()
    written = []
    with pytest.raises(OutputError, match="no room") as caught:
        written.extend(out.write(checked(source, number, deflate_from)) for number in range(10))
    assert len(written) == 2
    assert "same command again" in caught.value.remedy
    assert left(small_disk) == ["0.dcm", "1.dcm"]
    assert len({(small_disk / "out" / path).stat().st_size for path in written}) == 1
    (small_disk / "out" / written[0]).unlink()
    out.write(checked(source, 2, deflate_from))
    out.close()


def test_a_full_disk_refuses_a_new_folder(small_disk):
    with (small_disk / "filler").open("wb") as filler, pytest.raises(OSError, match="No space"):
        while True:
            filler.write(bytes(1 << 16))
            filler.flush()
    out = OutputFolder(small_disk / "out")
    with pytest.raises(OutputError):
        out.prepare()


# Each call of the system that a write makes, failing once in turn.
CALLS = ["open", "write", "copy_file_range", "lseek", "close", "rename", "makedirs", "fsync"]


@pytest.mark.parametrize("number", [28, 5, 122, 13, 30])
@pytest.mark.parametrize("call", CALLS)
def test_each_call_may_fail(out, tmp_path, source, monkeypatch, call, number):
    out._durable = True
    real = getattr(os, call)
    gc.collect()
    before = open_files()

    def fail(*args, **kwargs):
        if call == "close":
            real(*args, **kwargs)  # the kernel closes even when it reports an error
        raise OSError(number, "somewhere near Doe^Jane")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        if call == "copy_file_range":
            patch.setattr(folder_module, "_COPY_FILE_RANGE", fail)
        if call == "copy_file_range" and number in {5, 13, 30}:
            out.write(checked(source))  # the next way is tried
        else:
            with pytest.raises(OutputError) as caught:
                out.write(checked(source))
            assert "Doe" not in f"{caught.value}{caught.value.remedy}"
            assert left(tmp_path / "out") == []
    assert open_files() == before
    path = tmp_path / "out" / out.write(checked(source))
    assert path.stat().st_size == source.size + 800


def test_an_interrupt_leaves_nothing(out, tmp_path, source, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "rename", interrupt)
    with pytest.raises(KeyboardInterrupt):
        out.write(checked(source))
    assert left(tmp_path / "out") == []


def test_a_failing_flush_is_told(out, monkeypatch):
    def fail(fd):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(folder_module, "_syncfs", fail)
    with pytest.raises(OutputError):
        out.sync()


WRITER = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from scanward.adapters.send.folder import OutputFolder
from test_output_faults import Source, checked
out = OutputFolder(Path({out!r}))
out.prepare()
source = Source(Path({source!r}))
print("ready", flush=True)
number = 0
while True:
    number += 1
    out.write(checked(source, number))
"""


def test_a_kill_at_any_moment_leaves_whole_files_only(tmp_path, source):
    root = tmp_path / "out"
    code = WRITER.format(
        paths=[str(Path(folder_module.__file__).parents[3]), str(Path(__file__).parent)],
        out=str(root),
        source=str(tmp_path / "source"),
    )
    expected = source.size + 800
    for wait in (0.0, 0.003, 0.011, 0.02):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        sizes = {path.stat().st_size for path in root.rglob("*.dcm")}
        assert sizes <= {expected}
    out = OutputFolder(root)
    out.prepare()
    assert list((root / STAGING).iterdir()) == []
    out.close()
