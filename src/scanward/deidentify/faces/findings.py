"""What is found of each volume of a study: looked at, treated, and looked at again as a stranger would."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from scanward.deidentify.faces.align_inputs import make_align_inputs
from scanward.deidentify.faces.atlas import Atlas
from scanward.deidentify.faces.gates import failed_gates, measure
from scanward.deidentify.faces.groups import SliceGroup
from scanward.deidentify.faces.look import LookedAt, face_of, look
from scanward.deidentify.faces.remodel import remodel
from scanward.deidentify.faces.residual import Seen, measure_kept, see, still_seen
from scanward.deidentify.faces.volume import Values as Floats
from scanward.deidentify.faces.volume import Volume, Voxels
from scanward.deidentify.faces.write import VolumePatch
from scanward.model.faces import FaceFigures, FaceFinding, FaceMode, FacePolicy, FaceVolume
from scanward.ports.engines import FaceEngine, Fit, FrameCodec, HeadEngine, Picture

FACE_STAYS: Final = "a head with a face, which was to be found, not taken out"

SEED: Final = 7
"""Of the noise that stands where a face was: the same input gives the same output."""

_PICTURE_SIDE: Final = 160


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceEngines:
    """What looks at heads.

    Attributes
    ----------
    codec
        Decodes frames.
    aligner
        Finds how a head lies.
    detector
        Finds faces in pictures of heads.
    atlas
        What a head is like.
    """

    codec: FrameCodec
    aligner: HeadEngine
    detector: FaceEngine
    atlas: Atlas


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Treated:
    """What became of one volume.

    Attributes
    ----------
    told
        What was found, for the report.
    patch
        What changes in it; None where nothing does.
    fit
        How it lies to the atlas; None where it was not aligned, or not well.
    """

    told: FaceVolume
    patch: VolumePatch | None
    fit: Fit | None


def treat(
    group: SliceGroup,
    volume: Volume,
    engines: FaceEngines,
    policy: FacePolicy,
    *,
    shared: Fit | None = None,
    left_to_people: Sequence[str] = (),
) -> Treated:
    """Look at a volume, take the face out as the profile says, and look at the result.

    Parameters
    ----------
    group, volume
        Its slices, and what was read of them.
    engines
        What looks.
    policy
        What the profile says.
    shared
        How another volume of the same Frame of Reference lies: taken where it fits this one as well.
    left_to_people
        Why a head is left to people, whatever is found (:mod:`scanward.deidentify.faces.aims`).
    """
    looked = None if shared is None else look_with(volume, shared, engines.atlas)
    if looked is None:
        looked = look(volume, engines.aligner, engines.atlas)
    told = _tell(group, looked)
    if looked.finding is not FaceFinding.FACE_FOUND or looked.fit is None or looked.inputs is None:
        return Treated(told=told, patch=None, fit=None if looked.finding is FaceFinding.REFUSED else looked.fit)
    fit, skin = looked.fit, looked.inputs.skin
    before = see(volume, volume.values, skin, fit.affine, engines.detector)
    told = replace(
        told,
        figures=replace(told.figures, hits_before=before.hits, renders=before.renders),
        before=_sheet(before.pictures),
    )
    reasons = tuple(left_to_people) if policy.mode is FaceMode.REMOVE else (FACE_STAYS,)
    if reasons:
        return Treated(told=replace(told, reasons=reasons), patch=None, fit=fit)
    made = remodel(volume, fit.affine, skin, engines.atlas, fill=policy.fill, seed=SEED)
    reasons, figures, after = measure_result(volume, before, changed(volume, made.mask, made.values), looked, engines)
    told = replace(
        told,
        finding=FaceFinding.REFUSED if reasons else FaceFinding.FACE_REMOVED,
        reasons=reasons,
        figures=replace(figures, changed_share=round(float(np.count_nonzero(made.mask)) / made.mask.size, 4)),
        after=_sheet(after.pictures),
    )
    if reasons:
        return Treated(told=told, patch=None, fit=fit)
    return Treated(told=told, patch=VolumePatch(mask=made.mask, values=made.values, affine=volume.affine), fit=fit)


def measure_result(
    volume: Volume, before: Seen, values: Floats, looked: LookedAt, engines: FaceEngines
) -> tuple[tuple[str, ...], FaceFigures, Seen]:
    """Return why a face may still be seen in a result, what was measured, and what a stranger could see of it.

    Parameters
    ----------
    volume
        The scan.
    before
        What a stranger could see of it.
    values
        What its voxels hold now.
    looked
        What it was found to be; it was aligned.
    engines
        What looks.
    """
    if looked.fit is None or looked.inputs is None:
        raise ValueError("expected a volume that was aligned")
    to_atlas = looked.fit.affine
    after = see(volume, values, looked.inputs.skin, to_atlas, engines.detector)
    kept = measure_kept(volume, before.surface, after.surface, to_atlas)
    figures = replace(
        looked.figures,
        face_kept=kept.face,
        ears_kept=kept.ears,
        hits_before=before.hits,
        hits_after=after.hits,
        renders=after.renders,
    )
    return still_seen(before, after, kept), figures, after


def changed(volume: Volume, mask: Voxels, values: Floats) -> Floats:
    """Return the values of a volume with new ones where a mask says, in its order."""
    new = volume.values.copy()
    new[mask] = values
    return new


def look_with(volume: Volume, fit: Fit, atlas: Atlas) -> LookedAt | None:
    """Return what a volume is, by how another of the same Frame of Reference lies; None where that does not fit it.

    Between two series, a patient may have moved; so the gates are those of an alignment of its own.
    """
    inputs = make_align_inputs(volume)
    figures = measure(inputs, fit, atlas)
    if failed_gates(figures, None):
        return None
    return LookedAt(finding=face_of(volume, inputs, fit, atlas), reasons=(), fit=fit, inputs=inputs, figures=figures)


def _tell(group: SliceGroup, looked: LookedAt) -> FaceVolume:
    return FaceVolume(
        modality=group.modality,
        instances=len(group.instances),
        slices=len(group.slices),
        finding=looked.finding,
        reasons=looked.reasons,
        figures=looked.figures,
    )


def _sheet(pictures: Sequence[Picture]) -> bytes:
    """Return pictures side by side, small, as a PNG."""
    small = [cv2.resize(one, (_PICTURE_SIDE, _PICTURE_SIDE), interpolation=cv2.INTER_AREA) for one in pictures]
    grey = cv2.cvtColor(np.hstack(small), cv2.COLOR_RGB2GRAY)
    return bytes(cv2.imencode(".png", grey, (cv2.IMWRITE_PNG_COMPRESSION, 9))[1])
