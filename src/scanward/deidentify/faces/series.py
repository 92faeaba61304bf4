"""The instances of a series as a volume: frames read one after the other, on even slices."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scanward.deidentify.faces.groups import GREY, REMEDY, SliceGroup, find_groups, gaps_mm
from scanward.deidentify.faces.kinds import Role
from scanward.deidentify.faces.planes import Plane, Slice, read_slices
from scanward.deidentify.faces.roles import read_role
from scanward.deidentify.faces.volume import Affine, Values, Volume
from scanward.deidentify.header.scan import InstanceFacts
from scanward.deidentify.pixels.fill import CT_AIR_HU, read_background
from scanward.deidentify.pixels.frames import Frames, open_frames
from scanward.deidentify.pixels.header import read_pixel_header
from scanward.deidentify.pixels.samples import stored_values, value_range
from scanward.dicomstream.part10 import DataSetStart
from scanward.errors import DicomFormatError, HoldError, OutputError, ScanwardError, SourceError, StoreError
from scanward.model.faces import VolumeFault
from scanward.ports.engines import FrameCodec, FrameLayout

Opener = Callable[[], AbstractContextManager[tuple[DataSetStart, InstanceFacts]]]
"""Opens an instance."""

MAX_VOXELS: Final = 100_000_000
"""Voxels of a volume, 400 MB: 512 x 512 x 380. Of larger ones, columns and rows are taken together."""

_MOST_TOGETHER: Final = 4
"""So many columns, and rows, are taken together at most: a head needs voxels of a few mm."""

_SCANNED_HU: Final = -1500
"""What a CT has below this was not scanned: devices pad with -2000 or -3024."""

_NO_AIR_HU: Final = -500
_MOSTLY: Final = 0.5

_MORE_SLICES: Final = 2
"""Uneven slices are put on at most so many times as many even ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """What the headers of a study say of volumes.

    Attributes
    ----------
    roles
        What each instance is; None where its header cannot be read that far.
    groups
        Slices that belong together.
    unread
        Places of instances that could not be opened: elsewhere, or later, they might be.
    """

    roles: tuple[Role | None, ...]
    groups: tuple[SliceGroup, ...]
    unread: frozenset[int] = frozenset()


def survey(openers: Sequence[Opener]) -> Survey:
    """Read what instances of a study are, and which of them make volumes; no pixels are looked at.

    Parameters
    ----------
    openers
        Open the instances, each once.

    Raises
    ------
    OutputError, StoreError
        It is done over later.
    """
    roles: list[Role | None] = []
    unread: set[int] = set()
    slices: list[Slice] = []
    for number, opener in enumerate(openers):
        try:
            with opener() as (start, facts):
                header = read_pixel_header(start)
                role = read_role(facts, header)
                if role.makes_volumes:
                    slices += read_slices(header, facts, number)
        except (OutputError, StoreError):
            raise
        except ScanwardError as error:
            roles.append(None)
            if isinstance(error, SourceError):
                unread.add(number)
        else:
            roles.append(role)
    return Survey(roles=tuple(roles), groups=tuple(find_groups(slices)), unread=frozenset(unread))


def read_volume(
    group: SliceGroup, openers: Sequence[Opener], codec: FrameCodec, *, max_voxels: int = MAX_VOXELS
) -> Volume:
    """Read the slices of a volume; each instance is opened once, unless its frames come out of order.

    Slices that are not evenly spaced are interpolated onto such that are.

    Parameters
    ----------
    group
        As `survey` found it. One with a fault is read too, as long as its slices make a grid.
    openers
        As given to `survey`.
    codec
        Decodes.
    max_voxels
        Of the volume.

    Raises
    ------
    HoldError
        The pixels cannot be looked at, or there are too many.
    DicomFormatError
        They cannot be decoded.
    """
    if not group.has_grid:
        group.require_volume()
    grid = make_grid(group, max_voxels)
    values = np.zeros(grid.shape, np.float32)
    valid = np.ones(grid.shape, np.bool_)
    for place, frame_values, frame_valid in _read_frames(group, openers, codec):
        thinned, seen = _thin(frame_values, frame_valid, grid.together)
        for number, weight in grid.uses(place):
            values[number] += np.float32(weight) * thinned
            valid[number] &= seen
    return Volume(
        values=values,
        affine=grid.affine,
        valid=None if bool(valid.all()) else valid,
        modality=group.modality,
    )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SliceGrid:
    """Where the voxels of a volume lie, and how slices make them.

    Attributes
    ----------
    shape
        Slices, rows, columns.
    affine
        As `Volume` has it.
    together
        How many columns, and rows, make one.
    places
        Where each even slice lies among those of the series, counted from 0, with fractions.
    """

    shape: tuple[int, int, int]
    affine: Affine
    together: int
    places: NDArray[np.float64]

    def uses(self, place: int) -> Iterator[tuple[int, float]]:
        """Give the even slices that a slice of the series takes part in, with its weight."""
        weights = 1 - np.abs(self.places - place)
        for number in np.flatnonzero(weights > 0):
            yield int(number), float(weights[number])


