"""Decisions for made-up facts: whatever comes, less is never more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

from hypothesis import assume, example, given
from hypothesis import strategies as st

from scanward.decide.evaluate import evaluate
from scanward.flow.decisions import Standing, series_facts
from scanward.model.agreement import Agreement, Basis, DataScope, Obligation, PullEndpoint, Recipient
from scanward.model.consent import Effect, Provision
from scanward.model.decision import Decision, DecisionFacts, Deny, Grounds, Permit, SeriesFacts
from scanward.model.release import OutboxItem
from scanward.model.study import StoredInstance
from scanward.standard._data import read_json
from tests.unit.decide.facts import facts as permitting_facts
from tests.unit.decide.facts import permit

CODES = sorted(read_json("act_reasons.json")["codes"])
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
FORM = "f" * 32
"""The form in which instances leave now."""

# Mostly what exists and hangs together, so that many examples are permitted; sometimes nonsense.
purposes = st.sampled_from(["MLTRAINING", "HOPERAT", "SYSDEV", "PATADMIN", "TREAT", "TREATDS", "HRESCH", "CLINTRCH"])
any_purpose = purposes | st.sampled_from(["*", "", "nonsense", "PurposeOfUse", *CODES])
recipients = st.sampled_from(["acme", "other", "*"])
times = st.one_of(
    st.none(),
    st.sampled_from([NOW - timedelta(days=1), NOW, NOW + timedelta(days=1)]),
    st.datetimes(timezones=st.none() | st.sampled_from([UTC, timezone(timedelta(hours=9))])),
)
provisions = st.builds(
    Provision,
    effect=st.sampled_from(Effect),
    purposes=st.frozensets(any_purpose, max_size=3),
    recipients=st.just(frozenset({"*"})) | st.frozensets(recipients, max_size=2),
    starts=times,
    ends=times,
)
days = st.sampled_from([date(2026, 5, 31), date(2026, 6, 1), date(2026, 6, 2), date.min, date.max])
any_or = st.sampled_from([frozenset({"*"}), frozenset({"*"}), frozenset({"CT", "CHEST", "1.2.840.10008.5.1.4.1.1.2"})])
scopes = st.builds(
    DataScope,
    modalities=any_or | st.frozensets(st.sampled_from(["CT", "MR", "*"])),
    body_parts=any_or | st.frozensets(st.sampled_from(["CHEST", "*"])),
    sop_classes=any_or | st.frozensets(st.sampled_from(["1.2.840.10008.5.1.4.1.1.2", "1.2"])),
    attributes=st.just(frozenset({"*"})) | st.frozensets(st.sampled_from(["PatientAge", "KVP"])),
)
agreements = st.builds(
    Agreement,
    purposes=st.frozensets(any_purpose, min_size=1, max_size=4),
    data=scopes,
    region=st.sampled_from(["GB", "GB", "US", ""]),
    starts=days,
    ends=days,
    retention_days=st.sampled_from([30, 1, 0, -1, 10**9]),
    obligations=st.just(frozenset(Obligation)) | st.frozensets(st.sampled_from(Obligation)),
    human_approval=st.booleans(),
    profile=st.sampled_from(["basic", "research", ""]),
    unchecked_pixels=st.booleans(),
)
series = st.builds(
    SeriesFacts,
    series_id=st.sampled_from(["a", "b", ""]),
    modality=st.sampled_from(["CT", "MR", ""]),
    body_part=st.sampled_from(["CHEST", "HEAD", ""]),
    sop_class_uid=st.sampled_from(["1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4", ""]),
)


def recipient(agreement: Agreement | None, regions: frozenset[str] = frozenset({"GB"})) -> Recipient:
    return Recipient(
        recipient_id="acme",
        name="Acme AI",
        address="",
        purpose="TREATDS",
        endpoint=PullEndpoint(),
        agreement=agreement,
        allowed_regions=regions,
        basis=Basis.OTHER,
        version="v",
    )


any_facts = st.builds(
    DecisionFacts,
    now=st.just(NOW),
    recipient=st.builds(recipient, agreements),
    purpose=any_purpose,
    provisions=st.lists(provisions, max_size=5).map(tuple),
    series=st.lists(series, max_size=4).map(tuple),
)


@st.composite
def likely_facts(draw: st.DrawFn) -> DecisionFacts:
    """Facts that permit but for what consent says, and for what of the agreement is drawn."""
    purpose = draw(purposes)
    agreement = Agreement(
        purposes=draw(st.frozensets(purposes, max_size=2)) | {purpose},
        data=draw(scopes),
        region="GB",
        starts=date(2026, 1, 1),
        ends=date(2026, 12, 31),
        retention_days=30,
    )
    agreed = [replace(one, effect=Effect.PERMIT) for one in draw(st.lists(provisions, max_size=3))]
    agreed += draw(st.lists(provisions, max_size=1))
    agreed += [permit(purpose)] if draw(st.integers(0, 3)) else []
    parts = [SeriesFacts(series_id="c", modality="CT", body_part="CHEST", sop_class_uid="1.2.840.10008.5.1.4.1.1.2")]
    parts += draw(st.lists(series, max_size=3))
    return DecisionFacts(
        now=NOW, recipient=recipient(agreement), purpose=purpose, provisions=tuple(agreed), series=tuple(parts)
    )


all_facts = st.one_of(likely_facts(), likely_facts(), any_facts)


def instances_of(facts: DecisionFacts) -> list[StoredInstance]:
    """Return instances of each series, and of one that was not decided on, with and without text in their pixels."""
    others = SeriesFacts(series_id="z", modality="CT", body_part="CHEST", sop_class_uid="1.2.840.10008.5.1.4.1.1.2")
    return [
        StoredInstance(
            instance_id=f"{number}{burned}",
            series_id=one.series_id,
            sop_class_uid=one.sop_class_uid,
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            modality=one.modality,
            body_part=one.body_part,
            burned_in_annotation=burned,
            size_bytes=1,
            blob="blob",
        )
        for number, one in enumerate((*facts.series, others))
        for burned in ("", "NO", "YES")
    ]


def leaving(decision: Decision, facts: DecisionFacts, form: str = FORM) -> set[tuple[str, str]]:
    """Return which instances leave in which form, of two in the outbox for each of a study; `form` is that of now."""
    instances = {one.instance_id: one for one in instances_of(facts)}
    standing = Standing(
        decision=decision,
        grounds=Grounds(agreement_version="v", provisions=frozenset()),
        recipient=facts.recipient,
        form=form,
        instances=instances,
        layouts=(),
    )
    items = [make_item(one, made) for one in (*instances, "not of the study") for made in (FORM, "former", "")]
    return {(item.instance_id, item.form) for item in items if standing.allows(item)}


def make_item(instance_id: str, form: str) -> OutboxItem:
    return OutboxItem(
        instance_id=instance_id,
        sop_instance_uid="2.25.1",
        series_uid="2.25.2",
        study_uid="2.25.3",
        patient="SW-1",
        sop_class_uid="1.2",
        transfer_syntax_uid="1.2",
        modality="CT",
        size_bytes=1,
        recipe="recipe",
        index=0,
        form=form,
    )


def assert_not_wider(after: Decision, before: Decision, facts: DecisionFacts) -> None:
    """Fail where `after` lets anything leave that `before` does not, as a whole or any one instance."""
    assert leaving(after, facts) <= leaving(before, facts)
    if isinstance(after, Deny):
        assert after.reasons
        return
    assert isinstance(before, Permit)
    assert after.series <= before.series
    if before.attributes != {"*"}:
        assert after.attributes <= before.attributes
    assert before.needs_approval <= after.needs_approval
    assert after.unchecked_pixels <= before.unchecked_pixels
    assert after.delete_by <= before.delete_by
    assert (after.recipient, after.purpose, after.profile) == (before.recipient, before.purpose, before.profile)


@given(all_facts, provisions.map(lambda one: replace(one, effect=Effect.DENY)), st.integers(0, 5))
def test_a_further_denial_never_widens(facts: DecisionFacts, denial: Provision, at: int) -> None:
    more = (*facts.provisions[:at], denial, *facts.provisions[at:])
    assert_not_wider(evaluate(replace(facts, provisions=more)), evaluate(facts), facts)


@given(all_facts, st.data())
def test_a_permit_less_never_widens(facts: DecisionFacts, data: st.DataObject) -> None:
    permits = [number for number, one in enumerate(facts.provisions) if one.effect is Effect.PERMIT]
    assume(permits)
    gone = data.draw(st.sampled_from(permits))
    fewer = tuple(one for number, one in enumerate(facts.provisions) if number != gone)
    assert_not_wider(evaluate(replace(facts, provisions=fewer)), evaluate(facts), facts)


@given(all_facts, st.randoms(use_true_random=False))
def test_the_order_of_provisions_and_series_does_not_count(facts: DecisionFacts, shuffler) -> None:
    provisions, parts = list(facts.provisions), list(facts.series)
    shuffler.shuffle(provisions)
    shuffler.shuffle(parts)
    assert evaluate(replace(facts, provisions=tuple(provisions), series=tuple(parts))) == evaluate(facts)


@st.composite
def narrower(draw: st.DrawFn, agreement: Agreement) -> Agreement:
    """Return an agreement on less."""

    def fewer(values: frozenset, less_than_any: frozenset = frozenset()) -> frozenset:
        kept = frozenset(value for value in sorted(values) if draw(st.booleans()))
        return draw(st.sampled_from([values, kept, less_than_any])) if values == {"*"} else kept

    scope = agreement.data
    return replace(
        agreement,
        purposes=fewer(agreement.purposes),
        data=DataScope(
            modalities=fewer(scope.modalities, frozenset({"CT"})),
            body_parts=fewer(scope.body_parts, frozenset({"CHEST"})),
            sop_classes=fewer(scope.sop_classes, frozenset({"1.2.840.10008.5.1.4.1.1.2"})),
            attributes=fewer(scope.attributes, frozenset({"KVP"})),
        ),
        starts=draw(st.sampled_from([agreement.starts, max(agreement.starts, NOW.date()), date.max])),
        ends=draw(st.sampled_from([agreement.ends, min(agreement.ends, NOW.date()), date.min])),
        retention_days=draw(st.sampled_from([agreement.retention_days, min(agreement.retention_days, 1), 0])),
        obligations=fewer(agreement.obligations),
        human_approval=agreement.human_approval or draw(st.booleans()),
        unchecked_pixels=agreement.unchecked_pixels and draw(st.booleans()),
    )


@given(all_facts, st.data())
def test_agreeing_on_less_never_widens(facts: DecisionFacts, data: st.DataObject) -> None:
    # Among other values "*" means nothing; alone it means any. Taking the others away is not less.
    scope = facts.recipient.agreement.data
    for values in (scope.modalities, scope.body_parts, scope.sop_classes, scope.attributes):
        assume("*" not in values or len(values) == 1)
    less = data.draw(narrower(facts.recipient.agreement))
    regions = data.draw(st.sampled_from([facts.recipient.allowed_regions, frozenset()]))
    assert_not_wider(evaluate(replace(facts, recipient=recipient(less, regions))), evaluate(facts), facts)


@given(all_facts)
def test_only_instances_decided_on_leave_and_only_in_the_form_of_now(facts: DecisionFacts) -> None:
    decision = evaluate(facts)
    left = leaving(decision, facts)
    assert {form for _, form in left} <= {FORM}
    assert leaving(decision, facts, form="") == set()
    assert leaving(decision, facts, form="another") == set()
    if isinstance(decision, Deny):
        assert left == set()
        return
    instances = {one.instance_id: one for one in instances_of(facts)}
    for instance_id, _ in left:
        assert series_facts(instances[instance_id]) in decision.series
        assert decision.unchecked_pixels or instances[instance_id].burned_in_annotation != "YES"


@given(all_facts, st.sampled_from(["recipient", "agreement", "provisions", "series", "purpose", "now", "restrictions"]))
def test_a_missing_fact_never_permits(facts: DecisionFacts, missing: str) -> None:
    gone = {
        "recipient": {"recipient": None},
        "agreement": {"recipient": recipient(None)},
        "provisions": {"provisions": None},
        "series": {"series": ()},
        "purpose": {"purpose": ""},
        "now": {"now": None},
        "restrictions": {"restrictions": None},
    }
    decision = evaluate(replace(facts, **gone[missing]))
    assert isinstance(decision, Deny)
    assert decision.reasons


@given(all_facts, st.text(min_size=1))
def test_a_restriction_always_denies_and_is_the_first_reason(facts: DecisionFacts, restriction: str) -> None:
    decision = evaluate(replace(facts, restrictions=(restriction,)))
    assert isinstance(decision, Deny)
    assert decision.reasons[0] == restriction


@given(all_facts.map(lambda facts: replace(facts, purpose="MLTRAINING")))
@example(permitting_facts())
def test_training_is_by_name_in_agreement_and_consent(facts: DecisionFacts) -> None:
    if isinstance(evaluate(facts), Permit):
        assert "MLTRAINING" in facts.recipient.agreement.purposes
        named = [one for one in facts.provisions if one.effect is Effect.PERMIT and "MLTRAINING" in one.purposes]
        assert named
        without = tuple(one for one in facts.provisions if one not in named)
        assert isinstance(evaluate(replace(facts, provisions=without)), Deny)


@given(all_facts)
def test_a_permit_is_filled(facts: DecisionFacts) -> None:
    decision = evaluate(facts)
    assert decision.reasons
    assert all(isinstance(reason, str) and reason for reason in decision.reasons)
    if isinstance(decision, Permit):
        assert decision.series
        assert decision.series <= set(facts.series)
        assert decision.delete_by > NOW.date()
        assert decision.purpose == facts.purpose
        assert decision.profile
        assert decision.agreement_version == "v"


odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.just([]),
    st.just({}),
    st.just(object()),
    st.datetimes(),
)


@given(all_facts, st.data())
def test_whatever_comes_is_decided(facts: DecisionFacts, data: st.DataObject) -> None:
    """Any value in place of any other, at any depth."""

    def spoil(value: object, names: list[str]) -> object:
        return replace(value, **{data.draw(st.sampled_from(names)): data.draw(odd)})

    agreement = facts.recipient.agreement
    spoilt = data.draw(st.sampled_from(["facts", "recipient", "agreement", "scope", "provision", "series", "all"]))
    if spoilt == "facts":
        facts = spoil(facts, ["now", "recipient", "purpose", "provisions", "series", "restrictions"])
    elif spoilt == "recipient":
        wrong = spoil(facts.recipient, ["recipient_id", "name", "agreement", "allowed_regions", "version"])
        facts = replace(facts, recipient=wrong)
    elif spoilt == "agreement":
        names = ["purposes", "data", "region", "starts", "ends", "retention_days", "obligations", "profile"]
        facts = replace(facts, recipient=recipient(spoil(agreement, names)))
    elif spoilt == "scope":
        scope = spoil(agreement.data, ["modalities", "body_parts", "sop_classes"])
        facts = replace(facts, recipient=recipient(replace(agreement, data=scope)))
    elif spoilt == "provision":
        denial = Provision(effect=Effect.DENY, purposes=frozenset({"*"}))
        wrong = spoil(denial, ["effect", "purposes", "recipients", "starts", "ends"])
        facts = replace(facts, provisions=(*facts.provisions, wrong))
    elif spoilt == "series":
        part = SeriesFacts(series_id="a", modality="CT", body_part="", sop_class_uid="1.2")
        facts = replace(facts, series=(spoil(part, ["series_id", "modality", "body_part", "sop_class_uid"]),))
    else:
        facts = data.draw(odd)
    decision = evaluate(facts)
    assert isinstance(decision, Permit | Deny)
    if spoilt in ("all", "provision"):
        assert isinstance(decision, Deny), "a denial of everything was read as if it were none"
