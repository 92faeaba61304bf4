"""What could remain, as the page and the JSON of a report show it: each risk once, and which studies have it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from scanward.adapters.report_facts import plural
from scanward.model.report import StudyReport
from scanward.model.risks import ResidualRisk, Shown, Source

Numbers = Mapping[ResidualRisk, int]
"""The number of each risk in a report, from 1."""


def number_risks(studies: Sequence[StudyReport]) -> Numbers:
    """Return the risks of studies in the order they are shown: what is certain first, then what most have."""
    counts = Counter(risk for study in studies for risk in study.residual)
    ordered = sorted(counts.items(), key=lambda one: (one[0].is_possible, -one[1]))
    return {risk: number for number, (risk, _) in enumerate(ordered, 1)}


def risks_to_json(numbers: Numbers) -> list[dict[str, Any]]:
    """Return risks as plain values, in the order of their numbers."""
    return [
        {
            "id": risk.risk_id,
            "title": risk.title,
            "is_possible": risk.is_possible,
            "statement": risk.statement,
            "evidence": risk.evidence,
            "done": risk.done,
            "remains": risk.remains,
            "advice": list(risk.advice),
            "sources": [_source_json(source) for source in risk.sources],
        }
        for risk in numbers
    ]


def shown_to_json(shown: Mapping[Shown, int]) -> list[dict[str, Any]]:
    """Return what the instances of a study show as plain values, what most show first."""
    ordered = sorted(shown.items(), key=lambda one: (-one[1], one[0].kind.name, one[0].region.name))
    return [
        {
            "kind": one.kind.value,
            "body_part_named": one.region.value,
            "is_moving": one.is_moving,
            "is_video": one.is_video,
            "instances": count,
        }
        for one, count in ordered
    ]


def _source_json(source: Source) -> dict[str, Any]:
    return {
        "id": source.source_id,
        "authors": source.authors,
        "year": source.year,
        "title": source.title,
        "published": source.published,
        "doi": source.doi,
    }


def render_risks(studies: Sequence[StudyReport], numbers: Numbers) -> Markup:
    """Return all risks of a run as a piece of the page, and after them what they rest on."""
    if not numbers:
        return Markup("<p>Nothing beyond what the profile keeps on purpose.</p>")
    counts = Counter(risk for study in studies for risk in study.residual)
    cited = list(dict.fromkeys(source for risk in numbers for source in risk.sources))
    places = {source: place for place, source in enumerate(cited, 1)}
    pieces = [_risk(risk, number, counts[risk], places) for risk, number in numbers.items()]
    if cited:
        items = Markup("\n").join(
            Markup('      <li id="source-{}">{}</li>').format(place, source.citation)
            for source, place in places.items()
        )
        pieces.append(Markup('  <h3>Sources</h3>\n    <ol class="sources">\n{}\n    </ol>').format(items))
    return Markup("\n").join(pieces)


def render_risks_of(study: StudyReport, numbers: Numbers) -> Markup:
    """Return the risks of one study as a list; each leads to what is said of it."""
    items = Markup("").join(
        Markup('<li><a href="#risk-{}">{}</a>{}: {}</li>').format(
            numbers[risk], risk.title, " (may apply)" if risk.is_possible else "", risk.statement
        )
        for risk in study.residual
    )
    return Markup("    <h3>What could remain</h3>\n    <ul>{}</ul>").format(items)


def _risk(risk: ResidualRisk, number: int, count: int, places: Mapping[Source, int]) -> Markup:
    tag = (
        Markup('<span class="tag">may apply</span>')
        if risk.is_possible
        else Markup('<span class="tag warn">applies</span>')
    )
    rows = [
        ("How sure", _cited(risk, places)),
        ("What was done", Markup("{}").format(risk.done)),
        ("What remains", Markup("{}").format(risk.remains)),
        ("What you can do", Markup("{}").format(" ".join(risk.advice))),
    ]
    facts = Markup("").join(Markup("<dt>{}</dt><dd>{}</dd>").format(name, text) for name, text in rows if text)
    return Markup("""\
  <details class="risk" id="risk-{number}">
    <summary><b>{title}</b> {tag} <span class="soft">{count}</span><br>{statement}</summary>
    <dl>{facts}</dl>
  </details>""").format(
        number=number,
        title=risk.title,
        tag=tag,
        count=plural(count, "study", "studies"),
        statement=risk.statement,
        facts=facts,
    )


def _cited(risk: ResidualRisk, places: Mapping[Source, int]) -> Markup:
    links = Markup(" ").join(
        Markup('<a href="#source-{0}">[{0}]</a>').format(places[source]) for source in risk.sources
    )
    return Markup("{} {}").format(risk.evidence, links) if risk.evidence or links else Markup("")
