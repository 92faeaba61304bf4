"""What the report page says: the words for codes, counts over studies, numbers as a person reads them."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from scanward.model.attribute import Action, Reason
from scanward.model.report import Change, Outcome, PixelTally, RunReport, StudyReport

ACTION_WORDS: Mapping[Action, tuple[str, str]] = {
    Action.REMOVE: ("Removed", "The Attribute is not in the output."),
    Action.EMPTY: ("Emptied", "The Attribute is there without a value, since the standard wants it to be there."),
    Action.DUMMY: ("Replaced", "The value is a made-up one, a pseudonym or a shifted date."),
    Action.UID: ("New UID", "The UID is a new one, the same wherever the old one stood, so that references hold."),
    Action.CLEAN: ("Cleaned", "What identifies was taken out of the value, what is clinical stayed."),
    Action.KEEP: ("Kept", "The value is unchanged."),
}
"""The action codes of PS3.15 in words, in the order they are shown."""

OUTCOME_WORDS: Mapping[Outcome, tuple[str, str]] = {
    Outcome.RELEASED: ("Released", "De-identified, checked, and in the folder of the outputs."),
    Outcome.HELD: (
        "Held",
        (
            "Waits for a person: the picture shows text that was not taken out, or it may show text and could not be "
            "looked at. Look at these instances in the source; if no name or number is burned in, run the same command "
            "with --release-unchecked-pixels."
        ),
    ),
    Outcome.QUARANTINED: (
        "Quarantined",
        (
            "Could not be de-identified with certainty, so nothing of it left. The reason tells whether the file is "
            "damaged (export it again from the archive) or of a kind that Scanward does not take yet."
        ),
    ),
    Outcome.NOT_DICOM: ("Not DICOM", "Left alone and counted, so that the numbers add up."),
}
"""The outcomes in words, with what a person can do."""


@dataclass(frozen=True, kw_only=True)
class ChangeGroup:
    """Attributes of one study that were treated alike for the same reason: (name, number of instances)."""

    action: Action
    reason: Reason
    attributes: Sequence[tuple[str, int]]


@dataclass(frozen=True, kw_only=True)
class AttributeRow:
    """What was done to one Attribute over all studies."""

    change: Change
    instances: int
    studies: int


def group_changes(changes: Mapping[Change, int]) -> list[ChangeGroup]:
    """Return `changes` grouped by action and reason, in the order of `ACTION_WORDS`."""
    order = list(ACTION_WORDS)
    ordered = sorted(changes.items(), key=lambda item: (order.index(item[0].action), item[0].reason, item[0]))
    return [
        ChangeGroup(
            action=action,
            reason=reason,
            attributes=[(change.attribute or change.tag, count) for change, count in group],
        )
        for (action, reason), group in groupby(ordered, key=lambda item: (item[0].action, item[0].reason))
    ]


def sum_changes(studies: Sequence[StudyReport]) -> list[AttributeRow]:
    """Return what was done to each Attribute over all `studies`, by tag."""
    instances: Counter[Change] = Counter()
    met: Counter[Change] = Counter()
    for study in studies:
        instances.update(study.changes)
        met.update(study.changes.keys())
    return [
        AttributeRow(change=change, instances=instances[change], studies=met[change])
        for change in sorted(instances, key=lambda change: (change.tag, change))
    ]


def reasons_with_studies(studies: Sequence[StudyReport]) -> list[tuple[str, int, list[int]]]:
    """Return why inputs were held or quarantined: (reason, inputs, numbers of the studies), most frequent first."""
    inputs: Counter[str] = Counter()
    where: dict[str, list[int]] = defaultdict(list)
    for number, study in enumerate(studies, 1):
        for reason, count in study.stopped.items():
            inputs[reason] += count
            where[reason].append(number)
    return [(reason, count, where[reason]) for reason, count in inputs.most_common()]


def sum_pixels(studies: Sequence[StudyReport]) -> PixelTally:
    """Return what looking at pixels came to over all `studies`."""
    total = PixelTally()
    for study in studies:
        total.add(study.pixels)
    return total


def pixels_in_words(tally: PixelTally) -> list[str]:
    """Return what looking at pixels came to, in sentences; none where there were no pixels."""
    sentences = []
    if tally.looked_at:
        sentences.append(
            f"The pixels of {plural(tally.looked_at, 'instance')} were looked at and show no text as they left."
        )
    if tally.redactions:
        sentences.append(
            f"Text was taken out of {plural(len(tally.redactions), 'instance')}: {plural(tally.regions, 'region')} "
            "filled with what is around."
        )
    if tally.kept_words:
        sentences.append(f"{plural(tally.kept_words, 'word')} stayed, since the profile keeps their kind.")
    if tally.unseen:
        sentences.append(f"Nobody looked at the pixels of {plural(tally.unseen, 'instance')}.")
    return sentences


def headline(report: RunReport) -> str:
    """Return what became of the inputs in a few sentences."""
    counts = {outcome: report.outcomes.get(outcome, 0) for outcome in Outcome}
    released, held, stopped = counts[Outcome.RELEASED], counts[Outcome.HELD], counts[Outcome.QUARANTINED]
    other = counts[Outcome.NOT_DICOM]
    sentences = [
        (
            f"{released:,} of {plural(report.found, 'input')} {'was' if released == 1 else 'were'} released, "
            f"in {plural(len(report.studies), 'study', 'studies')}."
        )
    ]
    if held:
        sentences.append(f"{held:,} {'waits' if held == 1 else 'wait'} for a person.")
    if stopped:
        sentences.append(f"{stopped:,} could not be de-identified with certainty.")
    if other:
        sentences.append(f"{other:,} {'is' if other == 1 else 'are'} not DICOM.")
    if not held and not stopped:
        sentences.append("Nothing was held back.")
    return " ".join(sentences)


def plural(number: int, one: str, many: str = "") -> str:
    """Return `number` with the word for what it counts."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(number: int) -> str:
    """Return a number of bytes in the unit that fits."""
    value = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:,.0f} {unit}" if unit == "bytes" else f"{value:,.1f} {unit}"
        value /= 1000
    return f"{value:,.1f} TB"


def when(text: str) -> str:
    """Return an ISO 8601 time as a person reads it."""
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M UTC") if text else "not finished"


def duration(report: RunReport) -> str:
    """Return how long the run took, in words; empty when it is not finished."""
    if not report.finished:
        return ""
    took = datetime.fromisoformat(report.finished) - datetime.fromisoformat(report.started)
    seconds = max(took.total_seconds(), 0.0)
    if seconds < 60:
        return f"{seconds:.1f} seconds"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
