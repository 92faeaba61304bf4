"""Whatever a recipient or the network does, no report says more than is known.

CONFIRMED: the recipient holds it and said so. NOT_SENT: nothing of it left, or the recipient said that it did not take it.
"""

import socket
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanward.adapters.send.dimse import DimseSender
from scanward.adapters.send.stow import StowSender
from scanward.model.agreement import DimseEndpoint, StowEndpoint
from scanward.model.release import Delivery
from tests.common.dcmtk import run_storescp
from tests.common.hostile import Seen, reset, run_cutting_proxy, run_server
from tests.common.outgoing import data_set_of, make_outgoing, make_several
from tests.common.stow_service import JSON, listing, run_stow_service

CONFIRMED, REFUSED, NOT_SENT, UNKNOWN = Delivery.CONFIRMED, Delivery.REFUSED, Delivery.NOT_SENT, Delivery.UNKNOWN


def deliveries(sender, files):
    reports = list(sender.send(files))
    found = {each.sop_instance_uid: each.delivery for each in reports}
    assert len(reports) == len(found) == len(files)
    return [found[file.sop_instance_uid] for file in files]


# Connections cut at any byte, with real peers behind

CUTS = st.lists(st.tuples(st.integers(0, 45_000), st.integers(0, 700)), min_size=1, max_size=3)


@pytest.fixture(scope="module")
def storescp(tmp_path_factory):
    with run_storescp(tmp_path_factory.mktemp("storescp"), "+B", "+xa") as scp:
        yield scp


def held(scp):
    return {path.name.partition(".")[2]: data_set_of(path.read_bytes()) for path in scp.received()}


@pytest.mark.peers("storescp")
@settings(max_examples=60)
@given(cuts=CUTS)
def test_an_association_cut_anywhere(storescp, cuts):
    for path in storescp.received():
        path.unlink()
    files = make_several(4)
    content = {file.sop_instance_uid: data_set_of(file.content) for file in files}
    with run_cutting_proxy(storescp.port, cuts) as seen:
        sender = DimseSender(DimseEndpoint(host="127.0.0.1", port=seen.port, called_ae=storescp.ae_title))
        first = deliveries(sender, files)
        confirmed = {file.sop_instance_uid for file, each in zip(files, first, strict=True) if each is CONFIRMED}
        there = {path.name.partition(".")[2] for path in storescp.received()}
        assert confirmed <= there
        check_not_sent(seen, files, first)
    # Sent again, each is there once and whole.
    sender = DimseSender(DimseEndpoint(host="127.0.0.1", port=storescp.port, called_ae=storescp.ae_title))
    assert deliveries(sender, files) == [CONFIRMED] * 4
    assert held(storescp) == content
    assert len(storescp.received()) == 4


@settings(max_examples=40)
@given(cuts=CUTS, together=st.sampled_from([1, 2, 100]))
def test_a_request_cut_anywhere(cuts, together):
    files = make_several(4)
    with run_stow_service() as service:
        port = int(service.url.rpartition(":")[2])
        with run_cutting_proxy(port, cuts) as seen:
            endpoint = StowEndpoint(url=f"http://127.0.0.1:{seen.port}")
            first = deliveries(StowSender(endpoint, request_instances=together, timeout_seconds=10), files)
            for file, each in zip(files, first, strict=True):
                if each is CONFIRMED:
                    assert service.stored[file.sop_instance_uid] == file.content
            check_not_sent(seen, files, first)
        assert deliveries(StowSender(service.endpoint()), files) == [CONFIRMED] * 4
        assert service.stored == {file.sop_instance_uid: file.content for file in files}


def check_not_sent(seen: Seen, files, found):
    """Nothing of a file reported as not sent left."""
    for file, each in zip(files, found, strict=True):
        assert each is not NOT_SENT or file.sop_instance_uid.encode() not in seen.all


# Servers of HTTP that follow a script


def read_head(conn, noted):
    """Read up to the end of the header; return how long the body will be."""
    while b"\r\n\r\n" not in noted:
        data = conn.recv(1)  # not a byte of the body
        if not data:
            raise OSError
        noted += data
    fields = dict(line.split(b": ", 1) for line in bytes(noted).split(b"\r\n")[1:] if line)
    return int({name.lower(): value for name, value in fields.items()}[b"content-length"])


