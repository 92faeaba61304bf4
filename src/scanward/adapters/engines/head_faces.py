"""Finds faces in renders of heads, with the Haar cascades that OpenCV 4 carries.

Unlike in photographs, it is known how large a face would be and that it stands upright.
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

_SMALLEST: Final = 90
"""Pixels of 0.5 mm: a face is some 130 mm high."""

_NEIGHBOURS: Final = 5


class HeadFaceFinder:
    """Finds faces in renders of heads; one for each process.

    Raises
    ------
    EngineError
        The cascade is missing, or another one.
    """

    def __init__(self) -> None:
        text = read_model_file(CASCADE).decode("utf-8")
        storage = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
        self._cascade = cv2.CascadeClassifier()
        if not self._cascade.read(storage.getFirstTopLevelNode()) or self._cascade.empty():
            raise EngineError(f"{CASCADE.name}: expected a cascade that OpenCV can run", remedy=REMEDY)
        self.name = CASCADE.name

    def find(self, picture: Picture) -> list[Quad]:
        """Return where faces are."""
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        found = self._cascade.detectMultiScale(grey, 1.1, _NEIGHBOURS, minSize=(_SMALLEST, _SMALLEST))
        return [
            np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], np.float32)
            for x, y, width, height in found
        ]
