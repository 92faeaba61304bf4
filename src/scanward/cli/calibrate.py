"""``scanward calibrate``: fits the score of synthetic films to those of a site."""

from pathlib import Path

import click

_PATH = click.Path(path_type=Path)

MANY = 20


@click.command()
@click.argument("sources", metavar="SRC...", type=_PATH, nargs=-1, required=True, help="Films known to be real.")
@click.option("--out", metavar="FILE", type=_PATH, required=True, help="For `scanward verify --calibration`.")
def calibrate(*, sources: tuple[Path, ...], out: Path) -> None:
    """Measure the score of synthetic films on films of your own devices, known to be real, and write it to FILE.

    Films of each hospital differ: without this, many more of yours than one in twenty would score as made by a
    generator. Give at least 20, better some hundreds, of all devices that will be asked about. FILE holds scores only.
    """
    from scanward.bootstrap.calibration import calibrate_on

    count, threshold, left_aside = calibrate_on(sources, out, _tell)
    click.echo(f"{count:,} films; scores above {threshold:.2f} are a sign from now on")
    for reason, number in left_aside.items():
        click.echo(f"left aside: {number:,}, {reason}")


def _tell(number: int) -> None:
    if number % MANY == 0:
        click.echo(f"{number:,} films", err=True)
