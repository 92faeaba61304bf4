"""Finds how a head lies, with SimpleITK: mutual information with a template, from many beginnings (Mattes 2003)."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import SimpleITK as sitk  # noqa: N813 - the name in its own manual
from numpy.typing import NDArray

from scanward.ports.engines import Fit, Grid, Guess

SEED: Final = 42
"""Of the places that the metric looks at; SimpleITK's own is the clock, so that no two runs would be alike."""

MOST_SAMPLES: Final = 25_000
"""Places that the metric looks at on each grid; a head has some 50 000 on the finest. Bounds the time for what is
larger than a head."""

BINS: Final = 32

COARSE_MM: Final = 12.0
MIDDLE_MM: Final = 6.0

KEPT: Final = 5
"""How many coarse alignments that differ are refined on the middle grid."""

FINISHED: Final = 3
"""How many of these, as far as they still differ, are refined on the finest grid; the best of them is taken. With one
alone, a CT without jaws ended 20 degrees askew: what the coarse grids prefer is not always what the fine one does."""

_SAME_DEGREES: Final = 6.0
_SAME_MM: Final = 8.0
"""Alignments that are so near to each other come to the same."""

MOST_UNEVEN: Final = 1.25
"""Where one direction is scaled by so much more than another, too little of the head was seen to tell: a similarity
(7 degrees of freedom) is taken instead of an affine (12)."""


class HeadAligner:
    """Aligns heads on one thread, as sums over threads depend on their number."""

    name = f"SimpleITK {sitk.Version.MajorVersion()}.{sitk.Version.MinorVersion()}, Mattes mutual information"

    def align(self, head: Grid, within: NDArray[np.bool_], template: Grid, guesses: Sequence[Guess]) -> Fit | None:
        """Return the best alignment that is found from any of the guesses; None where there is none at all."""
        # Filters within the method take the number of threads of the process, which nothing else here uses.
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
        fixed, moving = _image(head), _image(template)
        inside = _image(Grid(values=within.astype(np.float32), origin_mm=head.origin_mm, spacing_mm=head.spacing_mm))
        coarse, middle, fine = (
            _Pair(_resampled(fixed, step), _resampled(inside, step) > 0.5, _resampled(moving, step))
            for step in (COARSE_MM, MIDDLE_MM, head.spacing_mm)
        )
        middle_mm = np.array(guesses[0].center_mm) if guesses else np.zeros(3)
        begun = _different([coarse.align(_similarity(guess), steps=25) for guess in guesses], middle_mm)
        kept = _different([middle.align(one, steps=30) for _, one in begun[:KEPT]], middle_mm)
        ended = [fit for _, one in kept[:FINISHED] if (fit := _refined(middle, fine, one))]
        return min(ended, key=lambda fit: fit.metric, default=None)


class _Pair:
    """Two images on grids of one spacing, and what of the first counts."""

    def __init__(self, fixed: sitk.Image, inside: sitk.Image, moving: sitk.Image) -> None:
        self._fixed, self._inside, self._moving = fixed, inside, moving
        self._share = MOST_SAMPLES / max(int(sitk.GetArrayViewFromImage(inside).sum()), 1)

    def align(self, start: sitk.Transform, *, steps: int) -> tuple[float, sitk.Transform] | None:
        """Return the metric and the transform; None where so little overlaps that there is no metric."""
        method = sitk.ImageRegistrationMethod()
        method.SetNumberOfThreads(1)
        method.SetMetricAsMattesMutualInformation(BINS)
        if self._share < 1:
            method.SetMetricSamplingStrategy(method.REGULAR)
            method.SetMetricSamplingPercentage(self._share, SEED)
        method.SetMetricFixedMask(self._inside)
        method.SetInterpolator(sitk.sitkLinear)
        method.SetInitialTransform(start, inPlace=False)
        method.SetOptimizerAsGradientDescentLineSearch(1.0, steps, 1e-4, 6)
        method.SetOptimizerScalesFromPhysicalShift()
        try:
            done = method.Execute(self._fixed, self._moving)
        except RuntimeError:
            return None
        return float(method.GetMetricValue()), sitk.CompositeTransform(done).GetNthTransform(0)


