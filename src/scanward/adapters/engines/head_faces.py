"""Finds faces in renders of heads, with the Haar cascades that OpenCV 4 carries.

Unlike in photographs, it is known how large a face would be and that it stands upright.
"""

from typing import Final

import cv2

from scanward.adapters.engines.faces import load_cascade, upright
from scanward.adapters.engines.model_files import ModelFile
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
        self._cascade = load_cascade(CASCADE)
        self.name = CASCADE.name

    def find(self, picture: Picture) -> list[Quad]:
        """Return where faces are."""
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        found = self._cascade.detectMultiScale(grey, 1.1, _NEIGHBOURS, minSize=(_SMALLEST, _SMALLEST))
        return [upright(*box) for box in found]
