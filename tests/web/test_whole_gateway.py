"""All of it over HTTP, on real stores: agree, send, decide, fetch, bring a result, account."""

import io
import re
from datetime import timedelta

import pytest
from pydicom import dcmread

from scanward.config import HttpSettings
from scanward.web.app import create_app
from scanward.web.auth import issue_token
from scanward.web.roles import Role
from scanward.web.serve import web_services
from tests.common.gateway import LUNG_AI, TestGateway, bytes_of
from tests.common.studies import make_ct_series
from tests.web.conftest import Client
from tests.web.test_stow import TYPE, body_of

DOCUMENT = re.sub(r'kind = "folder"\npath = "{path}"', 'kind = "pull"', LUNG_AI).replace(
    'profile = "ai-inference"', 'profile = "ai-inference"\nhuman_approval = true'
)


class Hospital:
    """A gateway and those who ask it."""

    def __init__(self, gateway: TestGateway) -> None:
        self.gateway = gateway
        self.services = web_services(gateway, HttpSettings())
        self.services.staff._clock = gateway.clock
        self.client = Client(create_app(self.services))

    def token(self, role: Role, recipient: str = "", **more) -> str:
        key, now = self.services.token_key, self.gateway.clock()
        return issue_token(key, f"a {role}", [role], recipient, timedelta(hours=1), now=now, **more)

    def ask(self, role: Role, method: str, path: str, recipient: str = "", **more):
        headers = {"Authorization": f"Bearer {self.token(role, recipient)}", **more.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **more)


@pytest.fixture
def hospital(tmp_path):
    gateway = TestGateway(tmp_path / "home")
    hospital = Hospital(gateway)
    yield hospital
    hospital.client.close()
    gateway.close()


def parts_of(answer) -> list[bytes]:
    boundary = answer.headers["content-type"].partition("boundary=")[2].encode()
    pieces = answer.content.split(b"--" + boundary)
    assert pieces[-1] == b"--\r\n"
    return [piece.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for piece in pieces[1:-1]]


def test_a_study_goes_out_and_its_accounting_is_there(hospital):
    officer, sender, vendor = Role.PRIVACY_OFFICER, Role.IMAGING_IT, Role.RECIPIENT
    assert hospital.ask(officer, "PUT", "/api/v1/recipients/lung-ai", content=DOCUMENT).status_code == 200
    sent = [sample.ds for sample in make_ct_series(slices=3, size=16, seed=7)]
    stored = hospital.ask(
        sender, "POST", "/dicom-web/studies", content=body_of(*map(bytes_of, sent)), headers={"Content-Type": TYPE}
    )
    assert (stored.status_code, len(stored.json()["00081199"]["Value"])) == (200, 3)
    hospital.gateway.settle()

    # A person approves; before, the recipient sees nothing.
    (waiting,) = hospital.ask(officer, "GET", "/api/v1/releases?state=awaiting approval").json()
    assert hospital.ask(vendor, "GET", "/dicom-web/studies", "lung-ai").json() == []
    assert hospital.ask(officer, "POST", f"/api/v1/releases/{waiting['release_id']}/approve").status_code == 204
    hospital.gateway.turn()

    # It fetches what is its own, de-identified; another does not.
    (found,) = hospital.ask(vendor, "GET", "/dicom-web/studies", "lung-ai").json()
    study = found["0020000D"]["Value"][0]
    assert study != sent[0].StudyInstanceUID
    assert hospital.ask(vendor, "GET", f"/dicom-web/studies/{study}", "other-ai").status_code == 404
    files = parts_of(hospital.ask(vendor, "GET", f"/dicom-web/studies/{study}", "lung-ai"))
    assert sorted(dcmread(io.BytesIO(one)).PixelData for one in files) == sorted(ds.PixelData for ds in sent)
    assert all(sent[0].PatientID.encode() not in one for one in files)
    metadata = hospital.ask(vendor, "GET", f"/dicom-web/studies/{study}/metadata", "lung-ai").json()
    assert {one["0020000D"]["Value"][0] for one in metadata} == {study}
    shown = hospital.ask(officer, "GET", f"/api/v1/releases/{waiting['release_id']}").json()
    assert [item["state"] for item in shown["items"]] == ["sent"] * 3

    # The accounting has it under the patient's ID, and only there.
    patient = {"patient_id": sent[0].PatientID, "issuer": sent[0].get("IssuerOfPatientID", ""), "view": "full"}
    account = hospital.ask(officer, "POST", "/api/v1/disclosures/accounting", json=patient).json()
    assert [(one["recipient"], one["instances"]) for one in account["entries"]] == [("lung-ai", 3)]
    nobody = {**patient, "patient_id": "nobody"}
    assert hospital.ask(officer, "POST", "/api/v1/disclosures/accounting", json=nobody).json()["entries"] == []

    # When the officer stops it, nothing of it is there any more.
    body = {"reason": "as the patient asked"}
    path = f"/api/v1/releases/{waiting['release_id']}/stop"
    assert hospital.ask(officer, "POST", path, json=body).status_code == 204
    assert hospital.ask(vendor, "GET", f"/dicom-web/studies/{study}", "lung-ai").status_code == 404