def _different(
    found: Sequence[tuple[float, sitk.Transform] | None], at_mm: NDArray[np.float64]
) -> list[tuple[float, sitk.Similarity3DTransform]]:
    """Return the alignments that differ from all that are better, the best first."""
    kept: list[tuple[float, sitk.Similarity3DTransform]] = []
    for metric, transform in sorted((one for one in found if one), key=lambda one: one[0]):
        similar = sitk.Similarity3DTransform(transform)
        if all(_differ(_fit(metric, similar, 7).affine, _fit(0, other, 7).affine, at_mm) for _, other in kept):
            kept.append((metric, similar))
    return kept


def _differ(one: NDArray[np.float64], other: NDArray[np.float64], at_mm: NDArray[np.float64]) -> bool:
    apart = float(np.linalg.norm((one - other)[:3] @ np.append(at_mm, 1.0)))
    between = one[:3, :3] @ np.linalg.inv(other[:3, :3])
    cosine = (np.trace(between) / np.cbrt(np.linalg.det(between)) - 1) / 2
    return apart > _SAME_MM or float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))) > _SAME_DEGREES


def _image(grid: Grid) -> sitk.Image:
    image = sitk.GetImageFromArray(grid.values.astype(np.float32, copy=False))
    image.SetSpacing((grid.spacing_mm,) * 3)
    image.SetOrigin(grid.origin_mm)
    return image


def _resampled(image: sitk.Image, spacing_mm: float) -> sitk.Image:
    """Return an image on a coarser grid, smoothed before so that nothing small is left to chance."""
    was = image.GetSpacing()[0]
    if spacing_mm <= was:
        return image
    smooth = sitk.SmoothingRecursiveGaussian(image, 0.45 * spacing_mm)
    size = [max(int(length * was / spacing_mm), 4) for length in image.GetSize()]
    # The blocks of the new grid begin where those of the old one do.
    origin = [at + (spacing_mm - was) / 2 for at in image.GetOrigin()]
    steps = [spacing_mm] * 3
    return sitk.Resample(smooth, size, sitk.Transform(), sitk.sitkLinear, origin, steps, image.GetDirection(), 0.0)


def _similarity(guess: Guess) -> sitk.Transform:
    start = sitk.Similarity3DTransform()
    start.SetCenter(guess.center_mm)
    start.SetRotation((1.0, 0.0, 0.0), float(np.deg2rad(guess.nod_degrees)))
    start.SetTranslation(guess.shift_mm)
    return start


def _refined(middle: _Pair, fine: _Pair, similar: sitk.Similarity3DTransform) -> Fit | None:
    start = sitk.AffineTransform(3)
    start.SetCenter(similar.GetCenter())
    start.SetMatrix(similar.GetMatrix())
    start.SetTranslation(similar.GetTranslation())
    found = middle.align(start, steps=40)
    found = found and fine.align(sitk.AffineTransform(found[1]), steps=40)
    if found:
        fit = _fit(found[0], sitk.AffineTransform(found[1]), 12)
        scales = np.linalg.svd(fit.affine[:3, :3])[1]
        if scales.max() / scales.min() <= MOST_UNEVEN:
            return fit
    found = fine.align(similar, steps=40)
    return _fit(found[0], sitk.Similarity3DTransform(found[1]), 7) if found else None


def _fit(metric: float, transform: sitk.AffineTransform | sitk.Similarity3DTransform, freedom: int) -> Fit:
    matrix = np.array(transform.GetMatrix(), np.float64).reshape(3, 3)
    center, shift = np.array(transform.GetCenter()), np.array(transform.GetTranslation())
    affine = np.eye(4)
    affine[:3, :3] = matrix
    affine[:3, 3] = center + shift - matrix @ center
    return Fit(affine=affine, metric=metric, freedom=freedom)
