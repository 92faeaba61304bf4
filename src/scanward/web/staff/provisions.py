"""The form by which staff record what a patient allows or refuses, and what is recorded, for the page."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from scanward.flow.foresight import Change, Foreseen, Foresight
from scanward.model.agreement import Recipient
from scanward.model.consent import Effect, RecordedProvision
from scanward.standard.act_reasons import ANY, PRIMARY, SECONDARY, ancestors, covers, name_of
from scanward.web.staff.words import plural

EVERYBODY = "*"

USUAL = ("TREAT", "HPAYMT", "HOPERAT", "HRESCH", "MLTRAINING", "PUBHLTH")
"""Purposes shown first, with those of the recipients in force."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """What was filled in.

    Attributes
    ----------
    effect
        ``permit`` or ``deny``; empty where nothing was chosen.
    purposes
        ActReason codes, or ``*``.
    whom
        ``every`` or ``some``.
    recipients
        Ids, where ``some``.
    first, last
        Days as the browser sends them (ISO 8601); empty is open. The last one is included.
    """

    effect: str = ""
    purposes: Sequence[str] = ()
    whom: str = "every"
    recipients: Sequence[str] = ()
    first: str = ""
    last: str = ""

    def errors(self) -> Mapping[str, str]:
        """Return what has to be mended, by field."""
        found: dict[str, str] = {}
        if self.effect not in set(Effect):
            found["effect"] = "Choose whether the patient allows or refuses."
        if not self.purposes:
            found["purposes"] = "Choose at least one purpose."
        elif ANY in self.purposes and self.effect == Effect.PERMIT:
            found["purposes"] = "Choose the purposes one by one: only a refusal can be for every purpose."
        if self.whom == "some" and not self.recipients:
            found["recipients"] = "Choose at least one recipient, or every recipient."
        elif self.whom != "some" and self.recipients:
            found["recipients"] = "Choose either every recipient, or only those that are ticked."
        days = {name: _day(value) for name, value in (("first", self.first), ("last", self.last))}
        for name, value in (("first", self.first), ("last", self.last)):
            if value and days[name] is None:
                found[name] = "Give a day as year, month and day: 2027-01-31."
        if days["first"] and days["last"] and days["last"] < days["first"]:
            found["last"] = "Give a last day that is not before the first one."
        return found

    def content(self) -> Mapping[str, object]:
        """Return it as `Staff.add_provision` takes it; asked of a form without errors."""
        first, last = _day(self.first), _day(self.last)
        return {
            "effect": self.effect,
            # A refusal for every purpose says it all.
            "purposes": [ANY] if ANY in self.purposes else sorted(set(self.purposes)),
            "recipients": sorted(set(self.recipients)) if self.whom == "some" else [EVERYBODY],
            "starts": None if first is None else _begin(first).isoformat(),
            "ends": None if last is None else _begin(last + timedelta(days=1)).isoformat(),
        }


def _day(value: str) -> date | None:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        return None
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return None
    return day if day < date(9999, 1, 1) else None


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Purpose:
    """A purpose to choose from: `below` names what it is part of, `alone` means agreed to by its own name only."""

    code: str
    name: str
    below: str = ""
    alone: bool = False


def purposes_to_choose(recipients: Iterable[Recipient]) -> tuple[Sequence[Purpose], Sequence[Purpose]]:
    """Return the usual purposes, those of the recipients among them, and all others by name."""
    codes = [*USUAL, *sorted({one.purpose for one in recipients} - set(USUAL))]
    others = sorted({*PRIMARY, *SECONDARY} - set(codes), key=lambda code: name_of(code).lower())
    return [_purpose(code) for code in codes if name_of(code)], [_purpose(code) for code in others]


def _purpose(code: str) -> Purpose:
    parents = [one for one in ancestors(code) if len(ancestors(one)) == len(ancestors(code)) - 1]
    below = _capital(name_of(parents[0])) if parents else ""
    alone = bool(parents) and not any(covers(one, code) for one in ancestors(code))
    return Purpose(code=code, name=_capital(name_of(code)), below=below, alone=alone)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A recorded provision, and how it stands: in force, not begun, over or withdrawn."""

    recorded: RecordedProvision
    standing: str
    tone: str

    @property
    def is_over(self) -> bool:
        """Whether it will never hold again."""
        return self.standing in {"Withdrawn", "Over"}


def row_of(recorded: RecordedProvision, now: datetime) -> Row:
    """Return a provision with how it stands."""
    provision = recorded.provision
    if recorded.revoked is not None:
        standing, tone = "Withdrawn", "plain"
    elif provision.ends is not None and provision.ends <= now:
        standing, tone = "Over", "plain"
    elif provision.starts is not None and provision.starts > now:
        standing, tone = "Not begun", "warn"
    else:
        standing, tone = "In force", "good"
    return Row(recorded=recorded, standing=standing, tone=tone)


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What a change would do: figures, sentences with their tone, and each release it touches."""

    figures: Sequence[tuple[str, int]]
    sentences: Sequence[tuple[str, str]]
    releases: Sequence[Foreseen]
    at: datetime


def tell(foresight: Foresight) -> Told:
    """Put what a change would do into figures and words."""
    by_change = {change: [one for one in foresight.releases if one.change is change] for change in Change}
    counted = {change: sum(one.instances for one in found) for change, found in by_change.items()}
    figures = [
        ("Releases stopped", len(by_change[Change.STOPPED])),
        ("Instances kept from leaving", counted[Change.STOPPED]),
        ("Releases let go", len(by_change[Change.LET_GO])),
        ("Left before", len(by_change[Change.LEFT])),
    ]
    sentences = [
        (tone, _SAID[change](plural(len(by_change[change]), "release"), plural(counted[change], "instance")))
        for change, tone in _TONES.items()
        if by_change[change]
    ]
    asked = sum(one.approval for one in by_change[Change.LET_GO])
    if asked:
        sentences.append(
            ("plain", f"A person has to approve {asked:,} of those let go before anything of them leaves.")
        )
    releases = sorted(foresight.releases, key=lambda one: list(_TONES).index(one.change))
    return Told(figures=figures, sentences=sentences, releases=releases, at=foresight.at)


_TONES = {
    Change.LET_GO: "warn",
    Change.STOPPED: "bad",
    Change.KEPT: "plain",
    Change.LEFT: "plain",
    Change.STAYS_REFUSED: "plain",
    Change.STAYS_STOPPED: "plain",
}

_SAID: Mapping[Change, Callable[[str, str], str]] = {
    Change.LET_GO: lambda releases, instances: (
        f"{releases} of {instances} could leave, as far as they are needed for the purpose."
    ),
    Change.STOPPED: lambda releases, instances: (
        f"{releases} would be stopped for good: {instances} that wait to leave, or can be fetched, stay."
    ),
    Change.KEPT: lambda releases, instances: f"{releases} not decided on yet would be denied: {instances} stay.",
    Change.LEFT: lambda releases, instances: (
        f"{releases} of {instances} left before: this does not bring them back. They stay on record, and with their "
        "recipient until the day by which they have to be deleted."
    ),
    Change.STAYS_REFUSED: lambda releases, _: f"{releases} would be permitted, but stay: a person refused them.",
    Change.STAYS_STOPPED: lambda releases, _: f"{releases} would be permitted, but stay: they were stopped for good.",
}
