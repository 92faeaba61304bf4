"""``make bench``: Scanward beside other tools, in speed and in what they leave behind; and the gateway beside Orthanc.

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
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import speed
from contenders import CONTENDERS, ENVIRONMENT, ROOT
from measure import CommandFailedError

RESULTS = ROOT / "benchmarks" / "results"
DEFAULT_INSTANCES = 1500
DEFAULT_ROUNDS = 3


def parse_arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--instances", type=int, default=DEFAULT_INSTANCES, help="CT instances  [%(default)s]")
    parser.add_argument("--rounds", type=int, default=DEFAULT_ROUNDS, help="rounds, of which the median counts")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these tools, beside cp and Scanward")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS), help="only these tables")
    parser.add_argument(
        "--large",
        action="store_true",
        help="also a multi-frame file of 4 GB, and 10 million disclosures (needs 40 GB of disk)",
    )
    faces = parser.add_argument_group("faces")
    faces.add_argument("--heads", nargs="+", metavar="NAME", help="only these heads")
    faces.add_argument("--step", type=int, help="let dlib CNN look at each so many-th render")
    faces.add_argument("--quick", action="store_true", help="few heads and renders, or texts")
    faces.add_argument("--peers", nargs="*", metavar="NAME", help="only these tools beside Scanward")
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
    figures = work / f"{name.replace('/', '-')}.json"
    command = [sys.executable, str(Path(__file__).parent / f"{name}.py"), "--json", str(figures), *arguments]
    done = subprocess.run(command, env=ENVIRONMENT, check=False)
    if done.returncode:
        raise CommandFailedError(f"{name}.py ended with {done.returncode}")
    return json.loads(figures.read_text(encoding="utf-8"))


def _run_part(name: str, part: Callable[[], Any], results: dict[str, Any]) -> None:
    """Run one part; if it fails, say so and let the others run."""
    try:
        results[name] = part()
    except CommandFailedError as error:
        results[name] = {"failed": str(error)}
        print(f"\n{name} failed: {error}")


GATEWAY = {
    "receive": "gateway_receive",
    "end-to-end": "gateway_end_to_end",
    "decide": "gateway_decide",
    "ledger": "gateway_ledger",
    "workers": "gateway_workers",
}
"""Tables of the gateway -> script that makes each."""

PARTS = ("speed", "scaling", "mixes", "midi", "leaks", "pixels", "faces", "text", "seal", *GATEWAY)
"""The tables, in their order."""


def _face_options(arguments: argparse.Namespace, data: Path | None) -> list[str]:
    """Return the options of the part ``faces``."""
    options = ["--data", str(data)] if data else []
    options += ["--heads", *arguments.heads] if arguments.heads else []
    options += ["--step", str(arguments.step)] if arguments.step else []
    options += ["--peers", *arguments.peers] if arguments.peers is not None else []
    return [*options, *(["--quick"] if arguments.quick else [])]


def _text_options(arguments: argparse.Namespace) -> list[str]:
    """Return the options of the part ``text``."""
    options = ["--peers", *arguments.peers] if arguments.peers is not None else []
    return [*options, *(["--quick"] if arguments.quick else [])]


def _seal_options(arguments: argparse.Namespace, data: Path | None) -> list[str]:
    """Return the options of the part ``seal``."""
    options = ["--data", str(data)] if data else []
    return [*options, *(["--quick"] if arguments.quick else [])]


def _gateway_parts(work: Path, data: Path | None, *, large: bool) -> dict[str, Callable[[], Any]]:
    """Return the parts that measure the gateway."""
    scans = ["--data", str(data)] if data else []
    more = {"ledger": ["--large"] if large else []}
    return {name: partial(_run_script, script, work, *scans, *more.get(name, [])) for name, script in GATEWAY.items()}


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
        parts: dict[str, Callable[[], Any]] = {
            "speed": lambda: bench.compare(tools, arguments.instances),
            "scaling": lambda: bench.scale(arguments.instances),
            "mixes": lambda: bench.compare_mixes(tools),
            "large": bench.take_large,
            "midi": lambda: _run_script("midi_score", work),
            "leaks": lambda: _run_script("leaks", work),
            "pixels": lambda: _run_script("burned_in/run", work, *(["--data", str(data)] if data else [])),
            "faces": lambda: _run_script("faces/run", work, *_face_options(arguments, data)),
            "text": lambda: _run_script("text/run", work, *_text_options(arguments)),
            "seal": lambda: _run_script("seal/run", work, *_seal_options(arguments, data)),
            **_gateway_parts(work, data, large=arguments.large),
        }
        for name, part in parts.items():
            if name in arguments.part or (name == "large" and arguments.large):
                _run_part(name, part, results)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _write(results)
    if any("failed" in figures for figures in results.values() if isinstance(figures, dict)):
        raise SystemExit(1)


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
