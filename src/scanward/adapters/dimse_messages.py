"""DIMSE messages on an association (PS3.7 Sections 6.3 and 9): command sets, and data sets in fragments as they come.

Trust: none; see :mod:`scanward.adapters.upper_layer`.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from struct import Struct
from typing import Final, Protocol

from scanward.adapters import upper_layer
from scanward.adapters.upper_layer import Link
from scanward.errors import NetworkError

# Elements of group 0000 (PS3.7 Annex E).
AFFECTED_SOP_CLASS_UID: Final = 0x0002
REQUESTED_SOP_CLASS_UID: Final = 0x0003
COMMAND_FIELD: Final = 0x0100
MESSAGE_ID: Final = 0x0110
MESSAGE_ID_RESPONDED_TO: Final = 0x0120
MOVE_DESTINATION: Final = 0x0600
PRIORITY: Final = 0x0700
DATA_SET_TYPE: Final = 0x0800
STATUS: Final = 0x0900
ERROR_COMMENT: Final = 0x0902
AFFECTED_SOP_INSTANCE_UID: Final = 0x1000
REQUESTED_SOP_INSTANCE_UID: Final = 0x1001
EVENT_TYPE_ID: Final = 0x1002
ACTION_TYPE_ID: Final = 0x1008
COMPLETED_SUBOPERATIONS: Final = 0x1021
FAILED_SUBOPERATIONS: Final = 0x1022
WARNING_SUBOPERATIONS: Final = 0x1023
MOVE_ORIGINATOR: Final = 0x1030

C_STORE_RQ: Final = 0x0001
C_FIND_RQ: Final = 0x0020
C_MOVE_RQ: Final = 0x0021
C_ECHO_RQ: Final = 0x0030
N_EVENT_REPORT_RQ: Final = 0x0100
N_SET_RQ: Final = 0x0120
N_ACTION_RQ: Final = 0x0130
N_CREATE_RQ: Final = 0x0140
C_CANCEL_RQ: Final = 0x0FFF
RESPONSE: Final = 0x8000

WITH_DATA: Final = 0x0001
NO_DATA: Final = 0x0101

MAX_COMMAND_BYTES: Final = 64 * 1024
"""A longer command set is refused; the longest that makes sense has some 500 bytes."""

SEND_BYTES: Final = 128 * 1024
"""Some peers take short P-DATA only: so much of a message goes to the system at once, as one long P-DATA would."""

MIN_BYTES_PER_SECOND: Final = 1024
"""A message that comes more slowly than this, once it has taken the idle time, holds its slot for nothing."""

_SEND_PARTS: Final = 256  # the system takes 1024 at least (IOV_MAX)
_TEXTS: Final = {MOVE_DESTINATION, ERROR_COMMENT, MOVE_ORIGINATOR}
_ELEMENT: Final = Struct("<HHI")


class Command:
    """A command set; values are checked when they are asked for."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[int, bytes]) -> None:
        self._values = values

    def find_number(self, element: int) -> int | None:
        """Return a US, or None where it is missing or not one."""
        value = self._values.get(element, b"")
        return int.from_bytes(value, "little") if len(value) == 2 else None

    def number(self, element: int) -> int:
        """Return a US; raises `NetworkError` where it is missing."""
        number = self.find_number(element)
        if number is None:
            raise NetworkError("expected a command set with what it needs, got one without")
        return number

    def uid(self, element: int) -> str:
        """Return a UID, empty where it is missing or cannot be one."""
        value = self._values.get(element, b"").rstrip(b"\0 ")
        return "" if len(value) > 64 or value.strip(b"0123456789.") else value.decode("ascii")

    def text(self, element: int) -> str:
        """Return text without padding, empty where it is missing or not ASCII."""
        value = self._values.get(element, b"").strip(b"\0 ")
        return value.decode("ascii") if value.isascii() else ""

    @property
    def has_data(self) -> bool:
        """Whether a data set follows."""
        return self.number(DATA_SET_TYPE) != NO_DATA


def encode_command(values: Mapping[int, int | str]) -> bytes:
    """Return a command set, Implicit VR Little Endian, with its group length (PS3.7 Section 6.3.1)."""
    parts: list[bytes] = []
    for element in sorted(values):
        value = values[element]
        if isinstance(value, int):
            data = value.to_bytes(2, "little")
        else:
            data = value.encode("ascii", errors="replace")
            data += (b" " if element in _TEXTS else b"\0") * (len(data) % 2)
        parts.append(_ELEMENT.pack(0, element, len(data)) + data)
    body = b"".join(parts)
    return _ELEMENT.pack(0, 0, 4) + len(body).to_bytes(4, "little") + body


def parse_command(data: bytes) -> Command:
    """Return the command set in `data`; raises `NetworkError` where it is not well formed."""
    values: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        if at + _ELEMENT.size > len(data):
            raise NetworkError("expected a whole command element, got a part")
        group, element, length = _ELEMENT.unpack_from(data, at)
        at += _ELEMENT.size + length
        if group or at > len(data):
            raise NetworkError("expected command elements within their command set, got others")
        values[element] = data[at - length : at]
    return Command(values)


class Sink(Protocol):
    """What takes a data set as it comes."""

    def write(self, data: memoryview) -> None:
        """Take some more; what it raises ends the association."""
        ...


