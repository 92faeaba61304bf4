"""The DICOM Upper Layer on one TCP connection (PS3.8 Section 9), for both sides, blocking: a thread an association.

Trust: none. Whatever comes is checked against its length before it is looked at, no wait is without a limit, and no
message of an error repeats what came.
"""

import contextlib
import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import Final

from scanward import __version__
from scanward.dicomstream.file_meta import IMPLEMENTATION_CLASS_UID
from scanward.errors import NetworkError

MAX_PDU_BYTES: Final = 128 * 1024
"""Longest P-DATA that we say we take: fewer, longer ones cost less (PS3.8 Annex D.1)."""

MAX_ASSOCIATE_BYTES: Final = 1024 * 1024
"""Longest A-ASSOCIATE that is read: 128 contexts with all Transfer Syntaxes there are take a fifth of it."""

MAX_CONTEXTS: Final = 128
"""Context IDs are the odd numbers up to 255 (PS3.8 Table 9-13)."""

A_ASSOCIATE_RQ: Final = 1
A_ASSOCIATE_AC: Final = 2
A_ASSOCIATE_RJ: Final = 3
P_DATA_TF: Final = 4
A_RELEASE_RQ: Final = 5
A_RELEASE_RP: Final = 6
A_ABORT: Final = 7

ACCEPTED: Final = 0
ABSTRACT_SYNTAX_NOT_SUPPORTED: Final = 3
TRANSFER_SYNTAXES_NOT_SUPPORTED: Final = 4

