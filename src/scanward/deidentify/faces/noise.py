"""Noise that is the same in every run: numbers that look like chance, made of a seed alone; never a secret."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

# SplitMix64 (Steele, Lea, Flood 2014): one step for each number, so that they can be made all at once.
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)


def draw(count: int, below: int, *seed: int) -> NDArray[np.int64]:
    """Return numbers from 0 to `below` - 1, each as likely as the other.

    Parameters
    ----------
    count
        How many.
    below
        At least 1, at most 2 to the 32.
    seed
        Numbers of at least 0; others give other numbers.
    """
    state = np.zeros(1, np.uint64)
    for part in seed:
        state = _mix((state ^ np.uint64(part & 0xFFFFFFFFFFFFFFFF)) + _STEP)
    mixed = _mix(state + np.arange(1, count + 1, dtype=np.uint64) * _STEP)
    return ((mixed >> np.uint64(32)) * np.uint64(below) >> np.uint64(32)).astype(np.int64)


def _mix(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    numbers = (numbers ^ (numbers >> np.uint64(30))) * _FIRST
    numbers = (numbers ^ (numbers >> np.uint64(27))) * _SECOND
    return numbers ^ (numbers >> np.uint64(31))
