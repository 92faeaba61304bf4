"""Where text was found on screens of devices, and what people had filled on them."""

from datetime import timedelta

import pytest

from scanward.adapters.store import screens as section
from scanward.adapters.store.ledger import SqlLedger
from scanward.errors import UnknownError
from scanward.model.screens import Layout, RecordedScreen, Screen, ScreenDecision, SeenImage
from tests.common.ledgers import NOW

SCREEN = Screen(manufacturer="maker", model="one", sop_class_uid="1.2", rows=480, columns=640)
OTHER = Screen(manufacturer="maker", model="two", sop_class_uid="1.2", rows=480, columns=640)
NAME = (8, 4, 120, 14)


def seen(number: int, *boxes: tuple[int, int, int, int], screen: Screen = SCREEN) -> SeenImage:
    return SeenImage(screen=screen, instance_id=f"{number:032x}", boxes=boxes)


def only(ledger: SqlLedger) -> RecordedScreen:
    (found,) = ledger.screens(ScreenDecision.OPEN, limit=10)
    return found


def test_where_text_was_found_is_kept_by_screen(ledger: SqlLedger):
    ledger.note_screens([], NOW)
    ledger.note_screens([seen(1, NAME), seen(2), seen(1, NAME, screen=OTHER)], NOW)
    ledger.note_screens([seen(3, NAME)], NOW + timedelta(seconds=1))

    first, second = ledger.screens(ScreenDecision.OPEN, limit=10)
    assert (first.screen, second.screen) == (SCREEN, OTHER)
    assert first.images == ((NAME,), (NAME,), ())
    assert (first.seen, second.seen) == (NOW + timedelta(seconds=1), NOW)
    assert (first.decision, first.boxes, first.decided, first.decided_by) == (ScreenDecision.OPEN, (), None, "")
    assert len(ledger.screens(ScreenDecision.OPEN, limit=1)) == 1


def test_one_screen_is_found_by_its_id(ledger: SqlLedger):
    ledger.note_screens([seen(1, NAME), seen(1, screen=OTHER)], NOW)
    assert (
        ledger.get_screen(SCREEN.screen_id)
        == ledger.screens(ScreenDecision.OPEN, limit=10)[
            [one.screen for one in ledger.screens(ScreenDecision.OPEN, limit=10)].index(SCREEN)
        ]
    )


def test_an_instance_counts_once_however_often_it_is_prepared(ledger: SqlLedger):
    ledger.note_screens([seen(1, NAME), seen(1)], NOW)
    ledger.note_screens([seen(1, NAME)], NOW)
    assert only(ledger).images == ((NAME,),)


def test_the_latest_images_are_kept(ledger: SqlLedger):
    many = section.KEPT_IMAGES + 7
    for number in range(3):
        ledger.note_screens([seen(number, NAME)], NOW + timedelta(seconds=number))
    ledger.note_screens([seen(100 + number) for number in range(many)], NOW + timedelta(hours=1))
    assert only(ledger).images == ((),) * section.KEPT_IMAGES


def test_so_many_screens_are_kept_and_those_decided_on_always(ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(section, "KEPT_SCREENS", 2)
    screens = [Screen(manufacturer="maker", model=f"{one}", sop_class_uid="1", rows=1, columns=1) for one in range(5)]
    for number, screen in enumerate(screens):
        ledger.note_screens([seen(1, NAME, screen=screen)], NOW + timedelta(seconds=number))
        if number == 0:
            ledger.decide_screen(screen.screen_id, ScreenDecision.FILLED, [NAME], "officer", NOW)
    assert {one.screen.model for how in ScreenDecision for one in ledger.screens(how, limit=10)} == {"0", "3", "4"}


def test_what_is_filled_is_what_was_decided_last_with_who_and_when(ledger: SqlLedger):
    ledger.note_screens([seen(1, NAME), seen(1, NAME, screen=OTHER)], NOW)
    which = SCREEN.screen_id
    assert ledger.layouts() == []
    ledger.decide_screen(which, ScreenDecision.FILLED, [NAME], "officer", NOW)
    (layout,) = ledger.layouts()
    assert isinstance(layout, Layout)
    assert layout.is_of(SCREEN)
    assert not layout.is_of(OTHER)
    assert layout.boxes == (NAME,)
    # More images change nothing about it.
    ledger.note_screens([seen(2, NAME)], NOW + timedelta(hours=1))
    (recorded,) = ledger.screens(ScreenDecision.FILLED, limit=10)
    assert (recorded.boxes, recorded.decided, recorded.decided_by) == ((NAME,), NOW, "officer")
    assert len(ledger.screens(ScreenDecision.OPEN, limit=10)) == 1

    ledger.decide_screen(which, ScreenDecision.OPEN, [], "another", NOW + timedelta(hours=2))
    assert ledger.layouts() == []
    ledger.decide_screen(which, ScreenDecision.LEFT, [], "another", NOW + timedelta(hours=3))
    assert ledger.layouts() == []
    events = [(one.what, one.by, one.detail) for one in ledger.history(which)]
    assert events == [
        ("always filled", "officer", "[[8, 4, 120, 14]]"),
        ("filled no more", "another", ""),
        ("not now", "another", ""),
    ]


def test_a_screen_that_is_not_there_cannot_be_decided_on(ledger: SqlLedger):
    with pytest.raises(UnknownError):
        ledger.decide_screen("0" * 32, ScreenDecision.FILLED, [NAME], "officer", NOW)
    with pytest.raises(UnknownError):
        ledger.get_screen("0" * 32)
    assert ledger.history("0" * 32) == []
