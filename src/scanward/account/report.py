"""The accounting of a patient's disclosures: what 45 CFR 164.528 asks for, and beside it everything on record.

Both are made of the same records. The statutory view leaves out what the regulation leaves out; the full view nothing.
A disclosure of which nothing arrived is listed in both, and says so.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from scanward.model.agreement import Basis, Obligation
from scanward.model.release import Disclosure, ItemState, RecordedDisclosure
from scanward.standard.act_reasons import in_words, is_care, is_patient_request

ACCOUNTING_YEARS = 6
"""How far the statutory accounting reaches back (45 CFR 164.528(a)(1))."""

_WAITING = frozenset({ItemState.QUEUED})
_NOT_ARRIVED = frozenset({ItemState.STOPPED, ItemState.FAILED, ItemState.EXCLUDED, ItemState.QUARANTINED})


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrivals:
    """How many instances of a disclosure went how far.

    Attributes
    ----------
    disclosed
        Confirmed, there to be fetched, or of unknown outcome: all of these count as disclosed.
    waiting
        On record, not sent yet.
    not_arrived
        Stopped before they left, or refused by the recipient.
    """

    disclosed: int
    waiting: int
    not_arrived: int

    @property
    def in_words(self) -> str:
        """What became of them, as a sentence."""
        if self.disclosed and not self.waiting and not self.not_arrived:
            return "All of it was disclosed."
        if self.disclosed:
            return "Part of it was disclosed."
        if self.waiting:
            return "It is recorded and has not left yet."
        return "It was recorded, and nothing of it arrived."

    def as_json(self) -> dict[str, object]:
        """Return what JSON can say."""
        return {
            "disclosed": self.disclosed,
            "waiting": self.waiting,
            "not_arrived": self.not_arrived,
            "in_words": self.in_words,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class StatutoryEntry:
    """Disclosures to one recipient for one purpose (45 CFR 164.528(b)(2) and (b)(3)).

    Attributes
    ----------
    first, last
        Days (UTC) of the first and the last one in the period.
    times
        How many there were.
    recipient_name, recipient_address
        Who received it.
    description
        Brief description of what was disclosed, of the first one.
    purpose, purpose_in_words
        What for: ActReason code, and the brief statement of it.
    basis
        On what ground.
    arrivals
        Of all of them together.
    let_go
        How many instances a person let go of which no machine could say that they show no text.
    """

    first: date
    last: date
    times: int
    recipient_name: str
    recipient_address: str
    description: str
    purpose: str
    purpose_in_words: str
    basis: Basis
    arrivals: Arrivals
    let_go: int

    def as_json(self) -> dict[str, object]:
        """Return what JSON can say."""
        return {
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "times": self.times,
            "recipient_name": self.recipient_name,
            "recipient_address": self.recipient_address,
            "description": self.description,
            "purpose": self.purpose,
            "purpose_in_words": self.purpose_in_words,
            "basis": self.basis.value,
            "arrivals": self.arrivals.as_json(),
            "let_go": self.let_go,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class StatutoryView:
    """The accounting of disclosures as 45 CFR 164.528 asks for it.

    Attributes
    ----------
    made
        When, aware UTC.
    since, until
        First and last day (UTC) of the period.
    entries
        By the day of the first disclosure, newest first.
    left_out
        How many disclosures of the period the regulation leaves out; the full view has them.
    """

    made: datetime
    since: date
    until: date
    entries: Sequence[StatutoryEntry]
    left_out: int

    def as_json(self) -> dict[str, object]:
        """Return what JSON can say."""
        return {
            "view": "statutory",
            "regulation": "45 CFR 164.528",
            "made": self.made.isoformat(),
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "entries": [entry.as_json() for entry in self.entries],
            "left_out": self.left_out,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class FullEntry:
    """One disclosure with all that is on record.

    Attributes
    ----------
    recorded
        As in the ledger.
    purpose_in_words
        What for.
    obligations
        What the recipient promised under the agreement then in force; None where that is not at hand.
    arrivals
        What became of its instances.
    is_statutory
        Whether the statutory accounting lists it, its period aside.
    """

    recorded: RecordedDisclosure
    purpose_in_words: str
    obligations: frozenset[Obligation] | None
    arrivals: Arrivals
    is_statutory: bool

    def as_json(self) -> dict[str, object]:
        """Return what JSON can say; ids are the ledger's opaque ones."""
        recorded, disclosure = self.recorded, self.recorded.disclosure
        promised = None if self.obligations is None else sorted(obligation.value for obligation in self.obligations)
        return {
            "disclosure_id": recorded.disclosure_id,
            "release_id": recorded.release_id,
            "study_id": recorded.study_id,
            "disclosed": disclosure.disclosed.isoformat(),
            "recipient": disclosure.recipient,
            "recipient_name": disclosure.recipient_name,
            "recipient_address": disclosure.recipient_address,
            "description": disclosure.description,
            "purpose": disclosure.purpose,
            "purpose_in_words": self.purpose_in_words,
            "basis": disclosure.basis.value,
            "is_statutory": self.is_statutory,
            "agreement_version": disclosure.agreement_version,
            "region": disclosure.region,
            "delete_by": disclosure.delete_by.isoformat(),
            "obligations": promised,
            "instances": recorded.instances,
            "states": {state.value: count for state, count in sorted(recorded.states.items())},
            "arrivals": self.arrivals.as_json(),
            "let_go": [
                {
                    "instances": one.instances,
                    "as_it_is": one.as_it_is,
                    "by": one.by,
                    "at": one.at.isoformat(),
                    "reason": one.reason,
                }
                for one in recorded.let_go
            ],
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class FullView:
    """Every disclosure on record, whatever its ground and age, newest first."""

    made: datetime
    entries: Sequence[FullEntry]

    def as_json(self) -> dict[str, object]:
        """Return what JSON can say."""
        return {
            "view": "full",
            "made": self.made.isoformat(),
            "entries": [entry.as_json() for entry in self.entries],
        }


def statutory_view(disclosures: Iterable[RecordedDisclosure], *, now: datetime) -> StatutoryView:
    """Return the accounting that 45 CFR 164.528 asks for, of the six years before `now` (aware).

    Disclosures to one recipient for one purpose are summarised, as (b)(3) allows.
    """
    until = now.astimezone(UTC).date()
    since = _years_before(until, ACCOUNTING_YEARS)
    within = [one for one in disclosures if since <= _day(one) <= until]
    listed = [one for one in within if is_statutory(one.disclosure)]
    groups: dict[tuple[str, ...], list[RecordedDisclosure]] = {}
    for one in sorted(listed, key=lambda one: (one.disclosure.disclosed, one.disclosure_id)):
        told = one.disclosure
        key = (told.recipient, told.recipient_name, told.recipient_address, told.purpose, told.basis.value)
        groups.setdefault(key, []).append(one)
    entries = sorted((_summarise(group) for group in groups.values()), key=lambda entry: entry.first, reverse=True)
    return StatutoryView(
        made=now.astimezone(UTC),
        since=since,
        until=until,
        entries=tuple(entries),
        left_out=len(within) - len(listed),
    )


def full_view(
    disclosures: Iterable[RecordedDisclosure],
    *,
    now: datetime,
    obligations: Mapping[str, Collection[Obligation]],
) -> FullView:
    """Return everything on record.

    Parameters
    ----------
    disclosures
        A patient's.
    now
        Aware.
    obligations
        What a recipient promised, by version of its agreement (:attr:`scanward.model.agreement.Recipient.version`).
    """
    newest_first = sorted(disclosures, key=lambda one: (one.disclosure.disclosed, one.disclosure_id), reverse=True)
    return FullView(
        made=now.astimezone(UTC),
        entries=tuple(_entry(one, obligations.get(one.disclosure.agreement_version)) for one in newest_first),
    )


def is_statutory(disclosure: Disclosure) -> bool:
    """Return whether 45 CFR 164.528(a)(1) has `disclosure` listed.

    A ground that the purpose contradicts leaves nothing out: training is no treatment, whatever an agreement says.
    """
    if disclosure.basis is Basis.TREATMENT:
        return not is_care(disclosure.purpose)
    if disclosure.basis is Basis.INDIVIDUAL:
        return not is_patient_request(disclosure.purpose)
    return disclosure.basis not in (Basis.AUTHORISATION, Basis.LIMITED_DATA_SET)


def _summarise(group: Sequence[RecordedDisclosure]) -> StatutoryEntry:
    first = group[0].disclosure
    arrivals = [_arrivals(one) for one in group]
    return StatutoryEntry(
        first=_day(group[0]),
        last=_day(group[-1]),
        times=len(group),
        recipient_name=first.recipient_name,
        recipient_address=first.recipient_address,
        description=first.description,
        purpose=first.purpose,
        purpose_in_words=in_words(first.purpose),
        basis=first.basis,
        arrivals=Arrivals(
            disclosed=sum(one.disclosed for one in arrivals),
            waiting=sum(one.waiting for one in arrivals),
            not_arrived=sum(one.not_arrived for one in arrivals),
        ),
        let_go=sum(record.instances for one in group for record in one.let_go),
    )


def _entry(recorded: RecordedDisclosure, promised: Collection[Obligation] | None) -> FullEntry:
    return FullEntry(
        recorded=recorded,
        purpose_in_words=in_words(recorded.disclosure.purpose),
        obligations=None if promised is None else frozenset(promised),
        arrivals=_arrivals(recorded),
        is_statutory=is_statutory(recorded.disclosure),
    )


def _arrivals(recorded: RecordedDisclosure) -> Arrivals:
    waiting = sum(count for state, count in recorded.states.items() if state in _WAITING)
    not_arrived = sum(count for state, count in recorded.states.items() if state in _NOT_ARRIVED)
    # Whatever is not known to have stayed counts as disclosed.
    total = max(recorded.instances, sum(recorded.states.values()))
    return Arrivals(disclosed=total - waiting - not_arrived, waiting=waiting, not_arrived=not_arrived)


def _day(recorded: RecordedDisclosure) -> date:
    return recorded.disclosure.disclosed.astimezone(UTC).date()


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)  # 29 February
