"""The report of a run as one HTML page, which needs nothing from elsewhere and no script.

Every piece is a :class:`markupsafe.Markup`: its ``format``, ``join``, ``%`` and ``+`` escape whatever is no Markup, so
that text cannot become markup.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from markupsafe import Markup, escape

from scanward.adapters.report_documents import documents_in_words, render_documents
from scanward.adapters.report_faces import render_faces, render_volumes
from scanward.adapters.report_facts import (
    ACTION_WORDS,
    OUTCOME_WORDS,
    AttributeRow,
    ChangeGroup,
    duration,
    group_changes,
    headline,
    pixels_in_words,
    plural,
    reasons_with_studies,
    size,
    sum_changes,
    sum_pixels,
    when,
)
from scanward.adapters.report_risks import Numbers, number_risks, render_risks, render_risks_of
from scanward.model.pixels import PixelBox
from scanward.model.report import Outcome, PixelTally, RunReport, StudyReport

STYLE = Path(__file__).parent / "templates" / "report.css"
"""How the page looks."""

MAX_LINKS = 12
"""So many studies are linked from one reason."""

MAX_NAMES_OPEN = 80
"""More Attributes than this in one row are folded away."""

MAX_STUDIES_OPEN = 20
"""With more studies than this, a printed page leaves their details folded."""

MAX_FILLED = 200
"""The page shows the boxes of so many instances of a study; the JSON has them all."""

MAX_STUDIES_IN_DETAIL = 1000
"""The page shows so many studies in detail, so that a browser opens it; the JSON has them all."""

_PAGE = Markup("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>De-identification report: {released:,} of {total:,} released</title>
<style>
{style}</style>
</head>
<body{expand}>
<main>

{sections}
<footer>Made by Scanward {version} from what was done, not from what was planned. This page holds no value of an
  input but what the pictures of heads show, if any; names of files and folders, which often carry names of patients,
  are left out.</footer>
</main>
</body>
</html>
""")


def render_page(report: RunReport) -> str:
    """Return `report` as one HTML page that needs nothing from elsewhere and no script."""
    total = sum(report.outcomes.values())
    numbers = number_risks(report.studies)
    return _PAGE.format(
        released=report.outcomes.get(Outcome.RELEASED, 0),
        total=total,
        style=Markup(STYLE.read_text(encoding="utf-8")),  # noqa: S704 - a file of this package
        expand=Markup(' class="expand"') if len(report.studies) <= MAX_STUDIES_OPEN else "",
        sections=_lines(
            (
                _header(report),
                _outcomes(report, total),
                _stopped(reasons_with_studies(report.studies)),
                _skipped(Counter(report.skipped)),
                _pixels(report),
                render_faces(report),
                render_documents(report),
                _residual(report.studies, numbers),
                _studies(report.studies),
                _details(report.studies, numbers),
                _legend(),
                _attributes(sum_changes(report.studies)),
            )
        ),
        version=report.version,
    )


def _lines(pieces: Iterable[Markup]) -> Markup:
    """Return `pieces`, each on a line of its own."""
    return Markup("\n").join(pieces)


def _items(counts: Iterable[tuple[str, int]]) -> Markup:
    """Return counts as items of a list of chips."""
    return Markup("").join(Markup("<li>{} <b>{:,}</b></li>").format(kind, count) for kind, count in counts)


def _texts(texts: Iterable[str]) -> Markup:
    """Return `texts` as items of a list."""
    return Markup("").join(Markup("<li>{}</li>").format(text) for text in texts)


def _header(report: RunReport) -> Markup:
    return Markup("""\
<header>
  <h1>De-identification report</h1>
  <p class="lead">{headline}</p>
  <dl class="facts">
    <div><dt>Profile</dt><dd>{profile}</dd></div>
    <div><dt>Recipient</dt><dd>{recipient}</dd></div>
    <div><dt>Standard</dt><dd>DICOM PS3.15 Annex E, {edition}</dd></div>
    <div><dt>Run</dt><dd>{run}</dd></div>
    <div><dt>Scanward</dt><dd>{version}</dd></div>
  </dl>
</header>
""").format(
        headline=headline(report),
        profile=report.profile,
        recipient=report.recipient,
        edition=report.standard_edition,
        run=", ".join(filter(None, (when(report.started), duration(report)))),
        version=report.version,
    )


