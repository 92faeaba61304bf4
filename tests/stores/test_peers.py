"""What is owed to peers, and what they have under way."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from scanward.adapters.store.database import Database
from scanward.adapters.store.peers import SqlPeerBook
from scanward.errors import StoreError
from scanward.ports.peers import OwedReport, PeerBook, ProcedureStep
from tests.common.ledgers import NOW, SEALING, after

CONTENT = '["127.0.0.1", "1.2.3.4"]'


@pytest.fixture
def book(engine: Engine) -> PeerBook:
    return SqlPeerBook(Database(engine), SEALING)


def owed(name: str, peer: str = "ct", attempts: int = 1) -> OwedReport:
    return OwedReport(report_id=name, peer=peer, content=CONTENT, attempts=attempts)


def test_reports_are_claimed_the_longest_due_first_and_by_one_only(book: PeerBook):
    for number, (name, peer) in enumerate([("second", "ct"), ("other", "mr"), ("third", "ct")]):
        book.owe_report(name, peer, CONTENT, after(number))
    book.postpone_report("third", after(-1))
    assert book.claim_report(["ct"], after(10), after(60)) == owed("third")
    assert book.claim_report(["ct"], after(10), after(60)) == owed("second")
    assert book.claim_report(["ct"], after(10), after(60)) is None
    assert book.claim_report([], after(100), after(160)) is None
    assert book.claim_report(["ct", "mr"], after(10), after(60)) == owed("other", "mr")
    # Not heard of again: claimed once more when its time is up.
    assert book.claim_report(["ct", "mr"], after(60), after(90)) is not None


def test_what_is_settled_is_gone_and_what_is_postponed_comes_again(book: PeerBook):
    book.owe_report("one", "ct", CONTENT, NOW)
    book.owe_report("two", "ct", CONTENT, after(1))
    assert book.claim_report(["ct"], after(5), after(60)) == owed("one")
    book.settle_report("one")
    assert book.claim_report(["ct"], after(5), after(60)) == owed("two")
    book.postpone_report("two", after(20))
    assert book.claim_report(["ct"], after(19), after(60)) is None
    assert book.claim_report(["ct"], after(20), after(60)) == owed("two", attempts=2)
    assert book.hasten_reports(["ct", "mr"], after(21)) == 1
    assert book.hasten_reports(["mr"], after(21)) == 0
    assert book.claim_report(["ct"], after(21), after(60)) == owed("two", attempts=3)


def test_many_who_claim_at_once_get_each_report_once(book: PeerBook):
    for number in range(12):
        book.owe_report(f"report {number}", "ct", CONTENT, NOW)

    def claim(_: int) -> list[str]:
        found = []
        while (report := book.claim_report(["ct"], after(1), after(60))) is not None:
            found.append(report.report_id)
        return found

    with ThreadPoolExecutor(4) as pool:
        claimed = [name for names in pool.map(claim, range(4)) for name in names]
    assert sorted(claimed) == sorted(f"report {number}" for number in range(12))


def test_a_step_is_under_way_until_it_ends(book: PeerBook, engine: Engine):
    assert book.find_step("1.2.3") is None
    assert book.begin_step("1.2.3", ["1.2.4", "1.2.5"], NOW)
    assert not book.begin_step("1.2.3", ["1.2.6"], NOW)
    again = SqlPeerBook(Database(engine), SEALING)
    assert again.find_step("1.2.3") == ProcedureStep(study_uids=frozenset({"1.2.4", "1.2.5"}), has_ended=False)
    book.end_step("1.2.3", after(1))
    book.end_step("1.2.4", after(1))
    assert again.find_step("1.2.3") == ProcedureStep(study_uids=frozenset({"1.2.4", "1.2.5"}), has_ended=True)
    assert not book.begin_step("1.2.3", ["1.2.4"], NOW)


def test_what_is_old_is_forgotten(book: PeerBook):
    for number in (1, 2):
        book.owe_report(f"report {number}", "ct", CONTENT, after(number))
        book.begin_step(f"1.2.{number}", ["1.2.3"], after(number))
    assert book.forget(after(2)) == 1
    assert book.claim_report(["ct"], after(3), after(4)) == owed("report 2")
    assert book.find_step("1.2.1") is None
    assert book.find_step("1.2.2") is not None


def test_what_is_kept_tells_no_uid_and_opens_for_its_id_only(book: PeerBook, engine: Engine):
    book.owe_report("one", "ct", CONTENT, NOW)
    book.owe_report("two", "ct", CONTENT, NOW)
    book.begin_step("1.2.3", ["1.2.4.5.6"], NOW)
    with engine.execution_options(scanward_writes=True).begin() as connection:
        rows = [*connection.execute(text("SELECT * FROM owed_reports")).all()]
        rows += connection.execute(text("SELECT * FROM procedure_steps")).all()
        assert "1.2.3" not in str(rows)
        assert "1.2.4" not in str(rows)
        contents = {row.report_id: row.content for row in rows if hasattr(row, "report_id")}
        connection.execute(
            text("UPDATE owed_reports SET content = :other WHERE report_id = 'one'"), {"other": contents["two"]}
        )
    with pytest.raises(StoreError):
        for _ in range(2):
            book.claim_report(["ct"], after(1), after(60))
