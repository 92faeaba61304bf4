"""What an alignment is worth, and what a volume is found to be by it.

No figure alone will do: overlap accepts heads upside down, mutual information does not; mutual information accepts
parts of a head that were scaled to fit, the scales and the distance of the vault do not.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from scanward.deidentify.faces.align_inputs import GRID_MM, AlignInputs, grid_affine, sample
from scanward.deidentify.faces.atlas import ORIGIN_MM, SHAPE, SPACING_MM, Atlas, axes_mm
from scanward.model.faces import FaceFigures
from scanward.ports.engines import Fit, Guess

Voxels = NDArray[np.bool_]

GOOD_METRIC: Final = -0.50
"""Reached by heads of good contrast alone; upside down they come to -0.36."""

WORST_METRIC: Final = -0.22
LEAST_LIKENESS: Final = 1.40
"""Heads of poor contrast have to fit so many times better than they fit the atlas turned upside down, which takes
contrast out of the comparison: heads come to 1.6 and more, what is none to 0.7 to 1.25."""

LEAST_OVERLAP: Final = 0.80
MOST_VAULT_MM: Final = 8.0
MOST_ROTATION_DEGREES: Final = 45.0
SCALES: Final = (0.70, 1.45)
"""Gates, all of which a head has to pass."""

LEAST_ADULT_SCALE: Final = 0.87
"""Mean size of the head beside the template: below, it is taken for a child's of some three years or less, whose face
and skull have other proportions. Adults measured 0.98 to 1.08. No child's scan was at hand: neither where this bound
lies nor what would become of a child was validated, so that such heads are left to people.
"""

_HEIGHTS_MM: Final = (-40.0, -15.0, 10.0, 35.0)
_NODS_DEGREES: Final = (-20.0, 0.0, 20.0)
_START_MM: Final = (0.0, 0.0, -20.0)

_NECK_MM: Final = -110.0
"""Below, the atlas has no neck of anybody."""

_VAULT_ABOVE_MM: Final = -5.0
_FEWEST_VAULT_VOXELS: Final = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """A figure that an alignment failed.

    Attributes
    ----------
    reason
        What was expected and what was got, for a person.
    """

    reason: str


def guesses(inputs: AlignInputs) -> tuple[Guess, ...]:
    """Return where to begin: twelve heights and nods, as a scan may show the neck or lack the vault."""
    shift = np.array(_START_MM) - np.array(inputs.start_mm)
    return tuple(
        Guess(
            center_mm=inputs.start_mm,
            nod_degrees=nod,
            shift_mm=(float(shift[0]), float(shift[1]), float(shift[2]) + height),
        )
        for height in _HEIGHTS_MM
        for nod in _NODS_DEGREES
    )


def measure(inputs: AlignInputs, fit: Fit, atlas: Atlas) -> FaceFigures:
    """Return the figures of an alignment."""
    turned, scales, _ = np.linalg.svd(fit.affine[:3, :3])
    rotation = turned @ np.linalg.svd(fit.affine[:3, :3])[2]
    degrees = np.degrees(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1)))
    sizes = 1 / scales
    return FaceFigures(
        metric=round(fit.metric, 4),
        overlap=round(overlap(inputs, fit, atlas.head), 3),
        vault_mm=_vault_mm(inputs, fit, atlas.head),
        rotation_degrees=round(float(degrees), 1),
        scales=(round(float(sizes.min()), 3), round(float(sizes.max()), 3)),
    )


def overlap(inputs: AlignInputs, fit: Fit, shape: Voxels) -> float:
    """Return the Dice overlap of the object with a shape of the atlas, above the neck, within what was scanned."""
    placed = _on_inputs(inputs, fit, shape.astype(np.float32), 0.0) > 0.5
    heights = np.broadcast_to(axes_mm()[0], SHAPE)
    counts = inputs.valid & (_on_inputs(inputs, fit, heights, -np.inf) > _NECK_MM)
    seen, expected = inputs.head & counts, placed & counts
    return float(2 * (seen & expected).sum() / max(int(seen.sum()) + int(expected.sum()), 1))


def _to_atlas(inputs: AlignInputs, fit: Fit) -> NDArray[np.float64]:
    """Return (x, y, z index, 1) of the inputs to mm of the atlas."""
    return np.asarray(fit.affine @ grid_affine(inputs.origin_mm, GRID_MM))


def _on_inputs(inputs: AlignInputs, fit: Fit, field: NDArray[np.float32], outside: float) -> NDArray[np.float32]:
    to_index = np.linalg.inv(grid_affine(ORIGIN_MM, SPACING_MM)) @ _to_atlas(inputs, fit)
    return sample(field, to_index, inputs.head.shape, outside)


def _vault_mm(inputs: AlignInputs, fit: Fit, head: Voxels) -> float | None:
    """Return how far the vault lies from that of the atlas: median over the surface above the brow."""
    inside = inputs.head & inputs.valid
    # What ends where the scan ends is no surface.
    surface = inside & ~ndi.binary_erosion(inside, border_value=1) & ndi.binary_erosion(inputs.valid, border_value=0)
    places = np.argwhere(surface)[:, ::-1]
    atlas_mm = (np.c_[places, np.ones(len(places))] @ _to_atlas(inputs, fit).T)[:, :3]
    above = atlas_mm[:, 2] > _VAULT_ABOVE_MM
    if int(above.sum()) <= _FEWEST_VAULT_VOXELS:
        return None
    index = (atlas_mm[above] - np.array(ORIGIN_MM)) / SPACING_MM
    distance = _distance_mm(head)
    found = ndi.map_coordinates(distance, index[:, ::-1].T, order=1, mode="nearest")
    return round(float(np.median(np.abs(found))), 1)


def _distance_mm(shape: Voxels) -> NDArray[np.float32]:
    outside = ndi.distance_transform_edt(~shape)
    inside = ndi.distance_transform_edt(shape)
    return np.asarray((outside - inside) * SPACING_MM, np.float32)


def failed_gates(figures: FaceFigures, likeness: float | None) -> tuple[Gate, ...]:
    """Return the gates that figures fail; none where it is a head that lies as the atlas does.

    Parameters
    ----------
    figures
        Of the alignment.
    likeness
        How many times better the head fits than with the atlas upside down; None where that was not measured.
    """
    failed: list[str] = []
    metric = figures.metric or 0.0
    if metric > WORST_METRIC:
        failed.append(f"mutual information: expected at least {-WORST_METRIC:.2f}, got {-metric:.2f}")
    elif metric > GOOD_METRIC and (likeness is None or likeness < LEAST_LIKENESS):
        failed.append(
            f"likeness to a head: expected {LEAST_LIKENESS:.1f} times that to one upside down, got {likeness or 0:.1f}"
        )
    if figures.overlap is None or figures.overlap < LEAST_OVERLAP:
        failed.append(f"overlap with a head: expected at least {LEAST_OVERLAP:.2f}, got {figures.overlap or 0:.2f}")
    if figures.rotation_degrees is None or figures.rotation_degrees > MOST_ROTATION_DEGREES:
        failed.append(
            f"turned: expected at most {MOST_ROTATION_DEGREES:.0f} degrees, got {figures.rotation_degrees or 0:.0f}"
        )
    if figures.vault_mm is None:
        failed.append("vault of the skull: expected to see it, got too little of it")
    elif figures.vault_mm > MOST_VAULT_MM:
        failed.append(f"vault of the skull: expected within {MOST_VAULT_MM:.0f} mm, got {figures.vault_mm:.1f}")
    least, most = figures.scales or (0.0, 0.0)
    if least < SCALES[0] or most > SCALES[1]:
        failed.append(f"size: expected {SCALES[0]:.2f} to {SCALES[1]:.2f} of the atlas, got {least:.2f} to {most:.2f}")
    elif not failed and (least * most) ** 0.5 < LEAST_ADULT_SCALE:
        failed.append("size: expected at least 87% of an adult's head, got less: a small child's, not validated")
    return tuple(Gate(reason=one) for one in failed)
