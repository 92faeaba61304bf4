"""Paints phrases into pictures, and notes which pixels they take."""

import io
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from burned_in import glyphs
from burned_in.case import Attributes, Mask, Pixels, Word, display, render, stored_range, to_stored

FAINT = 8.0
"""Levels of 255 that text which a person does not see differs by."""
_COLOURS = ((255, 255, 0), (0, 255, 255), (0, 255, 0), (255, 160, 0), (255, 80, 80), (120, 160, 255))
_OPAQUE = 0.4
"""From this opacity on a pixel belongs to a glyph."""


@dataclass
class Sheet:
    """A picture while words are burned into it."""

    frames: Pixels
    attributes: Attributes
    background: str
    taken: Mask = field(init=False)
    words: list[Word] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.taken = np.zeros(self.frames.shape[1:3], bool)

    @property
    def is_colour(self) -> bool:
        """Whether its pixels are RGB."""
        return self.frames.ndim == 4


@dataclass(frozen=True, kw_only=True)
class Draw:
    """How one phrase is drawn."""

    script: str
    size: int
    style: str
    rotation: str
    antialias: bool
    contrast: float


Where = Callable[[Sheet, int], tuple[Mask, ...]]
"""Returns, for a frame, masks of which a phrase must lie within one."""


@dataclass(frozen=True, kw_only=True)
class Ink:
    """What a phrase does to the stored values below it.

    Attributes
    ----------
    level
        What its glyphs are painted with, or what is added to the values below them if `adds`.
    box, outline
        What its box is filled with first, and what is painted around its glyphs.
    """

    level: NDArray[np.float32]
    adds: bool = False
    box: NDArray[np.float32] | None = None
    outline: NDArray[np.float32] | None = None
    contrast: float = 0.0
    noise: float = 0.0


def burn(
    rng: random.Random, sheet: Sheet, how: Draw, *, where: Where | None = None, frames: tuple[int, ...] = (0,)
) -> None:
    """Burn a phrase in where there is room for it; if there is none, leave it."""
    phrase = glyphs.draw(
        glyphs.choose_phrase(rng, how.script), font=(font := glyphs.choose_font(rng, how.script)), size=how.size,
        antialias=how.antialias, rotation=how.rotation, right_to_left=how.script == "arabic",
    )  # fmt: skip
    opacity = phrase.opacity
    place = _find_room(rng, sheet, opacity.shape, where, frames[0])
    if place is None:
        return
    rows, columns = place
    ink = _choose_ink(rng, sheet, how, sheet.frames[frames[0], rows, columns], opacity > _OPAQUE)
    for number in frames:
        _blend(sheet, sheet.frames[number, rows, columns], opacity, ink)
    sheet.taken[rows, columns] = True
    for text, one in phrase.words:
        mask = one > _OPAQUE
        if mask.sum() < 3:
            continue
        ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        sheet.words.append(
            Word(
                text=text, x=int(columns.start + xs[0]), y=int(rows.start + ys[0]),
                mask=mask[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1], frames=frames, size_px=how.size,
                contrast=ink.contrast, noise=ink.noise, style=how.style, rotation=how.rotation, script=how.script,
                font=Path(font).stem,
            )
        )  # fmt: skip


def _find_room(
    rng: random.Random, sheet: Sheet, shape: tuple[int, ...], where: Where | None, frame: int
) -> tuple[slice, slice] | None:
    """Return rows and columns for a phrase: every second time at an edge of the picture, as scanners do."""
    height, width = shape
    down, right = sheet.taken.shape[0] - height, sheet.taken.shape[1] - width
    if down < 4 or right < 4:
        return None
    taken = _count(cv2.dilate(sheet.taken.astype(np.uint8), np.ones((7, 7), np.uint8)), shape)
    free = taken == 0
    if where is not None:
        free &= np.logical_or.reduce([_count(~mask, shape) <= 0.002 * height * width for mask in where(sheet, frame)])
    edge = np.zeros_like(free)
    edge[[2, -3], :] = edge[:, [2, -3]] = True
    choices = np.flatnonzero(free & edge if rng.random() < 0.5 and (free & edge).any() else free)
    if choices.size == 0:
        return None
    y, x = divmod(int(choices[rng.randrange(choices.size)]), free.shape[1])
    return slice(y, y + height), slice(x, x + width)


