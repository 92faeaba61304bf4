"""Told to stop: by SIGTERM or SIGINT, heeded at once whichever thread the system hands the signal to."""

import select
import signal
import socket
from types import FrameType, TracebackType
from typing import Self

NUMBERS = (signal.SIGTERM, signal.SIGINT)


class StopSignal:
    """Waits, in the main thread, until the process is told to stop; as a context manager it lets go at the end.

    Python runs what heeds a signal in the main thread, which has to wake for that: where the system hands the signal
    to another thread, it would sleep on. So each signal writes a byte that the main thread waits for.
    """

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._told = False
        self._before_fd = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._heed) for number in NUMBERS}

    def _heed(self, _number: int, _frame: FrameType | None) -> None:
        self._told = True

    def wait(self) -> None:
        """Return once the process is told to stop, at once where it was already."""
        while not self._told:
            select.select([self._reader], [], [])
            try:
                self._reader.recv(4096)
            except BlockingIOError:
                continue

    def close(self) -> None:
        """Let signals do what they did before."""
        for number, before in self._before.items():
            signal.signal(number, before)
        signal.set_wakeup_fd(self._before_fd)
        self._reader.close()
        self._writer.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go."""
        self.close()
