"""Scans on their way through the gateway to whom an agreement gives a box of the body: nothing else of it leaves."""

from __future__ import annotations

import io

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from scanward.bootstrap import faces
from scanward.deidentify.bodies.kinds import BESIDE_BOX
from scanward.deidentify.faces.study import FacePlan, Verdict
from scanward.errors import EngineError
from scanward.model.holds import HoldKind
from scanward.model.release import ItemState
from tests.common.gateway import LUNG_AI, TestGateway
from tests.common.head_series import make_slices, places
from tests.common.pixels import file_of, make_header

PROFILE = """
name = "trunk"
description = "A box of the body."
[pixels]
mode = "off"
[faces]
mode = "{faces}"
[body]
keep_mm = [[{low}, 40], [-50, 50], [-30, 45]]
origin = "patient"
"""
ANY = LUNG_AI.replace('["CT", "MR"]', '["*"]')
STORAGE = "1.2.840.10008.5.1.4.1.1."
FEW = (-84.0, -28.0, 0.0, 40.0)
"""Places of slices: the box is in the coordinates of the patient, and takes no volume."""

WHY = "Looked at it in the archive: the patient agreed to this."


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(PROFILE.format(faces="off", low=-40))
    return path


@pytest.fixture
def gateway(tmp_path, own):
    made = TestGateway(tmp_path / "home")
    made.add_recipient(ANY.replace('"ai-inference"', f'"{own}"'))
    yield made
    made.close()


def of_class(last: str, modality: str, uid: str) -> bytes:
    ds = make_header(rows=16, columns=16, modality=modality, sop_class=STORAGE + last)
    ds.SOPInstanceUID, ds.SeriesInstanceUID = uid, f"{uid}.1"
    return file_of(ds, bytes(256), ExplicitVRLittleEndian)


def take(gateway: TestGateway, files: list[bytes]) -> list[Dataset]:
    sent = [dcmread(io.BytesIO(data)) for data in files]
    for ds in sent:
        assert gateway.take(ds).accepted
    return sent


def release_of(gateway: TestGateway):
    (release,) = gateway.stores.ledger.releases(limit=10)
    return release


def lines(gateway: TestGateway):
    return gateway.stores.ledger.release_items(release_of(gateway).release_id)


def arrived(gateway: TestGateway) -> list[Dataset]:
    found = [dcmread(io.BytesIO(copies[-1])) for copies in gateway.inbox.arrived.values()]
    return sorted(found, key=lambda ds: float(ds.ImagePositionPatient[2]))


def outside(ds: Dataset, low: float = -40) -> np.ndarray:
    x, y, z = places(ds.ImageOrientationPatient, ds.ImagePositionPatient, ds.Rows, ds.Columns, ds.PixelSpacing)
    return (x < low) | (x > 40) | (y < -50) | (y > 50) | (z < -30) | (z > 45)


def assert_cut(left: list[Dataset], sent: list[Dataset], low: float = -40) -> None:
    assert len(left) == len(sent) > 0
    for now, was in zip(left, sent, strict=True):
        beyond = outside(was, low)
        assert now.ImagePositionPatient == was.ImagePositionPatient
        assert np.array_equal(now.pixel_array, np.where(beyond, -1000, was.pixel_array))
        assert now.get("RecognizableVisualFeatures") != "NO"
        assert "113102" not in {item.CodeValue for item in now.DeidentificationMethodCodeSequence}


def test_a_recipient_gets_the_box_and_nothing_that_shows_more(gateway):
    others = [of_class("66.4", "SEG", "2.25.92"), of_class("481.3", "RTSTRUCT", "2.25.93")]
    sent = take(gateway, [*make_slices(along=FEW), *others])
    gateway.settle()
    assert_cut(arrived(gateway), sent[:-2])
    stays = [line for line in lines(gateway) if line.state != ItemState.SENT]
    assert [line.state for line in stays] == [ItemState.EXCLUDED] * 2
    assert all(BESIDE_BOX in line.detail for line in stays)
    # The agreement leaves it out: that is for no person at the desk to decide.
    assert gateway.stores.ledger.held(release_of(gateway).release_id) == []


def test_what_waits_is_cut_anew_when_the_profile_keeps_less(gateway, own):
    sent = take(gateway, make_slices(along=FEW))
    gateway.clock.move(minutes=5)
    gateway.engine.router.sweep()
    gateway.queue.work()
    assert {line.state for line in lines(gateway)} == {ItemState.QUEUED}
    own.write_text(PROFILE.format(faces="off", low=0))
    gateway.settle()
    assert_cut(arrived(gateway), sent, low=0)


def test_who_lets_a_face_go_does_not_let_the_body_go(gateway, own, monkeypatch):
    class Held:
        """Finds a face in all there is."""

        def plan(self, openers, surveyed):
            return FacePlan(verdicts=(Verdict(hold="a head"),) * len(openers), volumes=(), engines=None)

    monkeypatch.setattr(faces, "_make_face_planner", lambda spool, policy: Held())
    own.write_text(PROFILE.format(faces="detect", low=-40))
    sent = take(gateway, make_slices(along=FEW))
    gateway.settle()
    assert not gateway.inbox.arrived
    release = release_of(gateway).release_id
    held = gateway.stores.ledger.held(release)
    assert {one.hold.kind for one in held} == {HoldKind.FACE}
    seen = {one.instance_id: one.seen for one in held}
    gateway.staff.holds.let_go(release, seen, by="dr. officer", reason=WHY, count=len(held), as_it_is=False)
    gateway.clock.move(minutes=2)
    gateway.turn()
    assert_cut(arrived(gateway), sent)


def test_where_nobody_can_cut_nothing_leaves(gateway, monkeypatch):
    def missing(spool, body):
        raise EngineError("expected the package scipy, found none")

    monkeypatch.setattr(faces, "_make_body_planner", missing)
    take(gateway, make_slices(along=FEW))
    gateway.settle()
    assert not gateway.inbox.arrived
    held = gateway.stores.ledger.held(release_of(gateway).release_id)
    assert {one.hold.kind for one in held} == {HoldKind.ENGINE}
    assert all("nobody can cut" in one.reason for one in held)
    # Nor does anything where a person lets it go.
    seen = {one.instance_id: one.seen for one in held}
    gateway.staff.holds.let_go(
        release_of(gateway).release_id, seen, by="dr. officer", reason=WHY, count=len(held), as_it_is=True
    )
    gateway.clock.move(minutes=2)
    gateway.turn()
    assert not gateway.inbox.arrived
