"""What a few of many frames show goes from those alone; words that all show may stay."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from scanward.deidentify.pixels import sequence
from scanward.deidentify.pixels.sequence import TOGETHER, FrameSearch, search_frames
from scanward.deidentify.pixels.stay import Keeper
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.model.pixels import KeptText
from scanward.ports.engines import FoundText, ReadText

SHAPE = (120, 160)
BLOCK = (slice(50, 70), slice(40, 100))


class Blocks:
    """Takes for text what is white over many pixels."""

    name = "blocks"

    def find(self, picture, *, enlarge=1.0, seeded=True):
        rows, columns = np.nonzero((picture >= 250).any(axis=2))
        if len(rows) < 600:
            return []
        low, high = (columns.min(), rows.min()), (columns.max() + 1, rows.max() + 1)
        quad = np.array([low, (high[0], low[1]), high, (low[0], high[1])], np.float32)
        return [FoundText(quad, 1.0)]

    def follow(self, picture, quads, covered):
        return []

    def read(self, picture, quads):
        raise AssertionError("nothing is read here")


def frames_with(*shown: int, count: int = 60):
    """Return frames that differ everywhere, as slices do, some with a white block."""
    random = np.random.default_rng(1)
    frames = random.integers(0, 120, (count, *SHAPE, 3), dtype=np.uint8)
    for index in shown:
        frames[index][BLOCK] = 255
    return frames


def test_what_one_slice_shows_goes_from_it_alone():
    frames = frames_with(7, 41)
    masks = search_frames(Blocks(), lambda index: frames[index], len(frames), None)
    assert {index for index in range(len(frames)) if masks.of(index) is not None} == {7, 41}
    assert masks.of(7)[BLOCK].all()


def test_what_stands_still_goes_from_all_frames_of_a_run():
    frames = frames_with(*range(TOGETHER, TOGETHER + 30), count=TOGETHER + 30)
    masks = search_frames(Blocks(), lambda index: frames[index], len(frames), None)
    assert all((masks.of(index) is not None) == (index >= TOGETHER) for index in range(len(frames)))


def test_nothing_goes_where_nothing_is_found():
    frames = frames_with()
    assert search_frames(Blocks(), lambda index: frames[index], len(frames), None).is_empty


# --- words that stay, and barcodes ---

TEXTS = {0: "", 10: "L", 20: "5 cm", 30: "Doe", 40: "R", 50: "12"}
"""What a block reads as, by how many of its pixels are dark."""
PLACE = (slice(20, 32), slice(20, 50))


class Reading(Blocks):
    """Finds each white block, and reads how many dark pixels it has."""

    def __init__(self):
        self.readings = 0

    def find(self, picture, *, enlarge=1.0, seeded=True):
        blocks = cv2.morphologyEx((picture >= 250).all(axis=2).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3)))
        _, _, stats, _ = cv2.connectedComponentsWithStats(blocks, connectivity=8)
        return [FoundText(quad_of(*one[:4]), 1.0) for one in stats[1:] if one[4] > 100]

    def read(self, picture, quads):
        self.readings += len(quads)
        crops = [picture[int(quad[0][1]) : int(quad[2][1]), int(quad[0][0]) : int(quad[1][0])] for quad in quads]
        return [ReadText(TEXTS.get(int((crop < 20).all(axis=2).sum()), ""), 0.99) for crop in crops]


class Codes:
    """Takes what is all blue for a barcode."""

    def find(self, picture):
        rows, columns = np.nonzero((picture[..., 2] > 240) & (picture[..., 0] < 60))
        if len(rows) < 400:
            return []
        return [quad_of(columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)]


def quad_of(x, y, width, height):
    return np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], np.float32)


def put(frame, text, place=PLACE):
    """Put a block into a frame that reads as a text."""
    dark = next(count for count, one in TEXTS.items() if one == text)
    block = np.full((place[0].stop - place[0].start, place[1].stop - place[1].start, 3), 255, np.uint8)
    block[4:9, 4 : 4 + dark // 5] = 0
    frame[place] = block


def clip(text="L", count=60):
    frames = np.full((count, *SHAPE, 3), 45, np.uint8)
    for frame in frames:
        put(frame, text)
    return frames


def search(frames, *, engine=None, codes=None, kinds=frozenset(KeptText)):
    engine = engine or Reading()
    keeper = Keeper(engine, Reading(), kinds, KnownIdentifiers())
    return FrameSearch(engine, lambda index: frames[index], None, keeper=keeper, barcodes=codes).search(len(frames))


@pytest.mark.parametrize("count", [1, 2, 60, TOGETHER + 20])
def test_a_word_that_stands_in_all_frames_stays(count):
    found = search(clip(count=count))
    assert found.text.is_empty
    assert found.kept_words == 1
    assert all(found.kept.of(index)[PLACE].all() for index in range(count))


@pytest.mark.parametrize("text", ["Doe", ""])
def test_a_word_that_is_not_on_the_list_goes_from_all_frames(text):
    found = search(clip(text))
    assert found.kept.is_empty
    assert all(found.text.of(index)[PLACE].all() for index in range(60))


@pytest.mark.parametrize("other", ["Doe", "R", ""])
def test_frames_that_show_something_else_where_a_word_stays_lose_it(other):
    frames = clip()
    for index in (7, 30):
        put(frames[index], other)
    found = search(frames)
    assert found.kept_words == 1
    for index in range(60):
        gone, kept = found.text.of(index), found.kept.of(index)
        assert (gone is not None and gone[PLACE].all()) == (index in (7, 30))
        assert (kept is not None and kept[PLACE].all()) == (index not in (7, 30))


def test_a_word_before_what_moves_is_read_in_each_frame_and_stays():
    frames = clip()
    for index in range(0, 60, 3):
        frames[index][PLACE[0].start : PLACE[0].stop, PLACE[1].start] = 200
        frames[index][PLACE[0].start + 1 : PLACE[0].stop - 1, PLACE[1].start + 1] = 225
    found = search(frames)
    assert found.kept_words == 1
    assert all(found.text.of(index) is None or not found.text.of(index)[PLACE].all() for index in range(60))


def test_words_that_would_have_to_be_read_too_often_go(monkeypatch):
    monkeypatch.setattr(sequence, "MAX_READINGS", 1)
    frames = clip()
    for index in (7, 30):
        put(frames[index], "R")
    engine = Reading()
    found = search(frames, engine=engine)
    assert found.kept_words == 0
    assert engine.readings < 3
    assert all(found.text.of(index)[PLACE].all() for index in range(60))


def test_a_number_beside_what_flashes_up_goes():
    frames = clip("5 cm")
    put(frames[12], "Doe", (slice(20, 32), slice(60, 90)))
    found = search(frames)
    assert found.kept_words == 0
    assert all(found.text.of(index)[PLACE].all() for index in range(60))
    assert found.text.of(12)[20:32, 60:90].all()


def test_what_flashes_up_beside_a_side_marker_goes_from_its_frame():
    frames = clip()
    put(frames[12], "Doe", (slice(60, 72), slice(20, 50)))
    found = search(frames)
    assert found.kept_words == 1
    assert {index for index in range(60) if found.text.of(index) is not None} == {12}


def test_the_proof_passes_words_that_stay_and_nothing_beside_them():
    frames = clip()
    kept = search(frames).kept
    assert search_frames(Reading(), lambda index: frames[index], 60, None, is_proof=True, kept=kept).is_empty
    # Drawn so near that both are found as one region.
    for frame in frames:
        frame[24:32, 50:62] = 255
    again = search_frames(Reading(), lambda index: frames[index], 60, None, is_proof=True, kept=kept)
    assert all(again.of(index)[24:32, 50:62].all() for index in range(60))


@pytest.mark.parametrize("shown", [range(60), range(20, 40), (33,)])
def test_barcodes_go_from_the_frames_that_show_them(shown):
    frames = clip("")
    for index in shown:
        frames[index][70:100, 60:110] = (0, 0, 255)
    found = search(frames, codes=Codes())
    there = {index for index in range(60) if (mask := found.codes.of(index)) is not None and mask[70:100, 60:110].all()}
    assert there == set(shown)
    assert search(clip(""), codes=Codes()).codes.is_empty
