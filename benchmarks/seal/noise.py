"""Noise inconsistency: false alarms on clean frames, and edits found, by what noise is held against.

Frames with even numbers set the thresholds in the code; those with odd numbers are what is counted here.
"""

from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np

from benchmarks.seal.clean_scans import SERIES, Samples, read_films, read_other_films, read_series
from benchmarks.seal.tampering import edits, pick_spot
from benchmarks.table import format_table
from scanward.model.signs import Baseline, Measured, NoiseSigns, Outcome
from scanward.seal.forensics.noise import find_inconsistency, learn_series

RADIUS = 14
FILM_RADIUS = 28
STEPS = {"CT abdomen (FNNDSC)": 1, "MR T1 head (MEMPRAGE)": 6}
CLEAN = "clean"
LOCATED = 12
"""Pixels beside the edit that the middle of the region found may lie."""


class Tally:
    """Scores by group of scans, baseline and edit."""

    def __init__(self) -> None:
        self.scores: dict[tuple[str, Baseline, str], list[tuple[float, bool, bool]]] = {}

    def add(self, group: str, edit: str, signs: NoiseSigns, spot: tuple[int, int] | None, radius: int) -> None:
        """Keep what came of one frame: score, whether a sign, whether in the right place."""
        near = False
        if signs.region is not None and spot is not None:
            middle = (signs.region.top + signs.region.bottom) / 2, (signs.region.left + signs.region.right) / 2
            near = bool(np.hypot(middle[0] - spot[0], middle[1] - spot[1]) < radius + LOCATED)
        score = signs.score if np.isfinite(signs.score) else 0.0
        kept = self.scores.setdefault((group, signs.baseline, edit), [])
        kept.append((score, signs.outcome is Outcome.SIGN, near))

    def measured(self, baseline: Baseline, edit: str, group: str | None = None) -> Measured:
        """Return how often an edit gave a sign; of edits, in the right place."""
        rows = [
            one
            for (where, how, what), kept in self.scores.items()
            if how is baseline and what == edit and group in {None, where}
            for one in kept
        ]
        hits = sum(sign and (near or edit == CLEAN) for _, sign, near in rows)
        return Measured(what=f"{edit}, {group or 'all'}, held against the {baseline.value}", hits=hits, of=len(rows))


def look(tally: Tally, group: str, slices: list[Samples], radius: int, parity: int, rng: np.random.Generator) -> None:
    """Look at the frames of one series, or at films one by one when `radius` is that of films."""
    is_series = radius == RADIUS
    for number in range(parity, len(slices), 2):
        plane = slices[number].astype(np.float32)
        plane = plane[..., :3].mean(2) if plane.ndim == 3 else plane
        others = [one for index, one in enumerate(slices) if index != number]
        series = learn_series(others) if is_series else None
        neighbour = slices[min(number + 1, len(slices) - 1)].astype(np.float32) if is_series else None
        spot = pick_spot(plane, radius, rng)
        frames = {CLEAN: plane} | ({} if spot is None else edits(plane, spot, radius, neighbour, rng))
        for edit, frame in frames.items():
            tally.add(group, edit, find_inconsistency(frame), spot, radius)
            if series is not None:
                tally.add(group, edit, find_inconsistency(frame, series=series), spot, radius)


def tally_all(data: Path, parity: int, seed: int = 3) -> Tally:
    """Return scores of the frames of one parity."""
    cv2.setNumThreads(1)
    tally, rng = Tally(), np.random.default_rng(seed)
    for name in SERIES:
        look(tally, name, read_series(data, name, STEPS.get(name, 2)), RADIUS, parity, rng)
    films = [one.samples for one in [*read_films(data), *read_other_films(data)] if not one.is_generated]
    look(tally, "films", films, FILM_RADIUS, parity, rng)
    return tally


def run(data: Path | None) -> dict[str, object]:
    """Print the tables; return the counts."""
    if data is None:
        print("Noise inconsistency is not measured: there are no real scans here.")
        return {}
    tally = tally_all(data, parity=1)
    groups = list(dict.fromkeys(where for where, _, _ in tally.scores))
    names = list(dict.fromkeys(what for _, _, what in tally.scores))
    out: dict[str, object] = {}
    for baseline in Baseline:
        rows = []
        for edit in names:
            counts = [tally.measured(baseline, edit, group) for group in groups]
            whole = tally.measured(baseline, edit)
            if not whole.of:
                continue
            low, high = whole.interval
            cells = [f"{one.hits}/{one.of}" if one.of else "-" for one in counts]
            rows.append([edit, *cells, f"{whole.rate:.2f} ({low:.2f} to {high:.2f})"])
            out[whole.what] = asdict(whole)
        print(f"\nNoise held against the {baseline.value}: signs in the right place (clean: false alarms)\n")
        print(format_table(["edit", *groups, "rate (95% interval)"], rows))
    return out
