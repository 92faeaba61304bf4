"""The face taken out of a scan that comes as volumes, not as DICOM instances: looked at, treated, looked at again.

A scan may have several volumes on one grid: points in time, echoes, directions. One stands for all, and what goes in it
goes in each of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from scanward.deidentify.faces.align_inputs import Skin, skin_of
from scanward.deidentify.faces.findings import FACE_STAYS, SEED, FaceEngines, changed, measure_result
from scanward.deidentify.faces.look import LookedAt, look
from scanward.deidentify.faces.remodel import FaceMask, remodel
from scanward.deidentify.faces.residual import see
from scanward.deidentify.faces.volume import Volume
from scanward.deidentify.faces.write import VolumePatch
from scanward.deidentify.scans.volumes import HeadScan, Together, values_like
from scanward.model.faces import FACELESS, FaceFigures, FaceFinding, FaceMode, FacePolicy
from scanward.ports.engines import Fit

ONE_DIFFERS: Final = (
    "expected volumes of one grid to show the same, got one that may show a face where the others do not"
)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Defaced:
    """What became of a scan.

    Attributes
    ----------
    finding
        What it is.
    reasons
        Why nothing of it may leave; empty where it may.
    figures
        What was measured.
    patches
        What changes in each of its volumes; empty where nothing does.
    """

    finding: FaceFinding
    reasons: tuple[str, ...]
    figures: FaceFigures
    patches: Mapping[int, VolumePatch] = field(default_factory=dict)

    @property
    def may_leave(self) -> bool:
        """Whether no face can be rebuilt from what would be written."""
        return self.finding in FACELESS and not self.reasons


def deface(scan: HeadScan, engines: FaceEngines, policy: FacePolicy) -> Defaced:
    """Look at a scan, take the face out where it has one, and look at the result.

    Parameters
    ----------
    scan
        What to look at.
    engines
        What looks.
    policy
        Whether faces are taken out, and what stands in their place.

    Raises
    ------
    HoldError
        It cannot be looked at.
    """
    together = Together.of(scan)
    looked = look(together.volume, engines.aligner, engines.atlas)
    if looked.finding in FACELESS and together.oddest is not None:
        other = look(scan.volume(together.oddest), engines.aligner, engines.atlas)
        if other.finding not in FACELESS:
            return Defaced(finding=FaceFinding.REFUSED, reasons=(ONE_DIFFERS,), figures=looked.figures)
    if looked.finding is FaceFinding.FACE_FOUND and policy.mode is not FaceMode.REMOVE:
        return Defaced(finding=looked.finding, reasons=(FACE_STAYS,), figures=looked.figures)
    if looked.finding is not FaceFinding.FACE_FOUND or looked.fit is None or looked.inputs is None:
        return Defaced(finding=looked.finding, reasons=looked.reasons, figures=looked.figures)
    return _take_out(scan, together, looked, looked.fit, looked.inputs.skin, engines, policy)


def _take_out(
    scan: HeadScan, together: Together, looked: LookedAt, fit: Fit, skin: Skin, engines: FaceEngines, policy: FacePolicy
) -> Defaced:
    made = remodel(together.volume, fit.affine, skin, engines.atlas, fill=policy.fill, seed=SEED)
    patches = {
        number: _patch(scan, number, together, made, skin, policy) if scan.count > 1 else _patch_of(together, made)
        for number in range(scan.count)
    }
    reasons, figures = _look_again(together.volume, _patch_of(together, made), looked, engines)
    if together.oddest is not None:
        odd = scan.volume(together.oddest)
        inputs = None if looked.inputs is None else replace(looked.inputs, skin=skin_of(odd))
        reasons += _look_again(odd, patches[together.oddest], replace(looked, inputs=inputs), engines)[0]
    figures = replace(figures, changed_share=round(float(np.count_nonzero(made.mask)) / made.mask.size, 4))
    finding = FaceFinding.REFUSED if reasons else FaceFinding.FACE_REMOVED
    return Defaced(
        finding=finding, reasons=tuple(dict.fromkeys(reasons)), figures=figures, patches={} if reasons else patches
    )


def _patch_of(together: Together, made: FaceMask) -> VolumePatch:
    return VolumePatch(mask=made.mask, values=made.values, affine=together.volume.affine)


def _patch(
    scan: HeadScan, number: int, together: Together, made: FaceMask, skin: Skin, policy: FacePolicy
) -> VolumePatch:
    """Return what changes in one of several volumes: where all do, with values of its own."""
    volume = scan.volume(number)
    values = values_like(volume, together.volume, made, skin, fill=policy.fill, seed=SEED + number)
    if volume.valid is None:
        return VolumePatch(mask=made.mask, values=values, affine=volume.affine)
    return VolumePatch(mask=made.mask & volume.valid, values=values[volume.valid[made.mask]], affine=volume.affine)


def _look_again(
    volume: Volume, patch: VolumePatch, looked: LookedAt, engines: FaceEngines
) -> tuple[tuple[str, ...], FaceFigures]:
    """Return why a face is still seen, and what was measured of the result."""
    if looked.fit is None or looked.inputs is None or patch.values is None:
        raise ValueError("expected a volume that was aligned, and values for what goes from it")
    before = see(volume, volume.values, looked.inputs.skin, looked.fit.affine, engines.detector)
    values = changed(volume, patch.mask, patch.values)
    reasons, figures, _ = measure_result(volume, before, values, looked, engines)
    return reasons, figures
