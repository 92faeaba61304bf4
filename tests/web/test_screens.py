"""Screens of devices on the staff page and in the API: what is drawn, who decides, and what a form may say."""

import re

import pytest

from scanward.model.screens import ScreenDecision
from scanward.web.roles import Role
from tests.web.test_staff import EVIL, post, sign_in

BOX = (0, 0, 300, 20)
OTHER = (10, 440, 90, 16)


@pytest.fixture
def screen(world):
    return world.desk.put_screen(boxes=(BOX, OTHER))


def decided(world, screen_id):
    one = world.desk.seen[screen_id]
    return one.decision, one.boxes, one.decided_by


def test_what_stays_in_place_is_drawn_and_proposed(world, client, screen):
    world.desk.put_screen("two few", images=4)
    sign_in(client, world, Role.PRIVACY_OFFICER)
    text = client.get("/staff/screens").text
    drawing = re.search(r"<svg.*?</svg>", text, re.DOTALL)[0]
    assert 'viewBox="0 0 640 480"' in drawing
    assert '<rect class="proposed" x="0" y="0" width="300" height="20"/>' in drawing
    assert "maker, one" in text
    assert text.count("<svg") == 1
    assert "two few" in text  # listed, and nothing is proposed
    assert text.count('name="box"') == 2
    assert "<image" not in text


def test_a_privacy_officer_has_boxes_filled_under_a_name(world, client, screen):
    sign_in(client, world, Role.PRIVACY_OFFICER, subject="dr. officer")
    answer = post(client, f"/staff/screens/{screen}/fill", box=["0,0,300,20"])
    assert answer.headers["location"] == "/staff/screens?said=filled"
    assert decided(world, screen) == (ScreenDecision.FILLED, (BOX,), "dr. officer")
    text = client.get(answer.headers["location"]).text
    assert "Filled from now on." in text
    assert "by dr. officer" in text
    # What is not filled yet is told, and not chosen by itself.
    assert re.search(r'value="0,0,300,20" checked', text)
    assert re.search(r'value="10,440,90,16">', text)
    assert "found since" in text
    assert post(client, f"/staff/screens/{screen}/fill", box=["0,0,300,20", "10,440,90,16"]).status_code == 303
    assert decided(world, screen)[1] == (BOX, OTHER)
    assert post(client, f"/staff/screens/{screen}/stop").headers["location"] == "/staff/screens?said=unfilled"
    assert decided(world, screen)[:2] == (ScreenDecision.OPEN, ())


def test_a_screen_is_left_and_can_be_filled_later(world, client, screen):
    sign_in(client, world, Role.PRIVACY_OFFICER)
    assert post(client, f"/staff/screens/{screen}/leave").headers["location"] == "/staff/screens?said=left"
    text = client.get("/staff/screens").text
    assert "Not now <span" in text
    assert len(re.findall(r'name="box" value="[0-9,]+" checked', text)) == 2
    assert post(client, f"/staff/screens/{screen}/fill", box=["0,0,300,20"]).status_code == 303


@pytest.mark.parametrize(
    "boxes",
    [[], ["x"], ["0,0,300"], ["-1,0,5,5"], ["600,0,300,20"], ["0,0,640,480"], ["0,0,0,20"], ["0,0,3,2"] * 101],
    ids=range(8),
)
def test_boxes_that_do_not_fit_are_refused(world, client, screen, boxes):
    sign_in(client, world, Role.PRIVACY_OFFICER)
    assert post(client, f"/staff/screens/{screen}/fill", box=boxes).status_code == 422
    asked = [list(map(int, one.split(","))) if one != "x" else one for one in boxes]
    answer = client.post(f"/api/v1/screens/{screen}/fill", json={"boxes": asked}, headers=world.officer)
    assert answer.status_code == 422
    assert decided(world, screen)[0] is ScreenDecision.OPEN


@pytest.mark.parametrize("role", [Role.IMAGING_IT, Role.AUDITOR])
def test_others_see_screens_and_decide_nothing(world, client, screen, role):
    sign_in(client, world, role)
    text = client.get("/staff/screens").text
    assert "<svg" in text
    assert "/fill" not in text
    assert "A privacy officer decides on these." in text
    for action in ("fill", "leave", "stop"):
        assert post(client, f"/staff/screens/{screen}/{action}", box=["0,0,300,20"]).status_code == 403
        headers = world.bearer(role)
        content = {"json": {"boxes": [BOX]}} if action == "fill" else {}
        assert client.post(f"/api/v1/screens/{screen}/{action}", headers=headers, **content).status_code == 403
    assert decided(world, screen)[0] is ScreenDecision.OPEN


def test_a_form_from_elsewhere_is_refused(world, client, screen):
    sign_in(client, world, Role.PRIVACY_OFFICER)
    sent = {"csrf": "0" * 64, "box": ["0,0,300,20"]}
    assert client.post(f"/staff/screens/{screen}/fill", data=sent).status_code == 403


def test_a_screen_that_is_not_there(world, client):
    sign_in(client, world, Role.PRIVACY_OFFICER)
    for action in ("fill", "leave", "stop"):
        assert post(client, f"/staff/screens/{'0' * 32}/{action}", box=["0,0,300,20"]).status_code == 404
        assert post(client, f"/staff/screens/x/{action}", box=["0,0,300,20"]).status_code == 404


def test_hostile_names_of_devices_are_shown_as_text(world, client):
    world.desk.put_screen(EVIL)
    sign_in(client, world, Role.PRIVACY_OFFICER)
    answer = client.get("/staff/screens")
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text
    assert not re.search(r"\sstyle=", answer.text)


def test_the_api_lists_and_decides(world, client, screen):
    (one,) = client.get("/api/v1/screens", headers=world.it).json()
    assert one["proposed"] == [list(BOX), list(OTHER)]
    assert (one["images"], one["decision"], one["filled"], one["decided"]) == (6, "open", [], None)
    own = {"boxes": [[5, 5, 50, 50]]}
    assert client.post(f"/api/v1/screens/{screen}/fill", json=own, headers=world.officer).status_code == 204
    (one,) = client.get("/api/v1/screens?decision=filled", headers=world.it).json()
    assert (one["filled"], one["decided_by"]) == ([[5, 5, 50, 50]], "dr. officer")
    assert client.get("/api/v1/screens", headers=world.it).json() == []
    assert client.post(f"/api/v1/screens/{screen}/stop", headers=world.officer).status_code == 204
    assert client.post(f"/api/v1/screens/{screen}/leave", headers=world.officer).status_code == 204
    assert decided(world, screen)[0] is ScreenDecision.LEFT
