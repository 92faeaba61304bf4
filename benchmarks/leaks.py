"""What each tool leaves behind: identifiers are planted into every kind of place, and searched for in what comes out.

Also counts errors of dciodvfy (Debian's dicom3tools) in outputs that the input did not have. Run by ``run.py``, or by
itself: ``PYTHONPATH=src:. python benchmarks/leaks.py``.
"""

import argparse
import json
import re
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from contenders import CONTENDERS, COPY, ENVIRONMENT, SCANWARD, Contender, Job, find_command
from measure import find_dicom
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian
from table import format_table

from tests.common.leaks import find_leaks, leaking_places
from tests.common.planter import Plant, PlantedFile, plant_studies, signature

SEED = 23
_QUOTED = re.compile(r"<(?![A-Za-z]+>)[^>]*>|\[[^\]]*\]|\d{2,}")
"""What an error of dciodvfy quotes from the file, beside names of Attributes and modules."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a tool left behind.

    Attributes
    ----------
    outputs
        How many files came out.
    places
        Planted places whose token is still found.
    known
        Of those, how many hold a value that also stands in an identifying Attribute of the same file.
    identity
        Of the files' own names, IDs, dates and UIDs, how many are still found.
    damaged
        Outputs with an error of dciodvfy that their input did not have: the input's name and the errors; None without
        dciodvfy.
    """

    outputs: int
    places: tuple[str, ...]
    known: int
    identity: int
    damaged: tuple[str, ...] | None


def main() -> None:
    """Run every tool over the planted files and print what they leave."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these tools")
    parser.add_argument("--list", action="store_true", help="name the places and the errors that Scanward leaves")
    arguments = parser.parse_args()
    tools = [
        tool for tool in CONTENDERS
        if tool.is_there() and tool.name != COPY and (not arguments.only or tool.name in arguments.only)
    ]  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="leaks-") as folder:
        work = Path(folder)
        planted = plant_studies(work / "in", seed=SEED)
        findings = {tool.name: examine(tool, planted, work) for tool in tools}
    total = sum(len(file.places) for file in planted)
    print_findings(findings, total=total, files=len(planted))
    if arguments.list and SCANWARD in findings:
        print(*findings[SCANWARD].places, *(findings[SCANWARD].damaged or ()), sep="\n")
    if arguments.json:
        figures = {
            "places": total,
            "files": len(planted),
            "tools": {name: asdict(one) for name, one in findings.items()},
        }
        arguments.json.write_text(json.dumps(figures), encoding="utf-8")


def examine(tool: Contender, planted: Sequence[PlantedFile], work: Path) -> Finding:
    """Run `tool` over the planted files and look at its outputs."""
    job = Job(source=work / "in", out=work / "out", work=work / "beside")
    tool.prepare(job)
    jobs = [job]
    if tool.stops_at_failure:
        jobs = [replace(job, source=file.path, out=job.out / f"{n}.dcm") for n, file in enumerate(planted)]
    for one in jobs:
        subprocess.run(tool.command(one), env=ENVIRONMENT, check=False, capture_output=True, timeout=600)
    outputs = find_dicom(job.out)
    found = frozenset(leaking_places(find_leaks(planted, job.out)))
    plants: list[Plant] = [plant for file in planted for plant in file.places]
    leaking = [plant for plant in plants if plant.place in found]
    result = Finding(
        outputs=len(outputs),
        places=tuple(plant.place for plant in leaking),
        known=sum(plant.known for plant in leaking),
        identity=len(found - {plant.place for plant in plants}),
        damaged=find_damaged(planted, outputs),
    )
    shutil.rmtree(job.out)
    return result


def find_damaged(planted: Sequence[PlantedFile], outputs: Sequence[Path]) -> tuple[str, ...] | None:
    """Return which outputs have errors that their input did not have."""
    if find_command("dciodvfy") is None:
        return None
    by_mark = {file.signature: file for file in planted}
    pairs = [(by_mark[mark], path) for path in outputs for mark in [_mark(path)] if mark in by_mark]
    with ThreadPoolExecutor(2) as pool:
        new = pool.map(lambda pair: _new_errors(pair[0].path, pair[1]), pairs)
        return tuple(
            f"{file.name}: {'; '.join(sorted(lines))}" for (file, _), lines in zip(pairs, new, strict=True) if lines
        )


def _mark(path: Path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return signature(dcmread(path, force=True))
        except Exception:  # noqa: BLE001 - what pydicom cannot read belongs to no input
            return ""


def _new_errors(source: Path, output: Path) -> frozenset[str]:
    before = errors(source)
    # Where dciodvfy cannot read the input it says nothing of what that lacks.
    return frozenset() if any("Object Not found" in line for line in before) else errors(output) - before


def errors(path: Path) -> frozenset[str]:
    """Return the errors that dciodvfy finds, without the values that they quote."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["dciodvfy", str(_readable(path, Path(folder)))], capture_output=True, check=False, timeout=60
        )
    lines = (done.stderr + done.stdout).decode("utf-8", errors="replace").splitlines()
    return frozenset(_QUOTED.sub("", line) for line in lines if line.startswith("Error"))


def _readable(path: Path, folder: Path) -> Path:
    """Return `path`, or an inflated copy of it, since dciodvfy cannot inflate."""
    if DeflatedExplicitVRLittleEndian.encode() + b"\0" not in path.read_bytes()[:1024]:
        return path
    ds = dcmread(path)
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.save_as(folder / "inflated.dcm")
    return folder / "inflated.dcm"


def print_findings(findings: dict[str, Finding], *, total: int, files: int) -> None:
    """Print the table and whether the goal was met."""
    rows = [
        [
            name, str(one.outputs), str(len(one.places)), str(one.known), str(one.identity),
            "?" if one.damaged is None else str(len(one.damaged)),
        ]
        for name, one in findings.items()
    ]  # fmt: skip
    print(f"\nIdentifiers planted in {total} places of {files} files: how many are left\n")
    head = ("", "outputs", "places left", "of them known", "own identity left", "new dciodvfy errors in")
    print(format_table(head, rows))
    print("\nA file that does not come out leaks nothing: mind the number of outputs.")
    ours = findings.get(SCANWARD)
    if ours is not None:
        met = not ours.places and not ours.identity and not ours.damaged
        print(f"\n  {'met    ' if met else 'NOT met'}  nothing left, no new error")


if __name__ == "__main__":
    main()
