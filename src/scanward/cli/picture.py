"""``scanward picture``: pictures of scans, and whose a leaked one was."""

from pathlib import Path

import click

from scanward.cli.exits import ExitCode
from scanward.cli.home import home_option

_PATH = click.Path(path_type=Path)


@click.group()
def picture() -> None:
    """Make pictures of scans for those who cannot show DICOM; tell whose a leaked one was."""


@picture.command()
@click.argument("scan", metavar="SCAN", type=_PATH, help="DICOM.")
@click.argument("out", metavar="OUT", type=_PATH, help="New file, .png or .jpg.")
@click.option("--frame", type=click.IntRange(min=1), default=1, show_default=True, help="Which frame.")
@click.option("--mark-for", "recipient", metavar="NAME", default="", help="Mark it, so that a leak tells whose it was.")
@click.option("--carry", "carries", is_flag=True, help="Have it carry its commitment, to be taken out bit by bit.")
@click.option("--no-declaration", "silent", is_flag=True, help="Without a declaration of its origin (C2PA).")
@home_option
def export(
    *, scan: Path, out: Path, frame: int, recipient: str, carries: bool, silent: bool, home: Path | None
) -> None:
    """Write a picture of SCAN to OUT, declare where it comes from, and put the export on record.

    It shows what the scan shows, burned-in names too: have the scan de-identified first. A mark is never put into a
    scan: nobody sees it in the picture (44 dB), and a screenshot of that keeps it.
    """
    from scanward.bootstrap.exports import ExportRequest, export_picture

    request = ExportRequest(
        scan=scan, out=out, frame=frame - 1, recipient=recipient, carries=carries, declares=not silent
    )
    commitment = export_picture(request, home)
    click.echo(f"wrote {out}, on record as {commitment}")


@picture.command()
@click.argument("leaked", metavar="PICTURE", type=_PATH, help="PNG, JPEG or TIFF.")
@click.option("--original", metavar="SCAN", type=_PATH, required=True, help="The scan that it shows.")
@click.option("--recipient", "names", metavar="NAME", multiple=True, help="Who may have had it.  [default: all known]")
@home_option
def trace(leaked: Path, *, original: Path, names: tuple[str, ...], home: Path | None) -> ExitCode:
    """Tell for whom PICTURE was marked, if for anybody. Exit code: 0 somebody is named; 3 nobody is."""
    from scanward.bootstrap.exports import trace_picture

    found = trace_picture(leaked, original, names, home)
    for one in found.scores[:5]:
        click.echo(f"{one.score:8.1f}  {one.name}")
    rate = f"a picture that is marked for none of them names somebody once in {1 / found.false_accusation_rate:,.0f}"
    if found.recipient is None:
        click.echo(f"nobody is named: no score reaches {found.least_score:.1f} ({rate})")
        return ExitCode.STOPPED
    click.echo(f"it was marked for {found.recipient} ({rate})")
    return ExitCode.DONE


@picture.command()
@click.argument("carrier", metavar="PICTURE", type=_PATH, help="PNG, as it was exported.")
@click.argument("out", metavar="OUT", type=_PATH, help="New file, .png.")
def restore(carrier: Path, out: Path) -> None:
    """Write PICTURE as it was before it carried its commitment, bit by bit, and print that."""
    from scanward.bootstrap.exports import restore_picture

    click.echo(f"carried {restore_picture(carrier, out)}")
