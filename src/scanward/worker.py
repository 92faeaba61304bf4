"""What `scanward worker` runs: the engine alone, beside any number of others on the same PostgreSQL."""

import signal
import threading
from types import FrameType

from scanward.bootstrap.engine import Engine, worker_name
from scanward.bootstrap.stores import Stores


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
        stopped.wait()
    finally:
        engine.stop()
