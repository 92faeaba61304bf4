"""What the look at noise finds, and what it cannot tell."""

import cv2
import numpy as np
import pytest

from scanward.model.signs import Baseline, Outcome
from scanward.seal.forensics.noise import find_inconsistency, learn_series


def scan(seed, rows=360, columns=360):
    """Noise of a scanner on soft shadows."""
    rng = np.random.default_rng(seed)
    shadow = cv2.resize(rng.normal(0, 1, (5, 5)).astype(np.float32), (columns, rows), interpolation=cv2.INTER_CUBIC)
    noise = cv2.GaussianBlur(rng.normal(0, 1, (rows, columns)).astype(np.float32), (0, 0), 0.6)
    return np.rint(1000 + 40 * shadow + 20 * noise).astype(np.int16)


def smooth_patch(plane, top, left, side=40):
    out = plane.copy()
    soft = cv2.GaussianBlur(plane.astype(np.float32), (0, 0), 1.0)
    out[top : top + side, left : left + side] = np.rint(soft[top : top + side, left : left + side])
    return out


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_smoothed_patch_is_found_and_an_even_frame_is_not(seed):
    plane = scan(seed)
    assert find_inconsistency(plane).outcome is Outcome.NO_SIGN
    signs = find_inconsistency(smooth_patch(plane, 150, 200))
    assert signs.outcome is Outcome.SIGN
    assert signs.baseline is Baseline.IMAGE
    assert abs((signs.region.top + signs.region.bottom) / 2 - 170) < 20
    assert abs((signs.region.left + signs.region.right) / 2 - 220) < 20


def test_the_same_against_the_rest_of_the_series():
    series = learn_series([scan(seed) for seed in range(10, 20)])
    plane = scan(1)
    calm, edited = (find_inconsistency(one, series=series) for one in (plane, smooth_patch(plane, 100, 60)))
    assert (calm.outcome, edited.outcome) == (Outcome.NO_SIGN, Outcome.SIGN)
    assert edited.baseline is Baseline.SERIES
    assert edited.p_value == 1 / 11
    assert calm.p_value > edited.p_value


def test_a_series_of_a_few_slices_is_no_baseline():
    assert learn_series([scan(1), scan(2)]) is None
    assert find_inconsistency(scan(3), [scan(1), scan(2)]).baseline is Baseline.IMAGE


def test_the_map_shows_the_patch():
    signs = find_inconsistency(smooth_patch(scan(4), 150, 200))
    values = np.frombuffer(signs.score_map.values, "<f4").reshape(signs.score_map.rows, signs.score_map.columns)
    row, column = np.unravel_index(np.nanargmax(values), values.shape)
    half = signs.score_map.block_pixels / 2
    assert abs(row * signs.score_map.step_pixels + half - 170) < 20
    assert abs(column * signs.score_map.step_pixels + half - 220) < 20


@pytest.mark.parametrize(
    "odd",
    [
        np.zeros((0, 0)),
        np.zeros((64, 64)),
        np.full((64, 64), np.nan),
        np.ones((1, 5000)),
        np.arange(64 * 64).reshape(64, 64) // 999,
        np.full((64, 64), np.inf),
        np.kron(np.arange(64).reshape(8, 8), np.ones((40, 40))),
    ],
)
def test_what_has_no_noise_cannot_be_told(odd):
    signs = find_inconsistency(odd)
    assert signs.outcome is Outcome.CANNOT_TELL
    assert signs.why
    assert signs.region is None


def test_numbers_missing_or_huge_are_looked_past():
    plane = scan(6).astype(np.float64)
    plane[10:20, 10:20], plane[30, 30] = np.nan, 1e300
    find_inconsistency(plane)


def test_the_result_is_the_same_with_one_thread_and_with_many():
    plane, before = smooth_patch(scan(5), 150, 200), cv2.getNumThreads()
    try:
        results = []
        for threads in (1, 4):
            cv2.setNumThreads(threads)
            results.append(find_inconsistency(plane))
    finally:
        cv2.setNumThreads(before)
    assert results[0] == results[1]


def test_the_limits_name_what_passes():
    misses = " ".join(find_inconsistency(scan(7)).limits.misses)
    assert "next slice" in misses
    assert "nodule" in misses
