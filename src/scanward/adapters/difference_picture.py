"""Draws where a copy differs from its original, over the copy as it lies on the original."""

from typing import Final

import cv2
import numpy as np

from scanward.seal.forensics.difference import HOT, Difference

_FROM: Final = 0.6
"""Share of the score that counts, from which on it is drawn."""

_MOST: Final = 2.5
_OPACITY: Final = 0.6
_FADED: Final = 0.35
_BOX: Final = (0, 220, 255)
_MARGIN: Final = 6


def draw_difference(found: Difference) -> bytes:
    """Return a PNG: what could not be compared is faded, what differs is warm, with a box around each region."""
    laid = found.registered
    grey = np.clip(laid.suspect, 0, 255).astype(np.uint8)
    picture = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR).astype(np.float32)
    picture[~found.mask] *= _FADED
    strength = np.clip((found.scores / HOT - _FROM) / (_MOST - _FROM), 0, 1)
    heat = cv2.applyColorMap((strength * 255).astype(np.uint8), cv2.COLORMAP_INFERNO).astype(np.float32)
    opacity = (np.minimum(strength * 3, 1) * _OPACITY)[..., None]
    drawn = np.ascontiguousarray((picture * (1 - opacity) + heat * opacity).astype(np.uint8))
    for one in found.regions:
        left, top = int(one.left * laid.scale) - _MARGIN, int(one.top * laid.scale) - _MARGIN
        right = int((one.left + one.columns) * laid.scale) + _MARGIN
        bottom = int((one.top + one.rows) * laid.scale) + _MARGIN
        cv2.rectangle(drawn, (left, top), (right, bottom), _BOX, 2, cv2.LINE_AA)
    done, png = cv2.imencode(".png", drawn)
    if not done:
        raise ValueError("a picture could not be coded")
    return png.tobytes()
