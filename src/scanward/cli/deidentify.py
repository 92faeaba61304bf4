"""``scanward deidentify``: files in, de-identified files out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanward.cli.exits import DONE_OR_STOPPED, ExitCode

if TYPE_CHECKING:
    from scanward.config import DeidentifyRequest
    from scanward.model.report import RunReport


def deidentify(
    sources: Annotated[list[Path], typer.Argument(metavar="SRC...", help="Folders, files, zip archives or DICOMDIRs.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for what may leave; new or ours.")],
    profile: Annotated[
        str,
        typer.Option("--profile", "-p", metavar="NAME", help="What is kept: see scanward profiles, or a TOML file."),
    ] = "basic",
    recipient: Annotated[
        str, typer.Option("--recipient", "-r", metavar="NAME", help="For whom; each has pseudonyms of its own.")
    ] = "default",
    workers: Annotated[
        int | None, typer.Option("--workers", "-w", metavar="N", min=1, help="Processes at once.  [default: cores]")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Report page, JSON beside it.  [default: in the home folder]"),
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(
            "--home", metavar="DIR", help="Folder of keys and reports.  [default: SCANWARD_HOME, or user data]"
        ),
    ] = None,
    release_unchecked_pixels: Annotated[
        bool,
        typer.Option(
            "--release-unchecked-pixels",
            help="Release what is likely to show burned-in text, instead of holding it. Look at it yourself.",
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary.")] = False,
) -> None:
    """De-identify DICOM from SRC into DIR, and report what was done.

    Run the same command again after an interruption: it goes on where it stopped.
    """
    from scanward.config import DeidentifyRequest, default_workers

    request = DeidentifyRequest(
        sources=tuple(sources),
        out=out,
        profile=profile,
        recipient=recipient,
        workers=workers if workers is not None else default_workers(),
        home=home,
        release_unchecked_pixels=release_unchecked_pixels,
    )
    try:
        result = _run(request, report, quiet=quiet)
    except KeyboardInterrupt:
        typer.echo("\nscanward: interrupted; run the same command again to go on", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    raise typer.Exit(result)


deidentify.__doc__ = f"{deidentify.__doc__}\n    {DONE_OR_STOPPED}\n"


def _run(request: "DeidentifyRequest", report: Path | None, *, quiet: bool) -> ExitCode:
    """Carry out `request`, write its report, and say how it ended."""
    from scanward.adapters.home import find_home
    from scanward.adapters.report import choose_paths, verify_writable, write_report
    from scanward.bootstrap import deidentify_folder
    from scanward.cli.progress import ProgressBar

    home = find_home(request.home)
    if report is not None:
        verify_writable(report)
    paths: list[Path] = []

    def keep(result: "RunReport") -> None:
        paths[:] = choose_paths(result, home=home, wanted=report)
        write_report(result, *paths)

    with ProgressBar(quiet=quiet) as progress:
        result = deidentify_folder(request, progress, keep)
    if not quiet:
        from scanward.cli.summary import print_summary

        print_summary(result, out=request.out, page=paths[0], home=home)
    return _exit_code(result)


def _exit_code(result: "RunReport") -> ExitCode:
    from scanward.model.report import Outcome

    stopped = result.outcomes.get(Outcome.HELD, 0) + result.outcomes.get(Outcome.QUARANTINED, 0)
    return ExitCode.STOPPED if stopped else ExitCode.DONE
