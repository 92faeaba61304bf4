"""What recipients may fetch, listed by new UIDs, a page at a time."""

import re
from dataclasses import replace

import pytest
from sqlalchemy import Engine, event

from scanward.adapters.store.ledger import SqlLedger
from scanward.model.release import ItemState, Release, ReleaseState
from scanward.ports.ledger import Wanted
from tests.common.ledgers import DENY, NOW, add_study, make_disclosure, make_items, outcome, permit_release

SR = "1.2.840.10008.5.1.4.1.1.88.33"


def offer(ledger: SqlLedger, study: str, recipient: str = "vendor", *, pull: bool = True, **other: str) -> Release:
    """Release a study of two series, the second with one instance that has `other` values."""
    batch = add_study(ledger, study, 3)
    release = permit_release(ledger, batch, recipient)
    items = make_items(release, [one.instance_id for one in ledger.instances_of(batch)])
    items = [replace(one, patient=f"patient-{study}") for one in items]
    items[2] = replace(items[2], series_uid=f"{items[2].study_uid}.2", **other)  # type: ignore[arg-type]
    assert ledger.account(release.release_id, make_disclosure(release), items, [], pull=pull) == []
    ledger.mark_accounted(release.release_id, NOW)
    return ledger.get_release(release.release_id)


def study_of(ledger: SqlLedger, release: Release) -> str:
    (line, *_) = ledger.release_items(release.release_id)
    assert line.item is not None
    return line.item.study_uid


def test_studies_and_series_in_pages(ledger: SqlLedger):
    studies = sorted(study_of(ledger, offer(ledger, str(number))) for number in range(7))
    offer(ledger, "other", "another")
    everything = Wanted()
    assert ledger.offered("vendor", everything, limit=100) == studies
    assert ledger.offered("vendor", everything, limit=3) == studies[:3]
    assert ledger.offered("vendor", everything, after=studies[2], limit=3) == studies[3:6]
    assert ledger.offered("vendor", everything, after=studies[-1], limit=3) == []
    series = sorted(f"{one}.{number}" for one in studies for number in (1, 2))
    assert ledger.offered("vendor", everything, series=True, limit=100) == series
    assert ledger.offered("vendor", everything, series=True, after=series[4], limit=2) == series[5:7]
    assert ledger.offered("nobody", everything, limit=3) == []


def test_only_what_may_be_fetched(ledger: SqlLedger):
    queued = offer(ledger, "queued", pull=False)
    stopped = offer(ledger, "stopped")
    ledger.record_decision(stopped.release_id, DENY, ReleaseState.STOPPED, NOW)
    assert ledger.offered("vendor", Wanted(), limit=9) == []
    assert ledger.offered("vendor", Wanted(), series=True, limit=9) == []
    claim = ledger.claim("w", NOW, NOW, 1)
    assert claim is not None
    ledger.settle("w", [outcome(queued, one.item.instance_id, ItemState.SENT) for one in claim.items], NOW)
    assert ledger.offered("vendor", Wanted(), limit=9) == [study_of(ledger, queued)]
    assert ledger.offered("vendor", Wanted(), series=True, limit=9) == [f"{study_of(ledger, queued)}.1"]


def test_what_is_wanted(ledger: SqlLedger):
    plain, mixed = offer(ledger, "1"), offer(ledger, "2", modality="SR", sop_class_uid=SR)
    one, two = study_of(ledger, plain), study_of(ledger, mixed)
    (instance, *_) = (line.item.sop_instance_uid for line in ledger.release_items(plain.release_id) if line.item)

    def of(**wanted: str) -> list[str]:
        sets = {name: frozenset({value, "none"}) for name, value in wanted.items()}
        return list(ledger.offered("vendor", Wanted(**sets), limit=9))

    assert of(studies=one) == [one]
    assert of(series=f"{two}.2") == [two]
    assert of(instances=instance) == [one]
    assert of(patients="patient-2") == [two]
    assert of(modalities="SR") == of(sop_classes=SR) == [two]
    assert sorted(of(modalities="CT")) == sorted([one, two])
    assert of(modalities="SR", patients="patient-1") == []
    assert of(modalities="MR") == []
    assert ledger.offered("another", Wanted(series=frozenset({f"{two}.2"})), limit=9) == []


def test_what_is_wanted_of_series(ledger: SqlLedger):
    two = study_of(ledger, offer(ledger, "2", modality="SR", sop_class_uid=SR))
    offer(ledger, "1")

    def of(**wanted: str) -> list[str]:
        sets = {name: frozenset({value}) for name, value in wanted.items()}
        return list(ledger.offered("vendor", Wanted(**sets), series=True, limit=9))

    assert of(studies=two) == [f"{two}.1", f"{two}.2"]
    assert of(series=f"{two}.2") == of(modalities="SR") == of(studies=two, sop_classes=SR) == [f"{two}.2"]
    assert of(patients="patient-2") == [f"{two}.1", f"{two}.2"]
    assert of(studies=two, modalities="MR") == []


@pytest.mark.parametrize("series", [False, True])
@pytest.mark.parametrize("wanted", [{}, {"studies"}, {"series"}, {"patients", "modalities"}, {"instances"}])
def test_a_page_goes_by_indexes(ledger: SqlLedger, engine: Engine, wanted: set[str], series: bool):
    offer(ledger, "1")
    plans: list[str] = []

    def ask(connection, _cursor, statement, parameters, *_):
        if not statement.startswith("SELECT release_uids.uid"):
            return
        explain = "EXPLAIN QUERY PLAN "
        if engine.dialect.name == "postgresql":  # which reads whole what fits into a page, unless told not to
            explain = "EXPLAIN "
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plans.append("\n".join(str(row[-1]) for row in connection.exec_driver_sql(explain + statement, parameters)))

    event.listen(engine, "after_cursor_execute", ask)
    which = Wanted(**{name: frozenset({"x"}) for name in wanted})
    ledger.offered("vendor", which, series=series, limit=9)
    event.remove(engine, "after_cursor_execute", ask)
    (plan,) = plans
    assert not re.search(r"SCAN \w+$|Seq Scan|TEMP B-TREE", plan, re.MULTILINE), plan
