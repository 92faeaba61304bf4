"""Listens for associations; each gets a thread, as long as there are not too many.

Trust: none. Every wait has a limit, what a peer says is never logged, and who is not known hears only that.
"""

import contextlib
import hashlib
import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from scanward.adapters import upper_layer
from scanward.adapters.receive.dimse import contexts
from scanward.adapters.receive.dimse.peers import Caller, PeerTable
from scanward.adapters.receive.dimse.reports import Reporter
from scanward.adapters.receive.dimse.services import Services
from scanward.adapters.receive.dimse.session import Session
from scanward.adapters.upper_layer import AssociationRequest, Link
from scanward.config import DimseSettings, PeerSettings
from scanward.errors import ConfigError, NetworkError
from scanward.ports.intake import Intake
from scanward.ports.peers import PeerBook

NEGOTIATE_SECONDS: Final = 30.0
"""So long TLS and the association request may take, each (ARTIM, PS3.8 Section 9.1.5)."""

SPARE_CONNECTIONS: Final = 32
"""So many connections above the associations allowed are heard, to be told so; further ones are closed at once."""

STOP_SECONDS: Final = 10.0
"""So long what is being received may take to be finished when the door closes."""

_BACKLOG: Final = 128
_CALLED_UNKNOWN: Final = (1, 1, 7)
_CALLING_UNKNOWN: Final = (1, 1, 3)
_TOO_MANY: Final = (2, 3, 2)

_LOG = logging.getLogger(__name__)


class DimseServer:
    """Our Storage SCP with what belongs to it.

    Parameters
    ----------
    settings
        Where it listens, and who may call.
    intake
        Where instances go.
    spool
        Folder for instances while they come; made with mode 0700 where it is missing.
    book
        Where it is written down what is owed to peers, and what they have under way.
    clock
        Tells the time, aware UTC.

    Raises
    ------
    ConfigError
        The settings contradict each other, or their files cannot be used.
    """

    def __init__(
        self,
        settings: DimseSettings,
        intake: Intake,
        spool: Path,
        book: PeerBook,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._peers = PeerTable(settings)
        self._tls = _server_context(settings)
        self._reporter = Reporter(settings, book, clock)
        self._services = Services(
            settings=settings, intake=intake, spool=spool, book=book, reporter=self._reporter, clock=clock
        )
        self._rejections = Counter("associations refused")
        self._ends = Counter("associations ended early")
        self._lock = threading.Lock()
        self._connections: dict[threading.Thread, Connection] = {}
        self._is_stopping = threading.Event()
        self._listener: socket.socket | None = None
        self._acceptor: threading.Thread | None = None
        self.port = settings.port

    def start(self) -> None:
        """Listen, and return; `port` is the one taken. Raises `ConfigError` when the address cannot be used."""
        os.makedirs(self._services.spool, mode=0o700, exist_ok=True)
        family = socket.AF_INET6 if ":" in self._settings.host else socket.AF_INET
        try:
            self._listener = socket.create_server(
                (self._settings.host, self._settings.port), family=family, backlog=_BACKLOG
            )
        except OSError:
            raise ConfigError(
                "the DICOM door cannot listen at its host and port",
                remedy="Check that the address is one of this machine and that nothing else listens there.",
            ) from None
        self.port = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name="dimse", daemon=True)
        self._acceptor.start()
        self._reporter.start()

    def stop(self) -> None:
        """Take no more; let what is being received be finished for `STOP_SECONDS`, then end every association."""
        self._is_stopping.set()
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
        if self._acceptor is not None:
            self._acceptor.join()
        if self._listener is not None:
            self._listener.close()
        deadline = time.monotonic() + STOP_SECONDS
        while connections := self._open_connections():
            is_late = time.monotonic() > deadline
            for thread, connection in connections.items():
                if is_late or not connection.is_busy:
                    connection.shutdown()
                thread.join(timeout=0.1)
        self._reporter.stop()

    def _open_connections(self) -> "dict[threading.Thread, Connection]":
        with self._lock:
            return dict(self._connections)

    def _accept(self) -> None:
        """Take connections until the listener is shut down."""
        listener = self._listener
        while listener is not None and not self._is_stopping.is_set():
            try:
                sock, address = listener.accept()
            except OSError:
                # Out of file descriptors, or a peer that has gone: the next one may do better.
                if not self._is_stopping.wait(0.05):
                    continue
                return
            connection = Connection(sock, str(address[0]))
            thread = threading.Thread(target=self._run, args=(connection,), name="association", daemon=True)
            with self._lock:
                has_room = len(self._connections) < self._settings.max_associations + SPARE_CONNECTIONS
                if has_room:
                    self._connections[thread] = connection
            if has_room:
                thread.start()
            else:
                sock.close()
                self._rejections.count("too many connections")

    def _run(self, connection: "Connection") -> None:
        """Serve one connection to its end."""
        try:
            self._serve(connection)
        except NetworkError as error:
            if not self._is_stopping.is_set():
                self._ends.count(str(error))
            connection.abort()
        except Exception as error:  # noqa: BLE001 - one association must not end the others
            self._ends.count(f"a fault ({type(error).__name__})")
            connection.abort()
        finally:
            connection.close()
            with self._lock:
                del self._connections[threading.current_thread()]

    def _serve(self, connection: "Connection") -> None:
        seconds = min(NEGOTIATE_SECONDS, self._settings.idle_seconds)
        caller = connection.begin(self._tls, seconds)
        link = connection.link
        kind, body = link.read()
        if kind != upper_layer.A_ASSOCIATE_RQ:
            raise NetworkError("expected an association request, got another PDU")
        request = upper_layer.parse_request(body)
        peer = self._admit(connection, request, caller)
        if isinstance(peer, tuple):
            link.send([upper_layer.associate_reject(*peer)])
            return
        answers = contexts.answer(request, is_recipient=bool(peer.recipient))
        link.send([upper_layer.associate_accept(body, answers, contexts.answer_roles(request))])
        link.set_idle_seconds(self._settings.idle_seconds)
        syntaxes = {
            answer.context_id: answer.transfer_syntax for answer in answers if answer.result == upper_layer.ACCEPTED
        }
        session = Session(link, peer=peer, caller=caller, request=request, syntaxes=syntaxes, services=self._services)
        connection.session = session
        session.run(self._is_stopping.is_set)

    def _admit(
        self, connection: "Connection", request: AssociationRequest, caller: Caller
    ) -> PeerSettings | tuple[int, int, int]:
        """Return who it is, or result, source and reason of the rejection (PS3.8 Table 9-21)."""
        peer = self._peers.find(request.calling_ae, caller)
        if peer is None:
            self._rejections.count("the caller is not known")
            return _CALLING_UNKNOWN
        if request.called_ae != self._settings.ae_title:
            self._rejections.count("another AE Title was called")
            return _CALLED_UNKNOWN
        with self._lock:
            established = sum(1 for other in self._connections.values() if other.is_established)
            if established >= self._settings.max_associations or self._is_stopping.is_set():
                self._rejections.count("too many associations")
                return _TOO_MANY
            connection.is_established = True
        return peer


