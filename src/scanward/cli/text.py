"""``scanward text``: reports and other documents in, the same without identifiers out."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scanward.cli.exits import ExitCode

if TYPE_CHECKING:
    from scanward.bootstrap.text import TextRequest
    from scanward.model.cleaned_texts import TextReport

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument(
    "sources",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=_PATH,
    help="Documents: plain text, HL7 v2, FHIR, CDA, DOCX or PDF; - for the standard input.",
)
@click.option(
    "--out",
    "-o",
    metavar="DIR",
    type=_PATH,
    default="-",
    show_default=True,
    help="Folder for what may leave, new or ours; - for the standard output, with one FILE.",
)
@click.option(
    "--mode",
    type=click.Choice(("remove", "label", "surrogate")),
    help="What stands where an identifier was: nothing, its kind in brackets, or another like it.  "
    "[default: as the profile says]",
)
@click.option(
    "--dates",
    type=click.Choice(("shift", "remove", "keep")),
    help="What becomes of dates; a birth date never stays.  [default: as the profile says; shift with surrogates]",
)
@click.option(
    "--known",
    metavar="FILE",
    type=_PATH,
    multiple=True,
    help="Who the documents are about: a DICOM file of the study, or a list (TOML, JSON). Again for more.",
)
@click.option(
    "--profile",
    "-p",
    metavar="NAME",
    default="basic",
    show_default=True,
    help="Profile, by name or path (scanward profiles).",
)
@click.option(
    "--recipient",
    "-r",
    metavar="NAME",
    default="default",
    show_default=True,
    help="For whom; each has surrogates and names of files of its own.",
)
@click.option(
    "--recogniser",
    metavar="DIR",
    type=_PATH,
    help="Model of your own (ONNX) that recognises names in text; asked besides ours.",
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
def text(
    *,
    sources: tuple[Path, ...],
    out: Path,
    mode: str | None,
    dates: str | None,
    known: tuple[Path, ...],
    profile: str,
    recipient: str,
    recogniser: Path | None,
    report: Path | None,
    home: Path | None,
    quiet: bool,
) -> None:
    """Take identifiers out of reports and other documents.

    What is known of the patient, from the fields of the document and from --known, is found in every notation; the
    rest by how it is written. A document that cannot be cleaned for sure is held: nothing is written of it.

    Exit code: 0 all released, 3 some held, 1 failed, 2 wrong usage, 130 interrupted.
    """
    from scanward.bootstrap.text import STANDARD_INPUT, DateMode, TextRequest
    from scanward.model.text import TextMode

    if out == STANDARD_INPUT and len(sources) > 1:
        raise click.UsageError("Name a folder with --out DIR: the standard output takes one document.")
    request = TextRequest(
        sources=sources,
        out=out,
        profile=profile,
        mode=TextMode(mode) if mode else None,
        dates=DateMode(dates) if dates else None,
        known=known,
        recipient=recipient,
        home=home,
        recogniser=recogniser,
    )
    try:
        result = _run(request, report, quiet=quiet)
    except KeyboardInterrupt:
        click.echo("\nscanward: interrupted; what was released before stays valid", err=True)
        result = ExitCode.INTERRUPTED
    raise click.exceptions.Exit(result)


def _run(request: "TextRequest", wanted: Path | None, *, quiet: bool) -> ExitCode:
    from scanward.adapters.defaced_report import verify_writable
    from scanward.adapters.home import find_home
    from scanward.adapters.text_report import choose_path, write_report
    from scanward.bootstrap.text import STANDARD_INPUT, clean_files
    from scanward.cli.progress import ProgressBar

    home = find_home(request.home)
    to_stdout = request.out == STANDARD_INPUT
    if wanted is not None:
        verify_writable(wanted, out=home / "spool" if to_stdout else request.out)
    paths: list[Path] = []

    def keep(result: "TextReport") -> None:
        paths[:] = [choose_path(result, home=home, wanted=wanted)]
        write_report(result, paths[0])

    with ProgressBar(quiet=quiet) as progress:
        result = clean_files(request, progress, keep)
    if not quiet:
        from scanward.cli.text_summary import print_summary

        print_summary(result, out=None if to_stdout else request.out, report_file=paths[0], home=home)
    return _exit_code(result)


def _exit_code(result: "TextReport") -> ExitCode:
    from scanward.model.cleaned_texts import TextOutcome

    return ExitCode.STOPPED if result.outcomes[TextOutcome.HELD] else ExitCode.DONE
