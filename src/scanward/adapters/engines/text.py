"""Finds text: the detection models of PP-OCR (Apache-2.0) that the wheels of RapidOCR carry, and what makes them sure.

The models were trained on photographs and pages. On a scan they take whole images, head rests and bowel for text, so:

- A picture can be looked at between strips of text that the engine puts there itself. With text in view the model
  hardly takes anatomy for it any more; and where the strips are not found, the engine has failed its own test.
- What is too high to be a line is dropped.
- What is left has to read as text, to look like text from near, to be certain by its score (scripts that nobody here
  reads), or to stand in line with what does; and lines are followed to both sides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from scanward.adapters.engines.lines import follow_lines
from scanward.adapters.engines.model_files import ModelFile, Run, load_model
from scanward.adapters.engines.reading import PP_OCR_V4, PP_OCR_V6, TextReader
from scanward.errors import EngineError
from scanward.ports.engines import FoundText, Picture, Quad, ReadText

DETECTOR_V6: Final = ModelFile(
    name="PP-OCRv6 det small",
    package="rapidocr",
    path="models/PP-OCRv6_det_small.onnx",
    sha256="090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
)
DETECTOR_V4: Final = ModelFile(
    name="PP-OCRv4 det",
    package="rapidocr_onnxruntime",
    path="models/ch_PP-OCRv4_det_infer.onnx",
    sha256="d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
)

SHORT_SIDE: Final = 736
"""Smaller pictures are enlarged to it: letters of 8 pixels have to become some 16 for the models."""

MAX_ENLARGEMENT: Final = 2.3
"""Beyond it enlarging adds nothing that was not there, and the models see letters in noise."""

TILE: Final = 1472
"""Rows and columns that are looked at at once, which bounds memory to about 1 GB."""

OVERLAP: Final = 192
"""Rows and columns that neighbouring tiles share: more than the highest line."""

_STEP: Final = 32
"""The models take multiples of it."""

PIXEL_SCORE: Final = 0.2
BOX_SCORE: Final = 0.25
MARGIN: Final = 2.2
"""Lower than what PP-OCR comes with (0.3, 0.5, 1.6): what is doubtful is read before it counts."""

_SMALLEST: Final = 3.0
"""Shorter side of a region, in pixels as looked at, before the margin."""

HIGHEST_SHARE: Final = 0.3
HIGHEST: Final = 220.0
"""A line is at most so high, margin included: share of the picture's shorter side, and pixels."""

_MAX_REGIONS: Final = 4000

_STRIP_ROWS: Final = 56
_STRIP_GAP: Final = 16
_STRIP_SHARE: Final = 0.05
"""The strip counts as found where so much of it is taken for text."""

READS: Final = 0.7
"""Mean confidence from which three characters or more, not all the same, count as read."""

READS_TURNED: Final = 0.8
"""The same for a region that reads as text only when turned by 180 degrees."""

READS_TWO: Final = 0.9
"""The same for two characters; a single one is never enough: a strap reads as 1, the bowel as 0."""

HINTS: Final = 0.6
"""Mean confidence from which whatever is read counts where the region looks a little like text from near, too."""

LOOKS_NEAR: Final = 0.3
"""Mean score, seen from near, from which a region counts."""

LOOKS_NEAR_A_LITTLE: Final = 0.1
"""The same where something can be read in it."""

SURE: Final = 0.8
"""Score from which a region counts though nobody can read it: the models find text in scripts that they do not read."""

SURE_NEAR: Final = 0.7
SURE_NEAR_SEEDED: Final = 0.6
"""The same where the model that found it sees text from near as well; lower where it had text in view beside it."""

OWN_NEAR: Final = 0.35
"""Mean score, seen from near by the model that found it, that goes with these."""

NEAR_HEIGHT: Final = 40.0
"""Height that a region is brought to for a look from near."""

_BESIDE: Final = 1.6
"""What stands this many heights from text, in its line, and is about as high, is taken for text too."""

_OFF_LINE: Final = 0.6
"""How far its middle is off that of the line, in heights."""


