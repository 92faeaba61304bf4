"""What numbers a picture is told by, once all pictures have been made alike in size and format.

Laundering first takes off what tells a source by chance: its size, its depth, how it was compressed. What is left is
how detail falls off with frequency, how noise is spread and how it hangs together, which a camera and a generator do
differently.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from scanward.seal.forensics.planes import Unfit, to_greys, to_plane

SIDE = 768
"""Pixels of the shorter side after laundering."""

QUALITY = 90
"""Of the JPEG that everything goes through."""

PATCH = 512
MAX_STRETCH = 4.0
"""A longer side of more than so many times the shorter is no film."""

MIN_FILM_SIDE = 128
CENTERS = ((0.5, 0.5), (0.35, 0.35), (0.35, 0.65), (0.65, 0.35), (0.65, 0.65))
RINGS = 24
LAGS = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (0, 4), (4, 0), (0, 8), (8, 0))
LEVELS = ((10, 60), (60, 110), (110, 160), (160, 230))
MIN_SAMPLES = 2000
_HIGH_PASS = (
    np.array(
        [[-1, 2, -2, 2, -1], [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2], [2, -6, 8, -6, 2], [-1, 2, -2, 2, -1]], np.float32
    )
    / 12
)
"""High-pass filter of the spatial rich model (Fridrich and Kodovsky 2012)."""

Floats = NDArray[np.float32]


def launder(samples: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return a picture as 8-bit grey values of one size after one JPEG; raises `Unfit`."""
    greys = to_greys(to_plane(samples))
    short, long = sorted(greys.shape)
    if short < MIN_FILM_SIDE:
        raise Unfit(f"a side is under {MIN_FILM_SIDE} pixels")
    if long > MAX_STRETCH * short:
        raise Unfit("it is a strip")
    factor = SIDE / short
    size = max(round(greys.shape[1] * factor), SIDE), max(round(greys.shape[0] * factor), SIDE)
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return compress(np.asarray(cv2.resize(greys, size, interpolation=how), np.float32), QUALITY)


def compress(greys: Floats, quality: int) -> NDArray[np.uint8]:
    """Return grey values as they come back from a JPEG."""
    whole = np.clip(np.rint(greys), 0, 255).astype(np.uint8)
    _, coded = cv2.imencode(".jpg", whole, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)


def measure(picture: NDArray[np.uint8]) -> dict[str, float]:
    """Return the features of a laundered picture by name; NaN where there is too little to measure one on."""
    patches = _patches(picture)
    residuals = [np.asarray(cv2.filter2D(one, -1, _HIGH_PASS), np.float32) for one in patches]
    return {
        **_spectrum(patches),
        **_by_level(patches, residuals),
        **_pairs(residuals),
        **_lags(patches[0]),
        **_uniformity(residuals),
    }


def _patches(picture: NDArray[np.uint8]) -> list[Floats]:
    rows, columns = picture.shape
    out = []
    for down, across in CENTERS:
        top = int(np.clip(down * rows - PATCH / 2, 0, rows - PATCH))
        left = int(np.clip(across * columns - PATCH / 2, 0, columns - PATCH))
        out.append(picture[top : top + PATCH, left : left + PATCH].astype(np.float32))
    return out


def _spectrum(patches: list[Floats]) -> dict[str, float]:
    down, across = np.fft.fftfreq(PATCH)[:, None], np.fft.fftfreq(PATCH)[None]
    radius, angle = np.hypot(down, across), np.arctan2(down, across)
    ring = np.digitize(radius.ravel(), np.linspace(0.02, 0.5, RINGS + 1))
    window = np.outer(np.hanning(PATCH), np.hanning(PATCH))
    high = (radius > 0.25) & (radius < 0.5)
    eighth = np.pi / 8
    sectors = [
        high & (np.abs(np.mod(angle - turn + eighth, np.pi) - eighth) < eighth) for turn in np.arange(4) * 2 * eighth
    ]
    rings, turns = [], []
    for patch in patches:
        power = np.abs(np.fft.fft2((patch - patch.mean()) * window)) ** 2
        total = np.bincount(ring, weights=power.ravel(), minlength=RINGS + 2)
        rings.append(np.log(total[1 : RINGS + 1] / np.bincount(ring, minlength=RINGS + 2)[1 : RINGS + 1] + 1))
        sector = np.array([np.log(power[one].mean() + 1) for one in sectors])
        turns.append(sector - sector.mean())
    radial, turned = np.median(rings, 0), np.median(turns, 0)
    out = {f"ring {number}": float(one - radial[4]) for number, one in enumerate(radial) if number != 4}
    out["ring 4 itself"] = float(radial[4])
    out.update({f"sector {number}": float(one) for number, one in enumerate(turned)})
    return out


def _by_level(patches: list[Floats], residuals: list[Floats]) -> dict[str, float]:
    level = np.concatenate([cv2.GaussianBlur(one, (0, 0), 4).ravel() for one in patches])
    residual = np.concatenate([one.ravel() for one in residuals])
    out: dict[str, float] = {}
    for low, high in LEVELS:
        here = residual[(level >= low) & (level < high)].astype(np.float64)
        values = [float("nan")] * 3
        if len(here) > MIN_SAMPLES:
            spread = float(here.std())
            peaked = float(((here - here.mean()) ** 4).mean() / max(spread, 1e-6) ** 4 - 3)
            values = [float(np.log(np.median(np.abs(here)) + 0.05)), float(np.log(spread + 0.05))]
            values.append(float(np.log(np.clip(peaked, -2, 50) + 3)))
        for name, value in zip(("median", "spread", "peaked"), values, strict=True):
            out[f"{name} of noise at grey {low}"] = value
    return out


def _pairs(residuals: list[Floats]) -> dict[str, float]:
    counts = np.zeros(25)
    for one in residuals:
        steps = np.clip(np.rint(one / 1.5), -2, 2).astype(np.int64) + 2
        counts += np.bincount((steps[:, :-1] * 5 + steps[:, 1:]).ravel(), minlength=25)
    share = np.log(counts / counts.sum() + 1e-4)
    return {f"pair {number // 5 - 2} {number % 5 - 2}": float(one) for number, one in enumerate(share)}


def _lags(patch: Floats) -> dict[str, float]:
    fine = (patch - cv2.GaussianBlur(patch, (0, 0), 2)).astype(np.float64)
    fine -= fine.mean()
    power = (fine * fine).mean() + 1e-6
    rows, columns = fine.shape
    return {
        f"lag {down} {across}": float((fine[down:, across:] * fine[: rows - down, : columns - across]).mean() / power)
        for down, across in LAGS
    }


def _uniformity(residuals: list[Floats]) -> dict[str, float]:
    blocks = [np.log(cv2.blur(one**2, (32, 32))[16::32, 16::32].ravel() + 0.05) for one in residuals]
    energy = np.concatenate(blocks).astype(np.float64)
    low, lower, upper = (float(one) for one in np.percentile(energy, [5, 10, 90]))
    return {"spread of blocks": float(energy.std()), "range of blocks": upper - lower, "calmest blocks": low}
