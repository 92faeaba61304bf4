"""Witnesses that help, that do not, and that lie: the log goes on, and says what came of it."""

import base64
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from scanward.adapters.tlog.reader import FolderReader, VerifiedLog
from scanward.adapters.tlog.witness import MAX_ANSWER_BYTES, Cosigning, Witness, WitnessAnswer
from scanward.errors import EvidenceError
from scanward.tlog.checkpoint import CLOCK_SKEW, parse_checkpoint
from scanward.tlog.faults import LogFault
from scanward.tlog.merkle import EMPTY_ROOT, verify_consistency
from scanward.tlog.note import parse_note, sign_text
from tests.common.logs import NOW, POLICY, WITNESS, WITNESS_KEY, LogSigner, make_entries, open_log

ENTRIES = make_entries(400)
WITNESSED = replace(POLICY, witnesses=(WITNESS_KEY,), quorum=1)
URL = "http://witness.example/prefix/"


class WitnessServer:
    """A witness as C2SP tlog-witness says, behind an HTTP transport; `answer` replaces what it says."""

    def __init__(self, signer=WITNESS, key=WITNESS_KEY, at=NOW):
        self.signer, self.key, self.at = signer, key, at
        self.size, self.root = 0, EMPTY_ROOT
        self.asked = []
        self.answer = None

    def __call__(self, request):
        assert request.url.path == "/prefix/add-checkpoint"
        head, _, note = request.content.partition(b"\n\n")
        first, *proof = head.decode().split("\n")
        old = int(first.removeprefix("old "))
        self.asked.append(old)
        if self.answer is not None:
            return self.answer
        signed = POLICY.verify(note)
        new = signed.checkpoint
        if old > new.size:
            return httpx.Response(400)
        if old != self.size:
            return httpx.Response(409, text=f"{self.size}\n", headers={"Content-Type": "text/x.tlog.size"})
        if old == new.size and self.root != new.root:
            return httpx.Response(409)
        try:
            verify_consistency(old, self.root, new.size, new.root, [base64.b64decode(one) for one in proof])
        except EvidenceError:
            return httpx.Response(422)
        self.size, self.root = new.size, new.root
        return httpx.Response(200, text=sign_text(signed.note.text, self.key, self.signer.sign, self.at).line())


@pytest.fixture
def log(tmp_path):
    with open_log(tmp_path / "log") as opened:
        opened.append(ENTRIES[:3])
        yield opened


@pytest.fixture
def server():
    return WitnessServer()


@pytest.fixture
def cosigning(log, server, tmp_path):
    with httpx.Client(transport=httpx.MockTransport(server)) as client:
        witness = Witness(key=WITNESS_KEY, url=URL)
        yield Cosigning(
            FolderReader(tmp_path / "log"), log.add_cosignatures, POLICY, [witness], client, clock=lambda: NOW
        )


HELPED = (WitnessAnswer(name=WITNESS_KEY.name),)


def test_a_witness_cosigns_and_follows_the_log(log, server, cosigning, tmp_path):
    assert cosigning.ask() == HELPED
    assert VerifiedLog.open(FolderReader(tmp_path / "log"), WITNESSED, NOW).signed.cosigned == {WITNESS_KEY: NOW}
    log.append(ENTRIES[3:300])
    with pytest.raises(EvidenceError):
        WITNESSED.verify(log.checkpoint(), NOW)
    assert cosigning.ask() == HELPED
    assert cosigning.ask() == HELPED
    assert server.asked == [0, 3, 300]
    log.proof(200).verify(ENTRIES[200], WITNESSED, NOW)


def test_a_witness_that_knows_the_log_says_where_it_is(log, server, cosigning):
    server.size, server.root = 2, parse_checkpoint(parse_note(_checkpoint_of(2)).text).root
    assert cosigning.ask() == HELPED
    assert server.asked == [0, 2]


def _checkpoint_of(size):
    from tests.common.logs import make_text, sign_checkpoint

    return sign_checkpoint(make_text(size))


def test_a_witness_that_saw_a_longer_log_tells_that_it_was_rolled_back(server, cosigning):
    server.size, server.root = 9, bytes(32)
    (answer,) = cosigning.ask()
    assert (answer.name, answer.fault) == (WITNESS_KEY.name, LogFault.ROLLED_BACK)


def test_a_witness_that_saw_another_root_tells_of_a_split_view(server, cosigning):
    server.size, server.root = 3, bytes(32)
    assert [answer.fault for answer in cosigning.ask()] == [LogFault.SPLIT_VIEW]