_APPLICATION_CONTEXT: Final = b"1.2.840.10008.3.1.1.1"
_TLS_RECORD_BYTES: Final = 16 * 1024
_HEADER: Final = Struct(">BxI")
_ITEM: Final = Struct(">BxH")
_PDV: Final = Struct(">IBB")
_FIXED_BYTES: Final = 68  # of an A-ASSOCIATE before its items (PS3.8 Table 9-11)


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """A Presentation Context that is asked for."""

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: Sequence[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class AssociationRequest:
    """What an A-ASSOCIATE-RQ asks for.

    Attributes
    ----------
    called_ae, calling_ae
        AE Titles without padding; never to be logged.
    proposals
        Presentation Contexts.
    max_pdu_bytes
        Longest P-DATA the sender takes; 0: any.
    roles
        (SCU, SCP) roles by SOP Class that the sender asks for.
    """

    called_ae: str
    calling_ae: str
    proposals: Sequence[Proposal]
    max_pdu_bytes: int = MAX_PDU_BYTES
    roles: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Show nothing that a peer says of itself."""
        return f"AssociationRequest({len(self.proposals)} contexts)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What was decided of one Presentation Context; `result` is `ACCEPTED` or the reason (PS3.8 Table 9-18)."""

    context_id: int
    result: int
    transfer_syntax: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AssociationAnswer:
    """What an A-ASSOCIATE-AC says."""

    answers: Sequence[Answer]
    max_pdu_bytes: int


class Link:
    """PDUs on one connection.

    Parameters
    ----------
    sock
        Connected; belongs to the link from now on.
    idle_seconds
        Within so long a PDU has to come, or to leave, as a whole.
    """

    def __init__(self, sock: socket.socket, *, idle_seconds: float) -> None:
        self._sock = sock
        self._is_tls = isinstance(sock, ssl.SSLSocket)
        self._idle_seconds = idle_seconds
        self._buffer = bytearray(2 * MAX_PDU_BYTES)
        self._view = memoryview(self._buffer)
        self._start = 0
        self._end = 0
        self.bytes_sent = 0
        sock.settimeout(idle_seconds)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def set_idle_seconds(self, idle_seconds: float) -> None:
        """Change how long a PDU may take."""
        self._idle_seconds = idle_seconds
        self._sock.settimeout(idle_seconds)

    def read(self) -> tuple[int, memoryview]:
        """Return type and body of the next PDU; the body is valid until the next call. Raises `NetworkError`."""
        self._fill(_HEADER.size)
        kind, length = _HEADER.unpack_from(self._view, self._start)
        if not A_ASSOCIATE_RQ <= kind <= A_ABORT:
            raise _malformed("a PDU of a known type")
        if length > (MAX_ASSOCIATE_BYTES if kind <= A_ASSOCIATE_AC else MAX_PDU_BYTES):
            raise _malformed("a PDU no longer than agreed")
        self._start += _HEADER.size
        self._fill(length)
        body = self._view[self._start : self._start + length]
        self._start += length
        return kind, body

    def send(self, parts: Iterable[bytes | memoryview]) -> None:
        """Send what `parts` are joined; on a raise (`NetworkError`) `bytes_sent` says whether any of it left."""
        if self._is_tls:
            self._send_whole(b"".join(parts))
            return
        rest = [memoryview(part) for part in parts if len(part)]
        deadline = time.monotonic() + self._idle_seconds
        try:
            while rest:
                sent = self._sock.sendmsg(rest)
                self.bytes_sent += sent
                while rest and sent >= len(rest[0]):
                    sent -= len(rest.pop(0))
                if rest:
                    rest[0] = rest[0][sent:]
                    _check_deadline(deadline)
        except OSError as error:
            raise _broken(error) from None

    def is_disturbed(self) -> bool:
        """Whether something came, or the connection ended, while nothing was expected."""
        if self._end > self._start:
            return True
        self._start = self._end = 0
        try:
            self._sock.setblocking(False)
            return self._receive_more() >= 0
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True
        finally:
            with contextlib.suppress(OSError):
                self._sock.settimeout(self._idle_seconds)

    def shutdown(self) -> None:
        """End the connection from another thread: the one that reads or sends gets a `NetworkError`."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self._view.release()
        with contextlib.suppress(OSError):
            self._sock.close()

    def abort(self, *, source: int = 2) -> None:
        """Send A-ABORT as far as that goes; `source` 0 is the user of the service, 2 its provider."""
        with contextlib.suppress(NetworkError, OSError):
            self._sock.settimeout(min(self._idle_seconds, 1.0))
            self.send([pdu(A_ABORT, bytes((0, 0, source, 0)))])

    def _send_whole(self, data: bytes) -> None:
        """Send through TLS, which does not say how much left: all of it counts as sent from the start."""
        self.bytes_sent += len(data)
        try:
            self._sock.sendall(data)
        except OSError as error:
            raise _broken(error) from None

    def _fill(self, need: int) -> None:
        """Read until `need` bytes stand in the buffer."""
        have = self._end - self._start
        if have >= need:
            return
        if self._start + need > len(self._buffer):
            self._make_room(need, have)
        elif not have:
            self._start = self._end = 0
        deadline = time.monotonic() + self._idle_seconds
        try:
            while self._end - self._start < need:
                if not self._receive_more():
                    raise NetworkError("the peer closed the connection")
                _check_deadline(deadline)
        except OSError as error:
            raise _broken(error) from None

    def _receive_more(self) -> int:
        """Read once into the buffer and return how much came."""
        got = self._sock.recv_into(self._view[self._end :])
        self._end += got
        return got

    def _make_room(self, need: int, have: int) -> None:
        """Move what is buffered to the front, of a larger buffer where `need` does not fit."""
        if need > len(self._buffer):
            larger = bytearray(need + _HEADER.size)
            larger[:have] = self._view[self._start : self._end]
            self._buffer = larger
            self._view = memoryview(larger)
        else:
            self._view[:have] = self._view[self._start : self._end]
        self._start, self._end = 0, have


def _check_deadline(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError


def _broken(error: OSError) -> NetworkError:
    """Say what became of a connection, without what the system or a library says of it."""
    if isinstance(error, TimeoutError):
        return NetworkError("the peer did not answer or take anything for too long")
    if isinstance(error, ssl.SSLError):
        return NetworkError("the TLS connection broke")
    return NetworkError("the connection broke")


def _malformed(expected: str) -> NetworkError:
    return NetworkError(f"expected {expected}, got something else")


# P-DATA


def fragments(body: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """Yield context, message control header and fragment of the PDVs in a P-DATA (PS3.8 Section 9.3.5.1, Annex E).

    Raises `NetworkError` where they are not well formed or there is none.
    """
    at = 0
    end = len(body)
    if not end:
        raise _malformed("a P-DATA with a presentation data value")
    while at < end:
        if at + _PDV.size > end:
            raise _malformed("a whole presentation data value")
        length, context_id, control = _PDV.unpack_from(body, at)
        stop = at + 4 + length
        if length < 2 or stop > end:
            raise _malformed("a presentation data value within its P-DATA")
        yield context_id, control, body[at + _PDV.size : stop]
        at = stop


def data_pdu_header(context_id: int, control: int, length: int) -> bytes:
    """Return what stands before a fragment of `length` bytes that is alone in its P-DATA."""
    return _HEADER.pack(P_DATA_TF, length + _PDV.size) + _PDV.pack(length + 2, context_id, control)


def fragment_bytes(max_pdu_bytes: int) -> int:
    """Return how long fragments for a peer may be that takes P-DATA of `max_pdu_bytes` (0: any)."""
    return min(max_pdu_bytes or MAX_PDU_BYTES, MAX_PDU_BYTES) - _PDV.size


# A-ASSOCIATE, A-RELEASE


def pdu(kind: int, body: bytes) -> bytes:
    """Return a PDU."""
    return _HEADER.pack(kind, len(body)) + body


def associate_request(request: AssociationRequest) -> bytes:
    """Return the A-ASSOCIATE-RQ for `request` (PS3.8 Section 9.3.2)."""
    items = [_item(0x10, _APPLICATION_CONTEXT)]
    for proposal in request.proposals:
        syntaxes = b"".join(_item(0x40, syntax.encode("ascii")) for syntax in proposal.transfer_syntaxes)
        abstract = _item(0x30, proposal.abstract_syntax.encode("ascii"))
        items.append(_item(0x20, bytes((proposal.context_id, 0, 0, 0)) + abstract + syntaxes))
    items.append(_user_information(request.roles))
    return pdu(A_ASSOCIATE_RQ, _fixed(_ae(request.called_ae), _ae(request.calling_ae)) + b"".join(items))


def associate_accept(
    request_body: bytes | memoryview, answers: Sequence[Answer], roles: Mapping[str, tuple[int, int]]
) -> bytes:
    """Return the A-ASSOCIATE-AC to the request with this body (PS3.8 Section 9.3.3)."""
    items = [_item(0x10, _APPLICATION_CONTEXT)]
    for answer in answers:
        syntax = _item(0x40, answer.transfer_syntax.encode("ascii"))
        items.append(_item(0x21, bytes((answer.context_id, 0, answer.result, 0)) + syntax))
    items.append(_user_information(roles))
    fixed = _fixed(bytes(request_body[4:20]), bytes(request_body[20:36]))
    return pdu(A_ASSOCIATE_AC, fixed + b"".join(items))


def associate_reject(result: int, source: int, reason: int) -> bytes:
    """Return an A-ASSOCIATE-RJ (PS3.8 Table 9-21)."""
    return pdu(A_ASSOCIATE_RJ, bytes((0, result, source, reason)))


RELEASE_REQUEST: Final = pdu(A_RELEASE_RQ, bytes(4))
RELEASE_RESPONSE: Final = pdu(A_RELEASE_RP, bytes(4))


def parse_request(body: memoryview) -> AssociationRequest:
    """Return what an A-ASSOCIATE-RQ asks for; raises `NetworkError` where it is not well formed."""
    _check_fixed(body)
    proposals: dict[int, Proposal] = {}
    max_pdu_bytes, roles = 0, dict[str, tuple[int, int]]()
    for kind, value in _items(body[_FIXED_BYTES:]):
        if kind == 0x20:
            proposal = _parse_proposal(value)
            if proposal.context_id in proposals:
                raise _malformed("each Presentation Context ID once")
            proposals[proposal.context_id] = proposal
        elif kind == 0x50:
            max_pdu_bytes, roles = _parse_user_information(value)
    return AssociationRequest(
        called_ae=_title(body[4:20]),
        calling_ae=_title(body[20:36]),
        proposals=tuple(proposals.values()),
        max_pdu_bytes=max_pdu_bytes,
        roles=roles,
    )


def parse_accept(body: memoryview) -> AssociationAnswer:
    """Return what an A-ASSOCIATE-AC says; raises `NetworkError` where it is not well formed."""
    _check_fixed(body)
    answers: list[Answer] = []
    max_pdu_bytes = 0
    for kind, value in _items(body[_FIXED_BYTES:]):
        if kind == 0x21:
            if len(value) < 4:
                raise _malformed("a whole Presentation Context")
            syntaxes = [_uid(syntax) for inner, syntax in _items(value[4:]) if inner == 0x40] if not value[2] else []
            answers.append(
                Answer(context_id=value[0], result=value[2], transfer_syntax=syntaxes[0] if syntaxes else "")
            )
        elif kind == 0x50:
            max_pdu_bytes, _ = _parse_user_information(value)
    return AssociationAnswer(answers=answers, max_pdu_bytes=max_pdu_bytes)


def _parse_proposal(value: memoryview) -> Proposal:
    if len(value) < 4 or not value[0] % 2:
        raise _malformed("a Presentation Context with an odd ID")
    abstract = ""
    syntaxes: list[str] = []
    for kind, inner in _items(value[4:]):
        if kind == 0x30:
            abstract = _uid(inner)
        elif kind == 0x40:
            syntaxes.append(_uid(inner))
    if not abstract or not syntaxes:
        raise _malformed("a Presentation Context with an Abstract and a Transfer Syntax")
    return Proposal(context_id=value[0], abstract_syntax=abstract, transfer_syntaxes=tuple(syntaxes))


def _parse_user_information(value: memoryview) -> tuple[int, dict[str, tuple[int, int]]]:
    """Return longest P-DATA and roles (PS3.7 Annex D.3.3); everything else is not needed."""
    longest = 0
    roles: dict[str, tuple[int, int]] = {}
    for kind, inner in _items(value):
        if kind == 0x51 and len(inner) == 4:
            longest = int.from_bytes(inner, "big")
        elif kind == 0x54 and len(inner) >= 4:
            length = int.from_bytes(inner[:2], "big")
            if len(inner) != length + 4:
                raise _malformed("a role selection with its SOP Class")
            roles[_uid(inner[2 : 2 + length])] = (inner[-2], inner[-1])
    if 0 < longest < 64:
        raise _malformed("room for a message in a P-DATA")
    return longest, roles


def _items(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield type and value of items (PS3.8 Section 9.3.2)."""
    at = 0
    while at < len(data):
        if at + _ITEM.size > len(data):
            raise _malformed("a whole item")
        kind, length = _ITEM.unpack_from(data, at)
        at += _ITEM.size + length
        if at > len(data):
            raise _malformed("an item within its PDU")
        yield kind, data[at - length : at]


def _item(kind: int, value: bytes) -> bytes:
    return _ITEM.pack(kind, len(value)) + value


def _user_information(roles: Mapping[str, tuple[int, int]]) -> bytes:
    parts = [_item(0x51, MAX_PDU_BYTES.to_bytes(4, "big")), _item(0x52, IMPLEMENTATION_CLASS_UID.encode("ascii"))]
    for uid, (scu, scp) in roles.items():
        name = uid.encode("ascii")
        parts.append(_item(0x54, len(name).to_bytes(2, "big") + name + bytes((scu, scp))))
    parts.append(_item(0x55, f"SCANWARD_{__version__}".encode("ascii")[:16]))
    return _item(0x50, b"".join(parts))


def _fixed(called: bytes, calling: bytes) -> bytes:
    return b"\0\1\0\0" + called + calling + bytes(32)


def _ae(title: str) -> bytes:
    data = title.encode("ascii", errors="replace").ljust(16)
    if len(data) != 16 or not data.strip():
        raise NetworkError("expected an AE Title of 1 to 16 characters")
    return data


def _check_fixed(body: memoryview) -> None:
    if len(body) < _FIXED_BYTES:
        raise _malformed("a whole A-ASSOCIATE")
    if not body[1] & 1:
        raise _malformed("version 1 of the protocol")


def _title(value: memoryview) -> str:
    return bytes(value).decode("latin-1").strip(" \0")


def _uid(value: memoryview) -> str:
    """Return a UID; characters and length only are checked, as some peers write leading zeros."""
    text = bytes(value).rstrip(b"\0 ")
    if not 0 < len(text) <= 64 or text.strip(b"0123456789."):
        raise _malformed("a UID")
    return text.decode("ascii")
