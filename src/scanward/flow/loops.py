"""Runs what has to be done again and again, each in a thread of its own, until it is told to stop."""

import logging
import threading
from collections.abc import Callable

from scanward.errors import ScanwardError

LOG = logging.getLogger("scanward.loops")

MAX_BACKOFF_SECONDS = 10.0
"""After failures in a row, a loop waits at most so long before it tries again."""

MANY_FAILURES = 5
"""With so many failures in a row, about 15 seconds of them, a loop counts as dead until its step succeeds."""


class Loop:
    """Calls a step until `stop`: at once again while it finds something to do, else after a pause.

    Parameters
    ----------
    name
        What it does, for logs.
    step
        Does a part of the work; returns how much that was, 0 when there is nothing to do.
    idle_seconds
        Pause where there is nothing to do; `wake` ends it.
    """

    def __init__(self, name: str, step: Callable[[], int], *, idle_seconds: float) -> None:
        self.name = name
        self._step = step
        self._idle_seconds = idle_seconds
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"scanward-{name}", daemon=True)
        self.failures = 0

    @property
    def is_alive(self) -> bool:
        """Whether it runs, and its step does not fail each time."""
        return self._thread.is_alive() and self.failures < MANY_FAILURES

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """End the pause: there is something to do."""
        self._wake.set()

    def stop(self, *, seconds: float = 30.0) -> None:
        """Ask it to stop, and wait so long for the step it is in."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            pause = self._idle_seconds
            try:
                if self._step():
                    self.failures = 0
                    continue
                self.failures = 0
            except ScanwardError as error:
                self.failures += 1
                LOG.warning("%s: %s: %s", self.name, type(error).__name__, error)
            except Exception as error:  # noqa: BLE001 - a loop that ended would leave work lying; no value is logged
                self.failures += 1
                LOG.error("%s: unexpected %s", self.name, type(error).__name__)  # noqa: TRY400 - tracebacks hold values
            if self.failures:
                pause = min(MAX_BACKOFF_SECONDS, max(pause, 0.25 * 2 ** min(self.failures, 8)))
                self._stopping.wait(pause)
                continue
            self._wake.wait(pause)
