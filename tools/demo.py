"""``make demo``: invented patients, real DICOM, through the real command and the real gateway.

Makes sample studies, puts identifiers of people who do not exist into many places of them, adds pydicom's own example
files, runs ``scanward deidentify`` over all, and shows what became of it.
"""

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from importlib import import_module
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pydicom.data
from pydicom import dcmread
from pydicom.dataset import Dataset
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the samples live with the tests that use them too

from tools import demo_gateway  # noqa: E402 - as below
from tools.before_after import (  # noqa: E402 - found through the line above
    ADDED,
    CLEANED,
    EMPTIED,
    KEPT,
    PAIRS,
    REMOVED,
    REPLACED,
    Row,
    compare,
    shorten,
)

DEMO = ROOT / "build" / "demo"
SEED = 37
EXAMPLES = (
    "CT_small.dcm", "MR_small.dcm", "rtplan_truncated.dcm", "rtdose.dcm", "rtstruct.dcm", "reportsi.dcm",
    "liver_1frame.dcm", "JPEG2000.dcm", "JPEG-lossy.dcm", "image_dfl.dcm", "ExplVR_BigEnd.dcm", "SC_rgb_rle.dcm",
    "examples_jpeg2k.dcm", "examples_palette.dcm", "examples_overlay.dcm", "priv_SQ.dcm", "nested_priv_SQ.dcm",
    "no_meta.dcm", "UN_sequence.dcm", "meta_missing_tsyntax.dcm", "dicomdirtests/DICOMDIR", "README.txt",
)  # fmt: skip
"""Of pydicom's own examples, which come with its wheel; several are broken on purpose."""

COLOURS = {REMOVED: "red", EMPTIED: "red", REPLACED: "green", CLEANED: "yellow", KEPT: "dim", ADDED: "green"}
SOME_STOPPED = 3
"""Exit code of the command when some instances were held or quarantined."""

console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)


def main() -> None:
    """Run the demo."""
    began = time.monotonic()
    demo_gateway.stop_earlier()
    shutil.rmtree(DEMO, ignore_errors=True)
    planted = make_inputs(DEMO / "in")
    run_command()
    pairs = find_pairs(DEMO / "in" / "export", DEMO / "out")
    PAIRS.write_text(json.dumps({title: list(map(str, pair)) for title, pair in pairs.items()}), encoding="utf-8")
    for title, (source, output) in pairs.items():
        print_rows(title, compare(source, output))
    print_report(DEMO / "in" / "export" / "report.txt", DEMO / "out")
    search_outputs(planted)
    heading("The gateway")
    demo_gateway.run([sample.ds for sample in import_module("tests.common.studies").make_samples(seed=SEED)], console)
    print_end(time.monotonic() - began)


# What goes in


def make_inputs(folder: Path) -> list[Any]:
    """Write all inputs below `folder`; return the planted files."""
    samples = write_samples(folder / "export")
    reports = write_reports(folder / "export")
    slices = write_head(folder / "head")
    planted: list[Any] = import_module("tests.common.planter").plant_studies(folder / "planted", seed=SEED)
    places = sum(len(file.places) for file in planted)
    examples = copy_examples(folder / "examples")
    heading("What goes in")
    console.print(f"{samples:6d} instances of three invented patients, as an archive exports them")
    console.print(f"{reports:6d} reports on the first of them: HL7, FHIR, CDA, Word, PDF and plain text")
    console.print(f"{slices:6d} slices of a head that nobody has, a CT")
    console.print(f"{len(planted):6d} instances with {places} identifiers planted, each in another kind of place")
    console.print(f"{examples:6d} example files of pydicom, some of them broken on purpose")
    return planted


def write_samples(folder: Path) -> int:
    """Write the sample studies, with what people type into free text added; return how many instances."""
    studies = import_module("tests.common.studies")
    samples = list(studies.make_samples(seed=SEED))
    for number, sample in enumerate(samples, 1):
        add_free_text(sample.name, sample.study, sample.ds)
        if sample.name == "us":
            import_module("tests.common.burned_in").write_on(sample.ds, sample.study)
        studies.write_sample(sample, folder, number)
    return len(samples)


def write_reports(folder: Path) -> int:
    """Write reports on the first of the sample studies beside its images; return how many."""
    reports = import_module("tests.common.study_reports")
    sample = next(iter(import_module("tests.common.studies").make_samples(seed=SEED)))
    for name, make in reports.REPORTS.items():
        (folder / name).write_bytes(make(sample.study))
    return len(reports.REPORTS)


def write_head(folder: Path) -> int:
    """Write a CT of a made head of one more invented patient; return how many slices."""
    patients = import_module("tests.common.patients")
    rng = random.Random(SEED)
    patient = patients.make_patient(rng)
    text = {
        "PatientName": patient.name,
        "PatientID": patient.patient_id,
        "PatientBirthDate": patient.birth_date,
        "StudyDescription": f"CT head, {patient.given} {patient.family}",
        "StudyDate": "20260312",
    }
    head = import_module("tests.common.heads").make_head(SEED, ct=True, spacing=(2.5, 1.5, 1.5))
    files = import_module("tests.common.head_files").series_of(head.volume, text=text)
    folder.mkdir(parents=True)
    for number, data in enumerate(files, 1):
        (folder / f"{patient.family}_{number:03}.dcm").write_bytes(data)
    return len(files)


