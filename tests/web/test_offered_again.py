"""What a recipient fetches is decided on instance by instance, as of when it is fetched, and is of the form of then."""

import io

import pytest
from pydicom import dcmread

from scanward.web.dicomweb import wado
from scanward.web.roles import Role
from tests.common.gateway import LUNG_AI, TestGateway
from tests.common.studies import make_samples
from tests.web.test_whole_gateway import Hospital, parts_of

PULL = LUNG_AI.replace('kind = "folder"\npath = "{path}"', 'kind = "pull"')
ANY = PULL.replace('["CT", "MR"]', '["*"]')
CT, SR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.88.11"


@pytest.fixture
def hospital(tmp_path, monkeypatch):
    monkeypatch.setattr(wado, "DECISION_SECONDS", -1.0)
    gateway = TestGateway(tmp_path / "home")
    hospital = Hospital(gateway)
    gateway.add_recipient(ANY)
    for sample in make_samples(seed=5):
        if sample.name in {"ct/1", "ct/2", "sr/basic text"}:
            assert gateway.take(sample.ds).accepted
    gateway.settle()
    yield hospital
    hospital.client.close()
    gateway.close()


def find(hospital: Hospital, what: str = "instances") -> list[str]:
    """Return the SOP Classes that the recipient is told of, or the studies."""
    tag = "00080016" if what == "instances" else "0020000D"
    studies = hospital.ask(Role.RECIPIENT, "GET", "/dicom-web/studies", "lung-ai").json()
    if what == "studies":
        return [one[tag]["Value"][0] for one in studies]
    found = hospital.ask(Role.RECIPIENT, "GET", "/dicom-web/instances", "lung-ai").json()
    return sorted(one[tag]["Value"][0] for one in found)


def fetch(hospital: Hospital, study: str) -> list[bytes] | int:
    answer = hospital.ask(Role.RECIPIENT, "GET", f"/dicom-web/studies/{study}", "lung-ai")
    return parts_of(answer) if answer.status_code == 200 else answer.status_code


@pytest.mark.parametrize(
    ("scope", "left"),
    [
        ('modalities = ["SR"]', [SR]),
        ('modalities = ["*"]\nsop_classes = ["BasicTextSRStorage"]', [SR]),
        ('modalities = ["*"]\nbody_parts = ["CHEST"]', [CT, CT]),
        ('modalities = ["*"]\nbody_parts = ["KNEE"]', []),
    ],
)
def test_what_is_agreed_away_is_not_offered_and_cannot_be_fetched(hospital, scope, left):
    assert find(hospital) == sorted([CT, CT, SR])
    (study,) = find(hospital, "studies")
    known = hospital.ask(Role.RECIPIENT, "GET", "/dicom-web/instances", "lung-ai").json()
    hospital.gateway.add_recipient(ANY.replace('modalities = ["*"]', scope))
    assert find(hospital) == left
    files = fetch(hospital, study)
    assert (len(files) if isinstance(files, list) else 0) == len(left)
    for one in known:
        series, uid = (one[tag]["Value"][0] for tag in ("0020000E", "00080018"))
        path = f"/dicom-web/studies/{study}/series/{series}/instances/{uid}"
        for address in (path, f"{path}/metadata"):
            status = hospital.ask(Role.RECIPIENT, "GET", address, "lung-ai").status_code
            assert status == (200 if one["00080016"]["Value"][0] in left else 404)


def test_what_was_prepared_under_a_laxer_profile_is_fetched_in_the_form_of_now(hospital):
    (study,) = find(hospital, "studies")
    before = fetch(hospital, study)
    assert any(dcmread(io.BytesIO(one)).get("PatientSex") for one in before)
    hospital.gateway.add_recipient(ANY.replace("ai-inference", "basic"))
    # Nothing in the former form, from the first moment on; and then all of it in the one of now.
    assert fetch(hospital, study) == 404
    assert find(hospital) == []
    assert len(hospital.gateway.stores.ledger.find_outdated(10)) == 1
    hospital.gateway.turn()
    assert find(hospital) == sorted([CT, CT, SR])
    after = fetch(hospital, study)
    assert len(after) == len(before) == 3
    assert not any(dcmread(io.BytesIO(one)).get("PatientSex") for one in after)
    assert hospital.gateway.stores.ledger.find_outdated(10) == []


def test_a_recipient_that_asks_all_the_time_has_it_prepared_once(hospital):
    hospital.gateway.add_recipient(ANY.replace("ai-inference", "basic"))
    for _ in range(3):
        assert find(hospital) == []
        hospital.gateway.engine.router.sweep()
    assert len(hospital.gateway.queue.waiting) == 1
    hospital.gateway.turn()
    hospital.gateway.engine.router.sweep()
    assert not hospital.gateway.queue.waiting


def test_results_on_what_was_fetched_before_and_after_find_their_study(hospital):
    (study,) = find(hospital, "studies")
    fetch(hospital, study)
    hospital.gateway.add_recipient(ANY.replace("ai-inference", "basic"))
    find(hospital)
    hospital.gateway.turn()
    (disclosed,) = hospital.gateway.stores.ledger.find_disclosed("lung-ai", [study])
    assert len(disclosed.instances) == 3


def test_who_stopped_it_is_shown(hospital):
    (release,) = hospital.ask(Role.PRIVACY_OFFICER, "GET", "/api/v1/releases").json()
    path = f"/api/v1/releases/{release['release_id']}"
    assert release["stopped_by"] == ""
    body = {"reason": "wrong cohort"}
    assert hospital.ask(Role.PRIVACY_OFFICER, "POST", f"{path}/stop", json=body).status_code == 204
    shown = hospital.ask(Role.AUDITOR, "GET", path).json()
    assert (shown["state"], shown["stopped_by"], shown["reasons"]) == (
        "stopped",
        f"a {Role.PRIVACY_OFFICER}",
        ["wrong cohort"],
    )
    assert f"a {Role.PRIVACY_OFFICER}" in {one["by"] for one in shown["history"]}
    assert find(hospital) == []
