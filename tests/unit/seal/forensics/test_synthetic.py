"""What the synthetic score is made of, and what it cannot tell."""

import cv2
import numpy as np
import pytest

from scanward.model.signs import Outcome
from scanward.seal.forensics.calibration import calibrate
from scanward.seal.forensics.synthetic import load_model, score
from scanward.seal.forensics.synthetic_features import SIDE, launder, measure
from tests.common.films import made_film

FILM = made_film(3)


def test_a_score_comes_with_its_threshold_and_limits():
    found = score(FILM)
    assert np.isfinite(found.score)
    assert found.outcome is (Outcome.SIGN if found.score > found.threshold else Outcome.NO_SIGN)
    assert not found.is_site_calibrated
    assert 0 < found.p_value <= 1
    assert any("noise of a real film" in one for one in found.limits.misses)
    assert found.limits.false_alarms.of == 20


def test_grey_scale_depth_and_colour_do_not_change_it():
    eight = np.clip(FILM / 4, 0, 255).astype(np.uint8)
    assert score(eight).score == score(np.repeat(eight[..., None], 3, 2)).score
    assert score(eight.astype(np.uint16) * 16).score == pytest.approx(score(eight).score, abs=0.05)


def test_every_picture_is_made_one_size():
    for shape in ((200, 300), (3000, 1500)):
        assert min(launder(cv2.resize(FILM, shape)).shape) == SIDE


def test_the_threshold_of_a_site_takes_the_place_of_the_one_shipped():
    here = score(FILM).score
    model = load_model()
    strict = calibrate([here - 2 - 0.01 * number for number in range(40)], model.digest)
    lax = calibrate([here + 2 + 0.01 * number for number in range(40)], model.digest)
    assert score(FILM, strict).outcome is Outcome.SIGN
    assert score(FILM, lax).outcome is Outcome.NO_SIGN
    assert score(FILM, lax).is_site_calibrated


def test_the_model_is_plain_numbers_for_the_features_there_are():
    model = load_model()
    assert set(model.names) == set(measure(launder(FILM)))
    assert len(model.baseline.scores) == 20
    for numbers in (model.mean, model.scale, model.weights):
        assert numbers.shape == (len(model.names),)
        assert np.isfinite(numbers).all()


@pytest.mark.parametrize(
    "odd",
    [
        np.zeros((0, 0)),
        np.zeros((256, 256)),
        np.full((256, 256), np.nan),
        np.ones((1, 5000)),
        np.random.default_rng(1).random((64, 64)),
        np.random.default_rng(1).random((200, 2000)),
        np.full((256, 256), np.inf),
    ],
)
def test_what_is_no_film_cannot_be_told(odd):
    found = score(odd)
    assert found.outcome is Outcome.CANNOT_TELL
    assert found.why
    assert np.isnan(found.score)


def test_the_score_is_the_same_with_one_thread_and_with_many():
    before = cv2.getNumThreads()
    try:
        results = []
        for threads in (1, 4):
            cv2.setNumThreads(threads)
            results.append(score(FILM).score)
    finally:
        cv2.setNumThreads(before)
    assert results[0] == results[1]