def add_free_text(name: str, study: Any, ds: Dataset) -> None:
    """Add to the first CT what technicians type and scanners write."""
    if not name.startswith("ct/"):
        return
    patient = study.patient
    doctor = study.referring.split("^")[0]
    ds.StudyDescription = f"{study.description} - {patient.given} {patient.family}, born {patient.birth:%d.%m.%Y}"
    ds.ImageComments = (
        f"Nodule RUL 7 mm, no effusion. Dr. {doctor} called on {patient.phone}. Prior of {study.day:%Y-%m-%d} compared."
    )
    block = ds.private_block(0x0029, "ACME WORKSTATION", create=True)
    block.add_new(0x10, "LO", f"printed for Mrs {patient.family}")


def copy_examples(folder: Path) -> int:
    """Copy example files of pydicom's wheel; return how many."""
    source = Path(pydicom.data.__file__).parent / "test_files"
    folder.mkdir(parents=True)
    for name in EXAMPLES:
        shutil.copyfile(source / name, folder / Path(name).name)
    return len(EXAMPLES)


# The command


def run_command() -> None:
    """Run ``scanward deidentify`` as a person would, and show what it says."""
    words = ["deidentify", "build/demo/in", "--out", "build/demo/out", "--home", "build/demo/home",
             "--report", "build/demo/report.html"]  # fmt: skip
    heading("The command")
    console.print(f"$ scanward {' '.join(words)}\n", style="bold")
    sys.stdout.flush()
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "scanward", *words], cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, check=False
    )
    if done.returncode not in {0, SOME_STOPPED}:
        raise SystemExit(f"scanward ended with {done.returncode}")


# What became of it


def find_pairs(source: Path, out: Path) -> dict[str, tuple[Path, Path]]:
    """Return a CT slice and a report of the first patient, each with the output that came of it."""
    inputs = list(_read_all(source))
    outputs = list(_read_all(out))
    ct = next(pair for pair in inputs if pair[1].Modality == "CT" and _is_plain(pair[1]))
    report = next(pair for pair in inputs if pair[1].Modality == "SR")
    new_ct = next(pair for pair in outputs if pair[1].get("PixelData") == ct[1].PixelData)
    wanted = {"StudyInstanceUID": new_ct[1].StudyInstanceUID, "SOPClassUID": report[1].SOPClassUID}
    new_report = next(
        pair for pair in outputs
        if all(pair[1].get(key) == same for key, same in wanted.items())
    )  # fmt: skip
    return {"A CT slice": (ct[0], new_ct[0]), "A report on it": (report[0], new_report[0])}


def _is_plain(ds: Dataset) -> bool:
    return not (ds.file_meta.TransferSyntaxUID.is_compressed or ds.file_meta.TransferSyntaxUID.is_deflated)


def _read_all(folder: Path) -> Iterator[tuple[Path, Dataset]]:
    for path in sorted(path for path in folder.rglob("*.dcm") if path.is_file()):
        with warnings.catch_warnings(), contextlib.suppress(Exception):
            warnings.simplefilter("ignore")
            yield path, dcmread(path)


def print_rows(title: str, rows: list[Row]) -> None:
    """Print a table of values before and after."""
    heading(title)
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold", expand=True)
    table.add_column("Attribute", ratio=5, overflow="fold")
    table.add_column("before", ratio=10, overflow="fold")
    table.add_column("after", ratio=10, overflow="fold")
    table.add_column("", ratio=2)
    for row in rows:
        table.add_row(row.name, shorten(row.before), shorten(row.after) or "–", row.what, style=COLOURS[row.what])
    console.print(table)


def print_report(source: Path, out: Path) -> None:
    """Print a report beside what came of it."""
    cleaned = next(path for path in sorted(out.rglob("documents/*.txt")))
    heading("A report beside the images")
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold", expand=True)
    table.add_column("before", ratio=1, overflow="fold")
    table.add_column("after", ratio=1, overflow="fold")
    lines = (path.read_text("utf-8").splitlines() for path in (source, cleaned))
    for before, after in zip_longest(*lines, fillvalue=""):
        table.add_row(before, after, style="" if before == after else "yellow")
    console.print(table)


def search_outputs(planted: list[Any]) -> None:
    """Search the outputs for every planted identifier, with the tests' own means, and say what was found."""
    leaks = import_module("tests.common.leaks")
    places = sum(len(file.places) for file in planted)
    found = leaks.leaking_places(leaks.find_leaks(planted, DEMO / "out", identity=False))
    count = sum(1 for _ in (DEMO / "out").rglob("*.dcm"))
    heading("Is anything left?")
    console.print(
        f"{places} planted identifiers searched for in the bytes, values and names of {count} outputs: "
        f"{len(found) or 'none'} found.",
        style="bold red" if found else "bold green",
    )
    for place in found[:10]:
        console.print(f"        {place}")


def print_end(seconds: float) -> None:
    """Say what was held back, and where everything lies."""
    heading("Where to look")
    console.print(
        "Held instances are likely to show text and could not be looked at, show a person from outside, or may show a\n"
        "head whose face no machine can take out: the report says which, and shows what became of the head.\n"
    )
    console.print(f"  report   {(DEMO / 'report.html').as_uri()}", style="bold", soft_wrap=True)
    console.print("  inputs   build/demo/in")
    console.print("  outputs  build/demo/out")
    console.print("  one file .venv/bin/scanward inspect FILE")
    console.print(f"\nDone in {seconds:.0f} s.")


def heading(text: str) -> None:
    """Print the title of a part."""
    console.print()
    console.rule(f"[bold]{text}", align="left")


if __name__ == "__main__":
    main()