class Detector:
    """One model that tells text from what is none, pixel by pixel."""

    def __init__(self, model: ModelFile) -> None:
        self._run: Run = load_model(model).run
        self.name = model.name

    def scores(self, picture: Picture) -> NDArray[np.float32]:
        """Return how much each pixel looks like text, 0 to 1; sides have to be multiples of 32."""
        values = (picture[:, :, ::-1].astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None]
        output = self._run(np.ascontiguousarray(values))
        if output.shape != (1, 1, *picture.shape[:2]):
            raise EngineError(f"{self.name}: expected a score for each pixel, got {output.shape}")
        scores: NDArray[np.float32] = output[0, 0]
        return scores


@dataclass(slots=True)
class _Region:
    """A region that may be text: its corners in pixels of the picture, its score, the length of its shorter side."""

    quad: Quad
    score: float
    height: float


class TextFinder:
    """A text engine of one model that finds, one that reads, and one that looks from near.

    Parameters
    ----------
    detector, reader
        Find and read.
    near
        Another model, which looks at what cannot be read; without it, only what can be read counts.

    Raises
    ------
    EngineError
        A model or what runs it is missing.
    """

    def __init__(self, detector: Detector, reader: TextReader, near: Detector | None = None) -> None:
        self._detector = detector
        self._reader = reader
        self._near = near
        self.name = f"{detector.name}, {reader.name}"

    def find(self, picture: Picture, *, enlarge: float = 1.0, seeded: bool = True) -> list[FoundText]:
        """Return all regions that look like text; see :class:`scanward.ports.engines.TextEngine`."""
        candidates = self._candidates(picture, enlarge=enlarge, seeded=seeded)
        found = self._sure(picture, candidates, least=SURE_NEAR_SEEDED if seeded else SURE_NEAR)
        return [FoundText(region.quad, region.score) for region in found]

    def follow(self, picture: Picture, quads: Sequence[Quad], covered: NDArray[np.bool_]) -> list[Quad]:
        """Return what of their lines was not found; see :class:`scanward.ports.engines.TextEngine`."""
        return follow_lines(self._detector.scores, picture, quads, covered)

    def read(self, picture: Picture, quads: Sequence[Quad]) -> list[ReadText]:
        """Return what regions read as, in their order."""
        return self._reader.read(picture, quads)

    # What may be text

    def _candidates(self, picture: Picture, *, enlarge: float, seeded: bool) -> list[_Region]:
        rows, columns = picture.shape[:2]
        scale = enlarge * min(max(1.0, SHORT_SIDE / min(rows, columns)), MAX_ENLARGEMENT)
        large = _resize(picture, scale)
        regions: list[_Region] = []
        for top, left, tile in _tiles(large):
            # Where the tile lies in the picture, and how much larger it is there.
            at = np.array([left, top], np.float32)
            size = np.array([columns / large.shape[1], rows / large.shape[0]], np.float32)
            scores = self._seeded(tile) if seeded else self._detector.scores(tile)
            for quad, score in find_regions(scores):
                corners = (quad + at) * size
                regions.append(_Region(corners, score, _shorter_side(corners)))
        highest = min(max(HIGHEST_SHARE * min(rows, columns), 24.0), HIGHEST)
        return _distinct([region for region in regions if region.height <= highest])

    def _seeded(self, tile: Picture) -> NDArray[np.float32]:
        """Look at a tile between strips of text; return its own part.

        Raises
        ------
        EngineError
            The strips were not found.
        """
        strip = _strip(tile.shape[1])
        gap = np.zeros((_STRIP_GAP, tile.shape[1], 3), np.uint8)
        framed = np.concatenate([strip, gap, tile, gap, strip])
        # Both strips and gaps have 144 rows: the rest up to a multiple of 32 goes below.
        missing = -framed.shape[0] % _STEP
        framed = np.concatenate([framed, np.zeros((missing, tile.shape[1], 3), np.uint8)])
        scores = self._detector.scores(framed)
        first = _STRIP_ROWS + _STRIP_GAP
        above, below = scores[:_STRIP_ROWS], scores[first + len(tile) + _STRIP_GAP :][:_STRIP_ROWS]
        if min((part > PIXEL_SCORE).mean() for part in (above, below)) < _STRIP_SHARE:
            raise EngineError(
                f"{self.name}: expected to find the text that was put there as a test, did not",
                remedy="Look at the instance yourself.",
            )
        return scores[first : first + len(tile)]

    # What is text

    def _sure(self, picture: Picture, regions: list[_Region], *, least: float) -> list[_Region]:
        sure = [False] * len(regions)
        hinted = [False] * len(regions)
        for turns in (0, 2):
            open_ = [index for index, is_sure in enumerate(sure) if not is_sure]
            if not open_:
                break
            turned, quads = _turn(picture, [regions[index].quad for index in open_], turns)
            for index, reading in zip(open_, self._reader.read(turned, quads), strict=True):
                sure[index] = _reads_as_text(reading, is_turned=turns != 0)
                hinted[index] |= bool(reading.text.strip()) and reading.confidence >= HINTS
        for index, region in enumerate(regions):
            if not sure[index] and self._near is not None:
                enough = LOOKS_NEAR_A_LITTLE if hinted[index] else LOOKS_NEAR
                sure[index] = (
                    region.score >= SURE
                    or _look_near(self._near, picture, region) >= enough
                    or (region.score >= least and _look_near(self._detector, picture, region) >= OWN_NEAR)
                )
        _spread(regions, sure)
        return [region for region, is_sure in zip(regions, sure, strict=True) if is_sure]


