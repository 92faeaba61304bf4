"""The second detector of faces, of the extra `dlib`."""

import numpy as np

from scanward.adapters.engines.dlib_faces import AnyFaceFinder, DlibFaceFinder
from scanward.bootstrap.faces import face_sight, load_face_engines


class Seer:
    """Sees what it was told to, and counts how often it was asked."""

    def __init__(self, found):
        self.found, self.asked = found, 0

    def find(self, picture):
        self.asked += 1
        return self.found


BLANK = np.zeros((400, 400, 3), np.uint8)


def test_nothing_is_found_where_nothing_is():
    assert DlibFaceFinder().find(BLANK) == []


def test_a_face_is_one_where_any_detector_sees_it():
    blind, seer, late = Seer([]), Seer(["face"]), Seer(["other"])
    assert AnyFaceFinder((blind, seer, late)).find(BLANK) == ["face"]
    assert (blind.asked, seer.asked, late.asked) == (1, 1, 0)
    assert AnyFaceFinder((blind,)).find(BLANK) == []


def test_what_looks_is_named_and_used():
    assert "dlib-bin" in face_sight()
    assert load_face_engines().detector.find(BLANK) == []