def read_body(conn, noted, length):
    head = len(noted)
    while len(noted) - head < length:
        data = conn.recv(min(65536, length - len(noted) + head))
        if not data:
            raise OSError
        noted += data


def answer(status: bytes, body: bytes = b"", *fields: bytes, kind: bytes = JSON.encode()) -> bytes:
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join([b"HTTP/1.1 " + status, b"Content-Type: " + kind, length, *fields, b"", body])


FILES = make_several(3)
STORED = listing([file.sop_instance_uid for file in FILES])
OK = answer(b"200 OK", STORED)
NOTHING_SENT, LOST = [NOT_SENT] * 3, [UNKNOWN] * 3


def stow(script, files=FILES, *, timeout_seconds=5.0, **options):
    with run_server(script) as seen:
        endpoint = StowEndpoint(url=f"http://127.0.0.1:{seen.port}")
        found = deliveries(StowSender(endpoint, timeout_seconds=timeout_seconds, **options), files)
    return found, seen


def after_body(reply: bytes, end=None):
    """Read the whole request, answer, and end."""

    def script(conn, noted):
        read_body(conn, noted, read_head(conn, noted))
        conn.sendall(reply)
        if end is not None:
            end(conn)

    return script


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (OK, [CONFIRMED] * 3),
        (b"", LOST),
        (b"HTTP/1.1 200", LOST),
        (b"HTTP/1.1 200 OK\r\nContent-Type: ", LOST),
        (OK[:-1], LOST),
        (OK[: len(OK) // 2], LOST),
        (b"SSH-2.0-OpenSSH_9.2\r\n", LOST),
        (b"\x00" * 1000, LOST),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" + STORED, LOST),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n" + STORED, LOST),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"%x\r\n" % len(STORED) + STORED, LOST),
        (b"HTTP/1.1 99999999 OK\r\n\r\n", LOST),
        (answer(b"200 OK", STORED, b"Content-Encoding: gzip"), LOST),
        (answer(b"200 OK", listing(["1.2.3"])), LOST),
        (answer(b"200 OK", b" " * (17 << 20)), LOST),
        (answer(b"200 OK", b"<html>Log in</html>", kind=b"text/html"), LOST),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, [CONFIRMED] * 3),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + OK, [CONFIRMED] * 3),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK, [CONFIRMED] * 3),
        (b"HTTP/1.1 100 Continue\r\n\r\n", LOST),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n" + OK, LOST),
        (answer(b"500 Internal Server Error"), LOST),
        (answer(b"503 Service Unavailable"), NOTHING_SENT),
        (answer(b"417 Expectation Failed"), [REFUSED] * 3),
    ],
    ids=range(24),
)
@pytest.mark.parametrize("end", [None, reset])
def test_an_answer_after_the_body(reply, expected, end):
    found, _ = stow(after_body(reply, end))
    # A reset may take away an answer that had been sent.
    assert found == expected or (end is reset and found == LOST)


@given(end=st.integers(0, len(OK)), change=st.tuples(st.integers(0, len(OK) - 1), st.integers(0, 255)) | st.none())
@settings(max_examples=40)
def test_an_answer_cut_or_altered_confirms_only_what_it_still_says(end, change):
    reply = bytearray(OK)
    if change is not None:
        reply[change[0]] = change[1]
    found, _ = stow(after_body(bytes(reply[:end])))
    said = [file.sop_instance_uid.encode() in reply[:end] for file in FILES]
    for each, is_named in zip(found, said, strict=True):
        assert each is not CONFIRMED or (is_named and end == len(OK))


def close_at_once(conn, noted):
    pass


def reset_at_once(conn, noted):
    reset(conn)


@pytest.mark.parametrize("script", [close_at_once, reset_at_once])
def test_a_connection_ended_before_anything(script):
    """What had been handed to the system when the connection ended may have left."""
    found, _ = stow(script)
    assert set(found) <= {NOT_SENT, UNKNOWN}


