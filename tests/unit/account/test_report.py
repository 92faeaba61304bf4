"""What a patient is told of disclosures."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from scanward.account.report import full_view, statutory_view
from scanward.model.agreement import Basis, Obligation
from scanward.model.release import Disclosure, ItemState, RecordedDisclosure

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def recorded(number: int = 1, *, at: datetime = NOW - timedelta(days=30), states=None, instances=None, **changes):
    values = {
        "disclosed": at,
        "recipient": "acme",
        "recipient_name": "Acme AI",
        "recipient_address": "1 Main Street",
        "purpose": "HRESCH",
        "basis": Basis.RESEARCH,
        "description": f"CT, {number} images; de-identified; pseudonym SW-A",
        "agreement_version": "f" * 64,
        "region": "GB",
        "delete_by": date(2026, 12, 31),
    }
    states = {ItemState.SENT: 3} if states is None else states
    return RecordedDisclosure(
        disclosure_id=number,
        release_id="a" * 32,
        study_id="b" * 32,
        patient_id="c" * 32,
        disclosure=Disclosure(**{**values, **changes}),
        instances=sum(states.values()) if instances is None else instances,
        states=states,
    )


def test_the_statutory_view_has_what_the_regulation_asks_for() -> None:
    view = statutory_view([recorded()], now=NOW)
    assert (view.since, view.until) == (date(2020, 6, 1), date(2026, 6, 1))
    assert view.as_json() == {
        "view": "statutory",
        "regulation": "45 CFR 164.528",
        "made": "2026-06-01T12:00:00+00:00",
        "since": "2020-06-01",
        "until": "2026-06-01",
        "left_out": 0,
        "entries": [
            {
                "first": "2026-05-02",
                "last": "2026-05-02",
                "times": 1,
                "recipient_name": "Acme AI",
                "recipient_address": "1 Main Street",
                "description": "CT, 1 images; de-identified; pseudonym SW-A",
                "purpose": "HRESCH",
                "purpose_in_words": "for research",
                "basis": "research under a waiver of authorisation",
                "arrivals": {"disclosed": 3, "waiting": 0, "not_arrived": 0, "in_words": "All of it was disclosed."},
                "let_go": 0,
            }
        ],
    }


@pytest.mark.parametrize(
    ("basis", "purpose", "listed"),
    [
        (Basis.RESEARCH, "HRESCH", True),
        (Basis.PUBLIC_HEALTH, "PUBHLTH", True),
        (Basis.OTHER, "HMARKT", True),
        (Basis.TREATMENT, "TREATDS", False),
        (Basis.TREATMENT, "HOPERAT", False),
        (Basis.TREATMENT, "HQUALIMP", False),
        (Basis.TREATMENT, "MLTRAINING", True),
        (Basis.TREATMENT, "SYSDEV", True),
        (Basis.TREATMENT, "MILCDM", True),
        (Basis.TREATMENT, "HRESCH", True),
        (Basis.INDIVIDUAL, "PATRQT", False),
        (Basis.INDIVIDUAL, "MLTRAINING", True),
        (Basis.AUTHORISATION, "MLTRAINING", False),
        (Basis.LIMITED_DATA_SET, "HRESCH", False),
    ],
)
def test_what_the_regulation_leaves_out_is_left_out_and_counted(basis: Basis, purpose: str, listed: bool) -> None:
    one = recorded(basis=basis, purpose=purpose)
    view = statutory_view([one], now=NOW)
    assert (len(view.entries), view.left_out) == ((1, 0) if listed else (0, 1))
    full = full_view([one], now=NOW, obligations={})
    assert [entry.is_statutory for entry in full.entries] == [listed]


@pytest.mark.parametrize(
    ("at", "listed"),
    [
        (datetime(2020, 6, 1, tzinfo=UTC), True),
        (datetime(2020, 5, 31, 23, 59, tzinfo=UTC), False),
        (NOW, True),
        (NOW + timedelta(days=1), False),
    ],
)
def test_six_years_count_in_the_statutory_view_only(at: datetime, listed: bool) -> None:
    assert bool(statutory_view([recorded(at=at)], now=NOW).entries) is listed
    assert len(full_view([recorded(at=at)], now=NOW, obligations={}).entries) == 1


def test_a_leap_day_is_six_years_after_the_last_of_february() -> None:
    assert statutory_view([], now=datetime(2028, 2, 29, tzinfo=UTC)).since == date(2022, 2, 28)


def test_several_to_one_recipient_for_one_purpose_are_one_entry() -> None:
    days = [NOW - timedelta(days=days) for days in (5, 300, 90)]
    view = statutory_view([recorded(number, at=at) for number, at in enumerate(days)], now=NOW)
    (entry,) = view.entries
    assert (entry.first, entry.last, entry.times) == (days[1].date(), days[0].date(), 3)
    assert entry.description.startswith("CT, 1 images")
    assert entry.arrivals.disclosed == 9


@pytest.mark.parametrize("change", [{"purpose": "PUBHLTH"}, {"recipient": "b"}, {"recipient_address": "2 Main Street"}])
def test_what_differs_in_recipient_or_purpose_is_not_summed_up(change: dict) -> None:
    assert len(statutory_view([recorded(), recorded(2, **change)], now=NOW).entries) == 2


@pytest.mark.parametrize(
    ("states", "counts", "words"),
    [
        ({ItemState.SENT: 2}, (2, 0, 0), "All of it was disclosed."),
        ({ItemState.UNKNOWN: 2}, (2, 0, 0), "All of it was disclosed."),
        ({ItemState.AVAILABLE: 2}, (2, 0, 0), "All of it was disclosed."),
        ({ItemState.UNKNOWN: 1, ItemState.STOPPED: 1}, (1, 0, 1), "Part of it was disclosed."),
        ({ItemState.SENT: 1, ItemState.QUEUED: 1}, (1, 1, 0), "Part of it was disclosed."),
        ({ItemState.QUEUED: 2}, (0, 2, 0), "It is recorded and has not left yet."),
        ({ItemState.STOPPED: 2}, (0, 0, 2), "It was recorded, and nothing of it arrived."),
        ({ItemState.FAILED: 1, ItemState.STOPPED: 1}, (0, 0, 2), "It was recorded, and nothing of it arrived."),
    ],
)
def test_what_became_of_a_disclosure_is_said_and_never_hidden(states: dict, counts: tuple, words: str) -> None:
    one = recorded(states=states)
    for entry in (*statutory_view([one], now=NOW).entries, *full_view([one], now=NOW, obligations={}).entries):
        arrivals = entry.arrivals
        assert (arrivals.disclosed, arrivals.waiting, arrivals.not_arrived) == counts
        assert arrivals.in_words == words


def test_instances_without_a_state_count_as_disclosed() -> None:
    (entry,) = full_view([recorded(states={ItemState.STOPPED: 1}, instances=3)], now=NOW, obligations={}).entries
    assert (entry.arrivals.disclosed, entry.arrivals.not_arrived) == (2, 1)


def test_the_full_view_has_everything_newest_first() -> None:
    old = recorded(1, at=NOW - timedelta(days=4000), basis=Basis.TREATMENT, purpose="TREATDS")
    new = recorded(2, states={ItemState.SENT: 1, ItemState.STOPPED: 2})
    view = full_view([old, new], now=NOW, obligations={"f" * 64: (Obligation.NO_RELINKING, Obligation.DELETE_BY_DATE)})
    assert [entry.recorded.disclosure_id for entry in view.entries] == [2, 1]
    told = view.as_json()["entries"][0]
    assert told["states"] == {"sent": 1, "stopped": 2}
    assert told["delete_by"] == "2026-12-31"
    assert told["obligations"] == [
        "delete every copy by the date given",
        "no attempt to find out who the patient is",
    ]
    assert told["is_statutory"] is True


def test_obligations_that_are_not_at_hand_are_not_made_up() -> None:
    (entry,) = full_view([recorded()], now=NOW, obligations={}).entries
    assert entry.obligations is None
    assert entry.as_json()["obligations"] is None


def test_views_are_json() -> None:
    one = recorded()
    for view in (statutory_view([one], now=NOW), full_view([one], now=NOW, obligations={"f" * 64: tuple(Obligation)})):
        assert json.loads(json.dumps(view.as_json())) == view.as_json()


def test_nobody_is_named_in_a_view() -> None:
    assert "c" * 32 not in json.dumps(full_view([recorded()], now=NOW, obligations={}).as_json())
