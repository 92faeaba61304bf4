"""Runs the measures of seals, of the log, and of what is known of scans without a seal, one after the other."""

import argparse
import importlib
import json
import sys
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "benchmarks"))

MEASURES = ("digest", "log", "signing", "lookup", "difference", "fingerprint", "copy_move", "noise", "synthetic")
"""In the order in which they are run; the last five look at pictures, and take minutes each."""

QUICK = frozenset({"digest", "log", "signing"})
"""Those that have a short form."""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of real scans")
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=MEASURES, metavar="NAME", help="only these")
    parser.add_argument("--quick", action="store_true", help="fewer rounds where there is a short form")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {}
    for name in MEASURES:
        if name not in arguments.only:
            continue
        print(f"\n== {name.replace('_', '-')} ==", flush=True)
        measure = importlib.import_module(f"benchmarks.seal.{name}")
        options = {"quick": True} if arguments.quick and name in QUICK else {}
        try:
            figures[name] = measure.run(arguments.data, **options)
        except Exception as error:  # noqa: BLE001 - the other measures are worth to be run
            traceback.print_exc()
            figures[name] = {"failed": type(error).__name__}
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, default=str), encoding="utf-8")
    if any("failed" in one for one in figures.values() if isinstance(one, dict)):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
