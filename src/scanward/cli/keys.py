"""``scanward keys``: the master key behind all pseudonyms."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from scanward.adapters.keys import KeyFolder

_PATH = click.Path(path_type=Path)

_home = click.option(
    "--home", metavar="DIR", type=_PATH, help="Folder of keys and reports.  [default: SCANWARD_HOME, or user data]"
)


class _InOrder(click.Group):
    """Lists its commands in the order of use, not by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click decides on the parameters
        """Return the names of the commands."""
        return list(self.commands)


@click.group(cls=_InOrder)
def keys() -> None:
    """Show, back up and restore the key behind the pseudonyms."""


def _key_folder(home: Path | None) -> "KeyFolder":
    from scanward.adapters.home import find_home
    from scanward.adapters.keys import KeyFolder

    return KeyFolder(find_home(home))


@keys.command()
@_home
def show(home: Path | None) -> None:
    """Print where the key lies and an id that tells it from others; never the key itself."""
    folder = _key_folder(home)
    if not folder.exists():
        click.echo(f"no key yet; scanward init, or the first scanward deidentify, makes {folder.path}")
        return
    click.echo(f"id      {folder.key_id()}")
    click.echo(f"folder  {folder.path.parent}")


@keys.command("export")
@click.argument("file", metavar="FILE", type=_PATH, help="New file for the backup.")
@_home
def export(file: Path, home: Path | None) -> None:
    """Write a backup of the key to FILE. Whoever reads it can undo every pseudonym: keep it apart and safe."""
    folder = _key_folder(home)
    folder.export(file)
    click.echo(f"backed up key {folder.key_id()} to {file}")


@keys.command("import")
@click.argument("file", metavar="FILE", type=_PATH, help="A backup.")
@_home
def restore(file: Path, home: Path | None) -> None:
    """Take over the key of the backup FILE, unless there is a different one already."""
    folder = _key_folder(home)
    taken = folder.restore(file)
    click.echo(f"{'took over' if taken else 'already using'} key {folder.key_id()} in {folder.path.parent}")
