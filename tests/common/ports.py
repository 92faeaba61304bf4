"""Free ports, and waiting for what listens there."""

import socket
import time
from collections.abc import Callable

DEADLINE_SECONDS = 20.0


def free_port() -> int:
    """Return a port of the loopback interface on which nothing listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def is_listening(port: int) -> bool:
    """Tell whether something listens on the loopback interface."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def wait_until(holds: Callable[[], bool], what: str, *, seconds: float = DEADLINE_SECONDS) -> None:
    """Return as soon as `holds()`; raise AssertionError, saying `what` was waited for, when it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain until {what}"
        time.sleep(0.01)
