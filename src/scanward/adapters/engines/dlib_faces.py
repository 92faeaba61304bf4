"""Finds faces in renders of heads by histograms of oriented gradients, as dlib has it; no weights are downloaded.

The extra `dlib` brings it. A detector of another kind sees faces that cascades miss (N. Dalal, B. Triggs, CVPR 2005;
D. King, Max-Margin Object Detection, 2015).
"""

from collections.abc import Sequence
from importlib import metadata
from typing import Protocol

import dlib

from scanward.adapters.engines.faces import upright
from scanward.ports.engines import FaceEngine, Picture, Quad


class _Box(Protocol):
    def left(self) -> int: ...
    def top(self) -> int: ...
    def width(self) -> int: ...
    def height(self) -> int: ...


class DlibFaceFinder:
    """Finds upright faces of 80 pixels and more; one for each process."""

    def __init__(self) -> None:
        self._detector = dlib.get_frontal_face_detector()
        self.name = f"dlib {metadata.version('dlib-bin')} frontal HOG"

    def find(self, picture: Picture) -> list[Quad]:
        """Return where faces are."""
        found: Sequence[_Box] = self._detector(picture, 0)
        return [upright(box.left(), box.top(), box.width(), box.height()) for box in found]


class AnyFaceFinder:
    """Several detectors, of which any may see a face.

    Parameters
    ----------
    engines
        Asked in turn; the first that sees one answers.
    """

    def __init__(self, engines: Sequence[FaceEngine]) -> None:
        self._engines = engines

    def find(self, picture: Picture) -> list[Quad]:
        """Return where the first detector that sees a face sees it."""
        return next((found for engine in self._engines if (found := engine.find(picture))), [])
