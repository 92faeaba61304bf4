"""Lets the threads of a process look one after the other: a model runs once at a time."""

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scanward.ports.engines import BarcodeEngine, FaceEngine, FoundText, Picture, Quad, ReadText, TextEngine


class InTurn:
    """A text engine for any number of threads (implements :class:`scanward.ports.engines.TextEngine`).

    Parameters
    ----------
    engine
        Looks.
    turn
        Held while it does; engines that share a model share it.
    """

    def __init__(self, engine: TextEngine, turn: threading.Lock) -> None:
        self._engine = engine
        self._turn = turn
        self.name = engine.name

    def find(self, picture: Picture, *, enlarge: float = 1.0, seeded: bool = True) -> list[FoundText]:
        """Return all regions that look like text; raises `EngineError` where the engine failed its own test."""
        with self._turn:
            return self._engine.find(picture, enlarge=enlarge, seeded=seeded)

    def follow(self, picture: Picture, quads: Sequence[Quad], covered: NDArray[np.bool_]) -> list[Quad]:
        """Return what of the lines of regions was not found."""
        with self._turn:
            return self._engine.follow(picture, quads, covered)

    def read(self, picture: Picture, quads: Sequence[Quad]) -> list[ReadText]:
        """Return what regions read as, in their order."""
        with self._turn:
            return self._engine.read(picture, quads)


class PlacesInTurn:
    """An engine that finds barcodes, or faces, for any number of threads.

    Implements :class:`scanward.ports.engines.BarcodeEngine` and :class:`scanward.ports.engines.FaceEngine`.

    Parameters
    ----------
    engine
        Looks.
    turn
        Held while it does.
    """

    def __init__(self, engine: BarcodeEngine | FaceEngine, turn: threading.Lock) -> None:
        self._engine = engine
        self._turn = turn

    def find(self, picture: Picture) -> list[Quad]:
        """Return where they are."""
        with self._turn:
            return self._engine.find(picture)
