"""Head scans on their way through the gateway: the face goes, what shows it waits, and staff see what was found."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from scanward.adapters.engines.frames import ImageCodec
from scanward.adapters.engines.head_faces import HeadFaceFinder
from scanward.adapters.store.audit import SqlAudit
from scanward.adapters.store.database import Database
from scanward.bootstrap import faces
from scanward.config import HttpSettings
from scanward.deidentify.faces import residual, study
from scanward.deidentify.faces.atlas import load_atlas
from scanward.deidentify.faces.findings import FaceEngines, treat
from scanward.deidentify.faces.render import View
from scanward.deidentify.faces.study import BESIDE_HEAD
from scanward.errors import StoreError
from scanward.flow import face_notes
from scanward.flow.face_notes import FaceNotes
from scanward.flow.fsck import YOUNG, check_stores
from scanward.model.faces import FaceFinding
from scanward.model.holds import Held, HoldKind, HoldState
from scanward.model.screens import ScreenDecision
from scanward.web.app import create_app
from scanward.web.auth import issue_token
from scanward.web.roles import Role
from scanward.web.serve import web_services
from tests.common import burned_in
from tests.common.gateway import LUNG_AI, TestGateway
from tests.common.head_files import capture_of, series_of
from tests.common.heads import cropped, make_head
from tests.common.nifti import KnowingAligner
from tests.web.conftest import Client

ANY = LUNG_AI.replace('["CT", "MR"]', '["*"]')
PNG = b"\x89PNG\r\n"
LOCALIZER = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}
WHY = "Looked at it in the archive: the patient agreed to this."


@pytest.fixture(scope="module", autouse=True)
def few_pictures():
    """One view of each side: the others take seconds, and are tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(residual, "FACE_VIEWS", (View(turn_degrees=0),))
        patch.setattr(residual, "BACK_VIEWS", (View(turn_degrees=180),))
        yield


@pytest.fixture(scope="module")
def head():
    return make_head(4, ct=True, spacing=(6.0, 4.0, 4.0))


@pytest.fixture(scope="module")
def engines(head):
    return FaceEngines(
        codec=ImageCodec(), aligner=KnowingAligner(head.to_atlas), detector=HeadFaceFinder(), atlas=load_atlas()
    )


@pytest.fixture(scope="module", autouse=True)
def looked_at_once():
    """The same head is looked at once for all tests: it takes seconds, and the same comes of it."""
    known = {}

    def treat_once(group, volume, engines, policy, **more):
        shared = more.pop("shared")
        key = (volume.values.tobytes(), volume.affine.tobytes(), policy, shared is None, repr(more))
        if key not in known:
            known[key] = treat(group, volume, engines, policy, shared=shared, **more)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "treat", treat_once)
        yield


@pytest.fixture
def gateway(tmp_path, engines, monkeypatch):
    monkeypatch.setattr(faces, "_loaded", [engines])
    made = TestGateway(tmp_path / "home")
    made.add_recipient(ANY)
    yield made
    made.close()


def take(gateway: TestGateway, files) -> list[Dataset]:
    sent = [dcmread(io.BytesIO(data)) for data in files]
    for ds in sent:
        assert gateway.take(ds).accepted
    return sent


def release_of(gateway: TestGateway):
    (release,) = gateway.stores.ledger.releases(limit=10)
    return release


def held(gateway: TestGateway, *states: HoldState) -> dict[str, Held]:
    """What is or was held, by the SOP Instance UID as received."""
    found = gateway.stores.ledger.held(release_of(gateway).release_id)
    return {one.sop_instance_uid: one for one in found if not states or one.state in states}


def let_go(gateway: TestGateway, one: Held) -> None:
    seen = {one.instance_id: one.seen}
    gateway.staff.holds.let_go(one.release_id, seen, by="dr. officer", reason=WHY, count=1, as_it_is=False)


def arrived(gateway: TestGateway) -> list[Dataset]:
    """What the recipient has, slices from the first to the last."""
    found = [dcmread(io.BytesIO(data)) for copies in gateway.inbox.arrived.values() for data in copies]
    return sorted(found, key=lambda ds: float(ds.ImagePositionPatient[2]) if "ImagePositionPatient" in ds else 1e9)


def later(gateway: TestGateway) -> None:
    """Have prepared again what a person asked for."""
    gateway.clock.move(minutes=2)
    gateway.turn()


def codes(ds: Dataset) -> set[str]:
    return {item.CodeValue for item in ds.DeidentificationMethodCodeSequence}


def notes_of(gateway: TestGateway) -> FaceNotes:
    stores = gateway.stores
    return FaceNotes(ledger=stores.ledger, blobs=stores.blobs, vault=stores.vault, clock=gateway.clock)


