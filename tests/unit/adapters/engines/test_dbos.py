"""Durable work on DBOS, on SQLite."""

import threading

import pytest

from scanward.adapters.engines.dbos import DbosQueue, make_work_engine
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
