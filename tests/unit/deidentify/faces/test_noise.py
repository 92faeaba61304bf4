from __future__ import annotations

import numpy as np
import pytest

from scanward.deidentify.faces.noise import draw


@pytest.mark.parametrize("below", [1, 2, 7, 1000])
def test_each_number_is_as_likely_as_the_other(below):
    drawn = draw(200_000, below, 5, 3)
    counts = np.bincount(drawn, minlength=below)
    assert len(counts) == below
    assert np.abs(counts / (200_000 / below) - 1).max() < (0.02 if below < 100 else 0.4)


def test_the_same_seed_gives_the_same_and_another_another():
    assert draw(5, 1000, 1, 2).tolist() == draw(9, 1000, 1, 2)[:5].tolist()
    assert draw(50, 1000, 1, 2).tolist() != draw(50, 1000, 2, 1).tolist()
    # Pinned: what was released must come out the same on every machine.
    assert draw(4, 1000, 5).tolist() == [979, 105, 863, 778]


def test_neighbours_and_seeds_have_nothing_in_common():
    one, other = draw(100_000, 1000, 5, 1), draw(100_000, 1000, 5, 2)
    assert abs(np.corrcoef(one[:-1], one[1:])[0, 1]) < 0.02
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.02
