"""Writes that fail: nothing of them is there, or all of it, and doing them again is harmless."""

import sqlite3
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event, select, text
from sqlalchemy.exc import DBAPIError

from scanward.adapters.store import engine as engines
from scanward.adapters.store.engine import make_engine, translate
from scanward.adapters.store.ledger import SqlLedger
from scanward.adapters.store.migrations import upgrade
from scanward.adapters.store.tables import metadata
from scanward.errors import ScanwardError, StoreError, StoreFullError
from scanward.model.consent import Effect, Provision
from scanward.model.release import Claim, ClaimedItem, ItemState, ReleaseState, Result, ResultState, Setback
from scanward.model.study import Batch, Completion, Origin, OriginKind
from scanward.ports.ledger import Quarantined
from tests.common.ledgers import (
    DENY,
    NOW,
    SEALING,
    after,
    make_disclosure,
    make_items,
    make_received,
    outcome,
    parse_recipient,
    permit,
    recount,
    release_id_of,
)
from tests.common.postgres import find_postgres, run_postgres

Step = Callable[[SqlLedger], object]
BATCH = Batch(study_id=make_received().study_id, number=1)
RELEASE = release_id_of(BATCH)
OTHER = release_id_of(BATCH, "other")
IDS = [make_received("1", number).instance_id for number in (1, 2, 3, 4)]


def account(ledger: SqlLedger) -> None:
    release = ledger.get_release(RELEASE)
    setbacks = [Setback(instance_id=IDS[3], state=ItemState.QUARANTINED, reason="broken")]
    ledger.account(RELEASE, make_disclosure(release), make_items(release, IDS[:3]), setbacks, pull=False)


def claimed(ledger: SqlLedger, seconds: float = 100) -> Claim:
    claim = ledger.claim("w", after(seconds), after(seconds + 60), 10)
    assert claim is not None
    return claim


def begin(ledger: SqlLedger) -> None:
    items = tuple(
        ClaimedItem(release_id=RELEASE, item=one.item, attempts=0, may_have_arrived=False, source_blob="")
        for one in ledger.release_items(RELEASE)
        if one.state == ItemState.QUEUED and one.item is not None
    )
    assert ledger.begin_attempt("w", Claim(release=ledger.get_release(RELEASE), items=items, until=NOW))


def settle(ledger: SqlLedger) -> None:
    ends = [ItemState.SENT, ItemState.FAILED, ItemState.QUEUED]
    said = [
        outcome(ledger.get_release(RELEASE), one, end, next_attempt=after(50))
        for one, end in zip(IDS, ends, strict=False)
    ]
    ledger.settle("w", said, after(20))


def renew(ledger: SqlLedger) -> None:
    made = make_items(ledger.get_release(RELEASE), IDS[1:3], recipe="anew")
    renewed = [replace(made[0], form="form"), replace(made[1], form="form", study_uid="2.25.7")]
    ledger.replace_items(RELEASE, "form", renewed, [], pull=False, at=after(31))


RESULT = Result(
    result_id="result", recipient="vendor", release_id="", sop_class_uid="1.2", size_bytes=1, blob="b", outgoing="",
    state=ResultState.RECEIVED, reason="", received=NOW, attempts=0,
)  # fmt: skip
QUARANTINED = Quarantined(
    quarantine_id="q", digest="d", reason="no", blob="b", size_bytes=1,
    origin=Origin(kind=OriginKind.FOLDER, peer="p"), received=NOW,
)  # fmt: skip
PROVISION = Provision(effect=Effect.DENY, purposes=frozenset({"*"}))

