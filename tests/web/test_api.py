"""The JSON API, as those see it who work with it."""

import io
import json
import zipfile
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from scanward.errors import StoreFullError
from scanward.model.release import ItemState, ReleaseState, ResultState
from scanward.model.study import OriginKind
from scanward.web.app import create_app
from scanward.web.metrics import Metrics
from scanward.web.roles import Role
from tests.common.desk import NOW, make_recipient
from tests.common.outgoing import make_outgoing
from tests.web.conftest import Client

DOCUMENT = """
id = "acme-ai"
name = "Acme AI"
address = "1 Cloud Way, Berlin"
purpose = "TREAT"
basis = "treatment"
allowed_regions = ["DE"]
[endpoint]
kind = "pull"
[agreement]
purposes = ["TREAT"]
region = "DE"
starts = 2026-01-01
ends = 2028-01-01
retention_days = 90
[agreement.data]
modalities = ["CT"]
"""

PATIENT = {"patient_id": "PID-0001", "issuer": ""}
PERMIT = {**PATIENT, "effect": "permit", "purposes": ["TREAT"]}


def agree(world, recipient_id="acme-ai", **more):
    recipient = make_recipient(recipient_id, **more)
    world.desk.save_recipient(recipient, "document", "dr. officer", NOW)


def test_studies_are_listed_without_identities(world, client):
    study_id = world.desk.put_study(1)
    world.desk.put_study(2, at=NOW - timedelta(hours=1))
    world.desk.put_release(study_id, "acme-ai", ReleaseState.OPEN)
    found = client.get("/api/v1/studies", headers=world.it).json()
    assert [one["instances"] for one in found] == [2, 2]
    assert found[0]["study_id"] == study_id
    assert found[0]["releases"][0]["state"] == "open"
    assert "Secret" not in json.dumps(found)
    assert "PID-" not in json.dumps(found)
    older = client.get("/api/v1/studies", params={"before": NOW.isoformat()}, headers=world.it).json()
    assert len(older) == 1


@pytest.mark.parametrize("role", [Role.IMAGING_IT, Role.AUDITOR, Role.RESEARCHER])
def test_only_a_privacy_officer_sees_whose_study_it_is(world, client, role):
    study_id = world.desk.put_study(1)
    shown = client.get(f"/api/v1/studies/{study_id}", headers=world.officer).json()
    assert shown["identity"]["name"] == "Secret^Patient1"
    hidden = client.get(f"/api/v1/studies/{study_id}", headers=world.bearer(role))
    assert hidden.status_code == 200
    assert hidden.json()["identity"] is None
    for word in ("Secret", "PID-0001", "ACC00001", "19600229", "1.2.3.1"):
        assert word not in hidden.text
    assert client.post("/api/v1/studies/search", json=PATIENT, headers=world.bearer(role)).status_code == 403
    assert len(client.post("/api/v1/studies/search", json=PATIENT, headers=world.officer).json()) == 1


def test_a_release_is_approved_or_refused_under_a_name(world, client):
    agree(world, approval=True)
    one = world.desk.put_release(world.desk.put_study(1), "acme-ai", ReleaseState.AWAITING_APPROVAL)
    two = world.desk.put_release(world.desk.put_study(2), "acme-ai", ReleaseState.AWAITING_APPROVAL)
    waiting = client.get("/api/v1/releases?state=awaiting approval", headers=world.officer).json()
    assert {row["release_id"] for row in waiting} == {one, two}
    for role in (Role.IMAGING_IT, Role.AUDITOR):
        assert client.post(f"/api/v1/releases/{one}/approve", headers=world.bearer(role)).status_code == 403
    assert client.post(f"/api/v1/releases/{one}/approve", headers=world.officer).status_code == 204
    body = {"reason": "not of this cohort"}
    assert client.post(f"/api/v1/releases/{two}/refuse", json=body, headers=world.officer).status_code == 204
    assert world.desk.released[one].approved_by == "dr. officer"
    history = client.get(f"/api/v1/releases/{two}", headers=world.officer).json()["history"]
    assert (history[-1]["what"], history[-1]["by"], history[-1]["detail"]) == ("refused", "dr. officer", body["reason"])
    again = client.post(f"/api/v1/releases/{one}/approve", headers=world.officer)
    assert (again.status_code, again.headers["content-type"]) == (409, "application/problem+json")


