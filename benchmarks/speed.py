"""Times the tools on the same files, interleaved, several rounds."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from contenders import COPY, ENVIRONMENT, SCANWARD, Contender, Job, scanward_command
from measure import CommandFailedError, Usage, find_dicom, measure, median, own_rss_bytes
from table import format_table

MAX_CPU_MS = 0.5
"""Goal: CPU time per CT, all included."""

MAX_OF_COPY = 2.0
"""Goal: times the CPU time of a copy."""

MIN_OF_PYDICOM = 15.0
"""Goal: every tool built on pydicom takes so many times Scanward's CPU time."""

PYDICOM_PEERS = ("dicom-anonymizer", "dicognito", "deid")
"""The tools built on pydicom. A bare loop of pydicom is in the table too, but it is no de-identifier."""

MAX_RSS_BYTES = 64 << 20
"""Goal: peak memory on a multi-frame file of 4 GB."""

SCALING_FACTOR = 2
LARGE_MIB = 4000
LARGE_DISK_BYTES = 10 << 30

MIXES: dict[str, tuple[str, int]] = {
    "MR 256x256": ("mr", 200),
    "JPEG 2000 MR 64x64": ("jpeg2000", 200),
    "enhanced MR, 100 frames": ("enhanced", 20),
    "RT Structure Set": ("structures", 30),
    "sample studies, 31 kinds": ("samples", 186),
}
"""Title -> set of `inputs.py` and number of instances."""

MIX_TOOLS = frozenset({COPY, SCANWARD, "pydicom loop", "gdcmanon", "dcmodify"})
"""The others take minutes here, and how they compare with pydicom's loop is seen in the main table."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a tool took for a folder.

    Attributes
    ----------
    usage
        Medians over the rounds, start-up included.
    start
        The same command over one instance.
    outputs
        How many files came out.
    """

    usage: Usage
    start: Usage
    outputs: int


