"""Faces of heads: what is left of them after each tool, on the same scans.

Run by ``benchmarks/run.py``, or by itself: ``PYTHONPATH=src:.:benchmarks python benchmarks/faces/run.py``. Each tool
runs in a process of its own over one scan at a time; what comes out is looked at here, in the same way for all.
"""

import argparse
import hashlib
import json
import os
import tempfile
import warnings
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from contenders import ENVIRONMENT
from measure import CommandFailedError, Usage

from faces import tables
from faces.alone import measure_alone
from faces.brains import find_brain
from faces.corpus import HEADS, MADE, Scan, find_test_data, keep, read_heads, read_negatives, resampled
from faces.eyes import DETECTORS, Detector, Recogniser, load_detectors, load_recogniser, missing
from faces.measure_head import ORIGINAL, Frame, Left, measure_left
from faces.peers import AIR, CONTENDERS, SKIN, Contender, Job
from faces.product import find
from faces.score import find_changed, mean, pairwise_rms, rank_one
from faces.volumes import read_values, write_volume

SIZES = {"256 x 256 x 256": (256, 256, 256), "512 x 512 x 300": (300, 512, 512)}
QUICK = ("T1 multi-frame", "FLAIR 5.5 mm", "made CT")
REPEATED = (*QUICK, "CT tilted, uneven")
"""What Scanward is run on a second time."""
QUICK_STEP = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class Ran:
    """One tool on one scan.

    Attributes
    ----------
    tool, scan
        Their names.
    usage
        What it took; None where it was not run.
    out
        Its result; None where there is none.
    said
        What Scanward found.
    failed
        Why there is no result.
    """

    tool: str
    scan: str
    usage: Usage | None
    out: Path | None
    said: Mapping[str, Any] = field(default_factory=dict)
    failed: str = ""


def parse_arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--data", type=Path, default=find_test_data(), help="folder of real scans")
    parser.add_argument("--heads", nargs="+", metavar="NAME", help=f"only these of: {', '.join([*_names()])}")
    parser.add_argument("--step", type=int, default=1, help="dlib CNN looks at each so many-th render  [%(default)s]")
    parser.add_argument("--quick", action="store_true", help="three heads, few renders, no measure of large scans")
    parser.add_argument("--peers", nargs="*", metavar="NAME", help="only these tools beside Scanward")
    parser.add_argument("--folder", type=Path, help="where to work, and what to keep results in  [a temporary one]")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 4), help="processes that look at results")
    return parser.parse_args()


def _names() -> list[str]:
    return [*(head.name for head in HEADS), *MADE]


def main() -> None:
    """Measure, print, write."""
    arguments = parse_arguments()
    if arguments.quick:
        arguments.heads = arguments.heads or list(QUICK)
        arguments.step = max(arguments.step, QUICK_STEP)
    for name, package in missing().items():
        print(f"{name} does not look: it is not installed ({package}).")
    if arguments.data is None:
        print("Only made heads: SCANWARD_TEST_DATA names no real scans.")
    with tempfile.TemporaryDirectory() as temporary:
        figures = _measure(arguments, arguments.folder or Path(temporary))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures), encoding="utf-8")


def _measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    tools = _tools(arguments.peers)
    heads = _measure_heads(arguments, tools, folder / "heads")
    figures: dict[str, Any] = {"step": arguments.step, "heads": heads}
    tables.print_heads(heads)
    if not arguments.quick and not arguments.heads:
        figures["negatives"] = _measure_negatives(arguments.data, tools, folder / "negatives")
        tables.print_negatives(figures["negatives"])
    figures["repeated"] = _repeat(arguments, tools, folder / "heads")
    tables.print_repeated(figures["repeated"])
    if not arguments.quick:
        figures["large"] = _measure_large(arguments.data, tools, folder / "large")
        tables.print_large(figures["large"])
    for tool in tools:
        if tool.note:
            print(f"{tool.name}: {tool.note}.")
    tables.print_goals(figures)
    return figures


def _tools(peers: list[str] | None) -> list[Contender]:
    wanted = [tool for tool in CONTENDERS if tool.is_ours or peers is None or tool.name in peers]
    for tool in wanted:
        if not tool.is_there():
            print(f"{tool.name} is not measured: it is not installed ({tool.package}).")
    return [tool for tool in wanted if tool.is_there()]


# --- one tool on one scan --------------------------------------------------------------------------------------------


