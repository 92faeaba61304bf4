"""Associations that we ask for (SCU): C-STORE without decoding, and what C-FIND, C-MOVE and N-EVENT-REPORT need.

Files leave exactly as they are: a peer that does not take the Transfer Syntax of a file does not get it.
"""

import contextlib
import socket
import ssl
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from scanward.adapters import dimse_messages as dimse
from scanward.adapters import upper_layer
from scanward.adapters.dimse_messages import Buffered, Command, Messages
from scanward.adapters.upper_layer import Link, Proposal
from scanward.errors import ConfigError, NetworkError, StoreError
from scanward.model.agreement import TlsFiles
from scanward.model.release import Delivery, DeliveryReport
from scanward.ports.network import Outgoing

CONNECT_SECONDS: Final = 15.0
"""So long connecting and the TLS handshake may take."""

NEGOTIATE_SECONDS: Final = 30.0
"""So long the peer may take to answer the association request (ARTIM, PS3.8 Section 9.1.5)."""

TRANSFER_SECONDS: Final = 60.0
"""So long a PDU may take to leave."""

RESPONSE_SECONDS: Final = 300.0
"""So long the peer may take to answer a request: some archives check and copy before they do."""

MAX_RESPONSE_BYTES: Final = 1024 * 1024
"""Longest data set of a response that is read; those of a query have some hundred bytes."""

MAX_ATTEMPTS_IN_A_ROW: Final = 3
"""After so many associations that broke one after another the rest waits for a later try."""

_MEDIUM_PRIORITY: Final = 0
_META_START: Final = 132
_GROUP_LENGTH: Final = b"\x02\x00\x00\x00UL\x04\x00"
_DATA_SET_START: Final = _META_START + len(_GROUP_LENGTH) + 4


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteAe:
    """A DICOM application that we call; `tls` None is without."""

    host: str
    port: int
    ae_title: str
    calling_ae: str
    tls: TlsFiles | None = None


class ClientAssociation:
    """An established association that we asked for."""

    def __init__(self, messages: Messages, contexts: dict[tuple[str, str], int]) -> None:
        self._messages = messages
        self._contexts = contexts
        self._message_id = 0
        self.is_open = True

    @property
    def bytes_sent(self) -> int:
        """How many bytes left so far."""
        return self._messages.link.bytes_sent

    def find_context(self, sop_class: str, transfer_syntax: str) -> int | None:
        """Return the ID of the accepted context, or None where the peer does not take that."""
        return self._contexts.get((sop_class, transfer_syntax))

    def next_message_id(self) -> int:
        """Return a Message ID not used lately."""
        self._message_id = self._message_id % 0xFFFF + 1
        return self._message_id

    def check(self) -> None:
        """Raise `NetworkError` when the peer ended the association meanwhile; nothing was sent then."""
        if self._messages.link.is_disturbed():
            self.is_open = False
            raise NetworkError("the peer ended the association")

    def send(self, context_id: int, command: bytes, data: Iterator[bytes] | None = None) -> None:
        """Send a request; on a raise (`NetworkError`, or of `data`) the association is over."""
        try:
            self._messages.send(context_id, command, data)
        except BaseException:
            self.is_open = False
            raise

    def receive(self, operation: int, message_id: int, *, seconds: float | None = None) -> tuple[Command, bytes]:
        """Return the next response to the request `message_id` for `operation`, and its data set.

        It may take `RESPONSE_SECONDS`, or `seconds`.

        Raises
        ------
        NetworkError
            Something else came, or nothing; the association is over.
        """
        link = self._messages.link
        link.set_idle_seconds(RESPONSE_SECONDS if seconds is None else seconds)
        try:
            message = self._messages.receive(lambda _context, _command: Buffered(MAX_RESPONSE_BYTES))
            if message is None or not _is_response(message.command, operation, message_id):
                raise NetworkError("expected the response to a request, got something else")
        except BaseException:
            self.is_open = False
            raise
        finally:
            link.set_idle_seconds(TRANSFER_SECONDS)
        return message.command, bytes(message.sink.data) if isinstance(message.sink, Buffered) else b""

    def release(self) -> None:
        """Release the association, without insisting on an answer (PS3.8 Section 7.2)."""
        self.is_open = False
        with contextlib.suppress(NetworkError):
            self._messages.link.send([upper_layer.RELEASE_REQUEST])
            self._messages.link.set_idle_seconds(5.0)
            self._messages.link.read()


def _is_response(command: Command, operation: int, message_id: int) -> bool:
    return (
        command.find_number(dimse.COMMAND_FIELD) == operation | dimse.RESPONSE
        and command.find_number(dimse.MESSAGE_ID_RESPONDED_TO) == message_id
    )


