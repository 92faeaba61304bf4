"""Instances held for their pixels: looked at again as things change, and let go by a person, bound to what they are."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from scanward.errors import EngineError, StateError, UnknownError
from scanward.flow.holding import OTHER_CONTENT
from scanward.model.holds import Held, HoldKind, HoldState
from scanward.model.instance import BytesSource
from scanward.model.release import ItemState, ReleaseState
from tests.common import burned_in
from tests.common.gateway import LUNG_AI, TestGateway, bytes_of
from tests.common.patients import make_patient, make_study

ANY = LUNG_AI.replace('["CT", "MR"]', '["*"]')
PROFILE = 'name = "own"\ndescription = "own"\n[pixels]\nmode = "{}"\n'
WHY = "Looked at it in the archive: a scale, no name."


@pytest.fixture
def gateway(tmp_path):
    made = TestGateway(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture(scope="module")
def study():
    rng = random.Random(77)
    return make_study(rng, make_patient(rng), "Burned in")


@pytest.fixture
def profile(gateway, tmp_path):
    """A profile of one's own that lets text be found and not taken out, and its path."""
    path = tmp_path / "own.toml"
    path.write_text(PROFILE.format("detect"))
    gateway.add_recipient(ANY.replace('profile = "ai-inference"', f'profile = "{path}"'))
    return path


def release_of(gateway: TestGateway):
    (release,) = gateway.stores.ledger.releases(limit=10)
    return release


def held(gateway: TestGateway, *states: HoldState) -> list[Held]:
    found = gateway.staff.holds.held(release_of(gateway).release_id)
    return [one for one in found if not states or one.state in states]


def lines(gateway: TestGateway) -> list:
    return gateway.stores.ledger.release_items(release_of(gateway).release_id)


def seen(*ones: Held) -> dict[str, str]:
    return {one.instance_id: one.seen for one in ones}


def let_go(gateway: TestGateway, *ones: Held, **more) -> None:
    said = {"by": "dr. officer", "reason": WHY, "count": len(ones), "as_it_is": False, **more}
    gateway.staff.holds.let_go(release_of(gateway).release_id, seen(*ones), **said)


def arrived(gateway: TestGateway) -> list[Dataset]:
    return [dcmread(io.BytesIO(data)) for copies in gateway.inbox.arrived.values() for data in copies]


def review(gateway: TestGateway) -> None:
    gateway.clock.move(seconds=120)
    gateway.engine.reviewer.step()
    gateway.turn()


def codes(ds: Dataset) -> set[str]:
    return {item.CodeValue for item in ds.DeidentificationMethodCodeSequence}


def open_count(gateway: TestGateway) -> int:
    return gateway.stores.ledger.counts()["holds:open"]


def blind(gateway: TestGateway) -> None:
    """Take away what looks at pixels."""

    def missing(_policy):
        raise EngineError("expected the package openvino, found none", remedy="Install scanward[pixels].")

    gateway.engine.preparer._maker._make_cleaner = missing
    gateway.engine.preparer._maker._sight = gateway.engine.preparer._sight = lambda: ""


# What a person lets go


def test_text_that_stays_is_told_by_its_place_and_let_go_without_it_and_without_a_claim(gateway, study, profile):
    sent = burned_in.make_sc(study)
    sent.BurnedInAnnotation = "NO"  # as a device says that does not know
    assert gateway.take(sent).accepted
    gateway.settle()
    (one,) = held(gateway)
    finding = one.hold.finding
    assert (one.hold.kind, one.state, one.modality) == (HoldKind.TEXT, HoldState.OPEN, "OT")
    assert (finding.rows, finding.columns, finding.frames) == (*burned_in.SIZE, 1)
    assert finding.count == len(finding.boxes) >= 2
    assert (release_of(gateway).state, open_count(gateway)) == (ReleaseState.DONE, 1)

    let_go(gateway, one)
    assert open_count(gateway) == 0
    gateway.turn()
    (ds,) = arrived(gateway)
    words = burned_in.mask_of(sent, burned_in.words_of(study))
    before, after = sent.pixel_array, ds.pixel_array
    assert (np.abs(after[words].astype(int) - before[words]).max(axis=-1) > 20).mean() > 0.9, "the words are filled"
    assert "113101" not in codes(ds)
    assert ds.get("BurnedInAnnotation", "YES") == "YES"
    assert "no text" not in str(ds.DeidentificationMethod)
    (line,) = lines(gateway)
    assert (line.state, line.item.pixels.is_let_go, line.item.pixels.is_proven) == (ItemState.SENT, True, False)
    assert line.item.pixels.boxes
    assert [one.state for one in held(gateway)] == [HoldState.LEFT]


