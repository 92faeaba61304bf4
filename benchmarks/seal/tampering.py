"""Edits of a patch of a scan, made to be found: each keeps the rest as it is."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Spot = tuple[int, int]

FEATHER = 3.0


def soft_disc(shape: tuple[int, ...], spot: Spot, radius: float) -> Plane:
    """Return 1 within a disc and 0 without, with a soft edge."""
    down, across = np.mgrid[: shape[0], : shape[1]]
    away = np.hypot(down - spot[0], across - spot[1])
    return np.asarray(np.clip((radius - away) / FEATHER + 0.5, 0, 1), np.float32)


def pick_spot(plane: Plane, radius: int, rng: np.random.Generator) -> Spot | None:
    """Return a place within what is scanned, neither padding nor saturated, or None."""
    margin = 2 * radius
    if min(plane.shape) <= 2 * margin + 1:
        return None
    smooth = cv2.GaussianBlur(plane, (0, 0), radius / 2)
    low, high = (float(one) for one in np.percentile(plane, [1, 99]))
    good = (smooth > low + 0.15 * (high - low)) & (smooth < low + 0.9 * (high - low))
    good[:margin], good[-margin:], good[:, :margin], good[:, -margin:] = False, False, False, False
    places = np.argwhere(good)
    return None if len(places) < 50 else tuple(int(one) for one in places[rng.integers(len(places))])  # type: ignore[return-value]


def _inpaint(plane: Plane, disc: Plane, how: int) -> Plane:
    low, high = (float(one) for one in np.percentile(plane, [0.5, 99.5]))
    eight = np.clip((plane - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    filled = cv2.inpaint(eight, (disc > 0).astype(np.uint8), 5, how)
    return np.asarray(filled.astype(np.float32) / 255 * (high - low) + low, np.float32)


def _halved(plane: Plane) -> Plane:
    small = cv2.resize(plane, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, plane.shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def _white(plane: Plane, disc: Plane, rng: np.random.Generator) -> Plane:
    fine = plane - cv2.GaussianBlur(plane, (0, 0), 2)
    spread = float(np.std(fine[disc > 0.5]))
    return np.asarray(rng.normal(0, spread, plane.shape), np.float32)


def edits(plane: Plane, spot: Spot, radius: int, neighbour: Plane | None, rng: np.random.Generator) -> dict[str, Plane]:
    """Return copies of a scan with one edit each, by name."""
    disc = soft_disc(plane.shape, spot, radius)

    def paste(other: Plane) -> Plane:
        return np.asarray(np.rint(plane * (1 - disc) + other * disc), np.float32)

    telea = _inpaint(plane, disc, cv2.INPAINT_TELEA)
    spread = float(np.percentile(plane, 99) - np.percentile(plane, 1))
    down, across = np.mgrid[: plane.shape[0], : plane.shape[1]]
    bump = np.exp(-((down - spot[0]) ** 2 + (across - spot[1]) ** 2) / (2 * (radius / 2) ** 2))
    made: dict[str, Callable[[], Plane]] = {
        "inpainted (Telea)": lambda: paste(telea),
        "inpainted (Navier-Stokes)": lambda: paste(_inpaint(plane, disc, cv2.INPAINT_NS)),
        "smoothed, sigma 1": lambda: paste(np.asarray(cv2.GaussianBlur(plane, (0, 0), 1.0), np.float32)),
        "smoothed, sigma 0.6": lambda: paste(np.asarray(cv2.GaussianBlur(plane, (0, 0), 0.6), np.float32)),
        "halved and doubled": lambda: paste(_halved(plane)),
        "inpainted, white noise added": lambda: paste(telea + _white(plane, disc, rng)),
        "added nodule": lambda: np.asarray(np.rint(plane + 0.04 * spread * bump), np.float32),
    }
    if neighbour is not None:
        made["out of the next slice"] = lambda: paste(neighbour)
    return {name: make() for name, make in made.items()}
