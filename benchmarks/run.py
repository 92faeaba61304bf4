"""``make bench``: Scanward beside other tools, in speed and in what they leave behind.

Every figure of a table comes from one run, on the same files, with one process for each tool. Prints tables, and writes
the figures as JSON to ``benchmarks/results/``.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import speed
from contenders import CONTENDERS, ENVIRONMENT, ROOT

RESULTS = ROOT / "benchmarks" / "results"
DEFAULT_INSTANCES = 400
DEFAULT_ROUNDS = 3


def parse_arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--instances", type=int, default=DEFAULT_INSTANCES, help="CT instances  [%(default)s]")
    parser.add_argument("--rounds", type=int, default=DEFAULT_ROUNDS, help="rounds, of which the median counts")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these tools, beside cp and Scanward")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS), help="only these tables")
    parser.add_argument("--large", action="store_true", help="also a multi-frame file of 4 GB (needs 10 GB of disk)")
    parser.add_argument(
        "--folder", type=Path, help="where to work; needs 4 times the size of the inputs  [build/bench]"
    )
    return parser.parse_args()


def find_test_data() -> Path | None:
    """Return the folder of real scans, or None when this machine has none."""
    folder = Path(os.environ.get("SCANWARD_TEST_DATA") or ROOT.parent / "shared" / "data")
    return folder.resolve() if (folder / "dicom").is_dir() else None


def describe_machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_at_start": os.getloadavg()[0],
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _contenders(only: list[str] | None) -> tuple[list[Any], list[str]]:
    """Return the tools that can run, and a sentence on each that cannot."""
    chosen = [one for one in CONTENDERS if not only or not one.needs or one.name in only]
    missing = [
        f"{one.name} is not measured: it is not installed ({one.package})." for one in chosen if not one.is_there()
    ]
    return [one for one in chosen if one.is_there()], missing


def _run_script(name: str, work: Path, *arguments: str) -> Any:
    """Run one of the scripts beside this one; show what it prints, return what it measured."""
    figures = work / f"{name}.json"
    command = [sys.executable, str(Path(__file__).parent / f"{name}.py"), "--json", str(figures), *arguments]
    subprocess.run(command, env=ENVIRONMENT, check=True)
    return json.loads(figures.read_text(encoding="utf-8"))


PARTS = ("speed", "scaling", "mixes", "midi", "leaks")
"""The tables, in their order."""


def main() -> None:
    """Measure, print, write."""
    arguments = parse_arguments()
    tools, missing = _contenders(arguments.only)
    data = find_test_data()
    parent = arguments.folder or ROOT / "build"
    parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="bench-", dir=parent))
    results: dict[str, Any] = {"machine": describe_machine(), "missing": missing}
    try:
        bench = speed.Bench(work=work, data=data, rounds=arguments.rounds)
        print(_heading(results["machine"], data))
        for line in missing:
            print(line)
        if "speed" in arguments.part:
            results["speed"] = bench.compare(tools, arguments.instances)
        if "scaling" in arguments.part:
            results["scaling"] = bench.scale(arguments.instances)
        if "mixes" in arguments.part:
            results["mixes"] = bench.compare_mixes(tools)
        if arguments.large:
            results["large"] = bench.take_large()
        for part, script in (("midi", "midi_score"), ("leaks", "leaks")):
            if part in arguments.part:
                results[part] = _run_script(script, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _write(results)


def _heading(machine: dict[str, Any], data: Path | None) -> str:
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}; "
        f"load at start {machine['load_at_start']:.1f}\n"
        f"CT made from {'a real one' if data else 'a synthetic one, since SCANWARD_TEST_DATA names no real scans'}."
    )


def _write(results: dict[str, Any]) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"\nFigures as JSON: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
