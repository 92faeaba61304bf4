"""``scanward deface``: NIfTI files in, the same without faces out."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scanward.cli.exits import ExitCode

if TYPE_CHECKING:
    from scanward.bootstrap.deface import DefaceRequest
    from scanward.model.defaced import DefaceReport

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument(
    "sources", metavar="SRC...", nargs=-1, required=True, type=_PATH, help="NIfTI files, and folders with some."
)
@click.argument("out", metavar="DIR", type=_PATH, help="Folder for what may leave; new or ours.")
@click.option(
    "--mode",
    type=click.Choice(("detect", "remove")),
    default="remove",
    show_default=True,
    help="Scans that show a face are held, or it is taken out.",
)
@click.option(
    "--fill",
    type=click.Choice(("air", "skin")),
    default="air",
    show_default=True,
    help="What stands where the face was: air, or a generic skin.",
)
@click.option(
    "--recipient",
    "-r",
    metavar="NAME",
    default="default",
    show_default=True,
    help="For whom; each has names of files of its own.",
)
@click.option(
    "--report",
    metavar="FILE",
    type=_PATH,
    help="Report (JSON). It says which output came of which file: keep it.  [default: in the home folder]",
)
@click.option(
    "--home", metavar="DIR", type=_PATH, help="Folder of keys and reports.  [default: SCANWARD_HOME, or user data]"
)
@click.option("--quiet", "-q", is_flag=True, help="No progress and no summary.")
def deface(
    *,
    sources: tuple[Path, ...],
    out: Path,
    mode: str,
    fill: str,
    recipient: str,
    report: Path | None,
    home: Path | None,
    quiet: bool,
) -> None:
    """Take faces out of head scans in NIfTI files (.nii, .nii.gz, .hdr with .img), and look at the result.

    What shows no face passes with its header cleaned. Nothing is written of what no machine could treat. For DICOM,
    use scanward deidentify.

    Exit code: 0 all released, 3 some held or quarantined, 1 failed, 2 wrong usage, 130 interrupted.
    """
    from scanward.bootstrap.deface import DefaceRequest
    from scanward.model.faces import FaceFill, FaceMode, FacePolicy

    request = DefaceRequest(
        sources=sources,
        out=out,
        policy=FacePolicy(mode=FaceMode(mode), fill=FaceFill(fill)),
        recipient=recipient,
        home=home,
    )
    try:
        result = _run(request, report, quiet=quiet)
    except KeyboardInterrupt:
        click.echo("\nscanward: interrupted; what was released before stays valid", err=True)
        result = ExitCode.INTERRUPTED
    raise click.exceptions.Exit(result)


def _run(request: "DefaceRequest", wanted: Path | None, *, quiet: bool) -> ExitCode:
    from scanward.adapters.defaced_report import choose_path, verify_writable, write_report
    from scanward.adapters.home import find_home
    from scanward.bootstrap.deface import deface_files
    from scanward.cli.progress import ProgressBar

    home = find_home(request.home)
    if wanted is not None:
        verify_writable(wanted, out=request.out)
    paths: list[Path] = []

    def keep(result: "DefaceReport") -> None:
        paths[:] = [choose_path(result, home=home, wanted=wanted)]
        write_report(result, paths[0])

    with ProgressBar(quiet=quiet) as progress:
        result = deface_files(request, progress, keep)
    if not quiet:
        from scanward.cli.deface_summary import print_summary

        print_summary(result, out=request.out, report_file=paths[0], home=home)
    return _exit_code(result)


def _exit_code(result: "DefaceReport") -> ExitCode:
    from scanward.model.defaced import FileOutcome

    stopped = result.outcomes[FileOutcome.HELD] + result.outcomes[FileOutcome.QUARANTINED]
    return ExitCode.STOPPED if stopped else ExitCode.DONE
