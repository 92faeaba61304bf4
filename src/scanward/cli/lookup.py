"""``scanward lookup``: whether radiographs are in a reference set already."""

import json
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scanward.cli.exits import ExitCode
from scanward.cli.paths import shown_path

if TYPE_CHECKING:
    from scanward.model.lookups import LookupReport, Match

_PATH = click.Path(path_type=Path)

NO_PROOF = (
    "No match is no proof: a model that was trained for it knows a patient again on another film, which this hardly "
    "does. A match says that films look alike; a person has to look."
)

MAX_MATCHES = 20
"""So many are printed for each film; --json has them all."""


@click.command()
@click.argument("query", metavar="QUERY", type=_PATH, help="Radiographs to look up: a file, folder or archive.")
@click.option(
    "--reference",
    metavar="REF",
    type=_PATH,
    required=True,
    help="Where: a public set, an archive's export; a folder, file or archive.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def lookup(*, query: Path, reference: Path, as_json: bool) -> None:
    """Tell which images of a reference set look like the radiographs in QUERY.

    Finds copies of the same film, scaled, cut, turned, mirrored, inverted or shown with another window, and some other
    films of the same patient. Files are DICOM, PNG, JPEG or TIFF; nothing is written or sent. Exit code: 0 nothing
    found, 3 something found. No match is no proof that the patient is not in the set.
    """
    from scanward.bootstrap.lookup import look_up

    report = look_up(query, reference, _tell)
    if as_json:
        click.echo(json.dumps(to_json(report), indent=2))
    else:
        _print(report)
    raise click.exceptions.Exit(ExitCode.STOPPED if report.matches else ExitCode.DONE)


def to_json(report: "LookupReport") -> dict[str, Any]:
    """Return what a look-up came to as plain values."""
    return {
        "queries": report.queries,
        "references": report.references,
        "left_aside": {"query": report.left_aside[0], "reference": report.left_aside[1]},
        "matches": [
            {
                "query": shown_path(one.query),
                "reference": shown_path(one.reference),
                "likeness": one.comparison.likeness.value,
                "places": one.comparison.places,
                "shift_px": one.comparison.shift,
            }
            for one in report.matches
        ],
        "note": NO_PROOF,
    }


def _tell(what: str, count: int) -> None:
    if count % 100 == 0:
        click.echo(f"{count:,} {what}", err=True)


def _print(report: "LookupReport") -> None:
    for query, matches in groupby(report.matches, key=lambda one: one.query):
        click.secho(shown_path(query), bold=True)
        _print_matches(list(matches))
    alike = len({one.query for one in report.matches})
    click.echo(f"{report.queries:,} looked up in {report.references:,}: {alike:,} with a match")
    for counts, where in zip(report.left_aside, ("to look up", "of the reference"), strict=True):
        for reason, count in counts.items():
            click.echo(f"left aside {where}: {count:,}, {reason}")
    click.echo(NO_PROOF)


def _print_matches(matches: "list[Match]") -> None:
    for one in matches[:MAX_MATCHES]:
        found = one.comparison
        numbers = f"  ({found.places} places agree to {found.shift:.1f} px)" if found.places else ""
        click.echo(f"  {found.likeness.value:<15}  {shown_path(one.reference)}{numbers}")
    if len(matches) > MAX_MATCHES:
        click.echo(f"  and {len(matches) - MAX_MATCHES:,} more, see --json")