def load_engines() -> tuple[TextFinder, TextFinder]:
    """Return the engine that finds text, and the one of the other make that looks at the result.

    Raises
    ------
    EngineError
        A model or what runs it is missing.
    """
    newer, older = Detector(DETECTOR_V6), Detector(DETECTOR_V4)
    # From near, the newer one takes every second stroke for a letter: it is no second opinion for the older one.
    return TextFinder(newer, TextReader(PP_OCR_V6), older), TextFinder(older, TextReader(PP_OCR_V4))


def find_regions(scores: NDArray[np.float32]) -> Iterator[tuple[Quad, float]]:
    """Yield regions of high score with a margin (differentiable binarization, Liao et al. 2020, section 3.5)."""
    binary = cv2.dilate((scores > PIXEL_SCORE).astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(binary, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    for contour in contours[:_MAX_REGIONS]:
        center, (width, height), angle = cv2.minAreaRect(contour)
        if min(width, height) < _SMALLEST:
            continue
        x, y, columns, rows = cv2.boundingRect(contour)
        mask = np.zeros((rows, columns), np.uint8)
        cv2.drawContours(mask, [contour - (x, y)], -1, 1, -1)
        score = float(scores[y : y + rows, x : x + columns][mask > 0].mean())
        if score < BOX_SCORE:
            continue
        margin = width * height * MARGIN / (width + height)
        corners = cv2.boxPoints((center, (width + margin, height + margin), angle))
        yield np.asarray(corners, np.float32), score


def _reads_as_text(reading: ReadText, *, is_turned: bool) -> bool:
    text = reading.text.replace(" ", "")
    if len(text) < 2 or len(set(text)) < 2:
        return False
    if len(text) == 2:
        return reading.confidence >= READS_TWO
    return reading.confidence >= (READS_TURNED if is_turned else READS)


def _look_near(detector: Detector, picture: Picture, region: _Region) -> float:
    """Return how much a region looks like text when brought to a height that the models know well."""
    rows, columns = picture.shape[:2]
    around = 1.2 * region.height
    left, top = np.floor(np.maximum(region.quad.min(axis=0) - around, 0)).astype(int)
    right, bottom = np.ceil(np.minimum(region.quad.max(axis=0) + around, (columns, rows))).astype(int)
    part = picture[top:bottom, left:right]
    if part.size == 0:
        return 0.0
    scale = min(NEAR_HEIGHT / region.height, TILE / max(part.shape[:2]))
    near = _resize(part, scale)
    scores = detector.scores(near)
    size = np.array([near.shape[1] / part.shape[1], near.shape[0] / part.shape[0]], np.float32)
    center = region.quad.mean(axis=0)
    inner = ((region.quad - center) * 0.7 + center - (left, top)) * size
    mask = np.zeros(scores.shape, np.uint8)
    cv2.fillPoly(mask, [np.rint(inner).astype(np.int32)], 1)
    return float(scores[mask > 0].mean()) if mask.any() else 0.0


def _spread(regions: Sequence[_Region], sure: list[bool]) -> None:
    """Take for text what stands in line with text, beside it, and is about as high: one letter of a word."""
    boxes = [(region.quad.min(axis=0), region.quad.max(axis=0)) for region in regions]
    waiting = [index for index, is_sure in enumerate(sure) if is_sure]
    while waiting:
        at = waiting.pop()
        low, high = boxes[at]
        normal, center = _normal(regions[at].quad), regions[at].quad.mean(axis=0)
        for index, region in enumerate(regions):
            if sure[index] or not 0.5 <= region.height / regions[at].height <= 2.0:
                continue
            apart = np.maximum(np.maximum(boxes[index][0] - high, low - boxes[index][1]), 0)
            off = abs(float((region.quad.mean(axis=0) - center) @ normal))
            higher = max(region.height, regions[at].height)
            if float(np.hypot(*apart)) <= _BESIDE * region.height and off <= _OFF_LINE * higher:
                sure[index] = True
                waiting.append(index)


def _normal(quad: Quad) -> NDArray[np.float32]:
    """Return the direction across a line, of length one."""
    along = max((quad[1] - quad[0], quad[2] - quad[1]), key=lambda edge: float(np.hypot(*edge)))
    return np.array([-along[1], along[0]], np.float32) / max(float(np.hypot(*along)), 1e-6)


def _distinct(regions: list[_Region]) -> list[_Region]:
    """Drop regions that lie within another one that is hardly larger."""
    kept: list[_Region] = []
    boxes: list[NDArray[np.float32]] = []
    for region in sorted(regions, key=lambda one: -cv2.contourArea(one.quad)):
        box = np.concatenate([region.quad.min(axis=0), region.quad.max(axis=0)])
        area = float(np.prod(box[2:] - box[:2]))
        for other in boxes:
            overlap = np.maximum(np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2]), 0)
            # It adds nothing, and the larger one is not so much larger that it could be a mistake.
            if np.prod(overlap) >= 0.95 * area and area >= 0.5 * np.prod(other[2:] - other[:2]):
                break
        else:
            kept.append(region)
            boxes.append(box)
    return kept


