"""Being told to stop."""

import os
import signal
import threading

import pytest

from scanward.bootstrap.signals import StopSignal


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_another_thread_is_handed_is_heeded(number):
    before = signal.getsignal(number)
    go_on = threading.Event()
    other = threading.Thread(target=go_on.wait)
    with StopSignal() as stopped:
        other.start()
        assert other.ident is not None
        sender = threading.Timer(0.1, signal.pthread_kill, (other.ident, number))
        sender.start()
        stopped.wait()
        stopped.wait()
        sender.join()
    go_on.set()
    other.join()
    assert signal.getsignal(number) is before


def test_a_signal_before_the_wait_is_heeded():
    with StopSignal() as stopped:
        os.kill(os.getpid(), signal.SIGTERM)
        stopped.wait()


def test_another_signal_does_not_end_the_wait():
    handled = threading.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: handled.set())

    def tell() -> None:
        os.kill(os.getpid(), signal.SIGUSR1)
        assert handled.wait(30)
        os.kill(os.getpid(), signal.SIGTERM)

    try:
        with StopSignal() as stopped:
            teller = threading.Thread(target=tell)
            teller.start()
            stopped.wait()
            teller.join()
        assert handled.is_set()
    finally:
        signal.signal(signal.SIGUSR1, before)
