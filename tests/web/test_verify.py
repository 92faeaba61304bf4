"""Verifying a file in the browser and over the API: who may, what is told, and that nothing of the file stays."""

from __future__ import annotations

import base64
import html
import json
import re
import socket
import tempfile
import threading
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from scanward.config import HttpSettings
from scanward.errors import DicomFormatError, EvidenceError, StoreError, UnknownError
from scanward.model.comparison import (
    Change,
    Comparison,
    FrameChange,
    FrameFate,
    HeaderChange,
    Standing,
)
from scanward.model.seal import Grade, PixelKind
from scanward.model.verdict import Found, Outcome, SealFacts, Step, StepName, Verdict, VerifyFault
from scanward.web import guard, verifying
from scanward.web.roles import STAFF, Role
from scanward.web.staff.verify import SHOWN, telling_of
from tests.common.desk import NOW
from tests.web.conftest import BASE, Client, make_world
from tests.web.serving import serve
from tests.web.test_attacks import answer_of, connect
from tests.web.test_staff import EVIL, csrf_of, post, sign_in

PNG = b"\x89PNG\r\n\x1a\n drawn"
FILE = b"a file that nobody may keep" * 100_000
LARGE = FILE  # more than stays in memory

STEPS = tuple(
    Step(name=name, found=found, says=f"says {EVIL}", sees="what it sees", misses="what it misses", figures=figures)
    for name, found, figures in (
        (StepName.DECLARATION, Found.NOT_DONE, {}),
        (StepName.SEAL, Found.YES, {"compared_with": "this gateway"}),
        (StepName.LOG, Found.CANNOT_TELL, {}),
        (StepName.NOISE, Found.NO, {"measured": [{"what": "false alarms", "hits": 3, "of": 77}]}),
    )
)
ALTERED = Verdict(
    outcome=Outcome.ALTERED,
    steps=STEPS,
    seal=SealFacts(source="this gateway", sealed=NOW, is_stated=True, is_logged=True, log_index=4, log_size=9000),
    comparison=Comparison(
        standing=Standing.ALTERED,
        is_same_file=False,
        pixel_kind=PixelKind.SAMPLES,
        are_pixels_same=False,
        frames=(
            FrameChange(fate=FrameFate.ALTERED, frame=0, sealed=0, tiles=(0, 1, 9)),
            FrameChange(fate=FrameFate.MOVED, frame=1, sealed=4),
            FrameChange(fate=FrameFate.REMOVED, frame=None, sealed=7),
        ),
        header=(
            HeaderChange(path="00180050", name="Slice Thickness", grade=Grade.IMMUTABLE, change=Change.CHANGED),
            HeaderChange(path="00100010", name="Patient's Name", grade=Grade.COERCIBLE, change=Change.REMOVED),
        ),
        rows=200,
        columns=300,
        frame_count=8,
        sealed_frame_count=9,
    ),
    heat_maps={0: PNG},
)
OVER_AN_ORIGINAL = Verdict(
    outcome=Outcome.KNOWN, steps=(Step(name=StepName.DIFFERENCE, found=Found.YES, says="x"),), heat_maps={0: PNG}
)


@pytest.fixture(autouse=True)
def _nothing_stays(tmp_path, monkeypatch):
    """Nothing of a file stays in the spool, and nothing of it ever gets into the system's folder."""
    system = tmp_path / "system"
    system.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(system))
    yield
    assert [one.name for one in tmp_path.iterdir()] == ["system"]
    assert list(system.iterdir()) == []


