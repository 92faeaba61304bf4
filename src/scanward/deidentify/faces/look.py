"""What a volume is, told from its voxels alone: a head with a face, one without, or no head at all.

A head that cannot be told from others is refused, not passed: `LookedAt.reasons` says why.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from scanward.deidentify.faces.align_inputs import GRID_MM, AlignInputs, make_align_inputs
from scanward.deidentify.faces.atlas import CENTER_MM, ORIGIN_MM, SPACING_MM, Atlas
from scanward.deidentify.faces.gates import GOOD_METRIC, LEAST_OBJECT_ML, failed_gates, guesses, measure, overlap
from scanward.deidentify.faces.remodel import on_atlas
from scanward.deidentify.faces.volume import Volume
from scanward.model.faces import FaceFigures, FaceFinding
from scanward.ports.engines import Fit, Grid, HeadEngine

FEWEST_SLICES: Final = 15
WIDEST_MM: Final = 8.0
"""Fewer slices, or slices further apart, do not show how a head lies."""

BARE_SHARE: Final = 0.10
"""Where less of the face is tissue, it is gone already: of heads with a face, half and more of it is."""

IN_VIEW_SHARE: Final = 0.02
"""Where less of the face was scanned, it is not in view."""

STRIPPED_BACKGROUND: Final = 0.90
STRIPPED_OVERLAP: Final = 0.85
STRIPPED_MOST_ML: Final = 2200.0
"""A brain without a skull: one value all around it, as no scanner makes it, the shape of a brain and its size."""

WIDE_CM2: Final = 420.0
"""Cross-section of a trunk; a head has 300 at most."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LookedAt:
    """What looking at a volume came to.

    Attributes
    ----------
    finding
        What it is.
    reasons
        Why it is refused; empty where it is not.
    fit
        How it lies to the atlas; None where it was not aligned.
    inputs
        What it was aligned by.
    figures
        What was measured.
    """

    finding: FaceFinding
    reasons: tuple[str, ...]
    fit: Fit | None
    inputs: AlignInputs | None
    figures: FaceFigures


def look(volume: Volume, engine: HeadEngine, atlas: Atlas) -> LookedAt:
    """Return what a volume is.

    Parameters
    ----------
    volume
        What to look at.
    engine
        Aligns it with the atlas.
    atlas
        What a head is like.
    """
    # 1. Volumes that show nothing of how a head lies
    refused = _too_thin(volume)
    if refused:
        return LookedAt(finding=FaceFinding.REFUSED, reasons=refused, fit=None, inputs=None, figures=FaceFigures())
    # 2. Objects that are too small, or too wide all along, to hold a head
    inputs = make_align_inputs(volume)
    if inputs.head_ml < LEAST_OBJECT_ML or _is_trunk(inputs):
        return _looked(FaceFinding.NO_HEAD, inputs)
    # 3. Brains without skull
    if _may_be_stripped(inputs):
        fit = _align(inputs, engine, _grid(np.where(atlas.brain, atlas.t1, 0)))
        if fit is not None and overlap(inputs, fit, atlas.brain) >= STRIPPED_OVERLAP:
            return _looked(FaceFinding.SKULL_STRIPPED, inputs, fit, measure(inputs, fit, atlas))
    # 4. Heads, by how they fit the atlas
    fit = _align(inputs, engine, _grid(atlas.t1))
    if fit is None:
        return _looked(FaceFinding.REFUSED, inputs, reasons=("expected an object that can be aligned, got none",))
    figures = measure(inputs, fit, atlas)
    failed = failed_gates(figures, _likeness(inputs, fit, engine, atlas))
    if failed:
        return _looked(FaceFinding.REFUSED, inputs, fit, figures, tuple(gate.reason for gate in failed))
    # 5. Whether there is a face on them
    return _looked(face_of(volume, inputs, fit, atlas), inputs, fit, figures)


def _looked(
    finding: FaceFinding,
    inputs: AlignInputs,
    fit: Fit | None = None,
    figures: FaceFigures | None = None,
    reasons: tuple[str, ...] = (),
) -> LookedAt:
    return LookedAt(finding=finding, reasons=reasons, fit=fit, inputs=inputs, figures=figures or FaceFigures())


def _too_thin(volume: Volume) -> tuple[str, ...]:
    if min(volume.values.shape) < FEWEST_SLICES:
        return (f"expected at least {FEWEST_SLICES} slices, got fewer",)
    if max(volume.spacing_mm) > WIDEST_MM:
        return (f"expected at most {WIDEST_MM:.0f} mm between slices, got more",)
    return ()


def _is_trunk(inputs: AlignInputs) -> bool:
    """Whether each slice of the object, and of all beside it, is as wide as a trunk and no head can be in view."""
    filled = np.stack([ndi.binary_fill_holes(one) for one in inputs.head & inputs.valid])  # lungs
    areas = filled.sum(axis=(1, 2)) * GRID_MM**2 / 100
    seen = areas[inputs.valid.any(axis=(1, 2))]
    inner = seen[1:-1] if len(seen) > 4 else seen
    return bool(len(inner)) and float(inner.min()) > WIDE_CM2


def _may_be_stripped(inputs: AlignInputs) -> bool:
    return inputs.background_share >= STRIPPED_BACKGROUND and inputs.head_ml <= STRIPPED_MOST_ML


def _grid(values: NDArray[np.float32]) -> Grid:
    return Grid(values=values, origin_mm=ORIGIN_MM, spacing_mm=SPACING_MM)


def _align(inputs: AlignInputs, engine: HeadEngine, template: Grid) -> Fit | None:
    head = Grid(values=inputs.t1, origin_mm=inputs.origin_mm, spacing_mm=GRID_MM)
    within = ndi.binary_dilation(inputs.head, iterations=3)
    # At the border of what was scanned, values are half what is not there: a tilted gantry would pull the head askew.
    within &= ndi.binary_erosion(inputs.valid, iterations=2, border_value=1)
    return engine.align(head, within, template, guesses(inputs))


def _likeness(inputs: AlignInputs, fit: Fit, engine: HeadEngine, atlas: Atlas) -> float | None:
    """Return how many times better the head fits than with an atlas upside down; None where nobody needs to ask."""
    if fit.metric <= GOOD_METRIC:
        return None
    _, y, z = ORIGIN_MM
    reach = [(length - 1) * SPACING_MM for length in atlas.t1.shape]
    turned = Grid(
        values=np.ascontiguousarray(atlas.t1[::-1, ::-1]),
        origin_mm=(ORIGIN_MM[0], -(y + reach[1]), 2 * CENTER_MM[1] - (z + reach[0])),
        spacing_mm=SPACING_MM,
    )
    other = _align(inputs, engine, turned)
    return None if other is None or other.metric >= 0 else fit.metric / other.metric


def face_of(volume: Volume, inputs: AlignInputs, fit: Fit, atlas: Atlas) -> FaceFinding:
    """Return whether the face of a head is there, was taken off before, or lies outside of the scan."""
    values, valid = on_atlas(volume, fit.affine)
    face = (atlas.cut < 0) & (atlas.generic < -4) & (atlas.generic > -30)
    seen = face & valid
    if int(seen.sum()) < IN_VIEW_SHARE * int(face.sum()):
        return FaceFinding.NO_FACE_IN_VIEW
    share = float((values[seen] > inputs.skin.threshold).mean())
    return FaceFinding.ALREADY_FACELESS if share < BARE_SHARE else FaceFinding.FACE_FOUND