@pytest.mark.parametrize("is_reset", [False, True])
@pytest.mark.parametrize("read", [0, 1, 5_000, 10_000_000])
def test_a_connection_ended_within_the_body_of_large_files(read, is_reset):
    # 8 MB each. What is read and what the system takes for us, 4 MB, end before the third.
    files = make_several(3, rows=2048)

    def script(conn, noted):
        read_head(conn, noted)
        read_body(conn, noted, read)
        if is_reset:
            reset(conn)

    found, seen = stow(script, files)
    assert CONFIRMED not in found
    assert found[2] is NOT_SENT  # not begun
    assert found[0] is UNKNOWN or read < 5_000
    check_not_sent(seen, files, found)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (
            answer(b"200 OK", listing([make_outgoing(number, rows=2048).sop_instance_uid for number in (1, 2, 3)])),
            UNKNOWN,
        ),
        (answer(b"413 Too Large", b"", b"Connection: close"), REFUSED),
        (answer(b"429 Slow Down", b"", b"Connection: close"), NOT_SENT),
    ],
)
def test_an_answer_before_the_body_was_read(reply, expected):
    """A service that confirms what it cannot have read is not believed; one that refuses is."""
    files = make_several(3, rows=2048)

    def script(conn, noted):
        read_head(conn, noted)
        conn.sendall(reply)
        conn.shutdown(socket.SHUT_WR)
        while conn.recv(65536) and expected is not UNKNOWN:
            pass

    found, _ = stow(script, files)
    assert CONFIRMED not in found
    if expected is not UNKNOWN:
        assert found == [expected] * 3


def wait_for_the_end(conn):
    while conn.recv(65536):
        pass


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\n", OK[:-1]])
def test_a_service_that_stalls_after_the_body(sent):
    found, _ = stow(after_body(sent, wait_for_the_end), timeout_seconds=0.2)
    assert found == LOST


def test_a_service_that_stops_reading():
    files = make_several(3, rows=2048)

    def script(conn, noted):
        read_head(conn, noted)
        release.wait(10)

    release = threading.Event()
    with run_server(script) as seen:
        endpoint = StowEndpoint(url=f"http://127.0.0.1:{seen.port}")
        found = deliveries(StowSender(endpoint, timeout_seconds=0.2), files)
        release.set()
    assert found == [UNKNOWN, NOT_SENT, NOT_SENT]


def test_a_lost_request_does_not_take_the_others_with_it():
    answers = iter([b"", OK, OK])

    def script(conn, noted):
        after_body(next(answers))(conn, noted)

    found, seen = stow(script, request_instances=1)
    assert found == [UNKNOWN, CONFIRMED, CONFIRMED]
    assert len(seen.received) == 3


@pytest.mark.parametrize("status", [b"301 Moved", b"302 Found", b"303 See Other", b"307 Temporary", b"308 Permanent"])
def test_nothing_leaves_to_where_a_redirect_leads(status):
    with run_server(close_at_once) as elsewhere:
        location = b"Location: http://127.0.0.1:%d/studies" % elsewhere.port
        found, _ = stow(after_body(answer(status, STORED, location)))
        assert CONFIRMED not in found
        assert elsewhere.received == []


# Peers of DICOM that follow a script


def dimse(script, files=FILES):
    with run_server(script) as seen:
        sender = DimseSender(DimseEndpoint(host="127.0.0.1", port=seen.port, called_ae="HOSTILE"))
        return deliveries(sender, files), seen


def read_pdu(conn, noted):
    def exactly(length):
        data = b""
        while len(data) < length:
            more = conn.recv(length - len(data))
            if not more:
                raise OSError
            data += more
        return data

    head = exactly(6)
    body = exactly(int.from_bytes(head[2:], "big"))
    noted += head + body
    return head[0], body


def pdu(kind, body):
    return bytes((kind, 0)) + len(body).to_bytes(4, "big") + body


def item(kind, value):
    return bytes((kind, 0)) + len(value).to_bytes(2, "big") + value


