"""The report of a run as a page for people and as JSON for programs. Neither holds an identifying value."""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from scanward.adapters.home import make_private_folder
from scanward.errors import OutputError
from scanward.model.attribute import Action, Reason
from scanward.model.report import Change, Outcome, RunReport, StudyReport

FORMAT_VERSION = 1
"""Version of the JSON."""

MAX_STUDIES_IN_DETAIL = 1000
"""The page shows so many studies in detail, so that a browser opens it; the JSON has them all."""

ACTION_WORDS: Mapping[Action, tuple[str, str]] = {
    Action.REMOVE: ("Removed", "The Attribute is not in the output."),
    Action.EMPTY: ("Emptied", "The Attribute is there without a value, since the standard wants it to be there."),
    Action.DUMMY: ("Replaced", "The value is a made-up one, a pseudonym or a shifted date."),
    Action.UID: ("New UID", "The UID is a new one, the same wherever the old one stood, so that references hold."),
    Action.CLEAN: ("Cleaned", "What identifies was taken out of the value, what is clinical stayed."),
    Action.KEEP: ("Kept", "The value is unchanged."),
}
"""The action codes of PS3.15 in words, in the order they are shown."""

OUTCOME_WORDS: Mapping[Outcome, tuple[str, str]] = {
    Outcome.RELEASED: ("Released", "De-identified, checked, and in the folder of the outputs."),
    Outcome.HELD: (
        "Held",
        (
            "Waits for a person, most often because the picture may show text. Look at these instances in the source; "
            "if no name or number is burned in, run the same command with --release-unchecked-pixels."
        ),
    ),
    Outcome.QUARANTINED: (
        "Quarantined",
        (
            "Could not be de-identified with certainty, so nothing of it left. The reason tells whether the file is "
            "damaged (export it again from the archive) or of a kind that Scanward does not take yet."
        ),
    ),
    Outcome.NOT_DICOM: ("Not DICOM", "Left alone and counted, so that the numbers add up."),
}
"""The outcomes in words, with what a person can do."""


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
        _write(json_path, json.dumps(to_json(report), ensure_ascii=False) + "\n")
        _write(html_path, render_page(report))
    except OSError as error:
        raise _unwritable(error) from None


def _unwritable(error: OSError) -> OutputError:
    return OutputError(
        f"the report cannot be written: {os.strerror(error.errno or 0)}", remedy="Name another file with --report."
    )


