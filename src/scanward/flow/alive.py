"""Workers say that they are alive, and take over the work of those that no longer do."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from scanward.ports.ledger import Ledger
from scanward.ports.work import WorkQueue

LOG = logging.getLogger("scanward.alive")

BEAT = timedelta(seconds=5)
"""How often a worker says that it is alive."""

DEAD = timedelta(seconds=30)
"""A worker of which nothing was heard for so long is dead. A step that lasts longer does not stop the beat."""

PURGE = timedelta(minutes=5)
"""How often finished work is forgotten."""


class Watch:
    """Beats, takes over and purges when due.

    Parameters
    ----------
    worker
        Name of this worker.
    ledger, queue
        The stores.
    clock
        Tells the time, aware UTC.
    """

    def __init__(self, worker: str, ledger: Ledger, queue: WorkQueue, clock: Callable[[], datetime]) -> None:
        self._worker = worker
        self._ledger = ledger
        self._queue = queue
        self._clock = clock
        self._next_beat = datetime.min.replace(tzinfo=clock().tzinfo)
        self._next_purge = clock() + PURGE
        self._turn = threading.Lock()

    def step(self) -> int:
        """Do what is due; nothing is ever left over."""
        with self._turn:
            now = self._clock()
            if now >= self._next_beat:
                self._ledger.beat(self._worker, now)
                self._next_beat = now + BEAT
                dead = self._ledger.take_over(now - DEAD, now)
                if dead:
                    taken = self._queue.take_over(list(dead))
                    self._ledger.forget(dead)
                    if taken:  # one that stopped in order leaves nothing
                        LOG.warning("took over %d pieces of work of %d dead workers", taken, len(dead))
            if now >= self._next_purge:
                self._next_purge = now + PURGE
                self._queue.purge()
        return 0