def _count(mask: NDArray[np.generic], shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Return for each place of a box of this shape how many pixels of `mask` it holds."""
    height, width = shape
    total = cv2.integral(mask.astype(np.uint8))
    return total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]


def quiet(sheet: Sheet, frame: int) -> tuple[Mask, ...]:
    """Return where faint text can be told from its background at all: where that is less than its strength rough."""
    shown = render(sheet.frames[frame], sheet.attributes)[..., 1].astype(np.float32)
    rough = cv2.GaussianBlur((shown - cv2.GaussianBlur(shown, (0, 0), 3)) ** 2, (0, 0), 6)
    return (rough <= FAINT**2,)


def saturated(sheet: Sheet, frame: int) -> tuple[Mask, ...]:
    """Return where the default window shows nothing but black, and where nothing but white, with room to spare."""
    shown = display(sheet.frames[frame], sheet.attributes)
    return shown < -2, shown > 257


def _choose_ink(rng: random.Random, sheet: Sheet, how: Draw, part: Pixels, glyph: Mask) -> Ink:
    if how.style == "hidden":
        return _hidden_ink(rng, sheet, part)
    black, white = _stored(sheet, 0), _stored(sheet, 255)
    if how.style == "black":
        return Ink(level=black)
    if how.style in {"white", "outlined"}:
        return Ink(level=white, outline=black if how.style == "outlined" else None)
    if how.style == "white on black":
        return Ink(level=white, box=black)
    if how.style == "black on white":
        return Ink(level=black, box=white)
    if how.style == "coloured":
        return Ink(level=np.asarray(rng.choice(_COLOURS), np.float32))
    below = float(render(part, sheet.attributes)[glyph].mean())
    sign = 1 if below < 128 else -1
    if how.style == "faint":
        step = _stored(sheet, sign * how.contrast) - _stored(sheet, 0)
        return Ink(level=step, adds=True)
    if rng.random() < 0.3 and 0 < below - sign * how.contrast < 255:
        sign = -sign
    return Ink(level=_stored(sheet, float(np.clip(below + sign * how.contrast, 0, 255))))


def _hidden_ink(rng: random.Random, sheet: Sheet, part: Pixels) -> Ink:
    """Return ink that the default window does not show, but one around the values below it does."""
    spread = float(part.std())
    step = rng.choice([4.0, 6.0, 10.0]) * spread if spread >= 1 else rng.choice([2.0, 8.0, 40.0, 200.0])
    is_black = float(np.median(display(part, sheet.attributes))) < 0
    lowest, highest = stored_range(sheet.attributes)
    room = float(part.min()) - lowest if is_black else highest - float(part.max())
    # Away from the window where values go on, otherwise towards it for as long as it does not show.
    away = -1.0 if is_black else 1.0
    if room < step:
        edge = float(to_stored(np.float32(-2 if is_black else 257), sheet.attributes))
        away, step = -away, min(step, abs(edge - (float(part.max()) if is_black else float(part.min()))))
    best = 255 / (1.5 * (step + 4 * spread))
    return Ink(level=np.float32(away * step), adds=True, contrast=step * best, noise=spread * best)


def _stored(sheet: Sheet, grey: float) -> NDArray[np.float32]:
    """Return the stored value that is shown as this level."""
    if sheet.is_colour:
        return np.full(3, grey, np.float32)
    shown = 255 - grey if sheet.attributes["PhotometricInterpretation"] == "MONOCHROME1" else grey
    return np.asarray(to_stored(np.float32(shown), sheet.attributes))


def _blend(sheet: Sheet, part: Pixels, opacity: NDArray[np.float32], ink: Ink) -> None:
    """Paint a phrase onto a part of a frame."""
    weight = opacity[..., None] if sheet.is_colour else opacity
    values = part.astype(np.float32)
    if ink.box is not None:
        values[...] = ink.box
    if ink.outline is not None:
        around = cv2.dilate(opacity, np.ones((3, 3), np.uint8))
        around = around[..., None] if sheet.is_colour else around
        values = values * (1 - around) + ink.outline * around
    values = values + ink.level * weight if ink.adds else values * (1 - weight) + ink.level * weight
    part[...] = np.rint(np.clip(values, *stored_range(sheet.attributes))).astype(part.dtype)


def compress(sheet: Sheet, quality: int) -> None:
    """Do to a picture what JPEG does to it."""
    for frame in sheet.frames:
        file = io.BytesIO()
        Image.fromarray(frame).save(file, "JPEG", quality=quality)
        frame[...] = np.asarray(Image.open(file))
    sheet.background += f", JPEG {quality}"


def measured(sheet: Sheet) -> Sheet:
    """Return `sheet` with the contrast and noise that its words have in the end."""
    shown = {
        number: render(sheet.frames[number], sheet.attributes) for word in sheet.words for number in word.frames[:1]
    }
    text = {number: np.zeros(sheet.taken.shape, bool) for number in shown}
    for word in sheet.words:
        height, width = word.mask.shape
        text[word.frames[0]][word.y : word.y + height, word.x : word.x + width] |= word.mask
    sheet.words = [_measure(word, shown[word.frames[0]], text[word.frames[0]]) for word in sheet.words]
    return sheet


def _measure(word: Word, shown: NDArray[np.uint8], text: Mask) -> Word:
    height, width = word.mask.shape
    upper, left = max(0, word.y - 4), max(0, word.x - 4)
    box = slice(upper, word.y + height + 4), slice(left, word.x + width + 4)
    here = np.zeros(text[box].shape, bool)
    here[word.y - upper :, word.x - left :][:height, :width] = word.mask
    around = cv2.dilate(here.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool) & ~text[box]
    if not around.any():
        return replace(word, contrast=0.0)
    part = shown[box].astype(np.float32)
    difference = np.abs(part[here] - np.median(part[around], axis=0)).max(axis=1)
    # What was added is known; what is measured holds the roughness below it too.
    contrast = FAINT if word.style == "faint" else float(np.percentile(difference, 60))
    return replace(
        word, contrast=contrast, noise=float(part[around].std(axis=0).max()),
        legibility=_legibility(part, here, around, ~text[box]),
    )  # fmt: skip


def _legibility(part: NDArray[np.float32], here: Mask, around: Mask, plain: Mask) -> float:
    """Return `Word.legibility`: what is beside a pixel is the mean of those without text that are near it."""
    weight = plain.astype(np.float32)
    total = cv2.GaussianBlur(weight, (0, 0), 2.5) + 1e-3
    beside = np.stack([cv2.GaussianBlur(part[..., c] * weight, (0, 0), 2.5) / total for c in range(3)], axis=2)
    difference = np.abs(part - beside).max(axis=2)
    weakest = float(np.percentile(difference[here], 25))
    return weakest if weakest >= float(np.sqrt((difference[around] ** 2).mean())) else 0.0
