"""What a frame is shown as to find text in it: text that a viewer sees in any window is seen in one of the looks.

Stored values of 12 or 16 bit hold far more than one window shows, and eight grey levels of 255 are enough to hide a
word from people, yet not from software. So a frame is shown as a viewer would, over its full range where that differs,
and with its contrast made the same everywhere, from the full depth: what stands out from its surroundings by more than
they vary is seen, wherever in the range it lies.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from scanward.ports.engines import Picture

Values = NDArray[np.float32]
"""Modality values of a frame: (rows, columns)."""

Levels = NDArray[np.int64]
"""Values of a frame as whole numbers: (rows, columns)."""

SURROUNDINGS_PX: Final = ((12.0, 1.15), (32.0, 0.6))
"""For each look of even contrast the standard deviation of the Gaussian that says what surroundings are, about the
height of the letters that it shows best, and how much larger than usual it is looked at: small faint letters drown in
the noise that it brings up, large ones are seen from afar."""

CONTRAST: Final = 45.0
"""Grey levels that the standard deviation of the surroundings becomes."""

NOISE_SHARE: Final = 1 / 1024
"""Variation below this share of the range counts as none: it is rounding."""

LONE: Final = range(2, 9)
"""Levels next to one, to both sides, that it is compared with; those right beside it may be its own, rounded."""

GREYS: Final = (255, 170, 100)
"""What lone levels are shown as, the most common first: a letter has to differ from the box that it stands in."""

MAX_LONE: Final = len(GREYS)
"""Lone levels that are shown at most."""

FEWEST: Final = 24
"""Pixels that a lone level has beyond what chance explains: fewer are no word."""

MOST_SHARE: Final = 0.05
"""Of the frame; what is more common is what the frame is of."""

_BINS: Final = 1 << 16

_SAME: Final = 0.12
"""Two windows that differ by less than this share of their widths show the same."""

_TAILS: Final = (0.1, 99.9)
"""Percentiles that the full range is taken from: a few pixels of metal or padding must not flatten the rest."""


@dataclass(frozen=True, slots=True)
class Look:
    """A frame as shown to an engine.

    Attributes
    ----------
    picture
        What is shown.
    enlarge
        How much larger than usual it is looked at.
    seeded
        Whether the engine tests itself in it.
    levels
        Of each pixel its value in steps of one, so that each different one differs; None where this is no question.
    """

    picture: Picture
    enlarge: float = 1.0
    seeded: bool = False
    levels: Levels | None = None


def looks_of_colour(picture: Picture) -> list[Look]:
    """Return the looks of a frame in colour."""
    brightest = picture.max(axis=2).astype(np.float32)
    return [Look(picture, levels=levels_of_colour(picture)), *_even(brightest, 255.0)]


def looks_of_grey(
    values: Values, windows: Sequence[tuple[float, float]], padding: NDArray[np.bool_] | None, step: float = 1.0
) -> list[Look]:
    """Return the looks of a frame in grey.

    Parameters
    ----------
    values
        Modality values.
    windows
        Lowest and highest value that viewers show, the default first; may be empty.
    padding
        Pixels that hold no value, or None.
    step
        What two stored values that follow each other differ by.
    """
    if padding is not None and padding.any() and float(np.ptp(values[padding])) > 0:
        padding = None  # values that differ can show something, whatever the header calls them
    real = values[~padding] if padding is not None and padding.any() and not padding.all() else values
    least, most = float(real.min()), float(real.max())
    low, high = (float(value) for value in np.percentile(real, _TAILS))
    if high <= low:
        low, high = least, most
    shown: list[tuple[float, float]] = []
    for window in [*windows[:1], (low, high)]:
        if window[1] > window[0] and not any(_is_same(window, other) for other in shown):
            shown.append(window)
    looks = [Look(_shown(values, window)) for window in shown]
    if len(shown) > 1:
        looks[1] = Look(_shown_beside(values, shown[0], shown[1]))
    if looks:
        looks[0] = replace(looks[0], levels=levels_of_grey(values, step))
    if padding is not None and padding.any():
        # Next to the values it would be the only contrast there is.
        values = np.where(padding, np.float32(np.median(real)), values)
    return [*looks, *_even(values, most - least)]


def levels_of_colour(picture: Picture) -> Levels:
    """Return how bright each pixel is, in steps of one."""
    return np.array(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.int64)


def levels_of_grey(values: Values, step: float) -> Levels:
    """Return values in steps of what two stored values that follow each other differ by; coarser for a huge range."""
    step = max(abs(step), float(values.max() - values.min()) / (_BINS - 1))
    return np.array(np.rint(values / step), np.int64)


def find_lone_levels(levels: Levels, open_: NDArray[np.bool_] | None = None) -> dict[int, float]:
    """Return the levels that are far more common than those next to them, and by how many pixels.

    Text is drawn in one level, or in a few, and what lies below it varies. So a word that noise or bone drowns in every
    window stands out in the histogram.

    Parameters
    ----------
    levels
        Of the frame.
    open_
        Which pixels count; None for all.
    """
    values = levels.reshape(-1) if open_ is None else levels[open_]
    if not values.size:
        return {}
    least = int(values.min())
    counts = np.bincount(values - least).astype(np.float64)
    padded = np.pad(counts, LONE.stop)
    beside = np.max([np.roll(padded, apart) for step in LONE for apart in (step, -step)], axis=0)
    beside = beside[LONE.stop : LONE.stop + len(counts)]
    beyond = counts - 1.1 * beside - 5 * np.sqrt(beside + 1)
    lone = np.flatnonzero((beyond > FEWEST) & (counts < MOST_SHARE * values.size))
    surest = lone[np.argsort(-beyond[lone] / np.sqrt(beside[lone] + 1))]
    return {least + int(level): float(beyond[level]) for level in surest}


def look_at_levels(levels: Levels, shown: Sequence[int], open_: NDArray[np.bool_]) -> Look:
    """Show up to three levels alone, each in a grey of its own, and black where everything else is."""
    drawn = np.zeros(levels.shape, np.uint8)
    for level, grey in reversed(list(zip(shown, GREYS, strict=False))):
        drawn[(np.abs(levels - level) <= 1) & open_] = grey
    softened = cv2.GaussianBlur(drawn, (0, 0), 0.8)
    return Look(np.repeat(np.asarray(softened, np.uint8)[..., None], 3, axis=2), seeded=True)


def look_at_lone_levels(levels: Levels, covered: NDArray[np.bool_]) -> Look | None:
    """Show nothing but the lone levels of what was not found; None where there is none.

    Parameters
    ----------
    levels
        Of the frame.
    covered
        Where text was found: its levels explain themselves.
    """
    open_ = cv2.dilate(covered.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
    lone = list(find_lone_levels(levels, open_))[:MAX_LONE]
    return look_at_levels(levels, lone, open_) if lone else None


def even_contrast(values: Values, range_: float, surroundings_px: float) -> Picture:
    """Return a picture in which surroundings vary alike everywhere (local normalisation)."""
    mean = cv2.GaussianBlur(values, (0, 0), surroundings_px)
    apart = values - mean
    deviation = np.sqrt(cv2.GaussianBlur(apart * apart, (0, 0), surroundings_px)) + max(range_ * NOISE_SHARE, 1e-6)
    return _grey(128 + apart / deviation * CONTRAST)


def _even(values: Values, range_: float) -> list[Look]:
    return [
        Look(even_contrast(values, range_, surroundings_px), enlarge, seeded=True)
        for surroundings_px, enlarge in SURROUNDINGS_PX
    ]


def _shown(values: Values, window: tuple[float, float]) -> Picture:
    low, high = window
    return _grey((values - low) * np.float32(255 / (high - low)))


def _shown_beside(values: Values, window: tuple[float, float], all_: tuple[float, float]) -> Picture:
    """Show in one channel the full range, and in the others what lies below a window, and above it."""
    parts = [(window[1], all_[1]), all_, (all_[0], window[0])]
    return np.stack([_shown(values, part if part[1] > part[0] else all_)[..., 0] for part in parts], axis=2)


def _grey(levels: NDArray[np.floating]) -> Picture:
    grey = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _is_same(one: tuple[float, float], other: tuple[float, float]) -> bool:
    apart = max(abs(one[0] - other[0]), abs(one[1] - other[1]))
    return apart < _SAME * min(one[1] - one[0], other[1] - other[0])
