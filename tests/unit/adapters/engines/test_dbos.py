"""Durable work on DBOS, on SQLite."""

import threading

import pytest
from dbos import DBOS

from scanward.adapters.engines import dbos as module
from scanward.adapters.engines.dbos import DbosQueue, make_work_engine
from scanward.errors import StoreError
from tests.common.ports import wait_until


@pytest.fixture
def engine(tmp_path):
    made = make_work_engine(tmp_path / "engine.db")
    yield made
    made.dispose()


def test_work_queues_more_work_while_it_is_done_and_each_is_done_once(engine):
    done = []
    turn = threading.Lock()

    def part(key: str) -> None:
        queue.submit("unit", f"{key}:0")
        queue.submit("unit", f"{key}:1")
        queue.submit("unit", f"{key}:1")

    def unit(key: str) -> None:
        with turn:
            done.append(key)

    queue = DbosQueue(engine=engine, worker="test", handlers={"part": part, "unit": unit}, polling_seconds=0.05)
    queue.start()
    try:
        queue.submit("part", "study")
        wait_until(lambda: len(done) >= 2, "both units were done")
    finally:
        queue.stop()
    assert sorted(done) == ["study:0", "study:1"]


def make_queue(engine, **handlers):
    return DbosQueue(engine=engine, worker="test", handlers=handlers, concurrency=2, polling_seconds=0.02)


def test_what_is_being_done_when_it_stops_is_finished_and_not_done_again(engine):
    begun, go_on, done = threading.Event(), threading.Event(), []

    def unit(key: str) -> None:
        begun.set()
        go_on.wait()
        done.append(key)

    queue = make_queue(engine, unit=unit)
    queue.start()
    queue.submit("unit", "one")
    assert begun.wait(30)
    stopper = threading.Thread(target=queue.stop)
    stopper.start()
    queue._stopping.wait(30)
    go_on.set()
    stopper.join(30)
    assert done == ["one"]
    again = make_queue(engine, unit=unit, other=lambda key: done.append("other"))
    again.start()
    try:
        again.submit("other", "two")
        wait_until(lambda: "other" in done, "the later work was done")
    finally:
        again.stop()
    assert done == ["one", "other"]


def test_work_that_waits_for_its_next_try_does_not_hold_the_process(engine, monkeypatch):
    monkeypatch.setattr(module, "FIRST_WAIT_SECONDS", 1_000_000.0)
    tries, done = threading.Event(), threading.Event()

    def fail(_key: str) -> None:
        tries.set()
        raise StoreError("not yet")

    queue = make_queue(engine, unit=fail)
    before = set(threading.enumerate())
    queue.start()
    queue.submit("unit", "one")
    assert tries.wait(30)
    queue.stop()
    for thread in set(threading.enumerate()) - before:
        thread.join(30)
        assert not thread.is_alive()
    again = make_queue(engine, unit=lambda _key: done.set())
    again.start()
    try:
        assert done.wait(30), "it is begun again by the next start"
    finally:
        again.stop()


def test_nothing_is_begun_once_it_stops(engine):
    begun, go_on, seen = threading.Event(), threading.Event(), []

    def unit(key: str) -> None:
        seen.append(key)
        begun.set()
        go_on.wait()

    queue = make_queue(engine, unit=unit)
    queue.start()
    queue.submit("unit", "one")
    assert begun.wait(30)
    stopper = threading.Thread(target=queue.stop)
    stopper.start()
    assert queue._stopping.wait(30)
    queue.submit("unit", "two")
    wait_until(lambda: _state_of("unit-two") == "PENDING", "the queue handed it out")
    go_on.set()
    stopper.join(30)
    assert seen == ["one"]
    again = make_queue(engine, unit=unit)
    again.start()
    try:
        wait_until(lambda: seen == ["one", "two"], "it is done by the next start")
    finally:
        again.stop()


def _state_of(work_id: str) -> str:
    status = DBOS.get_workflow_status(work_id)
    return "" if status is None else status.status


def test_work_that_fails_each_time_ends_after_so_many_tries(engine, monkeypatch):
    monkeypatch.setattr(module, "FIRST_WAIT_SECONDS", 0.0)
    tries = []

    def fail(key: str) -> None:
        tries.append(key)
        raise ValueError("a value that no log may hold")

    queue = make_queue(engine, unit=fail)
    queue.start()
    try:
        queue.submit("unit", "one")
        wait_until(lambda: _state_of("unit-one") == "ERROR", "it was given up")
    finally:
        queue.stop()
    assert len(tries) == module.MAX_ATTEMPTS
