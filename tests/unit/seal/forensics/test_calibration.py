"""A site's threshold: kept rate, and files that are refused, each with its own fault."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanward.errors import EvidenceError
from scanward.seal.forensics.calibration import CalibrationFault, calibrate, encode, parse

MODEL = "ab" * 32
SCORES = st.lists(st.floats(-100, 100, width=32), min_size=20, max_size=60)


@given(SCORES)
def test_a_calibration_comes_back_from_its_json(scores):
    made = calibrate(scores, MODEL)
    assert parse(encode(made), MODEL) == made


@given(SCORES)
def test_at_most_a_twentieth_of_the_films_calibrated_on_lie_above(scores):
    made = calibrate(scores, MODEL)
    assert sum(one > made.threshold for one in scores) <= 0.05 * (len(scores) + 1)


@settings(max_examples=5)
@given(st.integers(0, 1000), st.floats(-50, 50))
def test_other_films_of_the_site_keep_the_rate_wherever_its_scores_lie(seed, shift):
    rng = np.random.default_rng(seed)
    rates = []
    for _ in range(300):
        made = calibrate((rng.gumbel(size=39) + shift).tolist(), MODEL)
        rates.append(np.mean(rng.gumbel(size=50) + shift > made.threshold))
    assert 0.03 < np.mean(rates) < 0.07


def test_a_score_above_all_has_the_smallest_p_value():
    made = calibrate([float(one) for one in range(39)], MODEL)
    assert made.p_value(1e6) == pytest.approx(1 / 40)
    assert made.p_value(-1) == 1


@pytest.mark.parametrize(
    ("scores", "fault"),
    [
        ([0.0] * 19, CalibrationFault.TOO_FEW),
        ([], CalibrationFault.TOO_FEW),
        ([0.0] * 100_001, CalibrationFault.TOO_MANY),
        ([0.0] * 30 + [float("nan")], CalibrationFault.NOT_FINITE),
        ([0.0] * 30 + [float("inf")], CalibrationFault.NOT_FINITE),
    ],
)
def test_scores_that_make_no_calibration(scores, fault):
    with pytest.raises(EvidenceError) as caught:
        calibrate(scores, MODEL)
    assert caught.value.fault is fault


def changed(**values):
    return json.dumps({**json.loads(encode(calibrate([float(one) for one in range(30)], MODEL))), **values}).encode()


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", CalibrationFault.NOT_JSON),
        (b"\xff", CalibrationFault.NOT_JSON),
        (b'{"format": 1, "format": 2}', CalibrationFault.NOT_JSON),
        (b"[" * 100_000, CalibrationFault.NOT_JSON),
        (b"[]", CalibrationFault.OTHER_FORMAT),
        (changed(format="other"), CalibrationFault.OTHER_FORMAT),
        (changed(more=1), CalibrationFault.OTHER_FIELDS),
        (changed(scores="many"), CalibrationFault.OTHER_FIELDS),
        (changed(scores=[True] * 30), CalibrationFault.OTHER_FIELDS),
        (changed(scores=[1e300] * 30), CalibrationFault.OTHER_FIELDS),
        (changed(scores=[float("nan")] * 30), CalibrationFault.OTHER_FIELDS),
        (changed(model=1), CalibrationFault.OTHER_FIELDS),
        (changed(model="cd" * 32), CalibrationFault.OTHER_MODEL),
        (changed(scores=[2.0, 1.0] * 15), CalibrationFault.NOT_IN_ORDER),
        (changed(scores=[1.0] * 5), CalibrationFault.TOO_FEW),
    ],
)
def test_files_that_are_refused(data, fault):
    with pytest.raises(EvidenceError) as caught:
        parse(data, MODEL)
    assert caught.value.fault is fault
