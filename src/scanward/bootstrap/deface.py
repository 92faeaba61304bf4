"""Builds what takes faces out of NIfTI files, and carries `scanward deface` out."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from scanward import __version__
from scanward.adapters.home import find_home, make_private_folder
from scanward.adapters.keys import KeyFolder
from scanward.adapters.nifti_files import FoundFile, digest_of, find_files
from scanward.adapters.send.flat_folder import FlatFolder
from scanward.bootstrap.faces import face_sight, load_face_engines
from scanward.config import DEIDENTIFYING, Progress, parse_recipient
from scanward.deidentify.pseudonym import Pseudonyms
from scanward.errors import EngineError, HoldError, OutputError, ScanwardError, SourceError
from scanward.model.defaced import DefacedFile, DefaceReport, FileOutcome
from scanward.model.faces import FacePolicy

if TYPE_CHECKING:
    from scanward.deidentify.faces.findings import FaceEngines


@dataclass(frozen=True, kw_only=True)
class DefaceRequest:
    """What `scanward deface` is asked to do.

    Attributes
    ----------
    sources
        Folders and files to read; at least one.
    out
        Folder for the outputs; outside of every source.
    policy
        What is done about faces.
    recipient
        For whom: names of outputs are one set for each.
    home
        Folder of keys and reports; None takes ``SCANWARD_HOME`` or the platform's user data folder.
    """

    sources: tuple[Path, ...]
    out: Path
    policy: FacePolicy
    recipient: str = "default"
    home: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what no run could carry out."""
        object.__setattr__(self, "recipient", parse_recipient(self.recipient))


def deface_files(
    request: DefaceRequest,
    progress: Callable[[Progress], None],
    keep: Callable[[DefaceReport], None] = lambda _: None,
) -> DefaceReport:
    """Carry out `scanward deface`.

    Parameters
    ----------
    request
        What to do.
    progress
        Called as the run goes on.
    keep
        Puts the report where it stays; called whatever ended the run, with what was done until then.

    Raises
    ------
    ScanwardError
        The run as a whole cannot be done.
    """
    home = find_home(request.home)
    make_private_folder(home)
    spool = home / "spool"
    make_private_folder(spool)
    found = list(find_files(request.sources, exclude=request.out, spool=spool))
    if all(file.left_aside for file in found):
        raise SourceError(
            "expected NIfTI files, got none",
            remedy="They end with .nii, .nii.gz or .hdr. For DICOM, use scanward deidentify.",
        )
    engines = load_engines()
    report = DefaceReport(
        version=__version__,
        policy=request.policy.in_words,
        recipient=request.recipient,
        looked_by=face_sight(),
        started=_now(),
    )
    key = KeyFolder(home).recipient_key(request.recipient)
    with contextlib.ExitStack() as stack:
        folder = FlatFolder(request.out)
        folder.prepare()
        stack.callback(folder.close)
        stack.callback(_finish, report, keep)
        work = _Work(folder=folder, engines=engines, policy=request.policy, names=Pseudonyms(key))
        total, done = sum(file.size for file in found), 0
        for number, file in enumerate(found):
            progress(
                Progress(
                    phase=DEIDENTIFYING, done_files=number, total_files=len(found), done_bytes=done, total_bytes=total
                )
            )
            report.files.append(work.treat(file))
            done += file.size
        progress(
            Progress(
                phase=DEIDENTIFYING, done_files=len(found), total_files=len(found), done_bytes=done, total_bytes=total
            )
        )
        folder.sync()
    return report


def _finish(report: DefaceReport, keep: Callable[[DefaceReport], None]) -> None:
    report.finished = _now()
    keep(report)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Work:
    """What treats one file after the other."""

    folder: FlatFolder
    engines: "FaceEngines"
    policy: FacePolicy
    names: Pseudonyms

    def treat(self, file: FoundFile) -> DefacedFile:
        """Return what became of a file; raises only where no other could be treated either."""
        source = str(file.path)
        if file.left_aside:
            return DefacedFile(source=source, outcome=FileOutcome.NOT_NIFTI, reasons=(file.left_aside,))
        try:
            return self._treat(file.path)
        except (OutputError, EngineError):
            raise
        except ScanwardError as error:
            outcome = FileOutcome.HELD if isinstance(error, HoldError) else FileOutcome.QUARANTINED
            return DefacedFile(source=source, outcome=outcome, reasons=(str(error),), remedy=error.remedy)

    def _treat(self, path: Path) -> DefacedFile:
        from scanward.adapters.nifti import read_nifti, write_nifti
        from scanward.deidentify.scans.deface import deface

        end = ".nii.gz" if path.name.lower().endswith(".gz") else ".nii"
        name = f"{self.names.uid(f'nifti|{digest_of(path)}')}{end}"
        # What an earlier run let go and this one does not must not stay.
        self.folder.withdraw(name)
        scan = read_nifti(path)
        done = deface(scan, self.engines, self.policy)
        if done.may_leave:
            self.folder.put(name, partial(write_nifti, scan, done.patches))
        return DefacedFile(
            source=str(path),
            outcome=FileOutcome.RELEASED if done.may_leave else FileOutcome.HELD,
            output=name if done.may_leave else "",
            finding=done.finding,
            reasons=done.reasons or (() if done.may_leave else (done.finding.value,)),
            figures=done.figures,
            volumes=scan.count,
            cleared=scan.cleared,
        )


def load_engines() -> "FaceEngines":
    """Return what looks at heads.

    Raises
    ------
    EngineError
        Something of it is not installed, or not what was measured.
    """
    if find_spec("nibabel") is None:  # wanted by each file; missed at once rather than once for each
        raise EngineError(
            "expected the package nibabel, found none",
            remedy="Install what looking at head scans needs: pip install 'scanward[faces,pixels]'.",
        )
    return load_face_engines()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
