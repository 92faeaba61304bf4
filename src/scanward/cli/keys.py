"""``scanward keys``: the master key behind all pseudonyms."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from scanward.adapters.keys import KeyFolder

keys = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Show, back up and restore the key behind the pseudonyms.",
)

_Home = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help="Folder of keys and reports.  [default: SCANWARD_HOME, or user data]"),
]


def _key_folder(home: Path | None) -> "KeyFolder":
    from scanward.adapters.home import find_home
    from scanward.adapters.keys import KeyFolder

    return KeyFolder(find_home(home))


@keys.command()
def show(home: _Home = None) -> None:
    """Print where the key lies and an id that tells it from others; never the key itself."""
    folder = _key_folder(home)
    if not folder.exists():
        typer.echo(f"no key yet; the first run of scanward deidentify makes {folder.path}")
        return
    typer.echo(f"id      {folder.key_id()}")
    typer.echo(f"folder  {folder.path.parent}")


@keys.command("export")
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="New file for the backup.")], home: _Home = None
) -> None:
    """Write a backup of the key to FILE. Whoever reads it can undo every pseudonym: keep it apart and safe."""
    folder = _key_folder(home)
    folder.export(file)
    typer.echo(f"backed up key {folder.key_id()} to {file}")


@keys.command("import")
def restore(file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")], home: _Home = None) -> None:
    """Take over the key of the backup FILE, unless there is a different one already."""
    folder = _key_folder(home)
    taken = folder.restore(file)
    typer.echo(f"{'took over' if taken else 'already using'} key {folder.key_id()} in {folder.path.parent}")
