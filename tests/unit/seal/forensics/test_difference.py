import cv2
import numpy as np
import pytest

from scanward.errors import EvidenceError
from scanward.seal.forensics import ForensicsFault
from scanward.seal.forensics.difference import HOT, difference
from scanward.seal.forensics.register import GRID, register
from tests.common.copies import clahe, cut, jpeg, screenshot, turned, with_nodule, without_lesion
from tests.common.films import made_film


def made_picture(seed: int) -> np.ndarray:
    film = made_film(seed)
    return np.uint8(np.clip((film - film.min()) / (film.max() - film.min()) * 255, 0, 255))


@pytest.fixture(scope="module")
def original() -> np.ndarray:
    return made_picture(3)


CHANGES = {
    "cut": lambda one: jpeg(cut(one, 0.15), 80),
    "mirrored and inverted": lambda one: 255 - one[:, ::-1],
    "contrast evened": lambda one: jpeg(clahe(one, 2), 80),
    "screenshot": screenshot,
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_edit_is_told_where_it_is_however_the_copy_was_shown(original, name):
    edited, (row, column, radius) = with_nodule(original, np.random.default_rng(1), grey=40)
    found = difference(original, CHANGES[name](edited))
    assert found.score >= HOT
    best = found.regions[0]
    assert best.top - radius <= row <= best.top + best.rows + radius
    assert best.left - radius <= column <= best.left + best.columns + radius
    assert best.rows <= 8 * radius
    clean = difference(original, CHANGES[name](original))
    assert clean.regions == ()
    assert clean.score < HOT


def test_what_was_painted_over_is_told(original):
    edited, (row, column, radius) = without_lesion(original, np.random.default_rng(4), across=0.12)
    best = difference(original, jpeg(edited, 80)).regions[0]
    assert abs(best.top + best.rows / 2 - row) < 3 * radius
    assert abs(best.left + best.columns / 2 - column) < 3 * radius


def test_only_what_a_copy_shows_is_compared(original):
    found = difference(original, cut(original, 0.3))
    assert found.compared == pytest.approx(0.49, abs=0.04)
    assert (found.scores[~found.mask] == 0).all()


def test_a_copy_is_laid_over_to_less_than_a_pixel(original):
    laid = register(original, jpeg(turned(cv2.resize(original, None, fx=0.8, fy=0.8), 4), 85))
    assert max(laid.original.shape) == GRID
    rows, columns = (int(side * 0.8) for side in original.shape)
    expected = cv2.getRotationMatrix2D((columns / 2, rows / 2), 4, 1)
    point = np.array([200.0, 250.0, 1])
    there = expected @ np.array([0.8 * (point[0] + 0.5) - 0.5, 0.8 * (point[1] + 0.5) - 0.5, 1])
    back = laid.overlay.to_film @ np.array([*there, 1])
    assert back == pytest.approx(point[:2], abs=0.6)


def test_the_same_comes_out_each_time_and_with_any_number_of_threads(original):
    suspect = screenshot(original)
    threads = cv2.getNumThreads()
    try:
        found = []
        for count in (1, 4):
            cv2.setNumThreads(count)
            found.append(difference(original, suspect))
    finally:
        cv2.setNumThreads(threads)
    assert found[0].score == pytest.approx(found[1].score, abs=0.02)
    assert found[0].regions == found[1].regions


def test_twelve_bits_and_eight_of_a_film_do_not_differ():
    film = made_film(5)
    assert difference(np.int16(film * 4 - 1000), made_picture(5)).regions == ()


@pytest.mark.parametrize("suspect", [made_picture(9), np.zeros((300, 300), np.uint8)])
def test_what_is_no_copy_is_not_compared(original, suspect):
    with pytest.raises(EvidenceError) as refused:
        difference(original, suspect)
    assert refused.value.fault is ForensicsFault.NOT_ALIGNED