def test_a_release_is_stopped_and_tried_again(world, client):
    states = [ItemState.SENT, ItemState.FAILED, ItemState.UNKNOWN]
    release_id = world.desk.put_release(
        world.desk.put_study(1, instances=3), "acme-ai", ReleaseState.DONE, items=states
    )
    assert client.post(f"/api/v1/releases/{release_id}/retry", headers=world.it).json() == {"instances": 2}
    body = {"reason": "wrong recipient"}
    assert client.post(f"/api/v1/releases/{release_id}/stop", json=body, headers=world.officer).status_code == 204
    shown = client.get(f"/api/v1/releases/{release_id}", headers=world.officer).json()
    assert (shown["state"], shown["reasons"]) == ("stopped", ["wrong recipient"])
    assert shown["stopped_by"] == "dr. officer"
    assert [item["state"] for item in shown["items"]] == ["sent", "queued", "queued"]
    assert client.post(f"/api/v1/releases/{release_id}/retry", headers=world.it).status_code == 409
    opened = world.desk.put_release(world.desk.put_study(2), "acme-ai", ReleaseState.OPEN)
    assert client.post(f"/api/v1/releases/{opened}/stop", json=body, headers=world.officer).status_code == 409


def test_a_recipient_comes_into_force_and_goes_out(world, client):
    study_id = world.desk.put_study(1)
    denied = world.desk.put_release(study_id, "acme-ai", ReleaseState.DENIED)
    put = client.put("/api/v1/recipients/acme-ai", content=DOCUMENT, headers=world.officer)
    assert put.status_code == 200
    assert put.json()["delivery"] == "pull"
    assert world.desk.released[denied].state is ReleaseState.OPEN
    assert client.get("/api/v1/recipients", headers=world.it).json() == [put.json()]
    assert client.get("/api/v1/recipients/acme-ai", headers=world.it).json()["agreement"]["modalities"] == ["CT"]
    versions = client.get("/api/v1/recipients/acme-ai/versions", headers=world.it).json()
    assert [(one["document"], one["saved_by"]) for one in versions] == [(DOCUMENT, "dr. officer")]
    assert client.post("/api/v1/recipients/acme-ai/end", headers=world.it).status_code == 403
    assert client.post("/api/v1/recipients/acme-ai/end", headers=world.officer).status_code == 204
    assert client.post("/api/v1/recipients/acme-ai/end", headers=world.officer).status_code == 404
    assert client.get("/api/v1/recipients/acme-ai", headers=world.it).status_code == 404


@pytest.mark.parametrize(
    "document", ["", "x = 1", "id = [", "\udcff", DOCUMENT.replace("TREAT", "FUN"), DOCUMENT + "x=1"]
)
def test_a_document_that_is_not_valid_changes_nothing(world, client, document):
    content = document.encode("utf-8", "surrogateescape")
    answer = client.put("/api/v1/recipients/acme-ai", content=content, headers=world.officer)
    assert answer.status_code == 422
    assert world.desk.agreed == {}


def test_a_document_of_another_recipient_is_refused(world, client):
    answer = client.put("/api/v1/recipients/other", content=DOCUMENT, headers=world.officer)
    assert (answer.status_code, world.desk.agreed) == (422, {})


def test_consents_are_those_of_the_patient_that_the_intake_knows(world, client):
    study_id = world.desk.put_study(1)
    denied = world.desk.put_release(study_id, "acme-ai", ReleaseState.DENIED)
    other = world.desk.put_release(world.desk.put_study(2), "acme-ai", ReleaseState.DENIED)
    added = client.post("/api/v1/consents", json=PERMIT, headers=world.officer)
    assert added.status_code == 201
    assert len(world.desk.provisions(world.desk.known[study_id].patient_id)) == 1
    assert world.desk.released[denied].state is ReleaseState.OPEN
    assert world.desk.released[other].state is ReleaseState.DENIED
    listed = client.post("/api/v1/consents/list", json=PATIENT, headers=world.bearer(Role.AUDITOR)).json()
    assert [(one["effect"], one["recorded_by"], one["revoked"]) for one in listed] == [("permit", "dr. officer", None)]
    # Another patient's provision cannot be taken back in this one's name.
    revoke = {**PATIENT, "provision_id": added.json()["provision_id"]}
    elsewhere = {**revoke, "patient_id": "PID-0002"}
    assert client.post("/api/v1/consents/revoke", json=elsewhere, headers=world.officer).status_code == 404
    assert client.post("/api/v1/consents/revoke", json=revoke, headers=world.officer).status_code == 204
    assert client.post("/api/v1/consents/revoke", json=revoke, headers=world.officer).status_code == 404
    assert client.post("/api/v1/consents/list", json=PATIENT, headers=world.officer).json()[0]["revoked"] is not None


