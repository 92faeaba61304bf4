"""The picture of a page: what identifies painted over, what stands there instead drawn, and the rest as it was."""

import io
import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanward.ports.documents import Box
from scanward.ports.engines import Picture

PAD: Final = 2
"""Pixels around strokes that are painted too: soft edges."""

BAR: Final = 205
"""Grey of what stands for something that was removed."""

_GREY: Final = 6
"""Channels that differ by no more are grey: soft edges are not exactly so."""

_STEPS: Final = 17
"""Grey levels of pages without pictures are multiples of it: 16 of them."""

_TONES_SHARE: Final = 0.03
"""Of a page: smaller pictures are logos and the like."""

_TONES: Final = 40
"""Levels that a picture has at least where they matter; soft edges alone have fewer."""

_LEVELS: Final = ((np.arange(256) + _STEPS // 2) // _STEPS * _STEPS).astype(np.uint8)

_SMALLEST_PX: Final = 9
"""Letters that are drawn are at least so high."""

EM: Final = 0.82
"""Size of a font in heights of the line that the page gives it."""

READ_EM: Final = 0.66
"""The same in heights of a region that was found in the picture, margin included."""

_BRIGHT: Final = 128

_BLANK: Final = 12
"""Levels by which blank pixels may differ."""

_KEPT_OFF: Final = 6
"""Pixels between what is drawn and what stands behind it."""

MOST_BYTES: Final = 1_500_000
"""A picture that takes more without loss is coded with loss: photographs."""

QUALITY: Final = 90

Mask = NDArray[np.bool_]


class Coded(NamedTuple):
    """A picture as a PDF holds it.

    Attributes
    ----------
    data
        The stream.
    dictionary
        The entries that say how it is coded.
    is_lossy
        Whether pixels may come out slightly changed.
    """

    data: bytes
    dictionary: str
    is_lossy: bool


def settle(picture: Picture, *, keep: bool) -> Picture:
    """Return a page in the levels that it is kept in; what counts as its first picture.

    Parameters
    ----------
    picture
        As shown.
    keep
        Whether all levels are kept; else 16 of each channel.
    """
    if keep:
        return picture
    red, green, blue = (picture[..., channel] for channel in range(3))
    low, high = np.minimum(np.minimum(red, green), blue), np.maximum(np.maximum(red, green), blue)
    if int((high - low).max(initial=0)) <= _GREY:
        return np.repeat(_LEVELS[green][..., None], 3, axis=2)
    return _LEVELS[picture]


def has_tones(picture: Picture, boxes: Sequence[Box]) -> bool:
    """Whether any of some parts of a page is large and has so many levels that these matter."""
    for box in boxes:
        part = picture[pixels_of(box, picture.shape)]
        if part.size > _TONES_SHARE * picture.size and np.count_nonzero(np.bincount(part[..., 1].ravel())) > _TONES:
            return True
    return False


def pixels_of(box: Box, shape: tuple[int, ...], pad: int = 0) -> tuple[slice, slice]:
    """Return rows and columns that a box touches."""
    top, bottom = int(np.floor(box.top)) - pad, int(np.ceil(box.bottom)) + pad
    left, right = int(np.floor(box.left)) - pad, int(np.ceil(box.right)) + pad
    return slice(max(top, 0), max(min(bottom, shape[0]), 0)), slice(max(left, 0), max(min(right, shape[1]), 0))


def surroundings(picture: Picture, box: Box) -> tuple[int, int, int]:
    """Return the colour around a box: the middle one of the pixels that frame it."""
    rows, columns = pixels_of(box, picture.shape, PAD + 1)
    part = picture[rows, columns]
    if not part.size:
        return 255, 255, 255
    frame = np.concatenate([part[0], part[-1], part[:, 0], part[:, -1]])
    middle = np.median(frame, axis=0)
    return int(middle[0]), int(middle[1]), int(middle[2])


def draw_text(
    picture: Picture, box: Box, text: str, *, angle: float = 0.0, em: float = EM, before: float = math.inf
) -> None:
    """Draw text into a box, and on to where it is blank behind it, as large as fits.

    Parameters
    ----------
    picture
        Is drawn into.
    box
        Where the strokes were that it stands for.
    text
        What; letters that the font lacks are drawn as boxes.
    angle
        By how much it is turned clockwise, taken to the next multiple of 90.
    em
        Size of the font in heights of the box.
    before
        Column that an upright text ends before.
    """
    from PIL import Image, ImageDraw, ImageFont

    turns = round(angle / 90) % 4
    turned = np.rot90(picture, turns)
    place = _turned(box, turns, picture.shape)
    rows, columns = pixels_of(place, turned.shape)
    part = turned[rows, columns]
    if min(part.shape[:2]) < 3:
        return
    size = max(int(part.shape[0] * em), _SMALLEST_PX)
    wanted = ImageFont.load_default(size).getlength(text)
    wide = int(min(_blank_to(turned, rows, columns, int(wanted) + 2), max(before - columns.start - _KEPT_OFF, 1)))
    if wanted > wide:
        size = max(int(size * wide / wanted), _SMALLEST_PX)
    part = turned[rows, columns.start : columns.start + wide]
    ink = 0 if float(np.median(part)) >= _BRIGHT else 255
    image = Image.fromarray(np.ascontiguousarray(part))
    font = ImageFont.load_default(size)
    ImageDraw.Draw(image).text((1, part.shape[0] / 2), text, fill=(ink,) * 3, font=font, anchor="lm")
    part[...] = np.asarray(image)


def _turned(box: Box, turns: int, shape: tuple[int, ...]) -> Box:
    """Return a box as it lies in a picture turned anticlockwise by quarters."""
    for turn in range(turns):
        width = shape[1] if turn % 2 == 0 else shape[0]
        box = Box(box.top, width - box.right, box.bottom, width - box.left)
    return box


def _blank_to(picture: Picture, rows: slice, columns: slice, wanted: int) -> int:
    """Return how many columns text may take from the left of a box on: its own, and what is blank behind it."""
    end = min(columns.start + wanted, picture.shape[1])
    wide: int = columns.stop - columns.start
    behind = picture[rows, columns.stop : end].astype(np.int16)
    if behind.shape[1]:
        last = picture[rows, columns.stop - 1 : columns.stop].astype(np.int16)
        marked = np.flatnonzero((np.abs(behind - np.median(last, axis=(0, 1))) > _BLANK).any(axis=(0, 2)))
        blank = int(marked[0]) - _KEPT_OFF if marked.size else int(behind.shape[1])
        wide += max(blank, 0)
    return wide


def encode(picture: Picture) -> Coded:
    """Return a picture as a PDF holds it: without loss where that takes no more than `MOST_BYTES`."""
    grey = bool((picture[..., 0] == picture[..., 1]).all() and (picture[..., 0] == picture[..., 2]).all())
    coded = _encode_palette(picture, grey=grey) or _encode_full(picture, grey=grey)
    return coded if len(coded.data) <= MOST_BYTES else _encode_lossy(picture, grey=grey)


def _encode_palette(picture: Picture, *, grey: bool) -> Coded | None:
    """Return a picture of at most 256 colours with a table of them, in as few bits as they take."""
    if grey:
        colours, numbers = np.unique(picture[..., 0], return_inverse=True)
        table = np.repeat(colours[:, None], 3, axis=1)
    else:
        packed = picture.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
        levels = np.unique(packed)
        if len(levels) > 256:
            return None
        numbers = np.searchsorted(levels, packed)
        table = np.stack([levels >> 16, levels >> 8 & 255, levels & 255], axis=1).astype(np.uint8)
    if len(table) > 64 and grey:
        return None
    bits = next(bits for bits in (1, 2, 4, 8) if len(table) <= 1 << bits)
    data = _pack(numbers.reshape(picture.shape[:2]).astype(np.uint8), bits)
    space = f"[/Indexed /DeviceRGB {len(table) - 1} <{table.astype(np.uint8).tobytes().hex()}>]"
    return Coded(data, f"/ColorSpace {space} /BitsPerComponent {bits} /Filter /FlateDecode", is_lossy=False)


def _pack(numbers: NDArray[np.uint8], bits: int) -> bytes:
    import zlib

    each = 8 // bits
    padded = np.pad(numbers, ((0, 0), (0, -numbers.shape[1] % each)))
    packed = np.zeros((len(padded), padded.shape[1] // each), np.uint8)
    for place in range(each):
        packed |= padded[:, place::each] << (8 - bits * (place + 1))
    return zlib.compress(packed.tobytes(), 9)


def _encode_full(picture: Picture, *, grey: bool) -> Coded:
    """Return a picture in full depth, each row as what differs from the one above (PNG prediction, filter Up)."""
    import zlib

    samples = picture[..., 0] if grey else picture.reshape(picture.shape[0], -1)
    rows = np.full((samples.shape[0], samples.shape[1] + 1), 2, np.uint8)
    rows[0, 1:] = samples[0]
    rows[1:, 1:] = samples[1:] - samples[:-1]
    colours = 1 if grey else 3
    space = "/DeviceGray" if grey else "/DeviceRGB"
    parameters = f"<< /Predictor 15 /Colors {colours} /BitsPerComponent 8 /Columns {picture.shape[1]} >>"
    dictionary = f"/ColorSpace {space} /BitsPerComponent 8 /Filter /FlateDecode /DecodeParms {parameters}"
    return Coded(zlib.compress(rows.tobytes(), 6), dictionary, is_lossy=False)


def _encode_lossy(picture: Picture, *, grey: bool) -> Coded:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(picture[..., 0] if grey else picture).save(stream, "JPEG", quality=QUALITY, subsampling=0)
    space = "/DeviceGray" if grey else "/DeviceRGB"
    return Coded(stream.getvalue(), f"/ColorSpace {space} /BitsPerComponent 8 /Filter /DCTDecode", is_lossy=True)


def block_means(picture: Picture, side: int = 8) -> NDArray[np.float32]:
    """Return the mean of each block of pixels: by which pictures are compared that were coded with loss."""
    rows, columns = (length // side * side for length in picture.shape[:2])
    blocks = picture[:rows, :columns].reshape(rows // side, side, columns // side, side, 3)
    means: NDArray[np.float32] = blocks.mean(axis=(1, 3), dtype=np.float32)
    return means


def differs(one: Picture, other: Picture) -> Mask:
    """Return which pixels differ."""
    differing: Mask = one[..., 0] != other[..., 0]
    for channel in (1, 2):  # many times faster than any() over the last axis
        differing |= one[..., channel] != other[..., channel]
    return differing


def is_flat(picture: Picture, box: Box) -> bool:
    """Whether a part of a picture shows nothing."""
    part = picture[pixels_of(box, picture.shape)].reshape(-1, 3)
    return not len(part) or int(np.ptp(part, axis=0).max()) <= _BLANK


def steps_of(picture: Picture) -> Mask:
    """Return the pixels that differ from the one to the right or below."""
    steps = np.zeros(picture.shape[:2], np.bool_)
    steps[:, :-1] |= differs(picture[:, :-1], picture[:, 1:])
    steps[:-1] |= differs(picture[:-1], picture[1:])
    return steps


def paint_quad(picture: Picture, quad: NDArray[np.float32]) -> Box:
    """Fill a region of four corners, clockwise, with the bar; return the box around it."""
    low, high = quad.min(axis=0), quad.max(axis=0)
    box = Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    rows, columns = pixels_of(box, picture.shape, PAD)
    down, across = np.mgrid[rows, columns].astype(np.float32)
    inside = np.ones(down.shape, np.bool_)
    for corner, following in zip(quad, np.roll(quad, -1, axis=0), strict=True):
        edge = following - corner
        away = edge[0] * (down - corner[1]) - edge[1] * (across - corner[0])
        inside &= away >= -PAD * float(np.hypot(*edge))
    picture[rows, columns][inside] = BAR
    return box


def paint(picture: Picture, boxes: Sequence[Box], pad: int = PAD) -> None:
    """Fill boxes with the bar that stands for what was removed."""
    for box in boxes:
        picture[pixels_of(box, picture.shape, pad)] = BAR
