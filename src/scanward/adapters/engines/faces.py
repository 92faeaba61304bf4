"""Finds faces in photographs, with the Haar cascade that OpenCV 4 carries (Viola and Jones 2001; Lienhart 2002).

It finds faces seen from the front and misses others: a find is a reason to hold, none is no reason to release.
"""

from typing import Final

import cv2
import numpy as np

from scanward.adapters.engines.model_files import REMEDY, ModelFile, read_model_file
from scanward.errors import EngineError
from scanward.ports.engines import Picture, Quad

CASCADE: Final = ModelFile(
    name="Haar cascade frontalface alt2",
    package="cv2",
    path="data/haarcascade_frontalface_alt2.xml",
    sha256="7b0c967d9abbdfbde025eb9c786947d151b6426040d07a8f9562ed8fd90724b4",
)

LONGEST_SIDE: Final = 640
"""Pictures are looked at in this size: a face that tells who it is has a tenth of the picture and more."""

_SMALLEST: Final = 32
"""Pixels of the side of the smallest face in a picture of that size."""

_NEIGHBOURS: Final = 4
"""Overlapping finds that make one face: with fewer, bones and noise are faces."""


class FaceFinder:
    """Finds faces in pictures that may lie on their side or stand on their head; one for each process.

    Raises
    ------
    EngineError
        The cascade is missing, or another one.
    """

    def __init__(self) -> None:
        self._cascade = load_cascade(CASCADE)
        self.name = CASCADE.name

    def find(self, picture: Picture) -> list[Quad]:
        """Return where faces are."""
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        scale = min(1.0, LONGEST_SIDE / max(grey.shape))
        size = (max(round(grey.shape[1] * scale), 1), max(round(grey.shape[0] * scale), 1))
        small = cv2.equalizeHist(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))
        if min(small.shape) < _SMALLEST:
            return []
        return [
            np.asarray(_turned_back(quad, turns, small.shape) / scale, np.float32)
            for turns in range(4)
            for quad in self._find_upright(np.ascontiguousarray(np.rot90(small, turns)))
        ]

    def _find_upright(self, grey: "np.ndarray[tuple[int, int], np.dtype[np.uint8]]") -> list[Quad]:
        faces = self._cascade.detectMultiScale(grey, 1.1, _NEIGHBOURS, minSize=(_SMALLEST, _SMALLEST))
        return [upright(*box) for box in faces]


def load_cascade(model: ModelFile) -> cv2.CascadeClassifier:
    """Return a cascade; raises `EngineError` where it is missing, or another one."""
    text = read_model_file(model).decode("utf-8")
    storage = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
    cascade = cv2.CascadeClassifier()
    if not cascade.read(storage.getFirstTopLevelNode()) or cascade.empty():
        raise EngineError(f"{model.name}: expected a cascade that OpenCV can run", remedy=REMEDY)
    return cascade


def upright(x: int, y: int, width: int, height: int) -> Quad:
    """Return the corners of an upright rectangle."""
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], np.float32)


def _turned_back(quad: Quad, turns: int, shape: tuple[int, ...]) -> Quad:
    """Return where in a picture of `shape` a region is that was found in it after `turns` quarter turns."""
    rows, columns = shape[0], shape[1]
    x, y = quad[:, 0], quad[:, 1]
    places = {0: (x, y), 1: (columns - y, x), 2: (columns - x, rows - y), 3: (y, rows - x)}
    return np.stack(places[turns], axis=1)
