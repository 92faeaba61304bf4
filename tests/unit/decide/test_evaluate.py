"""What is permitted, what is denied, and what a patient reads about it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from scanward.decide.evaluate import (
    CANNOT_TELL,
    NO_CONSENT_KNOWN,
    NO_PURPOSE,
    NO_RECIPIENT,
    NO_RESTRICTIONS_KNOWN,
    NO_TIME,
    NOTHING_NEEDED,
    evaluate,
)
from scanward.model.agreement import DataScope, Obligation
from scanward.model.consent import Effect, Provision
from scanward.model.decision import Deny, Permit
from scanward.standard.act_reasons import SECONDARY
from tests.unit.decide.facts import CT, NOW, SEG, agreement, deny, facts, permit, recipient


def reasons(*args, **changes) -> tuple[str, ...]:
    decision = evaluate(facts(*args, **changes))
    assert isinstance(decision, Deny), decision
    assert decision.reasons
    return tuple(decision.reasons)


def permitted(*args, **changes) -> Permit:
    decision = evaluate(facts(*args, **changes))
    assert isinstance(decision, Permit), decision
    return decision


def test_a_permit_says_what_it_is_bound_to() -> None:
    assert permitted() == Permit(
        recipient="acme",
        profile="ai-inference",
        purpose="MLTRAINING",
        agreement_version="f" * 64,
        series=frozenset({CT}),
        attributes=frozenset({"*"}),
        unchecked_pixels=False,
        needs_approval=False,
        delete_by=date(2026, 7, 1),
        obligations=frozenset(Obligation),
        reasons=(
            "You have agreed that your scans be used to train AI models by Acme AI.",
            "Acme AI has promised to delete every copy by 1 July 2026.",
            (
                "Acme AI has also promised: no attempt to find out who the patient is, no onward disclosure, "
                "no reuse for another purpose."
            ),
        ),
    )


def test_what_the_agreement_says_is_in_the_permit() -> None:
    agreed = agreement(
        data=DataScope(modalities=frozenset({"*"}), attributes=frozenset({"PatientAge"})),
        human_approval=True,
        unchecked_pixels=True,
        profile="research",
    )
    decision = permitted(agreed=agreed)
    assert (decision.needs_approval, decision.unchecked_pixels, decision.profile) == (True, True, "research")
    assert decision.attributes == {"PatientAge"}
    assert decision.series == {CT, SEG}


@pytest.mark.parametrize("purpose", ["MLTRAINING", "HRESCH", "HMARKT", "PATRQT"])
def test_secondary_use_needs_the_patients_word(purpose: str) -> None:
    agreed = agreement(purposes=frozenset({purpose}))
    assert "not agreed" in reasons(purpose, (), agreed)[0]
    assert permitted(purpose, (permit(purpose),), agreed).purpose == purpose


def test_a_patient_reads_why() -> None:
    assert reasons(provisions=()) == ("You have not agreed that your scans be used to train AI models.",)
    assert reasons(provisions=(deny("*"),))[0] == "You have refused that your scans be used to train AI models."
    ended = permit("MLTRAINING", ends=NOW)
    assert reasons(provisions=(ended,)) == (
        "Your agreement that your scans be used to train AI models by Acme AI has ended.",
    )
    only_them = deny("HRESCH", recipients=frozenset({"acme"}))
    assert reasons("HRESCH", (permit("HRESCH"), only_them)) == (
        "You have refused that your scans be used for research by Acme AI.",
    )


@pytest.mark.parametrize("purpose", ["TREATDS", "PATADMIN"])
def test_care_goes_on_unless_the_patient_refuses(purpose: str) -> None:
    assert "part of your care" in permitted(purpose, ()).reasons[0]
    for refusal in (deny(purpose), deny("*"), deny("TREAT", "HOPERAT")):
        assert "You have refused" in reasons(purpose, (refusal,))[0]
    assert permitted(purpose, (deny("HRESCH"),)).purpose == purpose


@pytest.mark.parametrize("agreed", ["HOPERAT", "TREAT", "*", "PurposeOfUse", "HSYSADMIN", "SYSDEV"])
def test_training_is_only_ever_by_name(agreed: str) -> None:
    assert reasons(provisions=(permit(agreed),))
    assert reasons(provisions=(permit(agreed, "HRESCH", "HPAYMT"),))
    by_name = (permit("MLTRAINING"),)
    assert "does not allow" in reasons("MLTRAINING", by_name, agreement(purposes=frozenset({agreed})))[0]


@pytest.mark.parametrize("refused", ["HOPERAT", "*", "MLTRAINING"])
def test_a_refusal_takes_training_by_any_name(refused: str) -> None:
    assert reasons(provisions=(permit("MLTRAINING"), deny(refused)))


@pytest.mark.parametrize("purpose", sorted(SECONDARY))
def test_secondary_use_stays_unless_the_patient_agreed_to_it(purpose: str) -> None:
    named = agreement(purposes=frozenset({purpose}))
    assert "You have not agreed" in reasons(purpose, (), named)[0]
    for wide in ("TREAT", "HPAYMT", "HOPERAT", "PATADMIN"):
        if wide != purpose:
            assert reasons(purpose, (permit(wide),), named), f"a permit for {wide} took it along"
            assert "does not allow" in reasons(purpose, (permit(purpose),), agreement(purposes=frozenset({wide})))[0]
    assert permitted(purpose, (permit(purpose),), named).purpose == purpose
    assert reasons(purpose, (permit(purpose), deny(purpose)), named)


@pytest.mark.parametrize("refused", ["SYSDEV", "HTEST", "MLTRAINING", "PATADMIN"])
def test_refusing_a_part_of_operations_refuses_operations_as_a_whole(refused: str) -> None:
    assert permitted("HOPERAT", (permit("HOPERAT"),)).purpose == "HOPERAT"
    assert reasons("HOPERAT", (permit("HOPERAT"), deny(refused)))


def test_refusing_training_leaves_the_rest_of_operations() -> None:
    assert permitted("PATADMIN", (deny("MLTRAINING"),)).purpose == "PATADMIN"
    named = agreement(purposes=frozenset({"HACCRED"}))
    assert permitted("HACCRED", (permit("HACCRED"), deny("MLTRAINING")), named).purpose == "HACCRED"


def test_a_refusal_wins_over_every_permit_whatever_their_order() -> None:
    agreed = [permit("MLTRAINING"), permit("MLTRAINING", recipients=frozenset({"acme"}))]
    for place in range(3):
        assert reasons(provisions=[*agreed[:place], deny("MLTRAINING"), *agreed[place:]])


def test_refusing_a_part_of_research_refuses_research_as_a_whole() -> None:
    assert reasons("HRESCH", (permit("HRESCH"), deny("CLINTRCH")))
    assert permitted("BIORCH", (permit("HRESCH"), deny("CLINTRCH"))).purpose == "BIORCH"


def test_provisions_are_for_the_recipients_they_name() -> None:
    theirs = {"recipients": frozenset({"other"})}
    assert reasons(provisions=(permit("MLTRAINING", **theirs),))
    assert permitted(provisions=(permit("MLTRAINING"), deny("MLTRAINING", **theirs)))
    assert permitted(provisions=(permit("MLTRAINING", recipients=frozenset({"acme", "other"})),))
    assert reasons(provisions=(permit("MLTRAINING", recipients=frozenset({"*", "other"})),))
    assert reasons(provisions=(permit("MLTRAINING"), deny("MLTRAINING", recipients=frozenset({"*", "other"}))))


@pytest.mark.parametrize(
    ("starts", "ends", "holds"),
    [
        (None, None, True),
        (NOW, None, True),
        (NOW + timedelta(microseconds=1), None, False),
        (None, NOW, False),
        (None, NOW + timedelta(microseconds=1), True),
        (NOW.astimezone(timezone(timedelta(hours=9))), None, True),
    ],
)
def test_periods_begin_inclusive_and_end_exclusive(starts: datetime, ends: datetime, holds: bool) -> None:
    period = {"starts": starts, "ends": ends}
    decision = evaluate(facts(provisions=(permit("MLTRAINING", **period),)))
    assert isinstance(decision, Permit) is holds
    decision = evaluate(facts(provisions=(permit("MLTRAINING"), deny("*", **period))))
    assert isinstance(decision, Deny) is holds


def test_a_time_without_offset_is_taken_for_the_narrowest() -> None:
    far = datetime(2000, 1, 1)  # noqa: DTZ001
    assert reasons(provisions=(permit("MLTRAINING", starts=far),))
    assert reasons(provisions=(permit("MLTRAINING"), deny("MLTRAINING", ends=far)))
    assert reasons(now=datetime(2026, 6, 1)) == (NO_TIME,)  # noqa: DTZ001


def test_what_cannot_be_told_to_be_a_permit_denies() -> None:
    odd = Provision(effect="maybe", purposes=frozenset({"MLTRAINING"}))
    assert reasons(provisions=(permit("MLTRAINING"), odd))
    assert reasons(provisions=(permit("MLTRAINING"), deny("NO-SUCH-CODE")))
    assert reasons(provisions=(permit("MLTRAINING"), deny()))
    assert reasons(provisions=(permit("MLTRAINING"), deny("*", recipients=frozenset())))
    assert reasons(provisions=(permit("NO-SUCH-CODE"),))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"recipient": None}, NO_RECIPIENT),
        ({"recipient": recipient(recipient_id="")}, NO_RECIPIENT),
        ({"purpose": "NO-SUCH-CODE"}, NO_PURPOSE),
        ({"purpose": ""}, NO_PURPOSE),
        ({"purpose": "PurposeOfUse"}, NO_PURPOSE),
        ({"provisions": None}, NO_CONSENT_KNOWN),
        ({"series": ()}, NOTHING_NEEDED),
        ({"series": (SEG,)}, NOTHING_NEEDED),
        ({"series": (replace(CT, modality=""),)}, NOTHING_NEEDED),
        ({"series": (replace(CT, sop_class_uid=""),)}, NOTHING_NEEDED),
        ({"restrictions": None}, NO_RESTRICTIONS_KNOWN),
        ({"restrictions": ""}, NO_RESTRICTIONS_KNOWN),
        ({"restrictions": ("A court has ordered that your scans stay.",)}, "A court has ordered that your scans stay."),
        ({"now": None}, CANNOT_TELL),
        ({"series": None}, CANNOT_TELL),
        ({"provisions": (None,)}, CANNOT_TELL),
        ({"purpose": ["MLTRAINING"]}, CANNOT_TELL),
    ],
)
def test_a_missing_fact_denies(changes: dict, reason: str) -> None:
    decision = evaluate(replace(facts(), **changes))
    assert isinstance(decision, Deny)
    assert reason in decision.reasons


@pytest.mark.parametrize("odd", [None, 7, "", [], object()])
def test_what_are_no_facts_denies(odd: object) -> None:
    assert evaluate(odd) == Deny(reasons=(CANNOT_TELL,))


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"starts": date(2026, 6, 2)}, "begins on 2 June 2026"),
        ({"ends": date(2026, 5, 31)}, "ended on 31 May 2026"),
        ({"purposes": frozenset()}, "does not allow that your scans be used to train AI models"),
        ({"purposes": frozenset({"*"})}, "does not allow"),
        ({"region": "US"}, "where it says that it keeps them"),
        ({"region": ""}, "where it says that it keeps them"),
        ({"retention_days": 0}, "by when"),
        ({"retention_days": 10**9}, "by when"),
        ({"obligations": frozenset(Obligation) - {Obligation.NO_RELINKING}}, "not to try to find out who you are"),
        ({"obligations": frozenset()}, "to delete every copy"),
        ({"profile": ""}, "taken out"),
        ({"data": DataScope(modalities=frozenset())}, NOTHING_NEEDED),
    ],
)
def test_what_an_agreement_lacks_denies(changes: dict, part: str) -> None:
    assert any(part in reason for reason in reasons(agreed=agreement(**changes)))


def test_first_and_last_day_of_an_agreement_count() -> None:
    day = NOW.date()
    assert permitted(agreed=agreement(starts=day, ends=day))


def test_days_are_those_of_utc() -> None:
    late = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    assert permitted(now=late.astimezone(timezone(timedelta(hours=5))))
    assert reasons(now=(late + timedelta(hours=1)).astimezone(timezone(-timedelta(hours=5))))


def test_a_recipient_without_an_agreement_gets_nothing() -> None:
    assert reasons(recipient=recipient(agreement=None)) == (
        "Nothing has been agreed with Acme AI, so it receives nothing.",
    )


def test_the_patient_promises_nothing_to_get_the_own_scans() -> None:
    agreed = agreement(purposes=frozenset({"PATRQT"}), obligations=frozenset())
    assert permitted("PATRQT", (permit("PATRQT"),), agreed).obligations == frozenset()


def test_a_denial_gives_all_reasons_restrictions_first() -> None:
    found = reasons(
        provisions=(deny("*"),),
        agreed=agreement(ends=date(2026, 5, 31), region="US", data=DataScope(modalities=frozenset({"MR"}))),
        restrictions=("A court has ordered that your scans stay.",),
    )
    assert found == (
        "A court has ordered that your scans stay.",
        "The agreement with Acme AI ended on 31 May 2026.",
        "The hospital does not allow that Acme AI keeps your scans where it says that it keeps them.",
        "You have refused that your scans be used to train AI models.",
        "You have not agreed that your scans be used to train AI models.",
        NOTHING_NEEDED,
    )


@pytest.mark.parametrize("modality", ["ct", " CT "])
def test_blanks_and_case_of_a_modality_do_not_count(modality: str) -> None:
    series = replace(CT, modality=modality)
    assert permitted(series=(series,)).series == {series}


@pytest.mark.parametrize(
    ("scope", "kept"),
    [
        ({"body_parts": frozenset({"CHEST"})}, {CT}),
        ({"body_parts": frozenset({"HEAD"})}, set()),
        ({"modalities": frozenset({"*"}), "body_parts": frozenset({"CHEST"})}, {CT}),
        ({"modalities": frozenset({"CT", "SEG"}), "sop_classes": frozenset({SEG.sop_class_uid})}, {SEG}),
        ({"modalities": frozenset({"*", "MR"})}, set()),
        ({"sop_classes": frozenset()}, set()),
        ({"modalities": "CTSEG"}, set()),
    ],
)
def test_only_series_that_were_agreed_on_leave(scope: dict, kept: set) -> None:
    data = DataScope(**{"modalities": frozenset({"CT"}), **scope})
    decision = evaluate(facts(agreed=agreement(data=data)))
    assert (decision.series if isinstance(decision, Permit) else set()) == kept


def test_texts_in_place_of_sets_are_not_searched_for_parts() -> None:
    assert reasons(provisions=(replace(permit("MLTRAINING"), recipients="acme-and-others"),))
    assert reasons(provisions=(replace(permit("MLTRAINING"), purposes="MLTRAINING"),))
    assert reasons(recipient=recipient(allowed_regions="GBUS"))


def test_effects_are_closed() -> None:
    assert {effect.value for effect in Effect} == {"permit", "deny"}