def test_what_was_let_go_is_on_record_and_in_the_accounting(gateway, study, profile):
    assert gateway.take(burned_in.make_sc(study)).accepted
    gateway.settle()
    let_go(gateway, *held(gateway))
    gateway.turn()
    release = release_of(gateway)
    (told,) = [one for one in gateway.stores.ledger.history(release.release_id) if one.what == "let go"]
    assert (told.by, WHY in told.detail, "1 instances" in told.detail) == ("dr. officer", True, True)
    assert held(gateway)[0].hold.digest[:16] in told.detail
    (disclosure,) = gateway.stores.ledger.disclosures(limit=10)
    assert disclosure.instances == 1
    (record,) = disclosure.let_go
    assert (record.by, record.reason, record.instances, record.as_it_is) == ("dr. officer", WHY, 1, 0)


def test_what_is_let_go_joins_the_disclosure_of_the_day_that_the_rest_left_by(gateway, study, profile):
    ds = burned_in.make_sc(study)
    plain = burned_in.another(ds, name="plain")
    plain.PixelData = bytes(len(ds.PixelData))
    for one in (ds, plain):
        assert gateway.take(one).accepted
    gateway.settle()
    assert {line.state for line in lines(gateway)} == {ItemState.SENT, ItemState.EXCLUDED}
    let_go(gateway, *held(gateway))
    assert release_of(gateway).state is ReleaseState.DONE
    gateway.turn()
    assert {line.state for line in lines(gateway)} == {ItemState.SENT}
    (disclosure,) = gateway.stores.ledger.disclosures(limit=10)
    assert (disclosure.instances, [one.instances for one in disclosure.let_go]) == (2, [1])
    assert len(arrived(gateway)) == 2
    assert gateway.stores.ledger.counts()["items:excluded"] == 0


def test_what_is_let_go_stays_let_go_in_another_form(gateway, study, profile):
    assert gateway.take(burned_in.make_sc(study)).accepted
    gateway.settle()
    let_go(gateway, *held(gateway))
    gateway.engine.router.sweep()
    gateway.queue.work()
    profile.write_text(PROFILE.format("detect").replace('"own"\n[', '"another"\n['))
    gateway.clock.move(minutes=2)
    gateway.turn()
    gateway.clock.move(minutes=2)
    gateway.turn()
    (ds,) = arrived(gateway)
    assert "113101" not in codes(ds)


# What stops it


def test_what_is_decided_on_is_what_was_seen(gateway, study, profile):
    assert gateway.take(burned_in.make_sc(study)).accepted
    gateway.settle()
    release_id = release_of(gateway).release_id
    (one,) = held(gateway)
    with pytest.raises(StateError, match="held now"):
        gateway.staff.holds.let_go(release_id, {one.instance_id: "0" * 16}, by="x", reason=WHY, count=1, as_it_is=False)
    # Looked at again since the page was made: for the same reason, yet nobody saw that.
    assert gateway.staff.holds.look_again(release_id, by="it") == 1
    for _ in range(2):
        with pytest.raises(StateError, match="held now"):
            let_go(gateway, one)
        gateway.turn()
    (again,) = held(gateway)
    assert (again.state, again.seen != one.seen) == (HoldState.OPEN, True)
    with pytest.raises(UnknownError):
        gateway.staff.holds.let_go(release_id, {"f" * 32: "0" * 16}, by="x", reason=WHY, count=1, as_it_is=False)
    assert not arrived(gateway)


@pytest.mark.parametrize(
    ("more", "says"),
    [({"count": 2}, "number"), ({"reason": "  ok  "}, "reason"), ({"as_it_is": True}, "machine can")],
)
def test_a_hurried_decision_is_none(gateway, study, profile, more, says):
    assert gateway.take(burned_in.make_sc(study)).accepted
    gateway.settle()
    with pytest.raises(StateError, match=says):
        let_go(gateway, *held(gateway), **more)
    gateway.turn()
    assert not arrived(gateway)
    assert (open_count(gateway), held(gateway)[0].state) == (1, HoldState.OPEN)