def _write(path: Path, text: str) -> None:
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        staged.write_text(text, encoding="utf-8")
        staged.replace(path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise


def to_json(report: RunReport) -> dict[str, Any]:
    """Return `report` as plain values, in a fixed order.

    What was done stands once in ``changes``; each study says how many instances it was done to, by position in that
    list. So the file stays small where many studies are treated alike.
    """
    kinds = sorted({change for study in report.studies for change in study.changes})
    numbers = {change: number for number, change in enumerate(kinds)}
    return {
        "format": FORMAT_VERSION,
        "run_id": report.run_id,
        "version": report.version,
        "profile": report.profile,
        "profile_description": report.profile_description,
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
        "studies": [_study_json(study, numbers) for study in report.studies],
    }


def _counts(outcomes: Mapping[Outcome, int]) -> dict[str, int]:
    return {outcome.value: outcomes.get(outcome, 0) for outcome in Outcome}


def _study_json(study: StudyReport, numbers: Mapping[Change, int]) -> dict[str, Any]:
    return {
        "patient": study.patient,
        "study_uid": study.study_uid,
        "modalities": list(study.modalities),
        "outcomes": _counts(study.outcomes),
        "changes": [[numbers[change], count] for change, count in sorted(study.changes.items())],
        "stopped": dict(sorted(study.stopped.items())),
        "residual": list(study.residual),
        "identifiers": dict(sorted(study.identifiers.items())),
    }


@dataclass(frozen=True, kw_only=True)
class ChangeGroup:
    """Attributes of one study that were treated alike for the same reason: (name, number of instances)."""

    action: Action
    reason: Reason
    attributes: Sequence[tuple[str, int]]


@dataclass(frozen=True, kw_only=True)
class AttributeRow:
    """What was done to one Attribute over all studies."""

    change: Change
    instances: int
    studies: int


def group_changes(changes: Mapping[Change, int]) -> list[ChangeGroup]:
    """Return `changes` grouped by action and reason, in the order of `ACTION_WORDS`."""
    order = list(ACTION_WORDS)
    ordered = sorted(changes.items(), key=lambda item: (order.index(item[0].action), item[0].reason, item[0]))
    return [
        ChangeGroup(
            action=action,
            reason=reason,
            attributes=[(change.attribute or change.tag, count) for change, count in group],
        )
        for (action, reason), group in groupby(ordered, key=lambda item: (item[0].action, item[0].reason))
    ]


def sum_changes(studies: Sequence[StudyReport]) -> list[AttributeRow]:
    """Return what was done to each Attribute over all `studies`, by tag."""
    instances: Counter[Change] = Counter()
    met: Counter[Change] = Counter()
    for study in studies:
        instances.update(study.changes)
        met.update(study.changes.keys())
    return [
        AttributeRow(change=change, instances=instances[change], studies=met[change])
        for change in sorted(instances, key=lambda change: (change.tag, change))
    ]


def _reasons_with_studies(studies: Sequence[StudyReport]) -> list[tuple[str, int, list[int]]]:
    """Return why inputs were held or quarantined: (reason, inputs, numbers of the studies), most frequent first."""
    inputs: Counter[str] = Counter()
    where: dict[str, list[int]] = defaultdict(list)
    for number, study in enumerate(studies, 1):
        for reason, count in study.stopped.items():
            inputs[reason] += count
            where[reason].append(number)
    return [(reason, count, where[reason]) for reason, count in inputs.most_common()]


def render_page(report: RunReport) -> str:
    """Return `report` as one HTML page that needs nothing from elsewhere and no script."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(n=lambda number: f"{number:,}", plural=_plural, size=_size, when=_when)
    residual = Counter(text for study in report.studies for text in study.residual)
    identifiers: Counter[str] = Counter()
    for study in report.studies:
        identifiers.update(study.identifiers)
    return environment.get_template("report.html.j2").render(
        report=report,
        headline=headline(report),
        outcomes=[(outcome, *OUTCOME_WORDS[outcome], report.outcomes.get(outcome, 0)) for outcome in Outcome],
        total=sum(report.outcomes.values()),
        action_words=ACTION_WORDS,
        kept=Action.KEEP,
        stopped=_reasons_with_studies(report.studies),
        skipped=Counter(report.skipped).most_common(),
        residual=residual.most_common(),
        identifiers=identifiers.most_common(),
        attributes=sum_changes(report.studies),
        group_changes=group_changes,
        detailed=MAX_STUDIES_IN_DETAIL,
        duration=_duration(report),
        Outcome=Outcome,
    )


def headline(report: RunReport) -> str:
    """Return what became of the inputs in a few sentences."""
    counts = {outcome: report.outcomes.get(outcome, 0) for outcome in Outcome}
    released, held, stopped = counts[Outcome.RELEASED], counts[Outcome.HELD], counts[Outcome.QUARANTINED]
    other = counts[Outcome.NOT_DICOM]
    sentences = [
        (
            f"{released:,} of {_plural(report.found, 'input')} {'was' if released == 1 else 'were'} released, "
            f"in {_plural(len(report.studies), 'study', 'studies')}."
        )
    ]
    if held:
        sentences.append(f"{held:,} {'waits' if held == 1 else 'wait'} for a person.")
    if stopped:
        sentences.append(f"{stopped:,} could not be de-identified with certainty.")
    if other:
        sentences.append(f"{other:,} {'is' if other == 1 else 'are'} not DICOM.")
    if not held and not stopped:
        sentences.append("Nothing was held back.")
    return " ".join(sentences)


def _plural(number: int, one: str, many: str = "") -> str:
    """Return `number` with the word for what it counts."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _size(number: int) -> str:
    """Return a number of bytes in the unit that fits."""
    value = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:,.0f} {unit}" if unit == "bytes" else f"{value:,.1f} {unit}"
        value /= 1000
    return f"{value:,.1f} TB"


def _when(text: str) -> str:
    """Return an ISO 8601 time as a person reads it."""
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M UTC") if text else "not finished"


def _duration(report: RunReport) -> str:
    """Return how long the run took, in words; empty when it is not finished."""
    if not report.finished:
        return ""
    took = datetime.fromisoformat(report.finished) - datetime.fromisoformat(report.started)
    seconds = max(took.total_seconds(), 0.0)
    if seconds < 60:
        return f"{seconds:.1f} seconds"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