def _outcomes(report: RunReport, total: int) -> Markup:
    counts = [(outcome, report.outcomes.get(outcome, 0)) for outcome in Outcome]
    resumed = ""
    if report.resumed:
        resumed = f"; {report.resumed:,} of these inputs were done by an earlier, interrupted run of the same command"
    mismatch = Markup("")
    if report.found != total:
        mismatch = Markup('<span class="tag bad">the outcomes add up to {:,}</span>').format(total)
    return Markup("""\
<section aria-labelledby="counts">
  <h2 id="counts">What became of the inputs</h2>
  <p class="soft">{description}</p>{body}
  <div class="bar" role="img" aria-label="{label}">
{bars}
  </div>
  <table class="outcomes">
    <thead><tr><th scope="col">Outcome</th><th scope="col" class="num">Inputs</th>
      <th scope="col" class="num">Share</th><th scope="col">What it means</th></tr></thead>
    <tbody>
{rows}
    </tbody>
    <tfoot><tr><th scope="row">Found</th><td class="num">{found:,}</td><td></td><td class="soft wide">
      {size} written{resumed}.
      {mismatch}
    </td></tr></tfoot>
  </table>
</section>
""").format(
        description=report.profile_description,
        body=Markup('\n  <p class="soft">{}</p>').format(report.body) if report.body else "",
        label=", ".join(f"{OUTCOME_WORDS[outcome][0]} {count:,}" for outcome, count in counts),
        bars=_lines(
            Markup('    <span class="{}" style="flex: {} 1 0"></span>').format(_style_of(outcome), count)
            for outcome, count in counts
            if count
        ),
        rows=_lines(_outcome(outcome, count, total) for outcome, count in counts),
        found=report.found,
        size=size(report.bytes_released),
        resumed=resumed,
        mismatch=mismatch,
    )


def _outcome(outcome: Outcome, count: int, total: int) -> Markup:
    word, meaning = OUTCOME_WORDS[outcome]
    return Markup("""\
      <tr>
        <th scope="row" class="nowrap"><span class="dot {style}"></span>{word}</th>
        <td class="num{zero}">{count:,}</td>
        <td class="num soft">{share}</td>
        <td class="soft wide">{meaning}</td>
      </tr>""").format(
        style=_style_of(outcome),
        word=word,
        zero=_zero(count),
        count=count,
        share=f"{100 * count / total:.1f}%" if total else "",
        meaning=meaning,
    )


def _style_of(outcome: Outcome) -> str:
    return outcome.value.lower().replace(" ", "-")


def _zero(count: int) -> str:
    return "" if count else " zero"


def _stopped(reasons: Sequence[tuple[str, int, list[int]]]) -> Markup:
    if not reasons:
        return Markup("")
    return Markup("""\
<section aria-labelledby="stopped">
  <h2 id="stopped">What needs a person</h2>
  <p class="soft">Nothing of these inputs left. They are where they were, unchanged.</p>
  <table>
    <thead><tr><th scope="col">Why</th><th scope="col" class="num">Inputs</th>
      <th scope="col">Studies</th></tr></thead>
    <tbody>
{}
    </tbody>
  </table>
</section>
""").format(
        _lines(
            Markup('      <tr><td>{}</td><td class="num">{:,}</td>\n        <td>{}</td></tr>').format(
                reason, count, _links(where)
            )
            for reason, count, where in reasons
        )
    )


def _links(studies: Sequence[int]) -> Markup:
    """Return links to the details of `studies`, numbered from 1."""
    links = Markup(", ").join(Markup('<a href="#study-{0}">{0}</a>').format(number) for number in studies[:MAX_LINKS])
    return links + (f" and {len(studies) - MAX_LINKS:,} more" if len(studies) > MAX_LINKS else "")


def _skipped(reasons: Counter[str]) -> Markup:
    if not reasons:
        return Markup("")
    return Markup("""\
<section aria-labelledby="skipped">
  <h2 id="skipped">What was left aside before any study was made</h2>
  <p class="soft">Not DICOM, damaged, not readable, or in conflict with another input. They are where they were,
    unchanged.</p>
  <table>
    <thead><tr><th scope="col">Why</th><th scope="col" class="num">Inputs</th></tr></thead>
    <tbody>
{}
    </tbody>
  </table>
</section>
""").format(
        _lines(
            Markup('      <tr><td>{}</td><td class="num">{:,}</td></tr>').format(reason, count)
            for reason, count in reasons.most_common()
        )
    )


def _pixels(report: RunReport) -> Markup:
    total = sum_pixels(report.studies)
    sentences = pixels_in_words(total)
    if not sentences:
        return Markup("")
    policy = Markup('\n  <p class="soft">{}</p>').format(report.pixels) if report.pixels else Markup("")
    looked_by = Markup("")
    if report.looked_by:
        looked_by = Markup('\n  <h3>Looked at by</h3>\n  <ul class="chips">{}</ul>').format(_texts(report.looked_by))
    return Markup("""\
<section aria-labelledby="pixels">
  <h2 id="pixels">Text in pixels</h2>{}
  <ul>{}</ul>{}
  <p class="soft">What was filled is in the JSON beside this page with its place and frames; what stood there is told
    nowhere.</p>
</section>
""").format(policy, _texts(sentences), looked_by)


