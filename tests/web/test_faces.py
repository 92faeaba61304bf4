"""What was found of the head scans of a release, on the staff page and in the API; pictures for privacy officers only."""

from __future__ import annotations

import html
import re

import pytest

from scanward.errors import StoreError
from scanward.flow.reviewing import HoldDesk
from scanward.model.faces import FaceFigures, FaceFinding, FaceVolume
from scanward.model.holds import HoldKind
from scanward.model.release import ItemState, ReleaseState
from scanward.web.roles import Role
from tests.common.desk import NOW, make_recipient
from tests.web.conftest import BASE
from tests.web.test_staff import EVIL, csrf_of, sign_in

PNG = b"\x89PNG\r\n\x1a\n"
FIGURES = FaceFigures(
    metric=-0.61, overlap=0.93, vault_mm=1.4, rotation_degrees=6.0, scales=(0.9, 1.1), changed_share=0.083,
    face_kept=0.02, ears_kept=0.04, hits_before=7, hits_after=0, renders=18,
)  # fmt: skip
REMOVED = FaceVolume(
    modality="CT", instances=120, slices=120, finding=FaceFinding.FACE_REMOVED, figures=FIGURES,
    before=PNG + b"before", after=PNG + b"after",
)  # fmt: skip
REFUSED = FaceVolume(
    modality="MR", instances=1, slices=24, finding=FaceFinding.REFUSED, reasons=(f"too few {EVIL}",),
    before=PNG + b"seen",
)  # fmt: skip
LEGS = FaceVolume(modality="CT", instances=90, slices=90, finding=FaceFinding.NO_HEAD)
NOT_OFFICERS = [Role.IMAGING_IT, Role.AUDITOR]


@pytest.fixture
def busy(world, monkeypatch):
    """A world with a release of a study with head scans."""
    world.desk.save_recipient(make_recipient("acme-ai", name="Acme AI"), 'id = "acme-ai"', "me", NOW)
    world.study = world.desk.put_study(1, instances=4)
    world.release = world.desk.put_release(world.study, "acme-ai", ReleaseState.DONE, items=[ItemState.SENT])
    world.desk.volumes[world.release] = [REMOVED, REFUSED, LEGS]
    world.page = f"/staff/releases/{world.release}"
    world.address = f"/api/v1/releases/{world.release}/faces"
    monkeypatch.setattr(HoldDesk, "require_may_leave", lambda self, release_id: None)
    return world


# The page


def test_the_page_tells_of_each_volume_what_was_found_and_measured(busy, client):
    sign_in(client, busy, Role.PRIVACY_OFFICER)
    shown = client.get(busy.page).text
    for volume in busy.desk.volumes[busy.release]:
        assert f"{volume.modality}, {volume.slices} slices: {volume.finding.value}" in shown
    assert "A face was taken out of 1 volume." in shown
    assert "1 volume holds no head." in shown
    assert "face where it was: 2%" in shown
    assert "a face in 7 of 18 views before, 0 after" in shown
    assert "<script>alert" not in shown
    assert html.escape("too few <script>") in shown
    assert re.findall(r'<img[^>]* src="([^"]+)"', shown) == [
        "/staff/static/mark.svg",
        f"{busy.page}/faces/1/before",
        f"{busy.page}/faces/1/after",
        f"{busy.page}/faces/2/before",
    ]


@pytest.mark.parametrize("role", NOT_OFFICERS)
def test_who_may_not_read_identities_sees_figures_and_no_picture(busy, client, role):
    sign_in(client, busy, role)
    shown = client.get(busy.page).text
    assert "face where it was: 2%" in shown
    assert "/faces/" not in shown
    for number in (1, 2):
        for which in ("before", "after"):
            answer = client.get(f"{busy.page}/faces/{number}/{which}")
            assert answer.status_code == 403
            assert PNG not in answer.content


def test_pictures_are_for_privacy_officers_and_kept_by_nobody(busy, client):
    assert client.get(f"{busy.page}/faces/1/before").status_code == 303, "nobody is signed in"
    sign_in(client, busy, Role.PRIVACY_OFFICER)
    for path, picture in (("1/before", REMOVED.before), ("1/after", REMOVED.after), ("2/before", REFUSED.before)):
        answer = client.get(f"{busy.page}/faces/{path}")
        assert (answer.status_code, answer.content) == (200, picture)
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["2/after", "3/before", "4/before", "0/before", "-1/after", "1/other", "x/before"])
def test_pictures_that_are_not_there(busy, client, path):
    sign_in(client, busy, Role.PRIVACY_OFFICER)
    assert client.get(f"{busy.page}/faces/{path}").status_code == 404


