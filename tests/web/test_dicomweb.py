"""What recipients find and fetch; asked by dicomweb-client over a real port, and by those who may not."""

import io

import httpx
import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom import dcmread
from requests import HTTPError

from scanward.errors import StateError
from scanward.model.release import ItemState, ReleaseState
from scanward.web.roles import Role
from tests.common.outgoing import make_outgoing
from tests.web.serving import serve


@pytest.fixture
def vendor(world):
    """A DICOMweb client of the recipient acme-ai, to whom two studies were released."""
    world.offer(1, "acme-ai", count=3)
    world.offer(2, "acme-ai", count=1)
    world.offer(3, "other-ai", count=2)
    headers = world.bearer(Role.RECIPIENT, recipient="acme-ai")
    with serve(world.app) as url:
        client = DICOMwebClient(f"{url}/dicom-web", headers=headers)
        yield client
        client._session.close()


def uids(number: int, index: int = 1) -> tuple[str, str, str]:
    """Return the new study, series and instance UID of what was released."""
    file = make_outgoing(index, study=number)
    _, study, series, _ = file.path.split("/")
    return study, series, file.sop_instance_uid


def test_a_real_client_finds_studies_series_and_instances(vendor):
    studies = vendor.search_for_studies()
    assert {one["0020000D"]["Value"][0] for one in studies} == {uids(1)[0], uids(2)[0]}
    found = vendor.search_for_studies(search_filters={"StudyInstanceUID": uids(1)[0]})
    assert [(one["00201208"]["Value"], one["00080061"]["Value"]) for one in found] == [([3], ["CT"])]
    assert found[0]["00100020"]["Value"] == ["PATIENT1"]
    series = vendor.search_for_series(uids(1)[0])
    assert [one["0020000E"]["Value"][0] for one in series] == [uids(1)[1]]
    instances = vendor.search_for_instances(*uids(1)[:2])
    assert [one["00080018"]["Value"][0] for one in instances] == [uids(1, number)[2] for number in (1, 2, 3)]
    assert len(vendor.search_for_instances(limit=2, offset=1)) == 2
    assert vendor.search_for_studies(search_filters={"Modality": "MR"}) == []
    assert len(vendor.search_for_studies(fuzzymatching=True, fields=["PatientName"])) == 2


def test_a_real_client_fetches_what_was_released(vendor, world):
    fetched = vendor.retrieve_study(uids(1)[0])
    assert [ds.SOPInstanceUID for ds in fetched] == [uids(1, number)[2] for number in (1, 2, 3)]
    assert world.fetched == [uids(1, number)[2] for number in (1, 2, 3)]
    ds = vendor.retrieve_instance(*uids(1, 2))
    original = dcmread(io.BytesIO(make_outgoing(2, study=1, rows=16).content))
    assert ds.PixelData == original.PixelData
    assert len(vendor.retrieve_series(*uids(2)[:2])) == 1


def test_a_real_client_reads_metadata_without_bulk_data(vendor):
    found = vendor.retrieve_study_metadata(uids(1)[0])
    assert [one["00080018"]["Value"][0] for one in found] == [uids(1, number)[2] for number in (1, 2, 3)]
    assert found[0]["00280010"]["Value"] == [16]
    assert "7FE00010" not in found[0]
    assert vendor.retrieve_instance_metadata(*uids(1))["00080060"]["Value"] == ["CT"]


def test_a_real_client_brings_a_result(vendor, world):
    vendor.store_instances([dcmread(io.BytesIO(make_outgoing(9).content))])
    assert world.intake.taken[0][1].recipient == "acme-ai"


def test_another_recipients_study_is_as_if_it_were_not_there(vendor):
    for study, series, instance in (uids(3), ("2.25.99", "2.25.98", "2.25.97")):
        assert vendor.search_for_studies(search_filters={"StudyInstanceUID": study}) == []
        assert vendor.search_for_instances(study) == []
        for ask in (
            lambda study=study: vendor.retrieve_study(study),
            lambda study=study, series=series: vendor.retrieve_series(study, series),
            lambda study=study, series=series, instance=instance: vendor.retrieve_instance(study, series, instance),
            lambda study=study: vendor.retrieve_study_metadata(study),
        ):
            with pytest.raises(HTTPError) as refused:
                ask()
            assert refused.value.response.status_code == 404
            assert refused.value.response.json() == {"title": "Not Found", "status": 404}


