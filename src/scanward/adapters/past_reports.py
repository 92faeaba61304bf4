"""Reads reports of runs back, as far as they tell on which screens of devices text was found, and where."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scanward.adapters.report import FORMAT_VERSION
from scanward.errors import ConfigError
from scanward.model.pixels import SEEN_BY
from scanward.model.screens import Box, Screen

_SEEN = frozenset(one.value for one in SEEN_BY)


def read_screens(paths: Iterable[Path]) -> Mapping[Screen, Sequence[Sequence[Box]]]:
    """Return by screen where text was found in each instance that was looked at.

    Parameters
    ----------
    paths
        JSON reports, or folders with any. Of several reports of one run the last counts, and an instance that several
        runs took text out of counts once.

    Raises
    ------
    ConfigError
        A file cannot be read, or is no report.
    """
    runs: dict[str, dict[str, Any]] = {}
    for report in _reports(paths):
        run_id = report.get("run_id", "")
        if run_id not in runs or report["finished"] >= runs[run_id]["finished"]:
            runs[run_id] = report
    found: dict[Screen, list[Sequence[Box]]] = {}
    known: set[str] = set()
    for report in runs.values():
        for study in report["studies"]:
            _add(study["pixels"], found, known)
    return found


def _add(pixels: dict[str, Any], found: dict[Screen, list[Sequence[Box]]], known: set[str]) -> None:
    for entry in pixels.get("screens", ()):
        screen = Screen(
            manufacturer=entry["manufacturer"],
            model=entry["model"],
            sop_class_uid=entry["sop_class_uid"],
            rows=entry["rows"],
            columns=entry["columns"],
        )
        boxes = found.setdefault(screen, [])
        boxes += [()] * (entry["looked_at"] - len(entry["filled"]))
        new = [uid for uid in entry["filled"] if uid not in known]
        boxes += [
            sorted(
                (box["x"], box["y"], box["width"], box["height"])
                for box in pixels["filled"][uid]
                if box["found_by"] in _SEEN
            )
            for uid in new
        ]
        known.update(new)


def _reports(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        if path.is_dir():
            read = (_read(one) for one in sorted(path.rglob("*.json")))
            yield from (report for report in read if report is not None)
            continue
        report = _read(path)
        if report is None:
            raise ConfigError(
                "expected the JSON report of a run, got another file", remedy="It is beside the page: report.json."
            )
        yield report


def _read(path: Path) -> dict[str, Any] | None:
    """Return a report, or None where the file is none that is known."""
    try:
        report = json.loads(path.read_text("utf-8"))
    except OSError:
        raise ConfigError("cannot read a report", remedy="Check the paths.") from None
    except ValueError:
        return None
    is_ours = isinstance(report, dict) and report.get("format") == FORMAT_VERSION
    return report if is_ours and {"studies", "finished", "standard_edition"} <= set(report) else None
