"""A score in the manner of MIDI-B: per category, how many answers of a key the outputs meet.

Over-deletion counts as much as a leak. The key is made with the sample studies (identifiers typed into descriptions)
and, where there are real scans, with TCIA's Pseudo-PHI MR series. Run by ``run.py``, or by itself:
``PYTHONPATH=src:. python benchmarks/midi_score.py --missed``.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contenders import ENVIRONMENT, ROOT, Job, scanward_command
from table import format_table

from tests.common.answer_key import AnswerKey, Category, missed, pseudophi_key, score, write_key_studies

GOAL = 0.9995
PROFILE = "research"
SEEDS = (7, 8, 9)
PSEUDO_PHI = "pseudophi/brainsciencecenter__flywheel-deidentification/pseudophi_mr_pair.zip"


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The score of one set.

    Attributes
    ----------
    counts
        Category -> answers met and asked.
    missed
        Category, file and element path of each answer that was not met, as text.
    """

    counts: dict[Category, tuple[int, int]]
    missed: list[str]


def main() -> None:
    """De-identify the sets of the key, print the score."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--missed", action="store_true", help="name each answer that is not met")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="midi-") as folder:
        sets = {title: judge(title, key, Path(folder)) for title, key in make_keys(Path(folder))}
    total = print_score(sets)
    if arguments.missed:
        for title, one in sets.items():
            print(*(f"{title}: {line}" for line in one.missed), sep="\n")
    if arguments.json:
        counts = {title: {str(name): list(pair) for name, pair in one.counts.items()} for title, one in sets.items()}
        arguments.json.write_text(json.dumps({"total": total, "goal": GOAL, "sets": counts}), encoding="utf-8")


def make_keys(folder: Path) -> Iterator[tuple[str, AnswerKey]]:
    """Write each set below `folder`; yield its title, which names its folder, and its key."""
    for seed in SEEDS:
        title = f"samples {seed}"
        yield title, write_key_studies(folder / title, seed=seed)
    archive = Path(os.environ.get("SCANWARD_TEST_DATA") or ROOT.parent / "shared" / "data") / PSEUDO_PHI
    if archive.exists():
        (folder / "Pseudo-PHI").mkdir()
        yield "Pseudo-PHI", pseudophi_key(archive, folder / "Pseudo-PHI")
    else:
        print("Without TCIA's Pseudo-PHI series: SCANWARD_TEST_DATA names no real scans.", file=sys.stderr)


def judge(title: str, key: AnswerKey, folder: Path) -> Scored:
    """De-identify the set `title` below `folder` and score what comes out."""
    job = Job(source=folder / title, out=folder / f"{title} out", work=folder / f"{title} beside")
    command = scanward_command(job, "--profile", PROFILE, "--release-unchecked-pixels", "--quiet")
    done = subprocess.run(command, env=ENVIRONMENT, check=False, capture_output=True, text=True)
    if done.returncode not in {0, 3}:
        raise SystemExit(f"scanward ended with {done.returncode}: {done.stderr.strip()}")
    return Scored(
        counts=score(key, job.source, job.out),
        missed=[f"{category}: {file} {path}" for category, file, path in missed(key, job.source, job.out)],
    )


def print_score(sets: dict[str, Scored]) -> float:
    """Print the table; return the share of answers met."""
    rows, met_total, asked_total = [], 0, 0
    for category in Category:
        pairs = [one.counts.get(category, (0, 0)) for one in sets.values()]
        met, asked = (sum(values) for values in zip(*pairs, strict=True))
        met_total, asked_total = met_total + met, asked_total + asked
        rows.append([str(category), *(_share(*pair) for pair in pairs), f"{met:,}", f"{asked:,}", _share(met, asked)])
    rows.append(["total", *(_share(*_sum(one)) for one in sets.values()), f"{met_total:,}", f"{asked_total:,}",
                 _share(met_total, asked_total)])  # fmt: skip
    print(f"\nMIDI-B style score of Scanward, profile {PROFILE}\n")
    print(format_table(("", *sets, "met", "asked", "share"), rows))
    total = met_total / asked_total
    print(f"\n  {'met    ' if total > GOAL else 'NOT met'}  more than {GOAL:.2%}")
    return total


def _sum(one: Scored) -> tuple[int, int]:
    met, asked = (sum(values) for values in zip(*one.counts.values(), strict=True))
    return met, asked


def _share(met: int, asked: int) -> str:
    if not asked:
        return "-"
    # Rounded down, so that only what is whole reads as 100.
    return f"{met * 10_000 // asked / 100:.2f}%"


if __name__ == "__main__":
    main()
