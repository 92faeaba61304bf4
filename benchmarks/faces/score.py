"""How much of a person is left: figures over heads, from what was measured on each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Depths = NDArray[np.float64]
"""(z, x): how far back the skin of a face lies, in mm of the atlas; NaN where there is none, or none was scanned."""

SAME = 1e-3
"""Values that differ by less, of the largest of a scan, are the same: tools write them in other types."""

FEWEST_SHARED = 350
"""Places that two faces have to share to be compared."""

CHANCE_POINTS = 0.10
BACK_POINTS = 0.05
MOST_FACE = {"air": 0.05, "skin": 0.25}
MOST_EARS = 0.15
MOST_RMS_MM = 0.6
MOST_CPU_SECONDS, MOST_BYTES, MOST_WALL_SECONDS = 30.0, 1.5e9, 60.0


def find_changed(before: Floats, after: Floats) -> NDArray[np.bool_]:
    """Return which voxels changed."""
    least = SAME * max(1.0, float(np.abs(before).max(initial=0)))
    return np.asarray(~(np.abs(after.astype(np.float64) - before) <= least))


def mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of those that there are; None of none."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def shape_rms(first: Depths, second: Depths) -> float | None:
    """Return by how much two faces differ in shape, in mm; None where they share too little."""
    both = ~np.isnan(first) & ~np.isnan(second)
    if int(both.sum()) < FEWEST_SHARED:
        return None
    apart = (first - second)[both]
    return float(np.sqrt(np.mean((apart - apart.mean()) ** 2)))


def pairwise_rms(faces: Sequence[Depths]) -> float | None:
    """Return the mean over all pairs of faces of how much they differ."""
    pairs = [shape_rms(one, other) for at, one in enumerate(faces) for other in faces[at + 1 :]]
    return mean(pairs)


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """What a recogniser made of one render.

    Attributes
    ----------
    view
        Number of the direction.
    light
        Number of the light.
    code
        128 numbers.
    """

    view: int
    light: int
    code: NDArray[np.float64]


def rank_one(gallery: Mapping[str, Sequence[Look]], probes: Mapping[str, Sequence[Look]]) -> float | None:
    """Return how often the nearest render of the gallery is of the same person; None without probes.

    The gallery is seen in the first light, probes in the others; the render of the same person in the same direction is
    left out, as it would be found by what is behind the face.
    """
    known = [(name, look) for name, looks in gallery.items() for look in looks if look.light == 0]
    codes = np.array([look.code for _, look in known])
    hits = [
        _nearest(codes, known, name, look) == name
        for name, looks in probes.items()
        for look in looks
        if look.light != 0
    ]
    return fmean(hits) if hits else None


def _nearest(codes: NDArray[np.float64], known: Sequence[tuple[str, Look]], name: str, probe: Look) -> str:
    distance = np.linalg.norm(codes - probe.code, axis=1)
    same = np.array([person == name and look.view == probe.view for person, look in known])
    return known[int(np.where(same, np.inf, distance).argmin())][0]


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What was aimed at.

    Attributes
    ----------
    text
        What.
    most
        The figure has to be no larger.
    got
        The figure; None where it was not measured.
    form
        How figures are written.
    """

    text: str
    most: float
    got: float | None
    form: str = ".2f"

    @property
    def met(self) -> bool | None:
        """Whether it was reached; None where nobody knows."""
        return None if self.got is None else self.got <= self.most + 1e-9

    def __str__(self) -> str:
        """Say it for a person."""
        word = {True: "met    ", False: "NOT met", None: "not measured"}[self.met]
        got = "" if self.got is None else f": {self.got:{self.form}}"
        return f"{word}  {self.text}: at most {self.most:{self.form}}{got}"
