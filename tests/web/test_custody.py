"""Custody in the browser and over the API: who may read it, what is shown, and how a fault is told."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from scanward.errors import EvidenceError, StoreError
from scanward.model.chains import Chain, CustodyReport, ProvenStatement
from scanward.model.custody import NO_STATEMENT, CustodyEvent, Statement
from scanward.model.verdict import VerifyFault
from scanward.web.roles import STAFF, Role
from scanward.web.staff.custody import CHAINS_SHOWN
from tests.common.desk import NOW
from tests.web.conftest import BASE
from tests.web.test_staff import EVIL, csrf_of, post, sign_in

UID = "1.2.3.4.5"


def stated(number: int, event: CustodyEvent, **facts) -> ProvenStatement:
    said = Statement(
        object_id="a" * 32, number=number, previous=NO_STATEMENT, event=event, at=NOW, actor=f"me {EVIL}", facts=facts
    )
    seen = NOW + timedelta(hours=1) if number else None
    return ProvenStatement(statement=said, index=None if number > 1 else 1234 + number, attested=seen)


SOUND = CustodyReport(
    origin="scanward/hospital",
    log_size=1300,
    chains=(
        Chain(
            kind="instance",
            object_id="a" * 32,
            statements=(
                stated(0, CustodyEvent.SEALED, seal="5" * 64, sha256="ab" * 32, bytes=132944, happened="then"),
                stated(1, CustodyEvent.DISCLOSED, said=f"to {EVIL}"),
                stated(2, CustodyEvent.DELETED),
            ),
        ),
        Chain(kind="copy", object_id="b" * 32),
    ),
)
BROKEN = CustodyReport(
    origin="o",
    log_size=3,
    chains=(
        Chain(kind="study", object_id="c" * 32, statements=(stated(0, CustodyEvent.RECEIVED),)),
        Chain(kind="instance", object_id="d" * 32, fault="expected its signature to hold", fault_name="statement.bad"),
    ),
)


@pytest.fixture
def known(world):
    world.evidence.reports[UID] = SOUND
    world.evidence.reports["1.9"] = BROKEN
    return world


def text_of(page) -> str:
    return html.unescape(page.text)


@pytest.mark.parametrize("role", sorted(STAFF))
def test_staff_read_custody_and_no_address_or_log_names_the_scan(known, client, role):
    sign_in(client, known, role)
    with capture_logs() as logs:
        page = post(client, "/staff/custody", uid=f"  {UID} ")
    shown = text_of(page)
    assert page.status_code == 200
    for words in ("All of it holds", "scanward/hospital", "1,300 entries", "132,944", "entry 1,234", "on its way"):
        assert words in shown
    assert re.findall(r'scope="row">([^<]+)<', shown) == ["Sealed", "Disclosed", "Deleted"]
    assert "seen by others" in shown
    assert "<script>alert" not in page.text
    assert "then" not in re.findall(r'class="facts">(.*?)</td>', shown, re.DOTALL)[0]
    assert UID not in repr(logs)
    assert "<caption" in page.text


def test_a_digest_is_shown_by_its_first_digits_and_words_are_shown_in_full(known, client):
    sign_in(client, known, Role.AUDITOR)
    page = post(client, "/staff/custody", uid=UID).text
    assert f'title="{"ab" * 32}">{"ab" * 6}...' in page
    assert html.escape(f"to {EVIL}") in page.replace("&#34;", "&quot;").replace("&#39;", "&#x27;")


def test_what_does_not_hold_is_told_first_and_by_its_name(known, client):
    sign_in(client, known, Role.AUDITOR)
    shown = text_of(post(client, "/staff/custody", uid="1.9"))
    assert "Not all of it holds" in shown
    assert "All of it holds" not in shown
    assert "expected its signature to hold" in shown
    assert "statement.bad" in shown
    assert "scanward fsck" in shown


@pytest.mark.parametrize(
    ("uid", "status", "words"),
    [
        ("", 422, "expected a UID"),
        ("1.2.x", 422, "expected a UID"),
        ("1" * 65, 422, "expected a UID"),
        (f"1.2{EVIL}"[:80], 422, "expected a UID"),
        ("1.2.999", 404, "something that was sealed here"),
    ],
    ids=range(5),
)
def test_what_is_no_uid_or_not_known_is_asked_for_again(known, client, uid, status, words):
    sign_in(client, known, Role.AUDITOR)
    page = post(client, "/staff/custody", uid=uid)
    assert page.status_code == status
    assert words.lower() in text_of(page).lower()
    assert 'name="uid"' in page.text
    assert "<script>alert" not in page.text


def test_a_log_that_does_not_hold_is_told_by_its_fault(known, client):
    known.evidence.reports[UID] = EvidenceError(VerifyFault.NOT_LOGGED, "expected it in the log", remedy="Look there.")
    sign_in(client, known, Role.AUDITOR)
    page = post(client, "/staff/custody", uid=UID)
    assert (page.status_code, "verify.log.not-there" in page.text, "Look there." in page.text) == (409, True, True)
    told = client.get(f"/api/v1/custody/{UID}", headers=known.it)
    assert (told.status_code, told.json()["fault"]) == (409, "verify.log.not-there")
    known.evidence.reports[UID] = StoreError("the log cannot be read")
    assert post(client, "/staff/custody", uid=UID).status_code == 503


def test_the_page_of_a_study_leads_to_its_custody(known, client):
    study_id = known.desk.put_study(1)
    uid = known.desk.get_study(study_id).study_uid
    known.evidence.reports[uid] = BROKEN
    sign_in(client, known, Role.IMAGING_IT)
    assert f'href="/staff/studies/{study_id}/custody"' in client.get(f"/staff/studies/{study_id}").text
    page = client.get(f"/staff/studies/{study_id}/custody")
    assert page.status_code == 200
    assert uid not in page.text
    del known.evidence.reports[uid]
    page = client.get(f"/staff/studies/{study_id}/custody")
    assert (page.status_code, uid in page.text) == (404, False)
    assert client.get(f"/staff/studies/{'0' * 32}/custody").status_code == 404


def test_a_study_of_many_instances_is_cut_short(known, client):
    chains = [Chain(kind="instance", object_id=f"{number:032x}") for number in range(CHAINS_SHOWN + 5)]
    known.evidence.reports[UID] = CustodyReport(origin="o", log_size=1, chains=tuple(chains))
    sign_in(client, known, Role.AUDITOR)
    shown = post(client, "/staff/custody", uid=UID).text
    assert "And 5 more objects" in shown
    assert f"{CHAINS_SHOWN} objects without a statement yet" in shown


def test_seal_files_are_for_who_may_read_identities(known, client):
    sign_in(client, known, Role.PRIVACY_OFFICER)
    assert "Download the seal file" in post(client, "/staff/custody", uid=UID).text
    assert "Download the seal file" not in post(client, "/staff/custody", uid="1.9").text, "it is a study"
    answer = post(client, "/staff/custody/seal", uid=UID)
    assert (answer.content, answer.headers["cache-control"]) == (b"the seal", "no-store")
    assert answer.headers["content-disposition"] == 'attachment; filename="scan.seal"'
    assert post(client, "/staff/custody/seal", uid="1.2.999").status_code == 404
    assert client.get(f"/api/v1/custody/{UID}/seal", headers=known.officer).content == b"the seal"
    client.cookies.clear()
    sign_in(client, known, Role.AUDITOR)
    assert "Download the seal file" not in post(client, "/staff/custody", uid=UID).text
    assert post(client, "/staff/custody/seal", uid=UID).status_code == 403
    assert client.get(f"/api/v1/custody/{UID}/seal", headers=known.it).status_code == 403


def test_forms_of_another_session_read_nothing(known, client):
    sign_in(client, known, Role.PRIVACY_OFFICER)
    for path in ("/staff/custody", "/staff/custody/seal"):
        for csrf in ("", "0" * 64):
            assert client.post(path, data={"csrf": csrf, "uid": UID}, headers={"Origin": BASE}).status_code == 403
        word = csrf_of(client)
        far = {"Origin": "https://evil.example"}
        assert client.post(path, data={"csrf": word, "uid": UID}, headers=far).status_code == 403


def test_the_api_tells_all_of_it(known, client):
    told = client.get(f"/api/v1/custody/{UID}", headers=known.it).json()
    assert (told["is_sound"], told["log"]) == (True, {"origin": "scanward/hospital", "size": 1300})
    first, copy = told["objects"]
    assert [one["event"] for one in first["statements"]] == ["sealed", "disclosed", "deleted"]
    assert [one["log_index"] for one in first["statements"]] == [1234, 1235, None]
    assert (copy["statements"], copy["fault"]) == ([], None)
    broken = client.get("/api/v1/custody/1.9", headers=known.it).json()
    assert broken["objects"][1]["fault"] == {"name": "statement.bad", "says": "expected its signature to hold"}
    assert client.get("/api/v1/custody/nothing", headers=known.it).status_code == 422
    researcher = known.bearer(Role.RESEARCHER)
    assert client.get(f"/api/v1/custody/{UID}", headers=researcher).status_code == 403
