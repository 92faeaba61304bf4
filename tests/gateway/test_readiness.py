"""Whether somebody does the work, as the gateway itself tells it."""

import threading
from datetime import timedelta

import pytest

from scanward.bootstrap.clock import now
from scanward.bootstrap.gateway import Gateway
from scanward.bootstrap.stores import open_stores
from scanward.config import GatewaySettings
from scanward.errors import StoreError
from scanward.flow.alive import DEAD
from scanward.flow.loops import MANY_FAILURES, Loop
from scanward.model.custody import CustodyEvent
from tests.common.ports import wait_until


@pytest.fixture
def stores(tmp_path):
    with open_stores(tmp_path / "home", GatewaySettings(dimse=None, http=None)) as opened:
        yield opened


def test_a_gateway_that_works_is_ready_while_its_senders_live(stores):
    gateway = Gateway(stores)
    assert not gateway.has_workers()
    gateway.start()
    try:
        assert gateway.has_workers()
        wait_until(lambda: stores.ledger.monitored(now() - DEAD).workers == 1, "it is heard of")
        gateway.engine._draining[0].stop()
        assert not gateway.has_workers()
    finally:
        gateway.stop()
    assert not gateway.has_workers()


def test_a_gateway_whose_log_was_changed_is_not_ready(stores):
    folder = stores.home / "log"
    folder.mkdir()
    (folder / "checkpoint").write_text("somebody else's\n")
    gateway = Gateway(stores, works=False)
    gateway.notary.say("0" * 32, CustodyEvent.KEY_ADDED, {})
    loop = gateway._custody[0]
    loop._stopping.wait = lambda _seconds: False  # type: ignore[method-assign]  # no waits between tries
    assert not gateway.keeps_custody()
    gateway.start()
    try:
        wait_until(lambda: loop.failures >= MANY_FAILURES, "it failed again and again")
        assert not gateway.keeps_custody()
    finally:
        gateway.stop()


def test_one_that_only_receives_is_ready_while_a_worker_is_heard_of(stores):
    gateway = Gateway(stores, works=False)
    try:
        assert not gateway.has_workers()
        stores.ledger.beat("a worker", now() - DEAD - timedelta(seconds=1))
        assert not gateway.has_workers()
        stores.ledger.beat("a worker", now())
        assert gateway.has_workers()
    finally:
        gateway.stop()


def test_a_loop_that_fails_again_and_again_is_not_alive_until_it_succeeds():
    fails, ended = True, threading.Event()

    def step() -> int:
        if fails:
            raise StoreError("out of order")
        ended.set()
        return 0

    loop = Loop("test", step, idle_seconds=0.01)
    loop._stopping.wait = lambda _seconds: False  # type: ignore[method-assign]  # no waits between tries
    assert not loop.is_alive
    loop.start()
    try:
        wait_until(lambda: loop.failures >= MANY_FAILURES, "it has failed often")
        assert not loop.is_alive
        fails = False
        assert ended.wait(20)
        wait_until(lambda: loop.is_alive, "it is alive again")
    finally:
        loop.stop()