@pytest.mark.parametrize(
    "change",
    [
        {"purposes": ["*"]},
        {"purposes": []},
        {"purposes": ["FUN"]},
        {"effect": "maybe"},
        {"starts": "2026-01-01T00:00:00"},
        {"patient_id": ""},
        {"patient_id": "  "},
        {"secret_key_Meier": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_provision_that_is_not_valid_is_refused_without_repeating_it(world, client, change):
    with capture_logs() as logs:
        answer = client.post("/api/v1/consents", json={**PERMIT, **change}, headers=world.officer)
    assert answer.status_code == 422
    assert world.desk.consents == {}
    for text in (answer.text, repr(logs)):
        assert "PID-0001" not in text
        assert "Meier" not in text


def test_disclosures_and_the_accounting_of_a_patient(world, client):
    agree(world)
    release_id = world.desk.put_release(
        world.desk.put_study(1), "acme-ai", ReleaseState.DONE, items=[ItemState.SENT] * 2
    )
    world.desk.put_disclosure(release_id)
    auditor = world.bearer(Role.AUDITOR)
    listed = client.get("/api/v1/disclosures", params={"since": NOW.isoformat()}, headers=auditor).json()
    assert [(one["recipient"], one["states"]) for one in listed] == [("acme-ai", {"sent": 2})]
    assert client.get("/api/v1/disclosures", headers=world.it).status_code == 403
    statutory = client.post("/api/v1/disclosures/accounting", json=PATIENT, headers=auditor).json()
    assert (statutory["view"], len(statutory["entries"])) == ("statutory", 1)  # its ground is research
    full = client.post("/api/v1/disclosures/accounting", json={**PATIENT, "view": "full"}, headers=auditor).json()
    assert full["entries"][0]["instances"] == 2
    other = {"patient_id": "PID-0002"}
    assert client.post("/api/v1/disclosures/accounting", json=other, headers=auditor).json()["entries"] == []


def test_held_results_are_decided_by_a_person(world, client):
    release_id = world.desk.put_release(world.desk.put_study(1), "acme-ai", ReleaseState.DONE)
    foreign = world.desk.put_release(world.desk.put_study(2), "other", ReleaseState.DONE)
    one, two, three = (world.desk.put_result(name, "acme-ai") for name in "abc")
    assert len(client.get("/api/v1/results?state=held", headers=world.it).json()) == 3
    assert (
        client.post(f"/api/v1/results/{one}/assign", json={"release_id": foreign}, headers=world.officer).status_code
        == 409
    )
    body = {"release_id": release_id}
    assert client.post(f"/api/v1/results/{one}/assign", json=body, headers=world.it).status_code == 403
    assert client.post(f"/api/v1/results/{one}/assign", json=body, headers=world.officer).status_code == 204
    assert client.post(f"/api/v1/results/{one}/assign", json=body, headers=world.officer).status_code == 409
    assert client.post(f"/api/v1/results/{two}/reject", json={}, headers=world.officer).status_code == 204
    assert client.post(f"/api/v1/results/{three}/retry", headers=world.it).status_code == 204
    states = [world.desk.came_back[result].state for result in (one, two, three)]
    assert states == [ResultState.RECEIVED, ResultState.REJECTED, ResultState.RECEIVED]
    assert world.desk.came_back[one].release_id == release_id


def test_quarantine_says_why_and_from_whom(world, client):
    world.desk.put_quarantined(1)
    found = client.get("/api/v1/quarantine", headers=world.it).json()
    assert (found[0]["peer"], found[0]["door"]) == ("ct-scanner-2", "dimse")
    assert found[0]["reason"].startswith("the data set ends")


def test_fetching_a_study_from_the_archive(world, client):
    assert client.post("/api/v1/studies/fetch", json={"study_uid": "1.2.3"}, headers=world.it).json() == {
        "instances": 7
    }
    assert client.post("/api/v1/studies/fetch", json={"study_uid": "1.2;3"}, headers=world.it).status_code == 422


# Upload


def test_files_and_archives_are_uploaded(world, client, tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("study/1", make_outgoing(1).content)
        archive.writestr("study/2", make_outgoing(2).content)
        archive.writestr("read me.txt", "Anna Meier")
    files = [("file", ("a.zip", buffer.getvalue())), ("file", ("b.dcm", make_outgoing(3).content))]
    answer = client.post("/api/v1/upload", files=files, headers=world.it)
    assert answer.json() == {"accepted": 3, "quarantined": 0, "skipped": 1, "refused": 0, "reasons": ["no DICOM"]}
    assert {origin.kind for _, origin in world.intake.taken} == {OriginKind.UPLOAD}
    assert list(tmp_path.iterdir()) == []
    assert client.post("/api/v1/upload", files=files, headers=world.officer).status_code == 403


def test_an_upload_without_a_file_or_without_room_is_said_so(world, client, tmp_path):
    assert client.post("/api/v1/upload", data={"x": "y"}, headers=world.it).status_code == 415
    assert client.post("/api/v1/upload", files={"x": (None, "y")}, headers=world.it).status_code == 422
    world.intake.failing = StoreFullError("no room")
    full = client.post("/api/v1/upload", files={"file": ("a", make_outgoing(1).content)}, headers=world.it)
    assert full.status_code == 507
    assert list(tmp_path.iterdir()) == []


# Health, metrics and errors


def test_health_says_what_is_wrong(world, client):
    assert client.get("/health/live").status_code == 200
    assert client.get("/health/ready").json() == {"status": "ready", "checks": {"ledger": True, "room": True}}
    world.desk.broken = True
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()["checks"]["ledger"]) == (503, False)
    assert client.get("/health/live").status_code == 200


def test_health_says_when_nobody_works(world):
    works = {"workers": True}
    client = Client(create_app(replace(world.services, checks={"workers": lambda: works["workers"]})))
    assert client.get("/health/ready").json()["checks"]["workers"] is True
    works["workers"] = False
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()["checks"]["workers"]) == (503, False)
    client.close()


def test_metrics_tell_how_work_goes_along(world, client):
    text = client.get("/metrics").text
    assert "scanward_outbox_items 0.0" in text
    assert "scanward_outbox_oldest_seconds 0.0" in text
    items = [ItemState.QUEUED, ItemState.QUEUED]
    world.desk.put_release(world.desk.put_study(1), "acme-ai", ReleaseState.ACCOUNTED, items=items)
    text = Metrics(world.desk, lambda: NOW + timedelta(minutes=1)).render().decode()
    assert "scanward_outbox_items 2.0" in text
    assert "scanward_outbox_oldest_seconds 60.0" in text
    assert "scanward_workers 1.0" in text
    assert 'scanward_decisions_total{outcome="permit",reason=""} 5.0' in text
    assert 'scanward_decisions_total{outcome="hold",reason="approval"} 0.0' in text
    assert 'scanward_decisions_total{outcome="deny",reason="consent"} 2.0' in text
    assert 'scanward_decisions_total{outcome="deny",reason="agreement"} 0.0' in text


def test_metrics_count_what_the_ledger_knows(world, client):
    world.desk.put_release(world.desk.put_study(1), "acme-ai", ReleaseState.DONE, items=[ItemState.SENT] * 2)
    client.get(f"/api/v1/studies/{'0' * 32}", headers=world.it)
    text = client.get("/metrics").text
    assert 'scanward_items_by_state{state="sent"} 2.0' in text
    assert "scanward_studies 1.0" in text
    assert 'scanward_http_requests_total{method="GET",route="/api/v1/studies/{study_id}",status="404"} 1.0' in text
    assert "0" * 32 not in text


def test_metrics_are_not_for_everyone(world, client):
    behind = {"X-Forwarded-For": "203.0.113.9"}
    assert client.get("/metrics", headers=behind).status_code == 401
    assert client.get("/metrics", headers=behind | world.bearer(Role.RESEARCHER)).status_code == 403
    assert client.get("/metrics", headers=behind | world.it).status_code == 200


def test_a_ledger_that_cannot_be_reached_is_no_secret_and_no_traceback(world, client):
    world.desk.broken = True
    answer = client.get("/api/v1/studies", headers=world.it)
    assert (answer.status_code, answer.json()["detail"]) == (503, "the ledger cannot be reached")
    assert "scanward_ledger_up 0.0" in client.get("/metrics").text


def test_an_unexpected_error_shows_and_logs_no_values(world, client):
    def fail(**_):
        raise RuntimeError("Meier^Anna")

    world.desk.studies = fail
    with capture_logs() as logs:
        answer = client.get("/api/v1/studies", headers=world.it)
    assert (answer.status_code, answer.json()) == (500, {"title": "Internal Server Error", "status": 500})
    assert [line["kind"] for line in logs if line["event"] == "unexpected_error"] == ["RuntimeError"]
    assert "Meier" not in repr(logs)


def test_what_is_not_there_is_404_and_names_nothing(world, client):
    for path in ("/nothing", "/api/v1/nothing", "/api/v1/studies/1.2.840.113619", f"/api/v1/studies/{'f' * 32}"):
        answer = client.get(path, headers=world.it)
        assert answer.status_code in {404, 422}
        assert "113619" not in answer.text
    assert client.request("DELETE", "/api/v1/studies", headers=world.it).status_code == 405


def test_every_answer_carries_the_security_headers(world, client):
    for path in ("/health/live", "/api/v1/studies", "/nothing", "/staff/sign-in", "/dicom-web/studies"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers


def test_no_log_line_names_what_was_asked_for(world, client):
    study_id = world.desk.put_study(1)
    with capture_logs() as logs:
        client.get(f"/api/v1/studies/{study_id}?x=PID-0001", headers=world.officer)
    assert [line["route"] for line in logs if line["event"] == "http_request"] == ["/api/v1/studies/{study_id}"]
    assert study_id not in repr(logs)
    assert "PID-0001" not in repr(logs)