def make_grid(group: SliceGroup, max_voxels: int = MAX_VOXELS) -> SliceGrid:
    """Return the grid of a volume; errors as `read_volume`."""
    planes = group.planes
    first, last = planes[0], planes[-1]
    distances = np.concatenate(([0.0], np.cumsum(gaps_mm(planes))))
    count = len(planes) if group.is_even else _even_count(distances)
    together = _together(first, count, max_voxels)
    affine = plane_affine(first)
    reach = np.subtract(last.position, first.position)
    affine[:3, 2] = reach / (count - 1) if count > 1 else np.multiply(first.normal, 1.0)
    affine[:3, 3] += affine[:3, :2].sum(axis=1) * (together - 1) / 2
    affine[:3, :2] *= together
    even = np.linspace(0.0, float(distances[-1]), count)
    places = np.arange(count, dtype=np.float64) if group.is_even else np.interp(even, distances, np.arange(len(planes)))
    rows, columns = -(-first.rows // together), -(-first.columns // together)
    return SliceGrid(shape=(count, rows, columns), affine=affine, together=together, places=places)


def plane_affine(plane: Plane) -> Affine:
    """Return where the pixels of a frame lie, as the affine of a volume of one slice, 1 mm thick."""
    affine = np.eye(4)
    affine[:3, 0] = np.multiply(plane.along_row, plane.column_spacing_mm)
    affine[:3, 1] = np.multiply(plane.along_column, plane.row_spacing_mm)
    affine[:3, 2] = plane.normal
    affine[:3, 3] = plane.position
    return affine


def _even_count(distances: NDArray[np.float64]) -> int:
    """Return how many even slices hold what uneven ones show: as dense as these, where that is not too many."""
    gaps = np.diff(distances)
    wanted = round(float(distances[-1]) / float(gaps.min())) + 1
    return min(wanted, _MORE_SLICES * len(distances))


def _together(plane: Plane, count: int, max_voxels: int) -> int:
    for together in range(1, _MOST_TOGETHER + 1):
        if count * math.ceil(plane.rows / together) * math.ceil(plane.columns / together) <= max_voxels:
            return together
    raise HoldError(f"head scan: {VolumeFault.TOO_LARGE.value}", remedy=REMEDY)


def _read_frames(
    group: SliceGroup, openers: Sequence[Opener], codec: FrameCodec
) -> Iterator[tuple[int, Values, NDArray[np.bool_]]]:
    at = 0
    while at < len(group.slices):
        instance = group.slices[at].instance
        with openers[instance]() as (start, facts):
            frames = open_frames(start, facts, codec)
            if frames is None:
                raise HoldError(f"head scan: {VolumeFault.NO_PIXELS.value}", remedy=REMEDY)
            while at < len(group.slices) and group.slices[at].instance == instance:
                yield at, *read_frame(frames, group.slices[at])
                at += 1


def read_frame(frames: Frames, one: Slice) -> tuple[Values, NDArray[np.bool_]]:
    """Return the modality values of a frame, and which pixels were scanned.

    Raises
    ------
    HoldError
        These are colours.
    DicomFormatError
        It cannot be decoded.
    """
    if frames.layout.photometric not in GREY:
        raise HoldError(f"head scan: {VolumeFault.NOT_GREY.value}", remedy=REMEDY)
    if one.frame >= frames.count:
        raise DicomFormatError("Pixel Data: expected as many frames as Number of Frames says, got fewer")
    stored = stored_values(frames.frame(one.frame), frames.layout)
    values = Scale.of(one, frames.layout).values(stored)
    scanned = ~find_unscanned(frames, stored, values, one.modality)
    if one.modality == "CT":
        return np.maximum(values, np.float32(CT_AIR_HU)), scanned
    padding = find_padding(frames, stored)
    if padding.any():  # air, whatever number stands there
        values[padding] = values[~padding].min(initial=0.0 if padding.all() else np.inf)
    return values, scanned


def find_unscanned(frames: Frames, stored: NDArray[np.int64], values: Values, modality: str) -> NDArray[np.bool_]:
    """Return which pixels hold no measurement: what lies outside of the circle that a CT was reconstructed in.

    Where padding ends at the skin instead, a program has put it in the place of air. It is taken for air then, and goes
    with the face: left as it is, its edge would be the profile. So is padding in all that is no CT.
    """
    if modality != "CT":
        return np.zeros(stored.shape, np.bool_)
    return find_outside(values, find_padding(frames, stored))


def find_outside(values: Values, padding: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which pixels of a CT slice lie outside of what was scanned.

    Parameters
    ----------
    values
        Hounsfield units.
    padding
        What is known to be padding.
    """
    padding = padding | np.less(values, _SCANNED_HU)
    edge = np.logical_and(_neighbours(padding), ~padding)
    around = int(np.count_nonzero(edge))
    if around and np.count_nonzero(values[edge] > _NO_AIR_HU) > _MOSTLY * around:
        return np.zeros(values.shape, np.bool_)
    return padding


def find_padding(frames: Frames, stored: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which stored values of a frame are Pixel Padding."""
    padding = read_background(frames.layout, frames.facts, frames.header).padding
    if padding is None:
        return np.zeros(stored.shape, np.bool_)
    return np.asarray((stored >= padding[0]) & (stored <= padding[1]))


def _neighbours(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what lies beside a mask, with the mask."""
    found = mask.copy()
    found[1:] |= mask[:-1]
    found[:-1] |= mask[1:]
    found[:, 1:] |= mask[:, :-1]
    found[:, :-1] |= mask[:, 1:]
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """How stored values mean modality values.

    Attributes
    ----------
    slope, intercept
        From stored to modality values.
    """

    slope: float
    intercept: float

    @classmethod
    def of(cls, one: Slice, layout: FrameLayout) -> "Scale":
        """Return that of a frame; where low values are shown white and mean no units, upside down."""
        if layout.photometric == "MONOCHROME1" and one.modality != "CT":
            low, high = value_range(layout)
            return cls(slope=-one.slope, intercept=one.intercept + one.slope * (low + high))
        return cls(slope=one.slope, intercept=one.intercept)

    def values(self, stored: NDArray[np.int64]) -> Values:
        """Return modality values."""
        return (stored * self.slope + self.intercept).astype(np.float32)

    def stored(self, values: Values, layout: FrameLayout) -> NDArray[np.int64]:
        """Return the nearest stored values of modality values."""
        low, high = value_range(layout)
        exact = (values.astype(np.float64) - self.intercept) / self.slope
        return np.clip(np.rint(exact), low, high).astype(np.int64)


def _thin(values: Values, scanned: NDArray[np.bool_], together: int) -> tuple[Values, NDArray[np.bool_]]:
    """Return the mean of so many columns and rows; scanned is what was so everywhere."""
    if together == 1:
        return values, scanned
    rows, columns = values.shape
    edge = ((0, -rows % together), (0, -columns % together))
    tiles = np.pad(values, edge, mode="edge"), np.pad(scanned, edge, mode="edge")
    shape = tiles[0].shape[0] // together, together, tiles[0].shape[1] // together, together
    mean: Values = tiles[0].reshape(shape).mean(axis=(1, 3), dtype=np.float32)
    return mean, np.asarray(np.all(tiles[1].reshape(shape), axis=(1, 3)))
