"""What people have filled on a device's screen: proposed from what was found, used from the next preparing on."""

import io
import random

import pytest
from pydicom import dcmread

from scanward.errors import AgreementError, UnknownError
from scanward.flow.screens import find_cases
from scanward.model.pixels import FoundBy
from scanward.model.release import ItemState
from scanward.model.screens import ScreenDecision
from tests.common import burned_in
from tests.common.gateway import LUNG_AI, TestGateway
from tests.common.patients import make_patient, make_study

ANY = LUNG_AI.replace('["CT", "MR"]', '["*"]')
PLACE = (150, 100, 40, 30)
"""A box in which no text stands."""


@pytest.fixture
def gateway(tmp_path):
    made = TestGateway(tmp_path / "home")
    made.add_recipient(ANY)
    yield made
    made.close()


@pytest.fixture(scope="module")
def study():
    rng = random.Random(31)
    return make_study(rng, make_patient(rng), "Screens")


def prepare(gateway: TestGateway) -> None:
    """Have what came prepared; nothing leaves."""
    gateway.clock.move(minutes=5)
    while gateway.engine.router.sweep():
        pass
    gateway.queue.work()


def take_us(gateway: TestGateway, study, count: int) -> None:
    for number in range(count):
        assert gateway.take(burned_in.another(burned_in.make_us(study), name=f"{number}")).accepted
    prepare(gateway)


def lines_of(gateway: TestGateway) -> list:
    return [
        line
        for release in gateway.stores.ledger.releases(limit=10)
        for line in gateway.stores.ledger.release_items(release.release_id)
    ]


def case_of(gateway: TestGateway, decision: ScreenDecision = ScreenDecision.OPEN):
    (case,) = find_cases(gateway.stores.ledger, decision)
    return case


def covers(boxes, mask) -> bool:
    rest = mask.copy()
    for x, y, width, height in boxes:
        rest[y : y + height, x : x + width] = False
    return not rest.any()


def test_where_text_stays_is_proposed_decided_on_and_filled_from_then_on(gateway, study):
    take_us(gateway, study, 5)
    case = case_of(gateway)
    ds = burned_in.make_us(study)
    assert (case.recorded.screen.rows, case.recorded.screen.columns) == (ds.Rows, ds.Columns)
    assert len(case.recorded.images) == 5
    assert covers(case.proposed, burned_in.mask_of(ds, burned_in.words_of(study)))
    which = case.recorded.screen.screen_id

    gateway.staff.fill_screen(which, [*case.proposed, PLACE], "officer")
    filled = case_of(gateway, ScreenDecision.FILLED)
    assert (filled.recorded.decided_by, filled.proposed) == ("officer", ())
    assert find_cases(gateway.stores.ledger, ScreenDecision.OPEN) == []
    # What was prepared before and waits is prepared again, before it leaves.
    forms = {line.item.form for line in lines_of(gateway)}
    gateway.settle()
    assert len(gateway.inbox.arrived) == 5
    x, y, width, height = PLACE
    for line in lines_of(gateway):
        assert line.state == ItemState.SENT
        assert line.item.form not in forms
        assert any(box.found_by is FoundBy.LAYOUT for box in line.item.pixels.boxes)
        (data,) = gateway.inbox.arrived[line.item.sop_instance_uid]
        made = dcmread(io.BytesIO(data)).pixel_array[y : y + height, x : x + width]
        assert (made != ds.pixel_array[y : y + height, x : x + width]).any()
    # It was looked at twice by now, and counts once.
    assert len(case_of(gateway, ScreenDecision.FILLED).recorded.images) == 5


def test_what_shows_no_such_screen_stays_as_it_is(gateway, study):
    take_us(gateway, study, 1)
    gateway.take_ct()
    prepare(gateway)
    forms = {line.item.modality: line.item.form for line in lines_of(gateway)}
    gateway.staff.fill_screen(us_of(gateway), [PLACE], "officer")
    gateway.settle()
    after = {line.item.modality: line.item.form for line in lines_of(gateway)}
    assert len(gateway.inbox.arrived) == len(lines_of(gateway))
    assert after["CT"] == forms["CT"]
    assert after["US"] != forms["US"]


def us_of(gateway: TestGateway) -> str:
    cases = find_cases(gateway.stores.ledger, ScreenDecision.OPEN)
    (found,) = [one.recorded.screen for one in cases if one.recorded.screen.rows == burned_in.SIZE[0]]
    return found.screen_id


def test_what_was_stopped_is_as_if_it_had_never_been(gateway, study):
    take_us(gateway, study, 1)
    (line,) = lines_of(gateway)
    which = us_of(gateway)
    gateway.staff.fill_screen(which, [PLACE], "officer")
    gateway.staff.stop_filling(which, "officer")
    gateway.settle()
    assert [one.item for one in lines_of(gateway)] == [line.item]
    assert [one.what for one in gateway.stores.ledger.history(which)] == ["always filled", "filled no more"]


def test_who_does_not_want_it_now_is_not_asked_again(gateway, study):
    take_us(gateway, study, 5)
    gateway.staff.leave_screen(us_of(gateway), "officer")
    assert find_cases(gateway.stores.ledger, ScreenDecision.OPEN) == []
    case = case_of(gateway, ScreenDecision.LEFT)
    assert case.proposed
    gateway.settle()
    assert not any(box.found_by is FoundBy.LAYOUT for line in lines_of(gateway) for box in line.item.pixels.boxes)


@pytest.mark.parametrize("boxes", [[], [(0, 0, 0, 9)], [(-1, 0, 9, 9)], [(200, 0, 50, 9)], [(0, 0, 224, 100)]], ids=str)
def test_boxes_have_to_fit(gateway, study, boxes):
    take_us(gateway, study, 1)
    with pytest.raises(AgreementError):
        gateway.staff.fill_screen(us_of(gateway), boxes, "officer")
    assert gateway.stores.ledger.layouts() == []


def test_a_screen_has_to_be_there(gateway):
    for change in (gateway.staff.leave_screen, gateway.staff.stop_filling):
        with pytest.raises(UnknownError):
            change("0" * 32, "officer")
    with pytest.raises(UnknownError):
        gateway.staff.fill_screen("0" * 32, [PLACE], "officer")


def test_an_instance_without_a_device_leaves_nothing_on_record(gateway, study):
    ds = burned_in.make_us(study)
    del ds.ManufacturerModelName
    assert gateway.take(ds).accepted
    gateway.settle()
    assert len(gateway.inbox.arrived) == 1
    assert find_cases(gateway.stores.ledger, ScreenDecision.OPEN) == []
