"""Runs a command and says what it took, all of its own children included."""

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class CommandFailedError(Exception):
    """A command ended with an exit code that was not expected."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What one run of a command took.

    Attributes
    ----------
    cpu_seconds
        User and system time of the process and all of its children that it waited for.
    wall_seconds
        From start to end.
    peak_rss_bytes
        Of the largest single process.
    """

    cpu_seconds: float
    wall_seconds: float
    peak_rss_bytes: int


def measure(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    log: Path,
    expected: Sequence[int] = (0,),
    cwd: Path | None = None,
) -> Usage:
    """Run `command` to its end.

    Parameters
    ----------
    log
        File for what it prints, read when it fails.
    expected
        Exit codes that are no failure.

    Raises
    ------
    CommandFailedError
        With the last lines of what it printed.
    """
    os.sync()  # what an earlier run has not written yet must not be written at this one's cost
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, rusage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in expected:
        tail = log.read_text(encoding="utf-8", errors="replace")[-600:].strip()
        raise CommandFailedError(f"{Path(command[0]).name} ended with {process.returncode}: {tail}")
    return Usage(
        cpu_seconds=rusage.ru_utime + rusage.ru_stime, wall_seconds=wall, peak_rss_bytes=rusage.ru_maxrss * 1024
    )


def own_rss_bytes() -> int:
    """Return the peak memory of this process.

    The kernel counts it to a child until that has loaded its own program, so that no smaller peak can be told.
    """
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def median(usages: Sequence[Usage]) -> Usage:
    """Return the medians of several runs."""
    return Usage(
        cpu_seconds=statistics.median(usage.cpu_seconds for usage in usages),
        wall_seconds=statistics.median(usage.wall_seconds for usage in usages),
        peak_rss_bytes=max(usage.peak_rss_bytes for usage in usages),
    )


def find_dicom(folder: Path) -> list[Path]:
    """Return the DICOM files below `folder`."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                if file.read(132)[128:] == b"DICM":
                    found.append(path)
    return found
