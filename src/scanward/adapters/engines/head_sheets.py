"""Pictures of a head on one sheet, as a PNG: it may show who somebody is."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from scanward.ports.engines import Picture

_CAPTION_ROWS: Final = 28
_MARGIN: Final = 10
_INK: Final = (220, 220, 220)
_PAPER: Final = 15
"""As the background of pictures."""


def make_sheet(pictures: Sequence[Picture], captions: Sequence[str], lines: Sequence[str]) -> bytes:
    """Return pictures side by side with words below them.

    Parameters
    ----------
    pictures
        Of one height.
    captions
        What stands below each; ASCII.
    lines
        What stands below all; ASCII, and nothing that names anybody.
    """
    row = np.hstack(pictures)
    below = np.full((_CAPTION_ROWS * (len(lines) + 1) + _MARGIN, row.shape[1], 3), _PAPER, np.uint8)
    at = _MARGIN
    for picture, caption in zip(pictures, captions, strict=True):
        _write(below, caption, at, 0)
        at += picture.shape[1]
    for number, line in enumerate(lines, start=1):
        _write(below, line, _MARGIN, number)
    return bytes(cv2.imencode(".png", np.vstack([row, below]))[1])


def _write(picture: Picture, text: str, left: int, line: int) -> None:
    bottom = _CAPTION_ROWS * (line + 1) - _MARGIN // 2
    cv2.putText(picture, text, (left, bottom), cv2.FONT_HERSHEY_SIMPLEX, 0.6, _INK, 1, cv2.LINE_AA)