def test_many_volumes_are_shown_when_asked_for(busy, client):
    busy.desk.volumes[busy.release] = [LEGS] * 20 + [REMOVED, REFUSED]
    sign_in(client, busy, Role.PRIVACY_OFFICER)
    at_once, _, others = client.get(busy.page).text.partition("2 more volumes")
    assert (at_once.count("90 slices: no head"), others.count("90 slices: no head")) == (20, 0)
    assert "20 volumes hold no head." in at_once
    assert f"{busy.page}/faces/21/before" in others
    assert client.get(f"{busy.page}/faces/21/before").content == REMOVED.before


def test_a_release_without_head_scans_has_no_such_section(busy, client):
    sign_in(client, busy, Role.PRIVACY_OFFICER)
    busy.desk.volumes.clear()
    assert "head scans" not in client.get(busy.page).text


def test_what_cannot_be_read_leaves_the_rest_of_the_page(busy, client, monkeypatch):
    def lost(_release_id):
        raise StoreError("a blob is not there")

    object.__setattr__(busy.services, "find_volumes", lost)
    sign_in(client, busy, Role.PRIVACY_OFFICER)
    shown = client.get(busy.page)
    assert shown.status_code == 200
    assert "cannot be read now" in shown.text
    assert client.get(f"{busy.page}/faces/1/before").status_code == 503


# What is held for a face


def test_what_is_held_for_a_face_leads_to_what_was_found(busy, client):
    (name,) = busy.desk.put_held(busy.release, kind=HoldKind.FACE, reason="a localiser, beside a scan of a head")
    busy.desk.put_held(busy.release, kind=HoldKind.PHOTOGRAPH, reason="from outside")
    sign_in(client, busy, Role.PRIVACY_OFFICER)
    shown = client.get(f"{busy.page}/held").text
    assert shown.count(f'href="{busy.page}#faces"') == 1
    assert "A face can be rebuilt from it" in shown
    face, photograph = busy.desk.holds[busy.release]
    for one, says in ((face, True), (photograph, False)):
        fields = {"csrf": csrf_of(client), "held": f"{one.instance_id}.{one.seen}"}
        checked = client.post(f"{busy.page}/held/check", data=fields, headers={"Origin": BASE})
        assert checked.status_code == 200
        assert (f'href="{busy.page}#faces"' in checked.text) == says
        assert ("and a face that stays" in checked.text) == says
        assert "exactly as they are" not in checked.text
    told = client.get(f"/api/v1/releases/{busy.release}/held", headers=busy.it).json()
    assert {one["instance_id"]: one["faces"] for one in told} == {name: busy.address, photograph.instance_id: ""}


# The API


def test_the_api_tells_the_same(busy, client):
    first, second, third = client.get(busy.address, headers=busy.officer).json()
    assert (first["finding"], second["finding"], third["finding"]) == ("face_removed", "refused", "no_head")
    assert (first["number"], first["face_kept"], first["scales"]) == (1, 0.02, [0.9, 1.1])
    assert (first["before"], first["after"]) == (f"{busy.address}/1/before", f"{busy.address}/1/after")
    assert (second["before"], second["after"]) == (f"{busy.address}/2/before", "")
    assert (third["before"], third["metric"], third["reasons"]) == ("", None, [])
    assert second["reasons"] == list(REFUSED.reasons)


@pytest.mark.parametrize("role", NOT_OFFICERS)
def test_the_api_gives_pictures_to_privacy_officers_only(busy, client, role):
    one = client.get(busy.address, headers=busy.bearer(role)).json()[0]
    assert (one["face_kept"], one["before"], one["after"]) == (0.02, "", "")
    for which in ("before", "after"):
        answer = client.get(f"{busy.address}/1/{which}", headers=busy.bearer(role))
        assert answer.status_code == 403
        assert PNG not in answer.content
    answer = client.get(f"{busy.address}/1/before", headers=busy.officer)
    assert (answer.content, answer.headers["cache-control"]) == (REMOVED.before, "no-store")


@pytest.mark.parametrize("role", [Role.RESEARCHER, Role.RECIPIENT])
def test_others_get_nothing(busy, client, role):
    who = busy.bearer(role, recipient="acme-ai" if role is Role.RECIPIENT else "")
    assert client.get(busy.address, headers=who).status_code == 403
    assert client.get(f"{busy.address}/1/before", headers=who).status_code == 403


def test_a_release_that_is_not_there(busy, client):
    for path in ("", "/1/before"):
        assert client.get(f"/api/v1/releases/{'0' * 32}/faces{path}", headers=busy.officer).status_code == 404
    assert client.get(f"{busy.address}/3/before", headers=busy.officer).status_code == 404