def test_a_refusal_closes_what_was_open_to_fetch(hospital):
    hospital.ask(
        Role.PRIVACY_OFFICER, "PUT", "/api/v1/recipients/lung-ai", content=DOCUMENT.replace("human_approval = true", "")
    )
    (ds, *_) = hospital.gateway.take_ct()
    hospital.gateway.settle()
    (found,) = hospital.ask(Role.RECIPIENT, "GET", "/dicom-web/studies", "lung-ai").json()
    path = f"/dicom-web/studies/{found['0020000D']['Value'][0]}"
    deny = {"patient_id": ds.PatientID, "issuer": ds.get("IssuerOfPatientID", ""), "effect": "deny", "purposes": ["*"]}
    assert hospital.ask(Role.PRIVACY_OFFICER, "POST", "/api/v1/consents", json=deny).status_code == 201
    assert hospital.ask(Role.RECIPIENT, "GET", path, "lung-ai").status_code == 404


def test_the_staff_page_on_real_stores(hospital):
    hospital.ask(Role.PRIVACY_OFFICER, "PUT", "/api/v1/recipients/lung-ai", content=DOCUMENT)
    (ds, *_) = hospital.gateway.take_ct()
    hospital.gateway.settle()
    hospital.ask(
        Role.IMAGING_IT, "POST", "/dicom-web/studies", content=body_of(b"what is this"), headers={"Content-Type": TYPE}
    )
    result = next(iter(make_ct_series(slices=1, size=16, seed=3))).ds
    stow = {"content": body_of(bytes_of(result)), "headers": {"Content-Type": TYPE}}
    assert hospital.ask(Role.RECIPIENT, "POST", "/dicom-web/studies", "lung-ai", **stow).status_code == 200
    while hospital.gateway.engine.returner.step():
        pass
    client = hospital.client
    assert client.post("/staff/enter", data={"token": hospital.token(Role.PRIVACY_OFFICER)}).status_code == 303
    overview = client.get("/staff/").text
    assert "3 things need a person" in overview
    (study,) = set(re.findall(r"/staff/studies/[0-9a-f]{32}", overview))
    (release,) = set(re.findall(r"/staff/releases/[0-9a-f]{32}", overview))
    assert str(ds.PatientName).partition("^")[0] in client.get(study).text
    assert "Waits for approval" in client.get(release).text
    csrf = re.search(r'name="csrf" value="([0-9a-f]{64})"', overview)[1]
    assert client.post(f"{release}/approve", data={"csrf": csrf}).status_code == 303
    hospital.gateway.turn()
    assert "Approved by a privacy-officer" in client.get(release).text
    for path in (
        "/staff/studies",
        "/staff/waiting",
        "/staff/recipients",
        "/staff/recipients/lung-ai",
        "/staff/disclosures",
    ):
        assert client.get(path).status_code == 200
    for view in ("statutory", "full"):
        fields = {"csrf": csrf, "patient_id": ds.PatientID, "view": view}
        assert client.post("/staff/disclosures", data=fields).status_code == 200
    metrics = client.get("/metrics").text
    assert 'scanward_items_by_state{state="available"} 3.0' in metrics
    assert "scanward_quarantined 1.0" in metrics
