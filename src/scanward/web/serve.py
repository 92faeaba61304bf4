"""Runs a gateway with its HTTP door until it is told to stop."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import uvicorn

from scanward import __version__
from scanward.bootstrap.desk import make_staff
from scanward.bootstrap.gateway import Gateway
from scanward.bootstrap.signals import StopSignal
from scanward.bootstrap.stores import Stores
from scanward.bootstrap.uploads import open_upload
from scanward.bootstrap.verify_desk import VerifyDesk
from scanward.config import HttpSettings
from scanward.errors import ConfigError
from scanward.flow.face_notes import FaceNotes
from scanward.model.release import OutboxItem, Release
from scanward.model.study import Batch
from scanward.web.app import create_app
from scanward.web.protocol import MAX_HEAD_BYTES, PatientProtocol
from scanward.web.services import WebServices

KEEP_ALIVE_SECONDS = 20
SHUTDOWN_SECONDS = 20
MAX_CONNECTIONS = 512


def web_services(gateway: Gateway, http: HttpSettings) -> WebServices:
    """Return what the web needs of a gateway."""
    engine, stores = gateway.engine, gateway.stores
    notes = FaceNotes(ledger=stores.ledger, blobs=stores.blobs, vault=stores.vault, clock=engine.clock)

    verifying = VerifyDesk(stores)

    def may_still_leave(release: Release) -> Callable[[OutboxItem], bool]:
        batch = stores.ledger.instances_of(Batch(study_id=release.study_id, number=release.batch))
        standing = engine.decider.look_again(release, batch)

        def is_allowed(item: OutboxItem) -> bool:
            if standing.is_renewable(item):
                stores.ledger.note_outdated(release.release_id, engine.clock())
            return standing.allows(item)

        return is_allowed

    def note_fetched(release: Release, item: OutboxItem) -> None:
        stores.ledger.note_fetched(release.release_id, item.instance_id, engine.clock())

    return WebServices(
        intake=engine.intake,
        ledger=stores.ledger,
        desk=stores.ledger,
        registry=stores.ledger,
        sealing=stores.sealing,
        staff=make_staff(stores, engine.archive),
        open_outgoing=engine.outgoing.open,
        may_still_leave=may_still_leave,
        note_fetched=note_fetched,
        find_volumes=notes.get,
        open_upload=lambda path: open_upload(path, stores.spool),
        verify=verifying.verify,
        custody=verifying.custody,
        seal_file=verifying.seal_file,
        http=http,
        spool=stores.spool,
        clock=engine.clock,
        token_key=stores.keys.derived_key("tokens"),
        version=__version__,
        min_free_bytes=stores.settings.min_free_bytes,
        checks={"workers": gateway.has_workers, "custody": gateway.keeps_custody},
    )


def run(stores: Stores, *, works: bool, said: Callable[[str], None]) -> None:
    """Run a gateway until SIGTERM or SIGINT.

    Parameters
    ----------
    stores
        Where things are kept.
    works
        Whether this process does the work too.
    said
        Told where the gateway listens.

    Raises
    ------
    ScanwardError
        A door could not be opened; nothing stays open.
    """
    http = stores.settings.http
    with contextlib.ExitStack() as opened:
        # Before anything is open: a signal that comes meanwhile must not leave it so.
        stopped = opened.enter_context(StopSignal())
        bound = opened.enter_context(_listen(http)) if http is not None else None
        gateway = Gateway(stores, works=works)
        opened.callback(gateway.stop)
        gateway.start()
        port = bound.getsockname()[1] if bound is not None else 0
        gateway.note_running(http_port=port)
        if stores.settings.dimse is not None:
            dimse = stores.settings.dimse
            said(f"DICOM  {dimse.ae_title} at {dimse.host}:{gateway.dicom_port}")
        if http is not None and bound is not None:
            scheme = "https" if http.certificate else "http"
            said(f"HTTP   {scheme}://{http.host}:{port}  (staff page: /staff/, DICOMweb: /dicom-web, API: /api/v1)")
            opened.enter_context(_serving(_make_server(gateway, http), bound))
        stopped.wait()


@contextlib.contextmanager
def _serving(server: uvicorn.Server, bound: socket.socket) -> Iterator[None]:
    """Serve HTTP in a thread: in the main one, uvicorn would end the process by the signal before doors are closed."""
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, name="scanward-http")
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(SHUTDOWN_SECONDS + 5)


def _make_server(gateway: Gateway, http: HttpSettings) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            create_app(web_services(gateway, http)),
            log_config=None,
            access_log=False,  # lines of it would hold what callers ask for
            server_header=False,
            date_header=False,
            lifespan="off",
            ws="none",
            http=PatientProtocol,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            limit_concurrency=MAX_CONNECTIONS,
            ssl_certfile=http.certificate or None,
            ssl_keyfile=http.key or None,
            proxy_headers=False,
        )
    )


@contextlib.contextmanager
def _listen(http: HttpSettings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in http.host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named: without it, each small answer waits 40 ms.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((http.host, http.port))
        except OSError as error:
            raise ConfigError(
                f"cannot listen on HTTP port {http.port}: {error.strerror}", remedy="Choose another port under [http]."
            ) from None
        yield bound
