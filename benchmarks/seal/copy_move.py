"""Copy-move: false alarms on scans that nobody edited, and copies found, exact and changed."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.seal.clean_scans import (
    SERIES,
    Samples,
    iterate_single_files,
    read_films,
    read_other_films,
    read_series,
)
from benchmarks.seal.tampering import pick_spot, soft_disc
from benchmarks.table import format_table
from scanward.model.signs import Copy, Measured, Outcome
from scanward.seal.forensics.copy_move import find_copies
from scanward.seal.forensics.planes import to_greys, to_plane

EXACT_SIDES = (16, 20, 32)
CHANGES = {
    "moved, JPEG 90": (0.0, 1.0, 90),
    "moved, JPEG 75": (0.0, 1.0, 75),
    "turned 15, scaled 1.25": (15.0, 1.25, 0),
    "turned 15, scaled 1.25, JPEG 90": (15.0, 1.25, 90),
}
RADII = (20, 32)
SCANS = 4
"""Of each kind."""


def _is_found(copies: tuple[Copy, ...], spots: tuple[tuple[int, int], tuple[int, int]], radius: float) -> bool:
    middles = [
        ((place.top + place.bottom) / 2, (place.left + place.right) / 2)
        for copy in copies
        for place in (copy.first, copy.second)
    ]
    return all(any(np.hypot(y - spot[0], x - spot[1]) < radius + 6 for y, x in middles) for spot in spots)


def _pick_two(
    plane: NDArray[np.float32], radius: int, rng: np.random.Generator
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    for _ in range(200):
        one, other = pick_spot(plane, radius, rng), pick_spot(plane, radius, rng)
        if one is None or other is None:
            return None
        if np.hypot(one[0] - other[0], one[1] - other[1]) > 3 * radius:
            return one, other
    return None


def _clean(data: Path) -> Iterator[tuple[str, list[Samples]]]:
    for film in read_films(data):
        yield ("films made by a generator" if film.is_generated else "films"), [film.samples]
    for film in read_other_films(data):
        yield "films of other sources", [film.samples]
    for name in SERIES:
        for samples in read_series(data, name, 6 if "MEMPRAGE" in name else 2):
            yield "slices of CT and MR", [samples]
    for _, frames in iterate_single_files(data):
        yield "all other files (screens, drawings, ultrasound)", frames[:1]


def count_false_alarms(data: Path) -> list[Measured]:
    """Return how many scans that nobody edited give a sign."""
    counts: dict[str, list[bool]] = {}
    for kind, frames in _clean(data):
        signs = find_copies(frames)
        if signs.outcome is not Outcome.CANNOT_TELL:
            counts.setdefault(kind, []).append(signs.outcome is Outcome.SIGN)
    between = "neighbouring slices, exact"
    for name in SERIES:
        slices = read_series(data, name, 6 if "MEMPRAGE" in name else 1)
        signs = find_copies(slices, exact_only=True)
        counts.setdefault(between, []).extend([False] * (len(slices) - 1 - len(signs.copies)))
        counts[between].extend([True] * len(signs.copies))
    return [Measured(what=kind, hits=sum(kept), of=len(kept)) for kind, kept in counts.items()]


def count_exact(scans: list[Samples], rng: np.random.Generator) -> list[Measured]:
    """Return how many exact copies of squares are found in their place."""
    out = []
    for side in EXACT_SIDES:
        found = []
        for samples in scans:
            spots = _pick_two(samples.astype(np.float32), side, rng)
            if spots is None:
                continue
            edited, half = samples.copy(), side // 2
            (y, x), (v, u) = spots
            edited[y - half : y + half, x - half : x + half] = samples[v - half : v + half, u - half : u + half]
            found.append(_is_found(find_copies([edited], exact_only=True).copies, spots, half))
        out.append(Measured(what=f"exact, {side} x {side}", hits=sum(found), of=len(found)))
    return out


def change(
    greys: NDArray[np.float32],
    spots: tuple[tuple[int, int], tuple[int, int]],
    radius: int,
    how: tuple[float, float, int],
) -> Samples:
    """Return a picture with a disc of it, turned and scaled, laid elsewhere; after a JPEG unless quality is 0."""
    (y, x), (v, u) = spots
    angle, scale, quality = how
    matrix = cv2.getRotationMatrix2D((float(u), float(v)), angle, scale)
    matrix[:, 2] += x - u, y - v
    moved = cv2.warpAffine(greys, matrix, greys.shape[::-1], flags=cv2.INTER_CUBIC)
    disc = soft_disc(greys.shape, (y, x), radius)
    edited = np.clip(np.rint(greys * (1 - disc) + moved * disc), 0, 255).astype(np.uint8)
    if not quality:
        return edited
    coded = cv2.imencode(".jpg", edited, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE))


def count_changed(scans: list[Samples], rng: np.random.Generator) -> list[Measured]:
    """Return how many changed copies are found in their place."""
    out = []
    for name, how in CHANGES.items():
        for radius in RADII:
            found = []
            for samples in scans:
                greys = to_greys(to_plane(samples))
                spots = _pick_two(greys, radius, rng)
                if spots is not None:
                    signs = find_copies([change(greys, spots, radius, how)])
                    found.append(_is_found(signs.copies, spots, radius))
            out.append(Measured(what=f"{name}, {2 * radius} across", hits=sum(found), of=len(found)))
    return out


def run(data: Path | None) -> dict[str, object]:
    """Print the tables; return the counts."""
    if data is None:
        print("Copy-move is not measured: there are no real scans here.")
        return {}
    cv2.setNumThreads(1)
    rng = np.random.default_rng(1)
    films = [one.samples for one in read_films(data) if not one.is_generated and one.samples.ndim == 2][:SCANS]
    slices = read_series(data, "CT abdomen (FNNDSC)", 3)[:SCANS]
    heads = read_series(data, "MR T1 head (Siemens)", 4)[2 : SCANS + 2]
    alarms = count_false_alarms(data)
    found = count_exact([*films, *slices, *heads], rng) + count_changed([*films, *slices], rng)
    for title, rows in (("false alarms", alarms), ("copies found in both places", found)):
        cells = [
            [one.what, f"{one.hits}/{one.of}", f"{one.rate:.3f}", f"{one.interval[0]:.3f} to {one.interval[1]:.3f}"]
            for one in rows
            if one.of
        ]
        print(f"\nCopy-move: {title}\n")
        print(format_table(["", "signs", "rate", "95% interval"], cells))
    return {"false_alarms": [asdict(one) for one in alarms], "found": [asdict(one) for one in found]}