def test_all_or_nothing(gateway, study, profile):
    ds = burned_in.make_sc(study)
    for number in range(2):
        assert gateway.take(burned_in.another(ds, name=f"{number}")).accepted
    gateway.settle()
    release_id = release_of(gateway).release_id
    first, second = held(gateway)
    pair = {first.instance_id: first.seen, second.instance_id: first.seen}
    with pytest.raises(StateError, match="held now"):
        gateway.staff.holds.let_go(release_id, pair, by="x", reason=WHY, count=2, as_it_is=False)
    assert {one.state for one in held(gateway)} == {HoldState.OPEN}
    let_go(gateway, first)
    with pytest.raises(StateError, match="decided"):
        let_go(gateway, first)
    gateway.turn()
    assert len(arrived(gateway)) == 1
    assert open_count(gateway) == 1


def test_content_that_was_replaced_is_not_what_was_decided_on(gateway, study, profile):
    sent = burned_in.make_sc(study)
    assert gateway.take(sent).accepted
    gateway.settle()
    (one,) = held(gateway)
    let_go(gateway, one)
    other = burned_in.make_sc(study)
    burned_in.burn(other, (burned_in.Word(text="SOMEBODY ELSE", x=20, y=120),))
    ledger, release = gateway.stores.ledger, release_of(gateway)
    instance = ledger.find_instance(one.instance_id)
    key = gateway.stores.vault.data_key(release.study_id)
    content = BytesSource(bytes_of(other))
    blob = gateway.stores.blobs.put(key, content)
    assert ledger.replace_blob(one.instance_id, instance.blob, blob, content.size, "attacker", gateway.clock())
    gateway.turn()
    assert not arrived(gateway)
    (again,) = held(gateway)
    assert (again.state, again.by, again.hold.digest != one.hold.digest) == (HoldState.OPEN, "", True)
    assert OTHER_CONTENT in again.reason
    assert open_count(gateway) == 1
    with pytest.raises(StateError, match="held now"):
        let_go(gateway, one)


DENIAL = {"effect": "deny", "purposes": ["*"], "recipients": ["*"]}


def withdraw(gateway: TestGateway) -> str:
    patient = release_of(gateway).patient_id
    gateway.staff.add_provision(patient, DENIAL, "test")
    return patient


def test_consent_withdrawn_before_refuses_the_decision(gateway, study, profile):
    assert gateway.take(burned_in.make_sc(study)).accepted
    gateway.settle()
    withdraw(gateway)
    with pytest.raises(StateError, match="may not"):
        let_go(gateway, *held(gateway))
    gateway.turn()
    assert not arrived(gateway)


def test_consent_withdrawn_while_it_is_prepared_brings_it_back_to_a_person(gateway, study, profile):
    assert gateway.take(burned_in.make_sc(study)).accepted
    gateway.settle()
    let_go(gateway, *held(gateway))
    patient = withdraw(gateway)
    gateway.turn()
    assert not arrived(gateway)
    (one,) = held(gateway)
    assert (one.state, one.by, open_count(gateway)) == (HoldState.OPEN, "", 1)
    assert not gateway.stores.ledger.disclosures(limit=10)
    # Given again, it is for a person again: the decision does not come back to life.
    (provision,) = gateway.stores.ledger.provisions(patient)
    gateway.staff.revoke_provision(patient, provision.provision_id, "test")
    review(gateway)
    assert not arrived(gateway)


def test_consent_withdrawn_once_it_is_queued_stops_it(gateway, study, profile):
    assert gateway.take(burned_in.make_sc(study)).accepted
    gateway.settle()
    let_go(gateway, *held(gateway))
    gateway.engine.router.sweep()
    gateway.queue.work()
    assert {line.state for line in lines(gateway)} == {ItemState.QUEUED}
    withdraw(gateway)
    gateway.turn()
    assert not arrived(gateway)
    assert {line.state for line in lines(gateway)} == {ItemState.STOPPED}


