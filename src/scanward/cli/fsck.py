"""``scanward fsck``: whether the stores agree."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from scanward.cli.exits import ExitCode
from scanward.cli.home import home_option

SHOWN = 20
"""So many ids of each kind of disagreement are printed; --json prints all."""


@click.command()
@click.option("--repair", is_flag=True, help="Delete blobs that nothing names.")
@click.option("--read", "reads", is_flag=True, help="Read every blob to its end, which takes as long as that takes.")
@click.option("--json", "as_json", is_flag=True, help="Print each disagreement as a line of JSON.")
@home_option
def fsck(home: Path | None, *, repair: bool, reads: bool, as_json: bool) -> ExitCode:
    """Compare ledger, blobs, vault, outbox and log, and tell every disagreement; ends with 0 if they agree, else 3."""
    from scanward.bootstrap.audit import check_all

    counts: Counter[tuple[str, str]] = Counter()
    found = 0
    with check_all(home, repair=repair, reads=reads) as disagreements:
        for one in disagreements:
            found += 1
            if as_json:
                click.echo(json.dumps(asdict(one)))
                continue
            counts[one.what, one.remedy] += 1
            if counts[one.what, one.remedy] <= SHOWN:
                click.echo(f"{one.what}: {one.subject}")
    if not as_json:
        for (what, remedy), count in counts.items():
            click.echo(f"\n{count} x {what}\n  {remedy}")
        click.echo("ledger, blobs, vault, outbox and log agree" if not found else f"\n{found} disagreements")
    return ExitCode.STOPPED if found else ExitCode.DONE