# Without a socket


def fetch(client, world, path, *, accept="", recipient="acme-ai"):
    headers = world.bearer(Role.RECIPIENT, recipient=recipient)
    return client.get(f"/dicom-web{path}", headers={**headers, **({"Accept": accept} if accept else {})})


def fetch_broken_off(world, study: str) -> bytes:
    """Return what comes of a study before the connection is closed on it."""
    headers = world.bearer(Role.RECIPIENT, recipient="acme-ai")
    came = b""
    with serve(world.app) as url, httpx.stream("GET", f"{url}/dicom-web/studies/{study}", headers=headers) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            for chunk in answer.iter_raw():
                came += chunk
    return came


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.RECIPIENT])
def test_nobody_else_may_ask(client, world, role):
    world.offer(1, "acme-ai")
    for path in ("/studies", f"/studies/{uids(1)[0]}", f"/studies/{uids(1)[0]}/metadata"):
        assert client.get(f"/dicom-web{path}", headers=world.bearer(role)).status_code == 403


def test_what_is_not_permitted_any_more_is_not_there(client, world):
    release_id = world.offer(1, "acme-ai")
    assert fetch(client, world, f"/studies/{uids(1)[0]}").status_code == 200
    world.forbidden.add(release_id)
    assert fetch(client, world, f"/studies/{uids(1)[0]}").status_code == 404
    assert fetch(client, world, "/studies").json() == []


def test_one_instance_that_is_not_permitted_any_more_is_not_there_and_the_others_are(client, world):
    world.offer(1, "acme-ai", count=3)
    gone = uids(1, 3)[2]
    world.forbidden.add(gone)
    study = f"/studies/{uids(1)[0]}"
    assert {one["00080018"]["Value"][0] for one in fetch(client, world, f"{study}/instances").json()} == {
        uids(1, 1)[2],
        uids(1, 2)[2],
    }
    answer = fetch(client, world, study)
    assert answer.status_code == 200
    assert gone.encode() not in answer.content
    one = f"{study}/series/{uids(1)[1]}/instances/{gone}"
    assert [fetch(client, world, path).status_code for path in (one, f"{one}/metadata")] == [404, 404]


def test_an_instance_that_is_agreed_away_while_its_study_is_fetched_breaks_it_off(world, monkeypatch):
    monkeypatch.setattr("scanward.web.dicomweb.wado.DECISION_SECONDS", -1.0)
    world.offer(1, "acme-ai", count=3)
    gone = uids(1, 3)[2]
    object.__setattr__(world.services, "note_fetched", lambda _release, _item: world.forbidden.add(gone))
    assert gone.encode() not in fetch_broken_off(world, uids(1)[0])


def test_a_stop_between_finding_and_fetching_stops(client, world, monkeypatch):
    world.offer(1, "acme-ai")

    def stopped(*_):
        raise StateError("stopped")

    object.__setattr__(world.services, "note_fetched", stopped)
    answer = fetch(client, world, f"/studies/{uids(1)[0]}")
    assert (answer.status_code, "application/problem+json") == (404, answer.headers["content-type"])
    assert fetch(client, world, f"/studies/{uids(1)[0]}/metadata").status_code == 404


def test_a_withdrawal_while_a_study_is_fetched_breaks_it_off(world, monkeypatch):
    monkeypatch.setattr("scanward.web.dicomweb.wado.DECISION_SECONDS", -1.0)
    release_id = world.offer(1, "acme-ai", count=3)
    noted = []

    def note(release, item):
        noted.append(item.sop_instance_uid)
        if len(noted) == 2:
            world.forbidden.add(release_id)

    object.__setattr__(world.services, "note_fetched", note)
    assert uids(1, 3)[2].encode() not in fetch_broken_off(world, uids(1)[0])
    assert len(noted) == 2