def parts(*fields: tuple[str, str | None, bytes]) -> dict[str, object]:
    """Return a form with fields in this order: name, name of a file or None, content."""
    pieces = []
    for name, file, content in fields:
        named = "" if file is None else f'; filename="{file}"'
        pieces.append(f'--B\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode())
        pieces.append(content + b"\r\n")
    body = b"".join([*pieces, b"--B--\r\n"])
    return {"content": body, "headers": {"Content-Type": "multipart/form-data; boundary=B", "Origin": BASE}}


def send(client, *, name="scan.dcm", content=FILE):
    word = csrf_of(client, "/staff/verify").encode()
    return client.post("/staff/verify", **parts(("csrf", None, word), ("file", name, content)))


# The page


@pytest.mark.parametrize("role", sorted(STAFF))
def test_staff_may_verify_a_file_and_nothing_of_it_is_logged(world, client, role):
    sign_in(client, world, role)
    world.evidence.verdict = ALTERED
    with capture_logs() as logs:
        page = send(client, name=f"Doe^Jane {EVIL}".replace('"', "%22"))
    assert page.status_code == 200
    assert world.evidence.came == [FILE]
    assert "Doe^Jane" not in repr(logs)
    assert html.escape("Doe^Jane <script>") in page.text
    assert "<script>alert" not in page.text
    assert page.headers["cache-control"] == "no-store"


def test_the_page_says_what_it_is_where_it_differs_and_what_to_do(world, client):
    sign_in(client, world, Role.AUDITOR)
    world.evidence.verdict = ALTERED
    page = send(client)
    shown = html.unescape(page.text)
    for words in (
        "Altered since it was sealed",
        "What to do:",
        "Slice Thickness",
        "Patient's Name",
        "it must not change",
        "an archive may put it right",
        "128 x 64 at (0, 0)",
        "Moved: it was sealed as frame 5",
        "entry 4 of 9,000",
        "false alarms: 3 of 77",
    ):
        assert words in shown
    assert re.search(r"Frame </span>1</th><td>Altered", shown)
    assert re.search(r"Frame </span>8</th><td>Removed", shown)
    # The order is that of the steps, each with what it can't see.
    names = ["What it says of its making", "Its seal", "Who vouches for the seal", "Noise that does not fit"]
    assert [shown.index(f"<h3>{name}</h3>") for name in names] == sorted(
        shown.index(f"<h3>{one}</h3>") for one in names
    )
    assert shown.count("what it misses") == len(STEPS)


def test_pictures_stand_in_the_page_and_only_there(world, client):
    sign_in(client, world, Role.AUDITOR)
    world.evidence.verdict = ALTERED
    assert "img-src 'self';" in client.get("/staff/verify").headers["content-security-policy"]
    page = send(client)
    policy = page.headers["content-security-policy"]
    assert "img-src 'self' data:;" in policy
    assert "script-src 'self'; style-src 'self'" in policy
    (picture,) = re.findall(r'<img src="data:image/png;base64,([^"]+)" alt="[^"]+"', page.text)
    assert base64.b64decode(picture) == PNG


@pytest.mark.parametrize("role", sorted(STAFF))
def test_a_sealed_original_is_shown_to_who_may_read_identities_only(world, client, role):
    sign_in(client, world, role)
    world.evidence.verdict = OVER_AN_ORIGINAL
    is_shown = role is Role.PRIVACY_OFFICER
    assert ("data:image/png" in send(client).text) is is_shown
    told = client.post("/api/v1/verify?pictures=true", content=b"x", headers=raw(world.bearer(role))).json()
    assert bool(told["pictures"]) is is_shown


def test_the_json_of_the_page_is_that_of_the_api(world, client):
    sign_in(client, world, Role.AUDITOR)
    world.evidence.verdict = ALTERED
    (address,) = re.findall(r'download="verified.json" href="data:application/json;base64,([^"]+)"', send(client).text)
    told = client.post("/api/v1/verify", content=FILE, headers=raw(world.it)).json()
    assert json.loads(base64.b64decode(address)) == told


@pytest.mark.parametrize("outcome", Outcome)
def test_each_outcome_has_its_words_and_only_seals_are_authentic(world, client, outcome):
    sign_in(client, world, Role.AUDITOR)
    world.evidence.verdict = Verdict(outcome=outcome, steps=())
    page = send(client)
    main = page.text.partition("<main")[2].partition("Verify another")[0]
    assert telling_of(world.evidence.verdict).todo in html.unescape(main)
    assert ("authentic" in main.lower()) is (outcome in {Outcome.UNCHANGED, Outcome.COERCED})


@pytest.mark.parametrize("name", StepName)
@pytest.mark.parametrize("found", Found)
def test_each_step_has_a_name_whatever_it_came_to(world, client, name, found):
    sign_in(client, world, Role.AUDITOR)
    world.evidence.verdict = Verdict(outcome=Outcome.UNKNOWN, steps=(Step(name=name, found=found, says="so"),))
    assert re.search(r"<h3>[A-Z][^<]+</h3><span class=\"tag [a-z]*\">[A-Z]", send(client).text)


def test_a_copy_in_another_form_or_one_that_cannot_be_decoded_is_not_called_forged(world, client):
    sign_in(client, world, Role.AUDITOR)
    for compared, outcome, words in (
        ({"standing": Standing.ALTERED, "is_lossy_copy": True}, Outcome.ALTERED, "coded with losses"),
        ({"standing": Standing.ALTERED, "form": ("Rows",)}, Outcome.ALTERED, "in another form"),
        ({"standing": Standing.ALTERED, "is_of_lossy_original": True}, Outcome.ALTERED, "the decoder may be why"),
        ({"standing": Standing.UNREADABLE}, Outcome.UNKNOWN, "cannot be decoded here"),
    ):
        comparison = Comparison(is_same_file=False, pixel_kind=PixelKind.SAMPLES, are_pixels_same=None, **compared)
        world.evidence.verdict = Verdict(outcome=outcome, steps=(), comparison=comparison)
        assert words in send(client).text


def test_long_lists_are_cut_short_and_whole_in_the_json(world, client):
    sign_in(client, world, Role.AUDITOR)
    header = [
        HeaderChange(path=f"{n}", name=f"Attribute {n}.", grade=Grade.COERCIBLE, change=Change.ADDED)
        for n in range(SHOWN + 3)
    ]
    frames = [FrameChange(fate=FrameFate.ADDED, frame=n, sealed=None) for n in range(SHOWN + 2)]
    comparison = Comparison(
        standing=Standing.ALTERED, is_same_file=False, pixel_kind=PixelKind.SAMPLES, are_pixels_same=False,
        header=tuple(header), frames=tuple(frames),
    )  # fmt: skip
    world.evidence.verdict = Verdict(outcome=Outcome.ALTERED, steps=(), comparison=comparison)
    page = send(client).text
    assert ("And 3 more" in page, "And 2 more" in page, f"Attribute {SHOWN}." in page) == (True, True, False)
    told = client.post("/api/v1/verify", content=FILE, headers=raw(world.it)).json()["comparison"]
    assert (len(told["header"]), len(told["pixels"]["frames_that_differ"])) == (SHOWN + 3, SHOWN + 2)


# What goes wrong


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ([], "Expected a file, got none"),
        ([("file", "", b"")], "got an empty one|got none"),
        ([("file", "a", b"")], "got an empty one"),
        ([("other", None, b"x")], "Expected a file, got none"),
        ([("file", "a", b"x"), ("file", "b", b"y")], "Expected one file, got several"),
        ([("file", "a", LARGE), ("more", "b", LARGE)], "Expected one file, got several"),
    ],
    ids=range(6),
)
def test_a_form_with_no_file_or_several_is_shown_again(world, client, fields, words):
    sign_in(client, world, Role.AUDITOR)
    word = csrf_of(client, "/staff/verify").encode()
    page = client.post("/staff/verify", **parts(("csrf", None, word), *fields))
    assert (page.status_code, world.evidence.came) == (422, [])
    assert re.search(words, page.text)
    assert 'type="file"' in page.text