def found_in(gateway: TestGateway):
    return notes_of(gateway).get(release_of(gateway).release_id)


def check(gateway: TestGateway) -> list[str]:
    stores = gateway.stores
    now = datetime.now(UTC) + YOUNG + timedelta(minutes=1)
    return [
        one.what for one in check_stores(SqlAudit(Database(stores.engines[0])), stores.blobs, stores.vault, now=now)
    ]


# What leaves, and what waits


def test_the_face_is_gone_from_what_leaves_and_what_else_shows_it_waits(gateway, head):
    slices = series_of(head.volume)
    localizer = series_of(cropped(head.volume, 0.4, 0.45), series="2.25.8", text=LOCALIZER)[:1]
    sent = take(gateway, [*slices, *localizer, capture_of()])
    gateway.settle()
    left = arrived(gateway)
    assert len(left) == len(slices)
    assert {ds.RecognizableVisualFeatures for ds in left} == {"NO"}
    assert all("113102" in codes(ds) for ds in left)
    was, now = (np.stack([ds.pixel_array for ds in some]) for some in (sent[: len(slices)], left))
    changed = was != now
    assert changed.mean() > 0.02
    assert not (changed & head.brain).any()
    (told,) = found_in(gateway)
    assert (told.finding, told.figures.face_kept <= 0.05) == (FaceFinding.FACE_REMOVED, True)
    # What shows the same face in another way.
    waiting = held(gateway, HoldState.OPEN)
    assert set(waiting) == {ds.SOPInstanceUID for ds in sent[len(slices) :]}
    assert {one.hold.kind for one in waiting.values()} == {HoldKind.FACE}
    assert all(BESIDE_HEAD in one.reason for one in waiting.values())
    assert gateway.stores.ledger.screens(ScreenDecision.OPEN, limit=10) == []
    assert check(gateway) == []


def test_what_a_person_lets_go_leaves_with_its_face_and_without_a_claim(gateway, head):
    sent = take(gateway, [*series_of(head.volume), capture_of()])
    gateway.settle()
    let_go(gateway, held(gateway)[sent[-1].SOPInstanceUID])
    gateway.turn()
    (ds,) = [one for one in arrived(gateway) if one.SOPClassUID == sent[-1].SOPClassUID]
    assert ds.get("RecognizableVisualFeatures") != "NO"
    assert not codes(ds) & {"113101", "113102"}
    assert [one.state for one in held(gateway).values()] == [HoldState.LEFT]


def test_who_lets_text_go_was_not_asked_about_a_face(gateway, head, tmp_path):
    own = tmp_path / "own.toml"
    text = 'name = "own"\ndescription = "own"\n[pixels]\nmode = "detect"\n[faces]\nmode = "{}"\n'
    own.write_text(text.format("off"))
    gateway.add_recipient(ANY.replace('"ai-inference"', f'"{own}"'))
    (capture,) = [dcmread(io.BytesIO(capture_of()))]
    words = (burned_in.Word(text="SOME^BODY", x=8, y=40), burned_in.Word(text="ID 77123", x=8, y=80))
    capture.Rows, capture.Columns, capture.PixelData = 192, 224, bytes(192 * 224)
    burned_in.burn(capture, words)
    take(gateway, series_of(head.volume))
    assert gateway.take(capture).accepted
    gateway.settle()
    (one,) = held(gateway, HoldState.OPEN).values()
    assert one.hold.kind is HoldKind.TEXT
    before = len(arrived(gateway))

    let_go(gateway, one)
    own.write_text(text.format("remove"))
    gateway.turn()
    assert len(arrived(gateway)) == before
    (again,) = held(gateway, HoldState.OPEN).values()
    assert (again.instance_id, again.hold.kind, again.by) == (one.instance_id, HoldKind.FACE, "")
    assert again.reason.count(BESIDE_HEAD) == 1

    let_go(gateway, again)
    later(gateway)
    (ds,) = [one for one in arrived(gateway) if one.SOPClassUID == capture.SOPClassUID]
    drawn = burned_in.mask_of(capture, words)
    assert (capture.pixel_array[drawn].astype(int) - ds.pixel_array[drawn] > 20).mean() > 0.9, "the words are filled"
    assert not codes(ds) & {"113101", "113102"}


# What is kept of it


