"""Seals and custody statements in the ledger's database, on both."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from scanward.adapters.store.custody import SqlCustody
from scanward.adapters.store.database import STATED, Database
from scanward.adapters.store.ledger import SqlLedger
from scanward.adapters.store.section import What
from scanward.errors import StateError, StoreError, UnknownError
from scanward.flow.notary import EVENTS
from scanward.flow.sealing import DEIDENTIFIED, SEALED
from scanward.model.custody import SignedStatement
from scanward.ports.custody import Head, KeptFilm, KeptSeal, NewDue, NewStatement
from tests.common.ledgers import NOW, SEALING, add_study, after

SEAL = KeptSeal(
    object_id="a" * 32, uid_id="a" * 32, study_id="5" * 32, blob="blob", start=7, length=9, root="0" * 64, sealed=NOW
)
COPY = replace(
    SEAL, object_id="c" * 32, uid_id="d" * 32, source_id=SEAL.object_id, release_id="e" * 32, opening=b"o" * 32
)


@pytest.fixture
def book(engine: Engine) -> SqlCustody:
    return SqlCustody(Database(engine), SEALING)


def statement(object_id: str, number: int) -> NewStatement:
    signed = SignedStatement(
        body=f'{{"number":{number},"secret":"Fontane"}}'.encode(),
        key_id="k",
        signature=b"s",
        blinding=bytes([number]) * 32,
    )
    return NewStatement(
        object_id=object_id, number=number, at=after(number), signed=signed, digest=f"{number}" * 64,
        entry=bytes([number]) * 32,
    )  # fmt: skip


def test_seals_are_found_by_what_they_are_of(book):
    book.record([COPY, SEAL])
    assert book.find_seals("a" * 32) == [SEAL]
    assert book.find_seals("d" * 32) == [COPY]
    assert book.seals_of("5" * 32) == [SEAL, COPY]
    assert book.get_seal(COPY.object_id) == COPY
    assert book.sealed([SEAL.object_id, "b" * 32]) == {SEAL.object_id}
    with pytest.raises(UnknownError):
        book.get_seal("b" * 32)


def test_what_opens_a_link_is_sealed(book, engine):
    book.record([COPY])
    with engine.connect() as connection:
        (opening,) = connection.execute(text("SELECT opening FROM seals")).scalars()
    assert COPY.opening not in bytes(opening)
    assert COPY.opening.hex().encode() not in bytes(opening)


def test_a_second_seal_of_the_same_keeps_nothing_of_its_transaction(book):
    book.record([SEAL])
    with pytest.raises(StateError):
        book.record([COPY, SEAL], [statement("x" * 32, 0)], due=[NewDue(subject="x", what="sealed", at=NOW, detail="")])
    assert book.seals_of("5" * 32) == [SEAL]
    assert book.statements_of("x" * 32) == []
    assert book.due(9) == []


def test_statements_are_a_chain_without_forks(book):
    book.record(statements=[statement("x" * 32, 1), statement("x" * 32, 0), statement("y" * 32, 0)])
    assert book.heads(["x" * 32, "y" * 32, "z" * 32]) == {
        "x" * 32: Head(count=2, digest="1" * 64, at=after(1)),
        "y" * 32: Head(count=1, digest="0" * 64, at=after(0)),
    }
    assert [one.signed for one in book.statements_of("x" * 32)] == [statement("x" * 32, n).signed for n in (0, 1)]
    with pytest.raises(StateError):
        book.record(statements=[statement("x" * 32, 1)])


def test_statements_are_not_in_the_clear(book, engine):
    book.record(statements=[statement("x" * 32, 0)])
    with engine.connect() as connection:
        (kept,) = connection.execute(text("SELECT statement FROM custody")).scalars()
    assert b"Fontane" not in bytes(kept)
    with engine.execution_options(scanward_writes=True).begin() as connection, pytest.raises(DBAPIError):
        connection.execute(text("UPDATE custody SET object_id = 'y'"))


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM custody",
        "UPDATE custody SET digest = ''",
        "UPDATE custody SET number = 5",
        "UPDATE custody SET log_index = 8",
    ],
)
def test_statements_and_their_places_stay(book, engine, change):
    book.record(statements=[statement("x" * 32, 0)])
    ((seq, entry),) = book.unlogged(9)
    assert entry == bytes(32)
    book.note_logged({seq: 7}, "log", 8, "f" * 64)
    with engine.execution_options(scanward_writes=True).begin() as connection, pytest.raises(DBAPIError):
        connection.execute(text(change))
    assert book.statements_of("x" * 32)[0].index == 7


def test_what_is_logged_waits_no_more(book):
    book.record(statements=[statement("x" * 32, 0), statement("y" * 32, 0)])
    waiting = book.unlogged(9)
    assert len(waiting) == 2
    assert book.unlogged(1) == waiting[:1]
    assert book.log_head("log") is None
    book.note_logged({waiting[0][0]: 0}, "log", 1, "a" * 64)
    assert book.unlogged(9) == waiting[1:]
    assert book.log_head("log") == (1, "a" * 64)
    book.note_logged({waiting[1][0]: 1}, "log", 2, "b" * 64)
    assert book.log_head("log") == (2, "b" * 64)
    assert [(place, entry) for _, place, entry in book.logged(0, 9)] == [(0, bytes(32)), (1, bytes(32))]
    assert book.logged(waiting[1][0], 9) == []


def test_what_happens_waits_for_a_statement_in_its_own_transaction(book, engine):
    ledger = SqlLedger(engine, SEALING, lambda _: None)
    add_study(ledger, "study")
    received = book.due(9)
    assert [one.what for one in received][:1] == ["received"]
    book.record(done=[one.seq for one in received])
    assert book.due(9) == []


def test_films_come_in_order_and_once(book):
    films = [KeptFilm(object_id=f"{n}" * 32, study_id="5" * 32, blob="b", start=n, length=1) for n in range(3)]
    book.record(films=films[:2])
    book.record(films=films[2:])
    first = book.films(0, 2)
    assert [one for _, one in first] == films[:2]
    assert [one for _, one in book.films(first[-1][0], 9)] == films[2:]
    with pytest.raises(StateError):
        book.record(films=films[:1])


def test_a_statement_of_another_key_is_refused(book, engine):
    from scanward.adapters.sealing import MasterSealing

    book.record(statements=[statement("x" * 32, 0)])
    with pytest.raises(StoreError):
        SqlCustody(Database(engine), MasterSealing(bytes(32))).statements_of("x" * 32)


def test_each_event_that_waits_for_a_statement_has_one():
    assert EVENTS.keys() - {SEALED, DEIDENTIFIED} == STATED
    assert {one.value for one in What} >= STATED
