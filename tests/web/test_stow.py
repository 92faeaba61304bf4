"""Instances that come by STOW-RS."""

import pytest

from scanward.errors import StoreError, StoreFullError
from scanward.model.study import Origin, OriginKind
from scanward.web.roles import Role
from tests.common.outgoing import make_outgoing

TYPE = 'multipart/related; type="application/dicom"; boundary=B'
DICM = b"\0" * 128 + b"DICM" + b"x" * 100


def body_of(*parts: bytes, boundary: str = "B") -> bytes:
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    return b"".join(head + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()


def post(client, world, content, *, path="/dicom-web/studies", headers=None, kind=TYPE):
    return client.post(path, content=content, headers={"Content-Type": kind, **(headers or world.it)})


def test_all_parts_are_taken_in_and_told_of(client, world):
    answer = post(client, world, body_of(DICM, DICM + b"2"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/dicom+json"
    assert "00081198" not in answer.json()
    item = {
        "00081150": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
        "00081155": {"vr": "UI", "Value": ["1.2.3.4"]},
    }
    assert answer.json()["00081199"]["Value"] == [item, item]
    origin = Origin(kind=OriginKind.STOW, peer="pacs-1", recipient="")
    assert sorted(world.intake.taken) == sorted([(DICM, origin), (DICM + b"2", origin)])


def test_a_large_part_passes_through_the_spool(client, world, tmp_path):
    large = DICM + bytes(range(256)) * 12_000
    assert post(client, world, body_of(large)).status_code == 200
    assert world.intake.taken[0][0] == large
    assert list(tmp_path.iterdir()) == []


def test_some_failed_is_202_and_all_failed_409(client, world):
    answer = post(client, world, body_of(DICM, b"no dicom"))
    assert answer.status_code == 202
    assert len(answer.json()["00081199"]["Value"]) == 1
    assert answer.json()["00081198"]["Value"][0]["00081197"] == {"vr": "US", "Value": [0xC000]}
    assert post(client, world, body_of(b"no dicom")).status_code == 409


def test_a_full_store_is_said_so(client, world):
    world.intake.failing = StoreFullError("full")
    answer = post(client, world, body_of(DICM))
    assert answer.status_code == 507
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA700]
    world.intake.failing = StoreError("cannot be written")
    answer = post(client, world, body_of(DICM))
    assert (answer.status_code, answer.json()["00081198"]["Value"][0]["00081197"]["Value"]) == (409, [0x0110])


def test_one_instance_that_breaks_the_intake_does_not_take_the_others_along(client, world):
    world.intake.failing = RuntimeError("Secret^Name")
    answer = post(client, world, body_of(DICM))
    assert answer.status_code == 409
    assert "Secret" not in answer.text


def test_instances_of_another_study_than_named_are_refused(client, world):
    file = make_outgoing(1, study=5)
    uid = file.path.split("/")[1]
    assert post(client, world, body_of(file.content), path=f"/dicom-web/studies/{uid}").status_code == 200
    answer = post(client, world, body_of(file.content), path="/dicom-web/studies/1.2.3")
    assert (answer.status_code, len(world.intake.taken)) == (409, 1)
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA900]


def test_a_recipient_brings_results_and_nothing_else(client, world):
    assert (
        post(client, world, body_of(DICM), headers=world.bearer(Role.RECIPIENT, recipient="acme-ai")).status_code == 200
    )
    assert world.intake.taken[0][1].recipient == "acme-ai"
    both = world.bearer(Role.RECIPIENT, Role.IMAGING_IT, recipient="acme-ai")
    assert post(client, world, body_of(DICM), headers=both).status_code == 200
    assert world.intake.taken[1][1].recipient == "acme-ai"


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.RESEARCHER, Role.PRIVACY_OFFICER])
def test_others_bring_nothing(client, world, role):
    assert post(client, world, body_of(DICM), headers=world.bearer(role)).status_code == 403
    assert world.intake.taken == []


@pytest.mark.parametrize(
    ("kind", "content", "status"),
    [
        ("application/dicom", DICM, 415),
        ('multipart/related; type="application/dicom+json"; boundary=B', body_of(b"[]"), 415),
        ('multipart/related; type="application/dicom"', body_of(DICM), 400),
        (f"multipart/related; boundary={'b' * 201}", body_of(DICM), 400),
        (TYPE, b"", 400),
        (TYPE, b"--B--\r\n", 400),
        (TYPE, body_of(DICM)[:-8], 400),
        (TYPE, b"--B\r\nContent-Type: text/html\r\n\r\nx\r\n--B--", 415),
        (TYPE, b"--B\r\nno header\r\n\r\nx\r\n--B--", 400),
        (TYPE, b"--B\r\nX: " + b"y" * 20_000 + b"\r\n\r\nx\r\n--B--", 400),
        (TYPE, b"--Bx\r\n\r\nx\r\n--B--", 400),
        (TYPE, b"z" * 50_000, 400),
    ],
    ids=range(12),
)
def test_malformed_bodies_are_refused(client, world, kind, content, status):
    answer = post(client, world, content, kind=kind)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_came_whole_before_a_break_is_kept(client, world):
    assert post(client, world, body_of(DICM, DICM)[:-20]).status_code == 400
    assert len(world.intake.taken) == 1