def accept(conn, noted):
    """Accept the one context that is asked for."""
    kind, body = read_pdu(conn, noted)
    assert kind == 1
    context = item(0x21, bytes((1, 0, 0, 0)) + item(0x40, FILES[0].transfer_syntax_uid.encode()))
    user = item(0x50, item(0x51, (16384).to_bytes(4, "big")) + item(0x52, b"1.2.3"))
    conn.sendall(pdu(2, body[:68] + item(0x10, b"1.2.840.10008.3.1.1.1") + context + user))


def read_store(conn, noted):
    """Read a C-STORE request and its Data Set."""
    while True:
        kind, body = read_pdu(conn, noted)
        assert kind == 4
        while body:
            length, control = int.from_bytes(body[:4], "big"), body[5]
            body = body[4 + length :]
            if control == 2:
                return


def response(message_id, status, field=0x8001):
    def us(element, value):
        return b"\0\0" + element.to_bytes(2, "little") + b"\2\0\0\0" + value.to_bytes(2, "little")

    elements = us(0x0100, field) + us(0x0120, message_id) + us(0x0800, 0x0101)
    if status is not None:
        elements += us(0x0900, status)
    command = b"\0\0\0\0\4\0\0\0" + len(elements).to_bytes(4, "little") + elements
    return pdu(4, (len(command) + 2).to_bytes(4, "big") + bytes((1, 3)) + command)


def after_store(*replies, end=None):
    """Accept, and answer each C-STORE by one of `replies`; then end."""

    def script(conn, noted):
        accept(conn, noted)
        for reply in replies:
            read_store(conn, noted)
            conn.sendall(reply)
        if end is not None:
            end(conn)

    return script


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        response(1, 0)[:-1],
        response(1, 0)[:10],
        response(7, 0),
        response(1, None),
        response(1, 0, field=0x8030),
        response(1, 0, field=0x0001),
        pdu(7, bytes(4)),
        pdu(5, bytes(4)),
        pdu(6, bytes(4)),
        pdu(99, bytes(4)),
        pdu(4, b"\xff" * 100),
        b"\x04\x00\xff\xff\xff\xff",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
    ids=range(14),
)
def test_an_answer_to_c_store_that_is_none(reply):
    found, seen = dimse(after_store(reply))
    assert set(found) <= {UNKNOWN, NOT_SENT}
    assert found[0] is UNKNOWN
    check_not_sent(seen, FILES, found)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (0x0000, CONFIRMED),
        (0xB000, CONFIRMED),
        (0xB007, CONFIRMED),
        (0x0111, CONFIRMED),
        (0xA700, NOT_SENT),
        (0x0110, NOT_SENT),
        (0xA900, REFUSED),
        (0xC123, REFUSED),
        (0x0122, REFUSED),
    ],
)
def test_each_instance_has_the_status_it_was_given(status, expected):
    found, _ = dimse(after_store(response(1, status), response(2, 0), response(3, status)))
    assert found == [expected, CONFIRMED, expected]


def reject(conn, noted):
    read_pdu(conn, noted)
    conn.sendall(pdu(3, bytes((0, 2, 1, 2))))


def close_after_the_request(conn, noted):
    read_pdu(conn, noted)


def answer_with_html(conn, noted):
    read_pdu(conn, noted)
    conn.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def accept_and_close(conn, noted):
    accept(conn, noted)


def accept_and_reset(conn, noted):
    accept(conn, noted)
    reset(conn)


def accept_and_abort(conn, noted):
    accept(conn, noted)
    conn.sendall(pdu(7, bytes(4)))


@pytest.mark.parametrize("script", [close_at_once, reset_at_once, close_after_the_request, reject, answer_with_html])
def test_nothing_leaves_without_an_association(script):
    found, seen = dimse(script)
    assert found == NOTHING_SENT
    check_not_sent(seen, FILES, found)


@pytest.mark.parametrize("script", [accept_and_close, accept_and_reset, accept_and_abort])
def test_an_association_that_ends_at_once_confirms_nothing(script):
    found, seen = dimse(script)
    assert set(found) <= {UNKNOWN, NOT_SENT}
    check_not_sent(seen, FILES, found)
