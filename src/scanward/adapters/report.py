"""The report of a run as a page for people and as JSON for programs. Neither holds an identifying value."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scanward.adapters.home import make_private_folder
from scanward.adapters.private_files import write_private
from scanward.adapters.report_documents import documents_to_json
from scanward.adapters.report_faces import volumes_to_json
from scanward.adapters.report_page import render_page
from scanward.adapters.report_risks import Numbers, number_risks, risks_to_json, shown_to_json
from scanward.errors import OutputError
from scanward.model.report import Change, Outcome, PixelTally, RunReport, StudyReport

FORMAT_VERSION = 1
"""Version of the JSON."""


def choose_paths(report: RunReport, *, home: Path, wanted: Path | None = None) -> tuple[Path, Path]:
    """Return the paths of page and JSON: `wanted` and beside it, else a new folder among the reports in `home`."""
    if wanted is not None:
        return wanted, wanted.with_suffix(".json")
    stamp = "".join(character for character in report.started[:19] if character.isdigit() or character == "T")
    folder = home / "reports" / "-".join(filter(None, (stamp, report.run_id)))
    return folder / "report.html", folder / "report.json"


def verify_writable(page: Path) -> None:
    """Raise `OutputError` unless a report can be written to `page`, so that a long run is not lost for its report."""
    if page.suffix == ".json":
        raise OutputError("the report page and its JSON would have the same name", remedy="Name it .html.")
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(error) from None
    if page.is_dir() or not os.access(page.parent, os.W_OK | os.X_OK):
        raise OutputError("the report cannot be written there", remedy="Name a file in a folder you may write to.")


def write_report(report: RunReport, html_path: Path, json_path: Path) -> None:
    """Write `report` as a page and as JSON; each is there whole or not at all.

    Raises
    ------
    OutputError
        When a file cannot be written.
    """
    try:
        if html_path.parent.exists():
            pass
        elif html_path.parent.parent.name == "reports":
            make_private_folder(html_path.parent)
        else:
            html_path.parent.mkdir(parents=True, exist_ok=True)
        write_private(json_path, (json.dumps(to_json(report), ensure_ascii=False) + "\n").encode())
        write_private(html_path, render_page(report).encode())  # pictures of heads show who it is
    except OSError as error:
        raise _unwritable(error) from None


def _unwritable(error: OSError) -> OutputError:
    return OutputError(
        f"the report cannot be written: {os.strerror(error.errno or 0)}", remedy="Name another file with --report."
    )


def to_json(report: RunReport) -> dict[str, Any]:
    """Return `report` as plain values, in a fixed order.

    What was done stands once in ``changes``; each study says how many instances it was done to, by position in that
    list, and what could remain in it by position in ``risks``. So the file stays small where many studies are alike.
    """
    kinds = sorted({change for study in report.studies for change in study.changes})
    numbers = {change: number for number, change in enumerate(kinds)}
    risks = number_risks(report.studies)
    return {
        "format": FORMAT_VERSION,
        "run_id": report.run_id,
        "version": report.version,
        "profile": report.profile,
        "profile_description": report.profile_description,
        "pixels": report.pixels,
        "faces": report.faces,
        "body": report.body,
        "text": report.text,
        "looked_by": list(report.looked_by),
        "recipient": report.recipient,
        "standard_edition": report.standard_edition,
        "started": report.started,
        "finished": report.finished,
        "found": report.found,
        "resumed": report.resumed,
        "bytes_released": report.bytes_released,
        "outcomes": _counts(report.outcomes),
        "skipped": dict(sorted(report.skipped.items())),
        "changes": [
            {
                "attribute": change.attribute,
                "tag": change.tag,
                "action": change.action.value,
                "reason": change.reason.value,
            }
            for change in kinds
        ],
        "risks": risks_to_json(risks),
        "studies": [_study_json(study, numbers, risks) for study in report.studies],
    }


def _counts(outcomes: Mapping[Outcome, int]) -> dict[str, int]:
    return {outcome.value: outcomes.get(outcome, 0) for outcome in Outcome}


def _study_json(study: StudyReport, numbers: Mapping[Change, int], risks: Numbers) -> dict[str, Any]:
    return {
        "patient": study.patient,
        "study_uid": study.study_uid,
        "modalities": list(study.modalities),
        "outcomes": _counts(study.outcomes),
        "changes": [[numbers[change], count] for change, count in sorted(study.changes.items())],
        "stopped": dict(sorted(study.stopped.items())),
        "shown": shown_to_json(study.shown),
        "residual": [risks[risk] - 1 for risk in study.residual],
        "identifiers": dict(sorted(study.identifiers.items())),
        "pixels": _pixels_json(study.pixels),
        "faces": volumes_to_json(study.faces),
        "documents": documents_to_json(study.documents),
    }


def _pixels_json(tally: PixelTally) -> dict[str, Any]:
    return {
        "looked_at": tally.looked_at,
        "not_looked_at": tally.unseen,
        "words_kept": tally.kept_words,
        "regions": tally.regions,
        "filled": {
            uid: [
                {
                    "frames": [box.first_frame, box.last_frame],
                    "x": box.x,
                    "y": box.y,
                    "width": box.width,
                    "height": box.height,
                    "found_by": box.found_by.value,
                }
                for box in boxes
            ]
            for uid, boxes in sorted(tally.redactions.items())
        },
        "screens": [
            {
                **asdict(screen),
                "looked_at": count,
                "filled": sorted(uid for uid, one in tally.screen_of.items() if one == screen),
            }
            for screen, count in sorted(tally.screens.items())
        ],
    }
