"""Images whose burned-in words are known pixel by pixel."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.generic]
Mask = NDArray[np.bool_]
Attributes = Mapping[str, str | int | float]


@dataclass(frozen=True, kw_only=True)
class Word:
    """One word in the pixels.

    Attributes
    ----------
    text
        What it says.
    x, y
        Column and row of the upper left corner of `mask`.
    mask
        Which pixels belong to its glyphs; only their box is known, and all of it set, for words of real scans.
    frames
        The frames that show it.
    size_px
        Size of the font; a capital letter is about 0.7 times as high.
    contrast
        Grey levels of 255 by which 40 % of its pixels differ at least from what is around it.
    noise
        Standard deviation of what is around it, in the same levels.
    legibility
        Grey levels by which 75 % of its pixels differ at least from the level just beside them, or the noise there if
        that is more: then none. `contrast` compares with all around a word, and is high where half of it is lost in
        bone.
    style, rotation, script, font
        How it is drawn.
    """

    text: str
    x: int
    y: int
    mask: Mask = field(repr=False)
    frames: tuple[int, ...] = (0,)
    size_px: int = 0
    contrast: float = 255.0
    noise: float = 0.0
    legibility: float = 255.0
    style: str = "real"
    rotation: str = "0"
    script: str = "latin"
    font: str = ""

    def covered(self, found: Mask) -> float:
        """Return the share of its pixels within `found` (frames, rows, columns), in the frame where it is least."""
        height, width = self.mask.shape
        part = found[list(self.frames), self.y : self.y + height, self.x : self.x + width]
        return float((part & self.mask).sum(axis=(1, 2)).min() / self.mask.sum())


@dataclass(frozen=True, kw_only=True)
class Case:
    """An image, or the frames of one, with the words in it.

    Attributes
    ----------
    name
        Unique, and the same in each run.
    subset
        ``main``, ``subvisual``, ``window``, ``cine``, ``volume``, ``scripts``, ``textfree`` or ``real``.
    background
        What the words are burned into.
    frames
        Stored values: (frames, rows, columns) or (frames, rows, columns, 3) as RGB; 8 or 16 bit.
    attributes
        By keyword: Modality, PhotometricInterpretation, BitsStored, PixelRepresentation, RescaleSlope,
        RescaleIntercept, WindowCenter and WindowWidth.
    words
        All that is burned in, whether it can be seen or not.
    """

    name: str
    subset: str
    background: str
    frames: Pixels = field(repr=False)
    attributes: Attributes
    words: tuple[Word, ...] = ()

    @property
    def megapixels(self) -> float:
        """The number of pixels, in all frames, in millions."""
        count, rows, columns = self.frames.shape[:3]
        return count * rows * columns / 1e6

    def render(self, window: tuple[float, float] | None = None) -> NDArray[np.uint8]:
        """Return the frames as a viewer shows them: RGB, 8 bit; in another window than the default if one is given."""
        return np.stack([render(frame, self.attributes, window) for frame in self.frames])

    def near_words(self) -> Mask:
        """Return where a detection is right: the boxes of the words, and some of what is around them."""
        near = np.zeros(self.frames.shape[:3], bool)
        for word in self.words:
            margin = max(6, round(0.6 * word.size_px))
            rows = slice(max(0, word.y - margin), word.y + word.mask.shape[0] + margin)
            columns = slice(max(0, word.x - margin), word.x + word.mask.shape[1] + margin)
            near[list(word.frames), rows, columns] = True
        return near


def render(frame: Pixels, attributes: Attributes, window: tuple[float, float] | None = None) -> NDArray[np.uint8]:
    """Return one frame as RGB of 8 bit, by its default window or by `window` (center, width; PS3.3 C.11.2.1.2.1)."""
    if frame.ndim == 3:
        return frame.astype(np.uint8)
    grey = display(frame, attributes, window)
    if attributes["PhotometricInterpretation"] == "MONOCHROME1":
        grey = 255 - grey
    return np.repeat(np.clip(np.rint(grey), 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def display(stored: Pixels, attributes: Attributes, window: tuple[float, float] | None = None) -> NDArray[np.float32]:
    """Return stored values as levels of 255 in a window, not clipped, MONOCHROME1 not inverted."""
    center, width = window or (float(attributes["WindowCenter"]), float(attributes["WindowWidth"]))
    value = stored.astype(np.float32) * float(attributes["RescaleSlope"]) + float(attributes["RescaleIntercept"])
    return ((value - (center - 0.5)) / (width - 1) + 0.5) * 255


def to_stored(grey: NDArray[np.float32], attributes: Attributes) -> NDArray[np.float32]:
    """Return the stored values that `display` shows as `grey` in the default window."""
    center, width = float(attributes["WindowCenter"]), float(attributes["WindowWidth"])
    value = (grey / 255 - 0.5) * (width - 1) + center - 0.5
    return (value - float(attributes["RescaleIntercept"])) / float(attributes["RescaleSlope"])


def stored_range(attributes: Attributes) -> tuple[int, int]:
    """Return the smallest and the largest value that can be stored."""
    bits = int(attributes["BitsStored"])
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if attributes["PixelRepresentation"] else (0, (1 << bits) - 1)


def monochrome8(modality: str = "OT", *, inverted: bool = False) -> Attributes:
    """Return the Attributes of an image of 8 bit that is shown as it is."""
    return {
        "Modality": modality, "PhotometricInterpretation": "MONOCHROME1" if inverted else "MONOCHROME2",
        "BitsStored": 8, "PixelRepresentation": 0, "RescaleSlope": 1.0, "RescaleIntercept": 0.0,
        "WindowCenter": 128.0, "WindowWidth": 256.0,
    }  # fmt: skip


def colour8(modality: str = "OT") -> Attributes:
    """Return the Attributes of an image in colour."""
    return {**monochrome8(modality), "PhotometricInterpretation": "RGB"}
