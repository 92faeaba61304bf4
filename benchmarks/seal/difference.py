"""Difference map: how well a copy that was edited is told from one that was not, by what else happened to both.

Films with even numbers set the threshold in the code; those with odd numbers are what is counted here.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.seal.lookup import Picture, load_films
from benchmarks.table import format_table
from scanward.errors import EvidenceError
from scanward.seal.forensics.difference import HOT, difference
from tests.common import copies

CHANGES: dict[str, copies.Change] = {
    "screenshot": copies.screenshot,
    "CLAHE 2, JPEG 75": lambda one: copies.jpeg(copies.clahe(one, 2), 75),
    "CLAHE 3.5 in 6 x 6, JPEG 75": lambda one: copies.jpeg(cv2.createCLAHE(3.5, (6, 6)).apply(one), 75),
    "JPEG 75": lambda one: copies.jpeg(one, 75),
    "0.5 x, JPEG 40": lambda one: copies.jpeg(copies.shrunk(one, 0.5), 40),
    "window and gamma": lambda one: copies.gamma(copies.windowed(one, 20, 224), 0.75),
    "cut 10 %, JPEG 75": lambda one: copies.jpeg(copies.cut(one, 0.1), 75),
    "turned 3, JPEG 75": lambda one: copies.jpeg(copies.turned(one, 3), 75),
}
"""What happens to a copy, edited or not; the third is of no kind that the code knows."""

Edit = Callable[[Picture, np.random.Generator], tuple[Picture, tuple[int, int, float]]]
EDITS: dict[str, Edit] = {
    "nodule +20, 4 %": copies.with_nodule,
    "nodule +10, 4 %": lambda one, rng: copies.with_nodule(one, rng, grey=10),
    "painted over, 6 %": copies.without_lesion,
}

LEAST_SIDE = 500


def run(data: Path | None, *, every: bool = False, films: int = 8, first: int = 1) -> dict[str, Any]:
    """Print the table, return its figures."""
    cv2.setNumThreads(1)
    pictures = {
        name: copies.fitted(one, 2000) for name, one in load_films(data).items() if min(one.shape) >= LEAST_SIDE
    }
    names = list(pictures)[first::2]
    names = names if every else names[:: max(len(names) // films, 1)]
    edits = EDITS if every else dict(list(EDITS.items())[:1])
    rows, results = [], {}
    for what, change in CHANGES.items():
        clean = [_measure(pictures[name], change(pictures[name])) for name in names]
        measured: dict[str, Any] = {"films": len(names), "clean": [one for one, _ in clean]}
        shown = [what, f"{np.median(measured['clean']):.1f}", f"{sum(one >= HOT for one, _ in clean)}/{len(names)}"]
        for kind, edit in edits.items():
            scores, hits = [], 0
            for name in names:
                edited, place = edit(pictures[name], np.random.default_rng(sum(map(ord, name))))
                score, peak = _measure(pictures[name], change(edited))
                scores.append(score)
                hits += peak is not None and np.hypot(peak[0] - place[0], peak[1] - place[1]) <= 2 * place[2] + 8
            area = _area_under_curve(measured["clean"], scores)
            told = sum(one >= HOT for one in scores)
            measured[kind] = {"auc": area, "told": told, "peak_on_it": int(hits), "scores": scores}
            shown += [f"{area:.3f}", f"{told}/{len(names)}", f"{hits}/{len(names)}"]
        results[what] = measured
        rows.append(shown)
        print("  ", *shown, flush=True)
    print(f"\nDifference map: {len(names)} films; told from a score of {HOT}")
    head = ["copy", "clean", "told"]
    for kind in edits:
        head += [f"{kind}: AUC", "told", "peak on it"]
    print(format_table(head, rows))
    return results


def _measure(original: Picture, suspect: Picture) -> tuple[float, tuple[float, float] | None]:
    """Return the highest score, and where it is in the original; a copy that cannot be laid over counts as 0."""
    try:
        found = difference(original, suspect)
    except EvidenceError:
        return 0.0, None
    row, column = np.unravel_index(int(found.scores.argmax()), found.scores.shape)
    return found.score, (float(row) / found.registered.scale, float(column) / found.registered.scale)


def _area_under_curve(clean: list[float], edited: list[float]) -> float:
    """Return how often an edited copy has a higher score than a clean one (Mann and Whitney 1947)."""
    apart = np.subtract.outer(edited, clean)
    return float(((apart > 0) + 0.5 * (apart == 0)).mean())


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--all", action="store_true", dest="every")
    parser.add_argument("--films", type=int, default=8)
    parser.add_argument("--first", type=int, default=1, help="0: the films that set the threshold")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results = run(arguments.data, every=arguments.every, films=arguments.films, first=arguments.first)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
