"""What a volume is, told from its voxels alone: a head with a face, one without, or no head at all.

A head that cannot be told from others is refused, not passed: `LookedAt.reasons` says why.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from scanward.deidentify.faces.align_inputs import GRID_MM, AlignInputs, make_align_inputs
from scanward.deidentify.faces.atlas import CENTER_MM, ORIGIN_MM, SPACING_MM, Atlas, axes_mm
from scanward.deidentify.faces.gates import GOOD_METRIC, failed_gates, guesses, measure, overlap
from scanward.deidentify.faces.parts import is_no_head
from scanward.deidentify.faces.remodel import on_atlas
from scanward.deidentify.faces.volume import Volume
from scanward.model.faces import FaceFigures, FaceFinding
from scanward.ports.engines import Fit, Grid, HeadEngine

FEWEST_SLICES: Final = 15
WIDEST_MM: Final = 8.0
"""Fewer slices, or slices further apart, do not show how a head lies."""

BARE_SHARE: Final = 0.50
BARE_SIDE_SHARE: Final = 0.45
BARE_MIDDLE_SHARE: Final = 0.85
"""Where less of the face is anything but air, it is gone already: of all of it, of eyes, cheeks and jaws on each side,
and of what is between. Of heads with a face, 0.94, 0.81 and 0.89 are the least; one defaced by others, which left the
root of the nose, came to 0.39, 0.38 and 0.79."""

IN_VIEW_SHARE: Final = 0.02
"""Where less of the face was scanned, it is not in view."""

GONE_VIEW_SHARE: Final = 0.25
"""Where less of the face was scanned, nobody says of it that it is gone: a face that lies beside is taken out."""

_BANDS_MM: Final = ((-40.0, 6.0), (-75.0, -40.0), (-128.0, -75.0))
_SIDES_MM: Final = ((-200.0, -18.0, BARE_SIDE_SHARE), (-18.0, 18.0, BARE_MIDDLE_SHARE), (18.0, 200.0, BARE_SIDE_SHARE))
_FEWEST_SEEN: Final = 200

_AIR_AROUND_MM: Final = 30.0
_AIR_PERCENTILE: Final = 98.0
_AIR_SHARES: Final = (0.15, 0.60)
_AIR_CT_HU: Final = -600.0
"""Air is what lies so far outside of the head, as noisy as it is, but within bounds: a face may be darker than what
parts skin from air by far, as where a coil is far away or metal is near."""

HEAD_REACH_MM: Final = 232.0
"""From the vertex to below the chin: what lies lower says nothing of how the head lies."""

STRIPPED_BACKGROUND: Final = 0.90
STRIPPED_OVERLAP: Final = 0.85
STRIPPED_MOST_ML: Final = 2200.0
"""A brain without a skull: one value all around it, as no scanner makes it, the shape of a brain and its size."""


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
    # 2. Trunks, limbs, phantoms
    inputs = make_align_inputs(volume)
    if is_no_head(inputs):
        return _looked(FaceFinding.NO_HEAD, inputs)
    # 3. Brains without skull
    if _may_be_stripped(inputs):
        fit = _align(inputs, engine, _grid(np.where(atlas.brain, atlas.t1, 0)))
        if fit is not None and overlap(inputs, fit, atlas.brain) >= STRIPPED_OVERLAP:
            return _looked(FaceFinding.SKULL_STRIPPED, inputs, fit, measure(inputs, fit, atlas))
    # 4. Heads, by how they fit the atlas
    fit, template = _best_fit(inputs, engine, atlas)
    if fit is None:
        return _looked(FaceFinding.REFUSED, inputs, reasons=("expected an object that can be aligned, got none",))
    figures = measure(inputs, fit, atlas)
    failed = failed_gates(figures, _likeness(inputs, fit, engine, template))
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


def _may_be_stripped(inputs: AlignInputs) -> bool:
    return inputs.background_share >= STRIPPED_BACKGROUND and inputs.head_ml <= STRIPPED_MOST_ML


def _grid(values: NDArray[np.float32]) -> Grid:
    return Grid(values=values, origin_mm=ORIGIN_MM, spacing_mm=SPACING_MM)


def _align(inputs: AlignInputs, engine: HeadEngine, template: Grid) -> Fit | None:
    head = Grid(values=inputs.t1, origin_mm=inputs.origin_mm, spacing_mm=GRID_MM)
    within = ndi.binary_dilation(inputs.head, iterations=3)
    # At the border of what was scanned, values are half what is not there: a tilted gantry would pull the head askew.
    within &= ndi.binary_erosion(inputs.valid, iterations=2, border_value=1)
    within[: _lowest(inputs)] = False
    return engine.align(head, within, template, guesses(inputs))


def _lowest(inputs: AlignInputs) -> int:
    heights = np.flatnonzero(inputs.head.any(axis=(1, 2)))
    return max(int(heights[-1]) - round(HEAD_REACH_MM / GRID_MM), 0) if heights.size else 0


def _best_fit(inputs: AlignInputs, engine: HeadEngine, atlas: Atlas) -> tuple[Fit | None, NDArray[np.float32]]:
    """Return how a head lies, and with what it was compared: where a T1 scan does not tell, a T2 scan may."""
    fit = _align(inputs, engine, _grid(atlas.t1))
    if inputs.skin.is_ct or (fit is not None and fit.metric <= GOOD_METRIC):
        return fit, atlas.t1
    other = _align(inputs, engine, _grid(atlas.t2))
    if other is None or (fit is not None and fit.metric <= other.metric):
        return fit, atlas.t1
    return other, atlas.t2


def _likeness(inputs: AlignInputs, fit: Fit, engine: HeadEngine, template: NDArray[np.float32]) -> float | None:
    """Return how many times better the head fits than with an atlas upside down; None where nobody needs to ask."""
    if fit.metric <= GOOD_METRIC:
        return None
    _, y, z = ORIGIN_MM
    reach = [(length - 1) * SPACING_MM for length in template.shape]
    turned = Grid(
        values=np.ascontiguousarray(template[::-1, ::-1]),
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
    if int(seen.sum()) < GONE_VIEW_SHARE * int(face.sum()):
        return FaceFinding.FACE_FOUND
    there = values > _air_level(values[valid & (atlas.generic > _AIR_AROUND_MM)], inputs)
    is_bare = float(there[seen].mean()) < BARE_SHARE and all(
        float(there[cell].mean()) < most for cell, most in _cells(seen) if int(cell.sum()) >= _FEWEST_SEEN
    )
    return FaceFinding.ALREADY_FACELESS if is_bare else FaceFinding.FACE_FOUND


def _cells(face: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.bool_], float]]:
    """Yield eyes, nose and mouth with what is beside them, and how much may be left of each."""
    z, _, x = axes_mm()
    for low, high in _BANDS_MM:
        for first, last, most in _SIDES_MM:
            yield face & (z >= low) & (z < high) & (x >= first) & (x < last), most


def _air_level(air: NDArray[np.float32], inputs: AlignInputs) -> float:
    """Return above what a value is more than air."""
    if inputs.skin.is_ct:
        return _AIR_CT_HU + inputs.skin.offset_hu
    low, high = (share * inputs.skin.threshold for share in _AIR_SHARES)
    if air.size < _FEWEST_SEEN:
        return low
    return float(np.clip(np.percentile(air, _AIR_PERCENTILE), low, high))
