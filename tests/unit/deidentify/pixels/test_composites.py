"""What many frames show together: what one of them alone shows must not drown."""

from __future__ import annotations

import numpy as np
import pytest

from scanward.deidentify.pixels.composites import Composites
from scanward.deidentify.pixels.looks import find_lone_levels, levels_of_grey, look_at_levels
from scanward.deidentify.pixels.view import Grey

SHAPE = (80, 100)
WORD = (slice(30, 40), slice(20, 60))


def slices_with(index: int | None, level: float = 900.0, *, count: int = 20) -> list[Grey]:
    """Return slices whose values rise from one to the next, one of them with a block of one level."""
    random = np.random.default_rng(3)
    slices = [random.normal(400 + 60 * number, 25, SHAPE).round().astype(np.float32) for number in range(count)]
    if index is not None:
        slices[index][WORD] = level
    return [Grey(values=values, padding=None, is_inverted=False) for values in slices]


def composites(slices: list[Grey], window: tuple[float, float] | None = None) -> Composites:
    return Composites(
        lambda index: slices[index], 0, len(slices) - 1, lambda shown: levels_of_grey(shown.values, 1.0), window
    )


@pytest.mark.parametrize("index", [0, 1, 7, 18, 19])
def test_what_one_slice_alone_shows_stands_out_of_those_that_change(index):
    level = 400 + 60 * index + 500.0
    flash = composites(slices_with(index, level)).flash
    inside, outside = flash[WORD], np.delete(flash, range(30, 40), axis=0)
    assert inside.min() > outside.max()


def test_what_changes_outside_the_window_does_not_hide_what_is_in_it():
    slices = slices_with(None)
    for number, one in enumerate(slices):
        one.values[:] = 30
        one.values[:25] = 2000 if number % 2 else -900  # bone that comes and goes
    slices[9].values[WORD] = 75
    flash = composites(slices, (0.0, 100.0)).flash
    assert flash[WORD].min() == 45
    assert flash.max() <= 100


@pytest.mark.parametrize("count", [2, 3])
def test_few_frames_are_no_trouble(count):
    run = composites(slices_with(1, 2000.0, count=count))
    assert run.flash.shape == SHAPE
    assert len(run.far) == len(run.lone) == count


def test_a_level_of_one_slice_is_told_from_those_of_many():
    slices = slices_with(None)
    slices[7].values[30:36, 20:50] = 800
    for one in slices:
        one.values[70:75, 20:50] = 60  # what is drawn into all of them
    own = composites(slices).own_levels()
    assert list(own) == [7]
    assert 800 in own[7]
    assert 60 not in own[7]


def test_a_letter_is_shown_apart_from_the_box_that_it_stands_in():
    levels = np.random.default_rng(4).integers(0, 4000, SHAPE)
    levels[30:40, 20:50] = 1500
    levels[33:37, 25:45] = 200
    lone = list(find_lone_levels(levels))
    assert lone[:2] == [1500, 200]
    picture = look_at_levels(levels, lone[:2], np.ones(SHAPE, bool)).picture[..., 0]
    assert picture[31, 40] > picture[35, 40] + 60 > 60
