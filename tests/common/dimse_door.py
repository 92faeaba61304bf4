"""The DICOM door in tests, and a caller that says exactly what it is told to."""

import socket
from pathlib import Path
from typing import Self

from scanward.adapters import dimse_messages as dimse
from scanward.adapters import upper_layer
from scanward.adapters.receive.dimse import DimseServer
from scanward.adapters.upper_layer import AssociationRequest, Proposal
from scanward.config import DimseSettings, PeerSettings
from tests.common.intake import MemoryBook, MemoryIntake

VERIFICATION = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
KNOWN = PeerSettings(name="a modality", ae_title="KNOWN")
PDU_BYTES = 16 * 1024


class Door:
    """A running door with what it took; on leaving it is stopped, and its spool has to be empty."""

    def __init__(
        self,
        folder: Path,
        *peers: PeerSettings,
        port: int = 0,
        intake: MemoryIntake | None = None,
        book: MemoryBook | None = None,
        **settings: object,
    ) -> None:
        self.intake = intake or MemoryIntake()
        self.book = book or MemoryBook()
        self.spool = folder / "spool"
        self.server = DimseServer(
            DimseSettings(port=port, peers=peers or (KNOWN,), **settings), self.intake, self.spool, self.book
        )

    def __enter__(self) -> Self:
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()
        assert list(self.spool.iterdir()) == []
        assert self.open_files() == [], "a file without a name is still open"

    def open_files(self) -> list[str]:
        """Files of the spool that this process holds open, with a name or without."""
        links = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        return [link for link in links if link.startswith(str(self.spool))]

    @property
    def port(self) -> int:
        return self.server.port

    def is_alive(self) -> bool:
        """Whether it still answers C-ECHO."""
        with Caller(self.port) as caller:
            return caller.associate() and caller.echo() == 0


def request_pdu(
    *, calling: str = "KNOWN", called: str = "SCANWARD", contexts: tuple[tuple[str, str], ...] = ()
) -> bytes:
    """Return an association request for `contexts`, or else for Verification (1) and CT (3)."""
    asked = contexts or ((VERIFICATION, IMPLICIT), (CT, EXPLICIT))
    proposals = [
        Proposal(context_id=2 * number + 1, abstract_syntax=abstract, transfer_syntaxes=(syntax,))
        for number, (abstract, syntax) in enumerate(asked)
    ]
    return upper_layer.associate_request(AssociationRequest(called_ae=called, calling_ae=calling, proposals=proposals))


def fragment(context_id: int, control: int, data: bytes) -> bytes:
    """Return a P-DATA with one fragment."""
    return upper_layer.data_pdu_header(context_id, control, len(data)) + data


def store_command(instance: str = "1.2.3", sop_class: str = CT, **more: int) -> bytes:
    """Return the command set of a C-STORE."""
    values: dict[int, int | str] = {
        dimse.AFFECTED_SOP_CLASS_UID: sop_class,
        dimse.COMMAND_FIELD: dimse.C_STORE_RQ,
        dimse.MESSAGE_ID: 7,
        dimse.PRIORITY: 0,
        dimse.DATA_SET_TYPE: dimse.WITH_DATA,
        dimse.AFFECTED_SOP_INSTANCE_UID: instance,
    }
    return dimse.encode_command({key: value for key, value in values.items() if value != ""})


def store_pdus(data_set: bytes, instance: str = "1.2.3", context_id: int = 3) -> list[bytes]:
    """Return the PDUs of a C-STORE."""
    parts = [data_set[at : at + PDU_BYTES] for at in range(0, len(data_set), PDU_BYTES)] or [b""]
    data = [fragment(context_id, 0, part) for part in parts[:-1]]
    return [fragment(context_id, 3, store_command(instance)), *data, fragment(context_id, 2, parts[-1])]


class Caller:
    """A connection on which a test says what it wants."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, *parts: bytes) -> None:
        self.sock.sendall(b"".join(parts))

    def read(self) -> tuple[int, bytes]:
        """Return type and body of the next PDU; type 0 when the door closed the connection."""
        try:
            head = self._read(6)
            return (head[0], self._read(int.from_bytes(head[2:], "big"))) if head else (0, b"")
        except ConnectionResetError:
            return 0, b""

    def _read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            more = self.sock.recv(length - len(data))
            if not more:
                return b""
            data += more
        return data

    def associate(self, **request: object) -> bool:
        """Ask for an association; whether it was accepted."""
        self.send(request_pdu(**request))
        return self.read()[0] == upper_layer.A_ASSOCIATE_AC

    def echo(self) -> int:
        """Ask for C-ECHO and return the status."""
        values = {
            dimse.AFFECTED_SOP_CLASS_UID: VERIFICATION,
            dimse.COMMAND_FIELD: dimse.C_ECHO_RQ,
            dimse.MESSAGE_ID: 1,
            dimse.DATA_SET_TYPE: dimse.NO_DATA,
        }
        self.send(fragment(1, 3, dimse.encode_command(values)))
        return self.status()

    def status(self) -> int:
        """Return the status of the next response."""
        kind, body = self.read()
        assert kind == upper_layer.P_DATA_TF, f"expected a response, got PDU {kind}"
        ((_, _, part),) = upper_layer.fragments(memoryview(body))
        return dimse.parse_command(bytes(part)).number(dimse.STATUS)

    def is_ended(self) -> bool:
        """Whether the door ends the association, and not another way than by an abort or by closing."""
        kinds = []
        while True:
            kind, _ = self.read()
            if not kind:
                return set(kinds) <= {upper_layer.A_ABORT}
            kinds.append(kind)
