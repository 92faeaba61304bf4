"""The option that names the home folder, for every command that has one."""

from pathlib import Path

import click

home_option = click.option(
    "--home",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of settings, keys and stores.  [default: SCANWARD_HOME, or user data]",
)
