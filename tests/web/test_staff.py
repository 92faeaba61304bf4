"""The staff page: signing in, what each role sees and does, and what tries to get in."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from scanward.config import HttpSettings
from scanward.model.agreement import (
    Basis,
    DimseEndpoint,
    FolderEndpoint,
    ObjectStoreEndpoint,
    PackageEndpoint,
    StowEndpoint,
    TlsFiles,
)
from scanward.model.consent import Effect, Provision
from scanward.model.pixels import UNSEEN, FoundBy, PixelBox, PixelOutcome
from scanward.model.release import ItemState, ReleaseState, ResultState
from scanward.web.app import create_app
from scanward.web.auth import AUDIENCE_LOGIN
from scanward.web.roles import Role
from scanward.web.staff.sessions import COOKIE, SECURE_COOKIE
from scanward.web.staff.words import agreement_in_words, delivery, dicom_day, period, person, pixels, plainly, size
from tests.common.desk import NOW, make_recipient
from tests.web.conftest import BASE, Client, make_world

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'"


def sign_in(client, world, *roles, **more):
    answer = client.post("/staff/enter", data={"token": world.token(*roles, audience=AUDIENCE_LOGIN, **more)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/staff/")
    return answer


def csrf_of(client, path="/staff/"):
    return re.search(r'name="csrf" value="([0-9a-f]{64})"', client.get(path).text)[1]


def post(client, path, **fields):
    return client.post(path, data={"csrf": csrf_of(client), **fields}, headers={"Origin": BASE})


@pytest.fixture
def busy(world):
    """A world in which every page has something to show, some of it hostile."""
    recipient = make_recipient("acme-ai", name=f"Acme {EVIL}", basis=Basis.RESEARCH, approval=True)
    world.desk.save_recipient(recipient, f'id = "acme-ai" # {EVIL}', EVIL, NOW)
    one = world.desk.put_study(1, description=EVIL, patient=f"PID {EVIL}", instances=4)
    two = world.desk.put_study(2, at=NOW - timedelta(hours=1))
    world.desk.put_study(3, at=NOW - timedelta(hours=2))
    states = [ItemState.SENT, ItemState.FAILED, ItemState.UNKNOWN, ItemState.AVAILABLE]
    world.done = world.desk.put_release(one, "acme-ai", ReleaseState.DONE, items=states)
    world.desk.put_disclosure(world.done)
    world.waiting = world.desk.put_release(two, "acme-ai", ReleaseState.AWAITING_APPROVAL, reasons=[EVIL])
    world.denied = world.desk.put_release(two, "gone", ReleaseState.DENIED, reasons=[EVIL])
    world.result = world.desk.put_result("r", "acme-ai", reason=EVIL)
    world.desk.put_quarantined(1, EVIL)
    world.studies = [one, two]
    return world


PAGES = ["/staff/", "/staff/studies", "/staff/waiting", "/staff/recipients", "/staff/recipients/acme-ai"]


def pages_of(busy):
    return [
        *PAGES,
        *(f"/staff/studies/{one}" for one in busy.studies),
        *(f"/staff/releases/{one}" for one in (busy.done, busy.waiting, busy.denied)),
    ]


# Signing in


def test_nobody_gets_in_without_signing_in(busy, client):
    for path in [*pages_of(busy), "/staff/disclosures"]:
        answer = client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/staff/sign-in")
    for path in (f"/staff/releases/{busy.waiting}/approve", f"/staff/results/{busy.result}/reject"):
        assert client.post(path, data={"csrf": "0" * 64}).status_code == 303
    assert busy.desk.released[busy.waiting].state is ReleaseState.AWAITING_APPROVAL


def test_a_link_works_once_and_by_its_button_only(world, client):
    token = world.token(Role.AUDITOR, audience=AUDIENCE_LOGIN)
    for _ in range(2):  # whatever looks at the link uses nothing up
        shown = client.get(f"/staff/enter?token={token}")
        assert shown.status_code == 200
        assert "set-cookie" not in shown.headers
    assert client.post("/staff/enter", data={"token": token}).status_code == 303
    client.cookies.clear()
    again = client.post("/staff/enter", data={"token": token})
    assert (again.status_code, "used before" in again.text) == (403, True)


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(world, client):
    cookie = sign_in(client, world, Role.PRIVACY_OFFICER).headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    for word in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=28800"):
        assert word in cookie
    behind_tls = client.post(
        "/staff/enter",
        data={"token": world.token(Role.PRIVACY_OFFICER, audience=AUDIENCE_LOGIN)},
        headers={"X-Forwarded-Proto": "https"},
    ).headers["set-cookie"]
    assert behind_tls.startswith(f"{SECURE_COOKIE}=")
    assert "Secure" in behind_tls


def test_with_tls_the_cookie_is_for_tls_only(tmp_path):
    world = make_world(tmp_path, HttpSettings(certificate="c.pem", key="k.pem"))
    client = Client(world.app)
    try:
        answer = sign_in(client, world, Role.AUDITOR)
        assert "Secure" in answer.headers["set-cookie"]
        assert answer.headers["strict-transport-security"]
    finally:
        client.close()


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "<script>"])
def test_no_token_signs_nobody_in(client, token):
    answer = client.post("/staff/enter", data={"token": token})
    assert answer.status_code in {403, 422}
    assert "set-cookie" not in answer.headers
    assert "<script>" not in answer.text


@pytest.mark.parametrize("role", [Role.RESEARCHER, Role.RECIPIENT])
def test_the_staff_page_is_for_staff(world, client, role):
    token = world.token(role, recipient="acme-ai" if role is Role.RECIPIENT else "")
    assert client.post("/staff/enter", data={"token": token}).status_code == 403


def test_a_token_for_the_api_signs_in_but_a_session_is_none(world, client):
    assert client.post("/staff/enter", data={"token": world.token(Role.AUDITOR)}).status_code == 303
    session = client.cookies[COOKIE]
    assert client.get("/api/v1/studies", headers={"Authorization": f"Bearer {session}"}).status_code == 401
    assert client.get("/api/v1/studies").status_code == 401  # nor does the cookie open the API
    assert client.post("/staff/enter", data={"token": session}).status_code == 403


def test_signing_out_ends_the_session_wherever_its_cookie_got_to(world, client):
    sign_in(client, world, Role.AUDITOR)
    stolen = client.cookies[COOKIE]
    assert post(client, "/staff/sign-out").status_code == 303
    assert COOKIE not in client.cookies
    assert client.get("/staff/", headers={"Cookie": f"{COOKIE}={stolen}"}).status_code == 303


def test_what_was_used_in_one_process_is_used_up_in_another(world, client):
    other = Client(create_app(world.services))  # as a second process does, on the same ledger
    try:
        token = world.token(Role.AUDITOR, audience=AUDIENCE_LOGIN)
        assert client.post("/staff/enter", data={"token": token}).status_code == 303
        again = other.post("/staff/enter", data={"token": token})
        assert (again.status_code, "used before" in again.text) == (403, True)
        session = {"Cookie": f"{COOKIE}={client.cookies[COOKIE]}"}
        assert other.get("/staff/", headers=session).status_code == 200
        assert post(client, "/staff/sign-out").status_code == 303
        assert other.get("/staff/", headers=session).status_code == 303
    finally:
        other.close()


def test_nobody_is_let_in_while_it_cannot_be_told_who_was_signed_out(world, client):
    sign_in(client, world, Role.AUDITOR)
    world.desk.broken = True
    answer = client.get("/staff/recipients")
    assert (answer.status_code, "A store cannot be reached" in answer.text) == (503, True)
    token = world.token(Role.AUDITOR, audience=AUDIENCE_LOGIN)
    assert client.post("/staff/enter", data={"token": token}).status_code == 503


def test_a_session_ends_after_a_day_of_work(world, client):
    sign_in(client, world, Role.AUDITOR)
    world.now[0] = NOW + timedelta(hours=8, minutes=2)
    assert client.get("/staff/").status_code == 303


def test_a_list_that_renews_itself_gives_way_to_the_sign_in(client):
    answer = client.get("/staff/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (204, "/staff/sign-in")


# What is shown


def test_every_page_shows_hostile_text_as_text(busy, client):
    sign_in(client, busy, Role.PRIVACY_OFFICER, subject=EVIL)
    shown = [client.get(path) for path in [*pages_of(busy), "/staff/disclosures"]]
    shown += [post(client, "/staff/disclosures", patient_id=f"PID {EVIL}", view=view) for view in ("statutory", "full")]
    for answer in shown:
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', answer.text)
        assert not re.search(r"\son\w+=|style=", re.sub(r"&[#\w]+;", "", answer.text.replace("onerror=alert", "")))
    assert "&lt;script&gt;" in shown[0].text


def test_the_overview_says_what_needs_a_person(busy, client):
    sign_in(client, busy, Role.IMAGING_IT)
    text = client.get("/staff/").text
    assert "3 things need a person" in text
    assert "Waits for approval" in text
    assert "Partly available" in text
    assert "1 failed" in text


def test_only_a_privacy_officer_sees_whose_study_it_is(busy, client):
    sign_in(client, busy, Role.PRIVACY_OFFICER)
    assert "Secret, Patient1" in client.get(f"/staff/studies/{busy.studies[0]}").text
    for role in (Role.IMAGING_IT, Role.AUDITOR):
        sign_in(client, busy, role)
        for path in pages_of(busy):
            text = client.get(path).text
            assert "Secret" not in text
            assert "PID" not in text


def test_studies_are_paged(world, client):
    for number in range(35):
        world.desk.put_study(number, at=NOW - timedelta(minutes=number))
    sign_in(client, world, Role.AUDITOR)
    first = client.get("/staff/studies").text
    older = re.search(r'href="(/staff/studies\?before=[^"]+)">Older', first)[1]
    second = client.get(older).text
    ids = [set(re.findall(r'href="/staff/studies/([0-9a-f]{32})"', text)) for text in (first, second)]
    assert [len(one) for one in ids] == [30, 5]
    assert not ids[0] & ids[1]


def test_disclosures_are_not_for_imaging_it(busy, client):
    sign_in(client, busy, Role.IMAGING_IT)
    assert client.get("/staff/disclosures").status_code == 403
    assert post(client, "/staff/disclosures", patient_id="x").status_code == 403
    assert "/staff/disclosures" not in client.get("/staff/").text


def test_the_accounting_says_what_the_regulation_leaves_out(busy, client):
    sign_in(client, busy, Role.AUDITOR)
    shown = post(client, "/staff/disclosures", patient_id=f"PID {EVIL}")
    assert "Under 45 CFR 164.528" in shown.text
    assert "1 Cloud Way, Berlin, Germany" in shown.text
    assert "No disclosure in this period" in post(client, "/staff/disclosures", patient_id="someone else").text
    assert post(client, "/staff/disclosures", patient_id=" ").status_code == 422


def test_what_is_not_there_is_a_page_that_says_so(world, client):
    sign_in(client, world, Role.AUDITOR)
    for path in (
        "/staff/nothing",
        f"/staff/studies/{'0' * 32}",
        "/staff/studies/x",
        "/staff/recipients/none",
        "/staff/static/../routes.py",
        "/staff/static/routes.py",
        "/staff/static/%2e%2e%2froutes.py",
    ):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "There is no such thing" in answer.text or path.endswith("routes.py")
    world.desk.broken = True
    broken = client.get("/staff/studies")
    assert (broken.status_code, "Traceback" in broken.text) == (503, False)


def test_style_and_script_come_from_here(client):
    for name, kind in (("staff.css", "text/css"), ("htmx.min.js", "text/javascript"), ("mark.svg", "image/svg+xml")):
        answer = client.get(f"/staff/static/{name}")
        assert answer.headers["content-type"].startswith(kind)
        assert len(answer.content) > 100


# What is done


def test_a_privacy_officer_approves_and_refuses_under_a_name(busy, client):
    sign_in(client, busy, Role.PRIVACY_OFFICER, subject="dr. officer")
    answer = post(client, f"/staff/releases/{busy.waiting}/approve")
    assert answer.headers["location"] == f"/staff/releases/{busy.waiting}?said=approved"
    assert "Approved." in client.get(answer.headers["location"]).text
    assert busy.desk.released[busy.waiting].approved_by == "dr. officer"
    again = post(client, f"/staff/releases/{busy.waiting}/refuse", reason="no")
    assert (again.status_code, "not possible now" in again.text) == (409, True)


def test_stopping_is_offered_where_something_could_still_leave(busy, client):
    sign_in(client, busy, Role.PRIVACY_OFFICER)
    study = busy.desk.put_study(9, instances=2)
    sent = busy.desk.put_release(study, "elsewhere", ReleaseState.DONE, items=[ItemState.SENT, ItemState.EXCLUDED])
    failed = busy.desk.put_release(study, "broken", ReleaseState.DONE, items=[ItemState.SENT, ItemState.FAILED])
    fetched = busy.desk.put_release(study, "acme-ai", ReleaseState.DONE, items=[ItemState.SENT])
    under_way = busy.desk.put_release(study, "slow", ReleaseState.ACCOUNTED, items=[ItemState.QUEUED])
    offered = [
        f"/{one}/stop" in client.get(f"/staff/releases/{one}").text for one in (sent, failed, fetched, under_way)
    ]
    assert offered == [False, True, True, True]


def test_releases_are_stopped_and_tried_again(busy, client):
    sign_in(client, busy, Role.PRIVACY_OFFICER)
    assert post(client, f"/staff/releases/{busy.done}/retry").status_code == 303
    assert post(client, f"/staff/releases/{busy.done}/stop", reason="wrong").status_code == 303
    assert busy.desk.released[busy.done].state is ReleaseState.STOPPED


def test_held_results_are_assigned_rejected_or_looked_at_again(busy, client):
    sign_in(client, busy, Role.PRIVACY_OFFICER)
    assert f'<option value="{busy.done}"' in client.get("/staff/waiting").text
    assert post(client, f"/staff/results/{busy.result}/assign", release_id=busy.done).status_code == 303
    assert busy.desk.came_back[busy.result].release_id == busy.done
    for number, (action, state) in enumerate((("reject", ResultState.REJECTED), ("retry", ResultState.RECEIVED))):
        result = busy.desk.put_result(str(number), "acme-ai")
        assert post(client, f"/staff/results/{result}/{action}", reason="x").status_code == 303
        assert busy.desk.came_back[result].state is state


@pytest.mark.parametrize("role", [Role.IMAGING_IT, Role.AUDITOR])
def test_others_see_no_buttons_and_their_forms_are_refused(busy, client, role):
    sign_in(client, busy, role)
    for path in ("/staff/waiting", f"/staff/releases/{busy.waiting}"):
        assert "/approve" not in client.get(path).text
    for action in ("approve", "refuse", "stop"):
        assert post(client, f"/staff/releases/{busy.waiting}/{action}", reason="x").status_code == 403
    assert post(client, f"/staff/results/{busy.result}/reject", reason="x").status_code == 403
    assert busy.desk.released[busy.waiting].state is ReleaseState.AWAITING_APPROVAL


# Forged forms


@pytest.mark.parametrize(
    ("headers", "forged"),
    [
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({}, True),
        ({"Origin": BASE}, True),
    ],
)
def test_a_form_from_elsewhere_does_nothing(busy, client, headers, forged):
    sign_in(client, busy, Role.PRIVACY_OFFICER)
    csrf = "0" * 64 if forged else csrf_of(client)
    for path in (f"/staff/releases/{busy.waiting}/approve", "/staff/sign-out", "/staff/disclosures"):
        answer = client.post(path, data={"csrf": csrf, "patient_id": "x"}, headers=headers)
        assert answer.status_code == 403
    assert busy.desk.released[busy.waiting].state is ReleaseState.AWAITING_APPROVAL
    assert client.get("/staff/").status_code == 200


def test_the_word_of_another_session_does_not_do(busy, client):
    sign_in(client, busy, Role.AUDITOR)
    theirs = csrf_of(client)
    sign_in(client, busy, Role.PRIVACY_OFFICER)
    assert client.post(f"/staff/releases/{busy.waiting}/approve", data={"csrf": theirs}).status_code == 403
    assert client.post(f"/staff/releases/{busy.waiting}/approve", data={"csrf": "é"}).status_code == 403
    assert client.post(f"/staff/releases/{busy.waiting}/approve").status_code == 403


def test_nobody_is_signed_in_from_elsewhere(world, client):
    token = world.token(Role.AUDITOR, audience=AUDIENCE_LOGIN)
    answer = client.post("/staff/enter", data={"token": token}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert client.get(f"/staff/releases/{'0' * 32}/approve").status_code in {303, 405}


# Words


def test_what_was_filled_in_plain_words():
    box = PixelBox(first_frame=0, last_frame=9, x=8, y=4, width=120, height=14, found_by=FoundBy.TEXT)
    assert pixels(UNSEEN) == "not looked at"
    assert pixels(PixelOutcome(is_proven=True)) == "none found"
    assert pixels(PixelOutcome(is_proven=True, boxes=(box,))) == "1 region filled: 120 x 14 at (8, 4)"
    assert pixels(PixelOutcome(is_proven=True, boxes=(box,) * 9)).endswith("(8, 4) ...")


def test_agreements_in_plain_words():
    recipient = make_recipient("acme-ai", purpose="MLTRAINING", approval=True)
    text = " ".join(agreement_in_words(recipient, NOW.date()))
    for words in (
        "CT and MR, of chest.",
        "within 90 days",
        "A person approves each release.",
        "cannot be looked at stay",
    ):
        assert words in text
    assert "it is over" in " ".join(agreement_in_words(recipient, date(2030, 1, 1)))
    assert "has not begun" in " ".join(agreement_in_words(recipient, date(2020, 1, 1)))
    assert agreement_in_words(replace(recipient, agreement=None), NOW.date()) == [
        "Nothing was agreed, so nothing leaves."
    ]


def test_names_days_and_periods_in_plain_words():
    assert [person(one) for one in ("Doe^Jane^M^^", "Doe", "", "=山田^太郎", "Yamada^Tarou=山田^太郎")] == [
        "Doe, Jane M",
        "Doe",
        "",
        "山田^太郎",
        "Yamada, Tarou",
    ]
    assert [dicom_day(one) for one in ("19600229", "1960", "19601345", "")] == ["29 Feb 1960", "1960", "19601345", ""]
    midnight = datetime(2027, 1, 1, tzinfo=UTC)
    permit = Provision(effect=Effect.PERMIT, purposes=frozenset({"HRESCH"}))
    assert [
        period(replace(permit, **bounds))
        for bounds in (
            {},
            {"starts": midnight},
            {"ends": midnight},
            {"starts": midnight, "ends": midnight + timedelta(hours=9)},
        )
    ] == [
        "without end",
        "from 1 Jan 2027",
        "until 31 Dec 2026, included",
        "from 1 Jan 2027 until 1 Jan 2027, 09:00 UTC",
    ]
    assert plainly("denied, denied: No.") == "denied: No."
    assert plainly("permitted, awaiting approval: Yes.") == "permitted, awaiting approval: Yes."


def test_ways_of_delivery_in_plain_words():
    tls = DimseEndpoint(host="h", port=104, called_ae="A", tls=TlsFiles())
    assert delivery(tls) == "Sent by C-STORE to A at h:104, over TLS"
    others = (
        StowEndpoint(url="u"),
        FolderEndpoint(path="p"),
        ObjectStoreEndpoint(url="s3://b"),
        PackageEndpoint(path="p", age_recipients=("age1",)),
    )
    assert len({delivery(one) for one in others}) == 4
    assert [size(one) for one in (1, 1500, 2_000_000, 5_000_000_000_000)] == [
        "1 bytes",
        "1.5 KB",
        "2.0 MB",
        "5,000.0 GB",
    ]
