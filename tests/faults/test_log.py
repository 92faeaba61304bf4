"""The log under failing disks, power cuts, killed and racing processes: no entry lost, no two roots for one size."""

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import scanward
from scanward.adapters.tlog.check import check_log
from scanward.adapters.tlog.files import JOURNAL
from scanward.adapters.tlog.reader import CHECKPOINT, FolderReader, VerifiedLog
from scanward.errors import StoreError, StoreFullError
from scanward.tlog.checkpoint import parse_checkpoint
from scanward.tlog.note import parse_note
from tests.common.logs import POLICY, make_entries, open_log

NIGHTLY = bool(os.environ.get("NIGHTLY"))
GROUPS = [1, 3, 80, 250, 2, 300, 1]
"""Sizes of groups: alone, hashed beside the flush, over the edge of a tile, and so many that a new journal begins."""

ENTRIES = make_entries(sum(GROUPS) + 100)
CALLS = ["open", "pwrite", "fsync", "fdatasync", "ftruncate", "rename", "unlink", "mkdir"]
REAL = {name: getattr(os, name) for name in CALLS}
SECTOR = 512


class Seen(dict):
    """Every root that was ever published, by size: there is one for each."""

    def take(self, data):
        if data.strip(b"\0"):
            checkpoint = parse_checkpoint(parse_note(data).text)
            assert self.setdefault(checkpoint.size, checkpoint.root) == checkpoint.root, "two roots for one size"


class Disk:
    """Stands before the disk: counts calls, lets one fail, sees each checkpoint, and knows what a power cut takes.

    Of calls that write, the one with number `fails_at` fails with `error`; where it is `done`, it is carried out all
    the same. Nothing is really flushed: what that means is for `cut_power` to say.
    """

    def __init__(self, monkeypatch, *, fails_at=0, error=errno.EIO, done=False):
        self.fails_at, self.error, self.done = fails_at, error, done
        self.turn = threading.Lock()
        self.calls = []
        self.seen = Seen()
        self.flushed = {}
        self.before = {}
        self.gone = {}
        for name in CALLS:
            monkeypatch.setattr(os, name, self._wrap(name))

    def _wrap(self, name):
        do = getattr(self, f"_{name}", REAL[name])

        def call(*args, **kwargs):
            with self.turn:  # the log flushes in one thread while it writes in another
                return called(*args, **kwargs)

        def called(*args, **kwargs):
            if name == "open" and not args[1] & os.O_CREAT:
                return REAL["open"](*args, **kwargs)
            self.calls.append(name)
            if len(self.calls) != self.fails_at:
                return do(*args, **kwargs)
            if self.done:
                result = do(*args, **kwargs)
                if name == "open":
                    os.close(result)
            elif name == "pwrite":
                REAL["pwrite"](args[0], args[1][: len(args[1]) // 2], args[2])
            raise OSError(self.error, os.strerror(self.error))

        return call

    def _fsync(self, fd):
        path = Path(f"/proc/self/fd/{fd}").readlink()
        if path.is_dir():
            # Names in it, and what is not in it any more, are durable.
            for known in (self.before, self.gone):
                for name in [name for name in known if name.parent == path]:
                    del known[name]
        else:
            self.flushed[path] = path.read_bytes()

    _fdatasync = _fsync

    def _rename(self, source, target):
        source, target = Path(source), Path(target)
        if target.name == CHECKPOINT:
            self.seen.take(source.read_bytes())
        self.before[target] = target.read_bytes() if target.exists() else None
        self.flushed[target] = self.flushed.pop(source, b"")
        REAL["rename"](source, target)

    def _unlink(self, path):
        self.gone[Path(path)] = Path(path).read_bytes()
        REAL["unlink"](path)

    def _open(self, path, flags, mode=0o777):
        if not Path(path).exists():
            self.before[Path(path)] = None
            self.flushed[Path(path)] = b""
        return REAL["open"](path, flags, mode)

    def cut_power(self, folder, rng):
        """Leave of each file what a file system may: names and sectors that were not flushed are there or not."""
        for path, content in list(self.gone.items()):
            if rng.random() < 0.5 and path.parent.exists():
                path.write_bytes(content)
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "lock"):
            before = self.before.get(path, b"")
            if path in self.before and rng.random() < 0.4:
                path.unlink()
                if before is not None:
                    path.write_bytes(before)
                continue
            path.write_bytes(self._torn(path, rng))

    def _torn(self, path, rng):
        now, flushed = path.read_bytes(), self.flushed.get(path, b"")
        if now == flushed or rng.random() < 0.4:
            return now
        if path.name == CHECKPOINT:  # less than a block of any file system: it is there or not
            return rng.choice([flushed, bytes(len(now))])
        sectors = []
        for at in range(0, len(now), SECTOR):
            whole, old = now[at : at + SECTOR], flushed[at : at + SECTOR]
            sectors.append(whole if rng.random() < 0.5 else old.ljust(len(whole), b"\0"))
        return b"".join(sectors)


def run(folder, told):
    """Append the groups, some only staged, and tell how many entries are durable after each."""
    with open_log(folder) as log:
        for number, count in enumerate(GROUPS, 1):
            start = log.size
            append = log.stage if number % 3 == 2 else log.append
            assert append(ENTRIES[start : start + count]) == range(start, start + count)
            told.append(start + count)


def find_refusal(folder, told):
    """What the log refused while it ran, if anything."""
    try:
        run(folder, told)
    except StoreError as refusal:
        return refusal
    return None


def check(folder, told, seen):
    """After opening anew: all that was told is there, each group whole or not at all, and one root for each size."""
    if (folder / CHECKPOINT).exists():
        seen.take((folder / CHECKPOINT).read_bytes())
    least = max(told, default=0)
    with open_log(folder, least=least) as log:
        ends = [0]
        for count in GROUPS:
            ends.append(ends[-1] + count)
        assert log.size in ends
        assert log.size >= least
        assert list(log.entries(0, log.size)) == ENTRIES[: log.size]
        seen.take(log.checkpoint())
        log.append(ENTRIES[log.size : log.size + 70])
        seen.take(log.checkpoint())
    assert [(found.subject, found.what) for found in check_log(folder, POLICY)] == []
    reading = VerifiedLog.open(FolderReader(folder), POLICY)
    assert list(reading.entries(0, reading.checkpoint.size)) == ENTRIES[: reading.checkpoint.size]


def count_calls(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        disk = Disk(patch)
        run(tmp_path / "counted", [])
    return len(disk.calls)


@pytest.mark.parametrize("done", [False, True], ids=["not done", "done"])
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC], ids=["error", "full"])
def test_a_call_that_fails_loses_nothing(tmp_path, monkeypatch, error, done):
    """Every open, write, flush and rename in turn, and then the log is opened anew."""
    last = count_calls(tmp_path, monkeypatch)
    refusals = 0
    # By day every third call in each of the four ways, from another one on; so each call fails in one way at least.
    first, step = (1, 1) if NIGHTLY else (1 + (error == errno.ENOSPC) + done, 3)
    for number in range(first, last + 1, step):
        folder, told = tmp_path / str(number), []
        with monkeypatch.context() as patch:
            disk = Disk(patch, fails_at=number, error=error, done=done)
            refusal = find_refusal(folder, told)
            if refusal is not None:
                refusals += 1
                assert isinstance(refusal, StoreFullError) == (error == errno.ENOSPC)
            check(folder, told, disk.seen)
        shutil.rmtree(folder)
    assert refusals > last // step // 2


