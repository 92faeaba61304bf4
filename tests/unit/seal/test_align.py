"""Frames that moved, came, went or were altered, told apart."""

from __future__ import annotations

import numpy as np
import pytest

from scanward.model.comparison import FrameFate
from scanward.seal import align
from scanward.seal.align import align_frames
from scanward.seal.digest import frame_digests, grid_of, seal_pixels
from scanward.seal.samples import digest_contents
from tests.common.sealing import KEY, Frames

FRAMES = np.random.default_rng(3).integers(0, 4096, (8, 70, 130)).astype("u2")
NEW = np.full((1, 70, 130), 7, "u2")


def fates(copy: np.ndarray, *, damaged: int | None = None, sealed: np.ndarray = FRAMES):
    frames = Frames(copy)
    contents = [digest_contents(one, frames.layout) for one in copy]
    if damaged is not None:
        contents[damaged] = None
    seal = seal_pixels(Frames(sealed), KEY)
    found = align_frames(contents, tuple(frame_digests(seal)), key=KEY, grid=grid_of(frames.layout))
    return [(change.fate.value, change.frame, change.sealed) for change in found]


def test_what_is_the_same_has_no_change():
    assert fates(FRAMES) == []


def test_two_swapped_frames_are_both_told_with_what_they_show():
    order = [0, 5, 2, 3, 4, 1, 6, 7]
    assert fates(FRAMES[order]) == [("moved", 1, 5), ("moved", 5, 1)]


def test_a_reversed_run_is_told_frame_by_frame():
    assert fates(FRAMES[::-1]) == [("moved", at, 7 - at) for at in range(8)]


def test_a_removed_frame_moves_none_of_the_others():
    assert fates(FRAMES[[0, 1, 3, 4, 5, 6, 7]]) == [("removed", None, 2)]


def test_an_added_frame_moves_none_of_the_others():
    assert fates(np.concatenate([FRAMES[:3], NEW, FRAMES[3:]])) == [("added", 3, None)]


def test_a_frame_shown_twice_is_told_with_what_it_shows_and_what_it_took_the_place_of():
    assert fates(FRAMES[[0, 1, 2, 2, 4, 5, 6, 7]]) == [("moved", 3, 2), ("removed", None, 3)]


def test_a_frame_repeated_beside_all_others_is_told():
    assert fates(FRAMES[[0, 1, 1, 2, 3, 4, 5, 6, 7]]) in ([("moved", 1, 1)], [("moved", 2, 1)])


def test_an_altered_frame_after_a_removed_one_is_compared_with_its_own():
    copy = FRAMES[[0, 1, 3, 4, 5, 6, 7]].copy()
    copy[4, 65, 129] ^= 1
    assert fates(copy) == [("altered", 4, 5), ("removed", None, 2)]


def test_an_altered_tile_is_told_in_its_frame():
    copy = FRAMES.copy()
    copy[6, 3, 64] ^= 1
    frames = Frames(copy)
    seal = seal_pixels(Frames(FRAMES), KEY)
    contents = [digest_contents(one, frames.layout) for one in copy]
    (change,) = align_frames(contents, tuple(frame_digests(seal)), key=KEY, grid=grid_of(frames.layout))
    assert (change.fate, change.frame, change.sealed, change.tiles) == (FrameFate.ALTERED, 6, 6, (1,))


def test_a_frame_that_cannot_be_decoded_is_told_as_damaged():
    assert fates(FRAMES, damaged=4) == [("damaged", 4, 4)]


def test_frames_alike_cannot_be_told_apart_and_need_not():
    alike = np.zeros((4, 70, 130), "u2")
    assert fates(alike[[1, 0, 2, 3]], sealed=alike) == []


def test_a_search_without_end_is_given_up_and_what_is_left_is_altered(monkeypatch):
    monkeypatch.setattr(align, "MAX_TRIALS", 0)
    found = fates(FRAMES[[0, 5, 2, 3, 4, 1, 6, 7]])
    assert found == [("altered", 1, 1), ("altered", 5, 5)]


@pytest.mark.parametrize("count", [1, 4])
def test_a_copy_without_its_last_frames_tells_which(count):
    assert fates(FRAMES[:-count]) == [("removed", None, 8 - left) for left in range(count, 0, -1)]
