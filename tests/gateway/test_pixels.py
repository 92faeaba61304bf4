"""Releases whose pixels were cleaned: what the outbox knows of them, and how they are put together when they leave."""

import io
import random

import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless

from scanward.adapters.engines.frames import ImageCodec
from scanward.flow import making
from scanward.model.release import ItemState
from tests.common import burned_in
from tests.common.gateway import LUNG_AI, TestGateway
from tests.common.patients import make_patient, make_study

ANY = LUNG_AI.replace('["CT", "MR"]', '["*"]')


@pytest.fixture
def gateway(tmp_path):
    made = TestGateway(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture(scope="module")
def study():
    rng = random.Random(77)
    return make_study(rng, make_patient(rng), "Burned in")


def items_of(gateway: TestGateway) -> list:
    (release,) = gateway.stores.ledger.releases(limit=10)
    return gateway.stores.ledger.release_items(release.release_id)


def test_what_was_made_anew_is_stored_before_it_grows(gateway, study, monkeypatch):
    monkeypatch.setattr(making, "MAX_WAITING_BYTES", 1)
    gateway.add_recipient(ANY)
    for number in range(3):
        assert gateway.take(burned_in.another(burned_in.make_sc(study), name=f"{number}")).accepted
    gateway.settle()
    lines = items_of(gateway)
    assert {line.state for line in lines} == {ItemState.SENT}
    assert len({line.item.recipe for line in lines}) == 3
    assert len(gateway.inbox.arrived) == 3
    for line in lines:
        (data,) = gateway.inbox.arrived[line.item.sop_instance_uid]
        assert len(data) == line.item.size_bytes
        ds = dcmread(io.BytesIO(data))
        assert ds.BurnedInAnnotation == "NO"
        assert len(ds.PixelData) == ds.Rows * ds.Columns * 3
        assert not ds.pixel_array[:24].max() > 200


def test_an_instance_that_became_native_is_announced_so(gateway, study, monkeypatch):
    monkeypatch.setattr(ImageCodec, "encode", lambda *_, **__: None)
    gateway.add_recipient(ANY)
    coded = burned_in.coded(burned_in.make_cr(study), JPEGLSLossless, name="coded")
    assert gateway.take(coded).accepted
    gateway.settle()
    (line,) = items_of(gateway)
    assert line.item.transfer_syntax_uid == ExplicitVRLittleEndian
    (data,) = gateway.inbox.arrived[line.item.sop_instance_uid]
    ds = dcmread(io.BytesIO(data))
    assert ds.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert ds.pixel_array.shape == (coded.Rows, coded.Columns)


def test_what_is_proven_stays_so_until_the_profile_says_otherwise(gateway, study, tmp_path):
    profile = tmp_path / "own.toml"
    text = 'name = "own"\ndescription = "own"\n[pixels]\nmode = "{}"\n'
    profile.write_text(text.format("clean"))
    document = ANY.replace('profile = "ai-inference"', f'profile = "{profile}"')
    gateway.add_recipient(document)
    assert gateway.take(burned_in.make_sc(study)).accepted
    gateway.clock.move(minutes=5)
    gateway.engine.router.sweep()
    gateway.queue.work()
    (line,) = items_of(gateway)
    assert (line.state, line.item.pixels.is_proven) == (ItemState.QUEUED, True)
    # Nobody looks any more: what was made so far has another form, and anew it could not be proven.
    profile.write_text(text.format("off"))
    gateway.settle()
    assert not gateway.inbox.arrived
    profile.write_text(text.format("clean"))
    gateway.settle()
    assert len(gateway.inbox.arrived) == 1
