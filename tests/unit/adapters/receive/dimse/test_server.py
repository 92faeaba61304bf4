"""Who is heard, what is bounded, and what is left of a caller that does not behave: nothing."""

import logging
import select
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pynetdicom import AllStoragePresentationContexts

from scanward.adapters import dimse_messages as dimse
from scanward.adapters import upper_layer
from scanward.adapters.dimse_client import open_association
from scanward.adapters.receive.dimse import DimseServer, contexts, server, spool
from scanward.config import DimseSettings, PeerSettings
from scanward.errors import ConfigError, NetworkError, StoreError, StoreFullError
from scanward.model.agreement import TlsFiles
from tests.common.certificates import Authority
from tests.common.dimse_door import CT, EXPLICIT, Caller, Door, fragment, request_pdu, store_command, store_pdus
from tests.common.intake import MemoryBook, MemoryIntake
from tests.common.outgoing import data_set_of, make_outgoing
from tests.common.ports import wait_until

IMAGE = make_outgoing(1)
DATA_SET = data_set_of(IMAGE.content)
LARGE = data_set_of(make_outgoing(2, rows=1024).content)
SECRET = "DOE^JANE"


@pytest.fixture
def door(tmp_path):
    with Door(tmp_path) as door:
        yield door


def rejection(caller: Caller, **request: object) -> tuple[int, ...]:
    caller.send(request_pdu(**request))
    kind, body = caller.read()
    assert kind == upper_layer.A_ASSOCIATE_RJ
    return tuple(body[1:])


def test_an_instance_is_taken_as_it_came(door):
    with Caller(door.port) as caller:
        assert caller.associate()
        caller.send(*store_pdus(DATA_SET, IMAGE.sop_instance_uid))
        assert caller.status() == 0
        assert caller.echo() == 0
        caller.send(upper_layer.RELEASE_REQUEST)
        assert caller.read()[0] == upper_layer.A_RELEASE_RP
    ((content, origin),) = door.intake.taken
    assert data_set_of(content) == DATA_SET
    assert origin.peer == "a modality"


def test_a_large_instance_passes_through_a_file_without_a_name(door, monkeypatch):
    seen = []
    monkeypatch.setattr(door.intake, "before", lambda: seen.append(list(door.spool.iterdir())))
    assert len(LARGE) > spool.MEMORY_BYTES
    with Caller(door.port) as caller:
        assert caller.associate()
        caller.send(*store_pdus(LARGE))
        assert caller.status() == 0
    assert data_set_of(door.intake.taken[0][0]) == LARGE
    assert seen == [[]]
    assert door.spool.stat().st_mode & 0o777 == 0o700


def test_an_empty_last_fragment_ends_an_instance(door):
    pdus = store_pdus(DATA_SET)
    command, *data, last = pdus
    with Caller(door.port) as caller:
        assert caller.associate()
        caller.send(command, *data, fragment(3, 0, last[12:]), fragment(3, 2, b""))
        assert caller.status() == 0
    assert data_set_of(door.intake.taken[0][0]) == DATA_SET


@pytest.mark.parametrize(
    ("error", "status"),
    [(StoreFullError("full"), 0xA700), (StoreError("no answer"), 0x0110), (RuntimeError(SECRET), 0x0110)],
)
def test_success_is_only_said_of_what_is_durable(door, caplog, error, status):
    def fail() -> None:
        raise error

    door.intake.before = fail
    with Caller(door.port) as caller, caplog.at_level(logging.DEBUG):
        assert caller.associate()
        caller.send(*store_pdus(DATA_SET))
        assert caller.status() == status
        door.intake.before = lambda: None
        caller.send(*store_pdus(DATA_SET))
        assert caller.status() == 0
    assert SECRET not in caplog.text


def test_what_is_quarantined_is_told(door):
    with Caller(door.port) as caller:
        assert caller.associate()
        caller.send(*store_pdus(DATA_SET[:20]))
        assert caller.status() == 0xC000
    assert not door.intake.taken
    assert len(door.intake.quarantined) == 1


