"""Faces: one that the test draws itself is found however the picture lies; scans and text are none."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from scanward.adapters.engines import faces
from scanward.adapters.engines.faces import FaceFinder
from scanward.errors import EngineError


@pytest.fixture(scope="module")
def finder():
    return FaceFinder()


def draw_face(side):
    """Soft blots where a face is bright and dark; nobody's face."""
    rows, columns = np.mgrid[:side, :side].astype(np.float32) / side

    def blot(x, y, width, height):
        return np.exp(-((((columns - x) / width) ** 2 + ((rows - y) / height) ** 2) ** 2))

    grey = 60 + 120 * blot(0.5, 0.5, 0.30, 0.40)
    for x in (0.385, 0.615):
        grey -= 85 * blot(x, 0.42, 0.075, 0.035) + 50 * blot(x, 0.35, 0.09, 0.02) + 25 * blot(x, 0.42, 0.10, 0.06)
    grey += 25 * blot(0.5, 0.5, 0.035, 0.12) + 20 * blot(0.36, 0.58, 0.07, 0.07) + 20 * blot(0.64, 0.58, 0.07, 0.07)
    grey -= 45 * blot(0.5, 0.60, 0.07, 0.02) + 70 * blot(0.5, 0.71, 0.12, 0.03) + 60 * blot(0.5, 0.1, 0.33, 0.12)
    return np.clip(grey, 0, 255).astype(np.uint8)


def picture_with_face(side=300, shape=(700, 1000), at=(250, 480)):
    grey = np.full(shape, 70, np.uint8)
    grey[at[0] : at[0] + side, at[1] : at[1] + side] = draw_face(side)
    return np.repeat(grey[..., None], 3, axis=2)


@pytest.mark.parametrize("turns", range(4))
def test_a_face_is_found_however_the_picture_lies(finder, turns):
    picture = np.ascontiguousarray(np.rot90(picture_with_face(), turns))
    where = np.zeros((700, 1000), bool)
    where[250:550, 480:780] = True
    where = np.rot90(where, turns)

    quads = finder.find(picture)

    assert quads
    for quad in quads:
        x, y = quad.mean(axis=0).astype(int)
        assert where[y, x]


def test_a_large_picture_is_looked_at_as_a_whole(finder):
    assert finder.find(picture_with_face(1200, (2800, 4000), (1000, 1900)))


def test_text_and_noise_are_no_faces(finder):
    rng = np.random.default_rng(3)
    grey = np.clip(
        cv2.GaussianBlur(rng.normal(120, 60, (500, 700)), (0, 0), 4) + rng.normal(0, 9, (500, 700)), 0, 255
    ).astype(np.uint8)
    for row in range(8):
        cv2.putText(grey, "DOSE REPORT 123.4 mGy", (20, 50 + 50 * row), cv2.FONT_HERSHEY_SIMPLEX, 1, 255, 2)
    assert finder.find(np.repeat(grey[..., None], 3, axis=2)) == []


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 4000, 3), (31, 31, 3)])
def test_the_smallest_pictures_have_none(finder, shape):
    assert finder.find(np.zeros(shape, np.uint8)) == []


def test_another_cascade_is_refused(monkeypatch):
    monkeypatch.setattr(faces, "CASCADE", replace(faces.CASCADE, sha256="0" * 64))
    with pytest.raises(EngineError, match="measured"):
        FaceFinder()
