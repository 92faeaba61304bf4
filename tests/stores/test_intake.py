"""What comes in."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from scanward.adapters.sealing import MasterSealing
from scanward.adapters.store import intake
from scanward.adapters.store.ledger import SqlLedger
from scanward.adapters.store.tables import metadata
from scanward.errors import StoreError, UnknownError
from scanward.model.study import Arrival, Arrived, Batch, Completion, Origin, OriginKind
from scanward.ports.ledger import Quarantined
from tests.common.ledgers import IDENTITIES, NOW, SEALING, add_study, after, make_received, parse_recipient, recount

ADDED = Arrived(arrival=Arrival.ADDED)


def known(received) -> Arrived:
    return Arrived(arrival=Arrival.KNOWN, blob=received.blob, study_id=received.study_id)


def test_what_is_known_changes_nothing(ledger: SqlLedger):
    first, again = make_received(blob="first"), make_received(blob="again", at=after(60))
    assert ledger.add_received([first, again]) == [ADDED, known(first)]
    assert ledger.add_received([again]) == [known(first)]
    assert SqlLedger(ledger._database._readers, SEALING, parse_recipient).add_received([again]) == [known(first)]
    study = ledger.get_study(first.study_id)
    assert [one.blob for one in study.instances] == ["first"]
    assert study.last_received == NOW
    assert ledger.counts()["instances"] == 1
    stored = ledger.find_instance(first.instance_id)
    assert stored is not None
    assert (stored.blob, stored.modality, stored.size_bytes) == ("first", "CT", 526_000)
    assert ledger.find_instance("0" * 32) is None


def test_a_call_that_is_repeated_says_the_same(ledger: SqlLedger):
    received = [make_received(number=number) for number in range(5)]
    assert ledger.add_received(received) == [ADDED] * 5
    assert ledger.add_received(received) == [ADDED] * 5
    assert ledger.counts()["instances"] == 5
    assert ledger.add_received([]) == []


def test_the_studies_of_instances_are_told(ledger: SqlLedger):
    received = [make_received(str(study), number) for study in (1, 2, 3) for number in (1, 2)]
    ledger.add_received(received)
    asked = [received[0].instance_id, received[1].instance_id, received[5].instance_id, "0" * 32]
    assert ledger.studies_of(asked) == {received[0].study_id, received[5].study_id}
    assert ledger.studies_of(["0" * 32]) == ledger.studies_of([]) == frozenset()
    # More than fit into one statement.
    assert ledger.studies_of([f"{number:032x}" for number in range(5000)] + asked[-2:]) == {received[5].study_id}


def test_other_studies_of_a_patient_tell_who_they_were(ledger: SqlLedger):
    received = [make_received(str(number), patient="a", at=after(number)) for number in (1, 2, 3)]
    received[0] = replace(received[0], patient=replace(received[0].patient, name="PLANTED^BEFORE"))
    ledger.add_received([*received, make_received("4", patient="b")])
    study = ledger.get_study(received[2].study_id)
    others = ledger.other_studies(study, 10)
    assert [one.study_uid for one in others] == ["1.2.3.999.2", "1.2.3.999.1"]
    assert [one.patient.name for one in others] == ["PLANTED^PATIENT", "PLANTED^BEFORE"]
    assert others[0].accession_number == "PLANTED-ACCESSION"
    assert len(ledger.other_studies(study, 1)) == 1
    assert "PLANTED" not in repr(others)
    assert list(ledger.other_studies(ledger.get_study(make_received("4").study_id), 10)) == []


def test_another_patients_study_takes_nothing(ledger: SqlLedger):
    first = make_received(number=1, patient="a")
    others = [make_received(number=2, patient="b"), make_received(number=1, patient="b")]
    answers = ledger.add_received([first, *others])
    assert [one.arrival for one in answers] == [Arrival.ADDED, Arrival.OTHER_PATIENT, Arrival.OTHER_PATIENT]
    assert [one.arrival for one in ledger.add_received(others)] == [Arrival.OTHER_PATIENT] * 2
    fresh = SqlLedger(ledger._database._readers, SEALING, parse_recipient)
    assert [one.arrival for one in fresh.add_received(others)] == [Arrival.OTHER_PATIENT] * 2
    assert len(ledger.get_study(first.study_id).instances) == 1


def test_an_instance_of_another_study_is_known_there(ledger: SqlLedger):
    first = make_received("1", blob="first")
    moved = replace(make_received("2", blob="second"), instance_id=first.instance_id)
    # In one call too, where the study of the first does not take it.
    stranger = replace(first, patient_id=SEALING.blind("patient", "b"), blob="stranger")
    ledger.add_received([make_received("1", 2)])
    answers = ledger.add_received([stranger, moved, first])
    assert [one.arrival for one in answers] == [Arrival.OTHER_PATIENT, Arrival.ADDED, Arrival.KNOWN]
    assert answers[2] == known(moved)
    stored = ledger.find_instance(first.instance_id)
    assert stored is not None
    assert stored.blob == "second"


def test_times_of_a_study_span_its_instances(ledger: SqlLedger):
    times = [after(30), after(10), after(50)]
    for number, at in enumerate(times):
        ledger.add_received([make_received(number=number, at=at)])
    study = ledger.get_study(make_received().study_id)
    assert (study.first_received, study.last_received) == (after(10), after(50))


def test_no_identity_is_in_the_database(ledger: SqlLedger, engine: Engine, tmp_path: Path):
    add_study(ledger)
    ledger.request_prior("prior", ["vendor"], "archive", NOW, NOW)
    ledger.seek_priors(make_received().study_id, ["vendor"], NOW)
    assert ledger.get_study(make_received().study_id).patient.name == "PLANTED^PATIENT"
    seen = b""
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(text(f"SELECT * FROM {table.name}")):
                seen += b"|".join(
                    bytes(one) if isinstance(one, bytes | memoryview) else str(one).encode() for one in row
                )
    for path in tmp_path.iterdir():
        seen += path.read_bytes()
    assert seen
    for identity in (*IDENTITIES, "20260102"):
        assert identity.encode() not in seen


def test_what_is_sealed_opens_with_its_key_only(ledger: SqlLedger):
    batch = add_study(ledger)
    other = SqlLedger(ledger._database._readers, MasterSealing(b"x" * 32), parse_recipient)
    with pytest.raises(StoreError):
        other.get_study(batch.study_id)


def test_values_that_no_database_takes_are_refused_whole(ledger: SqlLedger):
    broken = replace(make_received(number=2), body_part="\ud800PLANTED")
    with pytest.raises(StoreError) as refused:
        ledger.add_received([make_received(number=1), broken])
    assert "PLANTED" not in str(refused.value)
    assert recount(ledger) == {}
    assert ledger.add_received([make_received(number=1)]) == [ADDED]


def test_identities_come_back_as_they_were(ledger: SqlLedger):
    patient = replace(make_received().patient, name="Ж\x00山田^太郎=\ud800", issuer="")
    ledger.add_received([replace(make_received(), patient=patient)])
    study = ledger.get_study(make_received().study_id)
    assert study.patient == patient
    assert "PLANTED" not in repr(study)


def test_what_is_remembered_is_bounded(ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(intake, "MAX_KNOWN", 3)
    for _ in range(2):
        for study in range(10):
            assert ledger.add_received([make_received(str(study))]) == [ADDED]
            assert len(ledger._owners) <= 4
    assert ledger.counts()["studies"] == 10


def test_threads_that_bring_the_same_instances(ledger: SqlLedger, engine: Engine):
    received = [make_received(str(study), number) for study in range(4) for number in range(10)]
    ledgers = [SqlLedger(engine, SEALING, parse_recipient) for _ in range(4)]

    def run(index: int) -> int:
        mine = [replace(one, blob=f"{index}-{one.blob}") for one in received]
        mine = mine[index * 5 :] + mine[: index * 5]
        if index % 2:
            mine.reverse()
        answers = [
            one for start in range(0, len(mine), 8) for one in ledgers[index].add_received(mine[start : start + 8])
        ]
        return sum(one.arrival is Arrival.ADDED for one in answers)

    with ThreadPoolExecutor() as pool:
        added = list(pool.map(run, range(4)))
    assert sum(added) == len(received)
    for study in range(4):
        batch = ledger.close_study(make_received(str(study)).study_id, Completion.QUIET, NOW)
        assert batch is not None
        assert len(ledger.instances_of(batch)) == 10
    assert {name: count for name, count in ledger.counts().items() if count} == recount(ledger)


# Quarantine


def quarantined(digest: str = "d", blob: str = "q") -> Quarantined:
    return Quarantined(
        quarantine_id=f"id-{digest}-{blob}",
        digest=digest,
        reason="not DICOM",
        blob=blob,
        size_bytes=10,
        origin=Origin(kind=OriginKind.FOLDER, peer="watched", recipient="vendor"),
        received=NOW,
    )


def test_what_is_not_understood_waits_once(ledger: SqlLedger):
    assert ledger.add_quarantined(quarantined())
    assert ledger.add_quarantined(quarantined())  # repeated: its own blob is there
    assert not ledger.add_quarantined(quarantined(blob="another"))
    assert ledger.add_quarantined(replace(quarantined("e"), received=after(1)))
    assert ledger.quarantined(limit=10) == [replace(quarantined("e"), received=after(1)), quarantined()]
    assert ledger.counts()["quarantined"] == 2
    assert [one.detail for one in ledger.history("id-d-q")] == ["not DICOM"]


# Complete


def test_a_study_that_is_not_there(ledger: SqlLedger):
    assert ledger.close_study("none", Completion.QUIET, NOW) is None
    with pytest.raises(UnknownError):
        ledger.get_study("none")
    with pytest.raises(UnknownError):
        ledger.mark_routed(Batch(study_id="none", number=1), NOW)
    with pytest.raises(UnknownError):
        ledger.open_release(Batch(study_id="none", number=1), "vendor", "HRESCH", "r", NOW)
    assert ledger.instances_of(Batch(study_id="none", number=1)) == []


def test_instances_of_a_batch_are_in_order(ledger: SqlLedger):
    received = [make_received("1", number, series=series) for number in range(6) for series in "12"]
    ledger.add_received(received)
    batch = ledger.close_study(received[0].study_id, Completion.COMMITMENT, NOW)
    assert batch is not None
    keys = [(one.series_id, one.instance_id) for one in ledger.instances_of(batch)]
    assert keys == sorted(keys)
    assert [(one.series_id, one.instance_id) for one in ledger.get_study(batch.study_id).instances] == keys


def test_the_quietest_studies_come_first(ledger: SqlLedger):
    for study, seconds in (("1", 30), ("2", 10), ("3", 20)):
        ledger.add_received([make_received(study, at=after(seconds))])
    ids = [make_received(study).study_id for study in ("2", "3", "1")]
    assert ledger.find_quiet(after(60), 10) == ids
    assert ledger.find_quiet(after(60), 2) == ids[:2]
    assert ledger.find_quiet(after(20), 10) == ids[:1]


def test_routing_is_noted_once(ledger: SqlLedger):
    batch = add_study(ledger)
    ledger.mark_routed(batch, after(1))
    ledger.mark_routed(batch, after(2))
    assert [one.what for one in ledger.history(batch.study_id)] == ["received", "completed", "routed"]
    assert [one.by for one in ledger.history(batch.study_id)] == ["ct-1", "", ""]


# What is known


def test_what_is_of_the_archive_is_known(ledger: SqlLedger):
    one = make_received()
    ledger.add_received([one])
    ids = [one.instance_id, one.series_id, one.study_id]
    assert ledger.find_known([*ids, one.patient_id, *(str(number) for number in range(2000))]) == set(ids)
    assert ledger.find_known([]) == frozenset()


def test_studies_of_instances(ledger: SqlLedger):
    received = [make_received(study, number) for study in "12" for number in (1, 2)]
    ledger.add_received(received)
    ids = [one.instance_id for one in received]
    assert ledger.studies_of([*ids, *(str(number) for number in range(900))]) == {one.study_id for one in received}
    assert ledger.studies_of([ids[0]]) == {received[0].study_id}
    assert ledger.studies_of([]) == frozenset()
