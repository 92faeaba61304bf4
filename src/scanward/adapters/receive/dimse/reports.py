"""How the answer to a storage commitment gets to the peer that asked (PS3.4 Section J.3.3), through restarts too.

What is owed is on record before the request is answered. To a peer that listens for reports they go on associations of
their own; another one gets them on its own association, and what did not reach it there when it next asks.
"""

import contextlib
import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from scanward.adapters import dimse_data_sets as data_sets
from scanward.adapters import dimse_messages as dimse
from scanward.adapters.dimse_client import open_association
from scanward.adapters.receive.dimse.commitment import Report
from scanward.adapters.receive.dimse.contexts import STORAGE_COMMITMENT
from scanward.config import DimseSettings, PeerSettings
from scanward.errors import NetworkError, ScanwardError, StoreError
from scanward.model.agreement import TlsFiles
from scanward.ports.peers import OwedReport, PeerBook

RETRY_SECONDS: Final = (5.0, 30.0, 120.0, 600.0, 3600.0)
"""Waits after the first tries of a report; the last one holds for all further ones."""

LEASE: Final = timedelta(minutes=5)
"""Longer than a try takes: so long nobody else tries the same report."""

KEPT: Final = timedelta(days=30)
"""So long a report is tried, and a procedure step remembered."""

AT_ONCE: Final = 8
"""So many reports are sent at once: a peer that does not answer must not hold up the others."""

ON_ONE_ASSOCIATION: Final = 16
"""So many reports a peer gets when it asks on its own association."""

LOOK_SECONDS: Final = 2.0
"""How often it is looked for reports that are due again."""

FORGET_SECONDS: Final = 3600.0

STOP_SECONDS: Final = 5.0
"""So long stopping waits for reports that are under way."""

_LOG = logging.getLogger(__name__)


class Reporter:
    """Owes reports, and sends them until they have arrived.

    Parameters
    ----------
    settings
        Of the door.
    book
        Where it is written down what is owed.
    clock
        Tells the time, aware UTC.
    """

    def __init__(self, settings: DimseSettings, book: PeerBook, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._book = book
        self._clock = clock
        self._known = {peer.name for peer in settings.peers if not peer.recipient}
        self._listening = {peer.name: peer for peer in settings.peers if peer.report_port}
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._slots = threading.Semaphore(AT_ONCE)
        self._sending: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="commitment", daemon=True)

    def start(self) -> None:
        """Begin to send what is owed."""
        self._thread.start()

    def stop(self) -> None:
        """Leave what waits for the next start, and return when no thread is left, or after `STOP_SECONDS`."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            threads = list(self._sending)
        deadline = time.monotonic() + STOP_SECONDS
        for thread in threads:
            thread.join(timeout=max(deadline - time.monotonic(), 0.0))

    # What is owed

    def owe(self, peer: PeerSettings, address: str, report: Report) -> None:
        """Note a report for `peer`, who called from `address`; raises `StoreError`."""
        content = json.dumps([address, report.to_text()])
        self._book.owe_report(uuid.uuid4().hex, peer.name, content, self._clock())

    def send_soon(self) -> None:
        """Do not wait until it is looked for what is due."""
        self._wake.set()

    def claim_for(self, peer: PeerSettings) -> Iterator[tuple[str, Report]]:
        """Yield ids and reports that a peer gets on its own association; each has to be settled or given back."""
        for _ in range(ON_ONE_ASSOCIATION):
            now = self._clock()
            owed = self._book.claim_report([peer.name], now, now + LEASE)
            if owed is None:
                return
            yield owed.report_id, _read(owed)[1]

    def settle(self, report_id: str) -> None:
        """Note that a report arrived."""
        with contextlib.suppress(StoreError):  # it goes once more then
            self._book.settle_report(report_id)

    def give_back(self, report_id: str) -> None:
        """Note that it is not known whether a report arrived."""
        with contextlib.suppress(StoreError):  # its lease ends
            self._book.postpone_report(report_id, self._clock())

    # Sending

    def _run(self) -> None:
        """Send what is due until told to stop."""
        begun = False
        forget_at = 0.0
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                if not begun:
                    # Claimed by whoever was killed, or in the middle of a long wait.
                    self._book.hasten_reports(self._known, self._clock())
                    begun = True
                if time.monotonic() >= forget_at:
                    forget_at = time.monotonic() + FORGET_SECONDS
                    self._forget()
                owed = self._claim_next()
            except StoreError as error:
                _LOG.warning("what is owed to peers cannot be looked up: %s", error)
                owed = None
            if owed is None:
                self._wake.wait(LOOK_SECONDS if self._listening else FORGET_SECONDS)
                continue
            self._begin(owed)

    def _forget(self) -> None:
        count = self._book.forget(self._clock() - KEPT)
        if count:
            _LOG.warning("%d storage commitment reports were given up: their peers could not be reached", count)

    def _claim_next(self) -> OwedReport | None:
        if not self._listening:
            return None
        now = self._clock()
        return self._book.claim_report(self._listening, now, now + LEASE)

    def _begin(self, owed: OwedReport) -> None:
        while not self._slots.acquire(timeout=0.5):
            if self._stopping.is_set():
                self.give_back(owed.report_id)
                return
        thread = threading.Thread(target=self._send, args=(owed,), name="commitment report", daemon=True)
        with self._lock:
            self._sending.add(thread)
        thread.start()

    def _send(self, owed: OwedReport) -> None:
        try:
            address, report = _read(owed)
            self._send_once(self._listening[owed.peer], address, report)
        except ScanwardError:
            seconds = RETRY_SECONDS[min(owed.attempts, len(RETRY_SECONDS)) - 1]
            if owed.attempts in {1, len(RETRY_SECONDS)}:
                _LOG.warning("a storage commitment report could not be sent (try %d)", owed.attempts)
            with contextlib.suppress(StoreError):  # its lease ends
                self._book.postpone_report(owed.report_id, self._clock() + timedelta(seconds=seconds))
        else:
            self.settle(owed.report_id)
        finally:
            with self._lock:
                self._sending.discard(threading.current_thread())
            self._slots.release()

    def _send_once(self, peer: PeerSettings, address: str, report: Report) -> None:
        settings = self._settings
        files = TlsFiles(certificate=settings.certificate, key=settings.key, authority=settings.authority)
        context = (STORAGE_COMMITMENT, data_sets.TRANSFER_SYNTAX)
        with open_association(
            address,
            peer.report_port,
            peer.ae_title,
            settings.ae_title,
            files if settings.certificate else None,
            [context],
            roles={STORAGE_COMMITMENT: (0, 1)},  # we are the SCP that calls (PS3.4 Section J.3.3.3)
        ) as association:
            context_id = association.find_context(*context)
            if context_id is None:
                raise NetworkError("the peer does not take storage commitment reports")
            message_id = association.next_message_id()
            association.send(context_id, report.command(message_id), iter([report.encode()]))
            association.receive(dimse.N_EVENT_REPORT_RQ, message_id)


def _read(owed: OwedReport) -> tuple[str, Report]:
    """Return the address and the report."""
    address, text = json.loads(owed.content)
    return address, Report.from_text(text)
