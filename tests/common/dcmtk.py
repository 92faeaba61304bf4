"""DCMTK's programs as peers; always those of Debian, as pynetdicom has some of the same names."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.common.ports import free_port, is_listening, wait_until

BIN = Path("/usr/bin")

ENVIRONMENT = {**os.environ, "TCP_NODELAY": "1"}
"""Without it each message waits 40 ms for the delayed acknowledgement of the one before."""


@dataclass(frozen=True)
class StoreScp:
    """A running storescp; what it receives lies in `folder`."""

    port: int
    ae_title: str
    folder: Path

    def received(self) -> list[Path]:
        """The files received so far."""
        return sorted(path for path in self.folder.iterdir() if path.is_file())


@contextmanager
def run_storescp(folder: Path, *options: str, ae_title: str = "STORESCP") -> Iterator[StoreScp]:
    """Run storescp with `options` (such as ``--accept-all``, ``--refuse``) and end it on leaving."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [str(BIN / "storescp"), "-aet", ae_title, "-od", str(folder), *(options or ("+xa",)), str(port)]
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: process.poll() is not None or is_listening(port), "storescp listens")
        assert process.poll() is None, "storescp ended at once"
        yield StoreScp(port, ae_title, folder)
    finally:
        process.kill()
        process.wait()


def run(program: str, *arguments: str | Path, seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Run one of DCMTK's programs to its end."""
    command = [str(BIN / program), *(str(argument) for argument in arguments)]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=seconds, check=False)


def storescu(
    port: int, files: Sequence[Path], *options: str, calling: str = "STORESCU", called: str = "SCANWARD"
) -> subprocess.CompletedProcess[str]:
    """Send `files` to `port` on this machine, each in the Transfer Syntax it has where `options` propose it."""
    return run("storescu", "-v", "-aet", calling, "-aec", called, *options, "127.0.0.1", str(port), *files)


def echoscu(
    port: int, *options: str, calling: str = "STORESCU", called: str = "SCANWARD"
) -> subprocess.CompletedProcess[str]:
    """Ask for C-ECHO."""
    return run("echoscu", "-v", "-to", "5", "-aet", calling, "-aec", called, *options, "127.0.0.1", str(port))