def _residual(studies: Sequence[StudyReport], numbers: Numbers) -> Markup:
    identifiers: Counter[str] = Counter()
    for study in studies:
        identifiers.update(study.identifiers)
    searched = Markup("")
    if identifiers:
        searched = Markup("""\
  <h3>Identifiers that were searched for in every output</h3>
  <ul class="chips">{}</ul>
  <p class="soft">Distinct values found in the inputs, summed over the studies. An instance is released only when none
    of those that the profile takes out is left in its bytes. Samples of pixels are not searched.</p>
""").format(_items(identifiers.most_common()))
    return Markup("""\
<section aria-labelledby="residual">
  <h2 id="residual">What could remain</h2>
  <p class="soft">De-identification lowers a risk; it seldom ends it. What is known to be left, in words:</p>
  {}
{}</section>
""").format(render_risks(studies, numbers), searched)


def _studies(studies: Sequence[StudyReport]) -> Markup:
    return Markup("""\
<section aria-labelledby="studies">
  <h2 id="studies">Studies</h2>
  <div class="scroll">
  <table>
    <caption>Each patient is named by a pseudonym that only the key behind this run can lead back.</caption>
    <thead><tr><th scope="col" class="num">No.</th><th scope="col">Patient</th><th scope="col">Modality</th>
      <th scope="col" class="num">Released</th><th scope="col" class="num">Held</th>
      <th scope="col" class="num">Quarantined</th><th scope="col">Outcome</th></tr></thead>
    <tbody>
{}
    </tbody>
  </table>
  </div>
</section>
""").format(_lines(_study_row(number, study) for number, study in enumerate(studies, 1)))


def _study_row(number: int, study: StudyReport) -> Markup:
    counts = [study.outcomes.get(one, 0) for one in (Outcome.RELEASED, Outcome.HELD, Outcome.QUARANTINED)]
    _, held, quarantined = counts
    style, word = ("bad", "quarantined") if quarantined else ("warn", "held") if held else ("good", "released")
    return Markup("""\
      <tr>
        <td class="num">{number}</td>
        <td class="mono nowrap">{patient}</td>
        <td>{modalities}</td>
        {counts}
        <td><span class="tag {style}">{word}</span></td>
      </tr>""").format(
        number=_links([number]) if number <= MAX_STUDIES_IN_DETAIL else number,
        patient=study.patient or "unknown",
        modalities=", ".join(study.modalities) or "unknown",
        counts=Markup("").join(Markup('<td class="num{}">{:,}</td>').format(_zero(count), count) for count in counts),
        style=style,
        word=word,
    )


def _details(studies: Sequence[StudyReport], numbers: Numbers) -> Markup:
    shown = studies[:MAX_STUDIES_IN_DETAIL]
    rest = Markup("")
    if len(studies) > len(shown):
        rest = Markup('\n  <p class="note">The other {} are in the JSON file beside this page.</p>').format(
            plural(len(studies) - len(shown), "study", "studies")
        )
    return Markup("""\
<section aria-labelledby="details">
  <h2 id="details">What was done to each study</h2>
  <p class="soft">A number after an Attribute says in how many instances, where it was not in all that were
    released.</p>
{}{}
</section>
""").format(
        _lines(_study(number, study, numbers, is_open=len(studies) == 1) for number, study in enumerate(shown, 1)), rest
    )


def _study(number: int, study: StudyReport, numbers: Numbers, *, is_open: bool) -> Markup:
    released = study.outcomes.get(Outcome.RELEASED, 0)
    stopped = sum(study.stopped.values())
    parts = []
    if study.stopped:
        parts.append(
            Markup('    <div class="note">Not released:\n      <ul>{}</ul>\n    </div>').format(
                _texts(f"{plural(count, 'input')}: {reason}" for reason, count in sorted(study.stopped.items()))
            )
        )
    if study.identifiers:
        parts.append(
            Markup('    <h3>Identifiers found</h3>\n    <ul class="chips">{}</ul>').format(
                _items(sorted(study.identifiers.items()))
            )
        )
    if study.pixels.redactions:
        parts.append(_filled(study.pixels))
    if study.faces:
        parts.append(render_volumes(study.faces))
    told = documents_in_words(study.documents)
    if told:
        parts.append(Markup("    <h3>Documents</h3>\n    <ul>{}</ul>").format(_texts(told)))
    if study.changes:
        parts.append(_changes(study, released))
    if study.residual:
        parts.append(render_risks_of(study, numbers))
    return Markup("""\
  <details class="study" id="study-{number}"{is_open}>
    <summary><b>{number}</b> <span class="mono">{patient}</span>
      <span class="soft">{modalities}, {released:,} released{stopped}</span></summary>
    <p>New Study Instance UID: <span class="mono">{uid}</span></p>
{parts}
  </details>""").format(
        number=number,
        is_open=" open" if is_open else "",
        patient=study.patient or "unknown",
        modalities=", ".join(study.modalities),
        released=released,
        stopped=f", {stopped:,} not" if study.stopped else "",
        uid=study.study_uid or "none, nothing of it could be read",
        parts=_lines(parts),
    )


