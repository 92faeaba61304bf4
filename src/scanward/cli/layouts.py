"""``scanward layouts``: what is always filled on screens of devices."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scanward.cli.home import home_option

if TYPE_CHECKING:
    from scanward.model.screens import Layout


@click.group()
def layouts() -> None:
    """Propose and show what is always filled on screens of devices."""


@layouts.command("propose")
@click.argument("reports", metavar="[REPORT]...", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--layouts",
    "known",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The table that you have: what it fills is not proposed again.",
)
@home_option
def propose_(reports: tuple[Path, ...], known: Path | None, home: Path | None) -> None:
    """Propose layouts from what runs found: text at one place in nearly all images of a screen.

    REPORT is the JSON report of a run, or a folder with some; without any, all reports in the home folder. The layouts
    go to standard output. Look at the images of each device, and add what is right to the table for scanward deidentify
    --layouts.
    """
    from scanward.adapters.home import find_home
    from scanward.adapters.past_reports import read_screens
    from scanward.bootstrap.pixels import read_layouts
    from scanward.deidentify.pixels.layouts import parse_layouts, propose, shipped_layouts, without_known

    filled = (*shipped_layouts(), *parse_layouts(read_layouts(known), where="layouts"))
    places = reports or tuple(one for one in (find_home(home) / "reports",) if one.is_dir())
    screens = read_screens(places)
    stable = [layout for screen, found in sorted(screens.items()) if (layout := propose(screen, found)) is not None]
    new = [layout for one in stable if (layout := without_known(one, filled)) is not None]
    _print(new)
    images = sum(len(found) for found in screens.values())
    click.echo(f"# looked through {images:,} images of {len(screens)} screens: {len(new)} proposed", err=True)


@layouts.command()
def shipped() -> None:
    """Print the table that comes with Scanward, as one of your own has to look."""
    from scanward.deidentify.pixels.layouts import shipped_layouts

    _print(shipped_layouts())


def _print(found: "Iterable[Layout]") -> None:
    from scanward.deidentify.pixels.layouts import format_layout

    click.echo("\n".join(format_layout(one) for one in found), nl=False)