class Buffered:
    """A data set in memory, of at most `limit` bytes (implements `Sink`)."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.data = bytearray()

    def write(self, data: memoryview) -> None:
        """Take some more; raises `NetworkError` above the limit."""
        if len(self.data) + len(data) > self._limit:
            raise NetworkError("expected a data set of a size that its service needs, got a larger one")
        self.data += data


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message; its data set went into `sink`, which is None where there is none."""

    context_id: int
    command: Command
    sink: Sink | None


class Messages:
    """Messages on an established association, one after another.

    Parameters
    ----------
    link
        The connection.
    peer_max_pdu_bytes
        Longest P-DATA that the peer takes; 0: any.
    grace_seconds
        So long a message may take however slowly it comes; from then on, `MIN_BYTES_PER_SECOND`.
    """

    def __init__(self, link: Link, *, peer_max_pdu_bytes: int, grace_seconds: float) -> None:
        self.link = link
        self._fragment_bytes = upper_layer.fragment_bytes(peer_max_pdu_bytes)
        self._grace_seconds = grace_seconds

    def receive(self, sink_of: Callable[[int, Command], Sink]) -> Message | None:
        """Return the next message, or None when the peer asks to release the association.

        Raises
        ------
        NetworkError
            The connection ended or was aborted, or what came is no message; what `sink_of` and its sink raise, too.
        """
        kind, body = self.link.read()
        if kind == upper_layer.A_RELEASE_RQ:
            return None
        incoming = _Incoming(sink_of, self._grace_seconds)
        while True:
            if kind == upper_layer.A_ABORT:
                raise NetworkError("the peer aborted the association")
            if kind != upper_layer.P_DATA_TF:
                raise NetworkError("expected a part of a message, got another PDU")
            message = incoming.add(body)
            if message is not None:
                return message
            kind, body = self.link.read()

    def send(self, context_id: int, command: bytes, data: Iterator[bytes] | None = None) -> None:
        """Send a message; raises `NetworkError` and what `data` raises: the message is incomplete then, so abort."""
        group: list[bytes | memoryview] = []
        left_bytes = SEND_BYTES
        for control, part in _fragments(command, data, self._fragment_bytes):
            group += (upper_layer.data_pdu_header(context_id, control, len(part)), part)
            left_bytes -= len(part)
            if left_bytes <= 0 or len(group) >= _SEND_PARTS:
                self.link.send(group)
                group, left_bytes = [], SEND_BYTES
        if group:
            self.link.send(group)


class _Incoming:
    """A message of which some fragments have come."""

    def __init__(self, sink_of: Callable[[int, Command], Sink], grace_seconds: float) -> None:
        self._sink_of = sink_of
        self._started = time.monotonic()
        self._grace_seconds = grace_seconds
        self._bytes = 0
        self._context_id = 0
        self._encoded = bytearray()
        self._command: Command | None = None
        self._sink: Sink | None = None

    def add(self, body: memoryview) -> Message | None:
        """Take a P-DATA; return the message when it is whole."""
        whole: Message | None = None
        for context_id, control, part in upper_layer.fragments(body):
            if whole is not None or (self._context_id and context_id != self._context_id):
                raise NetworkError("expected the parts of one message at a time, got those of another")
            self._context_id = context_id
            self._bytes += len(part)
            if self._add_fragment(control, part) and self._command is not None:
                whole = Message(context_id, self._command, self._sink)
        if whole is None:
            self._check_speed()
        return whole

    def _add_fragment(self, control: int, part: memoryview) -> bool:
        """Take one fragment; return whether the message is whole with it (PS3.8 Annex E.2)."""
        if control & 1:
            if self._command is not None or len(self._encoded) + len(part) > MAX_COMMAND_BYTES:
                raise NetworkError("expected one command set of a sensible length, got more")
            self._encoded += part
            if not control & 2:
                return False
            self._command = parse_command(bytes(self._encoded))
            if not self._command.has_data:
                return True
            self._sink = self._sink_of(self._context_id, self._command)
            return False
        if self._sink is None:
            raise NetworkError("expected a command set before its data set, got the data set")
        if part:
            self._sink.write(part)
        return bool(control & 2)

    def _check_speed(self) -> None:
        seconds = time.monotonic() - self._started
        if seconds > self._grace_seconds and self._bytes < seconds * MIN_BYTES_PER_SECOND:
            raise NetworkError("the peer sends too slowly")


def _fragments(command: bytes, data: Iterator[bytes] | None, size: int) -> Iterator[tuple[int, bytes | memoryview]]:
    """Yield message control header and content of each fragment (PS3.8 Annex E.2)."""
    for at in range(0, len(command), size):
        yield (3 if at + size >= len(command) else 1), command[at : at + size]
    if data is None:
        return
    pending: memoryview | None = None
    for fragment in _sized(data, size):
        if pending is not None:
            yield 0, pending
        pending = fragment
    yield 2, (b"" if pending is None else pending)


def _sized(data: Iterator[bytes], size: int) -> Iterator[memoryview]:
    """Yield what `data` yields in parts of `size` bytes; copies only those that lie in two."""
    rest = b""
    for chunk in data:
        view = memoryview(chunk)
        if rest:
            need = size - len(rest)
            rest += view[:need]
            if len(rest) < size:
                continue
            yield memoryview(rest)
            view = view[need:]
        whole = len(view) - len(view) % size
        for at in range(0, whole, size):
            yield view[at : at + size]
        rest = bytes(view[whole:])
    if rest:
        yield memoryview(rest)