def test_what_was_found_is_kept_once_for_all_units_under_the_key_of_the_study(gateway, head):
    gateway.engine.preparer._shard_instances = 20
    take(gateway, series_of(head.volume))
    gateway.settle()
    assert len(gateway.queue._known) == 3, "there were several units"
    (told,) = found_in(gateway)
    assert told.before.startswith(PNG)
    assert told.after.startswith(PNG)
    assert told.before != told.after
    release = release_of(gateway)
    name = gateway.stores.ledger.find_faces(release.release_id)
    assert name in dict(gateway.stores.blobs.names())
    files = [path for path in gateway.stores.home.rglob("*") if path.is_file()]
    assert files
    assert not any(PNG in path.read_bytes() for path in files)
    assert not any(b"face_kept" in path.read_bytes() for path in files)
    assert check(gateway) == [], "nothing is left over"

    gateway.stores.vault.destroy_data_key(release.study_id)
    assert found_in(gateway) == ()
    assert not any("faces" in one for one in check(gateway))


def test_what_is_prepared_again_replaces_it(gateway, head):
    take(gateway, [*series_of(head.volume), capture_of()])
    gateway.settle()
    ledger, release = gateway.stores.ledger, release_of(gateway)
    first = ledger.find_faces(release.release_id)
    gateway.staff.holds.look_again(release.release_id, by="it")
    later(gateway)
    assert ledger.find_faces(release.release_id) == first, "the same was found"

    notes, volumes = notes_of(gateway), found_in(gateway)
    notes.note(release, [replace(volumes[0], reasons=("another",))])
    assert found_in(gateway)[0].reasons == ("another",)
    gateway.staff.holds.look_again(release.release_id, by="it")
    later(gateway)
    assert found_in(gateway) == volumes
    assert check(gateway) == [], "the former ones are gone"
    notes.note(release, ())
    assert (found_in(gateway), check(gateway)) == ((), [])


def test_what_is_lost_is_kept_anew(gateway, head):
    take(gateway, [*series_of(head.volume), capture_of()])
    gateway.settle()
    release = release_of(gateway)
    volumes = found_in(gateway)
    gateway.stores.blobs.delete(gateway.stores.ledger.find_faces(release.release_id))
    with pytest.raises(StoreError):
        found_in(gateway)
    assert check(gateway) == [], "nothing that leaves needs it"
    gateway.staff.holds.look_again(release.release_id, by="it")
    later(gateway)
    assert found_in(gateway) == volumes


def test_a_release_leaves_though_what_was_found_cannot_be_kept(gateway, head, monkeypatch):
    def refuse(self, release_id, blob, at):
        raise StoreError("the ledger cannot be reached")

    with monkeypatch.context() as broken:
        broken.setattr(type(gateway.stores.ledger), "note_faces", refuse)
        slices = take(gateway, series_of(head.volume))
        gateway.settle()
    assert len(arrived(gateway)) == len(slices)
    assert found_in(gateway) == ()
    assert check(gateway) == ["a blob that nothing names"]


def test_pictures_are_kept_of_so_many_volumes(gateway, head, monkeypatch):
    monkeypatch.setattr(face_notes, "MAX_PICTURED", 2)
    take(gateway, series_of(head.volume))
    gateway.settle()
    (one,) = found_in(gateway)
    notes_of(gateway).note(release_of(gateway), [one] * 3)
    assert [bool(volume.before) for volume in found_in(gateway)] == [True, True, False]
    assert [volume.figures for volume in found_in(gateway)] == [one.figures] * 3


def test_pictures_come_from_the_stores_to_privacy_officers_only(gateway, head):
    take(gateway, series_of(head.volume))
    gateway.settle()
    services = web_services(gateway, HttpSettings())
    client = Client(create_app(services))
    try:
        address = f"/api/v1/releases/{release_of(gateway).release_id}/faces/1"
        for role in Role:
            recipient = "lung-ai" if role is Role.RECIPIENT else ""
            token = issue_token(
                services.token_key, "someone", [role], recipient, timedelta(hours=1), now=gateway.clock()
            )
            for which in ("before", "after"):
                answer = client.get(f"{address}/{which}", headers={"Authorization": f"Bearer {token}"})
                assert answer.status_code == (200 if role is Role.PRIVACY_OFFICER else 403)
                assert answer.content.startswith(PNG) == (role is Role.PRIVACY_OFFICER)
    finally:
        client.close()


def test_what_was_found_stays_of_a_release_that_was_stopped_once_something_is_on_record(gateway, monkeypatch):
    gateway.engine.preparer._shard_instances = 1
    gateway.take_ct(slices=2)
    account, calls = gateway.stores.ledger.account, []

    def stop_before_the_last(release_id, *arguments, **options):
        calls.append(release_id)
        if len(calls) == 2:
            gateway.staff.stop_release(release_id, "officer", "just now")
        return account(release_id, *arguments, **options)

    monkeypatch.setattr(gateway.stores.ledger, "account", stop_before_the_last)
    gateway.settle()
    assert len(calls) == 2
    assert found_in(gateway)
    assert check(gateway) == []