class Bench:
    """Measures in a folder of its own.

    Parameters
    ----------
    work
        Empty folder.
    data
        Folder of real scans, or None.
    rounds
        How often each tool runs on the same files.
    """

    def __init__(self, *, work: Path, data: Path | None, rounds: int) -> None:
        self._work = work
        self._data = data
        self._rounds = rounds

    # Parts

    def compare(self, tools: Sequence[Contender], instances: int) -> dict[str, Any]:
        """Print the main table: all tools on a CT."""
        source = self._make("ct", instances)
        size = _size(source)
        print(f"\n{instances} CT instances, {size / 1e6:,.0f} MB, medians of {self._rounds} rounds\n")
        results = self._time_all(tools, source)
        print(_speed_table(results, instances, size))
        print()
        for tool in tools:
            if tool.note:
                print(f"{tool.name}: {tool.note}.")
        print(
            "CPU: user and system time, start-up included. 'start' is the CPU time of the same command on one instance."
        )
        print(f"MB/s by the clock. Peak memory up to {own_rss_bytes() / 1e6:.0f} MB cannot be told.")
        goals = _goals(results, instances)
        _print_goals(goals)
        self._drop(source)
        return {"instances": instances, "bytes": size, "tools": _plain(results), "goals": goals}

    def scale(self, instances: int) -> dict[str, Any]:
        """Print how the time goes down with processes, on more instances, so that start-up weighs less."""
        instances *= SCALING_FACTOR
        source = self._make("ct", instances)
        counts = (1, 2)
        runs: dict[int, list[Usage]] = {count: [] for count in counts}
        for _ in range(self._rounds):
            for count in counts:
                job = self._job(source)
                _prepare(job)
                runs[count].append(
                    self._measure(scanward_command(job, "--workers", str(count)), expected=(0, 3)),
                )
        medians = {count: median(usages) for count, usages in runs.items()}
        rows = [
            [
                str(count), f"{usage.wall_seconds:.2f}", f"{usage.cpu_seconds:.2f}",
                f"{medians[1].wall_seconds / usage.wall_seconds:.2f}", f"{usage.peak_rss_bytes / 1e6:.0f}",
            ]
            for count, usage in medians.items()
        ]  # fmt: skip
        print(f"\nScanward on {instances} CT instances by number of processes\n")
        print(format_table(("workers", "wall s", "CPU s", "times as fast", "peak MB"), rows))
        self._drop(source)
        return {"instances": instances, "workers": {str(count): asdict(usage) for count, usage in medians.items()}}

    def compare_mixes(self, tools: Sequence[Contender]) -> dict[str, Any]:
        """Print the second table: other kinds of instance, CPU time only."""
        chosen = [tool for tool in tools if tool.name in MIX_TOOLS]
        rows, figures = [], {}
        for title, (name, count) in MIXES.items():
            source = self._make(name, count)
            files = sum(1 for path in source.rglob("*") if path.is_file())
            size = _size(source)
            results = self._time_all(chosen, source)
            cells = [_mix_cell(results.get(tool.name), files) for tool in chosen]
            rows.append([title, str(files), f"{size / files / 1e3:,.0f}", *cells])
            figures[title] = {"instances": files, "bytes": size, "tools": _plain(results)}
            self._drop(source)
        print("\nOther kinds of instance: CPU ms for each, without start-up\n")
        print(format_table(("", "files", "KB each", *(tool.name for tool in chosen)), rows))
        print("\n* fewer files came out than went in")
        return figures

    def take_large(self) -> dict[str, Any]:
        """Print what a multi-frame file of 4 GB takes."""
        free = shutil.disk_usage(self._work).free
        if free < LARGE_DISK_BYTES:
            print(f"\nNo multi-frame file of 4 GB: {free / 1e9:.0f} GB of disk are free, it needs 10.")
            return {"skipped": True}
        source = self._make("large", LARGE_MIB)
        job = self._job(source)
        _prepare(job)
        usage = self._measure(scanward_command(job, "--workers", "1"), expected=(0, 3))
        outputs = len(find_dicom(job.out))
        self._drop(source)
        shutil.rmtree(job.out, ignore_errors=True)
        print(
            f"\nA multi-frame file of {LARGE_MIB / 1000:.1f} GB: {usage.peak_rss_bytes / 1e6:.0f} MB of memory, "
            f"{usage.cpu_seconds:.1f} s CPU, {usage.wall_seconds:.1f} s; {outputs} released"
        )
        goals = {"4 GB in less than 64 MB of memory": outputs == 1 and usage.peak_rss_bytes < MAX_RSS_BYTES}
        _print_goals(goals)
        return {"usage": asdict(usage), "goals": goals}

    # Means

    def _make(self, name: str, count: int) -> Path:
        source = self._work / "in" / f"{name}-{count}"
        command = [sys.executable, str(Path(__file__).parent / "inputs.py"), name, str(source), str(count)]
        subprocess.run([*command, *([str(self._data)] if self._data else [])], env=ENVIRONMENT, check=True)
        return source

    def _drop(self, source: Path) -> None:
        shutil.rmtree(source)

    def _job(self, source: Path) -> Job:
        return Job(source=source, out=self._work / "out", work=self._work / "beside")

    def _measure(self, command: Sequence[str], *, expected: Sequence[int]) -> Usage:
        return measure(command, env=ENVIRONMENT, log=self._work / "log", expected=expected)

    def _time_all(self, tools: Sequence[Contender], source: Path) -> dict[str, Result]:
        """Run each tool `rounds` times, interleaved; one that fails is named and left out."""
        first = self._work / "in" / "first"
        first.mkdir(parents=True, exist_ok=True)
        path = min(path for path in source.rglob("*") if path.is_file())
        shutil.copyfile(path, first / path.name)
        starts: dict[str, list[Usage]] = {}
        runs: dict[str, list[Usage]] = {}
        outputs: dict[str, int] = {}
        left = list(tools)
        for number in range(self._rounds + 1):  # the first one only warms caches up
            for tool in list(left):
                _say(f"{source.name}: round {number} of {self._rounds}, {tool.name}")
                try:
                    start, _ = self._time(tool, first)
                    if number:
                        starts.setdefault(tool.name, []).append(start)
                        usage, outputs[tool.name] = self._time(tool, source)
                        runs.setdefault(tool.name, []).append(usage)
                except CommandFailedError as error:
                    left.remove(tool)
                    runs.pop(tool.name, None)
                    print(f"{tool.name} failed: {error}")
            left.append(left.pop(0))
        _say("")
        shutil.rmtree(first)
        return {
            tool.name: Result(
                usage=median(runs[tool.name]), start=median(starts[tool.name]), outputs=outputs[tool.name]
            )
            for tool in tools
            if tool.name in runs
        }

    def _time(self, tool: Contender, source: Path) -> tuple[Usage, int]:
        job = self._job(source)
        tool.prepare(job)
        usage = self._measure(tool.command(job), expected=tool.expected)
        count = len(find_dicom(job.out))
        shutil.rmtree(job.out)
        return usage, count