def test_a_full_spool_is_told_and_the_association_goes_on(door, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with Caller(door.port) as caller:
        assert caller.associate()
        with monkeypatch.context() as patch:
            patch.setattr(spool, "_write_all", fail)
            caller.send(*store_pdus(LARGE))
            assert caller.status() == 0xA700
        caller.send(*store_pdus(LARGE))
        assert caller.status() == 0
    assert len(door.intake.taken) == 1


@pytest.mark.parametrize("command", [store_command(instance=""), store_command(sop_class=""), store_command("1.2.x")])
def test_an_instance_without_its_uids_is_refused_and_the_association_goes_on(door, command):
    with Caller(door.port) as caller:
        assert caller.associate()
        caller.send(fragment(3, 3, command), fragment(3, 2, DATA_SET))
        assert caller.status() == 0x0117
        assert caller.echo() == 0
    assert not door.intake.taken


@pytest.mark.parametrize(
    ("peer", "request_", "answer"),
    [
        (PeerSettings(name="x", ae_title="KNOWN"), {"calling": "OTHER"}, (1, 1, 3)),
        (PeerSettings(name="x", ae_title="KNOWN"), {"calling": "known"}, (1, 1, 3)),
        (PeerSettings(name="x", ae_title="KNOWN"), {"called": "OTHER"}, (1, 1, 7)),
        (PeerSettings(name="x", ae_title="KNOWN", hosts=("192.0.2.7",)), {}, (1, 1, 3)),
        (PeerSettings(name="x", ae_title="KNOWN", hosts=("192.0.2.0/24", "2001:db8::1")), {}, (1, 1, 3)),
    ],
)
def test_who_is_not_known_is_turned_away(tmp_path, caplog, peer, request_, answer):
    with Door(tmp_path, peer) as door, Caller(door.port) as caller, caplog.at_level(logging.DEBUG):
        assert rejection(caller, **request_) == answer
        assert caller.is_ended()
    assert "associations refused" in caplog.text
    assert "OTHER" not in caplog.text


def test_peers_of_one_title_are_told_apart_by_where_they_call_from(tmp_path):
    here = PeerSettings(name="here", ae_title="KNOWN", hosts=("127.0.0.1",), recipient="university")
    there = PeerSettings(name="there", ae_title="KNOWN", hosts=("192.0.2.1",))
    with Door(tmp_path, there, here) as door, Caller(door.port) as caller:
        assert caller.associate()
        caller.send(*store_pdus(DATA_SET))
        assert caller.status() == 0
        origin = door.intake.taken[0][1]
    assert (origin.peer, origin.recipient) == ("here", "university")


def test_every_storage_of_the_standard_is_taken_and_nothing_else():
    assert all(contexts.is_storage(context.abstract_syntax) for context in AllStoragePresentationContexts)
    assert contexts.is_storage("1.2.826.0.1.3680043.2.1125.1")  # a private one
    for uid in (
        "1.2.840.10008.1.1",
        "1.2.840.10008.1.20.1",
        "1.2.840.10008.1.3.10",
        "1.2.840.10008.4.2",
        "1.2.840.10008.5.1.4.1.2.2.1",
        "1.2.840.10008.5.1.4.31",
        EXPLICIT,
    ):
        assert not contexts.is_storage(uid), uid


def test_contexts_that_cannot_be_served_are_refused_one_by_one(door):
    asked = ((CT, "1.2.3.4"), ("1.2.840.10008.5.1.4.1.2.2.1", EXPLICIT), (CT, EXPLICIT))
    with Caller(door.port) as caller:
        caller.send(request_pdu(contexts=asked))
        kind, body = caller.read()
        assert kind == upper_layer.A_ASSOCIATE_AC
        answers = upper_layer.parse_accept(memoryview(body)).answers
        assert [answer.result for answer in answers] == [4, 3, 0]
        caller.send(fragment(1, 3, store_command()), fragment(1, 2, DATA_SET))
        assert caller.is_ended()
    assert not door.intake.taken


def test_no_more_associations_than_allowed(tmp_path):
    with Door(tmp_path, max_associations=2) as door:
        with Caller(door.port) as first, Caller(door.port) as second:
            assert first.associate()
            assert second.associate()
            with Caller(door.port) as third:
                assert rejection(third) == (2, 3, 2)
            assert first.echo() == second.echo() == 0
        wait_until(door.is_alive, "a slot is free again")


def test_connections_that_say_nothing_do_not_keep_others_out(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "SPARE_CONNECTIONS", 1)
    with Door(tmp_path, max_associations=1, idle_seconds=0.3) as door:
        silent = [Caller(door.port) for _ in range(4)]
        try:
            assert sum(caller.read()[0] == 0 for caller in silent[2:]) == 2  # closed at once
            wait_until(door.is_alive, "the silent ones are gone")
        finally:
            for caller in silent:
                caller.sock.close()


def test_an_instance_that_is_too_large_ends_the_association(tmp_path):
    with Door(tmp_path, max_instance_bytes=2_000_000) as door:
        with Caller(door.port) as caller:
            assert caller.associate()
            with pytest.raises(ConnectionError):
                caller.send(fragment(3, 3, store_command()))
                for _ in range(2000):
                    caller.send(fragment(3, 0, bytes(16000)))
        assert door.is_alive()
        assert not door.intake.taken


def test_an_idle_association_is_ended(tmp_path):
    with Door(tmp_path, idle_seconds=0.2) as door:
        with Caller(door.port) as caller:
            assert caller.associate()
            assert caller.is_ended()
        assert door.is_alive()


@pytest.mark.parametrize("start", [b"", b"\1\0\0\0\1\0" + bytes(90)], ids=["nothing", "half a request"])
def test_a_caller_that_never_finishes_its_request_is_dropped(tmp_path, start):
    with Door(tmp_path, idle_seconds=0.2) as door:
        with Caller(door.port) as caller:
            caller.send(start)
            assert caller.is_ended()
        assert door.is_alive()


def drip(caller: Caller, pieces: Iterable[bytes]) -> bool:
    """Send pieces one by one with pauses shorter than the idle time; whether the door ended it before the last."""
    try:
        for piece in pieces:
            caller.send(piece)
            if select.select([caller.sock], [], [], 0.05)[0]:
                return caller.is_ended()
    except ConnectionError:
        return True
    return False


@pytest.mark.parametrize("kind", ["bytes of a PDU", "fragments of an instance", "fragments of a command"])
def test_a_caller_that_drips_does_not_hold_its_slot_for_ever(tmp_path, kind):
    with Door(tmp_path, idle_seconds=0.3) as door:
        with Caller(door.port) as caller:
            assert caller.associate()
            if kind == "bytes of a PDU":
                pieces = [bytes([byte]) for byte in fragment(3, 3, store_command(CT))]
            elif kind == "fragments of an instance":
                pieces = [fragment(3, 3, store_command()), *[fragment(3, 0, b"\0")] * 100]
            else:
                pieces = [fragment(3, 1, b"\0")] * 100
            assert drip(caller, pieces)
        assert door.is_alive()
        assert not door.intake.taken


@pytest.mark.parametrize("after", [1, 2, 3])
def test_an_instance_broken_off_leaves_nothing(door, after):
    with Caller(door.port) as caller:
        assert caller.associate()
        caller.send(*store_pdus(LARGE)[:after], store_pdus(LARGE)[after][:100])
    assert door.is_alive()
    wait_until(lambda: not door.server._open_connections(), "the thread has ended")
    assert not door.intake.taken
    assert not door.intake.quarantined


MALFORMED = {
    "unknown PDU": b"\x09\0\0\0\0\4" + bytes(4),
    "endless PDU": b"\x04\0\xff\xff\xff\xff",
    "P-DATA longer than agreed": b"\x04\0" + (upper_layer.MAX_PDU_BYTES + 1).to_bytes(4, "big"),
    "P-DATA without a fragment": b"\x04\0\0\0\0\0",
    "fragment beyond its P-DATA": b"\x04\0\0\0\0\x06\0\0\0\xff\x01\x03",
    "fragment without a header": b"\x04\0\0\0\0\x05\0\0\0\x01\x01",
    "second request": request_pdu(),
    "data before its command": fragment(3, 2, b"data"),
    "command of another group": fragment(1, 3, b"\x08\0\0\0\x02\0\0\0ab"),
    "command cut off": fragment(1, 3, b"\0\0\0\x01\xff\0\0\0ab"),
    "command without what it needs": fragment(1, 3, dimse.encode_command({dimse.COMMAND_FIELD: 0x30})),
    "command in a context not accepted": fragment(9, 3, store_command()),
    "parts of two messages": fragment(3, 3, store_command()) + fragment(1, 0, b"data"),
    "two commands": fragment(3, 3, store_command()) * 2,
    "endless command": b"".join([fragment(3, 1, bytes(16000))] * 5),
    "release within a message": fragment(3, 3, store_command()) + upper_layer.RELEASE_REQUEST,
    "abort": upper_layer.pdu(upper_layer.A_ABORT, bytes(4)),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_malformed_ends_the_association(door, name):
    with Caller(door.port) as caller:
        assert caller.associate()
        caller.send(MALFORMED[name])
        assert caller.is_ended()
    assert door.is_alive()
    assert not door.intake.taken


def test_an_operation_that_is_not_ours_is_answered_so(door):
    command = {
        dimse.AFFECTED_SOP_CLASS_UID: CT,
        dimse.COMMAND_FIELD: dimse.C_FIND_RQ,
        dimse.MESSAGE_ID: 3,
        dimse.DATA_SET_TYPE: dimse.WITH_DATA,
    }
    with Caller(door.port) as caller:
        assert caller.associate()
        caller.send(fragment(3, 3, dimse.encode_command(command)), fragment(3, 2, b"identifier"))
        assert caller.status() == 0x0211


class Fuzzed:
    """One door for all examples: what one leaves behind, the next would show."""

    def __init__(self, folder: Path) -> None:
        self.door = Door(folder, idle_seconds=0.5)

    def say(self, data: bytes, *, associated: bool) -> None:
        with Caller(self.door.port) as caller:
            if associated:
                assert caller.associate()
            try:
                caller.send(data)
                caller.sock.shutdown(1)
                while caller.read()[0]:
                    pass
            except ConnectionError:
                pass


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    fuzzed = Fuzzed(tmp_path_factory.mktemp("fuzzed"))
    with fuzzed.door:
        yield fuzzed
        assert fuzzed.door.is_alive()


@settings(max_examples=60)
@given(data=st.binary(max_size=300))
def test_random_bytes_do_no_harm(fuzzed, data):
    fuzzed.say(data, associated=False)
    fuzzed.say(data, associated=True)
    assert not fuzzed.door.intake.taken
    assert fuzzed.door.is_alive()


CONVERSATION = request_pdu() + b"".join(store_pdus(DATA_SET)) + upper_layer.RELEASE_REQUEST
HEADERS = len(request_pdu()) + len(store_pdus(DATA_SET)[0]) + 12


@settings(max_examples=100)
@given(
    changes=st.lists(st.tuples(st.integers(0, HEADERS - 1), st.integers(0, 255)), min_size=1, max_size=4),
    cut=st.integers(1, len(CONVERSATION)),
)
def test_mutated_associations_do_no_harm(fuzzed, changes, cut):
    data = bytearray(CONVERSATION)
    for at, byte in changes:
        data[at] = byte
    before = len(fuzzed.door.intake.taken)
    fuzzed.say(bytes(data[:cut]), associated=False)
    whole = cut >= len(CONVERSATION) - len(upper_layer.RELEASE_REQUEST)
    assert len(fuzzed.door.intake.taken) <= before + whole
    assert all(data_set_of(content) == DATA_SET for content, _ in fuzzed.door.intake.taken[before:])
    assert fuzzed.door.is_alive()


def test_nothing_a_peer_says_reaches_the_log(tmp_path, caplog):
    with Door(tmp_path) as door, caplog.at_level(logging.DEBUG):
        for calling in ("KNOWN", SECRET):
            with Caller(door.port) as caller:
                caller.send(request_pdu(calling=calling, called=SECRET if calling == "KNOWN" else "SCANWARD"))
                caller.read()
        with Caller(door.port) as caller:
            assert caller.associate()
            caller.send(*store_pdus(DATA_SET, "1.2.77777"))
            assert caller.status() == 0
            caller.send(fragment(3, 3, store_command("1.2.77777") + SECRET.encode()))
            caller.is_ended()
    for word in (SECRET, "KNOWN", "1.2.77777", IMAGE.sop_instance_uid, "PATIENT1", "127.0.0.1"):
        assert word not in caplog.text


def test_a_flood_does_not_fill_the_log(caplog):
    counter = server.Counter("refused")
    for _ in range(1000):
        counter.count("the caller is not known")
    assert len(caplog.records) < 20


def test_stopping_finishes_what_is_being_taken_in(tmp_path):
    entered, leave = threading.Event(), threading.Event()
    with Door(tmp_path) as door:

        def wait() -> None:
            entered.set()
            assert leave.wait(20)

        door.intake.before = wait
        with Caller(door.port) as busy, Caller(door.port) as idle:
            assert busy.associate()
            assert idle.associate()
            busy.send(*store_pdus(DATA_SET))
            assert entered.wait(20)
            stopper = threading.Thread(target=door.server.stop)
            stopper.start()
            assert idle.is_ended()
            leave.set()
            assert busy.status() == 0
            assert busy.is_ended()
            stopper.join(20)
            assert not stopper.is_alive()
    assert len(door.intake.taken) == 1


def test_a_port_in_use_is_told(door, tmp_path):
    second = DimseServer(DimseSettings(port=door.port), MemoryIntake(), tmp_path / "second", MemoryBook())
    with pytest.raises(ConfigError, match="cannot listen"):
        second.start()


@pytest.mark.parametrize(
    "wrong",
    [
        {"peers": (PeerSettings(name="x", ae_title="X", certificate_sha256="ab" * 32),)},
        {"peers": (PeerSettings(name="x", ae_title="X", hosts=("somewhere",)),)},
        {"authority": "authority.pem"},
        {"certificate": "missing.pem", "key": "missing.key"},
    ],
)
def test_settings_that_would_leave_the_door_open_are_refused(tmp_path, wrong):
    with pytest.raises(ConfigError):
        DimseServer(DimseSettings(port=0, **wrong), MemoryIntake(), tmp_path, MemoryBook())


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def test_tls_is_asked_of_every_caller(tmp_path, authority):
    ours, known = authority.issue("door"), authority.issue("known")
    expired = authority.issue("expired", days=-1)
    peer = PeerSettings(name="x", ae_title="KNOWN", certificate_sha256=known.sha256)
    files = {"certificate": str(ours.certificate), "key": str(ours.key), "authority": str(authority.certificate)}

    def call(certificate=None) -> int:
        shown = (
            {"certificate": str(certificate.certificate), "key": str(certificate.key)}
            if certificate is not None
            else {}
        )
        tls = TlsFiles(authority=str(authority.certificate), **shown)
        with open_association("127.0.0.1", door.port, "SCANWARD", "KNOWN", tls, [(CT, EXPLICIT)]) as association:
            return association.find_context(CT, EXPLICIT)

    with Door(tmp_path, peer, idle_seconds=5.0, **files) as door:
        assert call(known) == 1
        for certificate in (ours, expired, None):
            with pytest.raises(NetworkError):
                call(certificate)
        with Caller(door.port) as caller:  # no TLS at all
            caller.send(request_pdu())
            assert caller.read()[0] != upper_layer.A_ASSOCIATE_AC
        assert call(known) == 1


def test_a_handshake_that_is_never_finished_keeps_nobody_out(tmp_path, authority):
    ours = authority.issue("door")
    files = {"certificate": str(ours.certificate), "key": str(ours.key)}
    tls = TlsFiles(authority=str(authority.certificate))
    with Door(tmp_path, idle_seconds=0.5, **files) as door, Caller(door.port) as silent:
        with open_association("127.0.0.1", door.port, "SCANWARD", "KNOWN", tls, [(CT, EXPLICIT)]) as association:
            assert association.find_context(CT, EXPLICIT) == 1
        assert silent.read()[0] == 0