def other_csrf(world) -> bytes:
    other = Client(world.app)
    try:
        sign_in(other, world, Role.PRIVACY_OFFICER, subject="another")
        return csrf_of(other, "/staff/verify").encode()
    finally:
        other.close()


@pytest.mark.parametrize("case", ["none", "empty", "wrong", "other session", "after the file", "too long"])
def test_a_form_without_the_word_of_the_session_is_refused(world, client, case):
    sign_in(client, world, Role.AUDITOR)
    own = csrf_of(client, "/staff/verify").encode()
    file = ("file", "a", LARGE)
    fields = {
        "none": [file],
        "empty": [("csrf", None, b""), file],
        "wrong": [("csrf", None, b"\xff" * 64), file],
        "other session": [("csrf", None, other_csrf(world)), file],
        "after the file": [file, ("csrf", None, own)],
        "too long": [("csrf", None, own * 100), file],
    }[case]
    answer = client.post("/staff/verify", **parts(*fields))
    assert (answer.status_code, world.evidence.came) == (422 if case == "too long" else 403, [])


def test_a_form_of_another_site_or_of_nobody_is_refused(world, client):
    assert client.post("/staff/verify", **parts(("file", "a", FILE))).status_code == 303
    sign_in(client, world, Role.AUDITOR)
    word = csrf_of(client, "/staff/verify").encode()
    more = parts(("csrf", None, word), ("file", "a", FILE))
    more["headers"]["Origin"] = "https://evil.example"
    assert client.post("/staff/verify", **more).status_code == 403
    assert world.evidence.came == []