def run_tool(tool: Contender, scan: Scan, folder: Path) -> Ran:
    """Run a tool on a scan, in a process of its own."""
    place = folder / tool.name.replace(" ", "-") / scan.nifti.parent.name
    place.mkdir(parents=True, exist_ok=True)
    job = Job(
        source=scan.source, nifti=scan.nifti, brain=scan.nifti.with_name("brain.nii"), out=place / "out.nii",
        figures=place / "said.json", templates=folder / "templates",
    )  # fmt: skip
    for path in (job.out, job.figures):
        path.unlink(missing_ok=True)
    if tool.needs_brain and not job.brain.exists():
        return Ran(tool=tool.name, scan=scan.name, usage=None, out=None, failed="no mask of a brain to give it")
    try:
        usage = measure_alone(
            tool.command(job), env={**ENVIRONMENT, "FSLOUTPUTTYPE": "NIFTI", "AFNI_COMPRESSOR": ""},
            log=place / "log.txt", cwd=place,
        )  # fmt: skip
    except CommandFailedError as error:
        return Ran(
            tool=tool.name, scan=scan.name, usage=None, out=None, failed=str(error).strip().splitlines()[-1][-150:]
        )
    said = json.loads(job.figures.read_text(encoding="utf-8")) if job.figures.exists() else {}
    out = job.out if job.out.exists() else None
    failed = "" if out else said.get("finding", "wrote nothing")
    return Ran(tool=tool.name, scan=scan.name, usage=usage, out=out, said=said, failed=failed)


# --- heads with a face -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """One head: what each tool left of it, and what it took."""

    scan: str
    brain_ml: float | None
    finding: str
    ran: list[Ran]
    left: dict[str, Left]


def _measure_heads(arguments: argparse.Namespace, tools: list[Contender], folder: Path) -> dict[str, Any]:
    with ProcessPoolExecutor(arguments.jobs, get_context("spawn")) as pool:
        waiting = []
        for scan in read_heads(arguments.data, folder, only=arguments.heads):
            brain = _write_brain(scan, folder)
            # One after the other, so that what is measured has a core to itself; results are looked at meanwhile.
            ran = [run_tool(tool, scan, folder) for tool in tools]
            job = (scan, brain, ran, arguments.step)
            waiting.append((scan.name, pool.submit(_look_at, *job)))
            print(f"{scan.name}: {', '.join(one.failed or 'done' for one in ran)}", flush=True)
        done = {name: one.result() for name, one in waiting}
    real = {name: done[name] for name in done if name not in MADE}
    made = {name: done[name] for name in done if name in MADE}
    names = [ORIGINAL, *(tool.name for tool in tools)]
    return {
        "real": _summaries(names, real),
        "made": _summaries(names, made),
        "each": {name: _each(one) for name, one in done.items()},
        "chance": 1 / len(real) if real else None,
    }


def _write_brain(scan: Scan, folder: Path) -> np.ndarray | None:
    brain = scan.brain if scan.brain is not None else find_brain(scan.volume, scan.nifti, folder / "templates")
    if brain is not None and brain.any():
        write_volume(scan.volume, scan.nifti.with_name("brain.nii"), brain.astype(np.int16))
        return brain
    return None


def _look_at(scan: Scan, brain: np.ndarray | None, ran: list[Ran], step: int) -> Measured:
    """Measure what each tool left of a head (in a process of the pool)."""
    warnings.simplefilter("ignore")
    looked = find(scan.volume)
    if looked.fit is None or looked.inputs is None:
        return Measured(scan=scan.name, brain_ml=None, finding=looked.finding.name, ran=ran, left={})
    frame = Frame(volume=scan.volume, to_atlas=looked.fit.affine, skin=looked.inputs.skin, brain=brain)
    detectors, recogniser = _eyes()
    left = {ORIGINAL: measure_left(frame, None, detectors, recogniser, step)}
    for one in ran:
        if one.out is not None:
            values = read_values(one.out, scan.volume.values.shape)
            left[one.tool] = measure_left(frame, values, detectors, recogniser, step)
    voxel_ml = abs(float(np.linalg.det(scan.volume.affine[:3, :3]))) / 1000
    return Measured(
        scan=scan.name, brain_ml=None if brain is None else float(brain.sum()) * voxel_ml,
        finding=looked.finding.name, ran=ran, left=left,
    )  # fmt: skip


@cache
def _eyes() -> tuple[dict[str, Detector], Recogniser | None]:
    return load_detectors(list(DETECTORS)), load_recogniser()


def _summaries(names: list[str], heads: Mapping[str, Measured]) -> dict[str, Any]:
    """Return the figures of each tool, over those heads of which all tools let something out."""
    working = [name for name in names if any(name in one.left for one in heads.values())]
    counted = {name for name, one in heads.items() if all(tool in one.left for tool in working)}
    return {name: _summary(name, heads, counted) for name in names} if heads else {}


