"""Which frames are the slices of one volume, in their order, and why some are none.

1. Slices of one series and frame of reference, of one orientation, size and spacing.
2. Where several lie at one place, what tells them apart: echo, time, diffusion weighting, kind of image, acquisition.
3. Is it a volume: enough slices, on one line, without gaps?
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from scanward.deidentify.faces.planes import MARKS, Plane, Point, Slice, dot
from scanward.errors import HoldError
from scanward.model.faces import VolumeFault

FEWEST_SLICES: Final = 15
"""A head cannot be told from fewer."""

MAX_GAP_MM: Final = 8.0
"""What lies between slices is not known; with more, the surface of a head cannot be followed."""

_SAME_MM: Final = 0.02
"""Slices closer than this lie at one place."""

_SAME_DIRECTION: Final = 2e-3
"""How far parts of unit vectors may differ: what devices round."""

_SAME_SHARE: Final = 1e-3
"""How far spacings may differ, of their length."""

_EVEN_SHARE: Final = 0.02
_BESIDE_MM: Final = 1.0
_WIDE: Final = 1.5
"""A gap so much wider than most may be a missing slice."""

_WIDE_RUN: Final = 2
"""So many wide gaps in a row are missing slices; more of them are another spacing, as many CT of the head have."""

GREY: Final = frozenset({"MONOCHROME1", "MONOCHROME2"})

REMEDY: Final = "Look at the series in the source; have it sent again whole, or leave it out."


@dataclass(frozen=True, kw_only=True, slots=True)
class SliceGroup:
    """Frames that belong together.

    Attributes
    ----------
    slices
        In the order of their places, along the normal; as they came where they have none.
    fault
        Why they are no volume that can be aligned; None where they are one.
    """

    slices: tuple[Slice, ...]
    fault: VolumeFault | None

    @property
    def frame_of_reference(self) -> tuple[str, str]:
        """What slices share whose places mean the same: the Frame of Reference, or else the series."""
        first = self.slices[0]
        return (first.frame_of_reference, "") if first.frame_of_reference else ("", first.series)

    @property
    def modality(self) -> str:
        """Modality."""
        return self.slices[0].modality

    @property
    def instances(self) -> tuple[int, ...]:
        """Places of their instances, each once."""
        return tuple(dict.fromkeys(one.instance for one in self.slices))

    def frames_of(self, instance: int) -> dict[int, Slice]:
        """Return the slices that an instance has of it, by the number of their frame."""
        return {one.frame: one for one in self.slices if one.instance == instance}

    @property
    def planes(self) -> tuple[Plane, ...]:
        """Where the slices lie; empty where that is not known."""
        return tuple(one.plane for one in self.slices if one.plane is not None)

    @property
    def is_placed(self) -> bool:
        """Whether it is known where each slice lies, so that a mask of another volume can be carried over."""
        return self.fault not in (VolumeFault.NO_GEOMETRY, VolumeFault.NOT_GREY)

    @property
    def has_grid(self) -> bool:
        """Whether its slices can be put on a grid, be they too few to find a head in."""
        return self.is_placed and self.fault not in (VolumeFault.DUPLICATES, VolumeFault.SHIFTED)

    @property
    def can_align(self) -> bool:
        """Whether a head could be found in it, be it that a slice is missing: what is between is near enough."""
        return self.fault in (None, VolumeFault.MISSING_SLICES)

    @property
    def is_even(self) -> bool:
        """Whether all slices are the same distance apart."""
        gaps = gaps_mm(self.planes)
        return not gaps or max(gaps) - min(gaps) <= _EVEN_SHARE * sum(gaps) / len(gaps) + _SAME_MM

    def require_volume(self) -> None:
        """Raise `HoldError` where this is no volume that can be aligned, with the reason."""
        if self.fault is not None:
            raise HoldError(f"head scan: {self.fault.value}", remedy=REMEDY)


def find_groups(slices: Iterable[Slice]) -> list[SliceGroup]:
    """Return the volumes that slices make, and what is none, each slice in one group."""
    groups: list[SliceGroup] = []
    for series in _by(slices, lambda one: (one.series, one.frame_of_reference, one.modality)):
        placed = [one for one in series if one.plane is not None and one.photometric in GREY and not one.has_table]
        rest = [one for one in series if one.plane is None]
        grey = {id(one) for one in placed}
        odd = [one for one in series if one.plane is not None and id(one) not in grey]
        if rest:
            groups.append(SliceGroup(slices=tuple(rest), fault=VolumeFault.NO_GEOMETRY))
        if odd:
            groups.append(SliceGroup(slices=tuple(odd), fault=VolumeFault.NOT_GREY))
        groups += _find_volumes(placed)
    return groups


def gaps_mm(planes: Sequence[Plane]) -> list[float]:
    """Return the distances from slice to slice, across them."""
    if not planes:
        return []
    normal = planes[0].normal
    return [dot(normal, after.position) - dot(normal, before.position) for before, after in pairwise(planes)]


# 1. What can be one volume at all


def _find_volumes(slices: list[Slice]) -> list[SliceGroup]:
    turned = _cluster(slices, _is_turned_alike)
    groups: list[SliceGroup] = []
    for alike in turned:
        sized = _cluster(alike, _is_sized_alike)
        for same in sized:
            for part in _split(same, 0):
                group = _judge(part)
                if group.fault is VolumeFault.FEW_SLICES and len(turned) > 1:
                    group = replace(group, fault=VolumeFault.MIXED_ORIENTATIONS)
                elif group.fault is VolumeFault.FEW_SLICES and len(sized) > 1:
                    group = replace(group, fault=VolumeFault.MIXED_SIZES)
                groups.append(group)
    return groups


def _is_turned_alike(one: Plane, other: Plane) -> bool:
    pairs = (*zip(one.along_row, other.along_row, strict=True), *zip(one.along_column, other.along_column, strict=True))
    return all(abs(left - right) <= _SAME_DIRECTION for left, right in pairs)


def _is_sized_alike(one: Plane, other: Plane) -> bool:
    return (
        (one.rows, one.columns) == (other.rows, other.columns)
        and abs(one.row_spacing_mm - other.row_spacing_mm) <= _SAME_SHARE * one.row_spacing_mm
        and abs(one.column_spacing_mm - other.column_spacing_mm) <= _SAME_SHARE * one.column_spacing_mm
    )


def _cluster(slices: list[Slice], is_alike: Callable[[Plane, Plane], bool]) -> list[list[Slice]]:
    clusters: list[tuple[Plane, list[Slice]]] = []
    for one in slices:
        if one.plane is None:
            continue
        for plane, members in clusters:
            if is_alike(plane, one.plane):
                members.append(one)
                break
        else:
            clusters.append((one.plane, [one]))
    return [members for _, members in clusters]


# 2. What tells slices at one place apart


def _split(slices: list[Slice], first_mark: int) -> list[list[Slice]]:
    """Return the slices of one orientation and size in parts, each with one slice at a place as far as that goes."""
    repeats = _repeats(slices)
    if repeats == 1:
        return [slices]
    for mark in range(first_mark, len(MARKS)):
        parts = _by(slices, lambda one, mark=mark: one.marks[mark])  # type: ignore[misc]
        # What differs from slice to slice anyway, as a time may, tells nothing.
        if 1 < len(parts) <= repeats and max(_repeats(part) for part in parts) < repeats:
            return [piece for part in parts for piece in _split(part, mark + 1)]
    return _split_passes(slices, repeats)


def _split_passes(slices: list[Slice], repeats: int) -> list[list[Slice]]:
    """Return slices in passes, where Instance Numbers say that one whole pass came after the other."""
    if any(one.number is None for one in slices):
        return [slices]
    ordered = sorted(slices, key=lambda one: one.number or 0)
    size = len(_places(slices))
    if len(ordered) != size * repeats or len({one.number for one in ordered}) != len(ordered):
        return [slices]
    parts = [ordered[start : start + size] for start in range(0, len(ordered), size)]
    return parts if all(_repeats(part) == 1 for part in parts) else [slices]


def _places(slices: list[Slice]) -> list[list[Slice]]:
    """Return slices by place, in the order along the normal of the first."""
    normal = _normal(slices)
    ordered = sorted(slices, key=lambda one: _along(normal, one))
    places: list[list[Slice]] = []
    for one in ordered:
        if places and _along(normal, one) - _along(normal, places[-1][0]) < _SAME_MM:
            places[-1].append(one)
        else:
            places.append([one])
    return places


def _repeats(slices: list[Slice]) -> int:
    return max(len(place) for place in _places(slices))


def _normal(slices: list[Slice]) -> Point:
    plane = slices[0].plane
    return (0.0, 0.0, 1.0) if plane is None else plane.normal


def _along(normal: Point, one: Slice) -> float:
    return 0.0 if one.plane is None else dot(normal, one.plane.position)


# 3. Whether it is a volume


def _judge(slices: list[Slice]) -> SliceGroup:
    places = _places(slices)
    ordered = tuple(one for place in places for one in place)
    group = SliceGroup(slices=ordered, fault=None)
    if len(places) < len(ordered) or len({(one.sop_instance_uid, one.frame) for one in ordered}) < len(ordered):
        return replace(group, fault=VolumeFault.DUPLICATES)
    if len(ordered) < FEWEST_SLICES:
        return replace(group, fault=VolumeFault.FEW_SLICES)
    gaps = gaps_mm(group.planes)
    if max(gaps) > MAX_GAP_MM + _SAME_MM:
        return replace(group, fault=VolumeFault.WIDE_GAPS)
    if _has_missing(gaps):
        return replace(group, fault=VolumeFault.MISSING_SLICES)
    if _is_beside_line(group.planes):
        return replace(group, fault=VolumeFault.SHIFTED)
    return group


def _has_missing(gaps: list[float]) -> bool:
    """Whether few gaps in a row are wider than most."""
    usual = Counter(round(gap, 1) for gap in gaps).most_common(1)[0][0]
    run, runs = 0, []
    for gap in gaps:
        if gap >= _WIDE * usual:
            run += 1
        elif run:
            runs.append(run)
            run = 0
    if run:
        runs.append(run)
    return any(length <= _WIDE_RUN for length in runs)


def _is_beside_line(planes: tuple[Plane, ...]) -> bool:
    """Whether any slice is shifted against the line from the first to the last, as that of a tilted gantry is."""
    first, last = planes[0], planes[-1]
    reach = last.distance_mm - first.distance_mm
    step = tuple((end - start) / reach for start, end in zip(first.position, last.position, strict=True))
    for plane in planes:
        along = dot(first.normal, plane.position) - first.distance_mm
        there = zip(plane.position, first.position, step, strict=True)
        if max(abs(at - (start + along * part)) for at, start, part in there) > _BESIDE_MM:
            return True
    return False


def _by(slices: Iterable[Slice], key: Callable[[Slice], Hashable]) -> list[list[Slice]]:
    found: dict[Hashable, list[Slice]] = {}
    for one in slices:
        found.setdefault(key(one), []).append(one)
    return list(found.values())
