"""``scanward keys``: the master key behind all pseudonyms, and the keys that sign."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from scanward.adapters.keys import KeyFolder
    from scanward.model.signing import KeyRecord

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
    """Show, back up and restore the key behind the pseudonyms; list, change and publish the keys that sign."""


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


@keys.command("list")
@_home
def list_signing(home: Path | None) -> None:
    """List the keys that sign or signed: what for, since when, until when, and whether they are still to be trusted."""
    from scanward.bootstrap.signing import signing_keys
    from scanward.cli.tables import print_table

    rows = [
        (one.key_id, one.use.value, one.algorithm.value, _day(one.not_before), _day(one.not_after), _state(one))
        for one in signing_keys(home)
    ]
    if not rows:
        click.echo("no key that signs yet; scanward serve, and the first scanward seal, make them")
        return
    print_table(("id", "use", "algorithm", "from", "until", "state"), rows)


@keys.command()
@click.argument("use", type=click.Choice(("log", "statements", "dicom")), help="What the keys sign.")
@_home
def rotate(use: str, home: Path | None) -> None:
    """Make a new key of a USE, which signs from now on. What the one before it signed stays good."""
    from scanward.bootstrap.signing import rotate_key

    click.echo(f"signs from now on: {rotate_key(home, use).key_id}")


@keys.command()
@click.argument("key_id", metavar="ID", help="A key, as `scanward keys list` names it.")
@click.option("--since", type=click.DateTime(("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S")), required=True, help="When, in UTC.")
@_home
def compromise(key_id: str, since: datetime, home: Path | None) -> None:
    """Note that somebody else may have the key ID since a time, and make a new one.

    What was in the log, timestamped or cosigned, before that time stays good; anything else that the key signed is
    refused from now on. This is never taken back.
    """
    from scanward.bootstrap.signing import compromise_key

    record = compromise_key(home, key_id, since)
    click.echo(f"compromised since {_day(record.compromised)}: {record.key_id}")


@keys.command()
@click.argument("file", metavar="FILE", type=_PATH, help="New file.")
@_home
def publish(file: Path, home: Path | None) -> None:
    """Write what others need to check signatures to FILE: public keys, certificates, and the key of the log."""
    from scanward.bootstrap.signing import publish_keys

    publish_keys(home, file)
    click.echo(f"wrote {file}: it holds no secret")


@keys.command()
@click.argument("file", metavar="FILE", type=_PATH, help="New file.")
@_home
def authority(file: Path, home: Path | None) -> None:
    """Write the certificates that other tools pin (PEM) to FILE: openssl's -CAfile, dcmsign's +cf."""
    from scanward.bootstrap.signing import write_authority

    write_authority(home, file)
    click.echo(f"wrote {file}: it holds no secret")


def _day(at: datetime | None) -> str:
    return "" if at is None else at.strftime("%Y-%m-%d %H:%M")


def _state(record: "KeyRecord") -> str:
    if record.compromised is not None:
        return f"compromised since {_day(record.compromised)}"
    return "signs" if record.retired is None else f"retired {_day(record.retired)}"
