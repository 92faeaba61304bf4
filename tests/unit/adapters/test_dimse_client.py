"""What is said of a file depends on what left and what came back; simulated peers break off at each step."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from scanward.adapters import dimse_client, upper_layer
from scanward.adapters import dimse_messages as dimse
from scanward.adapters.dimse_client import RemoteAe, deliver, delivery_of
from scanward.adapters.upper_layer import Answer, Link
from scanward.errors import ConfigError, NetworkError
from scanward.model.agreement import TlsFiles
from scanward.model.release import Delivery
from tests.common.outgoing import FileOutgoing, make_outgoing, make_several
from tests.common.ports import free_port

CONFIRMED, REFUSED, NOT_SENT, UNKNOWN = Delivery.CONFIRMED, Delivery.REFUSED, Delivery.NOT_SENT, Delivery.UNKNOWN


class EndedError(Exception):
    """The simulated peer ends the association."""


class Peer:
    """A simulated Storage SCP: `answer` gets the number of each C-STORE, from 1, and returns the status.

    None is no answer, and raising `EndedError` an abort; `on_data` gets the number too, in the middle of the data set.
    """

    def __init__(
        self,
        answer: Callable[[int], int | None] = lambda _: 0,
        *,
        on_data: Callable[[int], None] = lambda _: None,
        result: int = upper_layer.ACCEPTED,
        max_pdu_bytes: int = 16384,
    ) -> None:
        self.answer = answer
        self.on_data = on_data
        self.result = result
        self.max_pdu_bytes = max_pdu_bytes
        self.leaves_after = 0
        self.ended = threading.Event()
        self.instances: list[bytes] = []
        self.contexts: list[int] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._run)

    def remote(self, **more: object) -> RemoteAe:
        return RemoteAe(**{"host": "127.0.0.1", "port": self.port, "ae_title": "PEER", "calling_ae": "US", **more})

    def _run(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            link = Link(sock, idle_seconds=20)
            try:
                self._serve(link)
            except (NetworkError, EndedError):
                link.abort()
            finally:
                link.close()
                self.ended.set()

    def _serve(self, link: Link) -> None:
        _, body = link.read()
        request = upper_layer.parse_request(body)
        self.contexts.append(len(request.proposals))
        answers = [
            Answer(context_id=each.context_id, result=self.result, transfer_syntax=each.transfer_syntaxes[0])
            for each in request.proposals
        ]
        accept = bytearray(upper_layer.associate_accept(body, answers, {}))
        at = accept.index(b"\x51\x00\x00\x04")
        accept[at + 4 : at + 8] = self.max_pdu_bytes.to_bytes(4, "big")
        link.send([bytes(accept)])
        messages = dimse.Messages(link, peer_max_pdu_bytes=0, grace_seconds=20)
        while True:
            number = len(self.instances) + 1
            message = messages.receive(lambda _context, _command, number=number: Sink(self, number))
            if message is None:
                link.send([upper_layer.RELEASE_RESPONSE])
                return
            self.instances.append(bytes(message.sink.data))
            status = self.answer(number)
            if status is None:
                link.read()
                raise EndedError
            response = {
                dimse.COMMAND_FIELD: dimse.C_STORE_RQ | dimse.RESPONSE,
                dimse.MESSAGE_ID_RESPONDED_TO: message.command.number(dimse.MESSAGE_ID),
                dimse.DATA_SET_TYPE: dimse.NO_DATA,
                dimse.STATUS: status,
            }
            messages.send(message.context_id, dimse.encode_command(response))
            if number == self.leaves_after:
                raise EndedError


class Sink(dimse.Buffered):
    def __init__(self, peer: Peer, number: int) -> None:
        super().__init__(1 << 30)
        self._peer, self._number = peer, number

    def write(self, data: memoryview) -> None:
        super().write(data)
        self._peer.on_data(self._number)


@contextmanager
def running(peer: Peer) -> Iterator[Peer]:
    peer.thread.start()
    try:
        yield peer
    finally:
        peer.listener.shutdown(socket.SHUT_RDWR)
        peer.thread.join(20)
        peer.listener.close()


def end(*numbers: int) -> Callable[[int], int]:
    """Return an answer that ends the association at these instances, the first time each."""
    left = set(numbers)

    def answer(number: int) -> int:
        if number in left:
            left.remove(number)
            raise EndedError
        return 0

    return answer


def deliveries(remote: RemoteAe, files: list[FileOutgoing]) -> list[Delivery]:
    reports = list(deliver(remote, files))
    assert [report.sop_instance_uid for report in reports] == [file.sop_instance_uid for file in files]
    return [report.delivery for report in reports]


@pytest.mark.parametrize(
    ("status", "delivery"),
    [
        (0x0000, CONFIRMED),
        (0x0001, CONFIRMED),
        (0x0107, CONFIRMED),
        (0x0111, CONFIRMED),
        (0x0116, CONFIRMED),
        (0xB000, CONFIRMED),
        (0xB007, CONFIRMED),
        (0xA700, NOT_SENT),
        (0xA7FF, NOT_SENT),
        (0x0110, NOT_SENT),
        (0xFE00, NOT_SENT),
        (0xA900, REFUSED),
        (0xC000, REFUSED),
        (0xCFFF, REFUSED),
        (0x0117, REFUSED),
        (0x0122, REFUSED),
        (0x0124, REFUSED),
        (None, UNKNOWN),
    ],
)
def test_each_status_says_what_became_of_the_file(status, delivery):
    assert delivery_of(status)[0] is delivery


@pytest.mark.parametrize("max_pdu_bytes", [0, 256, 4096, 1 << 20])
def test_the_data_set_arrives_as_it_is(max_pdu_bytes):
    files = make_several(3)
    with running(Peer(max_pdu_bytes=max_pdu_bytes)) as peer:
        assert deliveries(peer.remote(), files) == [CONFIRMED] * 3
    assert len(peer.contexts) == 1
    for file, instance in zip(files, peer.instances, strict=True):
        assert file.content.endswith(instance)
        assert instance.startswith(b"\x08\x00\x16\x00UI")


def test_statuses_are_told_for_each_file():
    statuses = {1: 0, 2: 0xA700, 3: 0xC000, 4: 0xB000}
    with running(Peer(statuses.__getitem__)) as peer:
        assert deliveries(peer.remote(), make_several(4)) == [CONFIRMED, NOT_SENT, REFUSED, CONFIRMED]


def test_an_abort_after_a_file_left_is_unknown_and_the_rest_goes_on():
    with running(Peer(end(2))) as peer:
        assert deliveries(peer.remote(), make_several(4)) == [CONFIRMED, UNKNOWN, CONFIRMED, CONFIRMED]
    assert len(peer.contexts) == 2


def test_an_abort_in_the_middle_of_a_file_is_unknown():
    def on_data(number: int) -> None:
        if number == 1 and not broken:
            broken.append(number)
            raise EndedError

    broken: list[int] = []
    large = make_outgoing(1, rows=2048)
    with running(Peer(on_data=on_data)) as peer:
        assert deliveries(peer.remote(), [large, make_outgoing(2)]) == [UNKNOWN, CONFIRMED]


def test_a_file_of_which_nothing_left_goes_on_another_association():
    peer = Peer()
    peer.leaves_after = 1
    with running(peer):
        reports = deliver(peer.remote(), make_several(3))
        assert next(reports).delivery is CONFIRMED
        assert peer.ended.wait(20)
        assert [report.delivery for report in reports] == [CONFIRMED, CONFIRMED]
    assert peer.contexts == [1, 1]


def test_no_answer_is_unknown(monkeypatch):
    monkeypatch.setattr(dimse_client, "RESPONSE_SECONDS", 0.1)
    with running(Peer(lambda number: None)) as peer:
        assert deliveries(peer.remote(), [make_outgoing(1)]) == [UNKNOWN]


def test_a_peer_that_breaks_every_association_is_left_in_peace():
    def answer(_number: int) -> int:
        raise EndedError

    with running(Peer(answer)) as peer:
        assert deliveries(peer.remote(), make_several(6)) == [UNKNOWN] * 3 + [NOT_SENT] * 3


def test_what_is_not_taken_in_its_syntax_is_refused_and_never_leaves():
    file = make_outgoing(1)
    with running(Peer(result=upper_layer.TRANSFER_SYNTAXES_NOT_SUPPORTED)) as peer:
        assert deliveries(peer.remote(), [file]) == [REFUSED]
    assert file.reads == 0


def test_more_contexts_than_an_association_has():
    files = [make_outgoing(number) for number in range(130)]
    for number, file in enumerate(files):
        file.sop_class_uid = f"1.2.3.{number}"
    with running(Peer()) as peer:
        assert deliveries(peer.remote(), files) == [CONFIRMED] * 130
    assert peer.contexts == [128, 2]


def test_a_file_that_cannot_be_read():
    first, second, third = make_outgoing(1), make_outgoing(2, rows=512), make_outgoing(3, rows=512)
    first.breaks_after, second.breaks_after, third.breaks_after = 0, 100_000, 300_000
    with running(Peer()) as peer:
        files = [first, second, third, make_outgoing(4)]
        # Of the second nothing had left yet, of the third a part.
        assert deliveries(peer.remote(), files) == [NOT_SENT, NOT_SENT, UNKNOWN, CONFIRMED]
    assert len(peer.instances) == 1


@pytest.mark.parametrize("content", [b"", bytes(10), bytes(400), make_outgoing(1).content[132:]])
def test_what_is_no_file_of_dicom_does_not_leave(content):
    file = make_outgoing(1)
    file.content = content
    with running(Peer()) as peer:
        assert deliveries(peer.remote(), [file]) == [NOT_SENT]
    assert not peer.instances


def test_nobody_there():
    remote = RemoteAe(host="127.0.0.1", port=free_port(), ae_title="PEER", calling_ae="US")
    assert deliveries(remote, make_several(2)) == [NOT_SENT] * 2


@pytest.mark.parametrize(
    "reply", [upper_layer.associate_reject(1, 1, 3), b"\x05\0\0\0\0\4" + bytes(4), b"garbage", b""]
)
def test_no_association(reply):
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        sock, _ = listener.accept()
        with sock:
            sock.recv(100_000)
            sock.sendall(reply)

    thread = threading.Thread(target=serve)
    thread.start()
    remote = RemoteAe(host="127.0.0.1", port=listener.getsockname()[1], ae_title="PEER", calling_ae="US")
    try:
        assert deliveries(remote, make_several(2)) == [NOT_SENT] * 2
    finally:
        thread.join()
        listener.close()


@pytest.mark.parametrize("title", ["", "   ", "A" * 17])
def test_an_ae_title_that_is_none(title):
    with running(Peer()) as peer:
        assert deliveries(peer.remote(ae_title=title), make_several(2)) == [NOT_SENT] * 2


def test_files_for_tls_that_are_none(tmp_path):
    with pytest.raises(ConfigError):
        dimse_client.client_context(TlsFiles(authority=str(tmp_path / "missing.pem")))