def test_nothing_of_a_release_that_was_stopped_is_let_go(gateway, study, profile):
    ds = burned_in.make_sc(study)
    for number in range(2):
        assert gateway.take(burned_in.another(ds, name=f"{number}")).accepted
    gateway.settle()
    first, second = held(gateway)
    let_go(gateway, first)
    gateway.staff.stop_release(release_of(gateway).release_id, "dr. officer", "enough")
    gateway.turn()
    assert not arrived(gateway)
    assert {one.state for one in held(gateway)} == {HoldState.ENDED}
    assert open_count(gateway) == 0
    with pytest.raises(StateError):
        let_go(gateway, second)


# What is kept, and what is looked at again


def test_what_a_person_keeps_stays_whatever_changes(gateway, study, profile):
    ds = burned_in.make_sc(study)
    for number in range(2):
        assert gateway.take(burned_in.another(ds, name=f"{number}")).accepted
    gateway.settle()
    release_id = release_of(gateway).release_id
    first, _ = held(gateway)
    gateway.staff.holds.keep(release_id, seen(first), by="dr. officer", reason="a name is in it")
    assert open_count(gateway) == 1
    assert [one.instances for one in gateway.stores.ledger.held_releases(limit=5)] == [1]
    profile.write_text(PROFILE.format("clean"))
    review(gateway)
    assert [one.state for one in held(gateway)] == [HoldState.KEPT, HoldState.PASSED]
    (left,) = arrived(gateway)
    assert (left.BurnedInAnnotation, "113101" in codes(left)) == ("NO", True)
    assert gateway.staff.holds.look_again(release_id, by="it") == 0
    # Another mind about it is the same decision as any.
    let_go(gateway, held(gateway)[0])
    gateway.clock.move(minutes=1)
    gateway.turn()
    assert len(arrived(gateway)) == 2


def test_a_profile_that_was_edited_has_it_looked_at_again(gateway, study, profile):
    assert gateway.take(burned_in.make_sc(study)).accepted
    gateway.settle()
    review(gateway)
    assert not arrived(gateway), "nothing changed"
    profile.write_text(PROFILE.format("clean"))
    review(gateway)
    (ds,) = arrived(gateway)
    assert ds.BurnedInAnnotation == "NO"
    assert open_count(gateway) == 0
    assert not gateway.stores.ledger.disclosures(limit=1)[0].let_go


def test_engines_that_come_later_look_at_what_was_held_for_want_of_them(gateway, study):
    maker = gateway.engine.preparer._maker
    before = maker._make_cleaner, maker._sight
    blind(gateway)
    gateway.add_recipient(ANY)
    assert gateway.take(burned_in.make_sc(study)).accepted
    gateway.settle()
    (one,) = held(gateway)
    assert (one.hold.kind, one.hold.sight) == (HoldKind.UNSEEN, "")
    assert "openvino" in one.reason
    review(gateway)
    assert [one.state for one in held(gateway)] == [HoldState.OPEN]
    assert not arrived(gateway)
    maker._make_cleaner, maker._sight = before
    gateway.engine.preparer._sight = before[1]
    review(gateway)
    assert [one.state for one in held(gateway)] == [HoldState.PASSED]
    assert arrived(gateway)[0].BurnedInAnnotation == "NO"


def test_what_was_held_before_it_was_kept_why_is_looked_at_first(gateway, study, profile):
    assert gateway.take(burned_in.make_sc(study)).accepted
    gateway.settle()
    with gateway.stores.ledger._database.writing() as writing:
        from sqlalchemy import text

        writing.execute(text("UPDATE holds SET kind = 'earlier', digest = '', finding = '', form = '', sight = ''"))
    with pytest.raises(StateError, match="on record"):
        let_go(gateway, *held(gateway))
    review(gateway)
    (one,) = held(gateway)
    assert (one.hold.kind, one.hold.digest != "") == (HoldKind.TEXT, True)


# What no machine can clean


def test_pixels_leave_as_they_are_only_where_no_machine_can_look_and_a_person_says_so(gateway, study):
    blind(gateway)
    gateway.add_recipient(ANY)
    sent = burned_in.make_sc(study)
    assert gateway.take(sent).accepted
    gateway.settle()
    let_go(gateway, *held(gateway))
    gateway.turn()
    assert not arrived(gateway), "it was not said that it may leave as it is"
    (one,) = held(gateway)
    assert (one.state, "may leave as it is" in one.reason) == (HoldState.OPEN, True)
    let_go(gateway, one, as_it_is=True)
    gateway.clock.move(minutes=1)
    gateway.turn()
    (ds,) = arrived(gateway)
    assert ds.PixelData == sent.PixelData
    assert "113101" not in codes(ds)
    assert ds.get("BurnedInAnnotation", "YES") == "YES"
    (disclosure,) = gateway.stores.ledger.disclosures(limit=10)
    assert disclosure.let_go[0].as_it_is == 1