@pytest.mark.parametrize("role", [Role.RESEARCHER, Role.RECIPIENT])
def test_others_may_not_verify(world, client, role):
    headers = world.bearer(role, recipient="acme-ai" if role is Role.RECIPIENT else "")
    assert client.post("/api/v1/verify", content=FILE, headers=raw(headers)).status_code == 403
    assert client.post("/api/v1/verify", content=FILE).status_code == 401
    assert world.evidence.came == []


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (DicomFormatError("expected 10 bytes, got 3"), 422, "The file cannot be read: expected 10 bytes, got 3"),
        (UnknownError("gone"), 409, "deleted meanwhile"),
        (StoreError("the ledger cannot be read"), 503, "The ledger cannot be read"),
        (ValueError(f"secret {EVIL}"), 500, "could not be looked at"),
    ],
)
def test_what_goes_wrong_is_said_without_what_is_in_the_file(world, client, error, status, words):
    sign_in(client, world, Role.AUDITOR)
    world.evidence.verdict = error
    with capture_logs() as logs:
        page = send(client, content=LARGE)
        told = client.post("/api/v1/verify", content=LARGE, headers=raw(world.it))
    assert (page.status_code, told.status_code) == (status, status)
    assert words in page.text
    assert "secret" not in page.text + told.text + repr(logs)


def test_a_seal_that_does_not_hold_is_told_by_its_fault(world, client):
    sign_in(client, world, Role.AUDITOR)
    world.evidence.verdict = EvidenceError(VerifyFault.OTHER_SEAL, "expected this seal", remedy="Ask who sealed it.")
    page = send(client)
    assert "What vouches for its seal does not hold" in page.text
    assert "verify.statement.other-seal" in page.text
    assert "authentic" not in page.text.lower()
    told = client.post("/api/v1/verify", content=FILE, headers=raw(world.it))
    assert (told.status_code, told.json()["fault"]) == (409, "verify.statement.other-seal")
    assert told.json()["remedy"] == "Ask who sealed it."


def test_a_file_that_is_too_large_is_refused_on_a_page(tmp_path, monkeypatch):
    monkeypatch.setattr(guard, "VERIFIED_BYTES", 1_500_000)
    world = make_world(tmp_path, HttpSettings())
    client = Client(world.app)
    try:
        sign_in(client, world, Role.AUDITOR)
        word = csrf_of(client, "/staff/verify").encode()
        form = parts(("csrf", None, word), ("file", "a", LARGE))
        whole = form["content"]

        async def pieces():
            for start in range(0, len(whole), 100_000):
                yield whole[start : start + 100_000]

        for content in (whole, pieces()):
            page = client.post("/staff/verify", content=content, headers=form["headers"])
            assert (page.status_code, page.headers["content-type"]) == (413, "text/html; charset=utf-8")
            assert "That is too large" in page.text
            assert "1500000 bytes" in page.text
            assert "style-src 'self'" in page.headers["content-security-policy"]
        assert client.post("/api/v1/verify", content=LARGE, headers=raw(world.it)).status_code == 413
        assert world.evidence.came == []
    finally:
        client.close()


