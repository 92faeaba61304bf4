"""What a run prints at its end: counts that add up, and where everything lies."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from scanward.adapters.report_documents import documents_in_words, sum_documents
from scanward.adapters.report_faces import faces_in_words, sum_volumes
from scanward.model.report import Outcome, RunReport

MAX_REASONS = 4
"""So many reasons are printed for each outcome; the report has them all."""


def print_summary(report: RunReport, *, out: Path, page: Path, home: Path) -> None:
    """Print the counts of `report` and the places of the outputs, the report page and the keys."""
    for line in _lines(report, out=out, page=page, home=home):
        click.echo(line)


def _lines(report: RunReport, *, out: Path, page: Path, home: Path) -> Iterator[str]:
    width = max(len(f"{report.found:,}"), 5)
    for outcome in Outcome:
        yield f"{outcome.value:>12}  {report.outcomes.get(outcome, 0):>{width},}"
    yield f"{'found':>12}  {report.found:>{width},}" + (
        f"  ({report.resumed:,} by an earlier run of this command)" if report.resumed else ""
    )
    yield from _pixels(report)
    yield from _faces(report)
    yield from _documents(report)
    yield from _reasons(report)
    yield ""
    yield f"     outputs  {short(out)} ({report.bytes_released / 1e6:,.1f} MB in {len(report.studies):,} studies)"
    yield f"      report  {short(page)}"
    yield f"        keys  {short(home / 'keys')}: back them up with scanward keys export FILE"


def _pixels(report: RunReport) -> Iterator[str]:
    """Yield what looking at pixels came to."""
    changed = sum(len(study.pixels.redactions) for study in report.studies)
    regions = sum(study.pixels.regions for study in report.studies)
    kept = sum(study.pixels.kept_words for study in report.studies)
    unseen = sum(study.pixels.unseen for study in report.studies)
    lines = []
    if changed:
        lines.append(f"text was taken out of {changed:,} instances, {regions:,} regions")
    if kept:
        lines.append(f"{kept:,} words were kept, as the profile says")
    if unseen:
        lines.append(f"nobody looked at the pixels of {unseen:,} of the released instances")
    if lines:
        yield ""
        yield "Pixels:"
        yield from (f"{'':>12}  {line}" for line in lines)


def _faces(report: RunReport) -> Iterator[str]:
    """Yield what looking for faces in head scans came to."""
    lines = faces_in_words(sum_volumes(report.studies))
    if lines:
        yield ""
        yield "Faces in head scans:"
        yield from (f"{'':>12}  {line}" for line in lines)


def _documents(report: RunReport) -> Iterator[str]:
    """Yield what became of reports and other documents."""
    lines = documents_in_words(sum_documents(report.studies))
    if lines:
        yield ""
        yield "Documents:"
        yield from (f"{'':>12}  {line}" for line in lines)


def _reasons(report: RunReport) -> Iterator[str]:
    """Yield why instances were held or quarantined and inputs skipped, the most frequent first."""
    stopped: Counter[str] = Counter()
    for study in report.studies:
        stopped.update(study.stopped)
    for title, reasons in (("Held or quarantined", stopped), ("Left aside", Counter(report.skipped))):
        if not reasons:
            continue
        yield ""
        yield f"{title}:"
        for reason, count in reasons.most_common(MAX_REASONS):
            yield f"{count:>12,}  {reason}"
        rest = len(reasons) - MAX_REASONS
        if rest > 0:
            yield f"{'':>12}  and {rest} more reasons in the report"


def short(path: Path) -> str:
    """Return `path` as a person would type it: with ``~`` for the home directory."""
    text = str(path.absolute())
    user = str(Path.home())
    return f"~{text[len(user) :]}" if user != "/" and text.startswith(f"{user}{os.sep}") else text