def _filled(tally: PixelTally) -> Markup:
    shown = sorted(tally.redactions.items())[:MAX_FILLED]
    rest = Markup("")
    if len(tally.redactions) > len(shown):
        rest = Markup('\n      <p class="note">{} more in the JSON file beside this page.</p>').format(
            plural(len(tally.redactions) - len(shown), "instance")
        )
    return Markup("""\
    <h3>Text taken out of pixels</h3>
    <details>
      <summary>{}</summary>
      <ul>
{}
      </ul>{}
    </details>""").format(
        " ".join(pixels_in_words(tally)),
        _lines(
            Markup('        <li><span class="mono">{}</span>: {}</li>').format(
                uid, "; ".join(_box(box) for box in boxes)
            )
            for uid, boxes in shown
        ),
        rest,
    )


def _box(box: PixelBox) -> str:
    """Return a filled box in words: size and corner, frames where not the first alone, and what told."""
    frames = ""
    if box.last_frame:
        first, last = box.first_frame + 1, box.last_frame + 1
        frames = f", frame {first}" if first == last else f", frames {first} to {last}"
    return f"{box.width} x {box.height} at ({box.x}, {box.y}){frames}, by {box.found_by.value}"


def _changes(study: StudyReport, released: int) -> Markup:
    return Markup("""\
    <h3>Attributes</h3>
    <table class="changes">
      <thead><tr><th scope="col">Action</th><th scope="col">Why</th><th scope="col">Attributes</th></tr></thead>
      <tbody>
{}
      </tbody>
    </table>""").format(
        _lines(
            Markup("""\
        <tr><td><b>{}</b> <small>{}</small></td><td class="soft reason">{}</td>
          <td class="names">{}</td></tr>""").format(
                ACTION_WORDS[group.action][0], group.action.value, group.reason.value, _names(group, released)
            )
            for group in group_changes(study.changes)
        )
    )


def _names(group: ChangeGroup, released: int) -> Markup:
    # Not with format: there may be a hundred thousand of them.
    names = Markup(", ").join(
        escape(name) if count == released else escape(name) + Markup("&nbsp;<small>%s</small>") % f"{count:,}"
        for name, count in group.attributes
    )
    if len(group.attributes) <= MAX_NAMES_OPEN:
        return names
    return Markup("<details><summary>{:,} Attributes</summary>\n{}\n</details>").format(len(group.attributes), names)


def _legend() -> Markup:
    return Markup("""\
<section aria-labelledby="legend">
  <h2 id="legend">The actions</h2>
  <table>
    <caption>Codes of DICOM PS3.15 Table E.1-1a.</caption>
    <thead><tr><th scope="col">Code</th><th scope="col">Word</th><th scope="col">Meaning</th></tr></thead>
    <tbody>
{}
    </tbody>
  </table>
</section>
""").format(
        _lines(
            Markup(
                '      <tr><td><code>{}</code></td><th scope="row" class="nowrap">{}</th>'
                '<td class="soft wide">{}</td></tr>'
            ).format(action.value, word, meaning)
            for action, (word, meaning) in ACTION_WORDS.items()
        )
    )


def _attributes(rows: Sequence[AttributeRow]) -> Markup:
    if not rows:
        return Markup("")
    return Markup("""\
<section aria-labelledby="attributes">
  <h2 id="attributes">Every Attribute met, over all studies</h2>
  <details>
    <summary>{}</summary>
    <div class="scroll">
    <table class="by-attribute">
      <thead><tr><th scope="col">Tag</th><th scope="col">Attribute</th><th scope="col">Action</th>
        <th scope="col">Why</th><th scope="col" class="num">Instances</th>
        <th scope="col" class="num">Studies</th></tr></thead>
      <tbody>
{}
      </tbody>
    </table>
    </div>
  </details>
</section>
""").format(plural(len(rows), "row"), _lines(_attribute(row) for row in rows))


_ATTRIBUTE = Markup(
    '        <tr><td>%s</td><td class="name">%s</td><td class="nowrap">%s</td><td class="soft">%s</td>'
    '<td class="num">%s</td><td class="num">%s</td></tr>'
)


def _attribute(row: AttributeRow) -> Markup:
    change = row.change
    return _ATTRIBUTE % (
        Markup("").join(Markup("<code>%s</code> ") % tag for tag in change.tag.split(".")),
        change.attribute,
        ACTION_WORDS[change.action][0],
        change.reason.value,
        f"{row.instances:,}",
        f"{row.studies:,}",
    )
