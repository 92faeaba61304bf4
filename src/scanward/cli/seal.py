"""``scanward seal``: seals files, so that any later change of them shows."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from scanward.cli.exits import ExitCode
from scanward.cli.home import home_option

_PATH = click.Path(path_type=Path)

MANY = 100


@click.command()
@click.argument("sources", metavar="SRC...", type=_PATH, nargs=-1, required=True, help="Files, folders or archives.")
@click.option("--seal-files", metavar="DIR", type=_PATH, help="Folder for a seal file for each, to be handed on.")
@click.option("--json", "as_json", is_flag=True, help="For programs: a line of JSON for each file.")
@home_option
def seal(*, sources: tuple[Path, ...], seal_files: Path | None, as_json: bool, home: Path | None) -> ExitCode:
    """Seal the DICOM files in SRC: digests of pixels and header, a signed statement, an entry in the log.

    The files stay as they are. What the gateway receives is sealed by itself. Exit code: 0 all sealed; 3 some are not.
    """
    from scanward.bootstrap.chains import seal_files as seal_all

    counts: Counter[str] = Counter()
    for one in seal_all(sources, home, seal_files, _tell):
        what = one.reason or ("sealed" if one.is_new else "sealed before")
        counts[what] += 1
        if as_json:
            click.echo(json.dumps(asdict(one)))
    if not as_json:
        for what, count in counts.most_common():
            click.echo(f"{count:,} {what}")
        if seal_files is not None:
            click.echo(f"seal files are in {seal_files}: give each to who may have the scan")
    return ExitCode.DONE if not counts.keys() - {"sealed", "sealed before", "not DICOM"} else ExitCode.STOPPED


def _tell(number: int) -> None:
    if number and number % MANY == 0:
        click.echo(f"{number:,} files", err=True)
