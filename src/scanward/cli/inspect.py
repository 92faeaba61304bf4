"""``scanward inspect``: what a file gives away about its patient; an independent look at outputs; and a drawn one."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table

    from scanward.adapters.inspection.findings import Finding, Inspection

_PATH = click.Path(path_type=Path)

MAX_ROWS = 25
"""So many findings are shown for each category; --json has them all."""


@click.command()
@click.argument(
    "path",
    metavar="FILE",
    type=_PATH,
    help="A DICOM file; with --against the folder of outputs, with --faces a scan: DICOM or NIfTI, file or folder.",
)
@click.option(
    "--against", metavar="SRC", type=_PATH, help="Search the outputs in FILE for the identifiers of the inputs."
)
@click.option(
    "--faces",
    metavar="PNG",
    type=_PATH,
    help="Draw what a stranger could see of the heads in FILE; for your eyes alone.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--no-values", is_flag=True, help="Name what is there, but do not show it.")
def inspect(*, path: Path, against: Path | None, faces: Path | None, as_json: bool, no_values: bool) -> None:
    """Show what FILE gives away about its patient. The values are shown: mind who looks at the screen.

    With --against SRC, verify that nothing which identifies in SRC is left in the outputs in FILE, by code that
    shares nothing with the code that wrote them. Exit code then: 0 nothing found, 3 something found.

    With --faces PNG, draw each volume of a head scan as anyone can who has it, and look for a face in the pictures.
    They may show who the patient is. Exit code then: 0 no face, 3 a face, or nobody could tell.
    """
    if faces is not None:
        if against is not None:
            raise click.UsageError("--faces and --against are two looks: ask for one at a time.")
        from scanward.cli.faces_drawn import draw

        raise click.exceptions.Exit(draw(path, faces, as_json=as_json))
    if against is not None:
        from scanward.cli.against import compare_outputs

        raise click.exceptions.Exit(compare_outputs(against, path, as_json=as_json))
    from scanward.adapters.inspection.inspect import inspect_file

    inspection = inspect_file(path)
    if as_json:
        click.echo(json.dumps(_to_json(inspection, values=not no_values), indent=2, ensure_ascii=False))
    else:
        _print(inspection, values=not no_values)


def _to_json(inspection: "Inspection", *, values: bool) -> dict[str, Any]:
    return {
        "sop_class": inspection.sop_class,
        "modality": inspection.modality,
        "transfer_syntax": inspection.transfer_syntax,
        "size_bytes": inspection.size_bytes,
        "elements": inspection.elements,
        "findings": [_finding_json(finding, values=values) for finding in inspection.findings],
        "consequences": list(inspection.consequences),
    }


def _finding_json(finding: "Finding", *, values: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "category": finding.category.value,
        "attribute": finding.attribute,
        "tag": finding.tag,
        "count": finding.count,
        "note": finding.note,
    }
    return row | {"value": finding.value} if values else row


def _print(inspection: "Inspection", *, values: bool) -> None:
    from rich.console import Console
    from rich.text import Text

    from scanward.adapters.inspection.findings import Category

    console = Console(highlight=False)
    kind = " · ".join(filter(None, (inspection.modality, inspection.sop_class, inspection.transfer_syntax)))
    console.print(Text(kind, style="bold"))
    console.print(f"{inspection.size_bytes:,} bytes, {inspection.elements:,} elements", style="dim")
    for category in Category:
        chosen = [finding for finding in inspection.findings if finding.category is category]
        if chosen:
            console.print()
            console.print(Text(category.heading, style="bold cyan"))
            console.print(_table(chosen, values=values))
    console.print()
    if not inspection.consequences:
        console.print("Nothing was found that gives the patient away.")
        return
    console.print(Text("What follows", style="bold"))
    for text in inspection.consequences:
        console.print(Text(f"• {text}"))


def _table(findings: "list[Finding]", *, values: bool) -> "Table":
    from rich.table import Table
    from rich.text import Text

    # The same widths in every category, so that the page reads as one table.
    table = Table(box=None, show_header=False, expand=True, padding=(0, 1, 0, 2))
    table.add_column("Attribute", overflow="fold", ratio=4)
    if values:
        table.add_column("Value", overflow="fold", ratio=4, style="yellow")
    table.add_column("Note", overflow="fold", ratio=3)
    for finding in findings[:MAX_ROWS]:
        name = Text(finding.attribute + (f"  ×{finding.count}" if finding.count > 1 else ""))
        cells = [name, *([Text(finding.value)] if values else []), Text(finding.note)]
        table.add_row(*cells)
    rest = len(findings) - MAX_ROWS
    if rest > 0:
        table.add_row(Text(f"and {rest:,} more, see --json", style="dim"))
    return table
