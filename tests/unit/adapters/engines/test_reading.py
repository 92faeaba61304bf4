"""Reading words drawn by the test itself, in any direction; and what happens where a model is not the one measured."""

from dataclasses import replace
from importlib.machinery import ModuleSpec

import cv2
import numpy as np
import pytest

from scanward.adapters.engines import model_files
from scanward.adapters.engines.model_files import read_model_file
from scanward.adapters.engines.reading import PP_OCR_V4, PP_OCR_V6, TextReader, crop_line
from scanward.errors import EngineError


@pytest.fixture(scope="module", params=[PP_OCR_V6, PP_OCR_V4], ids=lambda model: model.name)
def reader(request):
    return TextReader(request.param)


def draw(words, *, turn=0.0, height=1.0):
    """Draw words one below the other and turn the picture; return it and the corners of each."""
    picture = np.full((120 * len(words), 900, 3), 20, np.uint8)
    quads = []
    for row, word in enumerate(words):
        (width, up), down = cv2.getTextSize(word, cv2.FONT_HERSHEY_SIMPLEX, height, 2)
        x, y = 300, 120 * row + 70
        cv2.putText(picture, word, (x, y), cv2.FONT_HERSHEY_SIMPLEX, height, (235, 235, 235), 2, cv2.LINE_AA)
        box = [[x - 4, y - up - 4], [x + width + 4, y - up - 4], [x + width + 4, y + down], [x - 4, y + down]]
        quads.append(np.array(box, np.float32))
    if not turn:
        return picture, quads
    size = 1000
    whole = np.full((size, size, 3), 20, np.uint8)
    whole[: picture.shape[0], : picture.shape[1]] = picture
    matrix = cv2.getRotationMatrix2D((size / 2, size / 2), turn, 1.0)
    turned = cv2.warpAffine(whole, matrix, (size, size), flags=cv2.INTER_CUBIC, borderValue=(20, 20, 20))
    return turned, [cv2.transform(quad[None], matrix)[0].astype(np.float32) for quad in quads]


WORDS = ["RMLO", "Dist 1.43 cm", "BPD 48 mm", "36Hz", "Okafor, Maria"]


@pytest.mark.parametrize("turn", [0, 8, -20, 90, -90])
def test_words_are_read_in_any_direction(reader, turn):
    picture, quads = draw(WORDS, turn=turn)

    readings = reader.read(picture, quads)

    assert [reading.text.replace(" ", "") for reading in readings] == [word.replace(" ", "") for word in WORDS]
    assert all(reading.confidence > 0.8 for reading in readings)


@pytest.mark.parametrize("start", range(4))
@pytest.mark.parametrize("clockwise", [True, False])
def test_it_does_not_matter_which_corner_comes_first(reader, start, clockwise):
    picture, quads = draw(["Dist 1.43 cm"])
    quad = np.roll(quads[0] if clockwise else quads[0][::-1], start, axis=0)

    assert reader.read(picture, [quad])[0].text.replace(" ", "") == "Dist1.43cm"


@pytest.mark.parametrize("letter", ["L", "R"])
def test_one_narrow_letter_is_read_upright(reader, letter):
    picture, quads = draw([letter], height=1.5)

    assert reader.read(picture, quads)[0].text == letter


def test_faint_text_is_read(reader):
    picture, quads = draw(["BPD 48 mm"])
    faint = np.asarray(picture.astype(np.float32) / 255 * 18 + 100, np.uint8)

    assert reader.read(faint, quads)[0].text.replace(" ", "") == "BPD48mm"


def test_what_is_no_region_reads_as_nothing(reader):
    picture = np.zeros((40, 60, 3), np.uint8)
    point = np.zeros((4, 2), np.float32)
    nowhere = np.full((4, 2), np.nan, np.float32)
    outside = np.array([[500, 500], [900, 500], [900, 540], [500, 540]], np.float32)

    readings = reader.read(picture, [point, nowhere, outside])

    assert [reading.text for reading in readings] == ["", "", ""]
    assert reader.read(picture, []) == []


def test_a_region_far_larger_than_the_picture_takes_no_more_memory_than_the_picture():
    huge = np.array([[-9e6, -9e6], [9e6, -9e6], [9e6, 9e6], [-9e6, 9e6]], np.float32)

    assert crop_line(np.zeros((50, 80, 3), np.uint8), huge).size <= 2 * 50 * 2 * 80 * 3


def test_another_model_in_the_package_is_refused():
    with pytest.raises(EngineError, match="expected the model that was measured") as caught:
        TextReader(replace(PP_OCR_V6, sha256="0" * 64))
    assert "scanward[pixels]" in caught.value.remedy


@pytest.mark.parametrize("spec", [None, ModuleSpec("rapidocr", None)])
def test_a_missing_package_is_named_with_what_to_install(monkeypatch, spec):
    monkeypatch.setattr(model_files.util, "find_spec", lambda _: spec)

    with pytest.raises(EngineError, match="rapidocr") as caught:
        read_model_file(PP_OCR_V6)
    assert "scanward[pixels]" in caught.value.remedy