def _summary(tool: str, heads: Mapping[str, Measured], counted: set[str]) -> dict[str, Any]:
    all_left = {name: one.left[tool] for name, one in heads.items() if tool in one.left}
    left = {name: one for name, one in all_left.items() if name in counted}
    ran = [ran for one in heads.values() for ran in one.ran if ran.tool == tool and ran.usage is not None]
    gallery = {name: one.left[ORIGINAL].looks for name, one in heads.items() if ORIGINAL in one.left}
    brains = [one.brain_changed for one in all_left.values() if one.brain_changed is not None]
    return {
        "heads": len(heads),
        "done": len(all_left),
        "counted": len(left),
        "face_kept": mean(one.face_kept for one in left.values()),
        "face_kept_most": max((one.face_kept for one in all_left.values() if one.face_kept is not None), default=None),
        "ears_kept": mean(one.ears_kept for one in left.values()),
        "brain_changed": sum(brains) if brains else None,
        "brains_touched": sum(one > 0 for one in brains),
        "brains": len(brains),
        "hits": {name: _rate(left.values(), "hits", "renders", name) for name in DETECTORS},
        "back_hits": {name: _rate(left.values(), "back_hits", "back_renders", name) for name in DETECTORS},
        "shape_rms_mm": pairwise_rms([one.shape for one in left.values()]),
        "rank_one": rank_one(gallery, {name: one.looks for name, one in left.items() if name not in MADE}),
        "cpu_seconds": median(one.usage.cpu_seconds for one in ran if one.usage) if ran else None,
        "wall_seconds": median(one.usage.wall_seconds for one in ran if one.usage) if ran else None,
        "peak_rss_bytes": max((one.usage.peak_rss_bytes for one in ran if one.usage), default=None),
    }


def _rate(left: Any, hits: str, renders: str, name: str) -> float | None:
    counted = [one for one in left if name in getattr(one, hits)]
    total = sum(getattr(one, renders)[name] for one in counted)
    return sum(getattr(one, hits)[name] for one in counted) / total if total else None


def _each(one: Measured) -> dict[str, Any]:
    return {
        "finding": one.finding,
        "brain_ml": one.brain_ml,
        "tools": {
            tool: {
                "face_kept": left.face_kept, "ears_kept": left.ears_kept, "brain_changed": left.brain_changed,
                "changed_share": left.changed_share, "hits": left.hits, "renders": left.renders,
            }
            for tool, left in one.left.items()
        },
        "failed": {ran.tool: ran.failed for ran in one.ran if ran.failed},
        "usage": {ran.tool: asdict(ran.usage) for ran in one.ran if ran.usage},
    }  # fmt: skip


# --- what has no face ------------------------------------------------------------------------------------------------


def _measure_negatives(data: Path | None, tools: list[Contender], folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for scan in read_negatives(data, folder):
        _write_brain(scan, folder)
        row: dict[str, Any] = {"expected": scan.expected, "tools": {}}
        for tool in tools:
            if tool.name == SKIN:
                continue  # finds what Scanward with air finds
            ran = run_tool(tool, scan, folder)
            row["tools"][tool.name] = _told(ran, scan)
        found[scan.name] = row
        print(f"{scan.name}: {row['tools'][AIR]['finding']}", flush=True)
    return found


def _told(ran: Ran, scan: Scan) -> dict[str, Any]:
    changed = None
    if ran.out is not None:
        changed = int(find_changed(scan.volume.values, read_values(ran.out, scan.volume.values.shape)).sum())
        ran.out.unlink()
    return {
        "finding": ran.said.get("finding", "") or ran.failed,
        "changed_voxels": changed,
        "changed_share": None if changed is None else changed / scan.volume.values.size,
    }


# --- twice, and large ------------------------------------------------------------------------------------------------


def _repeat(arguments: argparse.Namespace, tools: list[Contender], folder: Path) -> dict[str, bool]:
    """Run Scanward a second time, and compare its files."""
    same: dict[str, bool] = {}
    wanted = [name for name in arguments.heads or REPEATED if name in REPEATED]
    for scan in read_heads(arguments.data, folder / "again", only=wanted) if wanted else ():
        for tool in tools:
            first = folder / tool.name.replace(" ", "-") / scan.nifti.parent.name / "out.nii"
            if tool.is_ours and first.exists():
                second = run_tool(tool, scan, folder / "again")
                same[f"{scan.name}, {tool.name}"] = second.out is not None and _digest(first) == _digest(second.out)
    return same


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _measure_large(data: Path | None, tools: list[Contender], folder: Path) -> dict[str, Any]:
    """Measure what large scans cost: a head put on grids of more voxels."""
    name = HEADS[0].name if data is not None else next(iter(MADE))
    head = next(read_heads(data, folder, only=[name]))
    rows: dict[str, Any] = {}
    for size, shape in SIZES.items():
        scan = keep(size, resampled(head.volume, shape), folder)
        _write_brain(scan, folder)
        rows[size] = {}
        for tool in tools:
            ran = run_tool(tool, scan, folder)
            if ran.usage is not None:
                rows[size][tool.name] = asdict(ran.usage)
            if ran.out is not None:
                ran.out.unlink()
            print(f"{size}, {tool.name}: {ran.failed or 'done'}", flush=True)
    return rows


if __name__ == "__main__":
    main()
