"""When a result may not leave since a face is still seen."""

from dataclasses import replace

import numpy as np
import pytest

from scanward.deidentify.faces.render import Surface
from scanward.deidentify.faces.residual import Kept, Seen, still_seen

BEFORE = Seen(
    surface=Surface(distance_mm=np.zeros((2, 2, 2), np.float32)), hits=16, false_hits=1, renders=18, pictures=()
)
AFTER = replace(BEFORE, hits=2, false_hits=1)
KEPT = Kept(face=0.15, ears=0.1)


def test_what_is_gone_may_leave():
    assert still_seen(BEFORE, AFTER, KEPT) == ()


def test_what_was_not_in_view_says_nothing():
    assert still_seen(BEFORE, AFTER, Kept(face=None, ears=None)) == ()


@pytest.mark.parametrize(
    ("after", "kept", "reason"),
    [
        (AFTER, Kept(face=0.31, ears=0.1), "face where it was"),
        (AFTER, Kept(face=0.1, ears=0.31), "ears where they were"),
        (replace(AFTER, hits=12), KEPT, "detector"),
    ],
)
def test_each_measure_alone_holds(after, kept, reason):
    (said,) = still_seen(BEFORE, after, kept)
    assert reason in said
    assert said.startswith("expected")


def test_a_head_that_nobody_treated_is_held_even_where_no_detector_sees_it():
    unseen = replace(BEFORE, hits=0)
    assert len(still_seen(unseen, unseen, Kept(face=1.0, ears=1.0))) == 2
