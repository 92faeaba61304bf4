"""Starts gateways and the peers they are compared with, and says what each took."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from contenders import ENVIRONMENT, ROOT, find_command
from measure import CommandFailedError

SENDER_AE = "STORESCU"
START_SECONDS = 60.0
STOP_SECONDS = 30.0

NO_DELAY = {**ENVIRONMENT, "TCP_NODELAY": "1"}
"""Without it, DCMTK and Orthanc wait 40 ms for each delayed acknowledgement."""

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Server:
    """A process that serves, with what it started; the gateway's own ports where it is one."""

    pid: int
    dicom_port: int = 0
    http_port: int = 0

    def cpu_seconds(self) -> float:
        """Return user and system time of the process and all it started, alive or waited for."""
        stats = _stats()
        family, found = [self.pid], 0.0
        while family:
            pid = family.pop()
            found += sum(map(int, stats[pid][11:15])) / _TICKS if pid in stats else 0.0
            family += [child for child, fields in stats.items() if int(fields[1]) == pid]
        return found


def _stats() -> dict[int, list[str]]:
    """Return what the kernel says of each process, from the field behind its name on (man 5 proc_pid_stat)."""
    stats = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):  # it has ended meanwhile
                stats[int(folder.name)] = (folder / "stat").read_text("ascii", "replace").rpartition(")")[2].split()
    return stats


@contextmanager
def running(
    command: Sequence[str], log: Path, env: Mapping[str, str] = NO_DELAY
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command until the block ends; then ask it to stop, and end it if it does not."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=dict(env), stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(process: "subprocess.Popen[bytes]", is_ready: Callable[[], bool], log: Path) -> None:
    """Return when a process is ready; raises `CommandFailedError` when it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            said = log.read_text(encoding="utf-8", errors="replace")[-600:].strip()
            raise CommandFailedError(f"a server did not start: {said}")
        time.sleep(0.02)


def scanward(home: Path, *arguments: str) -> list[str]:
    """Return a command line of Scanward on a home folder."""
    return [sys.executable, "-m", "scanward", *arguments, "--home", str(home)]


def run_scanward(home: Path, *arguments: str) -> str:
    """Run a command of Scanward to its end and return what it prints."""
    done = subprocess.run(
        scanward(home, *arguments),
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise CommandFailedError(f"scanward {arguments[0]} ended with {done.returncode}: {done.stderr[-600:].strip()}")
    return done.stdout


def make_home(home: Path, *, quiet_seconds: float = 3600.0, more: str = "") -> Path:
    """Make the home folder of a gateway that takes what `SENDER_AE` sends; `more` stands before its tables."""
    home.mkdir(mode=0o700, parents=True)
    (home / "scanward.toml").write_text(
        f'quiet_seconds = {quiet_seconds}\n{more}\n[dimse]\nport = 0\n[[dimse.peers]]\nname = "archive"\n'
        f'ae_title = "{SENDER_AE}"\n[http]\nport = 0\n',
        encoding="utf-8",
    )
    run_scanward(home, "init")
    return home


@contextmanager
def serving(home: Path, *options: str) -> Iterator[Server]:
    """Run `scanward serve`."""
    log, said = home / "serve.log", home / "serve.json"
    with running(scanward(home, "serve", *options), log) as process:
        wait_for(process, lambda: said.exists() and bool(said.read_bytes()), log)
        ports = json.loads(said.read_bytes())
        yield Server(pid=process.pid, dicom_port=ports["dicom_port"], http_port=ports["http_port"])


def send(port: int, called_ae: str, files: Sequence[Path], associations: int = 1) -> float:
    """Send files by DCMTK's storescu, on so many associations at once; return how long that took in seconds."""
    program = find_command("storescu") or "storescu"
    # Without -R it proposes 120 contexts, of which it needs one.
    command = [program, "-R", "-aet", SENDER_AE, "-aec", called_ae, "127.0.0.1", str(port)]
    began = time.perf_counter()
    senders = [
        subprocess.Popen(
            [*command, *map(str, files[number::associations])],
            env=NO_DELAY, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        for number in range(associations)
    ]  # fmt: skip
    said = [sender.communicate()[1] for sender in senders]
    took = time.perf_counter() - began
    for sender, error in zip(senders, said, strict=True):
        if sender.returncode or b"Store Failed" in error:
            raise CommandFailedError(
                f"storescu ended with {sender.returncode}: {error[-300:].decode(errors='replace')}"
            )
    return took


@contextmanager
def work_folder() -> Iterator[Path]:
    """Make a folder to measure in, on the disk where the others measure too, and remove it at the end."""
    parent = ROOT / "build"
    parent.mkdir(exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="bench-", dir=parent))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def options(description: str | None, **numbers: int) -> argparse.ArgumentParser:
    """Return the command line that all parts of the gateway share, with these options for numbers."""
    parser = argparse.ArgumentParser(description=(description or "").split("\n", maxsplit=1)[0])
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N", help="[%(default)s]")
    parser.add_argument("--data", type=Path, help="folder of real scans")
    parser.add_argument("--json", type=Path, help="write the figures there")
    return parser


def finish(goals: Mapping[str, bool], figures: Mapping[str, object], path: Path | None) -> None:
    """Print which goals are met and how busy the machine was; write the figures."""
    print(f"Load {os.getloadavg()[0]:.1f} over the last minute, ours included.\n")
    for goal, is_met in goals.items():
        print(f"  {'met    ' if is_met else 'NOT met'}  {goal}")
    if path is not None:
        path.write_text(json.dumps({**figures, "goals": dict(goals)}), encoding="utf-8")