@contextlib.contextmanager
def open_association(
    host: str,
    port: int,
    called_ae: str,
    calling_ae: str,
    tls: TlsFiles | None,
    contexts: Sequence[tuple[str, str]],
    *,
    roles: dict[str, tuple[int, int]] | None = None,
) -> Iterator[ClientAssociation]:
    """Open an association for (SOP Class, Transfer Syntax) pairs, at most `upper_layer.MAX_CONTEXTS`.

    On leaving it is released, or aborted where something went wrong.

    Raises
    ------
    NetworkError
        It could not be opened; nothing was sent.
    ConfigError
        The files for TLS cannot be used.
    """
    sock = _connect(host, port, tls)
    link = Link(sock, idle_seconds=NEGOTIATE_SECONDS)
    try:
        association = _negotiate(link, called_ae, calling_ae, contexts, roles or {})
        link.set_idle_seconds(TRANSFER_SECONDS)
        try:
            yield association
        except BaseException:
            association.is_open = False
            raise
        finally:
            if association.is_open:
                association.release()
            else:
                link.abort(source=0)
    finally:
        link.close()


def _connect(host: str, port: int, tls: TlsFiles | None) -> socket.socket:
    context = client_context(tls) if tls is not None else None
    try:
        sock = socket.create_connection((host, port), timeout=CONNECT_SECONDS)
    except OSError:
        raise NetworkError("the peer cannot be reached") from None
    if context is None:
        return sock
    try:
        return context.wrap_socket(sock, server_hostname=host)
    except ssl.SSLCertVerificationError:
        sock.close()
        raise NetworkError(
            "expected a certificate of the peer that the authority vouches for, got another",
            remedy="Check the authority's file and that the certificate names the host.",
        ) from None
    except (OSError, ValueError):
        sock.close()
        raise NetworkError("the TLS handshake with the peer failed") from None