STEPS: list[Step] = [
    lambda ledger: ledger.add_received([make_received("1", number) for number in (1, 2, 3, 4)]),
    lambda ledger: ledger.add_quarantined(QUARANTINED),
    lambda ledger: ledger.close_study(BATCH.study_id, Completion.QUIET, after(1)),
    lambda ledger: ledger.open_release(BATCH, "vendor", "HRESCH", RELEASE, after(2)),
    lambda ledger: ledger.open_release(BATCH, "other", "HRESCH", OTHER, after(2)),
    lambda ledger: ledger.mark_routed(BATCH, after(3)),
    lambda ledger: ledger.record_decision(
        RELEASE, permit(needs_approval=True), ReleaseState.AWAITING_APPROVAL, after(4)
    ),
    lambda ledger: ledger.approve(RELEASE, "officer", after(5)),
    lambda ledger: ledger.record_decision(RELEASE, permit(needs_approval=True), ReleaseState.PERMITTED, after(6)),
    lambda ledger: ledger.record_decision(OTHER, permit(needs_approval=True), ReleaseState.AWAITING_APPROVAL, after(7)),
    lambda ledger: ledger.refuse(OTHER, "officer", "no", after(8)),
    account,
    lambda ledger: ledger.mark_accounted(RELEASE, after(9)),
    claimed,
    begin,
    settle,
    lambda ledger: ledger.retry_items(RELEASE, "officer", after(30)),
    lambda ledger: ledger.note_outdated(RELEASE, after(31)),
    renew,
    lambda ledger: ledger.clear_outdated(RELEASE),
    claimed,
    begin,
    lambda ledger: ledger.record_decision(RELEASE, DENY, ReleaseState.STOPPED, after(40)),
    lambda ledger: ledger.stop(RELEASE, by="officer", reason="no", at=after(40)),
    lambda ledger: ledger.add_result(RESULT),
    lambda ledger: ledger.move_result("result", ResultState.HELD, reason="nothing matches", at=after(41)),
    lambda ledger: ledger.save_recipient(parse_recipient("vendor"), "vendor", "officer", after(42)),
    lambda ledger: ledger.add_provision("patient", PROVISION, "officer", after(43)),
    lambda ledger: ledger.request_prior("prior", ["vendor"], "archive", after(45), after(44)),
    lambda ledger: ledger.settle_prior("prior", None, after(46), after(44)),
    lambda ledger: ledger.seek_priors(BATCH.study_id, ["vendor"], after(44)),
    lambda ledger: ledger.beat("w", after(45)),
]


@dataclass
class Faults:
    """Lets statements or commits of an engine fail as a database does."""

    engine: Engine
    before_statement: int = -1
    before_commit: bool = False
    after_commit: bool = False
    statements: int = field(default=0, init=False)

    def failure(self) -> Exception:
        if self.engine.dialect.name == "sqlite":
            return sqlite3.OperationalError("disk I/O error of PLANTED")
        return psycopg.OperationalError("server lost PLANTED")

    @contextmanager
    def inject(self) -> Iterator[None]:
        dialect: Any = self.engine.dialect
        execute, many, commit = dialect.do_execute, dialect.do_executemany, dialect.do_commit

        def count(original: Callable[..., None]) -> Callable[..., None]:
            def counted(*args: Any, **more: Any) -> None:
                self.statements += 1
                if self.statements - 1 == self.before_statement:
                    raise self.failure()
                original(*args, **more)

            return counted

        def failing_commit(connection: Any) -> None:
            if self.before_commit:
                raise self.failure()
            commit(connection)
            if self.after_commit:
                raise self.failure()

        dialect.do_execute, dialect.do_executemany, dialect.do_commit = count(execute), count(many), failing_commit
        try:
            yield
        finally:
            del dialect.do_execute, dialect.do_executemany, dialect.do_commit