def test_nothing_more_is_taken_after_a_flush_failed(tmp_path, monkeypatch):
    with open_log(tmp_path) as log:
        log.append(ENTRIES[:3])
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", lambda fd: (_ for _ in ()).throw(OSError(errno.EIO, "lost")))
            with pytest.raises(StoreError):
                log.append(ENTRIES[3:5])
        for take in (log.append, log.stage):
            with pytest.raises(StoreError, match="failed"):
                take(ENTRIES[3:4])
        with pytest.raises(StoreError, match="failed"):
            log.publish()
    with open_log(tmp_path) as log:
        assert log.append(ENTRIES[5:6]) == range(5, 6)
        assert list(log.entries(0, 6)) == ENTRIES[:6]


def test_a_flush_that_failed_is_made_good_by_writing_again(tmp_path, monkeypatch):
    """Linux tells of a failed flush once: the next one says all is well and has written nothing."""
    with open_log(tmp_path) as log:
        log.append(ENTRIES[:3])
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", lambda fd: (_ for _ in ()).throw(OSError(errno.EIO, "lost")))
            with pytest.raises(StoreError):
                log.append(ENTRIES[3:5])
    written = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda fd, data, at: written.append(bytes(data)) or REAL["pwrite"](fd, data, at))
        open_log(tmp_path).close()
    assert any(ENTRIES[3] in data and ENTRIES[4] in data for data in written)