def client_context(tls: TlsFiles) -> ssl.SSLContext:
    """Return the context for TLS 1.2 or later that checks peer and host name; raises `ConfigError`."""
    try:
        context = ssl.create_default_context(cafile=tls.authority or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if tls.certificate:
            context.load_cert_chain(tls.certificate, tls.key or None)
    except OSError:
        raise ConfigError(
            "expected PEM files of certificate, key and authority, got something else",
            remedy="Check that the files are there, can be read, and belong together.",
        ) from None
    return context


def _negotiate(
    link: Link,
    called_ae: str,
    calling_ae: str,
    contexts: Sequence[tuple[str, str]],
    roles: dict[str, tuple[int, int]],
) -> ClientAssociation:
    if not 0 < len(contexts) <= upper_layer.MAX_CONTEXTS:
        raise NetworkError(f"expected 1 to {upper_layer.MAX_CONTEXTS} contexts, got {len(contexts)}")
    proposals = [
        Proposal(context_id=2 * index + 1, abstract_syntax=sop_class, transfer_syntaxes=(syntax,))
        for index, (sop_class, syntax) in enumerate(contexts)
    ]
    request = upper_layer.AssociationRequest(
        called_ae=called_ae, calling_ae=calling_ae, proposals=proposals, roles=roles
    )
    link.send([upper_layer.associate_request(request)])
    kind, body = link.read()
    if kind == upper_layer.A_ASSOCIATE_RJ:
        lasting = len(body) > 1 and body[1] == 1
        raise NetworkError(f"the peer refused the association {'for good' if lasting else 'for the moment'}")
    if kind != upper_layer.A_ASSOCIATE_AC:
        raise NetworkError("expected an answer to the association request, got another PDU")
    answer = upper_layer.parse_accept(body)
    asked = {proposal.context_id: proposal for proposal in proposals}
    accepted = {
        (asked[item.context_id].abstract_syntax, item.transfer_syntax): item.context_id
        for item in answer.answers
        if item.result == upper_layer.ACCEPTED
        and item.context_id in asked
        and item.transfer_syntax in asked[item.context_id].transfer_syntaxes
    }
    messages = Messages(link, peer_max_pdu_bytes=answer.max_pdu_bytes, grace_seconds=RESPONSE_SECONDS)
    return ClientAssociation(messages, accepted)


def send_stored(association: ClientAssociation, file: Outgoing) -> int | None:
    """Send one file by C-STORE; return the status, or None when it may have arrived and no status came.

    After None the association is over. The context has to be accepted, see `ClientAssociation.find_context`.

    Raises
    ------
    NetworkError
        Nothing of the file left.
    StoreError
        The file cannot be read, and nothing of it left.
    """
    context_id = association.find_context(file.sop_class_uid, file.transfer_syntax_uid)
    if context_id is None:
        raise NetworkError("the peer does not take this SOP Class in this Transfer Syntax")
    association.check()
    data = _data_set(file.chunks())
    first = next(data, b"")  # what cannot be read is found before anything leaves
    message_id = association.next_message_id()
    command = dimse.encode_command(
        {
            dimse.AFFECTED_SOP_CLASS_UID: file.sop_class_uid,
            dimse.COMMAND_FIELD: dimse.C_STORE_RQ,
            dimse.MESSAGE_ID: message_id,
            dimse.PRIORITY: _MEDIUM_PRIORITY,
            dimse.DATA_SET_TYPE: dimse.WITH_DATA,
            dimse.AFFECTED_SOP_INSTANCE_UID: file.sop_instance_uid,
        }
    )
    before = association.bytes_sent
    try:
        association.send(context_id, command, _chain(first, data))
        response, _ = association.receive(dimse.C_STORE_RQ, message_id)
        return response.number(dimse.STATUS)
    except (NetworkError, StoreError):
        association.is_open = False
        if association.bytes_sent == before:
            raise
        return None


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _data_set(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the data set of a Part 10 file, without preamble and File Meta Information (PS3.10 Section 7.1)."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) < _DATA_SET_START:
            continue
        if head[_META_START - 4 : _META_START] != b"DICM" or not head.startswith(_GROUP_LENGTH, _META_START):
            break
        start = _DATA_SET_START + int.from_bytes(head[_DATA_SET_START - 4 : _DATA_SET_START], "little")
        if len(head) <= start:
            continue
        yield head[start:]
        yield from chunks
        return
    raise StoreError("expected a DICOM file with its File Meta Information, got something else")


_REFUSALS: Final = {
    0x0117: "the instance is not valid there",
    0x0119: "the instance contradicts its SOP Class",
    0x0122: "the SOP Class is not supported",
    0x0124: "not authorised",
}
_WARNINGS: Final = frozenset({0x0001, 0x0107, 0x0116})
_DUPLICATE: Final = 0x0111


def delivery_of(status: int | None) -> tuple[Delivery, str]:
    """Return what the status of a C-STORE means for us, and why (PS3.4 Section B.2.3, PS3.7 Annex C)."""
    if status is None:
        return Delivery.UNKNOWN, "the association ended before the peer answered"
    words = f"status {status:04X}"
    if status == 0 or status in _WARNINGS or 0xB000 <= status <= 0xBFFF:
        return Delivery.CONFIRMED, words if status else ""
    if status == _DUPLICATE:
        return Delivery.CONFIRMED, "the peer has it already"
    if status in _REFUSALS:
        return Delivery.REFUSED, f"{_REFUSALS[status]} ({words})"
    if 0xA900 <= status <= 0xA9FF or 0xC000 <= status <= 0xCFFF:
        return Delivery.REFUSED, f"the peer cannot understand it ({words})"
    if 0xA700 <= status <= 0xA7FF:
        return Delivery.NOT_SENT, f"the peer is out of resources ({words})"
    return Delivery.NOT_SENT, f"the peer failed ({words})"


def deliver(remote: RemoteAe, files: Sequence[Outgoing]) -> Iterator[DeliveryReport]:
    """Send files by C-STORE, on as many associations as they need; one report a file (as `ports.network.Sender`)."""
    for batch in _batches(files):
        waiting = list(batch)
        failures = 0
        while waiting:
            was_heard = yield from _deliver_on_one(remote, waiting)
            failures = 0 if was_heard else failures + 1
            if failures == MAX_ATTEMPTS_IN_A_ROW:
                yield from (_not_sent(file, "the associations with the peer break") for file in waiting)
                break


def _deliver_on_one(remote: RemoteAe, waiting: list[Outgoing]) -> Generator[DeliveryReport, None, bool]:
    """Send on one association; take out of `waiting` what is reported; return whether the peer answered at all."""
    contexts = list(dict.fromkeys((file.sop_class_uid, file.transfer_syntax_uid) for file in waiting))
    was_heard = False
    is_opened = False
    try:
        with open_association(
            remote.host, remote.port, remote.ae_title, remote.calling_ae, remote.tls, contexts
        ) as association:
            is_opened = True
            while waiting and association.is_open:
                report = _deliver_one(association, waiting[0])
                if report is None:
                    break
                del waiting[0]
                was_heard = was_heard or association.is_open
                yield report
    except (NetworkError, ConfigError) as error:
        if not is_opened:
            detail = str(error)
            while waiting:
                yield _not_sent(waiting.pop(0), detail)
    return was_heard


def _deliver_one(association: ClientAssociation, file: Outgoing) -> DeliveryReport | None:
    """Send one file; None when the association was over before anything of it left."""
    if association.find_context(file.sop_class_uid, file.transfer_syntax_uid) is None:
        detail = "the peer does not take this SOP Class in this Transfer Syntax"
        return DeliveryReport(sop_instance_uid=file.sop_instance_uid, delivery=Delivery.REFUSED, detail=detail)
    try:
        delivery, detail = delivery_of(send_stored(association, file))
    except StoreError as error:
        return _not_sent(file, str(error))
    except NetworkError:
        return None
    return DeliveryReport(sop_instance_uid=file.sop_instance_uid, delivery=delivery, detail=detail)


def _not_sent(file: Outgoing, detail: str) -> DeliveryReport:
    return DeliveryReport(sop_instance_uid=file.sop_instance_uid, delivery=Delivery.NOT_SENT, detail=detail)


def _batches(files: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
    """Yield files in their order, in batches that need no more contexts than an association has."""
    batch: list[Outgoing] = []
    contexts: set[tuple[str, str]] = set()
    for file in files:
        context = (file.sop_class_uid, file.transfer_syntax_uid)
        if context not in contexts and len(contexts) == upper_layer.MAX_CONTEXTS:
            yield batch
            batch, contexts = [], set()
        contexts.add(context)
        batch.append(file)
    if batch:
        yield batch
