"""Reads regions of text: the recognition models of PP-OCR (Apache-2.0) that the wheels of RapidOCR carry.

What a region reads as decides nothing but which words of a closed list may stay, so that a misread word goes.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from scanward.adapters.engines.model_files import REMEDY, ModelFile, load_model
from scanward.errors import EngineError
from scanward.ports.engines import Picture, Quad, ReadText

PP_OCR_V6: Final = ModelFile(
    name="PP-OCRv6 rec small",
    package="rapidocr",
    path="models/PP-OCRv6_rec_small.onnx",
    sha256="6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
)
PP_OCR_V4: Final = ModelFile(
    name="PP-OCRv4 rec",
    package="rapidocr_onnxruntime",
    path="models/ch_PP-OCRv4_rec_infer.onnx",
    sha256="48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b",
)

HEIGHT: Final = 48
"""Rows of a line of text, as the models were trained."""

MAX_WIDTH: Final = 1536
"""Columns that a line has at most: a longer one is no word of a list, and is read squeezed."""

_WIDTH_STEP: Final = 96
"""Lines are padded to multiples of it: each new width costs time to make ready for."""

_BATCH_COLUMNS: Final = 2304
"""Columns of all lines that are read at once."""

_TALL: Final = 1.5
"""A region so many times as high as wide may be a line that runs up or down, or one narrow letter."""

_READABLE: Final = 0.9
"""Read upright with this confidence, a tall region is not turned."""

_SMALLEST: Final = 2.0
"""Edges shorter than this, in pixels, hold nothing to read."""

_FEW: Final = 24
"""A crop with less between its darkest and brightest value is stretched to be read."""

_BLANK: Final = 0

Line = NDArray[np.uint8]


class TextReader:
    """One model that reads; loaded once for each process.

    Parameters
    ----------
    model
        `PP_OCR_V6` or `PP_OCR_V4`: of different makes, so that both seldom misread the same.

    Raises
    ------
    EngineError
        The model or what runs it is missing.
    """

    def __init__(self, model: ModelFile = PP_OCR_V6) -> None:
        loaded = load_model(model)
        characters = loaded.notes.get("character", "").split("\n")
        if len(characters) < 2:
            raise EngineError(f"{model.name}: expected a list of characters in it, found none", remedy=REMEDY)
        self._run = loaded.run
        # The first is the blank between two characters; the model knows the space, its list does not name it.
        self._characters = ["", *characters, " "]
        self.name = model.name

    def read(self, picture: Picture, quads: Sequence[Quad]) -> list[ReadText]:
        """Return what regions read as, in their order; empty text where nothing can be read."""
        crops = [crop_line(picture, quad) for quad in quads]
        results = self._read_lines(crops)
        tall = [
            index
            for index, crop in enumerate(crops)
            if crop.shape[0] > _TALL * crop.shape[1] and results[index].confidence < _READABLE
        ]
        turned = [np.rot90(crops[index], turns) for index in tall for turns in (1, 3)]
        for position, reading in enumerate(self._read_lines(turned)):
            index = tall[position // 2]
            # Of one letter that lies on its side, upright and turned are both readings of one letter.
            if len(reading.text) > 1 and reading.confidence > results[index].confidence:
                results[index] = reading
        return results

    def _read_lines(self, lines: Sequence[Line]) -> list[ReadText]:
        results = [ReadText("", 0.0)] * len(lines)
        readable = [(index, _normalised(line)) for index, line in enumerate(lines) if line.size]
        for batch in _batches(readable):
            width = max(line.shape[2] for _, line in batch)
            values = np.zeros((len(batch), 3, HEIGHT, width), np.float32)
            for position, (_, line) in enumerate(batch):
                values[position, :, :, : line.shape[2]] = line
            output = self._run(values)
            if output.ndim != 3 or output.shape[0] != len(batch) or output.shape[2] != len(self._characters):
                raise EngineError(f"{self.name}: expected {len(self._characters)} scores a step, got {output.shape}")
            for (index, _), steps in zip(batch, output, strict=True):
                results[index] = self._decode(steps)
        return results

    def _decode(self, steps: NDArray[np.float32]) -> ReadText:
        """Take the best character of each step; repeats are one, blanks none (Graves 2006, CTC)."""
        best = steps.argmax(axis=1)
        new = np.ones(len(best), bool)
        new[1:] = best[1:] != best[:-1]
        kept = new & (best != _BLANK)
        if not kept.any():
            return ReadText("", 0.0)
        text = "".join(self._characters[index] for index in best[kept])
        return ReadText(text, float(steps[kept, best[kept]].mean()))


def crop_line(picture: Picture, quad: Quad) -> Line:
    """Return a region upright: its first row is what stands highest in the picture; empty where it is no region."""
    corners = _in_order(np.asarray(quad, np.float32).reshape(4, 2))
    width = max(np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[2] - corners[3]))
    height = max(np.linalg.norm(corners[3] - corners[0]), np.linalg.norm(corners[2] - corners[1]))
    if not np.isfinite(corners).all() or min(width, height) < _SMALLEST:
        return np.zeros((0, 0, 3), np.uint8)
    size = (min(round(float(width)), picture.shape[1] * 2), min(round(float(height)), picture.shape[0] * 2))
    target = np.array([[0, 0], [size[0], 0], [size[0], size[1]], [0, size[1]]], np.float32)
    turn = cv2.getPerspectiveTransform(corners, target)
    line = cv2.warpPerspective(picture, turn, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(line, np.uint8)


def _in_order(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return corners clockwise on the screen from the upper left one, the top being the edge nearest to level."""
    if cv2.contourArea(corners, oriented=True) < 0:
        corners = corners[::-1]
    edges = np.roll(corners, -1, axis=0) - corners
    lengths = np.maximum(np.linalg.norm(edges, axis=1), 1e-6)
    return np.roll(corners, -int(np.argmax(edges[:, 0] / lengths)), axis=0)


def _normalised(line: Line) -> NDArray[np.float32]:
    """Return a line as the models take it: BGR planes from -1 to 1, `HEIGHT` rows."""
    low, high = int(line.min()), int(line.max())
    if high - low < _FEW and high > low:
        line = np.asarray((line.astype(np.float32) - low) * (255 / (high - low)), np.uint8)
    width = min(max(round(line.shape[1] * HEIGHT / line.shape[0]), 8), MAX_WIDTH)
    shrinks = line.shape[0] > HEIGHT
    resized = cv2.resize(line, (width, HEIGHT), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    values = np.zeros((3, HEIGHT, -(-width // _WIDTH_STEP) * _WIDTH_STEP), np.float32)
    values[:, :, :width] = resized[:, :, ::-1].transpose(2, 0, 1).astype(np.float32) / 127.5 - 1
    return values


def _batches(
    lines: list[tuple[int, NDArray[np.float32]]],
) -> Iterator[list[tuple[int, NDArray[np.float32]]]]:
    """Yield lines of about the same width together."""
    batch: list[tuple[int, NDArray[np.float32]]] = []
    for line in sorted(lines, key=lambda item: item[1].shape[2]):
        width = line[1].shape[2]
        if batch and (batch[0][1].shape[2] != width or (len(batch) + 1) * width > _BATCH_COLUMNS):
            yield batch
            batch = []
        batch.append(line)
    if batch:
        yield batch
