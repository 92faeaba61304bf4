"""``scanward init``: a home folder for the gateway."""

from pathlib import Path

import click

from scanward.cli.home import home_option


@click.command()
@home_option
def init(home: Path | None) -> None:
    """Make the gateway's home folder: settings to fill in, keys, databases. What is there already stays."""
    from scanward.adapters.home import find_home, make_private_folder
    from scanward.adapters.settings import NAME, write_template
    from scanward.bootstrap.stores import open_stores

    folder = find_home(home)
    make_private_folder(folder)
    made = write_template(folder)
    with open_stores(folder) as stores:
        key_id = stores.keys.key_id()
    click.echo(f"{'made' if made else 'kept'} {folder / NAME}")
    click.echo(f"keys    {folder / 'keys'}  (id {key_id}; back it up apart: scanward keys export FILE)")
    click.echo()
    click.echo("Next:")
    click.echo(f"  1. Say in {NAME} where to listen, who may call, and where the archive is.")
    click.echo("  2. Say who may receive what:   scanward recipient add FILE.toml")
    click.echo("  3. Start it:                   scanward serve")
    click.echo("  4. Sign in to the staff page:  scanward token --login --role privacy-officer --subject NAME")
