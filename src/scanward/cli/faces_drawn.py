"""``scanward inspect --faces``: prints what a stranger could see, and where it was drawn."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from scanward.cli.exits import ExitCode
from scanward.cli.summary import short
from scanward.model.drawn import Drawing, DrawnVolume
from scanward.model.faces import FaceFinding


def draw(path: Path, sheet: Path, *, as_json: bool) -> ExitCode:
    """Draw the volumes at `path`, print what they show, and say how it ended."""
    from scanward.bootstrap.draw import draw_faces

    drawing = draw_faces(path, sheet, lambda text: click.echo(f"looking at {text}", err=True))
    if as_json:
        click.echo(json.dumps(_to_json(drawing), indent=2, ensure_ascii=False))
    else:
        for line in _lines(drawing):
            click.echo(line)
    return ExitCode.DONE if drawing.is_faceless else ExitCode.STOPPED


def _lines(drawing: Drawing) -> Iterator[str]:
    for number, one in enumerate(drawing.volumes, start=1):
        yield f"Volume {number}: {one.kind or 'no modality'}" + (f", {one.slices:,} slices" if one.slices else "")
        yield f"     finding  {one.finding.value}"
        title = "refused" if one.finding is FaceFinding.REFUSED else "but"
        yield from (f"{title:>12}  {reason}" for reason in one.reasons)
        yield from _drawn(one)
        yield ""
    for words, count in drawing.others.items():
        yield f"Not drawn: {count:,} × {words}"
    if drawing.left_aside:
        yield f"Left aside: {drawing.left_aside:,} files that are neither DICOM nor NIfTI"
    if any(one.sheet is not None for one in drawing.volumes):
        yield "The pictures may show who the patient is. Whoever sees them sees the face: delete them once looked at."


def _drawn(one: DrawnVolume) -> Iterator[str]:
    figures = one.figures
    if one.sheet is None:
        yield "       drawn  not at all"
        return
    yield (
        f"       faces  found in {figures.hits_before} of {figures.renders} pictures from the front, "
        f"{one.false_hits} of {figures.renders} from the back"
    )
    told = []
    if figures.metric is not None:
        told.append(f"mutual information {-figures.metric:.2f}")
    if figures.overlap is not None:
        told.append(f"overlap {figures.overlap:.2f}")
    if figures.vault_mm is not None:
        told.append(f"vault {figures.vault_mm:.1f} mm")
    if figures.rotation_degrees is not None:
        told.append(f"turned {figures.rotation_degrees:.0f} degrees")
    if figures.scales is not None:
        told.append(f"scaled {figures.scales[0]:.2f} to {figures.scales[1]:.2f}")
    if told:
        yield f"     figures  {', '.join(told)}"
    upright = "" if one.is_upright else ", as its header says that it lies"
    yield f"       drawn  {short(one.sheet)}{upright}; for your eyes alone (mode 0600)"


def _to_json(drawing: Drawing) -> dict[str, object]:
    return {
        "volumes": [_volume_json(one) for one in drawing.volumes],
        "not_drawn": drawing.others,
        "left_aside": drawing.left_aside,
        "is_faceless": drawing.is_faceless,
    }


def _volume_json(one: DrawnVolume) -> dict[str, object]:
    figures = {name: value for name, value in asdict(one.figures).items() if value is not None}
    return {
        "kind": one.kind,
        "slices": one.slices,
        "finding": one.finding.value,
        "reasons": list(one.reasons),
        "figures": figures,
        "false_hits": one.false_hits,
        "is_upright": one.is_upright,
        "sheet": str(one.sheet) if one.sheet is not None else "",
    }