def test_a_witness_that_saw_another_history_tells_it(server, cosigning):
    server.size, server.root = 2, bytes(32)
    assert [answer.fault for answer in cosigning.ask()] == [LogFault.INCONSISTENT]


STRANGER = LogSigner(9)
ANSWERS = {
    "does not know the log": (None, httpx.Response(404)),
    "does not know the key": (LogFault.SIGNATURE_UNKNOWN_KEY, httpx.Response(403)),
    "is broken": (None, httpx.Response(500)),
    "sends elsewhere": (None, httpx.Response(302, headers={"Location": "http://elsewhere.example/"})),
    "says nothing": (LogFault.NOTE_FORM, httpx.Response(200)),
    "says something else": (LogFault.NOTE_SIGNATURE_LINE, httpx.Response(200, text="hello\n")),
    "says a blank line": (LogFault.COSIGNATURE_UNKNOWN_WITNESS, None),
    "says a size that is none": (
        None,
        httpx.Response(409, text="many\n", headers={"Content-Type": "text/x.tlog.size"}),
    ),
    "says too much": (None, httpx.Response(200, content=b"x" * (MAX_ANSWER_BYTES + 1))),
    "says a conflict and not which": (None, httpx.Response(409)),
}


@pytest.mark.parametrize(("fault", "answer"), ANSWERS.values(), ids=ANSWERS)
def test_a_witness_that_does_not_help_stops_nothing(log, server, cosigning, fault, answer):
    if answer is None:
        text = parse_note(log.checkpoint()).text
        line = sign_text(text, WITNESS_KEY, WITNESS.sign, NOW).line()
        answer = httpx.Response(200, text=f"{line}\n{line}")
    server.answer = answer
    before = log.checkpoint()
    (told,) = cosigning.ask()
    assert told.problem
    assert told.fault is fault
    assert log.checkpoint() == before
    log.append(ENTRIES[3:4])


@pytest.mark.parametrize(
    ("fault", "made"),
    [
        (
            LogFault.COSIGNATURE_UNKNOWN_WITNESS,
            WitnessServer(key=STRANGER.witness_key(WITNESS_KEY.name), signer=STRANGER),
        ),
        (LogFault.COSIGNATURE_FORGED, WitnessServer(signer=STRANGER)),
        (LogFault.COSIGNATURE_FUTURE, WitnessServer(at=NOW + CLOCK_SKEW + timedelta(seconds=1))),
    ],
    ids=["another key", "a forged one", "from the future"],
)
def test_a_cosignature_that_does_not_hold_is_not_kept(log, tmp_path, fault, made):
    before = log.checkpoint()
    with httpx.Client(transport=httpx.MockTransport(made)) as client:
        asking = Cosigning(
            FolderReader(tmp_path / "log"), log.add_cosignatures, POLICY,
            [Witness(key=WITNESS_KEY, url=URL)], client, clock=lambda: NOW,
        )  # fmt: skip
        assert [answer.fault for answer in asking.ask()] == [fault]
    assert log.checkpoint() == before


def test_a_witness_that_cannot_be_reached_leaves_the_others(log, tmp_path):
    other = LogSigner(51)
    servers = {"down.example": None, "up.example": WitnessServer(other, other.witness_key("w2"))}

    def route(request):
        if servers[request.url.host] is None:
            raise httpx.ConnectError("refused", request=request)
        return servers[request.url.host](request)

    with httpx.Client(transport=httpx.MockTransport(route)) as client:
        witnesses = [
            Witness(key=WITNESS_KEY, url="http://down.example/prefix"),
            Witness(key=other.witness_key("w2"), url="http://up.example/prefix"),
        ]
        asking = Cosigning(FolderReader(tmp_path / "log"), log.add_cosignatures, POLICY, witnesses, client)
        first, second = asking.ask()
    assert (first.problem, first.fault) == ("cannot ask the witness: ConnectError", None)
    assert second == WitnessAnswer(name="w2")


def test_a_log_that_goes_on_meanwhile_keeps_its_newer_checkpoint(log, server, cosigning):
    class Slow(WitnessServer):
        def __call__(self, request):
            answer = super().__call__(request)
            log.append(ENTRIES[3:5])
            return answer

    server.__class__ = Slow
    (answer,) = cosigning.ask()
    assert "went on" in answer.problem
    assert len(parse_note(log.checkpoint()).signatures) == 1


def test_a_key_that_does_not_cosign_is_no_witness():
    with pytest.raises(EvidenceError) as refusal:
        Witness(key=WITNESS.key("w.example"), url=URL)
    assert refusal.value.fault is LogFault.KEY_ALGORITHM
