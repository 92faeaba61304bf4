"""What happens to pictures on their way: how a film comes back, and how one is forged."""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Change = Callable[[Picture], Picture]


def jpeg(picture: Picture, quality: int) -> Picture:
    coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)


def shrunk(picture: Picture, share: float) -> Picture:
    return cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA) if share < 1 else picture


def fitted(picture: Picture, side: int) -> Picture:
    return shrunk(picture, side / max(picture.shape))


def gamma(picture: Picture, power: float) -> Picture:
    return np.uint8(np.rint(255 * (picture / 255.0) ** power))


def windowed(picture: Picture, low: float, high: float) -> Picture:
    return np.uint8(np.clip((picture.astype(np.float32) - low) / (high - low), 0, 1) * 255)


def clahe(picture: Picture, limit: float = 3.0) -> Picture:
    return cv2.createCLAHE(limit, (8, 8)).apply(picture)


def cut(picture: Picture, share: float) -> Picture:
    """Return a picture less a share of each side, more of it at the top and on the left."""
    rows, columns = picture.shape
    top, left = int(rows * share * 0.7), int(columns * share * 0.7)
    return picture[top : top + round(rows * (1 - share)), left : left + round(columns * (1 - share))].copy()


def turned(picture: Picture, degrees: float) -> Picture:
    rows, columns = picture.shape
    matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), degrees, 1)
    return cv2.warpAffine(picture, matrix, (columns, rows))


def screenshot(picture: Picture) -> Picture:
    """Return a film of 800 pixels as a viewer shows it: toolbar, text and black bars around it, gamma, JPEG 70."""
    shown = gamma(cut(picture, 0.04), 0.85)
    scale = 800 / max(shown.shape)
    shown = cv2.resize(shown, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    canvas = np.zeros((880, 1100), np.uint8)
    top, left = 60 + (810 - shown.shape[0]) // 2, (1100 - shown.shape[1]) // 2
    canvas[top : top + shown.shape[0], left : left + shown.shape[1]] = shown
    canvas[:44] = 58
    for number in range(14):
        cv2.rectangle(canvas, (8 + 44 * number, 8), (38 + 44 * number, 36), 150, 1 + number % 3)
        cv2.putText(canvas, "WLZPRMAXTCSHIO"[number], (15 + 44 * number, 30), 0, 0.6, 220, 1)
    for line, text in enumerate(("Zoom 83 %", "W 2048 L 1024", "Im 1/1", "12:34")):
        cv2.putText(canvas, text, (8, 80 + 22 * line), 0, 0.5, 230, 1)
        cv2.putText(canvas, text, (975, 780 + 22 * line), 0, 0.5, 230, 1)
    return jpeg(canvas, 70)


def place_of_lesion(picture: Picture, rng: np.random.Generator) -> tuple[int, int]:
    """Return row and column of a place in a film that is neither black nor white."""
    rows, columns = picture.shape
    for _ in range(300):
        row, column = int(rng.uniform(0.25, 0.65) * rows), int(rng.uniform(0.2, 0.8) * columns)
        if 30 < picture[row, column] < 190:
            break
    return row, column


def with_nodule(
    picture: Picture, rng: np.random.Generator, grey: float = 20, across: float = 0.04
) -> tuple[Picture, tuple[int, int, float]]:
    """Return a film with a soft round shadow of a share of its width put in, and row, column and radius of it."""
    row, column = place_of_lesion(picture, rng)
    radius = across / 2 * picture.shape[1]
    down, right = np.mgrid[: picture.shape[0], : picture.shape[1]]
    soft = 1 / (1 + np.exp(np.clip((np.hypot(down - row, right - column) - radius) / (radius * 0.18), -50, 50)))
    grain = cv2.GaussianBlur(rng.normal(0, 1, picture.shape).astype(np.float32), (0, 0), 2) * 4
    made = picture + soft * (grey + grain * grey / 20)
    return np.uint8(np.clip(made, 0, 255)), (row, column, radius)


def without_lesion(
    picture: Picture, rng: np.random.Generator, across: float = 0.06
) -> tuple[Picture, tuple[int, int, float]]:
    """Return a film of which a round part is painted over with what is around it, with noise of the film."""
    row, column = place_of_lesion(picture, rng)
    radius = int(across / 2 * picture.shape[1])
    hole = np.zeros_like(picture)
    cv2.circle(hole, (column, row), radius, 255, -1)
    painted = cv2.inpaint(picture, hole, 5, cv2.INPAINT_TELEA).astype(np.float32)
    noise = picture.astype(np.float32) - cv2.GaussianBlur(picture, (0, 0), 2)
    painted += np.roll(noise, 3 * radius, axis=1) * (hole > 0)
    share = cv2.GaussianBlur(hole.astype(np.float32) / 255, (0, 0), radius * 0.15)
    return np.uint8(np.clip(picture * (1 - share) + painted * share, 0, 255)), (row, column, float(radius))


LOOKED_UP: Final[dict[str, Change]] = {
    "as it is": lambda one: one,
    "JPEG 90": lambda one: jpeg(one, 90),
    "JPEG 50": lambda one: jpeg(one, 50),
    "JPEG 20": lambda one: jpeg(one, 20),
    "scaled 0.5": lambda one: shrunk(one, 0.5),
    "scaled to 512": lambda one: fitted(one, 512),
    "cut 5 %": lambda one: cut(one, 0.05),
    "cut 10 %": lambda one: cut(one, 0.10),
    "cut 25 %": lambda one: cut(one, 0.25),
    "cut to 25 % of area": lambda one: cut(one, 0.5),
    "window": lambda one: windowed(one, 40, 200),
    "gamma 0.6": lambda one: gamma(one, 0.6),
    "gamma 1.7": lambda one: gamma(one, 1.7),
    "CLAHE": clahe,
    "inverted": lambda one: 255 - one,
    "mirrored": lambda one: one[:, ::-1].copy(),
    "upside down": lambda one: one[::-1].copy(),
    "turned 90": lambda one: np.rot90(one).copy(),
    "turned 180": lambda one: np.rot90(one, 2).copy(),
    "turned 270": lambda one: np.rot90(one, 3).copy(),
    "turned 2": lambda one: turned(one, 2),
    "turned 5": lambda one: turned(one, 5),
    "screenshot": screenshot,
}
"""Ways in which a film comes back; all of them are to be found."""