@pytest.mark.parametrize("seed", range(600 if NIGHTLY else 60))
def test_a_power_cut_loses_nothing_that_was_told(tmp_path, monkeypatch, seed):
    rng = random.Random(seed)
    folder, told = tmp_path / "log", []
    with monkeypatch.context() as patch:
        disk = Disk(patch, fails_at=rng.randrange(1, 130), done=rng.random() < 0.5)
        find_refusal(folder, told)
        disk.fails_at = 0
        if folder.exists():
            disk.cut_power(folder, rng)
        check(folder, told, disk.seen)


# Killed

ZYGOTE = """
import os, signal, sys
sys.path[:0] = {path!r}
from pathlib import Path
from tests.common.logs import make_entries, open_log

CALLS, GROUPS = {calls!r}, {groups!r}
ENTRIES = make_entries(sum(GROUPS))

def wrap(name, kill_at, calls):
    real = getattr(os, name)
    def call(*args, **kwargs):
        calls.append(name)
        if len(calls) == kill_at:
            if name == "pwrite":  # half of it is written
                real(args[0], args[1][: len(args[1]) // 2], args[2])
            os.kill(os.getpid(), signal.SIGKILL)
        if name in ("fsync", "fdatasync"):  # no power is cut here
            return None
        return real(*args, **kwargs)
    setattr(os, name, call)

def run(folder, kill_at):
    calls = []
    for name in CALLS:
        wrap(name, kill_at, calls)
    with open_log(Path(folder)) as log:
        for number, count in enumerate(GROUPS, 1):
            start = log.size
            append = log.stage if number % 3 == 2 else log.append
            indices = append(ENTRIES[start : start + count])
            os.write(1, f"told {{indices.stop}}\\n".encode())

for line in sys.stdin:
    folder, kill_at = line.split()
    child = os.fork()
    if not child:
        run(folder, int(kill_at))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    os.write(1, f"ended {{-os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)}}\\n".encode())
"""


def run_killed(zygote, folder, kill_at):
    """Return how a child ended that was to be killed at a call, and what it told before."""
    zygote.stdin.write(f"{folder} {kill_at}\n")
    zygote.stdin.flush()
    told = []
    while (words := zygote.stdout.readline().split()) and words[0] == "told":
        told.append(int(words[1]))
    return int(words[1]), told


def test_a_process_killed_at_any_call_loses_nothing_it_told(tmp_path, monkeypatch):
    src = Path(scanward.__file__).parents[1]
    code = ZYGOTE.format(path=[str(src), str(src.parent)], calls=CALLS, groups=GROUPS)
    zygote = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    kills = 0
    try:
        for number in range(1, 1000):
            folder = tmp_path / str(number)
            ended, told = run_killed(zygote, folder, number)
            if ended == 0:
                break
            assert ended == -signal.SIGKILL
            kills += 1
            with monkeypatch.context() as patch:
                check(folder, told, Disk(patch).seen)
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        zygote.stdin.close()
        zygote.wait(timeout=20)
        zygote.stdout.close()
    assert kills > 50
    assert told[-1] == sum(GROUPS)


# Racing

RACER = """
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from tests.common.logs import make_entries, open_log
number = int(sys.argv[1])
with open_log(Path({folder!r})) as log:
    sys.stdin.readline()
    for step in range(25):
        indices = log.append(make_entries(1 + step % 7, first=number * 1000 + step * 10))
        print(number * 1000 + step * 10, indices.start, indices.stop, flush=True)
"""


def test_processes_that_append_at_once_take_turns(tmp_path):
    src = Path(scanward.__file__).parents[1]
    folder = tmp_path / "log"
    code = RACER.format(path=[str(src), str(src.parent)], folder=str(folder))
    command = [sys.executable, "-c", code]
    racers = [
        subprocess.Popen([*command, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for number in range(4)
    ]
    said = []
    try:
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        said = [racer.communicate(timeout=60)[0] for racer in racers]
    finally:
        for racer in racers:
            racer.kill()
            racer.wait()
    expected = {}
    for line in "".join(said).splitlines():
        first, start, stop = map(int, line.split())
        expected.update(zip(range(start, stop), make_entries(stop - start, first=first), strict=True))
    assert sorted(expected) == list(range(4 * sum(1 + step % 7 for step in range(25))))
    reading = VerifiedLog.open(FolderReader(folder), POLICY)
    assert list(reading.entries(0, reading.checkpoint.size)) == [expected[index] for index in sorted(expected)]
    assert [(found.subject, found.what) for found in check_log(folder, POLICY)] == []
    assert len([path for path in (folder / JOURNAL).iterdir() if path.name.isdecimal()]) == 1
