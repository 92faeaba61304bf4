"""Scanward on a head: the seam of the library that the command drives. All that is product is in this module.

As a process: ``python -m faces.product SOURCE OUT.nii FIGURES.json --fill air|skin``.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faces.volumes import write_volume
from scanward.adapters.engines.frames import ImageCodec
from scanward.adapters.engines.head_faces import HeadFaceFinder
from scanward.adapters.engines.heads import HeadAligner
from scanward.adapters.nifti import read_nifti
from scanward.deidentify.faces.atlas import load_atlas
from scanward.deidentify.faces.look import LookedAt, look
from scanward.deidentify.faces.remodel import remodel
from scanward.deidentify.faces.residual import measure_kept, see
from scanward.deidentify.faces.series import read_volume, survey
from scanward.deidentify.faces.volume import Volume
from scanward.deidentify.header.scan import InstanceFacts, Scanner
from scanward.dicomstream.opening import open_dicom
from scanward.dicomstream.part10 import DataSetStart
from scanward.model.faces import FaceFigures, FaceFill, FaceFinding
from scanward.model.instance import BytesSource

Opener = Callable[[], AbstractContextManager[tuple[DataSetStart, InstanceFacts]]]

SEED = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Treated:
    """What came of a head.

    Attributes
    ----------
    looked
        What it was found to be.
    mask
        Which voxels changed; None where none did.
    values
        What the scan holds then.
    figures
        What was measured on the result.
    """

    looked: LookedAt
    mask: NDArray[np.bool_] | None
    values: NDArray[np.float32]
    figures: FaceFigures


def read_scan(source: Path) -> Volume:
    """Read the volume of a folder of DICOM files, or of a NIfTI file; the largest where there are several.

    Raises
    ------
    ValueError
        There is none.
    """
    if source.is_file():
        return read_nifti(source).volume()
    openers = [_opener(path) for path in sorted(source.iterdir())]
    groups = [group for group in survey(openers).groups if group.has_grid]
    if not groups:
        raise ValueError("expected slices that make a volume")
    # Scans that the command would hold, as a slice is missing, are looked at as well.
    best = max(groups, key=lambda group: (group.can_align, len(group.slices)))
    return read_volume(best, openers, ImageCodec())


def _opener(path: Path) -> Opener:
    @contextmanager
    def opened() -> Iterator[tuple[DataSetStart, InstanceFacts]]:
        start = open_dicom(BytesSource(path.read_bytes()))
        yield start, Scanner().scan(start)

    return opened


def find(volume: Volume) -> LookedAt:
    """Return what a volume is."""
    return look(volume, HeadAligner(), load_atlas())


def treat(volume: Volume, fill: FaceFill) -> Treated:
    """Take the face out of a volume, and look at what is left, if there is one."""
    looked = find(volume)
    if looked.finding is not FaceFinding.FACE_FOUND or looked.fit is None or looked.inputs is None:
        return Treated(looked=looked, mask=None, values=volume.values, figures=looked.figures)
    skin, to_atlas, detector = looked.inputs.skin, looked.fit.affine, HeadFaceFinder()
    before = see(volume, volume.values, skin, to_atlas, detector)
    face = remodel(volume, to_atlas, skin, load_atlas(), fill=fill, seed=SEED)
    values = volume.values.copy()
    values[face.mask] = face.values
    after = see(volume, values, skin, to_atlas, detector)
    kept = measure_kept(volume, before.surface, after.surface, to_atlas)
    figures = replace(
        looked.figures,
        changed_share=float(face.mask.mean()),
        face_kept=kept.face,
        ears_kept=kept.ears,
        hits_before=before.hits,
        hits_after=after.hits,
        renders=after.renders,
    )
    return Treated(looked=looked, mask=face.mask, values=values, figures=figures)


def main() -> None:
    """Treat one scan."""
    parser = argparse.ArgumentParser()
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("figures", type=Path)
    parser.add_argument("--fill", choices=[fill.value for fill in FaceFill], default=FaceFill.AIR.value)
    given = parser.parse_args()
    volume = read_scan(given.source)
    treated = treat(volume, FaceFill(given.fill))
    if treated.looked.finding is not FaceFinding.REFUSED:
        write_volume(volume, given.out, treated.values)
    said = {
        "finding": treated.looked.finding.name,
        "reasons": treated.looked.reasons,
        "changed_voxels": 0 if treated.mask is None else int(treated.mask.sum()),
        "figures": asdict(treated.figures),
    }
    given.figures.write_text(json.dumps(said), encoding="utf-8")


if __name__ == "__main__":
    main()
