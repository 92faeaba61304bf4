"""What `scanward deface` prints at its end."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from scanward.cli.summary import MAX_REASONS, short
from scanward.model.defaced import DefaceReport, FileOutcome

_TITLES = {
    FileOutcome.RELEASED: "Released",
    FileOutcome.HELD: "Held",
    FileOutcome.QUARANTINED: "Quarantined",
    FileOutcome.NOT_NIFTI: "Left aside",
}


def print_summary(result: DefaceReport, *, out: Path, report_file: Path, home: Path) -> None:
    """Print the counts of a run, why files were not released, and the places of outputs, report and keys."""
    for line in _lines(result, out=out, report_file=report_file, home=home):
        click.echo(line)


def _lines(result: DefaceReport, *, out: Path, report_file: Path, home: Path) -> Iterator[str]:
    width = max(len(f"{len(result.files):,}"), 5)
    for outcome, count in result.outcomes.items():
        yield f"{outcome.value:>12}  {count:>{width},}"
    yield f"{'found':>12}  {len(result.files):>{width},}"
    for outcome, title in _TITLES.items():
        yield from _reasons(result, outcome, title)
    yield ""
    yield f"     outputs  {short(out)}"
    yield f"      report  {short(report_file)}: says which output came of which file, keep it"
    yield f"        keys  {short(home / 'keys')}: back them up with scanward keys export FILE"


def _reasons(result: DefaceReport, outcome: FileOutcome, title: str) -> Iterator[str]:
    """Yield what files of one outcome are, or why they ended there, the most frequent first."""
    found: Counter[str] = Counter()
    for one in result.files:
        if one.outcome is outcome:
            found.update(one.reasons or ([one.finding.value] if one.finding is not None else []))
    if not found:
        return
    yield ""
    yield f"{title}:"
    for reason, count in found.most_common(MAX_REASONS):
        yield f"{count:>12,}  {reason}"
    rest = len(found) - MAX_REASONS
    if rest > 0:
        yield f"{'':>12}  and {rest} more in the report"
