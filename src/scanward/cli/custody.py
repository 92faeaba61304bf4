"""``scanward custody``: what happened to a scan, with proofs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scanward.cli.exits import ExitCode
from scanward.cli.home import home_option

if TYPE_CHECKING:
    from scanward.model.chains import Chain, CustodyReport

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("uid", metavar="UID", help="Study or SOP Instance UID, of the original or of a copy that left.")
@click.option("--seal-file", metavar="FILE", type=_PATH, help="Write the seal of the instance with its proofs to FILE.")
@click.option("--bundle", metavar="ZIP", type=_PATH, help="Write all of it for somebody without Scanward to ZIP.")
@click.option(
    "--with",
    "files",
    metavar="FILE",
    type=_PATH,
    multiple=True,
    help="A scan that goes into the bundle; may be given several times.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@home_option
def custody(
    *,
    uid: str,
    seal_file: Path | None,
    bundle: Path | None,
    files: tuple[Path, ...],
    as_json: bool,
    home: Path | None,
) -> ExitCode:
    """Print what was stated of a study or an instance: signed, chained, and each with its place in the log.

    Every signature, the chain and the log are checked first. Exit code: 0 all holds; 3 something does not.
    """
    from scanward.bootstrap.chains import custody_of, write_seal_file

    report = custody_of(uid, home)
    if as_json:
        click.echo(json.dumps(to_json(report), indent=2))
    else:
        _print(report)
    if seal_file is not None:
        write_seal_file(uid, home, seal_file)
        click.echo(
            f"wrote {seal_file}: whoever has it can tell a copy of the scan, so give it to who may have the scan"
        )
    if bundle is not None:
        from scanward.bootstrap.bundle import write_legal_bundle

        write_legal_bundle(uid, home, bundle, files)
        click.echo(f"wrote {bundle}: README.txt in it says how to check it without Scanward")
    return ExitCode.DONE if report.is_sound else ExitCode.STOPPED


def to_json(report: "CustodyReport") -> dict[str, Any]:
    """Return a report as plain values."""
    return {
        "log": {"origin": report.origin, "size": report.log_size},
        "is_sound": report.is_sound,
        "objects": [
            {
                "kind": one.kind,
                "id": one.object_id,
                "fault": {"name": one.fault_name, "says": one.fault} if one.fault else None,
                "statements": [
                    {
                        "number": proven.statement.number,
                        "at": proven.statement.at.isoformat(),
                        "event": proven.statement.event.value,
                        "actor": proven.statement.actor,
                        "facts": dict(proven.statement.facts),
                        "log_index": proven.index,
                        "seen_by_others": None if proven.attested is None else proven.attested.isoformat(),
                    }
                    for proven in one.statements
                ],
            }
            for one in report.chains
        ],
    }


def _print(report: "CustodyReport") -> None:
    for one in report.chains:
        click.secho(f"{one.kind} {one.object_id}", bold=True)
        _print_chain(one)
    click.echo(f"log {report.origin}, {report.log_size:,} entries: signatures, chains and places checked")


def _print_chain(chain: "Chain") -> None:
    if chain.fault:
        click.secho(f"  does not hold: {chain.fault} ({chain.fault_name})", fg="red")
        return
    if not chain.statements:
        click.echo("  nothing stated yet")
    for one in chain.statements:
        said = one.statement
        place = "on its way into the log" if one.index is None else f"entry {one.index}"
        facts = ", ".join(f"{name} {value}" for name, value in said.facts.items() if name not in {"happened", "seal"})
        seen = f", seen by others {one.attested:%Y-%m-%d %H:%M}" if one.attested is not None else ""
        click.echo(f"  {said.at:%Y-%m-%d %H:%M:%S}Z  {said.event.value:<14} {said.actor:<12} {place}{seen}")
        if facts:
            click.secho(f"{'':<24}{facts}", dim=True)
