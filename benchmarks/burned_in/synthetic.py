"""Pictures without text that the project makes itself: noise, speckle, gradients, and what looks like anatomy."""

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]


def noise(rng: np.random.Generator, rows: int, columns: int) -> Grey:
    """Return white noise around a level."""
    return _float(rng.normal(rng.uniform(20, 230), rng.uniform(2, 14), (rows, columns)))


def gradient(rng: np.random.Generator, rows: int, columns: int) -> Grey:
    """Return a ramp in any direction, from dark to bright."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    ramp = np.cos(angle) * x / columns + np.sin(angle) * y / rows
    ramp = (ramp - ramp.min()) / (ramp.max() - ramp.min())
    return _float(ramp * rng.uniform(80, 250) + rng.normal(0, 1.5, (rows, columns)))


def flat(rng: np.random.Generator, rows: int, columns: int) -> Grey:
    """Return one level, as the background of a secondary capture."""
    return _float(np.full((rows, columns), rng.choice([0, 0, 255, rng.integers(256)])))


def speckle(rng: np.random.Generator, rows: int, columns: int) -> Grey:
    """Return a sector of ultrasound: speckle, layers of tissue, dark outside."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    distance, angle = np.hypot(x - columns / 2, y + rows * 0.08), np.arctan2(x - columns / 2, y + rows * 0.08)
    field = rng.normal(0, 1, (2, rows, columns)).astype(np.float32)
    amplitude = np.hypot(cv2.GaussianBlur(field[0], (0, 0), 2.2, sigmaY=1.0),
                         cv2.GaussianBlur(field[1], (0, 0), 2.2, sigmaY=1.0))  # fmt: skip
    tissue = _smooth(rng, rows, columns, 30) * 0.7 + 0.5 + 0.25 * np.sin(distance / rng.uniform(18, 50))
    picture = 60 * np.log1p(6 * np.clip(tissue, 0.02, None) * amplitude / amplitude.mean())
    picture *= (np.abs(angle) < 0.62) & (distance > rows * 0.12) & (distance < rows * 1.02)
    return _float(picture * rng.uniform(0.7, 1.2))


def section(rng: np.random.Generator, rows: int, columns: int) -> Grey:
    """Return a section as of CT or MR: a body with organs, and air around it."""
    picture = np.zeros((rows, columns), np.float32)
    center = (columns / 2 + rng.uniform(-20, 20), rows / 2 + rng.uniform(-20, 20))
    half = (columns * rng.uniform(0.33, 0.44), rows * rng.uniform(0.28, 0.42))
    _ellipse(picture, center, half, rng.uniform(-20, 20), rng.uniform(60, 120))
    _ellipse(picture, center, (half[0] * 0.92, half[1] * 0.92), 0, rng.uniform(90, 150))
    for _ in range(int(rng.integers(5, 16))):
        at = (center[0] + rng.uniform(-0.6, 0.6) * half[0], center[1] + rng.uniform(-0.6, 0.6) * half[1])
        size = (half[0] * rng.uniform(0.03, 0.3), half[1] * rng.uniform(0.03, 0.3))
        _ellipse(picture, at, size, rng.uniform(0, 180), rng.choice([10.0, 60.0, 110.0, 170.0, 245.0]))
    picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.6, 1.6))
    body = picture > 8
    picture += body * (_smooth(rng, rows, columns, 12) - 0.5) * 30
    return _float(np.abs(picture + rng.normal(0, rng.uniform(1, 7), (rows, columns))))


def projection(rng: np.random.Generator, rows: int, columns: int) -> Grey:
    """Return a projection as of an X-ray of the chest: ribs, a spine, lungs."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    picture = 120 + 60 * _smooth(rng, rows, columns, min(rows, columns) // 5)
    for side in (-1, 1):
        lung = ((x - columns * (0.5 + side * 0.21)) / (columns * 0.16)) ** 2 + ((y - rows * 0.45) / (rows * 0.33)) ** 2
        picture -= 80 * np.clip(1.4 - lung, 0, 1)
    spacing = rows / rng.uniform(9, 13)
    bow = ((x - columns / 2) / columns) ** 2 * rows * rng.uniform(0.5, 1.1)
    picture += 24 * np.clip(np.cos(2 * np.pi * (y - bow) / spacing), 0, 1) * (np.abs(x - columns / 2) < columns * 0.4)
    picture += 55 * np.exp(-(((x - columns / 2) / (columns * 0.05)) ** 2)) * (1 + 0.15 * np.sign(np.sin(y / 14)))
    return _float(cv2.GaussianBlur(picture, (0, 0), 2) + rng.normal(0, rng.uniform(1, 5), (rows, columns)))


def breast(rng: np.random.Generator, rows: int, columns: int) -> Grey:
    """Return something like a mammogram: half a disc of fibres on black."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    inside = (x / (columns * 0.72)) ** 2 + ((y - rows / 2) / (rows * 0.44)) ** 2
    gland = 0.6 * _smooth(rng, rows, columns, 90) + 0.3 * _smooth(rng, rows, columns, 30)
    fibres = np.clip(1 - 8 * np.abs(_smooth(rng, rows, columns, 45) - 0.5), 0, 1)
    texture = 0.15 * _smooth(rng, rows, columns, 6)
    picture = np.clip(1 - inside, 0, 1) ** 0.3 * (40 + 170 * np.clip(gland + texture, 0, 1) ** 1.5 + 30 * fibres)
    grain = rng.normal(0, rng.uniform(1, 5), (rows, columns))
    return _float(picture + grain * (inside < 1))


MAKERS = {
    "noise": noise, "gradient": gradient, "flat": flat, "speckle": speckle, "section": section,
    "projection": projection, "breast": breast,
}  # fmt: skip
"""Name -> what makes such a picture of so many rows and columns, in levels of 0 to 255."""


def _float(picture: NDArray[np.generic]) -> Grey:
    return np.clip(picture, 0, 255).astype(np.float32)


def _smooth(rng: np.random.Generator, rows: int, columns: int, scale: float) -> Grey:
    """Return a smooth random field between 0 and 1, with features of so many pixels."""
    small = rng.random((max(2, int(rows / scale) + 2), max(2, int(columns / scale) + 2))).astype(np.float32)
    return np.asarray(cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC), np.float32)


def _ellipse(picture: Grey, at: tuple[float, float], half: tuple[float, float], angle: float, level: float) -> None:
    whole = (round(at[0]), round(at[1])), (max(1, round(half[0])), max(1, round(half[1])))
    cv2.ellipse(picture, *whole, angle, 0, 360, float(level), -1)
