"""What a stranger could see of a scan: a head drawn from the front and the side, and whether a face is found in it."""

from dataclasses import dataclass

import numpy as np

from scanward.deidentify.faces.align_inputs import AlignInputs, make_align_inputs
from scanward.deidentify.faces.atlas import CENTER_MM
from scanward.deidentify.faces.findings import FaceEngines
from scanward.deidentify.faces.look import LookedAt, look
from scanward.deidentify.faces.residual import see
from scanward.deidentify.faces.volume import Affine, Volume
from scanward.model.faces import FaceFigures, FaceFinding
from scanward.ports.engines import Picture


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Shown:
    """What a stranger could see of a volume.

    Attributes
    ----------
    finding
        What it is.
    reasons
        Why nobody could tell for sure; empty where it is told.
    is_upright
        Whether it was turned as a head stands; else it was drawn as its header says that it lies.
    figures
        What was measured.
    hits, false_hits
        In how many pictures of the front, and of the back, a face was found.
    renders
        How many there are of each.
    pictures
        Front, half profile and profile. They may show who it is.
    """

    finding: FaceFinding
    reasons: tuple[str, ...]
    is_upright: bool
    figures: FaceFigures
    hits: int
    false_hits: int
    renders: int
    pictures: tuple[Picture, ...]


def show(volume: Volume, engines: FaceEngines) -> Shown:
    """Draw what a stranger could see of a volume, whether it can be aligned or not."""
    looked = look(volume, engines.aligner, engines.atlas)
    turned = _turned(looked)
    inputs = looked.inputs or make_align_inputs(volume)
    seen = see(volume, volume.values, inputs.skin, _moved(inputs) if turned is None else turned, engines.detector)
    return Shown(
        finding=looked.finding,
        reasons=looked.reasons,
        is_upright=turned is not None,
        figures=looked.figures,
        hits=seen.hits,
        false_hits=seen.false_hits,
        renders=seen.renders,
        pictures=seen.pictures,
    )


def _turned(looked: LookedAt) -> Affine | None:
    """Return how a head lies; None where nothing says, or what does failed its gates."""
    if looked.fit is None or looked.finding is FaceFinding.REFUSED:
        return None
    return looked.fit.affine


def _moved(inputs: AlignInputs) -> Affine:
    """Return patient mm to mm of the atlas by the middle of the object alone."""
    affine = np.eye(4)
    affine[:3, 3] = np.array(CENTER_MM) - np.array(inputs.start_mm)
    return affine
