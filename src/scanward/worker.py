"""What `scanward worker` runs: the engine alone, beside any number of others on the same PostgreSQL."""

import os
import signal
import threading
from types import FrameType

from scanward.bootstrap.engine import Engine, worker_name
from scanward.bootstrap.stores import Stores

HEED_SECONDS = 1.0
"""Python heeds a signal in the main thread: where another thread was given it, only once that one wakes."""


def run_worker(stores: Stores) -> None:
    """Work until SIGTERM or SIGINT."""
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    engine = Engine(stores, name=worker_name(stores), takes_batch=True)
    engine.start()
    try:
        while not stopped.wait(HEED_SECONDS):
            pass
    finally:
        engine.stop()
        stores.close()
        # A piece of work between two tries would keep the process alive for minutes: it is queued, and taken over.
        os._exit(0)
