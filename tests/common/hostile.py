"""Servers that misbehave: one that follows a script, and one that cuts the connection to a real one."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

TIMEOUT_SECONDS = 10.0

RECEIVED_AHEAD_BYTES = 64 * 1024
"""So much the system takes, about twice, for a server that does not read."""


@dataclass(kw_only=True)
class Seen:
    """What reached a server; one entry a connection."""

    port: int
    received: list[bytearray] = field(default_factory=list)

    @property
    def all(self) -> bytes:
        """Everything, joined."""
        return b"".join(self.received)


Script = Callable[[socket.socket, bytearray], None]


@contextlib.contextmanager
def run_server(script: Script) -> Iterator[Seen]:
    """Run `script` with each connection and what it shall note of it; the connection ends with it."""
    with _listener() as listener:
        seen = Seen(port=listener.getsockname()[1])

        def serve(conn: socket.socket) -> None:
            noted = bytearray()
            seen.received.append(noted)
            with conn, contextlib.suppress(OSError):
                conn.settimeout(TIMEOUT_SECONDS)
                script(conn, noted)

        with _accepting(listener, serve):
            yield seen


@contextlib.contextmanager
def run_cutting_proxy(port: int, cuts: list[tuple[int, int]]) -> Iterator[Seen]:
    """Pass connections on to `port`; the first of them are cut after so many bytes there and back, as `cuts` say."""
    with _listener() as listener:
        seen = Seen(port=listener.getsockname()[1])
        left = list(cuts)

        def serve(conn: socket.socket) -> None:
            there, back = left.pop(0) if left else (1 << 60, 1 << 60)
            noted = bytearray()
            seen.received.append(noted)
            with conn, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as upstream:
                for each in (conn, upstream):
                    each.settimeout(TIMEOUT_SECONDS)
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                returning = threading.Thread(target=_pump, args=(upstream, conn, back, bytearray()))
                returning.start()
                _pump(conn, upstream, there, noted)
                returning.join()

        with _accepting(listener, serve):
            yield seen


def _pump(source: socket.socket, target: socket.socket, limit: int, noted: bytearray) -> None:
    """Pass bytes on until `limit` or the end, then end both connections."""
    with contextlib.suppress(OSError):
        while limit > 0 and (data := source.recv(65536)):
            noted += data
            target.sendall(data[:limit])
            limit -= len(data)
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


def reset(conn: socket.socket) -> None:
    """End a connection with RST, so that what was sent last may be lost."""
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()


@contextlib.contextmanager
def _listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # Connections have it too. Left to itself, the system takes up to 32 MB for a server that does not read: then
        # whole files have left that the server never looked at, and how many depends on how busy the machine is.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED_AHEAD_BYTES)
        yield listener


@contextlib.contextmanager
def _accepting(listener: socket.socket, serve: Callable[[socket.socket], None]) -> Iterator[None]:
    threads: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                conn, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=serve, args=(conn,)))
            threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        accepting.join()
        for thread in threads:
            thread.join()
