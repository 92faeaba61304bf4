"""Several volumes on one grid, as points in time: one that stands for all, and what differs most from it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from scanward.deidentify.faces.align_inputs import Skin, skin_of
from scanward.deidentify.faces.noise import draw
from scanward.deidentify.faces.remodel import FaceMask
from scanward.deidentify.faces.volume import Volume
from scanward.model.faces import FaceFill

Floats = NDArray[np.float32]

_BRIGHT_PERCENT: Final = 99
"""Volumes are made as bright as each other by this before they are averaged, so that each counts as much."""

_EVEN: Final = 100.0
"""What that brightness becomes: far from what is taken for Hounsfield units."""

_AIR_SAMPLES: Final = 20_000


class HeadScan(Protocol):
    """Volumes on one grid."""

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    def volume(self, number: int = 0) -> Volume:
        """Return one of them; raises `HoldError` where it cannot be aligned."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Together:
    """What stands for all volumes of a scan.

    Attributes
    ----------
    volume
        Their mean; the volume itself where there is but one.
    oddest
        Which of them differs most from the mean; None where there is but one.
    """

    volume: Volume
    oddest: int | None

    @classmethod
    def of(cls, scan: HeadScan) -> Self:
        """Look at all volumes of a scan, one after the other."""
        first = scan.volume(0)
        if scan.count == 1:
            return cls(volume=first, oddest=None)
        is_ct = all(scan.volume(number).modality == "CT" for number in range(scan.count))
        mean = np.zeros(first.values.shape, np.float32)
        valid = np.zeros(first.values.shape, np.bool_)
        for one, even in _evened(scan, is_ct=is_ct):
            mean += even / np.float32(scan.count)
            valid |= True if one.valid is None else one.valid
        apart = [float(((even - mean)[::2, ::2, ::2] ** 2).mean()) for _, even in _evened(scan, is_ct=is_ct)]
        volume = Volume(
            values=mean,
            affine=first.affine,
            valid=None if valid.all() else valid,
            modality="CT" if is_ct else "",
        )
        return cls(volume=volume, oddest=int(np.argmax(apart)))


def _evened(scan: HeadScan, *, is_ct: bool) -> Iterator[tuple[Volume, Floats]]:
    """Give each volume, and its values as bright as those of the others; Hounsfield units are already."""
    for number in range(scan.count):
        one = scan.volume(number)
        bright = _EVEN if is_ct else float(np.percentile(np.abs(one.values[::2, ::2, ::2]), _BRIGHT_PERCENT))
        yield one, one.values * np.float32(_EVEN / bright if bright > 0 else 0.0)


def values_like(volume: Volume, mean: Volume, made: FaceMask, skin: Skin, *, fill: FaceFill, seed: int) -> Floats:
    """Return what stands where a face was in one of several volumes, as bright as that one is.

    Parameters
    ----------
    volume
        The one.
    mean
        What stands for all.
    made
        What was made of that.
    skin
        What parts air from skin in that.
    fill
        What stands where the face was.
    seed
        Of the noise.
    """
    if skin.is_ct:
        return made.values
    air = _air(volume)
    values = air[draw(made.values.size, air.size, seed)].astype(np.float32)
    if fill is FaceFill.AIR:
        return values
    tissue = (mean.values > skin.threshold) & ~made.mask
    if not tissue.any():
        return values
    dark, bright = float(np.median(_air(mean))), float(np.median(mean.values[tissue]))
    share = np.maximum((made.values - dark) / max(bright - dark, 1e-6), 0).astype(np.float32)
    flesh = np.float32(np.median(volume.values[tissue]))
    return np.asarray(values + np.minimum(share, 1) * (share * flesh - values), np.float32)


def _air(volume: Volume) -> Floats:
    """Return values as they stand in the air of a volume."""
    values = volume.values[::2, ::2, ::2]
    dark = values <= skin_of(volume).threshold
    if volume.valid is not None:
        dark &= volume.valid[::2, ::2, ::2]
    found = values[dark]
    return found[:: max(found.size // _AIR_SAMPLES, 1)] if found.size else volume.values.min(keepdims=True).ravel()
