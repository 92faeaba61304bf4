"""``scanward inspect --against``: prints what the independent verifier found."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scanward.cli.exits import ExitCode

if TYPE_CHECKING:
    from scanward.crosscheck import CrosscheckReport, Severity

MAX_ROWS = 20
"""So many places are printed for each severity; --json has them all."""

_HEADINGS = {
    "leak": "identifying values of the inputs in the outputs",
    "fault": "outputs that are not as they have to be",
    "review": "words that a person should look at",
}


def compare_outputs(source: Path, output: Path, *, as_json: bool) -> ExitCode:
    """Compare the outputs in `output` with the inputs in `source`, print what is found, and say how it ended."""
    from scanward.crosscheck import compare

    report = compare(source, output)
    if as_json:
        click.echo(json.dumps(report.to_json(), indent=2, ensure_ascii=False))
    else:
        _print(report)
    return ExitCode.DONE if report.passed else ExitCode.STOPPED


def _print(report: "CrosscheckReport") -> None:
    from scanward.crosscheck import Severity

    searched = sum(report.searched.values())
    click.echo(f"{report.inputs:,} inputs, {report.outputs:,} outputs, {report.other_outputs:,} other files among them")
    click.echo(f"{searched:,} identifying values of the inputs were searched for in every output")
    for severity in Severity:
        _print_severity(report, severity)
    for text in report.not_examined:
        click.echo(f"not looked at: {text}")
    click.echo("")
    if report.passed:
        click.secho("passed: no identifying value and no fault was found", bold=True)
    elif not report.inputs or not report.outputs:
        click.secho("not passed: there was nothing to compare", bold=True)
    else:
        click.secho("not passed: do not release these outputs", bold=True)


def _print_severity(report: "CrosscheckReport", severity: "Severity") -> None:
    found = Counter((finding.kind.value, finding.place) for finding in report.findings if finding.severity is severity)
    if not found:
        return
    click.echo("")
    click.echo(f"{_HEADINGS[severity.value]}: {found.total():,}")
    for (kind, place), count in found.most_common(MAX_ROWS):
        click.echo(f"{count:>8,}  {kind} in {place}")
    if len(found) > MAX_ROWS:
        click.echo(f"{'':>8}  and {len(found) - MAX_ROWS:,} more places, see --json")
