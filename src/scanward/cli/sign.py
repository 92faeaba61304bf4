"""``scanward sign``: a digital signature inside of a DICOM file."""

from pathlib import Path

import click

from scanward.cli.home import home_option

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("file", metavar="FILE", type=_PATH, help="DICOM with native pixels.")
@click.argument("out", metavar="OUT", type=_PATH, help="New file.")
@home_option
def sign(file: Path, out: Path, home: Path | None) -> None:
    """Write a copy of FILE that carries a digital signature inside (PS3.15), for those who have DICOM tools alone.

    Check it with DCMTK: dcmsign --verify +rg +cf AUTHORITY OUT; `scanward keys authority` writes AUTHORITY. A signature
    can be cut out unseen; that a seal is missing shows.
    """
    from scanward.bootstrap.chains import sign_file

    sign_file(file, home, out)
    click.echo(f"wrote {out}")
