"""Text that a few of many frames show goes from those alone."""

from __future__ import annotations

import numpy as np

from scanward.deidentify.pixels.sequence import TOGETHER, search_frames
from scanward.ports.engines import FoundText

SHAPE = (120, 160)
BLOCK = (slice(50, 70), slice(40, 100))


class Blocks:
    """Takes for text what is white over many pixels."""

    name = "blocks"

    def find(self, picture, *, enlarge=1.0, seeded=True):
        rows, columns = np.nonzero((picture >= 250).all(axis=2))
        if len(rows) < 600:
            return []
        low, high = (columns.min(), rows.min()), (columns.max() + 1, rows.max() + 1)
        quad = np.array([low, (high[0], low[1]), high, (low[0], high[1])], np.float32)
        return [FoundText(quad, 1.0)]

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