def test_what_has_no_decoder_leaves_as_it_is_by_a_persons_word_alone(gateway, study):
    gateway.add_recipient(ANY)
    sent = burned_in.another(burned_in.make_cr(study), name="float")
    words = sent.pixel_array.astype("<f4").tobytes()
    del sent.PixelData, sent.BitsStored, sent.HighBit, sent.PixelRepresentation
    sent.BitsAllocated, sent.FloatPixelData = 32, words
    assert gateway.take(sent).accepted
    gateway.settle()
    (one,) = held(gateway)
    assert (one.hold.kind, one.hold.finding.rows) == (HoldKind.UNREADABLE, sent.Rows)
    let_go(gateway, one)
    gateway.turn()
    assert not arrived(gateway)
    gateway.clock.move(minutes=1)
    let_go(gateway, *held(gateway), as_it_is=True)
    gateway.turn()
    (ds,) = arrived(gateway)
    assert ds.FloatPixelData == words
    assert "113101" not in codes(ds)


def test_where_a_machine_can_clean_by_then_it_does_though_it_may_leave_as_it_is(gateway, study):
    maker = gateway.engine.preparer._maker
    before = maker._make_cleaner, maker._sight
    blind(gateway)
    gateway.add_recipient(ANY)
    sent = burned_in.make_sc(study)
    assert gateway.take(sent).accepted
    gateway.settle()
    let_go(gateway, *held(gateway), as_it_is=True)
    maker._make_cleaner, maker._sight = before
    gateway.turn()
    (ds,) = arrived(gateway)
    assert ds.PixelData != sent.PixelData


def test_a_photograph_that_is_let_go_leaves_without_the_text_in_it(gateway, study):
    gateway.add_recipient(ANY)
    sent = burned_in.make_sc(study)
    sent.Modality = "XC"
    assert gateway.take(sent).accepted
    gateway.settle()
    (one,) = held(gateway)
    assert one.hold.kind is HoldKind.PHOTOGRAPH
    assert (one.hold.finding.rows, one.hold.finding.count) == (burned_in.SIZE[0], 0)
    let_go(gateway, one)
    gateway.turn()
    (ds,) = arrived(gateway)
    words = burned_in.mask_of(sent, burned_in.words_of(study))
    assert (np.abs(ds.pixel_array[words].astype(int) - sent.pixel_array[words]).max(axis=-1) > 20).mean() > 0.9
    assert "113101" not in codes(ds)


# What has no pixels


@pytest.mark.parametrize("mode", ["clean", "off"])
def test_what_has_no_pixels_is_not_held_for_them_whatever_it_says(gateway, study, profile, mode):
    profile.write_text(PROFILE.format(mode))
    ds = burned_in.make_sc(study)
    ds.BurnedInAnnotation = "YES"
    for name in ("Rows", "Columns", "PixelData", "BitsAllocated", "BitsStored", "HighBit", "SamplesPerPixel",
                 "PixelRepresentation", "PhotometricInterpretation", "PlanarConfiguration"):  # fmt: skip
        if name in ds:
            del ds[name]
    assert gateway.take(ds).accepted
    gateway.settle()
    (line,) = lines(gateway)
    assert (line.state, line.item.pixels.has_none) == (ItemState.SENT, True)
    assert not held(gateway)
    (left,) = arrived(gateway)
    assert "113101" not in codes(left)


def test_a_broken_document_is_held_and_a_notice_stands_for_one_that_is_let_go(gateway, study, profile):
    ds = burned_in.make_sc(study)
    ds.Modality = "DOC"
    for name in ("Rows", "Columns", "PixelData"):
        del ds[name]
    ds.EncapsulatedDocument = b"%PDF-1.4 PLANTED^NAME "
    ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
    assert gateway.take(ds).accepted
    gateway.settle()
    (one,) = held(gateway)
    assert one.hold.kind is HoldKind.UNREADABLE
    let_go(gateway, one)
    gateway.turn()
    assert not arrived(gateway)
    assert "document" in held(gateway)[0].reason
