"""Pictures that look like radiographs to a program: soft shadows, bones and edges, of nobody."""

import cv2
import numpy as np
from numpy.typing import NDArray


def made_film(seed: int, rows: int = 700, columns: int = 600) -> NDArray[np.float32]:
    """Return grey values of a film; each seed is another patient."""
    rng = np.random.default_rng(seed)
    soft = rng.normal(0, 1, (rows // 80 + 2, columns // 80 + 2)).astype(np.float32)
    film = cv2.resize(soft, (columns, rows), interpolation=cv2.INTER_CUBIC) * 60 + 400
    for _ in range(60):
        center = int(rng.integers(columns)), int(rng.integers(rows))
        axes = int(rng.integers(15, 140)), int(rng.integers(4, 40))
        bone = np.zeros((rows, columns), np.float32)
        angle, first, last = (float(one) for one in rng.uniform(0, 360, 3))
        cv2.ellipse(bone, center, axes, angle, first, last, 1.0, int(rng.integers(2, 12)))
        film += cv2.GaussianBlur(bone, (0, 0), 1.5) * float(rng.uniform(40, 200))
    return np.asarray(film + rng.normal(0, 2, film.shape), np.float32)
