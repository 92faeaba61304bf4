"""The part of a report on faces: what was found of each volume, what was measured, and what a stranger could see."""

from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from markupsafe import Markup

from scanward.adapters.report_facts import plural
from scanward.model.faces import FaceFigures, FaceFinding, FaceVolume
from scanward.model.report import RunReport, StudyReport

MAX_PICTURES = 100
"""So many volumes of a study are shown with pictures."""

_COUNTED = {
    FaceFinding.FACE_REMOVED: ("A face was taken out of {}.", "A face was taken out of {}."),
    FaceFinding.FACE_FOUND: ("{} shows a face and is held.", "{} show a face and are held."),
    FaceFinding.REFUSED: (
        "{} may show a face, could not be treated, and is held.",
        "{} may show a face, could not be treated, and are held.",
    ),
    FaceFinding.ALREADY_FACELESS: (
        "{} shows a head whose face was gone already.",
        "{} show a head whose face was gone already.",
    ),
    FaceFinding.SKULL_STRIPPED: (
        "{} shows a brain without skull and skin.",
        "{} show a brain without skull and skin.",
    ),
    FaceFinding.NO_FACE_IN_VIEW: (
        "{} shows a head, and no face is in view.",
        "{} show a head, and no face is in view.",
    ),
    FaceFinding.OTHER_PART: (
        "{} is no head that pixels tell, and another part of the body by its header.",
        "{} are no head that pixels tell, and another part of the body by their header.",
    ),
    FaceFinding.NO_HEAD: ("{} holds no head.", "{} hold no head."),
}
"""What is said of one volume, and of several."""


def sum_volumes(studies: Sequence[StudyReport]) -> tuple[FaceVolume, ...]:
    """Return the volumes of all `studies`."""
    return tuple(volume for study in studies for volume in study.faces)


def faces_in_words(volumes: Sequence[FaceVolume]) -> list[str]:
    """Return what looking for faces came to, in sentences; none where there was no volume."""
    counts = Counter(volume.finding for volume in volumes)
    return [
        texts[counts[finding] > 1].format(plural(counts[finding], "volume"))
        for finding, texts in _COUNTED.items()
        if counts[finding]
    ]


def volumes_to_json(volumes: Sequence[FaceVolume]) -> list[dict[str, Any]]:
    """Return what was found of volumes for the JSON of a report: without pictures, which show who it is."""
    return [
        {
            "modality": one.modality,
            "instances": one.instances,
            "slices": one.slices,
            "finding": one.finding.name.lower(),
            "reasons": list(one.reasons),
            **{name: value for name, value in asdict(one.figures).items() if value is not None},
        }
        for one in volumes
    ]


def render_faces(report: RunReport) -> Markup:
    """Return the section on faces of a whole run; empty where there was no volume."""
    sentences = faces_in_words(sum_volumes(report.studies))
    if not sentences:
        return Markup("")
    return Markup("""\
<section aria-labelledby="faces">
  <h2 id="faces">Faces in head scans</h2>
  <p class="soft">{}</p>
  <ul>{}</ul>
  <p class="soft">No header says whether there is a head: the pixels do. Each study shows what was measured on its
    volumes, and what a stranger could see of them.</p>
</section>
""").format(report.faces, Markup("").join(Markup("<li>{}</li>").format(one) for one in sentences))


def render_volumes(volumes: Sequence[FaceVolume]) -> Markup:
    """Return what was found of the volumes of one study."""
    rows = Markup("\n").join(_row(number, one) for number, one in enumerate(volumes, 1))
    note = Markup("")
    if any(one.before for one in volumes):
        note = Markup(
            '\n    <p class="note">The first picture of a volume may show who it is. It is here for those who may see '
            "the scan, and in no output: keep this page with the scans.</p>"
        )
    return Markup("""\
    <h3>Faces</h3>{}
    <div class="scroll">
    <table class="volumes">
      <thead><tr><th scope="col" class="num">No.</th><th scope="col">Volume</th><th scope="col">Found</th>
        <th scope="col">Measured</th></tr></thead>
      <tbody>
{}
      </tbody>
    </table>
    </div>""").format(note, rows)


def _row(number: int, volume: FaceVolume) -> Markup:
    reasons = Markup("").join(Markup("<br>{}").format(one) for one in volume.reasons)
    row = Markup("""\
        <tr><td class="num">{}</td><td class="nowrap">{}, {}</td><td>{}{}</td><td>{}</td></tr>""").format(
        number,
        volume.modality or "unknown",
        plural(volume.slices, "slice"),
        volume.finding.value,
        reasons,
        Markup("<br>").join(measured(volume.figures)) or "nothing",
    )
    if not volume.before or number > MAX_PICTURES:
        return row
    return row + Markup('\n        <tr><td></td><td colspan="3">{}{}</td></tr>').format(
        _picture(volume.before, "Before: front, half from the side, side"),
        _picture(volume.after, "After: the same views") if volume.after else "",
    )


def measured(figures: FaceFigures) -> Iterator[str]:
    """Yield what was measured on a volume, in words."""
    if figures.face_kept is not None:
        yield f"face where it was: {figures.face_kept:.0%}"
    if figures.ears_kept is not None:
        yield f"ears where they were: {figures.ears_kept:.0%}"
    if figures.renders and figures.hits_before is not None:
        after = "" if figures.hits_after is None else f", {figures.hits_after} after"
        yield f"detector sees a face in {figures.hits_before} of {figures.renders} views before{after}"
    if figures.changed_share is not None:
        yield f"voxels changed: {figures.changed_share:.1%}"
    if figures.metric is not None and figures.overlap is not None:
        vault = "" if figures.vault_mm is None else f", vault {figures.vault_mm:.1f} mm off"
        yield f"alignment: information {-figures.metric:.2f}, overlap {figures.overlap:.2f}{vault}"


def _picture(png: bytes, words: str) -> Markup:
    return Markup(
        '<figure class="heads"><img alt="{0}" src="data:image/png;base64,{1}"><figcaption>{0}</figcaption></figure>'
    ).format(words, b64encode(png).decode("ascii"))