def test_a_sender_that_leaves_or_waits_is_forgotten(world, client, monkeypatch):
    monkeypatch.setattr(guard, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(guard, "LEAST_BYTES_A_SECOND", 10**12)
    head = (
        f"POST /api/v1/verify HTTP/1.1\r\nHost: x\r\nAuthorization: {world.it['Authorization']}\r\n"
        "Content-Type: application/dicom\r\nContent-Length: 5000000\r\n\r\n"
    ).encode()
    with serve(world.app) as url:
        with connect(url) as connection:
            connection.sendall(head + LARGE)
            assert answer_of(connection).startswith(b"HTTP/1.1 408")
        with connect(url) as connection:
            connection.sendall(head + LARGE)
            connection.shutdown(socket.SHUT_RDWR)
        # Whoever comes next is served: no place is kept for those who left.
        for _ in range(verifying.MAX_INSIDE + 1):
            with connect(url) as connection:
                connection.sendall(head.replace(b"5000000", b"3\r\nConnection: close") + b"abc")
                assert answer_of(connection).startswith(b"HTTP/1.1 200")
    assert set(world.evidence.came) == {b"abc"}


def test_only_so_many_are_let_in_and_fewer_are_at_work(world, monkeypatch):
    monkeypatch.setattr(verifying, "MAX_INSIDE", 3)
    free, at_work, most = threading.Event(), [], []

    def verify(_content):
        at_work.append(1)
        most.append(len(at_work))
        assert free.wait(20)
        at_work.pop()
        return Verdict(outcome=Outcome.UNKNOWN, steps=())

    monkeypatch.setattr(world.app.state.counter, "_verify", verify)
    head = (
        f"POST /api/v1/verify HTTP/1.1\r\nHost: x\r\nAuthorization: {world.it['Authorization']}\r\n"
        "Content-Type: application/dicom\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"
    ).encode()
    with serve(world.app) as url:
        inside = [connect(url) for _ in range(3)]
        try:
            for one in inside:
                one.sendall(head)
            refused = b""
            while b" 503 " not in refused:  # as long as one of the three is not in yet, this one waits in its place
                with connect(url) as one:
                    one.sendall(head.replace(b"Content-Length: 3", b"Content-Length: 0").removesuffix(b"abc"))
                    refused = answer_of(one)
            assert b"retry-after: 60" in refused.lower()
            free.set()
            assert all(answer_of(one).startswith(b"HTTP/1.1 200") for one in inside)
        finally:
            free.set()
            for one in inside:
                one.close()
    assert max(most) <= verifying.AT_WORK


# The API


def raw(headers: dict[str, str], kind: str = "application/dicom") -> dict[str, str]:
    return {**headers, "Content-Type": kind}


@pytest.mark.parametrize("kind", sorted(verifying.RAW_TYPES))
def test_a_file_comes_as_the_body_or_in_a_form(world, client, kind):
    assert client.post("/api/v1/verify", content=FILE, headers=raw(world.it, kind)).status_code == 200
    form = parts(("file", "a", FILE))
    answer = client.post("/api/v1/verify", content=form["content"], headers={**world.it, **form["headers"]})
    assert answer.status_code == 200
    assert world.evidence.came == [FILE, FILE]


@pytest.mark.parametrize(
    ("kind", "content", "status"),
    [
        ("application/json", b"{}", 415),
        ("", b"x", 415),
        ("application/dicom", b"", 422),
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=B", b"--B\r\n\r\nno end", 400),
        ("multipart/form-data; boundary=B", b"--B\r\n" + b"x" * 20_000, 400),
        ("multipart/form-data; boundary=B", b"--B--\r\n", 422),
    ],
)
def test_what_is_no_file_is_refused(world, client, kind, content, status):
    answer = client.post("/api/v1/verify", content=content, headers=raw(world.it, kind))
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert world.evidence.came == []


def test_the_answer_is_described_and_holds_no_picture_unless_asked(world, client):
    world.evidence.verdict = ALTERED
    told = client.post("/api/v1/verify", content=FILE, headers=raw(world.it)).json()
    assert (told["outcome"], told["pictures"]) == ("altered", [])
    assert told["comparison"]["pixels"]["frames_that_differ"][0]["regions"][0]["width"] == 128
    asked = client.post("/api/v1/verify?pictures=true", content=FILE, headers=raw(world.it)).json()
    assert asked["pictures"] == [{"frame": 1, "png": base64.b64encode(PNG).decode()}]
    described = client.get("/api/v1/openapi.json").json()["paths"]["/api/v1/verify"]["post"]
    assert set(described["requestBody"]["content"]) == {"multipart/form-data", *verifying.RAW_TYPES}


def test_a_session_that_is_over_verifies_nothing(world, client):
    sign_in(client, world, Role.AUDITOR)
    word = csrf_of(client, "/staff/verify").encode()
    post(client, "/staff/sign-out")
    world.now[0] += timedelta(hours=9)
    answer = client.post("/staff/verify", **parts(("csrf", None, word), ("file", "a", FILE)))
    assert (answer.status_code, world.evidence.came) == (303, [])
