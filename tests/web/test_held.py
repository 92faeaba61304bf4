"""Images held for their pixels, on the staff page and by the API: who sees what, who decides, and what a hurry cannot do."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest

from scanward.errors import StateError
from scanward.flow.reviewing import HoldDesk
from scanward.model.holds import HoldKind, HoldState, LetGoRecord
from scanward.model.release import ItemState, ReleaseState
from scanward.web.roles import Role
from tests.common.desk import NOW, make_recipient
from tests.web.conftest import BASE
from tests.web.test_staff import EVIL, csrf_of, sign_in

WHY = "A scale and a depth mark, no name."


@pytest.fixture
def busy(world, monkeypatch):
    """A world with a release of which images are held; agreement and consent permit it (asked in the gateway's tests)."""
    world.desk.save_recipient(make_recipient("acme-ai", name="Acme AI"), 'id = "acme-ai"', "me", NOW)
    study = world.desk.put_study(1, instances=4)
    world.study = study
    world.release = world.desk.put_release(study, "acme-ai", ReleaseState.DONE, items=[ItemState.SENT])
    world.desk.put_held(world.release, count=3)
    world.desk.put_held(world.release, kind=HoldKind.UNREADABLE, reason=f"no decoder {EVIL}")
    monkeypatch.setattr(HoldDesk, "require_may_leave", lambda self, release_id: None)
    return world


def held(busy, state: HoldState = HoldState.OPEN):
    return [one for one in busy.desk.holds[busy.release] if one.state is state]


def values(*ones) -> list[str]:
    return [f"{one.instance_id}.{one.seen}" for one in ones]


def page_of(busy) -> str:
    return f"/staff/releases/{busy.release}/held"


def post(client, path, **fields):
    return client.post(path, data={"csrf": csrf_of(client), **fields}, headers={"Origin": BASE})


def api(client, busy, what: str, content: object, who=None):
    return client.post(f"/api/v1/releases/{busy.release}/held/{what}", json=content, headers=who or busy.officer)


def named(*ones) -> list[dict[str, str]]:
    return [{"instance_id": one.instance_id, "seen": one.seen} for one in ones]


# The page


def test_the_page_shows_where_something_is_and_never_what(busy, client):
    sign_in(client, busy, Role.PRIVACY_OFFICER)
    shown = client.get(page_of(busy)).text
    assert shown.count('<svg class="frame"') == 4
    assert shown.count('class="box"') == 9
    assert "<image" not in shown
    assert 'style="' not in shown, "the policy of the page has none"
    assert "<script>alert" not in shown
    assert html.escape("no decoder <script>") in shown
    for one in held(busy):
        assert one.sop_instance_uid in shown
        assert one.seen in shown


def test_pages_lead_to_it(busy, client):
    sign_in(client, busy, Role.PRIVACY_OFFICER)
    for path in ("/staff/waiting", f"/staff/studies/{busy.study}", f"/staff/releases/{busy.release}"):
        shown = client.get(path).text
        assert page_of(busy) in shown, path
        assert "4 images" in shown
    assert re.search(r"<b>4</b> Images held", client.get("/staff/").text)


@pytest.mark.parametrize("role", [Role.IMAGING_IT, Role.AUDITOR])
def test_who_does_not_decide_sees_no_uid_and_no_button(busy, client, role):
    sign_in(client, busy, role)
    shown = client.get(page_of(busy)).text
    assert "1.2.3.77" not in shown
    assert "Let go" not in shown
    assert ("Look again" in shown) == (role is Role.IMAGING_IT)
    csrf = csrf_of(client)
    for what in ("check", "let-go", "keep", *(["look-again"] if role is Role.AUDITOR else [])):
        fields = {"csrf": csrf, "held": values(*held(busy)[:1]), "count": "1", "reason": WHY, "looked": "yes"}
        answer = client.post(f"{page_of(busy)}/{what}", data=fields, headers={"Origin": BASE})
        assert answer.status_code == 403, what
    assert len(held(busy)) == 4


def test_nobody_decides_from_elsewhere(busy, client):
    sign_in(client, busy, Role.PRIVACY_OFFICER)
    fields = {"held": values(*held(busy)[:1]), "count": "1", "reason": WHY, "looked": "yes"}
    for more, headers in (({}, {"Origin": BASE}), ({"csrf": csrf_of(client)}, {"Origin": "http://evil.test"})):
        assert client.post(f"{page_of(busy)}/let-go", data={**fields, **more}, headers=headers).status_code == 403
    assert len(held(busy)) == 4


def test_some_are_let_go_once_it_was_seen_how_many(busy, client):
    sign_in(client, busy, Role.PRIVACY_OFFICER, subject="dr. officer")
    some = held(busy)[:2]
    checked = post(client, f"{page_of(busy)}/check", held=values(*some))
    assert checked.status_code == 200
    assert "Let 2 images go?" in checked.text
    assert 'name="count"' in checked.text
    assert "exactly as they are" not in checked.text, "a machine can clean these"
    assert len(held(busy)) == 4, "nothing happened yet"
    said = {"held": values(*some), "count": "2", "reason": WHY, "looked": "yes"}
    for more in ({"count": "3"}, {"count": ""}, {"looked": ""}, {"reason": "ok"}):
        assert post(client, f"{page_of(busy)}/let-go", **{**said, **more}).status_code in {409, 422}
    assert len(held(busy)) == 4
    answer = post(client, f"{page_of(busy)}/let-go", **said)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{page_of(busy)}?said=letgo")
    gone = held(busy, HoldState.LET_GO)
    assert [(one.by, one.why, one.as_it_is) for one in gone] == [("dr. officer", WHY, False)] * 2
    # The same form once more.
    assert post(client, f"{page_of(busy)}/let-go", **said).status_code == 409


def test_the_whole_group_is_what_waits_of_it_as_it_was_shown(busy, client):
    sign_in(client, busy, Role.PRIVACY_OFFICER)
    first, *rest = [one for one in held(busy) if one.hold.kind is HoldKind.TEXT]
    every = values(first, *rest)
    checked = post(client, f"{page_of(busy)}/check", every=every, whole="yes")
    assert "Let 3 images go?" in checked.text
    busy.desk.keep_held(busy.release, {first.instance_id: first.seen}, by="x", reason="", at=NOW)
    assert post(client, f"{page_of(busy)}/check", every=every, whole="yes").status_code == 409


def test_pixels_as_they_are_take_a_word_of_their_own(busy, client):
    sign_in(client, busy, Role.PRIVACY_OFFICER)
    (one,) = [one for one in held(busy) if one.hold.kind is HoldKind.UNREADABLE]
    checked = post(client, f"{page_of(busy)}/check", held=values(one)).text
    assert "exactly as they are" in checked
    assert re.search(r'name="as_it_is"[^>]*checked', checked) is None
    said = {"held": values(one), "count": "1", "reason": WHY, "looked": "yes"}
    assert post(client, f"{page_of(busy)}/let-go", **said, as_it_is="yes").status_code == 303
    assert held(busy, HoldState.LET_GO)[0].as_it_is


def test_what_was_seen_before_is_not_decided_on(busy, client):
    sign_in(client, busy, Role.PRIVACY_OFFICER)
    one = held(busy)[0]
    form = values(one)
    busy.desk.holds[busy.release][0] = replace(one, hold=replace(one.hold, digest="e" * 64))
    for what in ("check", "keep", "let-go"):
        more = {"count": "1", "reason": WHY, "looked": "yes"}
        assert post(client, f"{page_of(busy)}/{what}", held=form, **more).status_code == 409, what
    for wrong in ([], ["x"], ["../../.."], [f"{'f' * 32}.{'0' * 16}"], ["x" * 5000]):
        assert post(client, f"{page_of(busy)}/check", held=wrong).status_code in {404, 409, 422}
    assert len(held(busy)) == 4


def test_keeping_is_on_record_and_looking_again_too(busy, client):
    sign_in(client, busy, Role.PRIVACY_OFFICER, subject="dr. officer")
    one = held(busy)[0]
    assert post(client, f"{page_of(busy)}/keep", held=values(one), reason="a name").status_code == 303
    assert held(busy, HoldState.KEPT)[0].by == "dr. officer"
    shown = client.get(page_of(busy)).text
    assert "kept held" in shown
    assert "a name" in shown
    assert "3 images wait" in shown
    assert post(client, f"{page_of(busy)}/look-again").status_code == 303
    assert [event.what for event in busy.desk.history(busy.release)][-2:] == ["kept held", "to be looked at again"]


def test_a_release_that_may_not_leave_lets_nothing_go(busy, client, monkeypatch):
    def refuse(self, release_id):
        raise StateError("expected a release that may leave, got one that may not: You did not agree.")

    monkeypatch.setattr(HoldDesk, "require_may_leave", refuse)
    sign_in(client, busy, Role.PRIVACY_OFFICER)
    for what in ("check", "let-go"):
        more = {"count": "1", "reason": WHY, "looked": "yes"}
        answer = post(client, f"{page_of(busy)}/{what}", held=values(held(busy)[0]), **more)
        assert (answer.status_code, "You did not agree." in answer.text) == (409, True)
    assert len(held(busy)) == 4


def test_what_was_let_go_is_in_the_accounting(busy, client):
    busy.desk.put_disclosure(busy.release)
    record = LetGoRecord(by="dr. officer", at=NOW, reason=f"{WHY} {EVIL}", instances=2, as_it_is=2)
    busy.desk.accounted[-1] = replace(busy.desk.accounted[-1], let_go=(record,))
    sign_in(client, busy, Role.PRIVACY_OFFICER)
    patient = busy.desk.known[busy.study].patient.patient_id
    full = post(client, "/staff/disclosures", patient_id=patient, view="full").text
    for words in ("2 images were let go by dr. officer", WHY, "pixels as they were"):
        assert words in full
    assert "<script>alert" not in full
    answer = client.post(
        "/api/v1/disclosures/accounting", json={"patient_id": patient, "view": "full"}, headers=busy.officer
    ).json()
    assert answer["entries"][0]["let_go"][0]["by"] == "dr. officer"


# The API


def test_the_api_tells_what_is_held_and_uids_only_to_who_may_know(busy, client):
    path = f"/api/v1/releases/{busy.release}/held"
    first = client.get(path, headers=busy.officer).json()[0]
    assert (first["kind"], first["state"], first["regions"], len(first["boxes"])) == ("text", "open", 3, 3)
    assert first["sop_instance_uid"].startswith("1.2.3.77")
    assert not first["may_leave_as_it_is"]
    assert {one["sop_instance_uid"] for one in client.get(path, headers=busy.it).json()} == {""}
    assert client.get(path, headers=busy.bearer(Role.RESEARCHER)).status_code == 403
    assert client.get(path).status_code == 401
    assert client.get(f"/api/v1/releases/{'f' * 32}/held", headers=busy.officer).status_code == 404


def test_the_api_decides_under_the_same_rules(busy, client):
    first, second, third, _ = held(busy)
    said = {"held": named(first, second), "count": 2, "looked": True, "reason": WHY}
    for more, status in (
        ({"looked": False}, 422),
        ({"reason": "ok"}, 422),
        ({"count": 1}, 409),
        ({"held": []}, 422),
        ({"held": named(*[first] * 101), "count": 101}, 422),
        ({"held": [{"instance_id": first.instance_id, "seen": second.seen}], "count": 1}, 409),
        ({"more": 1}, 422),
    ):
        assert api(client, busy, "let-go", {**said, **more}).status_code == status, more
    for who in (busy.it, busy.bearer(Role.AUDITOR), busy.bearer(Role.RECIPIENT, recipient="acme-ai")):
        assert api(client, busy, "let-go", said, who).status_code == 403
        assert api(client, busy, "keep", {"held": named(third)}, who).status_code == 403
    assert len(held(busy)) == 4
    assert api(client, busy, "let-go", said).status_code == 204
    assert api(client, busy, "keep", {"held": named(third), "reason": "a name"}).status_code == 204
    assert [one.by for one in held(busy, HoldState.LET_GO)] == ["dr. officer"] * 2
    assert api(client, busy, "look-again", {}, busy.it).json() == {"instances": 1}
    assert api(client, busy, "look-again", {}, busy.bearer(Role.AUDITOR)).status_code == 403
