"""What is compared: each tool as one process over all files of a folder."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PEERS = Path(__file__).resolve().parent / "peers"

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT), str(ROOT / "benchmarks")]),
    "PYTHONWARNINGS": "ignore",
    "LC_ALL": "C.UTF-8",
}
# As installed programs are: compiled once, not at each start.
ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)
"""For every process that is measured."""

SCANWARD = "Scanward"
COPY = "cp -r"


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a tool is asked to do.

    Attributes
    ----------
    source
        Folder of inputs, only read.
    out
        Folder for outputs; there, and empty.
    work
        Folder for what the tool needs beside.
    """

    source: Path
    out: Path
    work: Path


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A tool.

    Attributes
    ----------
    name
        For the table.
    needs
        Python module or command without which it cannot run; of the package that `package` names.
    command
        Returns the command line for a job.
    expected
        Exit codes that are no failure.
    in_place
        It edits the files of `Job.out`, into which they are copied first, uncounted.
    stops_at_failure
        It ends with the first file that it cannot do; where that matters it is run for each file.
    uses_pydicom
        It is built on pydicom.
    note
        What has to be known to read its figures.
    """

    name: str
    command: Callable[[Job], Sequence[str]]
    needs: str = ""
    package: str = ""
    expected: tuple[int, ...] = (0,)
    in_place: bool = False
    stops_at_failure: bool = False
    uses_pydicom: bool = False
    note: str = ""

    def is_there(self) -> bool:
        """Return whether it can be run here."""
        if not self.needs:
            return True
        if self.uses_pydicom:
            return importlib.util.find_spec(self.needs) is not None
        return find_command(self.needs) is not None

    def prepare(self, job: Job) -> None:
        """Make what has to be there before the clock starts."""
        shutil.rmtree(job.out, ignore_errors=True)
        shutil.rmtree(job.work, ignore_errors=True)
        job.work.mkdir(parents=True)
        if self.in_place:
            shutil.copytree(job.source, job.out)
        else:
            job.out.mkdir(parents=True)


def find_command(name: str) -> str | None:
    """Return the path of a command of the system; what a wheel put beside our Python under the same name is another."""
    beside = Path(sys.prefix) / "bin"
    path = os.pathsep.join(part for part in os.get_exec_path() if Path(part) != beside)
    return shutil.which(name, path=path)


def scanward_command(job: Job, *options: str) -> list[str]:
    """Return the command line of Scanward for a job, with a home folder and a key of its own."""
    return [
        sys.executable, "-m", "scanward", "deidentify", str(job.source), "--out", str(job.out),
        "--home", str(job.work / "home"), "--pixels", "off", "--faces", "off", *options,
    ]  # fmt: skip


def _scanward(job: Job) -> list[str]:
    return scanward_command(job, "--workers", "1", "--release-unchecked-pixels")


def _python(script: str) -> Callable[[Job], list[str]]:
    return lambda job: [sys.executable, str(PEERS / script), str(job.source), str(job.out)]


def _gdcmanon(job: Job) -> list[str]:
    certificate = job.work / "certificate.pem"
    if not certificate.exists():
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=benchmark",
             "-keyout", str(job.work / "key.pem"), "-out", str(certificate)],
            check=True, capture_output=True,
        )  # fmt: skip
    folder = ["--recursive", "--continue"] if job.source.is_dir() else []
    return [
        find_command("gdcmanon") or "gdcmanon",
        *folder,
        "-c",
        str(certificate),
        "-e",
        str(job.source),
        str(job.out),
    ]


def _dcmodify(job: Job) -> list[str]:
    edits = job.work / "edits.txt"
    edits.write_bytes(
        subprocess.run(
            [sys.executable, str(PEERS / "dcmodify_edits.py")], env=ENVIRONMENT, check=True, capture_output=True
        ).stdout
    )
    files = sorted(str(path) for path in job.out.rglob("*") if path.is_file())
    return [find_command("dcmodify") or "dcmodify", f"@{edits}", *files]


CONTENDERS = (
    Contender(name=COPY, command=lambda job: ["cp", "-r", f"{job.source}/.", str(job.out)], note="the limit"),
    Contender(name=SCANWARD, command=_scanward, expected=(0, 3)),
    Contender(
        name="pydicom loop", command=_python("pydicom_loop.py"), needs="pydicom", uses_pydicom=True,
        note="edits the Attributes of Table E.1-1, no more",
    ),
    Contender(
        name="dicom-anonymizer", command=_python("run_dicom_anonymizer.py"), needs="dicomanonymizer",
        package="dicom-anonymizer from PyPI", uses_pydicom=True,
    ),
    Contender(
        name="dicognito", command=_python("run_dicognito.py"), needs="dicognito", package="dicognito from PyPI",
        uses_pydicom=True,
    ),
    Contender(
        name="deid", command=_python("run_deid.py"), needs="deid", package="deid from PyPI", uses_pydicom=True,
        note="with the recipe it ships",
    ),
    Contender(
        name="gdcmanon", command=_gdcmanon, needs="gdcmanon", package="Debian package libgdcm-tools",
        stops_at_failure=True, expected=(0, 1),
        note="its PS3.15 mode, with a certificate made before the clock starts",
    ),
    Contender(
        name="dcmodify", command=_dcmodify, needs="dcmodify", package="Debian package dcmtk", in_place=True,
        expected=(0, 1),
        note="edits in place: copying the files first is not counted, add cp -r",
    ),
)  # fmt: skip
"""In the order of the table."""
