"""Words burned into pixels: how many are found, beside other tools on the same images.

Run by ``benchmarks/run.py``, or by itself: ``PYTHONPATH=src:benchmarks python benchmarks/burned_in/run.py``. Each tool
runs in a process of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from contenders import ENVIRONMENT, SCANWARD
from table import format_table

from burned_in.case import Case
from burned_in.corpus import SUBSETS, make_cases
from burned_in.glyphs import missing_fonts
from burned_in.peers import CONTENDERS, load_detector
from burned_in.scans import find_test_data
from burned_in.score import Detector, cpu_seconds, describe, run

DETECTOR = "burned_in.product:find_text"
"""What is measured as Scanward: a function that takes a `Case` and returns a mask of its frames."""
PLAIN = "rapidocr 3, PP-OCRv6"
"""The peer to whose time that of Scanward is compared."""
STEP = 12
"""The tools are compared on each so many-th image of a subset; on all of the few real ones with text."""
ALL_IMAGES = f"{SCANWARD}, all images"
MANY_FRAMES = ("cine", "volume")
Figures = dict[str, dict[str, Any]]
"""Subset -> figures."""


def parse_arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--data", type=Path, default=find_test_data(), help="folder of real scans")
    parser.add_argument("--step", type=int, default=STEP, help="take each so many-th image  [%(default)s]")
    parser.add_argument("--subset", nargs="+", choices=SUBSETS, default=list(SUBSETS), help="only these images")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="only these tools beside Scanward")
    parser.add_argument("--detector", default=DETECTOR, help="Scanward's, as module:function  [%(default)s]")
    parser.add_argument("--sample", action="store_true", help="do not measure Scanward on all images besides")
    parser.add_argument("--missed", action="store_true", help="name the clear words that Scanward does not find")
    parser.add_argument("--one", help=argparse.SUPPRESS)  # measures this tool, in this process
    return parser.parse_args()


def main() -> None:
    """Measure, print, write."""
    arguments = parse_arguments()
    if arguments.one:
        _measure_one(arguments)
        return
    for font in missing_fonts():
        print(f"{font} is missing: its text is drawn in other fonts. tools/setup/peers names the packages.")
    wanted = [tool for tool in CONTENDERS if arguments.only is None or tool.name in arguments.only]
    for tool in wanted:
        if not tool.is_there():
            print(f"{tool.name} is not measured: it is not installed ({tool.package}).")
    names = [tool.name for tool in wanted if tool.is_there()]
    if find_spec(arguments.detector.partition(":")[0]):
        names = [SCANWARD, *names, *([] if arguments.sample or arguments.step == 1 else [ALL_IMAGES])]
    else:
        print(f"Scanward is not measured: there is no {arguments.detector}.")
    figures = {name: _run_one(name, arguments) for name in names}
    print_table({name: one for name, one in figures.items() if one}, arguments.subset)
    for tool in wanted:
        print(f"{tool.name}: {tool.note}.")
    if figures.get(SCANWARD):
        print_goals(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps({"step": arguments.step, "tools": figures}), encoding="utf-8")


def _run_one(name: str, arguments: argparse.Namespace) -> Figures | None:
    """Run a tool in a process of its own; say so if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder, "figures.json")
        step = 1 if name == ALL_IMAGES else arguments.step
        command = [sys.executable, __file__, "--one", name, "--json", str(figures), "--step", str(step)]
        command += ["--detector", arguments.detector, "--subset", *arguments.subset]
        command += ["--data", str(arguments.data)] if arguments.data else []
        command += ["--missed"] if arguments.missed else []
        # The detector that is asked for may lie anywhere.
        path = os.pathsep.join([ENVIRONMENT["PYTHONPATH"], *filter(None, [os.environ.get("PYTHONPATH")])])
        done = subprocess.run(command, env={**ENVIRONMENT, "PYTHONPATH": path}, check=False)
        if done.returncode:
            print(f"{name} is not measured: it ended with {done.returncode}.")
            return None
        found: Figures = json.loads(figures.read_text(encoding="utf-8"))
        return found


def _measure_one(arguments: argparse.Namespace) -> None:
    """Measure one tool on all subsets, and write its figures."""
    is_ours = arguments.one in {SCANWARD, ALL_IMAGES}
    others = {tool.name: tool.load for tool in CONTENDERS}
    detector = load_detector(arguments.detector) if is_ours else others[arguments.one]()
    figures: Figures = {}
    for subset in arguments.subset:
        step = 1 if subset == "real" else arguments.step
        score = run(detector, make_cases(subset, data=arguments.data, step=step), subset=subset)
        figures[subset] = {**score.summary(), "missed": [str(hit) for hit in score.missed()] if is_ours else []}
        if is_ours and subset in MANY_FRAMES:
            cases = make_cases(subset, data=arguments.data, step=step)
            figures[subset]["frame_by_frame_cpu_seconds_per_megapixel"] = _frame_by_frame(detector, cases)
        said = describe(score)
        print(f"{arguments.one}: {said if is_ours else said.partition(chr(10))[0]}", flush=True)
        for name, why in list(score.failed.items())[:3]:
            print(f"  {name}: {why}")
        if arguments.missed:
            print(*(f"  missed {line}" for line in figures[subset]["missed"]), sep="\n")
    arguments.json.write_text(json.dumps(figures), encoding="utf-8")


