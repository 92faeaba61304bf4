"""Draws what a stranger could see of scans: `scanward inspect --faces`."""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scanward.adapters.nifti_files import is_nifti_name
from scanward.adapters.private_files import write_private
from scanward.adapters.receive.folder import FolderSources
from scanward.bootstrap.deface import load_engines
from scanward.deidentify.header.scan import InstanceFacts, Scanner
from scanward.dicomstream.opening import open_dicom
from scanward.dicomstream.part10 import DataSetStart
from scanward.errors import DicomFormatError, HoldError, OutputError, ScanwardError, SourceError
from scanward.model.drawn import Drawing, DrawnVolume
from scanward.model.faces import FaceFinding
from scanward.model.source import RefusedFile, SourceFile

if TYPE_CHECKING:
    from scanward.deidentify.faces.findings import FaceEngines
    from scanward.deidentify.faces.kinds import Role
    from scanward.deidentify.faces.volume import Volume

MAX_VOLUMES: Final = 24
"""So many are looked at; the points in time of a functional series may be hundreds, of the same head."""

TOO_MANY: Final = f"not looked at: only the first {MAX_VOLUMES} volumes are"
NO_HEADER: Final = "a header that cannot be read as far as it takes to tell"

_CAPTIONS: Final = ("front", "half profile", "profile")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Waiting:
    """A volume that was not read yet."""

    kind: str
    slices: int
    read: Callable[[], "Volume"]
    reason: str = ""


def draw_faces(path: Path, sheet: Path, tell: Callable[[str], None] = lambda _: None) -> Drawing:
    """Draw each volume of a file or folder on a sheet of its own, which its owner alone may read.

    Parameters
    ----------
    path
        A NIfTI or DICOM file, a folder or an archive.
    sheet
        Where to; with several volumes, a number is put before its end.
    tell
        Called with what is looked at next.

    Raises
    ------
    SourceError
        Nothing of it is a scan.
    EngineError
        What looks is not installed.
    OutputError
        A sheet cannot be written.
    """
    if sheet.suffix.lower() != ".png":
        raise OutputError("expected the name of a PNG for the pictures, got another", remedy="Name it FILE.png.")
    if not sheet.parent.is_dir():
        raise OutputError("expected a folder for the pictures, got none", remedy="Make it first.")
    engines = load_engines()
    with tempfile.TemporaryDirectory(prefix="scanward-") as spool, _sources(path, Path(spool)) as sources:
        files, left_aside = _split(sources, Path(spool))
        waiting, roles = _find(sources, files, Path(spool), engines)
        if not waiting and not files:
            raise SourceError("expected DICOM or NIfTI, got neither")
        drawn = []
        for number, one in enumerate(waiting, start=1):
            tell(f"volume {number} of {len(waiting)}")
            place = sheet if len(waiting) == 1 else sheet.with_name(f"{sheet.stem}-{number}{sheet.suffix}")
            drawn.append(_draw(replace(one, reason=TOO_MANY) if number > MAX_VOLUMES else one, place, engines))
    return Drawing(volumes=tuple(drawn), others=_others(roles), left_aside=left_aside)


@contextmanager
def _sources(path: Path, spool: Path) -> Iterator[FolderSources]:
    sources = FolderSources((path,), exclude=spool, spool=spool)
    try:
        yield sources
    finally:
        sources.close()


def _split(sources: FolderSources, spool: Path) -> tuple[list[SourceFile], int]:
    """Return the files that are scans, and how many are none."""
    files, left_aside = [], 0
    for file in sources.find():
        if isinstance(file, RefusedFile):
            left_aside += 1
        elif not file.member and is_nifti_name(file.path):
            files.append(file)
        else:
            try:
                with sources.open(file) as source:
                    open_dicom(source, spool)
            except ScanwardError:
                left_aside += 1
            else:
                files.append(file)
    return files, left_aside


def _find(
    sources: FolderSources, files: list[SourceFile], spool: Path, engines: "FaceEngines"
) -> tuple[list[_Waiting], list["Role | None"]]:
    from scanward.deidentify.faces.series import read_volume, survey

    waiting = [_nifti(Path(file.path)) for file in files if not file.member and is_nifti_name(file.path)]
    scanner = Scanner()
    openers = [_opener(sources, file, scanner, spool) for file in files if file.member or not is_nifti_name(file.path)]
    found = survey(openers)
    waiting += [
        _Waiting(
            kind=group.modality,
            slices=len(group.slices),
            read=lambda group=group: read_volume(group, openers, engines.codec),  # type: ignore[misc]
            reason="" if group.fault is None else group.fault.value,
        )
        for group in found.groups
    ]
    return waiting, [role for role in found.roles if role is None or not role.makes_volumes]


def _nifti(path: Path) -> _Waiting:
    def read() -> "Volume":
        from scanward.adapters.nifti import read_nifti
        from scanward.deidentify.scans.volumes import Together

        return Together.of(read_nifti(path)).volume

    return _Waiting(kind="NIfTI", slices=0, read=read)


def _opener(
    sources: FolderSources, file: SourceFile, scanner: Scanner, spool: Path
) -> Callable[[], AbstractContextManager[tuple[DataSetStart, InstanceFacts]]]:
    @contextmanager
    def opened() -> Iterator[tuple[DataSetStart, InstanceFacts]]:
        with sources.open(file) as source:
            start = open_dicom(source, spool)
            yield start, scanner.scan(start)

    return opened


def _draw(one: _Waiting, sheet: Path, engines: "FaceEngines") -> DrawnVolume:
    """Return what one volume shows, drawn where its slices make a grid at all."""
    from scanward.adapters.engines.head_sheets import make_sheet
    from scanward.deidentify.scans.show import show

    refused = DrawnVolume(kind=one.kind, slices=one.slices, finding=FaceFinding.REFUSED)
    if one.reason == TOO_MANY:
        return replace(refused, reasons=(TOO_MANY,))
    try:
        volume = one.read()
    except (HoldError, DicomFormatError, SourceError) as error:
        return replace(refused, reasons=(one.reason or str(error),))
    shown = show(volume, engines)
    reasons = tuple(filter(None, (one.reason, *shown.reasons)))
    lines = (
        f"{shown.finding.value}; a face is found in {shown.hits} of {shown.renders} pictures from the front",
        "turned as a head stands" if shown.is_upright else "not aligned: drawn as its header says that it lies",
        "These pictures may show who it is.",
    )
    try:
        write_private(sheet, make_sheet(shown.pictures, _CAPTIONS, lines))
    except OSError as error:
        raise OutputError(f"the pictures cannot be written: {os.strerror(error.errno or 0)}") from None
    return DrawnVolume(
        kind=one.kind,
        slices=one.slices or volume.values.shape[0],
        finding=shown.finding,
        reasons=reasons,
        figures=replace(shown.figures, hits_before=shown.hits, renders=shown.renders),
        false_hits=shown.false_hits,
        is_upright=shown.is_upright,
        sheet=sheet,
    )


def _others(roles: list["Role | None"]) -> dict[str, int]:
    from scanward.deidentify.faces.kinds import Handling

    told = Counter(
        NO_HEADER if role is None else role.in_words
        for role in roles
        if role is None or role.beside_head is not Handling.KEEP
    )
    return dict(told.most_common())
