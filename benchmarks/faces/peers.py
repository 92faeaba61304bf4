"""What is compared: each tool as a process of its own over one scan, as its documentation runs it."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage as ndi

from scanward.deidentify.faces.atlas import ORIGIN_MM, SPACING_MM, load_atlas

_FROM_BRAIN_MM = 6.0
_LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a tool is asked to do.

    Attributes
    ----------
    source
        The scan as it came: a folder of DICOM files or a NIfTI file.
    nifti
        The same as NIfTI, not packed.
    brain
        The mask of its brain; not there where nobody knows it.
    out
        Where the result goes.
    figures
        Where a tool may say what it found.
    templates
        Folder of what niimath is given.
    """

    source: Path
    nifti: Path
    brain: Path
    out: Path
    figures: Path
    templates: Path


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A tool.

    Attributes
    ----------
    name
        For the table.
    command
        Returns the command line for a job.
    is_there
        Whether it can be run here.
    package
        Where it comes from.
    needs_brain
        It has to be given a mask of the brain.
    is_ours
        It is Scanward.
    note
        What has to be known to read its figures.
    """

    name: str
    command: Callable[[Job], list[str]]
    is_there: Callable[[], bool]
    package: str = ""
    needs_brain: bool = False
    is_ours: bool = False
    note: str = ""


def find_niimath() -> str | None:
    """Return the program that the package brings, or that of the system."""
    spec = find_spec("niimath")
    beside = Path(spec.origin).parent / "bin" / "niimath" if spec and spec.origin else None
    return str(beside) if beside and beside.is_file() else shutil.which("niimath")


def write_templates(folder: Path) -> dict[str, str]:
    """Write what niimath is given, all of it made of our atlas; return name -> path."""
    atlas = load_atlas()
    drawn = (atlas.cut < 0) | ((atlas.zone > 0.5) & (atlas.generic > -6) & (atlas.generic < 30))
    drawn &= ndi.distance_transform_edt(~atlas.brain) * SPACING_MM > _FROM_BRAIN_MM
    parts = {
        "head": atlas.t1,
        "kept": (atlas.cut >= 0).astype(np.float32),
        "brain": atlas.brain.astype(np.float32),
        # A face to be drawn in, where face and the outside of the head are; nothing before it; the rest as it is.
        "shell": np.where(drawn, np.where(atlas.t1 > 20, atlas.t1, -1.0), 0.0),
        "weight": ((atlas.generic < 10) & (atlas.cut >= 0) & (atlas.zone < 0.5)).astype(np.float32),
    }
    affine = np.diag([*(_LPS_TO_RAS * SPACING_MM), 1.0])
    affine[:3, 3] = _LPS_TO_RAS * ORIGIN_MM
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in parts.items():
        path = folder / f"{name}.nii"
        if not path.exists():
            part = folder / f"{os.getpid()}-{name}.nii"
            nib.save(nib.Nifti1Image(np.asarray(values, np.float32).transpose(2, 1, 0), affine), part)
            part.replace(path)  # several processes write them
    return {name: str(folder / f"{name}.nii") for name in parts}


def _ours(fill: str) -> Callable[[Job], list[str]]:
    def command(job: Job) -> list[str]:
        return [
            sys.executable, "-m", "faces.product", str(job.source), str(job.out), str(job.figures), "--fill", fill,
        ]  # fmt: skip

    return command


def _quickshear(job: Job) -> list[str]:
    return [sys.executable, "-m", "quickshear", str(job.nifti), str(job.brain), str(job.out)]


def _niimath_deface(job: Job) -> list[str]:
    parts = write_templates(job.templates)
    return [str(find_niimath()), str(job.nifti), "-deface", parts["head"], parts["kept"], str(job.out)]


def _niimath_reface(job: Job) -> list[str]:
    parts = write_templates(job.templates)
    shell = [parts[name] for name in ("head", "shell", "weight")]
    return [str(find_niimath()), str(job.nifti), "-reface", *shell, str(job.out)]


AIR, SKIN = "Scanward air", "Scanward skin"

CONTENDERS = (
    Contender(name=AIR, command=_ours("air"), is_there=lambda: True, is_ours=True),
    Contender(name=SKIN, command=_ours("skin"), is_there=lambda: True, is_ours=True),
    Contender(
        name="quickshear",
        command=_quickshear,
        is_there=lambda: find_spec("quickshear") is not None,
        package="PyPI quickshear",
        needs_brain=True,
        note="is given the reference mask of the brain, so it cannot be wrong about that and its time lacks the making"
        " of one; writes 0, which is water in a CT",
    ),
    Contender(
        name="niimath -deface",
        command=_niimath_deface,
        is_there=lambda: find_niimath() is not None,
        package="PyPI niimath",
        note="comes without a template, so is given our atlas (the mean head of pydeface), and its face to remove",
    ),
    Contender(
        name="niimath -reface",
        command=_niimath_reface,
        is_there=lambda: find_niimath() is not None,
        package="PyPI niimath",
        note="is given our atlas, whose own mean face is drawn in, with ears",
    ),
)