def test_what_a_stopped_release_had_is_not_there(client, world):
    release_id = world.offer(1, "acme-ai")
    item, _ = world.desk.items[release_id][0]
    world.desk.items[release_id][0] = (item, ItemState.STOPPED)
    assert len(fetch(client, world, f"/studies/{uids(1)[0]}/instances").json()) == 1
    world.desk._move(release_id, ReleaseState.STOPPED)
    assert fetch(client, world, f"/studies/{uids(1)[0]}").status_code == 404


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("", 200),
        ("*/*", 200),
        ('multipart/related; type="application/dicom"', 200),
        ('multipart/related; type="application/dicom"; transfer-syntax=*', 200),
        ("multipart/related; type=application/dicom; transfer-syntax=1.2.840.10008.1.2.1", 200),
        ('multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.50', 406),
        ('multipart/related; type="image/jpeg"', 406),
        ("application/dicom", 406),
        ("text/html", 406),
        ("*/*;q=0", 406),
        ('multipart/related; type="image/jpeg", multipart/related; type="application/dicom"', 200),
    ],
)
def test_instances_come_as_they_are_or_not_at_all(client, world, accept, status):
    world.offer(1, "acme-ai", count=1)
    assert fetch(client, world, f"/studies/{uids(1)[0]}", accept=accept).status_code == status


def test_an_instance_comes_alone_too(client, world):
    world.offer(1, "acme-ai", count=1)
    study, series, instance = uids(1)
    answer = fetch(client, world, f"/studies/{study}/series/{series}/instances/{instance}", accept="application/dicom")
    assert answer.content == make_outgoing(1, study=1, rows=16).content
    assert answer.headers["content-length"] == str(len(answer.content))


def test_a_file_that_breaks_off_is_not_taken_for_whole(world):
    world.offer(1, "acme-ai", count=1)
    world.files[uids(1)[2]].breaks_after = 500
    assert len(fetch_broken_off(world, uids(1)[0])) < 1000


def test_nothing_is_rendered(client, world):
    world.offer(1, "acme-ai")
    study, series, instance = uids(1)
    base = f"/studies/{study}/series/{series}/instances/{instance}"
    for path in (f"/studies/{study}/rendered", f"{base}/rendered", f"{base}/frames/1", f"{base}/thumbnail"):
        assert fetch(client, world, path).status_code == 501


@pytest.mark.parametrize(
    "path",
    [
        "/studies/..%2f..%2fetc%2fpasswd",
        "/studies/../../etc/passwd",
        "/studies/1.2.3%00",
        "/studies/%2e%2e",
        "/studies/" + "1" * 65,
        "/studies/*",
        "/studies/1.2.3'--/metadata",
    ],
)
def test_tricks_with_paths_lead_nowhere(client, world, path):
    world.offer(1, "acme-ai")
    assert fetch(client, world, path).status_code in {404, 422}


@pytest.mark.parametrize(
    ("query", "status", "found"),
    [
        ("?limit=x", 400, None),
        ("?offset=-1", 400, None),
        ("?limit=99999999999", 400, None),
        ("?%00=1", 400, None),
        ("?StudyInstanceUID=*", 200, 2),
        ("?PatientID=PATIENT1", 200, 2),
        ("?PatientID=PID-0001", 200, 0),
        ("?00080060=CT", 200, 2),
        ("?Modality=CT,MR", 200, 2),
        ("?offset=1", 200, 1),
        ("?limit=0", 200, 0),
        ("?includefield=all", 200, 2),
    ],
)
def test_queries(client, world, query, status, found):
    world.offer(1, "acme-ai")
    world.offer(2, "acme-ai")
    answer = fetch(client, world, f"/studies{query}")
    assert answer.status_code == status
    if found is not None:
        assert len(answer.json()) == found


def test_attributes_that_are_not_matched_on_are_said_so(client, world):
    world.offer(1, "acme-ai")
    answer = fetch(client, world, "/studies?PatientName=Doe")
    assert (len(answer.json()), answer.headers["warning"]) == (1, '299 scanward "not matched on: PatientName"')
    assert "offset" in fetch(client, world, "/instances?limit=1").headers["warning"]
