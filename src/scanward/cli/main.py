"""The `scanward` command: what there is, and what becomes of an error."""

import traceback
from typing import Annotated

import typer

from scanward import __version__
from scanward.cli.deidentify import deidentify
from scanward.cli.exits import ExitCode
from scanward.cli.inspect import inspect
from scanward.cli.keys import keys
from scanward.cli.profiles import profiles
from scanward.errors import ScanwardError

app = typer.Typer(
    name="scanward",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain text: the same on every terminal, and a third faster
    pretty_exceptions_enable=False,  # a traceback could show what is in a file; see _print_unexpected
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(deidentify)
app.command()(inspect)
app.add_typer(keys, name="keys")
app.command()(profiles)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"scanward {__version__}")
        raise typer.Exit


@app.callback()
def _start(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """De-identify DICOM, check it, and say what was done."""


def main() -> None:
    """Run the command line; ends the process with an `ExitCode`."""
    try:
        app(prog_name="scanward")
    except ScanwardError as error:
        typer.echo(f"scanward: {error}", err=True)
        if error.remedy:
            typer.echo(f"  {error.remedy}", err=True)
        raise SystemExit(ExitCode.FAILED) from None
    except Exception as error:  # noqa: BLE001 - whatever it is, its message must not be shown
        _print_unexpected(error)
        raise SystemExit(ExitCode.FAILED) from None


def _print_unexpected(error: Exception) -> None:
    """Print type and place of `error` only: its message and the variables around it may hold what identifies."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "scanward" in frame.filename] or list(frames)
    place = " < ".join(f"{frame.filename.rpartition('scanward/')[2]}:{frame.lineno}" for frame in reversed(ours[-4:]))
    typer.echo(f"scanward: unexpected {type(error).__name__} at {place}", err=True)
    typer.echo("  This is a fault in Scanward. Please report this line; it holds nothing of your data.", err=True)
