"""The report of `scanward text` as JSON, for the sender alone: it says which output came of which input."""

import json
import os
from itertools import count
from pathlib import Path
from typing import Final

from scanward.adapters.home import make_private_folder
from scanward.adapters.private_files import write_private
from scanward.errors import OutputError
from scanward.model.cleaned_texts import CleanedText, TextReport

FORMAT_VERSION: Final = 1
"""Version of the JSON."""


def choose_path(report: TextReport, *, home: Path, wanted: Path | None) -> Path:
    """Return where the report goes: `wanted`, else a new file among the reports in `home`."""
    if wanted is not None:
        return wanted
    stamp = "".join(character for character in report.started[:19] if character.isdigit() or character == "T")
    # Several runs may start within a second, as in a pipe.
    names = (f"{stamp}-text{f'-{number}' if number else ''}" for number in count())
    return next(folder for name in names if not (folder := home / "reports" / name).exists()) / "report.json"


def write_report(report: TextReport, path: Path) -> None:
    """Write `report` with mode 0600; it is there whole or not at all.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    content = {
        "format": FORMAT_VERSION,
        "version": report.version,
        "profile": report.profile,
        "text": report.text,
        "dates": report.dates,
        "recipient": report.recipient,
        "looked_by": report.looked_by,
        "started": report.started,
        "finished": report.finished,
        "found": len(report.files),
        "outcomes": {outcome.value: count for outcome, count in report.outcomes.items()},
        "replaced": dict(sorted(report.replaced.items())),
        "files": [_file_json(one) for one in report.files],
    }
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    try:
        if path.parent.parent.name == "reports":
            make_private_folder(path.parent)
        write_private(path, text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise OutputError(
            f"the report cannot be written: {os.strerror(error.errno or 0)}", remedy="Name another file with --report."
        ) from None


def _file_json(one: CleanedText) -> dict[str, object]:
    return {
        "source": one.source,
        "outcome": one.outcome.value,
        "output": one.output,
        "kind": one.kind,
        "replaced": dict(sorted(one.replaced.items())),
        "removed": list(one.removed),
        "reason": one.reason,
        "remedy": one.remedy,
    }
