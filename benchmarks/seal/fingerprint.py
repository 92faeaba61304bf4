"""Export fingerprint: how often a leaked export names its recipient among 100, and an unmarked one anybody."""

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import cv2

from benchmarks.seal.lookup import load_films
from benchmarks.table import format_table
from scanward.seal.forensics.fingerprint import GRID, find_recipient, mark_export
from scanward.seal.forensics.register import register
from tests.common import copies

CHANGES: dict[str, copies.Change] = {
    "PNG": lambda one: one,
    "JPEG 75": lambda one: copies.jpeg(one, 75),
    "0.5 x, JPEG 40": lambda one: copies.jpeg(copies.shrunk(one, 0.5), 40),
    "screenshot": copies.screenshot,
    "cut 10 %, JPEG 75": lambda one: copies.jpeg(copies.cut(one, 0.1), 75),
    "CLAHE": lambda one: copies.clahe(one, 2),
}

RECIPIENTS = 100
UNMARKED_SETS = 10
"""So many sets of other keys each unmarked copy is tried with."""

LEAST_SIDE = 500


def run(data: Path | None, *, every: bool = False, films: int = 10) -> dict[str, Any]:
    """Print the table, return its figures."""
    cv2.setNumThreads(1)
    pictures = {
        name: copies.fitted(one, 2000) for name, one in load_films(data).items() if min(one.shape) >= LEAST_SIDE
    }
    names = list(pictures) if every else list(pictures)[:: max(len(pictures) // films, 1)][:films]
    keys = _keys(0)
    rows, results = [], {}
    for what, change in CHANGES.items():
        named, accused, tried, true, wrong, noise = 0, 0, 0, [], [], []
        for number, name in enumerate(names):
            own, about = f"recipient {number * 7 % RECIPIENTS}", name.encode()
            marked = mark_export(pictures[name], keys[own], about)
            noise.append(cv2.PSNR(pictures[name], marked))
            found = find_recipient(pictures[name], change(marked), keys, about)
            named += found.recipient == own
            true.append(next(one.score for one in found.scores if one.name == own))
            wrong.append(max(one.score for one in found.scores if one.name != own))
            plain = change(pictures[name])
            laid = register(pictures[name], plain, GRID)
            for other in range(UNMARKED_SETS):
                finding = find_recipient(pictures[name], plain, _keys(other), about, registered=laid)
                wrong.append(finding.scores[0].score)
                accused += finding.recipient is not None
                tried += 1
        results[what] = {
            "named": named,
            "of": len(names),
            "lowest_true": min(true),
            "highest_wrong": max(wrong),
            "least_score": found.least_score,
            "unmarked": tried,
            "accused": accused,
            "lowest_psnr_db": min(noise),
        }
        rows.append(
            (
                what,
                f"{named}/{len(names)}",
                f"{min(true):.1f}",
                f"{max(wrong):.1f}",
                f"{accused}/{tried}",
                f"{min(noise):.1f}",
            )
        )
        print("  ", *rows[-1], flush=True)
    print(f"\nExport fingerprint: among {RECIPIENTS}; somebody is named from a score of {found.least_score:.1f}")
    print(format_table(("copy", "named", "least true", "most wrong", "unmarked: named", "dB"), rows))
    return results


def _keys(number: int) -> dict[str, bytes]:
    return {f"recipient {one}": hashlib.sha256(f"{number} {one}".encode()).digest() for one in range(RECIPIENTS)}


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--all", action="store_true", dest="every")
    parser.add_argument("--films", type=int, default=10)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results = run(arguments.data, every=arguments.every, films=arguments.films)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
