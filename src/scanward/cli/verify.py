"""``scanward verify``: whether files are as they were sealed, and what else is known of them."""

import json
from dataclasses import asdict
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scanward.cli.exits import ExitCode
from scanward.cli.home import home_option
from scanward.cli.paths import shown_path
from scanward.errors import EvidenceError, ScanwardError

if TYPE_CHECKING:
    from scanward.model.comparison import Comparison
    from scanward.model.verdict import Verdict

_PATH = click.Path(path_type=Path)

SHOWN = 12
"""So many Attributes and frames are printed; --json has them all."""


@click.command()
@click.argument("files", metavar="FILE...", type=_PATH, nargs=-1, required=True, help="DICOM, PNG, JPEG or TIFF.")
@click.option("--original", metavar="FILE", type=_PATH, help="What they are said to be copies of.")
@click.option("--proof", metavar="FILE", type=_PATH, help="A seal file that came with them.")
@click.option("--log", "log", metavar="DIR", type=_PATH, help="A mirror of the log, instead of the gateway's own.")
@click.option("--keys", metavar="FILE", type=_PATH, help="Published keys of the gateway that sealed.")
@click.option("--calibration", metavar="FILE", type=_PATH, help="Of your own films: scanward calibrate.")
@click.option("--out", metavar="DIR", type=_PATH, help="Folder for pictures of what was altered.")
@click.option("--json", "as_json", is_flag=True, help="For programs: a line of JSON for each file.")
@home_option
def verify(
    *,
    files: tuple[Path, ...],
    original: Path | None,
    proof: Path | None,
    log: Path | None,
    keys: Path | None,
    calibration: Path | None,
    out: Path | None,
    as_json: bool,
    home: Path | None,
) -> ExitCode:
    """Tell whether each FILE is as it was sealed; where it differs; and where there is no seal, what is known of it.

    Only a seal shows that a scan is authentic. Without one there is evidence and no verdict: that nothing was found
    does not mean that a scan is real. Exit code: 0 all sealed and unchanged, or only coerced, by a seal
    that the gateway, its published keys or the original you name vouch for; 3 anything else.
    """
    from scanward.bootstrap.verify import VerifyRequest, open_verifying, verify_file

    request = VerifyRequest(home=home, original=original, log=log, proof=proof, keys=keys, calibration=calibration)
    worst = ExitCode.DONE
    with open_verifying(request) as verifying:
        for number, path in enumerate(files):
            try:
                verdict = verify_file(verifying, path)
            except ScanwardError as error:
                worst = ExitCode.STOPPED
                _print_error(path, error, as_json=as_json)
                continue
            if not _is_good(verdict):
                worst = ExitCode.STOPPED
            maps = _write_maps(verdict, out, number) if out is not None else []
            if as_json:
                click.echo(json.dumps({"file": shown_path(path), **to_json(verdict), "pictures": maps}))
            else:
                _print(path, verdict, maps)
    return worst


def to_json(verdict: "Verdict") -> dict[str, Any]:
    """Return a verdict as plain values, without its pictures."""
    from scanward.seal.locate import as_json

    compared = None if verdict.comparison is None else as_json(verdict.comparison)
    plain = {
        "outcome": verdict.outcome.value,
        "seal": None if verdict.seal is None else asdict(verdict.seal),
        "comparison": compared,
        "steps": [asdict(one) for one in verdict.steps],
    }
    result: dict[str, Any] = json.loads(json.dumps(plain, default=_plain))
    return result


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else str(value)


def _is_good(verdict: "Verdict") -> bool:
    from scanward.model.verdict import Outcome

    is_vouched = verdict.seal is not None and verdict.seal.is_vouched
    return is_vouched and verdict.outcome in {Outcome.UNCHANGED, Outcome.COERCED}


def _write_maps(verdict: "Verdict", out: Path, number: int) -> list[str]:
    from scanward.adapters.private_files import write_private

    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = []
    for frame, picture in sorted(verdict.heat_maps.items()):
        path = out / f"file-{number + 1}-frame-{frame + 1}.png"
        write_private(path, picture)
        names.append(str(path))
    return names


def _print_error(path: Path, error: ScanwardError, *, as_json: bool) -> None:
    fault = error.fault.value if isinstance(error, EvidenceError) else ""
    if as_json:
        click.echo(json.dumps({"file": shown_path(path), "error": str(error), "fault": fault, "remedy": error.remedy}))
        return
    click.secho(shown_path(path), bold=True)
    click.secho(f"  cannot be verified: {error}" + (f" ({fault})" if fault else ""), fg="red")
    if error.remedy:
        click.echo(f"  {error.remedy}")


def _print(path: Path, verdict: "Verdict", maps: list[str]) -> None:
    click.secho(shown_path(path), bold=True)
    unvouched = verdict.seal is not None and not verdict.seal.is_vouched
    by_whom = ", by a seal that nobody you know vouches for" if unvouched else ""
    click.secho(f"  {verdict.outcome.value}{by_whom}", fg="green" if _is_good(verdict) else "yellow")
    for step in verdict.steps:
        click.echo(f"  {step.name.value:<12}  {step.found.value}: {step.says}")
        if step.misses and not _is_good(verdict):
            click.secho(f"{'':<16}can't see: {step.misses}", dim=True)
    if verdict.comparison is not None:
        _print_comparison(verdict.comparison)
    for one in maps:
        click.echo(f"  picture       {one}")


def _print_comparison(comparison: "Comparison") -> None:
    if comparison.form:
        click.echo(f"  samples       other {', '.join(comparison.form)}")
    if comparison.is_lossy_copy:
        click.echo("  samples       coded with losses since, which changes nearly all of them")
    for change in comparison.header[:SHOWN]:
        click.echo(f"  header        {change.change.value}: {change.name} ({change.grade.value})")
    if len(comparison.header) > SHOWN:
        click.echo(f"  header        and {len(comparison.header) - SHOWN} more, see --json")
    for one in comparison.frames[:SHOWN]:
        number = one.sealed if one.frame is None else one.frame
        tiles = f", {len(one.tiles)} tiles" if one.tiles else ""
        click.echo(f"  frame {0 if number is None else number + 1:<7} {one.fate.value}{tiles}")
    if len(comparison.frames) > SHOWN:
        click.echo(f"  frames        and {len(comparison.frames) - SHOWN} more, see --json")
