"""An application behind a real port of this machine."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import uvicorn

from scanward.web.protocol import MAX_HEAD_BYTES, PatientProtocol


class Hasty(PatientProtocol):
    """Waits for a head no longer than a test wants to."""

    head_seconds = 0.3


@contextlib.contextmanager
def serve(app) -> Iterator[str]:
    """Serve `app` and give its address."""
    with socket.socket(proto=socket.IPPROTO_TCP) as bound:
        bound.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            http=Hasty,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            deadline = time.monotonic() + 10
            while not server.started:
                assert time.monotonic() < deadline, "the server did not start"
                time.sleep(0.01)
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)
