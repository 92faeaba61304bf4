"""``scanward deidentify``: files in, de-identified files out."""

import gc
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scanward.cli.exits import ExitCode

if TYPE_CHECKING:
    from scanward.config import DeidentifyRequest
    from scanward.model.report import RunReport

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument(
    "sources",
    metavar="SRC...",
    nargs=-1,
    required=True,
    type=_PATH,
    help="Folders, files, zip archives or DICOMDIRs.",
)
@click.option("--out", "-o", metavar="DIR", required=True, type=_PATH, help="Folder for what may leave; new or ours.")
@click.option(
    "--profile",
    "-p",
    metavar="NAME",
    default="basic",
    show_default=True,
    help="What is kept: see scanward profiles, or a TOML file.",
)
@click.option(
    "--recipient",
    "-r",
    metavar="NAME",
    default="default",
    show_default=True,
    help="For whom; each has pseudonyms of its own.",
)
@click.option(
    "--engine",
    type=click.Choice(("processes", "queue")),
    default="processes",
    show_default=True,
    help="Processes of this machine, or the gateway's durable queue, which its workers share.",
)
@click.option("--workers", "-w", metavar="N", type=click.IntRange(min=1), help="Processes at once.  [default: cores]")
@click.option(
    "--report", metavar="FILE", type=_PATH, help="Report page, JSON beside it.  [default: in the home folder]"
)
@click.option(
    "--home", metavar="DIR", type=_PATH, help="Folder of keys and reports.  [default: SCANWARD_HOME, or user data]"
)
@click.option(
    "--pixels",
    type=click.Choice(("off", "detect", "clean")),
    help="Text in pixels: not looked at, held where found, or taken out.  [default: as the profile says]",
)
@click.option(
    "--faces",
    type=click.Choice(("off", "detect", "remove")),
    help="Faces in head scans: not looked at, held where found, or taken out.  [default: as the profile says]",
)
@click.option(
    "--text",
    type=click.Choice(("remove", "label", "surrogate")),
    help="What stands where a name or number was in text: nothing, a label, or another one like it."
    "  [default: as the profile says]",
)
@click.option(
    "--documents",
    type=click.Choice(("clean", "hold", "remove")),
    help="Reports beside the images and documents inside of instances.  [default: as the profile says]",
)
@click.option(
    "--recogniser",
    metavar="DIR",
    type=_PATH,
    help="Model of your own (ONNX) that recognises names in text; asked besides ours.",
)
@click.option(
    "--layouts",
    metavar="FILE",
    type=_PATH,
    help="Screens of your devices and what is always filled on them (TOML), besides what is found.",
)
@click.option(
    "--release-unchecked-pixels",
    is_flag=True,
    help="Release what may show text and cannot be looked at, instead of holding it. Look at it yourself.",
)
@click.option("--quiet", "-q", is_flag=True, help="No progress and no summary.")
def deidentify(
    *,
    sources: tuple[Path, ...],
    out: Path,
    profile: str,
    recipient: str,
    engine: str,
    workers: int | None,
    report: Path | None,
    home: Path | None,
    pixels: str | None,
    faces: str | None,
    text: str | None,
    documents: str | None,
    recogniser: Path | None,
    layouts: Path | None,
    release_unchecked_pixels: bool,
    quiet: bool,
) -> None:
    """De-identify DICOM from SRC into DIR, and report what was done.

    Reports among SRC (text, HL7 v2, FHIR, CDA, Word, PDF) go with the study whose Accession Number or Study Instance
    UID they name.

    Run the same command again after an interruption: it goes on where it stopped.

    Exit code: 0 all released, 3 some held or quarantined, 1 failed, 2 wrong usage, 130 interrupted.
    """
    from scanward.config import DeidentifyRequest, default_workers

    request = DeidentifyRequest(
        sources=sources,
        out=out,
        profile=profile,
        recipient=recipient,
        engine=engine,
        workers=workers if workers is not None else default_workers(),
        home=home,
        release_unchecked_pixels=release_unchecked_pixels,
        pixels=pixels or "",
        faces=faces or "",
        text=text or "",
        documents=documents or "",
        recogniser=recogniser,
        layouts=layouts,
    )
    try:
        result = _run(request, report, quiet=quiet)
    except KeyboardInterrupt:
        click.echo("\nscanward: interrupted; run the same command again to go on", err=True)
        result = ExitCode.INTERRUPTED
    raise click.exceptions.Exit(result)


def _run(request: "DeidentifyRequest", report: Path | None, *, quiet: bool) -> ExitCode:
    """Carry out `request`, write its report, and say how it ended."""
    # What an import makes is no garbage. Looking through it for some costs a tenth of the start, and later makes each
    # process copy the memory that it shares with this one.
    gc.disable()
    from scanward.adapters.home import find_home
    from scanward.adapters.report import choose_paths, verify_writable, write_report
    from scanward.bootstrap.files import deidentify_folder
    from scanward.cli.progress import ProgressBar

    gc.freeze()
    gc.enable()

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
    if result.looked_by or any(study.documents.cleaned for study in result.studies):
        gc.unfreeze()  # libraries that looked complain at the end of what is not collected
    return _exit_code(result)


def _exit_code(result: "RunReport") -> ExitCode:
    from scanward.model.report import Outcome

    stopped = result.outcomes.get(Outcome.HELD, 0) + result.outcomes.get(Outcome.QUARANTINED, 0)
    return ExitCode.STOPPED if stopped else ExitCode.DONE
