"""The `scanward` command: what there is, and what becomes of an error."""

from importlib import import_module

import click

from scanward import __version__
from scanward.cli.exits import ExitCode
from scanward.errors import ScanwardError

COMMANDS = (
    "init", "serve", "worker", "recipient", "consent", "token", "fsck", "deidentify", "deface", "text", "inspect",
    "seal", "sign", "verify", "custody", "picture", "calibrate", "lookup", "profiles", "layouts", "keys",
)  # fmt: skip
"""In the order of the help; each is made by the module of its name beside this one."""


class _Commands(click.Group):
    """Imports a command when it is asked for, so that none waits for what only another one needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click decides on the parameters
        """Return the names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Return the command of this name; for any other, the error names those like it."""
        if cmd_name not in COMMANDS:
            raise click.NoSuchCommand(cmd_name, possibilities=COMMANDS, ctx=ctx)
        command: click.Command = getattr(import_module(f"scanward.cli.{cmd_name}"), cmd_name)
        return command


@click.group("scanward", cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(
    __version__, prog_name="scanward", message="%(prog)s %(version)s", help="Print the version and exit."
)
def app() -> None:
    """The privacy gateway for medical-imaging AI; and `deidentify`, the same rules for files."""


def main() -> None:
    """Run the command line; ends the process with an `ExitCode`."""
    try:
        # Not standalone: there, an interrupt would end with the exit code of a failure.
        code = app.main(prog_name="scanward", standalone_mode=False)
    except click.Abort:
        code = ExitCode.INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except ScanwardError as error:
        click.echo(f"scanward: {error}", err=True)
        if error.remedy:
            click.echo(f"  {error.remedy}", err=True)
        code = ExitCode.FAILED
    except Exception as error:  # noqa: BLE001 - whatever it is, its message must not be shown
        _print_unexpected(error)
        code = ExitCode.FAILED
    raise SystemExit(code)


def _print_unexpected(error: Exception) -> None:
    """Print type and place of `error` only: its message and the variables around it may hold what identifies."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "scanward" in frame.filename] or list(frames)
    place = " < ".join(f"{frame.filename.rpartition('scanward/')[2]}:{frame.lineno}" for frame in reversed(ours[-4:]))
    click.echo(f"scanward: unexpected {type(error).__name__} at {place}", err=True)
    click.echo("  This is a fault in Scanward. Please report this line; it holds nothing of your data.", err=True)
