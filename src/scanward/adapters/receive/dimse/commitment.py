"""Storage Commitment Push Model (PS3.4 Annex J): what was asked, what is answered, and how the answer gets there."""

import contextlib
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scanward.adapters import dimse_data_sets as data_sets
from scanward.adapters import dimse_messages as dimse
from scanward.adapters.dimse_client import open_association
from scanward.adapters.receive.dimse.contexts import STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
from scanward.config import DimseSettings, PeerSettings
from scanward.errors import NetworkError, ScanwardError
from scanward.model.agreement import TlsFiles

MAX_REQUEST_BYTES: Final = 8 * 1024 * 1024
"""Longest list of instances that is read: some 50,000."""

RETRY_SECONDS: Final = (0.0, 5.0, 30.0, 120.0)
"""When a report is tried on associations of its own; after the last one the peer has to ask again."""

MAX_REPORTS: Final = 64
"""So many reports wait at once; further ones are dropped, and the peer has to ask again."""

STOP_SECONDS: Final = 5.0
"""So long stopping waits for a report that is under way."""

ALL_HELD: Final = 1
SOME_MISSING: Final = 2
NO_SUCH_INSTANCE: Final = 0x0112

_TRANSACTION_UID: Final = 0x00081195
_REFERENCED_SOP_SEQUENCE: Final = 0x00081199
_FAILED_SOP_SEQUENCE: Final = 0x00081198
_REFERENCED_SOP_CLASS_UID: Final = 0x00081150
_REFERENCED_SOP_INSTANCE_UID: Final = 0x00081155
_FAILURE_REASON: Final = 0x00081197

_LOG = logging.getLogger(__name__)

Reference = tuple[str, str]
"""SOP Class and Instance UID."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """Which instances a peer asks us to commit to."""

    transaction: str
    references: Sequence[Reference]

    def __repr__(self) -> str:
        """Show no UID."""
        return f"Request({len(self.references)} references)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """Which of them are durable here."""

    transaction: str
    held: Sequence[Reference]
    missing: Sequence[Reference]

    def __repr__(self) -> str:
        """Show no UID."""
        return f"Report(held={len(self.held)}, missing={len(self.missing)})"

    @property
    def event_type(self) -> int:
        """Event Type ID (PS3.4 Section J.3.3.1)."""
        return SOME_MISSING if self.missing else ALL_HELD

    def encode(self) -> bytes:
        """Return the Event Information."""
        elements: dict[int, data_sets.Value] = {_TRANSACTION_UID: self.transaction}
        if self.held:
            elements[_REFERENCED_SOP_SEQUENCE] = [_item(reference) for reference in self.held]
        if self.missing:
            failed = [{**_item(reference), _FAILURE_REASON: NO_SUCH_INSTANCE} for reference in self.missing]
            elements[_FAILED_SOP_SEQUENCE] = failed
        return data_sets.encode(elements)

    def command(self, message_id: int) -> bytes:
        """Return the command set of the N-EVENT-REPORT."""
        return dimse.encode_command(
            {
                dimse.AFFECTED_SOP_CLASS_UID: STORAGE_COMMITMENT,
                dimse.COMMAND_FIELD: dimse.N_EVENT_REPORT_RQ,
                dimse.MESSAGE_ID: message_id,
                dimse.DATA_SET_TYPE: dimse.WITH_DATA,
                dimse.AFFECTED_SOP_INSTANCE_UID: STORAGE_COMMITMENT_INSTANCE,
                dimse.EVENT_TYPE_ID: self.event_type,
            }
        )


def _item(reference: Reference) -> dict[int, data_sets.Value]:
    return {_REFERENCED_SOP_CLASS_UID: reference[0], _REFERENCED_SOP_INSTANCE_UID: reference[1]}


def parse_request(data: bytes) -> Request | None:
    """Return what the Action Information asks for, or None where it is not what it has to be."""
    try:
        found = data_sets.parse(data)
    except NetworkError:
        return None
    transaction = data_sets.text_of(found, _TRANSACTION_UID)
    references = [
        (data_sets.text_of(item, _REFERENCED_SOP_CLASS_UID), data_sets.text_of(item, _REFERENCED_SOP_INSTANCE_UID))
        for item in data_sets.items_of(found, _REFERENCED_SOP_SEQUENCE)
    ]
    uids = [transaction, *(uid for reference in references for uid in reference)]
    if not references or not all(0 < len(uid) <= 64 and not uid.strip("0123456789.") for uid in uids):
        return None
    return Request(transaction=transaction, references=references)


class Reporter:
    """Sends reports on associations of their own, a few times; what is not sent is lost with the process."""

    def __init__(self, settings: DimseSettings) -> None:
        self._settings = settings
        self._stopping = threading.Event()
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()

    def send(self, peer: PeerSettings, address: str, report: Report) -> None:
        """Send `report` to `peer` at `address`, in the background."""
        thread = threading.Thread(target=self._run, args=(peer, address, report), daemon=True, name="commitment")
        with self._lock:
            if len(self._threads) >= MAX_REPORTS or self._stopping.is_set():
                _LOG.warning("a storage commitment report was dropped: too many wait")
                return
            self._threads.add(thread)
            thread.start()

    def stop(self) -> None:
        """Give up what waits, and return when no thread is left, or after `STOP_SECONDS`."""
        self._stopping.set()
        with self._lock:
            threads = list(self._threads)
        deadline = time.monotonic() + STOP_SECONDS
        for thread in threads:
            thread.join(timeout=max(deadline - time.monotonic(), 0.0))

    def _run(self, peer: PeerSettings, address: str, report: Report) -> None:
        try:
            for seconds in RETRY_SECONDS:
                if self._stopping.wait(seconds):
                    return
                with contextlib.suppress(ScanwardError):
                    self._send_once(peer, address, report)
                    return
            _LOG.warning("a storage commitment report could not be sent")
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())

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
