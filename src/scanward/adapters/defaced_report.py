"""The report of `scanward deface` as JSON, for the sender alone: it says which output came of which input."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Final

from scanward.adapters.home import make_private_folder
from scanward.adapters.private_files import write_private
from scanward.errors import OutputError
from scanward.model.defaced import DefacedFile, DefaceReport

FORMAT_VERSION: Final = 1
"""Version of the JSON."""


def choose_path(report: DefaceReport, *, home: Path, wanted: Path | None) -> Path:
    """Return where the report goes: `wanted`, else a new file among the reports in `home`."""
    if wanted is not None:
        return wanted
    stamp = "".join(character for character in report.started[:19] if character.isdigit() or character == "T")
    return home / "reports" / f"{stamp}-deface" / "report.json"


def verify_writable(path: Path, *, out: Path) -> None:
    """Raise `OutputError` unless a report can be written to `path`, and does not lie among what leaves."""
    if Path(os.path.realpath(out)) in Path(os.path.realpath(path)).parents:
        raise OutputError(
            "the report would lie among the outputs, and it says which file each came of",
            remedy="Name a file outside of the folder for the outputs.",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(error) from None
    if path.is_dir() or not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError("the report cannot be written there", remedy="Name a file in a folder you may write to.")


def write_report(report: DefaceReport, path: Path) -> None:
    """Write `report` with mode 0600; it is there whole or not at all.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    content = {
        "format": FORMAT_VERSION,
        "version": report.version,
        "faces": report.policy,
        "recipient": report.recipient,
        "looked_by": report.looked_by,
        "started": report.started,
        "finished": report.finished,
        "found": len(report.files),
        "outcomes": {outcome.value: count for outcome, count in report.outcomes.items()},
        "files": [_file_json(one) for one in report.files],
    }
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    try:
        if path.parent.parent.name == "reports":
            make_private_folder(path.parent)
        write_private(path, text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise _unwritable(error) from None


def _file_json(one: DefacedFile) -> dict[str, object]:
    return {
        "source": one.source,
        "outcome": one.outcome.value,
        "output": one.output,
        "finding": one.finding.value if one.finding is not None else "",
        "reasons": list(one.reasons),
        "remedy": one.remedy,
        "figures": {name: value for name, value in asdict(one.figures).items() if value is not None},
        "volumes": one.volumes,
        "cleared": list(one.cleared),
    }


def _unwritable(error: OSError) -> OutputError:
    return OutputError(
        f"the report cannot be written: {os.strerror(error.errno or 0)}", remedy="Name another file with --report."
    )
