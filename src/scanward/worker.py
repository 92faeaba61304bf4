"""What `scanward worker` runs: the engine alone, beside any number of others on the same PostgreSQL."""

import os

from scanward.bootstrap.engine import Engine, worker_name
from scanward.bootstrap.signals import StopSignal
from scanward.bootstrap.stores import Stores


def run_worker(stores: Stores) -> None:
    """Work until SIGTERM or SIGINT."""
    with StopSignal() as stopped:
        engine = Engine(stores, name=worker_name(stores), takes_batch=True)
        try:
            engine.start()
            stopped.wait()
        finally:
            engine.stop()
        stores.close()
        # A unit that takes longer than stopping waits would keep the process alive: it is queued, and taken over.
        os._exit(0)