def _turn(picture: Picture, quads: Sequence[Quad], turns: int) -> tuple[Picture, list[Quad]]:
    """Turn picture and regions by 180 degrees where `turns` is 2."""
    if not turns:
        return picture, list(quads)
    corner = np.array([picture.shape[1], picture.shape[0]], np.float32)
    return np.ascontiguousarray(picture[::-1, ::-1]), [corner - quad for quad in quads]


def _resize(picture: Picture, scale: float) -> Picture:
    """Scale a picture to sides that are multiples of 32."""
    rows, columns = (max(_STEP, round(side * scale / _STEP) * _STEP) for side in picture.shape[:2])
    how = cv2.INTER_LINEAR if scale >= 1 else cv2.INTER_AREA
    return np.asarray(cv2.resize(picture, (columns, rows), interpolation=how), np.uint8)


def _tiles(picture: Picture) -> Iterator[tuple[int, int, Picture]]:
    """Yield row, column and tiles that overlap; their sides are multiples of 32, as the picture's are."""
    for top in _starts(picture.shape[0]):
        for left in _starts(picture.shape[1]):
            yield top, left, picture[top : top + TILE, left : left + TILE]


def _starts(length: int) -> list[int]:
    if length <= TILE:
        return [0]
    count = -(-(length - OVERLAP) // (TILE - OVERLAP))
    last = length - TILE
    return [round(last * number / (count - 1) / _STEP) * _STEP for number in range(count)]


def _strip(columns: int) -> Picture:
    """Draw two lines of text, as wide as the picture."""
    strip = np.zeros((_STRIP_ROWS, columns, 3), np.uint8)
    upper = "REFERENCE TEXT 12345  Calibration line 67890   " * (1 + columns // 300)
    lower = "abc 0123 XYZ  " * (1 + columns // 80)
    cv2.putText(strip, upper, (8, 21), cv2.FONT_HERSHEY_DUPLEX, 0.6, (255, 255, 255), 1, cv2.LINE_AA)
    cv2.putText(strip, lower, (8, 46), cv2.FONT_HERSHEY_DUPLEX, 0.5, (200, 200, 200), 1, cv2.LINE_AA)
    return strip


def _shorter_side(quad: Quad) -> float:
    return float(min(np.linalg.norm(quad[1] - quad[0]), np.linalg.norm(quad[2] - quad[1])))