class Connection:
    """A connection that was accepted, as other threads see it."""

    def __init__(self, sock: socket.socket, address: str) -> None:
        self._sock = sock
        self._address = address
        self._link: Link | None = None
        self.is_established = False
        self.session: Session | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a message is being received or served."""
        return self.session is not None and self.session.is_busy

    @property
    def link(self) -> Link:
        """The link; there once `begin` returned."""
        if self._link is None:
            raise NetworkError("the connection is not ready")
        return self._link

    def begin(self, tls: ssl.SSLContext | None, seconds: float) -> Caller:
        """Do the TLS handshake where there is TLS, and say who calls; raises `NetworkError`."""
        digest = ""
        self._sock.settimeout(seconds)
        if tls is not None:
            try:
                sock = tls.wrap_socket(self._sock, server_side=True, do_handshake_on_connect=False)
                self._sock = sock
                sock.do_handshake()
            except (OSError, ValueError):
                raise NetworkError("the TLS handshake failed") from None
            shown = sock.getpeercert(binary_form=True)
            digest = hashlib.sha256(shown).hexdigest() if shown else ""
        self._link = Link(self._sock, idle_seconds=seconds)
        return Caller(address=self._address, certificate_sha256=digest)

    def abort(self) -> None:
        """Tell the peer that the association is over."""
        if self._link is not None:
            self._link.abort()

    def shutdown(self) -> None:
        """End it from another thread."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it."""
        if self._link is not None:
            self._link.close()
        with contextlib.suppress(OSError):
            self._sock.close()


class Counter:
    """Counts what goes wrong by reason, and logs the first ones and then ever fewer: a flood must not fill the disk."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}

    def count(self, reason: str) -> None:
        """Count one; `reason` is of our own words."""
        with self._lock:
            count = self._counts[reason] = self._counts.get(reason, 0) + 1
        if count < 8 or not count & (count - 1):
            _LOG.warning("%s: %s (%d so far)", self._what, reason, count)


def _server_context(settings: DimseSettings) -> ssl.SSLContext | None:
    """Return the context for TLS 1.2 or later, with certificates of peers where there is an authority."""
    if not settings.certificate:
        if settings.key or settings.authority:
            raise ConfigError("expected a certificate of the DICOM door beside its key and authority, got none")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.certificate, settings.key or None)
        if settings.authority:
            context.load_verify_locations(settings.authority)
            context.verify_mode = ssl.CERT_REQUIRED
    except OSError:
        raise ConfigError(
            "expected PEM files of certificate, key and authority of the DICOM door, got something else",
            remedy="Check that the files are there, can be read, and belong together.",
        ) from None
    return context
