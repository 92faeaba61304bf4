"""The part of a report on documents: which were cleaned, what was replaced in them, what was left out."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from scanward.adapters.report_facts import plural
from scanward.model.report import RunReport, StudyReport
from scanward.model.text import DocumentTally


def sum_documents(studies: Sequence[StudyReport]) -> DocumentTally:
    """Return what became of the documents of all `studies`."""
    tally = DocumentTally()
    for study in studies:
        tally.add(study.documents)
    return tally


def documents_in_words(tally: DocumentTally) -> list[str]:
    """Return what became of documents, in sentences; none where there was none."""
    lines = [f"Cleaned: {plural(count, kind)}." for kind, count in sorted(tally.cleaned.items())]
    if tally.replaced:
        parts = ", ".join(f"{kind} {count:,}" for kind, count in sorted(tally.replaced.items()))
        lines.append(f"Identifiers taken out or replaced in them: {parts}.")
    lines += [f"Left out of {plural(count, 'document')}: {what}." for what, count in sorted(tally.removed.items())]
    return lines


def documents_to_json(tally: DocumentTally) -> dict[str, Any]:
    """Return what became of documents for the JSON of a report."""
    return {
        "cleaned": dict(sorted(tally.cleaned.items())),
        "replaced": dict(sorted(tally.replaced.items())),
        "removed": dict(sorted(tally.removed.items())),
    }


def render_documents(report: RunReport) -> Markup:
    """Return the section on documents of a whole run; empty where there was none."""
    sentences = documents_in_words(sum_documents(report.studies))
    if not sentences:
        return Markup("")
    return Markup("""\
<section aria-labelledby="documents">
  <h2 id="documents">Documents</h2>
  <p class="soft">{policy}</p>
  <ul>{sentences}</ul>
</section>
""").format(
        policy=report.text, sentences=Markup("").join(Markup("<li>{}</li>").format(sentence) for sentence in sentences)
    )
