"""A recipient that notes every instance with the time of its arrival, and behaves as badly as it is told to."""

import contextlib
import hashlib
import io
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pydicom import dcmread
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.transport import ThreadedAssociationServer

from tests.common.outgoing import data_set_of
from tests.common.ports import free_port
from tests.common.stow_service import JSON, listing, read_parts

TRANSFER_SYNTAXES = [
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.5",
]


class Trouble(StrEnum):
    """What becomes of an instance."""

    NONE = "taken"
    BUSY = "refused for now"
    REFUSED = "refused for good"
    LOST = "connection dropped before it is kept"
    SILENT = "kept, connection dropped before saying so"


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """An instance that the recipient holds: when it came, and its data set."""

    recipient: str
    sop_instance_uid: str
    at: datetime
    data_set: bytes

    @property
    def digest(self) -> str:
        """Tells its data set from others."""
        return hashlib.sha256(self.data_set).hexdigest()


class Recorder:
    """What one recipient holds, in the order of arrival, and its doors.

    Parameters
    ----------
    recipient
        Its id.
    trouble
        Asked for each instance what shall become of it.
    """

    def __init__(self, recipient: str, trouble: Callable[[], Trouble] = lambda: Trouble.NONE) -> None:
        self.recipient = recipient
        self.trouble = trouble
        self.arrived: list[Arrived] = []
        self._lock = threading.Lock()

    def keep(self, uid: str, data_set: bytes) -> None:
        """Note an arrival."""
        with self._lock:
            self.arrived.append(
                Arrived(
                    recipient=self.recipient, sop_instance_uid=uid, at=datetime.now(UTC), data_set=data_set
                )
            )  # fmt: skip

    @property
    def uids(self) -> set[str]:
        """New SOP Instance UIDs of what it holds."""
        with self._lock:
            return {one.sop_instance_uid for one in self.arrived}


class DimseRecorder(Recorder):
    """A Storage SCP (pynetdicom); stopped and started again it listens on the same port."""

    def __init__(
        self, recipient: str, trouble: Callable[[], Trouble] = lambda: Trouble.NONE, *, ae_title: str = "VENDOR"
    ) -> None:
        super().__init__(recipient, trouble)
        self.port = free_port()
        self.ae_title = ae_title
        self._server: ThreadedAssociationServer | None = None

    @property
    def endpoint(self) -> dict[str, str | int]:
        """Where it is, for a recipient's document."""
        return {"kind": "dimse", "host": "127.0.0.1", "port": self.port, "called_ae": self.ae_title}

    def start(self) -> None:
        """Listen."""
        if self._server is not None:
            return
        ae = AE(ae_title=self.ae_title)
        for context in AllStoragePresentationContexts:
            ae.add_supported_context(str(context.abstract_syntax), TRANSFER_SYNTAXES)
        ae.network_timeout = 20
        handlers = [(evt.EVT_C_STORE, self._store)]
        self._server = ae.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)

    def stop(self) -> None:
        """Listen no more, and drop every connection."""
        server, self._server = self._server, None
        if server is not None:
            for association in server.active_associations:
                _cut(association.dul.socket)
            server.shutdown()
            server.server_close()

    def _store(self, event: evt.Event) -> int:
        match self.trouble():
            case Trouble.BUSY:
                return 0xA700
            case Trouble.REFUSED:
                return 0xC000
            case Trouble.LOST:
                _cut(event.assoc.dul.socket)
                return 0xC000
            case trouble:
                self.keep(str(event.request.AffectedSOPInstanceUID), event.request.DataSet.getvalue())
                if trouble is Trouble.SILENT:
                    _cut(event.assoc.dul.socket)
                return 0x0000


def _cut(connection: object) -> None:
    """End the connection below an association, as a cable would."""
    with contextlib.suppress(OSError, AttributeError):  # closed meanwhile
        connection.socket.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]


class StowRecorder(Recorder):
    """A STOW-RS service; stopped and started again it listens on the same port."""

    def __init__(self, recipient: str, trouble: Callable[[], Trouble] = lambda: Trouble.NONE) -> None:
        super().__init__(recipient, trouble)
        self.port = free_port()
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self._open: set[socket.socket] = set()

    @property
    def endpoint(self) -> dict[str, str | int]:
        """Where it is, for a recipient's document."""
        return {"kind": "stow", "url": f"http://127.0.0.1:{self.port}/dicom-web"}

    def start(self) -> None:
        """Listen."""
        if self._server is not None:
            return
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 20

            def setup(self) -> None:
                super().setup()
                recorder._open.add(self.request)

            def finish(self) -> None:
                recorder._open.discard(self.request)
                with contextlib.suppress(OSError):
                    super().finish()

            def do_POST(self) -> None:
                with contextlib.suppress(OSError):
                    recorder._post(self)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = False
            allow_reuse_address = True

            def handle_error(self, *_: object) -> None:
                pass  # a gateway that was killed

        server = self._server = Server(("127.0.0.1", self.port), Handler)
        self._thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
        self._thread.start()

    def stop(self) -> None:
        """Listen no more, and drop every connection."""
        server, self._server = self._server, None
        if server is not None and self._thread is not None:
            server.shutdown()
            self._thread.join()
            for connection in list(self._open):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            server.server_close()

    def _post(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers["Content-Length"])
        body = handler.rfile.read(length)
        handler.close_connection = True
        if len(body) < length:
            return  # the sender went away
        parts = read_parts(handler.headers["content-type"], body)
        stored: list[str] = []
        failed: dict[str, int] = {}
        for uid, content in parts.items():
            match self.trouble():
                case Trouble.BUSY:
                    failed[uid] = 0xA700
                case Trouble.REFUSED:
                    failed[uid] = 0xC000
                case Trouble.LOST:
                    return
                case trouble:
                    self.keep(uid, data_set_of(content))
                    stored.append(uid)
                    if trouble is Trouble.SILENT:
                        return
        answer = listing(stored, failed)
        handler.send_response(200 if not failed else 202 if stored else 409)
        handler.send_header("Content-Type", JSON)
        handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer)


@contextlib.contextmanager
def listening(*recorders: DimseRecorder | StowRecorder) -> Iterator[None]:
    """Have recipients listen, and stop them on leaving."""
    try:
        for recorder in recorders:
            recorder.start()
        yield
    finally:
        for recorder in recorders:
            recorder.stop()


def uid_in(content: bytes) -> str:
    """Return the SOP Instance UID in a Part 10 file."""
    return str(dcmread(io.BytesIO(content), stop_before_pixels=True).SOPInstanceUID)