def _frame_by_frame(detector: Detector, cases: Iterable[Case]) -> float:
    """Return the CPU seconds per megapixel when a detector sees each frame by itself."""
    spent = megapixels = 0.0
    for case in cases:
        before = cpu_seconds()
        for number in range(case.frames.shape[0]):
            detector(replace(case, frames=case.frames[number : number + 1], words=()))
        spent += cpu_seconds() - before
        megapixels += case.megapixels
    return spent / max(megapixels, 1e-9)


# --- tables ----------------------------------------------------------------------------------------------------------

_COLUMNS = {
    "main": "words",
    "scripts": "scripts",
    "subvisual": "+-8 levels",
    "window": "other window",
    "cine": "cines",
    "volume": "volumes",
    "real": "real",
}
"""Subset -> heading of the share of its words that are found."""


def print_table(figures: dict[str, Figures], subsets: Sequence[str]) -> None:
    """Print one row for each tool."""
    if not figures:
        return
    columns = {subset: head for subset, head in _COLUMNS.items() if subset in subsets}
    head = ["", "clear words", "legible words", *columns.values(), "false area", "text-free touched", "CPU s/Mpx"]
    rows = [
        [
            name,
            _share(one, "main", "clear_found_percent"),
            _share(one, "main", "legible_found_percent"),
            *(_share(one, subset, "found_percent") for subset in columns),
            f"{_mean(one, columns, 'false_area_percent'):.2f} %",
            f"{one['textfree']['touched']} of {one['textfree']['images']}" if "textfree" in one else "-",
            f"{_mean(one, columns, 'cpu_seconds_per_megapixel'):.2f}",
        ]
        for name, one in figures.items()
    ]
    first = next(iter(figures.values()))
    counts = ", ".join(f"{first[subset]['words']} {heading}" for subset, heading in columns.items() if subset in first)
    print(f"\nBurned-in words of which 90 % of the pixels are covered ({counts})\n")
    print(format_table(head, rows))
    print(
        "\nClear words: those of the column `words` from 10 px and contrast 30 on; legible: of these, those that stand"
    )
    print(
        "out over three quarters of their pixels, and from the noise. False area and CPU: means over the columns with"
    )
    print("words. Mind the false area: a tool that covers a whole image covers its words too.\n")


def _share(figures: Figures, subset: str, key: str) -> str:
    found = figures.get(subset, {}).get(key)
    return "-" if found is None else f"{found:.1f} %"


def _mean(figures: Figures, subsets: Iterable[str], key: str) -> float:
    """Return the mean over subsets, weighted by their images."""
    ones = [figures[subset] for subset in subsets if subset in figures]
    images = sum(one["images"] for one in ones)
    return float(sum(one[key] * one["images"] for one in ones)) / max(images, 1)


def print_goals(figures: dict[str, Figures | None]) -> None:
    """Print what was aimed at, and whether it was met."""
    sample, plain = figures[SCANWARD] or {}, figures.get(PLAIN) or {}
    for met, text in [*_found_goals(figures.get(ALL_IMAGES) or sample), *_cost_goals(sample, plain)]:
        print(f"  {'met    ' if met else 'NOT met'}  {text}")


def _found_goals(ours: Figures) -> Iterable[tuple[bool, str]]:
    for subset, key, least in (
        ("main", "clear_found_percent", 99.5),
        ("scripts", "clear_found_percent", 99.5),
        ("cine", "clear_found_percent", 99.5),
        ("volume", "clear_found_percent", 99.5),
        ("window", "found_percent", 95.0),
        ("subvisual", "found_percent", 95.0),
        ("real", "found_percent", 100.0),
    ):
        found = ours.get(subset, {}).get(key)
        if found is not None:
            kind = "clear words" if key.startswith("clear") else "words"
            legible = ours[subset]["legible_found_percent"]
            more = f", {legible:.2f} % of the legible" if kind == "clear words" and legible is not None else ""
            yield found >= least, f"{subset}: at least {least} % of the {kind} covered: {found:.2f} %{more}"
    if "main" in ours:
        area = ours["main"]["false_area_percent"]
        yield area <= 0.5, f"main: at most 0.5 % of the area covered without need: {area:.2f} %"
    if "textfree" in ours:
        touched, images = ours["textfree"]["touched"], ours["textfree"]["images"]
        yield touched == 0, f"textfree: none of the images touched: {touched} of {images}"


def _cost_goals(ours: Figures, plain: Figures) -> Iterable[tuple[bool, str]]:
    if "main" in ours and "main" in plain:
        ratio = ours["main"]["cpu_seconds_per_megapixel"] / plain["main"]["cpu_seconds_per_megapixel"]
        yield ratio <= 2, f"main: at most 2 times the CPU time of {PLAIN}: {ratio:.2f} times"
    for subset in MANY_FRAMES:
        if subset in ours:
            one = ours[subset]
            ratio = one["frame_by_frame_cpu_seconds_per_megapixel"] / max(one["cpu_seconds_per_megapixel"], 1e-9)
            yield ratio >= 8, f"{subset}: 8 times faster than frame by frame: {ratio:.1f} times"


if __name__ == "__main__":
    main()
