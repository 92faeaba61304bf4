"""What `scanward text` prints at its end: kinds and counts, never a value."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from scanward.cli.summary import MAX_REASONS, short
from scanward.model.cleaned_texts import TextOutcome, TextReport


def print_summary(result: TextReport, *, out: Path | None, report_file: Path, home: Path) -> None:
    """Print the counts of a run, why documents were held, and the places of outputs, report and keys.

    Parameters
    ----------
    result
        What was done.
    out
        Folder of the outputs; None where the output went to the standard output, which the summary then keeps out of.
    report_file, home
        Where they are.
    """
    for line in _lines(result, out=out, report_file=report_file, home=home):
        click.echo(line, err=out is None)


def _lines(result: TextReport, *, out: Path | None, report_file: Path, home: Path) -> Iterator[str]:
    width = max(len(f"{len(result.files):,}"), 5)
    for outcome, count in result.outcomes.items():
        yield f"{outcome.value:>12}  {count:>{width},}"
    yield f"{'found':>12}  {len(result.files):>{width},}"
    if result.replaced:
        yield ""
        yield "Replaced:"
        for kind, count in sorted(result.replaced.items(), key=lambda item: (-item[1], item[0])):
            yield f"{count:>12,}  {kind}"
    yield from _most("Left out, by documents:", Counter(f"with {what}" for one in result.files for what in one.removed))
    yield from _most("Held:", Counter(one.reason for one in result.files if one.outcome is TextOutcome.HELD))
    yield ""
    if out is not None:
        yield f"     outputs  {short(out)}"
    yield f"      report  {short(report_file)}: says which output came of which file, keep it"
    yield f"        keys  {short(home / 'keys')}: back them up with scanward keys export FILE"


def _most(title: str, found: Counter[str]) -> Iterator[str]:
    if not found:
        return
    yield ""
    yield title
    for what, count in found.most_common(MAX_REASONS):
        yield f"{count:>12,}  {what}"
    rest = len(found) - MAX_REASONS
    if rest > 0:
        yield f"{'':>12}  and {rest} more in the report"