def _prepare(job: Job) -> None:
    Contender(name="", command=lambda _: ()).prepare(job)


def _say(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _cpu_ms(result: Result, instances: int) -> float:
    return result.usage.cpu_seconds / instances * 1e3


def _net_ms(result: Result, instances: int) -> float:
    """Return CPU ms for each instance after the first, start-up taken off."""
    return (result.usage.cpu_seconds - result.start.cpu_seconds) / max(instances - 1, 1) * 1e3


def _speed_table(results: dict[str, Result], instances: int, size: int) -> str:
    copy, ours = results.get(COPY), results.get(SCANWARD)
    rows = []
    for name, result in results.items():
        usage, cpu = result.usage, result.usage.cpu_seconds
        rows.append(
            [
                name,
                f"{_cpu_ms(result, instances):.2f}",
                f"{_net_ms(result, instances):.2f}",
                f"{result.start.cpu_seconds * 1e3:.0f}",
                f"{usage.wall_seconds / instances * 1e3:.2f}",
                f"{size / usage.wall_seconds / 1e6:,.0f}",
                f"{usage.peak_rss_bytes / 1e6:.0f}",
                f"{cpu / copy.usage.cpu_seconds:.1f}" if copy else "",
                f"{cpu / ours.usage.cpu_seconds:.1f}" if ours else "",
                f"{_net_ms(result, instances) / _net_ms(ours, instances):.1f}" if ours else "",
                f"{result.outputs}",
            ]
        )
    head = (
        "",
        "CPU ms",
        "w/o start",
        "start ms",
        "wall ms",
        "MB/s",
        "peak MB",
        "x cp",
        "x Scanward",
        "w/o start",
        "out",
    )
    return format_table(head, rows)


def _mix_cell(result: Result | None, files: int) -> str:
    if result is None:
        return "failed"
    return f"{_net_ms(result, files):.2f}" + ("*" if result.outputs < files else "")


def _goals(results: dict[str, Result], instances: int) -> dict[str, bool]:
    """Return each goal of speed, with the figure, and whether this run met it."""
    ours = results.get(SCANWARD)
    if ours is None:
        return {}
    cpu = ours.usage.cpu_seconds

    def times(name: str) -> tuple[float, str]:
        """Return how many times our CPU time a tool takes, and the same in words, also without start-up."""
        ratio, net = results[name].usage.cpu_seconds / cpu, _net_ms(results[name], instances) / _net_ms(ours, instances)
        return ratio, f"{name} takes {ratio:.2f} times as long ({net:.2f} without start-up)"

    each = f"{_cpu_ms(ours, instances):.2f} ms ({_net_ms(ours, instances):.2f} without start-up)"
    goals = {f"at most {MAX_CPU_MS} ms CPU for each CT, all included: {each}": _cpu_ms(ours, instances) <= MAX_CPU_MS}
    if COPY in results:
        of_copy = cpu / results[COPY].usage.cpu_seconds
        goals[f"at most {MAX_OF_COPY:g} times the CPU time of cp: {of_copy:.1f}"] = of_copy <= MAX_OF_COPY
    for name in PYDICOM_PEERS:
        if name in results:
            ratio, words = times(name)
            goals[f"at least {MIN_OF_PYDICOM:g} times as fast as tools on pydicom: {words}"] = ratio >= MIN_OF_PYDICOM
    if "gdcmanon" in results:
        ratio, words = times("gdcmanon")
        goals[f"ahead of gdcmanon: {words}"] = ratio > 1
    return goals


def _print_goals(goals: dict[str, bool]) -> None:
    print()
    for goal, met in goals.items():
        print(f"  {'met    ' if met else 'NOT met'}  {goal}")


def _plain(results: dict[str, Result]) -> dict[str, Any]:
    return {name: asdict(result) for name, result in results.items()}