def snapshot(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table but for what is different each time."""
    random = {"identity", "shard"}
    with engine.connect() as connection:
        return {
            table.name: sorted(
                (tuple(row) for row in connection.execute(select(*(one for one in table.c if one.name not in random)))),
                key=repr,
            )
            for table in metadata.sorted_tables
        }


def essence(engine: Engine) -> dict[str, object]:
    """Return what must be the same however often a call was repeated: all but how often."""
    repeated = {"attempts", "lease_owner", "next_attempt", "changed", "seq", "disclosure_id", "provision_id"}
    rows: dict[str, object] = {}
    with engine.connect() as connection:
        for name in (
            "studies",
            "instances",
            "quarantined",
            "releases",
            "disclosures",
            "items",
            "results",
            "provisions",
        ):
            columns = [one for one in metadata.tables[name].c if one.name not in repeated | {"identity"}]
            rows[name] = sorted((tuple(row) for row in connection.execute(select(*columns))), key=repr)
    return rows


@pytest.fixture
def expected(sqlite_template: bytes, tmp_path: Path) -> dict[str, object]:
    """What is there in the end where nothing failed."""
    path = tmp_path / "expected.db"
    path.write_bytes(sqlite_template)
    engine = make_engine(f"sqlite:///{path}")
    try:
        ledger = SqlLedger(engine, SEALING, parse_recipient)
        for step in STEPS:
            step(ledger)
        return essence(engine)
    finally:
        engine.dispose()


def test_a_write_that_is_not_persisted_leaves_nothing(ledger: SqlLedger, engine: Engine, expected: dict[str, object]):
    for step in STEPS:
        before = snapshot(engine)
        number = 0
        while True:
            failed: StoreError | None = None
            with Faults(engine, before_statement=number).inject():
                try:
                    step(ledger)
                except StoreError as error:
                    failed = error
            if failed is None:
                break
            assert "PLANTED" not in "".join(traceback.format_exception(failed))
            assert snapshot(engine) == before
            number += 1
        assert number >= 1
    assert essence(engine) == expected
    assert {name: count for name, count in ledger.counts().items() if count} == recount(ledger)


@pytest.mark.parametrize("persisted", [False, True])
def test_a_commit_that_fails_can_be_repeated(
    ledger: SqlLedger, engine: Engine, expected: dict[str, object], persisted: bool
):
    for step in STEPS:
        before = snapshot(engine)
        faults = Faults(engine, before_commit=not persisted, after_commit=persisted)
        with faults.inject(), pytest.raises(StoreError):
            step(ledger)
        assert (snapshot(engine) == before) is not persisted
        step(ledger)
    assert essence(engine) == expected
    assert {name: count for name, count in ledger.counts().items() if count} == recount(ledger)


def test_a_full_disk_takes_nothing_and_loses_nothing(tmp_path: Path):
    engine = make_engine(f"sqlite:///{tmp_path / 'ledger.db'}")
    upgrade(engine)
    ledger = SqlLedger(engine, SEALING, parse_recipient)
    ledger.add_received([make_received("1", number) for number in (1, 2, 3, 4)])
    with engine.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
    engine.dispose()
    limit = {"pages": pages + 20}

    @event.listens_for(engine, "checkout")
    def _limit(connection: Any, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count={limit['pages']}")

    full = 0
    before = snapshot(engine)
    try:
        for study in range(300):
            received = [make_received(f"full{study}", number) for number in range(10)]
            if full == 3:
                break
            try:
                ledger.add_received(received)
                before = snapshot(engine)
            except StoreFullError:
                full += 1
            assert snapshot(engine) == before
        assert full == 3
        limit["pages"] = 1 << 30
        for step in STEPS[2:]:
            step(ledger)
        assert ledger.get_release(RELEASE).state is ReleaseState.STOPPED
    finally:
        engine.dispose()


def test_a_full_disk_of_the_server(engine: Engine):
    full = translate(DBAPIError("INSERT", {}, psycopg.errors.DiskFull("no space for PLANTED")))
    assert isinstance(full, StoreFullError)
    other = translate(DBAPIError("INSERT", {}, psycopg.errors.DeadlockDetected("PLANTED")))
    assert not isinstance(other, StoreFullError)
    assert "40P01" in str(other)
    assert "PLANTED" not in f"{full} {other}"


def test_another_process_that_holds_the_database(
    tmp_path: Path, sqlite_template: bytes, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engines, "BUSY_SECONDS", 0.05)
    path = tmp_path / "ledger.db"
    path.write_bytes(sqlite_template)
    engine = make_engine(f"sqlite:///{path}")
    other = sqlite3.connect(path, isolation_level=None)
    try:
        ledger = SqlLedger(engine, SEALING, parse_recipient)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="SQLITE_BUSY"):
            ledger.add_received([make_received()])
        assert ledger.find_quiet(after(9), 10) == []  # readers do not wait
        other.execute("ROLLBACK")
        ledger.add_received([make_received()])
    finally:
        other.close()
        engine.dispose()


def test_values_stay_out_of_errors(ledger: SqlLedger):
    broken = replace(make_received(), body_part="\ud800PLANTED-BODY", blob="PLANTED-BLOB")
    with pytest.raises(ScanwardError) as failed:
        ledger.add_received([broken])
    assert "PLANTED" not in "".join(traceback.format_exception(failed.value))


def test_a_server_that_is_restarted(tmp_path: Path):
    if find_postgres() is None:
        pytest.skip("PostgreSQL is missing (Debian package postgresql)")
    with run_postgres() as server:
        engine = make_engine(server.create_database("ledger"))
        try:
            upgrade(engine)
            ledger = SqlLedger(engine, SEALING, parse_recipient)
            for step in STEPS[:3]:
                step(ledger)
            # 1. Restarted between two calls: nobody notices.
            server.restart()
            for step in STEPS[3:9]:
                step(ledger)
            # 2. Gone in the middle of a transaction: nothing of it is there.
            dialect: Any = engine.dialect
            commit = dialect.do_commit

            def lose(connection: Any) -> None:
                server.stop()
                commit(connection)

            dialect.do_commit = lose
            with pytest.raises(StoreError):
                account(ledger)
            dialect.do_commit = commit
            # 3. Still gone.
            with pytest.raises(StoreError):
                ledger.get_release(RELEASE)
            server.start()
            assert ledger.settled_instances(RELEASE) == frozenset()
            for step in STEPS[9:]:
                step(ledger)
            assert ledger.get_release(RELEASE).state is ReleaseState.STOPPED
        finally:
            engine.dispose()
